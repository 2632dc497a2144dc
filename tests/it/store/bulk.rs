//! Bulk jobs: claimed by one, each item settled once, counts that are those of the rows.

use futures_util::future::join_all;
use sluicegate::{
    domain::{
        bulk::{BulkAction, BulkCounts, BulkItem, BulkItemState, BulkJob, BulkState, BulkVersion},
        execution::ExecutionStatus,
        ids::{BulkJobId, ExecutionId},
    },
    store::{ExecutionFilter, StoreError, bulk::ClaimedJob, catalogue::Change},
};

use super::fixture::{Fixture, Home, START, ada, new_home, pod};

const LEASE_MS: i64 = 1_000;

fn job(id: BulkJobId, home: Home, total: i64) -> BulkJob {
    BulkJob {
        id,
        workspace_id: home.workspace,
        pod_id: home.pod,
        action: BulkAction::Replay,
        from_node_id: Some("n".to_owned()),
        version: BulkVersion::Latest,
        state: BulkState::Running,
        counts: BulkCounts { total, pending: total, ..BulkCounts::default() },
        created_by: "ada ü".to_owned(),
        created_at: START,
        updated_at: START,
        finished_at: None,
    }
}

/// A job on so many executions that do not exist.
async fn made(fixture: &Fixture, home: Home, total: i64) -> (BulkJob, Vec<ExecutionId>) {
    let items: Vec<ExecutionId> = (0..total).map(|_| fixture.id()).collect();
    let job = job(fixture.id(), home, total);
    let create = Change::CreateBulkJob(Box::new(job.clone()), items.clone());
    fixture.store.change(create, &ada(), None).await.unwrap();
    (job, items)
}

async fn claimed(fixture: &Fixture, after_ms: i64) -> Option<ClaimedJob> {
    fixture.store.claim_bulk_job(START.plus_ms(after_ms), LEASE_MS).await.unwrap()
}

async fn pending(fixture: &Fixture, job: &BulkJob, limit: i64) -> Vec<BulkItem> {
    fixture.store.pending_bulk_items(job.workspace_id, job.id, limit).await.unwrap()
}

fn settled(item: BulkItem, state: BulkItemState) -> BulkItem {
    BulkItem { state, reason: Some(format!("{state:?} \u{0}ü")), ..item }
}

async fn stored(fixture: &Fixture, job: &BulkJob) -> BulkJob {
    fixture.store.bulk_job(job.workspace_id, job.id).await.unwrap()
}

fn counts_of(job: &BulkJob) -> [i64; 5] {
    let BulkCounts { total, pending, done, failed, skipped } = job.counts;
    [total, pending, done, failed, skipped]
}

pub async fn a_job_is_claimed_by_one_until_its_lease_is_over(fixture: Fixture) {
    let store = &fixture.store;
    assert!(claimed(&fixture, 0).await.is_none());
    assert_eq!(store.next_bulk_job().await.unwrap(), None);
    let (one, _) = made(&fixture, fixture.home, 1).await;
    let foreign = new_home(&**store, &fixture.clock, "foreign").await;
    let (two, _) = made(&fixture, foreign, 1).await;
    assert_eq!(stored(&fixture, &one).await, one);
    assert_eq!(store.next_bulk_job().await.unwrap(), Some(START));
    assert!(claimed(&fixture, -1).await.is_none(), "not due");
    let mut taken = Vec::new();
    while let Some(claim) = claimed(&fixture, 0).await {
        assert_eq!(claim.until, START.plus_ms(LEASE_MS));
        taken.push(claim.job.id);
    }
    taken.sort();
    assert_eq!(taken, [one.id, two.id]);
    assert!(claimed(&fixture, LEASE_MS - 1).await.is_none());
    assert!(claimed(&fixture, LEASE_MS).await.is_some(), "abandoned");
    // Two at the same time never get the same.
    for _ in 0..20 {
        made(&fixture, fixture.home, 1).await;
    }
    let stores = [fixture.second_store().await, fixture.second_store().await];
    let claimers = stores.iter().map(async |store| {
        let mut mine = Vec::new();
        while let Some(claim) = store.claim_bulk_job(START.plus_ms(1), LEASE_MS).await.unwrap() {
            mine.push(claim.job.id);
        }
        mine
    });
    let mut all = join_all(claimers).await.concat();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!((all.len(), count), (20, 20));
}

pub async fn items_are_settled_once_and_counted(fixture: Fixture) {
    let store = &fixture.store;
    let (job, executions) = made(&fixture, fixture.home, 300).await;
    let items = store.bulk_items(job.workspace_id, job.id, None, 200, None).await.unwrap();
    let rest = store.bulk_items(job.workspace_id, job.id, None, 200, items.next.as_deref()).await.unwrap();
    let listed: Vec<_> = items.items.iter().chain(&rest.items).map(|item| item.execution_id).collect();
    assert_eq!(listed, executions);
    let claim = claimed(&fixture, 0).await.unwrap();
    let page = pending(&fixture, &job, 4).await;
    assert_eq!(page.iter().map(|item| item.position).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let created: ExecutionId = fixture.id();
    let outcomes = vec![
        BulkItem { new_execution_id: Some(created), ..settled(page[0].clone(), BulkItemState::Done) },
        settled(page[1].clone(), BulkItemState::Failed),
        settled(page[2].clone(), BulkItemState::Skipped),
    ];
    let (now, next) = (START.plus_ms(5), START.plus_ms(50));
    store.settle_bulk_items(&claim, &outcomes, next, now).await.unwrap();
    assert_eq!(counts_of(&stored(&fixture, &job).await), [300, 297, 1, 1, 1]);
    assert_eq!(store.next_bulk_job().await.unwrap(), Some(next));
    let done = store.bulk_items(job.workspace_id, job.id, Some(BulkItemState::Done), 9, None).await.unwrap().items;
    assert_eq!((done[0].new_execution_id, done[0].settled_at), (Some(created), Some(now)));
    assert_eq!(done[0].reason.as_deref(), Some("Done ü"));
    // Again, and differently: what is settled stays. Its claim is over, so the time stays as well.
    let again: Vec<_> = page.iter().cloned().map(|item| settled(item, BulkItemState::Failed)).collect();
    store.settle_bulk_items(&claim, &again, START.plus_ms(900), START.plus_ms(6)).await.unwrap();
    assert_eq!(counts_of(&stored(&fixture, &job).await), [300, 296, 1, 2, 1]);
    assert_eq!(store.next_bulk_job().await.unwrap(), Some(next));
    // Two who settle the rest at the same time, each half of it twice.
    let claim = claimed(&fixture, 50).await.unwrap();
    let rest = pending(&fixture, &job, 1_000).await;
    let rest: Vec<_> = rest.into_iter().map(|item| settled(item, BulkItemState::Done)).collect();
    let stores = [fixture.second_store().await, fixture.second_store().await];
    let both = stores.iter().map(async |store| {
        for page in rest.chunks(40) {
            store.settle_bulk_items(&claim, page, START.plus_ms(60), START.plus_ms(55)).await.unwrap();
        }
    });
    join_all(both).await;
    let job = stored(&fixture, &job).await;
    assert_eq!((job.state, counts_of(&job)), (BulkState::Finished, [300, 0, 297, 2, 1]));
    assert_eq!(job.finished_at, Some(START.plus_ms(55)));
    assert_eq!(store.next_bulk_job().await.unwrap(), None);
    let counted = fixture.number("SELECT count(*) FROM bulk_items WHERE state = 'done'").await;
    assert_eq!(counted, 297);
}

pub async fn a_job_that_is_cancelled_skips_the_rest(fixture: Fixture) {
    let store = &fixture.store;
    let (job, _) = made(&fixture, fixture.home, 3).await;
    let claim = claimed(&fixture, 0).await.unwrap();
    let cancel = |at_ms: i64| Change::CancelBulkJob(job.workspace_id, job.id, START.plus_ms(at_ms));
    store.change(cancel(10), &ada(), None).await.unwrap();
    let refused = store.change(cancel(11), &ada(), None).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!(stored(&fixture, &job).await.state, BulkState::Cancelling);
    // Who works on it may say what became of that.
    let page = pending(&fixture, &job, 1).await;
    let done = [settled(page[0].clone(), BulkItemState::Done)];
    store.settle_bulk_items(&claim, &done, START.plus_ms(20), START.plus_ms(15)).await.unwrap();
    let claim = claimed(&fixture, 20).await.unwrap();
    assert_eq!(claim.job.state, BulkState::Cancelling);
    store.end_bulk_job(&claim, START.plus_ms(25)).await.unwrap();
    let ended = stored(&fixture, &job).await;
    assert_eq!((ended.state, counts_of(&ended)), (BulkState::Cancelled, [3, 0, 1, 0, 2]));
    assert_eq!((ended.finished_at, store.next_bulk_job().await.unwrap()), (Some(START.plus_ms(25)), None));
    // Late words change nothing.
    store.settle_bulk_items(&claim, &done, START.plus_ms(30), START.plus_ms(30)).await.unwrap();
    store.end_bulk_job(&claim, START.plus_ms(31)).await.unwrap();
    assert_eq!(stored(&fixture, &job).await, ended);
    let refused = store.change(cancel(40), &ada(), None).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    let unknown = Change::CancelBulkJob(job.workspace_id, fixture.id(), START);
    assert!(matches!(store.change(unknown, &ada(), None).await, Err(StoreError::NotFound("bulk job"))));
}

pub async fn jobs_are_listed_by_pod_and_go_with_it(fixture: Fixture) {
    let (home, store) = (fixture.home, &fixture.store);
    let elsewhere = Home { pod: fixture.id(), ..home };
    store.change(Change::CreatePod(pod(elsewhere, "other", START)), &ada(), None).await.unwrap();
    let (one, _) = made(&fixture, home, 2).await;
    let (two, _) = made(&fixture, home, 2).await;
    let (other, _) = made(&fixture, elsewhere, 2).await;
    let page = store.bulk_jobs(home.workspace, home.pod, 1, None).await.unwrap();
    assert_eq!(page.items, std::slice::from_ref(&two));
    let next = store.bulk_jobs(home.workspace, home.pod, 1, page.next.as_deref()).await.unwrap();
    assert_eq!((next.items, next.next), (vec![one.clone()], None));
    assert!(matches!(store.bulk_jobs(home.workspace, home.pod, 1, Some("x")).await, Err(StoreError::ForeignCursor)));
    let items = store.bulk_items(home.workspace, one.id, None, 1, Some("x")).await;
    assert!(matches!(items, Err(StoreError::ForeignCursor)));
    let foreign = new_home(&**store, &fixture.clock, "foreign").await;
    assert!(matches!(store.bulk_job(foreign.workspace, one.id).await, Err(StoreError::NotFound("bulk job"))));
    assert!(store.bulk_items(foreign.workspace, one.id, None, 9, None).await.unwrap().items.is_empty());
    assert!(store.pending_bulk_items(foreign.workspace, one.id, 9).await.unwrap().is_empty());
    store.change(Change::DeletePod(home.workspace, elsewhere.pod), &ada(), None).await.unwrap();
    assert!(matches!(store.bulk_job(home.workspace, other.id).await, Err(StoreError::NotFound("bulk job"))));
    assert_eq!(fixture.rows_of(&["bulk_jobs", "bulk_items"]).await, 6);
    // A pod that is gone by then.
    let gone = job(fixture.id(), elsewhere, 0);
    let create = Change::CreateBulkJob(Box::new(gone), Vec::new());
    assert!(matches!(store.change(create, &ada(), None).await, Err(StoreError::NotFound("pod"))));
}

pub async fn ids_are_those_of_the_list(fixture: Fixture) {
    let (home, store) = (fixture.home, &fixture.store);
    for _ in 0..5 {
        fixture.created().await;
    }
    let foreign = new_home(&**store, &fixture.clock, "foreign").await;
    for statuses in [vec![], vec![ExecutionStatus::Queued, ExecutionStatus::Failed], vec![ExecutionStatus::Failed]] {
        for pod_id in [None, Some(home.pod), Some(foreign.pod)] {
            let filter = ExecutionFilter { pod_id, statuses: statuses.clone(), ..ExecutionFilter::default() };
            let listed = store.executions(home.workspace, &filter, 100, None).await.unwrap().items;
            let listed: Vec<_> = listed.iter().map(|execution| execution.origin.id).collect();
            assert_eq!(store.execution_ids(home.workspace, &filter, 100).await.unwrap(), listed);
            let some = store.execution_ids(home.workspace, &filter, 2).await.unwrap();
            assert_eq!(some, listed[..listed.len().min(2)]);
        }
    }
    let all = store.execution_ids(foreign.workspace, &ExecutionFilter::default(), 100).await.unwrap();
    assert!(all.is_empty());
}
