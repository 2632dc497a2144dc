//! `wait`: a while, or until an instant. A durable timer: nothing is held meanwhile.

use serde_json::{Value, json};

use crate::{
    clock::Instant,
    domain::failure::Failure,
    expression::{Template, parse_duration},
};

use super::{
    Node, NodeContext, Outcome, Step,
    common::MAX_WAIT_MS,
    config::{Compiled, Config, expression_failed, integer, invalid},
    registry::{Kind, Port},
};

pub(super) const KIND: Kind = Kind {
    name: "wait",
    title: "Wait",
    description: "Waits for a duration or until an instant, up to ten years. Waiting holds nothing and survives restarts. \
                  An instant in the past is no wait. What the node was handed is handed on.",
    category: "flow",
    result: "`{until}`: the instant at which the wait was over.",
    properties: || {
        json!({
            "duration": {
                "type": "string",
                "description": "Such as `90s`, `1h30m`, `7d` or ISO 8601 (`PT2H`), or a template that gives one or a \
                                number of milliseconds.",
            },
            "until": {
                "type": "string",
                "description": "An instant (RFC 3339, such as `2027-01-31T08:00:00Z`), or a template that gives one.",
            },
        })
    },
    required: &[],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "duration": "2h" }),
};

struct Wait {
    when: When,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let Some(when) = When::compile(config, "duration", "until") else {
        if config.value("duration").is_none() && config.value("until").is_none() {
            config.problem("/duration", "`duration` or `until` is missing");
        }
        return None;
    };
    Some(Compiled::plain(Wait { when }))
}

impl Node for Wait {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        match self.when.instant(context) {
            Ok(until) => Outcome::Wait { until }.into(),
            Err(failure) => failure.into(),
        }
    }
}

/// An instant ahead: so much later than now, or written out. Suspensions expire by the same rules.
pub(super) enum When {
    In(&'static str, Template),
    At(&'static str, Template),
}

impl When {
    /// From the fields of a duration and of an instant; at most one may be set.
    pub(super) fn compile(config: &mut Config<'_>, later: &'static str, instant: &'static str) -> Option<Self> {
        if config.value(later).is_some() && config.value(instant).is_some() {
            config.problem(&format!("/{instant}"), format!("`{instant}` and `{later}` can't both be set"));
            return None;
        }
        if config.value(later).is_some() {
            let template = config.template(later)?;
            let literal =
                config.text(later).filter(|_| template.is_literal()).map(|text| milliseconds(later, &text.into()));
            return Self::checked(config, later, literal).then_some(Self::In(later, template));
        }
        let template = config.template(instant)?;
        let literal = config.text(instant).filter(|_| template.is_literal()).map(|text| point(instant, &text.into()));
        Self::checked(config, instant, literal).then_some(Self::At(instant, template))
    }

    fn checked<T>(config: &mut Config<'_>, field: &str, literal: Option<Result<T, Failure>>) -> bool {
        match literal {
            Some(Err(failure)) => {
                config.problem(&format!("/{field}"), failure.message);
                false
            }
            _ => true,
        }
    }

    pub(super) fn instant(&self, context: &NodeContext<'_>) -> Result<Instant, Failure> {
        let (Self::In(field, template) | Self::At(field, template)) = self;
        let value = template.render(context.scope).map_err(|error| expression_failed(field, &error))?;
        let instant = match self {
            Self::In(..) => context.now.plus_ms(milliseconds(field, &value)?),
            Self::At(..) => point(field, &value)?,
        };
        if instant.ms_since(context.now) > MAX_WAIT_MS {
            return Err(invalid(format!("`{field}` is more than ten years ahead")));
        }
        Ok(instant)
    }
}

/// A duration as text, or as milliseconds.
pub(super) fn milliseconds(field: &str, value: &Value) -> Result<i64, Failure> {
    let read = match value {
        Value::String(text) => parse_duration(text),
        value => integer(value).filter(|ms| *ms >= 0),
    };
    let read = read.ok_or_else(|| {
        invalid(format!("`{field}` is no duration such as `90s`, `1h30m` or `PT2H`, and no number of milliseconds"))
    })?;
    if read > MAX_WAIT_MS { Err(invalid(format!("`{field}` is longer than ten years"))) } else { Ok(read) }
}

/// An instant as text, or as milliseconds since 1970.
fn point(field: &str, value: &Value) -> Result<Instant, Failure> {
    let read = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => integer(value).map(Instant),
    };
    read.ok_or_else(|| invalid(format!("`{field}` is no instant such as `2027-01-31T08:00:00Z`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::failure::FailureCode,
        nodes::testing::{Bench, NOW, paths, problems_of},
    };

    fn run(data: Value, given: &Value) -> Outcome {
        Bench::new("wait", data).with("input", json!({ "x": given })).run().0
    }

    #[test]
    fn waits() {
        for (data, given, later) in [
            (json!({ "duration": "90s" }), Value::Null, 90_000),
            (json!({ "duration": "PT2H" }), Value::Null, 7_200_000),
            (json!({ "duration": "{{ input.x }}" }), json!("1h30m"), 5_400_000),
            (json!({ "duration": "{{ input.x }}m" }), json!(5), 300_000),
            (json!({ "duration": "{{ input.x }}" }), json!(1_500), 1_500),
            (json!({ "until": NOW.plus_ms(7).to_string() }), Value::Null, 7),
            (json!({ "until": "{{ input.x }}" }), json!(NOW.plus_ms(-7).to_string()), -7),
        ] {
            let Outcome::Wait { until } = run(data.clone(), &given) else { panic!("no wait: {data}") };
            assert_eq!(until, NOW.plus_ms(later), "{data}");
        }
    }

    #[test]
    fn fails_on_what_is_no_time() {
        for (field, given) in [
            ("duration", json!("-1s")),
            ("duration", json!(-1)),
            ("duration", json!("soon")),
            ("duration", json!("3654d")),
            ("duration", json!(1.5)),
            ("duration", Value::Null),
            ("until", json!("tomorrow")),
            ("until", json!([])),
            ("until", json!("9999-01-01T00:00:00Z")),
        ] {
            let Outcome::Fail(failure) = run(json!({ field: "{{ input.x }}" }), &given) else { panic!("{given}") };
            assert_eq!(failure.code, FailureCode::InvalidValue, "{given}");
            assert!(failure.message.contains(field), "{}", failure.message);
        }
    }

    #[test]
    fn is_checked_when_saved() {
        for (data, field) in [
            (json!({}), "duration"),
            (json!({ "duration": "soon" }), "duration"),
            (json!({ "duration": "{{ 1 + }}" }), "duration"),
            (json!({ "until": "2027-13-01" }), "until"),
            (json!({ "duration": "1s", "until": "2027-01-01T00:00:00Z" }), "until"),
            (json!({ "duration": 5 }), "duration"),
        ] {
            assert_eq!(paths(&problems_of("wait", data)), [format!("/nodes/1/data/{field}")]);
        }
    }
}
