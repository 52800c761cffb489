//! Random schemas, queries, changes and epochs: every view equals the batch oracle after each step (I1, I8).
//!
//! A case is a script made from a seed; it is printed, shortened, when it fails. `REBATEFLOW_RANDOM_SEED` is the first
//! seed, `REBATEFLOW_RANDOM_CASES` the number of cases.

mod changes;
mod queries;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rebateflow::slt::{Runner, Schedule, Script};

const CASES: u64 = 30;
const FIRST_SEED: u64 = 1;

/// Cases run beside one another.
const THREADS: u64 = 2;

/// Attempts to shorten a failing script.
const SHORTENINGS_MAX: usize = 400;

#[test]
fn random_scripts_equal_the_batch_oracle() {
    let first = number("REBATEFLOW_RANDOM_SEED", FIRST_SEED);
    let cases = number("REBATEFLOW_RANDOM_CASES", CASES);
    let compared: Vec<usize> = std::thread::scope(|scope| {
        let thread = |thread: u64| {
            let seeds = (first..first + cases).filter(move |seed| seed % THREADS == thread);
            scope.spawn(move || seeds.map(run_case).sum::<usize>())
        };
        let threads: Vec<_> = (0..THREADS).map(thread).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, usize>| thread.join().expect("the cases pass");
        threads.into_iter().map(join).collect()
    });
    let compared = compared.iter().sum::<usize>();
    println!("{cases} cases from seed {first}, {compared} comparisons with the oracle");
    assert!(compared as u64 >= cases * 20, "only {compared} comparisons");
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// Runs the case of a seed; the number of comparisons.
fn run_case(seed: u64) -> usize {
    let records = script(seed);
    match run(&records, seed) {
        Ok(compared) => compared,
        Err(error) => {
            let (records, error) = shortened(records, error, seed);
            panic!("REBATEFLOW_RANDOM_SEED={seed} REBATEFLOW_RANDOM_CASES=1\n{error}\n\n{}", text(&records));
        }
    }
}

fn run(records: &[String], seed: u64) -> Result<usize, String> {
    let script = Script::parse(&format!("seed-{seed}"), &text(records)).map_err(|e| e.to_string())?;
    let schedules = [Schedule::Together, Schedule::Random(seed), Schedule::RowAnEpoch, Schedule::Restart];
    let runner = Runner::with_schedules(&schedules).map_err(|e| e.to_string())?;
    let run = catch_unwind(AssertUnwindSafe(|| runner.run(&script)));
    let run = run.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        format!("panicked: {}", text.unwrap_or_default())
    })?;
    match run {
        Ok(report) => Ok(report.compared),
        // The optimizer may find out that a key or a whole relation is constant; then nothing is left to maintain.
        Err(error) if REFUSED.iter().any(|refused| error.to_string().contains(refused)) => Ok(0),
        Err(error) => Err(error.to_string()),
    }
}

const REFUSED: [&str; 2] = ["a join without an equality between both sides", "a query that reads no table"];

fn text(records: &[String]) -> String {
    records.join("\n\n") + "\n"
}

/// Leaves out records as long as the script still fails in the same way.
fn shortened(mut records: Vec<String>, mut error: String, seed: u64) -> (Vec<String>, String) {
    let kind = |error: &str| KINDS.iter().position(|kind| error.contains(kind));
    let wanted = kind(&error);
    let mut attempts = 0;
    let mut size = (records.len() / 2).max(1);
    while wanted.is_some() && attempts < SHORTENINGS_MAX {
        let (mut at, before) = (records.len(), records.len());
        while at > 0 && attempts < SHORTENINGS_MAX {
            at = at.saturating_sub(size);
            let mut fewer = records.clone();
            fewer.drain(at..(at + size).min(records.len()));
            attempts += 1;
            if let Err(found) = run(&fewer, seed)
                && kind(&found) == wanted
            {
                (records, error) = (fewer, found);
            }
        }
        if size == 1 && records.len() == before {
            break;
        }
        size = (size / 2).max(1);
    }
    (records, error)
}

/// Ways in which a script can fail.
const KINDS: [&str; 7] = [
    "not consolidated",
    "do not add up",
    "differs from the batch answer",
    "stopped",
    "errors here and",
    "changed under a reader",
    "panicked",
];

/// The records of a case: tables, views and changes, with checks between them.
fn script(seed: u64) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let tables = changes::tables(&mut random);
    let mut records: Vec<String> = tables.iter().map(|table| statement(&table.definition())).collect();
    let mut relations: Vec<queries::Relation> = tables.iter().map(changes::Table::relation).collect();
    let views = random.usize(2..=5);
    for number in 0..views {
        let mut queries = queries::Queries::new(&mut random, &relations);
        let depth = queries.depth();
        let (sql, mut relation) = queries.query(depth);
        relation.name = format!("v{number}");
        let kind = if random.u8(0..6) == 0 { "VIEW" } else { "MATERIALIZED VIEW" };
        records.push(statement(&format!("CREATE {kind} {} AS\n{sql}", relation.name)));
        relations.push(relation);
    }
    // At least one view shows what the plain ones hold.
    let last = &relations[relations.len() - 1].name;
    records.push(statement(&format!("CREATE MATERIALIZED VIEW whole AS SELECT * FROM {last}")));
    for _ in 0..random.usize(4..=9) {
        for _ in 0..random.usize(1..=3) {
            let table = &tables[random.usize(..tables.len())];
            records.push(statement(&table.change(&mut random)));
        }
        records.push("# check".to_string());
    }
    records
}

fn statement(sql: &str) -> String {
    format!("statement ok\n{sql}")
}
