//! What ships beside the program: the scripts of the action and of a release are run, and independent tools read the workflows.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const TARGETS: [&str; 5] = [
    "aarch64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "x86_64-unknown-linux-musl",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn script(name: &str, arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> Output {
    Command::new("bash")
        .arg(root().join("deploy").join(name))
        .args(arguments)
        .envs(variables.iter().copied())
        .env_remove("GH_TOKEN")
        .current_dir(folder)
        .output()
        .expect("bash")
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A program for every target, packed as a release packs it.
fn released(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let work = tempfile::TempDir::new().expect("a folder");
    for target in TARGETS {
        let text = format!("#!/bin/sh\necho the program for {target}\n");
        std::fs::write(work.path().join("outcrop"), text).expect("a program");
        let packed = Command::new("tar")
            .args(["-czf"])
            .arg(folder.join(format!("outcrop-{target}.tar.gz")))
            .args(["-C"])
            .arg(work.path())
            .arg("outcrop")
            .status()
            .expect("tar");
        assert!(packed.success());
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The folder over HTTP on this machine, and its address.
fn served(folder: &Path) -> (Server, String) {
    let mut child = Command::new("python3")
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3");
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().expect("its output"))
        .read_line(&mut line)
        .expect("a line");
    let port = line
        .split_whitespace()
        .skip_while(|word| *word != "port")
        .nth(1)
        .expect("its port")
        .to_owned();
    (Server(child), format!("http://127.0.0.1:{port}"))
}

/// What GitLab's component does before it judges.
#[test]
fn the_component_takes_what_the_digests_say_and_nothing_else() {
    let text = std::fs::read_to_string(root().join("templates/check.yml")).expect("the component");
    let (_, job) = text.split_once("\n---\n").expect("two documents");
    let job: serde_json::Value = yaml_serde::from_str(job).expect("YAML");
    let before = job["outcrop"]["before_script"][0]
        .as_str()
        .expect("a script");
    let scratch = tempfile::TempDir::new().expect("a folder");
    for version in ["v1.0.0", "v1.0.1"] {
        released(&scratch.path().join(version));
        let finished = script(
            "release/finish.sh",
            &[version, "https://example.com/releases/download", version],
            &[],
            scratch.path(),
        );
        assert!(finished.status.success(), "{}", said(&finished));
    }
    for target in TARGETS {
        std::fs::copy(
            scratch.path().join("v1.0.1/SHA256SUMS"),
            scratch
                .path()
                .join(format!("v1.0.1/outcrop-{target}.tar.gz")),
        )
        .expect("another file");
    }
    let (_server, address) = served(scratch.path());
    for (version, good) in [("v1.0.0", true), ("v1.0.1", false), ("v9.9.9", false)] {
        let project = tempfile::TempDir::new().expect("a folder");
        let output = Command::new("sh")
            .args(["-c", &format!("{before}\n.outcrop/outcrop --version")])
            .current_dir(project.path())
            .env("CI_PROJECT_DIR", project.path())
            .env("OUTCROP_RELEASE", format!("{address}/{version}"))
            .output()
            .expect("sh");
        let said = said(&output);
        assert_eq!(output.status.success(), good, "{version}: {said}");
        assert_eq!(said.contains("the program for"), good, "{version}: {said}");
    }
}

#[test]
fn the_action_installs_what_the_digests_say_and_nothing_else() {
    let scratch = tempfile::TempDir::new().expect("a folder");
    let at = |name: &str| scratch.path().join(name);
    for version in ["v1.0.0", "v1.0.1", "v1.0.2"] {
        released(&at(version));
        let finished = script(
            "release/finish.sh",
            &[version, "https://example.com/releases/download", version],
            &[],
            scratch.path(),
        );
        assert!(finished.status.success(), "{}", said(&finished));
    }
    // Another program under the same name, and a list that leaves it out.
    for target in TARGETS {
        std::fs::copy(
            at("v1.0.2").join("SHA256SUMS"),
            at("v1.0.1").join(format!("outcrop-{target}.tar.gz")),
        )
        .expect("another file");
    }
    std::fs::write(at("v1.0.2").join("SHA256SUMS"), "").expect("an empty list");
    let (_server, address) = served(scratch.path());
    let fetch = |version: &str, folder: &str| {
        script(
            "action/fetch.sh",
            &[version, folder],
            &[("OUTCROP_RELEASES", &address)],
            scratch.path(),
        )
    };
    let good = fetch("v1.0.0", "bin");
    assert!(good.status.success(), "{}", said(&good));
    let program = Command::new(at("bin/outcrop")).output().expect("it runs");
    assert!(
        said(&program).starts_with("the program for "),
        "{}",
        said(&program)
    );
    // What lies in a cache is held against the digests too.
    for (text, code) in [("not the program", 1), ("", 0)] {
        let archive = std::fs::read_dir(at("v1.0.0")).expect("files");
        for file in archive.map(|entry| entry.expect("a file")) {
            std::fs::create_dir_all(at("cache")).expect("a folder");
            let to = at("cache").join(file.file_name());
            if text.is_empty() {
                std::fs::copy(file.path(), to).expect("a copy");
            } else {
                std::fs::write(to, text).expect("another file");
            }
        }
        let cache = at("cache").display().to_string();
        let fetched = script(
            "action/fetch.sh",
            &["v1.0.0", "cached"],
            &[("OUTCROP_RELEASES", &address), ("OUTCROP_CACHE", &cache)],
            scratch.path(),
        );
        assert_eq!(fetched.status.code(), Some(code), "{}", said(&fetched));
    }
    for (version, sentence) in [
        ("v1.0.1", "is not what SHA256SUMS"),
        ("v1.0.2", "is not what SHA256SUMS"),
        ("v9.9.9", "could not be fetched"),
        ("../v1.0.0", "is not a release"),
        ("v1.0.0 x", "is not a release"),
        ("", "is not a release"),
    ] {
        let bad = fetch(version, "elsewhere");
        assert_eq!(bad.status.code(), Some(1), "{version}: {}", said(&bad));
        assert!(said(&bad).contains(sentence), "{version}: {}", said(&bad));
        assert!(!at("elsewhere/outcrop").exists(), "{version}");
    }
}

#[test]
fn a_release_names_the_digest_of_everything_in_it() {
    let scratch = tempfile::TempDir::new().expect("a folder");
    let dist = scratch.path().join("dist");
    released(&dist);
    let finish = || {
        script(
            "release/finish.sh",
            &[
                "v1.2.3",
                "https://example.com/o/outcrop/releases/download",
                "dist",
            ],
            &[],
            scratch.path(),
        )
    };
    let output = finish();
    assert!(output.status.success(), "{}", said(&output));
    let sums = std::fs::read_to_string(dist.join("SHA256SUMS")).expect("the digests");
    let sums: BTreeMap<&str, &str> = sums
        .lines()
        .map(|line| line.split_once("  ").expect("digest and name"))
        .map(|(digest, name)| (name, digest))
        .collect();
    let formula = std::fs::read_to_string(dist.join("outcrop.rb")).expect("the formula");
    assert!(formula.contains("version \"1.2.3\""), "{formula}");
    for target in TARGETS {
        let name = format!("outcrop-{target}.tar.gz");
        let digest = sums[name.as_str()];
        let url = format!(
            "url \"https://example.com/o/outcrop/releases/download/v1.2.3/{name}\"\n      sha256 \"{digest}\""
        );
        // Homebrew is not on Windows.
        assert_eq!(
            formula.contains(&url),
            !target.contains("windows"),
            "{formula}"
        );
    }
    assert!(sums.contains_key("outcrop.rb") && !sums.contains_key("SHA256SUMS"));
    let held = Command::new("sha256sum")
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(&dist)
        .status()
        .expect("sha256sum");
    assert!(held.success());
    // A release that lacks a target is no release.
    std::fs::remove_file(dist.join("outcrop-aarch64-apple-darwin.tar.gz")).expect("removed");
    assert_eq!(finish().status.code(), Some(1));
}

#[test]
fn one_comment_is_kept_up_to_date() {
    let scratch = tempfile::TempDir::new().expect("a folder");
    let at = |name: &str| scratch.path().join(name);
    // A double of GitHub's program: it says which comments there are, and keeps what it is told.
    std::fs::create_dir(at("bin")).expect("a folder");
    std::fs::write(
        at("bin/gh"),
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >> calls\ncase \"$*\" in *--paginate*) cat known ;; *) for one in \"$@\"; do case \"$one\" in body=@*) cat \"${one#body=@}\" > body ;; esac; done ;; esac\n",
    )
    .expect("a double");
    std::fs::set_permissions(at("bin/gh"), std::fs::Permissions::from_mode(0o755)).expect("mode");
    let path = format!(
        "{}:{}",
        at("bin").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let comment = |known: &str, text: &str, number: &str| {
        std::fs::write(at("known"), known).expect("comments");
        std::fs::write(at("report.md"), text).expect("a report");
        let _ = std::fs::remove_file(at("calls"));
        let output = script(
            "action/comment.sh",
            &["report.md"],
            &[
                ("PATH", &path),
                ("GITHUB_REPOSITORY", "o/r"),
                ("PULL_REQUEST", number),
            ],
            scratch.path(),
        );
        let calls = std::fs::read_to_string(at("calls")).unwrap_or_default();
        (output, calls)
    };
    let (output, calls) = comment("", "# Report\n", "7");
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        calls.contains("--method POST repos/o/r/issues/7/comments"),
        "{calls}"
    );
    let (output, calls) = comment("41\n42\n", "# Report\n", "7");
    assert!(output.status.success(), "{}", said(&output));
    // Of those that somebody else wrote none is taken.
    assert!(calls.contains(".user.type == \"Bot\""), "{calls}");
    assert!(
        calls.contains("--method PATCH repos/o/r/issues/comments/41") && !calls.contains("POST"),
        "{calls}"
    );
    let body = std::fs::read_to_string(at("body")).expect("a body");
    assert!(
        body.starts_with("<!-- outcrop") && body.contains("# Report"),
        "{body}"
    );
    // What is longer than a comment may be is cut between letters, and says so.
    let (output, _) = comment("", &format!("x{}", "ä".repeat(50_000)), "7");
    assert!(output.status.success(), "{}", said(&output));
    let body = std::fs::read_to_string(at("body")).expect("text");
    assert!(body.len() < 65_536 && body.contains("The report is longer"));
    // No pull request, no comment; and a number is a number.
    let (output, calls) = comment("", "# Report\n", "");
    assert!(output.status.success() && calls.is_empty());
    let (output, calls) = comment("", "# Report\n", "7/../..");
    assert!(!output.status.success() && calls.is_empty());
}

/// Workflows and the action, as their schemas and zizmor see them; scripts, as Bash does.
#[test]
fn independent_tools_accept_workflows_and_action() {
    for name in [
        "action/fetch.sh",
        "action/comment.sh",
        "release/build.sh",
        "release/finish.sh",
    ] {
        let checked = Command::new("bash")
            .arg("-n")
            .arg(root().join("deploy").join(name))
            .status()
            .expect("bash");
        assert!(checked.success(), "{name}");
    }
    let Some(python) = crate::validators::python() else {
        return;
    };
    let schema = |name: &'static str, file: &'static str| {
        ("check-jsonschema", vec!["--builtin-schema", name, file])
    };
    for (program, arguments) in [
        schema("vendor.github-workflows", ".github/workflows/ci.yml"),
        schema("vendor.github-workflows", ".github/workflows/release.yml"),
        schema("vendor.github-actions", "action.yml"),
        (
            "zizmor",
            vec![
                "--offline",
                "--no-progress",
                "--persona=pedantic",
                ".github/workflows",
                "action.yml",
            ],
        ),
    ] {
        let output = Command::new(python.with_file_name(program))
            .args(arguments)
            .current_dir(root())
            .output()
            .expect(program);
        assert!(output.status.success(), "{program}: {}", said(&output));
    }
}
