//! A standby beside a writer that deletes what the standby is about to read.

use std::time::Duration;

use super::*;
use crate::catalog::{Catalog, SourceFile};
use crate::clock::Clock;
use crate::engine::RECOMPUTE_ROWS_MAX;
use crate::history::{HistorySettings, Store};
use crate::ingest::{Decoder, Fetched, Message};
use crate::pipeline::Stepped;
use crate::recovery::Opening;
use crate::tasks::Stop;

const SQL: &str = "CREATE TABLE orders (id BIGINT NOT NULL, amount BIGINT NOT NULL, PRIMARY KEY (id))
        WITH (topic = 'orders', format = 'json');
    CREATE MATERIALIZED VIEW total AS SELECT SUM(amount) AS amount FROM orders;";

fn options(store: &Store) -> PipelineOptions {
    PipelineOptions {
        catalog: Catalog::from_sources(&[SourceFile::new("test", SQL)]).expect("a catalog").into(),
        brokers: String::new(),
        store: store.clone(),
        history: HistorySettings {
            commit_every_ms: 1,
            roll_bytes: u64::MAX,
            roll_after_ms: u64::MAX,
            checkpoint_every_ms: 3_600_000,
            ..HistorySettings::default()
        },
        epoch_rows_max: 1_000,
        epoch_wait_max: Duration::from_millis(1),
        queued_kbytes_max: 1_024,
        memory_budget_bytes: u64::MAX,
        max_rows_recompute: RECOMPUTE_ROWS_MAX,
        shards: 1,
        drain: false,
        as_of_us: None,
        accept_loss: std::collections::BTreeSet::new(),
        dead_letter_topic: None,
        standby: false,
        takeover_after: Duration::from_secs(3_600),
    }
}

fn shared() -> Shared {
    Shared { clock: Clock::System, stop: Stop::default(), readiness: Default::default(), metrics: Default::default() }
}

/// A writer whose table gets an order at a time, of 1.
struct Writer {
    stepped: Stepped,
    decoder: Decoder,
    orders: i64,
}

impl Writer {
    fn start(options: &PipelineOptions) -> Writer {
        let mut stepped = Stepped::open(options, &shared()).expect("opens");
        stepped.load().expect("loads");
        let decoder = Decoder::new(options.catalog.tables[0].clone()).expect("a decoder");
        Writer { stepped, decoder, orders: 0 }
    }

    /// One more order, committed; with a checkpoint or without.
    fn commit(&mut self, checkpoint: bool) {
        let text = format!("{{\"id\":{},\"amount\":1}}", self.orders);
        let value = Some(text.as_bytes());
        let message = Message { key: None, value, partition: 0, offset: self.orders, timestamp_us: 1 };
        let events = vec![self.decoder.decode(&[message]).expect("decodes").events];
        self.orders += 1;
        let next = vec![("orders".into(), 0, self.orders)];
        assert!(self.stepped.offer(Fetched { events, next, messages: 1, ..Fetched::default() }));
        while self.stepped.epoch().expect("an epoch") {}
        if checkpoint {
            self.stepped.finish().expect("a checkpoint");
        }
        while self.stepped.hand_over().expect("hands over") {}
        self.stepped.commit().expect("commits");
    }

    fn roll(&mut self) {
        self.stepped.close().expect("rolls");
    }
}

fn standby(options: &PipelineOptions) -> Standby<'_> {
    let mut engine = Engine::for_catalog(&options.catalog, Clock::System).expect("an engine");
    engine.rebuild().expect("views");
    Standby::new(engine, options)
}

fn found(standby: &Standby<'_>) -> Recovered {
    let opening = opening(standby.options, &standby.views, &Clock::System);
    recovery::look(opening, &standby.reader).expect("looks").expect("there are commits")
}

/// Goes on to what was found at a moment that is past.
fn go_on(standby: &mut Standby<'_>, found: &Recovered) -> Result<()> {
    standby.looked_at.clone_from(&found.manifest);
    standby.go_on(found, &shared())
}

fn orders(standby: &Standby<'_>) -> usize {
    standby.place.as_ref().map_or(0, |place| place.restored.events)
}

#[test]
fn a_segment_that_was_rolled_away_is_looked_for_again_and_a_lost_one_is_said() {
    let store = Store::open("memory://").expect("a store");
    let options = options(&store);
    let mut writer = Writer::start(&options);
    writer.commit(false);
    let mut standby = standby(&options);
    standby.look(&shared()).expect("follows");
    assert_eq!(orders(&standby), 1);

    writer.commit(false);
    let before = found(&standby);
    writer.commit(false);
    writer.roll();
    let error = go_on(&mut standby, &before).expect_err("its segment is gone");
    assert!(error.kind == ErrorKind::Data && error.message.contains("is missing"), "{error}");
    assert!(standby.is_overtaken(), "the writer has rolled it");
    standby.look(&shared()).expect("the rows are in a file now");
    assert_eq!(orders(&standby), 3);

    writer.commit(false);
    let lost = found(&standby).end.log.newest.segment.expect("a segment").path;
    store.delete(&Path::from(lost)).expect("deletes");
    let error = standby.look(&shared()).expect_err("its segment is gone");
    assert!(error.kind == ErrorKind::Data && !standby.is_overtaken(), "nobody has rolled it: {error}");
}

#[test]
fn state_that_was_merged_away_is_looked_for_again_and_lost_state_is_computed() {
    let store = Store::open("memory://").expect("a store");
    let options = options(&store);
    let mut writer = Writer::start(&options);
    writer.commit(true);
    writer.commit(true);
    let mut standby = standby(&options);
    let before = found(&standby);
    assert!(writer.stepped.merge(u64::MAX), "a merge is due");
    writer.commit(true);
    let error = go_on(&mut standby, &before).expect_err("its state is gone");
    assert!(error.kind == ErrorKind::Data && standby.is_overtaken(), "the writer has merged it: {error}");
    standby.look(&shared()).expect("the merged file is there");
    assert_eq!(orders(&standby), 0, "all is in the state");

    let state = found(&standby).state().expect("a state").files[0].file.path.clone();
    store.delete(&Path::from(state)).expect("deletes");
    let mut other = self::standby(&options);
    other.look(&shared()).expect("computes it from the events");
    assert!(other.place.is_some_and(|place| place.restored.computed));

    // Overtaken at every look, it goes on with what there is.
    standby.overtaken = OVERTAKEN_MAX;
    assert!(!standby.is_overtaken());
}

/// The newest manifest of a store or its segment, as on a disk that went bad.
fn damage_newest(store: &Store, ending: &str) {
    let newest = format!("log/{:012}", Log::newest_number(store).expect("lists"));
    let objects = store.list(&Path::from("log")).expect("lists");
    let is_it = |path: &&Path| path.as_ref().starts_with(&newest) && path.as_ref().ends_with(ending);
    let path = objects.iter().find(is_it).expect("it is there");
    store.delete(path).expect("deletes");
    store.create(path, "{").expect("creates");
}

#[test]
fn a_takeover_goes_back_where_the_newest_commit_is_damaged() {
    // Damaged is what the standby has to read, or what it has read before.
    for ending in [".json", ".seg"] {
        let store = Store::open("memory://").expect("a store");
        let options = options(&store);
        let mut writer = Writer::start(&options);
        writer.commit(false);
        writer.commit(false);
        let mut standby = standby(&options);
        standby.look(&shared()).expect("follows");
        assert_eq!(orders(&standby), 2);
        damage_newest(&store, ending);
        // There is no heartbeat: the second look at the same number takes over.
        let commit = standby.look(&shared()).expect("a damaged manifest has a number").expect("takes over");
        let opening = Opening { newest: Some(commit), ..opening(&options, &standby.views, &Clock::System) };
        let recovered = recovery::open(opening).expect("goes back");
        assert_eq!(recovered.offsets.get("orders", 0), Some(1));
        let ready = standby.ready(&recovered).expect("views");
        assert!(ready.restored.is_none(), "{ending}: its views have an order that is read again");
    }
}

#[test]
fn views_that_stand_at_a_commit_that_was_given_up_are_made_anew() {
    let store = Store::open("memory://").expect("a store");
    let options = options(&store);
    let mut writer = Writer::start(&options);
    (0..3).for_each(|_| writer.commit(false));
    let mut standby = standby(&options);
    standby.look(&shared()).expect("follows");
    assert_eq!(orders(&standby), 3);
    damage_newest(&store, ".json");
    let mut next = Writer::start(&options);
    next.orders = 2;
    // Two orders are left; the third is read again, and is not there twice.
    for expected in [2, 3] {
        standby.look(&shared()).expect("follows the next writer");
        assert_eq!(orders(&standby), expected);
        next.commit(false);
    }
}
