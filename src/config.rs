//! One configuration, validated once.
//!
//! Every setting can be a flag, an environment variable `SLUICEGATE_*` or a key of the TOML file named by `--config`; a flag
//! wins over the environment, the environment over the file, the file over the default. [`Settings`] is what was written,
//! [`Config`] what holds; nothing else in the crate reads the environment.

mod artifacts;
mod commands;
#[cfg(test)]
mod document;
mod exposure;
mod files;
mod oidc;
mod secrets;
mod settings;
mod traces;
mod values;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;
use serde::Deserialize;
use url::Url;

pub use artifacts::{ArtifactsConfig, ArtifactsPlace, S3Config};
pub use commands::CommandsConfig;
pub use oidc::OidcConfig;
pub use secrets::{SecretsKey, SecretsKeys};
pub use settings::Settings;
pub use traces::TracesConfig;
pub use values::{ByteSize, Secret, Span, variable};

/// Whether PostgreSQL keeps tenants apart, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowSecurity {
    /// Where the database user can take the role; otherwise the log says what is missing.
    #[default]
    Auto,
    /// A server that can't has no use for its database.
    Required,
    /// No.
    Off,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Settings that hold.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The database's URL; it may hold a password.
    pub store: Secret,
    /// Whether PostgreSQL keeps tenants apart as well.
    pub row_security: RowSecurity,
    /// How artifacts are kept.
    pub artifacts: ArtifactsConfig,
    /// Where the keys come from that secrets are sealed with.
    pub secrets_keys: SecretsKeys,
    /// Address under which clients reach the server, without a slash at the end.
    pub public_url: Option<String>,
    /// The SMTP server that mail is sent by, and the sender of the mail.
    pub smtp: Option<(Secret, String)>,
    /// How long one event stream may last.
    pub stream_max_duration: Duration,
    /// Time between two heartbeats of a stream.
    pub stream_heartbeat: Duration,
    /// Most open streams of one workspace in this process.
    pub streams_per_workspace: usize,
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// How bearer tokens are checked.
    pub jwt: JwtConfig,
    /// Where people sign in to the dashboard, beside keys and tokens.
    pub oidc: Option<OidcConfig>,
    /// Which pages may call the API from a browser.
    pub cors: CorsOrigins,
    /// Bearer token that `/metrics` asks for.
    pub metrics_token: Option<Secret>,
    /// Most executions that run in this process at once.
    pub max_running: usize,
    /// Most executions of one workspace that wait in the queue.
    pub queue_limit: i64,
    /// Most executions that a workspace may trigger in a minute, at each server; 0 is no limit.
    pub trigger_rate: i64,
    /// Most refusals of one address in a minute, at each server; 0 is no limit.
    pub refusal_rate: i64,
    /// Networks of proxies that are believed what they say of their clients.
    pub trusted_proxies: Vec<String>,
    /// How long an instance may be silent before others take its executions.
    pub instance_lease: Duration,
    /// How long a stopping server waits for running nodes.
    pub drain_limit: Duration,
    /// Shortest time between two slots of a schedule.
    pub schedule_min_interval: Duration,
    /// Private networks that workflows may reach.
    pub outbound_networks: Vec<String>,
    /// How the scripts of code nodes are run.
    pub code: CodeConfig,
    /// The programs that `mcp` nodes may start.
    pub commands: CommandsConfig,
    /// Where spans are sent.
    pub traces: Option<TracesConfig>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged.
    pub log: String,
}

/// How the scripts of code nodes are run.
#[derive(Clone, Debug)]
pub struct CodeConfig {
    /// Processes at a time.
    pub processes: usize,
    /// Even where the kernel can't confine them.
    pub unconfined: bool,
    /// The program to start for them; none is this one. No setting: tests are another program than the server.
    pub program: Option<PathBuf>,
}

/// How bearer tokens (JWT) are checked.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// The keys; the algorithm follows from them, never from the token.
    pub keys: JwtKeys,
    /// `iss` must be this.
    pub issuer: Option<String>,
    /// `aud` must be or contain this. Without it, a token that names an audience is refused.
    pub audience: Option<String>,
}

/// Where the keys of bearer tokens are.
#[derive(Clone, Debug)]
pub enum JwtKeys {
    /// No bearer tokens but API keys.
    None,
    /// HS256 with one of these secrets.
    Secrets(Vec<Secret>),
    /// RS256, ES256 or EdDSA with the keys in this file.
    JwksFile(PathBuf),
    /// RS256, ES256 or EdDSA with the keys at this address.
    JwksUrl(Url),
}

/// Which pages may call the API from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Only those of this server.
    Own,
    /// Those of these origins.
    Listed(Vec<String>),
    /// All.
    Any,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named by `--config` could not be read.
    #[error("config file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not what it should be; the text names the line.
    #[error("config file {path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A setting that can't hold.
    #[error("setting `{name}`: {reason}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// What it must be.
        reason: String,
    },
}

fn invalid(name: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { name, reason: reason.into() }
}

impl Settings {
    fn validate(mut self) -> Result<Config, ConfigError> {
        let store = self.store.clone().unwrap_or_else(|| Secret::new("sqlite:.sluicegate/sluicegate.db"));
        if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| store.expose().starts_with(scheme)) {
            return Err(invalid("store", "must begin with `sqlite:` or `postgres://`"));
        }
        let database = store.expose().strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        let row_security = self.row_security.unwrap_or_default();
        if row_security == RowSecurity::Required && database.is_some() {
            return Err(invalid("row-security", "can't be `required` with SQLite, which has none"));
        }
        let artifacts = artifacts::artifacts(&self, database.map(Path::new))?;
        let secrets_keys = secrets::keys(&self, database.map(Path::new))?;
        let commands = commands::commands(&self)?;
        let oidc = oidc::oidc(&mut self)?;
        let traces = traces::traces(&mut self)?;
        let public_url = match self.public_url.as_deref().map(Url::parse) {
            None => None,
            Some(Ok(url)) if matches!(url.scheme(), "http" | "https") && url.query().is_none() => {
                Some(url.as_str().trim_end_matches('/').to_owned())
            }
            Some(_) => return Err(invalid("public-url", "must be an http or https address without a query")),
        };
        let smtp = match (self.smtp_url, self.smtp_from) {
            (None, None) => None,
            (Some(url), Some(from)) => Some((url, from)),
            (Some(_), None) => return Err(invalid("smtp-from", "is missing: `smtp-url` needs a sender")),
            (None, Some(_)) => return Err(invalid("smtp-url", "is missing: `smtp-from` alone sends nothing")),
        };
        let instance_lease = span("instance-lease", self.instance_lease, 30, 1, 3_600)?;
        Ok(Config {
            listen: self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            store,
            row_security,
            artifacts,
            secrets_keys,
            public_url,
            smtp,
            stream_max_duration: span("stream-max-duration", self.stream_max_duration, 600, 1, 86_400)?,
            stream_heartbeat: span("stream-heartbeat", self.stream_heartbeat, 15, 1, 300)?,
            streams_per_workspace: count("streams-per-workspace", self.streams_per_workspace, 10_000)?,
            body_limit: count("body-limit", self.body_limit.map(|size| size.0), 4 << 20)?,
            jwt: JwtConfig {
                keys: jwt_keys(self.jwt_secret, self.jwt_jwks)?,
                issuer: self.jwt_issuer,
                audience: self.jwt_audience,
            },
            oidc,
            cors: cors_origins(self.cors_origins.unwrap_or_default())?,
            metrics_token: self.metrics_token,
            max_running: count("max-running", self.max_running, 1_000)?,
            queue_limit: self.queue_limit.unwrap_or(100_000).into(),
            trigger_rate: self.trigger_rate.unwrap_or_default().into(),
            refusal_rate: self.refusal_rate.unwrap_or(600).into(),
            trusted_proxies: self.trusted_proxies.unwrap_or_default(),
            instance_lease,
            drain_limit: self.drain_limit.map_or(Duration::from_secs(30), |span| span.0),
            schedule_min_interval: span("schedule-min-interval", self.schedule_min_interval, 60, 1, 3_600)?,
            outbound_networks: self.outbound_networks.unwrap_or_default(),
            code: CodeConfig {
                processes: count("code-processes", self.code_processes, processors())?,
                unconfined: self.code_unconfined.unwrap_or_default(),
                program: None,
            },
            commands,
            traces,
            log_format: self.log_format.unwrap_or(LogFormat::Text),
            log: self.log.unwrap_or_else(|| "info".into()),
        })
    }
}

impl Config {
    /// Where people reach this server: as the operator has told, else where it listens. Without a slash at the end.
    pub fn public_url(&self) -> String {
        let listens = || match self.listen {
            any if any.ip().is_unspecified() => format!("http://localhost:{}", any.port()),
            one => format!("http://{one}"),
        };
        self.public_url.clone().unwrap_or_else(listens)
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn span(
    name: &'static str,
    given: Option<Span>,
    default_s: u64,
    least_s: u64,
    most_s: u64,
) -> Result<Duration, ConfigError> {
    let span = given.map_or(Duration::from_secs(default_s), |span| span.0);
    if (Duration::from_secs(least_s)..=Duration::from_secs(most_s)).contains(&span) {
        Ok(span)
    } else {
        Err(invalid(name, format!("must be between {least_s}s and {most_s}s")))
    }
}

fn count(name: &'static str, given: Option<usize>, default: usize) -> Result<usize, ConfigError> {
    match given {
        Some(0) => Err(invalid(name, "must be 1 or more")),
        count => Ok(count.unwrap_or(default)),
    }
}

fn jwt_keys(secrets: Option<Vec<Secret>>, jwks: Option<String>) -> Result<JwtKeys, ConfigError> {
    match (secrets, jwks) {
        (None, None) => Ok(JwtKeys::None),
        // One issuer signs one way: a server that takes both would take a shared secret for a key that is public.
        (Some(_), Some(_)) => Err(invalid("jwt-jwks", "can't be combined with `jwt-secret`")),
        (Some(secrets), None) if secrets.is_empty() || secrets.iter().any(|secret| secret.expose().len() < 32) => {
            Err(invalid("jwt-secret", "must be 32 bytes or longer"))
        }
        (Some(secrets), None) => Ok(JwtKeys::Secrets(secrets)),
        (None, Some(place)) if place.starts_with("http://") || place.starts_with("https://") => {
            Url::parse(&place).map(JwtKeys::JwksUrl).map_err(|error| invalid("jwt-jwks", error.to_string()))
        }
        (None, Some(place)) => Ok(JwtKeys::JwksFile(place.into())),
    }
}

fn cors_origins(origins: Vec<String>) -> Result<CorsOrigins, ConfigError> {
    if origins.is_empty() {
        return Ok(CorsOrigins::Own);
    }
    if origins.iter().any(|origin| origin == "*") {
        return Ok(CorsOrigins::Any);
    }
    for origin in &origins {
        let same = Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
        if !same {
            return Err(invalid("cors-origins", format!("`{origin}` is not an origin such as `https://example.com`")));
        }
    }
    Ok(CorsOrigins::Listed(origins))
}

#[cfg(test)]
mod tests;
