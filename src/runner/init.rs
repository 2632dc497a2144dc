//! The first process of a sandbox: starts the worker, waits for whatever becomes an orphan, and ends with the worker.
//!
//! It is this program again, as process 1 of a process namespace, and it reads nothing but its orders. When it ends the kernel kills
//! everything else in the namespace, so whatever a worker left behind goes with it. One thread: there must be nothing that the
//! bounds on processes could refuse.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    net::Shutdown,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Child, Command, Stdio},
};

use rustix::{
    io::Errno,
    process::{
        DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getrlimit, kill_process_group,
        set_dumpable_behavior, setrlimit, wait,
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    task::LocalSet,
};

use super::{
    control::{self, Begin, Bounds, Order, Report},
    sandbox::INIT,
};

/// Runs as process 1 of a sandbox, with the lifeline as standard input, until the worker has ended or the lifeline has.
pub fn run() -> io::Result<()> {
    // The worker has the same user id; it shall not look into this process.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let lifeline = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, attend(lifeline))
}

async fn attend(lifeline: UnixStream) -> io::Result<()> {
    let (mut hearing, mut saying) = control::end(lifeline)?;
    // Before the worker is started: a child that ends at once must not be missed.
    let mut ended = signal(SignalKind::child())?;
    saying.say(&Report::Ready).await?;
    let Some(Order::Begin(begin)) = hearing.hear().await? else { return Ok(()) };
    let worker = match start(&begin).await {
        Ok(worker) => Pid::from_child(&worker),
        Err(error) => {
            let command = begin.command.first().map(String::as_str).unwrap_or_default();
            return saying.say(&Report::Refused(format!("`{command}` can't be started: {error}"))).await;
        }
    };
    saying.say(&Report::Started).await?;
    loop {
        // A signal may stand for several children, and may have come before this.
        if let Some(status) = reap(worker)? {
            let left = others()?;
            let report = Report::Ended { code: status.exit_status(), signal: status.terminating_signal(), left };
            return saying.say(&report).await;
        }
        tokio::select! {
            _ = ended.recv() => {}
            order = hearing.hear::<Order>() => match order {
                // Who has no process left in its group has ended, which is about to be seen.
                Ok(Some(_)) => _ = kill_process_group(worker, Signal::TERM),
                // The runner is gone, or has lost interest.
                Ok(None) | Err(_) => return Ok(()),
            },
        }
    }
}

async fn start(begin: &Begin) -> io::Result<Child> {
    if let Some((port, socket)) = &begin.forward {
        let listener = TcpListener::bind(("127.0.0.1", *port)).await?;
        tokio::task::spawn_local(forward(listener, socket.clone()));
    }
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(INIT);
    command
        .args(["worker-exec", "--"])
        .args(&begin.command)
        .env_clear()
        .envs(begin.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&begin.folder)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        // SIGTERM goes to the worker with what it started, and not to this process.
        .process_group(0);
    let mut worker = command.spawn()?;
    // With it goes our copy of its end of the pair.
    drop(command);
    serde_json::to_writer(&ours, &begin.bounds)?;
    ours.shutdown(Shutdown::Write)?;
    // Closed without a word when the worker's program has taken its place.
    let mut why = String::new();
    ours.read_to_string(&mut why)?;
    if why.is_empty() {
        return Ok(worker);
    }
    worker.wait()?;
    Err(io::Error::other(why))
}

/// Bounds this process as the one that started it says on standard input, and makes it the worker. Only a failure returns.
///
/// The bounds are not the first process's own: it needs more memory than some workers may have.
pub fn run_exec(command: &[OsString]) -> io::Result<()> {
    // Both close with the program that takes this one's place.
    let mut origin = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let mut bounds = String::new();
    origin.read_to_string(&mut bounds)?;
    let why = become_worker(command, &bounds);
    origin.write_all(why.to_string().as_bytes())
}

fn become_worker(command: &[OsString], bounds: &str) -> io::Error {
    let Some((program, arguments)) = command.split_first() else {
        return io::Error::new(io::ErrorKind::InvalidInput, "there is no command");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    let bounded = serde_json::from_str(bounds).map_err(io::Error::from).and_then(|bounds| bound(&bounds));
    bounded.err().unwrap_or_else(|| command.exec())
}

/// Bounds this process, and so what it starts. They hold for the worker's user namespace, so that processes of the same user
/// outside do not count.
fn bound(bounds: &Bounds) -> io::Result<()> {
    lower(Resource::Core, 0)?;
    lower(Resource::Nproc, bounds.processes)?;
    lower(Resource::Fsize, bounds.file_bytes)?;
    lower(Resource::Nofile, bounds.open_files)?;
    if let Some(seconds) = bounds.cpu_s {
        lower(Resource::Cpu, seconds)?;
    }
    if let Some(bytes) = bounds.data_bytes {
        lower(Resource::Data, bytes)?;
    }
    Ok(())
}

/// Bounds a resource, for good. What the runner itself was bounded to stays: nobody may raise that.
fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(most, |held| held.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Waits for every child that has ended; the status of the worker, if it is one of them.
fn reap(worker: Pid) -> io::Result<Option<WaitStatus>> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == worker => return Ok(Some(status)),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// How many other processes there are in this namespace, zombies aside.
fn others() -> io::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let alive = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(") ").map(|(_, rest)| !rest.starts_with(['Z', 'X']))
        };
        count += usize::from(pid != 1 && alive().unwrap_or_default());
    }
    Ok(count)
}

/// Lets programs that know no sockets of files reach the doors of their task.
async fn forward(listener: TcpListener, socket: String) {
    loop {
        let Ok((mut inner, _)) = listener.accept().await else {
            // Out of files, most likely: a little later some are closed.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let socket = socket.clone();
        tokio::task::spawn_local(async move {
            if let Ok(mut outer) = tokio::net::UnixStream::connect(&socket).await {
                _ = TcpStream::set_nodelay(&inner, true);
                // Either side may hang up as it likes.
                _ = tokio::io::copy_bidirectional(&mut inner, &mut outer).await;
            }
        });
    }
}
