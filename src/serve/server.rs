//! Serving on a socket until told to stop.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::connections::BoundedListener;
use crate::error::{Error, Result};

/// Connections at once; each has one request at a time.
pub const CONNECTIONS_MAX: usize = 1_024;
/// A connection without a byte read or written for so long ends.
pub const IDLE_MAX: Duration = Duration::from_secs(60);
/// After the signal to stop, running requests have so long.
pub const STOP_MAX: Duration = Duration::from_secs(10);

/// Serves until `shutdown` is done, then lets running requests end, for at most `STOP_MAX`.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // The receiver is gone only when serving has ended already.
        let _ = stopping.send(());
    };
    let listener = BoundedListener::new(listener, CONNECTIONS_MAX, IDLE_MAX);
    let server = axum::serve(listener, app).with_graceful_shutdown(signal);
    let overdue = async {
        if stopped.await.is_err() {
            // The signal went without firing: the server ends by itself.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(STOP_MAX).await;
    };
    tokio::select! {
        ended = server.into_future() => {
            ended.map_err(|e| Error::unavailable("serving HTTP has ended").caused_by(e))
        }
        () = overdue => {
            tracing::warn!("some requests were still running {} s after the signal to stop", STOP_MAX.as_secs());
            Ok(())
        }
    }
}
