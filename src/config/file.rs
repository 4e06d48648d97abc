//! The configuration file: one JSON object, whose members are keys, or sections that have keys in them.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Config;
use super::keys::KEYS;

/// The file that is read when it exists and no other is named.
const DEFAULT: &str = "config.json";

/// Takes what the file says, if there is one; `named` is what the operator calls it.
pub(super) fn apply(config: &mut Config, named: Option<String>) -> Result<(), String> {
    let path = match named {
        Some(path) => PathBuf::from(path),
        None if Path::new(DEFAULT).exists() => PathBuf::from(DEFAULT),
        None => return Ok(()),
    };
    let shown = path.display();
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{shown}: {error}"))?;
    take(config, &text).map_err(|error| format!("{shown}: {error}"))
}

fn take(config: &mut Config, text: &str) -> Result<(), String> {
    let node = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Node::Section(members) = node else {
        return Err("the file must hold a JSON object".to_owned());
    };
    let mut entries = Vec::new();
    flatten("", members, &mut entries);
    let mut named = Vec::new();
    for (name, value) in entries {
        let key = KEYS.iter().find(|key| key.is_called(&name));
        let key = key.ok_or_else(|| format!("there is no key '{name}'"))?;
        let value = value
            .as_ref()
            .and_then(scalar)
            .ok_or_else(|| format!("{name}: must be a string, a number, true, false, or a list"))?;
        // Which of the two counts would be anybody's guess.
        if let Some((_, other)) = named.iter().find(|(named, _)| *named == key.name) {
            return Err(format!("'{other}' and '{name}' are the same key"));
        }
        key.read(config, &value)
            .map_err(|error| format!("{name}: {error}"))?;
        named.push((key.name, name));
    }
    Ok(())
}

/// Names what is in sections by their path, with dots. A section that is empty has its own name and no value, unless
/// there are keys that could be in it.
fn flatten(prefix: &str, members: Vec<(String, Node)>, entries: &mut Vec<(String, Option<Value>)>) {
    for (name, node) in members {
        let name = format!("{prefix}{name}");
        match node {
            Node::Value(value) => entries.push((name, Some(value))),
            Node::Section(members) if members.is_empty() => {
                if !is_section(&name) {
                    entries.push((name, None));
                }
            }
            Node::Section(members) => flatten(&format!("{name}."), members, entries),
        }
    }
}

/// Whether there are keys in a section of this name.
fn is_section(name: &str) -> bool {
    let is_inside = |alias: &&str| {
        alias
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    KEYS.iter().any(|key| key.aliases.iter().any(is_inside))
}

/// A value as one would write it as a flag; a list has commas.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(scalar).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

/// What a member of the file is: a value, or a section in which no name comes twice.
enum Node {
    Value(Value),
    Section(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some((name, node)) = map.next_entry::<String, Node>()? {
            if members.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format!("'{name}' is there twice")));
            }
            members.push((name, node));
        }
        Ok(Node::Section(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::Value(Value::Array(items)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Value(text.into()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Value(value.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Value(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Value(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Value(number.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Value(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let mut config = Config::default();
        take(&mut config, text).map(|()| config)
    }

    #[test]
    fn keys_may_be_in_sections() {
        let config = read(r#"{"stranger": {"auto_match": true}, "rooms": {}, "log": "warn"}"#);
        let config = config.expect("good");
        assert!(config.auto_match);
        assert_eq!(config.log, log::LevelFilter::Warn);
        let config = read(r#"{"stranger.auto_match": true, "video": {}}"#);
        assert!(config.expect("good").auto_match);
    }

    #[test]
    fn faults_name_the_key() {
        for (text, expected) in [
            (r#"{"mesage": {}}"#, "there is no key 'mesage'"),
            (
                r#"{"mesage": {"rate": {}}}"#,
                "there is no key 'mesage.rate'",
            ),
            (
                r#"{"stranger": {"mode": 1}}"#,
                "there is no key 'stranger.mode'",
            ),
            (r#"{"stranger": 1}"#, "there is no key 'stranger'"),
            (
                r#"{"message_rate": {}}"#,
                "message_rate: must be a string, a number",
            ),
            (
                r#"{"message_rate": null}"#,
                "message_rate: must be a string, a number",
            ),
            (
                r#"{"ice_servers": [{}]}"#,
                "ice_servers: must be a string, a number",
            ),
            (r#"{"log": "warn", "log": "info"}"#, "'log' is there twice"),
            (r#"{"rooms": {"a": 1, "a": 1}}"#, "'a' is there twice"),
            (
                r#"{"httpPort": 1, "listen": ":2"}"#,
                "'httpPort' and 'listen' are the same key",
            ),
            (
                r#"{"auto_match": true, "stranger": {"auto_match": true}}"#,
                "'auto_match' and 'stranger.auto_match' are the same key",
            ),
            (r#"{"data": ""}"#, "data: is empty"),
            (r#"[]"#, "the file must hold a JSON object"),
            (r#"{"log": "warn"} x"#, "trailing characters"),
        ] {
            let error = read(text).expect_err("must be refused");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
