//! What is kept of an assistant with each version of its workflow, in the definition's `metadata`, so that it is given back as it was.
//! It counts only while the graph is the one that is made from it: a graph that was changed by other doors is a native workflow.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    event_types::FAMILIES,
    pipeline::{STEPS, Step, graph, steps_of},
    subscription::translate,
};
use crate::{
    domain::{definition::Definition, subject},
    http::{
        error::{Code, Problem},
        validation,
    },
};

/// The name below `metadata`.
const KEPT_AS: &str = "kodexa";
/// The option that names the label for document families that an execution has completed about.
const COMPLETE_LABEL: &str = "complete_label";

/// Members of an assistant that mean nothing here, and are given back as they came.
pub const OTHERS: [&str; 9] = [
    "slug",
    "assistantDefinitionRef",
    "runOnExistingContent",
    "testOptions",
    "showInTraining",
    "color",
    "chatEnabled",
    "assistantRole",
    "definition",
];

/// What makes an assistant of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kept {
    /// What it is told, with its pipeline.
    pub options: Map<String, Value>,
    /// The events that start it.
    pub subscription: Option<String>,
    /// Added to the priorities of what it starts.
    pub priority_hint: Option<i32>,
    /// Whether its executions show a log.
    pub logging_enabled: Option<bool>,
    /// Whether the log of an execution that succeeds is shown no longer.
    pub delete_logging_on_success: Option<bool>,
    /// Members of [`OTHERS`].
    pub more: Map<String, Value>,
}

impl Kept {
    /// What a definition was made from; none if it was made otherwise.
    pub fn of(definition: &Definition) -> Option<Self> {
        let kept: Self = serde_json::from_value(definition.metadata.get(KEPT_AS)?.clone()).ok()?;
        (kept.definition().ok().as_ref() == Some(definition)).then_some(kept)
    }

    /// The steps of its pipeline.
    pub fn steps(&self) -> Result<Vec<Step>, Problem> {
        steps_of(&self.options)
    }

    /// The label for what an execution has completed about.
    pub fn complete_label(&self) -> Result<Option<&str>, Problem> {
        let wrong = |message: String| Problem::field(Code::InvalidValue, format!("/options/{COMPLETE_LABEL}"), message);
        match self.options.get(COMPLETE_LABEL) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(label)) if label.trim().is_empty() => Ok(None),
            Some(Value::String(label)) => {
                subject::label_problem(label.trim()).map_or(Ok(Some(label.trim())), |message| Err(wrong(message)))
            }
            Some(_) => Err(wrong("must be a text".to_owned())),
        }
    }

    /// Whether an execution that is asked for is to have a log.
    pub fn logs(&self) -> bool {
        self.logging_enabled.unwrap_or(true)
    }

    /// The definition.
    pub fn definition(&self) -> Result<Definition, Problem> {
        let steps = self.steps()?;
        let hint = self.priority_hint.unwrap_or(0);
        let text = self.subscription.as_deref().unwrap_or_default();
        let subscriptions = translate(text, hint, self.complete_label()?).map_err(|mistake| {
            let message = format!("at character {}: {}", mistake.position, mistake.message);
            Problem::field(Code::InvalidValue, "/subscription", message)
        })?;
        let (nodes, edges) = graph(&steps);
        // What starts it otherwise says its own; the clock does not.
        let by_the_clock = FAMILIES[FAMILIES.len() - 1].priority;
        let definition = json!({
            "nodes": nodes,
            "edges": edges,
            "settings": {
                "priority": by_the_clock.saturating_add(hint).clamp(-100, 100),
                "subscriptions": subscriptions,
                // An event is a duplicate while an equal one is not done with; 30 days are the longest.
                "dedupe": { "untilEnd": true, "windowMs": 2_592_000_000_i64 },
            },
            "metadata": { KEPT_AS: self },
        });
        serde_json::from_value(definition).map_err(Problem::internal)
    }

    /// The definition, by the check that every definition passes.
    pub fn checked(&self) -> Result<Definition, Problem> {
        let definition = self.definition()?;
        match validation::problems_of(&definition).as_slice() {
            [] => Ok(definition),
            problems => {
                let refusal = Problem::new(Code::InvalidValue, "the assistant can't be executed");
                Err(problems.iter().fold(refusal, |all, one| all.with_error(place(&one.path), one.message.as_str())))
            }
        }
    }
}

/// Where something is in the assistant that is at `path` in its definition.
fn place(path: &str) -> String {
    let of_step = || {
        let (index, rest) = path.strip_prefix("/nodes/")?.split_once("/data/")?;
        let index = index.parse::<usize>().ok()?.checked_sub(1)?;
        let member = match rest.split('/').next()? {
            "runIf" => "conditional",
            "ref" => "ref",
            "retry" | "timeoutMs" | "maxLeases" | "onError" => "executionPolicy",
            _ => "options",
        };
        Some(format!("{STEPS}/{index}/{member}"))
    };
    of_step().unwrap_or_else(|| {
        if path.starts_with("/settings/subscriptions") { "/subscription" } else { "/options" }.to_owned()
    })
}

#[cfg(test)]
mod tests;
