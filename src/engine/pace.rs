//! How often something may be done: a token bucket for each key. Counted in this process: with several servers each allows as
//! much. A restart begins anew.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::clock::Instant;

/// A minute, in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// An hour, in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
/// From so many keys on, those that have rested are forgotten.
const MANY: usize = 4_096;

/// What each key has done lately.
#[derive(Debug)]
pub struct Pace<K>(Mutex<HashMap<K, Bucket>>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// How much may be done now, in parts of one: the milliseconds in which the bucket fills.
    tokens: i64,
    filled_at: Instant,
}

impl<K> Default for Pace<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Pace<K> {
    /// Does it once more; or tells after how many seconds it may be done. It may be done `count` times in so many
    /// milliseconds, and all of these at once.
    pub fn take(&self, key: K, count: i64, in_ms: i64, now: Instant) -> Result<(), u64> {
        let mut buckets = self.lock();
        if buckets.len() >= MANY {
            buckets.retain(|_, bucket| now.ms_since(bucket.filled_at) < in_ms);
        }
        let full = count * in_ms;
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: full, filled_at: now });
        let gained = now.ms_since(bucket.filled_at).saturating_mul(count);
        *bucket = Bucket { tokens: bucket.tokens.saturating_add(gained).min(full), filled_at: now };
        if bucket.tokens >= in_ms {
            bucket.tokens -= in_ms;
            return Ok(());
        }
        Err(seconds_to(in_ms - bucket.tokens, count))
    }

    /// After how many seconds [`Self::take`] would do it; none if it would now.
    pub fn wait_s(&self, key: &K, count: i64, in_ms: i64, now: Instant) -> Option<u64> {
        let bucket = *self.lock().get(key)?;
        let tokens = bucket.tokens.saturating_add(now.ms_since(bucket.filled_at).saturating_mul(count));
        (tokens < in_ms).then(|| seconds_to(in_ms - tokens, count))
    }

    /// How many keys are remembered.
    pub fn known(&self) -> usize {
        self.lock().len()
    }

    /// Whether this one is.
    pub fn knows(&self, key: &K) -> bool {
        self.lock().contains_key(key)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Bucket>> {
        // Every update of the map is one call: it is whole even after a panic elsewhere.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until so many parts of one have come, rounded up.
fn seconds_to(missing: i64, count: i64) -> u64 {
    u64::try_from(missing / count.max(1) / 1_000).unwrap_or_default() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant(1_800_000_000_000);

    #[test]
    fn a_minutes_worth_may_be_done_at_once_and_then_one_by_one() {
        let pace = Pace::default();
        for _ in 0..30 {
            pace.take(1, 30, MINUTE_MS, START).unwrap();
        }
        assert_eq!(pace.take(1, 30, MINUTE_MS, START), Err(3), "two seconds, rounded up");
        assert_eq!(pace.wait_s(&1, 30, MINUTE_MS, START), Some(3));
        assert_eq!(pace.wait_s(&1, 30, MINUTE_MS, START.plus_ms(2_000)), None);
        assert_eq!(pace.wait_s(&2, 30, MINUTE_MS, START), None);
        pace.take(2, 30, MINUTE_MS, START).unwrap();
        assert_eq!(pace.take(1, 30, MINUTE_MS, START.plus_ms(1_999)), Err(1));
        pace.take(1, 30, MINUTE_MS, START.plus_ms(2_000)).unwrap();
        assert!(pace.take(1, 30, MINUTE_MS, START.plus_ms(2_000)).is_err());
        let taken = (0..100).filter(|_| pace.take(1, 30, MINUTE_MS, START.plus_ms(3_600_000)).is_ok()).count();
        assert_eq!(taken, 30);
        // A clock that steps back takes nothing away.
        pace.take(3, 1, MINUTE_MS, START).unwrap();
        assert!(pace.take(3, 1, MINUTE_MS, START.plus_ms(-3_600_000)).is_err());
    }

    #[test]
    fn what_has_rested_is_forgotten() {
        let pace = Pace::default();
        for key in 0..2 * MANY {
            pace.take(key, 30, MINUTE_MS, START.plus_ms(key as i64 * MINUTE_MS)).unwrap();
        }
        assert!(pace.0.lock().unwrap().len() <= MANY + 1);
    }
}
