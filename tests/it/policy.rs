//! What the policy reasoner says of one request and of all of them; each case is a policy and an answer.

use outcrop::policy::{
    Answer, Document, Fact, Found, Others, Policies, Principal, Request, Side, is_full_access,
    models_through, outsider_through,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

fn principal(account: &str) -> Principal {
    Principal {
        organization: Fact::one("o-ours"),
        ..Principal::parse(&format!("arn:aws:iam::{account}:role/app"))
    }
}

fn document(statements: Json) -> Document {
    Document::parse(
        "policy",
        &json!({"Version": "2012-10-17", "Statement": statements}),
    )
    .expect("a policy")
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Allowed(_) => "allowed",
        Answer::ExplicitlyDenied(_) => "explicitly-denied",
        Answer::ImplicitlyDenied(_) => "implicitly-denied",
        Answer::Unknown(_) => "unknown",
    }
}

fn request(context: BTreeMap<String, Fact>) -> Request {
    Request {
        principal: principal("111111111111"),
        action: "bedrock:InvokeModel".to_owned(),
        resource: MODEL.to_owned(),
        resource_account: None,
        context,
        others: Others::Usual,
    }
}

const MODEL: &str = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-v2:1";

#[test]
fn one_request_is_decided_as_aws_decides() {
    let vpce = json!({"aws:SourceVpce": "vpce-1"});
    let none = json!({});
    let allow = |action: &str, resource: &str| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let deny = |condition: Json| json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}]);
    let only = |condition: Json| json!([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}]);
    for (statements, context, expected) in [
        (json!(allow("bedrock:InvokeModel", "*")), &none, "allowed"),
        (json!(allow("BEDROCK:invoke*", "*")), &none, "allowed"),
        (json!(allow("bedrock:??*", "*")), &none, "allowed"),
        (
            json!(allow("bedrock:Get*", "*")),
            &none,
            "implicitly-denied",
        ),
        (
            json!(allow(
                "bedrock:InvokeModel",
                "arn:aws:bedrock:*::foundation-model/anthropic.*"
            )),
            &none,
            "allowed",
        ),
        (
            json!(allow(
                "bedrock:InvokeModel",
                "arn:aws:bedrock:us-east-1::foundation-model/*"
            )),
            &none,
            "implicitly-denied",
        ),
        (
            json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            &none,
            "allowed",
        ),
        (
            json!({"Effect": "Allow", "Action": "*", "NotResource": [MODEL, "x"]}),
            &none,
            "implicitly-denied",
        ),
        (
            deny(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}})),
            &none,
            "explicitly-denied",
        ),
        (
            deny(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}})),
            &vpce,
            "allowed",
        ),
        (
            deny(json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}})),
            &none,
            "allowed",
        ),
        (
            only(json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}})),
            &none,
            "implicitly-denied",
        ),
        (
            only(json!({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}})),
            &none,
            "allowed",
        ),
        (
            only(json!({"ForAllValues:StringEquals": {"aws:TagKeys": "x"}})),
            &none,
            "allowed",
        ),
        (
            only(json!({"ForAnyValue:StringEquals": {"aws:TagKeys": "x"}})),
            &none,
            "implicitly-denied",
        ),
        (
            only(json!({"Null": {"aws:SourceVpce": "true"}})),
            &none,
            "allowed",
        ),
        (
            only(json!({"Null": {"aws:SourceVpce": true}})),
            &vpce,
            "implicitly-denied",
        ),
        (
            only(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
            &json!({"aws:SourceIp": "10.1.2.3"}),
            "allowed",
        ),
        (
            only(json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
            &json!({"aws:SourceIp": "10.1.2.3"}),
            "implicitly-denied",
        ),
        (
            only(json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app"}})),
            &none,
            "allowed",
        ),
        (
            only(json!({"StringEquals": {"aws:PrincipalOrgID": "o-other"}})),
            &none,
            "implicitly-denied",
        ),
        (
            only(json!({"StringEquals": {"aws:PrincipalTag/team": "a"}})),
            &none,
            "unknown",
        ),
        (
            only(json!({"StringMatches": {"aws:SourceVpce": "x"}})),
            &none,
            "unknown",
        ),
        (
            only(json!({"StringEquals": {"aws:SourceVpce": "${aws:PrincipalTag/x}"}})),
            &vpce,
            "unknown",
        ),
        (
            json!([{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "arn:aws:bedrock:*::foundation-model/${aws:PrincipalTag/x}"}]),
            &none,
            "unknown",
        ),
    ] {
        let context: BTreeMap<String, Fact> = context
            .as_object()
            .expect("an object")
            .iter()
            .map(|(key, value)| {
                (
                    key.to_lowercase(),
                    Fact::one(value.as_str().expect("a text")),
                )
            })
            .collect();
        let request = request(context);
        assert_eq!(
            word(&Policies::alone(document(statements.clone())).decide(&request)),
            expected,
            "{statements}"
        );
    }
}

#[test]
fn fences_narrow_and_every_level_must_allow() {
    let all = || document(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    let s3 = || document(json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}));
    let request = request(BTreeMap::new());
    for (boundary, control, unknown, expected) in [
        (None, vec![], vec![], "allowed"),
        (Some(s3()), vec![], vec![], "implicitly-denied"),
        (
            Some(all()),
            vec![vec![all()], vec![all()]],
            vec![],
            "allowed",
        ),
        (
            None,
            vec![vec![all()], vec![s3()]],
            vec![],
            "implicitly-denied",
        ),
        (
            None,
            vec![vec![all()], vec![s3(), all()]],
            vec![],
            "allowed",
        ),
        (None, vec![vec![all()], vec![]], vec![], "implicitly-denied"),
        (
            None,
            vec![],
            vec![outcrop::model::Gap::not_understood("", "not read")],
            "unknown",
        ),
    ] {
        let rc = |document: Document| std::rc::Rc::new(document);
        let policies = Policies {
            identity: vec![rc(all())],
            boundary: boundary.map(rc),
            control: control
                .into_iter()
                .map(|level: Vec<Document>| level.into_iter().map(rc).collect())
                .collect(),
            unknown: if unknown.is_empty() {
                Vec::new()
            } else {
                vec![(Side::Control(0), unknown)]
            },
            ..Policies::default()
        };
        assert_eq!(word(&policies.decide(&request)), expected, "{policies:?}");
    }
}

fn told(found: &Found) -> &'static str {
    match found {
        Found::Yes(_) => "yes",
        Found::No => "no",
        Found::Unknown(_) => "unknown",
    }
}

#[test]
fn endpoint_policies_are_read_by_meaning() {
    let anyone = |rest: Json| {
        let mut statement = json!({"Effect": "Allow", "Principal": "*", "Action": "bedrock:InvokeModel", "Resource": MODEL});
        for (key, value) in rest.as_object().expect("an object") {
            statement[key] = value.clone();
        }
        json!([statement])
    };
    // (policy, everyone may do everything, an outsider passes, any model passes, a family passes)
    for (statements, full, outsider, any, family) in [
        (
            json!([{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]),
            "yes",
            "yes",
            "yes",
            "yes",
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "*", "Resource": "*"}]),
            "yes",
            "yes",
            "yes",
            "yes",
        ),
        (anyone(json!({})), "no", "yes", "no", "no"),
        (
            anyone(json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-ours"}}})),
            "no",
            "no",
            "no",
            "no",
        ),
        (
            anyone(json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-vendor"}}})),
            "no",
            "yes",
            "no",
            "no",
        ),
        // Accounts outside any organisation bring no such key, and neither does who is not signed in.
        (
            anyone(
                json!({"Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-ours"}}}),
            ),
            "no",
            "yes",
            "no",
            "no",
        ),
        (
            anyone(json!({"Condition": {"StringEquals": {"aws:ResourceOrgID": "o-ours"}}})),
            "no",
            "yes",
            "no",
            "no",
        ),
        (
            anyone(json!({"Principal": {"AWS": "111111111111"}})),
            "no",
            "no",
            "no",
            "no",
        ),
        (
            anyone(json!({"Principal": {"AWS": "arn:aws:iam::999900001111:root"}})),
            "no",
            "yes",
            "no",
            "no",
        ),
        (
            anyone(
                json!({"Principal": {"AWS": "111111111111"}, "Resource": "arn:aws:bedrock:*::foundation-model/anthropic.*"}),
            ),
            "no",
            "no",
            "no",
            "yes",
        ),
        (
            anyone(
                json!({"Principal": {"AWS": "111111111111"}, "Action": "bedrock:Invoke*", "Resource": "*"}),
            ),
            "no",
            "no",
            "yes",
            "yes",
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "*", "NotResource": MODEL}]),
            "no",
            "no",
            "yes",
            "yes",
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Principal": "*", "Action": "*", "NotResource": MODEL}]),
            "no",
            "no",
            "no",
            "no",
        ),
        (
            json!([{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-ours"}}}]),
            "no",
            "no",
            "yes",
            "yes",
        ),
        // A profile that is named leads to models of its own; one that is not may lead to any.
        (
            anyone(
                json!({"Principal": {"AWS": "111111111111"}, "Action": "bedrock:InvokeModel", "Resource": "arn:aws:bedrock:*::foundation-model/*", "Condition": {"StringEquals": {"bedrock:InferenceProfileArn": "arn:aws:bedrock:eu-west-1:111111111111:inference-profile/eu.m"}}}),
            ),
            "no",
            "no",
            "no",
            "no",
        ),
        (
            anyone(
                json!({"Principal": {"AWS": "111111111111"}, "Action": "bedrock:InvokeModel", "Resource": "arn:aws:bedrock:*::foundation-model/*", "Condition": {"StringLike": {"bedrock:InferenceProfileArn": "*"}}}),
            ),
            "no",
            "no",
            "yes",
            "yes",
        ),
        // A profile leads nowhere without a foundation model, and models of an account are finite.
        (
            anyone(
                json!({"Principal": {"AWS": "111111111111"}, "Resource": "arn:aws:bedrock:*:*:inference-profile/*"}),
            ),
            "no",
            "no",
            "no",
            "no",
        ),
        (
            anyone(
                json!({"Principal": {"AWS": "111111111111"}, "Resource": "arn:aws:bedrock:*:111111111111:provisioned-model/*"}),
            ),
            "no",
            "no",
            "no",
            "no",
        ),
        // A call by a profile needs its model as well.
        (
            anyone(
                json!({"Principal": {"AWS": "111111111111"}, "Resource": ["arn:aws:bedrock:*:*:inference-profile/*", MODEL]}),
            ),
            "no",
            "no",
            "no",
            "no",
        ),
    ] {
        let document = document(statements.clone());
        let context = BTreeMap::new();
        let trusted = ["o-ours".to_owned()];
        let actions = ["bedrock:InvokeModel"];
        let is_trusted = |account: &str| Some(account == "111111111111");
        assert_eq!(
            told(&is_full_access(&document, "bedrock", &context)),
            full,
            "everything: {statements}"
        );
        assert_eq!(
            told(&outsider_through(
                &document,
                &actions,
                &[],
                &context,
                Some(&trusted),
                &is_trusted
            )),
            outsider,
            "an outsider: {statements}"
        );
        let models = models_through(&document, &actions, "eu-west-1", &context);
        assert_eq!(
            (told(&models.any), told(&models.family)),
            (any, family),
            "models: {statements}"
        );
    }
}

#[test]
fn what_aws_would_refuse_is_an_error_and_odd_forms_are_read() {
    for text in [
        "[]",
        "{}",
        "{\"Statement\": [{\"Effect\": \"Maybe\", \"Action\": \"*\"}]}",
        "{\"Statement\": [{\"Effect\": \"Allow\"}]}",
        "\"not json\"",
        "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\", \"NotAction\": \"*\"}]}",
    ] {
        assert!(
            Document::parse("p", &serde_json::from_str(text).expect("JSON")).is_err(),
            "{text}"
        );
    }
    // One statement, no version, numbers as account ids, a policy as text.
    for policy in [
        json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": {"AWS": 111_111_111_111_u64}}}),
        json!("{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}}"),
    ] {
        assert!(Document::parse("p", &policy).is_ok(), "{policy}");
    }
}

/// Set `OUTCROP_PAIRS` for more; the bench `policy` tries 100,000.
#[test]
fn two_ways_to_compare_agree() {
    let pairs = std::env::var("OUTCROP_PAIRS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000_u64);
    let answers: Vec<bool> = (0..pairs)
        .map(|seed| crate::brute::check(seed, 60).unwrap_or_else(|fault| panic!("{fault}")))
        .collect();
    // Neither answer is the only one.
    assert!(answers.iter().any(|new| *new) && answers.iter().any(|new| !new));
}

#[test]
fn what_would_never_end_is_an_answer_or_an_error() {
    let question = |statement: Json| {
        let policy = json!({"Version": "2012-10-17", "Statement": statement});
        json!({"id": 1, "reference": policy, "candidate": policy})
    };
    let wild = "*?".repeat(3_000);
    let letters: Vec<String> = ('a'..='t')
        .map(|letter| format!("*{letter}*{letter}*"))
        .collect();
    let many: Vec<Json> = (0..10_000).map(|n| json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::bucket-{n}/*")})).collect();
    for (name, statement) in [
        (
            "wildcards",
            json!({"Effect": "Allow", "Action": wild, "Resource": format!("arn:aws:s3:::{wild}"), "Condition": {"StringLike": {"aws:SourceVpce": wild}}}),
        ),
        (
            "letters",
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringLike": {"aws:SourceVpce": letters}}}),
        ),
        ("statements", json!(many)),
        (
            "account numbers",
            json!({"Effect": "Allow", "Principal": {"AWS": 111_122_223_333_u64}, "Action": "s3:*", "Resource": "*"}),
        ),
    ] {
        let answer = outcrop::policy::wire::compare_json(&question(statement)).expect("a question");
        assert_ne!(
            answer["answer"], "new-access",
            "{name}: no policy allows more than itself"
        );
    }
    let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let bytes: [&[u8]; 3] = [
        nested.as_bytes(),
        b"{\"id\": 7, \"reference\": \"\xff\"}",
        b"{",
    ];
    for line in bytes {
        let answer = outcrop::policy::wire::answer_line(line, 3, &mut |json| {
            outcrop::policy::wire::compare_json(json)
        });
        assert!(
            answer["error"]
                .as_str()
                .is_some_and(|error| error.contains("line 3")),
            "{answer}"
        );
    }
}
