//! Connections within bounds: a number at once, and none that is silent for long.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use crate::clock::Clock;

/// Accepts while permits last; further connections wait in the system's queue.
pub(super) struct BoundedListener {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    idle_max: Duration,
    clock: Clock,
}

impl BoundedListener {
    pub fn new(listener: TcpListener, connections_max: usize, idle_max: Duration) -> Self {
        BoundedListener { listener, permits: Arc::new(Semaphore::new(connections_max)), idle_max, clock: Clock::System }
    }
}

impl Listener for BoundedListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let permit = self.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Answers are small and whole: waiting to fill a packet only delays them. An error shows at the first read.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            stream,
            idle_max: self.idle_max,
            last: self.clock.instant(),
            alarm: Box::pin(tokio::time::sleep(self.idle_max)),
            clock: self.clock.clone(),
            _permit: permit,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when nothing is read or written for a while.
pub(super) struct Connection {
    stream: TcpStream,
    idle_max: Duration,
    clock: Clock,
    /// The last read or write that moved bytes.
    last: Instant,
    /// Rings at `last + idle_max` or before; set again only when it rings, so that a request costs nothing here.
    alarm: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn check_idle(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let silent = self.clock.instant().saturating_duration_since(self.last);
            if silent >= self.idle_max {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the connection was silent")));
            }
            let next = tokio::time::Instant::from_std(self.last + self.idle_max);
            self.alarm.as_mut().reset(next);
        }
        Poll::Pending
    }

    fn moved<T>(&mut self, outcome: Poll<T>) -> Poll<T> {
        if outcome.is_ready() {
            self.last = self.clock.instant();
        }
        outcome
    }

    /// A peer that does not read is as silent as one that does not write.
    fn written(&mut self, outcome: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.moved(outcome) {
            Poll::Pending => self.check_idle(context).map(|idle| idle.map(|()| 0)),
            ready => ready,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        match this.moved(read) {
            Poll::Pending => this.check_idle(context),
            ready => ready,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(written, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn connections_are_bounded_in_number_and_silence() {
        let idle = Duration::from_millis(200);
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut listener = BoundedListener::new(socket, 1, idle);
        let address = listener.local_addr().expect("an address");
        let start = Clock::System.instant();
        let mut client = TcpStream::connect(address).await.expect("connected");
        let (mut first, _) = listener.accept().await;
        let _second = TcpStream::connect(address).await.expect("in the queue");
        assert!(tokio::time::timeout(idle, listener.accept()).await.is_err(), "one connection is the limit");
        client.write_all(b"x").await.expect("sent");
        assert_eq!(first.read_u8().await.expect("a byte"), b'x');
        let silence = first.read_u8().await.expect_err("silent");
        assert_eq!(silence.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= idle * 2, "the byte has put the end off");
        drop(first);
        listener.accept().await;
    }
}
