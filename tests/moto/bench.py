"""What a scan costs for each call, against the double alone.

Usage: bench.py PATH-TO-OUTCROP. Prints calls, processor time of the whole process a call, and the most calls in flight.
The double is slow on purpose (0.05 s an answer), so that calls pile up.
"""
import json, os, resource, subprocess, sys, tempfile, time, urllib.request
import double as http_double

IDENTITY = ("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/test</Arn>"
            "<UserId>u</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
REGIONS, PAGES = 80, 50


def main():
    group = {"logGroupName": "g", "arn": "arn:aws:logs:r:123456789012:log-group:g:*"}
    script = [
        {"service": "sts", "then": {"type": "text/xml", "body": IDENTITY}},
        {"service": "account", "then": {"json": {"Regions": [{"RegionName": f"xx-bench-{number}", "RegionOptStatus": "ENABLED"} for number in range(REGIONS)]}}},
        {"service": "logs", "then": {"stall": 0.05, "pages": {"key": "logGroups", "count": PAGES, "items": [dict(group, logGroupName=f"g{number}") for number in range(50)]}}},
        {"service": "bedrock", "then": {"stall": 0.05, "json": {}}},
        {"service": "kms", "then": {"stall": 0.05, "json": {"Keys": [], "Aliases": [], "Truncated": False}}},
    ]
    port, double = http_double.serve(script)
    environment = {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    with tempfile.TemporaryDirectory() as folder:
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        subprocess.run([os.path.abspath(sys.argv[1]), "scan", "--select", "inference-log-group-kept-forever", "--format", "json=out.json", "--quiet"], cwd=folder, env=environment, check=False)
        after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.time() - begin
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    calls = len(double.calls)
    print(f"{calls} calls in {took:.1f} s; {1000 * cpu / calls:.3f} ms of processor time a call, the SDK's own work, judging and writing included; {double.most_in_flight} calls in flight at most; peak {after.ru_maxrss // 1024} MB")


main()
