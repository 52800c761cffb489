//! Log lines to the topic `system_logs`: from a file that is followed, or from a pipe.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};

use super::cursor::Cursor;
use super::follow::{Follower, LINE_BYTES_MAX, Line, Position};
use super::sink::Sink;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::history::Store;
use crate::network::{RawMessage, sha256_hex};
use crate::tasks::Stop;

/// Topic of the lines.
const TOPIC: &str = "system_logs";
/// Bytes of lines that are confirmed together.
const BATCH_BYTES: usize = 1 << 20;
/// Between two looks at a file without anything new.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After a broker or store that is away.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Members that are taken as they are.
const KEPT: [&str; 4] = ["route", "status", "latency_ms", "service"];
/// Names under which a line may have its time and its text.
const TIMES: [&str; 4] = ["event_time", "timestamp", "time", "ts"];
const MESSAGES: [&str; 2] = ["message", "msg"];

/// What a log collector works with.
pub struct LogOptions {
    /// The service of lines that do not name one.
    pub service: String,
    /// For the position in a file.
    pub store: Store,
    pub clock: Clock,
    pub stop: Stop,
    /// Ends where nothing more is there.
    pub once: bool,
}

/// Sends log lines.
pub struct LogCollector<'s> {
    options: LogOptions,
    sink: &'s mut dyn Sink,
}

impl<'s> LogCollector<'s> {
    pub fn new(options: LogOptions, sink: &'s mut dyn Sink) -> Self {
        LogCollector { options, sink }
    }

    /// Follows a file until told to stop, or to its end. Gives the number of lines.
    pub fn follow(&mut self, path: &Path) -> Result<u64> {
        let absolute = std::path::absolute(path)
            .map_err(|e| Error::invalid(format!("{} is no path", path.display())).caused_by(e))?;
        let mut cursor = Cursor::<Position>::load(&self.options.store, "logs", &name_of(&absolute))?;
        let mut follower = Follower::new(&absolute, Some(cursor.done.clone()));
        let mut count = 0;
        while !self.options.stop.raised() {
            match self.batch(&mut follower, &mut cursor) {
                Ok(0) if self.options.once => break,
                Ok(0) => self.options.clock.sleep(LOOK_EVERY),
                Ok(lines) => count += lines,
                Err(error) if error.kind == ErrorKind::Unavailable && !self.options.once => {
                    tracing::warn!(%error, "log lines wait");
                    // What was read is read again.
                    follower = Follower::new(&absolute, Some(cursor.done.clone()));
                    self.options.clock.sleep(AFTER_FAILURE);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    fn batch(&mut self, follower: &mut Follower, cursor: &mut Cursor<Position>) -> Result<u64> {
        let lines = follower.read(BATCH_BYTES)?;
        if lines.is_empty() {
            return Ok(0);
        }
        self.send(&lines)?;
        if let Some(position) = follower.position()? {
            cursor.save(position)?;
        }
        Ok(lines.len() as u64)
    }

    /// Reads lines to the end of a pipe. Piped again, the same lines are the same events.
    pub fn read(&mut self, input: impl Read) -> Result<u64> {
        let mut input = BufReader::new(input);
        let (mut offset, mut count) = (0, 0);
        while !self.options.stop.raised() {
            let (mut lines, mut bytes) = (vec![], 0);
            // A line at a time when they come one at a time, else as many as are there.
            while bytes < BATCH_BYTES && (lines.is_empty() || !input.buffer().is_empty()) {
                let mut text = vec![];
                let read = input.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut text);
                let read = read.map_err(|e| Error::unavailable("cannot read the input").caused_by(e))?;
                if read == 0 {
                    break;
                }
                bytes += read;
                let text = text.trim_ascii_end().to_vec();
                lines.push(Line { inode: 0, offset, text });
                offset += read as u64;
            }
            if lines.is_empty() {
                break;
            }
            lines.retain(|line| !line.text.is_empty());
            self.send(&lines)?;
            count += lines.len() as u64;
        }
        Ok(count)
    }

    fn send(&mut self, lines: &[Line]) -> Result<()> {
        let now_us = self.options.clock.now_us();
        for line in lines {
            let value = log_event(line, &self.options.service, now_us);
            self.sink.send(&RawMessage { topic: TOPIC.to_string(), value })?;
        }
        self.sink.confirm()
    }
}

/// Where the position of a file is kept: its own name is for people, the hash for files of one name.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
    format!("{plain}-{}", &sha256_hex(path.as_os_str().as_encoded_bytes())[..16])
}

/// A line as a message of `system_logs`. Texts are not kept, only their hash. A line that is no JSON object is sent as it
/// is: it becomes a dead letter, so that nobody looks for it in vain.
pub fn log_event(line: &Line, service: &str, now_us: i64) -> String {
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(&line.text) else {
        return String::from_utf8_lossy(&line.text).into_owned();
    };
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| {
        event.insert(name.to_string(), value);
    };
    let text = String::from_utf8_lossy(&line.text);
    let id = || sha256_hex(format!("{}|{}|{text}", line.inode, line.offset).as_bytes())[..32].to_string();
    put("event_id", members.get("event_id").cloned().unwrap_or_else(|| Value::from(id())));
    put("service", Value::from(service));
    for name in KEPT {
        members.get(name).cloned().into_iter().for_each(|value| put(name, value));
    }
    if let Some(level) = members.get("level").and_then(Value::as_str) {
        put("level", Value::from(level.to_uppercase()));
    }
    if let Some(time) = TIMES.iter().find_map(|name| members.get(*name)) {
        put("event_time", time.clone());
    }
    let inner = members.get("fields").and_then(Value::as_object);
    let message = MESSAGES.iter().find_map(|name| members.get(*name).or_else(|| inner?.get(*name)));
    let hash = message.map(|message| Value::from(&sha256_hex(message.as_str().unwrap_or_default().as_bytes())[..16]));
    members.get("message_hash").cloned().or(hash).into_iter().for_each(|hash| put("message_hash", hash));
    let now = DateTime::from_timestamp_micros(now_us).unwrap_or_default();
    put("ingest_time", Value::from(now.to_rfc3339_opts(SecondsFormat::Micros, true)));
    Value::Object(event).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-01-31T12:00:00Z","level":"info","fields":{"message":"user 7 paid"},
        "target":"x","status":200}"#;

    fn event(text: &str) -> Value {
        let line = Line { inode: 7, offset: 3, text: text.as_bytes().to_vec() };
        serde_json::from_str(&log_event(&line, "api", 0)).expect("JSON")
    }

    #[test]
    fn a_line_becomes_an_event_without_its_text() {
        let found = event(LINE);
        assert_eq!(found["event_time"], "2026-01-31T12:00:00Z");
        assert_eq!(
            (&found["level"], &found["service"], &found["status"]),
            (&"INFO".into(), &"api".into(), &200.into())
        );
        assert_eq!(found["message_hash"].as_str().map(str::len), Some(16));
        assert_eq!(found["ingest_time"], "1970-01-01T00:00:00.000000Z");
        assert!(!found.to_string().contains("paid") && found.get("target").is_none(), "{found}");
        assert_eq!(found["event_id"], event(LINE)["event_id"], "a stable name");
        assert_eq!(event(r#"{"event_id":"e1","service":"pay"}"#)["event_id"], "e1");
        assert_eq!(event(r#"{"event_id":"e1","service":"pay"}"#)["service"], "pay");
        let broken = Line { inode: 7, offset: 3, text: b"panic at".to_vec() };
        assert_eq!(log_event(&broken, "api", 0), "panic at");
    }
}
