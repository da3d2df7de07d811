//! The steps of a probe over the network.

use super::converse::converse;
use crate::services::collect::now;
use crate::sources::probe::{
    Call, Family, Host, Plan, Report, SCHEMA, Step, address_kind, shows, verdict,
};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

/// The most of an answer that is read.
const MOST_BYTES: u64 = 256 * 1024;

/// A call of a family: what it is named, and how it is made.
struct Request {
    operation: &'static str,
    /// Name under which it is signed.
    service: &'static str,
    method: &'static str,
    path: String,
    body: String,
}

/// The call that costs no tokens; `None` where the family has none (data planes of agents).
fn free_call(family: &str) -> Option<Request> {
    let call = |operation, service, method, path: &str, body: &str| {
        Some(Request {
            operation,
            service,
            method,
            path: path.to_owned(),
            body: body.to_owned(),
        })
    };
    match family {
        "bedrock" => call(
            "bedrock:ListFoundationModels",
            "bedrock",
            "GET",
            "/foundation-models",
            "",
        ),
        "bedrock-runtime" => call(
            "bedrock:ListAsyncInvokes",
            "bedrock",
            "GET",
            "/async-invoke?maxResults=1",
            "",
        ),
        "bedrock-agent" => call(
            "bedrock:ListAgents",
            "bedrock",
            "POST",
            "/agents/",
            "{\"maxResults\":1}",
        ),
        "bedrock-mantle" => call(
            "bedrock-mantle:ListModels",
            "bedrock-mantle",
            "GET",
            "/v1/models",
            "",
        ),
        "bedrock-agentcore-control" => call(
            "bedrock-agentcore:ListAgentRuntimes",
            "bedrock-agentcore",
            "POST",
            "/runtimes/?maxResults=1",
            "",
        ),
        _ => None,
    }
}

/// Credentials of the environment, if there are any in time.
fn credentials(timeout: Duration) -> Option<Credentials> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let found = runtime.block_on(async {
        let config = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
            .load()
            .await;
        let provider = config.credentials_provider()?;
        tokio::time::timeout(timeout, provider.provide_credentials())
            .await
            .ok()?
            .ok()
    });
    runtime.shutdown_background();
    found
}

/// Runs the probe. Without credentials, or where it is not to sign, authority is not shown, and the rest is.
///
/// # Errors
/// When the certificates to trust cannot be read.
pub fn probe(plan: &Plan, sign: bool) -> Result<Report, String> {
    let config = trust(plan)?;
    let credentials = if sign {
        credentials(plan.timeout)
    } else {
        None
    };
    let credentials = credentials.as_ref();
    let mut own: BTreeSet<IpAddr> = BTreeSet::new();
    let egress: Vec<(String, Step)> = plan
        .egress
        .iter()
        .map(|target| (target.clone(), leave(plan, target, &mut own)))
        .collect();
    let open = egress.iter().any(|(_, step)| step.ok);
    let mut families: Vec<Family> = Vec::new();
    for (family, host) in plan.hosts() {
        let mut seen = one(plan, &config, &family, &host, credentials, &mut own);
        let (verdict, reason) = verdict(&seen, open);
        seen.verdict = verdict.to_owned();
        seen.reason = reason;
        families.push(seen);
    }
    let environment = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| std::env::var(name).ok())
            .unwrap_or_default()
    };
    Ok(Report {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        probed_at: now(),
        region: plan.region.clone(),
        host: Host {
            name: environment(&["HOSTNAME", "COMPUTERNAME"]),
            addresses: own.into_iter().collect(),
            environment: environment(&["AWS_EXECUTION_ENV"]),
            identity: environment(&[
                "AWS_LAMBDA_FUNCTION_NAME",
                "ECS_CONTAINER_METADATA_URI_V4",
                "KUBERNETES_SERVICE_HOST",
            ]),
            access_key_id: credentials.map_or_else(String::new, |credentials| {
                credentials.access_key_id().to_owned()
            }),
        },
        egress,
        families,
    })
}

fn trust(plan: &Plan) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match &plan.roots {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate
                    .map_err(|error| format!("the certificates to trust are no PEM: {error}"))?;
                roots
                    .add(certificate)
                    .map_err(|error| format!("a certificate to trust cannot be used: {error}"))?;
            }
        }
        None => {
            let _ = roots.add_parsable_certificates(
                webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned(),
            );
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(
        builder.with_root_certificates(roots).with_no_client_auth(),
    ))
}

/// Resolves a name, in bounded time: the system's resolver has a patience of its own.
fn resolve(plan: &Plan, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let given: Vec<SocketAddr> = plan
        .resolve
        .iter()
        .filter(|(name, _)| name == host)
        .map(|(_, address)| *address)
        .collect();
    if !given.is_empty() {
        return Ok(given);
    }
    let (send, receive) = mpsc::channel();
    let asked = host.to_owned();
    std::thread::spawn(move || {
        let _ = send.send(
            (asked.as_str(), port)
                .to_socket_addrs()
                .map(|found| found.collect::<Vec<_>>())
                .map_err(|error| error.to_string()),
        );
    });
    match receive.recv_timeout(plan.timeout) {
        Ok(Ok(found)) if found.is_empty() => Err("it has no address".to_owned()),
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", plan.timeout.as_secs())),
    }
}

/// The first address that takes a connection; each is tried once.
fn connect(
    addresses: &[SocketAddr],
    timeout: Duration,
    own: &mut BTreeSet<IpAddr>,
) -> Result<TcpStream, String> {
    let mut flaws = Vec::new();
    for address in addresses.iter().take(3) {
        match TcpStream::connect_timeout(address, timeout) {
            Ok(stream) => {
                own.extend(
                    stream
                        .local_addr()
                        .ok()
                        .map(|local| local.ip())
                        .filter(|ip| !ip.is_loopback()),
                );
                return Ok(stream);
            }
            Err(error) => flaws.push(format!("{address}: {error}")),
        }
    }
    Err(flaws.join("; "))
}

fn leave(plan: &Plan, target: &str, own: &mut BTreeSet<IpAddr>) -> Step {
    let Some((host, port)) = target
        .rsplit_once(':')
        .and_then(|(host, port)| port.parse::<u16>().ok().map(|port| (host, port)))
    else {
        return Step {
            ok: false,
            detail: format!("`{target}` is no HOST:PORT"),
        };
    };
    match resolve(plan, host, port).and_then(|addresses| connect(&addresses, plan.timeout, own)) {
        Ok(stream) => Step {
            ok: true,
            detail: stream.peer_addr().map_or_else(
                |_| "connected".to_owned(),
                |peer| format!("connected to {peer}"),
            ),
        },
        Err(why) => Step {
            ok: false,
            detail: why,
        },
    }
}

fn one(
    plan: &Plan,
    config: &Arc<ClientConfig>,
    family: &str,
    host: &str,
    credentials: Option<&Credentials>,
    own: &mut BTreeSet<IpAddr>,
) -> Family {
    let skipped = || Step {
        ok: false,
        detail: "not tried".to_owned(),
    };
    let mut seen = Family {
        family: family.to_owned(),
        host: host.to_owned(),
        addresses: Vec::new(),
        address_kind: "none".to_owned(),
        name: skipped(),
        connect: skipped(),
        tls: skipped(),
        call: None,
        invoke: None,
        verdict: String::new(),
        reason: String::new(),
    };
    let addresses = match resolve(plan, host, 443) {
        Ok(addresses) => addresses,
        Err(why) => {
            seen.name.detail = why;
            return seen;
        }
    };
    seen.addresses = addresses
        .iter()
        .map(SocketAddr::ip)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    seen.address_kind = address_kind(&seen.addresses).to_owned();
    seen.name = Step {
        ok: true,
        detail: format!("{} addresses", seen.addresses.len()),
    };
    match connect(&addresses, plan.timeout, own) {
        Ok(stream) => {
            seen.connect = Step {
                ok: true,
                detail: stream
                    .peer_addr()
                    .map_or_else(|_| String::new(), |peer| peer.to_string()),
            }
        }
        Err(why) => {
            seen.connect.detail = why;
            return seen;
        }
    }
    seen.tls =
        match open(plan, config, host, &addresses, own).and_then(|mut stream| shake(&mut stream)) {
            Ok(detail) => Step { ok: true, detail },
            Err(detail) => Step { ok: false, detail },
        };
    if !seen.tls.ok {
        return seen;
    }
    if let Some(credentials) = credentials {
        seen.call = free_call(family)
            .map(|request| call(plan, config, host, &addresses, &request, credentials, own));
        seen.invoke = plan
            .invoke
            .as_deref()
            .filter(|_| family == "bedrock-runtime")
            .map(|model| converse(plan, host, &addresses, model, credentials));
    }
    seen
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn open(
    plan: &Plan,
    config: &Arc<ClientConfig>,
    host: &str,
    addresses: &[SocketAddr],
    own: &mut BTreeSet<IpAddr>,
) -> Result<Stream, String> {
    let tcp = connect(addresses, plan.timeout, own)?;
    tcp.set_read_timeout(Some(plan.timeout))
        .and_then(|()| tcp.set_write_timeout(Some(plan.timeout)))
        .map_err(|error| error.to_string())?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let session =
        ClientConnection::new(Arc::clone(config), name).map_err(|error| error.to_string())?;
    Ok(StreamOwned::new(session, tcp))
}

/// Completes the handshake, in which the certificate is checked against the name.
fn shake(stream: &mut Stream) -> Result<String, String> {
    while stream.conn.is_handshaking() {
        stream
            .conn
            .complete_io(&mut stream.sock)
            .map_err(|error| error.to_string())?;
    }
    let version = stream
        .conn
        .protocol_version()
        .map_or_else(String::new, |version| format!("{version:?}"));
    Ok(format!("the certificate is valid for the name ({version})"))
}

fn call(
    plan: &Plan,
    config: &Arc<ClientConfig>,
    host: &str,
    addresses: &[SocketAddr],
    request: &Request,
    credentials: &Credentials,
    own: &mut BTreeSet<IpAddr>,
) -> Call {
    let none = |detail: String| Call {
        operation: request.operation.to_owned(),
        status: 0,
        code: detail,
        request_id: String::new(),
        shows: shows(0, "").to_owned(),
    };
    let answer = signed(host, request, &plan.region, credentials).and_then(|text| {
        let mut stream = open(plan, config, host, addresses, own)?;
        stream
            .write_all(text.as_bytes())
            .map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        match stream.take(MOST_BYTES).read_to_end(&mut bytes) {
            // Servers that close without a goodbye have answered all the same.
            Ok(_) => Ok(bytes),
            Err(_) if !bytes.is_empty() => Ok(bytes),
            Err(error) => Err(error.to_string()),
        }
    });
    match answer {
        Ok(bytes) => read(request, &bytes),
        Err(why) => none(why),
    }
}

/// Status, error code and request id of an answer; nothing of its content is kept.
fn read(request: &Request, bytes: &[u8]) -> Call {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let mut code = header("x-amzn-errortype")
        .split(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    if code.is_empty() && status >= 400 {
        code = if body.contains("AccessDenied") {
            "AccessDenied".to_owned()
        } else {
            format!("HTTP {status}")
        };
    }
    Call {
        operation: request.operation.to_owned(),
        status,
        shows: shows(status, &code).to_owned(),
        code,
        request_id: header("x-amzn-requestid"),
    }
}

/// The request as text, signed with Signature Version 4.
fn signed(
    host: &str,
    request: &Request,
    region: &str,
    credentials: &Credentials,
) -> Result<String, String> {
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = aws_sigv4::http_request::PayloadChecksumKind::XAmzSha256;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(request.service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let uri = format!("https://{host}{}", request.path);
    let own = [("host", host), ("content-type", "application/json")];
    let signable = SignableRequest::new(
        request.method,
        uri,
        own.into_iter(),
        SignableBody::Bytes(request.body.as_bytes()),
    )
    .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(signable, &params)
        .map_err(|error| error.to_string())?
        .into_parts();
    let mut text = format!(
        "{} {} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        request.method,
        request.path,
        request.body.len()
    );
    for (name, value) in instructions.headers() {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&request.body);
    Ok(text)
}
