//! Who is asked, how many have to answer, and what happens while nobody does: what `approval-gate` and `ask-human` share.
//!
//! A node knows the names of groups, not who is in them: the engine fills that in when the question is put.

use serde_json::{Map, Value, json};

use crate::{
    clock::Instant,
    domain::{
        failure::Failure,
        identity::Role,
        suspension::{Approvers, Policy, Quorum, TimelineAction, TimelineStep},
    },
    expression::{JsonTemplate, Template},
};

use super::{
    NodeContext,
    config::{Config, expression_failed, integer, invalid},
    wait::milliseconds,
};

const MAX_USERS: usize = 500;
const MAX_GROUPS: usize = 20;
const MAX_NAME_BYTES: usize = 255;
const MAX_REMINDERS: usize = 20;
const MAX_ESCALATIONS: usize = 10;
const MAX_REQUIRED: u32 = 100;

/// The properties that both types have; `field` names the people.
pub(super) fn properties(field: &str) -> Map<String, Value> {
    let after = json!({
        "type": "string",
        "description": "How long after the question was put: `4h`, `P1D`, or a template.",
    });
    let reminder = json!({
        "type": "object",
        "properties": { "after": after },
        "required": ["after"],
        "additionalProperties": false,
    });
    let escalation = json!({
        "type": "object",
        "properties": { "after": after, "to": people("Who may answer from then on as well.") },
        "required": ["after", "to"],
        "additionalProperties": false,
    });
    let mut properties = Map::new();
    let who = "Who may answer, and nobody else; by default members with the role `editor` or a higher one. Groups are the \
               people who are in them when the question is put.";
    properties.insert(field.to_owned(), people(who));
    properties.insert(
        "reminders".to_owned(),
        json!({
            "type": "array",
            "maxItems": MAX_REMINDERS,
            "items": reminder,
            "description": "When those who may answer are told again.",
        }),
    );
    properties.insert(
        "escalation".to_owned(),
        json!({
            "type": "array",
            "maxItems": MAX_ESCALATIONS,
            "items": escalation,
            "description": "When more people may answer. A claim ends with it.",
        }),
    );
    properties
}

/// The properties of approvals alone.
pub(super) fn quorum_properties() -> Value {
    json!({
        "quorum": {
            "type": "object",
            "description": "How many have to say the same; each person has one vote, and may change it until then. Without \
                            it the first valid answer decides.",
            "properties": {
                "required": { "type": "integer", "minimum": 1, "maximum": MAX_REQUIRED, "description": "How many votes decide." },
                "of": { "enum": ["approvers"], "description": "Whose votes count; no effect." },
                "vetoOnReject": {
                    "type": "boolean",
                    "default": true,
                    "description": "Whether one rejection rejects. Without it a rejection takes as many votes, or so many \
                                    that the others can't be reached any more.",
                },
            },
            "required": ["required"],
            "additionalProperties": false,
        },
        "allowSelfApproval": {
            "type": "boolean",
            "default": true,
            "description": "Whether who has triggered the execution may decide about it.",
        },
    })
}

fn people(description: &str) -> Value {
    let texts = |most: usize, description: &str| {
        json!({
            "type": ["array", "string"],
            "maxItems": most,
            "items": { "type": "string", "minLength": 1, "maxLength": 1000 },
            "description": description,
        })
    };
    json!({
        "type": "object",
        "description": description,
        "minProperties": 1,
        "properties": {
            "users": texts(MAX_USERS, "Ids of users; texts with templates, or a template that gives the list."),
            "groups": texts(MAX_GROUPS, "Names of groups; texts with templates, or a template that gives the list."),
            "roles": texts(4, "`viewer`, `editor`, `admin` or `owner`: members with such a role, or a higher one, at the \
                               moment they answer."),
        },
        "additionalProperties": false,
    })
}

/// Who is asked, compiled.
pub(super) struct Rules {
    approvers: Option<People>,
    quorum: Option<Quorum>,
    allow_self_approval: bool,
    reminders: Vec<Template>,
    escalation: Vec<(Template, People)>,
}

/// People, by a template.
struct People {
    field: String,
    template: JsonTemplate,
}

impl Rules {
    /// Compiles who is asked; `field` names the people.
    pub(super) fn compile(config: &mut Config<'_>, field: &'static str) -> Self {
        let approvers = config.value(field).and_then(|value| People::compile(config, field.to_owned(), value));
        let mut reminders = Vec::new();
        for (index, listed) in config.list("reminders").iter().take(MAX_REMINDERS).enumerate() {
            reminders.extend(after(config, &format!("/reminders/{index}"), listed));
        }
        let mut escalation = Vec::new();
        for (index, listed) in config.list("escalation").iter().take(MAX_ESCALATIONS).enumerate() {
            let after = after(config, &format!("/escalation/{index}"), listed);
            let to = listed.get("to").and_then(|to| People::compile(config, format!("escalation/{index}/to"), to));
            escalation.extend(after.zip(to));
        }
        let rules = Self {
            approvers,
            quorum: quorum(config),
            allow_self_approval: config.flag("allowSelfApproval").unwrap_or(true),
            reminders,
            escalation,
        };
        rules.check_reach(config, field);
        rules
    }

    /// A quorum that so few can't reach is a mistake, where all of them are written out.
    fn check_reach(&self, config: &mut Config<'_>, field: &str) {
        let literal =
            self.approvers.as_ref().filter(|people| people.template.is_literal() && self.escalation.is_empty());
        let Some(people) = literal.and_then(|_| read(config.value(field)?).ok()) else { return };
        let policy = Policy { quorum: self.quorum, ..Policy::default() };
        if people.groups.is_empty() && !policy.is_reachable(&people) {
            let message = format!("{} votes can't be reached: {} may vote", policy.required(), people.users.len());
            config.problem("/quorum/required", message);
        }
    }

    /// Who is asked. The engine fills in the members of groups and the requester.
    pub(super) fn policy(&self, context: &NodeContext<'_>) -> Result<Policy, Failure> {
        Ok(Policy {
            approvers: self.approvers.as_ref().map(|people| people.evaluate(context)).transpose()?,
            quorum: self.quorum,
            allow_self_approval: self.allow_self_approval,
            requester: String::new(),
        })
    }

    /// What happens while nobody answers, in order. What would be due at the expiry or later never is.
    pub(super) fn timeline(
        &self,
        context: &NodeContext<'_>,
        expires_at: Option<Instant>,
    ) -> Result<Vec<TimelineStep>, Failure> {
        let mut steps = Vec::new();
        for (index, after) in self.reminders.iter().enumerate() {
            let at = instant(context, &format!("reminders/{index}/after"), after)?;
            steps.push(TimelineStep { at, action: TimelineAction::Remind, to: None });
        }
        for (index, (after, to)) in self.escalation.iter().enumerate() {
            let at = instant(context, &format!("escalation/{index}/after"), after)?;
            steps.push(TimelineStep { at, action: TimelineAction::Escalate, to: Some(to.evaluate(context)?) });
        }
        steps.retain(|step| expires_at.is_none_or(|end| step.at < end));
        steps.sort_by_key(|step| step.at);
        steps.extend(expires_at.map(|at| TimelineStep { at, action: TimelineAction::Expire, to: None }));
        Ok(steps)
    }
}

impl People {
    fn compile(config: &mut Config<'_>, field: String, value: &Value) -> Option<Self> {
        let template = config.json_at(&format!("/{field}"), value)?;
        // Where none of the members is there, the schema has said so.
        if template.is_literal()
            && ["users", "groups", "roles"].iter().any(|member| value.get(member).is_some())
            && let Err((path, message)) = read(value)
        {
            config.problem(&format!("/{field}{path}"), message);
        }
        Some(Self { field, template })
    }

    fn evaluate(&self, context: &NodeContext<'_>) -> Result<Approvers, Failure> {
        let value = self.template.render(context.scope).map_err(|error| expression_failed(&self.field, &error))?;
        read(&value).map_err(|(path, message)| invalid(format!("`{}{path}`: {message}", self.field)))
    }
}

/// People as they are written; after a refusal where it stands.
fn read(value: &Value) -> Result<Approvers, (String, String)> {
    let users = names(value, "users", MAX_USERS)?;
    let groups = names(value, "groups", MAX_GROUPS)?;
    let mut roles = Vec::new();
    for (index, name) in names(value, "roles", MAX_USERS)?.iter().enumerate() {
        let role = Role::ALL.into_iter().find(|role| role.as_str() == name);
        roles.push(
            role.ok_or_else(|| {
                (format!("/roles/{index}"), "must be `viewer`, `editor`, `admin` or `owner`".to_owned())
            })?,
        );
    }
    let approvers = Approvers { users, groups, roles }.distinct();
    if approvers.is_nobody() && approvers.groups.is_empty() {
        return Err((String::new(), "this is nobody: name `users`, `groups` or `roles`".to_owned()));
    }
    Ok(approvers)
}

fn names(value: &Value, field: &str, most: usize) -> Result<Vec<String>, (String, String)> {
    let one;
    let listed = match value.get(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(listed)) => listed.as_slice(),
        Some(other) => {
            one = [other.clone()];
            &one
        }
    };
    if listed.len() > most {
        return Err((format!("/{field}"), format!("these are more than {most}")));
    }
    let name = |(index, name): (usize, &Value)| match name.as_str().map(str::trim) {
        Some(name) if !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control) => {
            Ok(name.to_owned())
        }
        _ => Err((format!("/{field}/{index}"), format!("must be a text of 1 to {MAX_NAME_BYTES} bytes on one line"))),
    };
    listed.iter().enumerate().map(name).collect()
}

fn quorum(config: &Config<'_>) -> Option<Quorum> {
    let quorum = config.value("quorum")?;
    let required = u32::try_from(integer(quorum.get("required")?)?).ok()?;
    let veto_on_reject = quorum.get("vetoOnReject").and_then(Value::as_bool).unwrap_or(true);
    Some(Quorum { required, veto_on_reject })
}

fn after(config: &mut Config<'_>, pointer: &str, step: &Value) -> Option<Template> {
    let text = step.get("after").and_then(Value::as_str)?;
    let template = config.template_at(&format!("{pointer}/after"), text)?;
    if template.is_literal()
        && let Err(failure) = milliseconds("after", &text.into())
    {
        config.problem(&format!("{pointer}/after"), failure.message);
        return None;
    }
    Some(template)
}

fn instant(context: &NodeContext<'_>, field: &str, after: &Template) -> Result<Instant, Failure> {
    let value = after.render(context.scope).map_err(|error| expression_failed(field, &error))?;
    Ok(context.now.plus_ms(milliseconds(field, &value)?))
}
