//! Histories that the simulator has found, told one by one: each went wrong once.

use std::{future::Future, sync::Arc, time::Duration};

use rand::{SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use sluicegate::{
    clock::Clock,
    domain::{
        execution::ExecutionStatus,
        ids::{ExecutionId, SuspensionId},
        workflow::Workflow,
    },
    engine::EngineError,
};
use tokio::{runtime::Builder, time::sleep};
use tokio_util::task::TaskTracker;

use super::{
    clients::{Client, answer_of},
    fleet::{Fleet, Running},
    machine::{Faults, Script},
    world::{START, World},
};
use crate::{
    store::{
        fixture::{Home, workflow, workspace},
        oracle::Oracle,
    },
    support::scene::{graph, node},
};

/// Machines on which nothing goes wrong but what a scene says.
struct Stage {
    world: Arc<World>,
    fleet: Arc<Fleet>,
    workflow: Workflow,
}

impl Stage {
    /// With these workflows, of which the last is the one that runs; it may name the first by `CHILD`.
    async fn set(machines: usize, definitions: &[Value]) -> Self {
        let ids = Clock::simulated(START, 1);
        let home = Home { workspace: ids.new_id().into(), pod: ids.new_id().into(), workflow: ids.new_id().into() };
        let mut workflows: Vec<Workflow> = Vec::new();
        for definition in definitions {
            let child = workflows.first().map(|first| first.id.to_string()).unwrap_or_default();
            let text = definition.to_string().replace("CHILD", &child);
            let definition = Some(serde_json::from_str(&text).unwrap());
            let home = Home { workflow: ids.new_id().into(), ..home };
            workflows.push(Workflow { definition, ..workflow(home, START) });
        }
        let workflow = workflows.last().unwrap().clone();
        let world = World::new(home, machines == 1, workspace(home.workspace, "stage", START), workflows);
        world.state().faults = false;
        let faults = Faults { before: 0, after: 0, slow: 0, slow_ms: 1 };
        let fleet = Fleet::new(Arc::clone(&world), machines, faults, SmallRng::seed_from_u64(1));
        for place in 0..machines {
            TaskTracker::new().spawn(Arc::clone(&fleet).man(place, 0));
        }
        let stage = Self { world, fleet, workflow };
        stage.until(|_| (stage.fleet.all().len() == machines).then_some(())).await;
        stage
    }

    /// Waits until the database shows something.
    async fn until<T>(&self, shows: impl Fn(&Oracle) -> Option<T>) -> T {
        for _ in 0..10_000 {
            let shown = shows(&self.world.state().database);
            if let Some(shown) = shown {
                return shown;
            }
            sleep(Duration::from_millis(1)).await;
        }
        panic!("it never comes to that:\n{}", self.world.trace().join("\n"));
    }

    async fn trigger(&self) -> ExecutionId {
        let client = Client::new(Arc::clone(&self.fleet), 1);
        client.trigger(self.workflow.id, "key".to_owned()).await.unwrap()
    }

    /// The one open suspension of an execution.
    async fn asked(&self, id: ExecutionId) -> SuspensionId {
        self.until(|database| database.open_suspensions().find(|row| row.execution_id == id).map(|row| row.id)).await
    }

    async fn answer(&self, on: &Running, id: ExecutionId, asked: SuspensionId, by: &str) -> Result<(), EngineError> {
        let answer = answer_of(asked, by, &json!(by));
        on.engine.respond(self.world.home.workspace, id, answer, None).await.map(drop)
    }
}

/// Plays a scene in a world of its own.
fn play(scene: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(scene);
}

/// The queue row that tells a parent of its child's end is taken by a claim whose answer is on its way, when the answer to a question
/// has the parent driven by another task of the same instance.
#[test]
fn a_child_that_ended_is_seen_by_an_answer_that_overtakes_the_claim() {
    play(async {
        let fetch = node("fetch", "http", json!({"httpMethod": "PUT", "httpUrl": "http://sim.test/often"}));
        let child =
            graph([node("rest", "wait", json!({"duration": "200ms"})), fetch], "begin>rest rest>fetch fetch>finish");
        let asks = node("ask", "ask-human", json!({"question": "How many?"}));
        let calls = node("call", "subworkflow", json!({"workflowId": "CHILD", "input": {}}));
        let parent = graph([asks, calls], "begin>ask begin>call ask>finish call>finish");
        let stage = Stage::set(1, &[child, parent]).await;
        let id = stage.trigger().await;
        let asked = stage.asked(id).await;
        let on = stage.fleet.all().remove(0);
        // Once the child has waited and is driven, the next claim is of its parent.
        stage.until(|database| database.timers.values().next().copied()).await;
        stage.until(|database| database.executions.values().find_map(|of| of.driver)).await;
        on.machine.play(Script { name: "claim", before_ms: 0, after_ms: 50, is_lost: false });
        stage.until(|database| database.executions[&id].driver).await;
        stage.answer(&on, id, asked, "bea").await.unwrap();
        let began = stage.world.elapsed();
        stage.until(|database| (!database.executions[&id].is_live()).then_some(())).await;
        assert!(stage.world.elapsed() < began + Duration::from_millis(500), "the reconciler had to find it");
        assert_eq!(stage.world.broken(), None);
    });
}

/// An answer comes too late, and the commit that would say so is not confirmed; meanwhile its instance has claimed the execution.
#[test]
fn an_answer_that_came_too_late_is_not_acknowledged_because_its_instance_drives() {
    play(async {
        let asks = node("ask", "ask-human", json!({"question": "How many?"}));
        let waits = node("rest", "wait", json!({"duration": "20ms"}));
        let calls = node("call", "http", json!({"httpMethod": "PUT", "httpUrl": "http://sim.test/often"}));
        let stage = Stage::set(2, &[graph([asks, waits, calls], "begin>ask ask>rest rest>call call>finish")]).await;
        let id = stage.trigger().await;
        let asked = stage.asked(id).await;
        let both = stage.fleet.all();
        let (one, other) = (&both[0], &both[1]);
        one.machine.play(Script { name: "commit", before_ms: 900, after_ms: 0, is_lost: true });
        let late = stage.answer(one, id, asked, "bea");
        let faster = async {
            sleep(Duration::from_millis(50)).await;
            stage.answer(other, id, asked, "eve").await.unwrap();
            other.machine.kill();
        };
        let (late, ()) = tokio::join!(late, faster);
        assert!(matches!(late, Err(EngineError::Unwritten(_) | EngineError::AlreadyClosed(_))), "{late:?}");
        let row = stage.world.state().database.suspensions[&asked].clone();
        assert_eq!(row.decision.unwrap().by.as_deref(), Some("eve"));
        let ended = |database: &Oracle| {
            let status = database.executions[&id].execution.progress.status;
            status.is_terminal().then_some(status)
        };
        let status = stage.until(ended).await;
        assert!(matches!(status, ExecutionStatus::Completed | ExecutionStatus::Failed), "{status:?}");
        assert_eq!(stage.world.broken(), None);
    });
}

/// A commit hangs until its instance has lost its lease and begun anew; by then that one has claimed the execution for itself, and
/// found that it is driven here.
#[test]
fn what_an_instance_claims_from_its_own_past_is_driven() {
    play(async {
        let asks = node("ask", "ask-human", json!({"question": "How many?"}));
        let calls = node("call", "http", json!({"httpMethod": "PUT", "httpUrl": "http://sim.test/often"}));
        let stage = Stage::set(2, &[graph([asks, calls], "begin>ask ask>call call>finish")]).await;
        let id = stage.trigger().await;
        let asked = stage.asked(id).await;
        let both = stage.fleet.all();
        let (one, other) = (&both[0], &both[1]);
        // The other one sees that the lease is over, and leaves the execution on the queue.
        other.machine.play(Script { name: "claim", before_ms: 60_000, after_ms: 0, is_lost: false });
        stage.answer(one, id, asked, "bea").await.unwrap();
        let before = stage.until(|database| database.executions[&id].driver).await;
        one.machine.play(Script { name: "commit", before_ms: 20_000, after_ms: 0, is_lost: false });
        one.machine.reach(false);
        stage.until(|database| database.executions[&id].driver.is_none().then_some(())).await;
        one.machine.reach(true);
        // As the new instance that it is by then.
        stage.until(|database| database.executions[&id].driver.filter(|driver| *driver != before)).await;
        sleep(Duration::from_secs(20)).await;
        stage.until(|database| (!database.executions[&id].is_live()).then_some(())).await;
        assert_eq!(stage.world.broken(), None);
    });
}
