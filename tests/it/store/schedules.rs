//! Schedules: a slot is settled once, together with the execution that it starts or by itself.

use serde_json::json;
use sluicegate::{
    clock::Instant,
    domain::{
        execution::{Execution, ExecutionStatus},
        ids::{ScheduleId, WorkspaceId},
        schedule::{CatchUp, Overlap, Schedule, ScheduleProgress, Slot, SlotOutcome},
    },
    store::{
        Store, StoreError,
        catalogue::{Change, SCHEDULE_CHANGED},
        commit::{Commit, CommitError},
        schedules::Settlement,
    },
};

use super::{
    audit::whole,
    fixture::{Fixture, Home, START, ada, append, create, new_home, reply},
};

const HOUR: i64 = 3_600_000;

fn hour(number: i64) -> Instant {
    START.plus_ms(number * HOUR)
}

/// A schedule with all fields set, whose first slot is `hour(1)`.
fn schedule(id: ScheduleId, home: Home) -> Schedule {
    Schedule {
        id,
        workspace_id: home.workspace,
        pod_id: home.pod,
        workflow_id: home.workflow,
        name: "Hourly ü".to_owned(),
        cron_expression: "0 * * * *".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        input: json!({"n": 1.5, "none": null}),
        enabled: true,
        overlap: Overlap::CancelPrevious,
        catch_up: CatchUp::All,
        jitter_seconds: 7,
        start_at: Some(START),
        end_at: Some(hour(1_000)),
        created_by: "ada".to_owned(),
        created_at: START,
        updated_at: START,
        progress: ScheduleProgress {
            settled_until: START,
            due_at: Some(hour(1)),
            waiting_slot: None,
            last_run_at: None,
            last_error: None,
        },
    }
}

async fn stored(fixture: &Fixture) -> Schedule {
    let schedule = schedule(fixture.id(), fixture.home);
    fixture.store.change(Change::CreateSchedule(Box::new(schedule.clone())), &ada(), None).await.unwrap();
    schedule
}

fn row(schedule: &Schedule, slot: Instant, outcome: SlotOutcome) -> Slot {
    let reason = (outcome == SlotOutcome::Failed).then(|| "why ü".to_owned());
    Slot {
        schedule_id: schedule.id,
        slot,
        outcome,
        execution_id: None,
        late_ms: 5,
        reason,
        settled_at: slot.plus_ms(5),
    }
}

/// Settles one slot of the schedule as it is given.
fn settlement(schedule: &Schedule, slot: Instant, outcome: SlotOutcome) -> Settlement {
    let started = outcome == SlotOutcome::Started;
    Settlement {
        workspace_id: schedule.workspace_id,
        schedule_id: schedule.id,
        seen: schedule.into(),
        slots: vec![row(schedule, slot, outcome)],
        then: ScheduleProgress {
            settled_until: slot,
            due_at: Some(slot.plus_ms(HOUR)),
            waiting_slot: None,
            last_run_at: if started { Some(slot) } else { schedule.progress.last_run_at },
            last_error: (!started).then(|| "why ü".to_owned()),
        },
    }
}

/// An execution of the schedule for a slot.
fn started(fixture: &Fixture, schedule: &Schedule, slot: Instant) -> (Execution, Commit) {
    let mut execution = fixture.execution();
    execution.origin.trigger_id = Some(schedule.id.to_string());
    let mut settlement = settlement(schedule, slot, SlotOutcome::Started);
    settlement.slots[0].execution_id = Some(execution.origin.id);
    let commit = Commit { slot: Some(Box::new(settlement)), ..create(&execution) };
    (execution, commit)
}

async fn ledger(store: &dyn Store, workspace: WorkspaceId, schedule: &Schedule) -> Vec<Slot> {
    store.slots(workspace, schedule.id, 100, None).await.unwrap().items
}

pub async fn schedules_are_kept_changed_and_deleted(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let made = stored(&fixture).await;
    assert_eq!(store.schedule(home.workspace, made.id).await.unwrap(), made);
    let other = stored(&fixture).await;
    let page = store.schedules(home.workspace, home.pod, 1, None).await.unwrap();
    assert_eq!(page.items, std::slice::from_ref(&other));
    let next = store.schedules(home.workspace, home.pod, 1, page.next.as_deref()).await.unwrap();
    assert_eq!((next.items, next.next), (vec![made.clone()], None));

    let changed = Schedule {
        name: "Other".to_owned(),
        enabled: false,
        start_at: None,
        overlap: Overlap::Queue,
        updated_at: START.plus_ms(1),
        progress: ScheduleProgress { settled_until: hour(2), waiting_slot: Some(hour(1)), ..made.progress.clone() },
        ..made.clone()
    };
    let dropped = vec![row(&made, hour(1), SlotOutcome::Missed)];
    let update = |seen: &Schedule| Change::UpdateSchedule {
        schedule: Box::new(changed.clone()),
        seen: seen.into(),
        dropped: dropped.clone(),
    };
    store.change(update(&made), &ada(), None).await.unwrap();
    assert_eq!(store.schedule(home.workspace, made.id).await.unwrap(), changed);
    assert_eq!(ledger(store, home.workspace, &made).await, dropped);
    let stale = store.change(update(&made), &ada(), None).await;
    assert!(matches!(stale, Err(StoreError::Refused(SCHEDULE_CHANGED))), "{stale:?}");

    let foreign = new_home(store, &fixture.clock, "other").await;
    assert!(matches!(store.schedule(foreign.workspace, made.id).await, Err(StoreError::NotFound("schedule"))));
    assert!(store.schedules(foreign.workspace, home.pod, 9, None).await.unwrap().items.is_empty());
    assert!(ledger(store, foreign.workspace, &made).await.is_empty());
    let refused = store.change(Change::DeleteSchedule(foreign.workspace, made.id), &ada(), None).await;
    assert!(matches!(refused, Err(StoreError::NotFound("schedule"))), "{refused:?}");
    let orphan = Schedule { workflow_id: foreign.workflow, ..schedule(fixture.id(), home) };
    let refused = store.change(Change::CreateSchedule(Box::new(orphan)), &ada(), None).await;
    assert!(matches!(refused, Err(StoreError::NotFound("workflow"))), "{refused:?}");

    store.change(Change::DeleteSchedule(home.workspace, made.id), &ada(), None).await.unwrap();
    assert_eq!(fixture.rows_of(&["schedule_slots"]).await, 0);
    let gone = store.change(update(&changed), &ada(), None).await;
    assert!(matches!(gone, Err(StoreError::NotFound("schedule"))), "{gone:?}");
    let told: Vec<_> = whole(store, home.workspace).await.into_iter().map(|record| record.action).collect();
    assert_eq!(told[3..], ["schedule.created", "schedule.created", "schedule.updated", "schedule.deleted"]);

    // With its workflow goes a schedule, too.
    store.change(Change::DeleteWorkflow(home.workspace, home.workflow), &ada(), None).await.unwrap();
    assert_eq!(fixture.rows_of(&["schedules"]).await, 0);
}

pub async fn slots_are_settled_once_without_an_execution(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let seen = stored(&fixture).await;
    let first = settlement(&seen, hour(1), SlotOutcome::Failed);
    assert!(store.settle(&first).await.unwrap());
    assert!(!store.settle(&first).await.unwrap(), "the schedule has moved on");
    let now = store.schedule(home.workspace, seen.id).await.unwrap();
    assert_eq!(now, Schedule { progress: first.then.clone(), ..seen.clone() });
    assert_eq!(ledger(store, home.workspace, &seen).await, first.slots);

    // Many at once, newest first in the list; one that has its row keeps it.
    let mut many = settlement(&now, hour(300), SlotOutcome::Missed);
    many.slots = (1..=300).map(|number| row(&now, hour(number), SlotOutcome::Missed)).collect();
    assert!(store.settle(&many).await.unwrap());
    let page = store.slots(home.workspace, seen.id, 2, None).await.unwrap();
    assert_eq!(page.items.iter().map(|slot| slot.slot).collect::<Vec<_>>(), [hour(300), hour(299)]);
    let rest = store.slots(home.workspace, seen.id, 400, page.next.as_deref()).await.unwrap();
    assert_eq!((rest.items.len(), rest.items.last()), (298, first.slots.first()));
    let foreign = store.slots(home.workspace, seen.id, 2, Some("x")).await;
    assert!(matches!(foreign, Err(StoreError::ForeignCursor)), "{foreign:?}");

    // A change of the definition or a waiting slot in between is seen as well.
    let now = store.schedule(home.workspace, seen.id).await.unwrap();
    for other in [
        Schedule { updated_at: START.plus_ms(1), ..now.clone() },
        Schedule { progress: ScheduleProgress { waiting_slot: Some(hour(1)), ..now.progress.clone() }, ..now.clone() },
    ] {
        assert!(!store.settle(&settlement(&other, hour(301), SlotOutcome::Missed)).await.unwrap());
    }
    let mut nul = settlement(&now, hour(301), SlotOutcome::Failed);
    nul.slots[0].reason = Some("a\0b".to_owned());
    assert!(matches!(store.settle(&nul).await, Err(StoreError::Refused(_))));
}

pub async fn a_commit_takes_its_slot_or_is_not_written(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let seen = stored(&fixture).await;
    let (execution, commit) = started(&fixture, &seen, hour(1));
    fixture.write(commit).await.unwrap();
    let slots = ledger(store, home.workspace, &seen).await;
    assert_eq!(
        (slots.len(), slots[0].outcome, slots[0].execution_id),
        (1, SlotOutcome::Started, Some(execution.origin.id))
    );
    let now = store.schedule(home.workspace, seen.id).await.unwrap();
    assert_eq!((now.progress.settled_until, now.progress.last_run_at), (hour(1), Some(hour(1))));

    // Somebody who has not seen it: alone, and among others that are written.
    let (late, commit) = started(&fixture, &seen, hour(1));
    let keyed = Commit { idempotency: Some(reply("scope", "key", START)), ..commit };
    assert!(matches!(fixture.write(keyed.clone()).await, Err(CommitError::SlotTaken)));
    let others: Vec<_> = (0..40).map(|_| fixture.execution()).collect();
    let mut batch: Vec<_> = others.iter().map(create).collect();
    batch.push(keyed);
    let results = store.commit(&batch).await.unwrap();
    assert!(
        results[..40].iter().all(Result::is_ok) && matches!(results[40], Err(CommitError::SlotTaken)),
        "{results:?}"
    );
    assert!(matches!(store.execution(home.workspace, late.origin.id).await, Err(StoreError::NotFound(_))));
    assert!(store.events(home.workspace, late.origin.id, 0, 9).await.unwrap().is_empty());
    assert!(store.idempotent_reply("scope", "key", START).await.unwrap().is_none(), "its key is free");
    assert_eq!(ledger(store, home.workspace, &seen).await, slots);
}

pub async fn a_schedule_that_was_changed_meanwhile_gets_no_row_for_its_slot(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let seen = stored(&fixture).await;
    let paused = Schedule { enabled: false, updated_at: START.plus_ms(1), ..seen.clone() };
    let change = Change::UpdateSchedule { schedule: Box::new(paused), seen: (&seen).into(), dropped: Vec::new() };
    store.change(change, &ada(), None).await.unwrap();
    let (execution, commit) = started(&fixture, &seen, hour(1));
    assert!(matches!(fixture.write(commit).await, Err(CommitError::SlotTaken)));
    assert!(store.execution(home.workspace, execution.origin.id).await.is_err());
    assert_eq!(ledger(store, home.workspace, &seen).await, []);
}

pub async fn a_schedule_does_not_stand_still_before_a_slot_that_has_its_row(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let seen = stored(&fixture).await;
    assert!(store.settle(&settlement(&seen, hour(1), SlotOutcome::Missed)).await.unwrap());
    let back = Change::UpdateSchedule {
        schedule: Box::new(seen.clone()),
        seen: (&store.schedule(home.workspace, seen.id).await.unwrap()).into(),
        dropped: Vec::new(),
    };
    store.change(back, &ada(), None).await.unwrap();
    let (execution, commit) = started(&fixture, &seen, hour(1));
    assert!(matches!(fixture.write(commit).await, Err(CommitError::SlotTaken)));
    assert!(store.execution(home.workspace, execution.origin.id).await.is_err());
    let slots = ledger(store, home.workspace, &seen).await;
    assert_eq!((slots.len(), slots[0].outcome), (1, SlotOutcome::Missed));
    assert_eq!(store.schedule(home.workspace, seen.id).await.unwrap().progress.settled_until, hour(1));
}

pub async fn slots_of_many_schedules_are_one_batch(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    let mut batch = Vec::new();
    let mut all = Vec::new();
    for _ in 0..40 {
        let seen = stored(&fixture).await;
        batch.push(started(&fixture, &seen, hour(1)).1);
        all.push(seen);
    }
    // The same slot twice, and the next slot of one by a writer who foresees it.
    let again = started(&fixture, &all[3], hour(1)).1;
    let settled = Schedule { progress: batch[5].slot.as_ref().unwrap().then.clone(), ..all[5].clone() };
    let next = started(&fixture, &settled, hour(2)).1;
    batch.extend([again, next]);
    let results = store.commit(&batch).await.unwrap();
    for (index, result) in results.iter().enumerate() {
        let taken = matches!(result, Err(CommitError::SlotTaken));
        assert_eq!((taken, result.is_ok()), (index == 40, index != 40), "{index}: {result:?}");
    }
    for (index, seen) in all.iter().enumerate() {
        assert_eq!(ledger(store, home.workspace, seen).await.len(), if index == 5 { 2 } else { 1 });
    }
    assert_eq!(fixture.rows_of(&["executions"]).await, 41);
}

pub async fn of_writers_that_race_for_a_slot_one_gets_it(fixture: Fixture) {
    const SLOTS: i64 = 20;
    let home = fixture.home;
    let seen = stored(&fixture).await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = fixture.second_store().await;
        let (seen, clock) = (seen.clone(), fixture.clock.clone());
        writers.spawn(async move {
            let mut won = 0;
            loop {
                let now = store.schedule(seen.workspace_id, seen.id).await.unwrap();
                let slot = now.progress.settled_until.plus_ms(HOUR);
                if slot > hour(SLOTS) {
                    return won;
                }
                let mut execution = super::fixture::execution(clock.new_id().into(), home, START);
                execution.origin.trigger_id = Some(seen.id.to_string());
                let mut settlement = settlement(&now, slot, SlotOutcome::Started);
                settlement.slots[0].execution_id = Some(execution.origin.id);
                let commit = Commit { slot: Some(Box::new(settlement)), ..create(&execution) };
                match store.commit(&[commit]).await.unwrap().remove(0) {
                    Ok(()) => won += 1,
                    Err(CommitError::SlotTaken) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    assert_eq!(writers.join_all().await.into_iter().sum::<i64>(), SLOTS);
    assert_eq!(fixture.rows_of(&["executions"]).await, SLOTS);
    let slots = ledger(&*fixture.store, home.workspace, &seen).await;
    assert_eq!(slots.iter().map(|slot| slot.slot).collect::<Vec<_>>(), (1..=SLOTS).rev().map(hour).collect::<Vec<_>>());
}

pub async fn what_is_due_or_ready_is_found_across_workspaces(fixture: Fixture) {
    let (store, home) = (&*fixture.store, fixture.home);
    assert_eq!(store.next_due_slot().await.unwrap(), None);
    let other = new_home(store, &fixture.clock, "other").await;
    let mut all = Vec::new();
    for (home, due_at) in [(home, Some(hour(3))), (other, Some(hour(1))), (home, None), (other, Some(hour(2)))] {
        let mut schedule = schedule(fixture.id(), home);
        schedule.progress.due_at = due_at;
        store.change(Change::CreateSchedule(Box::new(schedule.clone())), &ada(), None).await.unwrap();
        all.push(schedule);
    }
    let ids = |found: &[Schedule]| found.iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(store.next_due_slot().await.unwrap(), Some(hour(1)));
    assert_eq!(ids(&store.due_schedules(hour(2), 9).await.unwrap()), [all[1].id, all[3].id]);
    assert_eq!(ids(&store.due_schedules(hour(9), 1).await.unwrap()), [all[1].id]);
    assert!(store.due_schedules(hour(1).plus_ms(-1), 9).await.unwrap().is_empty());
    let mut walked = Vec::new();
    let mut after = None;
    while let Some(one) = store.schedules_after(after, 1).await.unwrap().pop() {
        after = Some((one.workspace_id, one.id));
        walked.push(after.unwrap());
    }
    let mut expected: Vec<_> = all.iter().map(|one| (one.workspace_id, one.id)).collect();
    expected.sort();
    assert_eq!(walked, expected);

    // A slot that waits is ready once nothing of its schedule lives.
    let waits = |schedule: &Schedule| Settlement {
        slots: Vec::new(),
        then: ScheduleProgress { waiting_slot: Some(hour(1)), ..schedule.progress.clone() },
        ..settlement(schedule, hour(1), SlotOutcome::Started)
    };
    let (execution, commit) = started(&fixture, &all[0], hour(1));
    fixture.write(commit).await.unwrap();
    let now = store.schedule(home.workspace, all[0].id).await.unwrap();
    for schedule in [&now, &all[1]] {
        assert!(store.settle(&waits(schedule)).await.unwrap());
    }
    assert_eq!(ids(&store.ready_schedules(9).await.unwrap()), [all[1].id]);
    let live = async |workspace, id: ScheduleId| store.live_executions_of(workspace, &id.to_string(), 9).await.unwrap();
    assert_eq!(live(home.workspace, all[0].id).await, [execution.origin.id]);
    assert!(live(other.workspace, all[0].id).await.is_empty());
    fixture.write(append(&execution, 1, ExecutionStatus::Completed)).await.unwrap();
    assert!(live(home.workspace, all[0].id).await.is_empty());
    assert_eq!(store.ready_schedules(9).await.unwrap().len(), 2);
    assert_eq!(store.ready_schedules(1).await.unwrap().len(), 1);
}
