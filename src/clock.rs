//! Time and identity, injected everywhere: the system's clock in the server, a manual one in tests.
//!
//! Instants are whole microseconds: PostgreSQL keeps no more, and a value must survive the round trip unchanged.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

/// An instant in whole microseconds, UTC.
pub type Instant = DateTime<Utc>;

/// Where the server takes time and new ids from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until it is moved with [`Clock::advance_ms`].
    pub fn manual(start: Instant) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.timestamp_micros()))))
    }

    /// The present instant.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Utc::now().trunc_subsecs(6),
            Source::Manual(micros) => DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default(),
        }
    }

    /// Moves a manual clock forward; the system's clock is not moved.
    pub fn advance_ms(&self, ms: i64) {
        if let Source::Manual(micros) = &self.0 {
            micros.fetch_add(ms * 1000, Ordering::SeqCst);
        }
    }

    /// A new time-ordered id (UUID version 7, RFC 9562), monotonic within this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    pub fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}
