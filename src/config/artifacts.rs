//! Where the bytes of artifacts are kept: a folder, or a bucket of S3 or of something that speaks like it.

use std::path::{Path, PathBuf};

use url::Url;

use super::{ByteSize, ConfigError, Secret, Settings, invalid};

/// The largest limit: a bucket takes 10 000 parts of 5 MiB.
const MAX_LIMIT: usize = 40 << 30;

/// What the machine may know of itself: roles and addresses by which a program in a cloud gets credentials, under the names
/// that the cloud gives them.
const MACHINE: &[&str] = &[
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_METADATA_ENDPOINT",
];

/// How artifacts are kept.
#[derive(Clone, Debug)]
pub struct ArtifactsConfig {
    /// Where; none: the server keeps no artifacts.
    pub place: Option<ArtifactsPlace>,
    /// The largest artifact in bytes.
    pub limit: u64,
}

/// Where artifacts are kept.
#[derive(Clone, Debug)]
pub enum ArtifactsPlace {
    /// A folder of this machine, or one that all servers share.
    Folder(PathBuf),
    /// A bucket.
    S3(Box<S3Config>),
}

/// A bucket and how it is reached.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// Its name.
    pub bucket: String,
    /// What all keys begin with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The server's address; none: that of AWS in the region.
    pub endpoint: Option<String>,
    /// The region; none: `us-east-1`, which most servers of one's own take.
    pub region: Option<String>,
    /// Access key, secret key and session token; none: what the machine has.
    pub keys: Option<(Secret, Secret, Option<Secret>)>,
    /// Whether the endpoint is asked without TLS.
    pub allow_http: bool,
    /// Whether the bucket is part of the host's name; else it begins the path.
    pub virtual_hosted: bool,
    /// What the machine has for want of keys: names of variables and their values.
    pub machine: Vec<(&'static str, Secret)>,
}

/// Checks the settings about artifacts; `database` is the SQLite file, if there is one.
pub(super) fn artifacts(settings: &Settings, database: Option<&Path>) -> Result<ArtifactsConfig, ConfigError> {
    let limit = settings.artifact_limit.map_or(1 << 30, |ByteSize(bytes)| bytes);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(invalid("artifact-limit", "must be between 1 byte and 40GiB"));
    }
    let place = match settings.artifacts.as_deref() {
        None => database.map(|file| ArtifactsPlace::Folder(file.with_file_name("artifacts"))),
        Some("") => return Err(invalid("artifacts", "must be a folder or `s3://bucket/prefix`")),
        Some(text) => match text.split_once("://") {
            Some(("s3", rest)) => Some(ArtifactsPlace::S3(Box::new(s3(settings, rest)?))),
            Some(_) => return Err(invalid("artifacts", "must be a folder or `s3://bucket/prefix`")),
            None => Some(ArtifactsPlace::Folder(text.into())),
        },
    };
    Ok(ArtifactsConfig { place, limit: limit as u64 })
}

fn s3(settings: &Settings, place: &str) -> Result<S3Config, ConfigError> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let named = |text: &str, more: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
    if !(3..=63).contains(&bucket.len()) || !named(bucket, b".-_") {
        return Err(invalid(
            "artifacts",
            "the bucket must have 3 to 63 letters, digits, dots, hyphens and underscores",
        ));
    }
    let prefix = prefix.trim_matches('/');
    let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && named(part, b".-_=");
    if prefix.len() > 512 || !(prefix.is_empty() || prefix.split('/').all(is_part)) {
        let rule = "the prefix must have up to 512 letters, digits and `.-_=`, with single slashes between its parts";
        return Err(invalid("artifacts", rule));
    }
    // A variable that is set to nothing is one that is not set.
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let secret = |secret: &Option<Secret>| secret.clone().filter(|secret| !secret.expose().is_empty());
    let keys = match (secret(&settings.s3_access_key_id), secret(&settings.s3_secret_access_key)) {
        (Some(id), Some(key)) => Some((id, key, secret(&settings.s3_session_token))),
        (None, None) => None,
        (Some(_), None) => return Err(invalid("s3-secret-access-key", "is missing: `s3-access-key-id` needs it")),
        (None, Some(_)) => return Err(invalid("s3-access-key-id", "is missing: `s3-secret-access-key` needs it")),
    };
    let (endpoint, allow_http) = (given(&settings.s3_endpoint), settings.s3_allow_http.unwrap_or_default());
    if let Some(endpoint) = &endpoint {
        match Url::parse(endpoint) {
            Ok(url) if url.host().is_some() && url.query().is_none() && url.username().is_empty() => match url.scheme()
            {
                "https" => {}
                "http" if allow_http => {}
                "http" => {
                    let reason =
                        "is http, which lets everybody on the way read along; if that may be, set `s3-allow-http`";
                    return Err(invalid("s3-endpoint", reason));
                }
                _ => return Err(invalid("s3-endpoint", "must be an https or http address")),
            },
            _ => return Err(invalid("s3-endpoint", "must be an https or http address without user and query")),
        }
    }
    Ok(S3Config {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint,
        region: given(&settings.s3_region),
        machine: if keys.is_none() { machine() } else { Vec::new() },
        keys,
        allow_http,
        virtual_hosted: settings.s3_virtual_hosted.unwrap_or_default(),
    })
}

#[expect(clippy::disallowed_methods, reason = "the settings are the one place that reads the environment")]
fn machine() -> Vec<(&'static str, Secret)> {
    let read =
        |name: &'static str| Some((name, Secret::new(std::env::var(name).ok().filter(|text| !text.is_empty())?)));
    MACHINE.iter().copied().filter_map(read).collect()
}
