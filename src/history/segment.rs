//! Log segments: the rows of one commit, an Arrow IPC stream for each dataset, back to back in one object.
//!
//! Streams are not compressed: they live for minutes, and the time that compression costs is taken from the events.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

use bytes::Bytes;
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::reader::{StreamDecoder, StreamReader};
use datafusion::arrow::ipc::writer::StreamEncoder;
use object_store::PutPayload;
use object_store::path::Path;

use super::manifest::{Checksum, Section, Segment, checksum};
use super::paths::Dataset;
use super::rows::schema_fingerprint;
use super::store::{Created, Store};
use crate::error::{Error, ErrorKind, Result};

/// Small batches wait until they are this many rows: each batch of a stream costs about 2 KB of metadata.
const JOINED_ROWS: usize = 8_192;
/// Or this many bytes, so that joining them cannot overflow the 32-bit offsets of a string column.
const JOINED_BYTES: usize = 8 << 20;

/// Buffers of fewer bytes are copied together: each part of an object is written by a call of its own.
const PART_BYTES_MIN: usize = 16 << 10;

/// A segment that is being collected. Large buffers of its rows are not copied: they are held until they are written.
#[derive(Default)]
pub struct SegmentWriter {
    sections: BTreeMap<Dataset, SectionWriter>,
}

struct SectionWriter {
    schema: SchemaRef,
    stream: StreamEncoder,
    encoded: Parts,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    rows: u64,
}

impl SegmentWriter {
    /// Adds rows of a dataset. All batches of one dataset must have the same schema.
    pub fn push(&mut self, dataset: Dataset, rows: RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        if !self.sections.contains_key(&dataset) {
            self.sections.insert(dataset.clone(), SectionWriter::new(rows.schema())?);
        }
        let section = self.sections.get_mut(&dataset).expect("inserted above");
        if section.schema != rows.schema() {
            return Err(Error::internal(format!("rows of {dataset:?} changed their schema within one commit")));
        }
        section.push(rows)
    }

    /// Memory held, in bytes; close to the size of the segment.
    pub fn bytes(&self) -> u64 {
        self.sections.values().map(|section| (section.encoded.bytes + section.waiting_bytes) as u64).sum()
    }

    /// The segment's bytes in parts, and what they hold.
    pub fn finish(self) -> Result<(PutPayload, Vec<Section>)> {
        let (mut parts, mut offset) = (vec![], 0);
        let mut sections = vec![];
        for (dataset, section) in self.sections {
            let (rows, schema) = (section.rows, schema_fingerprint(&section.schema));
            let (encoded, length) = section.finish()?;
            let mut sum = Checksum::default();
            encoded.iter().for_each(|part| sum.update(part));
            sections.push(Section { dataset, offset, length, rows, schema, checksum: sum.text() });
            offset += length;
            parts.extend(encoded);
        }
        Ok((parts.into_iter().collect(), sections))
    }
}

impl SectionWriter {
    fn new(schema: SchemaRef) -> Result<Self> {
        let stream = StreamEncoder::try_new(&schema)?;
        let encoded = Parts::default();
        Ok(SectionWriter { schema, stream, encoded, waiting: vec![], waiting_rows: 0, waiting_bytes: 0, rows: 0 })
    }

    fn push(&mut self, rows: RecordBatch) -> Result<()> {
        self.rows += rows.num_rows() as u64;
        self.waiting_rows += rows.num_rows();
        for column in rows.columns() {
            self.waiting_bytes += column.to_data().get_slice_memory_size()?;
        }
        self.waiting.push(rows);
        if self.waiting_rows >= JOINED_ROWS || self.waiting_bytes >= JOINED_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        match &waiting[..] {
            [] => Ok(()),
            [one] => self.encode(one),
            [small @ .., last] if last.num_rows() >= JOINED_ROWS => {
                self.encode(&concat_batches(&self.schema, small)?)?;
                self.encode(last)
            }
            all => self.encode(&concat_batches(&self.schema, all)?),
        }
    }

    fn encode(&mut self, rows: &RecordBatch) -> Result<()> {
        self.stream.encode(rows)?.into_iter().for_each(|buffer| self.encoded.push(buffer));
        Ok(())
    }

    /// The section in parts, and its length.
    fn finish(mut self) -> Result<(Vec<Bytes>, u64)> {
        self.flush()?;
        self.stream.finish()?.into_iter().for_each(|buffer| self.encoded.push(buffer));
        let length = self.encoded.bytes as u64;
        Ok((self.encoded.finish(), length))
    }
}

/// Bytes of an object, in parts of a useful size.
#[derive(Default)]
struct Parts {
    whole: Vec<Bytes>,
    small: Vec<u8>,
    bytes: usize,
}

impl Parts {
    fn push(&mut self, buffer: Buffer) {
        self.bytes += buffer.len();
        if buffer.len() < PART_BYTES_MIN {
            self.small.extend_from_slice(&buffer);
        } else {
            self.end_small();
            self.whole.push(Bytes::from_owner(Held(buffer)));
        }
    }

    fn end_small(&mut self) {
        if !self.small.is_empty() {
            self.whole.push(std::mem::take(&mut self.small).into());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.end_small();
        self.whole
    }
}

/// A buffer of an array, as the owner of bytes.
struct Held(Buffer);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Creates a segment. One that exists is ours from a call that was answered with an error, so it must be the same.
pub fn create_segment(store: &Store, segment: &Segment, bytes: &PutPayload) -> Result<()> {
    let path = segment.object();
    match store.create(&path, bytes.clone())? {
        Created::Exists if store.read(&path)? != Bytes::from(bytes.clone()) => {
            Err(Error::data(format!("{path} exists with other contents")))
        }
        Created::New | Created::Exists => Ok(()),
    }
}

/// The batches of one section, decoded one by one.
pub type SectionRows = StreamReader<Cursor<Bytes>>;

/// Opens a section, after checking its bytes. Holds the whole section in memory. `Data` that names the segment if it
/// is missing or damaged.
pub fn read_section(store: &Store, segment: &Segment, section: &Section) -> Result<SectionRows> {
    match find_section(store, segment, section)? {
        Some(rows) => Ok(rows),
        None => Err(missing(segment)),
    }
}

/// Bytes that a stream reads at once.
const CHUNK_BYTES: u64 = 4 << 20;

/// The batches of one section, read piece by piece: holds a piece and a batch. For sections that were checked.
pub struct SectionStream<'a> {
    store: &'a Store,
    path: Path,
    left: Range<u64>,
    piece: Buffer,
    decoder: StreamDecoder,
}

impl<'a> SectionStream<'a> {
    pub fn new(store: &'a Store, segment: &Segment, section: &Section) -> SectionStream<'a> {
        let left = section.offset..section.offset + section.length;
        SectionStream { store, path: segment.object(), left, piece: Buffer::default(), decoder: StreamDecoder::new() }
    }

    /// The next batch; None at the end. `Data` if the segment is missing or no stream.
    pub fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.piece)? {
                return Ok(Some(batch));
            }
            match next_piece(self.store, &self.path, &mut self.left)? {
                Some(bytes) => self.piece = Buffer::from(bytes),
                None => {
                    self.decoder.finish()?;
                    return Ok(None);
                }
            }
        }
    }
}

/// Reads a section through, piece by piece. `Data` if it is missing or damaged.
pub fn check_section(store: &Store, segment: &Segment, section: &Section) -> Result<()> {
    check_bytes(store, &segment.object(), section.offset..section.offset + section.length, &section.checksum)
}

/// Reads a part of an object through, piece by piece. `Data` if it is missing or has another checksum.
pub(super) fn check_bytes(store: &Store, path: &Path, mut left: Range<u64>, checksum: &str) -> Result<()> {
    let mut sum = Checksum::default();
    while let Some(bytes) = next_piece(store, path, &mut left)? {
        sum.update(&bytes);
    }
    if sum.text() == checksum { Ok(()) } else { Err(damaged(path)) }
}

fn next_piece(store: &Store, path: &Path, left: &mut Range<u64>) -> Result<Option<Bytes>> {
    if left.is_empty() {
        return Ok(None);
    }
    let end = left.end.min(left.start + CHUNK_BYTES);
    let bytes = store.read_range(path, left.start..end).map_err(|e| match e.kind {
        ErrorKind::NotFound => missing_object(path),
        _ => e,
    })?;
    left.start = end;
    Ok(Some(bytes))
}

fn missing_object(path: &Path) -> Error {
    Error::data(format!("{path} is missing")).hint("restore the file from a copy")
}

fn damaged(path: &Path) -> Error {
    Error::data(format!("{path} is damaged")).hint("restore the file from a copy")
}

pub(super) fn missing(segment: &Segment) -> Error {
    missing_object(&segment.object())
}

/// As `read_section`; None: there is no such segment, perhaps because it was rolled meanwhile.
pub(super) fn find_section(store: &Store, segment: &Segment, section: &Section) -> Result<Option<SectionRows>> {
    let path = segment.object();
    let bytes = match store.read_range(&path, section.offset..section.offset + section.length) {
        Ok(bytes) => bytes,
        Err(e) if e.kind == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    if checksum(&bytes) != section.checksum {
        return Err(damaged(&path));
    }
    Ok(Some(StreamReader::try_new(Cursor::new(bytes), None)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::history::paths;

    fn numbers(range: Range<i64>) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(range))]).unwrap()
    }

    fn stored() -> (Store, Segment) {
        let mut writer = SegmentWriter::default();
        for (from, to) in [(0, 3), (3, 5), (5, 20_000), (20_000, 20_001)] {
            writer.push(Dataset::Events("a".into()), numbers(from..to)).unwrap();
        }
        writer.push(Dataset::DeadLetters, numbers(7..9)).unwrap();
        writer.push(Dataset::DeadLetters, numbers(9..9)).unwrap();
        let held = writer.bytes();
        let (bytes, sections) = writer.finish().unwrap();
        assert!(held > 20_000 * 8 && held <= bytes.content_length() as u64, "{held} of {}", bytes.content_length());
        let store = Store::open("memory://").unwrap();
        let path = paths::segment(1, 1);
        let segment = Segment { path: path.to_string(), bytes: bytes.content_length() as u64, sections };
        store.create(&path, bytes).unwrap();
        (store, segment)
    }

    #[test]
    fn sections_are_read_back_in_order() {
        let (store, segment) = stored();
        let rows = |section: &Section| {
            read_section(&store, &segment, section).unwrap().collect::<Result<Vec<_>, _>>().unwrap()
        };
        let [events, dead] = &segment.sections[..] else { panic!("{:?}", segment.sections) };
        assert_eq!((&events.dataset, events.rows), (&Dataset::Events("a".into()), 20_001));
        let batches = rows(events);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [5, 19_995, 1]);
        assert_eq!(concat_batches(&batches[0].schema(), &batches).unwrap(), numbers(0..20_001));
        assert_eq!((&dead.dataset, dead.rows), (&Dataset::DeadLetters, 2));
        assert_eq!(rows(dead), [numbers(7..9)]);
    }

    /// Buffers are written as they are: a slice must not bring what lies around it.
    #[test]
    fn a_slice_is_written_alone() {
        let schema =
            Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("text", DataType::Utf8, true)]);
        let some = |n: i64| (n % 3 > 0).then_some(n);
        let numbers: Int64Array = (0..60_000).map(some).collect();
        let texts: StringArray = (0..60_000).map(|n| some(n).map(|n| format!("text {n}"))).collect();
        let rows = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(texts)]).unwrap();
        let mut writer = SegmentWriter::default();
        let slices = [(13, 20_000), (20_013, 5), (30_001, 10_000)].map(|(from, count)| rows.slice(from, count));
        slices.iter().for_each(|slice| writer.push(Dataset::DeadLetters, slice.clone()).unwrap());
        let (bytes, sections) = writer.finish().unwrap();
        let length = bytes.content_length() as u64;
        assert!(length < 1_000_000, "{length} bytes for half of the rows");
        let store = Store::open("memory://").unwrap();
        let path = paths::segment(1, 1);
        let segment = Segment { path: path.to_string(), bytes: length, sections };
        store.create(&path, bytes).unwrap();
        let read =
            read_section(&store, &segment, &segment.sections[0]).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        let schema = rows.schema();
        assert_eq!(concat_batches(&schema, &read).unwrap(), concat_batches(&schema, &slices).unwrap());
    }

    #[test]
    fn damage_names_the_segment() {
        let (store, segment) = stored();
        let damaged = Section { checksum: "0".repeat(16), ..segment.sections[0].clone() };
        let error = read_section(&store, &segment, &damaged).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Data, "log/000000000001-000001.seg is damaged"));
        store.delete(&segment.object()).unwrap();
        let error = read_section(&store, &segment, &segment.sections[0]).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Data, "log/000000000001-000001.seg is missing"));
    }
}
