//! What a process gives up before it runs a script: everything but computing and its two pipes.
//!
//! Three nets, each of which would do alone against most: bounds on resources, which hold everywhere; Landlock without a single
//! rule, so that no file can be opened and no TCP port be used; and a list of the system calls that an interpreter needs, with all
//! others refused. All of them hold for good, and nothing of the script has been read by then.

use std::io;

use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit};
use seccompiler::TargetArch;
use serde_json::{Value, json};

use super::frames::Confinement;

/// Writable memory beyond what the process has when it begins: the largest heap of a script, twice an input, and room.
const DATA_BYTES: u64 = 192 << 20;
const OPEN_FILES: u64 = 16;
/// How much the process stands back behind the server when processors are short.
const NICENESS: i32 = 5;

/// System calls without conditions: memory, time, signals of its own, and its end.
const CALLS: &[&str] = &[
    "brk",
    "clock_getres",
    "clock_gettime",
    "exit",
    "exit_group",
    "futex",
    "getpid",
    "getrandom",
    "getrlimit",
    "getrusage",
    "gettid",
    "gettimeofday",
    "madvise",
    "mremap",
    "munmap",
    "prlimit64",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "sigaltstack",
    "tgkill",
];

/// Confines this process, and says what the kernel would not do. Only a bound that can't be set is an error.
pub(super) fn confine() -> io::Result<Confinement> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A courtesy to the server, which goes without where it is refused.
    _ = nice(NICENESS);
    _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let data = data_bytes()?;
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, 0)?;
    lower(Resource::Nproc, 0)?;
    lower(Resource::Nofile, OPEN_FILES)?;
    lower(Resource::Data, data + DATA_BYTES)?;
    let landlock = restrict_files();
    let seccomp = restrict_calls();
    Ok(Confinement { seccomp: seccomp.err(), landlock: landlock.err() })
}

/// Bounds a resource, for good.
fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(most, |held| held.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// The kernel ends the process after so much processor time more, whatever it does. For what never looks at the clock, in a
/// process whose parent is gone.
pub(super) fn bound_cpu(used_s: u64, more_s: u64) {
    let maximum = getrlimit(Resource::Cpu).maximum;
    let current = used_s + more_s;
    let current = maximum.map_or(current, |maximum| maximum.min(current));
    // Without it the parent's watch is enough.
    _ = setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum });
}

/// The writable memory that the process has now. The allocator reserves far more than it uses, and all of it counts.
fn data_bytes() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("/proc/self/status does not tell the size of the data"))
}

/// Everything that Landlock knows is forbidden, as far as this kernel knows it too.
fn restrict_files() -> Result<(), String> {
    let said = |error: landlock::RulesetError| error.to_string();
    let abi = ABI::V6;
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(|ruleset| ruleset.scope(landlock::Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .map_err(said)?;
    match ruleset.restrict_self().map_err(said)?.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("the kernel has no Landlock".to_owned()),
    }
}

/// The filter of system calls. What it does not name fails with `EPERM`: the standard libraries take that for an answer, and a call
/// that a newer one tries first must not end the process.
fn restrict_calls() -> Result<(), String> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    // Calls that an architecture does not have are left out of its list.
    let known = |name: &&&str| !(std::env::consts::ARCH != "x86_64" && **name == "getrlimit");
    let mut filter: Vec<Value> = CALLS.iter().filter(known).map(|name| json!({ "syscall": name })).collect();
    for (name, fd) in [("read", 0), ("write", 1), ("write", 2)] {
        filter.push(json!({ "syscall": name, "args": [{ "index": 0, "type": "dword", "op": "eq", "val": fd }] }));
    }
    for name in ["mmap", "mprotect"] {
        // Memory to write, never memory to run.
        let executable = json!({ "index": 2, "type": "dword", "op": { "masked_eq": 4 }, "val": 0 });
        filter.push(json!({ "syscall": name, "args": [executable] }));
    }
    let policy =
        json!({ "all": { "mismatch_action": { "errno": 1 }, "match_action": "allow", "filter": filter } }).to_string();
    let programs =
        seccompiler::compile_from_json(policy.as_bytes(), architecture).map_err(|error| error.to_string())?;
    let program = programs.get("all").ok_or("the filter was not compiled")?;
    seccompiler::apply_filter(program).map_err(|error| error.to_string())
}
