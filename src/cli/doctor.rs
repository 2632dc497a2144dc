//! `sluicegate doctor`

use std::{net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use clap::Args;
use reqwest::Method;
use serde::Serialize;
use serde_json::json;

use super::{
    exit::Exit,
    output::{self, plain},
};
use crate::{
    artifacts::{Artifacts, Found},
    client::Client,
    clock::Clock,
    config::{Config, JwtKeys, SecretsKeys, Settings},
    secrets::key_file,
    store::sql::{
        self, RowSecurity,
        upkeep::{self, Gap},
    },
};

/// How far clocks may be apart before leases and tokens suffer.
const CLOCK_WARNING_MS: i64 = 2_000;
const CLOCK_FAILURE_MS: i64 = 30_000;
/// With less room than this a database may soon be unable to write.
const DISK_WARNING: u64 = 1 << 30;
const DISK_FAILURE: u64 = 64 << 20;
/// A server keeps connections and streams open; fewer files than these are soon used up.
const OPEN_FILES: u64 = 4_096;
/// How long the database and the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long reading every page may take.
const THOROUGH_PATIENCE: Duration = Duration::from_hours(1);

/// Look for what keeps a server from working well, and tell what to do about it
///
/// Reads the same settings as `serve`, and changes nothing. Ends with exit code 1 if a check fails.
#[derive(Args, Debug)]
pub struct Doctor {
    /// Also ask the server at this address
    #[arg(long, env = "SLUICEGATE_URL", value_name = "URL")]
    url: Option<String>,
    /// Read every page of an SQLite database: thorough, and slow on a large one
    #[arg(long)]
    thorough: bool,
    /// Print JSON: a list of checks
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// What one check has found.
#[derive(Clone, Debug, Serialize)]
struct Check {
    #[serde(rename = "check")]
    about: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Check {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { about: check, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about: check, verdict: Verdict::Warn, found: found.into(), advice: Some(advice.into()) }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about: check, verdict: Verdict::Fail, found: found.into(), advice: Some(advice.into()) }
    }
}

impl Doctor {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let mut checks = Vec::new();
        match self.settings.clone().into_config() {
            Err(error) => {
                checks.push(Check::fail(
                    "settings",
                    error.to_string(),
                    "correct it; `sluicegate serve --help` lists them all",
                ));
            }
            Ok(config) => {
                checks.push(Check::ok("settings", "they hold"));
                checks.extend(store(&config, self.thorough).await);
                if let Some(path) = sql::sqlite_path(config.store.expose()) {
                    checks.extend(disk(&path));
                }
                checks.push(secrets_key(&config));
                checks.push(artifacts(&config).await);
                checks.push(address(config.listen, self.url.is_some()).await);
                checks.extend(exposure(&config));
            }
        }
        checks.push(open_files());
        if let Some(url) = &self.url {
            checks.extend(server(url).await);
        }
        if self.json {
            output::json(&json!(checks))?;
        } else {
            for Check { about: check, verdict, found, advice } in &checks {
                let word = match verdict {
                    Verdict::Ok => "ok  ",
                    Verdict::Warn => "warn",
                    Verdict::Fail => "fail",
                };
                output::line(format_args!("{word}  {check}: {}", plain(found)))?;
                if let Some(advice) = advice {
                    output::line(format_args!("      {}", plain(advice)))?;
                }
            }
        }
        let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
        Ok(if failed { Exit::Failed } else { Exit::Done })
    }
}

async fn store(config: &Config, thorough: bool) -> Vec<Check> {
    let url = config.store.expose();
    if let Some(path) = sql::sqlite_path(url).filter(|path| !path.exists()) {
        let found = format!("there is no database at {} yet", path.display());
        return vec![Check::warn(
            "store",
            found,
            "the first `serve`, `dev` or `init` makes it; or name another one with --store",
        )];
    }
    let patience = if thorough { THOROUGH_PATIENCE } else { PATIENCE };
    let inspected = match tokio::time::timeout(patience, upkeep::inspect(url, thorough)).await {
        Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
        Ok(inspected) => inspected.map_err(|error| chain(&error)),
    };
    let found = match inspected {
        Err(error) => {
            return vec![Check::fail(
                "store",
                error,
                "check --store, that the database runs, and that this user may use it",
            )];
        }
        Ok(found) => found,
    };
    let mut checks = vec![Check::ok(
        "store",
        format!("{} answers{}", found.version, if found.in_use { "; a server uses it" } else { "" }),
    )];
    let (schema, known) = (found.schema, found.newest_known);
    checks.push(match schema {
        _ if schema == known => Check::ok("migrations", format!("schema {schema}, the newest")),
        0 => Check::warn("migrations", "the schema is missing", "`sluicegate migrate`, `init` or `serve` makes it"),
        _ if schema < known => Check::warn(
            "migrations",
            format!("schema {schema}, and this program needs {known}"),
            "take a backup, then `sluicegate migrate`; `serve` does it, too",
        ),
        _ => Check::fail(
            "migrations",
            format!("schema {schema}, and this program knows up to {known}"),
            "use a newer program",
        ),
    });
    if thorough && sql::sqlite_path(url).is_some() {
        checks.push(match found.damage.as_slice() {
            [] => Check::ok("integrity", "every page is in order"),
            damage => Check::fail(
                "integrity",
                damage.join("; "),
                "stop the server, and restore a backup: `sluicegate restore`",
            ),
        });
    }
    if let Some(stands) = &found.row_security {
        checks.push(row_security(config.row_security, stands));
    }
    if let Some(clock) = found.clock_ms {
        checks.push(clocks("clock", Clock::system().now().0 - clock, "the database's"));
    }
    checks
}

/// Whether the database keeps tenants apart, too.
fn row_security(wanted: RowSecurity, stands: &Result<String, Gap>) -> Check {
    const ABOUT: &str = "row security";
    match (wanted, stands) {
        (RowSecurity::Off, _) => Check::ok(ABOUT, "it is off: the statements alone keep tenants apart"),
        (_, Ok(role)) => Check::ok(ABOUT, format!("tenants are served as {role}")),
        (RowSecurity::Required, Err(Gap { reason, advice })) => Check::fail(ABOUT, reason, advice),
        (RowSecurity::Auto, Err(Gap { reason, advice })) => Check::warn(
            ABOUT,
            format!("the statements alone keep tenants apart: {reason}"),
            format!("{advice} Or set `row-security` to `off`"),
        ),
    }
}

/// What it means that this machine's clock is ahead of another one by so much.
fn clocks(check: &'static str, ahead_ms: i64, whose: &str) -> Check {
    let found = format!("this machine's clock and {whose} are {} ms apart", ahead_ms.abs());
    let advice = "let both keep time by NTP: leases, schedules and tokens depend on it";
    match ahead_ms.abs() {
        apart if apart >= CLOCK_FAILURE_MS => Check::fail(check, found, advice),
        apart if apart >= CLOCK_WARNING_MS => Check::warn(check, found, advice),
        _ => Check::ok(check, found),
    }
}

fn disk(database: &Path) -> Vec<Check> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let mut checks = Vec::new();
    match rustix::fs::statvfs(existing) {
        Err(error) => {
            checks.push(Check::warn("disk", format!("{}: {error}", existing.display()), "look yourself: `df`"));
        }
        Ok(room) => {
            let free = room.f_bavail.saturating_mul(room.f_frsize);
            let found = format!("{} MiB free at {}", free >> 20, existing.display());
            let advice = "make room: without it nothing is accepted any more";
            checks.push(match free {
                _ if free < DISK_FAILURE => Check::fail("disk", found, advice),
                _ if free < DISK_WARNING => Check::warn("disk", found, advice),
                _ => Check::ok("disk", found),
            });
        }
    }
    let writable = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK);
    if let Err(error) = writable {
        let found = format!("{} can't be written: {error}", existing.display());
        checks.push(Check::fail(
            "disk",
            found,
            "SQLite writes a log beside the database: let this user write the folder",
        ));
    }
    checks
}

/// Whether there is a key that secrets are sealed with. Whether it is the one that they were sealed with, the server tells at its start.
fn secrets_key(config: &Config) -> Check {
    const ABOUT: &str = "secrets key";
    let path = match &config.secrets_keys {
        SecretsKeys::None => {
            let advice = "name a file with --secrets-key-file; all servers of a database need the same keys";
            return Check::warn(
                ABOUT,
                "there is none: no secrets are taken, and targets of messages are not sealed",
                advice,
            );
        }
        SecretsKeys::Listed(keys) => return Check::ok(ABOUT, format!("{} in the settings", keys.len())),
        SecretsKeys::Made(path) if !path.exists() => {
            let found = format!("{} is not there; the server makes one", path.display());
            let database = sql::sqlite_path(config.store.expose()).is_some_and(|database| database.exists());
            let advice = "if it was there before, bring it back: without it nobody reads what it has sealed";
            return if database { Check::warn(ABOUT, found, advice) } else { Check::ok(ABOUT, found) };
        }
        SecretsKeys::File(path) | SecretsKeys::Made(path) => path,
    };
    let keys = match key_file::read(path) {
        Ok(keys) => keys,
        Err(error) => {
            return Check::fail(
                ABOUT,
                error.to_string(),
                "correct the file, or name another one: the server needs it to start",
            );
        }
    };
    let found = format!("{} in {}", keys.len(), path.display());
    let open = std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0);
    if open {
        Check::warn(
            ABOUT,
            format!("{found}, which everybody on this machine can read"),
            "take the rights of others away: `chmod o=`",
        )
    } else {
        Check::ok(ABOUT, found)
    }
}

async fn artifacts(config: &Config) -> Check {
    match Artifacts::look(&config.artifacts).await {
        Found::Good(found) => Check::ok("artifacts", found),
        Found::Nowhere => Check::warn(
            "artifacts",
            "the server takes no files from workers",
            "name a folder that all servers share, or `s3://bucket/prefix`, with --artifacts",
        ),
        Found::Away(found) => Check::fail("artifacts", found, "check the address, and that the server runs there"),
        Found::Wrong(found, advice) => Check::fail("artifacts", found, advice),
    }
}

async fn address(listen: SocketAddr, asked_elsewhere: bool) -> Check {
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_) => Check::ok("address", format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let found = format!("{listen} is in use");
            if asked_elsewhere {
                Check::ok("address", format!("{found}, as it is while a server runs"))
            } else {
                Check::warn("address", found, "good if that is the server; else choose another one with --listen")
            }
        }
        Err(error) => Check::fail("address", format!("{listen}: {error}"), "choose another one with --listen"),
    }
}

/// Settings that hold and are yet a surprise on a server that others reach.
fn exposure(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let open = !config.listen.ip().is_loopback();
    if open && config.public_url.is_none() {
        checks.push(Check::warn(
            "public-url",
            "others may reach this server, and links in messages will lead to an address of this machine",
            "set --public-url to the address that people use",
        ));
    }
    if open && config.metrics_token.is_none() {
        checks.push(Check::warn(
            "metrics",
            "/metrics is public",
            "set --metrics-token, or keep the path inside your network",
        ));
    }
    if open
        && matches!(config.jwt.keys, JwtKeys::Secrets(_) | JwtKeys::JwksFile(_) | JwtKeys::JwksUrl(_))
        && config.jwt.audience.is_none()
    {
        checks.push(Check::warn(
            "jwt-audience",
            "tokens that your identity provider has made for other services hold here, unless they name an audience",
            "set --jwt-audience",
        ));
    }
    checks
}

fn open_files() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit {
        Some(limit) if limit < OPEN_FILES => Check::warn(
            "open files",
            format!("this user may open {limit} files, and each stream is one"),
            format!("raise it, for example `ulimit -n {OPEN_FILES}` or LimitNOFILE of the service"),
        ),
        Some(limit) => Check::ok("open files", format!("{limit} at once")),
        None => Check::ok("open files", "no limit"),
    }
}

async fn server(url: &str) -> Vec<Check> {
    let advice = "check the address, and that `sluicegate serve` runs there";
    let client = match Client::new(url, None) {
        Ok(client) => client,
        Err(error) => return vec![Check::fail("server", error.to_string(), advice)],
    };
    let response = match client.request(Method::GET, "/readyz").timeout(PATIENCE).send().await {
        Ok(response) => response,
        Err(error) => return vec![Check::fail("server", chain(&error), advice)],
    };
    let date = response.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
    let status = response.status();
    let mut checks = vec![match status.as_u16() {
        200 => Check::ok("server", format!("{url} is ready")),
        503 => Check::fail(
            "server",
            format!("{url} takes no requests: it stops, or its database does not answer"),
            "ask again in a moment; if it stays so, look at the database",
        ),
        _ => Check::fail("server", format!("{url} answers {status} to /readyz"), advice),
    }];
    if let Some(date) = date {
        // The header has whole seconds.
        let apart = Clock::system().now().0 - date.timestamp_millis();
        let apart = if (0..1_000).contains(&apart) { 0 } else { apart };
        checks.push(clocks("server's clock", apart, "the server's"));
    }
    checks
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_be_a_little_apart() {
        for (apart, verdict) in
            [(0, Verdict::Ok), (-1_999, Verdict::Ok), (2_000, Verdict::Warn), (-30_000, Verdict::Fail)]
        {
            assert_eq!(clocks("clock", apart, "the database's").verdict, verdict, "{apart}");
        }
    }
}
