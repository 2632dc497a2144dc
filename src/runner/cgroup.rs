//! Control groups: the only bounds that hold for all processes of a worker together, and the only counters that can't be fooled.
//!
//! Used where the runner may make groups below its own: version 1 as root, version 2 where its group was delegated to it (a systemd unit
//! with `Delegate=yes`). Elsewhere the kernel's bounds per process and a look at `/proc` take their place (`usage.rs`).

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::limits::Limits;

/// What the names of our groups begin with.
const PREFIX: &str = "sluicegate-worker-";
/// Beside the worker's own processes there are bubblewrap's and the first one of the sandbox.
pub(super) const OWN_PROCESSES: u64 = 3;
/// The period of processor quotas.
const PERIOD_US: u64 = 100_000;

/// Where groups can be made.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    memory: Option<Home>,
    processes: Option<Home>,
    cpu: Option<Home>,
    cpu_time: Option<Home>,
}

/// The group of a hierarchy below which ours are made.
#[derive(Clone, Debug)]
struct Home {
    folder: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// What a worker has used, and how often it was refused more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Processes that the kernel killed because memory ran out.
    pub out_of_memory: u64,
    /// Forks that it refused.
    pub refused_forks: u64,
    /// Processor time.
    pub cpu_time: Option<Duration>,
}

impl Groups {
    /// No groups at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// The groups that can be made here, found by making one.
    pub fn find() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::find_in(&mounts, &own)
    }

    fn find_in(mounts: &str, own: &str) -> Self {
        let home = |controller: &str| home_of(controller, mounts, own);
        Self { memory: home("memory"), processes: home("pids"), cpu: home("cpu"), cpu_time: home("cpuacct") }
    }

    /// Whether memory is counted over all processes.
    pub fn bound_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Whether processes are counted.
    pub fn bound_processes(&self) -> bool {
        self.processes.is_some()
    }

    /// What is bounded by groups, for people.
    pub fn describe(&self) -> String {
        let parts = [("memory", &self.memory), ("processes", &self.processes), ("processors", &self.cpu)];
        let names: Vec<&str> = parts.into_iter().filter(|(_, home)| home.is_some()).map(|(name, _)| name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// Makes the groups of one worker. Those that were made are removed if one can't be.
    pub(super) fn make(&self, name: &str, limits: &Limits) -> io::Result<Group> {
        let mut group = Group::default();
        let made = self.fill(&mut group, name, limits);
        if made.is_err() {
            group.remove();
        }
        made.map(|()| group)
    }

    fn fill(&self, group: &mut Group, name: &str, limits: &Limits) -> io::Result<()> {
        let quota = PERIOD_US * limits.milli_cpus / 1_000;
        let (memory, quota) = (limits.memory_bytes.to_string(), quota.max(1_000).to_string());
        let processes = (limits.processes + OWN_PROCESSES).to_string();
        if let Some(home) = &self.memory {
            let place = group.add(home, name)?;
            match home.version {
                Version::One => {
                    fs::write(place.join("memory.limit_in_bytes"), &memory)?;
                    // Only there if swap is accounted for; it bounds both together.
                    optional(&place.join("memory.memsw.limit_in_bytes"), &memory)?;
                }
                Version::Two => {
                    fs::write(place.join("memory.max"), &memory)?;
                    optional(&place.join("memory.swap.max"), "0")?;
                    // One victim is all of them: half a worker is none.
                    optional(&place.join("memory.oom.group"), "1")?;
                }
            }
            group.memory = Some((place, home.version));
        }
        if let Some(home) = &self.processes {
            let place = group.add(home, name)?;
            fs::write(place.join("pids.max"), &processes)?;
            group.processes = Some(place);
        }
        if let Some(home) = &self.cpu {
            let place = group.add(home, name)?;
            match home.version {
                Version::One => {
                    fs::write(place.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
                    fs::write(place.join("cpu.cfs_quota_us"), quota)?;
                }
                Version::Two => fs::write(place.join("cpu.max"), format!("{quota} {PERIOD_US}"))?,
            }
        }
        if let Some(home) = &self.cpu_time {
            let place = group.add(home, name)?;
            group.cpu_time = Some((place, home.version));
        }
        Ok(())
    }

    /// Removes groups that are left from runners that were killed: those whose first process is gone. One that was just made, and that
    /// nobody lives in yet, is another runner's.
    pub fn sweep(&self) {
        for home in [&self.memory, &self.processes, &self.cpu, &self.cpu_time].into_iter().flatten() {
            for entry in fs::read_dir(&home.folder).into_iter().flatten().flatten() {
                if is_left(&entry.file_name().to_string_lossy()) {
                    _ = fs::remove_dir(entry.path());
                }
            }
        }
    }
}

/// The groups of one worker, one per hierarchy.
#[derive(Debug, Default)]
pub(super) struct Group {
    folders: Vec<PathBuf>,
    memory: Option<(PathBuf, Version)>,
    processes: Option<PathBuf>,
    cpu_time: Option<(PathBuf, Version)>,
}

impl Group {
    fn add(&mut self, home: &Home, name: &str) -> io::Result<PathBuf> {
        let place = home.folder.join(format!("{PREFIX}{name}"));
        if !self.folders.contains(&place) {
            fs::create_dir(&place)?;
            self.folders.push(place.clone());
        }
        Ok(place)
    }

    /// Takes a process in. Children of it that exist already stay where they are.
    pub fn take(&self, pid: u32) -> io::Result<()> {
        self.folders.iter().try_for_each(|folder| fs::write(folder.join("cgroup.procs"), pid.to_string()))
    }

    /// What was counted up to now.
    pub fn counted(&self) -> Counted {
        let out_of_memory = self.memory.as_ref().and_then(|(folder, version)| match version {
            Version::One => number_of(&folder.join("memory.oom_control"), "oom_kill"),
            Version::Two => number_of(&folder.join("memory.events"), "oom_kill"),
        });
        let refused_forks = self.processes.as_ref().and_then(|folder| number_of(&folder.join("pids.events"), "max"));
        let cpu_time = self.cpu_time.as_ref().and_then(|(folder, version)| match version {
            Version::One => {
                fs::read_to_string(folder.join("cpuacct.usage")).ok()?.trim().parse().ok().map(Duration::from_nanos)
            }
            Version::Two => number_of(&folder.join("cpu.stat"), "usage_usec").map(Duration::from_micros),
        });
        Counted {
            out_of_memory: out_of_memory.unwrap_or_default(),
            refused_forks: refused_forks.unwrap_or_default(),
            cpu_time,
        }
    }

    /// Removes the groups; whether they are gone. They can't be removed before the last process in them has been waited for.
    pub fn remove(&mut self) -> bool {
        self.folders
            .retain(|folder| fs::remove_dir(folder).is_err_and(|error| error.kind() != io::ErrorKind::NotFound));
        self.folders.is_empty()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Whether a group is one of ours, named for a process that is gone.
fn is_left(name: &str) -> bool {
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit('-').next());
    pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
}

/// Writes to a file that need not exist.
fn optional(file: &Path, text: &str) -> io::Result<()> {
    match fs::OpenOptions::new().write(true).open(file) {
        Ok(mut file) => io::Write::write_all(&mut file, text.as_bytes()),
        Err(_) => Ok(()),
    }
}

/// The number behind a word in a file of such lines.
fn number_of(file: &Path, word: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Where groups of a controller can be made: below the runner's own group.
fn home_of(controller: &str, mounts: &str, own: &str) -> Option<Home> {
    let one = mount_of(mounts, |kind, options| kind == "cgroup" && options.split(',').any(|part| part == controller));
    let (version, (root, mount), path) = if let Some(mount) = one {
        let path = own.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            controllers.split(',').any(|part| part == controller).then_some(path)
        })?;
        (Version::One, mount, path)
    } else {
        let mount = mount_of(mounts, |kind, _| kind == "cgroup2")?;
        (Version::Two, mount, own.lines().find_map(|line| line.strip_prefix("0::"))?)
    };
    // In a container the mount shows a part of the hierarchy, and what it shows begins with that part's name.
    let below = path.strip_prefix(&root).unwrap_or(path).trim_start_matches('/');
    let folder = Path::new(&mount).join(below);
    let home = Home { folder, version };
    match version {
        Version::One => usable(&home.folder).then_some(home),
        Version::Two => {
            delegated(&home.folder, if controller == "cpuacct" { "cpu" } else { controller }).then_some(home)
        }
    }
}

/// The root and the mount point of the first mount that fits; `fits` takes the kind of file system and its own options.
fn mount_of(mounts: &str, fits: impl Fn(&str, &str) -> bool) -> Option<(String, String)> {
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?, right.nth(1)?);
        let mut left = left.split(' ').skip(3);
        let (root, mount) = (left.next()?, left.next()?);
        let root = if root == "/" { "" } else { root };
        fits(kind, options).then(|| (root.to_owned(), mount.to_owned()))
    })
}

/// Whether a group can be made here.
fn usable(folder: &Path) -> bool {
    let trial = folder.join(format!("{PREFIX}trial-{}", std::process::id()));
    fs::create_dir(&trial).is_ok() && fs::remove_dir(&trial).is_ok()
}

/// Whether groups with this controller can be made here. In version 2 a group has either processes or groups with controllers, so
/// the runner moves into one of its own first, if it is alone.
fn delegated(folder: &Path, controller: &str) -> bool {
    let listed = |file: &str| {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        text.split_whitespace().any(|name| name == controller)
    };
    if !listed("cgroup.controllers") || !usable(folder) {
        return false;
    }
    let enable = || fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}")).is_ok();
    if listed("cgroup.subtree_control") || enable() {
        return true;
    }
    let own = std::process::id().to_string();
    let alone = fs::read_to_string(folder.join("cgroup.procs")).is_ok_and(|pids| pids.trim() == own);
    let aside = folder.join("sluicegate-runner");
    alone
        && (aside.is_dir() || fs::create_dir(&aside).is_ok())
        && fs::write(aside.join("cgroup.procs"), own).is_ok()
        && enable()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        31 25 0:27 /part /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        32 25 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn mounts_are_found_by_controller() {
        let of =
            |name: &str| mount_of(MOUNTS, |kind, options| kind == "cgroup" && options.split(',').any(|o| o == name));
        assert_eq!(of("memory"), Some((String::new(), "/sys/fs/cgroup/memory".to_owned())));
        assert_eq!(of("cpuacct"), Some(("/part".to_owned(), "/sys/fs/cgroup/cpu".to_owned())));
        assert_eq!(of("pids"), None);
    }

    #[test]
    fn groups_of_version_two_are_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("cgroup.controllers"), "cpu memory pids\n").unwrap();
        fs::write(at("cgroup.subtree_control"), "cpu memory pids\n").unwrap();
        let mounts = format!("32 25 0:28 /slice {} rw - cgroup2 cgroup2 rw\n", folder.path().display());
        let groups = Groups::find_in(&mounts, "0::/slice\n");
        assert_eq!(groups.describe(), "memory, processes, processors");
        let limits = Limits { memory_bytes: 1 << 20, milli_cpus: 1_500, processes: 7, ..Limits::default() };
        let group = groups.make("a", &limits).unwrap();
        let read = |name: &str| fs::read_to_string(at(&format!("{PREFIX}a/{name}"))).unwrap();
        assert_eq!(read("memory.max"), "1048576");
        assert_eq!(read("pids.max"), "10");
        assert_eq!(read("cpu.max"), "150000 100000");
        fs::write(at(&format!("{PREFIX}a/memory.events")), "low 0\noom 2\noom_kill 1\noom_group_kill 0\n").unwrap();
        fs::write(at(&format!("{PREFIX}a/pids.events")), "max 12\n").unwrap();
        fs::write(at(&format!("{PREFIX}a/cpu.stat")), "usage_usec 2500000\nuser_usec 1\n").unwrap();
        let expected = Counted { out_of_memory: 1, refused_forks: 12, cpu_time: Some(Duration::from_millis(2_500)) };
        assert_eq!(group.counted(), expected);
        // Here these are common files, so the folder stays; a control group's own files don't count.
    }

    #[test]
    fn a_group_is_left_when_its_first_process_is_gone() {
        let own = std::process::id();
        assert!(!is_left(&format!("{PREFIX}a-{own}")) && !is_left(&format!("{PREFIX}trial-{own}")));
        assert!(is_left(&format!("{PREFIX}a-999999999")));
        assert!(!is_left("somebody-else-999999999"));
    }

    #[test]
    fn without_mounts_there_are_no_groups() {
        let groups = Groups::find_in("", "0::/\n");
        assert_eq!(groups.describe(), "none");
        assert!(!groups.bound_memory() && !groups.bound_processes());
        let group = groups.make("a", &Limits::default()).unwrap();
        group.take(std::process::id()).unwrap();
        assert_eq!(group.counted(), Counted::default());
    }
}
