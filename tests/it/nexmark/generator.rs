//! A small Nexmark generator: persons, auctions and bids in the shares 1 : 3 : 46 of one seed, some of them late,
//! delivered twice or corrected.

use std::fmt::Write;

/// Microseconds since 1970-01-01 UTC: 100 seconds before a midnight, so that the events lie on two days.
const FIRST_US: i64 = 1_710_028_700_000_000;
const STEP_US: i64 = 100_000;
const SECOND_US: i64 = 1_000_000;

/// Of each 50 events the first is a person, the next three are auctions, the others bids.
const ROUND: usize = 50;
const AUCTIONS_A_ROUND: usize = 3;

const FIRST_PERSON: i64 = 2_000;
const FIRST_AUCTION: i64 = 1_000;

/// Parts in a hundred.
const LATE: u32 = 8;
const TWICE: u32 = 4;
const CORRECTED: u32 = 10;
/// A late event comes after so many others.
const DELAY_MAX: usize = 300;

const STATES: [&str; 6] = ["OR", "ID", "CA", "WA", "AZ", "WY"];
const CITIES: [&str; 4] = ["Portland", "Boise", "Phoenix", "Kent"];
const FIRST_NAMES: [&str; 4] = ["Kate", "Luke", "Saul", "Vicky"];
const LAST_NAMES: [&str; 4] = ["Abrams", "Jones", "Noris", "Walton"];
const ITEMS: [&str; 4] = ["lamp", "vase", "kite", "drum"];
const CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Int(i64),
    Text(String),
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
}

use Value::{Int, Time};

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

/// One event of a table, its values in the order of the columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub table: &'static str,
    pub row: Vec<Value>,
}

/// `count` events in the order of their arrival, and what is delivered twice or corrected besides.
pub fn events(seed: u64, count: usize) -> Vec<Event> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut arrivals: Vec<(usize, Event)> = side_input();
    for number in 0..count {
        let event = event(number, &mut random);
        let late = if one_of_hundred(&mut random, LATE) { random.usize(1..=DELAY_MAX) } else { 0 };
        if one_of_hundred(&mut random, TWICE) {
            arrivals.push((number + late + random.usize(1..=DELAY_MAX), event.clone()));
        }
        if event.table == "auction" && one_of_hundred(&mut random, CORRECTED) {
            arrivals.push((number + late + random.usize(1..=DELAY_MAX), corrected(&event, &mut random)));
        }
        arrivals.push((number + late, event));
    }
    // Stable: what arrives at the same place keeps its order.
    arrivals.sort_by_key(|(place, _)| *place);
    arrivals.into_iter().map(|(_, event)| event).collect()
}

fn one_of_hundred(random: &mut fastrand::Rng, parts: u32) -> bool {
    random.u32(0..100) < parts
}

fn pick(random: &mut fastrand::Rng, from: &[&str]) -> String {
    from[random.usize(..from.len())].to_string()
}

/// Some keys at the start, one of them changed and a new one later.
fn side_input() -> Vec<(usize, Event)> {
    let row =
        |place: usize, key: i64, value: &str| (place, Event { table: "side_input", row: vec![Int(key), text(value)] });
    vec![
        row(0, 1_000, "north"),
        row(0, 1_007, "south"),
        row(0, 1_021, "west"),
        row(600, 1_007, "SOUTH"),
        row(900, 1_033, "east"),
    ]
}

fn event(number: usize, random: &mut fastrand::Rng) -> Event {
    let (round, place) = (number / ROUND, number % ROUND);
    let time = FIRST_US + number as i64 * STEP_US;
    let persons = round as i64 + 1;
    let auctions = (round * AUCTIONS_A_ROUND + place.min(AUCTIONS_A_ROUND)) as i64;
    match place {
        0 => Event { table: "person", row: person(persons - 1, time, random) },
        1..=AUCTIONS_A_ROUND => Event { table: "auction", row: auction(auctions - 1, persons, time, random) },
        _ => Event { table: "bid", row: bid(auctions, persons, time, random) },
    }
}

fn person(number: i64, time: i64, random: &mut fastrand::Rng) -> Vec<Value> {
    let (first, last) = (pick(random, &FIRST_NAMES), pick(random, &LAST_NAMES));
    vec![
        Int(FIRST_PERSON + number),
        text(format!("{first} {last}")),
        text(format!("{first}@{last}.example").to_lowercase()),
        text(format!("{:04} {:04}", random.u32(..10_000), random.u32(..10_000))),
        text(pick(random, &CITIES)),
        text(pick(random, &STATES)),
        Time(time),
        text(letters(random)),
    ]
}

fn auction(number: i64, persons: i64, time: i64, random: &mut fastrand::Rng) -> Vec<Value> {
    let initial = random.i64(1..=100);
    vec![
        Int(FIRST_AUCTION + number),
        text(pick(random, &ITEMS)),
        text(letters(random)),
        Int(initial),
        Int(initial + random.i64(0..1_000)),
        Time(time),
        Time(time + random.i64(5..=60) * SECOND_US),
        // The newest persons sell most.
        Int(FIRST_PERSON + persons - 1 - random.i64(0..persons.min(4))),
        Int(random.i64(10..15)),
        text(letters(random)),
    ]
}

/// The same auction with another end, seller's category and reserve.
fn corrected(event: &Event, random: &mut fastrand::Rng) -> Event {
    let mut corrected = event.clone();
    if let [_, _, _, _, reserve, Time(time), expires, _, category, _] = &mut corrected.row[..] {
        *reserve = Int(random.i64(0..1_000));
        *expires = Time(*time + random.i64(5..=60) * SECOND_US);
        *category = Int(random.i64(10..15));
    }
    corrected
}

/// A bid on one of the auctions so far, half of the time on one of the newest three.
fn bid(auctions: i64, persons: i64, time: i64, random: &mut fastrand::Rng) -> Vec<Value> {
    let auction = if random.bool() { auctions - 1 - random.i64(0..auctions.min(3)) } else { random.i64(0..auctions) };
    let mut url = format!("https://www.nexmark.example/{}/{}/item.htm?query=1", letters(random), letters(random));
    let channel = if random.bool() {
        pick(random, &CHANNELS)
    } else {
        let number = random.u32(0..10);
        if number > 0 {
            write!(url, "&channel_id={number}").expect("writing to a String does not fail");
        }
        format!("channel-{number}")
    };
    // From 100 to a hundred million, as many of each magnitude.
    let price = 10f64.powf(2.0 + random.f64() * 6.0) as i64;
    vec![
        Int(FIRST_AUCTION + auction),
        Int(FIRST_PERSON + random.i64(0..persons)),
        Int(price),
        text(channel),
        text(url),
        Time(time),
        text(letters(random)),
    ]
}

fn letters(random: &mut fastrand::Rng) -> String {
    (0..random.usize(0..6)).map(|_| ['a', 'b', 'c', 'd'][random.usize(..4)]).collect()
}
