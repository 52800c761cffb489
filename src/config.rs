//! Settings: defaults, then the TOML file, then `REBATEFLOW_*` variables, then flags; the later one wins.
//!
//! One flat list of keys: `epoch_rows_max` in the file is `REBATEFLOW_EPOCH_ROWS_MAX` in the environment. An unknown key
//! in the file is an error. Unknown variables are left alone: container platforms make names of that form themselves.
//! `docker/rebateflow.toml` explains every key.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::{Spanned, Value};

use crate::error::{Diagnostic, Error, ErrorKind, Result};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Everything that can be set. Numbers are within the ranges below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Kafka brokers, `host:port`, separated by commas.
    pub brokers: String,
    /// Directory with one view a file.
    pub sql: PathBuf,
    /// Directory with one table a file.
    pub schemas: PathBuf,
    /// Directory with one definition of a network a file.
    pub collectors: PathBuf,
    /// Where commits and history go: a directory or a URL.
    pub data: String,
    /// Address to serve HTTP on, `host:port`; port 0 picks a free one.
    pub http: String,
    /// Events after which a batch closes.
    pub epoch_rows_max: usize,
    /// Milliseconds after which a batch closes.
    pub epoch_ms_max: u64,
    /// Whether commits and history are written at all.
    pub history: bool,
    pub commit_every_ms: u64,
    /// Bytes of committed segments after which they are rolled into Parquet files.
    pub roll_bytes: u64,
    pub roll_after_ms: u64,
    /// Milliseconds between checkpoints of the state.
    pub checkpoint_every_ms: u64,
    /// Events after which there is a checkpoint before that time.
    pub checkpoint_events_max: usize,
    /// Days that dead letters are kept; 0: for ever.
    pub keep_dead_letters_days: u32,
    /// Days that the changes of an edited or removed view are kept; 0: for ever.
    pub keep_generations_days: u32,
    /// Kibibytes of messages that the Kafka client may hold for each partition.
    pub fetch_queued_kbytes_max: u64,
    /// Bytes of state; consumption stops at this size.
    pub memory_budget_bytes: u64,
    /// Rows of one partition or group that a change may compute anew; a view that needs more stops.
    pub max_rows_recompute: usize,
    /// Shards of the views' state, with a thread each; 0: one for each core.
    pub shards: usize,
    /// The Kafka topic that dead letters are produced to, too; None: they are in the history only.
    pub dead_letter_topic: Option<String>,
    pub log_format: LogFormat,
    /// Process what is there at start-up, commit, and exit.
    pub drain: bool,
    /// Wait until the process that writes to the data directory is gone, then take its place.
    pub standby: bool,
    /// Milliseconds of silence after which a standby takes over.
    pub takeover_after_ms: u64,
    /// With `drain`: the time that the views go by, instead of now (microseconds since 1970-01-01 UTC).
    pub as_of: Option<i64>,
    /// Topics of which the user accepts that events are lost. Only a flag: it is said of one start.
    pub accept_loss: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            brokers: "127.0.0.1:9092".to_string(),
            sql: PathBuf::from("./sql"),
            schemas: PathBuf::from("./schemas"),
            collectors: PathBuf::from("./schemas/collectors"),
            data: "./data".to_string(),
            http: "127.0.0.1:8080".to_string(),
            epoch_rows_max: 16_384,
            epoch_ms_max: 10,
            history: true,
            commit_every_ms: 2_000,
            roll_bytes: 134_217_728,
            roll_after_ms: 300_000,
            checkpoint_every_ms: 10_000,
            checkpoint_events_max: 1_000_000,
            keep_dead_letters_days: 0,
            keep_generations_days: 0,
            fetch_queued_kbytes_max: 32_768,
            memory_budget_bytes: 4_294_967_296,
            max_rows_recompute: 1_000_000,
            shards: 0,
            dead_letter_topic: None,
            log_format: LogFormat::Text,
            drain: false,
            standby: false,
            takeover_after_ms: 10_000,
            as_of: None,
            accept_loss: vec![],
        }
    }
}

/// Every key, in the order of the sample file.
pub const KEYS: [&str; 26] = [
    "brokers",
    "sql",
    "schemas",
    "collectors",
    "data",
    "http",
    "epoch_rows_max",
    "epoch_ms_max",
    "history",
    "commit_every_ms",
    "roll_bytes",
    "roll_after_ms",
    "checkpoint_every_ms",
    "checkpoint_events_max",
    "keep_dead_letters_days",
    "keep_generations_days",
    "fetch_queued_kbytes_max",
    "memory_budget_bytes",
    "max_rows_recompute",
    "shards",
    "dead_letter_topic",
    "log_format",
    "drain",
    "standby",
    "takeover_after_ms",
    "as_of",
];

/// Prefix of the environment variables.
pub const PREFIX: &str = "REBATEFLOW_";

const EPOCH_ROWS: RangeInclusive<u64> = 1..=1_048_576;
const EPOCH_MS: RangeInclusive<u64> = 1..=10_000;
const COMMIT_MS: RangeInclusive<u64> = 10..=600_000;
const ROLL_BYTES: RangeInclusive<u64> = 65_536..=17_179_869_184;
const CHECKPOINT_MS: RangeInclusive<u64> = 100..=3_600_000;
const CHECKPOINT_EVENTS: RangeInclusive<u64> = 1_000..=1_000_000_000;
const KEEP_DAYS: RangeInclusive<u64> = 0..=36_500;
const ROLL_MS: RangeInclusive<u64> = 100..=86_400_000;
/// The upper end is the client library's own.
const FETCH_KBYTES: RangeInclusive<u64> = 1_024..=2_097_151;
const RECOMPUTE_ROWS: RangeInclusive<u64> = 1..=1_000_000_000;
/// The upper end is the number of hash slots.
const SHARDS: RangeInclusive<u64> = 0..=256;
const TAKEOVER_MS: RangeInclusive<u64> = 500..=600_000;
const MEMORY_BYTES: RangeInclusive<u64> = 67_108_864..=1_099_511_627_776;

/// What the flags of the command line say; None: nothing.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub brokers: Option<String>,
    pub sql: Option<String>,
    pub schemas: Option<String>,
    pub collectors: Option<String>,
    pub data: Option<String>,
    pub http: Option<String>,
    pub epoch_rows_max: Option<u64>,
    pub epoch_ms_max: Option<u64>,
    pub history: Option<bool>,
    pub commit_every_ms: Option<u64>,
    pub log_format: Option<String>,
    pub drain: Option<bool>,
    pub standby: Option<bool>,
    pub as_of: Option<String>,
}

impl Overrides {
    fn given(&self) -> Vec<(&'static str, String)> {
        let number = |n: Option<u64>| n.map(|n| n.to_string());
        let flag = |b: Option<bool>| b.map(|b| b.to_string());
        let all = [
            ("brokers", self.brokers.clone()),
            ("sql", self.sql.clone()),
            ("schemas", self.schemas.clone()),
            ("collectors", self.collectors.clone()),
            ("data", self.data.clone()),
            ("http", self.http.clone()),
            ("epoch_rows_max", number(self.epoch_rows_max)),
            ("epoch_ms_max", number(self.epoch_ms_max)),
            ("history", flag(self.history)),
            ("commit_every_ms", number(self.commit_every_ms)),
            ("log_format", self.log_format.clone()),
            ("drain", flag(self.drain)),
            ("standby", flag(self.standby)),
            ("as_of", self.as_of.clone()),
        ];
        all.into_iter().filter_map(|(key, text)| Some((key, text?))).collect()
    }
}

/// What is wrong with a value: message and hint.
struct Fault {
    message: String,
    hint: String,
}

fn fault<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { message: message.into(), hint: hint.into() })
}

impl Settings {
    /// Reads all four sources. `environment` is `std::env::vars()`, or what a test says.
    ///
    /// Errors: `Invalid`, naming the key or the place in the file.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Settings> {
        let mut settings = Settings::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|e| {
                Error::invalid(format!("cannot read the configuration {}", path.display())).caused_by(e)
            })?;
            settings.apply_toml(&path.display().to_string(), &text)?;
        }
        for (name, text) in environment {
            let Some(key) = KEYS.into_iter().find(|key| name == variable(key)) else {
                continue;
            };
            settings.set(key, &Value::String(text), true).map_err(|f| named(&name, f))?;
        }
        for (key, text) in overrides.given() {
            let name = format!("--{}", key.replace('_', "-"));
            settings.set(key, &Value::String(text), true).map_err(|f| named(&name, f))?;
        }
        Ok(settings)
    }

    /// Applies the text of a TOML file. `file` is its name in messages.
    pub fn apply_toml(&mut self, file: &str, text: &str) -> Result<()> {
        let diagnostic = |span: Range<usize>, fault: Fault| Diagnostic {
            kind: ErrorKind::Invalid,
            file: file.to_string(),
            text: text.to_string(),
            span,
            message: fault.message,
            hint: Some(fault.hint),
        };
        let entries: BTreeMap<Spanned<String>, Spanned<Value>> = toml::from_str(text).map_err(|e| {
            let hint = "a line is: key = value, with texts in quotes".to_string();
            let fault = Fault { message: e.message().to_string(), hint };
            Error::from_diagnostics(vec![diagnostic(e.span().unwrap_or(0..0), fault)])
        })?;
        let mut found = vec![];
        for (key, value) in &entries {
            let name = key.get_ref();
            if !KEYS.contains(&name.as_str()) {
                let hint = format!("the keys are: {}", KEYS.join(", "));
                found.push(diagnostic(key.span(), Fault { message: format!("unknown key {name}"), hint }));
            } else if let Err(Fault { message, hint }) = self.set(name, value.get_ref(), false) {
                let fault = Fault { message: format!("{name} {message}"), hint };
                found.push(diagnostic(value.span(), fault));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(Error::from_diagnostics(found)) }
    }

    /// `text_only`: numbers and booleans come as text too.
    fn set(&mut self, key: &str, value: &Value, text_only: bool) -> Result<(), Fault> {
        let number = |range: RangeInclusive<u64>| number(value, text_only, range);
        match key {
            "brokers" => self.brokers = brokers(value)?,
            "sql" => self.sql = PathBuf::from(text(value)?),
            "schemas" => self.schemas = PathBuf::from(text(value)?),
            "collectors" => self.collectors = PathBuf::from(text(value)?),
            "data" => self.data = text(value)?,
            "http" => self.http = address(&text(value)?)?,
            "epoch_rows_max" => self.epoch_rows_max = number(EPOCH_ROWS)? as usize,
            "epoch_ms_max" => self.epoch_ms_max = number(EPOCH_MS)?,
            "history" => self.history = flag(value, text_only)?,
            "commit_every_ms" => self.commit_every_ms = number(COMMIT_MS)?,
            "roll_bytes" => self.roll_bytes = number(ROLL_BYTES)?,
            "roll_after_ms" => self.roll_after_ms = number(ROLL_MS)?,
            "checkpoint_every_ms" => self.checkpoint_every_ms = number(CHECKPOINT_MS)?,
            "checkpoint_events_max" => self.checkpoint_events_max = number(CHECKPOINT_EVENTS)? as usize,
            "keep_dead_letters_days" => self.keep_dead_letters_days = number(KEEP_DAYS)? as u32,
            "keep_generations_days" => self.keep_generations_days = number(KEEP_DAYS)? as u32,
            "fetch_queued_kbytes_max" => self.fetch_queued_kbytes_max = number(FETCH_KBYTES)?,
            "memory_budget_bytes" => self.memory_budget_bytes = number(MEMORY_BYTES)?,
            "max_rows_recompute" => self.max_rows_recompute = number(RECOMPUTE_ROWS)? as usize,
            "shards" => self.shards = number(SHARDS)? as usize,
            "dead_letter_topic" => self.dead_letter_topic = optional(value)?,
            "log_format" => self.log_format = log_format(&text(value)?)?,
            "drain" => self.drain = flag(value, text_only)?,
            "standby" => self.standby = flag(value, text_only)?,
            "takeover_after_ms" => self.takeover_after_ms = number(TAKEOVER_MS)?,
            "as_of" => self.as_of = time(value)?,
            other => {
                return fault(format!("{other} is not a key"), format!("the keys are: {}", KEYS.join(", ")));
            }
        }
        Ok(())
    }
}

/// The environment variable of a key.
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase())
}

fn named(name: &str, fault: Fault) -> Error {
    Error::invalid(format!("{name} {}", fault.message)).hint(fault.hint)
}

/// An empty text is the default: now.
fn time(value: &Value) -> Result<Option<i64>, Fault> {
    if matches!(value, Value::String(text) if text.is_empty()) {
        return Ok(None);
    }
    let text = text(value)?;
    match chrono::DateTime::parse_from_rfc3339(&text) {
        Ok(time) => Ok(Some(time.timestamp_micros())),
        Err(_) => fault(format!("is {text}, not a time"), "write it like 2026-01-31T12:00:00Z"),
    }
}

/// An empty text is the default: none.
fn optional(value: &Value) -> Result<Option<String>, Fault> {
    match value {
        Value::String(text) if text.is_empty() => Ok(None),
        value => text(value).map(Some),
    }
}

fn text(value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) if text.trim().is_empty() => fault("is empty", "leave it out for the default"),
        Value::String(text) => Ok(text.clone()),
        other => fault(format!("is {other}, not a text"), "put it in quotes"),
    }
}

fn number(value: &Value, text_only: bool, range: RangeInclusive<u64>) -> Result<u64, Fault> {
    let hint = format!("write a whole number, {} to {}", range.start(), range.end());
    let given = match value {
        Value::Integer(n) => u64::try_from(*n).ok(),
        Value::String(text) if text_only => text.parse::<u64>().ok(),
        _ => None,
    };
    match given {
        Some(n) if range.contains(&n) => Ok(n),
        Some(n) => fault(format!("is {n}, outside {} to {}", range.start(), range.end()), hint),
        None => fault(format!("is {value}, not such a number"), hint),
    }
}

fn flag(value: &Value, text_only: bool) -> Result<bool, Fault> {
    match value {
        Value::Boolean(flag) => Ok(*flag),
        Value::String(text) if text_only && text == "true" => Ok(true),
        Value::String(text) if text_only && text == "false" => Ok(false),
        other => fault(format!("is {other}, neither true nor false"), "the values are: true, false"),
    }
}

fn log_format(text: &str) -> Result<LogFormat, Fault> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => fault(format!("is \"{other}\""), "the values are: text, json"),
    }
}

fn brokers(value: &Value) -> Result<String, Fault> {
    let text = text(value)?;
    for broker in text.split(',') {
        address(broker.trim())?;
    }
    Ok(text)
}

fn address(text: &str) -> Result<String, Fault> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(_)) => Ok(text.to_string()),
        _ => fault(format!("has \"{text}\", which is not host:port"), "write for example 127.0.0.1:8080"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(toml: &str) -> String {
        Settings::default().apply_toml("rebateflow.toml", toml).expect_err("a fault").to_string()
    }

    #[test]
    fn the_sample_file_is_the_defaults() {
        let text = include_str!("../docker/rebateflow.toml");
        let mut settings = Settings::default();
        settings.apply_toml("rebateflow.toml", text).expect("valid");
        // What a container needs to be different.
        let expected = Settings {
            brokers: "kafka:9092".to_string(),
            sql: "/etc/rebateflow/sql".into(),
            schemas: "/etc/rebateflow/schemas".into(),
            collectors: "/etc/rebateflow/collectors".into(),
            data: "/var/lib/rebateflow".to_string(),
            http: "0.0.0.0:8080".to_string(),
            ..Settings::default()
        };
        assert_eq!(settings, expected);
        let named: BTreeMap<String, Value> = toml::from_str(text).expect("valid");
        let mut keys = KEYS.to_vec();
        keys.sort_unstable();
        assert_eq!(named.keys().collect::<Vec<_>>(), keys, "the sample names every key");
    }

    #[test]
    fn later_sources_win() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("c.toml");
        std::fs::write(&file, "http = \"127.0.0.1:1\"\nepoch_ms_max = 20\ncommit_every_ms = 500\n").expect("written");
        let environment =
            [("REBATEFLOW_HTTP", "127.0.0.1:2"), ("REBATEFLOW_EPOCH_MS_MAX", "30"), ("REBATEFLOW_PORT_80_TCP", "x")]
                .map(|(k, v)| (k.to_string(), v.to_string()));
        let overrides = Overrides { http: Some("127.0.0.1:3".to_string()), drain: Some(true), ..Overrides::default() };
        let settings = Settings::load(Some(&file), environment, &overrides).expect("valid");
        let expected = Settings {
            http: "127.0.0.1:3".to_string(),
            epoch_ms_max: 30,
            commit_every_ms: 500,
            drain: true,
            ..Settings::default()
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn faults_name_the_key_and_what_is_allowed() {
        let all = message("brokerz = \"a:1\"\nepoch_rows_max = 0\nlog_format = \"xml\"\nhistory = \"true\"\n");
        for part in [
            "unknown key brokerz",
            "the keys are: brokers, sql,",
            "epoch_rows_max is 0, outside 1 to 1048576",
            "log_format is \"xml\"",
            "the values are: text, json",
            "history is \"true\", neither true nor false",
            "rebateflow.toml:2:18",
        ] {
            assert!(all.contains(part), "no {part:?} in\n{all}");
        }
        assert!(message("epoch_rows_max = \"5\"").contains("is \"5\", not such a number"));
        assert!(message("http = \"8080\"").contains("not host:port"));
        assert!(message("http = ").contains("rebateflow.toml:1:"));
        let environment = [("REBATEFLOW_ROLL_BYTES".to_string(), "-1".to_string())];
        let error = Settings::load(None, environment, &Overrides::default()).expect_err("a fault");
        assert!(error.message.starts_with("REBATEFLOW_ROLL_BYTES is \"-1\""), "{error}");
        let overrides = Overrides { epoch_rows_max: Some(0), ..Overrides::default() };
        let error = Settings::load(None, [], &overrides).expect_err("a fault");
        assert_eq!(error.message, "--epoch-rows-max is 0, outside 1 to 1048576");
    }
}
