//! Answers to suspensions: whether one fits what was asked, and what it decides.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{
    definition::Problem,
    suspension::{Action, Interrupt, SuspensionKind},
};

use super::schema::{self, Schema, shorten};

/// The action of an approval.
pub const APPROVED: &str = "approved";
/// The action of a rejection.
pub const REJECTED: &str = "rejected";
/// The action of an answered question.
pub const ANSWERED: &str = "answered";

const MAX_REMARK: usize = 10_000;
const MAX_ANSWER: usize = 100_000;
const MAX_VOTE_DATA: usize = 16 * 1024;
/// Compiled forms that are kept for the next answer.
const KEPT_FORMS: usize = 32;

/// An answer as somebody gave it, as yet unchecked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerInput {
    /// Approve or reject (approvals).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The answer (questions).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub answer: Option<Value>,
    /// The filled form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub data: Option<Value>,
    /// One of the named actions (approvals).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// What an answer that fits decides.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionParts {
    /// The port; for a question `answered`.
    pub action: String,
    /// Why.
    pub reason: Option<String>,
    /// A remark.
    pub comment: Option<String>,
    /// The answer to a question.
    pub answer: Option<Value>,
    /// The filled form.
    pub data: Option<Value>,
}

/// Checks an answer against what was asked.
pub fn check_answer(interrupt: &Interrupt, answer: &AnswerInput) -> Result<DecisionParts, Vec<Problem>> {
    let form = match &interrupt.form {
        None => None,
        Some(form) => Some(kept(form).map_err(|message| vec![told("/data", message)])?),
    };
    let asked = Asked {
        kind: interrupt.kind,
        actions: &interrupt.actions,
        choices: &interrupt.choices,
        form: form.as_ref(),
        require_reason: interrupt.require_reason,
    };
    let parts = asked.check(answer)?;
    // All votes together are part of the decision, and so of the node's output.
    if interrupt.policy.quorum.is_some()
        && parts.data.as_ref().is_some_and(|data| serde_json::to_vec(data).map_or(0, |text| text.len()) > MAX_VOTE_DATA)
    {
        return Err(vec![told("/data", format!("where several vote, `data` is at most {MAX_VOTE_DATA} bytes"))]);
    }
    Ok(parts)
}

/// What an answer is checked against.
pub(super) struct Asked<'a> {
    pub(super) kind: SuspensionKind,
    /// None: `approved` and `rejected`.
    pub(super) actions: &'a [Action],
    pub(super) choices: &'a [String],
    pub(super) form: Option<&'a Schema>,
    pub(super) require_reason: bool,
}

impl Asked<'_> {
    pub(super) fn check(&self, answer: &AnswerInput) -> Result<DecisionParts, Vec<Problem>> {
        let mut problems = Vec::new();
        for (field, text) in [("reason", &answer.reason), ("comment", &answer.comment)] {
            if text.as_ref().is_some_and(|text| text.len() > MAX_REMARK) {
                problems.push(told(&format!("/{field}"), format!("`{field}` is longer than {MAX_REMARK} bytes")));
            }
        }
        let action = match self.kind {
            SuspensionKind::Approval | SuspensionKind::ToolApproval => self.check_approval(answer, &mut problems),
            SuspensionKind::AskHuman => {
                self.check_question(answer, &mut problems);
                ANSWERED.to_owned()
            }
            SuspensionKind::Callback => {
                check_call(answer, &mut problems);
                ANSWERED.to_owned()
            }
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(DecisionParts {
            action,
            reason: filled(answer.reason.as_ref()),
            comment: filled(answer.comment.as_ref()),
            // Null, which only a callback may send, is no answer to keep.
            answer: answer.answer.clone().filter(|answer| !answer.is_null()),
            data: answer.data.clone(),
        })
    }

    fn check_approval(&self, answer: &AnswerInput, problems: &mut Vec<Problem>) -> String {
        if answer.answer.is_some() {
            problems.push(told("/answer", "an approval has no `answer`; say `approved`, or name an `action`"));
        }
        let action = self.action_of(answer, problems).unwrap_or_default();
        let rejects = action == REJECTED;
        if rejects && self.require_reason && filled(answer.reason.as_ref()).is_none() {
            problems.push(told("/reason", "a rejection needs a `reason`"));
        }
        match (&answer.data, self.form) {
            (Some(data), Some(form)) => problems.extend(form.check(data, "/data")),
            (Some(_), None) => problems.push(told("/data", "there is no form to fill")),
            // Who rejects need not fill the form.
            (None, Some(_)) if !rejects => problems.push(told("/data", "`data` is missing: there is a form to fill")),
            (None, _) => {}
        }
        action
    }

    fn action_of(&self, answer: &AnswerInput, problems: &mut Vec<Problem>) -> Option<String> {
        let offered: Vec<&str> = match self.actions {
            [] => vec![APPROVED, REJECTED],
            actions => actions.iter().map(|action| action.id.as_str()).collect(),
        };
        let wanted = answer.approved.map(|approved| if approved { APPROVED } else { REJECTED });
        let (path, action) = match (wanted, answer.action.as_deref()) {
            (Some(wanted), Some(action)) if wanted != action => {
                problems.push(told("/action", "`action` and `approved` contradict each other"));
                return None;
            }
            (_, Some(action)) => ("/action", action),
            (Some(wanted), None) => ("/approved", wanted),
            (None, None) => {
                problems
                    .push(told("/approved", format!("say `approved`, or name an `action`: {}", offered.join(", "))));
                return None;
            }
        };
        if !offered.contains(&action) {
            let message = format!("there is no action `{}`; the actions are {}", shorten(action), offered.join(", "));
            problems.push(told(path, message));
        }
        Some(action.to_owned())
    }

    fn check_question(&self, answer: &AnswerInput, problems: &mut Vec<Problem>) {
        if answer.approved.is_some() {
            problems.push(told("/approved", "a question is not approved or rejected; give an `answer`"));
        }
        if answer.action.is_some() {
            problems.push(told("/action", "a question has no actions; give an `answer`"));
        }
        match (self.form, &answer.data) {
            (Some(form), Some(data)) => problems.extend(form.check(data, "/data")),
            (Some(_), None) => problems.push(told("/data", "`data` is missing: there is a form to fill")),
            (None, Some(_)) => problems.push(told("/data", "there is no form to fill; give an `answer`")),
            (None, None) => {}
        }
        match (&answer.answer, self.form) {
            (Some(_), Some(_)) => problems.push(told("/answer", "the answer is the form's `data`")),
            (None, None) => problems.push(told("/answer", "`answer` is missing")),
            (None, Some(_)) => {}
            (Some(Value::String(text)), None) => self.check_text(text, problems),
            (Some(other), None) => {
                let message = format!("`answer` must be a text, not {}", schema::type_name(other));
                problems.push(told("/answer", message));
            }
        }
    }

    fn check_text(&self, text: &str, problems: &mut Vec<Problem>) {
        if !self.choices.is_empty() {
            if !self.choices.iter().any(|choice| choice == text) {
                let choices: Vec<_> = self.choices.iter().take(20).map(|choice| shorten(choice)).collect();
                problems.push(told("/answer", format!("`answer` is none of the choices: {}", choices.join(", "))));
            }
        } else if text.trim().is_empty() {
            problems.push(told("/answer", "`answer` must not be empty"));
        } else if text.len() > MAX_ANSWER {
            problems.push(told("/answer", format!("`answer` is longer than {MAX_ANSWER} bytes")));
        }
    }
}

/// A callback takes any JSON, and nothing else.
fn check_call(answer: &AnswerInput, problems: &mut Vec<Problem>) {
    let others = [
        ("/approved", answer.approved.is_some()),
        ("/action", answer.action.is_some()),
        ("/data", answer.data.is_some()),
    ];
    for (path, _) in others.into_iter().filter(|(_, given)| *given) {
        problems.push(told(path, "a callback has an `answer` and nothing else"));
    }
    match &answer.answer {
        None => problems.push(told("/answer", "`answer` is missing")),
        Some(answer) => problems.extend(schema::check_depth(answer, "/answer")),
    }
}

fn filled(text: Option<&String>) -> Option<String> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn told(path: &str, message: impl Into<String>) -> Problem {
    Problem { path: path.to_owned(), message: message.into(), node_id: None, edge_id: None }
}

/// The forms of the latest answers, compiled: answers to one workflow come one after another.
static FORMS: Mutex<VecDeque<(Value, Schema)>> = Mutex::new(VecDeque::new());

fn kept(form: &Value) -> Result<Schema, String> {
    let mut forms = FORMS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(position) = forms.iter().position(|(known, _)| known == form) {
        let entry = forms.remove(position).expect("the position was just found");
        let schema = entry.1.clone();
        forms.push_front(entry);
        return Ok(schema);
    }
    // Compiling takes a while; others need not wait for it.
    drop(forms);
    let schema =
        Schema::compile(form).map_err(|(path, message)| format!("the form can't be checked: {message} ({path})"))?;
    let mut forms = FORMS.lock().unwrap_or_else(PoisonError::into_inner);
    forms.push_front((form.clone(), schema.clone()));
    forms.truncate(KEPT_FORMS);
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::ids::SuspensionId,
        nodes::testing::{NOW, any_json, paths},
    };

    fn interrupt(value: Value) -> Interrupt {
        let mut base = json!({
            "type": "approval",
            "suspensionId": SuspensionId(Uuid::nil()),
            "nodeId": "x",
            "message": "Pay?",
            "openedAt": NOW,
        });
        base.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(base).unwrap()
    }

    fn check(asked: Value, answer: Value) -> Result<DecisionParts, Vec<Problem>> {
        check_answer(&interrupt(asked), &serde_json::from_value(answer).unwrap())
    }

    fn refused(asked: Value, answer: Value) -> Vec<String> {
        let problems = check(asked, answer).unwrap_err();
        paths(&problems).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn decides_approvals() {
        let custom = json!({ "actions": [{ "id": "approved", "label": "Pay" }, { "id": "later", "label": "Later" }] });
        let form = json!({ "form": { "type": "object", "required": ["amount"] } });
        for (asked, answer, action) in [
            (json!({}), json!({ "approved": true }), "approved"),
            (json!({}), json!({ "approved": false, "reason": " too much " }), "rejected"),
            (json!({}), json!({ "action": "approved", "approved": true }), "approved"),
            (custom.clone(), json!({ "action": "later" }), "later"),
            (custom, json!({ "approved": true }), "approved"),
            (json!({ "requireReason": true }), json!({ "approved": true }), "approved"),
            (json!({ "requireReason": true }), json!({ "approved": false, "reason": "x" }), "rejected"),
            (form.clone(), json!({ "approved": true, "data": { "amount": 1 } }), "approved"),
            (form, json!({ "approved": false }), "rejected"),
        ] {
            let parts = check(asked, answer.clone()).unwrap();
            assert_eq!(parts.action, action, "{answer}");
        }
        let parts = check(json!({}), json!({ "approved": false, "reason": " too much ", "comment": "  " })).unwrap();
        assert_eq!((parts.reason.as_deref(), parts.comment), (Some("too much"), None));
    }

    #[test]
    fn refuses_what_does_not_fit_an_approval() {
        let custom = json!({ "actions": [{ "id": "pay", "label": "Pay" }, { "id": "later", "label": "Later" }] });
        let form = json!({ "form": { "properties": { "amount": { "type": "integer" } }, "required": ["amount"] } });
        for (asked, answer, path) in [
            (json!({}), json!({}), "/approved"),
            (json!({}), json!({ "approved": true, "answer": "yes" }), "/answer"),
            (json!({}), json!({ "action": "later" }), "/action"),
            (json!({}), json!({ "action": "rejected", "approved": true }), "/action"),
            (custom.clone(), json!({ "approved": true }), "/approved"),
            (custom, json!({ "action": "approved" }), "/action"),
            (json!({ "requireReason": true }), json!({ "approved": false }), "/reason"),
            (json!({ "requireReason": true }), json!({ "approved": false, "reason": " " }), "/reason"),
            (json!({}), json!({ "approved": true, "reason": "x".repeat(10_001) }), "/reason"),
            (json!({}), json!({ "approved": true, "data": {} }), "/data"),
            (form.clone(), json!({ "approved": true }), "/data"),
            (form.clone(), json!({ "approved": true, "data": {} }), "/data/amount"),
            (form, json!({ "approved": false, "data": { "amount": "1" } }), "/data/amount"),
        ] {
            assert_eq!(refused(asked, answer.clone()), [path], "{answer}");
        }
    }

    #[test]
    fn what_each_of_many_fills_in_is_bounded() {
        let data = json!({ "text": "x".repeat(MAX_VOTE_DATA) });
        let alone = json!({ "form": true });
        check(alone.clone(), json!({ "approved": true, "data": data })).unwrap();
        let mut among_many = alone;
        among_many["policy"] = json!({ "quorum": { "required": 2, "vetoOnReject": true } });
        assert_eq!(refused(among_many.clone(), json!({ "approved": true, "data": data })), ["/data"]);
        check(among_many, json!({ "approved": true, "data": { "text": "x" } })).unwrap();
    }

    #[test]
    fn takes_answers_to_questions() {
        let ask = |more: Value| {
            let mut asked = json!({ "type": "ask_human" });
            asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            asked
        };
        let parts = check(ask(json!({})), json!({ "answer": "Tuesday", "comment": "or later" })).unwrap();
        assert_eq!((parts.action.as_str(), parts.answer), ("answered", Some(json!("Tuesday"))));
        let form = json!({ "form": { "type": "object", "properties": { "day": { "format": "date" } } } });
        let parts = check(ask(form.clone()), json!({ "data": { "day": "2027-01-15" } })).unwrap();
        assert_eq!(parts.data, Some(json!({ "day": "2027-01-15" })));
        let choices = json!({ "choices": ["red", "green"] });
        check(ask(choices.clone()), json!({ "answer": "red" })).unwrap();
        for (asked, answer, path) in [
            (json!({}), json!({}), "/answer"),
            (json!({}), json!({ "answer": " " }), "/answer"),
            (json!({}), json!({ "answer": 5 }), "/answer"),
            (json!({}), json!({ "answer": "x", "approved": true }), "/approved"),
            (json!({}), json!({ "answer": "x", "action": "approved" }), "/action"),
            (json!({}), json!({ "answer": "x", "data": {} }), "/data"),
            (choices, json!({ "answer": "blue" }), "/answer"),
            (form.clone(), json!({}), "/data"),
            (form.clone(), json!({ "data": { "day": "someday" } }), "/data/day"),
            (form, json!({ "data": {}, "answer": "x" }), "/answer"),
        ] {
            assert_eq!(refused(ask(asked), answer.clone()), [path], "{answer}");
        }
    }

    #[test]
    fn keeps_the_forms_apart() {
        // More forms than are kept, twice over: each is checked by itself.
        for n in (0..KEPT_FORMS * 2).chain(0..KEPT_FORMS) {
            let asked = json!({ "form": { "const": n } });
            check(asked.clone(), json!({ "approved": true, "data": n })).unwrap();
            assert_eq!(refused(asked, json!({ "approved": true, "data": n + 1 })), ["/data"]);
        }
        assert!(FORMS.lock().unwrap().len() <= KEPT_FORMS);
    }

    proptest! {
        #[test]
        fn any_answer_is_decided_or_refused_with_a_path(data in any_json(), form in any_json(), answer in any_json()) {
            let asked = json!({ "form": form });
            let Ok(input) = serde_json::from_value::<AnswerInput>(json!({ "data": data, "answer": answer, "approved": true }))
            else { return Ok(()) };
            if let Err(problems) = check_answer(&interrupt(asked), &input) {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| problem.path.starts_with('/')), "{:?}", problems);
            }
        }
    }
}
