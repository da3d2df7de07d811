//! The query protocol: forms out, XML back (Smithy, "AWS query protocol").

use super::{Answer, Refusal};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::error::ErrorMetadata;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value as Json, json};

/// Elements that stand in each other at most.
const DEEPEST: usize = 32;

/// A request: the operation, the version of the API, and members that are texts.
pub(super) fn form(operation: &str, version: &str, input: &Json) -> String {
    let members = input.as_object().into_iter().flatten();
    [("Action", operation), ("Version", version)]
        .into_iter()
        .chain(members.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))))
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn encoded(text: &str) -> percent_encoding::PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

/// One element that is open.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    members: Map<String, Json>,
    items: Vec<Json>,
}

impl Open {
    fn value(self) -> Json {
        if !self.items.is_empty() {
            self.items.into()
        } else if self.members.is_empty() {
            self.text.into()
        } else {
            self.members.into()
        }
    }
}

/// An XML document as JSON: what holds `member` elements is a list, what holds others an object, what holds none a text.
fn document(bytes: &[u8]) -> Result<(String, Json), String> {
    let broken = |why: &str| format!("not an answer of the query protocol: {why}");
    let text = std::str::from_utf8(bytes).map_err(|error| broken(&error.to_string()))?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| broken(&error.to_string()))?;
        match event {
            Event::Start(start) => {
                if open.len() >= DEEPEST {
                    return Err(broken("too deep"));
                }
                open.push(Open {
                    name: start.local_name().as_ref().to_owned(),
                    ..Open::default()
                });
            }
            Event::Empty(start) => {
                let name = start.local_name().as_ref().to_owned();
                match open.last_mut() {
                    Some(parent) if name == "member" => parent.items.push(Json::Null),
                    Some(parent) => {
                        parent.members.insert(name, String::new().into());
                    }
                    None => return Ok((name, Json::Null)),
                }
            }
            Event::Text(text) => {
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let meant = match reference.resolve_char_ref() {
                    Ok(Some(letter)) => letter.to_string(),
                    _ => quick_xml::escape::resolve_xml_entity(&reference)
                        .ok_or_else(|| broken("an entity"))?
                        .to_owned(),
                };
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&meant);
                }
            }
            Event::End(_) => {
                let Some(done) = open.pop() else {
                    return Err(broken("an end without a start"));
                };
                let name = done.name.clone();
                let value = done.value();
                match open.last_mut() {
                    Some(parent) if name == "member" => parent.items.push(value),
                    Some(parent) => {
                        parent.members.insert(name, value);
                    }
                    None => return Ok((name, value)),
                }
            }
            Event::Eof => return Err(broken("it ends too early")),
            _ => {}
        }
    }
}

/// An answer, or what the service says instead; a success without the result of an operation is an error, never an answer
/// without items.
pub(super) fn read(response: &HttpResponse) -> Result<Answer, OrchestratorError<Refusal>> {
    let told = document(response.body().bytes().unwrap_or_default());
    if response.status().is_success() {
        let (root, mut body) = match told {
            Ok(told) => told,
            Err(error) => return Err(OrchestratorError::response(error.into())),
        };
        let operation = root.strip_suffix("Response").unwrap_or_default();
        let result = body
            .get_mut(format!("{operation}Result"))
            .map(Json::take)
            .and_then(|result| match result {
                // An element with nothing in it.
                Json::String(text) if text.trim().is_empty() => Some(json!({})),
                Json::Object(_) => Some(result),
                _ => None,
            });
        let Some(result) = result else {
            return Err(OrchestratorError::response(
                format!("`{root}` holds no result").into(),
            ));
        };
        let id = body.pointer("/ResponseMetadata/RequestId");
        return Ok(Answer {
            body: result,
            id: id.and_then(Json::as_str).map(str::to_owned),
            of: Some(operation.to_owned()),
        });
    }
    let error = told.map(|(_, body)| body["Error"].clone());
    let mut refusal = ErrorMetadata::builder();
    if let Ok(error) = error {
        if let Some(code) = error["Code"].as_str() {
            refusal = refusal.code(code);
        }
        if let Some(message) = error["Message"].as_str() {
            refusal = refusal.message(message);
        }
    }
    Err(OrchestratorError::operation(Refusal(refusal.build())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    fn answer(status: u16, body: &'static str) -> Result<Json, String> {
        let status = StatusCode::try_from(status).map_err(|error| error.to_string())?;
        match read(&HttpResponse::new(status, SdkBody::from(body))) {
            Ok(answer) => Ok(answer.body),
            Err(error) => Err(error
                .as_operation_error()
                .and_then(|refusal| refusal.0.code())
                .unwrap_or("not an answer")
                .to_owned()),
        }
    }

    #[test]
    fn lists_objects_and_texts_are_told_apart() {
        assert_eq!(
            answer(
                200,
                "<?xml version=\"1.0\"?><ListResponse xmlns=\"http://x/\"><ListResult><Stacks><member><Name>a &amp; &#98;</Name><Drift><Status>IN_SYNC</Status></Drift></member><member><Name>c</Name></member></Stacks><NextToken>t</NextToken></ListResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListResponse>"
            ),
            Ok(
                json!({"Stacks": [{"Name": "a & b", "Drift": {"Status": "IN_SYNC"}}, {"Name": "c"}], "NextToken": "t"})
            )
        );
        assert_eq!(
            answer(
                200,
                "<ListResponse><ListResult><Stacks/></ListResult></ListResponse>"
            ),
            Ok(json!({"Stacks": ""}))
        );
        assert_eq!(
            answer(200, "<ListResponse><ListResult/></ListResponse>"),
            Ok(json!({}))
        );
    }

    #[test]
    fn what_is_not_a_result_is_an_error() {
        for broken in [
            "",
            "{}",
            "<html></html>",
            "<ListResponse></ListResponse>",
            "<ListResponse><ListResult><Stacks>",
            "<ListResponse><ListResult>stacks</ListResult></ListResponse>",
            "<ListResponse><ListResult><Stacks>&unheard;</Stacks></ListResult></ListResponse>",
        ] {
            assert_eq!(
                answer(200, broken),
                Err("not an answer".to_owned()),
                "{broken}"
            );
        }
        assert_eq!(
            answer(
                403,
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
            ),
            Err("AccessDenied".to_owned())
        );
    }

    #[test]
    fn members_of_a_form_are_encoded() {
        assert_eq!(
            form(
                "List",
                "2010-05-15",
                &json!({"StackName": "a b&c", "Size": 1})
            ),
            "Action=List&Version=2010%2D05%2D15&StackName=a%20b%26c"
        );
    }
}
