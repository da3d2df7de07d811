"""A small HTTP double of AWS, alone or in front of another one.

It answers what its script says and passes everything else on. A script is a list of rules:
  {"service": "ec2", "operation": "DescribeVpcs", "account": "1111...", "region": "eu-west-1", "path": "/name/", "nth": 2, "then": {...}}
Every given field must match, `path` as a part of the request's; `nth` counts the matching calls from 1. `then` is one of
  {"status": 403, "type": "application/json", "headers": {}, "body": "..."}, {"json": {...}}, {"stall": seconds}, {"close": true},
  {"kms": true}: GetPublicKey and Sign with a P-256 key of the double's own, or {"kms": "other"} with a public half that does not fit,
  {"pages": {"key": "logGroups", "count": 100, "items": [...]}}: so many pages, by the `nextToken` of the request.
"""
import base64, collections, http.client, json, re, sys, threading, time, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REST = {
    ("lambda", "GET", r"^/2015-03-31/functions/?(\?|$)"): "ListFunctions",
    ("lambda", "GET", r"^/2017-03-31/tags/"): "ListTags",
    ("lambda", "GET", r"^/2015-03-31/event-source-mappings/?(\?|$)"): "ListEventSourceMappings",
    ("inspector2", "POST", r"^/status/batch/get"): "BatchGetAccountStatus",
    ("lambda", "GET", r"^/2021-10-31/functions/[^/]+/urls"): "ListFunctionUrlConfigs",
    ("lambda", "GET", r"^/2015-03-31/functions/[^/]+/policy"): "GetPolicy",
    ("bedrock", "GET", r"^/enforcedGuardrailsConfiguration"): "ListEnforcedGuardrailsConfiguration",
    ("bedrock", "GET", r"^/data-retention"): "GetAccountDataRetention",
    ("bedrock", "GET", r"^/guardrails/?(\?|$)"): "ListGuardrails",
    ("bedrock", "GET", r"^/guardrails/[^/?]+"): "GetGuardrail",
    ("bedrock", "GET", r"^/prompts/?(\?|$)"): "ListPrompts",
    ("bedrock", "GET", r"^/prompts/[^/?]+"): "GetPrompt",
    ("bedrock", "GET", r"^/resource-policy/"): "GetResourcePolicy",
    ("bedrock", "POST", r"^/agents/[^/]+/agentversions/[^/]+/actiongroups/?(\?|$)"): "ListAgentActionGroups",
    ("bedrock", "GET", r"^/agents/[^/]+/agentversions/[^/]+/actiongroups/[^/]+"): "GetAgentActionGroup",
    ("bedrock", "POST", r"^/knowledgebases/[^/]+/datasources/[^/]+/ingestionjobs/?(\?|$)"): "ListIngestionJobs",
    ("bedrock-agentcore", "GET", r"^/resourcepolicy/"): "GetResourcePolicy",
    ("bedrock", "GET", r"^/agents/[^/]+/agentversions/[^/]+"): "GetAgentVersion",
    ("bedrock-agentcore", "POST", r"^/browsers/?(\?|$)"): "ListBrowsers",
    ("bedrock-agentcore", "GET", r"^/browsers/[^/]+"): "GetBrowser",
    ("bedrock-agentcore", "POST", r"^/code-interpreters/?(\?|$)"): "ListCodeInterpreters",
    ("bedrock-agentcore", "GET", r"^/code-interpreters/[^/]+"): "GetCodeInterpreter",
    ("bedrock-agentcore", "GET", r"^/gateways/[^/]+/?(\?|$)"): "GetGateway",
    ("bedrock-agentcore", "POST", r"^/gateways/[^/]+/targets/?(\?|$)"): "ListGatewayTargets",
    ("s3", "GET", r"^/v20180820/configuration/publicAccessBlock"): "GetAccountPublicAccessBlock",
    ("s3", "GET", r"^/v20180820/accesspoint/?(\?|$)"): "ListAccessPoints",
    ("s3", "GET", r"\?(.*&)?policy"): "GetBucketPolicy",
    ("s3", "GET", r"\?(.*&)?publicAccessBlock"): "GetPublicAccessBlock",
    ("s3", "GET", r"\?(.*&)?acl"): "GetBucketAcl",
    ("s3", "GET", r"\?(.*&)?ownershipControls"): "GetBucketOwnershipControls",
    ("s3", "GET", r"\?(.*&)?replication"): "GetBucketReplication",
    ("bedrock", "GET", r"^/inference-profiles/?(\?|$)"): "ListInferenceProfiles",
    ("bedrock", "GET", r"^/logging/modelinvocations"): "GetModelInvocationLoggingConfiguration",
    ("bedrock", "POST", r"^/agents/[^/]+/agentaliases/?(\?|$)"): "ListAgentAliases",
    ("bedrock", "POST", r"^/agents/?(\?|$)"): "ListAgents",
    ("bedrock", "GET", r"^/agents/[^/]+/?$"): "GetAgent",
    ("bedrock", "POST", r"^/knowledgebases/[^/]+/datasources/?(\?|$)"): "ListDataSources",
    ("bedrock", "GET", r"^/knowledgebases/[^/]+/datasources/[^/]+"): "GetDataSource",
    ("bedrock", "POST", r"^/knowledgebases/?(\?|$)"): "ListKnowledgeBases",
    ("bedrock", "GET", r"^/knowledgebases/[^/]+/?$"): "GetKnowledgeBase",
    ("bedrock", "GET", r"^/flows/?(\?|$)"): "ListFlows",
    ("bedrock", "GET", r"^/tags/"): "ListTagsForResource",
    ("bedrock-agentcore", "POST", r"^/runtimes/?(\?|$)"): "ListAgentRuntimes",
    ("bedrock-agentcore", "GET", r"^/gateways/?(\?|$)"): "ListGateways",
    ("bedrock-agentcore", "POST", r"^/memories/?(\?|$)"): "ListMemories",
    ("eks", "GET", r"^/clusters/?(\?|$)"): "ListClusters",
    ("eks", "GET", r"^/clusters/[^/]+/?$"): "DescribeCluster",
    ("eks", "GET", r"^/clusters/[^/]+/node-groups/?(\?|$)"): "ListNodegroups",
    ("eks", "GET", r"^/clusters/[^/]+/node-groups/[^/]+"): "DescribeNodegroup",
    ("eks", "GET", r"^/clusters/[^/]+/fargate-profiles/?(\?|$)"): "ListFargateProfiles",
    ("eks", "GET", r"^/clusters/[^/]+/fargate-profiles/[^/]+"): "DescribeFargateProfile",
    ("apigateway", "GET", r"^/restapis"): "GET",
    ("scheduler", "GET", r"^/schedules/?(\?|$)"): "ListSchedules",
    ("scheduler", "GET", r"^/schedules/[^/]+"): "GetSchedule",
    ("es", "GET", r"^/2021-01-01/domain/?(\?|$)"): "ListDomainNames",
    ("es", "GET", r"^/2021-01-01/opensearch/domain/[^/]+"): "DescribeDomain",
    ("eks", "GET", r"^/clusters/[^/]+/addons/?(\?|$)"): "ListAddons",
    ("eks", "GET", r"^/clusters/[^/]+/addons/[^/]+"): "DescribeAddon",
    ("eks", "GET", r"^/clusters/[^/]+/pod-identity-associations/?(\?|$)"): "ListPodIdentityAssociations",
    ("eks", "GET", r"^/clusters/[^/]+/pod-identity-associations/[^/]+"): "DescribePodIdentityAssociation",
    ("neptune-graph", "GET", r"^/graphs/?(\?|$)"): "ListGraphs",
    ("s3", "GET", r"^/(\?.*)?$"): "ListBuckets",
    ("s3", "GET", r"\?(.*&)?encryption"): "GetBucketEncryption",
    ("s3", "GET", r"\?(.*&)?lifecycle"): "GetBucketLifecycleConfiguration",
    ("s3", "GET", r"\?(.*&)?versioning"): "GetBucketVersioning",
    ("s3", "GET", r"\?(.*&)?tagging"): "GetBucketTagging",
    ("account", "POST", r"^/listRegions"): "ListRegions",
    ("securityhub", "POST", r"^/findings/import"): "BatchImportFindings",
    ("route53", "GET", r"^/2013-04-01/hostedzonesbyvpc"): "ListHostedZonesByVPC",
    ("route53", "GET", r"^/2013-04-01/hostedzone/[^/]+/rrset"): "ListResourceRecordSets",
    ("route53", "GET", r"^/2013-04-01/hostedzone/?(\?|$)"): "ListHostedZones",
    ("route53profiles", "GET", r"^/profileassociations/?(\?|$)"): "ListProfileAssociations",
    ("route53profiles", "GET", r"^/profileresourceassociations/"): "ListProfileResourceAssociations",
}


class Double:
    def __init__(self, script, upstream=None, subnet_vpcs=None):
        self.script, self.upstream, self.subnet_vpcs = script, upstream, subnet_vpcs or {}
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.calls = []
        self.accounts = {}
        self.in_flight = self.most_in_flight = 0
        self.keys = None

    def name(self, handler, body):
        """(service, operation, account, region) of a request."""
        credential = re.search(r"Credential=([^/,]+)/\d+/([^/]+)/([^/]+)/", handler.headers.get("Authorization", ""))
        key, region, service = credential.groups() if credential else ("", "", "")
        target = handler.headers.get("X-Amz-Target")
        if target:
            operation = target.split(".")[-1]
        elif handler.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            operation = urllib.parse.parse_qs(body.decode()).get("Action", ["?"])[0]
        else:
            operation = next((name for (known, method, path), name in REST.items() if known == service and method == handler.command and re.search(path, handler.path)), handler.command + " " + handler.path)
        return service, operation, self.accounts.get(key, "123456789012"), region

    def rule(self, service, operation, account, region, path):
        answer = None
        for number, rule in enumerate(self.script):
            if all(rule.get(key) in (None, value) for key, value in (("service", service), ("operation", operation), ("account", account), ("region", region))) and rule.get("path", "") in path:
                self.counts[number] += 1
                if answer is None and rule.get("nth") in (None, self.counts[number]):
                    answer = rule["then"]
        return answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double = None

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        double = self.double
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/__double__":
            with double.lock:
                text = json.dumps({"calls": double.calls, "most_in_flight": double.most_in_flight})
            return self.answer(200, "application/json", text.encode())
        service, operation, account, region = double.name(self, body)
        with double.lock:
            double.calls.append([service, operation, account, region, self.command + " " + self.path])
            double.in_flight += 1
            double.most_in_flight = max(double.most_in_flight, double.in_flight)
            then = double.rule(service, operation, account, region, self.path)
        try:
            self.reply(service, operation, body, then)
        finally:
            with double.lock:
                double.in_flight -= 1

    def reply(self, service, operation, body, then):
        if then is not None:
            if "stall" in then:
                time.sleep(then["stall"])
            if then.get("close"):
                self.close_connection = True
                return self.connection.close()
            if "pages" in then:
                page = int(json.loads(body or b"{}").get("nextToken") or 1)
                answer = {then["pages"]["key"]: then["pages"]["items"]}
                if page < then["pages"]["count"]:
                    answer["nextToken"] = str(page + 1)
                then = {"json": answer}
            if "kms" in then:
                then = {"json": self.kms(operation, json.loads(body), then["kms"])}
            if "json" in then:
                return self.answer(200, "application/x-amz-json-1.1", json.dumps(then["json"]).encode())
            if "body" in then:
                return self.answer(then.get("status", 200), then.get("type", "application/json"), then["body"].encode(), then.get("headers", {}).items())
        if not self.double.upstream:
            return self.answer(501, "application/json", b'{"__type": "NotScripted", "message": "the script has no answer"}', [("x-amzn-errortype", "NotScripted")])
        self.pass_on(service, operation, body)

    def kms(self, operation, asked, kind):
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        with self.double.lock:
            keys = self.double.keys = self.double.keys or [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
        if operation == "GetPublicKey":
            public = keys[kind == "other"].public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            return {"KeyId": asked["KeyId"], "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "PublicKey": base64.b64encode(public).decode()}
        assert asked["MessageType"] == "DIGEST" and asked["SigningAlgorithm"] == "ECDSA_SHA_256", asked
        signature = keys[0].sign(base64.b64decode(asked["Message"]), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        return {"KeyId": asked["KeyId"], "Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": "ECDSA_SHA_256"}

    def pass_on(self, service, operation, body):
        upstream = http.client.HTTPConnection(*self.double.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "content-length")}
        upstream.request(self.command, self.path, body=body or None, headers={**headers, "Host": self.headers.get("Host", "")})
        found = upstream.getresponse()
        data = found.read()
        if service == "sts" and operation == "AssumeRole" and found.status == 200:
            key = re.search(rb"<AccessKeyId>([^<]+)<", data)
            account = re.search(rb"arn:aws:sts::(\d{12}):", data)
            if key and account:
                with self.double.lock:
                    self.double.accounts[key.group(1).decode()] = account.group(1).decode()
        if service == "lambda" and operation == "ListFunctions" and found.status == 200:
            # The upstream gives every function one and the same VPC.
            answer = json.loads(data)
            for function in answer.get("Functions", []):
                network = function.get("VpcConfig") or {}
                subnets = network.get("SubnetIds") or []
                network["VpcId"] = self.double.subnet_vpcs.get(subnets[0], "") if subnets else ""
            data = json.dumps(answer).encode()
        kept = [(name, value) for name, value in found.getheaders() if name.lower() not in ("content-length", "content-type", "connection", "transfer-encoding", "date", "server")]
        self.answer(found.status, found.getheader("Content-Type") or "application/octet-stream", data, kept)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any


def serve(script, upstream=None, subnet_vpcs=None):
    """Starts a double on a free port; gives (port, double)."""
    double = Double(script, upstream, subnet_vpcs)
    handler = type("Bound", (Handler,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.request_queue_size = 256
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port, double


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        port, _ = serve(json.load(file))
    print(json.dumps({"endpoint": f"http://127.0.0.1:{port}"}), flush=True)
    sys.stdin.read()
