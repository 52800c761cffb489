//! Lookups by wrk, a load generator that others have written.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rebateflow::clock::Clock;
use rebateflow::demo::user_id;
use rebateflow::error::{Error, Result};

use crate::job::Job;

/// Connections that ask at a time, each again as soon as it has its answer.
pub const CONNECTIONS: u32 = 32;
/// Users that are looked for.
const USERS: u32 = 1_000;
/// Users that must have a balance, so that the lookups are not about nothing.
const KNOWN_MIN: usize = 100;
/// How much longer than asked for wrk may take.
const END_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What wrk printed.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// wrk's lines about failed requests.
    pub failures: Vec<String>,
}

/// Errors: there is no wrk, which is better known before the run than in its middle.
pub fn find_wrk() -> Result<()> {
    let found = Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.map(|_| ()).map_err(no_wrk)
}

fn no_wrk(error: std::io::Error) -> Error {
    Error::unavailable("cannot run wrk").hint("run tests/setup.sh").caused_by(error)
}

/// Lookups of users that have a balance.
pub struct Lookups {
    paths: PathBuf,
    pub users: usize,
}

impl Lookups {
    /// Finds the users that the job knows, and writes the lookups of them into the directory.
    ///
    /// Errors: it knows too few.
    pub fn of_known_users(job: &Job, directory: &Path) -> Result<Lookups> {
        let mut known = vec![];
        for number in 0..USERS {
            let path = format!("/v1/views/user_rebate_balance?user_id={}", user_id(number));
            let (status, body) = job.get(&path)?;
            if status != 200 {
                return Err(Error::unavailable(format!("{status} to {path}: {body}")));
            }
            if !body.contains(r#""rows":[]"#) {
                known.push(path);
            }
        }
        if known.len() < KNOWN_MIN {
            let message = format!("only {} of {USERS} users have a balance", known.len());
            return Err(Error::invalid(message).hint("use a higher rate or more seconds"));
        }
        let paths = directory.join("lookups.txt");
        std::fs::write(&paths, known.join("\n"))
            .map_err(|e| Error::unavailable(format!("cannot write {}", paths.display())).caused_by(e))?;
        Ok(Lookups { paths, users: known.len() })
    }

    /// Runs wrk for so many seconds.
    pub fn run(&self, job: &Job, seconds: u64, clock: &Clock) -> Result<Figures> {
        let mut wrk = Command::new("wrk")
            .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--latency", "-s"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/lookups.lua"))
            .args([&job.address, "--"])
            .arg(&self.paths)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(no_wrk)?;
        let failed = |e| Error::internal("cannot wait for wrk").caused_by(e);
        let deadline = clock.instant() + Duration::from_secs(seconds) + END_MAX;
        while wrk.try_wait().map_err(failed)?.is_none() {
            if clock.instant() > deadline {
                wrk.kill().map_err(failed)?;
            }
            clock.sleep(LOOK_EVERY);
        }
        let mut printed = String::new();
        if let Some(mut output) = wrk.stdout.take() {
            output.read_to_string(&mut printed).map_err(failed)?;
        }
        parse(&printed).ok_or_else(|| Error::unavailable(format!("wrk printed no figures: {printed}")))
    }
}

/// Reads what wrk prints with `--latency`.
fn parse(printed: &str) -> Option<Figures> {
    let after = |name: &str| printed.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let failures = ["Non-2xx or 3xx responses:", "Socket errors:"];
    let failures = printed.lines().map(str::trim).filter(|line| failures.iter().any(|name| line.starts_with(name)));
    Some(Figures {
        per_second: after("Requests/sec:")?.parse().ok()?,
        p50_ms: milliseconds(after("50%")?)?,
        p99_ms: milliseconds(after("99%")?)?,
        failures: failures.map(str::to_string).collect(),
    })
}

/// A time as wrk writes it: `850.00us`, `1.25ms`, `2.00s`, `1.00m`.
fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0)];
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    Some(number.parse::<f64>().ok()? * factor)
}
