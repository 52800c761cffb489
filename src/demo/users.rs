//! Users: registered when they are first seen, brought by one another, at levels, known to networks by other names.

use crate::demo::calendar::{HOUR_US, VALID_FROM_US, VALID_TO_US};
use crate::demo::random::Random;
use crate::demo::tables::{MemberLevel, Row, UserBinding, UserCurrent, UserLevel};

/// Levels with what they multiply the user's share by, in millionths.
pub(super) const LEVELS: [(&str, i128); 3] = [("L1", 1_000_000), ("L2", 1_100_000), ("L3", 1_200_000)];
/// Members of the fraud ring; their numbers follow those of the other users.
pub(super) const RING: u32 = 8;

/// The identifier of a user: 'u000123'.
pub fn user_id(number: u32) -> String {
    format!("u{number:06}")
}

/// What the generator knows of a user.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) registered_at: i64,
    pub(super) inviter: Option<u32>,
    /// Position in `LEVELS`, and since when.
    pub(super) level: Option<(usize, i64)>,
    /// He had the bonus of a first order.
    pub(super) had_bonus: bool,
    /// A withdrawal is under way.
    pub(super) withdraws: bool,
}

/// All users, by number.
#[derive(Clone, Debug)]
pub(super) struct Users {
    all: Vec<Option<User>>,
    known: Vec<u32>,
}

impl Users {
    /// So many users beside the ring; nobody is registered yet.
    pub(super) fn new(users: u32) -> Users {
        Users { all: vec![None; (users + RING) as usize], known: vec![] }
    }

    /// How many there are beside the ring.
    pub(super) fn ordinary(&self) -> u32 {
        self.all.len() as u32 - RING
    }

    pub(super) fn get(&mut self, number: u32) -> Option<&mut User> {
        self.all[number as usize].as_mut()
    }

    pub(super) fn inviter_of(&self, number: u32) -> Option<u32> {
        self.all[number as usize].as_ref()?.inviter
    }

    /// Registers a user who was not seen before: the rows that say so.
    pub(super) fn register(&mut self, number: u32, now: i64, random: &mut Random) -> Vec<Row> {
        if self.all[number as usize].is_some() {
            return vec![];
        }
        let registered_at = now - random.below(2 * HOUR_US as u64) as i64;
        let inviter = match number.checked_sub(self.ordinary()) {
            // The ring: each was brought by the one before, and the first by the second.
            Some(0) => Some(number + 1),
            Some(_) => Some(number - 1),
            None => {
                let brought = !self.known.is_empty() && random.chance(0.6);
                brought.then(|| self.known[random.zipf(self.known.len() as u64) as usize])
            }
        };
        let level = random.chance(0.5).then(|| (random.below(LEVELS.len() as u64) as usize, registered_at));
        self.all[number as usize] = Some(User { registered_at, inviter, level, had_bonus: false, withdraws: false });
        if number < self.ordinary() {
            self.known.push(number);
        }
        let mut rows: Vec<Row> = vec![
            UserCurrent {
                user_id: user_id(number),
                version: 1,
                inviter_id: inviter.map(user_id),
                registered_at,
                status: "ACTIVE",
            }
            .into(),
        ];
        rows.extend(level.map(|level| level_row(number, level, VALID_TO_US, 1)));
        // Taobao knows some by a name of its own.
        if random.chance(0.3) {
            let sub_id = binding(number);
            rows.push(UserBinding { platform: "TBK", sub_id, version: 1, user_id: user_id(number) }.into());
        }
        rows
    }

    /// The user rises a level from now on: the old row is closed, then a new one begins.
    pub(super) fn rise(&mut self, number: u32, now: i64) -> Vec<Row> {
        let Some(user) = self.get(number) else { return vec![] };
        let Some((level, since)) = user.level.filter(|(level, since)| level + 1 < LEVELS.len() && *since < now) else {
            return vec![];
        };
        user.level = Some((level + 1, now));
        vec![level_row(number, (level, since), now, 2), level_row(number, (level + 1, now), VALID_TO_US, 1)]
    }
}

/// The name that Taobao knows a user by.
pub(super) fn binding(number: u32) -> String {
    format!("R{number:07}")
}

fn level_row(number: u32, (level, since): (usize, i64), valid_to: i64, version: i64) -> Row {
    UserLevel { user_id: user_id(number), valid_from: since, valid_to, version, level: LEVELS[level].0 }.into()
}

/// The levels, as they are sent at the beginning.
pub(super) fn levels() -> impl Iterator<Item = Row> {
    LEVELS.into_iter().map(|(level, multiplier)| {
        MemberLevel { level, valid_from: VALID_FROM_US, valid_to: VALID_TO_US, version: 1, multiplier }.into()
    })
}
