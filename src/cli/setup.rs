//! `outcrop init` writes a first configuration, `outcrop config check` says what is wrong with one.

use super::opened;
use crate::engine::{self, Library, Parameter};
use crate::inventory::Store;
use crate::judge::now;
use crate::model::{AccountInfo, Severity, UNKNOWN_ACCOUNT, counted};
use crate::report::safe::cut;
use crate::sources::files::Given;
use crate::sources::kind::{kind, read_all};
use crate::subjects;
use anyhow::Context as _;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// A run, inventory folder, plan or template whose accounts are written into the configuration.
    from: Option<PathBuf>,
    /// Write every account of the organisation into it.
    #[cfg(feature = "live")]
    #[arg(long, conflicts_with = "from")]
    org: bool,
    /// Profile of the shared configuration.
    #[cfg(feature = "live")]
    #[arg(long, env = "AWS_PROFILE")]
    profile: Option<String>,
    /// An account to write into it; repeatable.
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
    /// Where to write; an existing file is never overwritten.
    #[arg(long, value_name = "FILE", default_value = "outcrop.yaml")]
    out: PathBuf,
}

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub(super) struct Configuration {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check a configuration against the rules there are. Exits with 1 where it is broken, with 4 where something in it has no effect.
    Check {
        /// The configuration.
        #[arg(default_value = "outcrop.yaml")]
        file: PathBuf,
        /// The same, as other commands name it.
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
        /// Add the rules of a folder to the built-in ones.
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
    },
    /// Print the JSON Schema of the configuration, with which editors complete and check it.
    Schema {
        /// Add the rules of a folder, and their parameters, to the built-in ones.
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
    },
}

/// The accounts of what was given.
fn accounts(from: &Path) -> anyhow::Result<Vec<AccountInfo>> {
    let what = kind(from, None)?;
    if !what.is_file() {
        return Ok(opened::store(from)?.run()?.accounts);
    }
    let given = Given {
        account: None,
        region: None,
        source: None,
        parameters: Default::default(),
        made: Default::default(),
    };
    let files = read_all(&[from.to_owned()], &[what], &given)?;
    let mut all: Vec<AccountInfo> = Vec::new();
    for variant in &files.variants {
        let mut store = Store::memory(&subjects::tables())?;
        for account in variant.fill(&files, &mut store)?.accounts {
            if account.id != UNKNOWN_ACCOUNT && !all.iter().any(|known| known.id == account.id) {
                all.push(account);
            }
        }
    }
    Ok(all)
}

/// The environment that a name speaks of.
fn environment(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    [
        ("prod", "prod"),
        ("stag", "staging"),
        ("test", "test"),
        ("dev", "dev"),
        ("sandbox", "dev"),
    ]
    .into_iter()
    .find(|(part, _)| name.contains(part))
    .map(|(_, environment)| environment)
}

/// The parameters that most estates set, in the order in which they are asked for.
const ASKED: [&str; 6] = [
    "approved_models",
    "trusted_accounts",
    "trusted_org_ids",
    "security_roles",
    "retention_min_days",
    "retention_max_days",
];

fn text(accounts: &[AccountInfo], library: &Library) -> String {
    let mut out = String::from(
        "# Configuration of Outcrop. Everything here is optional; `outcrop config check` says what is wrong with it.\n\n",
    );
    if accounts.is_empty() {
        out.push_str("# Which account is for what. Kinds: workload (runs inference), data (holds the documents), platform (pipelines, logs, trails).\n# accounts:\n#   \"111111111111\": {name: ai-prod, kind: workload, environment: prod}\n");
    } else {
        out.push_str("# Say of each account what it is for (kind: workload, data or platform; unknown until you do) and its environment.\naccounts:\n");
        for account in accounts {
            let name = serde_json::Value::from(account.name.as_str());
            let guess = environment(&account.name).map_or_else(String::new, |environment| {
                format!("   # environment: {environment}?")
            });
            let _ = writeln!(
                out,
                "  \"{}\": {{name: {name}, kind: unknown}}{guess}",
                account.id
            );
        }
    }
    out.push_str("\n# parameters:\n");
    let asked = |name: &str| ASKED.iter().position(|known| *known == name);
    let mut parameters: Vec<(&String, &Parameter)> = library.parameters.iter().collect();
    parameters.sort_by_key(|(name, _)| (asked(name).unwrap_or(ASKED.len()), *name));
    for (name, parameter) in parameters {
        let _ = writeln!(
            out,
            "#   {name}: {}   # {}",
            parameter.default, parameter.doc
        );
    }
    out.push_str(
        "\n# severities: {workload-log-group-left-at-defaults: info}\n# disabled: []\n\n# Accepted failures; owner, reason and expiry are required.\n# waivers:\n#   - rule: inference-log-group-kept-forever\n#     resource: \"arn:aws:logs:*:111111111111:log-group:/scratch/*\"\n#     reason: scratch account, no customer data\n#     owner: platform-team\n#     expires: 2027-01-31\n#   - cause: bedrock-agentcore:ListAgentRuntimes   # what this call leaves unknown is accepted\n#     accounts: [\"111111111111\"]                 # without it: in every account\n#     reason: the service is not used here\n#     owner: platform-team\n#     expires: 2027-01-31\n\n# What no API can show; who says so, since when, until when.\n# attestations:\n#   - {id: no-egress-canary, by: security, on: 2026-11-01, expires: 2027-01-31, evidence: \"runbooks/canary.md\"}\n",
    );
    out
}

impl Init {
    #[cfg(not(feature = "live"))]
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "with AWS it asks AWS"
    )]
    fn of_organization(&self) -> anyhow::Result<Vec<AccountInfo>> {
        Ok(Vec::new())
    }

    /// The accounts of the organisation, where they are asked for.
    #[cfg(feature = "live")]
    fn of_organization(&self) -> anyhow::Result<Vec<AccountInfo>> {
        use crate::sources::live::{Base, Request, listed};
        if !self.org {
            return Ok(Vec::new());
        }
        let request = Request {
            profile: self.profile.clone(),
            org: true,
            session_name: "outcrop".to_owned(),
            ..Request::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        Ok(runtime.block_on(async {
            let base = Base::find(&request).await?;
            listed(&request, &base).await
        })?)
    }

    pub fn run(&self) -> anyhow::Result<u8> {
        if self.out.symlink_metadata().is_ok() {
            anyhow::bail!(
                "`{}` is there already; a configuration is never overwritten. Check it with: outcrop config check {}",
                self.out.display(),
                self.out.display()
            );
        }
        if let Some(id) = self
            .account
            .iter()
            .find(|id| id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(
                super::Usage(format!("--account {id}: an account id has twelve digits")).into(),
            );
        }
        let mut found = match &self.from {
            Some(path) => accounts(path)?,
            None => self.of_organization()?,
        };
        for id in &self.account {
            if !found.iter().any(|known| known.id == *id) {
                found.push(AccountInfo {
                    id: id.clone(),
                    ..AccountInfo::default()
                });
            }
        }
        let library = Library::load(&subjects::tables(), &[])?;
        let text = text(&found, &library);
        // What is written is what is read.
        let shown = self.out.display().to_string();
        let config = engine::parse_config(&shown, &text)?;
        library.clone().configure(&shown, &text, &config)?;
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.out)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write `{shown}`"))?;
        let mut out = crate::cli::out();
        let name = cut(&shown, 400);
        match found.len() {
            0 => writeln!(out, "{name} is written, without accounts. Next:")?,
            some => writeln!(
                out,
                "{name} is written, with {}. Next:",
                counted(some, "account", "accounts")
            )?,
        }
        // Only `outcrop.yaml` is picked up by itself.
        let with = match shown.as_str() {
            "outcrop.yaml" | "./outcrop.yaml" => String::new(),
            _ => format!(" --config {name}"),
        };
        let file = self
            .from
            .as_deref()
            .filter(|path| kind(path, None).is_ok_and(|kind| kind.is_file()));
        match file {
            Some(path) => writeln!(
                out,
                "  outcrop check {}{with}",
                cut(&path.display().to_string(), 400)
            )?,
            None => writeln!(
                out,
                "  outcrop role --format cloudformation > role.json   # the audit role, to create in each account\n  outcrop scan --out today.outcrop{with}   # one account; --org for all of the organisation"
            )?,
        }
        Ok(0)
    }
}

impl Configuration {
    pub fn run(&self) -> anyhow::Result<u8> {
        match &self.command {
            Command::Check {
                file,
                config,
                rules,
            } => check(config.as_ref().unwrap_or(file), rules),
            Command::Schema { rules } => {
                let folders: Vec<&Path> = rules.iter().map(PathBuf::as_path).collect();
                let library = Library::load(&subjects::tables(), &folders)?;
                let mut out = crate::cli::out();
                serde_json::to_writer_pretty(&mut out, &engine::schema::config(&library)?)?;
                writeln!(out)?;
                Ok(0)
            }
        }
    }
}

fn check(file: &Path, rules: &[PathBuf]) -> anyhow::Result<u8> {
    let shown = file.display().to_string();
    let text = crate::model::file::read_text(file)
        .with_context(|| format!("cannot read `{shown}`; `outcrop init` writes a first one"))?;
    let config = engine::parse_config(&shown, &text)?;
    let folders: Vec<&Path> = rules.iter().map(PathBuf::as_path).collect();
    let mut library = Library::load(&subjects::tables(), &folders)?;
    let ids: Vec<String> = library
        .rules
        .iter()
        .map(|loaded| loaded.rule.id.clone())
        .collect();
    library.configure(&shown, &text, &config)?;
    let today = now();
    let mut without: Vec<String> = Vec::new();
    for waiver in &config.waivers {
        let what = if waiver.cause.is_empty() {
            format!("the waiver of {} for {}", waiver.rule, waiver.resource)
        } else {
            format!("the waiver of what `{}` leaves unknown", waiver.cause)
        };
        if !waiver.flaw().is_empty() {
            without.push(format!("{what} waives nothing: {}", waiver.flaw()));
        } else if waiver.expired(&today) {
            without.push(format!("{what} ended on {}", waiver.expires));
        } else if !waiver.rule.is_empty() && !ids.contains(&waiver.rule) {
            without.push(format!("{what} waives nothing: there is no such rule"));
        } else if config.disabled.contains(&waiver.rule) {
            without.push(format!("{what} waives nothing: the rule is disabled"));
        }
    }
    let (asked, parts) = (engine::attestation_ids()?, engine::attestation_parts()?);
    for statement in &config.attestations {
        let near = engine::nearest(&statement.id, asked.iter().map(String::as_str));
        if !asked.contains(&statement.id) && !near.is_empty() {
            without.push(format!(
                "the attestation {} is not one that is asked for{near}",
                statement.id
            ));
        }
        for part in statement.covers.iter().filter(|part| !parts.contains(part)) {
            without.push(format!(
                "the attestation {} covers `{part}`, which there is not; there are {}",
                statement.id,
                parts.join(", ")
            ));
        }
        if statement.expires.as_str() < today.get(..10).unwrap_or_default() {
            without.push(format!(
                "the attestation {} ended on {}",
                statement.id, statement.expires
            ));
        }
    }
    let mut out = crate::cli::out();
    writeln!(
        out,
        "{}: {}, {}, {}, {}, {}, {}",
        cut(&shown, 400),
        counted(config.accounts.len(), "account", "accounts"),
        counted(config.parameters.len(), "parameter", "parameters"),
        counted(
            config.severities.len(),
            "changed severity",
            "changed severities"
        ),
        counted(config.disabled.len(), "disabled rule", "disabled rules"),
        counted(config.waivers.len(), "waiver", "waivers"),
        counted(config.attestations.len(), "attestation", "attestations")
    )?;
    for (rule, [from, to]) in &library.severities {
        if *from == Severity::Critical {
            writeln!(
                out,
                "note: {rule} is critical, and {} here; no headline says yes with it",
                to.as_str()
            )?;
        }
    }
    for (rule, one) in &library.not_run {
        if one.severity == Severity::Critical {
            writeln!(
                out,
                "note: {rule} is critical, and disabled here; no headline says yes without it"
            )?;
        }
    }
    for line in &without {
        writeln!(out, "without effect: {}", cut(line, 600))?;
    }
    Ok(if without.is_empty() { 0 } else { 4 })
}
