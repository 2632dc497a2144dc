//! Half of the load that the machine can bear, for long: what must be flat is sampled, and compared at the end.
//!
//! Not one of the ordinary tests: `make soak`, and `docs/soak.md`.

use std::{fmt::Write, path::Path, sync::Arc, time::Duration};

use serde_json::json;
use sqlx::{Connection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::support::{
    load::Pace,
    own_cluster::OwnCluster,
    process::{Caller, Server, Site, count},
    sse::{Follower, PodFollower},
    traffic::{ARGUMENTS, Traffic},
};

/// Clients that find out what the machine can bear, and that are enough for half of it.
const CLIENTS: u64 = 16;
/// Chains whose time is taken, each second.
const PROBES: u32 = 5;

/// One sample: what was the case at its end, and how long the chains took since the last one.
#[derive(Debug, Clone)]
struct Sample {
    at_s: f64,
    /// A session holds a snapshot.
    held: bool,
    per_second: f64,
    memory_mib: f64,
    files: f64,
    /// The log of SQLite in MiB, or PostgreSQL's dead rows.
    debris: f64,
    /// The database, or the tables whose rows come and go.
    size_mib: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// What is compared: its name, its value, by which share and by how much beside that it may be more in the end.
type Measure = (&'static str, fn(&Sample) -> f64, f64, f64);

fn measures(database: &str) -> Vec<Measure> {
    let common: [Measure; 4] = [
        ("memory (MiB)", |sample| sample.memory_mib, 0.10, 8.0),
        ("open files", |sample| sample.files, 0.10, 8.0),
        ("latency p50 (ms)", |sample| sample.p50_ms, 0.30, 2.0),
        ("latency p99 (ms)", |sample| sample.p99_ms, 0.50, 20.0),
    ];
    let mut measures = common.to_vec();
    if database == "sqlite" {
        // The log keeps what it has grown to, up to 64 MiB.
        measures.push(("log (MiB)", |sample| sample.debris, 0.0, 64.0));
    } else {
        measures.push(("dead rows", |sample| sample.debris, 0.50, 5_000.0));
        measures.push(("tables of the moment (MiB)", |sample| sample.size_mib, 0.25, 4.0));
    }
    measures
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Compares the second quarter with the last one: a table, and whether all is flat.
fn verdict(samples: &[Sample], measures: &[Measure]) -> (String, bool) {
    let quarter = |n: usize| &samples[samples.len() * n / 4..samples.len() * (n + 1) / 4];
    let mut text = format!("{:<28} {:>12} {:>12} {:>12}\n", "", "2nd quarter", "4th quarter", "allowed");
    let mut flat = true;
    for (name, value, share, more) in measures {
        let of = |part: &[Sample]| median(part.iter().map(value).collect());
        let (early, late) = (of(quarter(1)), of(quarter(3)));
        let allowed = early * (1.0 + share) + more;
        let good = late <= allowed && late.is_finite();
        flat &= good;
        let mark = if good { "flat" } else { "NOT FLAT" };
        writeln!(text, "{name:<28} {early:>12.1} {late:>12.1} {allowed:>12.1}   {mark}").unwrap();
    }
    (text, flat)
}

/// Where the rows are: beside the server.
enum Beside {
    Sqlite(String),
    Postgres(Box<PgConnection>),
}

impl Beside {
    /// Debris and size.
    async fn look(&mut self) -> (f64, f64) {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        match self {
            Self::Sqlite(path) => {
                let size = |path: String| std::fs::metadata(path).map_or(0, |file| file.len());
                (mib(size(format!("{path}-wal"))), mib(size(path.clone())))
            }
            Self::Postgres(connection) => {
                let dead = "SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables";
                let of_the_moment = "SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_stat_user_tables
                     WHERE relname IN ('queue', 'timers', 'instances', 'tasks', 'workers', 'debounces')";
                let dead: i64 = sqlx::query_scalar(dead).fetch_one(&mut **connection).await.unwrap();
                let size: i64 = sqlx::query_scalar(of_the_moment).fetch_one(&mut **connection).await.unwrap();
                (dead as f64, mib(size.unsigned_abs()))
            }
        }
    }
}

/// Holds a snapshot for so long: an open transaction that has read.
async fn hold(store: String, time: Duration) {
    let read = "SELECT count(*) FROM executions";
    if let Some(path) = store.strip_prefix("sqlite:") {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        sqlx::query_scalar::<_, i64>(read).fetch_one(&mut *transaction).await.unwrap();
        sleep(time).await;
    } else {
        let mut connection = PgConnection::connect(&store).await.unwrap();
        let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        sqlx::query_scalar::<_, i64>(read).fetch_one(&mut *transaction).await.unwrap();
        sleep(time).await;
    }
}

/// Takes the time of a short chain again and again, from the trigger to its last event.
async fn probe(caller: Caller, taken: Arc<Mutex<Vec<f64>>>, stop: watch::Receiver<bool>) {
    let chain = json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "one", "type": "transform", "data": {"output": {"n": "{{ input.n }}"}}},
            {"id": "two", "type": "transform", "data": {"output": {"n": "{{ input.n }}"}}},
            {"id": "finish", "type": "end"},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "one"},
            {"id": "e2", "source": "one", "target": "two"},
            {"id": "e3", "source": "two", "target": "finish"},
        ],
    });
    let workflow = caller.workflow(chain).await;
    let mut ticks = interval(Duration::from_secs(1) / PROBES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for n in 0.. {
        ticks.tick().await;
        if *stop.borrow() {
            return;
        }
        let begun = Instant::now();
        let id = caller.trigger(&workflow, json!({"n": n})).await;
        Follower::new(&caller, &id).follow(|_| {}).await;
        taken.lock().await.push(begun.elapsed().as_secs_f64() * 1e3);
    }
}

/// A subscriber to everything in the pod, who keeps nothing but the place where it is.
async fn subscribe(caller: Caller, stop: watch::Receiver<bool>) {
    let mut follower = PodFollower::new(&caller, None);
    while !*stop.borrow() {
        let address = caller.address().await;
        let known = follower.events.len();
        let more = |follower: &PodFollower| follower.events.len() > known;
        // In the end nothing more may come.
        tokio::select! {
            () = follower.read_until(&address, more) => {}
            () = sleep(Duration::from_secs(2)) => {}
        }
        follower.events.clear();
    }
}

async fn soak(database: &'static str, server: Server, mut beside: Beside) {
    let minutes = count("SLUICEGATE_TEST_SOAK_MINUTES", 10);
    let time = Duration::from_secs(60 * minutes as u64);
    let every = Duration::from_secs(10).min(time / 60);
    let caller = server.caller();
    let mut traffic = Traffic::start(vec![caller.clone()], CLIENTS, 1).await;
    let stop = watch::Sender::new(false);
    let taken: Arc<Mutex<Vec<f64>>> = Arc::default();
    let mut others = JoinSet::new();
    others.spawn(probe(caller.clone(), Arc::clone(&taken), stop.subscribe()));
    others.spawn(subscribe(caller.clone(), stop.subscribe()));

    // What the machine can do with all of this: the first part warms up, the second one counts.
    let measuring = (time / 20).min(Duration::from_secs(30));
    sleep(measuring).await;
    let (before, begun) = (traffic.ended(), Instant::now());
    sleep(measuring).await;
    let most = (traffic.ended() - before) as f64 / begun.elapsed().as_secs_f64();
    traffic.change_pace(CLIENTS, 1_000, &Pace::per_second(most / 2.0)).await;
    println!("{database}: {most:.1} executions a second at most; going on with half of that for {minutes} minutes");

    let (begun, hold_at, hold_for) = (Instant::now(), time / 6, (time / 6).min(Duration::from_mins(10)));
    let mut holding: Option<Instant> = None;
    let mut samples: Vec<Sample> = Vec::new();
    let mut last = (traffic.ended(), begun);
    let mut csv =
        String::from("seconds,snapshot,executions_per_second,memory_mib,open_files,debris,size_mib,p50_ms,p99_ms\n");
    while begun.elapsed() < time {
        sleep(every).await;
        traffic.check();
        if let Some(ended) = others.try_join_next() {
            panic!("a client has ended early: {ended:?}");
        }
        if holding.is_none() && begun.elapsed() >= hold_at {
            let store = server.site.store.clone();
            others.spawn(async move {
                hold(store, hold_for).await;
                // Whoever ends early is taken for one who failed.
                std::future::pending::<()>().await;
            });
            holding = Some(Instant::now());
        }
        let mut times = std::mem::take(&mut *taken.lock().await);
        times.sort_by(f64::total_cmp);
        let quantile = |share: f64| times.get((share * times.len().saturating_sub(1) as f64).round() as usize).copied();
        let (debris, size_mib) = beside.look().await;
        let sample = Sample {
            at_s: begun.elapsed().as_secs_f64(),
            held: holding.is_some_and(|since| since.elapsed() < hold_for),
            per_second: (traffic.ended() - last.0) as f64 / last.1.elapsed().as_secs_f64(),
            memory_mib: server.resident_bytes() as f64 / f64::from(1 << 20),
            files: std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count() as f64,
            debris,
            size_mib,
            p50_ms: quantile(0.50).unwrap_or(f64::INFINITY),
            p99_ms: quantile(0.99).unwrap_or(f64::INFINITY),
        };
        last = (traffic.ended(), Instant::now());
        let Sample { at_s, held, per_second, memory_mib, files, debris, size_mib, p50_ms, p99_ms } = &sample;
        let held = u8::from(*held);
        writeln!(
            csv,
            "{at_s:.0},{held},{per_second:.1},{memory_mib:.1},{files},{debris:.1},{size_mib:.1},{p50_ms:.1},{p99_ms:.1}"
        )
        .unwrap();
        samples.push(sample);
    }
    stop.send_replace(true);
    let passed = traffic.finish().await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("soak");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{database}-{}.csv", std::process::id()));
    std::fs::write(&file, csv).unwrap();
    let (table, flat) = verdict(&samples, &measures(database));
    let of = |held: bool, value: fn(&Sample) -> f64| {
        let values = samples.iter().filter(|sample| sample.held == held).map(value);
        values.fold(0.0, f64::max)
    };
    println!("{database}, {minutes} minutes, {:.1} executions a second: {passed}", most / 2.0);
    println!(
        "debris at most: {:.1} with the snapshot held, {:.1} without it; p99: {:.1} and {:.1} ms; {}",
        of(true, |sample| sample.debris),
        of(false, |sample| sample.debris),
        of(true, |sample| sample.p99_ms),
        of(false, |sample| sample.p99_ms),
        file.display()
    );
    print!("{table}");
    assert!(flat, "not everything is flat");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as `make soak` says"]
async fn soak_on_sqlite() {
    let site = Site::sqlite().await;
    let path = site.store.strip_prefix("sqlite:").unwrap().to_owned();
    let server = Server::start(&site, &ARGUMENTS).await;
    soak("sqlite", server, Beside::Sqlite(path)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as `make soak` says"]
async fn soak_on_postgres() {
    // One of its own: what it keeps on the disk, and what is vacuumed when, is nobody else's.
    let cluster = OwnCluster::start(&[], &[]).await;
    let site = Site::at(cluster.url.clone()).await;
    let beside = PgConnection::connect(&site.store).await.unwrap();
    let server = Server::start(&site, &ARGUMENTS).await;
    soak("postgres", server, Beside::Postgres(Box::new(beside))).await;
}

fn line(values: impl Fn(usize) -> f64) -> Vec<Sample> {
    let sample = |n| Sample {
        at_s: 0.0,
        held: false,
        per_second: 0.0,
        memory_mib: values(n),
        files: 10.0,
        debris: 0.0,
        size_mib: 0.0,
        p50_ms: 1.0,
        p99_ms: 2.0,
    };
    (0..40).map(sample).collect()
}

#[test]
fn what_grows_is_not_flat() {
    let all = measures("sqlite");
    assert!(verdict(&line(|_| 100.0), &all).1);
    // It may grow at first, and it may have a peak.
    assert!(verdict(&line(|n| if n < 10 { 50.0 } else { 100.0 + f64::from(n == 35) * 500.0 }), &all).1);
    let (table, flat) = verdict(&line(|n| 100.0 + 2.0 * n as f64), &all);
    assert!(!flat && table.contains("NOT FLAT"), "{table}");
}
