//! What a worker may use, and what it ran into.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds of one worker. What has no number of its own here is bounded by another: bytes on disk by files and their size.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Memory of all its processes together, in bytes; files in its private `/tmp` count, where there are control groups.
    pub memory_bytes: u64,
    /// Processors that it may keep busy, in thousandths of one.
    pub milli_cpus: u64,
    /// Processes and threads at a time.
    pub processes: u64,
    /// Processor time of all its processes together; none is bounded by the time alone.
    pub cpu_time: Option<Duration>,
    /// From its start to its end.
    pub time: Duration,
    /// The largest file it may write, in bytes.
    pub file_bytes: u64,
    /// Open files of one process.
    pub open_files: u64,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// The largest output that is taken, in bytes.
    pub output_bytes: u64,
    /// What of its standard output and error becomes log lines, in bytes.
    pub log_bytes: u64,
    /// Files left in `artifacts/` that are uploaded.
    pub artifacts: usize,
    /// Bytes of these together.
    pub artifact_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            milli_cpus: 1_000,
            processes: 128,
            cpu_time: None,
            time: Duration::from_mins(10),
            file_bytes: 256 << 20,
            open_files: 1_024,
            grace: Duration::from_secs(10),
            output_bytes: 1 << 20,
            log_bytes: 1 << 20,
            artifacts: 32,
            artifact_bytes: 256 << 20,
        }
    }
}

/// A bound that a worker ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hit {
    /// It ran for too long.
    Time,
    /// It used too much processor time.
    CpuTime,
    /// It used too much memory.
    Memory,
    /// It started too many processes or threads.
    Processes,
    /// It wrote a file that is too large.
    FileSize,
}

impl Hit {
    /// The stable code of the failure.
    pub fn code(self) -> &'static str {
        match self {
            Self::Time => "time_limit",
            Self::CpuTime => "cpu_time_limit",
            Self::Memory => "memory_limit",
            Self::Processes => "process_limit",
            Self::FileSize => "file_size_limit",
        }
    }

    /// One sentence, with the number that was passed.
    pub fn sentence(self, limits: &Limits) -> String {
        match self {
            Self::Time => format!("the worker was stopped after {}, the longest that one may run", span(limits.time)),
            Self::CpuTime => format!(
                "the worker was stopped: it used more than {} of processor time",
                span(limits.cpu_time.unwrap_or_default())
            ),
            Self::Memory => format!("the worker was killed: it used more than {} of memory", size(limits.memory_bytes)),
            Self::Processes => {
                format!("the worker was killed: it started more than {} processes and threads", limits.processes)
            }
            Self::FileSize => {
                format!("the worker was killed: it wrote a file of more than {}", size(limits.file_bytes))
            }
        }
    }

    /// Whether another attempt may fare better: only time depends on more than the worker.
    pub fn is_retryable(self) -> bool {
        self == Self::Time
    }
}

/// A length of time as the settings have it.
pub fn span(length: Duration) -> String {
    match (length.as_secs(), length.subsec_millis()) {
        (_, ms) if ms > 0 => format!("{}ms", length.as_millis()),
        (s, _) if s > 0 && s % 3_600 == 0 => format!("{}h", s / 3_600),
        (s, _) if s > 0 && s % 60 == 0 => format!("{}m", s / 60),
        (s, _) => format!("{s}s"),
    }
}

/// A number of bytes as the settings have it.
pub fn size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_settings_are() {
        assert_eq!(size(512 << 20), "512MiB");
        assert_eq!(size(1_000), "1000 bytes");
        assert_eq!(size(0), "0 bytes");
        assert_eq!(span(Duration::from_mins(10)), "10m");
        assert_eq!(span(Duration::from_hours(2)), "2h");
        assert_eq!(span(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(span(Duration::from_secs(90)), "90s");
    }
}
