"""Writes what a program is built of as CycloneDX 1.6, from `cargo metadata`: crates, versions, licences, digests.

    python3 deploy/release/sbom.py TARGET > outcrop.cdx.json

Nothing but the lock file decides what it says; the same sources give the same bytes.
"""

import json
import pathlib
import subprocess
import sys
import tomllib


def main(target: str) -> None:
    root = pathlib.Path(__file__).resolve().parents[2]
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target],
        cwd=root, check=True, stdout=subprocess.PIPE).stdout)
    lock = tomllib.loads((root / "Cargo.lock").read_text())
    digests = {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}
    packages = {one["id"]: one for one in metadata["packages"]}
    nodes = {one["id"]: one for one in metadata["resolve"]["nodes"]}

    def built(node: dict) -> list[str]:
        """What the crate needs to be built and run; not what its tests need."""
        return sorted({dep["pkg"] for dep in node["deps"] if any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"])})

    top = metadata["resolve"]["root"]
    seen, todo = {top}, [top]
    while todo:
        for dep in built(nodes[todo.pop()]):
            if dep not in seen:
                seen.add(dep)
                todo.append(dep)

    def purl(one: dict) -> str:
        return f"pkg:cargo/{one['name']}@{one['version']}"

    def component(one: dict) -> dict:
        said = {"type": "library", "bom-ref": purl(one), "name": one["name"], "version": one["version"], "purl": purl(one)}
        if one.get("license"):
            said["licenses"] = [{"expression": one["license"].replace("/", " OR ")}]
        if digest := digests.get((one["name"], one["version"])):
            said["hashes"] = [{"alg": "SHA-256", "content": digest}]
        return said

    program = packages[top]
    crates = sorted((packages[one] for one in seen if one != top), key=lambda one: (one["name"], one["version"]))
    print(json.dumps({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": component(program) | {"type": "application"},
            "properties": [{"name": "cargo:target", "value": target}],
        },
        "components": [component(one) for one in crates],
        "dependencies": [
            {"ref": purl(packages[one]), "dependsOn": sorted(purl(packages[dep]) for dep in built(nodes[one]))}
            for one in sorted(seen, key=lambda one: (packages[one]["name"], packages[one]["version"]))
        ],
    }, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
