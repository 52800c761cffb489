//! Rate rules: for most merchants of a platform one rule, for some a second one for a single category.

use crate::demo::random::Random;
use crate::demo::row::RateRule;

/// Platforms and the currency that each reports in.
pub(super) const PLATFORMS: [(&str, &str); 5] =
    [("TBK", "CNY"), ("JD", "CNY"), ("PDD", "CNY"), ("AWIN", "GBP"), ("CJ", "USD")];
/// Merchants of each platform.
pub(super) const MERCHANTS: u64 = 60;
const CATEGORIES: u64 = 40;
/// 2026-01-01T00:00:00Z.
const VALID_FROM_US: i64 = 1_767_225_600_000_000;
/// 2200-01-01T00:00:00Z.
const VALID_TO_US: i64 = 7_258_118_400_000_000;

pub(super) fn merchant_id(number: u64) -> String {
    format!("m{number:03}")
}

pub(super) fn category_id(random: &mut Random) -> String {
    format!("cat{:02}", random.below(CATEGORIES))
}

/// All rules of the demo, and which of them were published.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// At their newest version; version 0 has not been published yet.
    rules: Vec<RateRule>,
    /// How many of the rules have had their turn at the start of the stream.
    opened: usize,
}

impl Rules {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut rules = vec![];
        for (platform, _) in PLATFORMS {
            for merchant in 0..MERCHANTS {
                rules.push(new_rule(rules.len(), platform, merchant_id(merchant)));
                if random.chance(0.1) {
                    let mut rule = new_rule(rules.len(), platform, merchant_id(merchant));
                    rule.category_id = Some(category_id(random));
                    rule.priority = 10;
                    rules.push(rule);
                }
            }
        }
        Rules { rules, opened: 0 }
    }

    /// The next rule of the start of the stream. One in twenty merchants gets its rule only later.
    pub(super) fn open(&mut self, random: &mut Random) -> Option<RateRule> {
        while self.opened < self.rules.len() {
            self.opened += 1;
            if !random.chance(0.05) {
                return Some(self.revise(self.opened - 1, random));
            }
        }
        None
    }

    /// A new version of some rule.
    pub(super) fn update(&mut self, random: &mut Random) -> RateRule {
        let position = random.below(self.rules.len() as u64) as usize;
        self.revise(position, random)
    }

    /// Two versions of one rule, one after the other.
    pub(super) fn update_twice(&mut self, random: &mut Random) -> [RateRule; 2] {
        let position = random.below(self.rules.len() as u64) as usize;
        [self.revise(position, random), self.revise(position, random)]
    }

    fn revise(&mut self, position: usize, random: &mut Random) -> RateRule {
        let rule = &mut self.rules[position];
        rule.version += 1;
        rule.user_share = (30 + i128::from(random.below(61))) * 10_000;
        rule.cap_per_order = *random.pick(&[2_000, 10_000, 50_000]);
        rule.clone()
    }
}

fn new_rule(number: usize, platform: &'static str, merchant_id: String) -> RateRule {
    RateRule {
        rule_id: format!("r{number:04}"),
        version: 0,
        platform,
        merchant_id,
        category_id: None,
        user_share: 0,
        cap_per_order: 0,
        priority: 0,
        valid_from: VALID_FROM_US,
        valid_to: VALID_TO_US,
    }
}
