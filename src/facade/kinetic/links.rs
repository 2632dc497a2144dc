//! Where the files of an execution are fetched without a key: its output, its video and its log. The addresses are links to artifacts,
//! made anew each time an execution is shown.

use crate::{
    domain::{
        artifact::{Artifact, ArtifactKind},
        execution::Execution,
    },
    http::{AppState, artifacts::link, error::Problem},
};

/// How long a link holds, in seconds: a day.
const SECONDS: i64 = 24 * 3_600;
/// How many artifacts are read at a time.
const PAGE: i64 = 200;

/// The addresses; none where there is no such file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Of the output.
    pub output: Option<String>,
    /// Of the video.
    pub video: Option<String>,
    /// Of the log.
    pub logs: Option<String>,
}

/// Links to the latest file of each kind.
pub async fn of(state: &AppState, execution: &Execution) -> Result<Links, Problem> {
    let workspace = execution.origin.workspace_id;
    // Files come from workers alone.
    if execution.progress.stats.leases == 0 {
        return Ok(Links::default());
    }
    let [mut output, mut video, mut logs]: [Option<Artifact>; 3] = [None, None, None];
    let mut cursor = None;
    loop {
        let page = state.store.artifacts(workspace, execution.origin.id, PAGE, cursor.as_deref()).await?;
        // The oldest comes first: what comes later takes its place.
        for artifact in page.items {
            match artifact.kind {
                ArtifactKind::Output => output = Some(artifact),
                ArtifactKind::Video => video = Some(artifact),
                ArtifactKind::Log => logs = Some(artifact),
                ArtifactKind::Screenshot | ArtifactKind::File => {}
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let address = |file: Option<Artifact>| file.map(|file| link(state, workspace, &file, SECONDS)).transpose();
    Ok(Links { output: address(output)?, video: address(video)?, logs: address(logs)? })
}
