//! Time and identity, injected everywhere: the system's clock in the server, a manual one in tests, a simulated one in the
//! simulator.
//!
//! An [`Instant`] is whole milliseconds since the Unix epoch: what the API shows, what both databases store (one integer
//! column type, no precision to differ in), and what durations are computed from. Order within a millisecond is never read
//! from a time; it is a `seq`, a feed position, or a UUIDv7.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use tokio::sync::watch;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};
use uuid::Uuid;

/// An instant in whole milliseconds since the Unix epoch; in JSON RFC 3339, UTC, always with milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub i64);

impl Instant {
    /// The instant `ms` later (or earlier, if negative); the ends of time are not passed.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms).min(DateTime::<Utc>::MAX_UTC.timestamp_millis()))
    }

    /// Milliseconds from `earlier` to this instant; 0 if it isn't earlier (clocks may step back).
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// The same as chrono's type.
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

impl Instant {
    /// RFC 3339 for years of four digits. By hand: each event holds a few instants, and chrono takes ten times as long.
    fn text(self) -> Option<[u8; 24]> {
        const DAY: i64 = 86_400_000;
        // Days since 1 March of the year 0 in the Gregorian calendar, in eras of 400 years: the leap day comes last.
        let days = self.0.div_euclid(DAY) + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = 400 * era + year + i64::from(month <= 2);
        if !(0..=9_999).contains(&year) {
            return None;
        }
        let ms = self.0.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (end, mut number) in [
            (4, year),
            (7, month),
            (10, day),
            (13, ms / 3_600_000),
            (16, ms / 60_000 % 60),
            (19, ms / 1_000 % 60),
            (23, ms % 1_000),
        ] {
            let mut at = end;
            while number > 0 {
                at -= 1;
                text[at] = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        Some(text)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?),
            None => f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true)),
        }
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Instant {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|at| Self(at.timestamp_millis()))
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Instant {}

/// Where the server takes time and new ids from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<watch::Sender<i64>>),
    Simulated(Arc<Simulated>),
}

/// One simulated machine's clock and ids: nothing in it comes from outside the simulation.
#[derive(Debug)]
struct Simulated {
    began: tokio::time::Instant,
    /// What the clock showed when it began, and how far it was set since.
    set_to: AtomicI64,
    ids: Mutex<SimulatedIds>,
}

#[derive(Debug)]
struct SimulatedIds {
    random: u64,
    /// The first 60 bits of the last id: milliseconds, and 12 bits that count within one.
    last: u64,
}

impl SimulatedIds {
    /// As the version 7 of RFC 9562 lays it out. Ids grow, even while the clock is set back.
    fn next(&mut self, now: Instant) -> Uuid {
        self.last = (now.0.unsigned_abs() << 12).max(self.last + 1);
        // SplitMix64: small, and the same everywhere.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&((self.last & 0xFFF) as u16).to_be_bytes());
        bytes[2..].copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(self.last >> 12, &bytes).into_uuid()
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until it is moved with [`Clock::advance_ms`].
    pub fn manual(start: Instant) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(start.0))))
    }

    /// A clock of a simulated machine: it shows `start` now and goes as tokio's clock does, which a simulation has paused and
    /// moves itself. [`Clock::advance_ms`] sets it, as somebody sets the clock of one machine: what sleeps already sleeps on.
    /// Its ids follow from `seed`.
    pub fn simulated(start: Instant, seed: u64) -> Self {
        Self(Source::Simulated(Arc::new(Simulated {
            began: tokio::time::Instant::now(),
            set_to: AtomicI64::new(start.0),
            ids: Mutex::new(SimulatedIds { random: seed, last: 0 }),
        })))
    }

    /// The present instant.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant(Utc::now().timestamp_millis()),
            Source::Manual(ms) => Instant(*ms.borrow()),
            Source::Simulated(clock) => {
                Instant(clock.set_to.load(Ordering::SeqCst)).plus_ms(clock.began.elapsed().as_millis() as i64)
            }
        }
    }

    /// Moves a manual clock forward, or sets a simulated one forward or back; the system's clock is not moved.
    pub fn advance_ms(&self, ms: i64) {
        match &self.0 {
            Source::System => {}
            Source::Manual(now) => now.send_modify(|now| *now += ms),
            Source::Simulated(clock) => _ = clock.set_to.fetch_add(ms, Ordering::SeqCst),
        }
    }

    /// Waits until this clock shows `at`. A manual clock wakes its sleepers as it is moved.
    pub async fn sleep_until(&self, at: Instant) {
        match &self.0 {
            Source::System | Source::Simulated(_) => loop {
                // The wall clock may be set back while we sleep on the monotonic one.
                let left = at.0 - self.now().0;
                if left <= 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left.unsigned_abs().min(60_000))).await;
            },
            Source::Manual(now) => {
                // The sender lives in `self`, so waiting can't fail.
                _ = now.subscribe().wait_for(|now| *now >= at.0).await;
            }
        }
    }

    /// A new time-ordered id (UUID version 7, RFC 9562), monotonic within this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    pub fn new_id(&self) -> Uuid {
        match &self.0 {
            Source::System | Source::Manual(_) => Uuid::now_v7(),
            Source::Simulated(clock) => clock.ids.lock().expect("no holder of this lock panics").next(self.now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_chrono_writes_it() {
        let (first, last) = (-62_167_219_200_000, 253_402_300_799_999);
        let spread = (first..=last).step_by(7_654_321_987);
        let edges = [first - 1, first, -1, 0, last, last + 1, i64::MIN, i64::MAX, 951_782_400_000, 4_107_542_399_999];
        for ms in spread.chain(edges) {
            let at = Instant(ms);
            assert_eq!(at.to_string(), at.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true), "{ms}");
        }
        assert_eq!(Instant(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
    }
}
