//! The machines that run: each with a whole engine, booted again after its death with nothing but the database.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use rand::{RngExt, rngs::SmallRng, seq::IteratorRandom};
use sluicegate::{
    clock::Clock,
    engine::{Engine, EngineConfig},
    outbound::{Client, Policy},
    sandbox::{Options, Sandbox},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    handle::Handle,
    machine::{Faults, Fortune, Machine},
    network::Network,
    world::World,
};

/// How long an instance is believed alive.
pub const LEASE: Duration = Duration::from_secs(4);

/// A machine and its engine.
#[derive(Clone)]
pub struct Running {
    pub machine: Arc<Machine>,
    pub engine: Engine,
}

/// The places for machines, and who runs there now.
pub struct Fleet {
    pub world: Arc<World>,
    pub faults: Faults,
    random: Mutex<SmallRng>,
    places: Mutex<Vec<Option<Running>>>,
    boots: Mutex<usize>,
}

impl Fleet {
    pub fn new(world: Arc<World>, places: usize, faults: Faults, random: SmallRng) -> Arc<Self> {
        let places = Mutex::new(vec![None; places]);
        Arc::new(Self { world, faults, random: Mutex::new(random), places, boots: Mutex::new(0) })
    }

    /// A number below `end`.
    pub fn draw(&self, end: u64) -> u64 {
        self.random.lock().unwrap().random_range(0..end)
    }

    /// One of those that run, if any do.
    pub fn any(&self, random: &mut SmallRng) -> Option<Running> {
        let places = self.places.lock().unwrap();
        places.iter().flatten().filter(|one| !one.machine.is_dead()).choose(random).cloned()
    }

    /// All that run.
    pub fn all(&self) -> Vec<Running> {
        self.places.lock().unwrap().iter().flatten().filter(|one| !one.machine.is_dead()).cloned().collect()
    }

    /// Keeps a place manned: boots a machine there, and another one after each death, until the world ends.
    pub async fn man(self: Arc<Self>, place: usize, deaths: u64) {
        for life in 0.. {
            let doomed = life < deaths && self.world.state().faults;
            let running = self.boot(doomed).await;
            let machine = Arc::clone(&running.machine);
            let ends_well = doomed && self.draw(4) == 0;
            self.places.lock().unwrap()[place] = Some(running.clone());
            if ends_well {
                // A clean shutdown instead of a death.
                machine.survive();
                let until = Duration::from_millis(self.draw(8_000));
                sleep(until).await;
                self.world.note(format_args!("m{} is shut down", machine.boot));
                running.engine.stop(&CancellationToken::new()).await;
                machine.kill();
            }
            machine.died.notified().await;
            self.places.lock().unwrap()[place] = None;
            let down = Duration::from_millis(self.draw(3_000));
            sleep(down).await;
        }
    }

    async fn boot(&self, doomed: bool) -> Running {
        loop {
            let boot = {
                let mut boots = self.boots.lock().unwrap();
                *boots += 1;
                *boots
            };
            // Clocks of machines differ.
            let clock = Clock::simulated(self.world.now().plus_ms(self.draw(400) as i64 - 200), self.draw(u64::MAX));
            let dies_at = doomed.then(|| 1 + self.draw(400));
            let fortune = Fortune { faults: self.faults, seed: self.draw(u64::MAX), dies_at };
            let machine = Arc::new(Machine::new(boot, Arc::clone(&self.world), clock.clone(), fortune));
            self.world.note(format_args!("m{boot} boots"));
            let config = EngineConfig {
                max_running: 8,
                lease: LEASE,
                reconcile: Duration::from_secs(3),
                drain: Duration::from_secs(1),
                alone: self.world.alone,
                ..EngineConfig::default()
            };
            let store = Arc::new(Handle(Arc::clone(&machine)));
            let network = outbound().carried_by(Arc::new(Network(Arc::clone(&machine))));
            let sandbox = Sandbox::new(Options { processes: 1, ..Options::default() });
            tokio::select! {
                biased;
                started = Engine::start(store, clock, config, network, sandbox) => match started {
                    Ok(engine) => return Running { machine, engine },
                    Err(error) => {
                        self.world.note(format_args!("m{boot} does not boot: {error}"));
                        machine.kill();
                    }
                },
                () = machine.died.notified() => {}
            }
            let down = Duration::from_millis(self.draw(1_000));
            sleep(down).await;
        }
    }
}

/// The client, made once: reading the certificates of a machine takes longer than a simulated hour.
fn outbound() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| Client::new(Policy::default()).unwrap()).clone()
}
