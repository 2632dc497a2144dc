//! Turns: what workers say about one execution comes one after the other in this process. No lock of anything: without it
//! all would be just as right, only slower, because a hundred workers of one loop would fold the same log for one append
//! and begin again with the next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use tokio::sync::{Mutex as Turnstile, OwnedMutexGuard};

use crate::domain::ids::ExecutionId;

/// Forgotten turnstiles are swept when there are so many.
const SWEEP_AT: usize = 1_024;

/// Who is at turn, by execution.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<ExecutionId, Weak<Turnstile<()>>>>);

impl Turns {
    /// Waits until it is the caller's turn, which lasts until the guard is dropped.
    pub async fn wait(&self, id: ExecutionId) -> OwnedMutexGuard<()> {
        let turnstile = {
            let mut known = self.0.lock().expect("no holder of this lock panics");
            if known.len() >= SWEEP_AT {
                known.retain(|_, turnstile| turnstile.strong_count() > 0);
            }
            known.get(&id).and_then(Weak::upgrade).unwrap_or_else(|| {
                let turnstile = Arc::new(Turnstile::new(()));
                known.insert(id, Arc::downgrade(&turnstile));
                turnstile
            })
        };
        turnstile.lock_owned().await
    }
}
