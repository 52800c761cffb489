//! The shortest script that fails in the same way: fewer choices first, then fewer records and rows.

use rebateflow::slt::Schedule;

use super::case::{Case, run, schedules, text};
use super::choices;

/// Scripts that are tried.
const CHOICES_ATTEMPTS: usize = 400;
const RECORDS_ATTEMPTS: usize = 200;

/// Ways in which a script can fail.
const WAYS: [&str; 8] = [
    "not consolidated",
    "do not add up",
    "differs from the batch answer",
    "stopped",
    "errors here and",
    "changed under a reader",
    "planning",
    "panicked",
];

/// The error without places, names and rows.
fn way(error: &str) -> String {
    if let Some(way) = WAYS.iter().find(|way| error.contains(**way)) {
        return way.to_string();
    }
    let last = error.lines().nth(1).unwrap_or(error);
    last.chars().filter(|c| c.is_alphabetic() || *c == ' ').take(40).collect()
}

/// Error and script.
pub fn shortest(case: &Case, error: &str) -> String {
    let wanted = way(error);
    let fails = |case: &Case, schedules: &[Schedule]| case.run(schedules).is_err_and(|error| way(&error) == wanted);
    let mut found = schedules(case.seed);
    if let Some(one) = found.iter().find(|schedule| fails(case, &[**schedule])) {
        found = vec![*one];
    }
    let short = choices::shortened(case.choices.clone(), CHOICES_ATTEMPTS, |choices| {
        fails(&Case::given(case.seed, choices), &found)
    });
    let short = Case::given(case.seed, &short);
    let mut records = short.records.clone();
    let error = match short.run(&found) {
        Err(error) if error.starts_with("planning") => error,
        Err(error) => fewer_records(&mut records, case.seed, (error, &wanted), &found),
        // A case that does not fail twice is worth a look, too.
        Ok(_) => format!("{error}\n(does not fail once more)"),
    };
    format!("{error}\n\n{}", text(&records))
}

fn fewer_records(
    records: &mut Vec<String>,
    seed: u64,
    (mut error, wanted): (String, &str),
    schedules: &[Schedule],
) -> String {
    let mut attempts = RECORDS_ATTEMPTS;
    let mut try_it = |candidate: Vec<String>, records: &mut Vec<String>| {
        attempts = attempts.saturating_sub(1);
        match run(&candidate, seed, schedules) {
            Err(found) if attempts > 0 && way(&found) == wanted => {
                (*records, error) = (candidate, found);
            }
            _ => {}
        }
    };
    for at in (0..records.len()).rev() {
        let mut fewer = records.clone();
        fewer.remove(at);
        try_it(fewer, records);
    }
    for at in 0..records.len() {
        let rows = |record: &str| record.split("), (").map(str::to_string).collect::<Vec<_>>();
        for row in (0..rows(&records[at]).len()).rev() {
            let mut fewer = rows(&records[at]);
            if fewer.len() > 1 && records[at].contains(" VALUES (") {
                let (first, last) = (fewer[0].clone(), fewer[fewer.len() - 1].clone());
                fewer.remove(row);
                let open = first.find('(').map_or("", |at| &first[..=at]);
                let mut record = fewer.join("), (");
                if row == 0 {
                    record = format!("{open}{record}");
                } else if row == rows(&records[at]).len() - 1 && last.ends_with(')') {
                    record.push(')');
                }
                let mut candidate = records.clone();
                candidate[at] = record;
                try_it(candidate, records);
            }
        }
    }
    error
}
