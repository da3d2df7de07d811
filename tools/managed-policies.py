"""Writes data/managed-policies.tsv.gz: the managed policies of AWS, one a line: path and name, version, date of it, document.

Source: moto (https://github.com/getmoto/moto, Apache-2.0), which imports them from IAM itself: `pip download moto`, then

    python3 tools/managed-policies.py moto/iam/aws_managed_policies.py VERSION_OF_MOTO
"""

import gzip
import json
import sys


def main() -> None:
    source, version = sys.argv[1:3]
    with open(source, encoding="utf-8") as file:
        text = file.read()
    policies = json.loads(text[text.index('"""') + 3 : text.rindex('"""')])
    lines = []
    for name, policy in policies.items():
        path = policy.get("Path", "/").strip("/")
        document = json.dumps(policy["Document"], separators=(",", ":"), sort_keys=True)
        full = f"{path}/{name}" if path else name
        lines.append("\t".join([full, policy["DefaultVersionId"], policy["UpdateDate"][:10], document]))
    newest = max(line.split("\t")[2] for line in lines)
    head = [f"#source moto {version}", f"#date {newest}", "#licence Apache-2.0, Copyright Steve Pulec and the contributors to moto"]
    body = "\n".join(head + sorted(lines)) + "\n"
    with gzip.GzipFile("data/managed-policies.tsv.gz", "wb", 9, mtime=0) as file:
        file.write(body.encode())
    print(f"{len(lines)} policies, the newest of {newest}")


main()
