//! The tables and views of a simulation. A view has two texts: an edit makes the other one of it.

use std::sync::Arc;

use rebateflow::catalog::{Catalog, SourceFile};

pub const SALE: &str = "CREATE TABLE sale (id BIGINT NOT NULL, shop VARCHAR NOT NULL, amount DECIMAL(18,2),
    sold TIMESTAMP(6) NOT NULL, modified BIGINT NOT NULL, gone BOOLEAN, PRIMARY KEY (id))
    WITH (topic = 'sale', format = 'json', version = 'modified', deleted = 'gone');";
pub const CLICK: &str = "CREATE TABLE click (id BIGINT NOT NULL, shop VARCHAR NOT NULL, n INTEGER)
    WITH (topic = 'click', format = 'json');";
pub const MARKET: &str = "CREATE TABLE market (name VARCHAR NOT NULL, region VARCHAR, PRIMARY KEY (name))
    WITH (topic = 'market', format = 'json');";

/// Name, whether its changes are kept, what it reads, and two texts.
type View = (&'static str, bool, Option<&'static str>, [&'static str; 2]);

pub const VIEWS: [View; 12] = [
    ("totals", true, None, [
        "SELECT shop, SUM(amount) AS amount, COUNT(*) AS n FROM sale GROUP BY shop",
        "SELECT shop, SUM(amount) AS amount, COUNT(*) AS n, MAX(modified) AS newest FROM sale WHERE id > 3 GROUP BY shop",
    ]),
    ("placed", false, None, [
        "SELECT sale.id, sale.amount, market.region FROM sale LEFT JOIN market ON market.name = sale.shop",
        "SELECT sale.id, sale.amount, market.region FROM sale JOIN market ON market.name = sale.shop",
    ]),
    ("regions", true, Some("placed"), [
        "SELECT region, SUM(amount) AS amount FROM placed GROUP BY region",
        "SELECT region, COUNT(amount) AS n, MIN(id) AS least FROM placed GROUP BY region",
    ]),
    ("extremes", true, None, [
        "SELECT shop, MIN(amount) AS low, MAX(amount) AS high FROM sale GROUP BY shop",
        "SELECT shop, MIN(n) AS low, MAX(n) AS high, COUNT(DISTINCT n) AS ns FROM click GROUP BY shop",
    ]),
    ("top", false, None, [
        "SELECT shop, id, amount FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY amount DESC) AS place
            FROM sale) AS placed WHERE place <= 2",
        "SELECT shop, id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY n DESC, id) AS place
            FROM click) AS placed WHERE place <= 2",
    ]),
    ("shares", false, None, ["SELECT id, 100 / n AS share FROM click", "SELECT id, shop, 7 / n AS share FROM click"]),
    ("share_sums", true, None, [
        "SELECT shop, SUM(100 / n) AS shares, COUNT(*) AS n FROM click GROUP BY shop",
        "SELECT shop, MAX(100 / n) AS share FROM click GROUP BY shop",
    ]),
    ("recent", true, None, [
        "SELECT shop, COUNT(*) AS n FROM sale CROSS JOIN clock WHERE sold > as_of - INTERVAL '10 seconds' GROUP BY shop",
        "SELECT id, shop FROM sale CROSS JOIN clock WHERE sold > as_of - INTERVAL '5 seconds'",
    ]),
    ("clicks", true, None, [
        "SELECT COUNT(*) AS n, SUM(n) AS sum FROM click",
        "SELECT COUNT(n) AS n, AVG(CAST(n AS DOUBLE)) AS mean FROM click",
    ]),
    ("kinds", false, None, [
        "SELECT DISTINCT shop, n FROM click",
        "SELECT shop FROM click EXCEPT SELECT name FROM market",
    ]),
    ("selling", false, None, [
        "SELECT name FROM market WHERE EXISTS (SELECT 1 FROM sale WHERE sale.shop = market.name)",
        "SELECT name FROM market WHERE NOT EXISTS (SELECT 1 FROM sale WHERE sale.shop = market.name)",
    ]),
    ("running", false, None, [
        "SELECT id, shop, SUM(n) OVER (PARTITION BY shop ORDER BY id) AS sum FROM click",
        "SELECT id, shop, LAG(n) OVER (PARTITION BY shop ORDER BY id) AS before FROM click",
    ]),
];

/// The views that divide by `n` of each click: rows with 0 are kept out.
pub const DIVIDING: [&str; 2] = ["shares", "share_sums"];

/// The text of each view that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen(Vec<Option<usize>>);

impl Chosen {
    /// About half of the views.
    pub fn first(random: &mut fastrand::Rng) -> Chosen {
        let mut chosen = Chosen(vec![None; VIEWS.len()]);
        for _ in 0..VIEWS.len() / 2 {
            chosen.0[random.usize(0..VIEWS.len())] = Some(random.usize(0..2));
        }
        chosen.complete();
        chosen
    }

    /// Adds, edits or removes one view.
    pub fn change(&mut self, random: &mut fastrand::Rng) {
        let text = &mut self.0[random.usize(0..VIEWS.len())];
        *text = match *text {
            None => Some(random.usize(0..2)),
            Some(_) if random.bool() => None,
            Some(before) => Some(1 - before),
        };
        self.complete();
    }

    /// What a view reads is there, too.
    fn complete(&mut self) {
        for (at, (_, _, reads, _)) in VIEWS.iter().enumerate() {
            let read = reads.and_then(|read| VIEWS.iter().position(|(name, ..)| *name == read));
            if let (Some(read), Some(_)) = (read, self.0[at]) {
                self.0[read].get_or_insert(0);
            }
        }
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        let mut sources = vec![];
        for (text, name) in [(SALE, "sale"), (CLICK, "click"), (MARKET, "market")] {
            sources.push(SourceFile::new(name, text));
        }
        for ((name, kept, _, texts), chosen) in VIEWS.iter().zip(&self.0) {
            let Some(chosen) = chosen else { continue };
            let history = if *kept { "WITH (history = 'changes') " } else { "" };
            let text = format!("CREATE MATERIALIZED VIEW {name} {history}AS {};", texts[*chosen]);
            sources.push(SourceFile::new(*name, &text));
        }
        Arc::new(Catalog::from_sources(&sources).unwrap_or_else(|error| panic!("{error}")))
    }
}
