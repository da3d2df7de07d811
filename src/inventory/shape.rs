//! What a cell may hold beyond its kind, checked once, where a row is read.
//!
//! **Invariant:** a cell that does not have its column's shape is not observed. Reasoning therefore never
//! meets a word that it does not know or a list with a member missing, and cannot take either for "nothing
//! there". AWS's own spellings (`IpPermissions`, `AVAILABLE`, `[{Key, Value}]`) are read as what they mean.

use super::{Column, Kind};
use crate::model::Value;
use ipnet::IpNet;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What a column may hold.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Anything of the column's kind.
    Any,
    /// One of these words. Case, `-` and `_` do not count: `PENDING_ACCEPTANCE` is `pending-acceptance`.
    Words(&'static [&'static str]),
    /// What this function reads: it gives the value as this crate writes it, or says what is wrong.
    Read(fn(&Json) -> Result<Json, String>),
}

/// A cell in the shape of its column.
///
/// # Errors
/// What the value is, and what was expected instead.
pub fn conform(column: &Column, value: Value) -> Result<Value, String> {
    let Value::Text(text) = &value else {
        return Ok(value);
    };
    if column.kind == Kind::Time && !text.is_empty() && text.parse::<jiff::Timestamp>().is_err() {
        return Err(format!(
            "`{}` is not a time such as 2026-01-31T00:00:00Z",
            short(text)
        ));
    }
    match column.shape {
        Shape::Any => Ok(value),
        Shape::Words(words) => match word(words, text) {
            Some(word) => Ok(Value::from(word)),
            None if text.is_empty() && column.absent.starts_with("''") => Ok(value),
            None => Err(unheard(words, text)),
        },
        Shape::Read(read) => match column.kind {
            Kind::List | Kind::Json => {
                let json = serde_json::from_str(text)
                    .map_err(|error| format!("it is not JSON: {error}"))?;
                read(&json).map(|read| {
                    if read == json {
                        value
                    } else {
                        Value::from(read)
                    }
                })
            }
            _ if text.is_empty() && column.absent.starts_with("''") => Ok(value),
            _ => match read(&Json::from(text.as_str()))? {
                Json::String(text) => Ok(Value::from(text)),
                other => Ok(Value::from(other)),
            },
        },
    }
}

fn word(words: &'static [&'static str], text: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| !matches!(c, '-' | '_'))
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let exact = words.iter().find(|word| **word == text);
    exact
        .or_else(|| words.iter().find(|word| plain(word) == plain(text)))
        .copied()
}

fn unheard(words: &[&str], text: &str) -> String {
    format!(
        "`{}` is not one of the words that this release knows: {}",
        short(text),
        words.join(", ")
    )
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The members of one JSON object, read by name.
///
/// What nobody asked for is an error at the end: it may say something that would change a verdict.
pub struct Fields<'j> {
    members: &'j Map<String, Json>,
    read: BTreeSet<&'static str>,
    /// Two names of one member that both stand there.
    twice: Option<(&'static str, &'static str)>,
}

impl<'j> Fields<'j> {
    /// The members of an object.
    ///
    /// # Errors
    /// When the value is not an object.
    pub fn of(value: &'j Json) -> Result<Self, String> {
        match value.as_object() {
            Some(members) => Ok(Self {
                members,
                read: BTreeSet::new(),
                twice: None,
            }),
            None => Err(format!("`{}` is not an object", short(&value.to_string()))),
        }
    }

    /// Does the object have a member of this name?
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The first member that has one of these names; `null` counts as a member.
    pub fn member(&mut self, names: &[&'static str]) -> Option<&'j Json> {
        self.skip(names);
        let mut there = names.iter().filter(|name| {
            self.members
                .get(**name)
                .is_some_and(|value| !value.is_null())
        });
        if let (Some(one), Some(other)) = (there.next(), there.next()) {
            self.twice = Some((one, other));
        }
        names.iter().find_map(|name| self.members.get(*name))
    }

    /// Members that say nothing here.
    pub fn skip(&mut self, names: &[&'static str]) {
        self.read.extend(names);
    }

    fn needed(&mut self, names: &[&'static str]) -> Result<&'j Json, String> {
        self.member(names)
            .ok_or_else(|| format!("`{}` is missing", names[0]))
    }

    /// A text that has to be there.
    ///
    /// # Errors
    /// When it is missing or not a text.
    pub fn text(&mut self, names: &[&'static str]) -> Result<&'j str, String> {
        let value = self.needed(names)?;
        value.as_str().ok_or_else(|| {
            format!(
                "`{}` is `{}`, not a text",
                names[0],
                short(&value.to_string())
            )
        })
    }

    /// A text, or the empty one where the member is missing or `null`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text_if_any(&mut self, names: &[&'static str]) -> Result<&'j str, String> {
        match self.member(names) {
            None | Some(Json::Null) => Ok(""),
            Some(_) => self.text(names),
        }
    }

    /// One of some words.
    ///
    /// # Errors
    /// When it is missing or another word.
    pub fn word(
        &mut self,
        names: &[&'static str],
        words: &'static [&'static str],
    ) -> Result<&'static str, String> {
        let text = self.text(names)?;
        word(words, text).ok_or_else(|| format!("`{}`: {}", names[0], unheard(words, text)))
    }

    /// A whole number that has to be there.
    ///
    /// # Errors
    /// When it is missing or not a whole number.
    pub fn int(&mut self, names: &[&'static str]) -> Result<i64, String> {
        let value = self.needed(names)?;
        value.as_i64().ok_or_else(|| {
            format!(
                "`{}` is `{}`, not a whole number",
                names[0],
                short(&value.to_string())
            )
        })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn flag(&mut self, names: &[&'static str]) -> Result<bool, String> {
        let value = self.needed(names)?;
        value.as_bool().ok_or_else(|| {
            format!(
                "`{}` is `{}`, not true or false",
                names[0],
                short(&value.to_string())
            )
        })
    }

    /// A list of texts that has to be there.
    ///
    /// # Errors
    /// When it is missing, or a member is not a text.
    pub fn texts(&mut self, names: &[&'static str]) -> Result<Vec<String>, String> {
        let value = self.needed(names)?;
        texts(value).ok_or_else(|| format!("`{}` is not a list of texts", names[0]))
    }

    /// Everything was asked for, but for what says nothing that is judged.
    ///
    /// # Errors
    /// Names the member that nobody asked for, or two that mean one.
    pub fn done(self, idle: &[&str]) -> Result<(), String> {
        if let Some((one, other)) = self.twice {
            return Err(format!("`{one}` and `{other}` are two names of one member"));
        }
        match self
            .members
            .keys()
            .find(|name| !self.read.contains(name.as_str()) && !idle.contains(&name.as_str()))
        {
            Some(name) => Err(format!(
                "`{}` is not a member that this release knows",
                short(name)
            )),
            None => Ok(()),
        }
    }
}

fn texts(value: &Json) -> Option<Vec<String>> {
    value
        .as_array()?
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// A list, each member read by one function.
///
/// # Errors
/// When the value is not a list, or with the number of the member that cannot be read.
pub fn each(value: &Json, read: impl Fn(&Json) -> Result<Json, String>) -> Result<Json, String> {
    let Some(all) = value.as_array() else {
        return Err("it is not a list".to_owned());
    };
    let one = |(index, item): (usize, &Json)| {
        read(item).map_err(|why| format!("member {}: {why}", index + 1))
    };
    all.iter().enumerate().map(one).collect()
}

/// A range of addresses, as AWS writes it.
///
/// # Errors
/// When the text is not a range.
pub fn range(text: &str) -> Result<String, String> {
    if text.parse::<IpNet>().is_ok() {
        return Ok(text.to_owned());
    }
    let address = text
        .parse::<IpAddr>()
        .map_err(|_| format!("`{}` is not a range of addresses", short(text)))?;
    Ok(IpNet::from(address).to_string())
}

/// One range.
///
/// # Errors
/// When it is not one.
pub fn one_range(value: &Json) -> Result<Json, String> {
    value
        .as_str()
        .ok_or_else(|| "it is not a text".to_owned())
        .and_then(range)
        .map(Json::from)
}

/// A list of ranges.
///
/// # Errors
/// When one of them is not a range.
pub fn ranges(value: &Json) -> Result<Json, String> {
    each(value, one_range)
}

/// A protocol as security groups and network ACLs write it: `-1` for all, a name, or a number of IANA's list.
///
/// # Errors
/// When it is none of these.
pub fn protocol(value: Option<&Json>) -> Result<String, String> {
    let text = match value {
        Some(Json::String(text)) => text.to_ascii_lowercase(),
        Some(Json::Number(number)) => number.to_string(),
        Some(other) => return Err(format!("the protocol is `{}`", short(&other.to_string()))),
        None => return Err("`protocol` is missing".to_owned()),
    };
    match text.as_str() {
        "all" | "-1" => Ok("-1".to_owned()),
        "tcp" | "udp" | "icmp" | "icmpv6" => Ok(text),
        number if number.parse::<u8>().is_ok() => Ok(text),
        _ => Err(format!("`{}` is not a protocol", short(&text))),
    }
}

/// Tags as an object of texts; AWS's own lists of keys and values are read as one.
///
/// # Errors
/// When a key or value is not a text.
pub fn tags(value: &Json) -> Result<Json, String> {
    if value.is_array() {
        let mut all = Map::new();
        for item in value.as_array().into_iter().flatten() {
            let mut tag = Fields::of(item)?;
            let key = tag.text(&["Key", "key", "TagKey"])?;
            all.insert(
                key.to_owned(),
                tag.text(&["Value", "value", "TagValue"])?.into(),
            );
            tag.done(&["ResourceId", "ResourceType", "PropagateAtLaunch"])?;
        }
        return Ok(Json::Object(all));
    }
    match value.as_object() {
        Some(all) if all.values().all(Json::is_string) => Ok(value.clone()),
        _ => Err("tags are an object of texts".to_owned()),
    }
}

/// Inline policies: `[{name, document}]`, or `[{PolicyName, PolicyDocument}]` as IAM writes them.
///
/// # Errors
/// When a name or document is missing, or a document is a text that is not JSON.
pub fn inline_policies(value: &Json) -> Result<Json, String> {
    each(value, |policy| {
        let mut fields = Fields::of(policy)?;
        let name = fields.text(&["name", "PolicyName"])?;
        let document = match fields.needed(&["document", "PolicyDocument"])? {
            Json::String(text) => serde_json::from_str(text)
                .map_err(|error| format!("the policy `{}` is not JSON: {error}", short(name)))?,
            document => document.clone(),
        };
        fields.done(&[])?;
        Ok(json!({"name": name, "document": document}))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::cols;

    #[test]
    fn words_are_known_whatever_their_case_and_hyphens() {
        let column = cols::text("state", "").words(&["available", "pending-acceptance"]);
        assert_eq!(
            conform(&column, Value::from("AVAILABLE")),
            Ok(Value::from("available"))
        );
        assert_eq!(
            conform(&column, Value::from("pendingAcceptance")),
            Ok(Value::from("pending-acceptance"))
        );
        assert!(conform(&column, Value::from("unheard")).is_err());
        assert!(conform(&column, Value::from("")).is_err());
        assert_eq!(
            conform(&column.absent("''"), Value::from("")),
            Ok(Value::from(""))
        );
        assert_eq!(conform(&column, Value::Null), Ok(Value::Null));
    }

    #[test]
    fn times_are_times() {
        let column = cols::time("created_at", "");
        assert!(conform(&column, Value::from("2026-01-31T00:00:00Z")).is_ok());
        assert!(conform(&column, Value::from("yesterday")).is_err());
    }

    #[test]
    fn an_unknown_member_is_an_error() {
        let value = json!({"name": "a", "surprise": 1});
        let mut fields = Fields::of(&value).expect("an object");
        assert_eq!(fields.text(&["name"]), Ok("a"));
        assert_eq!(
            fields.done(&[]),
            Err("`surprise` is not a member that this release knows".to_owned())
        );
        let value = json!({"cidr": "10.0.0.0/8", "CidrBlock": "0.0.0.0/0"});
        let mut fields = Fields::of(&value).expect("an object");
        assert_eq!(fields.text(&["cidr", "CidrBlock"]), Ok("10.0.0.0/8"));
        assert!(fields.done(&[]).is_err());
    }

    #[test]
    fn aws_spellings_of_tags_and_inline_policies_are_read() {
        assert_eq!(
            tags(&json!([{"Key": "a", "Value": "b"}])),
            Ok(json!({"a": "b"}))
        );
        assert!(tags(&json!({"a": 1})).is_err());
        let own = json!([{"name": "p", "document": {"Statement": []}}]);
        assert_eq!(
            inline_policies(&json!([{"PolicyName": "p", "PolicyDocument": "{\"Statement\": []}"}])),
            Ok(own)
        );
        assert!(inline_policies(&json!({"p": {}})).is_err());
    }
}
