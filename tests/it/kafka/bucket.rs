//! The real binary with its data in a bucket of an S3-compatible server: `tests/s3.sh`.

use rebateflow::history::{HistoryReader, Store};

use super::broker::{test_brokers, variable};
use super::files::assert_files;
use super::load::Load;
use super::oracle::Expected;
use super::storage::{OFTEN, assert_goes_on, succeeds, wait_committed};
use super::{READY_MAX, launch, turn};

const MESSAGES: usize = 20_000;

/// Messages that are committed in this storage.
fn committed(url: &str) -> u64 {
    let pin = HistoryReader::new(Store::open(url).expect("a store")).pin().expect("an answer");
    let held = pin.iter().flat_map(|pin| pin.manifest().offsets.iter()).map(|(_, _, next)| next).sum::<i64>();
    u64::try_from(held).expect("offsets")
}

#[test]
fn killed_fenced_and_started_again_on_a_bucket() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let load = Load::produce(&brokers, 20_260_106, MESSAGES);
    let url = format!("{}/{}", variable("REBATEFLOW_TEST_S3"), load.prefix);
    let mut environment = OFTEN.to_vec();
    environment.push(("REBATEFLOW_DATA", &url));
    let (directory, launch) = launch(&brokers, &load, &environment);
    let slowly = launch.with(&["--epoch-rows-max", "200"]);
    let mut server = slowly.start();
    wait_committed(&mut server, load.messages() / 10, || committed(&url));
    server.kill();
    assert!(committed(&url) < load.messages(), "killed in the middle");

    // The next one is replaced by one more while it writes, and ends with a message.
    let mut older = slowly.start();
    wait_committed(&mut older, committed(&url) + 1, || committed(&url));
    let mut newer = slowly.start();
    let status = older.wait(READY_MAX);
    assert_eq!(status.code(), Some(1), "{}", older.log());
    assert!(older.log().contains("has taken over s3://"), "{}", older.log());
    wait_committed(&mut newer, load.messages() / 3, || committed(&url));
    newer.kill();
    assert_goes_on(&launch, &load, committed(&url));

    let (kept, data) = (directory.path().join("kept"), directory.path().join("data"));
    let text = |path: &std::path::Path| path.to_str().expect("text").to_string();
    succeeds(&["backup", &text(&kept), "--data", &url]);
    succeeds(&["restore", &text(&kept), "--data", &text(&data)]);
    assert_files(directory.path(), &load, &Expected::of(&load));
}
