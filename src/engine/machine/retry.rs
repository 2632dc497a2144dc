//! Whether a failed attempt is followed by another one, and when.

use crate::{domain::failure::Failure, nodes::Retry};

impl Retry {
    /// Whether a failed attempt is followed by another one.
    pub(super) fn applies(&self, failure: &Failure, attempt: i64) -> bool {
        if attempt >= self.max_attempts {
            return false;
        }
        if self.retry_on.is_empty() {
            return failure.retryable;
        }
        let code = serde_json::to_value(failure.code).unwrap_or_default();
        self.retry_on.iter().any(|wanted| Some(wanted.as_str()) == code.as_str())
    }

    /// The delay before the attempt that follows `attempt`. The spread is taken from `seed`, so that it is the same whenever
    /// it is computed again.
    pub(super) fn delay_ms(&self, attempt: i64, seed: &str) -> i64 {
        let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(40);
        let delay = if self.exponential { self.initial_ms.saturating_mul(1 << doublings) } else { self.initial_ms };
        let delay = delay.clamp(0, self.max_ms);
        if !self.jitter || delay == 0 {
            return delay;
        }
        let hash = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, seed.as_bytes()).as_u128();
        let half = delay / 2;
        half + (hash % (u128::from(half.unsigned_abs()) + 1)) as i64
    }
}
