//! `outcrop policy invoke`: will a call of a model be allowed, and what refuses it?

use super::opened::world;
use crate::paths::invoke::{By, Invocation, Outcome, Question, invoke};
use crate::report::safe::cut;
use std::io::Write;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Invoke {
    /// Run file or inventory folder.
    run: PathBuf,
    /// Role or user that calls, by ARN or name; the roles of the workload where it is left out.
    #[arg(long, value_name = "ARN", required_unless_present = "from")]
    principal: Option<String>,
    /// Model or inference profile, by id or ARN.
    #[arg(long, value_name = "ID")]
    model: String,
    /// Workload that calls, by ARN or name: its path and the endpoint on it are asked too.
    #[arg(long, value_name = "WORKLOAD")]
    from: Option<String>,
    /// Action on the model.
    #[arg(long, default_value = "bedrock:InvokeModel")]
    action: String,
    /// Region of the call; that of the workload, or the first of the run, where it is left out.
    #[arg(long)]
    region: Option<String>,
    /// For a person at a terminal, or as JSON.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

impl Invoke {
    /// 0 where the call is allowed, 3 where it is refused, 4 where that could not be determined.
    pub fn run(&self) -> anyhow::Result<u8> {
        let question = Question {
            principal: self.principal.as_deref(),
            model: &self.model,
            action: &self.action,
            from: self.from.as_deref(),
            region: self.region.as_deref(),
            by: By::Any,
        };
        let answer = invoke(&world(&self.run)?, &question).map_err(super::Usage)?;
        let mut out = crate::cli::out();
        match self.format {
            Form::Json => {
                serde_json::to_writer_pretty(&mut out, &answer)?;
                writeln!(out)?;
            }
            Form::Text => print(&answer, self, &mut out)?,
        }
        Ok(match answer.answer {
            Outcome::Allowed => 0,
            Outcome::Refused => 3,
            Outcome::Unknown => 4,
        })
    }
}

fn print(answer: &Invocation, asked: &Invoke, out: &mut dyn Write) -> std::io::Result<()> {
    let word = |outcome| match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Refused => "refused",
        Outcome::Unknown => "unknown",
    };
    writeln!(
        out,
        "{}: {} of {} in {}",
        word(answer.answer),
        cut(&asked.action, 100),
        cut(&asked.model, 300),
        cut(&answer.region, 40)
    )?;
    for step in &answer.steps {
        writeln!(
            out,
            "  {}  {}\n      {}",
            word(step.answer),
            cut(&step.needs, 400),
            cut(&step.reason, 800)
        )?;
        for because in &step.because {
            let place = [&because.policy, &because.statement]
                .into_iter()
                .filter(|text| !text.is_empty())
                .map(|text| cut(text, 200))
                .collect::<Vec<_>>()
                .join(", ");
            writeln!(out, "      {place}: {}", cut(&because.text, 600))?;
        }
    }
    Ok(())
}
