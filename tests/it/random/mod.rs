//! Random schemas, queries, changes and epochs: every view equals the batch oracle after each step (I1, I8).
//!
//! A case is a script made from a seed. `REBATEFLOW_RANDOM_SEED` is the first seed, `REBATEFLOW_RANDOM_CASES` the
//! number of cases. What fails is shortened and printed: that script belongs into `tests/slt/found`. What the generator
//! may write is in `surface`. Views that the planner refuses are counted, by reason;
//! `REBATEFLOW_RANDOM_SHOW_REFUSED=1` prints them.

mod case;
mod choices;
mod expressions;
mod kind;
mod queries;
mod shorten;
mod surface;
mod tables;

use std::collections::BTreeMap;
use std::sync::Mutex;

use case::Case;

const CASES: u64 = 300;
const FIRST_SEED: u64 = 1;

/// Cases run beside one another.
const THREADS: u64 = 2;

/// After so many failures no further case is tried.
const FAILURES_MAX: usize = 8;

/// Of all views, so many percent must be planned.
const PLANNED_PERCENT_MIN: usize = 70;

/// What the cases showed.
#[derive(Default)]
struct Tally {
    compared: usize,
    planned: usize,
    /// Views that were refused, by reason.
    refused: BTreeMap<String, usize>,
    failures: Vec<String>,
}

#[test]
fn random_scripts_equal_the_batch_oracle() {
    let first = number("REBATEFLOW_RANDOM_SEED", FIRST_SEED);
    let cases = number("REBATEFLOW_RANDOM_CASES", CASES);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let tally = &tally;
            scope.spawn(move || {
                for seed in (first..first + cases).filter(|seed| seed % THREADS == thread) {
                    if tally.lock().expect("no panic before").failures.len() < FAILURES_MAX {
                        run_case(seed, tally);
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no panic");
    let refused = tally.refused.values().sum::<usize>();
    println!("{cases} cases from seed {first}, {} comparisons with the oracle", tally.compared);
    println!("{} views planned, {refused} refused", tally.planned);
    let mut reasons: Vec<(&String, &usize)> = tally.refused.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    reasons.iter().for_each(|(reason, count)| println!("  {count} {reason}"));
    assert!(tally.failures.is_empty(), "{} cases fail\n\n{}", tally.failures.len(), tally.failures.join("\n\n"));
    let percent = 100 * tally.planned / (tally.planned + refused).max(1);
    assert!(percent >= PLANNED_PERCENT_MIN, "only {percent} % of the views are planned");
    assert!(tally.compared as u64 >= cases * 10, "only {} comparisons", tally.compared);
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

fn run_case(seed: u64, tally: &Mutex<Tally>) {
    let case = Case::from_seed(seed);
    let result = case.run(&case::schedules(seed));
    let mut tally = {
        let failure = result.as_ref().err().map(|error| shorten::shortest(&case, error));
        let mut tally = tally.lock().expect("no panic before");
        if let Some(failure) = failure {
            let failure = format!("REBATEFLOW_RANDOM_SEED={seed} REBATEFLOW_RANDOM_CASES=1\n{failure}");
            println!("{failure}\n");
            tally.failures.push(failure);
        }
        tally
    };
    tally.compared += result.unwrap_or_default();
    tally.planned += case.planned;
    for reason in case.refused {
        *tally.refused.entry(reason).or_default() += 1;
    }
}
