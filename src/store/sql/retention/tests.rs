//! How both databases find what is to be removed: by an index, and no more rows than go.

use super::*;
use crate::store::sql::{backend::Whom, plans::Session, sqlite::plan};

/// Each statement and, for each table it looks into, the index and the columns.
fn found_by() -> Vec<(&'static str, Vec<&'static str>)> {
    let key = "sqlite_autoindex_executions_1 (workspace_id=? AND id=?)";
    let children = "executions_by_parent (workspace_id=? AND parent_execution_id=?)";
    let replays = "executions_by_origin (workspace_id=? AND replay_of=?)";
    let dedupe = "PRIMARY KEY (workspace_id=? AND workflow_id=? AND key=?)";
    let ended = "executions_by_end (workflow_id=? AND finished_at>? AND finished_at<?)";
    vec![
        (ENDED, vec![ended, key, children, replays, dedupe]),
        (CHILDREN, vec!["executions_by_parent (workspace_id=? AND parent_execution_id=? AND id>?)", replays, dedupe]),
        (TAKE_OUT, vec![key, children, replays, dedupe]),
        (FREE_KEY, vec![dedupe]),
        (FORGET_DECISIONS, vec!["idempotency_by_execution (execution_id=?)"]),
        (FORGET_ARTIFACTS, vec!["artifacts_by_execution (workspace_id=? AND execution_id=?)"]),
        (NOTE_OBJECTS, vec!["artifacts_by_execution (workspace_id=? AND execution_id=?)"]),
    ]
}

#[tokio::test]
async fn sqlite_reads_no_more_than_goes() {
    for (sql, found_by) in found_by() {
        let steps = plan(sql).await;
        for index in found_by {
            assert!(steps.iter().any(|step| step.ends_with(index)), "{index}: {sql}\n{steps:#?}");
        }
        let scans = steps.iter().filter(|step| step.starts_with("SCAN"));
        assert!(scans.clone().all(|step| step == "SCAN e" || step == "SCAN CONSTANT ROW"), "{sql}\n{steps:#?}");
    }
    for sql in PARTS {
        let steps = plan(sql).await;
        assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{sql}\n{steps:#?}");
        assert!(steps.iter().any(|step| step.contains("execution_id=?")), "{sql}\n{steps:#?}");
        assert!(!steps.iter().any(|step| step.ends_with("(workspace_id=?)")), "{sql}\n{steps:#?}");
    }
}

/// 20,000 executions of one workflow that have ended, with three events each on log and feed; a few are children or replays.
const ROWS: [&str; 3] = [
    "INSERT INTO executions (workspace_id, id, pod_id, workflow_id, workflow_version, status, last_seq, triggered_by, priority,
         parent_execution_id, depth, replay_of, created_by, created_at, finished_at, waited_ms, stats, input, context)
     SELECT $1, lpad(to_hex(n), 32, '0')::uuid, $1, $2, 1, 'completed', 3, 'sdk', 0,
         CASE WHEN n % 200 = 0 THEN lpad('7', 32, '0')::uuid END, 0,
         CASE WHEN n % 200 = 1 THEN lpad('7', 32, '0')::uuid END, 'ada', n, n, 0, '{}', '{}', '{}'
     FROM generate_series(1000, 20999) AS n",
    "INSERT INTO events (workspace_id, execution_id, seq, body)
     SELECT $1, lpad(to_hex(n), 32, '0')::uuid, seq, CASE WHEN $2 IS NOT NULL THEN '{}' END
     FROM generate_series(1000, 20999) AS n, generate_series(1, 3) AS seq",
    "INSERT INTO feed (workspace_id, pod_id, workflow_id, execution_id, seq, kind)
     SELECT $1, $1, $2, lpad(to_hex(n), 32, '0')::uuid, seq, 'execution_status'
     FROM generate_series(1000, 20999) AS n, generate_series(1, 3) AS seq",
];

#[tokio::test]
async fn postgres_reads_no_more_than_goes() {
    let mut session = Session::open().await;
    let (workspace, workflow, id) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(1_500));
    for sql in ROWS {
        session.fill(sql, cells![workspace, workflow]).await;
    }
    let of_one = || cells![workspace, id, 1_000_i64];
    let mut statements = vec![
        (ENDED, cells![workspace, workflow, 30_000_i64, 0_i64, Uuid::nil(), 200_i64, 5_i64]),
        (CHILDREN, cells![workspace, id, Uuid::nil(), 500_i64, 5_i64]),
        (TAKE_OUT, cells![workspace, id, 30_000_i64, 5_i64]),
    ];
    statements.extend(PARTS[3..].iter().map(|sql| (*sql, of_one())));
    // What somebody removes by hand is removed behind the wall.
    let both = [Whom::Engine, Whom::Tenant(WorkspaceId(workspace))].into_iter();
    for (whom, (sql, cells)) in both.flat_map(|whom| statements.iter().map(move |statement| (whom, statement))) {
        session.work_for(whom).await;
        let plan = session.plan(sql, cells.clone()).await;
        // Tables without rows are as well read through.
        for table in ["executions", "events", "feed"] {
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{sql}\n{plan}");
        }
        assert!(!sql.contains("FROM feed") || plan.contains("feed_by_execution"), "{sql}\n{plan}");
        assert!(*sql != ENDED || plan.contains("executions_by_end") && !plan.contains("->  Sort"), "{sql}\n{plan}");
    }
    session.close().await;
}
