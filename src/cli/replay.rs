//! `rebateflow dead-letters replay`: messages that could not be read are produced to their topics again.
//!
//! The header `replay-of` names the dead letter. The program that reads the topic accepts one replay of each, so this
//! command can be repeated after any failure; what is known to be accepted it leaves out.

use std::collections::BTreeSet;

use clap::Args;

use super::dead_letters::{not_found, pinned, position};
use crate::changes::{DeadLetter, Position, REPLAY_OF};
use crate::config::{Overrides, Settings};
use crate::error::{Error, Result};
use crate::explain::counted;
use crate::history::{Dataset, HistoryPin, dead_letters_of};
use crate::ingest::{Outgoing, Producer};

/// Flags of `dead-letters replay`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["messages", "table", "all"]))]
pub(super) struct ReplayArguments {
    /// Topic, partition and offset of each, as `orders/0/42`.
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    /// All of this table.
    #[arg(long)]
    table: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
    /// Kafka brokers [default: 127.0.0.1:9092].
    #[arg(long, value_name = "HOST:PORT,...")]
    brokers: Option<String>,
    /// The data directory [default: ./data].
    #[arg(long, value_name = "DIR|URL")]
    data: Option<String>,
}

/// Produces and waits until the broker has everything.
pub(super) fn replay(arguments: &ReplayArguments) -> Result<()> {
    let ReplayArguments { brokers, data, .. } = arguments;
    let overrides = Overrides { brokers: brokers.clone(), data: data.clone(), ..Overrides::default() };
    let settings = Settings::load(None, std::env::vars(), &overrides)?;
    let pin = pinned(&settings.data)?;
    let named = named(&arguments.messages, &pin)?;
    let wanted = |letter: &DeadLetter| match &arguments.table {
        _ if arguments.all => true,
        Some(table) => letter.table == *table,
        None => named.contains(&letter.position),
    };
    let producer = Producer::new(&settings.brokers)?;
    // What need not be produced: accepted before, or produced just now.
    let mut done = pin.replayed()?;
    let (mut produced, mut left_out, mut refused) = (0, 0, 0);
    let mut rows = pin.rows(&Dataset::DeadLetters, None);
    while let Some(batch) = rows.next(&mut |_| Ok(()))? {
        for (_, letter) in dead_letters_of(&batch)?.iter().filter(|(_, letter)| wanted(letter)) {
            if done.insert(letter.origin()) {
                produce(&producer, letter)?;
                produced += 1;
            } else {
                left_out += 1;
            }
        }
        refused += producer.confirm()?;
    }
    tell!("{} replayed; {left_out} left out, which were replayed before", counted(produced, "message"));
    match refused {
        0 => Ok(()),
        _ => Err(Error::refused(format!("the broker refuses {refused} of them"))
            .hint("they are longer than its topic allows; raise the topic's max.message.bytes and repeat the command")),
    }
}

/// The positions that the arguments name. Errors: `NotFound` for one that is no dead letter; nothing is produced then.
fn named(messages: &[String], pin: &HistoryPin) -> Result<BTreeSet<Position>> {
    let named = messages.iter().map(|message| position(message)).collect::<Result<BTreeSet<Position>>>()?;
    let mut missing = named.clone();
    let mut rows = pin.rows(&Dataset::DeadLetters, None);
    while let (false, Some(batch)) = (missing.is_empty(), rows.next(&mut |_| Ok(()))?) {
        dead_letters_of(&batch)?.iter().for_each(|(_, letter)| {
            missing.remove(&letter.position);
        });
    }
    missing.first().map_or(Ok(named), |first| Err(not_found(&first.to_string())))
}

/// The original message, to where it was, with its headers.
fn produce(producer: &Producer, letter: &DeadLetter) -> Result<()> {
    let of = letter.origin().to_string();
    let own = letter.headers.iter().filter(|(name, _)| name != REPLAY_OF);
    let mut headers: Vec<(&str, Option<&[u8]>)> = own.map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    headers.push((REPLAY_OF, Some(of.as_bytes())));
    producer.send(&Outgoing {
        topic: &letter.position.topic,
        partition: Some(letter.position.partition),
        key: letter.key.as_deref(),
        value: letter.value.as_deref(),
        headers: &headers,
    })
}
