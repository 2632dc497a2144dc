//! The lease loop: asks for as many tasks as there is room for workers, and attends each.
//!
//! The end comes in two stages. First nothing new is leased, and running workers may end by themselves; when their time is over, or at
//! a second signal, they are stopped and their tasks given back.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Runner,
    attend::{Attendance, Server, Stops},
};
use crate::client::{
    ClientError, backoff,
    tasks::{LeaseRequest, Task},
};

/// How long the server may hold a lease call open.
const WAIT_S: u64 = 20;
/// How long a lease call that is under way may still take when the runner stops: its reply may hold tasks.
const LAST_REPLY: Duration = Duration::from_secs(2);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Trying again changes nothing about these.
const FINAL_STATUSES: [u16; 5] = [400, 401, 403, 404, 422];

/// The server does not give this runner tasks, and won't.
#[derive(Debug, thiserror::Error)]
#[error("no tasks can be leased: {0}")]
pub struct Fatal(#[from] ClientError);

/// What is leased, and how the loop ends.
#[derive(Clone, Debug)]
pub struct Leasing {
    /// Where from.
    pub server: Server,
    /// The queues.
    pub queues: Vec<String>,
    /// Workers at a time.
    pub concurrency: usize,
    /// How long workers may go on after the stop.
    pub drain: Duration,
    /// No new leases.
    pub stop: CancellationToken,
    /// No time for running workers, either.
    pub hurry: CancellationToken,
}

impl Runner {
    /// Leases tasks and attends their workers until it is stopped, and all of them have ended.
    pub async fn lease(&self, leasing: &Leasing) -> Result<(), Fatal> {
        let room = Arc::new(Semaphore::new(leasing.concurrency));
        let (workers, stopping) = (TaskTracker::new(), CancellationToken::new());
        let result = self.lease_until_stopped(leasing, &room, &workers, &stopping).await;
        workers.close();
        if !workers.is_empty() {
            tracing::info!(workers = workers.len(), "waiting for workers");
        }
        tokio::select! {
            () = workers.wait() => {}
            () = leasing.hurry.cancelled() => {}
            () = tokio::time::sleep(leasing.drain) => {}
        }
        // Those that are left are stopped, and their tasks given back.
        stopping.cancel();
        workers.wait().await;
        result
    }

    async fn lease_until_stopped(
        &self,
        leasing: &Leasing,
        room: &Arc<Semaphore>,
        workers: &TaskTracker,
        stopping: &CancellationToken,
    ) -> Result<(), Fatal> {
        let Leasing { server, queues, stop, .. } = leasing;
        let mut failures = 0;
        loop {
            let Some(Ok(first)) = stop.run_until_cancelled(Arc::clone(room).acquire_owned()).await else {
                return Ok(());
            };
            let mut permits = vec![first];
            while permits.len() < 100
                && let Ok(permit) = Arc::clone(room).try_acquire_owned()
            {
                permits.push(permit);
            }
            let wanted = LeaseRequest {
                queues: queues.clone(),
                max: permits.len(),
                wait_seconds: WAIT_S,
                worker_id: self.options().id.clone(),
                version: Some(concat!("sluicegate-runner/", env!("CARGO_PKG_VERSION")).to_owned()),
            };
            let mut call = std::pin::pin!(server.client.lease_tasks(&server.pod, &wanted));
            let leased = tokio::select! {
                leased = &mut call => leased,
                () = stop.cancelled() => {
                    if let Ok(Ok(late)) = tokio::time::timeout(LAST_REPLY, call).await {
                        give_back(server, &late).await;
                    }
                    return Ok(());
                }
            };
            match leased {
                Ok(tasks) => {
                    failures = 0;
                    for (task, permit) in tasks.into_iter().zip(permits) {
                        let (runner, server, stops) =
                            (self.clone(), server.clone(), Stops { stopping: stopping.clone() });
                        workers.spawn(async move {
                            Box::pin(Attendance::new(&runner, &server, &task).run(stops)).await;
                            drop(permit);
                        });
                    }
                }
                Err(error) if error.status().is_some_and(|status| FINAL_STATUSES.contains(&status)) => {
                    return Err(error.into());
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "no tasks could be leased");
                    let pause = tokio::time::sleep(backoff(failures).min(LONGEST_PAUSE));
                    if stop.run_until_cancelled(pause).await.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Gives tasks back that nobody will work on.
async fn give_back(server: &Server, tasks: &[Task]) {
    for task in tasks {
        let path = format!("{}/tasks/{}", server.pod, task.task_id);
        if let Err(error) = server.open.release_task(&path, &task.lease_token).await {
            tracing::warn!(task_id = %task.task_id, %error, "a task could not be given back");
        }
    }
}
