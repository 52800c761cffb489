//! Rate rules: for most merchants of a platform one rule, for some a second one for a single category, and one for
//! all of Taobao. Now and then one is closed and another opened at that instant, or one is corrected as a whole.

use std::collections::HashMap;

use crate::demo::agenda::Task;
use crate::demo::calendar::{DAY_US, VALID_FROM_US, VALID_TO_US};
use crate::demo::random::Random;
use crate::demo::tables::RateRule;
use crate::demo::world::World;

/// Platforms and the currency that each reports in.
pub(super) const PLATFORMS: [(&str, &str); 6] =
    [("TBK", "CNY"), ("JD", "CNY"), ("PDD", "CNY"), ("AWIN", "GBP"), ("CJ", "USD"), ("IMPACT", "USD")];
/// Merchants of each platform.
pub(super) const MERCHANTS: u64 = 60;
const CATEGORIES: u64 = 40;
/// Of these much is sent back.
const APPAREL: u64 = 6;

pub(super) fn merchant_id(number: u64) -> String {
    format!("m{number:03}")
}

/// The category of an item.
pub(super) fn category_of(item: u64) -> String {
    format!("cat{:02}", item % CATEGORIES)
}

pub(super) fn is_apparel(category_id: &str) -> bool {
    (0..APPAREL).any(|category| category_of(category) == category_id)
}

/// All rules, and which of them were published.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// At their newest version; version 0 has not been published yet.
    rules: Vec<RateRule>,
    /// Positions by platform and merchant; those for all merchants have none.
    of_merchant: HashMap<(&'static str, Option<String>), Vec<usize>>,
    /// How many of the rules have had their turn at the start of the stream.
    opened: usize,
    /// How many rules there were then.
    first: usize,
}

impl Rules {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut rules = Rules { rules: vec![], of_merchant: HashMap::new(), opened: 0, first: 0 };
        for (platform, _) in PLATFORMS {
            for merchant in 0..MERCHANTS {
                rules.add(platform, Some(merchant_id(merchant)), None, 0);
                if random.chance(0.1) {
                    let category = category_of(random.below(CATEGORIES));
                    rules.add(platform, Some(merchant_id(merchant)), Some(category), 10);
                }
            }
        }
        rules.add(PLATFORMS[0].0, None, None, -10);
        rules.first = rules.rules.len();
        rules
    }

    fn add(
        &mut self,
        platform: &'static str,
        merchant_id: Option<String>,
        category_id: Option<String>,
        priority: i64,
    ) -> usize {
        let position = self.rules.len();
        self.of_merchant.entry((platform, merchant_id.clone())).or_default().push(position);
        self.rules.push(RateRule {
            rule_id: format!("r{position:04}"),
            version: 0,
            platform,
            merchant_id,
            category_id,
            user_share: 0,
            cap_per_order: None,
            priority,
            valid_from: VALID_FROM_US,
            valid_to: VALID_TO_US,
        });
        position
    }

    /// The next rule of the start of the stream. One in twenty merchants gets its rule only later.
    pub(super) fn open(&mut self, random: &mut Random) -> Option<RateRule> {
        while self.opened < self.first {
            self.opened += 1;
            if !random.chance(0.05) {
                return Some(self.revise(self.opened - 1, random));
            }
        }
        None
    }

    /// The published rule that decides for an order at an instant.
    pub(super) fn best(
        &self,
        platform: &'static str,
        merchant: &str,
        category: Option<&str>,
        at: i64,
    ) -> Option<&RateRule> {
        let own = self.of_merchant.get(&(platform, Some(merchant.to_string())));
        let of_all = self.of_merchant.get(&(platform, None));
        let positions = own.into_iter().chain(of_all).flatten();
        let matching = positions.map(|position| &self.rules[*position]).filter(|rule| {
            let fits = rule.category_id.as_deref().is_none_or(|own| Some(own) == category);
            rule.version > 0 && fits && (rule.valid_from..rule.valid_to).contains(&at)
        });
        matching.max_by_key(|rule| (rule.priority, rule.valid_from))
    }

    /// A new version of a rule, with another share and cap. Buyer, level and inviters together never get more than
    /// there is.
    fn revise(&mut self, position: usize, random: &mut Random) -> RateRule {
        let rule = &mut self.rules[position];
        rule.version += 1;
        rule.user_share = (30 + i128::from(random.below(40))) * 10_000;
        rule.cap_per_order = *random.pick(&[Some(20_00), Some(100_00), Some(500_00), None]);
        rule.clone()
    }

    /// A rule ends now, in the middle of a day, and another takes its place: both, in this order.
    fn replace(&mut self, position: usize, now: i64, random: &mut Random) -> [RateRule; 2] {
        let old = &mut self.rules[position];
        old.version += 1;
        old.valid_to = now;
        let old = old.clone();
        let new = self.add(old.platform, old.merchant_id.clone(), old.category_id.clone(), old.priority);
        self.rules[new].valid_from = now;
        [old, self.revise(new, random)]
    }
}

impl World {
    /// Some rule changes: mostly from now on; sometimes backwards, one time in ten with the newer version first.
    pub(super) fn change_rule(&mut self) {
        let at = self.now + 1_000 + self.random.below(2 * DAY_US as u64 / 1_000) as i64 * 1_000;
        self.agenda.add(at, Task::Rule);
        let position = self.random.below(self.rules.rules.len() as u64) as usize;
        let rule = &self.rules.rules[position];
        let is_open = rule.version > 0 && rule.valid_to == VALID_TO_US && rule.valid_from < self.now;
        if is_open && self.random.chance(0.7) {
            let [old, new] = self.rules.replace(position, self.now, &mut self.random);
            self.push_with_next(old);
            self.push(new);
        } else if self.random.chance(0.1) {
            let older = self.rules.revise(position, &mut self.random);
            let newer = self.rules.revise(position, &mut self.random);
            self.push(newer);
            self.push(older);
        } else {
            let rule = self.rules.revise(position, &mut self.random);
            self.push(rule);
        }
    }
}
