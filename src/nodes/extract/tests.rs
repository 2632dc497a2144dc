//! Pages, JSON and text as they come, and as nobody should send them.

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    domain::failure::FailureCode,
    nodes::{
        Outcome,
        testing::{Bench, effect_context, paths, problems_of},
    },
    outbound::{Client, Policy},
};

const PAGE: &str = r#"<!doctype html><title>Shop</title><main>
<ul class=results>
  <li data-id="1"><h2> Pump <b>A</b></h2><a href="/a">more</a><span class=price>EUR 10.50</span><i class=tag>new</i><i class=tag>hot</i>
  <li data-id="2"><h2>Valve</h2><span class=price>on request</span>
</ul></main>"#;

async fn outcome(data: Value, source: Value) -> Outcome {
    let (reports, _told) = mpsc::channel(8);
    let context = effect_context(Client::new(Policy::default()).unwrap(), reports);
    Bench::new("extract", data).with_last_output(source).effect().run(context).await
}

async fn output(data: Value, source: impl Into<Value>) -> Value {
    match outcome(data, source.into()).await {
        Outcome::Complete(done) => Value::clone(&done.output),
        other => panic!("{other:?}"),
    }
}

async fn failure(data: Value, source: impl Into<Value>) -> (FailureCode, String) {
    match outcome(data, source.into()).await {
        Outcome::Fail(failure) => (failure.code, failure.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn fields_of_a_page_and_of_its_items() {
    let data = json!({
        "items": { "selector": "ul.results > li" },
        "fields": {
            "id": { "attribute": "data-id" },
            "title": { "selector": "h2", "required": true },
            "inner": { "selector": "h2", "html": true, "trim": false },
            "link": { "selector": "a", "attribute": "href" },
            "price": { "selector": ".price", "pattern": "([0-9]+)[.](?P<cents>[0-9]{2})", "default": "?" },
            "tags": { "selector": ".tag", "all": true },
        },
    });
    let expected = json!([
        { "id": "1", "title": "Pump A", "inner": " Pump <b>A</b>", "link": "/a", "price": "10", "tags": ["new", "hot"] },
        { "id": "2", "title": "Valve", "inner": "Valve", "link": null, "price": "?", "tags": [] },
    ]);
    assert_eq!(output(data, PAGE).await, expected);
    let one = json!({ "fields": { "title": { "selector": "title" }, "ids": { "selector": "li", "attribute": "data-id", "all": true } } });
    assert_eq!(output(one, PAGE).await, json!({ "title": "Shop", "ids": ["1", "2"] }));
}

#[tokio::test]
async fn fields_of_json_and_text() {
    let orders = json!({ "orders": [{ "id": 7, "a/b": [1, 2], "who": { "mail": "ann@example.org" } }, { "id": 8 }] });
    let data = json!({
        "items": { "path": "orders" },
        "fields": {
            "id": { "path": "id" },
            "list": { "path": "/a~1b", "all": true },
            "second": { "path": "/a~1b/1" },
            "host": { "path": "who.mail", "pattern": "@(.+)$" },
        },
    });
    let expected = json!([
        { "id": 7, "list": [1, 2], "second": 2, "host": "example.org" },
        { "id": 8, "list": [], "second": null, "host": null },
    ]);
    assert_eq!(output(data.clone(), orders.clone()).await, expected);
    assert_eq!(output(data, orders.to_string()).await, expected);
    let text = json!({ "items": { "pattern": "(?m)^(.*)$" }, "fields": { "n": { "pattern": "[0-9]+" }, "line": {} } });
    assert_eq!(output(text, "a 1\nb").await, json!([{ "n": "1", "line": "a 1" }, { "n": null, "line": "b" }]));
    let ids = json!({ "fields": { "ids": { "pattern": "#([0-9]+)", "all": true } } });
    assert_eq!(output(ids, "fixes #1, #22").await, json!({ "ids": ["1", "22"] }));
}

#[tokio::test]
async fn what_fails_is_named() {
    let required = json!({ "fields": { "sku": { "selector": ".sku", "required": true } } });
    let (code, message) = failure(required, PAGE).await;
    assert!(code == FailureCode::InvalidValue && message.contains("`sku`"), "{message}");
    let within = json!({ "items": { "selector": "li" }, "fields": { "href": { "selector": "a", "attribute": "href", "required": true } } });
    let (_, message) = failure(within, PAGE).await;
    assert!(message.contains("`href` of item 1"), "{message}");
    let selector = json!({ "fields": { "a": { "selector": "a" } } });
    assert!(failure(selector.clone(), json!({ "a": 1 })).await.1.contains("HTML is a text"));
    assert!(failure(selector, json!(null)).await.1.contains("null"));
    let path = json!({ "fields": { "a": { "path": "a" } } });
    assert!(failure(path.clone(), "{").await.1.contains("not JSON"));
    assert_eq!(failure(path, "x".repeat(2_100_000)).await.0, FailureCode::LimitExceeded);
}

#[tokio::test]
async fn hostile_pages_end_in_bounded_time() {
    let fields = |selector: &str| json!({ "fields": { "x": { "selector": selector, "all": true } } });
    // Deep, but not too deep: it can be read, and is let go of without a deep recursion.
    let deep = "<div>".repeat(2_000);
    assert_eq!(output(fields("title"), deep.clone()).await, json!({ "x": [] }));
    let markup = json!({ "fields": { "x": { "selector": "body", "html": true } } });
    assert_eq!(output(markup, deep).await["x"].as_str().unwrap().len(), 2_000 * "<div></div>".len());
    let unclosed =
        |sign: &str| (0..1_000).map(|i| ["<p><b x=", sign, &i.to_string(), ">y</p>"].concat()).collect::<String>();
    for (page, word) in [
        ("<div>".repeat(100_000), "tags"),
        ("<div>".repeat(10_000), "in each other"),
        // Each paragraph would get all that came before.
        ([unclosed(""), "<p>y</p>".repeat(20_000)].concat(), "formatting"),
        ([unclosed("'>'"), "<p>y</p>".repeat(20_000)].concat(), "formatting"),
        (["<a ", &"x ".repeat(500_000), ">"].concat(), "attributes"),
        (["<a ", &"x='<b>'".repeat(15_000), ">"].concat(), "attributes"),
    ] {
        let (code, message) = failure(fields("div"), page).await;
        assert!(code == FailureCode::LimitExceeded && message.contains(word), "{message}");
    }
    // Scripts are full of signs that look like tags, and are none.
    let script = ["<title>T</title><script>", &"for(i=0;i<b.length;i++)x<s;".repeat(5_000), "</script>"].concat();
    assert_eq!(output(fields("title"), script).await, json!({ "x": ["T"] }));
    // All elements with all their text are the square of the page.
    let nested = ["<div>".repeat(1_900), "x".repeat(10_000)].concat();
    assert!(failure(fields("div"), nested).await.1.contains("bytes were found"));
}

#[test]
fn mistakes_are_found_when_the_workflow_is_saved() {
    let field = |field: Value| json!({ "fields": { "a": field } });
    for (data, path) in [
        (json!({}), "/nodes/1/data/fields"),
        (json!({ "fields": {} }), "/nodes/1/data/fields"),
        (field(json!({})), "/nodes/1/data/fields/a"),
        (field(json!({ "selector": "li[" })), "/nodes/1/data/fields/a/selector"),
        (field(json!({ "pattern": "(" })), "/nodes/1/data/fields/a/pattern"),
        (field(json!({ "path": "a..b" })), "/nodes/1/data/fields/a/path"),
        (field(json!({ "path": "a[x]" })), "/nodes/1/data/fields/a/path"),
        (field(json!({ "selector": "a", "path": "b" })), "/nodes/1/data/fields/a/path"),
        (field(json!({ "path": "b", "attribute": "c" })), "/nodes/1/data/fields/a/attribute"),
        (field(json!({ "selector": "a", "attribute": "c", "html": true })), "/nodes/1/data/fields/a/html"),
        (field(json!({ "selector": "a", "colour": "red" })), "/nodes/1/data/fields/a/colour"),
        (json!({ "format": "text", "fields": { "a": { "selector": "b" } } }), "/nodes/1/data/fields/a/selector"),
        (json!({ "items": {}, "fields": { "a": {} } }), "/nodes/1/data/items"),
        (json!({ "items": { "pattern": "x" }, "fields": { "a": { "path": "b" } } }), "/nodes/1/data/items/pattern"),
        (
            json!({ "url": "https://example.org", "source": "x", "fields": { "a": { "path": "b" } } }),
            "/nodes/1/data/url",
        ),
        (json!({ "url": "ftp://example.org", "fields": { "a": { "path": "b" } } }), "/nodes/1/data/url"),
    ] {
        assert_eq!(paths(&problems_of("extract", data.clone())), [path], "{data}");
    }
    for path in ["a", "a.b-c.0", "a[0][1].b", "[0].a", "$.a", "/a/b", "/"] {
        assert_eq!(problems_of("extract", field(json!({ "path": path }))), [], "{path}");
    }
}
