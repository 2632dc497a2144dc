//! Folders on the disk: one for a runner as long as it lives, and in it one for each of its workers.
//!
//! A runner holds a lock in its folder. The system gives it back however the runner dies, so a folder whose lock can be had is left
//! from a dead runner and is removed. What a worker has written is read only after its last process is gone, and no symbolic link
//! in it is ever followed.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStrExt,
            fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        },
    },
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, Dir, FlockOperation, Mode, OFlags, fstat, openat};
use uuid::Uuid;

/// The file whose lock says that a runner lives.
const LOCK: &str = "lock";

/// The folder of one runner; removed with this value.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// This boot of the runner.
    pub id: Uuid,
    _lock: File,
}

/// The user that workers run as: their folders belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Place {
    /// Makes a folder for this runner in `root`, and removes what dead ones have left there; the boots of those that live.
    pub fn make(root: &Path) -> io::Result<(Self, Vec<Uuid>)> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", root.display()));
        match DirBuilder::new().recursive(true).mode(0o711).create(root) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(named(error)),
            _ => {}
        }
        let found = fs::symlink_metadata(root).map_err(named)?;
        // Where others may write, they may have written something that this runner would remove or run.
        if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
            let why = "must be a folder of this user that nobody else may write to";
            return Err(named(io::Error::new(io::ErrorKind::PermissionDenied, why)));
        }
        let root = fs::canonicalize(root).map_err(named)?;
        // One runner at a time sweeps and makes its folder, so that none removes what another is about to lock.
        let turn = File::create(root.join(LOCK))?;
        rustix::fs::flock(&turn, FlockOperation::LockExclusive)?;
        let living = sweep(&root)?;
        let id = Uuid::new_v4();
        let path = root.join(id.to_string());
        // Others may pass through, but not look: workers are other users, if the runner is root.
        DirBuilder::new().mode(0o711).create(&path)?;
        let lock = File::create(path.join(LOCK))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok((Self { path, id, _lock: lock }, living))
    }

    /// A file or folder of the runner's own.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A folder for one worker. `user` owns what the worker writes to.
    pub fn worker(&self, task: &str, input: &[u8], user: Option<User>) -> io::Result<Folder> {
        // A task may come again before the folder of its last lease is gone.
        let path = self.path.join(format!("{task}-{}", Uuid::new_v4().simple()));
        DirBuilder::new().mode(0o711).create(&path)?;
        let folder = Folder { path };
        for (name, mode) in [("task", 0o755), ("work", 0o700), ("work/artifacts", 0o700)] {
            DirBuilder::new().create(folder.path.join(name))?;
            // The mask of the process does not count here.
            fs::set_permissions(folder.path.join(name), Permissions::from_mode(mode))?;
        }
        let file = folder.path.join("task/input.json");
        fs::write(&file, input)?;
        fs::set_permissions(&file, Permissions::from_mode(0o400))?;
        if let Some(User { uid, gid }) = user {
            for name in ["work", "work/artifacts", "task/input.json"] {
                std::os::unix::fs::chown(folder.path.join(name), Some(uid), Some(gid))?;
            }
        }
        Ok(folder)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes the folders whose runner is dead; the boots of the others.
fn sweep(root: &Path) -> io::Result<Vec<Uuid>> {
    let mut living = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| Uuid::try_parse(name).ok()) else { continue };
        let lock = File::open(entry.path().join(LOCK));
        match lock.map(|lock| rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)) {
            Ok(Err(_)) => living.push(id),
            // Without a lock it was not made to its end.
            Ok(Ok(())) | Err(_) => remove(&entry.path()),
        }
    }
    Ok(living)
}

/// Removes a folder with everything in it, what its owner may not enter included. Links are removed, not followed.
fn remove(path: &Path) {
    if fs::remove_dir_all(path).is_ok() {
        return;
    }
    // Folders without permissions: nobody but us is at them any more, so they can be given some.
    let mut next = vec![path.to_owned()];
    while let Some(folder) = next.pop() {
        _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        next.extend(entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
    }
    if let Err(error) = fs::remove_dir_all(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, folder = %path.display(), "a work folder could not be removed");
    }
}

/// The folder of one worker; removed with this value.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

/// A file that a worker has left to be uploaded.
#[derive(Debug)]
pub struct Left {
    /// Its name.
    pub name: String,
    /// The open file.
    pub file: File,
    /// Its size in bytes.
    pub size: u64,
}

/// Why the output was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// It is a link, a pipe, a folder, or something else that is not read.
    #[error("the output file is {0}; only a regular file is read")]
    NoFile(&'static str),
    /// It is too large.
    #[error("the output file has {found} bytes, more than the {most} that are taken")]
    TooLarge {
        /// Its size.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// It can't be read.
    #[error("the output file can't be read: {0}")]
    Unreadable(String),
}

impl Folder {
    /// Where the worker may write.
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// What it may only read: its input, and the socket of its doors.
    pub fn task(&self) -> PathBuf {
        self.path.join("task")
    }

    /// The output that the worker has written; none if there is no file.
    pub fn output(&self, most: u64) -> Result<Option<Vec<u8>>, OutputError> {
        let unreadable = |error: io::Error| OutputError::Unreadable(error.to_string());
        let path = self.work().join("output.json");
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
            Ok(found) if !found.is_file() => return Err(OutputError::NoFile(kind_of(&found))),
            Ok(_) => {}
        }
        // Opened without following, without waiting for the other end of a pipe, and looked at again: the checks above are for
        // the message, these are for safety.
        let file = open_plain(&path).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?;
        if !found.is_file() {
            return Err(OutputError::NoFile(kind_of(&found)));
        }
        if found.len() > most {
            return Err(OutputError::TooLarge { found: found.len(), most });
        }
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(Some(bytes))
    }

    /// The files in `artifacts/` by name, and a sentence for each entry that is left out. `most_bytes` is for all together.
    pub fn artifacts(&self, most: usize, most_bytes: u64) -> (Vec<Left>, Vec<String>) {
        let (mut files, mut out, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match openat(CWD, self.work().join("artifacts"), flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(rustix::io::Errno::NOENT) => return (files, out),
            Err(error) => return (files, vec![format!("`artifacts` is no folder that can be read: {error}")]),
        };
        let mut names: Vec<Vec<u8>> = Dir::read_from(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_bytes().to_owned()))
            .filter(|name| name != b"." && name != b"..")
            // A folder may hold millions of names; a few are enough to say that there are too many.
            .take(most.saturating_mul(4) + 16)
            .collect();
        names.sort();
        for name in names {
            let shown = String::from_utf8_lossy(&name).into_owned();
            match plain_at(&folder, &name) {
                _ if files.len() == most => {
                    out.push(format!("`{shown}` and what follows is left out: {most} artifacts are taken"));
                    break;
                }
                Err(why) => out.push(format!("the artifact `{shown}` is left out: {why}")),
                Ok((_, size)) if bytes.saturating_add(size) > most_bytes => {
                    let limit = super::limits::size(most_bytes);
                    out.push(format!("the artifact `{shown}` is left out: all together may have {limit}"));
                }
                Ok((file, size)) => {
                    bytes += size;
                    files.push(Left { name: shown, file, size });
                }
            }
        }
        (files, out)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn open_plain(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Opens an entry of a folder if it is a regular file with a name that the API takes.
fn plain_at(folder: &OwnedFd, name: &[u8]) -> Result<(File, u64), String> {
    let name = std::str::from_utf8(name).map_err(|_| "its name is no UTF-8".to_owned())?;
    if name.chars().any(char::is_control) {
        return Err("its name has control characters".to_owned());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(folder, std::ffi::OsStr::from_bytes(name.as_bytes()), flags, Mode::empty());
    let file = match file {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err("it is a symbolic link".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let found = fstat(&file).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|data| data.is_file()) {
        return Err("it is no regular file".to_owned());
    }
    Ok((file, found.st_size as u64))
}

fn kind_of(found: &fs::Metadata) -> &'static str {
    if found.is_symlink() {
        "a symbolic link"
    } else if found.is_dir() {
        "a folder"
    } else {
        "a special file"
    }
}
