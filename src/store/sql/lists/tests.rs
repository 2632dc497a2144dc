//! How both databases carry lists out, and that nothing of a filter's values gets into a statement's text.

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Instant,
    domain::execution::ExecutionStatus,
    domain::ids::{PodId, WorkflowId},
    filter::{Pattern, Relation},
    store::sql::{
        backend::{Whom, cells},
        plans::Session,
        postgres::Postgres,
        sqlite::{Sqlite, plan},
    },
};

const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));
const POD: PodId = PodId(Uuid::from_u128(2));
/// Of the workflows of the rows below this one has one row in two.
const LARGE: WorkflowId = WorkflowId(Uuid::from_u128(100));
const SMALL: WorkflowId = WorkflowId(Uuid::from_u128(103));
const OTHER: ExecutionId = ExecutionId(Uuid::from_u128(7));

fn all() -> ExecutionFilter {
    ExecutionFilter::default()
}

fn text(column: ExecutionColumn, values: &[&str]) -> Filter<ExecutionColumn> {
    Filter::one_of(column, values.iter().map(|value| Value::Text((*value).to_owned())))
}

fn workflows(ids: &[WorkflowId]) -> Filter<ExecutionColumn> {
    Filter::one_of(ExecutionColumn::WorkflowId, ids.iter().map(|id| Value::Id(id.0)))
}

fn such(parts: impl IntoIterator<Item = Filter<ExecutionColumn>>) -> ExecutionFilter {
    ExecutionFilter { matching: Some(Filter::all(parts)), ..all() }
}

fn part(wanted: Wanted, offset: i64) -> Part<'static> {
    Part { wanted, sort: &[], before: (offset == 0).then(Uuid::max), offset, limit: 50 }
}

/// The filters of the documentation, and what leads the index that each is to walk down.
fn documented() -> Vec<(ExecutionFilter, &'static str, &'static str)> {
    let (workflow, status) = (ExecutionColumn::WorkflowId, ExecutionColumn::Status);
    let failed = || text(status, &["failed"]);
    let urgent = || Filter::test(ExecutionColumn::Priority, Check::Ordered(Relation::Greater, Value::Number(3)));
    let subject = || text(ExecutionColumn::Subject, &["order 7"]);
    let not_queued = || {
        Filter::Test(Test { column: status, check: Check::OneOf([Value::Text("queued".into())].into()), holds: false })
    };
    let by_workflow = ("executions_by_workflow", "workspace_id=? AND workflow_id=?");
    let by_both = ("executions_by_workflow_and_status", "workspace_id=? AND workflow_id=? AND status=?");
    let by_status = ("executions_by_status", "status=? AND workspace_id=?");
    let by_subject = ("executions_by_subject", "workspace_id=? AND subject=?");
    let by_pod = ("executions_by_pod", "workspace_id=? AND pod_id=?");
    let everything = ("sqlite_autoindex_executions_1", "workspace_id=?");
    let fixed = |filter: ExecutionFilter| ExecutionFilter { pod_id: Some(POD), ..filter };
    let cases = [
        (all(), everything),
        (fixed(all()), by_pod),
        (such([urgent()]), everything),
        (fixed(such([urgent()])), by_pod),
        (such([workflows(&[SMALL])]), by_workflow),
        (ExecutionFilter { workflow_id: Some(SMALL), ..all() }, by_workflow),
        (fixed(such([workflows(&[SMALL]), urgent()])), by_workflow),
        (such([workflows(&[SMALL]), not_queued()]), by_workflow),
        (such([failed()]), by_status),
        (ExecutionFilter { statuses: vec![ExecutionStatus::Failed], ..all() }, by_status),
        (such([failed(), urgent()]), by_status),
        (such([workflows(&[SMALL]), failed()]), by_both),
        (fixed(ExecutionFilter { workflow_id: Some(SMALL), matching: Some(failed()), ..all() }), by_both),
        (such([subject()]), by_subject),
        (such([subject(), failed(), workflows(&[SMALL])]), by_subject),
        (ExecutionFilter { subject: Some("order 7".to_owned()), ..all() }, by_subject),
        (
            ExecutionFilter { replay_of: Some(OTHER), ..all() },
            ("executions_by_origin", "workspace_id=? AND replay_of=?"),
        ),
        (
            ExecutionFilter { parent_execution_id: Some(OTHER), ..all() },
            ("executions_by_parent", "workspace_id=? AND parent_execution_id=?"),
        ),
        // Several walks.
        (such([text(status, &["running", "suspended"])]), by_status),
        (such([workflows(&[SMALL, LARGE])]), by_workflow),
        (such([Filter::one_of(workflow, [Value::Id(SMALL.0)]), text(status, &["failed", "cancelled"])]), by_both),
        (such([workflows(&[SMALL, LARGE]), text(status, &["failed", "suspended"])]), by_both),
        (such([workflows(&[SMALL]), text(status, &["queued", "running"])]), by_status),
        (such([workflows(&[SMALL]), text(status, &["completed"])]), by_workflow),
        (such([text(status, &["completed", "failed"])]), by_status),
        (ExecutionFilter { statuses: ExecutionStatus::ALL.to_vec(), ..all() }, by_status),
        (such([text(ExecutionColumn::Subject, &["order 7", "order 8", "order 9"])]), by_subject),
    ];
    cases.into_iter().map(|(filter, (index, columns))| (filter, index, columns)).collect()
}

/// Ids sorted by SQLite are those of a page: the walks themselves are in order.
#[tokio::test]
async fn lists_are_bound_by_an_index() {
    for (filter, index, columns) in documented() {
        for (wanted, offset) in [(Wanted::Rows, 0), (Wanted::WithInputs, 0), (Wanted::Ids, 0), (Wanted::Rows, 70)] {
            let (made, _) = list::<Sqlite>(WORKSPACE, &filter, part(wanted, offset));
            let mut steps = plan(&made.text).await;
            let walk = if offset == 0 { format!("({columns} AND id<?)") } else { format!("({columns})") };
            let walks = Split::of(&filter.whole()).walks().unwrap().len();
            if walks > 1 || offset > 0 {
                steps.retain(|step| {
                    !["MERGE (UNION ALL)", "LEFT", "RIGHT", "CO-ROUTINE p", "SCAN p"].contains(&step.as_str())
                });
                if wanted != Wanted::Ids {
                    assert_eq!(steps.pop().as_deref(), Some("USE TEMP B-TREE FOR ORDER BY"), "{made:?}");
                    let rows = steps.pop().unwrap();
                    assert!(rows.ends_with("sqlite_autoindex_executions_1 (workspace_id=? AND id=?)"), "{rows}");
                }
            }
            assert_eq!(steps.len(), walks, "{}: {steps:?}", made.text);
            for step in steps {
                assert!(step.ends_with(&format!("INDEX {index} {walk}")), "{}: {step}", made.text);
            }
        }
        let (made, _) = count::<Sqlite>(WORKSPACE, &filter);
        let steps = plan(&made.text).await;
        let searches: Vec<_> = steps.iter().filter(|step| step.contains(" e USING ")).collect();
        assert_eq!(searches.len(), Split::of(&filter.whole()).walks().unwrap().len(), "{}: {steps:?}", made.text);
        // What is counted has no order: another index with the same columns in front is as good.
        assert!(
            searches.iter().all(|step| step.starts_with("SEARCH") && step.ends_with(&format!("({columns})"))),
            "{steps:?}"
        );
    }
}

/// 20,000 executions of one workspace: half of them of one workflow, the others of a thousand; one in a hundred has failed,
/// one in a thousand runs, one in two hundred is a child or a replay; three are about each subject.
const ROWS: &str = "INSERT INTO executions (workspace_id, id, pod_id, workflow_id, workflow_version, status, last_seq,
         triggered_by, subject, priority, parent_execution_id, depth, replay_of, created_by, created_at, waited_ms, stats, input, context)
     SELECT $1, lpad(to_hex(n), 32, '0')::uuid, $2,
         lpad(to_hex(CASE WHEN n % 2 = 0 THEN 100 ELSE 101 + n % 1000 END), 32, '0')::uuid, 1,
         CASE WHEN n % 100 = 1 THEN 'failed' WHEN n % 1000 = 2 THEN 'running' WHEN n % 1000 = 3 THEN 'suspended' ELSE 'completed' END,
         5, 'sdk', 'order ' || n / 3, n % 10, CASE WHEN n % 200 = 0 THEN lpad('7', 32, '0')::uuid END, 0,
         CASE WHEN n % 200 = 1 THEN lpad('7', 32, '0')::uuid END, 'ada', n, 0, '{}', repeat('x', 200), '{}'
     FROM generate_series(1000, 20999) AS n";

/// The planner of PostgreSQL has its own mind about which index is best, and may take another one where a filter leaves most
/// rows. It may not read a table through, and not sort what is not few.
#[tokio::test]
async fn postgres_walks_indexes_too() {
    let mut session = Session::open().await;
    session.fill(ROWS, cells![WORKSPACE, POD]).await;
    let both = [Whom::Engine, Whom::Tenant(WORKSPACE)]
        .into_iter()
        .flat_map(|whom| documented().into_iter().map(move |case| (whom, case)));
    for (whom, (filter, index, _)) in both {
        session.work_for(whom).await;
        let most = [Value::Text("completed".to_owned()), Value::Id(LARGE.0), Value::Id(POD.0)];
        let whole = filter.whole();
        let leads = Split::of(&whole).leads;
        let large = leads.iter().all(|(_, values)| most.iter().any(|value| values.contains(value)));
        for (wanted, offset) in [(Wanted::Rows, 0), (Wanted::Ids, 0), (Wanted::Rows, 70)] {
            let (Made { text, .. }, cells) = list::<Postgres>(WORKSPACE, &filter, part(wanted, offset));
            let plan = session.plan(&text, cells).await;
            assert!(!plan.contains("Seq Scan") && !plan.contains("Bitmap"), "{text}\n{plan}");
            // Below the limit nothing is sorted but the few hundred rows that an index has left, where that costs less.
            let (_, below) = plan.split_once("Limit").expect(&plan);
            let sorted = below.contains("->  Sort");
            assert!(!(sorted && large), "{text}\n{plan}");
            let narrow = !(index.starts_with("sqlite") || index == "executions_by_pod");
            let mut narrow_ones = ["subject", "origin", "parent", "workflow", "status"].iter();
            let leads_there = narrow_ones.any(|lead| below.contains(&format!("executions_by_{lead}")));
            assert!(!narrow || leads_there, "{index}: {text}\n{plan}");
        }
    }
    session.close().await;
}

#[test]
fn what_is_kept_prepared_is_what_strangers_can_not_vary() {
    let kept = |filter: &ExecutionFilter| list::<Sqlite>(WORKSPACE, filter, part(Wanted::Rows, 0)).0.kept;
    assert!(kept(&ExecutionFilter { pod_id: Some(POD), statuses: vec![ExecutionStatus::Failed], ..all() }));
    assert!(!kept(&such([text(ExecutionColumn::CreatedBy, &["ada"])])));
}

#[test]
fn more_values_than_walks_are_looked_up_at_once() {
    let ids = |count: u128| Filter::one_of(ExecutionColumn::Id, (0..count).map(|id| Value::Id(Uuid::from_u128(id))));
    assert!(Split::of(&ids(1)).walks().is_none(), "an id is no place to walk from");
    let subjects = |count: usize| {
        Filter::one_of(ExecutionColumn::Subject, (0..count).map(|number| Value::Text(number.to_string())))
    };
    assert_eq!(Split::of(&subjects(MAX_WALKS)).walks().unwrap().len(), MAX_WALKS);
    let many = Filter::all([subjects(MAX_WALKS + 1), text(ExecutionColumn::Status, &["failed"])]);
    let split = Split::of(&many);
    // An index with fewer values is better than a better one with many.
    assert_eq!(split.leads.iter().map(|(column, _)| *column).collect::<Vec<_>>(), [ExecutionColumn::Status]);
    assert!(Split::of(&subjects(MAX_WALKS + 1)).walks().is_none());
    // Nothing fits; there is no index for that.
    assert!(Split::of(&subjects(0)).leads.is_empty());
}

fn hostile() -> impl Strategy<Value = Filter<ExecutionColumn>> {
    let values = proptest::collection::vec("[^\0]{1,12}", 1..4)
        .prop_map(|texts| texts.into_iter().map(|text| format!("«{text}")));
    let check = (values, 0..5).prop_map(|(mut values, kind)| match kind {
        0 => Check::OneOf(values.map(Value::Text).collect()),
        1 => Check::Ordered(Relation::Less, Value::Text(values.next().unwrap())),
        2 => Check::Like(Pattern::of_parts(values)),
        3 => Check::LikeAnyCase(Pattern::of_parts(values)),
        _ => Check::Missing,
    });
    let test = (proptest::sample::select(ExecutionColumn::ALL), check, proptest::bool::ANY)
        .prop_map(|(column, check, holds)| Filter::Test(Test { column, check, holds }));
    test.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::All),
            proptest::collection::vec(inner, 0..4).prop_map(Filter::Any),
        ]
    })
}

proptest! {
    #[test]
    fn values_are_parameters_and_never_text(filter in hostile()) {
        fn known(text: &str, cells: &[Cell]) -> Result<(), TestCaseError> {
            prop_assert!(!text.contains('«'), "{text}");
            let mut numbers: Vec<usize> = text.split('$').skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok()))
                .collect();
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(numbers, (1..=cells.len()).collect::<Vec<_>>(), "{}", text);
            Ok(())
        }
        let filter = ExecutionFilter { matching: Some(filter), created_after: Some(Instant(0)), ..all() };
        for offset in [0, 7] {
            let (made, cells) = list::<Sqlite>(WORKSPACE, &filter, part(Wanted::Rows, offset));
            // The code of a failure is read by a path that begins with a dollar.
            known(&made.text.replace("'$.code'", ""), &cells)?;
            let (made, cells) = list::<Postgres>(WORKSPACE, &filter, part(Wanted::Rows, offset));
            known(&made.text, &cells)?;
        }
    }
}
