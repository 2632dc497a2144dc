//! The settings as they were written: a flag, a variable of the environment and a key of the file each.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, builder::BoolishValueParser};
use serde::Deserialize;

use super::{
    ByteSize, Config, ConfigError, LogFormat, RowSecurity, Secret, Span, exposure, files, values::one_or_many,
};

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
    /// File with that, for one with a password in it
    #[arg(long, env = "SLUICEGATE_STORE_FILE", value_name = "FILE")]
    pub store_file: Option<PathBuf>,
    /// Whether PostgreSQL keeps tenants apart as well, by row-level security [default: auto]
    ///
    /// `auto`: where the database user can take the role for it; otherwise the log says at the start what is missing. `required`: the
    /// server does not start without it. `off`: the statements alone do.
    #[arg(long, env = "SLUICEGATE_ROW_SECURITY", value_name = "WHEN")]
    pub row_security: Option<RowSecurity>,
    /// Where artifacts are kept: a folder or `s3://BUCKET/PREFIX` [default: the folder `artifacts` beside an SQLite database]
    ///
    /// With PostgreSQL there is no default: until it is set, files of workers are refused. Servers that share a database share this place.
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
    /// File with it
    #[arg(long, env = "SLUICEGATE_S3_SECRET_ACCESS_KEY_FILE", value_name = "FILE")]
    pub s3_secret_access_key_file: Option<PathBuf>,
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
    ///
    /// Keep a copy apart from the backups: without a key nobody reads what it has sealed.
    #[arg(long, env = "SLUICEGATE_SECRETS_KEY", value_name = "KEY", value_delimiter = ',', hide_env_values = true)]
    #[serde(default, deserialize_with = "one_or_many")]
    pub secrets_key: Option<Vec<Secret>>,
    /// File with these keys, one a line
    #[arg(long, env = "SLUICEGATE_SECRETS_KEY_FILE", value_name = "FILE")]
    pub secrets_key_file: Option<PathBuf>,
    /// Address under which people and clients reach the server, for links [default: the address to listen on]
    ///
    /// What links in messages begin with. With `https` the dashboard's cookie is sent over TLS only.
    #[arg(long, env = "SLUICEGATE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// SMTP server that mail is sent by, such as `smtps://user:password@smtp.example.com`; without it no mail is sent
    ///
    /// With STARTTLS it is `smtp://host:587?tls=required`.
    #[arg(long, env = "SLUICEGATE_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<Secret>,
    /// File with that, for one with a password in it
    #[arg(long, env = "SLUICEGATE_SMTP_URL_FILE", value_name = "FILE")]
    pub smtp_url_file: Option<PathBuf>,
    /// Sender of mail, such as `Sluicegate <gate@example.com>`
    #[arg(long, env = "SLUICEGATE_SMTP_FROM", value_name = "ADDRESS")]
    pub smtp_from: Option<String>,
    /// How long one event stream may last [default: 10m]
    ///
    /// Then it says `stream_closing` and ends; clients come again with `Last-Event-ID`.
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
    /// File with these secrets, one a line
    #[arg(long, env = "SLUICEGATE_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    /// JWKS for RS256, ES256 and EdDSA tokens: a file, or an http(s) URL
    #[arg(long, env = "SLUICEGATE_JWT_JWKS", value_name = "FILE|URL")]
    pub jwt_jwks: Option<String>,
    /// Issuer that tokens must name
    #[arg(long, env = "SLUICEGATE_JWT_ISSUER", value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,
    /// Audience that tokens must name
    #[arg(long, env = "SLUICEGATE_JWT_AUDIENCE", value_name = "AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// OpenID Connect provider that people sign in to the dashboard at, by its issuer, such as `https://id.example.com`
    ///
    /// The address to register there is `/v1/session/oidc/callback` below `public-url`.
    #[arg(long, env = "SLUICEGATE_OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// This server's client id at the provider
    #[arg(long, env = "SLUICEGATE_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,
    /// The client's secret; without it the server is a public client
    #[arg(long, env = "SLUICEGATE_OIDC_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<Secret>,
    /// File with that secret
    #[arg(long, env = "SLUICEGATE_OIDC_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub oidc_client_secret_file: Option<PathBuf>,
    /// What is asked for besides `openid` [default: what the claim needs: `email`, or `profile` for others than `sub`]
    #[arg(long, env = "SLUICEGATE_OIDC_SCOPES", value_name = "SCOPE", value_delimiter = ',')]
    pub oidc_scopes: Option<Vec<String>>,
    /// Claim that is the user's id; `email` counts only where the provider has verified it [default: sub]
    ///
    /// Tokens (JWT) name people by their `sub`: where both are in use they should mean the same.
    #[arg(long, env = "SLUICEGATE_OIDC_USER_CLAIM", value_name = "CLAIM")]
    pub oidc_user_claim: Option<String>,
    /// What is on the button [default: `Sign in with` and the provider's host]
    #[arg(long, env = "SLUICEGATE_OIDC_LABEL", value_name = "TEXT")]
    pub oidc_label: Option<String>,
    /// How long somebody who has signed in there stays signed in, 5m to 7d [default: 12h]
    #[arg(long, env = "SLUICEGATE_OIDC_SESSION_DURATION", value_name = "DURATION")]
    pub oidc_session_duration: Option<Span>,
    /// Origins whose pages may call the API from a browser, or `*`
    #[arg(long, env = "SLUICEGATE_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origins: Option<Vec<String>>,
    /// Bearer token that `/metrics` asks for; without it, `/metrics` is public
    #[arg(long, env = "SLUICEGATE_METRICS_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub metrics_token: Option<Secret>,
    /// File with that token
    #[arg(long, env = "SLUICEGATE_METRICS_TOKEN_FILE", value_name = "FILE")]
    pub metrics_token_file: Option<PathBuf>,
    /// Most executions that run in this process at once [default: 1000]
    ///
    /// Others wait in the queue. Those that wait for people or timers do not count.
    #[arg(long, env = "SLUICEGATE_MAX_RUNNING", value_name = "COUNT")]
    pub max_running: Option<usize>,
    /// Most executions of one workspace that wait in the queue [default: 100000]
    ///
    /// Beyond it a trigger gets 429 with `Retry-After`.
    #[arg(long, env = "SLUICEGATE_QUEUE_LIMIT", value_name = "COUNT")]
    pub queue_limit: Option<u32>,
    /// Most executions that a workspace may trigger in a minute, at each server; 0 is no limit [default: 0]
    ///
    /// As many may come at once. Beyond it a trigger gets 429 with `Retry-After`.
    #[arg(long, env = "SLUICEGATE_TRIGGER_RATE", value_name = "COUNT")]
    pub trigger_rate: Option<u32>,
    /// Most credentials, links and deliveries of one address that are refused in a minute, at each server; 0 is no limit [default: 600]
    ///
    /// As many may come at once. Beyond it the address gets 429 with `Retry-After` in place of the refusal.
    #[arg(long, env = "SLUICEGATE_REFUSAL_RATE", value_name = "COUNT")]
    pub refusal_rate: Option<u32>,
    /// Networks of your reverse proxies, such as `10.0.0.0/8`: their `X-Forwarded-For` tells the address of a client
    ///
    /// Without them a client is who has connected, so all clients behind a proxy count as one.
    #[arg(long, env = "SLUICEGATE_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<String>>,
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
    ///
    /// Loopback, private and link-local addresses are refused otherwise.
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
    ///
    /// Agents may, too.
    #[arg(long, env = "SLUICEGATE_MCP_COMMAND", value_name = "NAME=COMMAND", value_delimiter = ';')]
    pub mcp_command: Option<Vec<String>>,
    /// File or folder that these programs may read besides the system's own; several times for several
    #[arg(long, env = "SLUICEGATE_MCP_READ_ONLY", value_name = "PATH", value_delimiter = ':')]
    pub mcp_read_only: Option<Vec<PathBuf>>,
    /// Collector that traces are sent to by OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces` is added
    ///
    /// Without it none are. What comes with a trace goes on with it all the same.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", hide_env_values = true)]
    pub otlp_endpoint: Option<String>,
    /// The same as a whole address, which wins
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL", hide_env_values = true)]
    pub otlp_traces_endpoint: Option<String>,
    /// Headers that the collector asks for: `name=value,name=value`, values percent-encoded
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", value_name = "HEADERS", hide_env_values = true)]
    pub otlp_headers: Option<Secret>,
    /// Name under which this server's traces appear [default: sluicegate]
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    pub otlp_service_name: Option<String>,
    /// How log lines look [default: text]
    #[arg(long, env = "SLUICEGATE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged: a level, or a filter such as `info,sluicegate::engine=debug` [default: info]
    #[arg(long, env = "SLUICEGATE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
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
        files::read(&mut self)?;
        let config = self.validate()?;
        exposure::check(&config)?;
        Ok(config)
    }

    fn fill_gaps(&mut self, file: Self) {
        fill_gaps!(
            self, file: listen, store, store_file, row_security, artifacts, artifact_limit, s3_endpoint, s3_region, s3_access_key_id, s3_secret_access_key,
            s3_secret_access_key_file, s3_session_token, s3_allow_http, s3_virtual_hosted, secrets_key, secrets_key_file, public_url,
            smtp_url, smtp_url_file, smtp_from,
            stream_max_duration, stream_heartbeat, streams_per_workspace, body_limit,
            jwt_secret, jwt_secret_file, jwt_jwks, jwt_issuer, jwt_audience, oidc_issuer, oidc_client_id,
            oidc_client_secret, oidc_client_secret_file, oidc_scopes, oidc_user_claim, oidc_label, oidc_session_duration, cors_origins,
            metrics_token, metrics_token_file, max_running, queue_limit, trigger_rate, refusal_rate, trusted_proxies,
            instance_lease, drain_limit, schedule_min_interval, outbound_networks, code_processes, code_unconfined,
            mcp_command, mcp_read_only, otlp_endpoint, otlp_traces_endpoint, otlp_headers, otlp_service_name, log_format, log,
        );
    }
}
