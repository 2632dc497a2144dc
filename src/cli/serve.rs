//! `sluicegate serve`

use anyhow::Context;
use clap::Args;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::logging;
use crate::{app::App, clock::Clock, config::Settings};

/// Serve the API
#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.settings.into_config()?;
        logging::begin(&config)?;
        // Bound first: an address that is taken must not cost a boot.
        let listener = bind(config.listen).await?;
        let address = listener.local_addr()?;
        let app = App::boot(config, Clock::system()).await?;
        tracing::info!(%address, "serving");
        serve_until_signalled(app, listener).await
    }
}

/// Binds the address to listen on.
pub(super) async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("can't listen on {address}"))
}

/// Serves until SIGTERM or SIGINT; a second one hurries the shutdown.
pub(super) async fn serve_until_signalled(app: App, listener: TcpListener) -> anyhow::Result<()> {
    let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let signals = TaskTracker::new();
    let (stopping, hurrying) = (stop.clone(), hurry.clone());
    let watching = signals.spawn(async move {
        for token in [stopping, hurrying] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    app.serve(listener, stop, hurry).await;
    watching.abort();
    Ok(())
}
