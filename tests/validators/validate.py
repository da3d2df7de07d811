"""Holds reports against independent validators: `validate.py FOLDER`, whose files are named after their format.

Prints what is wrong, a line each, and exits with 1 where something is.
"""

import collections
import csv
import hashlib
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


def ocsf(path):
    """The schema that OCSF generates for the class, with the profiles that the events name."""
    import jsonschema
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    schemas = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        event = json.loads(line)
        uid = event["class_uid"]
        if uid not in schemas:
            made = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.6.0"))
            schema = made.get_class_schema(made.lookup_class_name_from_uid(uid), profiles=event["metadata"]["profiles"])
            schemas[uid] = jsonschema.Draft202012Validator(schema)
        for error in schemas[uid].iter_errors(event):
            yield f"line {number}: {error.json_path}: {error.message[:200]}"
        if event["time"] < 10**12:
            yield f"line {number}: the time is not in milliseconds"


def asff(path):
    """The input shape of BatchImportFindings, as the AWS SDK checks it, and the service's limits."""
    import botocore.session
    from botocore.validate import ParamValidator

    shape = botocore.session.get_session().get_service_model("securityhub").operation_model("BatchImportFindings").input_shape
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        batch = json.loads(line)
        report = ParamValidator().validate(batch, shape)
        if report.has_errors():
            yield f"line {number}: {report.generate_report()[:300]}"
        if len(batch["Findings"]) > 100:
            yield f"line {number}: more than a hundred findings"
        if len({(one["AwsAccountId"], one["Region"]) for one in batch["Findings"]}) != 1:
            yield f"line {number}: findings of several accounts or Regions"
        for one in batch["Findings"]:
            if len(json.dumps(one)) > 240_000 or len(one["Title"]) > 256 or len(one["Description"]) > 1024:
                yield f"line {number}: {one['Id']} is too large"


def oscal(path):
    """The model of compliance-trestle."""
    from trestle.oscal.assessment_results import Model

    try:
        Model.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        yield str(error)[:600]


def xlsx(path):
    """Read back: four sheets, frozen heads, no formula."""
    import openpyxl

    book = openpyxl.load_workbook(path)
    if book.sheetnames != ["Results", "Coverage", "Rules", "Waivers", "Controls", "Attestations"]:
        yield f"the sheets are {book.sheetnames}"
    for sheet in book:
        if sheet.freeze_panes != "A2" or not sheet.auto_filter.ref:
            yield f"{sheet.title}: the head is not frozen or there is no filter"
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    yield f"{sheet.title} {cell.coordinate} is a formula"
    beside = path.with_suffix(".csv")
    if beside.is_file():
        with beside.open(encoding="utf-8", newline="") as lines:
            listed = collections.Counter((row["rule"], row["verdict"]) for row in csv.DictReader(lines))
        rows = list(book["Results"].iter_rows(values_only=True))
        rule, verdict = rows[0].index("rule"), rows[0].index("verdict")
        found = collections.Counter((row[rule], row[verdict]) for row in rows[1:])
        if found != listed:
            yield f"other results than the CSV file: {(found - listed) + (listed - found)}"


ELEMENTS = set(
    "html head meta title style body a header p h1 h2 h3 div strong br b nav ul li main figure details summary span code table thead tbody tr th td pre footer "
    "svg defs marker path g rect circle text".split()
)


def html(path):
    """A real parser: well-formed, no element and no attribute outside the template's own."""
    import html5lib

    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    page = parser.parse(path.read_text(encoding="utf-8"))
    for position, code, data in parser.errors:
        yield f"line {position[0]}: {code} {data}"
    for element in page.iter():
        if not isinstance(element.tag, str):
            continue
        tag = element.tag.rsplit("}", 1)[-1]
        if tag not in ELEMENTS:
            yield f"the element {tag}"
        for name, value in element.attrib.items():
            plain = str(name).lower()
            if plain.startswith("on") or plain in ("src", "srcdoc", "style") or plain == "href" and not value.startswith("#"):
                yield f"the attribute {name} of {tag}"


def attestation(path):
    """The envelope, by the library of the people who wrote DSSE; and what in-toto asks of a statement."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    raw = json.loads(path.read_text(encoding="utf-8"))
    public = load_pem_public_key((path.parent / "public-key.pem").read_bytes())
    key = SSlibKey.from_crypto(public, keyid=raw["signatures"][0]["keyid"])
    envelope = Envelope.from_dict(raw)
    try:
        envelope.verify([key], 1)
    except VerificationError as error:
        yield str(error)
    statement = json.loads(envelope.payload)
    if statement["_type"] != "https://in-toto.io/Statement/v1" or not statement["predicateType"] or not statement["subject"]:
        yield "it is no in-toto Statement v1"
    for subject in statement["subject"]:
        if hashlib.sha256((path.parent / subject["name"]).read_bytes()).hexdigest() != subject["digest"]["sha256"]:
            yield f"{subject['name']} has another digest"


VALIDATORS = {"attestation": attestation, "html": html, "sarif": sarif, "junit": junit, "gitlab": gitlab, "ocsf": ocsf, "asff": asff, "oscal": oscal, "xlsx": xlsx}


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
