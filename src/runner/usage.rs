//! What the processes of a sandbox use, read from `/proc`: where no control groups count it.
//!
//! A sandbox is the tree below its first process: whatever loses its parent in there becomes a child of that one. Such a look
//! comes too late for what a worker does between two looks; the kernel's bounds per process hold meanwhile.

use std::{collections::HashMap, fs, time::Duration};

use rustix::param::clock_ticks_per_second;

/// What a tree of processes uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Threads of all processes, zombies included: what the kernel counts, too.
    pub threads: u64,
    /// Memory in use, in bytes, without files that are mapped; what several processes share is counted for each.
    pub memory_bytes: u64,
    /// Processor time, of those that have been waited for as well.
    pub cpu_time: Duration,
}

/// One process as its `stat` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    ticks: u64,
    threads: u64,
}

/// The children of a process.
pub(super) fn children(pid: u32) -> Vec<u32> {
    processes().into_iter().filter(|(_, stat)| stat.parent == pid).map(|(pid, _)| pid).collect()
}

/// Whether a process has ended; with the first one of a namespace everything else in there has.
pub(super) fn is_over(pid: u32) -> bool {
    let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else { return true };
    String::from_utf8_lossy(&stat).rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// What everything below a process uses; of the process itself nothing but its processor time counts.
pub(super) fn below(root: u32) -> Usage {
    let processes = processes();
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, stat) in &processes {
        children.entry(stat.parent).or_default().push(*pid);
    }
    let (mut usage, mut ticks) = (Usage::default(), 0);
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        let Some(stat) = processes.get(&pid) else { continue };
        ticks += stat.ticks;
        if pid != root {
            usage.threads += stat.threads.max(1);
            usage.memory_bytes += memory_of(pid);
        }
        // A process that was begun in the middle of reading may seem to be its own ancestor; each is visited once.
        next.extend(children.remove(&pid).unwrap_or_default());
    }
    usage.cpu_time = Duration::from_millis(ticks * 1_000 / clock_ticks_per_second().max(1));
    usage
}

fn processes() -> HashMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let text = fs::read(entry.path().join("stat")).ok()?;
            Some((pid, stat_of(&String::from_utf8_lossy(&text))?))
        })
        .collect()
}

/// Memory of a process that is its own, or shared with others without a file.
fn memory_of(pid: u32) -> u64 {
    fs::read_to_string(format!("/proc/{pid}/status")).map_or(0, |text| memory_in(&text))
}

fn memory_in(status: &str) -> u64 {
    let of = |line: &str| -> Option<u64> {
        let number = line.strip_prefix("RssAnon:").or_else(|| line.strip_prefix("RssShmem:"))?;
        number.trim().strip_suffix(" kB")?.parse().ok()
    };
    status.lines().filter_map(of).sum::<u64>() << 10
}

/// Reads a `stat`. The name in it is the process's own choice, parentheses and line ends included, so it is read from the last one.
fn stat_of(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first of these is field 3 in proc(5).
    let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok().map(|number| number.max(0) as u64);
    Some(Stat {
        parent: number(4)? as u32,
        ticks: number(14)? + number(15)? + number(16)? + number(17)?,
        threads: number(20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_behind_the_name() {
        let text = "77 (a) R 1 (b\n) S 12 77 77 0 -1 4194304 109 0 0 0 3 4 5 6 20 0 9 0 100 4096000 250 184467440 0";
        assert_eq!(stat_of(text), Some(Stat { parent: 12, ticks: 18, threads: 9 }));
        assert_eq!(stat_of("77 (a"), None);
        assert_eq!(stat_of(""), None);
    }

    #[test]
    fn memory_is_read_without_mapped_files() {
        let status =
            "Name:\tRssAnon: 7 kB\nVmRSS:\t  500 kB\nRssAnon:\t  120 kB\nRssFile:\t  370 kB\nRssShmem:\t   10 kB\n";
        assert_eq!(memory_in(status), 130 << 10);
        assert_eq!(memory_in(""), 0);
    }

    #[test]
    fn a_process_below_this_one_uses_something() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let usage = below(std::process::id());
        assert!(usage.threads >= 1 && usage.memory_bytes > 10_000, "{usage:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(below(u32::MAX), Usage::default());
    }
}
