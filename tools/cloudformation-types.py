"""Writes data/cloudformation-types.txt from a wheel of cfn-lint: pip download cfn-lint --no-deps && python3 tools/cloudformation-types.py cfn_lint-*.whl > data/cloudformation-types.txt"""

import json
import pathlib
import re
import sys
import zipfile

wheel = pathlib.Path(sys.argv[1])
archive = zipfile.ZipFile(wheel)
types, newest = set(), (0,)
for entry in archive.infolist():
    if "schemas/providers/" in entry.filename and entry.filename.endswith(".json"):
        types |= {name for name in json.loads(archive.read(entry)) if name.startswith("AWS::")}
        newest = max(newest, entry.date_time)
version = re.match(r"cfn_lint-([0-9.]+)-", wheel.name).group(1)
services = {}
for name in sorted(types):
    _, service, rest = name.split("::", 2)
    services.setdefault(service, []).append(rest)
print(f"# The resource types of CloudFormation (SAM's among them), from the provider schemas of cfn-lint {version} (MIT-0) of {newest[0]}-{newest[1]:02}-{newest[2]:02}, all Regions.")
print("# Made by tools/cloudformation-types.py.")
for service, names in services.items():
    print(service, " ".join(names))
