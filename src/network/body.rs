//! Places in the body of an answer, by a path such as `data.results.orders`.
//!
//! The parts of a path are names of members, `.` between them; an empty path is the whole body. A text in the middle of
//! the way is JSON in itself and is read as such. Values are kept as they are written: numbers keep their digits.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The JSON text of the value.
    Value(String),
    /// The object that would hold it is there, without it: nothing to tell.
    Empty,
    /// Not even that.
    Missing,
}

/// What stands at a path of a body.
pub fn find(body: &str, path: &str) -> Found {
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    let mut at = body.trim().to_string();
    for (i, part) in parts.iter().enumerate() {
        if at.starts_with('"') {
            let Ok(text) = serde_json::from_str::<String>(&at) else { return Found::Missing };
            at = text;
        }
        let Ok(members) = serde_json::from_str::<HashMap<String, &RawValue>>(&at) else { return Found::Missing };
        match members.get(*part).map(|value| value.get().trim()) {
            Some(value) if value != "null" => at = value.to_string(),
            _ if i + 1 == parts.len() => return Found::Empty,
            _ => return Found::Missing,
        }
    }
    Found::Value(at)
}

/// The text, number or boolean at a path, as text.
pub fn scalar(body: &str, path: &str) -> Option<String> {
    let Found::Value(value) = find(body, path) else { return None };
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(&value).ok(),
        Some(b'{' | b'[') | None => None,
        Some(_) => Some(value),
    }
}

/// The records at a path: the members of a list, or one object.
///
/// Errors: `Data` when the body is not JSON, or has no such place.
pub fn records(body: &str, path: &str) -> Result<Vec<Box<RawValue>>> {
    serde_json::from_str::<&RawValue>(body).map_err(|e| Error::data("the answer is not JSON").caused_by(e))?;
    let value = match find(body, path) {
        Found::Value(value) => value,
        Found::Empty => return Ok(vec![]),
        Found::Missing => return Err(Error::data(format!("the answer has no {path}"))),
    };
    let read = match value.as_bytes().first() {
        Some(b'[') => serde_json::from_str(&value),
        Some(b'{') => serde_json::from_str(&value).map(|record| vec![record]),
        _ => return Err(Error::data(format!("{path} of the answer is neither a list nor an object"))),
    };
    read.map_err(|e| Error::data(format!("{path} of the answer cannot be read")).caused_by(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_and_told_apart() {
        let body = r#"{"a":{"b":[{"x":1.50},{}],"n":null,"s":"t\"","j":"{\"data\":[7]}"},"ok":true}"#;
        assert_eq!(find(body, "a.b"), Found::Value(r#"[{"x":1.50},{}]"#.to_string()));
        assert_eq!(find(body, "a.j.data"), Found::Value("[7]".to_string()), "a text on the way is JSON");
        assert_eq!(find(body, "a.n"), Found::Empty);
        assert_eq!(find(body, "a.c"), Found::Empty);
        assert_eq!(find(body, "c.b"), Found::Missing);
        assert_eq!(find("nonsense", "a"), Found::Missing);
        assert_eq!(scalar(body, "a.s").as_deref(), Some("t\""));
        assert_eq!(scalar(body, "ok").as_deref(), Some("true"));
        assert_eq!(scalar(body, "a.b"), None);
        assert_eq!(records(body, "a.b").expect("records").len(), 2);
        assert_eq!(records(body, "a.b").expect("records")[0].get(), r#"{"x":1.50}"#, "digits stay");
        assert_eq!(records(body, "a").expect("one").len(), 1);
        assert_eq!(records("[{},{}]", "").expect("the whole").len(), 2);
        assert!(records(body, "a.c").expect("an empty page").is_empty());
        for (body, path) in [(body, "c.b"), (body, "ok"), ("<html>", ""), ("{\"a\":[1", "a")] {
            assert!(records(body, path).is_err(), "{path} of {body}");
        }
    }
}
