//! Composition root: reads as the boot sequence.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    artifacts::{Artifacts, Found},
    clock::Clock,
    config::{Config, SecretsKeys},
    engine::{Engine, EngineConfig},
    facade,
    http::{
        AppState, Readiness,
        auth::{Authenticator, stream_token},
        metrics::Metrics,
        refusals::Refusals,
        serve::{self, Shutdown},
        signing::Signer,
        streams::Streams,
    },
    notify::{self, Mail},
    outbound,
    sandbox::{self, Sandbox},
    secrets::{Keyring, key_file},
    store::{
        Store,
        sql::{self, Options},
    },
    tasks::uploads::Uploads,
    traces::{Exporter, Spans},
    triggers::{bulk::BulkWork, schedules::Schedules, webhooks::Webhooks},
};

/// How long connections may take to end once the engine has stopped.
const GOODBYE: Duration = Duration::from_secs(5);

/// A server that is ready to serve.
pub struct App {
    /// What the handlers share.
    pub state: AppState,
    /// The two stages of the shutdown.
    pub shutdown: Shutdown,
    traces: Option<Traces>,
}

/// What sends spans.
struct Traces {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Traces {
    fn start(exporter: Exporter) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(exporter.run(stop.clone()));
        tasks.close();
        Self { stop, tasks }
    }

    /// Sends what is left, in a bounded time.
    async fn stop(&self, hurry: &CancellationToken) {
        self.stop.cancel();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = tokio::time::sleep(GOODBYE) => {}
            () = hurry.cancelled() => {}
        }
    }
}

impl App {
    /// Opens the database, starts the engine, and puts everything together.
    pub async fn boot(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let metrics = Metrics::install();
        let store = open_store(&config, true).await?;
        let artifacts = open_artifacts(&config).await?;
        let allow = config.outbound_networks.iter().map(|network| network.parse()).collect::<Result<_, _>>();
        let policy = outbound::Policy { allow: allow.context("outbound-networks")?, ..outbound::Policy::default() };
        let proxies = config.trusted_proxies.iter().map(|network| network.parse()).collect::<Result<_, _>>();
        let proxies = proxies.context("trusted-proxies")?;
        let refusals = Refusals::new(config.refusal_rate, proxies, clock.clone());
        let outbound = outbound::Client::new(policy).context("outbound client")?;
        let (spans, traces) = match config.traces.clone() {
            Some(collector) => {
                let (spans, exporter) = Exporter::new(collector, clock.new_id().to_string()).context("traces")?;
                (spans, Some(Traces::start(exporter)))
            }
            None => (Spans::default(), None),
        };
        let engine_config = EngineConfig {
            max_running: config.max_running,
            lease: config.instance_lease,
            drain: config.drain_limit,
            queue_limit: config.queue_limit,
            trigger_rate: config.trigger_rate,
            alone: sql::sqlite_path(config.store.expose()).is_some(),
            keyring: open_keyring(&config.secrets_keys)?,
            spans,
            ..EngineConfig::default()
        };
        let sandbox = Sandbox::new(sandbox::Options {
            processes: config.code.processes,
            unconfined: config.code.unconfined,
            program: config.code.program.clone(),
            commands: config.commands.known.clone(),
            read_only: config.commands.read_only.clone(),
        });
        let mail = config.smtp.as_ref().map(|(url, from)| Mail::new(url, from)).transpose()?;
        let engine = Engine::start(Arc::clone(&store), clock.clone(), engine_config, outbound, sandbox).await?;
        engine.reseal().await.context("secrets could not be put under the first key")?;
        notify::start(&engine, mail, config.public_url());
        let schedules = Schedules::new(engine.clone(), config.schedule_min_interval);
        schedules.start();
        let bulk = BulkWork::new(engine.clone());
        bulk.start();
        let webhooks = Webhooks::new(engine.clone());
        webhooks.start();
        let uploads = Uploads::new(engine.clone(), artifacts);
        uploads.start();
        let shutdown = Shutdown::default();
        let streams = Streams::new(
            config.streams_per_workspace,
            config.stream_max_duration,
            config.stream_heartbeat,
            shutdown.soft.clone(),
        );
        let key = stream_token::shared_key(&*store, &clock).await?;
        let auth = Arc::new(Authenticator::new(&config, Arc::clone(&store), clock.clone(), &key)?);
        let signer = Arc::new(Signer::shared(&*store, &clock).await.context("the key that signs receipts")?);
        let readiness = Readiness::default();
        let config = Arc::new(config);
        let state = AppState {
            store,
            clock,
            config,
            auth,
            readiness,
            metrics,
            engine,
            schedules,
            bulk,
            webhooks,
            uploads,
            streams,
            refusals: Arc::new(refusals),
            signer,
        };
        Ok(Self { state, shutdown, traces })
    }

    /// Serves until `stop` fires, then finishes in two stages; `hurry` ends the second one at once.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken, hurry: CancellationToken) {
        let Self { state, shutdown, traces } = self;
        let (engine, readiness, store) = (state.engine.clone(), state.readiness.clone(), Arc::clone(&state.store));
        let upkeep = state.metrics.clone().run_upkeep(stop.clone());
        let served = CancellationToken::new();
        let serving = async {
            serve::run(listener, facade::router(state), shutdown.clone()).await;
            served.cancel();
        };
        let stopping = async {
            stop.cancelled().await;
            tracing::info!("stopping: no new work, streams are told where to go on");
            readiness.set_draining();
            shutdown.soft.cancel();
            engine.stop(&hurry).await;
            if let Some(traces) = &traces {
                traces.stop(&hurry).await;
            }
            // Streams say goodbye and requests are answered, in a bounded time.
            tokio::select! {
                () = served.cancelled() => {}
                () = tokio::time::sleep(GOODBYE) => {}
                () = hurry.cancelled() => {}
            }
            shutdown.hard.cancel();
        };
        readiness.set_ready();
        tokio::join!(serving, stopping, upkeep);
        store.close().await;
        tracing::info!("stopped");
    }
}

/// The keys that secrets are sealed with. A server without any runs, and takes no secrets.
fn open_keyring(keys: &SecretsKeys) -> anyhow::Result<Keyring> {
    Ok(match keys {
        SecretsKeys::None => Keyring::default(),
        SecretsKeys::Listed(keys) => Keyring::new(keys),
        SecretsKeys::File(path) => Keyring::new(&key_file::read(path).context("secrets-key-file")?),
        SecretsKeys::Made(path) => Keyring::new(&key_file::read_or_make(path)?),
    })
}

/// Opens the place of artifacts, and tries it out. One that is of no use as it is set up is refused; one that is away for the
/// moment must not keep workflows from running.
async fn open_artifacts(config: &Config) -> anyhow::Result<Artifacts> {
    let artifacts = Artifacts::open(&config.artifacts)?;
    match artifacts.probe().await {
        Found::Good(found) => tracing::debug!(found, "artifacts can be kept"),
        Found::Nowhere => {
            tracing::warn!("no artifacts are taken: the setting `artifacts` names no folder and no bucket");
        }
        Found::Away(found) => tracing::warn!(found, "artifacts can't be kept at the moment"),
        Found::Wrong(found, advice) => bail!("artifacts: {found}; {advice}"),
    }
    Ok(artifacts)
}

/// Opens the configured database and brings its schema up to date.
pub async fn open_store(config: &Config, exclusive: bool) -> anyhow::Result<Arc<dyn Store>> {
    let url = config.store.expose();
    if let Some(folder) = sql::sqlite_path(url).as_deref().and_then(|path| path.parent())
        && !folder.as_os_str().is_empty()
    {
        std::fs::create_dir_all(folder).with_context(|| format!("data folder {}", folder.display()))?;
    }
    let options = Options { migrate: true, exclusive, row_security: config.row_security, ..Options::default() };
    // The URL may hold a password: the error must not quote it.
    sql::open(url, options).await.context("the database could not be opened")
}
