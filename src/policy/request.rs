//! Requests: who asks for what on what, and what is known besides.

use super::truth::Fact;
use crate::model::Arn;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What kind of principal asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nobody that AWS knows.
    Anonymous,
    /// The root user of an account.
    Root,
    /// A user.
    User,
    /// A role, standing for any session of it.
    Role,
    /// One session of a role.
    Session,
    /// A session of a federated user.
    FederatedUser,
    /// A service.
    Service,
    /// Someone whom an identity provider vouches for.
    Federated,
    /// A canonical user of S3.
    Canonical,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Kind.
    pub kind: Kind,
    /// ARN, or the name of a service or provider; empty for nobody.
    pub arn: String,
    /// Account; empty where there is none.
    pub account: String,
    /// Organisation id.
    pub organization: Fact,
    /// Has it a permissions boundary? A Deny with NotPrincipal always hits such a principal.
    pub bounded: bool,
    /// Tags that its requests carry, where they are known: those of a user. A role's can be overlaid by those of its session
    /// (IAM User Guide, "Pass session tags in AWS STS").
    pub tags: Option<BTreeMap<String, String>>,
}

impl Principal {
    /// Reads an ARN or the name of a service; what is neither is an identity provider.
    pub fn parse(text: &str) -> Self {
        let mut principal = Self {
            kind: Kind::Federated,
            arn: text.to_owned(),
            account: String::new(),
            organization: Fact::Absent,
            bounded: false,
            tags: None,
        };
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self {
                kind: Kind::Root,
                arn: format!("arn:aws:iam::{text}:root"),
                account: text.to_owned(),
                ..principal
            };
        }
        match Arn::parse(text) {
            Some(arn) => {
                arn.account.clone_into(&mut principal.account);
                principal.kind = match arn.resource.split('/').next().unwrap_or_default() {
                    "root" => Kind::Root,
                    "user" => Kind::User,
                    "assumed-role" => Kind::Session,
                    "federated-user" => Kind::FederatedUser,
                    "saml-provider" | "oidc-provider" => Kind::Federated,
                    _ => Kind::Role,
                };
            }
            // Amazon Cognito vouches for its users; it is no service that assumes roles.
            None if text == "cognito-identity.amazonaws.com" => {}
            None if text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn") => {
                principal.kind = Kind::Service
            }
            None => {}
        }
        principal
    }

    /// Nobody that AWS knows.
    pub fn anonymous() -> Self {
        Self {
            kind: Kind::Anonymous,
            arn: String::new(),
            account: String::new(),
            organization: Fact::Absent,
            bounded: false,
            tags: None,
        }
    }

    /// Is it an identity of an account?
    pub fn is_aws(&self) -> bool {
        matches!(
            self.kind,
            Kind::Root | Kind::User | Kind::Role | Kind::Session | Kind::FederatedUser
        )
    }

    /// `aws:PrincipalArn`: that of a session is the role's; the path of the role is not in the session's ARN.
    pub fn principal_arn(&self) -> Option<String> {
        match self.kind {
            Kind::Session => {
                let arn = Arn::parse(&self.arn)?;
                Some(format!(
                    "arn:{}:iam::{}:role/{}",
                    arn.partition,
                    arn.account,
                    arn.resource.split('/').nth(1)?
                ))
            }
            _ if self.is_aws() => Some(self.arn.clone()),
            _ => None,
        }
    }

    /// Is it a service-linked role, or a session of one? No control policy holds it. The ARN of a session lacks the path; the
    /// beginning of the name is reserved (IAM User Guide, "Create a service-linked role").
    pub fn is_service_linked(&self) -> bool {
        self.arn.contains(":role/aws-service-role/")
            || self.kind == Kind::Session && self.arn.contains(":assumed-role/AWSServiceRoleFor")
    }
}

/// What is known of keys that a request does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They are absent.
    Absent,
    /// They are absent where callers set them, and not known where AWS fills them in from tags and the like.
    Usual,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// `service:Action`.
    pub action: String,
    /// ARN.
    pub resource: String,
    /// Account that owns the resource, where the ARN does not say.
    pub resource_account: Option<String>,
    /// Condition keys in lower case.
    pub context: BTreeMap<String, Fact>,
    /// What the context does not hold.
    pub others: Others,
}

impl Request {
    /// Account that owns the resource.
    pub fn owner(&self) -> Option<&str> {
        self.resource_account
            .as_deref()
            .or_else(|| Arn::parse(&self.resource).map(|arn| arn.account))
            .filter(|account| !account.is_empty())
    }

    /// Is the path of the role that asks not known? The ARN of a session has none.
    pub fn lacks_path(&self) -> bool {
        self.principal.kind == Kind::Session && !self.context.contains_key("aws:principalarn")
    }

    /// What is known of a key: the context, else what follows from principal and resource.
    ///
    /// Source: IAM User Guide, reference_policies_condition-keys (availability of each key).
    pub fn fact(&self, key: &str) -> Fact {
        if let Some(fact) = self.context.get(key) {
            return fact.clone();
        }
        let text = |text: Option<String>| text.map_or(Fact::Absent, Fact::one);
        let aws = self.principal.is_aws();
        match key {
            "aws:principalarn" => text(self.principal.principal_arn()),
            "aws:principalaccount" => text(aws.then(|| self.principal.account.clone())),
            "aws:principalorgid" if aws => self.principal.organization.clone(),
            // IAM User Guide, "aws:PrincipalIsAWSService": anonymous requests do not include it.
            "aws:principalisawsservice" if self.principal.kind == Kind::Anonymous => Fact::Absent,
            "aws:principalisawsservice" => {
                Fact::one((self.principal.kind == Kind::Service).to_string())
            }
            "aws:principalservicename" => {
                text((self.principal.kind == Kind::Service).then(|| self.principal.arn.clone()))
            }
            "aws:principaltype" => text(match self.principal.kind {
                Kind::Anonymous => Some("Anonymous".to_owned()),
                Kind::Root => Some("Account".to_owned()),
                Kind::User => Some("User".to_owned()),
                Kind::Role | Kind::Session => Some("AssumedRole".to_owned()),
                Kind::FederatedUser => Some("FederatedUser".to_owned()),
                Kind::Service | Kind::Federated | Kind::Canonical => None,
            }),
            "aws:username" => text((self.principal.kind == Kind::User).then(|| {
                self.principal
                    .arn
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })),
            "aws:resourceaccount" => match self.owner() {
                Some(account) => Fact::one(account),
                None => self.other(Fact::Unknown),
            },
            "kms:calleraccount" => text(aws.then(|| self.principal.account.clone())),
            // Bedrock User Guide, "Global cross-Region inference": the model is in no Region, and the key says so.
            "aws:requestedregion" if self.resource.contains(":bedrock:::foundation-model/") => {
                Fact::one("unspecified")
            }
            "aws:requestedregion" => match Arn::parse(&self.resource)
                .map(|arn| arn.region)
                .filter(|region| !region.is_empty())
            {
                Some(region) => Fact::one(region),
                None => self.other(Fact::Unknown),
            },
            "aws:viaawsservice" => self.other(Fact::one("false")),
            "aws:securetransport" => self.other(Fact::one("true")),
            "aws:principalorgpaths"
            | "aws:resourceorgid"
            | "aws:resourceorgpaths"
            | "aws:userid" => self.other(Fact::Unknown),
            _ if key.starts_with("aws:principaltag/") && self.principal.tags.is_some() => {
                let name = &key["aws:principaltag/".len()..];
                let tags = self.principal.tags.iter().flatten();
                text(
                    tags.filter(|(key, _)| key.eq_ignore_ascii_case(name))
                        .map(|(_, value)| value.clone())
                        .next(),
                )
            }
            _ if key.starts_with("aws:principaltag/") || key.contains(":resourcetag/") => {
                self.other(Fact::Unknown)
            }
            _ => Fact::Absent,
        }
    }

    fn other(&self, usual: Fact) -> Fact {
        match self.others {
            Others::Absent => Fact::Absent,
            Others::Usual => usual,
        }
    }

    /// The request for a person and for the evidence.
    pub fn witness(&self) -> Json {
        let context: BTreeMap<&str, Json> = self
            .context
            .iter()
            .filter_map(|(key, fact)| match fact {
                Fact::Values(values) => Some((
                    key.as_str(),
                    if let [one] = values.as_slice() {
                        json!(one)
                    } else {
                        json!(values)
                    },
                )),
                Fact::Absent | Fact::Unknown => None,
            })
            .collect();
        let principal = if self.principal.kind == Kind::Anonymous {
            Json::Null
        } else {
            json!(self.principal.arn)
        };
        json!({"principal": principal, "action": self.action, "resource": self.resource, "context": context})
    }
}
