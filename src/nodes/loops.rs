//! `loop`: the same for each item, by a body of nodes or by one expression.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    domain::failure::{Failure, FailureCode},
    expression::{Budget, EvaluateError, EvaluateErrorKind, Expression, PathSegment, Scope},
};

use super::{
    Node, NodeContext, OnItemError, Outcome, Role, Step,
    config::{Compiled, Config, Ports, Source, expression_failed},
    registry::{Kind, Port},
    schema::{MAX_VALUE_DEPTH, fits_depth},
};

const DEFAULT_ITERATIONS: i64 = 100;

pub(super) const KIND: Kind = Kind {
    name: "loop",
    title: "Loop",
    description: "Runs its body once for each item: the nodes that name the loop as their `parentId`. `item` and `index` \
                  are known in there, and the result of an iteration is the last output of its nodes. Without a body, \
                  `itemTransform` makes the results; with neither they are the items. One value is one item, null is none.",
    category: "flow",
    result: "`{results, total, items}`, with `onItemError: collect` also `errors`: a list of `{index, error}`.",
    properties: || {
        json!({
            "arrayPath": { "type": "string", "description": "Where the items are: a path or an expression." },
            "items": {
                "type": ["string", "array"],
                "description": "The items: an expression, a template, or a list with templates in its texts.",
            },
            "itemTransform": {
                "type": "string",
                "description": "An expression that makes an item's result from `item` and `index`, in place of a body.",
            },
            "maxIterations": {
                "type": "integer",
                "minimum": 1,
                "maximum": 10_000,
                "default": DEFAULT_ITERATIONS,
                "description": "With more items than this the loop fails.",
            },
            "concurrency": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1_000,
                "default": 1,
                "description": "How many iterations of a body run at a time.",
            },
            "onItemError": {
                "enum": ["fail", "continue", "collect"],
                "default": "fail",
                "description": "What the failure of an item does: fail the loop, give null, or give null and be listed.",
            },
        })
    },
    required: &[],
    refused: &[
        ("retry", "a loop is not repeated as a whole; give the nodes of its body a `retry`"),
        ("timeoutMs", "a loop has no time limit of its own; give the nodes of its body one"),
    ],
    attempts: false,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "arrayPath": "input.lines", "itemTransform": "item.price * item.quantity", "maxIterations": 500 }),
};

struct Loop {
    field: &'static str,
    items: Source,
    body: Body,
    max_iterations: usize,
    on_item_error: OnItemError,
}

enum Body {
    Nodes,
    Transform(Expression),
    Nothing,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let field = match (is_set(config, "arrayPath"), is_set(config, "items")) {
        (true, true) => {
            config.problem("/items", "`items` and `arrayPath` can't both be set");
            return None;
        }
        (false, false) => {
            config.problem("/arrayPath", "`arrayPath` or `items` is missing");
            return None;
        }
        (true, false) => "arrayPath",
        (false, true) => "items",
    };
    let items = config.source(field);
    let body = match (is_set(config, "itemTransform"), config.has_body) {
        (true, true) => {
            config.problem("/itemTransform", "`itemTransform` can't be set on a loop that has a body");
            return None;
        }
        (true, false) => config.expression("itemTransform").map(Body::Transform),
        (false, true) => Some(Body::Nodes),
        (false, false) => Some(Body::Nothing),
    };
    let on_item_error = match config.text("onItemError") {
        Some("continue") => OnItemError::Continue,
        Some("collect") => OnItemError::Collect,
        _ => OnItemError::Fail,
    };
    let positive =
        |field: &str, default: i64| config.integer(field).unwrap_or(default).clamp(1, 10_000).unsigned_abs() as usize;
    let max_iterations = positive("maxIterations", DEFAULT_ITERATIONS);
    let concurrency = positive("concurrency", 1);
    Some(Compiled {
        node: Box::new(Loop { field, items: items?, body: body?, max_iterations, on_item_error }),
        role: Role::Loop { concurrency, on_item_error },
        ports: Ports::plain(),
    })
}

/// An editor leaves unused fields behind as empty texts.
fn is_set(config: &Config<'_>, field: &str) -> bool {
    config.value(field).is_some_and(|value| value.as_str() != Some(""))
}

impl Node for Loop {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let items = match self.items.evaluate(context.scope) {
            Ok(Value::Array(items)) => items,
            Ok(Value::Null) => Vec::new(),
            Ok(value) => vec![value],
            Err(error) => return expression_failed(self.field, &error).into(),
        };
        if items.len() > self.max_iterations {
            let message = format!(
                "the loop has {} items, more than the {} of its `maxIterations`",
                items.len(),
                self.max_iterations
            );
            return Failure::new(FailureCode::LimitExceeded, message).into();
        }
        match &self.body {
            Body::Nodes => Outcome::Iterate(items).into(),
            Body::Nothing => self.done(items.clone(), items, Vec::new()).into(),
            Body::Transform(expression) => match self.transform(expression, &items, context.scope) {
                Ok((results, errors)) => self.done(results, items, errors).into(),
                Err(failure) => failure.into(),
            },
        }
    }
}

impl Loop {
    fn transform(
        &self,
        expression: &Expression,
        items: &[Value],
        outer: &dyn Scope,
    ) -> Result<(Vec<Value>, Vec<Value>), Failure> {
        let budget = Budget::new();
        let mut results = Vec::with_capacity(items.len());
        let mut errors = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let scope = ItemScope::new(outer, item, index);
            match expression.evaluate_within(&scope, &budget) {
                Ok(value) => results.push(value),
                // What is spent stays spent: every further item would fail for the same reason.
                Err(error) if error.kind == EvaluateErrorKind::Limit => return Err(failed_item(index, &error)),
                Err(error) => match self.on_item_error {
                    OnItemError::Fail => return Err(failed_item(index, &error)),
                    OnItemError::Continue => results.push(Value::Null),
                    OnItemError::Collect => {
                        results.push(Value::Null);
                        errors.push(json!({ "index": index, "error": expression_failed("itemTransform", &error) }));
                    }
                },
            }
        }
        Ok((results, errors))
    }

    fn done(&self, results: Vec<Value>, items: Vec<Value>, errors: Vec<Value>) -> Outcome {
        let mut output = json!({ "total": items.len() });
        output["results"] = Value::Array(results);
        output["items"] = Value::Array(items);
        if self.on_item_error == OnItemError::Collect {
            output["errors"] = Value::Array(errors);
        }
        // Looping over the results of loops adds levels each time.
        if !fits_depth(&output, MAX_VALUE_DEPTH) {
            let message = format!("the loop's output nests deeper than {MAX_VALUE_DEPTH} levels");
            return Outcome::Fail(Failure::new(FailureCode::LimitExceeded, message));
        }
        Outcome::output(output)
    }
}

fn failed_item(index: usize, error: &EvaluateError) -> Failure {
    let failure = expression_failed("itemTransform", error);
    let message = format!("item {index} failed: {}", failure.message);
    Failure::new(FailureCode::ItemFailed, message).with_details(json!({ "index": index, "error": failure }))
}

/// The scope of a node with `item` and `index` in front.
pub(super) struct ItemScope<'a> {
    outer: &'a dyn Scope,
    item: &'a Value,
    index: Value,
}

impl<'a> ItemScope<'a> {
    pub(super) fn new(outer: &'a dyn Scope, item: &'a Value, index: usize) -> Self {
        Self { outer, item, index: Value::from(index) }
    }
}

impl Scope for ItemScope<'_> {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        match path.first()? {
            PathSegment::Key("item") => Some((Cow::Borrowed(self.item), 1)),
            PathSegment::Key("index") => Some((Cow::Borrowed(&self.index), 1)),
            _ => self.outer.resolve(path),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.outer.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::testing::{Bench, paths, problems_of};

    fn run(data: Value, given: &Value) -> Outcome {
        Bench::new("loop", data).with("input", json!({ "x": given, "factor": 10 })).run().0
    }

    fn output(data: Value, given: &Value) -> Value {
        match run(data, given) {
            Outcome::Complete(done) => Value::clone(&done.output),
            other => panic!("not complete: {other:?}"),
        }
    }

    fn failure(data: Value, given: &Value) -> Failure {
        match run(data, given) {
            Outcome::Fail(failure) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }

    #[test]
    fn reads_its_items() {
        let cases = [
            (json!([1, 2]), json!([1, 2])),
            (json!({ "a": 1 }), json!([{ "a": 1 }])),
            (json!("text"), json!(["text"])),
            (Value::Null, json!([])),
            (json!([]), json!([])),
        ];
        for (given, items) in cases {
            for field in
                [json!({ "arrayPath": "input.x" }), json!({ "items": "{{ input.x }}" }), json!({ "items": "input.x" })]
            {
                let expected = json!({ "results": items, "items": items, "total": items.as_array().unwrap().len() });
                assert_eq!(output(field, &given), expected);
            }
        }
        let listed = output(json!({ "items": ["{{ input.x }}", 2] }), &json!([1]));
        assert_eq!(listed["results"], json!([[1], 2]));
    }

    #[test]
    fn transforms_each_item_with_item_and_index() {
        let data = json!({ "arrayPath": "input.x", "itemTransform": "item * input.factor + index" });
        assert_eq!(output(data, &json!([1, 2])), json!({ "results": [10, 21], "items": [1, 2], "total": 2 }));
    }

    #[test]
    fn treats_failing_items_as_told() {
        let data = |mode: &str| json!({ "arrayPath": "input.x", "itemTransform": "10 / item", "onItemError": mode });
        let given = json!([5, 0, 2]);
        let failed = failure(data("fail"), &given);
        assert_eq!(failed.code, FailureCode::ItemFailed);
        assert_eq!(failed.details.unwrap()["index"], 1);
        assert_eq!(
            output(data("continue"), &given),
            json!({ "results": [2, null, 5], "items": [5, 0, 2], "total": 3 })
        );
        let collected = output(data("collect"), &given);
        assert_eq!(collected["results"], json!([2, null, 5]));
        assert_eq!(collected["errors"][0]["index"], 1);
        assert_eq!(collected["errors"][0]["error"]["code"], "expression_failed");
        assert_eq!(output(data("collect"), &json!([1]))["errors"], json!([]));
    }

    #[test]
    fn bounds_items_and_work() {
        let many = json!(vec![1; 101]);
        let failed = failure(json!({ "arrayPath": "input.x" }), &many);
        assert_eq!(failed.code, FailureCode::LimitExceeded);
        assert!(failed.message.contains("101") && failed.message.contains("100"), "{}", failed.message);
        assert_eq!(output(json!({ "arrayPath": "input.x", "maxIterations": 101 }), &many)["total"], 101);
        let deep = (0..MAX_VALUE_DEPTH).fold(json!(1), |value, _| json!({ "a": value }));
        assert_eq!(failure(json!({ "arrayPath": "input.x" }), &deep).code, FailureCode::LimitExceeded);
        // Each item alone is within the limits of an expression; all together are not.
        let data = json!({
            "arrayPath": "input.x",
            "itemTransform": "range(0, 5000).map(n, n + 1).size()",
            "maxIterations": 10_000,
            "onItemError": "continue",
        });
        let failed = failure(data.clone(), &json!(vec![1; 10_000]));
        assert_eq!(failed.code, FailureCode::ItemFailed);
        assert_eq!(output(data, &json!([1, 2]))["results"], json!([5000, 5000]));
    }

    #[test]
    fn iterates_over_a_body() {
        let bench = Bench::new("loop", json!({ "arrayPath": "input.x", "concurrency": 4.0, "onItemError": "collect" }));
        let bench = bench.with_body();
        assert_eq!(bench.role(), Role::Loop { concurrency: 4, on_item_error: OnItemError::Collect });
        let Outcome::Iterate(items) = bench.with("input", json!({ "x": [1, 2] })).run().0 else {
            panic!("no iteration")
        };
        assert_eq!(items, [json!(1), json!(2)]);
    }

    #[test]
    fn is_checked_when_saved() {
        for (data, path) in [
            (json!({}), "arrayPath"),
            (json!({ "arrayPath": "input.x", "items": [1] }), "items"),
            (json!({ "arrayPath": "input.[" }), "arrayPath"),
            (json!({ "items": ["{{ 1 + }}"] }), "items/0"),
            (json!({ "arrayPath": "input.x", "itemTransform": "item +" }), "itemTransform"),
            (json!({ "arrayPath": "input.x", "maxIterations": 0 }), "maxIterations"),
            (json!({ "arrayPath": "input.x", "maxIterations": 10_001 }), "maxIterations"),
            (json!({ "arrayPath": "input.x", "concurrency": 1_001 }), "concurrency"),
            (json!({ "arrayPath": "input.x", "retry": { "maxAttempts": 2 } }), "retry"),
            (json!({ "arrayPath": "input.x", "timeoutMs": 5 }), "timeoutMs"),
        ] {
            assert_eq!(paths(&problems_of("loop", data)), [format!("/nodes/1/data/{path}")]);
        }
    }
}
