//! Read your writes: waiting until an epoch or an event is included.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use super::problem::Problem;
use crate::error::Error;
use crate::hot::{Hot, Published};
use crate::query::{MinimumEpoch, MinimumOffset, Parameters};

/// The longest wait unless the state says otherwise, then 504.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// Pins the first epoch that includes what the parameters ask for.
pub(super) async fn pin(hot: &Hot, parameters: &Parameters, wait_max: Duration) -> Result<Arc<Published>, Problem> {
    // Subscribed before the first look: no epoch is missed in between.
    let mut epochs = hot.subscribe();
    let waiting = async {
        loop {
            let published = hot.snapshot();
            if missing(&published, parameters)?.is_none() {
                return Ok(published);
            }
            drop(published);
            if epochs.changed().await.is_err() {
                return Err(Problem::from(Error::unavailable("no more epochs are published")));
            }
        }
    };
    match tokio::time::timeout(wait_max, waiting).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let what = missing(&hot.snapshot(), parameters)?;
            let detail = what.unwrap_or_else(|| "the wait was over just before the epoch came".to_string());
            let hint = format!("the wait is {wait_max:?} at most: ask again");
            Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, detail, hint))
        }
    }
}

/// What is not included yet, in words; None: everything is.
fn missing(published: &Published, parameters: &Parameters) -> Result<Option<String>, Problem> {
    if let Some(MinimumEpoch { run, epoch }) = parameters.min_epoch {
        if run.is_some_and(|run| run != published.run) {
            let message = format!("min_epoch is of run {}, this is run {}", run.unwrap_or_default(), published.run);
            return Err(Error::refused(message).hint("use min_offset, which holds across runs").into());
        }
        if epoch > published.epoch {
            return Ok(Some(format!("epoch {}.{epoch} is not published yet", published.run)));
        }
    }
    for MinimumOffset { topic, partition, offset } in &parameters.min_offsets {
        match published.next_offset(topic, *partition) {
            Some(next) if next > *offset => {}
            Some(next) => {
                return Ok(Some(format!("{topic}:{partition}:{offset} is not included yet, next is {next}")));
            }
            None => return Ok(Some(format!("partition {partition} of topic {topic} is not read here"))),
        }
    }
    Ok(None)
}
