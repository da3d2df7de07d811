//! The command line: one file for each sub-command, its arguments and its glue.

#[cfg(not(all(feature = "live", feature = "mcp", feature = "parquet")))]
mod absent;
mod baseline;
mod check;
mod complete;
mod diff;
mod evidence;
mod explain;
#[cfg(feature = "parquet")]
mod export;
mod fix;
mod handoff;
mod invoke;
mod judging;
#[cfg(feature = "mcp")]
mod mcp;
mod merge;
mod opened;
mod out;
mod output;
mod path;
mod policy;
#[cfg(feature = "live")]
mod probe;
mod query;
mod reference;
mod remote;
mod report;
mod role;
mod rules;
#[cfg(feature = "live")]
mod scan;
mod sending;
mod setup;
mod trend;
mod who_can;

use crate::judge::Usage;
use anyhow::Context as _;
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};
use out::out;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Finds where a company's Amazon Bedrock stack is exposed, and proves what it says.
#[derive(Debug, Parser)]
#[command(name = "outcrop", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Say less on standard error.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Say more on standard error; twice for the calls to AWS.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Colours.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    color: Colour,
    /// No progress bars.
    #[arg(long, global = true)]
    no_progress: bool,
    /// Log lines as text or JSON.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Global {
    fn colour(&self) -> bool {
        match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                std::io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find the accounts, assume the audit role in each, collect, judge, report.
    #[cfg(feature = "live")]
    Scan(Box<scan::Scan>),
    #[cfg(not(feature = "live"))]
    #[command(hide = true, disable_help_flag = true)]
    Scan(absent::Absent),
    #[cfg(not(feature = "live"))]
    #[command(hide = true, disable_help_flag = true)]
    Probe(absent::Absent),
    #[cfg(not(feature = "mcp"))]
    #[command(hide = true, disable_help_flag = true)]
    Mcp(absent::Absent),
    #[cfg(not(feature = "parquet"))]
    #[command(hide = true, disable_help_flag = true)]
    Export(absent::Absent),
    /// Write a first configuration from what is found, and say what to run next.
    Init(setup::Init),
    /// The configuration: what is wrong with it.
    Config(setup::Configuration),
    /// Judge what is on disk: runs (`.outcrop`), inventory folders, plans and templates.
    Check(Box<check::Check>),
    /// Join the runs of shards, or of different accounts, into one, and judge it.
    Merge(Box<merge::Merge>),
    /// Render a stored run again.
    Report(report::Report),
    /// Write the fingerprints of today's failures, for `--baseline`.
    Baseline(Box<baseline::Baseline>),
    /// What appeared between two runs, what was fixed, what changed, what was lost sight of.
    Diff(diff::Diff),
    /// Failures over several runs: open, new, fixed, lost sight of, and how old they are.
    Trend(trend::Trends),
    /// The auditor's package: key, pack, verify, replay, reconcile.
    Evidence(evidence::Evidence),
    /// SQL over a run, read-only.
    Query(query::Query),
    /// Write a run as Parquet files, for Athena, Spark and DuckDB.
    #[cfg(feature = "parquet")]
    Export(export::Export),
    /// The whole argument behind a verdict: facts, hops, policies, witness.
    Explain(explain::Explain),
    /// Concrete changes that close failures, each proved on a copy of the estate before it is shown.
    Fix(fix::Fix),
    /// What a customer's team takes over: owners, trust, keys, credentials, teardown, and a sheet to sign.
    Handoff(handoff::Handoff),
    /// The path a workload's traffic takes, hop by hop.
    Path(path::Path),
    /// The policy reasoner on its own: compare two policies, decide one request, ask who can.
    Policy(Box<policy::Policy>),
    /// Answer an assistant's questions about a run: a read-only Model Context Protocol server on standard input and output.
    #[cfg(feature = "mcp")]
    Mcp(mcp::Mcp),
    /// Run inside the network: does the call to Bedrock really go private?
    #[cfg(feature = "live")]
    Probe(probe::Probe),
    /// The rules: list, show, test, new; and the tables they rest on.
    Rules(rules::Rules),
    /// Print the least-privilege audit role for the selected rules.
    Role(role::Role),
    /// Judge the estate that ships inside the binary; needs nothing.
    Demo(check::Demo),
    /// Write a page about every rule, table, command and control, as Markdown.
    Reference(reference::Reference),
    /// Print completions for a shell: commands, flags, ids of rules, names of tables.
    Completions {
        /// Shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command.
    Man {
        /// Folder, made where it is missing.
        folder: std::path::PathBuf,
    },
}

/// The command line as it was given.
pub fn parse() -> Cli {
    // A shell that asks how a line goes on.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "--")
    {
        clap_complete::CompleteEnv::with_factory(Cli::command)
            .var(complete::ASKED)
            .complete();
    }
    let mut command = Cli::command();
    // What takes a moment to find out is found out for those who ask.
    if std::env::args_os().any(|argument| argument == "--version") {
        command = command.long_version(&*version().leak());
    }
    Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// Which release this is, of which commit, with which rules: what makes two programs judge alike.
fn version() -> String {
    let commit = option_env!("OUTCROP_COMMIT").unwrap_or("not known");
    let rules = crate::engine::Library::load(&crate::subjects::tables(), &[])
        .map_or_else(|error| error.to_string(), |library| library.digest());
    format!(
        "{}\ncommit {commit}\nrules {rules}",
        env!("CARGO_PKG_VERSION")
    )
}

/// Runs a command; gives its exit code.
pub fn run(cli: Cli) -> ExitCode {
    start_logging(&cli.global);
    match dispatch(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) if broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Messages hold names from files and answers; nothing in them may move the terminal.
            let mut lines: Vec<String> = Vec::new();
            for cause in error.chain() {
                let text = crate::report::safe::cut(&cause.to_string(), 2000);
                if lines.last().is_none_or(|last| !last.contains(&text)) {
                    lines.push(text);
                }
            }
            let _ = writeln!(std::io::stderr(), "error: {}", lines.join(": "));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

fn broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let own = cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        let of_json = || cause.downcast_ref::<serde_json::Error>()?.io_error_kind();
        own.or_else(of_json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

fn dispatch(cli: &Cli) -> anyhow::Result<u8> {
    match &cli.command {
        #[cfg(feature = "live")]
        Command::Scan(scan) => scan.run(&cli.global),
        #[cfg(not(feature = "live"))]
        Command::Scan(absent) => absent.run("scan"),
        #[cfg(not(feature = "live"))]
        Command::Probe(absent) => absent.run("probe"),
        #[cfg(not(feature = "mcp"))]
        Command::Mcp(absent) => absent.run("mcp"),
        #[cfg(not(feature = "parquet"))]
        Command::Export(absent) => absent.run("export"),
        Command::Init(init) => init.run(),
        Command::Config(config) => config.run(),
        Command::Check(check) => check.run(&cli.global),
        Command::Baseline(baseline) => baseline.run(&cli.global),
        Command::Diff(diff) => diff.run(),
        Command::Trend(trend) => trend.run(),
        Command::Evidence(evidence) => evidence.run(&cli.global),
        Command::Merge(merge) => merge.run(&cli.global),
        Command::Report(report) => report.run(&cli.global),
        Command::Query(query) => query.run(),
        #[cfg(feature = "parquet")]
        Command::Export(export) => export.run(&cli.global),
        Command::Explain(explain) => explain.run(),
        Command::Fix(fix) => fix.run(&cli.global),
        #[cfg(feature = "mcp")]
        Command::Mcp(mcp) => mcp.run(),
        Command::Handoff(handoff) => handoff.run(&cli.global),
        Command::Path(path) => path.run(),
        Command::Policy(policy) => policy.run(),
        #[cfg(feature = "live")]
        Command::Probe(probe) => probe.run(&cli.global),
        Command::Rules(rules) => rules.run(),
        Command::Role(role) => role.run(),
        Command::Demo(demo) => demo.run(&cli.global),
        Command::Reference(reference) => reference.run(Cli::command()),
        Command::Completions { shell } => {
            // Whoever reads may stop reading.
            let mut text = Vec::new();
            complete::script(&shell.to_string(), &mut text)?;
            std::io::Write::write_all(&mut std::io::stdout(), &text)?;
            Ok(0)
        }
        Command::Man { folder } => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
                .with_context(|| format!("cannot write to `{}`", folder.display()))?;
            Ok(0)
        }
    }
}

fn start_logging(global: &Global) {
    use tracing_subscriber::EnvFilter;
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (_, 0) => "outcrop=warn,error",
        (_, 1) => "outcrop=info,warn",
        (_, 2) => "outcrop=debug,info",
        _ => "outcrop=trace,debug",
    };
    // SDK crates print requests at their lowest levels; they never get below info here, whatever is asked.
    let filter = EnvFilter::new(format!(
        "{level},aws_config=error,aws_runtime=error,aws_smithy_runtime=error,aws_smithy_runtime_api=error,hyper=info,hyper_util=info,rustls=info"
    ));
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let _ = match global.log_format {
        LogFormat::Json => base.json().try_init(),
        LogFormat::Text => base
            .with_ansi(std::io::stderr().is_terminal())
            .without_time()
            .try_init(),
    };
}
