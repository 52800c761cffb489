//! Collectors at work: they ask the networks what changed, page by page, and send every answer and every record of it.
//! Some calls fail, some pages repeat what the last ones had, and now and then a record is garbled and comes right the
//! next time.
//!
//! Beside a record goes what it means, in our own form: the state of the line that it was written from. Whoever tests
//! views that read records knows from it what they must come to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::demo::agenda::Task;
use crate::demo::calendar::{DAY_US, MINUTE_US};
use crate::demo::row::{Record, json_of};
use crate::demo::tables::{AffiliateRaw, AffiliateTxn, RefundEvent};
use crate::demo::text::push_time;
use crate::demo::world::World;

/// Records of a page; bounds a message.
const PAGE: usize = 50;
const FAILED_SHARE: f64 = 0.05;
/// Of the records of the last round, if that was less than a day ago.
const REPEATED_SHARE: f64 = 0.2;
const GARBLED_SHARE: f64 = 0.01;

/// An interface of a network, each with a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Api {
    Tbk,
    TbkRefunds,
    Jd,
    Pdd,
    Awin,
    Cj,
    Impact,
    ImpactUpdates,
}

impl Api {
    pub(super) fn table(self) -> &'static str {
        match self {
            Api::Tbk => "raw_tbk",
            Api::TbkRefunds => "raw_tbk_refunds",
            Api::Jd => "raw_jd",
            Api::Pdd => "raw_pdd",
            Api::Awin => "raw_awin",
            Api::Cj => "raw_cj",
            Api::Impact => "raw_impact",
            Api::ImpactUpdates => "raw_impact_updates",
        }
    }

    fn platform(self) -> &'static str {
        match self {
            Api::Tbk | Api::TbkRefunds => "TBK",
            Api::Jd => "JD",
            Api::Pdd => "PDD",
            Api::Awin => "AWIN",
            Api::Cj => "CJ",
            Api::Impact | Api::ImpactUpdates => "IMPACT",
        }
    }

    /// The method or path, as the collectors name it.
    fn called(self) -> &'static str {
        match self {
            Api::Tbk => "taobao.tbk.order.details.get",
            Api::TbkRefunds => "taobao.tbk.relation.refund",
            Api::Jd => "jd.union.open.order.row.query",
            Api::Pdd => "pdd.ddk.order.list.increment.get",
            Api::Awin => "GET /publishers/{id}/transactions/",
            Api::Cj => "publisherCommissions",
            Api::Impact => "/Mediapartners/{SID}/Actions",
            Api::ImpactUpdates => "/Mediapartners/{SID}/ActionUpdates",
        }
    }

    /// The network has no time of change: when we asked decides which state is newer.
    fn is_versioned_by_fetch(self) -> bool {
        matches!(self, Api::Awin | Api::Impact)
    }

    /// A record that comes again is one more report; else the newest takes the place of the one before.
    fn keeps_repeated(self) -> bool {
        matches!(self, Api::Tbk | Api::Jd | Api::Pdd | Api::Awin | Api::Impact)
    }

    /// A field, and what the network writes there once in a while; it fits no more.
    fn garbled(self) -> Option<(&'static str, &'static str)> {
        match self {
            Api::Tbk => Some(("alipay_total_price", "1,234.00")),
            Api::Jd => Some(("estimateFee", "3.805")),
            Api::Pdd => Some(("order_amount", "12.50")),
            Api::Awin => Some(("saleAmount_amount", "")),
            Api::Impact => Some(("Payout", "USD 5")),
            // Amounts that add up: one that is missing would spoil the rest.
            Api::TbkRefunds | Api::Cj | Api::ImpactUpdates => None,
        }
    }
}

/// What a record means, in the form of our own tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A report of a line, one more at each delivery.
    Report(Box<AffiliateTxn>),
    /// What a line was at an event, in place of what was said of the event before.
    State(Box<AffiliateTxn>),
    Refund(Box<RefundEvent>),
    /// Nothing: this field does not fit.
    Reject {
        platform: &'static str,
        record_id: String,
        field: &'static str,
        value: &'static str,
        fetched_at: i64,
    },
}

/// A record that nobody has read yet, with the state of the line that it says. When it is read is still open.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    pub(super) named: Vec<(&'static str, Option<String>)>,
    pub(super) line: Option<AffiliateTxn>,
    pub(super) refund: Option<RefundEvent>,
}

impl Unread {
    fn id(&self) -> Option<&str> {
        self.named[0].1.as_deref()
    }

    /// What it means once it is read.
    fn meanings(&self, api: Api, fetched_at: i64) -> Vec<Meaning> {
        let line = self.line.clone().map(|mut line| {
            line.ingest_time = fetched_at;
            if api.is_versioned_by_fetch() {
                line.source_modified = fetched_at;
                line.event_id = format!("{}@{fetched_at}", line.event_id);
            }
            if line.platform == "TBK" && line.status == "RECEIVED" {
                // Taobao has no time of receipt but that of the change.
                line.receive_time = Some(line.source_modified);
            }
            let line = Box::new(line);
            if api.keeps_repeated() { Meaning::Report(line) } else { Meaning::State(line) }
        });
        let refund = self.refund.clone().map(|refund| Meaning::Refund(Box::new(refund)));
        line.into_iter().chain(refund).collect()
    }
}

/// What the collectors will find at the networks, and what they found last.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    changed: Vec<Unread>,
    /// Read in the last round, and when that was.
    read: Vec<Unread>,
    read_at: i64,
}

pub(super) type Desks = BTreeMap<Api, Desk>;

impl World {
    /// A network has something new to say of a record; a network that overwrites says only the newest.
    pub(super) fn tell(&mut self, api: Api, record: Unread) {
        let desk = self.desks.entry(api).or_default();
        if desk.changed.is_empty() {
            let at = self.now + 5 * MINUTE_US + self.random.below(10 * 60) as i64 * 1_000_000;
            self.agenda.add(at, Task::Poll(api));
        }
        desk.changed.retain(|other| other.id() != record.id());
        desk.changed.push(record);
    }

    /// The collector asks the network.
    pub(super) fn poll(&mut self, api: Api) {
        if self.random.chance(FAILED_SHARE) {
            let (status, body) = *self.random.pick(&[(429, "slow down"), (503, "later")]);
            self.push_answer(api, status, body.to_string(), None);
            return self.agenda.add(self.now + 2 * MINUTE_US, Task::Poll(api));
        }
        let mut desk = std::mem::take(self.desks.entry(api).or_default());
        let may_repeat = self.now < desk.read_at + DAY_US && !matches!(api, Api::TbkRefunds | Api::ImpactUpdates);
        let mut found = vec![];
        for record in std::mem::take(&mut desk.read) {
            // Where the reading decides what is newest, a page from before would be a lie. Elsewhere some are old.
            let is_old = desk.changed.iter().any(|changed| changed.id() == record.id());
            let may_be_old = matches!(api, Api::Tbk | Api::Jd | Api::Pdd);
            if may_repeat && (may_be_old || !is_old) && self.random.chance(REPEATED_SHARE) {
                found.push(record);
            }
        }
        found.append(&mut desk.changed);
        self.desks.insert(api, Desk { read_at: self.now, ..Desk::default() });
        for page in found.chunks(PAGE) {
            self.read_page(api, page);
            // The next page is another call.
            self.now += 1_000_000;
        }
    }

    fn read_page(&mut self, api: Api, page: &[Unread]) {
        let mut records = vec![];
        for unread in page {
            let id = unread.id().unwrap_or_default().to_string();
            let named = unread.named.clone();
            let mut record = Record {
                table: api.table(),
                fetch_id: String::new(),
                body_hash: String::new(),
                fetched_at: self.now,
                named,
            };
            let mut meanings = unread.meanings(api, self.now);
            if let Some((field, value)) = api.garbled().filter(|_| self.random.chance(GARBLED_SHARE)) {
                record.set(field, value);
                let (platform, fetched_at) = (api.platform(), self.now);
                meanings = vec![Meaning::Reject { platform, record_id: id, field, value, fetched_at }];
                self.tell_again(api, unread);
            } else {
                self.desks.entry(api).or_default().read.push(unread.clone());
            }
            records.push((record, meanings));
        }
        let bodies: Vec<String> = records.iter().map(|(record, _)| json_of(record.written(), true)).collect();
        let (fetch_id, body_hash) =
            self.push_answer(api, 200, format!("[{}]", bodies.join(",")), Some(records.len() as i64));
        let last = records.len();
        for (number, (mut record, meanings)) in records.into_iter().enumerate() {
            (record.fetch_id, record.body_hash) = (fetch_id.clone(), body_hash.clone());
            self.push_meaning(record, number + 1 < last, meanings);
        }
    }

    /// A garbled record comes right in the next round, unless something newer is told until then.
    fn tell_again(&mut self, api: Api, unread: &Unread) {
        self.tell(api, unread.clone());
    }

    /// The answer itself; its records follow. Its id and the hash of its body.
    fn push_answer(&mut self, api: Api, http_status: i64, body: String, records: Option<i64>) -> (String, String) {
        let fetch_id = format!("h{:09}", self.number());
        let body_hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut cursor = String::new();
        push_time(&mut cursor, self.now);
        let answer = AffiliateRaw {
            fetch_id: fetch_id.clone(),
            platform: api.platform(),
            api: api.called(),
            cursor,
            http_status,
            body,
            body_hash: body_hash.clone(),
            records,
            fetched_at: self.now,
        };
        match records {
            Some(1..) => self.push_with_next(answer),
            _ => self.push(answer),
        }
        (fetch_id, body_hash)
    }
}
