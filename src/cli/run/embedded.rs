//! A whole server inside this process, on a database that is removed with it.

use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use uuid::Uuid;

use crate::{
    app::App,
    cli::{init, logging, remote::Pod, serve, token},
    client::Client,
    clock::Clock,
    config::{JwtConfig, Secret, Settings},
};

/// How long a token holds; each answer gets its own.
const TOKEN_MS: i64 = 60_000;

/// A server of this process.
pub struct Embedded {
    /// Where it listens.
    pub url: String,
    /// An owner's key: the program that triggers.
    pub key: Secret,
    jwt: JwtConfig,
    secret: Secret,
    pod: Pod,
    stop: CancellationToken,
    serving: AbortOnDropHandle<()>,
    _folder: Folder,
}

impl Embedded {
    /// Starts a server on a free loopback port, with a workspace and a pod.
    pub async fn start(outbound_networks: Vec<String>) -> anyhow::Result<Self> {
        let folder = Folder::make()?;
        let listener = serve::bind(([127, 0, 0, 1], 0).into()).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let networks = match outbound_networks {
            none if none.is_empty() => vec!["127.0.0.1".to_owned(), "::1".to_owned()],
            some => some,
        };
        let secret = Secret::new(format!("{}{}", Uuid::new_v4(), Uuid::new_v4()));
        let settings = Settings {
            store: Some(Secret::new(format!("sqlite:{}", folder.0.join("run.db").display()))),
            public_url: Some(url.clone()),
            outbound_networks: Some(networks),
            jwt_secret: Some(vec![secret.clone()]),
            log: Some("error".to_owned()),
            ..Settings::default()
        };
        let config = settings.into_config()?;
        let jwt = config.jwt.clone();
        logging::begin(&config)?;
        let clock = Clock::system();
        let app = App::boot(config, clock.clone()).await?;
        let made = init::make(&app.state.store, &clock, "Run", "Main").await?;
        let stop = CancellationToken::new();
        // A stop takes no longer than it has to: what still runs is of no use to anybody.
        let serving = TaskTracker::new().spawn(app.serve(listener, stop.clone(), stop.clone()));
        let client = Client::new(&url, Some(&made.api_key))?;
        let path = format!("/v1/workspaces/{}/pods/{}", made.workspace_id, made.pod_id);
        let key = Secret::new(made.api_key);
        Ok(Self {
            url,
            key,
            jwt,
            secret,
            pod: Pod { client, path },
            stop,
            serving: AbortOnDropHandle::new(serving),
            _folder: folder,
        })
    }

    /// A client of the person who sits here: the owner, and not the one who has triggered.
    pub fn person(&self) -> anyhow::Result<Client> {
        let now = Clock::system().now();
        let token = token::mint(self.secret.expose(), init::OPERATOR, (now, now.plus_ms(TOKEN_MS)), &self.jwt)?;
        Ok(Client::new(&self.url, Some(&token))?)
    }

    /// Its pod.
    pub fn pod(&self) -> &Pod {
        &self.pod
    }

    /// Stops it, and removes its database.
    pub async fn stop(self) {
        self.stop.cancel();
        _ = self.serving.await;
    }
}

/// A folder that only this user can look into, and that is removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("sluicegate-run-{}", Uuid::new_v4()));
        std::fs::DirBuilder::new().mode(0o700).create(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        eprintln!("{} could not be removed: {error}", folder.display());
    }
}
