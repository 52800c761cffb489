//! Runs a step as a process of its own and takes its wall time, processor time and peak memory from the kernel.

use std::process::{Command, Stdio};
use std::time::Duration;

use rebateflow::clock::Clock;
use rebateflow::error::{Error, Result};

/// How often the peak memory is read; it only grows, so at most the growth of the last interval is missed.
const INTERVAL: Duration = Duration::from_millis(10);
/// Clock ticks a second in /proc; fixed on Linux for all user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub wall_s: f64,
    /// User and system time of all threads.
    pub cpu_s: f64,
    /// Peak resident memory, in MB of 10^6 bytes.
    pub peak_mb: f64,
}

/// Runs the command to its end. Its output goes to standard error, so that the figures stand alone.
///
/// Errors: the command cannot be started, or fails.
pub fn measure(command: &mut Command, clock: &Clock) -> Result<Figures> {
    let name = format!("{command:?}");
    let begin = clock.instant();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .spawn()
        .map_err(|e| Error::unavailable(format!("cannot run {name}")).caused_by(e))?;
    let mut peak_mb: f64 = 0.0;
    let (cpu_s, wall_s) = loop {
        peak_mb = peak_mb.max(peak_memory_mb(child.id()));
        // A process that has ended, and that nobody has waited for yet, still shows its times.
        let (ended, cpu_s) = state_and_cpu(child.id())?;
        if ended {
            break (cpu_s, (clock.instant() - begin).as_secs_f64());
        }
        clock.sleep(INTERVAL);
    };
    let status = child.wait().map_err(|e| Error::internal(format!("cannot wait for {name}")).caused_by(e))?;
    if !status.success() {
        return Err(Error::internal(format!("{name} ended with {status}")));
    }
    Ok(Figures { wall_s, cpu_s, peak_mb })
}

/// Whether the process has ended, and its processor seconds.
fn state_and_cpu(pid: u32) -> Result<(bool, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(|e| Error::internal(format!("cannot read the figures of process {pid}")).caused_by(e))?;
    // The fields after the name, which is in parentheses and may hold anything: state is the first of them.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |position: usize| fields.get(position).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((fields.first() == Some(&"Z"), (ticks(11) + ticks(12)) / TICKS_PER_SECOND))
}

fn peak_memory_mb(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}
