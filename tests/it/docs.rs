//! The documentation: what a page shows of a terminal is what comes of it, and every command line in it is one.
//!
//! In a block `console`, lines that begin with `$ ` are run by bash, in one folder for each page; the lines after them are what is
//! printed, where `...` stands for any lines, or for the rest of one. A block `console aws` is run against a double of AWS. A block
//! with `file=NAME` is written into the folder first.

use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// One fenced block of a page.
struct Block {
    /// What stands after the fence.
    info: String,
    lines: Vec<String>,
    /// Its first line in the page.
    at: usize,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README and every page, by name.
fn pages() -> Vec<(String, String)> {
    let mut folders = vec![root().join("docs/src")];
    let mut all = vec![root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("pages").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                all.push(path);
            }
        }
    }
    all.sort();
    all.into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a page");
            let name = path
                .strip_prefix(root())
                .expect("inside")
                .display()
                .to_string();
            (name, text)
        })
        .collect()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut all = Vec::new();
    let mut open: Option<Block> = None;
    for (place, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.to_owned(),
                    lines: Vec::new(),
                    at: place + 2,
                });
            }
            (Some(_), Some(_)) => all.extend(open.take()),
            (Some(block), None) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    all
}

/// Is this what is printed? `...` stands for any lines, or for the rest of one.
fn fits(expected: &[String], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((any, rest)) if any == "..." => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed.split_first().is_some_and(|(first, others)| {
            let same = match line.split_once("...") {
                Some((begin, end)) => {
                    first.len() >= begin.len() + end.len()
                        && first.starts_with(begin)
                        && first.ends_with(end)
                }
                None => first == line,
            };
            same && fits(rest, others)
        }),
    }
}

/// Runs the blocks of a page; gives what came out otherwise than it says.
fn run(name: &str, text: &str, aws: Option<&[(&str, &str)]>) -> Vec<String> {
    let folder = TempDir::new().expect("a folder");
    let program = assert_cmd::cargo::cargo_bin!("outcrop");
    let path = format!(
        "{}:{}",
        program.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut flaws = Vec::new();
    for block in blocks(text) {
        let mut words = block.info.split(' ');
        let kind = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        if let Some(file) = words.iter().find_map(|word| word.strip_prefix("file=")) {
            fs::write(folder.path().join(file), block.lines.join("\n") + "\n").expect("a file");
        }
        if kind != "console" || (words.contains(&"aws") && aws.is_none()) {
            continue;
        }
        let mut lines = block.lines.iter().enumerate().peekable();
        while let Some((place, line)) = lines.next() {
            let at = format!("{name}:{}", block.at + place);
            let Some(command) = line.strip_prefix("$ ") else {
                flaws.push(format!("{at}: no command stands before this line"));
                continue;
            };
            let mut expected = Vec::new();
            while let Some((_, line)) = lines.next_if(|(_, line)| !line.starts_with("$ ")) {
                expected.push(line.clone());
            }
            let output = Command::new("bash")
                .args(["-c", &format!("{{ {command}\n}} 2>&1")])
                .current_dir(folder.path())
                .env_clear()
                .envs([
                    ("PATH", path.as_str()),
                    ("COLUMNS", "100"),
                    ("HOME", "/nowhere"),
                ])
                .envs(aws.unwrap_or_default().iter().copied())
                .output()
                .expect("bash");
            let printed = String::from_utf8_lossy(&output.stdout);
            let printed: Vec<&str> = printed.lines().collect();
            if !fits(&expected, &printed) {
                flaws.push(format!(
                    "{at}: {command}\nshould print\n{}\nand prints\n{}",
                    expected.join("\n"),
                    printed.join("\n")
                ));
            }
        }
    }
    flaws
}

#[test]
fn pages_show_what_comes_of_their_commands() {
    let mut flaws = Vec::new();
    let mut commands = 0;
    for (name, text) in pages() {
        commands += text.lines().filter(|line| line.starts_with("$ ")).count();
        flaws.extend(run(&name, &text, None));
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n\n"));
    assert!(commands > 40, "{commands} commands");
}

/// What a page does with an account is done with one.
#[cfg(feature = "live")]
#[test]
fn pages_that_scan_show_what_comes_of_it() {
    let aws = super::live::start("serve.py", &serde_json::json!([]));
    let endpoint = aws.told["endpoint"].as_str().expect("an endpoint");
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let mut flaws = Vec::new();
    for (name, text) in pages() {
        if text.contains("```console aws") {
            flaws.extend(run(&name, &text, Some(&variables)));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n\n"));
}

/// The command lines of a page that are shown and not run are such as the program takes.
#[cfg(feature = "live")]
#[test]
fn every_command_line_of_a_page_is_one() {
    use clap::Parser as _;
    let folder = TempDir::new().expect("a folder");
    let mut flaws = Vec::new();
    let mut seen = 0;
    for (name, text) in pages() {
        for block in blocks(&text) {
            if !["sh", "bash"].contains(&block.info.as_str()) {
                continue;
            }
            let given = folder.path().join("given");
            let _ = fs::remove_file(&given);
            let script = format!(
                "outcrop() {{ printf '%s\\037' outcrop \"$@\" >> given; echo >> given; }}\nfor name in aws brew cargo curl cdk cp docker gh git jq kubectl make mdbook pulumi python3 sha256sum source tar terraform; do eval \"$name() {{ :; }}\"; done\n{}",
                block.lines.join("\n")
            );
            let output = Command::new("bash")
                .args(["-c", &script])
                .current_dir(folder.path())
                .env("ID", "x")
                .env("OUTCROP_EXTERNAL_ID", "x")
                .output()
                .expect("bash");
            let said = String::from_utf8_lossy(&output.stderr);
            if said.contains("syntax error") || said.contains("command not found") {
                flaws.push(format!("{name}:{}: {said}", block.at));
            }
            for line in fs::read_to_string(&given).unwrap_or_default().lines() {
                let words: Vec<&str> = line.trim_end_matches('\u{1f}').split('\u{1f}').collect();
                seen += 1;
                match outcrop::cli::Cli::try_parse_from(&words) {
                    Ok(_) => {}
                    Err(error) if !error.use_stderr() => {}
                    Err(error) => {
                        flaws.push(format!("{name}:{}: {}: {error}", block.at, words.join(" ")))
                    }
                }
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
    assert!(seen > 40, "{seen} command lines");
}

/// The book is built, and no link in it leads nowhere.
#[test]
fn the_book_has_no_broken_link() {
    let Some(python) = super::validators::python() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let book = folder.path().join("docs");
    let output = Command::new("bash")
        .arg(root().join("docs/build.sh"))
        .arg(assert_cmd::cargo::cargo_bin!("outcrop"))
        .arg(&book)
        .env("MDBOOK", python.with_file_name("mdbook"))
        .output()
        .expect("bash");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for page in [
        "index.html",
        "reference/rules.html",
        "tutorials/engineer.html",
    ] {
        assert!(book.join("book").join(page).is_file(), "{page}");
    }
    // Pages of others are not asked: tests need no network.
    let found = Command::new(python.with_file_name("linkchecker"))
        .args([
            "--no-status",
            "--no-warnings",
            "--ignore-url",
            "^(https?|mailto):",
        ])
        .arg(book.join("book/index.html"))
        .env("HOME", folder.path())
        .output()
        .expect("linkchecker");
    assert!(
        found.status.success(),
        "{}{}",
        String::from_utf8_lossy(&found.stdout),
        String::from_utf8_lossy(&found.stderr)
    );
    // Every page stands in the summary, so somebody finds it.
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).expect("a summary");
    for (name, _) in pages() {
        let Some(page) = name.strip_prefix("docs/src/") else {
            continue;
        };
        assert!(
            page == "SUMMARY.md" || summary.contains(&format!("({page})")),
            "{page} is not in the summary"
        );
    }
}

/// Pipelines that pages show have the form that their systems ask for.
#[test]
fn pipelines_of_the_pages_have_the_right_form() {
    let Some(python) = super::validators::python() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    for (page, schema, begins) in [
        ("github", "vendor.github-workflows", "on:"),
        ("azure-devops", "vendor.azure-pipelines", "trigger:"),
        ("gitlab", "vendor.gitlab-ci", "include:"),
    ] {
        let text = fs::read_to_string(root().join(format!("docs/src/pipelines/{page}.md")))
            .expect("a page");
        let mut count = 0;
        for block in blocks(&text) {
            if block.info != "yaml" || !block.lines[0].starts_with(begins) {
                continue;
            }
            count += 1;
            let file = folder.path().join(format!("{page}-{count}.yml"));
            fs::write(&file, block.lines.join("\n")).expect("a file");
            let output = Command::new(python.with_file_name("check-jsonschema"))
                .args(["--builtin-schema", schema])
                // The schema of Azure's has expressions that are no strict ECMAScript.
                .args(["--regex-variant", "nonunicode"])
                .arg(&file)
                .output()
                .expect("check-jsonschema");
            assert!(
                output.status.success(),
                "{page}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        assert!(count > 0, "{page}");
    }
    // What follows the inputs of the component is a pipeline.
    let text = fs::read_to_string(root().join("templates/check.yml")).expect("the component");
    let (_, job) = text.split_once("\n---\n").expect("two documents");
    let file = folder.path().join("component.yml");
    fs::write(&file, job.replace("$[[ inputs.needs ]]", "[]")).expect("a file");
    let output = Command::new(python.with_file_name("check-jsonschema"))
        .args(["--builtin-schema", "vendor.gitlab-ci"])
        .arg(&file)
        .output()
        .expect("check-jsonschema");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
