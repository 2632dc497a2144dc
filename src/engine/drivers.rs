//! Who drives what in this process: one entry per execution that is being driven, and the instance's id.
//!
//! A wake-up and the end of a driver compete: whoever wakes sets the entry's mark under the lock, and a driver leaves only if
//! it finds the mark unset under the same lock. So a wake-up either reaches a driver that still looks, or finds no entry.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, RwLock},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::ids::{ExecutionId, InstanceId};

/// The drivers of this process.
pub struct Drivers {
    entries: Mutex<HashMap<ExecutionId, Arc<Entry>>>,
    emptied: Notify,
    epoch: RwLock<Epoch>,
}

/// An instance's life: ends when others have declared it dead.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// The instance.
    pub instance: InstanceId,
    /// Fires when the instance is no longer believed alive.
    pub lost: CancellationToken,
}

/// One driver.
#[derive(Debug, Default)]
pub struct Entry {
    /// Rings when there may be something new in the log.
    pub bell: Notify,
    woken: Mutex<bool>,
}

impl Entry {
    fn mark(&self) -> MutexGuard<'_, bool> {
        self.woken.lock().expect("no holder of this lock panics")
    }

    /// Takes the mark: whether somebody has woken the driver since the last call.
    pub fn take_mark(&self) -> bool {
        std::mem::take(&mut *self.mark())
    }
}

impl Drivers {
    /// No drivers, of this instance.
    pub fn new(instance: InstanceId) -> Self {
        let epoch = Epoch { instance, lost: CancellationToken::new() };
        Self { entries: Mutex::default(), emptied: Notify::new(), epoch: RwLock::new(epoch) }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<ExecutionId, Arc<Entry>>> {
        self.entries.lock().expect("no holder of this lock panics")
    }

    /// The present instance.
    pub fn instance(&self) -> InstanceId {
        self.epoch().instance
    }

    /// The present instance and its end.
    pub fn epoch(&self) -> Epoch {
        self.epoch.read().expect("no holder of this lock panics").clone()
    }

    /// Ends the present instance's life and begins another.
    pub fn renew(&self, instance: InstanceId) {
        let mut epoch = self.epoch.write().expect("no holder of this lock panics");
        epoch.lost.cancel();
        *epoch = Epoch { instance, lost: CancellationToken::new() };
    }

    /// Makes an entry for an execution; none if it has one, which is woken instead.
    pub fn enter(&self, id: ExecutionId) -> Option<Arc<Entry>> {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(&id) {
            *entry.mark() = true;
            entry.bell.notify_one();
            return None;
        }
        let entry = Arc::new(Entry::default());
        entries.insert(id, Arc::clone(&entry));
        Some(entry)
    }

    /// Whether an execution is driven here.
    pub fn contains(&self, id: ExecutionId) -> bool {
        self.entries().contains_key(&id)
    }

    /// Wakes an execution's driver; `false` if it has none here.
    pub fn wake(&self, id: ExecutionId) -> bool {
        let entries = self.entries();
        let Some(entry) = entries.get(&id) else { return false };
        *entry.mark() = true;
        entry.bell.notify_one();
        true
    }

    /// Removes the entry, unless it was woken meanwhile; `true` if it was removed.
    pub fn leave(&self, id: ExecutionId, entry: &Arc<Entry>) -> bool {
        let mut entries = self.entries();
        if entry.take_mark() {
            return false;
        }
        Self::remove(&mut entries, id, entry);
        if entries.is_empty() {
            self.emptied.notify_waiters();
        }
        true
    }

    /// Removes the entry, whatever its mark.
    pub fn drop_entry(&self, id: ExecutionId, entry: &Arc<Entry>) {
        let mut entries = self.entries();
        Self::remove(&mut entries, id, entry);
        if entries.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    fn remove(entries: &mut HashMap<ExecutionId, Arc<Entry>>, id: ExecutionId, entry: &Arc<Entry>) {
        if entries.get(&id).is_some_and(|present| Arc::ptr_eq(present, entry)) {
            entries.remove(&id);
        }
    }

    /// How many executions are driven here.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Waits until nothing is driven here.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.entries().is_empty() {
                return;
            }
            emptied.await;
        }
    }
}
