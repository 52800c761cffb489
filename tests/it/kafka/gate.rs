//! A gate between a client and the broker: it can be shut, and it can keep back what the broker says of topics.
//!
//! It knows as much of Kafka's protocol as this needs: every message begins with its length; a request goes on with its
//! kind, an answer with the number of its request.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rebateflow::clock::Clock;
use rebateflow::tasks::spawn_thread;

/// The kind of the requests that ask for topics: their ids, partitions and leaders.
const METADATA: [u8; 2] = [0, 3];
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Which answers of the broker pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    All,
    /// All until one has named the topic, which passes still; of topics nothing after that.
    OneOfTheTopic,
    NothingOfTopics,
    /// Nobody can connect.
    Nothing,
}

/// Where clients connect to in the broker's place. Shut for good when dropped.
pub struct Gate {
    address: String,
    inner: Arc<Inner>,
}

struct Inner {
    broker: String,
    /// How the broker names itself to clients, and what they are told.
    names: [Vec<u8>; 2],
    topic: String,
    /// Bytes of the events that are looked out for.
    event: String,
    event_passed: AtomicBool,
    state: Mutex<State>,
}

struct State {
    pass: Pass,
    ended: bool,
    connections: Vec<[TcpStream; 2]>,
}

impl Gate {
    /// Open. `broker`: as 127.0.0.1:9092; `event`: a text that events have by which they are known.
    pub fn new(broker: &str, topic: &str, event: &str) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let name = |address: &str| {
            let (host, port) = address.rsplit_once(':').expect("host:port");
            [host.as_bytes(), &port.parse::<i32>().expect("a port").to_be_bytes()].concat()
        };
        let inner = Arc::new(Inner {
            broker: broker.to_string(),
            names: [name(broker), name(&address)],
            topic: topic.to_string(),
            event: event.to_string(),
            event_passed: AtomicBool::new(false),
            state: Mutex::new(State { pass: Pass::All, ended: false, connections: vec![] }),
        });
        let serving = inner.clone();
        spawn_thread("gate", move || serving.serve(&listener)).expect("a thread");
        Gate { address, inner }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Cuts all connections; from now on nobody can connect.
    pub fn shut(&self) {
        self.inner.change(Pass::Nothing);
    }

    /// Everything passes but what the broker says of topics, and of that the first answer with our topic passes: the
    /// client learns what it needs to fetch, and the next who asks hears nothing.
    pub fn open_for_one_answer_of_the_topic(&self) {
        self.inner.change(Pass::OneOfTheTopic);
    }

    /// Everything passes. Connections are made anew: who waits for an answer that did not pass asks again.
    pub fn open(&self) {
        self.inner.change(Pass::All);
    }

    /// Waits until an event has come to a client.
    pub fn wait_for_event(&self, time_max: Duration) {
        let until = Clock::System.instant() + time_max;
        while !self.inner.event_passed.load(Ordering::Acquire) {
            assert!(Clock::System.instant() < until, "no event with {} has passed", self.inner.event);
            Clock::System.sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shut();
        self.inner.state().ended = true;
        // Wakes the thread that waits for connections; if that fails, it waits until the process ends.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics meanwhile")
    }

    fn change(&self, pass: Pass) {
        let mut state = self.state();
        state.pass = pass;
        for stream in state.connections.drain(..).flatten() {
            // Fails when the other side has closed it.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn serve(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            let mut state = self.state();
            if state.ended {
                return;
            }
            let Some(client) = client.ok().filter(|_| state.pass != Pass::Nothing) else { continue };
            let Ok(broker) = TcpStream::connect(&self.broker) else { continue };
            let of_topics = Arc::new(Mutex::new(BTreeSet::new()));
            let copy = |stream: &TcpStream| stream.try_clone().expect("another handle");
            state.connections.push([copy(&client), copy(&broker)]);
            let (inner, asked, streams) = (self.clone(), of_topics.clone(), [copy(&client), copy(&broker)]);
            spawn_thread("gate-requests", move || {
                carry(streams, |message| {
                    if message[4..6] == METADATA {
                        asked.lock().expect("nobody panics meanwhile").insert(number(&message[8..]));
                    }
                    Some(message)
                });
            })
            .expect("a thread");
            spawn_thread("gate-answers", move || {
                carry([broker, client], |message| {
                    let of_topics = of_topics.lock().expect("nobody panics meanwhile").remove(&number(&message[4..]));
                    inner.answer(message, of_topics)
                });
            })
            .expect("a thread");
        }
    }

    /// An answer as it passes; None: it does not.
    fn answer(&self, message: Vec<u8>, of_topics: bool) -> Option<Vec<u8>> {
        let mut state = self.state();
        match state.pass {
            Pass::NothingOfTopics if of_topics => return None,
            Pass::OneOfTheTopic if of_topics && position(&message, self.topic.as_bytes()).is_some() => {
                state.pass = Pass::NothingOfTopics;
            }
            _ => {}
        }
        if position(&message, self.event.as_bytes()).is_some() {
            self.event_passed.store(true, Ordering::Release);
        }
        // Both names are as long: port numbers are written in four bytes, and hosts are 127.0.0.1.
        let (mut renamed, [from, to]) = (message, &self.names);
        while let Some(at) = position(&renamed, from) {
            renamed[at..at + from.len()].copy_from_slice(to);
        }
        Some(renamed)
    }
}

/// Carries messages until one side ends.
fn carry([mut from, mut to]: [TcpStream; 2], mut pass: impl FnMut(Vec<u8>) -> Option<Vec<u8>>) {
    while let Ok(message) = read(&mut from) {
        if pass(message).is_some_and(|message| to.write_all(&message).is_err()) {
            break;
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// A message with its length.
fn read(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    from.read_exact(&mut message)?;
    let bytes = number(&message) as usize;
    assert!((8..=MESSAGE_BYTES_MAX).contains(&bytes), "a message of Kafka has {bytes} bytes");
    message.resize(4 + bytes, 0);
    from.read_exact(&mut message[4..])?;
    Ok(message)
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
