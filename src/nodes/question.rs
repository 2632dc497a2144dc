//! What `approval-gate` and `ask-human` share: the message, the form, and what happens when nobody answers.

use serde_json::{Map, Value, json};

use crate::{
    domain::{
        failure::{Failure, FailureCode},
        suspension::{Action, OnExpiry, SuspensionKind},
    },
    expression::{JsonTemplate, Template},
};

use super::{
    NodeContext, Outcome, Question, Step,
    approvers::{self, Rules},
    config::{Config, Ports, expression_failed, invalid},
    forms::{AnswerInput, Asked},
    notify::{self, NotifyTarget},
    schema::Schema,
    wait::When,
};

/// The port that exists where `onExpiry` names it.
const EXPIRED: &str = "expired";

/// What a callback asks that says nothing.
const A_CALL: &str = "A call is waited for";

const MAX_TITLE_BYTES: usize = 1_000;
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
const MAX_CONTEXT_BYTES: usize = 1024 * 1024;
const MAX_CHOICES: usize = 200;

/// The properties that both types have; `who` names the people that are asked.
pub(super) fn properties(on_expiry: &[&str], who: &str) -> Map<String, Value> {
    let properties = json!({
        "title": { "type": "string", "description": "A heading; a template." },
        "context": { "description": "What the reviewer should see to decide: any JSON, with templates in its texts." },
        "form": {
            "type": ["object", "boolean"],
            "description": "JSON Schema (2020-12 or draft-07) of the answer's `data`.",
        },
        "expiresIn": {
            "type": "string",
            "description": "How long an answer is waited for: `24h`, `P7D`, or a template. By default for ever.",
        },
        "expiresAt": { "type": "string", "description": "Until when an answer is waited for: an instant, or a template." },
        "onExpiry": {
            "description": "What happens when nobody answers in time; a port is named as `{\"port\": \"expired\"}`.",
            "default": "fail",
            "anyOf": [
                { "enum": on_expiry },
                {
                    "type": "object",
                    "properties": { "port": { "type": "string" } },
                    "required": ["port"],
                    "additionalProperties": false,
                },
            ],
        },
    });
    let mut properties = match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    };
    properties.extend(approvers::properties(who));
    properties.insert("notify".to_owned(), notify::property(&["webhook", "slack", "email"]));
    properties
}

/// A question, compiled; it is put when the node starts.
pub(super) struct Inquiry {
    kind: SuspensionKind,
    field: &'static str,
    message: Template,
    title: Option<Template>,
    context: Option<JsonTemplate>,
    form: Option<Value>,
    choices: Option<JsonTemplate>,
    actions: Vec<Action>,
    require_reason: bool,
    expires: Option<When>,
    on_expiry: OnExpiry,
    default_answer: Option<Value>,
    rules: Rules,
    notify: Vec<NotifyTarget>,
}

impl Inquiry {
    /// Compiles the question in `field` with all that belongs to it. The actions are an approval's; the ports of the node
    /// gain the one that only an expiry takes.
    pub(super) fn compile(
        config: &mut Config<'_>,
        kind: SuspensionKind,
        field: &'static str,
        actions: Vec<Action>,
        ports: &mut Ports,
    ) -> Option<Self> {
        let message = match config.value(field) {
            None if kind == SuspensionKind::Callback => Template::compile(A_CALL).ok(),
            _ => config.template(field),
        };
        let title = config.template("title");
        let context = config.json("context");
        let form = config.schema("form");
        let choices = config.json("choices");
        let expires = if config.value("expiresIn").is_some() || config.value("expiresAt").is_some() {
            When::compile(config, "expiresIn", "expiresAt")
        } else {
            for field in ["onExpiry", "defaultAnswer"] {
                if config.value(field).is_some() {
                    config.problem(&format!("/{field}"), format!("`{field}` needs `expiresIn` or `expiresAt`"));
                }
            }
            None
        };
        let on_expiry = Self::on_expiry(config, ports);
        let who = if kind.is_approval() { "approvers" } else { "assignees" };
        let rules = Rules::compile(config, who);
        let notify = notify::compile(config);
        let inquiry = Self {
            kind,
            field,
            message: message?,
            title,
            context,
            form: config.value("form").cloned(),
            choices,
            actions,
            require_reason: config.flag("requireReason").unwrap_or_default(),
            expires,
            on_expiry,
            default_answer: config.value("defaultAnswer").cloned(),
            rules,
            notify,
        };
        inquiry.check_default(config, form.as_ref());
        Some(inquiry)
    }

    fn on_expiry(config: &mut Config<'_>, ports: &mut Ports) -> OnExpiry {
        let named = |port: &str| ports.named.iter().any(|named| named == port);
        let needs = |config: &mut Config<'_>, port: &str| {
            if !named(port) {
                let names = ports.named.join(", ");
                let message = format!("there is no port `{port}` to expire by; the actions are {names}");
                config.problem("/onExpiry", message);
            }
        };
        let told = match config.value("onExpiry") {
            Some(Value::Object(told)) => told.get("port").and_then(Value::as_str),
            Some(Value::String(text)) => {
                return match text.as_str() {
                    "reject" => {
                        needs(config, super::forms::REJECTED);
                        OnExpiry::Reject
                    }
                    "approve" => {
                        needs(config, super::forms::APPROVED);
                        OnExpiry::Approve
                    }
                    "cancel" => OnExpiry::Cancel,
                    "default" => OnExpiry::Default,
                    _ => OnExpiry::Fail,
                };
            }
            _ => None,
        };
        let Some(port) = told else { return OnExpiry::Fail };
        if port == EXPIRED {
            ports.named.push(EXPIRED.to_owned());
        } else if !named(port) {
            let message = "an expiry takes the port `expired` or that of an action";
            config.problem("/onExpiry/port", message);
        }
        OnExpiry::Port(port.to_owned())
    }

    /// The default answer must be one that a person could have given.
    fn check_default(&self, config: &mut Config<'_>, form: Option<&Schema>) {
        let Some(default) = &self.default_answer else {
            if self.on_expiry == OnExpiry::Default {
                config.problem("/defaultAnswer", "`defaultAnswer` is missing: `onExpiry` is `default`");
            }
            return;
        };
        if self.on_expiry != OnExpiry::Default {
            config.problem("/defaultAnswer", "`defaultAnswer` needs `onExpiry` to be `default`");
            return;
        }
        let answer = match self.kind {
            SuspensionKind::AskHuman if form.is_some() => {
                AnswerInput { data: Some(default.clone()), ..Default::default() }
            }
            SuspensionKind::AskHuman | SuspensionKind::Callback => {
                AnswerInput { answer: Some(default.clone()), ..Default::default() }
            }
            SuspensionKind::Approval | SuspensionKind::ToolApproval => match approval_default(default) {
                Ok(answer) => answer,
                Err(message) => return config.problem("/defaultAnswer", message),
            },
        };
        let literal = self.choices.as_ref().filter(|choices| choices.is_literal());
        let choices = literal.and_then(|_| choices_of(config.value("choices")?)).unwrap_or_default();
        let asked = Asked {
            kind: self.kind,
            actions: &self.actions,
            choices: &choices,
            form,
            require_reason: self.require_reason,
        };
        for problem in asked.check(&answer).err().unwrap_or_default() {
            // The answer is the default itself, except where an approval's is an object with these members.
            let inner = if self.kind.is_approval() && default.is_object() {
                problem.path.as_str()
            } else {
                problem.path.strip_prefix("/data").unwrap_or_default()
            };
            config.problem(&format!("/defaultAnswer{inner}"), problem.message);
        }
    }

    /// Puts the question.
    pub(super) fn ask(&self, context: &NodeContext<'_>) -> Step {
        match self.question(context) {
            Ok(question) => Outcome::Suspend(Box::new(question)).into(),
            Err(failure) => failure.into(),
        }
    }

    /// The question, as it is put.
    pub(super) fn question(&self, context: &NodeContext<'_>) -> Result<Question, Failure> {
        let text = |field: &str, template: &Template, limit: usize| {
            let text = template.render_text(context.scope).map_err(|error| expression_failed(field, &error))?;
            if text.len() > limit { Err(too_long(field, limit)) } else { Ok(text) }
        };
        let json = |field: &str, template: &JsonTemplate| {
            template.render(context.scope).map_err(|error| expression_failed(field, &error))
        };
        let shown = self.context.as_ref().map(|template| json("context", template)).transpose()?;
        if shown
            .as_ref()
            .is_some_and(|value| serde_json::to_vec(value).map_or(0, |text| text.len()) > MAX_CONTEXT_BYTES)
        {
            return Err(too_long("context", MAX_CONTEXT_BYTES));
        }
        let choices = match &self.choices {
            None => Vec::new(),
            Some(template) => choices_of(&json("choices", template)?)
                .ok_or_else(|| invalid(format!("`choices` gave no list of 1 to {MAX_CHOICES} different texts")))?,
        };
        let expires_at = self.expires.as_ref().map(|when| when.instant(context)).transpose()?;
        Ok(Question {
            kind: self.kind,
            title: self.title.as_ref().map(|title| text("title", title, MAX_TITLE_BYTES)).transpose()?,
            message: text(self.field, &self.message, MAX_MESSAGE_BYTES)?,
            context: shown,
            form: self.form.clone(),
            choices,
            actions: self.actions.clone(),
            require_reason: self.require_reason,
            expires_at,
            on_expiry: self.on_expiry.clone(),
            default_answer: self.default_answer.clone(),
            policy: self.rules.policy(context)?,
            timeline: self.rules.timeline(context, expires_at)?,
            notify: self.notify.iter().map(|target| target.evaluate(context)).collect::<Result<_, _>>()?,
        })
    }
}

fn too_long(field: &str, limit: usize) -> Failure {
    Failure::new(FailureCode::LimitExceeded, format!("`{field}` is longer than {limit} bytes"))
}

/// An approval's default: an action's name, or an object that names it. The reason is the expiry.
fn approval_default(default: &Value) -> Result<AnswerInput, &'static str> {
    let reason = Some("nobody answered in time".to_owned());
    let shape = "the default of an approval is an action's name, or `{action, data, comment}`";
    match default {
        Value::String(action) => Ok(AnswerInput { action: Some(action.clone()), reason, ..Default::default() }),
        Value::Object(members) if members.keys().all(|key| matches!(key.as_str(), "action" | "data" | "comment")) => {
            let answer: AnswerInput = serde_json::from_value(default.clone()).map_err(|_| shape)?;
            if answer.action.is_none() { Err(shape) } else { Ok(AnswerInput { reason, ..answer }) }
        }
        _ => Err(shape),
    }
}

/// A list of different texts; numbers and truth values count as what they look like.
fn choices_of(value: &Value) -> Option<Vec<String>> {
    let items = value.as_array().filter(|items| (1..=MAX_CHOICES).contains(&items.len()))?;
    let mut choices: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let choice = match item {
            Value::String(text) if !text.is_empty() && text.len() <= MAX_TITLE_BYTES => text.clone(),
            Value::Number(_) | Value::Bool(_) => item.to_string(),
            _ => return None,
        };
        if choices.contains(&choice) {
            return None;
        }
        choices.push(choice);
    }
    Some(choices)
}
