//! Templates: strings with expressions, and JSON documents of such strings.

use serde_json::{Value, json};

use super::super::limits::{RENDER_BYTES, VALUE_DEPTH};
use super::super::{EvaluateErrorKind, JsonTemplate, PathSegment, Template};
use super::context;

fn render(source: &str) -> Value {
    Template::compile(source).unwrap_or_else(|error| panic!("{source}: {error}")).render(&context()).unwrap()
}

#[test]
fn a_lone_expression_keeps_its_type_and_parts_are_joined_as_text() {
    for (source, expected) in [
        ("plain text", json!("plain text")),
        ("", json!("")),
        ("{ not } an { expression }", json!("{ not } an { expression }")),
        ("}} closes nothing", json!("}} closes nothing")),
        ("{{input.total}}", json!(250)),
        ("{{ input.items[0] }}", json!({"name": "pen", "price": 2, "qty": 10})),
        ("{{ input.missing }}", json!(null)),
        (" {{input.total}}", json!(" 250")),
        ("Total: {{input.total}}, {{ input.vip }}!", json!("Total: 250, true!")),
        ("{{input.name}}{{input.tax}}", json!("Ada50")),
        ("<{{input.missing}}|{{input.note}}|{{nope.a.b}}>", json!("<||>")),
        (
            "tags={{input.tags}} address={{input.items.1}}",
            json!("tags=[\"new\",\"eu\"] address={\"name\":\"ink\",\"price\":7.5,\"qty\":1}"),
        ),
        ("{{input.rate * 4}} EUR", json!("2 EUR")),
        ("{{nodeResults.my-node.output.items.0.name}}", json!("first")),
        ("{{ nodeResults.my-node.output.items[1].name }}!", json!("second!")),
        ("{{nodeResults.9-x.output}}!", json!("!")),
        ("{{input.total-input.tax}}", json!(200)),
        ("{{ {'a': {'b': input.tax}} }}", json!({"a": {"b": 50}})),
        ("{{{'a':{'b':1}}}}", json!({"a": {"b": 1}})),
        ("{{ '}}' }}", json!("}}")),
        ("{{ \"{{\" }}x{{ \"}}\" }}", json!("{{x}}")),
        ("ä{{ 'ö' }}ü", json!("äöü")),
        ("{{ input.items.map(i, i.name).join(', ') }}", json!("pen, ink, desk")),
        ("{{\n  input.vip // comment\n ? 'a' : 'b'\n}}", json!("a")),
    ] {
        assert_eq!(render(source), expected, "{source}");
    }
}

#[test]
fn text_is_text_whatever_the_type() {
    for (source, expected) in
        [("{{input.total}}", "250"), ("{{input.missing}}", ""), ("{{input.tags}}", "[\"new\",\"eu\"]"), ("a", "a")]
    {
        assert_eq!(Template::compile(source).unwrap().render_text(&context()).unwrap(), expected);
    }
}

#[test]
fn literals_are_known() {
    assert!(Template::compile("a }} b").unwrap().is_literal());
    assert!(!Template::compile("a {{b}}").unwrap().is_literal());
    assert!(JsonTemplate::compile(&json!({"a": ["b", 1]})).unwrap().is_literal());
    assert!(!JsonTemplate::compile(&json!({"a": ["{{b}}", 1]})).unwrap().is_literal());
}

#[test]
fn errors_name_the_place_in_the_template() {
    for (source, position, part) in [
        ("a {{", 2, "without a closing"),
        ("a {{ b", 2, "without a closing"),
        ("{{ a } }}", 0, "without a closing"),
        ("{{ // }}", 0, "without a closing"),
        ("a {{ }}", 4, "empty"),
        ("ab {{ 1 + }}", 10, "expected a value, found the end"),
        ("{{ a }} {{ nope(1) }}", 11, "unknown function"),
        ("{{ 'a }}", 3, "no end"),
    ] {
        let error = Template::compile(source).unwrap_err();
        assert!(error.message.contains(part), "{source}: {error}");
        assert_eq!(error.position, position, "{source}: {error}");
    }
    let error = Template::compile("ab {{ 1 / 0 }}").unwrap().render(&context()).unwrap_err();
    assert_eq!(error.position, Some(8));
}

#[test]
fn a_json_template_renders_strings_at_any_depth() {
    let template = JsonTemplate::compile(&json!({
        "url": "https://example.com/{{input.country}}/{{input.total}}",
        "body": {"items": "{{input.tags}}", "n": 1, "list": ["{{input.vip}}", "x", {"deep": "{{input.missing}}"}]},
        "{{input.name}}": true,
        "literal": {"a": [null, 1.5, "text"]}
    }))
    .unwrap();
    assert_eq!(
        template.render(&context()).unwrap(),
        json!({
            "url": "https://example.com/DE/250",
            "body": {"items": ["new", "eu"], "n": 1, "list": [true, "x", {"deep": null}]},
            "{{input.name}}": true,
            "literal": {"a": [null, 1.5, "text"]}
        })
    );
    assert_eq!(JsonTemplate::compile(&json!(7)).unwrap().render(&context()).unwrap(), json!(7));
    assert_eq!(
        JsonTemplate::compile(&json!(["{{a.b}}", {"x": "{{secrets.key}}"}])).unwrap().paths(),
        vec![
            vec![PathSegment::Key("a"), PathSegment::Key("b")],
            vec![PathSegment::Key("secrets"), PathSegment::Key("key")]
        ]
    );
}

#[test]
fn a_json_template_names_the_string_that_is_wrong() {
    let error = JsonTemplate::compile(&json!({"a/b": [1, {"c~d": "x {{ 1 + }}"}]})).unwrap_err();
    assert_eq!((error.path.as_str(), error.position), ("/a~1b/1/c~0d", 9));
    assert_eq!(error.to_string(), "/a~1b/1/c~0d: expected a value, found the end (at byte 9)");
    let template = JsonTemplate::compile(&json!({"ok": "{{1}}", "bad": ["{{ 1 / 0 }}"]})).unwrap();
    let error = template.render(&context()).unwrap_err();
    assert_eq!((error.path.as_str(), error.kind), ("/bad/0", EvaluateErrorKind::Arithmetic));
    assert_eq!(error.to_string(), "/bad/0: division by zero (at byte 5)");
}

#[test]
fn all_strings_of_a_rendering_share_one_budget() {
    // Ten copies of 900 kB: each alone is fine.
    let scope = json!({"big": "x".repeat(900_000)});
    let one = JsonTemplate::compile(&json!(["{{ big }}", "{{ big + '!' }}", "{{ big }}!"])).unwrap();
    assert!(one.render(&scope).is_ok());
    for string in ["{{ big }}", "{{ big + '!' }}", "{{ big }}!"] {
        let ten = JsonTemplate::compile(&json!(vec![string; 10])).unwrap();
        let error = ten.render(&scope).unwrap_err();
        assert_eq!(error.kind, EvaluateErrorKind::Limit, "{string}");
        assert!(error.message.contains(&RENDER_BYTES.to_string()), "{error}");
    }
    // Each takes most of the fuel of one evaluation.
    let work = "{{ range(30).all(a, range(30).all(b, range(20).all(c, c >= 0))) }}";
    assert!(Template::compile(work).unwrap().render(&scope).is_ok());
    let error = JsonTemplate::compile(&json!(vec![work; 20])).unwrap().render(&scope).unwrap_err();
    assert_eq!(error.kind, EvaluateErrorKind::Limit);
    assert!(error.path.starts_with('/'), "{error}");
}

#[test]
fn a_value_larger_than_working_memory_passes_through() {
    let list: Vec<_> = (0..60_000).collect();
    let scope = json!({"big": list});
    assert_eq!(Template::compile("{{big}}").unwrap().render(&scope).unwrap(), scope["big"]);
}

#[test]
fn a_value_may_not_nest_deeper_than_a_reader_can_follow() {
    let nest = |levels: usize| (0..levels).fold(json!("{{deep}}"), |inner, _| json!([inner]));
    let deep = |levels: usize| json!({"deep": (0..levels).fold(json!(1), |inner, _| json!([inner]))});
    let render = |levels, inner| JsonTemplate::compile(&nest(levels)).unwrap().render(&deep(inner));
    assert!(render(50, 50).is_ok());
    assert_eq!(render(50, 51).unwrap_err().kind, EvaluateErrorKind::Limit);
    assert!(Template::compile("{{ deep }}").unwrap().render(&deep(VALUE_DEPTH)).is_ok());
    assert_eq!(
        Template::compile("{{ deep }}").unwrap().render(&deep(VALUE_DEPTH + 1)).unwrap_err().kind,
        EvaluateErrorKind::Limit
    );
    assert!(JsonTemplate::compile(&nest(VALUE_DEPTH)).is_ok());
    assert!(JsonTemplate::compile(&nest(VALUE_DEPTH + 1)).unwrap_err().message.contains("deeper"));
}
