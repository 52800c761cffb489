//! rebateflow: SQL views over Kafka events, kept equal to the batch answer.
//!
//! # Life of an event
//!
//! 1. `ingest::fetch` reads from Kafka at our own offsets. The queue gives a batch of raw messages, large under a
//!    backlog, one when idle.
//! 2. `Decoder::decode`, compiled from the table's schema, makes Arrow columns of them. A message that is not exactly
//!    one valid row becomes a dead letter with its field and reason, and costs only itself.
//! 3. The batch goes through a channel to the flow thread, where `Flow::gather` makes an epoch of what is waiting.
//! 4. `Engine::apply` turns its events into changes, rows with weights, and `Dataflow::run` calls `Operator::apply` of
//!    every operator whose input changed. Each updates its state and answers with the changes of its output.
//! 5. `Engine::publish` makes the epoch visible: one atomic store in `Hot::publish`. From now on every reader sees all
//!    views with this event. Then `Dataflow::maintain` reclaims rows that no pinned reader can see.
//! 6. The epoch goes through a channel to the commit thread: `Committer::add` checks that its offsets follow, and
//!    `Committer::commit` writes a segment and then the manifest. Now the event is durable.
//! 7. `history::roll` writes it into a Parquet file under `events/`, and what it changed under `views/`.
//! 8. A request `GET /v1/views/{view}?key=...` pins the newest epoch (`Hot::snapshot`), `Lookup::new` checks the key,
//!    `Arrangement::read` finds the rows of that epoch, and `Lookup::write` writes them as JSON.
//!
//! # Life of a view
//!
//! 1. `Catalog::load` reads `schemas/*.sql` and `sql/*.sql`, checks definitions against each other, and orders views by
//!    what they read. Everything wrong is reported at once, each with file, line and caret.
//! 2. `Engine::for_catalog` hands each view to `Planner::plan`. What has no operator is refused there, at its place.
//! 3. DataFusion resolves names and coerces types; `canonical` completes orders and makes integer arithmetic checked.
//!    The batch oracle of the tests runs this plan.
//! 4. The optimizer's rules leave the plan in the shape of our operators, and `Compiler::compile` turns it into a
//!    `Plan`: operators, the key of the rows, and whether rows are ever taken out.
//! 5. `dataflow::build` drafts one graph of all views. Equal plans become one operator; each arrangement collects the
//!    indexes that joins and lookups ask of it; then operators and arrangements are made.
//! 6. `recovery::open` finds what is stored. `Flow::start` gives the saved state back to the operators, computes what is
//!    not in it from the event history, and runs the events after it. A view that is new, or whose canonical plan
//!    changed, begins a generation with its full contents.
//! 7. The first `Engine::publish` serves the view; from then on events change it.
//!
#![doc = include_str!("README.md")]
#![deny(unsafe_code)]

pub mod catalog;
pub mod changes;
pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod commit;
pub mod config;
pub mod dataflow;
pub mod demo;
pub mod engine;
pub mod error;
pub mod explain;
pub mod history;
pub mod hot;
pub mod ingest;
pub mod network;
pub mod operators;
pub mod pipeline;
pub mod planner;
pub mod query;
pub mod recovery;
pub mod serve;
pub mod slt;
pub mod state;
pub mod tasks;
pub mod telemetry;
