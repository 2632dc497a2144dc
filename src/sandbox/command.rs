//! Programs of the operator's choice that are spoken with over their standard input and output, each in a bubblewrap sandbox of its
//! own: no network, no environment, the system's own files and those that the operator names read-only, `/tmp` in memory, and
//! nothing of it left when the conversation is over.
//!
//! What a workflow says reaches the program, so the program is treated as if the workflow's author had written it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
};

use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

use super::{SandboxError, starter::Starter};

/// User and group in the sandbox, whoever that is outside.
const INNER_ID: &str = "1000";
/// What may be kept in `/tmp`, in bytes.
const TMP_BYTES: &str = "67108864";
/// Bounds that hold for each process: memory of its own and processor time, no core files. The shell is replaced by the program.
const BOUNDED: &str = "ulimit -c 0 && ulimit -d 4194304 && ulimit -t 1800 && exec \"$0\" \"$@\"";
/// Pieces of `/etc` that programs read and that hold no secrets.
const ETC: [&str; 6] = ["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types"];
/// How much is kept of what the program says on standard error.
const SAID_BYTES: u64 = 4_096;

/// The programs that may be started. Nothing is started before it is needed.
#[derive(Debug, Default)]
pub(super) struct Commands {
    known: BTreeMap<String, Vec<String>>,
    read_only: Vec<PathBuf>,
    starter: Mutex<Option<Starter>>,
}

/// A program that runs. It ends with this value, and everything that it has started, too.
#[derive(Debug)]
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    said: JoinHandle<String>,
}

impl Program {
    /// Its standard output and input; once.
    pub fn pipes(&mut self) -> Option<(ChildStdout, ChildStdin)> {
        self.output.take().zip(self.input.take())
    }

    /// Ends it; what it has said on standard error.
    pub async fn end(mut self) -> String {
        // It may be over already.
        _ = self.child.kill().await;
        self.said.await.unwrap_or_default()
    }
}

impl Commands {
    pub(super) fn new(known: BTreeMap<String, Vec<String>>, read_only: Vec<PathBuf>) -> Self {
        Self { known, read_only, starter: Mutex::default() }
    }

    /// Starts the program of this name.
    pub(super) async fn start(&self, name: &str) -> Result<Program, SandboxError> {
        let unavailable = |why: String| SandboxError::Unavailable(why);
        let Some(words) = self.known.get(name) else {
            let known: Vec<&str> = self.known.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let name: String = name.chars().take(64).collect();
            let why =
                format!("no command is named `{name}`; its operator names them by `--mcp-command` (named: {known})");
            return Err(unavailable(why));
        };
        let mut command = Command::new("bwrap");
        command
            .args(self.arguments())
            .args(["--", "/bin/sh", "-c", BOUNDED])
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let starter = {
            let mut starter = self.starter.lock().unwrap_or_else(PoisonError::into_inner);
            match &*starter {
                Some(starter) => starter.clone(),
                None => starter.insert(Starter::new().map_err(|error| unavailable(error.to_string()))?).clone(),
            }
        };
        let mut child = starter
            .start(command)
            .await
            .map_err(|error| unavailable(format!("bubblewrap (`bwrap`) can't be started: {error}")))?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let said = TaskTracker::new().spawn(async move {
            let mut text = Vec::new();
            if let Some(mut errors) = errors {
                _ = (&mut errors).take(SAID_BYTES).read_to_end(&mut text).await;
                // What nobody reads would stop it.
                _ = tokio::io::copy(&mut errors, &mut tokio::io::sink()).await;
            }
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        Ok(Program { child, input, output, said })
    }

    /// What the sandbox is made of.
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut flags = |flags: &[&str]| arguments.extend(flags.iter().map(Into::into));
        flags(&["--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]);
        flags(&["--uid", INNER_ID, "--gid", INNER_ID, "--hostname", "command"]);
        flags(&[
            "--setenv",
            "PATH",
            "/usr/local/bin:/usr/bin:/bin",
            "--setenv",
            "HOME",
            "/tmp",
            "--setenv",
            "LANG",
            "C.UTF-8",
        ]);
        flags(&["--ro-bind", "/usr", "/usr"]);
        let mut bind = |how: &str, from: &Path, to: &Path| {
            arguments.extend([OsString::from(how), from.as_os_str().to_owned(), to.as_os_str().to_owned()]);
        };
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let path = Path::new("/").join(name);
            match std::fs::read_link(&path) {
                // Most systems have them below /usr by now.
                Ok(target) => bind("--symlink", &target, &path),
                Err(_) if path.is_dir() => bind("--ro-bind", &path, &path),
                Err(_) => {}
            }
        }
        for name in ETC {
            let path = Path::new("/etc").join(name);
            bind("--ro-bind-try", &path, &path);
        }
        for path in &self.read_only {
            bind("--ro-bind", path, path);
        }
        let mut flags = |flags: &[&str]| arguments.extend(flags.iter().map(Into::into));
        flags(&["--proc", "/proc", "--dev", "/dev", "--size", TMP_BYTES, "--tmpfs", "/tmp", "--remount-ro", "/"]);
        flags(&["--chdir", "/tmp"]);
        arguments
    }
}
