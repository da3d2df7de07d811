//! `policy invoke`: who may call which model, by which path, and what refuses it.

/// The rows of an estate after a change in SQL.
fn world_of(estate: &str, change: &str) -> outcrop::inventory::World {
    let mut store =
        outcrop::inventory::Store::memory(&outcrop::subjects::tables()).expect("memory");
    let run = outcrop::sources::fixture::load_estate(estate, &mut store).expect("an estate");
    store.write_run(&run).expect("the run");
    store.conn.execute_batch(change).expect("the change");
    outcrop::inventory::World::load(&store).expect("rows")
}

/// Who calls which model, by which path: what refuses it is named.
#[test]
fn a_call_is_allowed_or_what_refuses_it_is_named() {
    use outcrop::paths::invoke::{By, Outcome::*, Question, invoke};
    let sonnet = "anthropic.claude-sonnet-4-20250514-v1:0";
    let eu = format!("eu.{sonnet}");
    let ask = |change: &str, principal: Option<&str>, from: Option<&str>, model: &str| {
        let world = world_of("broken", change);
        let question = Question {
            principal,
            model,
            action: "bedrock:InvokeModel",
            from,
            region: None,
            by: By::Any,
        };
        invoke(&world, &question).expect("an answer")
    };
    let first = |answer: &outcrop::paths::invoke::Invocation| {
        let step = answer.steps.first().expect("a step");
        format!(
            "{} {} {}",
            step.needs,
            step.reason,
            step.because
                .iter()
                .map(|one| format!("{} {} {}", one.policy, one.statement, one.text))
                .collect::<String>()
        )
    };
    // By an endpoint, whose policy is asked as well.
    let answer = ask("", None, Some("summarizer"), sonnet);
    assert_eq!(answer.answer, Allowed, "{answer:?}");
    let shut = r#"UPDATE vpc_endpoint SET policy = '{"Statement":[{"Sid":"OnlyTitan","Effect":"Allow","Principal":"*","Action":"bedrock:InvokeModel","Resource":"arn:aws:bedrock:*::foundation-model/amazon.titan*"}]}' WHERE vpc_endpoint_id = 'vpce-sum-runtime'"#;
    let answer = ask(shut, None, Some("summarizer"), sonnet);
    assert_eq!(answer.answer, Refused, "{answer:?}");
    // No path: the hop is named.
    let answer = ask("", None, Some("archiver"), sonnet);
    assert_eq!(answer.answer, Refused);
    assert!(
        first(&answer).contains("no route to public addresses"),
        "{}",
        first(&answer)
    );
    // A profile needs every Region that it leads to: the statement that refuses one of them is named.
    let answer = ask("", None, Some("retriever"), &eu);
    assert_eq!(answer.answer, Allowed, "{answer:?}");
    assert_eq!(answer.steps.len(), 4, "{answer:?}");
    let fence = r#"UPDATE iam_role SET inline_policies = json_insert(inline_policies, '$[#]', json('{"name":"fence","document":{"Statement":[{"Sid":"NotFrankfurt","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}}}]}}')) WHERE name = 'ai-shared'"#;
    let answer = ask(fence, None, Some("retriever"), &eu);
    assert_eq!(answer.answer, Refused, "{answer:?}");
    assert!(
        first(&answer).contains("eu-central-1") && first(&answer).contains("NotFrankfurt"),
        "{}",
        first(&answer)
    );
    // A profile that nobody read leads nobody knows where.
    let answer = ask(
        "DELETE FROM bedrock_inference_profile",
        Some("ai-shared"),
        None,
        &eu,
    );
    assert_eq!(answer.answer, Unknown, "{answer:?}");
    // Nothing allows it.
    let answer = ask("", Some("archiver"), None, "amazon.nova-lite-v1:0");
    assert_eq!(answer.answer, Refused, "{answer:?}");
    assert!(first(&answer).contains("nothing"), "{}", first(&answer));
    // A call of a model itself carries no profile, and a workload no second factor.
    let only = |condition: &str| {
        format!(
            r#"UPDATE iam_role SET attached_policy_arns = '[]', inline_policies = '[{{"name":"only","document":{{"Statement":[{{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"*","Condition":{condition}}}]}}}}]' WHERE name = 'ai-shared'"#
        )
    };
    let by_profile = only(r#"{"StringLike":{"bedrock:InferenceProfileArn":"*"}}"#);
    let answer = ask(&by_profile, Some("ai-shared"), None, sonnet);
    assert_eq!(answer.answer, Refused, "{answer:?}");
    let with_code = only(r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#);
    assert_eq!(
        ask(&with_code, None, Some("retriever"), sonnet).answer,
        Refused
    );
    let by_endpoint = only(r#"{"StringEquals":{"aws:VpceAccount":"111111111111"}}"#);
    assert_eq!(
        ask(&by_endpoint, None, Some("chat-api"), sonnet).answer,
        Refused
    );
    // Another Region's endpoint is not the one on the path; an id without a dot is no model's.
    let other = format!("arn:aws:bedrock:us-east-1::foundation-model/{sonnet}");
    let everything = only(r#"{"Bool":{"aws:SecureTransport":"true"}}"#);
    assert_eq!(
        ask(&everything, None, Some("retriever"), &other).answer,
        Unknown
    );
    assert_eq!(
        ask("", Some("role/ai-shared"), None, "a1b2c3d4e5f6").answer,
        Unknown
    );
    let empty = "UPDATE bedrock_inference_profile SET model_arns = '[]'";
    assert_eq!(ask(empty, Some("ai-shared"), None, &eu).answer, Unknown);
    // An unread policy of its own may allow it.
    let hidden = "UPDATE iam_role SET inline_policies = NULL WHERE name = 'archiver'";
    let answer = ask(hidden, Some("archiver"), None, "amazon.nova-lite-v1:0");
    assert_eq!(answer.answer, Unknown, "{answer:?}");
}
