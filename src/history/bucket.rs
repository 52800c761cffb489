//! A bucket of an S3-compatible store, or a part of one: `s3://bucket/prefix`.
//!
//! Endpoint, region and keys come from the usual variables (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, and `AWS_ALLOW_HTTP=true` for an endpoint without TLS). The store must refuse a `PUT` with
//! `If-None-Match: *` where there is an object: on that rests that only one process writes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};
use tokio::runtime::{Handle, Runtime};

use crate::error::{Error, Result};

/// A request is tried again so often, and for so long; then the caller says what is wrong, and tries again itself.
const RETRIES_MAX: usize = 3;
const RETRY_FOR: Duration = Duration::from_secs(10);

/// Opens a bucket; also answers the runtime that its connections need.
pub(super) fn open(url: &str) -> Result<(Arc<dyn ObjectStore>, Handle)> {
    let place = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let unusable = |e: object_store::Error| {
        Error::invalid(format!("cannot use {url}"))
            .hint("write s3://bucket/prefix, and set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
            .caused_by(e)
    };
    let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
    let objects = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(retry)
        .build()
        .map_err(unusable)?;
    let prefix = Path::parse(prefix).map_err(|e| unusable(e.into()))?;
    Ok((Arc::new(PrefixStore::new(objects, prefix)), runtime()?))
}

/// One thread for the connections of all buckets, as long as the process lives.
fn runtime() -> Result<Handle> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let started = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("s3").enable_all().build().ok()
    });
    let runtime = started.as_ref().ok_or_else(|| Error::unavailable("cannot start the thread for S3"))?;
    Ok(runtime.handle().clone())
}
