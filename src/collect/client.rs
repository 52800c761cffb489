//! Asks a network: no oftener than allowed, again after failures, with pauses that grow.
//!
//! Every call, failed ones too, is sent to `affiliate_raw`, so that views know how a network answers us.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;

use super::rate::Calls;
use super::sink::Sink;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::network::{Call, Definition, Fetch, Method, Place, Remedy, Sweep, records};
use crate::tasks::Stop;

/// Calls for one page, at most; then the round has failed and begins again later.
pub const ATTEMPTS_MAX: u32 = 8;
/// The pause after the first failure; it doubles with each further one, up to the second figure.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(120);
/// What a network may tell us to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(900);
/// A call, from connecting to the last byte.
const CALL_MAX: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// How late a request to stop is seen.
const NAP: Duration = Duration::from_millis(200);
/// Characters of an answer that a message shows.
const SHOWN: usize = 200;

/// A good answer.
pub(super) struct Page {
    pub body: String,
    pub records: usize,
}

/// What an attempt came to.
enum Attempt {
    Page(Page),
    /// The window is too long.
    TooMuch,
    /// Ask again; and when, if the network says so.
    Again(Error, Option<Duration>),
}

/// Talks to one network.
pub struct Client {
    definition: Definition,
    agent: ureq::Agent,
    calls: Calls,
    clock: Clock,
    stop: Stop,
    random: fastrand::Rng,
}

/// What came over the wire.
struct Answer {
    status: Option<u16>,
    retry_after: Option<Duration>,
    body: Vec<u8>,
    failure: Option<Error>,
}

impl Client {
    /// `seed` spreads the pauses of many collectors.
    pub fn new(definition: Definition, clock: Clock, stop: Stop, seed: u64) -> Client {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(CALL_MAX))
            .http_status_as_error(false)
            // A network that moves is a case for a person: a secret may be in the request.
            .max_redirects(0)
            .build()
            .into();
        let calls = Calls::new(definition.rate);
        Client { definition, agent, calls, clock, stop, random: fastrand::Rng::with_seed(seed) }
    }

    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Asks for a page until it is answered, and sends its records. None: the window is too long.
    ///
    /// Errors: `Unavailable` after `ATTEMPTS_MAX` attempts or at a stop; `Refused` when no attempt can help; the sink's.
    pub(super) fn ask(&mut self, sweep: &Sweep, place: &Place<'_>, sink: &mut dyn Sink) -> Result<Option<Page>> {
        let mut attempt = 1;
        loop {
            self.wait_for_turn()?;
            match self.try_once(sweep, place, sink)? {
                Attempt::Page(page) => return Ok(Some(page)),
                Attempt::TooMuch => return Ok(None),
                Attempt::Again(error, _) if attempt == ATTEMPTS_MAX => return Err(error),
                Attempt::Again(error, retry_after) => {
                    let pause = retry_after.unwrap_or_else(|| self.pause(attempt));
                    let (platform, sweep) = (&self.definition.platform, &sweep.name);
                    tracing::warn!(platform, sweep, %error, pause_ms = pause.as_millis() as u64, "asking again");
                    self.wait(pause)?;
                    attempt += 1;
                }
            }
        }
    }

    /// Doubled with each attempt; between a half and the whole of it, so that collectors do not come back as one.
    fn pause(&mut self, attempt: u32) -> Duration {
        let longest = PAUSE_FIRST.saturating_mul(1 << (attempt - 1).min(16)).min(PAUSE_MAX);
        longest.mul_f64(0.5 + self.random.f64() / 2.0)
    }

    fn wait_for_turn(&mut self) -> Result<()> {
        while let Some(us) = self.calls.take(self.clock.now_us()) {
            self.wait(Duration::from_micros(us.unsigned_abs()))?;
        }
        Ok(())
    }

    /// Sleeps; a stop is an error.
    pub(super) fn wait(&self, time: Duration) -> Result<()> {
        // Whole microseconds, which is what a clock moves by.
        let end = self.clock.instant() + Duration::from_micros(time.as_micros() as u64);
        loop {
            if self.stop.raised() {
                return Err(Error::unavailable("told to stop"));
            }
            let left = end.saturating_duration_since(self.clock.instant());
            if left.is_zero() {
                return Ok(());
            }
            self.clock.sleep(left.min(NAP));
        }
    }

    fn try_once(&mut self, sweep: &Sweep, place: &Place<'_>, sink: &mut dyn Sink) -> Result<Attempt> {
        let asked_us = self.clock.now_us();
        let call = self.definition.request.call(place, &sweep.parameters, asked_us)?;
        let answer = self.send(&call);
        let text = String::from_utf8(answer.body.clone()).unwrap_or_default();
        let outcome = self.judge(&answer, &text)?;
        let (records, attempt): (Option<Vec<Box<RawValue>>>, Attempt) = match outcome {
            Ok(records) => {
                let count = records.len();
                (Some(records), Attempt::Page(Page { body: text, records: count }))
            }
            Err(attempt) => (None, attempt),
        };
        // The time of the question: what the answer says holds at least since then.
        let cursor = format!("{}/{}-{}/{}", sweep.name, place.start_us, place.end_us, place.page);
        let fetch = Fetch {
            platform: &self.definition.platform,
            account: self.definition.account.as_deref(),
            api: &self.definition.api,
            cursor: &cursor,
            http_status: answer.status,
            fetched_at_us: asked_us,
            body: &answer.body,
        };
        let messages = fetch.messages(&fetch.id(), &self.definition.topic, records.as_deref(), &BTreeMap::new());
        messages.iter().try_for_each(|message| sink.send(message))?;
        Ok(attempt)
    }

    /// The records of an answer, or what else it means. Errors: nothing can help.
    fn judge(&self, answer: &Answer, text: &str) -> Result<Result<Vec<Box<RawValue>>, Attempt>> {
        let Some(status) = answer.status else {
            let error = Error::unavailable(format!("{} does not answer", self.definition.platform));
            let cause = answer.failure.as_ref().map_or_else(String::new, ToString::to_string);
            return Ok(Err(Attempt::Again(error.caused_by(cause), None)));
        };
        if let Some(fault) = self.definition.answer.fault.iter().find(|fault| fault.when.holds(text)) {
            return match fault.remedy {
                Remedy::Narrow => Ok(Err(Attempt::TooMuch)),
                Remedy::Wait => Ok(Err(Attempt::Again(self.bad(status, text), Some(self.longest_pause())))),
                Remedy::Stop => Err(Error::refused(self.bad(status, text).message).hint("see keys and rights there")),
            };
        }
        match status {
            200..=299 => {}
            408 | 425 | 429 | 500..=599 => {
                return Ok(Err(Attempt::Again(self.bad(status, text), answer.retry_after)));
            }
            _ => return Err(Error::refused(self.bad(status, text).message).hint("see URL, keys and rights")),
        }
        let good = self.definition.answer.good.as_ref().is_none_or(|good| good.holds(text));
        match records(text, &self.definition.answer.records) {
            Ok(records) if good => Ok(Ok(records)),
            Ok(_) => Ok(Err(Attempt::Again(self.bad(status, text), None))),
            Err(error) => Ok(Err(Attempt::Again(self.bad(status, text).caused_by(error), None))),
        }
    }

    /// After "too often": as long as the rate is counted over, so that it is forgotten, up to what a network may tell us.
    fn longest_pause(&self) -> Duration {
        Duration::from_micros(self.definition.rate.per.us.unsigned_abs()).min(RETRY_AFTER_MAX)
    }

    fn bad(&self, status: u16, text: &str) -> Error {
        let shown: String = text.chars().take(SHOWN).collect();
        Error::unavailable(format!("{} answers with status {status}: {shown}", self.definition.platform))
    }

    fn send(&self, call: &Call) -> Answer {
        let silent = |failure| Answer { status: None, retry_after: None, body: vec![], failure: Some(failure) };
        let failed = |e: ureq::Error| Error::unavailable("the call failed").caused_by(e);
        let mut response = match self.response(call) {
            Ok(response) => response,
            Err(error) => return silent(error),
        };
        let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
        let status = response.status().as_u16();
        match response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec() {
            Ok(body) => Answer { status: Some(status), retry_after, body, failure: None },
            Err(e) => silent(failed(e)),
        }
    }

    fn response(&self, call: &Call) -> Result<ureq::http::Response<ureq::Body>> {
        let method = if call.method == Method::Get { "GET" } else { "POST" };
        let mut request = ureq::http::Request::builder().method(method).uri(&call.url);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let body = call.body.clone().unwrap_or_default();
        let unusable = "a URL or header of the definition cannot be sent";
        let answered = if call.method == Method::Get {
            self.agent.run(request.body(()).map_err(|e| Error::invalid(unusable).caused_by(e))?)
        } else {
            self.agent.run(request.body(body).map_err(|e| Error::invalid(unusable).caused_by(e))?)
        };
        // The URL holds keys: ureq's message does not name it.
        answered.map_err(|e| Error::unavailable("the call failed").caused_by(e))
    }
}
