//! How a worker ended, and what is told to the server about it.

use serde_json::{Value, json};

use super::{
    folder::OutputError,
    limits::{Hit, Limits},
    log::{Tail, cut},
};

/// How the worker's own program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Nobody can say: what watched it was lost.
    Unknown,
}

/// What became of a worker that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How its program ended.
    pub exit: Exit,
    /// The bound that it ran into.
    pub hit: Option<Hit>,
    /// Whether it was told to end before it did: an exit code of 0 then says that it heard, not that it is done.
    pub told: bool,
    /// Whether it had to be killed, because it did not end when it was told to.
    pub killed: bool,
    /// Processes that it left behind; they are gone, too.
    pub left: usize,
}

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The runner's command is not there, or can't be run.
    #[error("{0}")]
    Command(String),
    /// The sandbox or the container could not be made.
    #[error("the worker's {what} could not be made: {why}")]
    Place {
        /// What could not be made.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

impl StartError {
    /// A sandbox that could not be made.
    pub(super) fn sandbox(why: impl ToString) -> Self {
        Self::Place { what: "sandbox", why: why.to_string() }
    }

    /// A container that could not be made.
    pub(super) fn container(why: impl ToString) -> Self {
        Self::Place { what: "container", why: why.to_string() }
    }
}

/// Why the runner itself stopped a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The task was withdrawn.
    Cancelled,
    /// The lease is over: the worker has ended the task itself, or somebody else has the task now.
    LeaseOver,
    /// The runner stops.
    Stopping,
}

/// What is told to the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing: the server knows, or doesn't want to.
    Nothing,
    /// The task is complete, with this output.
    Complete(Value),
    /// The task has failed.
    Fail(Failure),
    /// The task goes back unharmed.
    Release(&'static str),
}

/// The `error` of a failed task.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The stable code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Whether another attempt may fare better.
    pub retryable: bool,
    /// What is known besides.
    pub details: Value,
}

/// Decides what is told: `told` says that the worker ended its task itself, `tail` are the last lines of its log.
pub fn verdict(
    ended: &Result<Ended, StartError>,
    stopped: Option<Cause>,
    output: impl FnOnce() -> Result<Option<Vec<u8>>, OutputError>,
    tail: &Tail,
    limits: &Limits,
) -> Verdict {
    match stopped {
        Some(Cause::Cancelled | Cause::LeaseOver) => return Verdict::Nothing,
        // What ended before it was told to has ended; everything else is given to somebody who has time.
        Some(Cause::Stopping) if !matches!(ended, Ok(Ended { told: false, .. })) => {
            return Verdict::Release("the runner stops");
        }
        Some(Cause::Stopping) | None => {}
    }
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            let code = if matches!(error, StartError::Command(_)) { "command_failed" } else { "worker_not_started" };
            let retryable = matches!(error, StartError::Place { .. });
            return Verdict::Fail(Failure {
                code,
                message: error.to_string(),
                retryable,
                details: json!({"log": tail.lines}),
            });
        }
    };
    if ended.hit.is_none() && ended.exit == Exit::Code(0) {
        return match output() {
            Ok(output) => Verdict::Complete(value_of(output)),
            Err(error) => {
                let code =
                    if matches!(error, OutputError::TooLarge { .. }) { "output_too_large" } else { "output_invalid" };
                let details = json!({"exitCode": 0, "log": tail.lines});
                Verdict::Fail(Failure { code, message: error.to_string(), retryable: false, details })
            }
        };
    }
    Verdict::Fail(failure(ended, tail, limits))
}

fn failure(ended: &Ended, tail: &Tail, limits: &Limits) -> Failure {
    let mut details = json!({"log": tail.lines});
    match ended.exit {
        Exit::Code(code) => details["exitCode"] = json!(code),
        Exit::Signal(signal) => details["signal"] = json!(signal_name(signal)),
        Exit::Unknown => {}
    }
    if ended.killed {
        details["killed"] = json!(true);
    }
    if let Some(hit) = ended.hit {
        details["limit"] = json!(hit);
        let mut message = hit.sentence(limits);
        if ended.killed && matches!(hit, Hit::Time | Hit::CpuTime) {
            message.push_str("; it ignored SIGTERM and was killed");
        }
        return Failure { code: hit.code(), message, retryable: hit.is_retryable(), details };
    }
    let (code, mut message) = match ended.exit {
        Exit::Code(code) => ("worker_failed", format!("the worker ended with exit code {code}")),
        Exit::Signal(signal) => ("worker_killed", format!("the worker was ended by {}", signal_name(signal))),
        Exit::Unknown => ("worker_killed", "the worker's sandbox was killed from outside".to_owned()),
    };
    // The last thing a program says before it gives up is mostly why.
    if let Some(last) = &tail.last {
        message = format!("{message}: {}", cut(last, 200));
    }
    Failure { code, message, retryable: true, details }
}

/// JSON if it is that, else text; nothing is `null`.
fn value_of(output: Option<Vec<u8>>) -> Value {
    let Some(bytes) = output.filter(|bytes| !bytes.is_empty()) else { return Value::Null };
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}")))
}

/// The name of a signal.
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "the shape that a verdict is given on")]
    fn ended(exit: Exit, hit: Option<Hit>) -> Result<Ended, StartError> {
        Ok(Ended { exit, hit, told: false, killed: false, left: 0 })
    }

    fn told(ended: &Result<Ended, StartError>, stopped: Option<Cause>, output: Option<&[u8]>) -> Verdict {
        let output = output.map(<[u8]>::to_vec);
        verdict(
            ended,
            stopped,
            || Ok(output),
            &Tail { lines: vec!["a".to_owned(), "boom ".to_owned(), " ".to_owned()], last: Some("boom".to_owned()) },
            &Limits::default(),
        )
    }

    #[test]
    fn exit_0_completes_with_what_was_written() {
        let done = ended(Exit::Code(0), None);
        for (output, expected) in [
            (None, Value::Null),
            (Some(&b""[..]), Value::Null),
            (Some(b"{\"a\": 1}\n"), json!({"a": 1})),
            (Some(b"hello\n"), json!("hello\n")),
            (Some(b"\xff\0"), json!("\u{fffd}\u{fffd}")),
        ] {
            assert_eq!(told(&done, None, output), Verdict::Complete(expected));
        }
        assert_eq!(told(&done, Some(Cause::Stopping), Some(b"1")), Verdict::Complete(json!(1)));
    }

    #[test]
    fn what_the_server_knows_is_not_told() {
        for cause in [Cause::Cancelled, Cause::LeaseOver] {
            assert_eq!(told(&ended(Exit::Code(1), None), Some(cause), None), Verdict::Nothing);
            assert_eq!(told(&ended(Exit::Code(0), None), Some(cause), None), Verdict::Nothing);
        }
        for exit in [Exit::Signal(15), Exit::Code(0)] {
            let stopped = Ok(Ended { exit, hit: None, told: true, killed: false, left: 0 });
            assert_eq!(told(&stopped, Some(Cause::Stopping), None), Verdict::Release("the runner stops"));
        }
    }

    #[test]
    fn failures_say_what_happened() {
        let of = |exit, hit| match told(&ended(exit, hit), None, None) {
            Verdict::Fail(failure) => failure,
            other => panic!("{other:?}"),
        };
        let failed = of(Exit::Code(3), None);
        assert_eq!((failed.code, failed.retryable), ("worker_failed", true));
        assert_eq!(failed.message, "the worker ended with exit code 3: boom");
        assert_eq!(failed.details, json!({"exitCode": 3, "log": ["a", "boom ", " "]}));
        let killed = of(Exit::Signal(11), None);
        assert_eq!((killed.code, &killed.details["signal"]), ("worker_killed", &json!("SIGSEGV")));
        let hit = of(Exit::Signal(9), Some(Hit::Memory));
        assert_eq!((hit.code, hit.retryable), ("memory_limit", false));
        assert_eq!(hit.message, "the worker was killed: it used more than 512MiB of memory");
        // A program that ends well although it ran into a bound has not ended well.
        assert_eq!(of(Exit::Code(0), Some(Hit::Time)).code, "time_limit");
    }

    #[test]
    fn an_output_that_is_not_taken_is_a_failure() {
        let refused = |error: OutputError| {
            verdict(&ended(Exit::Code(0), None), None, || Err(error), &Tail::default(), &Limits::default())
        };
        let Verdict::Fail(link) = refused(OutputError::NoFile("a symbolic link")) else { panic!("it fails") };
        assert_eq!((link.code, link.retryable), ("output_invalid", false));
        assert_eq!(link.message, "the output file is a symbolic link; only a regular file is read");
        let Verdict::Fail(large) = refused(OutputError::TooLarge { found: 9, most: 5 }) else { panic!("it fails") };
        assert_eq!(large.code, "output_too_large");
    }
}
