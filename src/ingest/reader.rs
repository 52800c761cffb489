//! Reads the messages of one topic: events, dead letters, and replays of dead letters.
//!
//! The first replay of a dead letter that can be read is an event; those after it have no effect. Which one is first
//! follows from the order within the partition alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decode::{Decoder, Message};
use super::fetch::Fetched;
use super::queue::Entry;
use crate::catalog::Table;
use crate::changes::{DeadLetter, Position, Replay};
use crate::error::Result;

/// A topic, and how its messages are read.
pub(super) struct Reader {
    pub topic: Arc<str>,
    table: Arc<Table>,
    decoder: Decoder,
    /// What Kafka's offset 0 is to us, by partition.
    pub origins: Vec<i64>,
}

impl Reader {
    pub fn new(table: &Arc<Table>, origins: Vec<i64>) -> Result<Reader> {
        let decoder = Decoder::new(table.clone())?;
        Ok(Reader { topic: table.topic.as_str().into(), table: table.clone(), decoder, origins })
    }

    pub fn origin(&self, partition: i32) -> i64 {
        usize::try_from(partition).ok().and_then(|partition| self.origins.get(partition)).copied().unwrap_or(0)
    }

    /// Decodes the first of these messages, up to one whose fate hangs on an earlier one of them; gives their number.
    pub fn decode(
        &mut self,
        entries: &[Entry<'_>],
        replayed: &mut BTreeSet<Position>,
        fetched: &mut Fetched,
    ) -> Result<usize> {
        let (mut kept, mut messages): (Vec<Entry<'_>>, Vec<Message<'_>>) = (vec![], vec![]);
        // Replays among the messages: the message, and what it replays.
        let mut pending: Vec<(usize, Position)> = vec![];
        let mut taken = 0;
        for &entry in entries {
            let message = message(&entry, self.origin(entry.partition()));
            fetched.newest_ms = fetched.newest_ms.max(message.timestamp_us / 1000);
            if let Some(said) = self.replays(entry, message.offset) {
                let of = match said {
                    Ok(of) => of,
                    Err(error) => {
                        let position = self.position(&message);
                        fetched.dead_letters.push(DeadLetter { error, ..dead_letter(entry, position, &self.table) });
                        taken += 1;
                        continue;
                    }
                };
                if pending.iter().any(|(_, earlier)| *earlier == of) {
                    break;
                }
                if replayed.contains(&of) {
                    fetched.replays.push(self.replay(&message, &of, false));
                    taken += 1;
                    continue;
                }
                pending.push((messages.len(), of));
            }
            kept.push(entry);
            messages.push(message);
            taken += 1;
        }
        if messages.is_empty() {
            return Ok(taken);
        }
        let decoded = self.decoder.decode(&messages)?;
        for reject in decoded.rejects {
            let (field, error) = (reject.field, reject.reason.to_string());
            let position = self.position(&messages[reject.message]);
            pending.retain(|(message, _)| *message != reject.message);
            let letter = dead_letter(kept[reject.message], position, &self.table);
            fetched.dead_letters.push(DeadLetter { field, error, ..letter });
        }
        for (message, of) in pending {
            fetched.replays.push(self.replay(&messages[message], &of, true));
            replayed.insert(of);
        }
        if decoded.events.rows.num_rows() > 0 {
            fetched.events.push(decoded.events);
        }
        Ok(taken)
    }

    fn position(&self, message: &Message<'_>) -> Position {
        Position { topic: self.topic.clone(), partition: message.partition, offset: message.offset }
    }

    /// What a message says that it replays, or what is wrong with that; None: it is no replay.
    fn replays(&self, entry: Entry<'_>, offset: i64) -> Option<Result<Position, String>> {
        let header = entry.header(c"replay-of")?;
        let position = Position { topic: self.topic.clone(), partition: entry.partition(), offset };
        Some(position.replays(header)?.map(|offset| Position { offset, ..position }))
    }

    fn replay(&self, message: &Message<'_>, of: &Position, accepted: bool) -> Replay {
        Replay {
            position: self.position(message),
            replay_of: of.offset,
            timestamp_us: message.timestamp_us,
            table: self.table.name.clone(),
            accepted,
        }
    }
}

/// `origin`: what Kafka's offset 0 is to us.
fn message<'b>(entry: &Entry<'b>, origin: i64) -> Message<'b> {
    Message {
        key: entry.key(),
        value: entry.value(),
        partition: entry.partition(),
        offset: entry.offset() + origin,
        timestamp_us: entry.timestamp_ms() * 1000,
    }
}

/// The dead letter of a message; field and reason are still to be set.
fn dead_letter(entry: Entry<'_>, position: Position, table: &Table) -> DeadLetter {
    DeadLetter {
        key: entry.key().map(<[u8]>::to_vec),
        value: entry.value().map(<[u8]>::to_vec),
        headers: entry.headers(),
        position,
        timestamp_us: entry.timestamp_ms() * 1000,
        table: table.name.clone(),
        field: None,
        error: String::new(),
    }
}
