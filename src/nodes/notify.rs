//! Who is told that something waits for an answer: `notify` of the nodes that wait.

use serde_json::{Value, json};

use crate::{
    domain::{
        failure::Failure,
        notification::{Channel, Target},
    },
    expression::Template,
};

use super::{
    NodeContext,
    config::{Config, expression_failed, invalid},
};

const MAX_TARGETS: usize = 20;
const MAX_URL_BYTES: usize = 2_000;
const MAX_SECRET_BYTES: usize = 1_000;
const MAX_NAME_BYTES: usize = 255;

/// The property; `channels` are those that the type of node knows.
pub(super) fn property(channels: &[&str]) -> Value {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "description": description });
    let user = text(
        "Who answers by the link in the message: the id of a member, as a template. Without it whoever holds the link, where \
         the gate lets anybody answer.",
    );
    let secret = |description: &str| {
        let mut schema = text(description);
        schema["x-secret"] = true.into();
        schema
    };
    let url = secret("The address; a template, which may read secrets.");
    let kinds = channels.iter().map(|channel| {
        let (address, mut properties) = match *channel {
            "webhook" => {
                let secret = secret(
                    "What the request is signed with (Standard Webhooks); a template, which may read secrets. `whsec_` and \
                     base64, or a text.",
                );
                ("url", json!({ "url": url, "secret": secret }))
            }
            "slack" => ("url", json!({ "url": secret("The address of an incoming webhook of Slack; a template, which may read secrets.") })),
            _ => ("to", json!({ "to": text("The address of a mailbox; a template.") })),
        };
        properties["type"] = json!({ "const": channel });
        if channels.len() > 1 {
            properties["user"] = user.clone();
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": ["type", address],
            "additionalProperties": false,
        })
    });
    json!({
        "type": "array",
        "maxItems": MAX_TARGETS,
        "items": { "oneOf": kinds.collect::<Vec<_>>() },
        "description": "Who is told, at once and with every reminder and escalation, each by a message with a link to answer.",
    })
}

/// One target, compiled.
pub(super) struct NotifyTarget {
    channel: Channel,
    /// The member of the configuration that the address stands in.
    field: String,
    to: Template,
    secret: Option<Template>,
    user: Option<Template>,
    index: usize,
}

/// Compiles `notify`.
pub(super) fn compile(config: &mut Config<'_>) -> Vec<NotifyTarget> {
    let mut targets = Vec::new();
    for (index, listed) in config.list("notify").iter().take(MAX_TARGETS).enumerate() {
        // The schema has its say about the shape.
        let text = |field: &str| listed.get(field).and_then(Value::as_str);
        let (channel, address) = match text("type") {
            Some("webhook") => (Channel::Webhook, "url"),
            Some("slack") => (Channel::Slack, "url"),
            Some("email") => (Channel::Email, "to"),
            _ => continue,
        };
        let mut template = |field: &str| {
            let (pointer, source) = (format!("/notify/{index}/{field}"), text(field)?);
            match field {
                "url" | "secret" => config.secret_template_at(&pointer, source),
                _ => config.template_at(&pointer, source),
            }
        };
        let (to, secret, user) = (template(address), template("secret"), template("user"));
        let Some(to) = to else { continue };
        if let Some(literal) = text(address).filter(|_| to.is_literal())
            && let Err(message) = check_address(channel, literal)
        {
            config.problem(&format!("/notify/{index}/{address}"), message);
        }
        targets.push(NotifyTarget { channel, field: format!("notify/{index}/{address}"), to, secret, user, index });
    }
    targets
}

impl NotifyTarget {
    /// Where the message goes.
    pub(super) fn evaluate(&self, context: &NodeContext<'_>) -> Result<Target, Failure> {
        let text = |field: &str, template: &Template| {
            template.render_text(context.scope).map_err(|error| expression_failed(field, &error))
        };
        let bounded = |name: &str, template: Option<&Template>, most: usize| {
            let Some(template) = template else { return Ok(None) };
            let field = format!("notify/{}/{name}", self.index);
            let text = text(&field, template)?;
            if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
                return Err(invalid(format!("`{field}` must be a text of 1 to {most} bytes on one line")));
            }
            Ok(Some(text))
        };
        let to = text(&self.field, &self.to)?.trim().to_owned();
        // The address itself may be a secret.
        check_address(self.channel, &to).map_err(|message| invalid(format!("`{}` {message}", self.field)))?;
        Ok(Target {
            channel: self.channel,
            to,
            secret: bounded("secret", self.secret.as_ref(), MAX_SECRET_BYTES)?,
            user: bounded("user", self.user.as_ref(), MAX_NAME_BYTES)?,
            sealed: None,
            trace: None,
        })
    }
}

fn check_address(channel: Channel, text: &str) -> Result<(), &'static str> {
    if channel == Channel::Email {
        let parts = text.rsplit_once('@');
        let fits = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
            && text.len() <= 254
            && !text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';'));
        return if fits { Ok(()) } else { Err("must be the address of one mailbox, such as `ann@example.com`") };
    }
    let fits = text.len() <= MAX_URL_BYTES
        && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if fits { Ok(()) } else { Err("must be an http or https address") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::failure::FailureCode,
        nodes::{
            Outcome,
            testing::{Bench, paths, problems_of},
        },
    };

    fn gate(notify: Value) -> Value {
        json!({ "message": "?", "notify": notify })
    }

    #[test]
    fn evaluates_its_targets() {
        let notify = json!([
            { "type": "webhook", "url": "https://{{ input.host }}/x", "secret": "{{ input.secret }}", "user": "bo" },
            { "type": "slack", "url": "https://hooks.example.com/T/B/X" },
            { "type": "email", "to": " {{ input.mail }} ", "user": "{{ input.user }}" },
        ]);
        let input = json!({ "host": "example.com", "secret": "whsec_MTIz", "mail": "ann@example.com", "user": "ann" });
        let question = Bench::new("approval-gate", gate(notify)).with("input", input).run().question();
        let target = |channel, to: &str, secret: Option<&str>, user: Option<&str>| Target {
            channel,
            to: to.to_owned(),
            secret: secret.map(str::to_owned),
            user: user.map(str::to_owned),
            sealed: None,
            trace: None,
        };
        assert_eq!(
            question.notify,
            [
                target(Channel::Webhook, "https://example.com/x", Some("whsec_MTIz"), Some("bo")),
                target(Channel::Slack, "https://hooks.example.com/T/B/X", None, None),
                target(Channel::Email, "ann@example.com", None, Some("ann")),
            ]
        );
    }

    #[test]
    fn fails_on_what_is_no_address_without_quoting_it() {
        for (kind, field, given) in [
            ("webhook", "url", json!("s3cret")),
            ("webhook", "url", json!("ftp://s3cret/")),
            ("slack", "url", json!("")),
            ("email", "to", json!("s3cret")),
            ("email", "to", json!("a@b.c, s3cret@b.c")),
            ("email", "to", json!("a@b.c\r\nBcc: s3cret@b.c")),
            ("webhook", "secret", json!("")),
            ("webhook", "secret", json!("s3cret".repeat(1_000))),
            ("email", "user", json!("s3cret\n")),
        ] {
            let mut target = json!({ "type": kind, "url": "https://example.com", "to": "a@b.c" });
            target.as_object_mut().unwrap().remove(if kind == "email" { "url" } else { "to" });
            target[field] = json!("{{ input.x }}");
            let bench = Bench::new("approval-gate", gate(json!([target]))).with("input", json!({ "x": given }));
            let Outcome::Fail(failure) = bench.run().0 else { panic!("{kind} {field} {given}") };
            assert_eq!(failure.code, FailureCode::InvalidValue);
            assert!(failure.message.contains(&format!("notify/0/{field}")), "{}", failure.message);
            assert!(!failure.message.contains("s3cret"), "{}", failure.message);
        }
    }

    #[test]
    fn is_checked_when_saved() {
        let many = json!(vec![json!({ "type": "email", "to": "a@b.c" }); 21]);
        for (notify, path) in [
            (json!([{ "type": "webhook", "url": "example.com" }]), "/nodes/1/data/notify/0/url"),
            (json!([{ "type": "email", "to": "ann" }]), "/nodes/1/data/notify/0/to"),
            (
                json!([{ "type": "email", "to": "a@b.c" }, { "type": "slack", "url": "{{ 1 + }}" }]),
                "/nodes/1/data/notify/1/url",
            ),
            (json!([{ "type": "pigeon", "to": "x" }]), "/nodes/1/data/notify/0"),
            (json!([{ "type": "email", "url": "https://example.com" }]), "/nodes/1/data/notify/0"),
            (many, "/nodes/1/data/notify"),
        ] {
            for kind in ["approval-gate", "ask-human"] {
                let mut data = gate(notify.clone());
                data["question"] = json!("?");
                data.as_object_mut().unwrap().remove(if kind == "ask-human" { "message" } else { "question" });
                assert_eq!(paths(&problems_of(kind, data)), [path], "{notify}");
            }
        }
    }
}
