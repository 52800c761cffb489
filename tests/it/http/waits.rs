//! `min_epoch` and `min_offset`: read your writes.

use std::time::Duration;

use super::world::World;
use rebateflow::query::SqlLimits;
use rebateflow::tasks;

#[tokio::test]
async fn what_is_included_is_answered_at_once() {
    let world = World::new();
    for condition in ["min_epoch=3.1", "min_epoch=1", "min_offset=orders:0:100", "min_epoch=0&min_offset=orders:0:0"] {
        let answer = world.get(&format!("/v1/views/total?{condition}")).await;
        assert_eq!(answer.json()["epoch"], "3.1", "{condition}");
    }
}

#[tokio::test]
async fn an_answer_waits_for_its_epoch_and_its_event() {
    let world = World::new();
    for (n, condition) in
        [(2, "min_epoch=3.2"), (3, "min_offset=orders:0:102"), (4, "min_offset=orders:0:103&min_epoch=4")]
    {
        let uri = format!("/v1/views/total?{condition}");
        let waiting = world.get(&uri);
        tokio::pin!(waiting);
        let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
        assert!(early.is_err(), "{condition} was answered before it was included");
        world.hot.publish(world.snapshot(n));
        let answer = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("an answer");
        assert_eq!(answer.json()["epoch"], format!("3.{n}"), "{condition}");
    }
}

#[tokio::test]
async fn waits_end_and_impossible_ones_do_not_begin() {
    let world = World::with(SqlLimits::default(), Duration::from_millis(50));
    let detail = |uri: &'static str, status| {
        let world = &world;
        async move { world.get(uri).await.problem(status) }
    };
    assert_eq!(detail("/v1/views/total?min_epoch=2", 504).await.0, "epoch 3.2 is not published yet");
    let (text, hint) = detail("/v1/views/total?min_offset=orders:0:101", 504).await;
    assert_eq!(text, "orders:0:101 is not included yet, next is 101");
    assert_eq!(hint, "the wait is 50ms at most: ask again");
    let (text, _) = detail("/v1/views/total?min_offset=orders:7:1", 504).await;
    assert_eq!(text, "partition 7 of topic orders is not read here");
    let (text, hint) = detail("/v1/views/total?min_epoch=2.9", 409).await;
    assert_eq!(text, "min_epoch is of run 2, this is run 3");
    assert_eq!(hint, "use min_offset, which holds across runs");
    detail("/v1/views/total?min_epoch=x", 400).await;
    detail("/v1/views/total?min_offset=orders", 400).await;
    // A fault is told before the wait.
    detail("/v1/views/nothing?min_epoch=2", 404).await;
    detail("/v1/views/balance?n=1&min_epoch=2", 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_epoch_is_missed_between_looking_and_waiting() {
    let world = std::sync::Arc::new(World::new());
    for epoch in 2..200 {
        let publisher = world.clone();
        let task = tasks::spawn_task(async move { publisher.hot.publish(publisher.snapshot(epoch)) });
        let uri = format!("/v1/views/total?min_epoch={epoch}");
        let answer = tokio::time::timeout(Duration::from_secs(5), world.get(&uri)).await.expect("not stuck");
        assert_eq!(answer.json()["epoch"], format!("3.{epoch}"));
        task.await.expect("published");
    }
}
