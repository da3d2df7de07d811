//! Conditions, three-valued.
//!
//! AND over operators and keys, OR over values; a negated operator is NOT of the OR. A missing key
//! makes positive operators false and negated ones true, every `...IfExists` true, `ForAllValues`
//! true and `ForAnyValue` false (IAM User Guide, reference_policies_condition-single-vs-multi-valued-context-keys).

use super::document::Condition;
use super::truth::{Fact, Tri};
use crate::model::{arn_matches, glob};
use jiff::Timestamp;
use std::net::IpAddr;

fn ip_within(range: &str, address: &str) -> Result<bool, String> {
    let address: IpAddr = address.parse().map_err(|_| format!("`{address}` is no address"))?;
    let net: ipnet::IpNet = match range.parse() {
        Ok(net) => net,
        Err(_) => range.parse::<IpAddr>().map(ipnet::IpNet::from).map_err(|_| format!("`{range}` is no address range"))?,
    };
    Ok(net.contains(&address))
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<i64>().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()))
        .or_else(|| text.parse::<jiff::civil::Date>().ok().and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok()).map(|zoned| zoned.timestamp()))
        .ok_or_else(|| format!("`{text}` is no instant"))
}

/// One comparison of a policy's value with a request's.
fn compare(operator: &str, wanted: &str, found: &str) -> Option<Result<bool, String>> {
    let both = |test: fn(f64, f64) -> bool| number(found).and_then(|found| number(wanted).map(|wanted| test(found, wanted)));
    let times = |test: fn(Timestamp, Timestamp) -> bool| instant(found).and_then(|found| instant(wanted).map(|wanted| test(found, wanted)));
    Some(match operator {
        "stringequals" | "binaryequals" => Ok(wanted == found),
        "stringequalsignorecase" => Ok(wanted.eq_ignore_ascii_case(found)),
        "stringlike" => Ok(glob(wanted, found)),
        "arnequals" | "arnlike" => Ok(arn_matches(wanted, found)),
        "bool" => Ok(wanted.eq_ignore_ascii_case(found)),
        "ipaddress" => ip_within(wanted, found),
        "numericequals" => both(|found, wanted| (found - wanted).abs() < f64::EPSILON),
        "numericlessthan" => both(|found, wanted| found < wanted),
        "numericlessthanequals" => both(|found, wanted| found <= wanted),
        "numericgreaterthan" => both(|found, wanted| found > wanted),
        "numericgreaterthanequals" => both(|found, wanted| found >= wanted),
        "dateequals" => times(|found, wanted| found == wanted),
        "datelessthan" => times(|found, wanted| found < wanted),
        "datelessthanequals" => times(|found, wanted| found <= wanted),
        "dategreaterthan" => times(|found, wanted| found > wanted),
        "dategreaterthanequals" => times(|found, wanted| found >= wanted),
        _ => return None,
    })
}

/// An operator taken apart.
pub(super) struct Operator {
    pub base: String,
    pub negated: bool,
    pub if_exists: bool,
    pub for_all: bool,
    pub for_any: bool,
}

pub(super) fn operator(text: &str) -> Operator {
    let lower = text.to_ascii_lowercase();
    let (for_all, lower) = lower.strip_prefix("forallvalues:").map_or((false, lower.clone()), |rest| (true, rest.to_owned()));
    let (for_any, lower) = lower.strip_prefix("foranyvalue:").map_or((false, lower.clone()), |rest| (true, rest.to_owned()));
    let (if_exists, lower) = lower.strip_suffix("ifexists").map_or((false, lower.clone()), |rest| (true, rest.to_owned()));
    let (negated, base) = match lower.as_str() {
        "stringnotequals" => (true, "stringequals"),
        "stringnotequalsignorecase" => (true, "stringequalsignorecase"),
        "stringnotlike" => (true, "stringlike"),
        "arnnotequals" | "arnnotlike" => (true, "arnlike"),
        "notipaddress" => (true, "ipaddress"),
        "numericnotequals" => (true, "numericequals"),
        "datenotequals" => (true, "dateequals"),
        other => (false, other),
    };
    Operator { base: base.to_owned(), negated, if_exists, for_all, for_any }
}

fn unknown(condition: &Condition, why: &str) -> Tri {
    Tri::Unknown(vec![format!("{} on {}: {why}", condition.operator, condition.key)])
}

/// Does the condition hold for a fact?
pub(super) fn holds(condition: &Condition, fact: &Fact, variables: bool) -> Tri {
    let op = operator(&condition.operator);
    if op.base == "null" {
        let wants_absent = condition.values.iter().any(|value| value.eq_ignore_ascii_case("true"));
        return match fact {
            Fact::Unknown => unknown(condition, "whether the key is there is not known"),
            Fact::Absent => Tri::from(wants_absent),
            Fact::Values(_) => Tri::from(!wants_absent),
        };
    }
    let values = match fact {
        Fact::Unknown => return unknown(condition, "the value is not known"),
        Fact::Absent => {
            if compare(&op.base, "", "").is_none() {
                return unknown(condition, "the operator is not understood");
            }
            return Tri::from(op.if_exists || op.for_all || op.negated && !op.for_any);
        }
        Fact::Values(values) => values,
    };
    if variables && condition.values.iter().any(|value| value.contains("${")) {
        return unknown(condition, "it holds a policy variable");
    }
    let test = |found: &str| -> Tri {
        let mut any = Tri::False;
        for wanted in &condition.values {
            any = any.or(match compare(&op.base, wanted, found) {
                None => unknown(condition, "the operator is not understood"),
                Some(Err(why)) => unknown(condition, &why),
                Some(Ok(hit)) => Tri::from(hit),
            });
        }
        if op.negated { any.not() } else { any }
    };
    if op.for_all { values.iter().fold(Tri::True, |all, found| all.and(test(found))) } else { values.iter().fold(Tri::False, |any, found| any.or(test(found))) }
}
