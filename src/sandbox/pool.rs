//! The processes that are kept for further calls.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, value::RawValue};
use tokio::sync::mpsc;

use super::{
    Bound, Call, Line, MAX_INPUT_BYTES, Options, SandboxError, frames::Order, process::Process, starter::Starter,
};

/// What runs when no other program is named. It stays this program when another version is put in its place on disk.
const OWN_PROGRAM: &str = "/proc/self/exe";

pub(super) struct Pool {
    program: PathBuf,
    unconfined: bool,
    idle: Mutex<Vec<Process>>,
    starter: Mutex<Option<Starter>>,
}

impl Pool {
    pub(super) fn new(options: Options) -> Self {
        Self {
            program: options.program.unwrap_or_else(|| OWN_PROGRAM.into()),
            unconfined: options.unconfined,
            idle: Mutex::default(),
            starter: Mutex::default(),
        }
    }

    /// Runs a script in a process that nobody else has meanwhile. One that comes back from its call may serve again.
    pub(super) async fn run(&self, call: &Call, lines: mpsc::Sender<Line>) -> Result<Value, SandboxError> {
        let order = Order {
            source: call.source.to_string(),
            input: raw(&call.input)?,
            context: raw(&call.context)?,
            memory_bytes: call.memory_bytes,
            cpu_ms: u64::try_from(call.cpu.as_millis()).unwrap_or(u64::MAX),
        };
        if order.input.get().len() + order.context.get().len() > MAX_INPUT_BYTES {
            return Err(SandboxError::Exceeded(Bound::Input));
        }
        if let Some(process) = self.idle() {
            match self.run_in(process, &order, call, lines.clone()).await {
                // It had died, or was dying, since its last call. A script does nothing outside, so it may begin again.
                (Err(SandboxError::Lost(_)), true) => {}
                (ended, _) => return ended,
            }
        }
        let process = Process::start(&self.starter()?, &self.program, self.unconfined).await?;
        self.run_in(process, &order, call, lines).await.0
    }

    /// Runs a script in this process; and whether nothing was heard of it.
    async fn run_in(
        &self,
        mut process: Process,
        order: &Order,
        call: &Call,
        lines: mpsc::Sender<Line>,
    ) -> (Result<Value, SandboxError>, bool) {
        let ended = process.run(order, call.cpu, lines).await;
        let was_silent = process.was_silent();
        if process.is_good() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        }
        (ended, was_silent)
    }

    /// The process that was used last, if it lives.
    fn idle(&self) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut process) = idle.pop() {
            if process.lives() {
                return Some(process);
            }
        }
        None
    }

    fn starter(&self) -> Result<Starter, SandboxError> {
        let mut starter = self.starter.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(starter) = &*starter {
            return Ok(starter.clone());
        }
        let new =
            Starter::new().map_err(|error| SandboxError::Unavailable(format!("no thread can be started: {error}")))?;
        Ok(starter.insert(new).clone())
    }
}

fn raw(value: &Value) -> Result<Box<RawValue>, SandboxError> {
    serde_json::value::to_raw_value(value).map_err(|error| SandboxError::Output(error.to_string()))
}
