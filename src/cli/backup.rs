//! `sluicegate backup` and `sluicegate restore`: copies of an SQLite database. PostgreSQL has tools of its own.

use std::{
    fs::{self, File, OpenOptions},
    future::Future,
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;

use super::{exit::Exit, output};
use crate::{
    config::Settings,
    store::sql::{self, upkeep},
};

/// How often a person at a terminal hears how far a copy is.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Copy the SQLite database into a file while its server runs, and check the copy
#[derive(Args, Debug)]
pub struct Backup {
    /// The copy; a file that exists is not overwritten
    file: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Check a backup, and make it the SQLite database of a server to come
#[derive(Args, Debug)]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Backup {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let source = database(self.settings)?;
        ensure!(source.exists(), "there is no database at {}: name it with --store", source.display());
        let bytes = fs::metadata(&source).with_context(|| source.display().to_string())?.len();
        let partial = Partial::beside(&self.file)?;
        let copying = upkeep::copy_into(&source, &partial.path);
        telling(&partial.path, bytes, copying).await.with_context(|| format!("copying {}", source.display()))?;
        let schema = check(&partial.path).await.context("the copy")?;
        partial.publish(&self.file)?;
        report(self.json, "backup", &self.file, schema)
    }
}

impl Restore {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let target = database(self.settings)?;
        let schema = check(&self.file).await.with_context(|| self.file.display().to_string())?;
        let log = with_suffix(&target, "-wal");
        for path in [&target, &log] {
            ensure!(
                !path.exists(),
                "{} exists: stop its server and move it away, nothing is overwritten",
                path.display()
            );
        }
        if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let partial = Partial::beside(&target)?;
        let bytes = fs::metadata(&self.file)?.len();
        // By the database and not byte by byte: a backup that was taken in another way may have a log beside it.
        let copying = upkeep::copy_into(&self.file, &partial.path);
        telling(&partial.path, bytes, copying).await.with_context(|| format!("copying {}", self.file.display()))?;
        check(&partial.path).await.context("the restored database")?;
        partial.publish(&target)?;
        report(self.json, "restored", &target, schema)
    }
}

fn report(as_json: bool, what: &str, file: &Path, schema: i64) -> anyhow::Result<Exit> {
    let bytes = fs::metadata(file)?.len();
    if as_json {
        output::json(&json!({"file": file, "bytes": bytes, "schema": schema}))?;
    } else {
        output::line(format_args!("{what}: {} ({bytes} bytes, schema {schema}, checked)", file.display()))?;
    }
    Ok(Exit::Done)
}

/// The file of the configured database.
fn database(settings: Settings) -> anyhow::Result<PathBuf> {
    let config = settings.into_config()?;
    sql::sqlite_path(config.store.expose())
        .context("the store is no SQLite database: use pg_dump and pg_restore for PostgreSQL")
}

/// Reads every page of a copy; its schema's version.
async fn check(file: &Path) -> anyhow::Result<i64> {
    let found = upkeep::inspect_file(file, true).await.context("is no SQLite database, or damaged")?;
    ensure!(found.damage.is_empty(), "is damaged: {}", found.damage.join("; "));
    ensure!(found.schema > 0, "is no database of Sluicegate");
    ensure!(
        found.schema <= found.newest_known,
        "has schema {}, and this program knows up to {}: use a newer one",
        found.schema,
        found.newest_known
    );
    Ok(found.schema)
}

/// Tells a person how much is copied.
async fn telling<T, E>(file: &Path, of: u64, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    if !io::stderr().is_terminal() {
        return work.await;
    }
    tokio::pin!(work);
    let mebibytes = |bytes: u64| bytes >> 20;
    loop {
        tokio::select! {
            done = &mut work => {
                eprint!("\r\x1b[K");
                return done;
            }
            () = tokio::time::sleep(TELL_EVERY) => {
                let copied = fs::metadata(file).map_or(0, |metadata| metadata.len());
                eprint!("\r\x1b[K{} of about {} MiB", mebibytes(copied), mebibytes(of));
                _ = io::stderr().flush();
            }
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A file that is not what it will be yet; removed unless it is published.
struct Partial {
    path: PathBuf,
}

impl Partial {
    /// A new, empty file beside the one it will become, readable by its owner only.
    fn beside(file: &Path) -> anyhow::Result<Self> {
        ensure!(!file.exists(), "{} exists, and nothing is overwritten", file.display());
        let path = with_suffix(file, ".partial");
        let context = || {
            let because =
                if path.exists() { " exists: another copy is being made, or was broken off; remove it" } else { "" };
            format!("{}{because}", path.display())
        };
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).with_context(context)?;
        Ok(Self { path })
    }

    /// Makes it durable, and gives it its name unless something else has got that meanwhile.
    fn publish(self, file: &Path) -> anyhow::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::hard_link(&self.path, file).with_context(|| file.display().to_string())?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
    }
}
