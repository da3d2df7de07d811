"""A TLS double of Bedrock's hosts: a certificate authority of its own, one certificate for every name, answers by path.

Prints one JSON line: port, the path of the authority's certificate, and a plain port for ways out. Ends when standard input does.
Usage: tls.py SCRIPT.json with {"folder": "...", "answers": {"/foundation-models": 200, "/agents/": 403, "/async-invoke": 0}}; 0 closes without an answer.
"""
import datetime, json, os, socket, ssl, sys, threading
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ANSWER = json.dumps({"output": {"message": {"role": "assistant", "content": [{"text": "H"}]}}, "stopReason": "max_tokens", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}})
NAMES = ["*.eu-west-1.amazonaws.com", "*.eu-west-1.api.aws"]


def certificate(subject, key, issuer, issuer_key, names=()):
    now = datetime.datetime.now(datetime.timezone.utc)
    name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1)).add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def answer(stream, script):
    try:
        data = b""
        while b"\r\n\r\n" not in data:
            more = stream.recv(65536)
            if not more:
                return
            data += more
        head = data.decode().split("\r\n")
        path = head[0].split(" ")[1].split("?")[0]
        headers = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in head[1:] if ":" in line}
        # Whoever closes on what it has not read resets the connection.
        rest = int(headers.get("content-length", 0)) - len(data.split(b"\r\n\r\n", 1)[1])
        while rest > 0 and (more := stream.recv(rest)):
            rest -= len(more)
        status = script.get(path, 404) if "AWS4-HMAC-SHA256" in headers.get("authorization", "") else 400
        if status:
            error = "x-amzn-errortype: AccessDeniedException\r\n" if status == 403 else ""
            body = ANSWER if path.endswith("/converse") and status == 200 else "{}"
            stream.sendall(f"HTTP/1.1 {status} X\r\n{error}x-amzn-requestid: req-{status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode())
    finally:
        stream.close()


def main():
    told = json.load(open(sys.argv[1]))
    folder, script = told["folder"], told["answers"]
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("double", root_key, "double", root_key)
    leaf = certificate("hosts", key, "double", root_key, NAMES)
    pem = serialization.Encoding.PEM
    paths = {name: os.path.join(folder, name) for name in ("ca.pem", "leaf.pem", "key.pem")}
    open(paths["ca.pem"], "wb").write(root.public_bytes(pem))
    open(paths["leaf.pem"], "wb").write(leaf.public_bytes(pem))
    open(paths["key.pem"], "wb").write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths["leaf.pem"], paths["key.pem"])
    secure, plain = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))

    def serve(server, wrap):
        while True:
            stream, _ = server.accept()
            try:
                if wrap:
                    stream = context.wrap_socket(stream, server_side=True)
                threading.Thread(target=answer, args=(stream, script), daemon=True).start()
            except (ssl.SSLError, OSError):
                stream.close()

    for server, wrap in ((secure, True), (plain, False)):
        threading.Thread(target=serve, args=(server, wrap), daemon=True).start()
    print(json.dumps({"port": secure.getsockname()[1], "plain": plain.getsockname()[1], "ca": paths["ca.pem"]}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
