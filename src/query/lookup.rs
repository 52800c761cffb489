//! `GET /v1/views/{view}`: the rows with a key or key prefix, in key order, at one epoch.
//!
//! The whole key and its first column alone are found by an index; a longer prefix filters what the first column finds.
//! Without a key, a small view is given whole. Cost: one probe and what the rows found cost; a sort where the stored
//! order is not the key's.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use datafusion::arrow::compute;

use super::answer::serving;
use super::json::{JsonColumns, write_string, write_timestamp_us};
use super::key::key_array;
use super::page::{Cursor, cursor_after, page};
use super::parameters::{LIMIT_DEFAULT, Parameters};
use super::rows::RowBuffer;
use crate::error::{Error, Result};
use crate::hot::{HotTable, Link, Published};
use crate::state::{RowCodec, SLOTS};

/// A view with more rows is not read without a key: that is what SQL is for.
pub const SCAN_ROWS_MAX: i64 = 10_000;
/// Rows that a lookup sorts when their stored order is not the key's.
pub const UNORDERED_ROWS_MAX: usize = 50_000;

/// A lookup that fits its view.
#[derive(Debug)]
pub struct Lookup {
    table: Arc<HotTable>,
    /// Values of the first key columns, one row each.
    key: Vec<ArrayRef>,
    after: Option<Cursor>,
    limit: usize,
    offsets: bool,
}

/// Rows of an answer, in key order, as the arrangement has them.
struct Found {
    rows: RecordBatch,
    next: Option<Cursor>,
}

impl Lookup {
    /// Checks the parameters against a view.
    ///
    /// Errors: `NotFound` for the view, `Invalid` for a column or value, listing the key.
    pub fn new(published: &Published, view: &str, parameters: &Parameters) -> Result<Self> {
        let table = published.table(view).ok_or_else(|| unknown_view(published, view))?;
        let key = key_values(table, &parameters.key)?;
        let after = parameters.after.as_deref().map(Cursor::parse).transpose()?;
        let limit = parameters.limit.unwrap_or(LIMIT_DEFAULT);
        Ok(Lookup { table: table.clone(), key, after, limit, offsets: parameters.offsets })
    }

    /// Appends the answer to `out`: view, epoch, time of publication, errors if any, rows, `next` if more follow.
    pub fn write(&self, published: &Published, out: &mut Vec<u8>) -> Result<()> {
        let errors = serving(published, &self.table)?;
        let found = self.find(published)?;
        out.extend_from_slice(b"{\"view\":");
        write_string(out, &self.table.name);
        out.push(b',');
        write_epoch(out, published);
        if errors > 0 {
            out.extend_from_slice(format!(",\"errors\":{errors}").as_bytes());
        }
        out.extend_from_slice(b",\"rows\":[");
        let arrays = self.table.columns.iter().map(|&c| found.rows.column(c));
        let columns = JsonColumns::new(self.table.schema.fields(), arrays)?;
        for i in 0..found.rows.num_rows() {
            if i > 0 {
                out.push(b',');
            }
            columns.write_row(out, i)?;
        }
        out.push(b']');
        if let Some(next) = found.next {
            out.extend_from_slice(b",\"next\":");
            write_string(out, &next.print());
        }
        if self.offsets {
            write_offsets(out, published);
        }
        out.push(b'}');
        Ok(())
    }

    fn find(&self, published: &Published) -> Result<Found> {
        let table = &self.table;
        match self.index()? {
            Some(link) if table.bytes_in_key_order(table.key.len()) => self.find_ordered(link, published.epoch),
            Some(link) => {
                let mut rows = RowBuffer::default();
                let keys = self.link_keys(link)?;
                let reader = table.arrangement.read_key(published.epoch, link.index(), &keys)?;
                let found = reader.lookup(link.index(), &keys)?;
                if found.len() > UNORDERED_ROWS_MAX {
                    let message = format!("view {} has more than {UNORDERED_ROWS_MAX} rows of this key", table.name);
                    return Err(Error::refused(message).hint("give more of the key, or use POST /v1/sql"));
                }
                rows.extend(&found);
                drop(reader);
                self.find_sorting(&rows)
            }
            None => self.find_sorting(&self.scan(published)?),
        }
    }

    /// The index to go through; None: none, the view is read whole.
    fn index(&self) -> Result<Option<Link>> {
        let table = &self.table;
        if self.key.is_empty() {
            return Ok(None);
        }
        let whole = table.key_link.filter(|_| self.key.len() == table.key.len());
        whole.or(table.first_link).map(Some).ok_or_else(|| {
            let message = format!("view {} cannot be looked up by a part of its key", table.name);
            Error::refused(message).hint(format!("give all of the key: {}", table.key_names().join(", ")))
        })
    }

    /// The key values in the order of a link's columns.
    fn link_keys(&self, link: Link) -> Result<Vec<ArrayRef>> {
        let columns = self.table.link_columns(link).iter();
        let value = |&column: &usize| {
            let at = self.table.key.iter().position(|&c| self.table.columns[c] == column);
            at.and_then(|at| self.key.get(at)).cloned()
        };
        let keys: Option<Vec<ArrayRef>> = columns.map(value).collect();
        keys.ok_or_else(|| Error::internal(format!("a link of view {} is not made of its key", self.table.name)))
    }

    /// The stored order is the key's: only the rows of the page are copied.
    fn find_ordered(&self, link: Link, epoch: u32) -> Result<Found> {
        let arrangement = &self.table.arrangement;
        let prefix = self.encode_key()?;
        let keys = self.link_keys(link)?;
        let mut rows = RowBuffer::default();
        let reader = arrangement.read_key(epoch, link.index(), &keys)?;
        let sorted = reader.lookup(link.index(), &keys)?;
        let (range, more) = page(&sorted, &prefix, self.after.as_ref(), self.limit);
        rows.extend(&sorted[range]);
        drop(reader);
        let batch = arrangement.decode(rows.iter())?;
        let page: Vec<&[u8]> = rows.iter().collect();
        Ok(Found { next: self.next(&batch, &page, more)?, rows: batch })
    }

    /// The stored order may be another: all rows are decoded and sorted by the key, then by their bytes.
    fn find_sorting(&self, rows: &RowBuffer) -> Result<Found> {
        let all = self.table.arrangement.decode(rows.iter())?;
        let keys = self.key_codec()?.encode(&all)?;
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        let sort_key = |&i: &u32| (keys.bytes(i as usize), rows.row(i as usize));
        order.sort_unstable_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        let sorted: Vec<&[u8]> = order.iter().map(|&i| keys.bytes(i as usize)).collect();
        let (range, more) = page(&sorted, &self.encode_key()?, self.after.as_ref(), self.limit);
        let batch = compute::take_record_batch(&all, &UInt32Array::from(order[range.clone()].to_vec()))?;
        Ok(Found { next: self.next(&batch, &sorted[range], more)?, rows: batch })
    }

    fn next(&self, batch: &RecordBatch, page: &[&[u8]], more: bool) -> Result<Option<Cursor>> {
        if !more || page.is_empty() {
            return Ok(None);
        }
        let last = self.key_codec()?.encode(&batch.slice(batch.num_rows() - 1, 1))?;
        Ok(Some(cursor_after(page, last.bytes(0).to_vec(), self.after.as_ref())))
    }

    fn key_codec(&self) -> Result<RowCodec> {
        RowCodec::ascending(self.table.arrangement.layout().schema.clone(), &self.table.key_columns())
    }

    /// The encoding of the given key values where it narrows what the index finds, else nothing.
    fn encode_key(&self) -> Result<Vec<u8>> {
        let given = self.key.len();
        if given <= 1 || given == self.table.key.len() && self.table.key_link.is_some() {
            return Ok(vec![]);
        }
        let columns = &self.table.key_columns()[..given];
        let codec = RowCodec::ascending(self.table.arrangement.layout().schema.clone(), columns)?;
        Ok(codec.encode_arrays(&self.key, 1)?.bytes(0).to_vec())
    }

    /// All rows of a small view, slot by slot.
    fn scan(&self, published: &Published) -> Result<RowBuffer> {
        let table = &self.table;
        let rows = published.views.get(&table.name).map_or(0, |state| state.rows);
        if rows > SCAN_ROWS_MAX {
            let message = format!("view {} has {rows} rows, too many to give without a key", table.name);
            let hint = match table.key_names() {
                key if key.is_empty() => "use POST /v1/sql".to_string(),
                key => format!("the key is {}: give it or its first columns, or use POST /v1/sql", key.join(", ")),
            };
            return Err(Error::invalid(message).hint(hint));
        }
        let mut all = RowBuffer::default();
        for slot in 0..SLOTS {
            all.extend(&table.arrangement.read(published.epoch)?.scan(slot));
        }
        Ok(all)
    }
}

fn unknown_view(published: &Published, view: &str) -> Error {
    let names: Vec<&str> = published.tables().keys().map(|name| &**name).collect();
    let error = Error::not_found(format!("there is no view {view}"));
    if names.is_empty() { error } else { error.hint(format!("the views are: {}", names.join(", "))) }
}

/// The given columns as values of the first key columns.
fn key_values(table: &HotTable, given: &[(String, Option<String>)]) -> Result<Vec<ArrayRef>> {
    let names = table.key_names();
    let list = match names.as_slice() {
        [] => format!("view {} has no key: ask without columns, or use POST /v1/sql", table.name),
        names => format!("the key is {}; for other columns use POST /v1/sql", names.join(", ")),
    };
    if let Some((unknown, _)) = given.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        return Err(Error::invalid(format!("{unknown} is not a key column of view {}", table.name)).hint(list));
    }
    let mut values = Vec::with_capacity(given.len());
    for (&column, name) in table.key.iter().zip(&names).take(given.len()) {
        let Some((_, text)) = given.iter().find(|(given, _)| given == name) else {
            let message = format!("{name} is missing: a lookup gives the first columns of the key, without a gap");
            return Err(Error::invalid(message).hint(list));
        };
        values.push(key_array(table.schema.field(column), text.as_deref())?);
    }
    Ok(values)
}

/// Appends `"epoch":"run.n","published_at":"..."`.
pub(super) fn write_epoch(out: &mut Vec<u8>, published: &Published) {
    out.extend_from_slice(b"\"epoch\":");
    write_string(out, &published.epoch_name());
    out.extend_from_slice(b",\"published_at\":");
    write_timestamp_us(out, published.published_at_us);
}

fn write_offsets(out: &mut Vec<u8>, published: &Published) {
    out.extend_from_slice(b",\"offsets\":[");
    for (i, offset) in published.offsets.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"{\"topic\":" } else { b",{\"topic\":" });
        write_string(out, &offset.topic);
        out.extend_from_slice(format!(",\"partition\":{},\"next\":{}}}", offset.partition, offset.next).as_bytes());
    }
    out.push(b']');
}
