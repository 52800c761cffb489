//! What users do in the App around a click, and the coupons that they claim there.

use crate::demo::agenda::Task;
use crate::demo::calendar::{DAY_US, business_day};
use crate::demo::tables::{ClickEvent, Coupon, UserEvent};
use crate::demo::world::World;

const BROWSE_SHARE: f64 = 0.3;
const COUPON_SHARE: f64 = 0.01;
/// What is done, and on which page.
const ACTIONS: [(&str, &str); 5] =
    [("VIEW", "item"), ("VIEW", "merchant"), ("SEARCH", "search"), ("FAVOURITE", "item"), ("SHARE", "item")];
const COUPON_FACE: i128 = 5_00;
const COUPON_DAYS: i64 = 7;

impl World {
    /// The user looked around before the click, and may have found a coupon.
    pub(super) fn browse(&mut self, click: &ClickEvent) {
        if self.random.chance(BROWSE_SHARE) {
            let (event_type, page) = *self.random.pick(&ACTIONS);
            self.act(click, event_type, page);
        }
        if !self.random.chance(COUPON_SHARE) {
            return;
        }
        self.act(click, "COUPON_CLAIM", "coupons");
        let coupon = Coupon {
            coupon_id: format!("q{:09}", self.number()),
            version: 1,
            user_id: Some(click.user_id.clone()),
            campaign_id: click.campaign_id.clone(),
            face_value: COUPON_FACE,
            currency: "CNY",
            status: "CLAIMED",
            valid_from: self.now,
            valid_to: self.now + COUPON_DAYS * DAY_US,
        };
        self.push(coupon.clone());
        let at = match self.random.chance(0.4) {
            true => self.now + self.random.below(COUPON_DAYS as u64 * DAY_US as u64) as i64,
            false => coupon.valid_to,
        };
        self.agenda.add(at, Task::Coupon(Box::new(coupon)));
    }

    /// The coupon is used, or its time is over.
    pub(super) fn end_coupon(&mut self, mut coupon: Coupon) {
        coupon.version += 1;
        coupon.status = if self.now < coupon.valid_to { "USED" } else { "EXPIRED" };
        self.push(coupon);
    }

    fn act(&mut self, click: &ClickEvent, event_type: &'static str, page: &'static str) {
        let event = UserEvent {
            event_id: format!("a{:010}", self.number()),
            user_id: click.user_id.clone(),
            device_id: click.device_id.clone(),
            session_id: format!("{}-{}", click.user_id, business_day(self.now)),
            event_type,
            item_id: Some(click.item_id.clone()).filter(|_| page == "item"),
            merchant_id: Some(click.merchant_id.clone()).filter(|_| page != "search"),
            page,
            event_time: self.now,
            ingest_time: self.now + 1_000_000,
        };
        self.push(event);
    }
}
