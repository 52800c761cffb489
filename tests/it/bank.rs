//! The bank: money moves between accounts and is never made. Whatever is asked while epochs are applied, every answer
//! sums to zero, and all its rows are of one epoch (I1, I2, I6).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::Method;
use datafusion::arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch};
use rebateflow::catalog::SourceFile;
use rebateflow::changes::{Changes, EventBatch};
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;
use rebateflow::serve::{AppState, app};
use rebateflow::tasks::spawn_thread;
use serde_json::{Value, json};

use crate::http::world::{Answer, send};

const BRANCHES: i64 = 2;
const ACCOUNTS: i64 = 20;
const EPOCHS: i64 = 400;
const SEED: u64 = 20_260_201;

const SQL: &str = "
CREATE TABLE account (branch BIGINT NOT NULL, account BIGINT NOT NULL);
CREATE TABLE beat (n BIGINT NOT NULL);
CREATE TABLE transfer (branch BIGINT, debtor BIGINT, creditor BIGINT, amount DECIMAL(18,2));
CREATE TABLE corrected (id BIGINT NOT NULL, version BIGINT NOT NULL, branch BIGINT, debtor BIGINT, creditor BIGINT,
    amount DECIMAL(18,2), PRIMARY KEY (id)) WITH (version = 'version');
CREATE VIEW moved AS SELECT branch, debtor, creditor, amount FROM transfer
    UNION ALL SELECT branch, debtor, creditor, amount FROM corrected;
CREATE VIEW entry AS SELECT branch, debtor AS account, -amount AS amount FROM moved
    UNION ALL SELECT branch, creditor AS account, amount FROM moved;
CREATE MATERIALIZED VIEW balance AS
    SELECT branch, account, SUM(amount) AS balance FROM entry GROUP BY branch, account;
CREATE MATERIALIZED VIEW bank AS SELECT SUM(balance) AS balance, COUNT(*) AS accounts FROM balance;
CREATE MATERIALIZED VIEW statement WITH (key = 'branch, account') AS
    SELECT a.branch, a.account, COALESCE(b.balance, 0.00) AS balance
    FROM account a LEFT JOIN balance b ON a.branch = b.branch AND a.account = b.account;
CREATE MATERIALIZED VIEW so_far WITH (key = 'branch, account') AS
    SELECT branch, account, balance, SUM(balance) OVER (PARTITION BY branch ORDER BY account) AS so_far FROM balance;
CREATE MATERIALIZED VIEW stamped WITH (key = 'branch, account') AS
    SELECT b.branch, b.account, b.balance, m.n FROM balance b CROSS JOIN (SELECT MAX(n) AS n FROM beat) m;
";

/// A transfer: branch, debtor, creditor, amount in cents.
type Transfer = (i64, i64, i64, i128);

/// The writer of the bank, and what every account should have.
struct Bank {
    engine: Engine,
    random: fastrand::Rng,
    transfers: Vec<Transfer>,
    /// By id: version and the transfer that holds.
    corrected: BTreeMap<i64, (i64, Transfer)>,
    offset: i64,
}

fn numbers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn columns(transfers: &[Transfer]) -> Vec<(&'static str, ArrayRef)> {
    let amounts = Decimal128Array::from_iter_values(transfers.iter().map(|t| t.3)).with_precision_and_scale(18, 2);
    vec![
        ("branch", numbers(transfers.iter().map(|t| t.0))),
        ("debtor", numbers(transfers.iter().map(|t| t.1))),
        ("creditor", numbers(transfers.iter().map(|t| t.2))),
        ("amount", Arc::new(amounts.expect("a decimal"))),
    ]
}

impl Bank {
    fn open() -> Bank {
        let mut engine = Engine::new(1, Clock::System).expect("an engine");
        engine.create(&SourceFile::new("bank.sql", SQL)).expect("views");
        let random = fastrand::Rng::with_seed(SEED);
        let mut bank = Bank { engine, random, transfers: vec![], corrected: BTreeMap::new(), offset: 0 };
        let all = || (0..BRANCHES * ACCOUNTS).map(|i| (i / ACCOUNTS, i % ACCOUNTS));
        let accounts = vec![("branch", numbers(all().map(|a| a.0))), ("account", numbers(all().map(|a| a.1)))];
        let changes =
            BTreeMap::from([bank.events("account", accounts), bank.events("beat", vec![("n", numbers([0]))])]);
        bank.engine.apply(changes).expect("an epoch");
        bank.engine.publish(vec![]).expect("published");
        bank
    }

    fn events(&mut self, table: &str, columns: Vec<(&str, ArrayRef)>) -> (Arc<str>, Changes) {
        let rows = RecordBatch::try_from_iter(columns).expect("columns of one length");
        let table = self.engine.table(table).expect("a table").clone();
        let events = EventBatch::of_rows(&table, &rows, self.offset, self.offset).expect("events");
        self.offset += rows.num_rows() as i64;
        (table.name.as_str().into(), Changes::inserts(events.rows))
    }

    fn transfer(&mut self) -> Transfer {
        let account = |random: &mut fastrand::Rng| random.i64(0..ACCOUNTS);
        let (debtor, creditor) = (account(&mut self.random), account(&mut self.random));
        (self.random.i64(0..BRANCHES), debtor, creditor, self.random.i128(1..=1_000_000))
    }

    /// One epoch: some transfers, some that are new in the corrected table, some of those corrected.
    fn epoch(&mut self, n: i64) {
        let new: Vec<Transfer> = (0..self.random.usize(0..8)).map(|_| self.transfer()).collect();
        self.transfers.extend(&new);
        let (mut ids, mut versions, mut moved) = (vec![], vec![], vec![]);
        for _ in 0..self.random.usize(1..8) {
            let id = self.random.i64(0..self.corrected.len() as i64 + 2);
            let version = self.corrected.get(&id).map_or(1, |held| held.0 + 1);
            let transfer = self.transfer();
            self.corrected.insert(id, (version, transfer));
            ids.push(id);
            versions.push(version);
            moved.push(transfer);
        }
        let mut corrected = vec![("id", numbers(ids)), ("version", numbers(versions))];
        corrected.extend(columns(&moved));
        let changes = BTreeMap::from([
            self.events("transfer", columns(&new)),
            self.events("corrected", corrected),
            self.events("beat", vec![("n", numbers([n]))]),
        ]);
        self.engine.apply(changes).expect("an epoch");
        self.engine.publish(vec![]).expect("published");
    }

    /// The balance of every account that money was moved to or from.
    fn expected(&self) -> BTreeMap<(i64, i64), i128> {
        let mut balances = BTreeMap::new();
        for (branch, debtor, creditor, amount) in self.transfers.iter().chain(self.corrected.values().map(|c| &c.1)) {
            *balances.entry((*branch, *debtor)).or_default() -= amount;
            *balances.entry((*branch, *creditor)).or_default() += amount;
        }
        balances
    }
}

fn cents(value: &Value) -> i128 {
    let text = value.as_str().unwrap_or_else(|| panic!("money is text, not {value}"));
    let (whole, part) = text.split_once('.').unwrap_or_else(|| panic!("{text} has two places"));
    assert_eq!(part.len(), 2, "{text} has two places");
    format!("{whole}{part}").parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn rows(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["rows"].as_array().expect("rows").clone()
}

/// The number after the run in `"epoch": "1.17"`.
fn epoch(answer: &Answer) -> i64 {
    let json = answer.json();
    let name = json["epoch"].as_str().expect("an epoch");
    name.split_once('.').expect("run.number").1.parse().expect("a number")
}

async fn sql(app: &Router, query: &str) -> Answer {
    let body = json!({ "query": query }).to_string();
    send(app, Method::POST, "/v1/sql", &[("content-type", "application/json")], body).await
}

/// Asks for a branch of every view; gives the epoch.
async fn look(app: &Router, branch: i64, first: i64) -> i64 {
    let mut seen = 0;
    for view in ["balance", "statement", "so_far", "stamped"] {
        let answer = send(app, Method::GET, &format!("/v1/views/{view}?branch={branch}"), &[], Body::empty()).await;
        let rows = rows(&answer);
        let total: i128 = rows.iter().map(|row| cents(&row["balance"])).sum();
        assert_eq!(total, 0, "{view}: {}", answer.text());
        seen = epoch(&answer);
        match (view, rows.last()) {
            ("statement", _) => assert_eq!(rows.len() as i64, ACCOUNTS),
            ("so_far", Some(last)) => assert_eq!(cents(&last["so_far"]), 0, "{}", answer.text()),
            ("stamped", Some(_)) => {
                assert!(rows.iter().all(|row| row["n"] == seen - first), "rows of other epochs: {}", answer.text());
            }
            _ => {}
        }
    }
    seen
}

/// Asks for two and more views together.
async fn join(app: &Router, first: i64) {
    let query = "SELECT COUNT(*) AS n, COALESCE(SUM(b.balance), 0.00) AS balance, COALESCE(SUM(s.balance), 0.00) AS other, \
                 MIN(b.n) AS low, MAX(b.n) AS high, \
                 COUNT(*) FILTER (WHERE b.balance <> s.balance OR b.balance <> f.balance) AS differ \
                 FROM stamped b JOIN statement s ON b.branch = s.branch AND b.account = s.account \
                 JOIN so_far f ON b.branch = f.branch AND b.account = f.account";
    let answer = sql(app, query).await;
    let row = &rows(&answer)[0];
    let text = || answer.text();
    assert_eq!((cents(&row["balance"]), cents(&row["other"]), &row["differ"]), (0, 0, &json!(0)), "{}", text());
    if row["n"] != 0 {
        assert_eq!((&row["low"], &row["high"]), (&json!(epoch(&answer) - first), &row["low"]), "{}", text());
    }
    let query = "SELECT COALESCE(SUM(b.balance), 0.00) + COALESCE(MAX(t.balance), 0.00) AS balance, COUNT(*) AS n, \
                 MAX(t.accounts) AS accounts FROM balance b CROSS JOIN bank t";
    let answer = sql(app, query).await;
    let row = &rows(&answer)[0];
    assert_eq!(cents(&row["balance"]), 0, "{}", answer.text());
    assert!(row["n"] == 0 || row["n"] == row["accounts"], "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_the_bank_sums_to_zero_at_one_epoch() {
    let mut bank = Bank::open();
    let state = AppState::new(bank.engine.hot().clone(), Arc::default(), Arc::default(), Clock::System);
    let app = app(state.expect("a state"));
    let first = i64::from(bank.engine.epoch());
    let done = Arc::new(AtomicBool::new(false));
    let writing = spawn_thread("bank", {
        let done = done.clone();
        move || {
            (1..=EPOCHS).for_each(|n| bank.epoch(n));
            done.store(true, Ordering::Release);
            bank
        }
    });
    let writing = writing.expect("a thread");
    let mut epochs = vec![];
    while !done.load(Ordering::Acquire) && !writing.is_finished() {
        let branch = epochs.len() as i64 % BRANCHES;
        epochs.push(look(&app, branch, first).await);
        join(&app, first).await;
    }
    let bank = writing.join().expect("the writer's end");
    epochs.dedup();
    assert!(epochs.len() >= 5 && epochs.is_sorted(), "readers saw too little of it: {epochs:?}");

    let last = look(&app, 0, first).await;
    assert_eq!(last, first + EPOCHS);
    join(&app, first).await;
    let answer = sql(&app, "SELECT branch, account, balance FROM balance").await;
    let balance = |row: &Value| {
        let number = |name: &str| row[name].as_i64().expect("a number");
        ((number("branch"), number("account")), cents(&row["balance"]))
    };
    let found: BTreeMap<(i64, i64), i128> = rows(&answer).iter().map(balance).collect();
    assert_eq!(found, bank.expected());
}
