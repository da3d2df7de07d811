//! Scans in parts: shards that are joined, and scans that go on after they were killed, give what one unbroken scan gives.

use super::live::{Aws, start};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SCOPE: [&str; 6] = [
    "scan",
    "--org",
    "--external-id",
    "opensesame",
    "--region",
    "eu-west-1,us-east-1",
];

fn command(aws: &Aws, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("outcrop"));
    command
        .current_dir(folder)
        .env_clear()
        .envs([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            (
                "OUTCROP_FINGERPRINT_KEY",
                "0123456789abcdef0123456789abcdef",
            ),
        ])
        .env(
            "AWS_ACCESS_KEY_ID",
            aws.told["credentials"]["id"].as_str().unwrap_or("test"),
        )
        .env(
            "AWS_SECRET_ACCESS_KEY",
            aws.told["credentials"]["secret"].as_str().unwrap_or("test"),
        )
        .env(
            "AWS_ENDPOINT_URL",
            aws.told["endpoint"].as_str().expect("an endpoint"),
        )
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(aws: &Aws, folder: &Path, arguments: &[&str]) -> Output {
    command(aws, folder, arguments)
        .output()
        .expect("the binary")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is reported, without what differs from one collection to the next: when, and the ids of requests.
fn results(output: &Output) -> Vec<String> {
    fn strip(value: &mut Json) {
        match value {
            Json::Object(map) => {
                for key in ["request_ids", "at", "started_at", "finished_at"] {
                    map.remove(key);
                }
                map.values_mut().for_each(strip);
            }
            Json::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut told: Json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(output)));
    strip(&mut told["results"]);
    told["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(Json::to_string)
        .collect()
}

fn same(whole: &[String], other: &[String], what: &str) {
    let gone: Vec<&String> = whole.iter().filter(|one| !other.contains(one)).collect();
    let come: Vec<&String> = other.iter().filter(|one| !whole.contains(one)).collect();
    assert!(
        gone.is_empty() && come.is_empty(),
        "{what}: {} results are gone, {} have come:\n{gone:#?}\n{come:#?}",
        gone.len(),
        come.len(),
    );
    assert!(whole == other, "{what}: the order differs");
}

#[test]
fn shards_that_are_joined_give_what_one_process_gives() {
    let aws = start("serve.py", &json!([]));
    let folder = TempDir::new().expect("a folder");
    let here = |arguments: &[&str]| run(&aws, folder.path(), arguments);
    let whole = here(&[&SCOPE[..], &["--format", "json"]].concat());
    assert_eq!(whole.status.code(), Some(3), "{}", said(&whole));
    for index in 1..=3_u32 {
        let (shard, out) = (format!("{index}/3"), format!("{index}.outcrop"));
        let part = here(&[&SCOPE[..], &["--shard", &shard, "--out", &out]].concat());
        assert_eq!(part.status.code(), Some(0), "{}", said(&part));
        assert!(part.stdout.is_empty());
        // A share says nothing alone.
        for arguments in [["report", &out], ["check", &out]] {
            let alone = here(&arguments);
            assert_eq!(alone.status.code(), Some(1), "{arguments:?}");
            assert!(said(&alone).contains("outcrop merge"), "{}", said(&alone));
        }
    }
    let merged = here(&[
        "merge",
        "3.outcrop",
        "1.outcrop",
        "2.outcrop",
        "--out",
        "all.outcrop",
        "--format",
        "json",
    ]);
    assert_eq!(merged.status.code(), Some(3), "{}", said(&merged));
    same(&results(&whole), &results(&merged), "joined");
    let again = here(&["report", "all.outcrop", "--format", "json"]);
    same(&results(&merged), &results(&again), "read again");

    // Whatever is missing is an error, unless it is allowed; then it is a gap and never a pass.
    for (arguments, sentence) in [
        (&["1.outcrop", "2.outcrop"][..], "shard 3/3 is missing"),
        (
            &["1.outcrop", "2.outcrop", "2.outcrop"],
            "are both shard 2/3",
        ),
        (&["1.outcrop", "all.outcrop"], "join shards with shards"),
    ] {
        let refused = here(&[&["merge"], arguments, &["--out", "no.outcrop"]].concat());
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(said(&refused).contains(sentence), "{}", said(&refused));
        assert!(!folder.path().join("no.outcrop").exists());
    }
    let part = here(&[
        "merge",
        "1.outcrop",
        "2.outcrop",
        "--allow-missing",
        "--out",
        "part.outcrop",
        "--format",
        "json",
    ]);
    let told: Json = serde_json::from_slice(&part.stdout).expect("JSON");
    assert!(
        told["run"]["notes"]
            .to_string()
            .contains("shard 3/3 is missing"),
        "{}",
        told["run"]["notes"]
    );
    assert!(
        told["coverage"]
            .as_array()
            .expect("coverage")
            .iter()
            .any(|line| line["status"] == "not-collected"
                && line["detail"]
                    .as_str()
                    .is_some_and(|text| text.starts_with("shard 3/3"))),
    );
    let whole: Json = serde_json::from_slice(&whole.stdout).expect("JSON");
    let verdict = |told: &Json, fingerprint: &Json| {
        told["results"]
            .as_array()
            .expect("results")
            .iter()
            .find(|result| result["fingerprint"] == *fingerprint)
            .map(|result| result["verdict"].clone())
    };
    for result in told["results"].as_array().expect("results") {
        if result["verdict"] == "pass" {
            // What does not apply and would pass is a pass where nobody knows whether it applies.
            assert!(
                [Some(json!("pass")), Some(json!("not-applicable"))]
                    .contains(&verdict(&whole, &result["fingerprint"])),
                "{result}"
            );
        }
    }
    // What is missing can be read later, into the joined run.
    let rest = here(&[
        "scan",
        "--resume",
        "part.outcrop",
        "--external-id",
        "opensesame",
        "--format",
        "json",
    ]);
    assert_eq!(rest.status.code(), Some(3), "{}", said(&rest));
    same(&results(&merged), &results(&rest), "the rest");
}

/// Run files in Amazon S3, by moto: written once, read again, and never written over.
#[test]
fn shards_leave_their_runs_in_a_bucket() {
    let aws = start("serve.py", &json!([]));
    let folder = TempDir::new().expect("a folder");
    let here = |arguments: &[&str]| run(&aws, folder.path(), arguments);
    let scope = [
        "scan",
        "--account",
        aws.told["accounts"]["platform"]
            .as_str()
            .expect("an account"),
        "--external-id",
        "opensesame",
        "--region",
        "eu-west-1",
    ];
    let bucket = std::process::Command::new(super::live::root().join("target/moto/bin/python"))
        .args(["-c", "import boto3, sys; boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test').create_bucket(Bucket='runs')"])
        .arg(aws.told["endpoint"].as_str().expect("an endpoint"))
        .status()
        .expect("boto3");
    assert!(bucket.success());
    for (shard, out) in [
        ("1/2", "s3://runs/night/1.outcrop"),
        ("2/2", "s3://runs/night/2.outcrop"),
    ] {
        let part = here(&[&scope[..], &["--shard", shard, "--out", out]].concat());
        assert_eq!(part.status.code(), Some(0), "{}", said(&part));
    }
    let whole = here(&[&scope[..], &["--format", "json"]].concat());
    let merged = here(&[
        "merge",
        "s3://runs/night/1.outcrop",
        "s3://runs/night/2.outcrop",
        "--out",
        "s3://runs/night/all.outcrop",
        "--format",
        "json",
    ]);
    assert_eq!(
        merged.status.code(),
        whole.status.code(),
        "{}",
        said(&merged)
    );
    same(&results(&whole), &results(&merged), "joined");
    let again = here(&["report", "s3://runs/night/all.outcrop", "--format", "json"]);
    same(&results(&merged), &results(&again), "read again");

    let over = here(&[&scope[..], &["--out", "s3://runs/night/all.outcrop"]].concat());
    assert_eq!(over.status.code(), Some(1));
    assert!(said(&over).contains("exists already"), "{}", said(&over));
    // The same shard, whole and of today: whoever starts the process again has nothing to do.
    let twice = here(
        &[
            &scope[..],
            &["--shard", "1/2", "--out", "s3://runs/night/1.outcrop"],
        ]
        .concat(),
    );
    assert_eq!(twice.status.code(), Some(0), "{}", said(&twice));
    assert!(said(&twice).contains("already"), "{}", said(&twice));
    let other = here(
        &[
            &scope[..],
            &["--shard", "2/2", "--out", "s3://runs/night/1.outcrop"],
        ]
        .concat(),
    );
    assert_eq!(other.status.code(), Some(1), "{}", said(&other));
    // What was read is not lost with a bucket that is not there.
    let over = here(&[&scope[..], &["--out", "s3://absent/all.outcrop"]].concat());
    assert_eq!(over.status.code(), Some(1));
    let kept = said(&over)
        .split_once("the run is kept as `")
        .and_then(|(_, rest)| Some(rest.split_once('`')?.0.to_owned()))
        .unwrap_or_else(|| panic!("{}", said(&over)));
    same(
        &results(&whole),
        &results(&here(&["report", &kept, "--format", "json"])),
        "kept on this machine",
    );
    let absent = here(&["report", "s3://runs/night/none.outcrop"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(said(&absent).contains("s3:GetObject"), "{}", said(&absent));
    let wrong = here(&[&scope[..], &["--out", "s3://runs"]].concat());
    assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong));
    // Nothing stays on this machine.
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("the folder")
            .count(),
        0
    );
}

#[test]
fn a_scan_that_was_killed_goes_on_and_loses_nothing() {
    let aws = start("serve.py", &json!([]));
    let folder = TempDir::new().expect("a folder");
    let here = |arguments: &[&str]| run(&aws, folder.path(), arguments);
    let scope = [
        "scan",
        "--account",
        aws.told["accounts"]["broken"].as_str().expect("an account"),
        "--external-id",
        "opensesame",
        "--region",
        "eu-west-1",
    ];
    let begun = Instant::now();
    let whole = here(&[&scope[..], &["--format", "json", "--out", "whole.outcrop"]].concat());
    let length = begun.elapsed();
    let whole = results(&whole);
    let moments: u32 = 20;
    let mut went_on = 0;
    for moment in 1..=moments {
        let name = format!("{moment}.outcrop");
        let mut child = command(
            &aws,
            folder.path(),
            &[&scope[..], &["--quiet", "--out", &name]].concat(),
        )
        .spawn()
        .expect("the binary");
        // Moments that no step of the scan is bound to.
        std::thread::sleep(
            length.mul_f64(f64::from(moment) / f64::from(moments))
                + Duration::from_millis(u64::from(moment * 7 % 13)),
        );
        let _ = child.kill();
        child.wait().expect("it is gone");
        let rest = here(&[
            "scan",
            "--resume",
            &name,
            "--external-id",
            "opensesame",
            "--format",
            "json",
        ]);
        match rest.status.code() {
            Some(3) => {
                same(&whole, &results(&rest), &format!("moment {moment}"));
                went_on += 1;
            }
            // It ended before there was anything to go on with.
            Some(1) => assert!(
                ["cannot open", "ended before", "not a run file", "damaged"]
                    .iter()
                    .any(|text| said(&rest).contains(text)),
                "moment {moment}: {}",
                said(&rest)
            ),
            code => panic!("moment {moment}: {code:?}: {}", said(&rest)),
        }
    }
    assert!(went_on > 10, "{went_on} of {moments} went on");

    // It goes on with what it was begun with, or not at all.
    for (arguments, sentence) in [
        (
            &["--resume", "whole.outcrop", "--region", "eu-central-1"][..],
            "begun with another --region",
        ),
        (
            &["--resume", "whole.outcrop", "--select", "network"],
            "begun with another --select",
        ),
        (
            &["--resume", "whole.outcrop", "--shard", "1/2"],
            "is a whole scan",
        ),
        (
            &["--resume", "whole.outcrop", "--out", "other.outcrop"],
            "leave out --out",
        ),
        (&["--shard", "0/2", "--out", "x"], "counted from 1"),
        (&["--shard", "1/2"], "--out RUN"),
    ] {
        let refused = here(&[&["scan"], arguments].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains(sentence), "{}", said(&refused));
    }
    // An account that was open and is not any more costs nothing that was read of it.
    let shut = here(&[
        "scan",
        "--resume",
        "whole.outcrop",
        "--external-id",
        "wrong",
    ]);
    assert_eq!(shut.status.code(), Some(1), "{}", said(&shut));
    assert!(
        said(&shut).contains("cannot be entered now"),
        "{}",
        said(&shut)
    );
    let report = here(&["report", "whole.outcrop", "--format", "json"]);
    same(&whole, &results(&report), "untouched");
    // A shard that was let in nowhere says so.
    let mut nowhere = scope.to_vec();
    nowhere[4] = "wrong";
    nowhere.extend(["--shard", "1/1", "--out", "nowhere.outcrop"]);
    let nowhere = here(&nowhere);
    assert_eq!(nowhere.status.code(), Some(4), "{}", said(&nowhere));
    assert!(said(&nowhere).contains("0 of its"), "{}", said(&nowhere));
}
