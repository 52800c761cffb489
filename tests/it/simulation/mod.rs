//! Simulation: the real pipeline but for Kafka on one thread, over a store with faults, killed at any step (I1, I3, I4,
//! I5). One seed is one trace.
//!
//! A case makes a script of messages and then takes random steps: a batch arrives, an epoch is published, one is handed
//! to the committer, a commit, time passes, the power goes off (now, or before, in or after some later write), and a
//! start, perhaps with other views, other SQL, another number of shards, or with damaged state files, segments and manifests. After every
//! start and at the end the views are compared with the batch oracle, and the history with the script.
//!
//! `REBATEFLOW_SIM_SEED` is the first seed, `REBATEFLOW_SIM_CASES` the number of cases.

mod case;
mod checks;
pub mod damage;
mod retention;
pub mod said;
mod source;
mod tally;
mod views;

use std::sync::Mutex;

use case::Case;
use tally::Tally;

const CASES: u64 = 40;
/// From here on 40 cases meet every kind of write with a kill.
const FIRST_SEED: u64 = 5_000;
/// Cases run beside one another.
const THREADS: u64 = 2;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn kills_faults_and_changed_sql_lose_nothing_and_change_nothing() {
    let first = number("REBATEFLOW_SIM_SEED", FIRST_SEED);
    let cases = number("REBATEFLOW_SIM_CASES", CASES);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let tally = &tally;
            scope.spawn(move || {
                for seed in (first..first + cases).filter(|seed| seed % THREADS == thread) {
                    let found = Case::from_seed(seed).run();
                    tally.lock().expect("no panic before").add(found);
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no panic");
    println!("{cases} cases from seed {first}: {tally:#?}");
    if cases >= CASES {
        tally.assert_everything_happened();
    }
}

#[test]
fn a_seed_is_one_trace() {
    let trace = |seed| {
        let mut case = Case::from_seed(seed);
        case.steps();
        case.trace.clone()
    };
    let first = number("REBATEFLOW_SIM_SEED", FIRST_SEED);
    assert_eq!(trace(first), trace(first));
}
