//! Documents: kept whole, listed by key, found by words; writers of a collection take turns; nothing is left of what is gone.

use futures_util::future::join_all;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use sluicegate::{
    clock::Instant,
    domain::{
        document::{Collection, Document, MAX_BYTES, MAX_DOCUMENTS, Match, Search},
        ids::WorkspaceId,
    },
    store::{
        StoreError,
        catalogue::Change,
        documents::{Append, COLLECTION_FULL, NOT_A_LIST, TOO_LONG},
    },
};

use super::fixture::{Fixture, START, ada, new_home};

fn document(of: (&str, &str), value: Value, text: &str) -> Document {
    Document::new(of, value, Some(text.to_owned()), START, None).unwrap()
}

async fn put(fixture: &Fixture, of: (&str, &str), text: &str) -> Document {
    let document = document(of, json!({"of": of.1}), text);
    fixture.store.put_document(fixture.home.workspace, &document).await.unwrap().0
}

async fn keys(fixture: &Fixture, collection: &str, search: &Search) -> Vec<String> {
    let found = fixture.store.search_documents(fixture.home.workspace, collection, search, START, 50).await.unwrap();
    assert!(found.iter().zip(found.iter().skip(1)).all(|(a, b)| a.score >= b.score), "best first");
    assert!(found.first().is_none_or(|best| (best.score - 1.0).abs() < 1e-9), "the best score is 1");
    found.into_iter().map(|found| found.document.key).collect()
}

async fn counts(fixture: &Fixture, workspace: WorkspaceId) -> Vec<(String, i64)> {
    let collections = fixture.store.collections(workspace, 50, None).await.unwrap().items;
    collections.into_iter().map(|Collection { name, documents }| (name, documents)).collect()
}

pub async fn documents_are_kept_replaced_and_deleted(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    let first = document(("a/b:c", "k@1+x"), json!({"n": 1.5, "nul": "a\u{0}b", "list": [null]}), "Grüße\0 €");
    assert_eq!(store.put_document(workspace, &first).await.unwrap(), (first.clone(), true));
    assert_eq!(first.text, "Grüße\u{fffd} €", "no database keeps a NUL in a text");
    assert_eq!(store.document(workspace, "a/b:c", "k@1+x", START).await.unwrap(), first);

    let later = START.plus_ms(7);
    let second = Document::new(("a/b:c", "k@1+x"), json!("new"), None, later, Some(later.plus_ms(10))).unwrap();
    let (written, is_new) = store.put_document(workspace, &second).await.unwrap();
    assert_eq!((written.clone(), is_new), (Document { created_at: START, ..second }, false));
    assert_eq!(store.document(workspace, "a/b:c", "k@1+x", later).await.unwrap(), written);
    assert_eq!(counts(&fixture, workspace).await, [("a/b:c".to_owned(), 1)]);

    for (workspace, key) in [(fixture.id(), "k@1+x"), (workspace, "k"), (workspace, "\0")] {
        let missing = store.document(workspace, "a/b:c", key, START).await;
        assert!(matches!(missing, Err(StoreError::NotFound("document"))), "{missing:?}");
    }
    let foreign: WorkspaceId = fixture.id();
    let nowhere = store.put_document(foreign, &written).await;
    assert!(matches!(nowhere, Err(StoreError::NotFound("workspace"))), "{nowhere:?}");

    assert!(!store.delete_document(workspace, "a/b:c", "other", START).await.unwrap());
    assert!(store.delete_document(workspace, "a/b:c", "k@1+x", START).await.unwrap());
    assert!(!store.delete_document(workspace, "a/b:c", "k@1+x", START).await.unwrap());
    assert_eq!(fixture.rows_of(&["documents", "collections"]).await, 0, "a collection goes with its last document");
}

pub async fn documents_are_listed_by_key(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    for key in ["b", "a/2", "a/1", "a", "a~", "Z", "a-"] {
        put(&fixture, ("c", key), "").await;
    }
    put(&fixture, ("other", "a/3"), "").await;
    let list = async |prefix: &str, limit: i64, cursor: Option<&str>| {
        let page = store.documents(workspace, "c", prefix, START, limit, cursor).await.unwrap();
        (page.items.into_iter().map(|document| document.key).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(list("", 50, None).await, (["Z", "a", "a-", "a/1", "a/2", "a~", "b"].map(str::to_owned).to_vec(), None));
    assert_eq!(list("a", 2, None).await, (["a", "a-"].map(str::to_owned).to_vec(), Some("a-".to_owned())));
    assert_eq!(list("a", 9, Some("a-")).await.0, ["a/1", "a/2", "a~"]);
    assert_eq!(list("a/", 9, None).await.0, ["a/1", "a/2"]);
    assert_eq!(list("none\0'%_", 9, None).await.0, Vec::<String>::new());
    let foreign = store.documents(workspace, "c", "", START, 9, Some("no key")).await;
    assert!(matches!(foreign, Err(StoreError::ForeignCursor)), "{foreign:?}");
    let first = store.collections(workspace, 1, None).await.unwrap();
    assert_eq!((first.items[0].documents, first.next.as_deref()), (7, Some("c")));
    assert_eq!(store.collections(workspace, 1, Some("c")).await.unwrap().items[0].name, "other");

    // A page ends where it has enough bytes.
    for n in 0..20 {
        put(&fixture, ("large", &format!("k{n:02}")), &"x ".repeat(MAX_BYTES / 2)).await;
    }
    let page = store.documents(workspace, "large", "", START, 50, None).await.unwrap();
    assert!((10..20).contains(&page.items.len()), "{}", page.items.len());
    let rest = store.documents(workspace, "large", "", START, 50, page.next.as_deref()).await.unwrap();
    assert_eq!(page.items.len() + rest.items.len(), 20);
}

pub async fn words_find_documents(fixture: Fixture) {
    let all = |text: &str| Search::new(text, Match::All);
    let any = |text: &str| Search::new(text, Match::Any);
    put(&fixture, ("c", "pump"), "The pump. A pump, two PUMPS and a half-open valve!").await;
    put(&fixture, ("c", "valve"), "Valve of size 3/4, see http://example.org/valves?id=7 or ask ann@example.org").await;
    put(&fixture, ("c", "german"), "Größe und Straße, naïve façade, 日本語 テキスト").await;
    put(&fixture, ("d", "pump"), "another pump").await;
    assert_eq!(keys(&fixture, "c", &all("pump")).await, ["pump"]);
    assert_eq!(keys(&fixture, "c", &all("VALVE, open")).await, ["pump"]);
    assert_eq!(keys(&fixture, "c", &all("example ANN")).await, ["valve"], "parts of an address are words");
    assert_eq!(keys(&fixture, "c", &all("pump example")).await, Vec::<String>::new());
    let mut both = keys(&fixture, "c", &any("half valve example")).await;
    both.sort();
    assert_eq!(both, ["pump", "valve"]);
    for word in ["größe", "STRASSE straße", "façade", "日本語"] {
        assert_eq!(keys(&fixture, "c", &any(word)).await, ["german"], "{word}");
    }
    assert_eq!(keys(&fixture, "c", &any("facade")).await, Vec::<String>::new(), "letters are what they are");
    assert_eq!(keys(&fixture, "c", &all("exam")).await, Vec::<String>::new());
    assert_eq!(keys(&fixture, "c", &all("valve exam").with_prefix()).await, ["valve"]);
    assert_eq!(keys(&fixture, "c", &all("½")).await, Vec::<String>::new());
    assert_eq!(keys(&fixture, "c", &all(" -- ")).await, Vec::<String>::new());
    assert_eq!(keys(&fixture, "none", &all("pump")).await, Vec::<String>::new());

    // What is written anew is found by its new words alone.
    put(&fixture, ("c", "pump"), "gone").await;
    assert_eq!(keys(&fixture, "c", &all("pump")).await, Vec::<String>::new());
    assert_eq!(keys(&fixture, "c", &all("gone")).await, ["pump"]);
    let found = fixture.store.search_documents(fixture.home.workspace, "c", &any("ann"), START, 5).await.unwrap();
    assert!(found[0].snippet.contains("ask ann@example.org"), "{}", found[0].snippet);
}

pub async fn searches_see_their_own_workspace_and_collection(fixture: Fixture) {
    let other = new_home(&*fixture.store, &fixture.clock, "other").await;
    put(&fixture, ("c", "mine"), "secret word").await;
    let theirs = document(("c", "theirs"), json!(1), "secret word");
    fixture.store.put_document(other.workspace, &theirs).await.unwrap();
    let search = Search::new("secret", Match::Any).with_prefix();
    assert_eq!(keys(&fixture, "c", &search).await, ["mine"]);
    let found = fixture.store.search_documents(other.workspace, "c", &search, START, 9).await.unwrap();
    assert_eq!(found.len(), 1);
    // The word that stands for the place is no word of the text.
    let place = sluicegate::domain::document::place(other.workspace, "c");
    assert_eq!(keys(&fixture, "c", &Search::new(&place, Match::Any)).await, Vec::<String>::new());
    assert_eq!(counts(&fixture, other.workspace).await, [("c".to_owned(), 1)]);

    fixture.store.change(Change::DeleteWorkspace(other.workspace), &ada(), None).await.unwrap();
    assert_eq!(fixture.rows_of(&["documents", "collections"]).await, 2, "mine are left");
    if !fixture.is_postgres() {
        // The index refuses this if it is not what the table says.
        fixture.number("SELECT count(*) FROM documents_search WHERE documents_search MATCH 'secret'").await;
        assert_eq!(fixture.number("SELECT count(*) FROM documents_search_docsize").await, 1);
    }
}

pub async fn any_text_can_be_looked_for(fixture: Fixture) {
    put(&fixture, ("c", "k"), "some text").await;
    for text in [
        "'",
        "\"",
        "\\",
        "*",
        "a*",
        "^a",
        "a:b",
        "AND",
        "OR NOT",
        "NEAR(a b)",
        "a & | ! <-> b",
        "''''",
        "(",
        "{place}:x",
        "-a",
        "%_",
        "a\0b",
        "\u{301}",
        "ि",
        "½",
        "ǅ",
        "İ",
        "🦀",
        "\u{feff}",
        "$1",
    ] {
        for matches in [Match::All, Match::Any] {
            keys(&fixture, "c", &Search::new(text, matches)).await;
            keys(&fixture, "c", &Search::new(text, matches).with_prefix()).await;
        }
    }
    // Drawn one by one: the runner knows no async.
    let mut runner = TestRunner::new(Config::default());
    let strategy = ("\\PC{0,30}", any::<String>());
    for _ in 0..150 {
        let (printable, wild) = strategy.new_tree(&mut runner).unwrap().current();
        for text in [printable, wild] {
            put(&fixture, ("c", "k"), &text).await;
            let search = Search::new(&text, Match::All);
            let found = keys(&fixture, "c", &search).await;
            let is_plain = !search.words().is_empty() && search.words().iter().all(|word| word.is_ascii());
            assert!(!is_plain || found == ["k"], "{text:?} does not find itself: {search:?}");
            keys(&fixture, "c", &Search::new(&text, Match::Any).with_prefix()).await;
        }
    }
}

pub async fn large_texts_are_indexed(fixture: Fixture) {
    // The most different words that a text can have, and one word as long as it may be.
    let words = (0..80_000_u32).map(|n| format!("{n:x}")).collect::<Vec<_>>().join(" ");
    let words = &words[..MAX_BYTES];
    put(&fixture, ("c", "many"), words).await;
    put(&fixture, ("c", "long"), &"x".repeat(MAX_BYTES)).await;
    assert_eq!(keys(&fixture, "c", &Search::new("a1b2", Match::All)).await, ["many"]);
    assert_eq!(keys(&fixture, "c", &Search::new(&"x".repeat(300), Match::All)).await, ["long"]);
}

fn append(key: &str, item: Value, mark: &str) -> Append {
    let (collection, key, mark) = ("memory:x".to_owned(), key.to_owned(), mark.to_owned());
    Append { collection, key, item, mark, keep: None, now: START, expires_at: None }
}

pub async fn appends_take_turns_and_are_made_once(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    let list = store.append_to_document(workspace, &append("l", json!("first"), "m-first")).await.unwrap();
    assert_eq!((list.value, list.text.as_str()), (json!(["first"]), "first"));
    // Each one twice, all at the same time.
    let one = async |n: usize| {
        store.append_to_document(workspace, &append("l", json!(n % 10), &format!("m{}", n % 10))).await
    };
    for made in join_all((0..20).map(one)).await {
        made.unwrap();
    }
    let list = store.document(workspace, "memory:x", "l", START).await.unwrap();
    let mut items: Vec<i64> = list.value.as_array().unwrap().iter().filter_map(Value::as_i64).collect();
    items.sort_unstable();
    assert_eq!(items, (0..10).collect::<Vec<_>>());

    let kept = Append { keep: Some(2), expires_at: Some(START.plus_ms(50)), ..append("l", json!("last"), "m-last") };
    let list = store.append_to_document(workspace, &kept).await.unwrap();
    assert_eq!(list.value.as_array().unwrap().len(), 2);
    assert_eq!((list.value[1].as_str(), list.expires_at), (Some("last"), Some(START.plus_ms(50))));
    let again = store.append_to_document(workspace, &append("l", json!("first"), "m-first")).await.unwrap();
    assert_eq!(again.value, list.value, "it is known although its item is gone");
    // A list that has expired begins anew, and forgets what it has taken.
    let late = Append { now: START.plus_ms(50), ..append("l", json!("anew"), "m-first") };
    assert_eq!(store.append_to_document(workspace, &late).await.unwrap().value, json!(["anew"]));

    put(&fixture, ("memory:x", "text"), "").await;
    let refused = store.append_to_document(workspace, &append("text", json!(1), "m")).await;
    assert!(matches!(refused, Err(StoreError::Refused(NOT_A_LIST))), "{refused:?}");
    let long = "x".repeat(MAX_BYTES / 2);
    store.append_to_document(workspace, &append("long", json!(long), "1")).await.unwrap();
    let refused = store.append_to_document(workspace, &append("long", json!(long), "2")).await;
    assert!(matches!(refused, Err(StoreError::Refused(TOO_LONG))), "{refused:?}");
}

pub async fn what_has_expired_is_not_there_and_is_removed(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    let until = |key: &str, at: Option<Instant>| Document { expires_at: at, ..document(("c", key), json!(1), "word") };
    for (key, at) in [("a", Some(5)), ("b", Some(10)), ("c", None), ("d", Some(5))] {
        store.put_document(workspace, &until(key, at.map(|ms| START.plus_ms(ms)))).await.unwrap();
    }
    let alone = Document { expires_at: Some(START.plus_ms(1)), ..document(("alone", "x"), json!(1), "") };
    store.put_document(workspace, &alone).await.unwrap();
    let at = START.plus_ms(5);
    let listed = store.documents(workspace, "c", "", at, 9, None).await.unwrap().items;
    assert_eq!(listed.iter().map(|document| &*document.key).collect::<Vec<_>>(), ["b", "c"]);
    let found = store.search_documents(workspace, "c", &Search::new("word", Match::All), at, 9).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(matches!(store.document(workspace, "c", "a", at).await, Err(StoreError::NotFound(_))));
    assert!(!store.delete_document(workspace, "c", "d", at).await.unwrap(), "it was gone");
    // Written again it is new, and counted once.
    let (again, is_new) =
        store.put_document(workspace, &Document { updated_at: at, created_at: at, ..until("a", None) }).await.unwrap();
    assert!(is_new && again.created_at == at);
    assert_eq!(counts(&fixture, workspace).await, [("alone".to_owned(), 1), ("c".to_owned(), 3)]);
    assert_eq!(store.forget_documents(START.plus_ms(10), 1).await.unwrap(), 1, "no more than asked for");
    assert_eq!(store.forget_documents(START.plus_ms(10), 100).await.unwrap(), 1);
    assert_eq!(store.forget_documents(START.plus_ms(10), 100).await.unwrap(), 0);
    assert_eq!(counts(&fixture, workspace).await, [("c".to_owned(), 2)]);
}

pub async fn collections_are_bounded_and_deleted_whole(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    join_all((0..20).map(|n| {
        let key = format!("k{n}");
        let fixture = &fixture;
        async move { put(fixture, ("c", &key), "word").await }
    }))
    .await;
    assert_eq!(counts(&fixture, workspace).await, [("c".to_owned(), 20)], "none is lost");
    let fill = format!("UPDATE collections SET documents = {MAX_DOCUMENTS} WHERE name = 'c' RETURNING documents");
    assert_eq!(fixture.number(&fill).await, MAX_DOCUMENTS);
    let full = store.put_document(workspace, &document(("c", "one-more"), json!(1), "")).await;
    assert!(matches!(full, Err(StoreError::Refused(COLLECTION_FULL))), "{full:?}");
    let full = Append { collection: "c".to_owned(), ..append("list", json!(1), "m") };
    let full = store.append_to_document(workspace, &full).await;
    assert!(matches!(full, Err(StoreError::Refused(COLLECTION_FULL))), "{full:?}");
    put(&fixture, ("c", "k1"), "a document that is there can be written").await;

    put(&fixture, ("d", "k"), "word").await;
    let delete = |workspace| Change::DeleteCollection(workspace, "c".to_owned());
    let foreign = store.change(delete(fixture.id()), &ada(), None).await;
    assert!(matches!(foreign, Err(StoreError::NotFound("workspace"))), "{foreign:?}");
    store.change(delete(workspace), &ada(), None).await.unwrap();
    let gone = store.change(delete(workspace), &ada(), None).await;
    assert!(matches!(gone, Err(StoreError::NotFound("collection"))), "{gone:?}");
    assert_eq!(counts(&fixture, workspace).await, [("d".to_owned(), 1)]);
    assert_eq!(keys(&fixture, "c", &Search::new("word", Match::Any)).await, Vec::<String>::new());
    let audit = store.audit(workspace, &sluicegate::store::AuditFilter::default(), 1, None).await.unwrap();
    assert_eq!((audit.items[0].action.as_str(), audit.items[0].subject.as_str()), ("collection.deleted", "c"));
}
