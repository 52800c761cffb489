//! An object store that fails on demand: it dies before, in or after a chosen write, or answers one write with an error,
//! or lets somebody else go first. Bad weather makes any call slow or fail, by chance.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use rebateflow::clock::Clock;
use rebateflow::tasks::spawn_thread;

/// What happens at the chosen write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not done, and from then on nothing works: the power is off.
    Death,
    /// It is done, and then nothing works: the power went off before the answer.
    DeathAfter,
    /// Half of it is there, and nothing works any more. Only segments and state files are ever torn: other objects
    /// are there whole or not at all, as the contract of a store says.
    Torn,
    /// It is not done, and answered with an error; everything after it works.
    Refusal,
    /// It is done, and answered with an error; everything after it works.
    LostAnswer,
    /// Somebody else works just before it: see `FaultyStore::let_in`.
    Intrusion,
}

type Intruder = Box<dyn FnOnce() + Send>;
type Aim = Box<dyn Fn(&Path) -> bool + Send>;

/// Faults by chance, until it is calm again.
pub struct Weather {
    pub random: fastrand::Rng,
    /// Of all calls so many percent fail, half of the failed writes after they were done.
    pub errors_percent: u32,
    /// Each call takes up to so long by this clock.
    pub clock: Clock,
    pub delay_us_max: i64,
}

pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    fault: Mutex<Fault>,
    /// Writes left before the fault; negative afterwards.
    left: AtomicI64,
    /// What the fault struck.
    struck: Mutex<Option<Path>>,
    /// Only writes of these objects count; None: all.
    aim: Mutex<Option<Aim>>,
    intruder: Mutex<Option<Intruder>>,
    weather: Mutex<Option<Weather>>,
}

/// What becomes of a write.
enum Fate {
    Fine,
    Refused,
    LostAnswer,
    Torn,
    Intruded,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn ObjectStore>, fault: Fault, writes: i64) -> Self {
        FaultyStore {
            inner,
            fault: Mutex::new(fault),
            left: AtomicI64::new(writes),
            struck: Mutex::default(),
            aim: Mutex::default(),
            intruder: Mutex::default(),
            weather: Mutex::default(),
        }
    }

    /// From now on another fault, after so many writes.
    pub fn arm(&self, fault: Fault, writes: i64) {
        *self.fault.lock().unwrap() = fault;
        *self.struck.lock().unwrap() = None;
        *self.aim.lock().unwrap() = None;
        self.left.store(writes, Ordering::SeqCst);
    }

    /// The same, and only these writes count. Deletions have the path `deleted`.
    pub fn arm_at(&self, fault: Fault, writes: i64, aim: impl Fn(&Path) -> bool + Send + 'static) {
        self.arm(fault, writes);
        *self.aim.lock().unwrap() = Some(Box::new(aim));
    }

    /// From now on this weather; None: calm.
    pub fn set_weather(&self, weather: Option<Weather>) {
        *self.weather.lock().unwrap() = weather;
    }

    /// What an `Intrusion` runs, on a thread of its own.
    pub fn let_in(&self, intruder: impl FnOnce() + Send + 'static) {
        *self.intruder.lock().unwrap() = Some(Box::new(intruder));
    }

    /// Whether the fault has happened.
    pub fn has_struck(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    /// The object whose write or deletion the fault struck.
    pub fn struck(&self) -> Option<Path> {
        self.struck.lock().unwrap().clone()
    }

    pub fn is_dead(&self) -> bool {
        let fault = *self.fault.lock().unwrap();
        matches!(fault, Fault::Death | Fault::DeathAfter | Fault::Torn) && self.has_struck()
    }

    fn dead(&self) -> Result<()> {
        if self.is_dead() { Err(broken()) } else { Ok(()) }
    }

    /// A call that takes its time, and may fail.
    fn call(&self) -> Result<()> {
        self.dead()?;
        if self.fails() { Err(broken()) } else { Ok(()) }
    }

    fn fails(&self) -> bool {
        let mut weather = self.weather.lock().unwrap();
        let Some(Weather { random, errors_percent, clock, delay_us_max }) = weather.as_mut() else { return false };
        clock.set(clock.now_us() + random.i64(0..=*delay_us_max));
        random.u32(0..100) < *errors_percent
    }

    fn counts(&self, path: &Path) -> bool {
        self.aim.lock().unwrap().as_ref().is_none_or(|aim| aim(path))
    }

    /// What becomes of the write now begun.
    fn fate(&self, path: &Path) -> Result<Fate> {
        self.dead()?;
        if self.counts(path) && self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            *self.struck.lock().unwrap() = Some(path.clone());
            return Ok(match *self.fault.lock().unwrap() {
                Fault::Death | Fault::Refusal => Fate::Refused,
                Fault::LostAnswer | Fault::DeathAfter => Fate::LostAnswer,
                Fault::Torn => Fate::Torn,
                Fault::Intrusion => Fate::Intruded,
            });
        }
        if !self.fails() {
            return Ok(Fate::Fine);
        }
        let done = self.weather.lock().unwrap().as_mut().is_some_and(|weather| weather.random.bool());
        Ok(if done { Fate::LostAnswer } else { Fate::Refused })
    }

    async fn write<T>(&self, fate: Fate, work: impl Future<Output = Result<T>>) -> Result<T> {
        match fate {
            Fate::Fine => work.await,
            Fate::Refused | Fate::Torn => Err(broken()),
            Fate::LostAnswer => work.await.and(Err(broken())),
            Fate::Intruded => {
                let intruder = self.intruder.lock().unwrap().take().unwrap();
                spawn_thread("intruder", intruder).unwrap().join().unwrap();
                work.await
            }
        }
    }

    async fn put_torn(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let whole = Bytes::from(payload);
        if location.as_ref().ends_with(".seg") {
            self.inner.put_opts(location, whole.slice(..whole.len() / 2).into(), options).await?;
        }
        Err(broken())
    }
}

fn broken() -> Error {
    Error::Generic { store: "faulty", source: "injected fault".into() }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} over {:?}", self.fault.lock().unwrap(), self.inner)
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
        match self.fate(location)? {
            Fate::Torn => self.put_torn(location, payload, options).await,
            fate => self.write(fate, self.inner.put_opts(location, payload, options)).await,
        }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(broken())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.call()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let failed = || futures::stream::once(async { Err(broken()) }).boxed();
        match self.fate(&Path::from("deleted")) {
            Err(_) | Ok(Fate::Refused | Fate::Torn) => failed(),
            Ok(Fate::LostAnswer) => {
                self.inner.delete_stream(locations).map(|deleted| deleted.and(Err(broken()))).boxed()
            }
            Ok(Fate::Fine | Fate::Intruded) => self.inner.delete_stream(locations),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.call() {
            Ok(()) => self.inner.list(prefix),
            Err(e) => futures::stream::once(async { Err(e) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.write(self.fate(to)?, self.inner.copy_opts(from, to, options)).await
    }
}
