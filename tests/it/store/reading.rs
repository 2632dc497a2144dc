//! Lists, logs, and that another workspace sees none of it.

use sluicegate::{
    domain::{
        execution::{Execution, ExecutionStatus, TriggeredBy},
        ids::{ExecutionId, SuspensionId},
        suspension::{SuspensionKind, SuspensionState},
    },
    store::{ExecutionFilter, FeedCursor, StoreError, SuspensionFilter, WorkflowFilter, commit::EventRow},
};

use super::fixture::{Fixture, Home, START, answered, append, close, create, new_home, open, suspension};

fn not_found<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::NotFound(_))), "{outcome:?}");
}

pub async fn another_workspace_finds_nothing(fixture: Fixture) {
    let execution = fixture.execution();
    let asked = suspension(fixture.id(), &execution, START);
    let mut commit = create(&execution);
    commit.suspensions = vec![open(&asked)];
    fixture.write(commit).await.unwrap();
    let store = &*fixture.store;
    let other = new_home(store, &fixture.clock, "other").await.workspace;
    let (home, id) = (fixture.home, execution.origin.id);

    not_found(store.execution(other, id).await);
    not_found(store.load_execution(other, id).await);
    not_found(store.suspension(other, asked.id).await);
    not_found(store.pod(other, home.pod).await);
    not_found(store.workflow(other, home.workflow).await);
    not_found(store.workflow_version(other, home.workflow, 1).await);
    not_found(store.member(other, "bea").await);
    assert_eq!(store.events(other, id, 0, 9).await.unwrap(), []);
    assert!(store.last_seqs(&[(other, id)]).await.unwrap().is_empty());
    assert!(store.feed(other, None, FeedCursor::default(), 9).await.unwrap().is_empty());
    assert!(store.feed(other, Some(home.pod), FeedCursor::default(), 9).await.unwrap().is_empty());
    assert_eq!(store.feed_end(other).await.unwrap(), FeedCursor::default());
    let filter = ExecutionFilter { pod_id: Some(home.pod), ..ExecutionFilter::default() };
    assert!(store.executions(other, &filter, 9, None).await.unwrap().items.is_empty());
    let filter = SuspensionFilter { execution_id: Some(id), ..SuspensionFilter::default() };
    assert!(store.suspensions(other, &filter, 9, None).await.unwrap().items.is_empty());
    let workflows = store.workflows(other, home.pod, WorkflowFilter::default(), 9, None).await.unwrap();
    assert!(workflows.items.is_empty());
    assert!(store.workflow_versions(other, home.workflow, 9, None).await.unwrap().items.is_empty());
    // The same questions in its own workspace have answers.
    assert_eq!(store.events(home.workspace, id, 0, 9).await.unwrap().len(), 1);
    assert_eq!(fixture.number("SELECT count(*) FROM feed").await, 1);
}

async fn all_ids(fixture: &Fixture, filter: &ExecutionFilter, limit: i64) -> Vec<ExecutionId> {
    let (mut ids, mut cursor): (Vec<ExecutionId>, Option<String>) = (Vec::new(), None);
    loop {
        let page = fixture.store.executions(fixture.home.workspace, filter, limit, cursor.as_deref()).await.unwrap();
        assert!(page.items.len() as i64 <= limit);
        ids.extend(page.items.iter().map(|execution| execution.origin.id));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return ids,
        }
    }
}

pub async fn lists_of_executions_are_filtered_and_paged(fixture: Fixture) {
    let second = Home { pod: fixture.id(), workflow: fixture.id(), ..fixture.home };
    let mut all: Vec<Execution> = vec![fixture.created().await];
    let first_id = all[0].origin.id;
    for index in 0..24_i64 {
        let mut execution = fixture.execution_in(if index % 2 == 0 { fixture.home } else { second });
        execution.progress.status = ExecutionStatus::ALL[index as usize % 9];
        execution.origin.triggered_by = TriggeredBy::ALL[index as usize % 8];
        execution.origin.subject = (index % 3 == 0).then(|| "order 7".to_owned());
        execution.origin.replay_of = (index % 4 == 0).then_some(first_id);
        execution.origin.parent_execution_id = (index % 5 == 0).then_some(first_id);
        execution.origin.created_at = START.plus_ms(index);
        fixture.write(create(&execution)).await.unwrap();
        all.push(execution);
    }
    let any = ExecutionFilter::default;
    let home = fixture.home;
    let filters = [
        any(),
        ExecutionFilter { pod_id: Some(home.pod), ..any() },
        ExecutionFilter { workflow_id: Some(second.workflow), ..any() },
        ExecutionFilter { statuses: vec![ExecutionStatus::Failed], ..any() },
        ExecutionFilter {
            statuses: vec![ExecutionStatus::Running, ExecutionStatus::Queued, ExecutionStatus::Running],
            pod_id: Some(home.pod),
            ..any()
        },
        ExecutionFilter { triggered_by: Some(TriggeredBy::Webhook), ..any() },
        ExecutionFilter { subject: Some("order 7".to_owned()), ..any() },
        ExecutionFilter { subject: Some("order".to_owned()), ..any() },
        ExecutionFilter { replay_of: Some(first_id), ..any() },
        ExecutionFilter { parent_execution_id: Some(first_id), statuses: ExecutionStatus::ALL.to_vec(), ..any() },
        ExecutionFilter { created_after: Some(START.plus_ms(3)), created_before: Some(START.plus_ms(9)), ..any() },
        ExecutionFilter { pod_id: Some(second.pod), workflow_id: Some(home.workflow), ..any() },
    ];
    for filter in &filters {
        let mut expected: Vec<ExecutionId> =
            all.iter().filter(|execution| matches(execution, filter)).map(|execution| execution.origin.id).collect();
        expected.reverse();
        for limit in [1, 3, 50] {
            assert_eq!(all_ids(&fixture, filter, limit).await, expected, "{filter:?}");
        }
    }
    // A page that is exactly full has no next one.
    let page = fixture.store.executions(home.workspace, &filters[1], 13, None).await.unwrap();
    assert_eq!((page.items.len(), page.next), (13, None));
    // Lists leave input and context out.
    assert_eq!(page.items[0].origin.input, serde_json::Value::Null);
    assert_eq!(page.items[0].progress, all[23].progress);
}

fn matches(execution: &Execution, filter: &ExecutionFilter) -> bool {
    let (origin, progress) = (&execution.origin, &execution.progress);
    filter.pod_id.is_none_or(|pod| pod == origin.pod_id)
        && (filter.statuses.is_empty() || filter.statuses.contains(&progress.status))
        && filter.workflow_id.is_none_or(|workflow| workflow == origin.workflow_id)
        && filter.triggered_by.is_none_or(|kind| kind == origin.triggered_by)
        && (filter.subject.is_none() || filter.subject == origin.subject)
        && (filter.replay_of.is_none() || filter.replay_of == origin.replay_of)
        && (filter.parent_execution_id.is_none() || filter.parent_execution_id == origin.parent_execution_id)
        && filter.created_after.is_none_or(|after| origin.created_at > after)
        && filter.created_before.is_none_or(|before| origin.created_at < before)
}

pub async fn lists_of_suspensions_are_filtered_and_paged(fixture: Fixture) {
    let second = Home { pod: fixture.id(), workflow: fixture.id(), ..fixture.home };
    let mut all = Vec::new();
    let mut executions = Vec::new();
    for index in 0..12 {
        let execution = fixture.execution_in(if index % 2 == 0 { fixture.home } else { second });
        let mut asked = suspension(fixture.id(), &execution, START);
        if index % 3 == 0 {
            asked.interrupt.kind = SuspensionKind::AskHuman;
        }
        let mut commit = create(&execution);
        commit.suspensions.push(open(&asked));
        if index % 4 == 0 {
            asked = answered(&asked, START);
            commit.suspensions.push(close(&asked));
        }
        fixture.write(commit).await.unwrap();
        executions.push(execution);
        all.push(asked);
    }
    let any = SuspensionFilter::default;
    let filters = [
        any(),
        SuspensionFilter { state: Some(SuspensionState::Open), ..any() },
        SuspensionFilter { state: Some(SuspensionState::Expired), ..any() },
        SuspensionFilter { pod_id: Some(fixture.home.pod), ..any() },
        SuspensionFilter { pod_id: Some(fixture.home.pod), state: Some(SuspensionState::Answered), ..any() },
        SuspensionFilter { workflow_id: Some(second.workflow), ..any() },
        SuspensionFilter { workflow_id: Some(second.workflow), pod_id: Some(fixture.home.pod), ..any() },
        SuspensionFilter { execution_id: Some(executions[4].origin.id), ..any() },
        SuspensionFilter { kind: Some(SuspensionKind::AskHuman), ..any() },
        SuspensionFilter { execution_id: Some(executions[4].origin.id), state: Some(SuspensionState::Open), ..any() },
    ];
    for filter in &filters {
        let mut expected: Vec<_> = all
            .iter()
            .filter(|suspension| {
                filter.state.is_none_or(|state| state == suspension.state)
                    && filter.pod_id.is_none_or(|pod| pod == suspension.pod_id)
                    && filter.workflow_id.is_none_or(|workflow| workflow == suspension.workflow_id)
                    && filter.execution_id.is_none_or(|execution| execution == suspension.execution_id)
                    && filter.kind.is_none_or(|kind| kind == suspension.interrupt.kind)
            })
            .cloned()
            .collect();
        expected.reverse();
        for limit in [1, 5, 50] {
            let (mut found, mut cursor): (Vec<_>, Option<String>) = (Vec::new(), None);
            loop {
                let workspace = fixture.home.workspace;
                let page = fixture.store.suspensions(workspace, filter, limit, cursor.as_deref()).await.unwrap();
                found.extend(page.items);
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{filter:?}");
        }
    }
    // One that is closed moves from one list to the other.
    let open_one = all.iter().find(|suspension| suspension.state == SuspensionState::Open).unwrap();
    let of = executions.iter().find(|execution| execution.origin.id == open_one.execution_id).unwrap();
    let mut closing = append(of, 1, ExecutionStatus::Running);
    closing.suspensions = vec![close(&answered(open_one, START))];
    fixture.write(closing).await.unwrap();
    let open_ones = fixture.store.suspensions(fixture.home.workspace, &filters[1], 50, None).await.unwrap();
    assert!(open_ones.items.iter().all(|suspension| suspension.id != open_one.id));
}

pub async fn events_come_in_pages_of_a_bounded_size(fixture: Fixture) {
    let mut execution = fixture.execution();
    execution.progress.last_seq = 700;
    fixture.write(create(&execution)).await.unwrap();
    let (workspace, id) = (fixture.home.workspace, execution.origin.id);
    let seqs = async |after, limit| {
        let events = fixture.store.events(workspace, id, after, limit).await.unwrap();
        events.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(0, 10).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(seqs(5, 1000).await, (6..=700).collect::<Vec<_>>());
    assert_eq!(seqs(699, 1000).await, [700]);
    assert_eq!(seqs(700, 1000).await.len(), 0);
    assert_eq!(seqs(0, 0).await.len(), 0);

    // Three events of 3 MiB: two of them pass the bound, and the next page goes on behind them.
    let large = fixture.execution();
    let mut commit = create(&large);
    let body = "x".repeat(3 << 20);
    commit.events = (1..=3).map(|seq| EventRow { seq, feed: None, body: body.clone() }).collect();
    fixture.write(commit).await.unwrap();
    let page = fixture.store.events(workspace, large.origin.id, 0, 100).await.unwrap();
    assert_eq!(page.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
    let page = fixture.store.events(workspace, large.origin.id, 2, 100).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].body, body);
    // The connection that stopped reading early goes on to serve others.
    for _ in 0..8 {
        assert_eq!(seqs(0, 1).await, [1]);
    }
}

pub async fn the_last_positions_are_read_in_one_go(fixture: Fixture) {
    let workspace = fixture.home.workspace;
    let mut wanted = vec![(workspace, fixture.id())];
    for last_seq in 1..=40 {
        let mut execution = fixture.execution();
        execution.progress.last_seq = last_seq;
        fixture.write(create(&execution)).await.unwrap();
        wanted.push((workspace, execution.origin.id));
    }
    let found = fixture.store.last_seqs(&wanted).await.unwrap();
    assert_eq!(found.len(), 40);
    for (index, (_, id)) in wanted.iter().enumerate().skip(1) {
        assert_eq!(found[id], index as i64);
    }
    assert!(fixture.store.last_seqs(&[]).await.unwrap().is_empty());
}

pub async fn cursors_of_other_lists_are_refused(fixture: Fixture) {
    let (store, home) = (&fixture.store, fixture.home);
    for cursor in ["", "x", "%%%", "AAAA"] {
        let refused = |error| assert!(matches!(error, StoreError::ForeignCursor), "{error:?}");
        let filter = ExecutionFilter::default();
        refused(store.executions(home.workspace, &filter, 9, Some(cursor)).await.unwrap_err());
        let filter = SuspensionFilter::default();
        refused(store.suspensions(home.workspace, &filter, 9, Some(cursor)).await.unwrap_err());
        refused(store.pods(home.workspace, 9, Some(cursor)).await.unwrap_err());
        let filter = WorkflowFilter::default();
        refused(store.workflows(home.workspace, home.pod, filter, 9, Some(cursor)).await.unwrap_err());
        refused(store.workflow_versions(home.workspace, home.workflow, 9, Some(cursor)).await.unwrap_err());
    }
    not_found(store.suspension(home.workspace, fixture.id::<SuspensionId>()).await);
}

pub async fn it_answers_while_open(fixture: Fixture) {
    fixture.store.ping().await.unwrap();
    fixture.store.close().await;
    assert!(fixture.store.ping().await.is_err());
    assert!(fixture.store.commit(&[create(&fixture.execution())]).await.is_err());
}
