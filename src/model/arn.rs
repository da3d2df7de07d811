//! Amazon Resource Names, taken apart and no further.

use std::fmt;

/// `arn:partition:service:region:account:resource`; the resource keeps its colons and slashes.
///
/// Source: IAM User Guide, "Amazon Resource Names (ARNs)".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-us-gov`, `aws-cn`, ...
    pub partition: &'a str,
    /// Service prefix, such as `lambda`.
    pub service: &'a str,
    /// Region, or empty.
    pub region: &'a str,
    /// Account id, or empty (S3 buckets, foundation models).
    pub account: &'a str,
    /// Everything behind the fifth colon.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Takes an ARN apart; `None` when it has fewer than six components or does not start with `arn`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }

    /// The last part of the resource behind `/` or `:`: a role's name without its path, a key's id.
    pub fn name(&self) -> &'a str {
        self.resource
            .rsplit(['/', ':'])
            .next()
            .unwrap_or(self.resource)
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            service,
            region,
            account,
            resource,
        } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The ARN that stands for a whole account (its root principal).
pub fn account_arn(partition: &str, account: &str) -> String {
    format!("arn:{partition}:iam::{account}:root")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_keeps_its_colons() {
        let arn =
            Arn::parse("arn:aws:lambda:eu-west-1:111111111111:function:chat:7").expect("an ARN");
        assert_eq!(arn.resource, "function:chat:7");
        assert_eq!(
            arn.to_string(),
            "arn:aws:lambda:eu-west-1:111111111111:function:chat:7"
        );
        assert_eq!(
            Arn::parse("arn:aws:s3:::"),
            Some(Arn {
                partition: "aws",
                service: "s3",
                region: "",
                account: "",
                resource: ""
            })
        );
        assert_eq!(Arn::parse("not-an-arn"), None);
    }
}
