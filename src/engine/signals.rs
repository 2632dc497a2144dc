//! Wake-ups between the engine's tasks, and hints to other instances. All of them are hints: whoever is woken looks at the
//! database, and looks again now and then without being woken.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{clock::Instant, domain::ids::WorkspaceId, store::Hint};

/// Wakes a task that sleeps until the first of many instants, when an earlier one is set.
#[derive(Debug)]
pub struct Alarm {
    bell: Notify,
    next: AtomicI64,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { bell: Notify::new(), next: AtomicI64::new(i64::MAX) }
    }
}

impl Alarm {
    /// An instant was set.
    pub fn set(&self, at: Instant) {
        if at.0 < self.next.load(Ordering::SeqCst) {
            self.bell.notify_one();
        }
    }

    /// The next instant is about to be looked for: until it is known, any new one must ring.
    pub fn before_look(&self) {
        self.next.store(i64::MAX, Ordering::SeqCst);
    }

    /// It is slept until `at`.
    pub fn sleeps_until(&self, at: Instant) {
        self.next.store(at.0, Ordering::SeqCst);
    }

    /// Rings.
    pub async fn rings(&self) {
        self.bell.notified().await;
    }
}

/// The engine's bells.
#[derive(Debug)]
pub struct Signals {
    /// Rings when the queue has got a row, or a place to run has become free.
    pub queue: Notify,
    /// Rings when a timer is due before the one that is slept for.
    pub timers: Alarm,
    /// Rings when a lease of a task runs out before the one that is slept for.
    pub leases: Alarm,
    /// Rings when a task waits for a worker, or a worker for a task.
    pub tasks: Notify,
    /// Rings when there are hints to send.
    pub hints: Notify,
    /// Rings when there may be room for what is held in the queue.
    pub admission: Notify,
    /// Rings when there is something new to send to people.
    pub notifications: Notify,
    /// The queue may hold rows: new executions must take their place behind them.
    queue_used: AtomicBool,
    /// Rows may name this instance the driver of executions that it does not drive.
    astray: AtomicBool,
    peers: AtomicBool,
    pending: Mutex<HashSet<Hint>>,
    /// Limits have been met with, here or in the queue.
    limits_used: AtomicBool,
    lanes: Mutex<HashMap<WorkspaceId, BTreeSet<String>>>,
    all_lanes: AtomicBool,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            queue: Notify::new(),
            timers: Alarm::default(),
            leases: Alarm::default(),
            tasks: Notify::new(),
            hints: Notify::new(),
            admission: Notify::new(),
            notifications: Notify::new(),
            queue_used: AtomicBool::new(true),
            astray: AtomicBool::new(false),
            peers: AtomicBool::new(false),
            pending: Mutex::default(),
            limits_used: AtomicBool::new(false),
            lanes: Mutex::default(),
            all_lanes: AtomicBool::new(false),
        }
    }
}

impl Signals {
    /// The queue has got a row.
    pub fn queued(&self) {
        self.queue_used.store(true, Ordering::SeqCst);
        self.queue.notify_one();
    }

    /// Whether a row has got or kept this instance as its driver is not known: the claimer has to look.
    pub fn gone_astray(&self) {
        self.astray.store(true, Ordering::SeqCst);
    }

    /// Whether that was so, once.
    pub fn take_astray(&self) -> bool {
        self.astray.swap(false, Ordering::SeqCst)
    }

    /// Whether the queue was seen empty and nothing was put there since.
    pub fn queue_is_empty(&self) -> bool {
        !self.queue_used.load(Ordering::SeqCst)
    }

    /// The claimer is about to look: what comes after this sets the mark again.
    pub fn before_claim(&self) {
        self.queue_used.store(false, Ordering::SeqCst);
    }

    /// The claimer has seen that there is more than it could take.
    pub fn queue_has_more(&self) {
        self.queue_used.store(true, Ordering::SeqCst);
    }

    /// Whether other instances are alive.
    pub fn has_peers(&self) -> bool {
        self.peers.load(Ordering::Relaxed)
    }

    /// Notes whether other instances are alive.
    pub fn set_peers(&self, peers: bool) {
        self.peers.store(peers, Ordering::Relaxed);
    }

    /// There may be room in a lane, or one more that wants some.
    pub fn lane_changed(&self, workspace: WorkspaceId, lane: &str) {
        self.limits_used.store(true, Ordering::SeqCst);
        let mut lanes = self.lanes.lock().expect("no holder of this lock panics");
        lanes.entry(workspace).or_default().insert(lane.to_owned());
        self.admission.notify_one();
    }

    /// Something was queued that may share a limit. Rings only where limits are used at all.
    pub fn lanes_changed(&self) {
        if self.limits_used.load(Ordering::SeqCst) {
            self.all_lanes.store(true, Ordering::SeqCst);
            self.admission.notify_one();
        }
    }

    /// Limits are used.
    pub fn limits_used(&self) {
        self.limits_used.store(true, Ordering::SeqCst);
    }

    /// The lanes to look at since the last call, and whether it may be any.
    pub fn take_lanes(&self) -> (HashMap<WorkspaceId, BTreeSet<String>>, bool) {
        let all = self.all_lanes.swap(false, Ordering::SeqCst);
        (std::mem::take(&mut *self.lanes.lock().expect("no holder of this lock panics")), all)
    }

    /// Gathers a hint for the other instances.
    pub fn hint(&self, hint: Hint) {
        self.pending.lock().expect("no holder of this lock panics").insert(hint);
        self.hints.notify_one();
    }

    /// The hints gathered since the last call.
    pub fn take_hints(&self) -> Vec<Hint> {
        std::mem::take(&mut *self.pending.lock().expect("no holder of this lock panics")).into_iter().collect()
    }
}
