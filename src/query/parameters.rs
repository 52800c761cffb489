//! The parameters of a lookup's URL, before the view is known: what to find, how much of it, and how fresh.
//!
//! `limit`, `after`, `offsets`, `min_epoch` and `min_offset` are the lookup's own; every other name is a key column, and
//! `column.is_null=true` asks for NULL.

use crate::error::{Error, Result};

/// Rows of a page unless `limit` says otherwise.
pub const LIMIT_DEFAULT: usize = 100;
pub const LIMIT_MAX: usize = 1_000;
/// Parameters of a request.
const PARAMETERS_MAX: usize = 64;

/// `min_epoch`: an epoch that the answer must include.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimumEpoch {
    /// None: the running one.
    pub run: Option<u64>,
    pub epoch: u32,
}

/// `min_offset`: an event that the answer must include.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinimumOffset {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Column name and value as text; None: NULL. In the order given.
    pub key: Vec<(String, Option<String>)>,
    pub limit: Option<usize>,
    pub after: Option<String>,
    /// Whether the answer lists the offsets.
    pub offsets: bool,
    pub min_epoch: Option<MinimumEpoch>,
    /// May be given several times.
    pub min_offsets: Vec<MinimumOffset>,
}

impl Parameters {
    /// Errors: `Invalid`, naming the parameter.
    pub fn parse(pairs: Vec<(String, String)>) -> Result<Self> {
        if pairs.len() > PARAMETERS_MAX {
            return Err(Error::invalid(format!("more than {PARAMETERS_MAX} parameters")));
        }
        let mut found = Parameters::default();
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => once(&mut found.limit, "limit", limit(&value)?)?,
                "after" => once(&mut found.after, "after", value)?,
                "offsets" => found.offsets = boolean("offsets", &value)?,
                "min_epoch" => once(&mut found.min_epoch, "min_epoch", min_epoch(&value)?)?,
                "min_offset" => found.min_offsets.push(min_offset(&value)?),
                _ => found.key_column(name, value)?,
            }
        }
        Ok(found)
    }

    /// Whether the answer may have to wait.
    pub fn waits(&self) -> bool {
        self.min_epoch.is_some() || !self.min_offsets.is_empty()
    }

    fn key_column(&mut self, name: String, value: String) -> Result<()> {
        let (column, value) = match name.strip_suffix(".is_null") {
            Some(column) if boolean(&name, &value)? => (column.to_string(), None),
            Some(_) => return Err(Error::invalid(format!("{name} can only be true")).hint("give the value instead")),
            None => (name, Some(value)),
        };
        if self.key.iter().any(|(other, _)| *other == column) {
            return Err(Error::invalid(format!("{column} is given twice")));
        }
        self.key.push((column, value));
        Ok(())
    }
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::invalid(format!("{name} is given twice"))),
    }
}

fn limit(value: &str) -> Result<usize> {
    let number =
        value.parse().ok().filter(|n| (1..=LIMIT_MAX).contains(n) && value.bytes().all(|b| b.is_ascii_digit()));
    number.ok_or_else(|| {
        Error::invalid(format!("limit is \"{value}\"")).hint(format!("write a number from 1 to {LIMIT_MAX}"))
    })
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::invalid(format!("{name} is \"{value}\"")).hint("the values are: true, false")),
    }
}

fn min_epoch(value: &str) -> Result<MinimumEpoch> {
    let parsed = match value.split_once('.') {
        Some((run, epoch)) => run.parse().ok().zip(epoch.parse().ok()).map(|(run, epoch)| (Some(run), epoch)),
        None => value.parse().ok().map(|epoch| (None, epoch)),
    };
    let (run, epoch) = parsed.ok_or_else(|| {
        Error::invalid(format!("min_epoch is \"{value}\"")).hint("write the \"epoch\" of an answer, such as 3.1200")
    })?;
    Ok(MinimumEpoch { run, epoch })
}

fn min_offset(value: &str) -> Result<MinimumOffset> {
    let mut parts = value.rsplitn(3, ':');
    let offset = parts.next().and_then(|p| p.parse().ok()).filter(|&o: &i64| o >= 0);
    let partition = parts.next().and_then(|p| p.parse().ok()).filter(|&p: &i32| p >= 0);
    let topic = parts.next().filter(|t| !t.is_empty());
    match (topic, partition, offset) {
        (Some(topic), Some(partition), Some(offset)) => {
            Ok(MinimumOffset { topic: topic.to_string(), partition, offset })
        }
        _ => Err(Error::invalid(format!("min_offset is \"{value}\"")).hint("write topic:partition:offset of an event")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<Parameters> {
        Parameters::parse(query.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect())
    }

    #[test]
    fn all_parameters() {
        let query = [
            ("user_id", "u1"),
            ("currency.is_null", "true"),
            ("limit", "7"),
            ("after", "00-1"),
            ("offsets", "true"),
            ("min_epoch", "3.12"),
            ("min_offset", "orders:2:99"),
            ("min_offset", "rules:0:0"),
        ];
        let offset = |topic: &str, partition, offset| MinimumOffset { topic: topic.to_string(), partition, offset };
        let expected = Parameters {
            key: vec![("user_id".to_string(), Some("u1".to_string())), ("currency".to_string(), None)],
            limit: Some(7),
            after: Some("00-1".to_string()),
            offsets: true,
            min_epoch: Some(MinimumEpoch { run: Some(3), epoch: 12 }),
            min_offsets: vec![offset("orders", 2, 99), offset("rules", 0, 0)],
        };
        assert_eq!(parse(&query).expect("valid"), expected);
        assert_eq!(parse(&[("min_epoch", "5")]).expect("valid").min_epoch, Some(MinimumEpoch { run: None, epoch: 5 }));
    }

    #[test]
    fn faults_name_the_parameter() {
        for (query, message) in [
            (("limit", "0"), "limit is \"0\""),
            (("limit", "1001"), "limit is \"1001\""),
            (("limit", "+5"), "limit is \"+5\""),
            (("offsets", "yes"), "offsets is \"yes\""),
            (("min_epoch", "x"), "min_epoch is \"x\""),
            (("min_epoch", "1.-2"), "min_epoch is \"1.-2\""),
            (("min_offset", "orders:1"), "min_offset is \"orders:1\""),
            (("min_offset", "orders:1:-1"), "min_offset is \"orders:1:-1\""),
            (("user_id.is_null", "false"), "user_id.is_null can only be true"),
        ] {
            assert_eq!(parse(&[query]).expect_err("a fault").message, message);
        }
        let twice = parse(&[("a", "1"), ("a.is_null", "true")]).expect_err("a fault");
        assert_eq!(twice.message, "a is given twice");
    }
}
