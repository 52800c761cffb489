//! A record of a network as the message of a table: members of an object have its name before theirs, every value is
//! text as it was written, a list is its JSON text.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object in their order, repeated names too.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Appends the members of a record to an object that has members already. A record that is no object has none: the
/// table's NOT NULL columns make a dead letter of it. So do names that come twice.
///
/// `columns`: for a name of the network, the columns that its value goes to, in its place.
pub fn push_members(out: &mut String, record: &RawValue, columns: &BTreeMap<String, Vec<String>>) {
    push_under(out, "", record, columns);
}

fn push_under(out: &mut String, prefix: &str, object: &RawValue, columns: &BTreeMap<String, Vec<String>>) {
    let Ok(Members(members)) = serde_json::from_str::<Members<'_>>(object.get()) else { return };
    for (name, value) in members {
        let name = if prefix.is_empty() { name } else { format!("{prefix}_{name}") };
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'{') => push_under(out, &name, value, columns),
            Some(b'n') | None => {}
            // A text is JSON already.
            Some(b'"') => push(out, &name, text, columns),
            Some(_) => push(out, &name, &json_text(text), columns),
        }
    }
}

fn push(out: &mut String, name: &str, json: &str, columns: &BTreeMap<String, Vec<String>>) {
    let itself = [name.to_string()];
    for column in columns.get(name).map_or(&itself[..], Vec::as_slice) {
        push_member(out, column, json);
    }
}

/// Appends `"name":json`, with a comma when something is there.
pub fn push_member(out: &mut String, name: &str, json: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push_str(&json_text(name));
    out.push(':');
    out.push_str(json);
}

/// A text as JSON.
pub fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(record: &str, columns: &[(&str, &[&str])]) -> String {
        let columns = columns.iter().map(|(name, to)| (name.to_string(), to.iter().map(|c| c.to_string()).collect()));
        let mut out = "{".to_string();
        push_members(&mut out, serde_json::from_str(record).expect("JSON"), &columns.collect());
        out + "}"
    }

    #[test]
    fn values_are_text_as_they_were_written() {
        let record = r#"{"id":12345678901234567890,"amount":{"amount":3.80,"currency":"GBP"},"ok":true,"no":null,"l":[1.0,"a"]}"#;
        let expected = r#"{"id":"12345678901234567890","amount_amount":"3.80","amount_currency":"GBP","ok":"true","l":"[1.0,\"a\"]"}"#;
        assert_eq!(flat(record, &[]), expected);
    }

    #[test]
    fn names_can_go_to_other_columns_and_doubles_stay() {
        let record = r#"{"transactionId":"7","currency":"EUR","a":1,"a":2}"#;
        let columns: &[(&str, &[&str])] = &[("transactionId", &["id"]), ("currency", &["sale", "commission"])];
        assert_eq!(flat(record, columns), r#"{"id":"7","sale":"EUR","commission":"EUR","a":"1","a":"2"}"#);
        assert_eq!(flat("[1]", &[]), "{}");
    }
}
