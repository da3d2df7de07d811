//! Small policies at random, and every request that could tell them apart, one by one.

use outcrop::policy::{
    Document, Effect, Fact, Found, Others, PolicyType, Principal, Request, Tri, compare,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A sequence that is the same on every machine (Knuth's MMIX generator).
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides as u64).unwrap_or_default()
    }

    fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }

    fn some(&mut self, all: &[&str]) -> Json {
        let mut picked: Vec<&str> = (0..=self.roll(2)).map(|_| *self.one(all)).collect();
        picked.sort_unstable();
        picked.dedup();
        if let [one] = picked.as_slice() {
            json!(one)
        } else {
            json!(picked)
        }
    }
}

const ACTIONS: &[&str] = &[
    "sqs:SendMessage",
    "sqs:ReceiveMessage",
    "sqs:*",
    "*",
    "sqs:?e*",
    "SQS:send*",
    "sqs:*Message",
];
const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:sqs:*:111122223333:*",
    "arn:aws:sqs:us-east-1:111122223333:jobs",
    "arn:aws:sqs:us-east-1:111122223333:j*",
    "arn:aws:sqs:*:*:*s",
    "arn:aws:sqs:eu-*:111122223333:?obs",
];
const PRINCIPALS: &[&str] = &[
    "*",
    "111122223333",
    "arn:aws:iam::444455556666:role/a",
    "arn:aws:iam::444455556666:root",
];
const CONDITIONS: &[(&str, &str, &[&str])] = &[
    ("StringEquals", "aws:PrincipalOrgID", &["o-1", "o-2"]),
    ("StringNotEquals", "aws:PrincipalOrgID", &["o-1"]),
    ("StringLike", "aws:SourceVpce", &["vpce-*", "vpce-1", "*2"]),
    ("StringNotLikeIfExists", "aws:SourceVpce", &["vpce-1*"]),
    ("StringEqualsIfExists", "aws:SourceVpce", &["vpce-2"]),
    ("Null", "aws:SourceVpce", &["true", "false"]),
    ("NumericLessThan", "aws:MultiFactorAuthAge", &["10", "20"]),
    (
        "NumericGreaterThanEquals",
        "aws:MultiFactorAuthAge",
        &["10"],
    ),
    ("IpAddress", "aws:SourceIp", &["10.0.0.0/8", "10.1.0.0/16"]),
    ("NotIpAddress", "aws:SourceIp", &["10.1.0.0/16"]),
    ("BoolIfExists", "aws:SecureTransport", &["false", "true"]),
    ("ForAllValues:StringEquals", "aws:TagKeys", &["a", "b"]),
    ("ForAnyValue:StringLike", "aws:TagKeys", &["a*", "b"]),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", &["a"]),
    ("StringEquals", "aws:TagKeys", &["c", "a"]),
    (
        "ArnLike",
        "aws:PrincipalArn",
        &["arn:aws:iam::444455556666:role/*", "arn:aws:iam::*:role/a"],
    ),
    (
        "ArnNotEquals",
        "aws:PrincipalArn",
        &["arn:aws:iam::444455556666:role/a"],
    ),
];

fn statement(dice: &mut Dice, kind: PolicyType) -> Json {
    let mut statement = serde_json::Map::new();
    statement.insert(
        "Effect".to_owned(),
        json!(if dice.roll(3) == 0 { "Deny" } else { "Allow" }),
    );
    let not = |dice: &mut Dice, name: &str| {
        if dice.roll(6) == 0 {
            format!("Not{name}")
        } else {
            name.to_owned()
        }
    };
    let name = not(dice, "Action");
    statement.insert(name, dice.some(ACTIONS));
    let name = not(dice, "Resource");
    statement.insert(name, dice.some(RESOURCES));
    if kind == PolicyType::Resource {
        statement.insert(
            "Principal".to_owned(),
            json!({"AWS": dice.some(PRINCIPALS)}),
        );
    }
    let mut blocks = serde_json::Map::new();
    for _ in 0..dice.roll(3) {
        let (operator, key, values) = dice.one(CONDITIONS);
        blocks.insert((*operator).to_owned(), json!({*key: dice.some(values)}));
    }
    if !blocks.is_empty() {
        statement.insert("Condition".to_owned(), Json::Object(blocks));
    }
    Json::Object(statement)
}

/// A policy of one to three statements.
pub fn policy(dice: &mut Dice, kind: PolicyType) -> Json {
    let statements: Vec<Json> = (0..=dice.roll(3)).map(|_| statement(dice, kind)).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn document(json: &Json) -> Document {
    Document::parse("policy", json).expect("a policy that AWS accepts")
}

/// Does the policy alone allow the request?
pub fn allows(document: &Document, request: &Request) -> bool {
    let of = |effect: Effect| {
        document
            .statements
            .iter()
            .filter(move |statement| statement.effect == effect)
            .any(|statement| statement.applies(request, true) == Tri::True)
    };
    of(Effect::Allow) && !of(Effect::Deny)
}

/// Requests that tell the vocabulary apart; keys vary one after the other, so that each policy meets many.
fn request(dice: &mut Dice) -> Request {
    let mut context = BTreeMap::new();
    let mut set = |dice: &mut Dice, key: &str, values: &[&str]| {
        let at = dice.roll(values.len() + 1);
        context.insert(
            key.to_owned(),
            values.get(at).map_or(Fact::Absent, |value| {
                Fact::Values(value.split('|').map(str::to_owned).collect())
            }),
        );
    };
    set(dice, "aws:principalorgid", &["o-1", "o-2", "o-3"]);
    set(
        dice,
        "aws:sourcevpce",
        &["vpce-1", "vpce-12", "vpce-2", "x2", "x"],
    );
    set(
        dice,
        "aws:multifactorauthage",
        &["5", "10", "15", "20", "25"],
    );
    set(
        dice,
        "aws:sourceip",
        &["10.1.2.3", "10.9.9.9", "198.51.100.7"],
    );
    set(dice, "aws:securetransport", &["true", "false"]);
    set(
        dice,
        "aws:tagkeys",
        &["a", "b", "c", "a|b", "a|c", "ab", "b|c"],
    );
    // No request comes through an endpoint and from an address of the internet.
    if matches!(context.get("aws:sourcevpce"), Some(Fact::Values(_))) {
        context.insert("aws:sourceip".to_owned(), Fact::Absent);
    }
    let principal = *dice.one(&[
        "arn:aws:iam::111122223333:role/a",
        "arn:aws:iam::444455556666:role/a",
        "arn:aws:iam::444455556666:role/b",
        "arn:aws:iam::444455556666:root",
        "arn:aws:iam::777788889999:role/a",
        "arn:aws:iam::777788889999:user/b",
    ]);
    Request {
        principal: Principal::parse(principal),
        action: (*dice.one(&[
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueUrl",
        ]))
        .to_owned(),
        resource: (*dice.one(&[
            "arn:aws:sqs:us-east-1:111122223333:jobs",
            "arn:aws:sqs:us-east-1:111122223333:job",
            "arn:aws:sqs:eu-west-1:111122223333:jobs",
            "arn:aws:sqs:eu-west-1:444455556666:tasks",
            "arn:aws:sqs:us-east-1:444455556666:x",
        ]))
        .to_owned(),
        resource_account: None,
        context,
        others: Others::Absent,
    }
}

/// Compares one pair by both ways; an error says where they part. Gives whether there was new access.
pub fn check(seed: u64, requests: usize) -> Result<bool, String> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let kind = if dice.roll(2) == 0 {
        PolicyType::Identity
    } else {
        PolicyType::Resource
    };
    let (reference, candidate) = (policy(&mut dice, kind), policy(&mut dice, kind));
    let fail = |what: String| {
        Err(format!(
            "seed {seed}: {what}\nreference {reference}\ncandidate {candidate}"
        ))
    };
    let (one, other) = (document(&reference), document(&candidate));
    let found = compare(&one, &other, kind).new_access;
    match &found {
        Found::Yes(request) if !allows(&other, request) || allows(&one, request) => {
            return fail(format!("the witness shows nothing: {request:?}"));
        }
        Found::Unknown(why) => return fail(format!("it was given up: {why:?}")),
        _ => {}
    }
    if found == Found::No {
        for _ in 0..requests {
            let request = request(&mut dice);
            if allows(&other, &request) && !allows(&one, &request) {
                return fail(format!("this request was overlooked: {request:?}"));
            }
        }
    }
    // A statement that changes nothing keeps the search from being skipped.
    let idle = |policy: &Json| {
        let mut more = policy.clone();
        more["Statement"]
            .as_array_mut()
            .expect("a list")
            .push(json!({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:nowhere:000000000000:none"}));
        document(&more)
    };
    let searched = if kind == PolicyType::Identity {
        compare(&idle(&candidate), &other, kind).new_access
    } else {
        Found::No
    };
    if searched != Found::No {
        return fail(format!("more than itself and one statement: {searched:?}"));
    }
    // No policy allows more than itself; a Deny more never widens, an Allow more never narrows.
    let with = |policy: &Json, effect: &str, dice: &mut Dice| {
        let mut more = policy.clone();
        let mut extra = statement(dice, kind);
        extra["Effect"] = json!(effect);
        more["Statement"]
            .as_array_mut()
            .expect("a list")
            .push(extra);
        document(&more)
    };
    let denied = with(&reference, "Deny", &mut dice);
    let allowed = with(&reference, "Allow", &mut dice);
    for (name, wide, narrow) in [
        ("itself", &one, &one),
        ("with a Deny more", &one, &denied),
        ("with an Allow more", &allowed, &one),
    ] {
        if compare(wide, narrow, kind).new_access != Found::No {
            return fail(format!(
                "{name}: new access is claimed\n{wide:?}\n{narrow:?}"
            ));
        }
    }
    Ok(found != Found::No)
}
