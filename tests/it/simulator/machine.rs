//! One simulated machine as its faults see it: whether it lives, whether it reaches the database, and what befalls each of its
//! calls. Every call of the store and of the network goes through here.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use sluicegate::{clock::Clock, store::StoreError};
use tokio::{sync::Notify, time::sleep};

use super::world::{State, World};

/// How often what goes wrong, in thousandths of the calls, and how slow the database is.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// The call fails before it has done anything.
    pub before: u32,
    /// The call does its work, and its answer is lost.
    pub after: u32,
    /// The call takes long.
    pub slow: u32,
    /// How long, at most.
    pub slow_ms: u64,
}

/// What chance has in store for a machine.
#[derive(Clone, Copy, Debug)]
pub struct Fortune {
    pub faults: Faults,
    pub seed: u64,
    /// It dies in its call of this number, if one is named.
    pub dies_at: Option<u64>,
}

/// What is to befall the next call of a name, where a scene says so.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    pub name: &'static str,
    /// How long it takes to the database, and from there.
    pub before_ms: u64,
    pub after_ms: u64,
    /// Whether its answer is lost.
    pub is_lost: bool,
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Well,
    FailsBefore,
    FailsAfter,
    DiesBefore,
    DiesAfter,
}

/// A machine from its boot to its death.
pub struct Machine {
    /// Which boot it is, of all machines together.
    pub boot: usize,
    pub world: Arc<World>,
    pub clock: Clock,
    /// Rings at its death.
    pub died: Notify,
    faults: Faults,
    random: Mutex<SmallRng>,
    dead: AtomicBool,
    /// The number of the call in which it dies.
    dies_at: AtomicU64,
    calls: AtomicU64,
    set_ahead_ms: AtomicI64,
    cut_off: AtomicBool,
    /// Rings when it is back. No `watch`: that wakes those who wait in an order that is drawn.
    back: Notify,
    script: Mutex<Option<Script>>,
}

impl Machine {
    pub fn new(boot: usize, world: Arc<World>, clock: Clock, fortune: Fortune) -> Self {
        let Fortune { faults, seed, dies_at } = fortune;
        Self {
            boot,
            world,
            clock,
            died: Notify::new(),
            faults,
            random: Mutex::new(SmallRng::seed_from_u64(seed)),
            dead: AtomicBool::new(false),
            dies_at: AtomicU64::new(dies_at.unwrap_or(u64::MAX)),
            calls: AtomicU64::new(0),
            set_ahead_ms: AtomicI64::new(0),
            cut_off: AtomicBool::new(false),
            back: Notify::new(),
            script: Mutex::new(None),
        }
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Kills it: nothing it has begun goes on, nothing it was asked is answered.
    pub fn kill(&self) {
        if !self.dead.swap(true, Ordering::SeqCst) {
            self.world.note(format_args!("m{} dies", self.boot));
            self.world.state().listeners.remove(&self.boot);
            self.died.notify_one();
        }
    }

    /// It dies no more by itself.
    pub fn survive(&self) {
        self.dies_at.store(u64::MAX, Ordering::SeqCst);
    }

    /// Has this befall the next call of that name.
    pub fn play(&self, script: Script) {
        *self.script.lock().unwrap() = Some(script);
    }

    /// Cuts it off from the database, or lets it reach it again.
    pub fn reach(&self, reaches: bool) {
        self.world.note(format_args!("m{} {}", self.boot, if reaches { "is back" } else { "is cut off" }));
        self.cut_off.store(!reaches, Ordering::SeqCst);
        if reaches {
            self.back.notify_waiters();
        }
    }

    /// Sets its clock: so far from where it would be.
    pub fn set_clock(&self, ahead_ms: i64) {
        let by = ahead_ms - self.set_ahead_ms.swap(ahead_ms, Ordering::SeqCst);
        self.world.note(format_args!("m{} has its clock set by {by} ms", self.boot));
        self.clock.advance_ms(by);
    }

    /// A number below `end`, from the machine's own share of chance.
    pub fn draw(&self, end: u64) -> u64 {
        self.random.lock().unwrap().random_range(0..end)
    }

    /// Waits for ever if the machine is dead: a dead one does nothing.
    pub async fn live(&self) {
        if self.is_dead() {
            pending::<()>().await;
        }
    }

    /// One call of the database.
    pub async fn call<T>(
        &self,
        name: &'static str,
        execute: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.live().await;
        let (fate, before_ms, after_ms) = self.fate(name);
        sleep(Duration::from_millis(before_ms)).await;
        self.live().await;
        self.reached(name).await?;
        match fate {
            Fate::FailsBefore => return Err(self.failed(name, "fails")),
            Fate::DiesBefore => self.kill(),
            _ => {}
        }
        self.live().await;
        let done = execute(&mut self.world.state());
        if fate == Fate::DiesAfter {
            self.kill();
        }
        self.live().await;
        sleep(Duration::from_millis(after_ms)).await;
        self.live().await;
        self.reached(name).await?;
        if fate == Fate::FailsAfter {
            return Err(self.failed(name, "is done, and fails"));
        }
        done
    }

    fn fate(&self, name: &'static str) -> (Fate, u64, u64) {
        if let Some(script) = self.script.lock().unwrap().take_if(|script| script.name == name) {
            let fate = if script.is_lost { Fate::FailsAfter } else { Fate::Well };
            return (fate, script.before_ms, script.after_ms);
        }
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let mut random = self.random.lock().unwrap();
        if !self.world.state().faults {
            return (Fate::Well, 0, u64::from(random.random_range(0..2_u32)));
        }
        let mut time = || {
            let slow = random.random_range(0..1_000) < self.faults.slow;
            random.random_range(0..if slow { self.faults.slow_ms } else { 3 })
        };
        let (before_ms, after_ms) = (time(), time());
        let drawn: u32 = random.random_range(0..1_000);
        let fate = if call >= self.dies_at.load(Ordering::SeqCst) {
            if drawn.is_multiple_of(2) { Fate::DiesBefore } else { Fate::DiesAfter }
        } else if drawn < self.faults.before {
            Fate::FailsBefore
        } else if drawn < self.faults.before + self.faults.after {
            Fate::FailsAfter
        } else {
            Fate::Well
        };
        (fate, before_ms, after_ms)
    }

    /// Cut off, a call fails after a while, or goes through when the connection is back, whichever is first.
    async fn reached(&self, name: &'static str) -> Result<(), StoreError> {
        if !self.cut_off.load(Ordering::SeqCst) {
            return Ok(());
        }
        let patience = Duration::from_millis(100 + self.draw(4_000));
        let back = tokio::time::timeout(patience, self.back.notified()).await.is_ok();
        self.live().await;
        if back { Ok(()) } else { Err(self.failed(name, "does not get through")) }
    }

    fn failed(&self, name: &'static str, how: &'static str) -> StoreError {
        self.world.note(format_args!("m{} {name} {how}", self.boot));
        StoreError::Database(format!("{name} {how} in the simulation").into())
    }
}
