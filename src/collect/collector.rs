//! The collector of one network: its sweeps, each with a cursor of its own.

use std::time::Duration;

use super::client::Client;
use super::cursor::{Cursor, Done, Round};
use super::pages::{Window, read_window};
use super::sink::Sink;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::history::Store;
use crate::network::{Definition, Sweep};
use crate::tasks::Stop;

/// Networks count in seconds: windows begin and end at whole ones.
const SECOND_US: i64 = 1_000_000;
/// A sweep that failed is tried again after its interval, but not later than this.
const AFTER_FAILURE_MAX_US: i64 = 60 * SECOND_US;

/// What a collector works with.
pub struct CollectorOptions {
    /// The name of the definition's file: cursors are kept under it.
    pub name: String,
    pub definition: Definition,
    pub store: Store,
    pub clock: Clock,
    pub stop: Stop,
    pub seed: u64,
}

/// Polls a network.
pub struct Collector<'s> {
    client: Client,
    sink: &'s mut dyn Sink,
    clock: Clock,
    stop: Stop,
    sweeps: Vec<Progress>,
}

struct Progress {
    sweep: Sweep,
    cursor: Cursor<Done>,
    due_us: i64,
}

impl<'s> Collector<'s> {
    /// Loads the cursors.
    pub fn new(options: CollectorOptions, sink: &'s mut dyn Sink) -> Result<Collector<'s>> {
        let CollectorOptions { name, definition, store, clock, stop, seed } = options;
        let mut sweeps = vec![];
        for sweep in definition.sweeps.clone() {
            let cursor = Cursor::<Done>::load(&store, &name, &sweep.name)?;
            // After a start every sweep is due: a slow one knows from its cursor that it is not.
            let due_us = match (cursor.done.until_us, cursor.done.round) {
                (Some(until_us), None) => until_us + sweep.every.us,
                _ => 0,
            };
            sweeps.push(Progress { sweep, cursor, due_us });
        }
        let client = Client::new(definition, clock.clone(), stop.clone(), seed);
        Ok(Collector { client, sink, clock, stop, sweeps })
    }

    /// Polls until it is told to stop.
    ///
    /// Errors: what cannot get better by itself. A network, broker or store that is away is tried again.
    pub fn run(&mut self) -> Result<()> {
        while !self.stop.raised() {
            let now_us = self.clock.now_us();
            let Some(i) = self.due(now_us) else {
                let next_us = self.sweeps.iter().map(|progress| progress.due_us).min().unwrap_or(now_us);
                // A stop shows at the top.
                let _ = self.client.wait(Duration::from_micros((next_us - now_us).max(0).unsigned_abs()));
                continue;
            };
            if let Err(error) = self.step(i) {
                let for_good = !matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Data);
                if for_good || self.stop.raised() {
                    return if for_good { Err(error) } else { Ok(()) };
                }
                let sweep = &mut self.sweeps[i];
                sweep.due_us = self.clock.now_us() + sweep.sweep.every.us.min(AFTER_FAILURE_MAX_US);
                tracing::error!(sweep = sweep.sweep.name, %error, "a sweep failed; it is tried again");
            }
        }
        Ok(())
    }

    /// One round of every sweep that is due, and what is left of unfinished ones.
    pub fn run_once(&mut self) -> Result<()> {
        let begin_us = self.clock.now_us();
        while let Some(i) = self.due(begin_us) {
            self.step(i)?;
        }
        Ok(())
    }

    /// Of the sweeps that are due the one that is asked oftenest: a slow sweep goes on in between.
    fn due(&self, now_us: i64) -> Option<usize> {
        let due = (0..self.sweeps.len()).filter(|i| self.sweeps[*i].due_us <= now_us);
        due.min_by_key(|i| (self.sweeps[*i].sweep.every, self.sweeps[*i].due_us))
    }

    /// Reads one window of a sweep.
    fn step(&mut self, i: usize) -> Result<()> {
        let now_us = self.clock.now_us().div_euclid(SECOND_US) * SECOND_US;
        let Progress { sweep, cursor, .. } = &mut self.sweeps[i];
        let round = cursor.done.round.unwrap_or_else(|| Round {
            next_us: cursor.done.until_us.map_or(now_us - sweep.first.us, |until_us| until_us - sweep.overlap.us),
            // A clock that was set back takes nothing back.
            end_us: cursor.done.until_us.map_or(now_us, |until_us| until_us.max(now_us)),
        });
        let window_us = cursor.done.window_us.unwrap_or(sweep.window.us).clamp(sweep.window_min.us, sweep.window.us);
        let window = Window { start_us: round.next_us, end_us: round.end_us.min(round.next_us + window_us) };
        let records = read_window(&mut self.client, sweep, window, self.sink)?;
        self.sink.confirm()?;
        let Some(records) = records else {
            return self.narrow(i, round, window);
        };
        let wider_us = (window_us.saturating_mul(2)).min(sweep.window.us);
        let is_over = window.end_us >= round.end_us;
        let done = Done {
            until_us: if is_over { Some(round.end_us) } else { cursor.done.until_us },
            round: (!is_over).then_some(Round { next_us: window.end_us, ..round }),
            window_us: (wider_us < sweep.window.us).then_some(wider_us),
        };
        cursor.save(done)?;
        tracing::debug!(sweep = sweep.name, records, seconds = (window.end_us - window.start_us) / SECOND_US, "read");
        if is_over {
            self.sweeps[i].due_us = round.end_us + self.sweeps[i].sweep.every.us;
        }
        Ok(())
    }

    /// Notes that the window was too long: the next one is half of it.
    fn narrow(&mut self, i: usize, round: Round, window: Window) -> Result<()> {
        let Progress { sweep, cursor, .. } = &mut self.sweeps[i];
        let length_us = window.end_us - window.start_us;
        if length_us <= sweep.window_min.us {
            let seconds = length_us / SECOND_US;
            let message = format!("a window of {seconds} s of sweep {} holds more than the network gives", sweep.name);
            return Err(Error::data(message).hint("lower its window_min, if the network takes shorter windows"));
        }
        let half_us = (length_us / 2 / SECOND_US * SECOND_US).max(sweep.window_min.us);
        tracing::warn!(sweep = sweep.name, seconds = half_us / SECOND_US, "too much for one window; half of it");
        cursor.save(Done { round: Some(round), window_us: Some(half_us), ..cursor.done.clone() })
    }

    /// Up to where each sweep is read without a gap.
    pub fn progress(&self) -> Vec<(&str, Option<i64>)> {
        self.sweeps.iter().map(|progress| (progress.sweep.name.as_str(), progress.cursor.done.until_us)).collect()
    }
}
