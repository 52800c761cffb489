//! The generator and the product agree: under the product's own schemas, the decoder accepts exactly the messages that
//! hold a row, with the values of that row, and refuses exactly the unreadable ones.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use rebateflow::catalog::{Catalog, Table};
use rebateflow::demo::{Generated, Generator, GeneratorOptions, Row, rows_to_batch};
use rebateflow::ingest::{Decoder, Message};

const MESSAGES: usize = 40_000;
const BATCH: usize = 1_000;

fn product_tables() -> Vec<Arc<Table>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    Catalog::load(&top.join("schemas"), &top.join("sql")).expect("the product's catalog").tables
}

/// The declared columns of what the decoder accepts, and the positions of what it refuses.
fn decode(table: &Arc<Table>, messages: &[&Generated]) -> (RecordBatch, Vec<usize>) {
    let borrowed: Vec<Message> = messages
        .iter()
        .enumerate()
        .map(|(offset, message)| Message {
            key: Some(&message.key),
            value: Some(&message.value),
            partition: 0,
            offset: offset as i64,
            timestamp_us: 0,
        })
        .collect();
    let decoded = Decoder::new(table.clone()).expect("a decoder").decode(&borrowed).expect("no internal fault");
    let declared: Vec<usize> = (0..table.columns.len()).collect();
    let rows = decoded.events.rows.project(&declared).expect("the declared columns come first");
    (rows, decoded.rejects.iter().map(|reject| reject.message).collect())
}

#[test]
fn the_decoder_accepts_exactly_the_rows_of_the_generator() {
    let options = GeneratorOptions { bad_share: 0.1, ..Default::default() };
    let all: Vec<Generated> = Generator::new(options).take(MESSAGES).collect();
    let (mut accepted, mut refused) = (0, 0);
    for table in product_tables() {
        let own: Vec<&Generated> = all.iter().filter(|message| message.topic == table.topic).collect();
        for messages in own.chunks(BATCH) {
            let (rows, rejects) = decode(&table, messages);
            let unreadable: Vec<usize> = (0..messages.len()).filter(|i| messages[*i].row.is_none()).collect();
            assert_eq!(rejects, unreadable, "{}", table.name);
            let readable: Vec<Row> = messages.iter().filter_map(|message| message.row.clone()).collect();
            let expected = rows_to_batch(&table, &readable).expect("rows of this table");
            assert_eq!(rows.columns(), expected.columns(), "{}", table.name);
            accepted += rows.num_rows();
            refused += rejects.len();
        }
    }
    assert_eq!(accepted + refused, MESSAGES);
    assert!((MESSAGES / 12..MESSAGES / 8).contains(&refused), "{refused}");
}
