//! What becomes of slots: one row each, whatever happens. The clock is moved by hand.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use crate::support::{
    app::{Backend, Client, Reply, START, on_both},
    scene::{Run, Scene, gate, line},
};

on_both! {
    a_slot_starts_the_deployed_version_with_what_it_is_for,
    overlap_is_allowed_skipped_queued_or_cancels_the_previous,
    what_waits_is_dropped_when_the_schedule_is_changed_or_disabled,
    what_came_while_no_server_ran_is_made_up_for_as_asked,
    changes_take_effect_for_the_next_slot,
    a_shifted_slot_runs_at_its_time_and_is_dropped_by_a_change,
    a_slot_that_can_not_be_started_says_why_and_the_schedule_goes_on,
    a_schedule_ends_with_its_last_slot,
    a_next_slot_that_is_wrong_is_put_right,
}

const HOUR: i64 = 3_600_000;

/// A server, a workspace, and a clock that is moved to slots.
pub struct Timed {
    pub scene: Scene,
}

impl Timed {
    pub async fn on(backend: Backend) -> Self {
        Self { scene: Scene::on(backend).await }
    }

    /// Ann, with a token that has not run out.
    pub fn ann(&self) -> Client {
        self.scene.app.user("ann")
    }

    /// The path of the schedules.
    pub fn path(&self) -> String {
        format!("{}/schedules", self.scene.place.pod())
    }

    pub async fn post(&self, below: &str, body: Value) -> Reply {
        self.ann().post(&format!("{}{below}", self.path()), body).await
    }

    /// A workflow that is not deployed.
    pub async fn draft(&self, definition: Value) -> String {
        let body = json!({"name": "Flow", "definition": definition});
        let workflow = self.ann().post(&format!("{}/workflows", self.scene.place.pod()), body).await.expect(201);
        workflow["id"].as_str().unwrap().to_owned()
    }

    pub async fn deployed(&self, definition: Value) -> String {
        let id = self.draft(definition).await;
        self.workflow_action(&id, "deploy").await;
        id
    }

    pub async fn workflow_action(&self, id: &str, action: &str) {
        let path = format!("{}/workflows/{id}/{action}", self.scene.place.pod());
        match action {
            "trash" | "restore" => self.ann().patch(&path, json!({})).await.expect(200),
            _ => self.ann().post(&path, json!({})).await.expect(200),
        };
    }

    /// Makes a schedule; its id.
    pub async fn make(&self, workflow: &str, cron: &str, more: Value) -> String {
        let mut body = json!({"workflowId": workflow, "name": "S", "cronExpression": cron});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.post("", body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    pub async fn view(&self, id: &str) -> Value {
        self.ann().get(&format!("{}/{id}", self.path())).await.expect(200)
    }

    pub async fn patch(&self, id: &str, body: Value) -> Value {
        self.ann().patch(&format!("{}/{id}", self.path()), body).await.expect(200)
    }

    /// Moves the clock to an instant, and has everything settled that is due then. Answers when the next slot is due.
    pub async fn to(&self, at: &str) -> Option<Instant> {
        self.to_instant(at.parse().unwrap()).await
    }

    pub async fn to_instant(&self, at: Instant) -> Option<Instant> {
        let clock = &self.scene.app.clock;
        assert!(at >= clock.now(), "time does not go back");
        clock.advance_ms(at.0 - clock.now().0);
        self.scene.app.state.schedules.settle_due().await.unwrap()
    }

    /// Moves the clock by hours from the start, and settles.
    async fn hour(&self, hours: i64) {
        self.to_instant(START.plus_ms(hours * HOUR)).await;
    }

    /// The ledger of a schedule, oldest first, read in small pages.
    pub async fn slots(&self, id: &str) -> Vec<Value> {
        let mut slots = Vec::new();
        let mut path = format!("{}/{id}/slots?limit=50", self.path());
        loop {
            let page = self.ann().get(&path).await;
            slots.extend(page.expect(200).as_array().unwrap().clone());
            let Some(link) = page.header("link") else { break };
            path = link[1..].split('>').next().unwrap().strip_prefix("/v1").unwrap().to_owned();
        }
        slots.reverse();
        slots
    }

    /// The ledger in short: day, hour and minute of the slot, and the outcome.
    async fn short(&self, id: &str) -> Vec<String> {
        let short =
            |row: Value| format!("{} {}", &row["slot"].as_str().unwrap()[8..16], row["outcome"].as_str().unwrap());
        self.slots(id).await.into_iter().map(short).collect()
    }

    fn run(&self, row: &Value) -> Run {
        self.scene.run_at(row["executionId"].as_str().unwrap())
    }

    /// Ends the execution that a slot has started.
    async fn finish(&self, row: &Value) {
        let run = self.run(row);
        run.asked().await;
        run.respond(json!({"approved": true})).await.expect(200);
        run.end().await;
    }
}

async fn a_slot_starts_the_deployed_version_with_what_it_is_for(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.deployed(gate()).await;
    let newer = json!({"definition": line([])});
    timed.ann().patch(&format!("{}/workflows/{workflow}", timed.scene.place.pod()), newer).await.expect(200);
    let id = timed.make(&workflow, "0 * * * *", json!({"name": "Hourly", "input": {"n": 1}})).await;
    assert_eq!(timed.to("2027-01-15T08:59:59.999Z").await, Some(START.plus_ms(HOUR)));
    assert!(timed.slots(&id).await.is_empty());
    timed.to("2027-01-15T09:00:02.500Z").await;
    let slots = timed.slots(&id).await;
    let expected = json!([{
        "scheduleId": id, "slot": "2027-01-15T09:00:00.000Z", "outcome": "started", "lateMs": 2500, "reason": null,
        "executionId": slots[0]["executionId"], "settledAt": "2027-01-15T09:00:02.500Z",
    }]);
    assert_eq!(json!(slots), expected);
    let execution = timed.run(&slots[0]).view().await;
    assert_eq!(
        [&execution["triggeredBy"], &execution["triggerId"], &execution["workflowVersion"], &execution["input"]],
        [&json!("schedule"), &json!(id), &json!(1), &json!({"n": 1})]
    );
    let context = json!({"id": id, "name": "Hourly", "slot": "2027-01-15T09:00:00.000Z", "lateMs": 2500});
    assert_eq!(
        (&execution["context"]["schedule"], &execution["createdBy"]),
        (&context, &json!(format!("schedule:{id}")))
    );
    let view = timed.view(&id).await;
    assert_eq!((&view["lastRunAt"], &view["nextRunAt"]), (&slots[0]["settledAt"], &json!("2027-01-15T10:00:00.000Z")));
}

async fn overlap_is_allowed_skipped_queued_or_cancels_the_previous(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.deployed(gate()).await;
    let mut ids = Vec::new();
    for overlap in ["allow", "skip", "queue", "cancel_previous"] {
        ids.push(timed.make(&workflow, "0 * * * *", json!({"overlap": overlap})).await);
    }
    let [allow, skip, queue, cancel] = ids.try_into().unwrap();
    for hour in 1..=3 {
        timed.hour(hour).await;
    }
    assert_eq!(timed.short(&allow).await, ["15T09:00 started", "15T10:00 started", "15T11:00 started"]);
    let skipped = ["15T09:00 started", "15T10:00 skipped_overlap", "15T11:00 skipped_overlap"];
    assert_eq!(timed.short(&skip).await, skipped);
    let slots = timed.slots(&skip).await;
    assert!(slots[1]["reason"].as_str().unwrap().contains(slots[0]["executionId"].as_str().unwrap()), "{slots:?}");

    // The first one waits, the next finds that one does.
    assert_eq!(timed.short(&queue).await, ["15T09:00 started", "15T11:00 skipped_overlap"]);
    let slots = timed.slots(&queue).await;
    assert!(slots[1]["reason"].as_str().unwrap().contains("2027-01-15T10:00:00.000Z waits"), "{slots:?}");
    assert_eq!(timed.view(&queue).await["waitingSlot"], "2027-01-15T10:00:00.000Z");
    timed.finish(&slots[0]).await;
    timed.scene.app.state.schedules.settle_due().await.unwrap();
    let waited = ["15T09:00 started", "15T10:00 started", "15T11:00 skipped_overlap"];
    assert_eq!(timed.short(&queue).await, waited);
    assert_eq!(timed.slots(&queue).await[1]["lateMs"], HOUR);
    let view = timed.view(&queue).await;
    assert_eq!((&view["waitingSlot"], &view["nextRunAt"]), (&Value::Null, &json!("2027-01-15T12:00:00.000Z")));

    let slots = timed.slots(&cancel).await;
    assert_eq!(slots.iter().filter(|row| row["outcome"] == "started").count(), 3);
    for row in &slots[..2] {
        let end = timed.run(row).end().await;
        assert_eq!(end["type"], "execution_cancelled", "{end}");
    }
    timed.run(&slots[2]).asked().await;

    // Once nothing is in the way, it is as before.
    timed.finish(&timed.slots(&skip).await[0]).await;
    timed.hour(4).await;
    assert_eq!(timed.short(&skip).await.last().unwrap(), "15T12:00 started");
}

async fn what_waits_is_dropped_when_the_schedule_is_changed_or_disabled(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.deployed(gate()).await;
    let changed = timed.make(&workflow, "0 * * * *", json!({"overlap": "queue"})).await;
    let disabled = timed.make(&workflow, "0 * * * *", json!({"overlap": "queue"})).await;
    timed.hour(1).await;
    timed.hour(2).await;
    let view = timed.patch(&changed, json!({"cronExpression": "30 * * * *"})).await;
    assert_eq!((&view["waitingSlot"], &view["nextRunAt"]), (&Value::Null, &json!("2027-01-15T10:30:00.000Z")));
    assert_eq!(timed.short(&changed).await, ["15T09:00 started", "15T10:00 missed"]);
    let view = timed.patch(&disabled, json!({"enabled": false})).await;
    assert_eq!(view["waitingSlot"], "2027-01-15T10:00:00.000Z");
    for id in [&changed, &disabled] {
        timed.finish(&timed.slots(id).await[0]).await;
    }
    timed.scene.app.state.schedules.settle_due().await.unwrap();
    assert_eq!(timed.short(&changed).await, ["15T09:00 started", "15T10:00 missed"]);
    assert_eq!(timed.short(&disabled).await, ["15T09:00 started", "15T10:00 skipped_disabled"]);
    assert_eq!(timed.view(&disabled).await["waitingSlot"], Value::Null);
}

async fn what_came_while_no_server_ran_is_made_up_for_as_asked(backend: Backend) {
    let mut timed = Timed::on(backend).await;
    let workflow = timed.deployed(line([])).await;
    let mut ids = Vec::new();
    for (catch_up, cron) in [("none", "0 * * * *"), ("last", "0 * * * *"), ("all", "0 * * * *"), ("all", "* * * * *")] {
        ids.push(timed.make(&workflow, cron, json!({"catchUp": catch_up})).await);
    }
    timed.scene.app.state.engine.stop(&tokio_util::sync::CancellationToken::new()).await;
    timed.scene.app.clock.advance_ms(5 * HOUR + HOUR / 2);
    timed.scene.restart().await;
    timed.scene.app.state.schedules.settle_due().await.unwrap();
    let missed = |until: i64| (9..until).map(|hour| format!("15T{hour:02}:00 missed")).collect::<Vec<_>>();
    assert_eq!(timed.short(&ids[0]).await, missed(14));
    assert_eq!(timed.short(&ids[1]).await, [missed(13), vec!["15T13:00 started".into()]].concat());
    let slots = timed.slots(&ids[1]).await;
    assert_eq!((&slots[4]["lateMs"], &slots[0]["reason"]), (&json!(HOUR / 2), &json!("no server ran at the time")));
    let all: Vec<_> = (9..14).map(|hour| format!("15T{hour:02}:00 started")).collect();
    assert_eq!(timed.short(&ids[2]).await, all);

    // Bounded: the last hundred. Every slot has its row all the same.
    let slots = timed.slots(&ids[3]).await;
    let at = |index: i64| START.plus_ms((index + 1) * 60_000).to_string();
    assert_eq!(slots.len(), 330);
    for (index, row) in slots.iter().enumerate() {
        // The last minute is on time, and one of the hundred.
        let expected = if index < 230 { "missed" } else { "started" };
        assert_eq!((&row["slot"], &row["outcome"]), (&json!(at(index as i64)), &json!(expected)));
    }
    timed.hour(6).await;
    for id in &ids[..3] {
        assert_eq!(timed.short(id).await.last().unwrap(), "15T14:00 started");
    }
}

async fn changes_take_effect_for_the_next_slot(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.deployed(line([])).await;
    let id = timed.make(&workflow, "0 * * * *", json!({})).await;
    // What is due when the change comes is of the time before it.
    timed.scene.app.clock.advance_ms(2 * HOUR);
    let view = timed.patch(&id, json!({"cronExpression": "30 * * * *"})).await;
    assert_eq!(view["nextRunAt"], "2027-01-15T10:30:00.000Z");
    let mut expected = vec!["15T09:00 missed".to_owned(), "15T10:00 started".to_owned()];
    assert_eq!(timed.short(&id).await, expected);
    timed.hour(3).await;
    expected.push("15T10:30 started".into());
    assert_eq!(timed.short(&id).await, expected);
    assert_eq!(timed.slots(&id).await[2]["lateMs"], HOUR / 2);

    timed.patch(&id, json!({"enabled": false})).await;
    timed.to("2027-01-15T12:45:00Z").await;
    let view = timed.patch(&id, json!({"enabled": true})).await;
    assert_eq!(view["nextRunAt"], "2027-01-15T13:30:00.000Z");
    expected.extend(["15T11:30 skipped_disabled".into(), "15T12:30 skipped_disabled".into()]);
    assert_eq!(timed.short(&id).await, expected);

    // Half past in Kathmandu is a quarter to in London.
    let view = timed.patch(&id, json!({"timezone": "Asia/Kathmandu"})).await;
    assert_eq!(view["nextRunAt"], "2027-01-15T13:45:00.000Z");
    // A name changes no slot.
    let view = timed.patch(&id, json!({"name": "Other", "input": [1]})).await;
    assert_eq!(view["nextRunAt"], "2027-01-15T13:45:00.000Z");
    timed.to("2027-01-15T13:45:00Z").await;
    expected.push("15T13:45 started".into());
    assert_eq!(timed.short(&id).await, expected);

    // The old slots again: what has its row is not started again.
    timed.patch(&id, json!({"startAt": "2027-01-15T00:00:00Z", "catchUp": "all"})).await;
    timed.to("2027-01-15T14:00:00Z").await;
    assert_eq!(timed.short(&id).await, expected);
}

async fn a_shifted_slot_runs_at_its_time_and_is_dropped_by_a_change(backend: Backend) {
    let mut timed = Timed::on(backend).await;
    let workflow = timed.deployed(line([])).await;
    let id = timed.make(&workflow, "0 * * * *", json!({"jitterSeconds": 1800})).await;
    let due: Instant = timed.view(&id).await["nextRunAt"].as_str().unwrap().parse().unwrap();
    let shift = due.0 - START.plus_ms(HOUR).0;
    assert!((1..=1_800_000).contains(&shift), "it would be one in a million that there is none");
    timed.to_instant(due.plus_ms(-1)).await;
    assert!(timed.slots(&id).await.is_empty());
    timed.to_instant(due).await;
    let slots = timed.slots(&id).await;
    assert_eq!((&slots[0]["slot"], &slots[0]["lateMs"]), (&json!("2027-01-15T09:00:00.000Z"), &json!(0)));
    timed.scene.restart().await;
    let next = timed.view(&id).await["nextRunAt"].as_str().unwrap().parse::<Instant>().unwrap();
    assert_eq!(next, due.plus_ms(HOUR), "the shift stays");
    timed.to_instant(next.plus_ms(-1)).await;
    timed.patch(&id, json!({"cronExpression": "45 * * * *"})).await;
    timed.to_instant(next).await;
    assert_eq!(timed.short(&id).await, ["15T09:00 started", "15T10:00 missed"]);
    assert!(timed.slots(&id).await[1]["reason"].as_str().unwrap().contains("changed"));
}

async fn a_slot_that_can_not_be_started_says_why_and_the_schedule_goes_on(backend: Backend) {
    let timed = Timed::on(backend).await;
    let mut strict = line([]);
    strict["nodes"][0]["data"] = json!({"inputSchema": {"type": "object", "required": ["total"]}});
    let workflow = timed.draft(strict).await;
    let id = timed.make(&workflow, "0 * * * *", json!({"input": {"total": 1}})).await;
    let mut at = 0;
    let mut next = async |expected: &str, said: Option<&str>| {
        at += 1;
        timed.hour(at).await;
        let row = timed.slots(&id).await.pop().unwrap();
        let view = timed.view(&id).await;
        assert_eq!((&row["outcome"], &view["enabled"]), (&json!(expected), &json!(true)), "{row}");
        assert_eq!(row["reason"], view["lastError"]);
        match said {
            Some(said) => assert!(row["reason"].as_str().unwrap().contains(said), "{row}"),
            None => assert_eq!(row["reason"], Value::Null),
        }
        assert_eq!(view["nextRunAt"], START.plus_ms((at + 1) * HOUR).to_string());
    };
    next("failed", Some("not deployed")).await;
    timed.workflow_action(&workflow, "deploy").await;
    next("started", None).await;
    timed.workflow_action(&workflow, "undeploy").await;
    next("failed", Some("not deployed")).await;
    timed.workflow_action(&workflow, "trash").await;
    next("failed", Some("in the trash")).await;
    timed.workflow_action(&workflow, "restore").await;
    timed.workflow_action(&workflow, "deploy").await;
    next("started", None).await;
    timed.patch(&id, json!({"input": {}})).await;
    next("failed", Some("total")).await;
    timed.ann().delete(&format!("{}/workflows/{workflow}", timed.scene.place.pod())).await.expect(204);
    timed.ann().get(&format!("{}/{id}", timed.path())).await.problem(404, "not_found");
}

async fn a_schedule_ends_with_its_last_slot(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.deployed(line([])).await;
    let bounds = json!({"startAt": "2027-01-15T10:00:00Z", "endAt": "2027-01-15T11:00:00Z"});
    let id = timed.make(&workflow, "0 * * * *", bounds).await;
    for hour in 1..6 {
        timed.hour(hour).await;
    }
    assert_eq!(timed.short(&id).await, ["15T10:00 started", "15T11:00 started"]);
    let view = timed.patch(&id, json!({"name": "Over"})).await;
    assert_eq!((&view["nextRunAt"], &view["enabled"]), (&Value::Null, &json!(true)));
    let view = timed.patch(&id, json!({"endAt": null})).await;
    assert_eq!(view["nextRunAt"], "2027-01-15T14:00:00.000Z");
}

async fn a_next_slot_that_is_wrong_is_put_right(backend: Backend) {
    use sluicegate::store::schedules::Settlement;
    let timed = Timed::on(backend).await;
    let workflow = timed.deployed(line([])).await;
    let id = timed.make(&workflow, "0 * * * *", json!({})).await;
    let state = &timed.scene.app.state;
    let workspace = timed.scene.place.workspace_id.parse().unwrap();
    let schedule_id = id.parse().unwrap();
    let spoil = async |due_at: Option<Instant>| {
        let schedule = state.store.schedule(workspace, schedule_id).await.unwrap();
        let mut then = schedule.progress.clone();
        then.due_at = due_at;
        let settlement =
            Settlement { workspace_id: workspace, schedule_id, seen: (&schedule).into(), slots: Vec::new(), then };
        assert!(state.store.settle(&settlement).await.unwrap());
    };
    // Gone: it would never run again. Too late. Too early: nothing is started before its time.
    for (hour, due_at) in [(1, None), (2, Some(START.plus_ms(900 * HOUR))), (3, Some(START))] {
        spoil(due_at).await;
        if due_at != Some(START) {
            assert_eq!(state.schedules.reconcile().await.unwrap(), 1);
        }
        state.schedules.settle_due().await.unwrap();
        assert_eq!(state.schedules.reconcile().await.unwrap(), 0);
        assert_eq!(timed.view(&id).await["nextRunAt"], START.plus_ms(hour * HOUR).to_string());
        timed.hour(hour).await;
    }
    assert_eq!(timed.short(&id).await, ["15T09:00 started", "15T10:00 started", "15T11:00 started"]);
}
