//! Compares the files with what was produced, by other readers: DuckDB and Polars (`tests/readers/check.py`).

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use datafusion::arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;

use super::broker::variable;
use super::load::Load;
use super::oracle::Expected;

/// Nothing lost, nothing twice; the events are the generator's rows; the changes of each view add up to its rows.
pub fn assert_files(directory: &Path, load: &Load, expected: &Expected) {
    let wanted = directory.join("expected");
    fs::create_dir_all(&wanted).expect("a directory");
    let produced = wanted.join("produced.json");
    fs::write(&produced, load.produced_json()).expect("a file");
    let mut command = check(directory);
    command.arg("--produced").arg(&produced);
    for (table, batch) in load.batches().into_iter().filter(|(_, batch)| batch.num_rows() > 0) {
        let file = wanted.join(format!("{table}.parquet"));
        write(&file, &batch);
        command.arg("--events").arg(format!("{table}={}", file.display()));
    }
    for (view, batch) in &expected.views {
        let file = wanted.join(format!("{view}.parquet"));
        write(&file, batch);
        command.arg("--view").arg(format!("{view}={}", file.display()));
    }
    run(command);
}

/// Whatever is there is there once. Nothing is checked before the first file.
pub fn assert_nothing_twice(directory: &Path) {
    if directory.join("data/events").exists() {
        run(check(directory));
    }
}

fn check(directory: &Path) -> Command {
    let mut command = Command::new(variable("REBATEFLOW_TEST_PYTHON"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/check.py")).arg(directory.join("data"));
    command
}

fn run(mut command: Command) {
    let output = command.output().expect("Python can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (found, faults) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "tests/readers/check.py: {}\n{found}{faults}", output.status);
    assert!(found.ends_with("all equal\n"), "{found}{faults}");
}

fn write(path: &Path, batch: &RecordBatch) {
    let file = File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a Parquet file");
    writer.write(batch).expect("rows");
    writer.close().expect("an end");
}
