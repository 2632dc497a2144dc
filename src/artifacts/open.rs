//! Opens the place of artifacts that the settings name. Nothing is read or written here; [`super::probe`] does that.

use std::{sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path,
};
use tokio_util::task::TaskTracker;

use super::{Artifacts, BODY_PATIENCE, Inner, Place, probe::told};
use crate::config::{ArtifactsConfig, ArtifactsPlace, S3Config};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may send nothing. While a part is sent it sends nothing, so this bounds the time for one, too.
const READ_TIMEOUT: Duration = Duration::from_mins(2);
/// How often, and for how long, a failed request is sent again.
const RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the place can't be used at all.
#[derive(Debug, thiserror::Error)]
#[error("artifacts at {place}: {reason}")]
pub struct OpenError {
    /// The folder or the bucket.
    pub place: String,
    /// Why.
    pub reason: String,
}

impl Artifacts {
    /// The place that the settings name. A folder is made if it is missing.
    pub fn open(config: &ArtifactsConfig) -> Result<Self, OpenError> {
        let place = config.place.as_ref().map(|place| match place {
            ArtifactsPlace::Folder(folder) => open_folder(folder),
            ArtifactsPlace::S3(s3) => open_bucket(s3),
        });
        Ok(Self(Arc::new(Inner {
            place: place.transpose()?,
            limit: config.limit,
            patience: BODY_PATIENCE,
            tasks: TaskTracker::new(),
        })))
    }
}

fn open_folder(folder: &std::path::Path) -> Result<Place, OpenError> {
    let failed = |reason: String| OpenError { place: folder.display().to_string(), reason };
    make_folder(folder).map_err(|error| failed(error.to_string()))?;
    let files = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(told(&error)))?;
    // What was acknowledged survives a power loss, as in the database.
    let files = Arc::new(files.with_fsync(true));
    let folder = std::fs::canonicalize(folder).map_err(|error| failed(error.to_string()))?;
    Ok(Place {
        store: Arc::clone(&files) as Arc<dyn ObjectStore>,
        prefix: Path::default(),
        name: folder.display().to_string(),
        folder: Some((folder, files)),
    })
}

/// Makes a folder for this user alone; one that is there stays as it is.
fn make_folder(folder: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn open_bucket(s3: &S3Config) -> Result<Place, OpenError> {
    let name = match s3.prefix.as_str() {
        "" => format!("s3://{}", s3.bucket),
        prefix => format!("s3://{}/{prefix}", s3.bucket),
    };
    let failed = |error: object_store::Error| OpenError { place: name.clone(), reason: told(&error) };
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT)
        // A download lasts as long as its reader takes.
        .with_timeout_disabled();
    let retry = RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    };
    let mut builder = AmazonS3Builder::new();
    for (variable, value) in &s3.machine {
        let key: AmazonS3ConfigKey = variable.to_ascii_lowercase().parse().map_err(failed)?;
        builder = builder.with_config(key, value.expose());
    }
    builder = builder
        .with_client_options(client)
        .with_bucket_name(&s3.bucket)
        .with_allow_http(s3.allow_http)
        .with_virtual_hosted_style_request(s3.virtual_hosted)
        .with_retry(retry)
        // Not every server that speaks like S3 deletes many at once.
        .with_disable_bulk_delete(true);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint.as_str());
    }
    if let Some(region) = &s3.region {
        builder = builder.with_region(region.as_str());
    }
    if let Some((id, key, token)) = &s3.keys {
        builder = builder.with_access_key_id(id.expose()).with_secret_access_key(key.expose());
        if let Some(token) = token {
            builder = builder.with_token(token.expose());
        }
    }
    let store = builder.build().map_err(failed)?;
    let prefix = Path::parse(&s3.prefix).map_err(|error| failed(error.into()))?;
    Ok(Place { store: Arc::new(store), prefix, folder: None, name })
}
