//! The product as a process of its own, and what it says about itself.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rebateflow::clock::Clock;
use rebateflow::error::{Error, Result};
use rebateflow::tasks::spawn_thread;

/// How long the process may take to answer, and to end.
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);
/// How long one request may take; longer than the server waits for `min_offset`.
const REQUEST_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Clock ticks a second in /proc; fixed on Linux for all user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the process has done up to an instant.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub at: Instant,
    /// User and system time of all threads, in seconds.
    pub cpu_s: f64,
    /// Peak resident memory, in MB of 10^6 bytes.
    pub peak_mb: f64,
    /// Events consumed, accepted and rejected.
    pub events: f64,
    /// Events in the broker that are not consumed yet.
    pub lag: f64,
    pub epochs: f64,
    pub commits: f64,
}

/// `rebateflow run`; killed when dropped before it was stopped.
pub struct Job {
    child: Child,
    /// `http://host:port`.
    pub address: String,
    agent: ureq::Agent,
}

/// What the process reads and writes.
pub struct JobPaths<'a> {
    pub schemas: &'a Path,
    pub sql: &'a Path,
    pub data: &'a Path,
}

impl Job {
    /// Starts it with its default settings, history and commits included, on a free port, and waits until it is ready.
    pub fn start(brokers: &str, paths: &JobPaths<'_>, clock: &Clock) -> Result<Job> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rebateflow"))
            .args(["run", "--brokers", brokers, "--http", "127.0.0.1:0"])
            .arg("--schemas")
            .arg(paths.schemas)
            .arg("--sql")
            .arg(paths.sql)
            .arg("--data")
            .arg(paths.data)
            .env("REBATEFLOW_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| Error::unavailable("cannot run rebateflow").caused_by(e))?;
        let output = child.stdout.take();
        // From here on a failure ends the process.
        let mut job = Job { child, address: String::new(), agent: agent() };
        let output = output.ok_or_else(|| Error::internal("the output of rebateflow is not there"))?;
        job.address = first_line(output)?;
        let deadline = clock.instant() + START_MAX;
        while job.get("/health/ready")?.0 != 200 {
            job.must_run()?;
            if clock.instant() > deadline {
                return Err(Error::unavailable("rebateflow does not become ready").hint("see its messages above"));
            }
            clock.sleep(LOOK_EVERY);
        }
        Ok(job)
    }

    /// Status and body of a GET.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        get(&self.agent, &format!("{}{path}", self.address))
    }

    /// Errors: the process has ended.
    pub fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Error::unavailable(format!("rebateflow ended with {status}"))),
            Err(e) => Err(Error::internal("cannot watch rebateflow").caused_by(e)),
        }
    }

    pub fn figures(&self, clock: &Clock) -> Result<Figures> {
        let (_, metrics) = self.get("/metrics")?;
        let at = clock.instant();
        Ok(Figures {
            at,
            cpu_s: self.cpu_s()?,
            peak_mb: self.peak_mb()?,
            events: sum(&metrics, "rebateflow_events_total{"),
            lag: sum(&metrics, "rebateflow_lag_events "),
            epochs: sum(&metrics, "rebateflow_epoch "),
            commits: sum(&metrics, "rebateflow_commits_total "),
        })
    }

    fn cpu_s(&self) -> Result<f64> {
        let text = self.proc("stat")?;
        // The fields after the name, which is in parentheses and may hold anything; user and system time are the
        // twelfth and thirteenth of them.
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks / TICKS_PER_SECOND)
    }

    fn peak_mb(&self) -> Result<f64> {
        let text = self.proc("status")?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.unwrap_or(0.0) * 1024.0 / 1e6)
    }

    fn proc(&self, name: &str) -> Result<String> {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id()))
            .map_err(|e| Error::internal("cannot read the figures of rebateflow").caused_by(e))
    }

    /// Asks it to end, as an operator does.
    ///
    /// Errors: it does not end in time, or with another status than 0.
    pub fn stop(mut self, clock: &Clock) -> Result<()> {
        let deadline = clock.instant() + STOP_MAX;
        Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .map_err(|e| Error::unavailable("cannot run kill").caused_by(e))?;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(None) if clock.instant() < deadline => clock.sleep(LOOK_EVERY),
                Ok(Some(status)) => return Err(Error::internal(format!("rebateflow ended with {status}"))),
                Ok(None) => return Err(Error::internal("rebateflow did not stop in time")),
                Err(e) => return Err(Error::internal("cannot wait for rebateflow").caused_by(e)),
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Does nothing to a process that has been waited for; an error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line that the process prints: its address. The rest is passed over, so that it never blocks.
fn first_line(output: ChildStdout) -> Result<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    spawn_thread("output", move || {
        let mut lines = BufReader::new(output).lines().map_while(std::io::Result::ok);
        if let Some(line) = lines.next() {
            // Nobody waits any more: then nobody wants it.
            let _ = sender.send(line);
        }
        lines.for_each(drop);
    })?;
    receiver
        .recv_timeout(START_MAX)
        .map_err(|_| Error::unavailable("rebateflow did not start").hint("see its messages above"))
}

/// A client with connections that are used again.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(REQUEST_MAX)).http_status_as_error(false).build().into()
}

/// Status and body of a GET.
pub fn get(agent: &ureq::Agent, url: &str) -> Result<(u16, String)> {
    let failed = |e| Error::unavailable(format!("no answer to {url}")).caused_by(e);
    let mut response = agent.get(url).call().map_err(failed)?;
    let body = response.body_mut().read_to_string().map_err(failed)?;
    Ok((response.status().as_u16(), body))
}

/// The sum of the metrics whose lines begin so.
fn sum(metrics: &str, begin: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(begin));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
