//! `outcrop evidence`: the auditor's package.

use super::Global;
use super::output::write_private;
use crate::evidence;
use crate::evidence::envelope::{self, PublicKey, Signer};
use crate::evidence::reconcile::{Seen, reconcile, request_ids};
use crate::report::safe::{cut, terminal};
use anyhow::Context as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Evidence {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key to sign packages with (Ed25519): KEY, readable by you alone, and KEY.pub to hand out.
    Key {
        /// Where to write it; nothing is overwritten.
        #[arg(long, value_name = "KEY")]
        out: PathBuf,
        #[command(flatten)]
        kms: Kms,
    },
    /// Write a package: the run, the rules, what was read, the reports, digests and a signature.
    Pack {
        /// Run file.
        run: PathBuf,
        /// Private key.
        #[arg(
            long,
            value_name = "KEY",
            required_unless_present = "kms_key",
            conflicts_with = "kms_key"
        )]
        key: Option<PathBuf>,
        #[command(flatten)]
        kms: Kms,
        /// Folder to make.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Put stand-ins for account ids and names, the same everywhere, for sharing outside.
        #[arg(long)]
        redact: bool,
    },
    /// Check a package: signature, digests, completeness; says what is and is not proved.
    Verify {
        /// Package.
        folder: PathBuf,
        /// The signer's public key, got by another way than the package.
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
    },
    /// Judge the packed rows again with the packed rules and compare result by result.
    Replay {
        /// Package.
        folder: PathBuf,
    },
    /// Look up each request id of a package in the log files of CloudTrail.
    Reconcile {
        /// Package.
        folder: PathBuf,
        /// Log files of CloudTrail (.json, .json.gz), or folders of them; repeatable.
        #[arg(long, value_name = "PATH", required = true)]
        trail: Vec<PathBuf>,
    },
}

/// A key that AWS KMS holds.
#[derive(Debug, clap::Args)]
struct Kms {
    /// ARN of an AWS KMS key of the spec ECC_NIST_P256 and the usage SIGN_VERIFY; `key` writes its public half to KEY.
    #[arg(long, value_name = "ARN")]
    kms_key: Option<String>,
    /// Profile of the shared configuration, for the AWS KMS key.
    #[arg(long, env = "AWS_PROFILE")]
    profile: Option<String>,
}

#[cfg(feature = "live")]
impl Kms {
    fn open(&self, arn: &str) -> anyhow::Result<crate::sources::live::KmsKey> {
        Ok(crate::sources::live::KmsKey::open(
            arn,
            self.profile.clone(),
        )?)
    }
}

#[cfg(not(feature = "live"))]
impl Kms {
    fn open(&self, arn: &str) -> anyhow::Result<Unbuilt> {
        let _ = self.profile.as_ref();
        anyhow::bail!(
            "`{}`: this build has no AWS SDK; build with the feature `live`, or sign with --key",
            cut(arn, 200)
        )
    }
}

/// The key where the SDK is left out: there is none.
#[cfg(not(feature = "live"))]
enum Unbuilt {}

#[cfg(not(feature = "live"))]
impl Unbuilt {
    fn public_key(&self) -> anyhow::Result<Vec<u8>> {
        match *self {}
    }

    fn sign(&self, _: &[u8; 32]) -> anyhow::Result<Vec<u8>> {
        match *self {}
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    crate::model::file::read_text(path).with_context(|| format!("cannot read `{}`", path.display()))
}

impl Evidence {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let say = |line: &str| {
            if !global.quiet {
                let _ = writeln!(std::io::stderr(), "{}", terminal(line));
            }
        };
        match &self.command {
            Command::Key {
                out,
                kms: Kms {
                    kms_key: Some(arn), ..
                },
            } if out.exists() => {
                anyhow::bail!(
                    "`{}` is there already; the public half of {} is not written over it",
                    out.display(),
                    cut(arn, 200)
                )
            }
            Command::Key { out, kms } if kms.kms_key.is_some() => {
                let arn = kms.kms_key.as_deref().unwrap_or_default();
                let public = PublicKey::p256(&kms.open(arn)?.public_key()?)?;
                std::fs::write(out, public.pem()?)
                    .with_context(|| format!("cannot write `{}`", out.display()))?;
                say(&format!(
                    "{} is the public half of {}, to be handed out; its id is {}",
                    out.display(),
                    arn,
                    public.id()
                ));
                Ok(0)
            }
            Command::Key { out, .. } => {
                let mut beside = out.clone().into_os_string();
                beside.push(".pub");
                let public = PathBuf::from(beside);
                if let Some(path) = [out, &public].into_iter().find(|path| path.exists()) {
                    anyhow::bail!(
                        "`{}` is there already; a key is never overwritten",
                        path.display()
                    );
                }
                let (private, pem) = envelope::new_key()?;
                write_private(out, private.as_bytes())
                    .with_context(|| format!("cannot write `{}`", out.display()))?;
                std::fs::write(&public, &pem)
                    .with_context(|| format!("cannot write `{}`", public.display()))?;
                say(&format!(
                    "{} signs, {} is handed out; its id is {}",
                    out.display(),
                    public.display(),
                    PublicKey::from_pem(&pem)?.id()
                ));
                Ok(0)
            }
            Command::Pack {
                run,
                key,
                kms,
                out,
                redact,
            } => {
                let held = kms
                    .kms_key
                    .as_deref()
                    .map(|arn| kms.open(arn))
                    .transpose()?;
                let elsewhere = |digest: &[u8; 32]| match &held {
                    Some(held) => held
                        .sign(digest)
                        .map_err(|error| evidence::Error(format!("{error:#}"))),
                    None => Err(evidence::Error("there is no key".to_owned())),
                };
                let key = match (key, &held) {
                    (Some(key), _) => envelope::private_key(&text(key)?)
                        .with_context(|| format!("{}", key.display()))?,
                    (None, Some(held)) => {
                        Signer::Elsewhere(PublicKey::p256(&held.public_key()?)?, &elsewhere)
                    }
                    (None, None) => anyhow::bail!("name a key: --key KEY or --kms-key ARN"),
                };
                let mut beside = out.clone().into_os_string();
                beside.push(".redacted.outcrop");
                let changed = PathBuf::from(beside);
                if *redact {
                    evidence::redact(run, &changed)?;
                }
                let packed = evidence::pack(if *redact { &changed } else { run }, out, &key);
                if *redact {
                    std::fs::remove_file(&changed)
                        .with_context(|| format!("cannot remove `{}`", changed.display()))?;
                }
                let count = packed?;
                say(&format!(
                    "{count} files in {}; its README.md tells how to check them",
                    out.display()
                ));
                Ok(0)
            }
            Command::Verify { folder, public_key } => {
                let key = public_key
                    .as_deref()
                    .map(|path| {
                        PublicKey::from_pem(&text(path)?)
                            .with_context(|| format!("{}", path.display()))
                    })
                    .transpose()?;
                let found = evidence::verify(folder, key.as_ref())?;
                let mut out = crate::cli::out();
                for (title, lines) in [
                    ("Wrong", &found.wrong),
                    ("Proved", &found.proved),
                    ("Not proved", &found.open),
                ] {
                    for line in lines {
                        let _ = writeln!(out, "{title}: {}", cut(line, 400));
                    }
                }
                // Whoever stops reading gets the same exit code.
                let _ = writeln!(
                    out,
                    "{}",
                    if found.wrong.is_empty() {
                        "The package is whole."
                    } else {
                        "The package is refused."
                    }
                );
                Ok(match (found.wrong.is_empty(), &key) {
                    (false, _) => 1,
                    (true, Some(_)) => 0,
                    // Whole, and nobody knows whose.
                    (true, None) => 4,
                })
            }
            Command::Reconcile { folder, trail } => reconciled(folder, trail),
            Command::Replay { folder } => {
                let refused = evidence::verify(folder, None)?.wrong;
                let (count, different) = evidence::replay(folder)?;
                let mut out = crate::cli::out();
                for line in &refused {
                    let _ = writeln!(out, "Wrong: {}", cut(line, 400));
                }
                for one in &different {
                    let _ = writeln!(
                        out,
                        "{}\n  packed:   {}\n  replayed: {}",
                        cut(&one.what, 300),
                        cut(&one.packed, 400),
                        cut(&one.replayed, 400)
                    );
                }
                let _ = writeln!(
                    out,
                    "{count} results judged again, {} differ{}",
                    different.len(),
                    if refused.is_empty() {
                        ""
                    } else {
                        "; the package itself is refused"
                    }
                );
                Ok(u8::from(!different.is_empty() || !refused.is_empty()))
            }
        }
    }
}

/// 0 where every request is recorded as the package says, 1 where one is recorded otherwise, 4 where one is not found.
fn reconciled(folder: &Path, trail: &[PathBuf]) -> anyhow::Result<u8> {
    let records = crate::sources::trail::requests(trail, &request_ids(folder)?)?
        .into_iter()
        .map(|(id, [event, account_id, region])| {
            let seen = Seen {
                event,
                account_id,
                region,
            };
            (id, seen)
        })
        .collect();
    let all = reconcile(folder, &records)?;
    let mut out = crate::cli::out();
    for line in &all.different {
        let _ = writeln!(out, "Wrong: {}", cut(line, 400));
    }
    for ((operation, account, region), count) in &all.missing {
        let _ = writeln!(
            out,
            "Not found: {} in {account} {region}, {count} of its requests",
            cut(operation, 100)
        );
    }
    let missing: usize = all.missing.values().sum();
    let _ = writeln!(
        out,
        "{} of {} requests are recorded as the package says, {} otherwise, {missing} were not found",
        all.found,
        all.requests,
        all.different.len()
    );
    if all.requests == 0 {
        let _ = writeln!(
            out,
            "The package holds no request id: its run was not scanned from AWS accounts."
        );
    }
    Ok(if !all.different.is_empty() {
        1
    } else if missing > 0 || all.requests == 0 {
        4
    } else {
        0
    })
}
