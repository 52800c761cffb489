//! A case: tables, views that the planner takes, and changes with checks between them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rebateflow::catalog::SourceFile;
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;
use rebateflow::error::{Error, ErrorKind};
use rebateflow::slt::{Runner, Schedule, Script};

use super::choices::Choices;
use super::expressions::Writer;
use super::tables::{Relation, Table, tables};

/// Queries are nested this deep at most.
const DEPTH_MAX: usize = 4;

const CHECK: &str = "# check";

pub struct Case {
    pub seed: u64,
    /// What the case was made from.
    pub choices: Vec<u32>,
    pub records: Vec<String>,
    /// Views that were planned, and why others were not.
    pub planned: usize,
    pub refused: Vec<String>,
    /// Planning a view failed in a way that is a fault.
    fault: Option<String>,
}

/// All at once, random epochs over several shards, and one of the dearer schedules.
pub fn schedules(seed: u64) -> Vec<Schedule> {
    let dear = [Schedule::RowAnEpoch, Schedule::Restart];
    vec![Schedule::Together, Schedule::Shards(seed), dear[(seed / 2 % 2) as usize]]
}

impl Case {
    pub fn from_seed(seed: u64) -> Case {
        Case::new(seed, Choices::from_seed(seed))
    }

    pub fn given(seed: u64, choices: &[u32]) -> Case {
        Case::new(seed, Choices::given(choices.to_vec()))
    }

    fn new(seed: u64, mut random: Choices) -> Case {
        let mut case = Case { seed, choices: vec![], records: vec![], planned: 0, refused: vec![], fault: None };
        let mut tables = tables(&mut random);
        let mut engine = Engine::new(1, Clock::System).expect("an engine starts");
        let mut relations: Vec<Relation> = vec![];
        for table in &tables {
            case.define(&mut engine, &table.definition());
            relations.push(table.relation.clone());
        }
        let views = random.number(1, 4);
        let steps = random.number(3, 8);
        // Some views are created late, over rows that are there.
        let early = if random.chance(15) { 0 } else { views };
        for number in 0..early {
            case.view((&mut engine, &mut random), number, &mut relations);
        }
        for step in 0..steps {
            if step == 2 {
                for number in early..views {
                    case.view((&mut engine, &mut random), number, &mut relations);
                }
            }
            for _ in 0..random.number(1, 3) {
                case.change(&mut random, &mut tables);
            }
            case.records.push(CHECK.to_string());
        }
        case.choices = random.made;
        case
    }

    /// Adds a view if the planner takes it. Plain ones are shown by another view.
    fn view(&mut self, (engine, random): (&mut Engine, &mut Choices), number: usize, relations: &mut Vec<Relation>) {
        let mut writer = Writer::new(random, relations);
        let depth = writer.random.number(1, DEPTH_MAX);
        let (sql, columns) = writer.query(depth);
        let name = format!("v{number}");
        let is_plain = random.chance(15);
        let kind = if is_plain { "VIEW" } else { "MATERIALIZED VIEW" };
        if !self.define(engine, &format!("CREATE {kind} {name} AS\n{sql}")) {
            return;
        }
        self.planned += 1;
        if is_plain {
            self.define(engine, &format!("CREATE MATERIALIZED VIEW shown_{name} AS SELECT * FROM {name}"));
        }
        relations.push(Relation { name, columns });
    }

    /// Whether the engine takes a definition; then it becomes a record.
    fn define(&mut self, engine: &mut Engine, sql: &str) -> bool {
        let source = SourceFile::new("view", sql);
        let result = catch_unwind(AssertUnwindSafe(|| engine.create(&source)));
        match result.map_err(panic_text) {
            Ok(Ok(())) => {
                self.records.push(statement(sql));
                true
            }
            Ok(Err(error)) if is_fault(&error) => {
                self.fault.get_or_insert(format!("planning failed: {error}\n{sql}"));
                false
            }
            Ok(Err(error)) => {
                let kind = if error.kind == ErrorKind::Refused { "" } else { "invalid: " };
                self.refused.push(format!("{kind}{}", reason(&error)));
                if std::env::var("REBATEFLOW_RANDOM_SHOW_REFUSED").is_ok() {
                    println!("REFUSED {}\n{sql}\n{error}\n", reason(&error));
                }
                false
            }
            Err(panic) => {
                self.fault.get_or_insert(format!("planning panicked: {panic}\n{sql}"));
                false
            }
        }
    }

    fn change(&mut self, random: &mut Choices, tables: &mut [Table]) {
        let at = random.below(tables.len());
        self.records.extend(tables[at].change(random).iter().map(|sql| statement(sql)));
    }

    pub fn run(&self, schedules: &[Schedule]) -> Result<usize, String> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => run(&self.records, self.seed, schedules),
        }
    }
}

fn is_fault(error: &Error) -> bool {
    let text = error.to_string();
    error.kind == ErrorKind::Internal || ["Internal error", "internal error", "panic"].iter().any(|w| text.contains(w))
}

/// The message without names and numbers.
fn reason(error: &Error) -> String {
    let message = error.diagnostics.first().map_or(error.message.as_str(), |d| d.message.as_str());
    let letters = message.lines().next().unwrap_or_default().chars().take(90);
    letters.map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// Runs records; the number of comparisons.
pub fn run(records: &[String], seed: u64, schedules: &[Schedule]) -> Result<usize, String> {
    let script = Script::parse(&format!("seed-{seed}"), &text(records)).map_err(|e| e.to_string())?;
    let runner = Runner::with_schedules(schedules).map_err(|e| e.to_string())?.without_shrinking();
    let run = catch_unwind(AssertUnwindSafe(|| runner.run(&script)));
    let run = run.map_err(|panic| format!("panicked: {}", panic_text(panic)))?;
    run.map(|report| report.compared).map_err(|error| error.to_string())
}

fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

pub fn text(records: &[String]) -> String {
    records.join("\n\n") + "\n"
}

fn statement(sql: &str) -> String {
    format!("statement ok\n{sql}")
}
