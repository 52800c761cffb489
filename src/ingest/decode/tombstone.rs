//! Messages without a value: on an upsert table they delete the row whose key the message's key gives.

use super::object::{ObjectReader, Rows, Shape};
use super::reject::{Fault, Place, Refusal};
use super::scan::Scratch;
use crate::catalog::{KeyFormat, Table, UnknownFields};

/// How the tombstones of a table are read.
pub(super) enum Tombstones {
    /// Every tombstone is refused for this reason.
    Refused(Fault),
    /// The key is the text of this column. Bits of the other columns.
    Raw { column: usize, others: u64 },
    /// The key is an object with exactly the key columns.
    Json(Box<ObjectReader>),
}

impl Tombstones {
    pub fn new(table: &Table) -> Self {
        let Some(upsert) = &table.upsert else {
            return Tombstones::Refused(Fault::NoValue);
        };
        if upsert.version.is_some() {
            // A delete without a version cannot be ordered among the events of its key.
            return Tombstones::Refused(Fault::NoVersion);
        }
        let key_bits = upsert.key.iter().fold(0, |bits, &column| bits | 1u64 << column);
        let name = |&column: &usize| (table.columns[column].name.clone().into_bytes(), column as u16);
        let reader = ObjectReader::new(Shape {
            names: upsert.key.iter().map(name).collect(),
            columns: table.columns.len(),
            required: key_bits,
            unknown_fields: UnknownFields::Reject,
        });
        match (upsert.key_format, upsert.key.as_slice()) {
            (KeyFormat::Raw, &[column]) => Tombstones::Raw { column, others: reader.all_columns() & !key_bits },
            (KeyFormat::Raw, _) => Tombstones::Refused(Fault::RawKeyOfSeveralColumns),
            (KeyFormat::Json, _) => Tombstones::Json(Box::new(reader)),
        }
    }

    /// Reads the key into `row`; the other columns are null there.
    #[cold]
    pub fn read(
        &mut self,
        key: Option<&[u8]>,
        row: usize,
        scratch: &mut Scratch,
        rows: &mut Rows,
    ) -> Result<(), Refusal> {
        match self {
            Tombstones::Refused(fault) => Err(Refusal::whole(*fault)),
            Tombstones::Raw { column, others } => {
                let key = key.ok_or(Refusal::whole(Fault::NoKey))?;
                let place = Place::Column(*column);
                let read = rows.columns[*column].set_raw(key, row);
                read.map_err(|fault| Refusal { place, fault, in_key: true })?;
                rows.set_nulls(*others, row);
                Ok(())
            }
            Tombstones::Json(reader) => {
                let key = key.ok_or(Refusal::whole(Fault::NoKey))?;
                reader.read(scratch.load(key), row, rows).map_err(Refusal::of_key)
            }
        }
    }
}
