//! Following an execution on behalf of a command: shows its events as they come, and knows how the command ends.

use std::{future::Future, io::IsTerminal};

use clap::Args;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::{
    exit::Exit,
    output,
    progress::{FRAME, Progress, Style},
    remote::Pod,
};
use crate::{
    client::{
        Client, ClientError,
        follow::{Follower, Heard, Received},
    },
    config::Span,
};

/// How what happens is shown, and for how long
#[derive(Args, Clone, Debug)]
pub struct View {
    /// Print JSON: each event on one line while following, else the reply
    #[arg(long)]
    pub json: bool,
    /// Follow for so long at most, then end with exit code 6
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<Span>,
    /// No colours in the terminal
    #[arg(long, env = "NO_COLOR", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub no_color: bool,
}

impl View {
    /// How events are shown on this output.
    pub fn style(&self) -> Style {
        match (self.json, std::io::stdout().is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Live { colours: !self.no_color },
            (false, false) => Style::Lines,
        }
    }

    /// Ends with [`Exit::Timeout`] what takes longer than `--timeout`.
    pub async fn limited(&self, work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
        let Some(Span(most)) = self.timeout else { return work.await };
        if let Ok(exit) = tokio::time::timeout(most, work).await {
            return exit;
        }
        eprintln!("not ended within {}", super::progress::span(most.as_millis() as i64));
        Ok(Exit::Timeout)
    }
}

/// What a follower hears, from a task of its own: its connections must not suffer from what else a command does.
pub struct Events {
    heard: mpsc::Receiver<Result<Heard, ClientError>>,
    _following: AbortOnDropHandle<()>,
}

impl Events {
    /// Follows in the background.
    pub fn of(mut follower: Follower) -> Self {
        let (send, heard) = mpsc::channel(256);
        let following = TaskTracker::new().spawn(async move {
            while let Some(next) = follower.next().await.transpose() {
                let failed = next.is_err();
                if send.send(next).await.is_err() || failed {
                    return;
                }
            }
        });
        Self { heard, _following: AbortOnDropHandle::new(following) }
    }

    /// What is heard next; nothing after the end.
    pub async fn next(&mut self) -> Result<Option<Heard>, ClientError> {
        self.heard.recv().await.transpose()
    }
}

/// Follows an execution to its end, and shows it.
pub async fn follow(pod: &Pod, id: &str, view: &View) -> anyhow::Result<Exit> {
    follow_with(Follower::new(pod.client.clone(), &pod.execution(id)?, 0), pod, id, view).await
}

/// The same with a follower of the caller's.
pub async fn follow_with(follower: Follower, pod: &Pod, id: &str, view: &View) -> anyhow::Result<Exit> {
    let style = view.style();
    let mut progress = Progress::new(style);
    let following = async {
        let mut events = Events::of(follower);
        let mut end = None;
        loop {
            let heard = tokio::select! {
                heard = events.next() => heard?,
                () = tokio::time::sleep(FRAME), if progress.moves() => {
                    progress.draw()?;
                    continue;
                }
            };
            match heard {
                None => break,
                Some(Heard::Event(received)) => {
                    progress.event(&received)?;
                    if received.kind() == "execution_suspended" {
                        progress.note(&how_to_answer(&received.event["interrupt"], id))?;
                    }
                    if received.is_end() {
                        end = Some(received);
                    }
                }
                Some(Heard::Gap(gap)) => progress.note(&gap_text(&gap))?,
                Some(Heard::Reconnecting { reason }) => tell_reconnecting(&mut progress, style, &reason)?,
            }
        }
        ended(&pod.client, &pod.execution(id)?, end, style).await
    };
    let exit = view.limited(following).await;
    progress.erase()?;
    exit
}

/// Says that the connection was lost; not among the events, which are for programs.
pub fn tell_reconnecting(progress: &mut Progress, style: Style, reason: &str) -> std::io::Result<()> {
    match style {
        Style::Live { .. } => progress.note(&format!("· connection lost ({reason}); trying again")),
        Style::Quiet => Ok(()),
        Style::Lines | Style::Json => {
            eprintln!("connection lost ({reason}); trying again");
            Ok(())
        }
    }
}

/// What a `stream_gap` says.
pub fn gap_text(gap: &Value) -> String {
    format!("events {} to {} are gone", gap["from"], gap["to"])
}

/// How somebody answers a question from elsewhere.
pub fn how_to_answer(interrupt: &Value, execution: &str) -> String {
    let node = interrupt["nodeId"].as_str().unwrap_or_default();
    match interrupt["type"].as_str() {
        Some("approval") => format!(
            "    sluicegate approve {execution} --node {node}\n    sluicegate reject {execution} --node {node} --reason \"...\""
        ),
        Some("ask_human") if !interrupt["form"].is_null() => {
            format!("    sluicegate answer {execution} --node {node} --data '{{...}}'")
        }
        _ => format!("    sluicegate answer {execution} --node {node} \"...\""),
    }
}

/// How the command ends after the event that ended the execution; prints the output of one that completed.
pub async fn ended(client: &Client, path: &str, end: Option<Received>, style: Style) -> anyhow::Result<Exit> {
    // None where following began after the end.
    let (kind, output) = if let Some(end) = end {
        (end.kind().to_owned(), end.event["output"].clone())
    } else {
        let execution = client.get(&format!("{path}?include=")).await?;
        let kind = match execution["status"].as_str() {
            Some("completed") => "execution_complete".to_owned(),
            status => format!("execution_{}", status.unwrap_or_default()),
        };
        (kind, execution["output"].clone())
    };
    let exit = Exit::of_end(&kind);
    if exit == Exit::Done && style != Style::Json {
        output::pretty_json(&output)?;
    }
    Ok(exit)
}
