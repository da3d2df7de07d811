//! Conditions, three-valued.
//!
//! AND over operators and keys, OR over values; a negated operator is NOT of the OR. A missing key
//! makes positive operators false and negated ones true, every `...IfExists` true, `ForAllValues`
//! true and `ForAnyValue` false (IAM User Guide, reference_policies_condition-single-vs-multi-valued-context-keys).

use super::document::Condition;
use super::truth::{Fact, Tri};
use super::variable;
use crate::model::{Gap, Pattern, UNKNOWN_ACCOUNT};
use jiff::Timestamp;
use std::net::IpAddr;

/// How an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Text,
    TextNoCase,
    Like,
    Arn,
    Bool,
    Address,
    Number,
    Instant,
    /// Only whether the key is there.
    Null,
    /// Not understood.
    Other,
}

/// An operator taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub comparison: Comparison,
    /// For numbers and instants: below, equal, above.
    holds_for: (bool, bool, bool),
    pub negated: bool,
    pub if_exists: bool,
    pub for_all: bool,
    pub for_any: bool,
}

pub(super) fn operator(text: &str) -> Operator {
    let lower = text.to_ascii_lowercase();
    let (for_all, rest) = lower
        .strip_prefix("forallvalues:")
        .map_or((false, lower.as_str()), |rest| (true, rest));
    let (for_any, rest) = rest
        .strip_prefix("foranyvalue:")
        .map_or((false, rest), |rest| (true, rest));
    let (if_exists, rest) = rest
        .strip_suffix("ifexists")
        .map_or((false, rest), |rest| (true, rest));
    use Comparison::{Address, Arn, Bool, Instant, Like, Null, Number, Other, Text, TextNoCase};
    const EQUAL: (bool, bool, bool) = (false, true, false);
    let (comparison, negated, holds_for) = match rest {
        "stringequals" | "binaryequals" => (Text, false, EQUAL),
        "stringnotequals" => (Text, true, EQUAL),
        "stringequalsignorecase" => (TextNoCase, false, EQUAL),
        "stringnotequalsignorecase" => (TextNoCase, true, EQUAL),
        "stringlike" => (Like, false, EQUAL),
        "stringnotlike" => (Like, true, EQUAL),
        "arnequals" | "arnlike" => (Arn, false, EQUAL),
        "arnnotequals" | "arnnotlike" => (Arn, true, EQUAL),
        "bool" => (Bool, false, EQUAL),
        "ipaddress" => (Address, false, EQUAL),
        "notipaddress" => (Address, true, EQUAL),
        // `Null` with IfExists is no operator.
        "null" if !if_exists => (Null, false, EQUAL),
        other => {
            let (kind, relation) = match (other.strip_prefix("numeric"), other.strip_prefix("date"))
            {
                (Some(relation), _) => (Number, relation),
                (None, Some(relation)) => (Instant, relation),
                (None, None) => (Other, ""),
            };
            match relation {
                "equals" => (kind, false, EQUAL),
                "notequals" => (kind, true, EQUAL),
                "lessthan" => (kind, false, (true, false, false)),
                "lessthanequals" => (kind, false, (true, true, false)),
                "greaterthan" => (kind, false, (false, false, true)),
                "greaterthanequals" => (kind, false, (false, true, true)),
                _ => (Other, false, EQUAL),
            }
        }
    };
    Operator {
        comparison,
        holds_for,
        negated,
        if_exists,
        for_all,
        for_any,
    }
}

pub(super) fn is_known(text: &str) -> bool {
    operator(text).comparison != Comparison::Other
}

pub(super) fn range(text: &str) -> Result<ipnet::IpNet, String> {
    text.parse::<ipnet::IpNet>()
        .map(|net| net.trunc())
        .or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| format!("`{text}` is no address range"))
}

pub(super) fn number(text: &str) -> Result<f64, String> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| format!("`{text}` is no number"))
}

pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| {
            text.parse::<i64>()
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
        })
        .or_else(|| {
            text.parse::<jiff::civil::DateTime>()
                .ok()
                .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok())
                .map(|zoned| zoned.timestamp())
        })
        .ok_or_else(|| format!("`{text}` is no instant"))
}

impl Operator {
    fn ordered(&self, ordering: Option<std::cmp::Ordering>) -> bool {
        match ordering {
            Some(std::cmp::Ordering::Less) => self.holds_for.0,
            Some(std::cmp::Ordering::Equal) => self.holds_for.1,
            Some(std::cmp::Ordering::Greater) => self.holds_for.2,
            None => false,
        }
    }

    /// One comparison of a policy's value with a request's; negation comes later.
    fn compare(&self, wanted: &Pattern, text: &str, found: &str) -> Result<bool, String> {
        Ok(match self.comparison {
            Comparison::Text | Comparison::TextNoCase | Comparison::Like | Comparison::Arn => {
                wanted.matches(found)
            }
            Comparison::Bool => text.eq_ignore_ascii_case(found),
            Comparison::Address => range(text)?.contains(
                &found
                    .parse::<IpAddr>()
                    .map_err(|_| format!("`{found}` is no address"))?,
            ),
            Comparison::Number => self.ordered(number(found)?.partial_cmp(&number(text)?)),
            Comparison::Instant => self.ordered(Some(instant(found)?.cmp(&instant(text)?))),
            Comparison::Null | Comparison::Other => {
                return Err("the operator is not understood".to_owned());
            }
        })
    }

    /// A value of the policy as a pattern; the wildcards count for some operators only.
    pub fn pattern(&self, value: &variable::Value) -> Pattern {
        match self.comparison {
            Comparison::Like => value.pattern(true),
            Comparison::Arn => value.pattern(true).into_arn(),
            Comparison::TextNoCase => value.pattern(false).no_case(),
            _ => value.pattern(false),
        }
    }
}

fn unknown(condition: &Condition, why: &str) -> Tri {
    Tri::unclear(format!(
        "{} on {}: {why}",
        condition.operator, condition.key
    ))
}

/// Does the condition hold for a fact? `facts` answers for the variables in the policy's values, where it has any.
pub(super) fn holds(
    condition: &Condition,
    fact: &Fact,
    facts: Option<&dyn Fn(&str) -> Fact>,
) -> Tri {
    let op = operator(&condition.operator);
    if condition.values.is_empty() {
        return unknown(
            condition,
            "it has no value, and what AWS makes of that is not documented",
        );
    }
    match op.comparison {
        Comparison::Other if condition.operator == crate::model::OPEN_OPERATOR => {
            return Tri::Unknown(vec![Gap::unresolved(
                "",
                format!("known after apply: {}", condition.values.join(", ")),
            )]);
        }
        Comparison::Other => return unknown(condition, "the operator is not understood"),
        Comparison::Null
            if facts.is_some() && condition.values.iter().any(|one| one.contains("${")) =>
        {
            return unknown(condition, "a variable does not work with this operator");
        }
        Comparison::Null => {
            let wants_absent = condition
                .values
                .iter()
                .any(|value| value.eq_ignore_ascii_case("true"));
            return match fact {
                Fact::Unknown => unknown(condition, "whether the key is there is not known"),
                Fact::Absent => Tri::from(wants_absent),
                Fact::Values(_) => Tri::from(
                    condition
                        .values
                        .iter()
                        .any(|value| value.eq_ignore_ascii_case("false")),
                ),
            };
        }
        _ => {}
    }
    let values = match fact {
        Fact::Unknown => return unknown(condition, "the value is not known"),
        // Of a set that is not there ForAnyValue is false, whatever else the operator says (IAM User Guide, "Set operators").
        Fact::Absent => {
            return Tri::from(!op.for_any && (op.if_exists || op.for_all || op.negated));
        }
        // "If the key values in the request resolve to a null dataset, such as an empty string".
        Fact::Values(values) if op.for_all && values.iter().all(String::is_empty) => {
            return Tri::True;
        }
        Fact::Values(values) => values,
    };
    // What the policy names, with its variables filled in; a variable without a value names nothing.
    let mut wanted: Vec<(Pattern, String)> = Vec::new();
    let mut unclear = None;
    // IAM User Guide, "Policy variables": not with Numeric, Date, Boolean, Binary, IP address or Null operators.
    let takes_none = matches!(
        op.comparison,
        Comparison::Bool | Comparison::Address | Comparison::Number | Comparison::Instant
    );
    for text in &condition.values {
        if takes_none && text.contains("${") && facts.is_some() {
            unclear = Some(unknown(
                condition,
                "a variable does not work with this operator",
            ));
            continue;
        }
        match facts.map_or_else(
            || Ok(Some(variable::Value::plain(text))),
            |facts| variable::resolve(text, facts),
        ) {
            Ok(Some(value)) => wanted.push((op.pattern(&value), value.text())),
            Ok(None) => {}
            Err(why) => unclear = Some(unknown(condition, &why)),
        }
    }
    let any = |found: &str| -> Tri {
        let mut any = unclear.clone().unwrap_or(Tri::False);
        for (pattern, text) in &wanted {
            any = any.or(match op.compare(pattern, text, found) {
                // A file that does not say which account it is for may be for this one.
                Ok(false)
                    if found != text
                        && (found.contains(UNKNOWN_ACCOUNT) || text.contains(UNKNOWN_ACCOUNT)) =>
                {
                    unknown(condition, "the file does not say which account it is for")
                }
                Ok(hit) => Tri::from(hit),
                Err(why) => unknown(condition, &why),
            });
        }
        any
    };
    let each = |found: &String| {
        if op.negated {
            any(found).not()
        } else {
            any(found)
        }
    };
    if op.for_all {
        values.iter().map(each).fold(Tri::True, Tri::and)
    } else if op.for_any {
        values.iter().map(each).fold(Tri::False, Tri::or)
    } else {
        let some = values
            .iter()
            .map(|found| any(found))
            .fold(Tri::False, Tri::or);
        if op.negated { some.not() } else { some }
    }
}
