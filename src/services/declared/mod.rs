//! What a file declares, before anything exists: one shape for Terraform, CloudFormation and Pulumi.
//!
//! Names are compared without case and underscores, and a list of one object counts as the object, so that
//! `vpc_config[0].subnet_ids`, `VpcConfig.SubnetIds` and `vpcConfig.subnetIds` are one path and each service
//! writes its mapping once.
//!
//! **Invariant:** what is declared and not settled yet is [`Told::Unknown`], never a default; what is not
//! declared is [`Told::Absent`], and only the mapping knows what AWS makes of that.

pub mod ids;
mod node;
pub mod openings;
pub mod policy;
mod rows;
mod variables;

pub use node::{Later, Node, Told};
pub use rows::{Claim, Draft, Rows};

use crate::model::Location;
use serde_json::{Value as Json, json};

use Told::{Absent, Known, Unknown};

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It does not exist yet, or is made anew.
    Create,
    /// It exists and changes.
    Update,
    /// It exists and stays.
    Keep,
}

impl Change {
    /// The name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Keep => "keep",
        }
    }
}

/// One resource of a file.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Address in the plan, logical id in the template, URN.
    pub address: String,
    /// Type, in Terraform's or CloudFormation's spelling.
    pub kind: String,
    /// Account it will be in; [`crate::model::UNKNOWN_ACCOUNT`] when the file does not tell.
    pub account_id: String,
    /// Region it will be in; [`crate::model::UNKNOWN_REGION`] when the file does not tell.
    pub region: String,
    /// Partition.
    pub partition: String,
    /// Its arguments.
    pub values: Node,
    /// What becomes of it.
    pub change: Change,
    /// Where it is declared.
    pub location: Option<Location>,
    /// Path of the CDK construct that it is; empty elsewhere.
    pub path: String,
    /// The line of the app that made the construct, where the assembly says it.
    pub written: Option<Location>,
    /// Name or id of what exists already, where the file does not tell; else empty.
    pub made: String,
    /// What is applied together with it: its stack, or the provider of a plan.
    pub unit: String,
    /// The file that it is of, where another of the files that are judged together has the same address; else empty.
    pub file: String,
}

impl Declared {
    /// What a report calls it.
    pub fn shown(&self) -> String {
        if self.file.is_empty() {
            self.address.clone()
        } else {
            format!("{}: {}", self.file, self.address)
        }
    }

    /// The value at a path.
    pub fn at(&self, path: &str) -> &Node {
        self.values.at(path)
    }

    /// Is the file one of CloudFormation's? Defaults differ.
    pub fn is_cloudformation(&self) -> bool {
        self.kind.contains("::")
    }

    /// The id that AWS gives: the real one, or the address as a symbol for what does not exist yet.
    pub fn id(&self) -> String {
        match self.at("id").text() {
            Known(id) if !self.is_cloudformation() && self.change != Change::Create => id,
            _ => self.symbol(),
        }
    }

    /// The address, which stands for what AWS has not named yet.
    fn symbol(&self) -> String {
        if self.made.is_empty() {
            self.address.clone()
        } else {
            self.made.clone()
        }
    }

    /// A declared name; the address where AWS makes one up.
    pub fn name(&self, path: &str) -> String {
        self.at(path)
            .id()
            .known()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| self.symbol())
    }

    /// An ARN in the account and Region of the resource, unless it exists and its own is known.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        if let (Known(arn), false) = (self.at("arn").text(), self.is_cloudformation())
            && arn.starts_with("arn:")
        {
            return arn;
        }
        self.arn_of(service, resource)
    }

    /// An ARN in the account and Region of the resource.
    pub fn arn_of(&self, service: &str, resource: &str) -> String {
        let region = if service == "iam" { "" } else { &self.region };
        format!(
            "arn:{}:{service}:{region}:{}:{resource}",
            self.partition, self.account_id
        )
    }

    /// The ARN of a role by what a file names it with; its name alone stands there where an index that is computed hides the
    /// attribute, and where the service takes names.
    pub fn role(&self, path: &str) -> Told<String> {
        self.at(path).id().map(|role| match role.as_str() {
            "" => role,
            named if named.contains(':') => role,
            name => self.arn_of("iam", &format!("role/{name}")),
        })
    }

    /// Tags as an object: a map, or a list of keys and values.
    pub fn tags(&self) -> Told<Json> {
        let node = match self.at("tags_all") {
            Node::Map(members) => &Node::Map(members.clone()),
            _ => self.at("tags"),
        };
        match node {
            Node::Absent => Known(json!({})),
            Node::Unknown(later) => Unknown(later.clone()),
            Node::List(pairs) => {
                let mut all = serde_json::Map::new();
                for pair in pairs {
                    match (pair.at("key").text(), pair.at("value").text()) {
                        (Known(key), Known(value)) => {
                            all.insert(key, json!(value));
                        }
                        (Unknown(later), _) | (_, Unknown(later)) => return Unknown(later),
                        _ => {}
                    }
                }
                Known(Json::Object(all))
            }
            Node::Map(members) => {
                let mut all = serde_json::Map::new();
                for (key, value) in members {
                    match value.text() {
                        Known(value) => {
                            all.insert(key.clone(), json!(value));
                        }
                        Unknown(later) => return Unknown(later),
                        Absent => {}
                    }
                }
                Known(Json::Object(all))
            }
            _ => Absent,
        }
    }
}

/// How a file spells what fills some tables.
pub struct Spelling {
    /// Types, in Terraform's and CloudFormation's spelling.
    pub kinds: &'static [&'static str],
    /// The mapping.
    pub map: fn(&Declared, &mut Rows),
}
