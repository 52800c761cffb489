//! The real binary as a process: started, asked over HTTP, told to stop, killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rebateflow::clock::Clock;
use serde_json::Value;

/// Between two looks at something that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Time for a request.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Time for a process to end that was told to.
const END_MAX: Duration = Duration::from_secs(60);

/// How to start the binary.
#[derive(Clone)]
pub struct Launch {
    pub brokers: String,
    /// Holds `schemas`, `data` and the logs.
    pub directory: PathBuf,
    /// The views.
    pub sql: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
}

/// A running binary; killed when dropped.
pub struct Server {
    child: Child,
    /// Kept open, so that the process can always write.
    stdout: BufReader<ChildStdout>,
    address: String,
    log: PathBuf,
}

impl Launch {
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub fn with(&self, arguments: &[&str]) -> Launch {
        let mut launch = self.clone();
        launch.arguments.extend(arguments.iter().map(|text| text.to_string()));
        launch
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebateflow"));
        // Only what a test says: no settings of the one who runs it.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REBATEFLOW_")) {
            command.env_remove(name);
        }
        // A test may say that the data are somewhere else.
        if !self.environment.iter().any(|(name, _)| *name == "REBATEFLOW_DATA") {
            command.env("REBATEFLOW_DATA", self.data());
        }
        command
            .args(["run", "--http", "127.0.0.1:0", "--brokers", &self.brokers])
            .arg("--sql")
            .arg(&self.sql)
            .arg("--schemas")
            .arg(self.directory.join("schemas"))
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Starts the binary and waits until it says where it listens.
    pub fn start(&self) -> Server {
        self.spawn(self.command())
    }

    /// As `start`, with stderr as bash redirects it: `2>&-`.
    pub fn start_redirected(&self, redirection: &str) -> Server {
        self.spawn(self.redirected(redirection))
    }

    /// The binary as bash starts it with this redirection, in the same process.
    pub fn redirected(&self, redirection: &str) -> Command {
        let plain = self.command();
        let mut command = Command::new("bash");
        command.args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")]).arg(plain.get_program());
        command.args(plain.get_args()).stdin(Stdio::null());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    fn spawn(&self, mut command: Command) -> Server {
        let number = fs::read_dir(&self.directory).expect("the directory").count();
        let log = self.directory.join(format!("{number}.log"));
        let command = command.stdout(Stdio::piped()).stderr(File::create(&log).expect("a log file"));
        let mut child = command.spawn().expect("the binary can be run");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let server = Server { child, stdout, address: line.trim().to_string(), log };
        assert!(server.address.starts_with("http://"), "no address: {line:?}\n{}", server.log());
        server
    }

    /// Starts the binary, which must fail before it listens: what it says.
    pub fn fails_at_once(&self) -> String {
        let output = self.command().output().expect("the binary can be run");
        assert!(!output.status.success() && output.stdout.is_empty(), "it listens");
        String::from_utf8(output.stderr).expect("text")
    }

    /// Runs the binary with `--drain` to its end and gives its log.
    pub fn drain(&self, time_max: Duration) -> String {
        let mut server = self.with(&["--drain"]).start();
        let status = server.wait(time_max);
        assert!(status.success(), "the drain: {status}\n{}", server.log());
        server.log()
    }
}

impl Server {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether the process runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a state").is_none()
    }

    /// The status and the JSON of an answer.
    pub fn get(&self, path: &str) -> (u16, Value) {
        let agent: ureq::Agent = agent();
        let mut response = agent
            .get(format!("{}{path}", self.address))
            .call()
            .unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.log()));
        let status = response.status().as_u16();
        (status, response.body_mut().with_config().limit(256 << 20).read_json().expect("JSON"))
    }

    /// Sends a body as it is: the status and the JSON of the answer.
    pub fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let mut response = agent()
            .post(format!("{}{path}", self.address))
            .content_type("application/json")
            .send(body)
            .unwrap_or_else(|error| panic!("POST {path}: {error}\n{}", self.log()));
        let status = response.status().as_u16();
        (status, response.body_mut().read_json().expect("JSON"))
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> String {
        let mut response = agent().get(format!("{}/metrics", self.address)).call().expect("an answer");
        response.body_mut().read_to_string().expect("text")
    }

    /// Waits until `/metrics` has this line.
    pub fn wait_metric(&self, time_max: Duration, line: &str) {
        let until = Clock::System.instant() + time_max;
        while !self.metrics().lines().any(|l| l == line) {
            assert!(Clock::System.instant() < until, "no {line} in\n{}\n{}", self.metrics(), self.log());
            Clock::System.sleep(LOOK_EVERY);
        }
    }

    /// The answer of `POST /v1/sql`, which must be 200.
    pub fn sql(&self, query: &str, limit: usize) -> Value {
        let mut response = agent()
            .post(format!("{}/v1/sql", self.address))
            .send_json(serde_json::json!({ "query": query, "limit": limit }))
            .unwrap_or_else(|error| panic!("{query}: {error}\n{}", self.log()));
        let status = response.status().as_u16();
        let answer: Value = response.body_mut().with_config().limit(256 << 20).read_json().expect("JSON");
        assert_eq!(status, 200, "{query}: {answer}");
        answer
    }

    /// Reasons why the server is not ready; empty when it is.
    pub fn not_ready(&self) -> Vec<String> {
        let (status, answer) = self.get("/health/ready");
        let reasons = answer["reasons"].as_array().cloned().unwrap_or_default();
        let reasons: Vec<String> = reasons.iter().map(|reason| reason.as_str().expect("a text").to_string()).collect();
        assert_eq!(status, if reasons.is_empty() { 200 } else { 503 }, "{answer}");
        reasons
    }

    /// Waits until the reasons are such, and gives up after `time_max`.
    pub fn wait_for(&mut self, time_max: Duration, wanted: impl Fn(&[String]) -> bool) {
        let until = Clock::System.instant() + time_max;
        loop {
            assert!(self.runs(), "the server ended by itself\n{}", self.log());
            let reasons = self.not_ready();
            if wanted(&reasons) {
                return;
            }
            let log = || self.log();
            assert!(Clock::System.instant() < until, "after {time_max:?} still {reasons:?}\n{}", log());
            Clock::System.sleep(LOOK_EVERY);
        }
    }

    pub fn wait_ready(&mut self, time_max: Duration) {
        self.wait_for(time_max, <[String]>::is_empty);
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self, time_max: Duration) -> ExitStatus {
        let until = Clock::System.instant() + time_max;
        loop {
            if let Some(status) = self.child.try_wait().expect("a state") {
                return status;
            }
            assert!(Clock::System.instant() < until, "it runs after {time_max:?} still\n{}", self.log());
            Clock::System.sleep(LOOK_EVERY);
        }
    }

    /// SIGTERM: it must end by itself with exit code 0. Gives its log.
    pub fn terminate(self) -> String {
        let (status, log) = self.interrupt();
        assert!(status.success(), "after SIGTERM: {status}\n{log}");
        log
    }

    /// SIGTERM: it must end by itself. Gives its status and its log.
    pub fn interrupt(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.end()
    }

    /// It must end by itself. Gives its status and its log.
    pub fn end(mut self) -> (ExitStatus, String) {
        let status = self.wait(END_MAX);
        let mut rest = String::new();
        self.stdout.read_line(&mut rest).expect("the end");
        assert_eq!(rest, "", "stdout holds the address only");
        (status, self.log())
    }

    /// Sends a signal of that name.
    pub fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        // The shell's own kill: a program of that name need not be installed.
        let told = Command::new("bash").args(["-c", "kill -$1 $0", &process, name]).status();
        assert!(told.expect("bash can be run").success(), "kill -{name} {process}");
    }

    /// SIGKILL, while it runs.
    pub fn kill(mut self) {
        assert!(self.runs(), "it ended before it was killed\n{}", self.log());
        self.child.kill().expect("it can be killed");
        let status = self.child.wait().expect("its end");
        assert!(!status.success(), "it was killed: {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_MAX)).build().into()
}

/// A figure of the last line of a log, such as `epochs=12`.
pub fn summary_figure(log: &str, name: &str) -> u64 {
    let last = log.lines().rfind(|line| line.contains("everything processed is committed"));
    let last = last.unwrap_or_else(|| panic!("no summary in\n{log}"));
    let plain: String = without_colours(last);
    let found: BTreeMap<&str, &str> = plain.split_whitespace().filter_map(|word| word.split_once('=')).collect();
    let text = found.get(name).unwrap_or_else(|| panic!("no {name} in {plain}"));
    text.parse().unwrap_or_else(|_| panic!("{name} is no number in {plain}"))
}

/// A text without the escapes that colour it.
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_string();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}
