//! Filters over lists of executions: what the databases find is what the filter says of each row by itself.

use std::cmp::Ordering;

use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use sluicegate::{
    clock::Instant,
    domain::{
        execution::{Execution, ExecutionStatus, TriggeredBy},
        failure::{Failure, FailureCode},
        ids::ExecutionId,
    },
    filter::{Direction, Field, Fields, Filter, Kind, Names, SortKey, parse_all, parse_sort},
    store::{ExecutionColumn, ExecutionFilter, MAX_OFFSET, StoreError},
};

use super::fixture::{Fixture, Home, START, create, new_home};

const ROWS: usize = 160;
const FILTERS: usize = 400;

/// Names as another face may have them: some stand for two, and one for none.
const STATUSES: Names = &[
    ("PENDING", &["queued"]),
    ("RUNNING", &["running", "suspended"]),
    ("SUCCEEDED", &["completed"]),
    ("FAILED", &["failed"]),
    ("REQUESTED", &["pending"]),
    ("SKIPPED", &["skipped"]),
    ("CANCELLING", &["cancelling"]),
    ("CANCELLED", &["cancelled"]),
    ("REPROCESSED", &[]),
];
const TRIGGERS: Names = &[("sdk", &["sdk"]), ("webhook", &["webhook"]), ("retry", &["retry"])];
const CODES: Names = &[("timeout", &["timeout"]), ("rejected", &["rejected"])];

const FIELDS: Fields<ExecutionColumn> = Fields(&[
    Field::sorted(&["id"], ExecutionColumn::Id, Kind::Id),
    Field::new(&["podId"], ExecutionColumn::PodId, Kind::Id),
    Field::new(&["assistantId"], ExecutionColumn::WorkflowId, Kind::Id),
    Field::sorted(&["version"], ExecutionColumn::WorkflowVersion, Kind::Number),
    Field::sorted(&["status"], ExecutionColumn::Status, Kind::Name(STATUSES)),
    Field::new(&["triggeredBy"], ExecutionColumn::TriggeredBy, Kind::Name(TRIGGERS)),
    Field::new(&["triggerId"], ExecutionColumn::TriggerId, Kind::Text),
    Field::sorted(&["documentFamilyId", "subject"], ExecutionColumn::Subject, Kind::Text),
    Field::sorted(&["priority"], ExecutionColumn::Priority, Kind::Number),
    Field::new(&["dedupeKey"], ExecutionColumn::DedupeKey, Kind::Text),
    Field::new(&["concurrencyKey"], ExecutionColumn::ConcurrencyKey, Kind::Text),
    Field::new(&["idempotencyKey"], ExecutionColumn::IdempotencyKey, Kind::Text),
    Field::new(&["parentExecutionId"], ExecutionColumn::ParentExecutionId, Kind::Id),
    Field::new(&["replayOf"], ExecutionColumn::ReplayOf, Kind::Id),
    Field::new(&["fromNodeId"], ExecutionColumn::FromNodeId, Kind::Text),
    Field::new(&["duplicateOf"], ExecutionColumn::DuplicateOf, Kind::Id),
    Field::sorted(&["createdBy"], ExecutionColumn::CreatedBy, Kind::Text),
    Field::sorted(&["createdOn"], ExecutionColumn::CreatedAt, Kind::Instant),
    Field::sorted(&["queuedAt"], ExecutionColumn::QueuedAt, Kind::Instant),
    Field::sorted(&["startDate"], ExecutionColumn::StartedAt, Kind::Instant),
    Field::sorted(&["endDate"], ExecutionColumn::FinishedAt, Kind::Instant),
    Field::new(&["runAt"], ExecutionColumn::RunAt, Kind::Instant),
    Field::new(&["expiresAt"], ExecutionColumn::ExpiresAt, Kind::Instant),
    Field::sorted(&["exceptionDetails.code"], ExecutionColumn::ErrorCode, Kind::Name(CODES)),
]);

/// Texts that mean something to one database or the other, and some that are near each other.
const TEXTS: [&str; 18] = [
    "a",
    "A",
    "ab",
    "b",
    "",
    " ",
    "%",
    "_",
    "a_b",
    "a%b",
    "axb",
    "[a]",
    "*",
    "\\",
    "É",
    "é",
    "it's; DROP TABLE executions --",
    "$1 ? 𝄞",
];
/// Values of patterns: what is a wildcard and what is not.
const PATTERNS: [&str; 16] =
    ["a*", "*b", "*a*", "a%", "%b", "a\\%b", "a_b", "\\*", "[*", "*]", "*\\\\*", "*É*", "*é", "a", "*\\'s*", "*?*"];

struct Rows {
    random: SmallRng,
    home: Home,
    all: Vec<Execution>,
}

impl Rows {
    /// Rows of two pods and three workflows, with little order among their values.
    async fn new(fixture: &Fixture, seed: u64) -> Self {
        let homes = [
            fixture.home,
            Home { workflow: fixture.id(), ..fixture.home },
            Home { pod: fixture.id(), workflow: fixture.id(), ..fixture.home },
        ];
        let mut rows = Self { random: SmallRng::seed_from_u64(seed), home: fixture.home, all: Vec::new() };
        let foreign = new_home(&*fixture.store, &fixture.clock, "foreign").await;
        for index in 0..ROWS {
            let home = rows.one(&homes);
            let execution = rows.execution(fixture, home);
            fixture.write(create(&execution)).await.unwrap();
            rows.all.push(execution);
            if index % 8 == 0 {
                let elsewhere = rows.execution(fixture, foreign);
                fixture.write(create(&elsewhere)).await.unwrap();
            }
        }
        rows
    }

    fn one<T: Clone>(&mut self, among: &[T]) -> T {
        among.choose(&mut self.random).unwrap().clone()
    }

    fn number(&mut self, below: i64) -> i64 {
        self.random.random_range(0..below)
    }

    fn text(&mut self) -> Option<String> {
        (self.number(3) > 0).then(|| self.one(&TEXTS).to_owned())
    }

    fn instant(&mut self) -> Option<Instant> {
        (self.number(3) > 0).then(|| START.plus_ms(self.number(8) * 500))
    }

    fn other(&mut self) -> Option<ExecutionId> {
        let near = self.all.len().min(6);
        (near > 0 && self.number(3) == 0).then(|| self.all[self.random.random_range(0..near)].origin.id)
    }

    fn execution(&mut self, fixture: &Fixture, home: Home) -> Execution {
        let mut execution = fixture.execution_in(home);
        let origin = &mut execution.origin;
        (origin.trigger_id, origin.subject, origin.dedupe_key) = (self.text(), self.text(), self.text());
        (origin.concurrency_key, origin.from_node_id) = (self.text(), self.text());
        origin.workflow_version = self.number(4) + 1;
        origin.triggered_by = self.one(&TriggeredBy::ALL);
        origin.priority = self.number(5) as i32 - 2;
        (origin.parent_execution_id, origin.replay_of) = (self.other(), self.other());
        origin.created_by = self.one(&TEXTS).to_owned();
        origin.created_at = START.plus_ms(self.number(8) * 500);
        (origin.run_at, origin.expires_at) = (self.instant(), self.instant());
        let progress = &mut execution.progress;
        progress.status = self.one(&ExecutionStatus::ALL);
        (progress.queued_at, progress.started_at, progress.finished_at) =
            (self.instant(), self.instant(), self.instant());
        progress.duplicate_of = self.other();
        if progress.status == ExecutionStatus::Failed {
            let code = self.one(&[FailureCode::Timeout, FailureCode::Rejected, FailureCode::Internal]);
            progress.error = Some(Failure::new(code, "NUL \0, \"code\":\"timeout\" and '"));
        }
        execution
    }

    /// A value that some row may have, as it is written.
    fn value(&mut self, field: &Field<ExecutionColumn>) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('*', "\\*"));
        match field.kind {
            Kind::Text => quoted(self.one(&TEXTS)),
            Kind::Number => (self.number(6) - 2).to_string(),
            Kind::Instant => START.plus_ms(self.number(8) * 500).to_string(),
            Kind::Id => {
                let execution = self.all[self.random.random_range(0..self.all.len().min(12))].clone();
                match field.column.of(&execution) {
                    Some(sluicegate::filter::Value::Id(id)) => id.to_string(),
                    _ => execution.origin.id.to_string(),
                }
            }
            Kind::Bool => "true".to_owned(),
            Kind::Name(names) => self.one(names).0.to_owned(),
        }
    }

    fn comparison(&mut self) -> String {
        let field = self.one(FIELDS.0);
        let (name, value) = (field.names[0], self.value(&field));
        let pattern = self.one(&PATTERNS);
        let ordered = matches!(field.kind, Kind::Text | Kind::Number | Kind::Instant);
        let text = matches!(field.kind, Kind::Text);
        let like = text || matches!(field.kind, Kind::Name(_));
        match self.number(12) {
            0 => format!("{name} is null"),
            1 => format!("{name} is not empty"),
            2 => format!("{name} not in ({value}, {}, null)", self.value(&field)),
            3 | 4 => format!("{name}=in=({value},{})", self.value(&field)),
            5 => format!("{name}!{value}"),
            6 if ordered => format!("{name} {} {value}", self.one(&["gt", ">=", "<:", "lt"])),
            7 if like => format!("{name}~'{pattern}'"),
            8 if like => format!("{name} not ilike '{pattern}'"),
            9 if text => format!("{name}=='{pattern}'"),
            10 if like => format!("{name} ~~ '{pattern}'"),
            _ => format!("{name}:{value}"),
        }
    }

    fn filter(&mut self, depth: i64) -> String {
        match self.number(6) {
            0 | 1 if depth > 0 => format!("({} and {})", self.filter(depth - 1), self.filter(depth - 1)),
            2 if depth > 0 => format!("({},{})", self.filter(depth - 1), self.filter(depth - 1)),
            3 if depth > 0 => format!("not {}", self.filter(depth - 1)),
            4 if depth > 0 => format!("({};{};{})", self.filter(0), self.filter(0), self.filter(0)),
            _ => self.comparison(),
        }
    }

    /// The list by the filter's own words, newest first; or in an order.
    fn expected(&self, filter: &Filter<ExecutionColumn>, sort: &[SortKey<ExecutionColumn>]) -> Vec<ExecutionId> {
        let mut found: Vec<&Execution> =
            self.all.iter().filter(|execution| filter.matches(&|column| column.of(execution))).collect();
        found.sort_by(|left, right| {
            let by_id = left.origin.id.cmp(&right.origin.id);
            let by_key = |key: &SortKey<ExecutionColumn>| match (key.column, key.direction) {
                (ExecutionColumn::CreatedAt | ExecutionColumn::Id, Direction::Ascending) => by_id,
                (ExecutionColumn::CreatedAt | ExecutionColumn::Id, Direction::Descending) => by_id.reverse(),
                _ => key.compare(key.column.of(left).as_ref(), key.column.of(right).as_ref()),
            };
            sort.iter().map(by_key).find(|order| *order != Ordering::Equal).unwrap_or(by_id.reverse())
        });
        found.iter().map(|execution| execution.origin.id).collect()
    }
}

fn read(texts: &[&str]) -> ExecutionFilter {
    let raw = parse_all(texts).unwrap_or_else(|error| panic!("{texts:?}: {error}")).expect("it says something");
    let matching = raw.bind(&FIELDS).unwrap_or_else(|error| panic!("{texts:?}: {error}"));
    ExecutionFilter { matching: Some(matching), ..ExecutionFilter::default() }
}

fn ids(executions: &[Execution]) -> Vec<ExecutionId> {
    executions.iter().map(|execution| execution.origin.id).collect()
}

pub async fn random_filters_find_what_they_say(fixture: Fixture) {
    let mut rows = Rows::new(&fixture, 7).await;
    let (mut some, mut sorted) = (0, 0);
    for round in 0..FILTERS {
        let texts = [rows.filter(3), rows.filter(0)];
        let texts: Vec<&str> = texts.iter().take(1 + round % 4 / 3).map(String::as_str).collect();
        let mut filter = read(&texts);
        if round % 5 == 0 {
            filter.pod_id = Some(rows.home.pod);
            filter.statuses = vec![rows.one(&ExecutionStatus::ALL), rows.one(&ExecutionStatus::ALL)];
        }
        let whole = filter.whole();
        let expected = rows.expected(&whole, &[]);
        some += usize::from(!expected.is_empty() && expected.len() < ROWS);

        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = fixture.store.executions(rows.home.workspace, &filter, 40, cursor.as_deref()).await.unwrap();
            found.extend(ids(&page.items));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{texts:?} {whole:?}");
        let listed = fixture.store.execution_ids(rows.home.workspace, &filter, 1_000).await.unwrap();
        assert_eq!(listed, expected, "{texts:?}");

        let sorting: Vec<&str> = FIELDS.0.iter().filter(|field| field.sorts).map(|field| field.names[0]).collect();
        let (first, second) = (rows.one(&sorting), rows.one(&sorting));
        let order = if first == second { format!("{first},desc") } else { format!("{first}:desc;{second}") };
        let sort = parse_sort(&[&order], &FIELDS).unwrap();
        let expected = rows.expected(&whole, &sort);
        let (offset, limit) = (rows.number(30), rows.number(60) + 1);
        let page = fixture.store.execution_page(rows.home.workspace, &filter, &sort, offset, limit).await.unwrap();
        let window: Vec<_> = expected.iter().copied().skip(offset as usize).take(limit as usize).collect();
        assert_eq!((ids(&page.items), page.total), (window, expected.len() as i64), "{texts:?} by {order}");
        sorted += usize::from(page.items.len() > 2);
    }
    assert!(some > FILTERS / 2 && sorted > FILTERS / 4, "filters that say nothing test nothing: {some}, {sorted}");
}

pub async fn pages_are_counted_sorted_and_bounded(fixture: Fixture) {
    let rows = Rows::new(&fixture, 8).await;
    let (store, workspace) = (&*fixture.store, rows.home.workspace);
    let any = ExecutionFilter::default();
    for order in [
        "createdOn,desc",
        "createdOn",
        "id",
        "status;createdOn:desc",
        "status:desc",
        "priority:desc;status:asc;startDate:desc",
        "endDate",
        "endDate,desc",
        "startDate,desc;createdOn",
        "subject;createdBy,desc",
        "exceptionDetails.code",
    ] {
        let sort = parse_sort(&[order], &FIELDS).unwrap();
        for text in [None, Some("status in (RUNNING, FAILED)"), Some("assistantId is not null and status!FAILED")] {
            let filter = text.map_or(any.clone(), |text| read(&[text]));
            let expected = rows.expected(&filter.whole(), &sort);
            let mut found = Vec::new();
            for page in 0.. {
                let page = store.execution_page(workspace, &filter, &sort, page * 35, 35).await.unwrap();
                assert_eq!(page.total, expected.len() as i64, "{order} {text:?}");
                if page.items.is_empty() {
                    break;
                }
                found.extend(ids(&page.items));
            }
            assert_eq!(found, expected, "{order} {text:?}");
        }
    }
    // Without an order, and the rows as they are.
    let page = store.execution_page(workspace, &any, &[], 3, 2).await.unwrap();
    let newest: Vec<_> = rows.all.iter().rev().skip(3).take(2).collect();
    assert_eq!(ids(&page.items), newest.iter().map(|execution| execution.origin.id).collect::<Vec<_>>());
    assert_eq!(page.items[0].progress, newest[0].progress);
    assert_eq!(page.items[0].origin.input, serde_json::Value::Null);
    let with_inputs = ExecutionFilter { with_inputs: true, ..any.clone() };
    let page = store.execution_page(workspace, &with_inputs, &[], 3, 1).await.unwrap();
    assert_eq!(page.items[0].origin.input, newest[0].origin.input);

    let page = store.execution_page(workspace, &any, &[], MAX_OFFSET, 1).await.unwrap();
    assert_eq!((page.items.len(), page.total), (0, ROWS as i64));
    let refused = store.execution_page(workspace, &any, &[], MAX_OFFSET + 1, 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::OffsetTooLarge), "{refused:?}");
}
