//! One configuration, validated once.
//!
//! Every setting can be a flag, an environment variable `SLUICEGATE_*` or a key of the TOML file named by `--config`; a flag
//! wins over the environment, the environment over the file, the file over the default. [`Settings`] is what was written,
//! [`Config`] what holds; nothing else in the crate reads the environment.

mod artifacts;
mod commands;
mod secrets;
mod values;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum, builder::BoolishValueParser};
use serde::Deserialize;
use url::Url;

pub use artifacts::{ArtifactsConfig, ArtifactsPlace, S3Config};
pub use commands::CommandsConfig;
pub use secrets::{SecretsKey, SecretsKeys};
use values::one_or_many;
pub use values::{ByteSize, Secret, Span, variable};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Settings as they were written, from flags, environment and file.
///
/// A key of the file is the flag's name without the dashes in front: `listen = "0.0.0.0:8080"`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// TOML file with settings
    #[arg(long, env = "SLUICEGATE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "SLUICEGATE_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Database: `sqlite:FILE` or `postgres://...` [default: sqlite:.sluicegate/sluicegate.db]
    #[arg(long, env = "SLUICEGATE_STORE", value_name = "URL", hide_env_values = true)]
    pub store: Option<Secret>,
    /// Where artifacts are kept: a folder or `s3://BUCKET/PREFIX` [default: the folder `artifacts` beside an SQLite database]
    #[arg(long, env = "SLUICEGATE_ARTIFACTS", value_name = "FOLDER|URL")]
    pub artifacts: Option<String>,
    /// Largest artifact [default: 1GiB]
    #[arg(long, env = "SLUICEGATE_ARTIFACT_LIMIT", value_name = "SIZE")]
    pub artifact_limit: Option<ByteSize>,
    /// Address of an S3-compatible server [default: that of AWS in the region]
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// Region of the bucket [default: us-east-1]
    #[arg(long, env = "AWS_REGION", value_name = "REGION")]
    pub s3_region: Option<String>,
    /// Access key for the bucket [default: the credentials that the machine's role gives]
    #[arg(long, env = "AWS_ACCESS_KEY_ID", value_name = "KEY", hide_env_values = true)]
    pub s3_access_key_id: Option<Secret>,
    /// The secret that belongs to it
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", value_name = "SECRET", hide_env_values = true)]
    pub s3_secret_access_key: Option<Secret>,
    /// Session token of keys that hold for a while only
    #[arg(long, env = "AWS_SESSION_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub s3_session_token: Option<Secret>,
    /// Reach the S3-compatible server without TLS
    #[arg(long, env = "AWS_ALLOW_HTTP", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
          value_parser = BoolishValueParser::new())]
    pub s3_allow_http: Option<bool>,
    /// The bucket is part of the host's name (`--s3-endpoint` has it in front), not of the path
    #[arg(long, env = "AWS_VIRTUAL_HOSTED_STYLE_REQUEST", value_name = "BOOL", num_args = 0..=1,
          default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub s3_virtual_hosted: Option<bool>,
    /// Keys that secrets are sealed with, 32 bytes in base64 each: the first seals, all open [default: the file `secrets.key`
    /// beside an SQLite database, made if it is missing]
    #[arg(long, env = "SLUICEGATE_SECRETS_KEY", value_name = "KEY", value_delimiter = ',', hide_env_values = true)]
    #[serde(default, deserialize_with = "one_or_many")]
    pub secrets_key: Option<Vec<Secret>>,
    /// File with these keys, one a line
    #[arg(long, env = "SLUICEGATE_SECRETS_KEY_FILE", value_name = "FILE")]
    pub secrets_key_file: Option<PathBuf>,
    /// Address under which people and clients reach the server, for links [default: the address to listen on]
    #[arg(long, env = "SLUICEGATE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// SMTP server that mail is sent by, such as `smtps://user:password@smtp.example.com`; without it no mail is sent
    #[arg(long, env = "SLUICEGATE_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<Secret>,
    /// Sender of mail, such as `Sluicegate <gate@example.com>`
    #[arg(long, env = "SLUICEGATE_SMTP_FROM", value_name = "ADDRESS")]
    pub smtp_from: Option<String>,
    /// How long one event stream may last [default: 10m]
    #[arg(long, env = "SLUICEGATE_STREAM_MAX_DURATION", value_name = "DURATION")]
    pub stream_max_duration: Option<Span>,
    /// Time between two heartbeats of a stream [default: 15s]
    #[arg(long, env = "SLUICEGATE_STREAM_HEARTBEAT", value_name = "DURATION")]
    pub stream_heartbeat: Option<Span>,
    /// Most open streams of one workspace in this process [default: 10000]
    #[arg(long, env = "SLUICEGATE_STREAMS_PER_WORKSPACE", value_name = "COUNT")]
    pub streams_per_workspace: Option<usize>,
    /// Largest request body [default: 4MiB]
    #[arg(long, env = "SLUICEGATE_BODY_LIMIT", value_name = "SIZE")]
    pub body_limit: Option<ByteSize>,
    /// Secrets of HS256 tokens, the current one and older ones that still hold (32 bytes or more each)
    #[arg(long, env = "SLUICEGATE_JWT_SECRET", value_name = "SECRET", value_delimiter = ',', hide_env_values = true)]
    #[serde(default, deserialize_with = "one_or_many")]
    pub jwt_secret: Option<Vec<Secret>>,
    /// JWKS for RS256, ES256 and EdDSA tokens: a file, or an http(s) URL
    #[arg(long, env = "SLUICEGATE_JWT_JWKS", value_name = "FILE|URL")]
    pub jwt_jwks: Option<String>,
    /// Issuer that tokens must name
    #[arg(long, env = "SLUICEGATE_JWT_ISSUER", value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,
    /// Audience that tokens must name
    #[arg(long, env = "SLUICEGATE_JWT_AUDIENCE", value_name = "AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// Origins whose pages may call the API from a browser, or `*`
    #[arg(long, env = "SLUICEGATE_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origins: Option<Vec<String>>,
    /// Bearer token that `/metrics` asks for; without it, `/metrics` is public
    #[arg(long, env = "SLUICEGATE_METRICS_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub metrics_token: Option<Secret>,
    /// Most executions that run in this process at once [default: 1000]
    #[arg(long, env = "SLUICEGATE_MAX_RUNNING", value_name = "COUNT")]
    pub max_running: Option<usize>,
    /// Most executions of one workspace that wait in the queue [default: 100000]
    #[arg(long, env = "SLUICEGATE_QUEUE_LIMIT", value_name = "COUNT")]
    pub queue_limit: Option<u32>,
    /// Most executions that a workspace may trigger in a minute, at each server; 0 is no limit [default: 0]
    #[arg(long, env = "SLUICEGATE_TRIGGER_RATE", value_name = "COUNT")]
    pub trigger_rate: Option<u32>,
    /// How long an instance may be silent before others take its executions [default: 30s]
    #[arg(long, env = "SLUICEGATE_INSTANCE_LEASE", value_name = "DURATION")]
    pub instance_lease: Option<Span>,
    /// How long a stopping server waits for running nodes [default: 30s]
    #[arg(long, env = "SLUICEGATE_DRAIN_LIMIT", value_name = "DURATION")]
    pub drain_limit: Option<Span>,
    /// Shortest time between two slots of a schedule, 1s to 1h [default: 1m]
    #[arg(long, env = "SLUICEGATE_SCHEDULE_MIN_INTERVAL", value_name = "DURATION")]
    pub schedule_min_interval: Option<Span>,
    /// Private networks that workflows may reach, such as `10.0.0.0/8`
    #[arg(long, env = "SLUICEGATE_OUTBOUND_NETWORKS", value_name = "NETWORK", value_delimiter = ',')]
    pub outbound_networks: Option<Vec<String>>,
    /// Processes that run the scripts of code nodes at a time [default: as many as there are processors]
    #[arg(long, env = "SLUICEGATE_CODE_PROCESSES", value_name = "COUNT")]
    pub code_processes: Option<usize>,
    /// Run scripts even where the kernel has neither seccomp nor Landlock to confine them with
    #[arg(long, env = "SLUICEGATE_CODE_UNCONFINED", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
          value_parser = BoolishValueParser::new())]
    pub code_unconfined: Option<bool>,
    /// Program that `mcp` nodes may start as a Model Context Protocol server, by this name; several times for several
    #[arg(long, env = "SLUICEGATE_MCP_COMMAND", value_name = "NAME=COMMAND", value_delimiter = ';')]
    pub mcp_command: Option<Vec<String>>,
    /// File or folder that these programs may read besides the system's own; several times for several
    #[arg(long, env = "SLUICEGATE_MCP_READ_ONLY", value_name = "PATH", value_delimiter = ':')]
    pub mcp_read_only: Option<Vec<PathBuf>>,
    /// How log lines look [default: text]
    #[arg(long, env = "SLUICEGATE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged: a level, or a filter such as `info,sluicegate::engine=debug` [default: info]
    #[arg(long, env = "SLUICEGATE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// Settings that hold.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The database's URL; it may hold a password.
    pub store: Secret,
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

macro_rules! fill_gaps {
    ($settings:ident, $file:ident: $($field:ident),* $(,)?) => {$(
        if $settings.$field.is_none() {
            $settings.$field = $file.$field;
        }
    )*};
}

impl Settings {
    /// Reads the file, if one is named, and checks everything.
    pub fn into_config(mut self) -> Result<Config, ConfigError> {
        if let Some(path) = self.config.take() {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            // The parser's own display quotes the line, which may be a secret; the message and the place are enough.
            let file = toml::from_str::<Self>(&text).map_err(|error| {
                let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
                ConfigError::Malformed { path, reason: format!("line {line}: {}", error.message()) }
            })?;
            self.fill_gaps(file);
        }
        self.validate()
    }

    fn fill_gaps(&mut self, file: Self) {
        fill_gaps!(
            self, file: listen, store, artifacts, artifact_limit, s3_endpoint, s3_region, s3_access_key_id, s3_secret_access_key,
            s3_session_token, s3_allow_http, s3_virtual_hosted, secrets_key, secrets_key_file, public_url, smtp_url, smtp_from,
            stream_max_duration, stream_heartbeat, streams_per_workspace, body_limit,
            jwt_secret, jwt_jwks, jwt_issuer, jwt_audience, cors_origins, metrics_token, max_running, queue_limit, trigger_rate,
            instance_lease, drain_limit, schedule_min_interval, outbound_networks, code_processes, code_unconfined,
            mcp_command, mcp_read_only, log_format, log,
        );
    }

    fn validate(self) -> Result<Config, ConfigError> {
        let store = self.store.clone().unwrap_or_else(|| Secret::new("sqlite:.sluicegate/sluicegate.db"));
        if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| store.expose().starts_with(scheme)) {
            return Err(invalid("store", "must begin with `sqlite:` or `postgres://`"));
        }
        let database = store.expose().strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        let artifacts = artifacts::artifacts(&self, database.map(Path::new))?;
        let secrets_keys = secrets::keys(&self, database.map(Path::new))?;
        let commands = commands::commands(&self)?;
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
            cors: cors_origins(self.cors_origins.unwrap_or_default())?,
            metrics_token: self.metrics_token,
            max_running: count("max-running", self.max_running, 1_000)?,
            queue_limit: self.queue_limit.unwrap_or(100_000).into(),
            trigger_rate: self.trigger_rate.unwrap_or_default().into(),
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
