//! Files of keys: one a line, in base64. Beside an SQLite database a file is made where none is.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;

use crate::config::SecretsKey;

/// Why a file of keys is of no use.
#[derive(Debug, thiserror::Error)]
#[error("key file {}: {reason}", path.display())]
pub struct KeyFileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// The keys of a file.
pub fn read(path: &Path) -> Result<Vec<SecretsKey>, KeyFileError> {
    let unusable = |reason: String| KeyFileError { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    SecretsKey::parse_file(&text).map_err(unusable)
}

/// The keys of a file, which is made with a new key if it is not there.
pub fn read_or_make(path: &Path) -> Result<Vec<SecretsKey>, KeyFileError> {
    match make(path) {
        Ok(()) => tracing::info!(file = %path.display(), "made a key for secrets; without it they can't be read"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(KeyFileError { path: path.to_owned(), reason: error.to_string() }),
    }
    read(path)
}

/// Writes a file with a new key, whole or not at all; `AlreadyExists` if there is one, which stays.
fn make(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let key = SecretsKey::new(bytes);
    super::wipe(&mut bytes);
    // Whoever else makes one has a draft of its own.
    let mut apart = [0; 8];
    rand::fill(&mut apart).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let draft = path.with_extension(format!("key.{:016x}", u64::from_ne_bytes(apart)));
    let written = write(&draft, &key).and_then(|()| {
        // A link does not replace what is there: of two that make the file, one does.
        fs::hard_link(&draft, path)?;
        path.parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    });
    // Gone already, or in nobody's way.
    let _ = fs::remove_file(&draft);
    written
}

fn write(path: &Path, key: &SecretsKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(
        file,
        "# What this server's secrets are sealed with. Keep a copy apart from the database's.\n{}",
        key.to_base64()
    )?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.key");
        let made = read_or_make(&path).unwrap();
        assert_eq!(made.len(), 1);
        assert!(read_or_make(&path).unwrap() == made, "it stays");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let other = tempfile::tempdir().unwrap();
        assert!(read_or_make(&other.path().join("secrets.key")).unwrap() != made);
    }

    #[test]
    fn of_many_that_make_a_file_all_have_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let readers: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_make(&path))).collect();
            readers.into_iter().map(|reader| reader.join().unwrap().unwrap()).collect()
        });
        assert!(keys.iter().all(|one| *one == keys[0]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        assert!(read(&path).unwrap_err().to_string().contains("keys"));
        for (text, reason) in [
            ("\n# nothing\n", "has no key in it"),
            ("# one\nhunter2\n", "line 2: must be 32 bytes in base64"),
            ("aHVudGVyMg==\n", "line 1: must be 32 bytes in base64"),
        ] {
            fs::write(&path, text).unwrap();
            let told = read(&path).unwrap_err().to_string();
            assert!(told.contains(reason) && !told.contains("hunter2") && !told.contains("aHVudGVy"), "{told}");
        }
        let keys = [SecretsKey::new([1; 32]), SecretsKey::new([2; 32])];
        fs::write(&path, format!("{}\n\n  {}  \n", keys[0].to_base64(), keys[1].to_base64())).unwrap();
        assert!(read(&path).unwrap() == keys);
    }
}
