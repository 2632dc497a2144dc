//! `filter`: the items of a list that fit a condition.

use serde_json::{Value, json};

use crate::{
    domain::failure::{Failure, FailureCode},
    expression::{Budget, EvaluateErrorKind, Expression},
};

use super::{
    Node, NodeContext, Outcome, Step,
    config::{Compiled, Config, Source, expression_failed},
    loops::ItemScope,
    registry::{Kind, Port},
};

/// With more items than this the node fails.
const MAX_ITEMS: usize = 10_000;

pub(super) const KIND: Kind = Kind {
    name: "filter",
    title: "Filter",
    description: "Keeps the items of a list for which a condition holds; `item` and `index` are known in it. One value is one \
                  item, null is none.",
    category: "data",
    result: "`{items, total, kept}`: the items that were kept, in their order, how many there were, and how many are left.",
    properties: || {
        json!({
            "items": {
                "type": ["string", "array"],
                "description": "The items: an expression, a template, or a list with templates in its texts; by default what the \
                                node was handed.",
            },
            "condition": { "type": "string", "minLength": 1, "description": "An expression that gives true or false for an item." },
            "limit": { "type": "integer", "minimum": 1, "maximum": MAX_ITEMS, "description": "The most items that are kept." },
        })
    },
    required: &["condition"],
    refused: &[],
    attempts: true,
    ports: &[Port::DEFAULT, Port::ERROR],
    compile,
    example: || json!({ "items": "input.orders", "condition": "item.total > 100 && item.country in [\"DE\", \"FR\"]" }),
};

struct Filter {
    items: Option<Source>,
    condition: Expression,
    limit: usize,
}

fn compile(config: &mut Config<'_>) -> Option<Compiled> {
    let is_set = config.value("items").is_some_and(|value| value.as_str() != Some(""));
    let items = if is_set { Some(config.source("items")?) } else { None };
    let limit = config.integer("limit").unwrap_or(MAX_ITEMS as i64).clamp(1, MAX_ITEMS as i64).unsigned_abs() as usize;
    Some(Compiled::plain(Filter { items, condition: config.expression("condition")?, limit }))
}

impl Node for Filter {
    fn start(&self, context: &NodeContext<'_>) -> Step {
        let given = match &self.items {
            None => Value::clone(context.last_output),
            Some(source) => match source.evaluate(context.scope) {
                Ok(value) => value,
                Err(error) => return expression_failed("items", &error).into(),
            },
        };
        let items = match given {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            value => vec![value],
        };
        if items.len() > MAX_ITEMS {
            let message = format!("there are {} items, more than {MAX_ITEMS}", items.len());
            return Failure::new(FailureCode::LimitExceeded, message).into();
        }
        let (total, budget) = (items.len(), Budget::new());
        let mut kept = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            if kept.len() == self.limit {
                break;
            }
            let scope = ItemScope::new(context.scope, &item, index);
            match self.condition.test_within(&scope, &budget) {
                Ok(true) => kept.push(item),
                Ok(false) => {}
                Err(error) => {
                    let failure = expression_failed("condition", &error);
                    let code =
                        if error.kind == EvaluateErrorKind::Limit { failure.code } else { FailureCode::ItemFailed };
                    let message = format!("item {index} failed: {}", failure.message);
                    return Failure::new(code, message).with_details(json!({ "index": index })).into();
                }
            }
        }
        Outcome::output(json!({ "total": total, "kept": kept.len(), "items": kept })).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::testing::{Bench, paths, problems_of};

    fn output(data: Value, input: Value) -> Value {
        Bench::new("filter", data).with("input", input).run().output()
    }

    #[test]
    fn keeps_what_fits_in_its_order() {
        let data = json!({ "items": "input.n", "condition": "item % 2 == 0 || index == 0" });
        let kept = json!({ "items": [5, 2, 4], "total": 5, "kept": 3 });
        assert_eq!(output(data, json!({ "n": [5, 1, 2, 3, 4] })), kept);
        let first = json!({ "items": "{{ input.n }}", "condition": "item > 1", "limit": 1 });
        assert_eq!(output(first, json!({ "n": [1, 2, 3] }))["items"], json!([2]));
        for (given, kept) in [(json!(null), json!([])), (json!(7), json!([7])), (json!([]), json!([]))] {
            let data = json!({ "items": "input.n", "condition": "true" });
            assert_eq!(output(data, json!({ "n": given }))["items"], kept);
        }
        let handed =
            Bench::new("filter", json!({ "condition": "item.a" })).with_last_output(json!([{ "a": true }, {}]));
        assert_eq!(handed.run().output()["items"], json!([{ "a": true }]));
    }

    #[test]
    fn names_the_item_that_fails_and_stops_at_its_limits() {
        let failure = |data: Value, input: Value| Bench::new("filter", data).with("input", input).run().failure();
        let mistake = failure(json!({ "items": "input.n", "condition": "item + 1" }), json!({ "n": [1] }));
        assert_eq!(
            (mistake.code, mistake.details.as_ref().unwrap()["index"].as_i64()),
            (FailureCode::ItemFailed, Some(0))
        );
        let many: Vec<i64> = (0..10_001).collect();
        let too_many = failure(json!({ "items": "input.n", "condition": "true" }), json!({ "n": many }));
        assert_eq!(too_many.code, FailureCode::LimitExceeded);
        let long = "item.filter(x, x > 1).size() > 0".to_owned();
        let rows = vec![(0..200).collect::<Vec<i64>>(); 5_000];
        let spent = failure(json!({ "items": "input.n", "condition": long }), json!({ "n": rows }));
        assert_eq!(spent.code, FailureCode::ExpressionFailed);
    }

    #[test]
    fn wants_a_condition() {
        assert_eq!(paths(&problems_of("filter", json!({}))), ["/nodes/1/data/condition"]);
        assert_eq!(paths(&problems_of("filter", json!({ "condition": "1 +" }))), ["/nodes/1/data/condition"]);
    }
}
