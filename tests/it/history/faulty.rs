//! An object store that fails on demand: it dies before a chosen write, or answers one write with an error, or lets
//! somebody else go first.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use rebateflow::tasks::spawn_thread;

/// What happens at the chosen write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not done, and from then on nothing works: the power is off.
    Death,
    /// It is not done, and answered with an error; everything after it works.
    Refusal,
    /// It is done, and answered with an error; everything after it works.
    LostAnswer,
    /// Somebody else works just before it: see `FaultyStore::let_in`.
    Intrusion,
}

type Intruder = Box<dyn FnOnce() + Send>;

pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    fault: Fault,
    /// Writes left before the fault; negative afterwards.
    left: AtomicI64,
    intruder: Mutex<Option<Intruder>>,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn ObjectStore>, fault: Fault, writes: i64) -> Self {
        FaultyStore { inner, fault, left: AtomicI64::new(writes), intruder: Mutex::new(None) }
    }

    /// What an `Intrusion` runs, on a thread of its own.
    pub fn let_in(&self, intruder: impl FnOnce() + Send + 'static) {
        *self.intruder.lock().unwrap() = Some(Box::new(intruder));
    }

    /// Whether the fault has happened.
    pub fn has_struck(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn dead(&self) -> Result<()> {
        if self.fault == Fault::Death && self.has_struck() { Err(broken()) } else { Ok(()) }
    }

    /// Whether the write now begun is the one to fail.
    fn strikes(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) == 0
    }

    async fn write<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.dead()?;
        match (self.strikes(), self.fault) {
            (true, Fault::Death | Fault::Refusal) => Err(broken()),
            (true, Fault::LostAnswer) => work.await.and(Err(broken())),
            (true, Fault::Intrusion) => {
                let intruder = self.intruder.lock().unwrap().take().unwrap();
                spawn_thread("intruder", intruder).unwrap().join().unwrap();
                work.await
            }
            (false, _) => work.await,
        }
    }
}

fn broken() -> Error {
    Error::Generic { store: "faulty", source: "injected fault".into() }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} over {:?}", self.fault, self.inner)
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.write(self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(broken())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.dead()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.dead().is_err() || (self.strikes() && matches!(self.fault, Fault::Death | Fault::Refusal)) {
            return futures::stream::once(async { Err(broken()) }).boxed();
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.dead() {
            Ok(()) => self.inner.list(prefix),
            Err(e) => futures::stream::once(async { Err(e) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.dead()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.write(self.inner.copy_opts(from, to, options)).await
    }
}
