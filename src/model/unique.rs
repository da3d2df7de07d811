//! JSON in which no key stands twice: of two, one reader takes the first and another the last.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};
use std::fmt;

/// A value of JSON or YAML; reading it fails where an object holds a key twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Unique(pub Json);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut all = Vec::with_capacity(items.size_hint().unwrap_or_default().min(1024));
        while let Some(Unique(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Json::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut all = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if all.contains_key(&key) {
                let shown: String = key.chars().take(80).collect();
                return Err(A::Error::custom(format!(
                    "the key `{}` appears twice",
                    shown.escape_debug()
                )));
            }
            let Unique(value) = members.next_value()?;
            all.insert(key, value);
        }
        Ok(Json::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::Unique;
    use serde_json::{Value as Json, json};

    #[test]
    fn a_key_that_stands_twice_is_an_error_with_its_line() {
        let text = "{\n \"a\": [{\"b\": 1,\n \"b\": 2}]}";
        let error = serde_json::from_str::<Unique>(text).expect_err("twice");
        assert!(
            error
                .to_string()
                .contains("the key `b` appears twice at line 3"),
            "{error}"
        );
        assert!(yaml_serde::from_str::<Unique>("a:\n  b: 1\n  b: 2\n").is_err());
    }

    #[test]
    fn everything_else_is_read_as_it_stands() {
        let text =
            r#"{"a": [1, -2, 0.5, null, true, "é"], "b": {"c": {}, "d": 18446744073709551615}}"#;
        let plain: Json = serde_json::from_str(text).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Unique>(text).expect("JSON"),
            Unique(plain.clone())
        );
        assert_eq!(
            yaml_serde::from_str::<Unique>(text).expect("YAML"),
            Unique(plain)
        );
        assert_eq!(
            yaml_serde::from_str::<Unique>("a: ~\nb: '1'\nc: 012\n")
                .expect("YAML")
                .0["b"],
            json!("1")
        );
    }
}
