//! `sluicegate follow`

use clap::Args;

use super::{
    exit::Exit,
    remote::Remote,
    watch::{self, View},
};
use crate::client::follow::Follower;

/// Follow an execution to its end
///
/// Its events from the beginning, then live, each once and in order, over as many connections as it takes; then its output.
#[derive(Args, Debug)]
pub struct Follow {
    /// The execution's id
    execution: String,
    /// Begin after this position
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after: u32,
    /// Only events of these types, and the one that ends the execution
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    remote: Remote,
}

impl Follow {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let pod = self.remote.pod().await?;
        let path = pod.execution(&self.execution)?;
        let follower = Follower::new(pod.client.clone(), &path, self.after.into()).of_types(self.types);
        watch::follow_with(follower, &pod, &self.execution, &self.view).await
    }
}
