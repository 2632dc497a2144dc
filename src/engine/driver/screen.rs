//! What an attempt tells on its way to the log: whatever way a secret that it was given comes back, it comes no further.

use std::{mem, sync::Arc};

use super::{Failure, Outcome, Report};
use crate::{
    domain::event::DeltaChannel,
    nodes::Question,
    secrets::{
        Opened,
        redact::{Redactor, Stream},
    },
};

/// Stands in front of one attempt; open for an attempt that was given no secret.
#[derive(Default)]
pub(in crate::engine) struct Screen(Option<Closed>);

struct Closed {
    redactor: Arc<Redactor>,
    /// Of each channel whose pieces are one text, in the order in which they began.
    streams: Vec<(DeltaChannel, Stream)>,
}

impl Screen {
    /// For an attempt that was given these.
    pub(in crate::engine) fn new(secrets: Option<&Opened>) -> Self {
        Self(secrets.map(|secrets| Closed { redactor: Arc::new(Redactor::new(secrets)), streams: Vec::new() }))
    }

    /// What may be told of a report; nothing, if all of it is held back for now.
    pub(in crate::engine) fn report(&mut self, mut report: Report) -> Option<Report> {
        let Some(Closed { redactor, streams }) = &mut self.0 else { return Some(report) };
        match &mut report {
            Report::Log { message, data, .. } => {
                redactor.clean(message);
                if let Some(data) = data {
                    redactor.value(data);
                }
            }
            Report::Action { title, detail, .. } => {
                redactor.clean(title);
                redactor.value(detail);
            }
            // Each piece is a word of its own.
            Report::Delta { channel: DeltaChannel::Progress, text } => redactor.clean(text),
            Report::Delta { channel, text } => {
                let known = streams.iter().position(|(of, _)| of == channel);
                let index = known.unwrap_or_else(|| {
                    streams.push((*channel, Stream::new(Arc::clone(redactor))));
                    streams.len() - 1
                });
                *text = streams[index].1.push(text);
                if text.is_empty() {
                    return None;
                }
            }
        }
        Some(report)
    }

    /// What was held back, once nothing more comes.
    pub(super) fn rest(&mut self) -> Vec<Report> {
        let streams = self.0.as_mut().map(|closed| mem::take(&mut closed.streams)).unwrap_or_default();
        let rest = streams.into_iter().map(|(channel, mut stream)| Report::Delta { channel, text: stream.finish() });
        rest.filter(|report| !matches!(report, Report::Delta { text, .. } if text.is_empty())).collect()
    }

    /// Cleans a text.
    pub(super) fn text(&self, text: &mut String) {
        if let Some(closed) = &self.0 {
            closed.redactor.clean(text);
        }
    }

    /// Cleans an outcome.
    pub(in crate::engine) fn outcome(&self, outcome: &mut Outcome) {
        let Some(Closed { redactor, .. }) = &self.0 else { return };
        match outcome {
            Outcome::Complete(completion) => redactor.value(Arc::make_mut(&mut completion.output)),
            Outcome::Fail(Failure { message, details, .. }) => {
                redactor.clean(message);
                if let Some(details) = details {
                    redactor.value(details);
                }
            }
            Outcome::Wait { .. } | Outcome::Again => {}
            Outcome::Suspend(question) => clean_question(redactor, question),
            Outcome::Child(request) => redactor.value(&mut request.input),
            Outcome::Task(request) => {
                redactor.clean(&mut request.queue);
                redactor.value(&mut request.input);
            }
            Outcome::Iterate(items) => items.iter_mut().for_each(|item| redactor.value(item)),
        }
    }
}

/// What reviewers are shown. The targets stay: they are where secrets are used, and are taken off and sealed.
fn clean_question(redactor: &Redactor, question: &mut Question) {
    let Question { title, message, context, form, choices, default_answer, .. } = question;
    redactor.clean(message);
    title.iter_mut().chain(choices).for_each(|text| redactor.clean(text));
    [context, form, default_answer].into_iter().flatten().for_each(|value| redactor.value(value));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        domain::{event::LogLevel, failure::FailureCode, ids::WorkflowId},
        nodes::{ChildRequest, TaskRequest},
    };

    fn screen() -> Screen {
        let mut secrets = Opened::default();
        secrets.add("key", "hunter2".to_owned());
        Screen::new(Some(&secrets))
    }

    fn delta(channel: DeltaChannel, text: &str) -> Report {
        Report::Delta { channel, text: text.to_owned() }
    }

    #[test]
    fn nothing_of_an_outcome_shows_a_secret() {
        let told = || json!({ "a hunter2": ["hunter2"] });
        let failure = Failure::new(FailureCode::HttpFailed, "no hunter2").with_details(told());
        let child =
            ChildRequest { workflow_id: WorkflowId(uuid::Uuid::nil()), version: None, input: told(), wait: true };
        let task = TaskRequest { queue: "hunter2".to_owned(), input: told(), lease_ms: 1 };
        for mut outcome in [
            Outcome::output(told()),
            Outcome::Fail(failure),
            Outcome::Child(Box::new(child)),
            Outcome::Task(Box::new(task)),
            Outcome::Iterate(vec![told()]),
        ] {
            screen().outcome(&mut outcome);
            let shown = format!("{outcome:?}");
            assert!(!shown.contains("hunter2") && shown.contains("[secret key]"), "{shown}");
        }
        let mut open = Outcome::output(told());
        Screen::default().outcome(&mut open);
        assert!(format!("{open:?}").contains("hunter2"));
    }

    #[test]
    fn reports_are_cleaned_and_split_values_held_back_by_channel() {
        let mut screen = screen();
        let log = Report::Log { level: LogLevel::Info, message: "hunter2".to_owned(), data: Some(json!(["hunter2"])) };
        let mut told = vec![screen.report(log)];
        for (channel, text) in [
            (DeltaChannel::Text, "it is hun"),
            (DeltaChannel::Reasoning, "hunter"),
            (DeltaChannel::Text, "ter2, so "),
            (DeltaChannel::Progress, "hunter"),
            (DeltaChannel::Reasoning, "2"),
            (DeltaChannel::Text, "hunt"),
        ] {
            told.push(screen.report(delta(channel, text)));
        }
        told.extend(screen.rest().into_iter().map(Some));
        let action = Report::Action { kind: "tool", title: "hunter2".to_owned(), detail: json!({ "a": "hunter2" }) };
        told.push(screen.report(action));
        let told: Vec<Value> = told
            .into_iter()
            .flatten()
            .map(|report| match report {
                Report::Log { message, data, .. } => json!([message, data]),
                Report::Delta { channel, text } => json!([channel, text]),
                Report::Action { title, detail, .. } => json!([title, detail]),
            })
            .collect();
        assert_eq!(
            Value::from(told),
            json!([
                ["[secret key]", ["[secret key]"]],
                ["text", "it is "],
                ["text", "[secret key], so "],
                ["progress", "hunter"],
                ["reasoning", "[secret key]"],
                ["text", "hunt"],
                ["[secret key]", { "a": "[secret key]" }],
            ])
        );
        assert!(screen.rest().is_empty());
    }
}
