"""Holds reports against independent validators: `validate.py FOLDER`, whose files are named after their format.

Prints what is wrong, a line each, and exits with 1 where something is.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent


def sarif(path):
    """The OASIS schema, and what GitHub and GitLab ask for beyond it."""
    import jsonschema

    log = json.loads(path.read_text(encoding="utf-8"))
    schema = json.loads((HERE / "sarif-2.1.0.schema.json").read_text(encoding="utf-8"))
    for error in jsonschema.Draft7Validator(schema).iter_errors(log):
        yield f"{error.json_path}: {error.message[:200]}"
    for run in log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        ids = [rule["id"] for rule in rules]
        if len(ids) != len(set(ids)):
            yield "a rule stands twice"
        for rule in rules:
            for key in ("shortDescription", "fullDescription", "help"):
                if not rule.get(key, {}).get("text"):
                    yield f"{rule['id']} has no {key}"
            if not 0 <= float(rule["properties"]["security-severity"]) <= 10:
                yield f"{rule['id']}: security-severity is out of range"
        if len(run["results"]) > 25_000 or len(rules) > 25_000:
            yield "more results or rules than GitHub takes"
        placed = 0
        for result in run["results"]:
            if ids[result["ruleIndex"]] != result["ruleId"]:
                yield f"{result['ruleId']}: ruleIndex names another rule"
            if not result.get("partialFingerprints"):
                yield f"{result['ruleId']}: no partialFingerprints"
            if any("physicalLocation" in place for place in result.get("locations", [])):
                placed += 1
        if placed * 2 < len(run["results"]):
            yield "fewer than half of the results have a place, so GitLab refuses the report"


def junit(path):
    """Read back by a library that many pipelines use."""
    import junitparser

    suites = junitparser.JUnitXml.fromfile(str(path))
    cases = [case for suite in suites for case in suite]
    if not cases:
        yield "no test case"
    for suite in suites:
        found = [case for case in suite]
        counts = (
            ("tests", len(found)),
            ("failures", sum(any(isinstance(one, junitparser.Failure) for one in case.result) for case in found)),
            ("errors", sum(any(isinstance(one, junitparser.Error) for one in case.result) for case in found)),
            ("skipped", sum(any(isinstance(one, junitparser.Skipped) for one in case.result) for case in found)),
        )
        for name, count in counts:
            if getattr(suite, name) != count:
                yield f"{suite.name}: {name} says {getattr(suite, name)}, there are {count}"


def gitlab(path):
    """The fields that GitLab documents for code quality reports."""
    import jsonschema

    item = {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^./].*|^\\.[^/].*"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}},
                },
            },
        },
    }
    report = json.loads(path.read_text(encoding="utf-8"))
    for error in jsonschema.Draft202012Validator({"type": "array", "items": item}).iter_errors(report):
        yield f"{error.json_path}: {error.message[:200]}"
    prints = [one["fingerprint"] for one in report]
    if len(prints) != len(set(prints)):
        yield "a fingerprint stands twice, so GitLab drops one"


VALIDATORS = {"sarif": sarif, "junit": junit, "gitlab": gitlab}


def main():
    wrong = 0
    for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        validator = VALIDATORS.get(path.stem.split(".")[0])
        for fault in validator(path) if validator else ():
            print(f"{path.name}: {fault}")
            wrong += 1
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
