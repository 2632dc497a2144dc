//! What a worker of the kind `process` sees of the machine: the command line of bubblewrap.
//!
//! Namespaces of its own for users, processes, IPC, names, control groups and, unless allowed, the network; a root of read-only
//! pieces of the host's system; `/tmp` and `/dev/shm` in memory; its own folder as the only place on the disk where it can write.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    folder::{Folder, Place, User},
    limits::Limits,
};

/// Where the worker's own folder is, for the worker.
pub(super) const WORK: &str = "/sandbox";
/// Where its input and the socket of its doors are.
pub(super) const TASK: &str = "/task";
/// The name of the socket.
pub(super) const SOCKET: &str = "api.sock";
/// Where the first process comes from.
pub(super) const INIT: &str = "/run/sluicegate";
/// User and group in the sandbox, whoever that is outside.
const INNER_ID: &str = "1000";
/// Pieces of `/etc` that programs read and that hold no secrets.
const ETC: [&str; 12] = [
    "alternatives",
    "ca-certificates",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "pki/tls/certs",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
];

/// Whether workers reach the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// They have a loopback of their own and nothing else.
    None,
    /// They have the network of the host, its loopback included.
    Host,
}

/// How sandboxes are made on this machine.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// bubblewrap's program.
    pub bwrap: PathBuf,
    /// Whether workers reach the network.
    pub network: Network,
    /// Files and folders of the host that workers may read, at the same place.
    pub read_only: Vec<PathBuf>,
    /// The user that workers run as outside; only root may choose one.
    pub user: Option<User>,
    /// This program, where that user can run it.
    init: PathBuf,
    /// Small files in place of the host's.
    etc: PathBuf,
    /// Whether bubblewrap can forbid further user namespaces (0.8.0 and later).
    seals_users: bool,
}

impl Sandbox {
    /// Prepares what all sandboxes of a runner share. `program` is this program.
    pub fn prepare(place: &Place, program: &Path, bwrap: PathBuf, user: Option<User>) -> io::Result<Self> {
        let help = std::process::Command::new(&bwrap).arg("--help").output().map_err(|error| {
            io::Error::new(error.kind(), format!("bubblewrap (`{}`) can't be run: {error}", bwrap.display()))
        })?;
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        let etc = place.at("etc");
        fs::create_dir(&etc)?;
        for (name, text) in [
            ("passwd", "worker:x:1000:1000:worker:/sandbox:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
            ("group", "worker:x:1000:\nnogroup:x:65534:\n"),
            ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
            ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
        ] {
            fs::write(etc.join(name), text)?;
            readable(&etc.join(name), 0o644)?;
        }
        readable(&etc, 0o755)?;
        let init = match user {
            // Another user may not get to where this program lies.
            Some(_) => {
                let copy = place.at("sluicegate");
                fs::hard_link(program, &copy).or_else(|_| fs::copy(program, &copy).map(drop))?;
                copy
            }
            None => program.to_owned(),
        };
        let seals_users = help.contains("--disable-userns");
        Ok(Self { bwrap, network: Network::None, read_only: Vec::new(), user, init, etc, seals_users })
    }

    /// The arguments for one worker.
    pub(super) fn arguments(&self, folder: &Folder, limits: &Limits) -> Vec<OsString> {
        let mut arguments = Arguments::default();
        arguments
            .flags(&["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"])
            .flags(&["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"])
            .flags(&["--uid", INNER_ID, "--gid", INNER_ID, "--hostname", "worker"]);
        if self.network == Network::None {
            arguments.flags(&["--unshare-net"]);
        }
        if self.seals_users {
            arguments.flags(&["--disable-userns"]);
        }
        self.system(&mut arguments);
        // In memory, so bounded: by this, and by the memory limit where it counts for all processes together.
        let memory = limits.memory_bytes.to_string();
        arguments.flags(&["--proc", "/proc", "--dev", "/dev", "--size", &memory, "--tmpfs", "/dev/shm"]).flags(&[
            "--remount-ro",
            "/dev",
            "--size",
            &memory,
            "--tmpfs",
            "/tmp",
        ]);
        for path in &self.read_only {
            arguments.bind("--ro-bind", path, path);
        }
        arguments.bind("--ro-bind", &self.init, Path::new(INIT));
        arguments.bind("--ro-bind", &folder.task(), Path::new(TASK));
        arguments.bind("--bind", &folder.work(), Path::new(WORK));
        arguments.flags(&["--remount-ro", "/", "--chdir", WORK, "--", INIT, "worker-init"]);
        arguments.0
    }

    /// The host's programs and libraries, and what of `/etc` they need.
    fn system(&self, arguments: &mut Arguments) {
        arguments.bind("--ro-bind", Path::new("/usr"), Path::new("/usr"));
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let path = Path::new("/").join(name);
            match fs::read_link(&path) {
                // Most systems have them below /usr by now.
                Ok(target) => arguments.bind("--symlink", &target, &path),
                Err(_) if path.is_dir() => arguments.bind("--ro-bind", &path, &path),
                Err(_) => arguments,
            };
        }
        for name in ETC {
            let path = Path::new("/etc").join(name);
            arguments.bind("--ro-bind-try", &path, &path);
        }
        for name in ["passwd", "group", "hosts", "nsswitch.conf"] {
            let host = Path::new("/etc").join(name);
            let named_hosts = self.network == Network::Host && name == "hosts";
            let source = if named_hosts { host.clone() } else { self.etc.join(name) };
            arguments.bind("--ro-bind-try", &source, &host);
        }
        if self.network == Network::Host {
            arguments.bind("--ro-bind-try", Path::new("/etc/resolv.conf"), Path::new("/etc/resolv.conf"));
        }
    }
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn flags(&mut self, flags: &[&str]) -> &mut Self {
        self.0.extend(flags.iter().map(Into::into));
        self
    }

    fn bind(&mut self, how: &str, from: &Path, to: &Path) -> &mut Self {
        self.0.extend([how.into(), from.into(), to.into()]);
        self
    }
}

fn readable(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}
