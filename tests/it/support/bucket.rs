//! A server that speaks S3, on a port of its own: buckets are folders, requests have to be signed with its keys.

use std::path::PathBuf;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use sluicegate::config::{Secret, Settings};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

/// The access key of tests.
pub const ACCESS_KEY: &str = "AKIAOFTHETESTS";
/// The secret that belongs to it.
pub const SECRET_KEY: &str = "a-secret-of-the-tests";

/// The server, with the bucket `files`. It ends with this value.
pub struct Buckets {
    pub endpoint: String,
    folder: TempDir,
    _serving: JoinSet<()>,
}

impl Buckets {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                connections.spawn(async move {
                    let http = auto::Builder::new(TokioExecutor::new());
                    // A client that goes away is none of the server's business.
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { endpoint, folder, _serving: serving }
    }

    /// Settings of a server that keeps its artifacts here.
    pub fn settings(&self, settings: &mut Settings) {
        settings.artifacts = Some("s3://files/of-tests".to_owned());
        settings.s3_endpoint = Some(self.endpoint.clone());
        settings.s3_allow_http = Some(true);
        settings.s3_access_key_id = Some(Secret::new(ACCESS_KEY));
        settings.s3_secret_access_key = Some(Secret::new(SECRET_KEY));
    }

    /// The objects of the bucket, by their keys.
    pub fn objects(&self) -> Vec<String> {
        let root = self.folder.path().join("files");
        let (mut found, mut folders): (Vec<String>, Vec<PathBuf>) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    /// Files of the server that are no objects: parts of uploads that have not ended.
    pub fn parts(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("upload")).collect()
    }
}
