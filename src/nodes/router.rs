//! `router`: the first of several ways whose condition is true.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};

use crate::expression::Expression;

use super::{
    Completion, Node, NodeContext, Outcome, Role, Step,
    config::{Compiled, Config, Ports, Unnamed, expression_failed},
    registry::{Kind, Port, is_port_id},
};

/// The port where no condition is true.
const NONE: &str = "none";
/// Each start evaluates up to this many conditions at once, so it bounds the time of one.
const MAX_ROUTES: usize = 100;

pub(super) const KIND: Kind = Kind {
    name: "router",
    title: "Router",
    description: "Goes on by the first route whose condition is true, else by `default`, else by the port `none`. What \
                  the node was handed is handed on.",
    category: "flow",
    result: "`{route}`: the id of the route, or `none`.",
    properties: || {
        json!({
            "routes": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_ROUTES,
                "description": "The routes, in the order in which their conditions are tried.",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {
                            "type": "string",
                            "minLength": 1,
                            "description": "The port: letters, digits, `_` and `-`, 1 to 64 characters.",
                        },
                        "label": { "type": "string", "maxLength": 1000, "description": "For people." },
                        "condition": { "type": "string", "description": "An expression that gives true or false." },
                    },
                    "required": ["id", "condition"],
                    "additionalProperties": false,
                },
            },
            "default": { "type": "string", "description": "The route to take where no condition is true." },
        })
    },
    required: &["routes"],
    refused: &[],
    attempts: true,
    ports: &[
        Port { id: "<route id>", description: "The route's condition is the first true one.", required: false },
        Port { id: NONE, description: "No condition is true, and there is no `default`.", required: false },
        Port::ERROR,
    ],
    compile,
    example: || {
        json!({
            "routes": [
                { "id": "large", "label": "Large orders", "condition": "input.total >= 1000" },
                { "id": "abroad", "condition": "input.country != \"DE\"" },
            ],
        })
    },
};

struct Router {
    routes: Vec<(String, Expression)>,
    otherwise: String,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of all types")]
fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let mut routes = Vec::new();
    let mut named = Vec::new();
    let mut seen = HashSet::new();
    for (i, route) in config.list("routes").iter().take(MAX_ROUTES).enumerate() {
        let (Some(id), Some(condition)) = (text(route, "id"), text(route, "condition")) else { continue };
        if !is_port_id(id) || id == NONE {
            let message =
                "a route's id must be 1 to 64 letters, digits, `_` or `-`, and no name that ports already have";
            config.problem(&format!("/routes/{i}/id"), message);
        } else if !seen.insert(id) {
            config.problem(&format!("/routes/{i}/id"), format!("route `{id}` is listed twice"));
        }
        named.push(id.to_owned());
        if let Some(condition) = config.expression_at(&format!("/routes/{i}/condition"), condition) {
            routes.push((id.to_owned(), condition));
        }
    }
    let otherwise = config.text("default").filter(|id| !id.is_empty()).unwrap_or(NONE).to_owned();
    if otherwise != NONE && !seen.contains(otherwise.as_str()) {
        config.problem("/default", "the default is none of the routes");
    }
    named.push(NONE.to_owned());
    let ports = Ports { unnamed: Unnamed::Refused, named, ..Ports::plain() };
    Some(Compiled { node: Box::new(Router { routes, otherwise }), role: Role::Plain, ports })
}

fn text<'v>(route: &'v Value, field: &str) -> Option<&'v str> {
    route.get(field).and_then(Value::as_str)
}

impl Node for Router {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let mut taken = &self.otherwise;
        for (i, (id, condition)) in self.routes.iter().enumerate() {
            match condition.test(context.scope) {
                Err(error) => return expression_failed(&format!("routes[{i}].condition"), &error).into(),
                Ok(true) => {
                    taken = id;
                    break;
                }
                Ok(false) => {}
            }
        }
        let output = Arc::new(json!({ "route": taken }));
        Outcome::Complete(Completion { output, port: Some(taken.clone()), transparent: true }).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::testing::{Bench, paths, problems_of};

    fn route(default: Value, total: i64) -> Completion {
        let routes = json!([
            { "id": "large", "condition": "input.total > 100" },
            { "id": "middle", "condition": "input.total > 10" },
        ]);
        let data = json!({ "routes": routes, "default": default });
        let outcome = Bench::new("router", data).with("input", json!({ "total": total })).run();
        let Outcome::Complete(done) = outcome.0 else { panic!("not complete") };
        done
    }

    #[test]
    fn takes_the_first_true_route() {
        for (default, total, port) in [
            (Value::Null, 1_000, "large"),
            (Value::Null, 50, "middle"),
            (Value::Null, 5, "none"),
            (json!("middle"), 5, "middle"),
            (json!("none"), 5, "none"),
        ] {
            let done = route(default, total);
            assert_eq!(done.port.as_deref(), Some(port));
            assert_eq!(*done.output, json!({ "route": port }));
        }
    }

    #[test]
    fn stops_at_the_first_true_condition_and_names_a_failing_one() {
        let routes = json!([{ "id": "a", "condition": "true" }, { "id": "b", "condition": "1 / 0 == 1" }]);
        Bench::new("router", json!({ "routes": routes })).run().output();
        let routes = json!([{ "id": "a", "condition": "false" }, { "id": "b", "condition": "1 / 0 == 1" }]);
        let failure = Bench::new("router", json!({ "routes": routes })).run().failure();
        assert!(failure.message.starts_with("`routes[1].condition`: "), "{}", failure.message);
    }

    #[test]
    fn names_each_problem() {
        let problems = problems_of(
            "router",
            json!({
                "routes": [
                    { "id": "a", "condition": "1 +" },
                    { "id": "a", "condition": "true" },
                    { "id": "none", "condition": "true" },
                    { "id": "error", "condition": "true" },
                    { "id": "x y", "condition": "true" },
                    { "condition": "true", "when": 1 },
                ],
                "default": "z",
            }),
        );
        let mut paths = paths(&problems);
        paths.sort_unstable();
        assert_eq!(
            paths,
            [
                "/nodes/1/data/default",
                "/nodes/1/data/routes/0/condition",
                "/nodes/1/data/routes/1/id",
                "/nodes/1/data/routes/2/id",
                "/nodes/1/data/routes/3/id",
                "/nodes/1/data/routes/4/id",
                "/nodes/1/data/routes/5/id",
                "/nodes/1/data/routes/5/when",
            ]
        );
        assert_eq!(self::paths(&problems_of("router", json!({ "routes": [] }))), ["/nodes/1/data/routes"]);
    }
}
