//! How many deliveries of a webhook are taken, and how many rows those leave that start nothing. Counted in this process:
//! with several servers each takes and notes as many. A restart begins anew.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{clock::Instant, domain::ids::WebhookId};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// From so many webhooks on, those that have rested are forgotten.
const MANY: usize = 4_096;

/// What was taken and noted lately, by webhook.
#[derive(Debug, Default)]
pub struct Pace(Mutex<HashMap<WebhookId, Counts>>);

#[derive(Clone, Copy, Debug)]
struct Counts {
    /// How many deliveries may come now, in parts of one: a minute's milliseconds.
    tokens: i64,
    filled_at: Instant,
    hour: i64,
    noted: u32,
}

impl Pace {
    /// Takes a delivery; or tells after how many seconds one can be taken. As many as may come in a minute may come at once.
    pub fn take(&self, webhook: WebhookId, per_minute: i64, now: Instant) -> Result<(), u64> {
        let mut counts = self.counts();
        let full = per_minute * MINUTE_MS;
        let one = counts.entry(webhook).or_insert_with(|| Counts::new(full, now));
        let gained = now.ms_since(one.filled_at).saturating_mul(per_minute);
        (one.tokens, one.filled_at) = (one.tokens.saturating_add(gained).min(full), now);
        if one.tokens >= MINUTE_MS {
            one.tokens -= MINUTE_MS;
            return Ok(());
        }
        let missing_ms = (MINUTE_MS - one.tokens) / per_minute.max(1);
        Err(u64::try_from(missing_ms / 1_000).unwrap_or_default() + 1)
    }

    /// Whether a delivery that has started nothing gets a row: up to `most` an hour.
    pub fn note(&self, webhook: WebhookId, most: u32, now: Instant) -> bool {
        let mut counts = self.counts();
        let hour = now.0.div_euclid(HOUR_MS);
        if counts.len() >= MANY {
            counts.retain(|_, one| one.hour == hour || now.ms_since(one.filled_at) < MINUTE_MS);
        }
        // A bucket that was not there is full, which is found when it is asked for.
        let one = counts.entry(webhook).or_insert_with(|| Counts::new(i64::MAX, now));
        if one.hour != hour {
            (one.hour, one.noted) = (hour, 0);
        }
        one.noted = one.noted.saturating_add(1);
        one.noted <= most
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<WebhookId, Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn new(tokens: i64, now: Instant) -> Self {
        Self { tokens, filled_at: now, hour: now.0.div_euclid(HOUR_MS), noted: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant(1_800_000_000_000);

    fn webhook(number: u128) -> WebhookId {
        WebhookId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_minutes_worth_comes_at_once_and_then_one_by_one() {
        let pace = Pace::default();
        for _ in 0..30 {
            pace.take(webhook(1), 30, START).unwrap();
        }
        assert_eq!(pace.take(webhook(1), 30, START), Err(3), "two seconds, rounded up");
        pace.take(webhook(2), 30, START).unwrap();
        let later = START.plus_ms(1_999);
        assert_eq!(pace.take(webhook(1), 30, later), Err(1));
        pace.take(webhook(1), 30, START.plus_ms(2_000)).unwrap();
        assert!(pace.take(webhook(1), 30, START.plus_ms(2_000)).is_err());
        let taken = (0..100).filter(|_| pace.take(webhook(1), 30, START.plus_ms(10 * HOUR_MS)).is_ok()).count();
        assert_eq!(taken, 30);
        // Noting does not spend, nor fill, what may come.
        assert!(pace.note(webhook(3), 1, START));
        let taken = (0..100).filter(|_| pace.take(webhook(3), 30, START).is_ok()).count();
        assert_eq!(taken, 30);
        // A clock that steps back takes nothing away.
        pace.take(webhook(4), 1, START).unwrap();
        assert!(pace.take(webhook(4), 1, START.plus_ms(-HOUR_MS)).is_err());
    }

    #[test]
    fn so_many_an_hour_are_noted() {
        let pace = Pace::default();
        let noted = |now| (0..10).filter(|_| pace.note(webhook(1), 3, now)).count();
        assert_eq!([noted(START), noted(START.plus_ms(1)), noted(START.plus_ms(HOUR_MS))], [3, 0, 3]);
        for number in 0..2 * MANY as u128 {
            pace.note(webhook(number + 10), 3, START.plus_ms(number as i64 * HOUR_MS));
        }
        assert!(pace.counts().len() <= MANY + 1, "what has rested is forgotten");
    }
}
