//! A view as it was: at every epoch and time, over restarts and generations, rolled or not; and as a command.

use std::process::Command;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{Int32Type, Int64Type};
use rebateflow::error::ErrorKind;
use rebateflow::history::{HistoryPin, HistoryReader, HistorySettings, Moment, Store, epoch_number};

use super::world::{Counts, Process, orders, settings};

const END: i64 = 60;

fn never_rolls() -> HistorySettings {
    HistorySettings { roll_bytes: u64::MAX, roll_after_ms: u64::MAX, ..settings() }
}

/// An epoch, its time, and what the view held.
type Expected = (i64, i64, Counts);

fn expected(process: &Process) -> Expected {
    (epoch_number(process.recovered.run, process.epoch), process.clock.now_us(), process.counts.clone())
}

fn view_at(pin: &HistoryPin, moment: Moment) -> Counts {
    let past = pin.view_at("counts", moment, 1 << 20).unwrap_or_else(|e| panic!("{moment:?}: {e}"));
    let mut counts = Counts::new();
    for rows in past.batches() {
        let rows = rows.unwrap();
        let partitions = rows.column(0).as_primitive::<Int32Type>();
        let numbers = rows.column(1).as_primitive::<Int64Type>();
        for i in 0..rows.num_rows() {
            assert!(counts.insert(partitions.value(i), numbers.value(i)).is_none());
        }
    }
    assert_eq!(past.rows(), counts.len() as u64);
    counts
}

fn pin(store: &Store) -> HistoryPin {
    HistoryReader::new(store.clone()).pin().unwrap().unwrap()
}

/// Three runs, the last of them with another view, and a clock that goes back in the second.
fn three_runs(store: &Store, settings: HistorySettings) -> Vec<Expected> {
    let mut all = vec![];
    for (view, end) in [("v1", 20), ("v1", 40), ("v2", END)] {
        let mut process = Process::start_with(store, orders(), view, settings).unwrap();
        if process.epoch > 0 {
            all.push(expected(&process));
        }
        while process.next_epoch(3, end).unwrap() {
            all.push(expected(&process));
            process.committer.commit().unwrap();
        }
        if end == 20 {
            process.committer.close().unwrap();
        }
    }
    all
}

#[test]
fn every_epoch_and_time_gives_the_view_as_it_was() {
    for settings in [settings(), never_rolls()] {
        let store = Store::open("memory://").unwrap();
        let all = three_runs(&store, settings);
        let pin = pin(&store);
        assert_eq!(pin.manifest().views["counts"].generation, 2);
        for (i, (epoch, time, counts)) in all.iter().enumerate() {
            assert_eq!(view_at(&pin, Moment::Epoch(*epoch)), *counts, "epoch {epoch}");
            assert_eq!(view_at(&pin, Moment::Time(*time)), *counts, "time {time}");
            let until_next = all.get(i + 1).map_or(i64::MAX, |next| next.1 - 1);
            assert_eq!(view_at(&pin, Moment::Time(until_next)), *counts, "time {until_next}");
        }
        assert_eq!(view_at(&pin, Moment::Last), all.last().unwrap().2);
        for moment in [Moment::Epoch(all[0].0 - 1), Moment::Time(all[0].1 - 1)] {
            let error = pin.view_at("counts", moment, 1 << 20).err().unwrap();
            let message = "view counts was not there yet: it began at 2026-03-01T23:59:51Z, epoch 1.1";
            assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound, message));
        }
        assert_eq!(pin.view_at("x", Moment::Last, 1 << 20).err().unwrap().kind, ErrorKind::NotFound);
        assert_eq!(pin.view_at("counts", Moment::Last, 100).err().unwrap().kind, ErrorKind::Unavailable);
    }
}

#[test]
fn a_clock_that_goes_back_does_not_mix_epochs() {
    let store = Store::open("memory://").unwrap();
    let mut process = Process::start_with(&store, orders(), "v1", settings()).unwrap();
    process.next_epoch(3, END).unwrap();
    process.committer.commit().unwrap();
    let (time, before) = (process.clock.now_us(), process.counts.clone());
    process.clock.set(time - 5_000_000);
    for _ in 0..3 {
        process.next_epoch(3, END).unwrap();
        process.committer.commit().unwrap();
    }
    let after = process.counts.clone();
    assert_ne!(before, after);
    // What was published at a time that had been before counts as published now.
    assert_eq!(view_at(&pin(&store), Moment::Time(time - 1)), Counts::new());
    assert_eq!(view_at(&pin(&store), Moment::Time(time)), after);
    assert!(pin(&store).manifest().committed_at_us >= time);
}

struct Ran {
    succeeded: bool,
    out: String,
    err: String,
}

fn command(data: &std::path::Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rebateflow"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REBATEFLOW_")) {
        command.env_remove(name);
    }
    let ran = command.arg("history").args(arguments).arg("--data").arg(data).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { succeeded: ran.status.success(), out: text(ran.stdout), err: text(ran.stderr) }
}

#[test]
fn the_command_prints_rows_and_says_what_it_cannot_know() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let ran = command(&data, &["counts"]);
    assert!(!ran.succeeded && ran.err.starts_with("error: there is no data directory"), "{}", ran.err);
    let store = Store::open(&data.display().to_string()).unwrap();
    let ran = command(&data, &["counts"]);
    assert!(!ran.succeeded && ran.err.starts_with("error: nothing is stored in"), "{}", ran.err);
    let mut process = Process::start_with(&store, orders(), "v1", never_rolls()).unwrap();
    for _ in 0..3 {
        process.next_epoch(5, END).unwrap();
        process.committer.commit().unwrap();
    }
    // The writer is still there; then it has rolled everything; then it is gone.
    for step in 0..3 {
        if step == 1 {
            process.committer.close().unwrap();
        }
        let ran = command(&data, &["counts", "--format", "csv", "--as-of", "1.2"]);
        assert!(ran.succeeded, "{}", ran.err);
        let said = "2 rows; the last change was at 2026-03-01T23:59:52Z, epoch 1.2\n";
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("partition,n\n0,4\n1,4\n", said));
        let ran = command(&data, &["counts", "--format", "json", "--as-of", "2026-03-01T23:59:53.5Z"]);
        assert_eq!(ran.out, "{\"partition\":0,\"n\":9}\n{\"partition\":1,\"n\":8}\n", "{}", ran.err);
        let ran = command(&data, &["counts"]);
        let table = "+-----------+----+\n| partition | n  |\n+-----------+----+\n| 0         | 13 |\n| 1         | 13 |\n\
                     +-----------+----+\n";
        let said = "2 rows; the last change was at 2026-03-01T23:59:54Z, epoch 1.4\n";
        assert_eq!((ran.out.as_str(), ran.err.as_str()), (table, said));
        for later in ["2030-01-01T00:00:00Z", "1.9"] {
            let ran = command(&data, &["counts", "--as-of", later]);
            assert_eq!(ran.out, table);
            let note = "note: that is after the last commit; this is its state: 2026-03-01T23:59:54Z, epoch 1.4\n";
            assert_eq!(ran.err, format!("{note}{said}"));
        }
    }
    for (arguments, message) in [
        (vec!["counts", "--as-of", "2026-03-01T23:59:50Z"], "error: view counts was not there yet: it began at"),
        (vec!["counts", "--as-of", "yesterday"], "error: --as-of is yesterday, neither a time nor an epoch"),
        (vec!["x"], "error: no history of a view x is committed"),
    ] {
        let ran = command(&data, &arguments);
        assert!(!ran.succeeded && ran.err.starts_with(message) && ran.err.contains("hint: "), "{}", ran.err);
    }
    // Nothing was written: the writer goes on.
    process.next_epoch(5, END).unwrap();
    process.committer.close().unwrap();
}
