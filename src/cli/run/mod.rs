//! `sluicegate run`: executes a workflow from a file, with a server of its own that lives as long as the command.
//!
//! The server is a whole one on a database in a folder that is removed at the end. The command speaks to it as any client does,
//! so what works here works there.

mod answers;
mod ask;
mod embedded;

use std::{collections::VecDeque, future::Future, path::PathBuf, pin::Pin};

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    exit::Exit,
    output,
    progress::{FRAME, Progress, Style},
    remote::{Pod, read_json},
    watch::{self, Events, View},
    workflow_file::WorkflowFile,
};
use crate::{
    client::{
        ClientError,
        follow::{Follower, Heard, Received},
    },
    domain::suspension::Interrupt,
    nodes::forms::AnswerInput,
};
use answers::Answers;
use ask::Keyboard;
use embedded::Embedded;

/// Execute a workflow from a file, here and now
///
/// A server of its own runs it, on a database that is removed afterwards. In a terminal, approvals and questions are put to you;
/// elsewhere --answer gives answers in advance, and the command ends with exit code 5 where one is missing.
#[derive(Args, Debug)]
pub struct Run {
    /// YAML or JSON file
    file: PathBuf,
    /// Input: JSON, `@FILE`, or `-` for standard input
    #[arg(long, short, value_name = "JSON")]
    input: Option<String>,
    /// Show what happens while it happens
    #[arg(long, short)]
    follow: bool,
    /// Answer what a node asks: `NODE=approved`, `NODE=rejected`, `NODE=TEXT`, or `NODE={"data":...}` as the API takes it; may be
    /// repeated
    #[arg(long, value_name = "NODE=ANSWER")]
    answer: Vec<String>,
    /// Go on waiting where nobody here can answer: for an answer from elsewhere, or for the expiry
    #[arg(long)]
    wait: bool,
    /// Private networks that the workflow may reach, such as `10.0.0.0/8` [default: this machine]
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    outbound_networks: Vec<String>,
    #[command(flatten)]
    view: View,
}

impl Run {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let input = self.input.as_deref().map(read_json).transpose()?.unwrap_or(Value::Null);
        let answers = Answers::parse(&self.answer)?;
        let file = WorkflowFile::read(&self.file)?;
        let findings = file.as_ref().map_or_else(|finding| vec![(**finding).clone()], WorkflowFile::findings);
        let Ok(file) = file else { return Ok(refused(&findings)) };
        if !findings.is_empty() {
            return Ok(refused(&findings));
        }
        let server = Embedded::start(self.outbound_networks.clone()).await?;
        let exit = self.execute(&server, &file, input, answers).await;
        server.stop().await;
        exit
    }

    async fn execute(
        &self,
        server: &Embedded,
        file: &WorkflowFile,
        input: Value,
        answers: Answers,
    ) -> anyhow::Result<Exit> {
        let pod = server.pod();
        let name: String = file.name.chars().filter(|c| !c.is_control()).take(120).collect();
        let body = json!({"name": name, "definition": file.definition});
        let workflow = pod.client.send(Method::POST, &pod.at("workflows"), &body).await?;
        let body = json!({"workflowId": workflow["id"], "input": input});
        let execution = pod.client.send(Method::POST, &pod.at("executions"), &body).await?;
        let id = execution["id"].as_str().unwrap_or_default().to_owned();
        let style = match self.view.style() {
            Style::Json => Style::Json,
            style if self.follow => style,
            _ => Style::Quiet,
        };
        let follower = Follower::new(pod.client.clone(), &pod.execution(&id)?, 0);
        let mut session = Session {
            pod,
            id: &id,
            server,
            wait: self.wait,
            style,
            progress: Progress::new(style),
            keyboard: if style == Style::Json { None } else { Keyboard::of_terminal() },
            answers,
            questions: VecDeque::new(),
            unanswerable: Vec::new(),
            sleeping: Vec::new(),
            suspended: false,
        };
        let exit = self.view.limited(session.run(Events::of(follower))).await;
        session.progress.erase()?;
        exit
    }
}

fn refused(findings: &[super::workflow_file::Finding]) -> Exit {
    for finding in findings {
        eprintln!("{finding}");
    }
    Exit::Failed
}

/// One execution, and the person who looks at it.
struct Session<'a> {
    pod: &'a Pod,
    id: &'a str,
    server: &'a Embedded,
    wait: bool,
    style: Style,
    progress: Progress,
    keyboard: Option<Keyboard>,
    answers: Answers,
    /// Open and not asked yet.
    questions: VecDeque<Interrupt>,
    /// Open, and nobody here has an answer.
    unanswerable: Vec<Interrupt>,
    /// Node runs that wait for an instant.
    sleeping: Vec<String>,
    suspended: bool,
}

/// A question that is being put to the person.
struct Asking {
    about: Interrupt,
    dialogue: Pin<Box<dyn Future<Output = std::io::Result<Option<AnswerInput>>> + Send>>,
    /// What happened meanwhile, to be shown afterwards.
    meanwhile: Vec<Received>,
}

impl Session<'_> {
    async fn run(&mut self, mut events: Events) -> anyhow::Result<Exit> {
        let mut asking: Option<Asking> = None;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut cancelling = false;
        loop {
            if asking.is_none() && !cancelling {
                asking = self.begin_asking()?;
            }
            if asking.is_none() && self.is_stuck() {
                return self.give_up();
            }
            let moves = asking.is_none() && self.progress.moves();
            let answered = async {
                match &mut asking {
                    Some(asking) => (&mut asking.dialogue).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                heard = events.next() => {
                    let Some(heard) = heard? else { return Ok(Exit::Done) };
                    let received = match heard {
                        Heard::Event(received) => received,
                        Heard::Gap(gap) => {
                            self.progress.note(&watch::gap_text(&gap))?;
                            continue;
                        }
                        Heard::Reconnecting { reason } => {
                            watch::tell_reconnecting(&mut self.progress, self.style, &reason)?;
                            continue;
                        }
                    };
                    if let Some(exit) = self.hear(received, &mut asking).await? {
                        return Ok(exit);
                    }
                }
                answered = answered => {
                    let Some(Asking { about, meanwhile, .. }) = asking.take() else { continue };
                    self.finish_asking(about, answered?).await?;
                    for received in meanwhile {
                        self.progress.event(&received)?;
                    }
                }
                () = tokio::time::sleep(FRAME), if moves => self.progress.draw()?,
                _ = interrupted.recv() => {
                    if cancelling {
                        return Ok(Exit::ExecutionCancelled);
                    }
                    cancelling = true;
                    for received in asking.take().map(|asking| asking.meanwhile).unwrap_or_default() {
                        self.progress.event(&received)?;
                    }
                    self.progress.note("cancelling; once more ends at once")?;
                    // One that ends at this moment can't be cancelled any more, and its end comes by the stream.
                    _ = self.pod.client.delete(&self.pod.execution(self.id)?).await;
                }
            }
        }
    }

    /// Takes an event in; the exit code if it was the last one.
    async fn hear(&mut self, received: Received, asking: &mut Option<Asking>) -> anyhow::Result<Option<Exit>> {
        let event = &received.event;
        match received.kind() {
            "execution_status" => self.suspended = event["status"] == "suspended",
            "node_update" => {
                let address = super::progress::address(event);
                self.sleeping.retain(|other| *other != address);
                if event["status"] == "suspended" && !event["resumeAt"].is_null() || event["status"] == "retrying" {
                    self.sleeping.push(address);
                }
            }
            "execution_suspended" => {
                let interrupt: Interrupt = serde_json::from_value(event["interrupt"].clone())?;
                self.questions.push_back(interrupt);
            }
            "suspension_update" if event["state"] != "open" => {
                let is_it = |asked: &Interrupt| event["suspensionId"] == json!(asked.suspension_id);
                self.questions.retain(|asked| !is_it(asked));
                self.unanswerable.retain(|asked| !is_it(asked));
                if asking.as_ref().is_some_and(|asking| is_it(&asking.about)) {
                    // Decided elsewhere, or too late.
                    let meanwhile = asking.take().map(|asking| asking.meanwhile).unwrap_or_default();
                    output::line("")?;
                    for received in meanwhile {
                        self.progress.event(&received)?;
                    }
                }
            }
            _ => {}
        }
        if let Some(asking) = asking
            && !received.is_end()
        {
            asking.meanwhile.push(received);
            return Ok(None);
        }
        self.progress.event(&received)?;
        if !received.is_end() {
            return Ok(None);
        }
        if self.style == Style::Quiet && received.kind() == "execution_failed" {
            let error = &received.event["error"];
            let text = |name: &str| output::plain(error[name].as_str().unwrap_or_default());
            eprintln!("the execution failed: {} ({})", text("message"), text("code"));
        }
        let path = self.pod.execution(self.id)?;
        watch::ended(&self.pod.client, &path, Some(received), self.style).await.map(Some)
    }

    /// The next question, if there is one and somebody to put it to; what is known in advance needs nobody.
    fn begin_asking(&mut self) -> anyhow::Result<Option<Asking>> {
        let Some(about) = self.questions.pop_front() else { return Ok(None) };
        if let Some(answer) = self.answers.take(&about) {
            let dialogue = Box::pin(std::future::ready(Ok(Some(answer))));
            return Ok(Some(Asking { about, dialogue, meanwhile: Vec::new() }));
        }
        let Some(keyboard) = self.keyboard.clone() else {
            if self.wait {
                eprintln!("{}", self.how_from_elsewhere(&about)?);
            }
            self.unanswerable.push(about);
            return Ok(None);
        };
        self.progress.erase()?;
        let asked = about.clone();
        let dialogue = Box::pin(async move { ask::ask(&keyboard, &asked).await });
        Ok(Some(Asking { about, dialogue, meanwhile: Vec::new() }))
    }

    async fn finish_asking(&mut self, about: Interrupt, answer: Option<AnswerInput>) -> anyhow::Result<()> {
        let Some(answer) = answer else {
            // The input has ended: nobody will answer anything.
            self.keyboard = None;
            output::line("")?;
            self.unanswerable.push(about);
            return Ok(());
        };
        let mut body = serde_json::to_value(&answer)?;
        body["suspensionId"] = json!(about.suspension_id);
        let path = format!("{}/respond", self.pod.execution(self.id)?);
        match self.server.person()?.send(Method::PATCH, &path, &body).await {
            Ok(_) if about.policy.quorum.is_some() => {
                // One person has one vote, and that was it; should it be enough, the suspension closes.
                self.unanswerable.push(about);
            }
            Ok(_) => {}
            // Somebody or the expiry was faster; the stream tells.
            Err(ClientError::Refused(refusal)) if refusal.status == 409 => {
                self.progress.note(&format!("  ! {}", output::plain(&refusal.detail)))?;
            }
            Err(ClientError::Refused(refusal)) => {
                eprintln!("the answer of `{}` was refused: {refusal}", about.node_id);
                // What was given in advance is wrong for good; a person may try again.
                match &self.keyboard {
                    Some(_) if refusal.status == 422 => self.questions.push_front(about),
                    _ => self.unanswerable.push(about),
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether nothing goes on any more unless somebody answers, and nobody here can.
    fn is_stuck(&self) -> bool {
        !self.wait
            && self.suspended
            && !self.unanswerable.is_empty()
            && self.sleeping.is_empty()
            && self.questions.is_empty()
    }

    fn how_from_elsewhere(&self, asked: &Interrupt) -> anyhow::Result<String> {
        let Embedded { url, key, .. } = self.server;
        let commands = watch::how_to_answer(&serde_json::to_value(asked)?, self.id);
        Ok(format!(
            "`{}` waits for an answer; from another terminal:\n    export SLUICEGATE_URL={url} SLUICEGATE_API_KEY={}\n{commands}",
            asked.node_id,
            key.expose()
        ))
    }

    fn give_up(&mut self) -> anyhow::Result<Exit> {
        self.progress.erase()?;
        let mut said = vec!["the execution waits for an answer, and nobody is here to give it:".to_owned()];
        for asked in &self.unanswerable {
            said.push(format!("  {}: {}", asked.node_id, output::plain(&asked.message)));
        }
        said.push("run it in a terminal, or answer in advance:".to_owned());
        for asked in &self.unanswerable {
            said.push(format!("  --answer {}", answers::example(asked)));
        }
        said.push("or keep it waiting with --wait, and answer from elsewhere.".to_owned());
        let said = said.join("\n");
        // Events in JSON are for programs; people read the other output.
        if self.style == Style::Lines || matches!(self.style, Style::Live { .. }) {
            output::line(said)?;
        } else {
            eprintln!("{said}");
        }
        Ok(Exit::Suspended)
    }
}
