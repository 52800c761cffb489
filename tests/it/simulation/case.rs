//! One case: a script, a store with faults, and random steps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use rebateflow::checkpoint::Offsets;
use rebateflow::clock::Clock;
use rebateflow::engine::RECOMPUTE_ROWS_MAX;
use rebateflow::error::{Error, ErrorKind};
use rebateflow::history::{HistoryPin, HistorySettings, Store};
use rebateflow::pipeline::{PipelineOptions, Shared, Stepped};
use rebateflow::tasks::Stop;

use super::checks::{self, KINDS, assert_files, assert_history, assert_kept, assert_views, covers, pin};
use super::damage::{self, Damaged, Expected};
use super::said::warnings;
use super::source::{STEP_US_MAX, Source};
use super::tally::Tally;
use super::views::Chosen;
use crate::history::faulty::{Fault, FaultyStore, Weather};
use crate::history::world::manual_clock;

const STEPS: usize = 70;
/// Writes until an armed fault strikes.
const ARMED_WRITES_MAX: i64 = 14;
/// No fault is armed.
const NEVER: i64 = i64::MAX;
/// Said by a start that cannot use a saved table.
const FALLS_BACK: &str = "saved state cannot be used";

/// A running pipeline.
struct Life {
    stepped: Stepped,
    /// Where the source stands.
    read: Offsets,
}

pub struct Case {
    seed: u64,
    random: fastrand::Rng,
    clock: Clock,
    objects: Arc<InMemory>,
    faulty: Arc<FaultyStore>,
    source: Source,
    chosen: Chosen,
    shards: usize,
    settings: HistorySettings,
    weather_percent: u32,
    /// A fault waits for its write.
    armed: bool,
    /// State files that were damaged.
    damaged: BTreeSet<String>,
    /// Damaged segments and manifests.
    log: Damaged,
    /// The commit of the state with which a start fell back on the history, unless a file was damaged after it.
    fell_back: Option<u64>,
    /// What a successful commit said is durable.
    acknowledged: Offsets,
    life: Option<Life>,
    /// A process that hangs, and does not know that another has taken its place; and the starts before that.
    hanging: Option<(Stepped, usize)>,
    pub trace: Vec<String>,
    tally: Tally,
}

impl Case {
    pub fn from_seed(seed: u64) -> Case {
        let mut random = fastrand::Rng::with_seed(seed);
        let objects = Arc::new(InMemory::new());
        let faulty = FaultyStore::new(objects.clone(), Fault::Refusal, NEVER);
        let settings = HistorySettings {
            commit_every_ms: 100,
            roll_bytes: [3_000, 20_000, 100_000][random.usize(0..3)],
            roll_after_ms: 10_000,
            checkpoint_every_ms: [100, 3_000][random.usize(0..2)],
            ..HistorySettings::default()
        };
        Case {
            seed,
            clock: manual_clock(),
            objects,
            faulty: Arc::new(faulty),
            source: Source::new(&mut random),
            chosen: Chosen::first(&mut random),
            shards: 1,
            settings,
            weather_percent: [0, 0, 1, 3][random.usize(0..4)],
            armed: false,
            damaged: BTreeSet::new(),
            log: Damaged::default(),
            fell_back: None,
            acknowledged: Offsets::new(),
            life: None,
            hanging: None,
            trace: vec![],
            tally: Tally::default(),
            random,
        }
    }

    /// All steps, then a start without faults that reads the rest.
    pub fn run(mut self) -> Tally {
        self.steps();
        self.end();
        std::mem::take(&mut self.tally)
    }

    pub fn steps(&mut self) {
        for _ in 0..STEPS {
            if self.faulty.is_dead() {
                self.power_off();
            }
            match (&self.life, self.random.u32(0..100)) {
                (None, 0..90) => self.start(),
                (None, _) => self.wake(),
                (_, 0..30) => self.fetch(),
                (_, 30..50) => self.epoch(),
                (_, 50..62) => self.hand_over(1),
                (_, 62..80) => self.commit(),
                (_, 80..84) => self.wait(),
                (_, 84..92) => self.arm(),
                (_, 92..95) => self.kill(),
                (_, 95..97) => self.wake(),
                (_, _) => self.stop(),
            }
        }
    }

    fn note(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    fn healthy(&self) -> Store {
        Store::over(self.objects.clone(), "memory")
    }

    /// An error that a fault explains: the power went off, or the store did not answer.
    fn failed(&mut self, what: &str, error: &Error) {
        self.note(format!("{what}: {error}"));
        assert_eq!(error.kind, ErrorKind::Unavailable, "{what}: {error}");
        self.tally.errors += 1;
        if self.faulty.is_dead() {
            self.power_off();
        }
    }

    /// Everything in memory is gone.
    fn power_off(&mut self) {
        let kind = self.faulty.struck().map_or("nothing", |path| checks::kind(path.as_ref()));
        *self.tally.kills_by_write.entry(kind).or_default() += 1;
        self.note(format!("power off at {kind}"));
        self.life = None;
        self.disarm();
    }

    /// A fault at some later write: any, or the next of its kind.
    fn arm(&mut self) {
        if std::mem::replace(&mut self.armed, true) && !self.faulty.has_struck() {
            return;
        }
        let faults = [Fault::Death, Fault::DeathAfter, Fault::Torn, Fault::Refusal, Fault::LostAnswer];
        let fault = faults[self.random.usize(0..faults.len())];
        let writes = self.random.i64(0..ARMED_WRITES_MAX);
        let (_, kind) = KINDS[self.random.usize(0..KINDS.len())];
        if self.random.u32(0..4) == 0 {
            self.faulty.arm(fault, writes);
            self.note(format!("{fault:?} after {writes} writes"));
        } else {
            self.faulty.arm_at(fault, 0, move |path| checks::kind(path.as_ref()) == kind);
            self.note(format!("{fault:?} at the next {kind}"));
        }
    }

    fn disarm(&mut self) {
        self.armed = false;
        self.faulty.arm(Fault::Refusal, NEVER);
    }

    /// Killed between two steps; or it hangs, and another process will be started beside it.
    fn kill(&mut self) {
        let life = self.life.take();
        if self.random.u32(0..3) == 0 {
            self.note("hangs");
            self.hanging = life.map(|life| (life.stepped, self.tally.starts));
        } else {
            self.note("killed");
            self.tally.kills_between_steps += 1;
        }
    }

    /// The process that hung goes on. Beside another one it must not commit.
    fn wake(&mut self) {
        let Some((mut process, starts)) = self.hanging.take() else { return };
        let number = |case: &Case| pin(&case.healthy()).map(|pin| pin.manifest().number);
        let before = number(self);
        let mut work = || {
            process.epoch()?;
            while process.hand_over()? {}
            process.commit()
        };
        match work() {
            Err(error) if error.kind == ErrorKind::Fenced && self.tally.starts > starts => self.tally.fenced += 1,
            Err(error) => self.failed("the process that hung", &error),
            Ok(_) => {}
        }
        if self.life.is_some() {
            assert_eq!(before, number(self), "a process that was replaced has committed");
        }
        self.note("the process that hung went on");
    }

    fn wait(&mut self) {
        let time = self.random.i64(0..STEP_US_MAX);
        self.clock.set(self.clock.now_us() + time);
        self.note(format!("{time} microseconds pass"));
    }

    fn fetch(&mut self) {
        let Some(life) = &mut self.life else { return };
        let before = life.read.clone();
        let Some(fetched) = self.source.fetch(&mut life.read, &mut self.random) else { return };
        let messages = fetched.messages;
        if !life.stepped.offer(fetched) {
            life.read = before;
        }
        self.note(format!("{messages} messages"));
    }

    fn epoch(&mut self) {
        let Some(life) = &mut self.life else { return };
        let ran = life.stepped.epoch().unwrap_or_else(|error| panic!("an epoch fails: {error}"));
        let epoch = life.stepped.engine().epoch();
        self.note(format!("epoch {epoch}: {ran}"));
    }

    fn hand_over(&mut self, count: usize) {
        let Some(life) = &mut self.life else { return };
        for _ in 0..count {
            match life.stepped.hand_over() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => panic!("an epoch does not follow: {error}"),
            }
        }
        self.note("handed over");
    }

    /// A commit; sometimes of everything, and then what is stored is what is published.
    fn commit(&mut self) {
        let everything = self.random.bool();
        if everything {
            self.hand_over(usize::MAX);
        }
        let Some(life) = &mut self.life else { return };
        match life.stepped.commit() {
            Ok(info) => {
                self.tally.commits += 1;
                self.tally.rolled_files += info.rolled_files;
                self.tally.state_bytes += info.state_bytes;
                self.note(format!("committed {}", info.number));
                if everything {
                    self.check_committed();
                }
                self.merge();
            }
            Err(error) => self.failed("commit", &error),
        }
    }

    /// State files are merged beside the commits; the next commit names the new one.
    fn merge(&mut self) {
        let Some(life) = self.life.as_mut().filter(|_| self.random.bool()) else { return };
        // Into one file, a few, or one for each row or two.
        let part_bytes_max = [u64::MAX, 5_000, 500][self.random.usize(0..3)];
        if life.stepped.merge(part_bytes_max) {
            self.tally.merges += 1;
            self.note("merged state files");
        }
        if self.faulty.is_dead() {
            self.power_off();
        }
    }

    fn check_committed(&mut self) {
        let Some(life) = &self.life else { return };
        let pin = pin(&self.healthy()).expect("there is a commit");
        assert_eq!(pin.manifest().offsets, *life.stepped.offsets(), "what was committed");
        self.acknowledged = life.stepped.offsets().clone();
        self.tally.kept_views += assert_kept(&pin, life.stepped.engine());
    }

    /// A process that is told to stop: a last checkpoint, a last commit, and everything is rolled.
    fn stop(&mut self) {
        let Some(life) = &mut self.life else { return };
        life.stepped.finish().unwrap_or_else(|error| panic!("a stop fails: {error}"));
        self.hand_over(usize::MAX);
        let Some(life) = &mut self.life else { return };
        match life.stepped.close() {
            Ok(info) => {
                self.tally.rolled_files += info.rolled_files;
                self.tally.state_bytes += info.state_bytes;
                self.note(format!("stopped at {}", info.number));
                self.check_committed();
                self.life = None;
            }
            Err(error) => self.failed("stop", &error),
        }
    }

    /// What an analyst or an accident did between two processes.
    fn between_lives(&mut self) {
        while self.random.u32(0..3) == 0 {
            self.chosen.change(&mut self.random);
            self.tally.changed_views += 1;
            self.trace.push(format!("now {:?}", self.chosen));
        }
        self.shards = [1, 1, 3][self.random.usize(0..3)];
        if self.random.u32(0..4) == 0 {
            self.damage();
        }
        // A process that hangs would go on over a log that is not what it left.
        if self.hanging.is_none() && self.random.u32(0..4) == 0 {
            self.damage_log();
        }
        if self.random.u32(0..4) == 0 {
            self.arm();
        }
    }

    /// A state file is gone, or a byte of every hundred is another.
    fn damage(&mut self) {
        let Some((path, note)) = damage::state(&self.healthy(), &mut self.random) else { return };
        self.note(note);
        self.damaged.insert(path);
        self.fell_back = None;
    }

    fn damage_log(&mut self) {
        self.fell_back = None;
        for note in self.log.damage(&self.healthy(), &mut self.random) {
            self.note(note);
        }
    }

    fn options(&mut self) -> PipelineOptions {
        PipelineOptions {
            catalog: self.chosen.catalog(),
            brokers: String::new(),
            accept_loss: Default::default(),
            dead_letter_topic: None,
            store: Store::over(self.faulty.clone() as Arc<dyn ObjectStore>, "memory"),
            history: self.settings,
            epoch_rows_max: [1, 20, 1_000][self.random.usize(0..3)],
            epoch_wait_max: Duration::from_millis(10),
            queued_kbytes_max: 1,
            memory_budget_bytes: u64::MAX,
            max_rows_recompute: RECOMPUTE_ROWS_MAX,
            shards: self.shards,
            drain: false,
            as_of_us: None,
            standby: false,
            takeover_after: Duration::from_secs(10),
        }
    }

    fn start(&mut self) {
        self.between_lives();
        self.open();
    }

    fn open(&mut self) {
        self.set_weather();
        let options = self.options();
        let expected = self.log.expected(&self.healthy());
        let before = if expected == Expected::GoOn { pin(&self.healthy()) } else { None };
        let clock = self.clock.clone();
        let shared = Shared { clock, stop: Stop::default(), readiness: Arc::default(), metrics: Arc::default() };
        self.tally.starts += 1;
        let (started, said) = warnings(|| {
            let mut stepped = Stepped::open(&options, &shared)?;
            stepped.load()?;
            Ok::<_, Error>(stepped)
        });
        let stepped = match started {
            Ok(stepped) => stepped,
            Err(error) if error.kind == ErrorKind::Data && expected == Expected::Refuse => {
                self.note(format!("refused: {error}"));
                self.tally.starts_that_were_refused += 1;
                self.log.restore(&self.healthy());
                return self.open();
            }
            Err(error) => {
                self.tally.starts_that_failed += 1;
                return self.failed("start", &error);
            }
        };
        assert_ne!(expected, Expected::Refuse, "what is rolled was taken back");
        let before = before.or_else(|| self.went_back(expected, &stepped, &said));
        // With the newest manifest its commit is gone, and nothing shows that it was there.
        if self.log.is_new() && !covers(stepped.offsets(), &self.acknowledged) {
            self.tally.starts_that_read_again += 1;
            self.acknowledged = stepped.offsets().clone();
        }
        self.log.forget();
        let falls_back = before.as_ref().is_some_and(|pin| checks::counts(pin, &self.healthy(), &self.damaged));
        let offsets = stepped.offsets().clone();
        self.note(format!("started with {} shards at {offsets:?}", self.shards));
        let state = before.as_ref().and_then(|pin| pin.manifest().state.as_ref()).map(|state| state.commit);
        if let Some(pin) = before {
            assert_eq!(pin.manifest().offsets, offsets, "a start goes on from the newest manifest");
            assert_history(&pin, &self.source);
            self.tally.kept_views += assert_kept(&pin, stepped.engine());
            let files = pin.manifest().state.as_ref().map_or(0, |state| state.files.len());
            self.tally.state_files_max = self.tally.state_files_max.max(files);
            self.tally.starts_from_state += usize::from(files > 0);
        }
        assert!(covers(&offsets, &self.acknowledged), "{:?} was committed", self.acknowledged);
        assert_eq!(said.contains(FALLS_BACK), falls_back, "damaged are {:?}; said was {said}", self.damaged);
        self.tally.starts_that_said_state_is_damaged += usize::from(falls_back);
        if falls_back {
            let healed = self.fell_back.is_some_and(|before| state > Some(before));
            assert!(!healed, "the state of commit {state:?} needs files that were damaged before it was written");
            self.fell_back = state;
        }
        assert_views(stepped.engine(), &self.source, &offsets);
        self.life = Some(Life { read: offsets, stepped });
    }

    /// Where the log was damaged: the offsets are those of the last whole commit. Gives the history as it is now.
    fn went_back(&mut self, expected: Expected, stepped: &Stepped, said: &str) -> Option<HistoryPin> {
        let Expected::GoBack(offsets) = expected else { return None };
        let found = stepped.offsets();
        assert!(covers(found, &offsets) && covers(&offsets, found), "went back to {found:?} and not to {offsets:?}");
        match damage::gives_up(said) {
            true => self.tally.starts_that_went_back += 1,
            false => self.tally.starts_that_needed_no_segment += 1,
        }
        pin(&self.healthy())
    }

    fn set_weather(&mut self) {
        let (random, clock) = (self.random.fork(), self.clock.clone());
        let weather = Weather { random, errors_percent: self.weather_percent, clock, delay_us_max: 20_000 };
        self.faulty.set_weather(Some(weather));
    }

    fn end(&mut self) {
        self.weather_percent = 0;
        self.set_weather();
        self.calm();
        if self.life.is_none() {
            self.start_calmly();
        }
        loop {
            let life = self.life.as_mut().expect("without faults a start works");
            if self.source.is_read(life.stepped.offsets()) {
                break;
            }
            self.fetch();
            self.epoch();
        }
        let life = self.life.as_ref().expect("it runs");
        assert_views(life.stepped.engine(), &self.source, life.stepped.offsets());
        self.stop();
        let offsets = self.acknowledged.clone();
        assert_history(&pin(&self.healthy()).expect("there are commits"), &self.source);
        assert_files(&self.healthy(), &self.source, &offsets);
        assert!(self.source.is_read(&offsets));
        self.start_calmly();
    }

    fn calm(&mut self) {
        if self.faulty.is_dead() {
            self.power_off();
        }
        self.disarm();
    }

    fn start_calmly(&mut self) {
        self.between_lives();
        self.disarm();
        self.open();
    }
}

/// A case that fails says how to repeat it.
impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = self.trace.len().saturating_sub(25);
            eprintln!("REBATEFLOW_SIM_SEED={} REBATEFLOW_SIM_CASES=1, last steps:", self.seed);
            self.trace[last..].iter().for_each(|step| eprintln!("  {step}"));
        }
    }
}
