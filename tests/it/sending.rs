//! What changed on its way to a topic, a bus, a lake and a webhook: against moto, and a server of the test's own.

use super::live::{Aws, calls, root, start};
use serde_json::{Value as Json, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Runs the real binary in a folder; gives its code and all that it says.
fn outcrop(endpoint: Option<&str>, folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
    command.current_dir(folder).env_clear().envs([
        ("AWS_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("OUTCROP_WEBHOOK_SECRET", "shared"),
    ]);
    if let Some(endpoint) = endpoint {
        command.env("AWS_ENDPOINT_URL", endpoint);
    }
    let output = command.args(arguments).output().expect("the binary");
    (
        output.status.code().unwrap_or(-1),
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    )
}

/// Python with boto3, to which `c(NAME)` is a client of the double.
fn python(aws: &Aws, text: &str) -> Json {
    let begin = "import boto3, sys, json\nc = lambda name: boto3.client(name, endpoint_url=sys.argv[1], region_name='eu-west-1', aws_access_key_id='test', aws_secret_access_key='test')\n";
    let output = Command::new(root().join("target/moto/bin/python"))
        .args(["-c", &format!("{begin}{text}")])
        .arg(aws.told["endpoint"].as_str().expect("an endpoint"))
        .output()
        .expect("Python");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or(Json::Null)
}

/// Two runs of the demo's estates: what the broken one holds appeared.
fn runs(folder: &Path) {
    for (estate, name) in [("sound", "before.outcrop"), ("broken", "now.outcrop")] {
        let (code, said) = outcrop(
            None,
            folder,
            &["demo", "--estate", estate, "--out", name, "--quiet"],
        );
        assert!([0, 3].contains(&code), "{said}");
    }
}

#[test]
fn changes_reach_a_topic_a_bus_and_a_lake() {
    let aws = start("serve.py", &json!([]));
    let endpoint = aws.told["endpoint"].as_str().expect("an endpoint");
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    runs(folder);
    let made = python(
        &aws,
        "t = c('sns').create_topic(Name='told')['TopicArn']\nq = c('sqs').create_queue(QueueName='told')['QueueUrl']\na = c('sqs').get_queue_attributes(QueueUrl=q, AttributeNames=['QueueArn'])['Attributes']['QueueArn']\nc('sns').subscribe(TopicArn=t, Protocol='sqs', Endpoint=a)\nc('events').create_event_bus(Name='told')\nc('s3').create_bucket(Bucket='lake', CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})\nprint(json.dumps({'topic': t, 'queue': q}))",
    );
    let topic = format!("sns:{}", made["topic"].as_str().expect("a topic"));
    let send = |to: &str, more: &[&str]| {
        let all = ["report", "now.outcrop", "--send", to];
        outcrop(Some(endpoint), folder, &[&all[..], more].concat())
    };
    let asked = |operation: &str| {
        calls(&aws)
            .iter()
            .filter(|(_, asked)| asked == operation)
            .count()
    };

    // Without the run before nobody knows what is new; without --yes nothing leaves.
    let (code, said) = send(&topic, &["--yes"]);
    assert!(code == 2 && said.contains("--previous"), "{said}");
    let (code, said) = send(&topic, &["--previous", "before.outcrop"]);
    assert!(code == 0 && said.contains("nothing was sent"), "{said}");
    let (code, said) = send(&topic, &["--previous", "now.outcrop", "--yes"]);
    assert!(code == 0 && said.contains("nothing changed"), "{said}");
    assert_eq!(asked("Publish"), 0);

    let yes = ["--previous", "before.outcrop", "--yes"];
    let (code, said) = send(&topic, &yes);
    assert_eq!(code, 0, "{said}");
    let got = python(
        &aws,
        &format!(
            "print(c('sqs').receive_message(QueueUrl='{}')['Messages'][0]['Body'])",
            made["queue"].as_str().expect("a queue")
        ),
    );
    let document: Json =
        serde_json::from_str(got["Message"].as_str().expect("a message")).expect("JSON");
    assert_eq!(document["schema"], "outcrop-changes/v1");
    assert!(
        document["counts"]["appeared"].as_u64().expect("a count") > 50,
        "{document}"
    );
    assert_eq!(document["changes"][0]["kind"], "appeared");
    assert_eq!(document["changes"][0]["severity"], "critical");

    let (code, said) = send("eventbridge:told", &yes);
    let changes = document["changes"].as_array().map_or(0, Vec::len)
        + usize::try_from(document["left_out"].as_u64().expect("a count")).expect("small");
    assert!(
        code == 0 && said.contains(&format!("sent: {changes} events")),
        "{said}"
    );
    assert!(asked("PutEvents") >= changes / 10, "{said}");
    let (code, said) = send("sns:arn:aws:sns:eu-west-1:123456789012:nobody", &yes);
    assert!(code == 1 && said.contains("sns:Publish"), "{said}");

    let (code, said) = send("s3://lake/ext/outcrop/", &yes);
    assert_eq!(code, 0, "{said}");
    // The other way round, nothing but what is gone.
    let back = [
        "report",
        "before.outcrop",
        "--send",
        "s3://lake/back/",
        "--previous",
        "now.outcrop",
        "--yes",
    ];
    let (code, said) = outcrop(Some(endpoint), folder, &back);
    assert_eq!(code, 0, "{said}");
    let objects = python(
        &aws,
        "import base64\ns = c('s3')\nprint(json.dumps({o['Key']: base64.b64encode(s.get_object(Bucket='lake', Key=o['Key'])['Body'].read()).decode() for o in s.list_objects_v2(Bucket='lake')['Contents']}))",
    );
    let objects = objects.as_object().expect("objects");
    let lake = folder.join("lake");
    for (key, bytes) in objects {
        assert!(
            (key.starts_with("ext/outcrop/region=") || key.starts_with("back/region="))
                && key.contains("/accountId=")
                && key.contains("/eventDay=20"),
            "{key}"
        );
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(bytes.as_str().expect("text"))
            .expect("base64");
        let path = lake.join(key);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, bytes).expect("a file");
    }
    let Some(python) = super::validators::python() else {
        return;
    };
    let asked_of = |prefix: &str| -> Vec<String> {
        let query = format!(
            "import duckdb, json\nr = duckdb.sql(\"SELECT count(*), count(DISTINCT resources[1].uid), min(class_uid), max(cloud.account.uid), min(compliance.status), sum(len(compliance.standards)), min(activity_name), min(json_extract_string(raw_data, '$.finding_info.uid') = finding_info.uid) FROM read_parquet('{}/**/*.parquet')\").fetchall()\nprint(json.dumps([str(x) for x in r[0]]))",
            lake.join(prefix).display()
        );
        let output = Command::new(&python)
            .args(["-c", &query])
            .output()
            .expect("Python");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let gone = asked_of("back");
    assert!(gone[0].parse::<usize>().expect("a count") > 50, "{gone:?}");
    assert_eq!(gone[6], "Close");
    let found = asked_of("ext");
    assert_eq!(found[6], "Create");
    assert!(
        found[0].parse::<usize>().expect("a count") > 50,
        "{found:?}"
    );
    assert!(
        found[1].parse::<usize>().expect("a count") > 20,
        "{found:?}"
    );
    assert_eq!(found[2], "2003");
    assert_eq!(found[3].len(), 12, "{found:?}");
    assert!(
        found[5].parse::<usize>().expect("a count") > 50,
        "{found:?}"
    );
    assert_eq!(found[7], "True");
    // The same again writes over nothing, and is no error.
    assert_eq!(send("s3://lake/ext/outcrop", &yes).0, 0);
}

/// Takes one post and answers with a status.
fn listener(status: &'static str) -> (String, std::thread::JoinHandle<(String, Vec<u8>)>) {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!(
        "http://{}/hook/S3CR3TPATH?key=S3CR3TKEY",
        server.local_addr().expect("an address")
    );
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("a caller");
        let mut reader = BufReader::new(stream.try_clone().expect("the stream"));
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            if let Some(given) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = given.trim().parse().expect("a length");
            }
            head.push_str(&line);
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the body");
        write!(
            stream,
            "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .expect("an answer");
        (head, body)
    });
    (address, thread)
}

#[test]
fn a_webhook_gets_a_signed_post_and_its_address_is_told_to_nobody() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    runs(folder);
    let send = |to: &str, more: &[&str]| {
        let all = [
            "report",
            "now.outcrop",
            "--send",
            to,
            "--previous",
            "before.outcrop",
        ];
        outcrop(None, folder, &[&all[..], more].concat())
    };
    let (address, thread) = listener("204 No Content");
    let (code, dry) = send(&address, &[]);
    assert_eq!(code, 0, "{dry}");
    let (code, said) = send(&address, &["--yes", "-vvv"]);
    assert_eq!(code, 0, "{said}");
    let (head, body) = thread.join().expect("the server");
    assert!(
        head.starts_with("POST /hook/S3CR3TPATH?key=S3CR3TKEY "),
        "{head}"
    );
    let document: Json = serde_json::from_slice(&body).expect("JSON");
    assert!(
        document["text"]
            .as_str()
            .expect("a text")
            .contains("appeared"),
        "{document}"
    );
    let signed = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", "shared", "-hex"])
        .arg({
            std::fs::write(folder.join("body"), &body).expect("a file");
            folder.join("body")
        })
        .output()
        .expect("openssl");
    let digest = String::from_utf8_lossy(&signed.stdout);
    let digest = digest.trim().rsplit(' ').next().expect("a digest");
    assert!(
        head.to_ascii_lowercase()
            .contains(&format!("x-outcrop-signature-256: sha256={digest}")),
        "{head}"
    );

    for status in ["500 Broken", "302 Found"] {
        let (address, thread) = listener(status);
        let (code, refused) = send(&address, &["--yes", "-vvv"]);
        assert!(
            code == 1 && refused.contains(&format!("answered {}", &status[..3])),
            "{refused}"
        );
        thread.join().expect("the server");
        let (code, gone) = send(&address, &["--yes", "-vvv"]);
        assert_eq!(code, 1, "{gone}");
        for said in [&dry, &said, &refused, &gone] {
            assert!(!said.contains("S3CR3T"), "{said}");
        }
    }
    let (code, said) = send("http://hooks.example/S3CR3T", &["--yes"]);
    assert!(
        code == 2 && said.contains("plain HTTP") && !said.contains("S3CR3T"),
        "{said}"
    );
}
