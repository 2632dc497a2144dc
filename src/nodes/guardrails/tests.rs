//! Each rule on texts that fit it and texts that nearly do, and what the output tells.

use proptest::prelude::*;

use super::*;
use crate::nodes::testing::{Bench, any_json, paths, problems_of};

fn run(data: Value, input: &Value) -> (Value, String) {
    match Bench::new("guardrails", data).with("input", input.clone()).run().0 {
        Outcome::Complete(done) => (Value::clone(&done.output), done.port.unwrap()),
        other => panic!("not complete: {other:?}"),
    }
}

fn redacted(kinds: &[&str], text: &str) -> String {
    let data = json!({ "value": "{{ input }}", "personalData": kinds, "action": "redact" });
    let (output, port) = run(data, &json!(text));
    assert_eq!(port, PASS);
    output["value"].as_str().unwrap().to_owned()
}

#[test]
fn finds_personal_data_and_not_what_only_looks_like_it() {
    let all = &PersonalData::NAMES;
    for (text, expected) in [
        ("write to ann.o'hara+x@mail.example.org, please", "write to ann.o'[email], please"),
        ("Ännchen@büro.example", "[email]"),
        ("call +49 (30) 901820-00 or 0049 30 90182000", "call [phone] or [phone]"),
        ("Tel. 030 901820 / (030) 9018-2000", "Tel. [phone] / [phone]"),
        ("card 4111 1111 1111 1111, not 4111 1111 1111 1112", "card [credit_card], not 4111 1111 1111 1112"),
        ("DE89 3704 0044 0532 0130 00 and DE88370400440532013000", "[iban] and DE88370400440532013000"),
        (
            "from 10.20.30.40 and 2001:db8::1, not 300.1.1.1 or 12:30:59",
            "from [ip_address] and [ip_address], not 300.1.1.1 or 12:30:59",
        ),
        ("ssn 123-45-6789, not 900-45-6789", "ssn [us_ssn], not 900-45-6789"),
        (
            "order 2026-11-22 of 01-02-2026, 12345 pieces at 3.50",
            "order 2026-11-22 of 01-02-2026, 12345 pieces at 3.50",
        ),
    ] {
        assert_eq!(redacted(all, text), expected);
    }
    assert_eq!(redacted(&["iban"], "ann@example.org"), "ann@example.org", "only what is asked for");
}

#[test]
fn words_are_whole_and_in_any_case() {
    let data = json!({ "value": "{{ input }}", "denyWords": ["secret", "c++", "top secret"], "action": "redact" });
    let (output, _) = run(data, &json!("Secret secretary, SECRET secret; C++! top secret"));
    assert_eq!(output["value"], "[removed] secretary, [removed] [removed]; [removed]! [removed]");
    assert_eq!(output["findings"], json!([{ "rule": "denyWords", "count": 5, "paths": [""] }]));
}

#[test]
fn all_of_a_value_is_looked_at_and_nothing_is_quoted() {
    let input =
        json!({ "a": ["x@y.example", 4_111_111_111_111_111_u64, null], "b@c.example": { "d/e": "none" }, "ok": true });
    let data =
        |action: &str| json!({ "value": "{{ input }}", "personalData": ["email", "credit_card"], "action": action });
    let (blocked, port) = run(data("block"), &input);
    assert_eq!((port.as_str(), &blocked["passed"], blocked.get("value")), (BLOCK, &json!(false), None));
    assert_eq!(blocked["findings"][0], json!({ "rule": "email", "count": 2, "paths": ["/a/0", "/<name 1>"] }));
    assert!(!blocked.to_string().contains("example") && !blocked.to_string().contains("4111"), "{blocked}");
    let (redacted, port) = run(data("redact"), &input);
    let expected = json!({ "a": ["[email]", "[credit_card]", null], "[email]": { "d/e": "none" }, "ok": true });
    assert_eq!((port.as_str(), &redacted["value"]), (PASS, &expected));
    let (warned, port) = run(data("warn"), &input);
    assert_eq!((port.as_str(), &warned["value"], &warned["passed"]), (PASS, &input, &json!(false)));
    let (clean, port) = run(data("block"), &json!({ "a": 1 }));
    assert_eq!((port.as_str(), clean), (PASS, json!({ "passed": true, "findings": [], "value": { "a": 1 } })));
}

#[test]
fn length_and_shape_block_also_where_the_rest_is_redacted() {
    let data = json!({ "value": "{{ input }}", "maxLength": 3, "action": "redact" });
    assert_eq!(run(data.clone(), &json!(["ää", "ä"])).1, PASS);
    assert_eq!(run(data, &json!(["ää", "äö"])).1, BLOCK);
    let shape = |action: &str| json!({ "value": "{{ input }}", "schema": { "type": "object", "required": ["id"] }, "action": action });
    assert_eq!(run(shape("redact"), &json!({ "id": 1 })).1, PASS);
    let (output, port) = run(shape("redact"), &json!({}));
    assert_eq!((port.as_str(), &output["findings"][0]["rule"]), (BLOCK, &json!("schema")));
    assert_eq!(run(shape("warn"), &json!({})).1, PASS);
}

#[test]
fn what_is_wrong_is_named() {
    for (data, path) in [
        (json!({}), "/nodes/1/data"),
        (json!({ "personalData": ["soul"] }), "/nodes/1/data/personalData/0"),
        (json!({ "denyPatterns": ["ok", "(a"] }), "/nodes/1/data/denyPatterns/1"),
        (json!({ "denyPatterns": ["(?=x)y"] }), "/nodes/1/data/denyPatterns/0"),
        (json!({ "denyPatterns": ["(?:a{1000}){1000}"] }), "/nodes/1/data/denyPatterns/0"),
        (json!({ "maxLength": 0 }), "/nodes/1/data/maxLength"),
        (json!({ "maxLength": 1, "schema": { "type": "thing" } }), "/nodes/1/data/schema/type"),
    ] {
        assert_eq!(paths(&problems_of("guardrails", data.clone())), [path], "{data}");
    }
    let large = "x".repeat(MAX_BYTES + 1);
    let bench = Bench::new("guardrails", json!({ "denyWords": ["y"] })).with_last_output(json!(large));
    assert_eq!(bench.run().failure().code, FailureCode::LimitExceeded);
}

proptest! {
    // Compiling the patterns takes most of the time.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_redacted_is_not_found_again(value in any_json(), text in "[a-c@. +0-9-]{0,60}") {
        let data = json!({ "value": "{{ input }}", "personalData": PersonalData::NAMES, "denyPatterns": ["b*"], "action": "redact" });
        let (first, _) = run(data.clone(), &json!([value, text]));
        let (second, _) = run(data, &first["value"]);
        // `[removed]` has no letter that the pattern finds.
        prop_assert_eq!(&second["value"], &first["value"]);
    }
}
