//! Answers that are given in advance.

use std::collections::HashMap;

use anyhow::Context;
use serde_json::Value;

use crate::{
    domain::suspension::{Interrupt, SuspensionKind},
    nodes::forms::AnswerInput,
};

/// Answers by node; each is used whenever its node asks.
#[derive(Debug, Default)]
pub struct Answers(HashMap<String, String>);

impl Answers {
    /// Reads `NODE=ANSWER` arguments.
    pub fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut answers = HashMap::new();
        for argument in arguments {
            let (node, answer) =
                argument.split_once('=').with_context(|| format!("--answer `{argument}` is no NODE=ANSWER"))?;
            if answer.starts_with('{') {
                serde_json::from_str::<Value>(answer).with_context(|| format!("--answer {node} is no JSON"))?;
            }
            answers.insert(node.to_owned(), answer.to_owned());
        }
        Ok(Self(answers))
    }

    /// The answer to a question.
    pub fn take(&self, asked: &Interrupt) -> Option<AnswerInput> {
        let text = self.0.get(&asked.node_id)?;
        if asked.kind == SuspensionKind::Callback {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
            return Some(AnswerInput { answer: Some(value), ..AnswerInput::default() });
        }
        // A text that looks like an answer of the API is one.
        if let Ok(input) = serde_json::from_str::<AnswerInput>(text) {
            return Some(input);
        }
        Some(match asked.kind {
            SuspensionKind::Approval | SuspensionKind::ToolApproval => {
                AnswerInput { action: Some(text.clone()), ..AnswerInput::default() }
            }
            _ => AnswerInput { answer: Some(Value::String(text.clone())), ..AnswerInput::default() },
        })
    }
}

/// How a question would be answered in advance.
pub fn example(asked: &Interrupt) -> String {
    let node = &asked.node_id;
    match (asked.kind, &asked.form) {
        (SuspensionKind::Callback, _) => format!("'{node}={{...}}'"),
        (SuspensionKind::Approval | SuspensionKind::ToolApproval, None) => {
            let action = asked.actions.first().map_or("approved", |action| action.id.as_str());
            format!("{node}={action}")
        }
        (SuspensionKind::Approval | SuspensionKind::ToolApproval, Some(_)) => {
            format!("'{node}={{\"approved\":true,\"data\":{{...}}}}'")
        }
        (SuspensionKind::AskHuman, Some(_)) => format!("'{node}={{\"data\":{{...}}}}'"),
        (SuspensionKind::AskHuman, None) => match asked.choices.first() {
            Some(choice) => format!("'{node}={choice}'"),
            None => format!("'{node}=...'"),
        },
    }
}
