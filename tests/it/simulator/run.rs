//! One seed, from the first boot until all is over.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use sluicegate::{
    clock::Clock,
    domain::{
        ids::{ExecutionId, InstanceId, WorkflowId},
        workflow::Workflow,
    },
};
use tokio::{runtime::Builder, task::JoinSet, time::sleep};
use tokio_util::task::TaskTracker;

use super::{
    clients::Client,
    fleet::{Fleet, LEASE},
    graphs::any_workflow,
    laws::Laws,
    machine::Faults,
    world::{START, World},
};
use crate::store::fixture::{Home, workflow, workspace};

/// How long everything may take to end once nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often it is looked whether all is over.
const LOOK: Duration = Duration::from_millis(100);

/// What came of a seed.
pub struct Outcome {
    pub broken: Option<String>,
    pub trace: Vec<String>,
    pub fingerprint: u64,
    pub executions: usize,
    pub events: usize,
    pub simulated: Duration,
}

/// Simulates one seed. Everything happens on this thread, in an order that follows from the seed alone.
pub fn simulate(seed: u64) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(seed))
}

async fn run(seed: u64) -> Outcome {
    let mut random = SmallRng::seed_from_u64(seed);
    let (world, fleet, places) = found(seed, &mut random);
    let background = TaskTracker::new();
    for place in 0..places {
        let deaths = random.random_range(0..4);
        background.spawn(Arc::clone(&fleet).man(place, deaths));
    }
    for _ in 0..2 {
        background.spawn(Client::new(Arc::clone(&fleet), random.random()).answer());
    }
    for _ in 0..random.random_range(0..3) {
        background.spawn(Client::new(Arc::clone(&fleet), random.random()).cancel());
    }
    for number in 0..random.random_range(0..3) {
        background.spawn(Client::new(Arc::clone(&fleet), random.random()).replay(format!("replay{number}")));
    }
    let trouble = background.spawn(trouble(Arc::clone(&fleet), SmallRng::seed_from_u64(random.random())));

    let workflows: Vec<WorkflowId> = world.state().workflows.keys().copied().collect();
    let mut triggers = JoinSet::new();
    for number in 0..random.random_range(1..7) {
        let (fleet, workflow) = (Arc::clone(&fleet), *workflows.choose(&mut random).expect("there are some"));
        let (seeds, late) = ([random.random(), random.random()], random.random_range(0..8_000));
        triggers.spawn(async move {
            sleep(Duration::from_millis(late)).await;
            let told = Client::new(Arc::clone(&fleet), seeds[0]).trigger(workflow, format!("key{number}")).await;
            if let Some(id) = told {
                Client::new(fleet, seeds[1]).follow(id).await;
            }
        });
    }

    let bad_times = Duration::from_millis(random.random_range(4_000..16_000));
    while world.elapsed() < bad_times && world.broken().is_none() {
        sleep(LOOK).await;
    }
    trouble.abort();
    world.note("all goes well from here on");
    world.state().faults = false;
    for running in fleet.all() {
        running.machine.survive();
        running.machine.reach(true);
    }
    calm(&world, &mut triggers).await;
    if seed.is_multiple_of(4) && world.broken().is_none() {
        let law = all_have_leases(&world, &fleet).await;
        world.check(law);
    }
    let state = world.state();
    let (executions, events) =
        (state.database.executions.len(), state.database.executions.values().map(|of| of.events.len()).sum());
    drop(state);
    Outcome {
        broken: world.broken(),
        trace: world.trace(),
        fingerprint: world.fingerprint(),
        executions,
        events,
        simulated: world.elapsed(),
    }
}

/// Makes a world with its workflows, and a fleet that has not booted yet.
fn found(seed: u64, random: &mut SmallRng) -> (Arc<World>, Arc<Fleet>, usize) {
    let ids = Clock::simulated(START, seed);
    let home = Home { workspace: ids.new_id().into(), pod: ids.new_id().into(), workflow: ids.new_id().into() };
    let mut workflows: Vec<Workflow> = Vec::new();
    for _ in 0..random.random_range(1..5) {
        let before: Vec<WorkflowId> = workflows.iter().map(|workflow| workflow.id).collect();
        let home = Home { workflow: ids.new_id().into(), ..home };
        workflows.push(Workflow { definition: Some(any_workflow(random, &before)), ..workflow(home, START) });
    }
    let places = random.random_range(1..4);
    let alone = places == 1 && random.random_range(0..3) > 0;
    let times = |before, after, slow, slow_ms| Faults { before, after, slow, slow_ms };
    let faults = *[times(0, 0, 0, 3), times(5, 10, 10, 200), times(30, 40, 20, 1_500), times(3, 60, 200, 100)]
        .choose(random)
        .expect("there are some");
    let world = World::new(home, alone, workspace(home.workspace, "simulated", START), workflows);
    world.note(format_args!("seed {seed}: {places} places, alone: {alone}, {faults:?}"));
    let fleet = Fleet::new(Arc::clone(&world), places, faults, SmallRng::seed_from_u64(random.random()));
    (world, fleet, places)
}

/// Cuts machines off and sets their clocks.
async fn trouble(fleet: Arc<Fleet>, mut random: SmallRng) {
    loop {
        sleep(Duration::from_millis(random.random_range(500..6_000))).await;
        let Some(running) = fleet.any(&mut random) else { continue };
        if random.random_range(0..2) == 0 {
            running.machine.set_clock(random.random_range(-4_000..4_000));
            continue;
        }
        running.machine.reach(false);
        sleep(Duration::from_millis(random.random_range(50..9_000))).await;
        running.machine.reach(true);
    }
}

/// Lets time pass until all is over, and checks the laws of the end.
async fn calm(world: &World, triggers: &mut JoinSet<()>) {
    let began = world.elapsed();
    let mut taken_over = false;
    loop {
        while triggers.try_join_next().is_some() {}
        let live: Vec<ExecutionId> = {
            let state = world.state();
            state.database.executions.iter().filter(|(_, of)| of.is_live()).map(|(id, _)| *id).collect()
        };
        if world.broken().is_some() || (triggers.is_empty() && live.is_empty()) {
            break;
        }
        let waited = world.elapsed().saturating_sub(began);
        if waited > LEASE + Duration::from_secs(5) && !taken_over {
            taken_over = true;
            world.check(nobody_dead_drives(world));
        }
        if waited > PATIENCE {
            let readers = triggers.len();
            world.check(Err(format!(
                "after {PATIENCE:?}: {} live executions ({live:?}), {readers} clients",
                live.len()
            )));
            break;
        }
        sleep(LOOK).await;
    }
    if world.broken().is_none() {
        let law = Laws::over(&world.state());
        world.check(law);
    }
}

/// Every machine that runs is known to be alive: one that was declared dead has begun anew.
async fn all_have_leases(world: &World, fleet: &Fleet) -> Result<(), String> {
    sleep(LEASE + Duration::from_secs(2)).await;
    for _ in 0..150 {
        let alive = world.state().database.alive(LEASE.as_millis() as i64, world.now());
        // Some may be about to be shut down, or to boot.
        if alive == fleet.all().len() && alive > 0 {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    Err("a machine runs, and is not known to be alive".to_owned())
}

/// What dead instances drove was taken over.
fn nobody_dead_drives(world: &World) -> Result<(), String> {
    let state = world.state();
    let long_ago = world.now().plus_ms(-(LEASE.as_millis() as i64) - 5_000);
    let dead = |driver: &InstanceId| state.database.instances.get(driver).is_none_or(|heard_at| *heard_at < long_ago);
    match state.database.executions.values().find(|of| of.driver.as_ref().is_some_and(dead)) {
        Some(of) => Err(format!("{} is still driven by a dead instance", of.execution.origin.id)),
        None => Ok(()),
    }
}
