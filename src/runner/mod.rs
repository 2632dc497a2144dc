//! The runner: leases tasks from named queues and starts one isolated worker for each.
//!
//! It knows the published API and nothing of the server's inside. A worker is whatever program the runner was told to start; what it
//! may see, use and leave behind is bounded here, and how it ended is told to the server if it did not tell itself. Two kinds: a
//! sandbox of bubblewrap ([`process`]) and a container of the Docker Engine ([`docker`]).

mod attend;
mod cgroup;
mod control;
pub mod docker;
pub mod doors;
pub mod folder;
mod init;
pub mod kind;
mod leases;
pub mod limits;
pub mod log;
pub mod outcome;
pub mod process;
pub mod sandbox;
mod usage;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
pub use attend::Server;
pub use cgroup::Groups;
use folder::{Place, User};
pub use init::{run as run_init, run_exec};
use kind::Kind;
pub use leases::{Fatal, Leasing};
use limits::Limits;
use log::{Line, Log};
use outcome::{Verdict, verdict};
use process::Job;

/// How workers are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How they are isolated.
    pub kind: Kind,
    /// What each may use.
    pub limits: Limits,
    /// The operator's variables for them.
    pub environment: Vec<(String, String)>,
    /// Time and ids.
    pub clock: Clock,
    /// The runner's name among the workers.
    pub id: String,
    /// The server's address as workers reach it over the network.
    pub worker_url: String,
    /// The user that workers run as, if it is another than the runner's.
    pub user: Option<User>,
}

/// A runner. Cheap to clone; its folder is removed with the last clone.
#[derive(Clone, Debug)]
pub struct Runner {
    place: Arc<Place>,
    options: Arc<Options>,
}

impl Runner {
    /// A runner with a folder of its own.
    pub fn new(place: Place, options: Options) -> Self {
        Self { place: Arc::new(place), options: Arc::new(options) }
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn options(&self) -> &Options {
        &self.options
    }

    /// Runs one worker with this input and without a server, and shows its lines as they come. What would be told:
    /// `{"completed":OUTPUT}`, `{"failed":{"code":...}}` or `{"released":REASON}`, with the names of `artifacts` and the seconds it took.
    pub async fn attempt(
        &self,
        input: &Value,
        stop: &CancellationToken,
        mut show: impl FnMut(&Line),
    ) -> std::io::Result<Value> {
        let Options { kind, limits, environment, worker_url, user, .. } = self.options();
        let begun = tokio::time::Instant::now();
        let folder = self.place.worker("try", &serde_json::to_vec(input)?, *user)?;
        let log = Log::new(limits.log_bytes);
        let environment = kind.environment(None, worker_url, environment);
        let job = Job { id: "try", folder: &folder, environment, limits, log: &log };
        let ended = {
            let mut running = std::pin::pin!(kind.run(job, stop));
            loop {
                match tokio::time::timeout(Duration::from_millis(50), &mut running).await {
                    Ok(ended) => break ended,
                    Err(_) => log.take(usize::MAX).iter().for_each(&mut show),
                }
            }
        };
        let stopped = stop.is_cancelled().then_some(outcome::Cause::Stopping);
        let verdict = verdict(&ended, stopped, || folder.output(limits.output_bytes), &log.tail(), limits);
        let (files, left_out) = folder.artifacts(limits.artifacts, limits.artifact_bytes);
        for text in left_out {
            log.note(text);
        }
        log.take(usize::MAX).iter().for_each(&mut show);
        let mut told = match verdict {
            Verdict::Nothing => json!({}),
            Verdict::Complete(output) => json!({"completed": output}),
            Verdict::Release(reason) => json!({"released": reason}),
            Verdict::Fail(failure) => json!({"failed": {
                "code": failure.code,
                "message": failure.message,
                "retryable": failure.retryable,
                "details": failure.details,
            }}),
        };
        told["artifacts"] = files.iter().map(|left| json!({"name": left.name, "size": left.size})).collect();
        told["seconds"] = json!(begun.elapsed().as_secs_f64());
        Ok(told)
    }
}
