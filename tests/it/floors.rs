//! The house rules that a compiler does not know: floors use only what is below them, files stay readable, and every
//! file says what it is for.
//!
//! The check reads text, not syntax: comments and string literals are blanked out, then every `crate::` path and every
//! `use crate::{..}` group is expanded to the paths it names. Tests inside a file obey the same rules as the file.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The floors, lowest first. A module uses modules on lower floors, and itself.
const FLOORS: &[&[&str]] = &[
    &["domain", "expression", "filter", "condition"],
    &["store", "outbound", "artifacts", "client", "sandbox", "secrets", "traces"],
    &["nodes", "conformance", "runner"],
    &["engine"],
    &["triggers", "tasks", "notify"],
    &["http"],
    &["facade"],
];
/// Beside the floors: these may use everything.
const TOP: &[&str] = &["app", "cli", "lib", "main"];
/// Beside the floors: everything may use these, and they use only what is named.
const SHARED: &[(&str, &[&str])] = &[("clock", &[]), ("config", &["domain", "clock"])];
/// Modules below a floor that only their own floor and the listed modules may name.
const PRIVATE: &[(&str, &[&str])] = &[("store::sql", &["app", "cli"])];
/// The longest a file may be, in lines.
const LONGEST: usize = 500;
/// Files that may be longer, each with its limit and the reason.
const LONGER: &[(&str, usize, &str)] = &[];

/// Why the module `from` may not name `path` (the part after `crate::`), if so.
fn breach(from: &str, path: &str) -> Option<String> {
    let to = path.split("::").next().unwrap_or_default();
    if from == to || TOP.contains(&from) {
        return None;
    }
    if let Some((private, friends)) = PRIVATE.iter().find(|(private, _)| is_within(path, private)) {
        return (!friends.contains(&from)).then(|| format!("`{private}` may be named by {} alone", friends.join(", ")));
    }
    if let Some((_, uses)) = SHARED.iter().find(|(name, _)| *name == from) {
        return (!uses.contains(&to)).then(|| format!("`{from}` may not use `{to}`"));
    }
    if SHARED.iter().any(|(name, _)| *name == to) {
        return None;
    }
    let floor = |module: &str| FLOORS.iter().position(|floor| floor.contains(&module));
    match (floor(from), floor(to)) {
        (None, _) => Some(format!("`{from}` has no floor: give it one in tests/it/floors.rs")),
        (_, None) => Some(format!("`{from}` may not use `{to}`, which is not on a floor")),
        (Some(own), Some(used)) if used < own => None,
        (Some(own), Some(used)) => Some(format!("`{from}` (floor {own}) may not use `{to}` (floor {used})")),
    }
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path after `crate::` in `source`, with its line. Groups are expanded: `crate::{a::{b, c}, d}` is `a::b`,
/// `a::c` and `d`.
fn crate_paths(source: &str) -> Vec<(usize, String)> {
    let code = without_comments_and_strings(source);
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let mut found = Vec::new();
        expand(&code[at + "crate::".len()..], "", &mut found);
        paths.extend(found.into_iter().map(|path| (line, path)));
    }
    paths
}

/// Reads one use tree from the start of `text`, adds its paths and returns what follows it.
fn expand<'a>(text: &'a str, prefix: &str, paths: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            if rest.is_empty() {
                return rest;
            }
            let before = rest.len();
            rest = expand(rest, prefix, paths).trim_start();
            // What follows a tree in a group: a comma, or `as name`, which is skipped.
            let separator = rest.find([',', '}']).unwrap_or(rest.len());
            rest = rest[separator..].strip_prefix(',').unwrap_or(&rest[separator..]);
            assert!(rest.len() < before, "no progress in a use group");
        }
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '#')).unwrap_or(text.len());
    let name = text[..end].strip_prefix("r#").unwrap_or(&text[..end]);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    match text[end..].trim_start().strip_prefix("::") {
        // `crate::a::<T>` ends at the turbofish.
        Some(rest) if !rest.trim_start().starts_with('<') => expand(rest, &path, paths),
        _ => {
            paths.push(path);
            &text[end..]
        }
    }
}

/// The source with comments, strings and character literals replaced by spaces; lines stay where they are.
fn without_comments_and_strings(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_or_comment_end(&bytes, at);
        if end == at {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.extend(bytes[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where the comment or literal that starts at `at` ends, or `at` when none starts there.
fn literal_or_comment_end(text: &[char], at: usize) -> usize {
    let rest = &text[at..];
    let find = |from: usize, wanted: &[char]| {
        rest[from.min(rest.len())..]
            .windows(wanted.len())
            .position(|window| window == wanted)
            .map_or(text.len(), |found| at + from + found + wanted.len())
    };
    match rest {
        ['/', '/', ..] => find(2, &['\n']).saturating_sub(1).max(at + 2),
        ['/', '*', ..] => {
            let (mut depth, mut here) = (1, 2);
            while depth > 0 && here < rest.len() {
                match rest[here..] {
                    ['/', '*', ..] => (depth, here) = (depth + 1, here + 2),
                    ['*', '/', ..] => (depth, here) = (depth - 1, here + 2),
                    _ => here += 1,
                }
            }
            at + here
        }
        ['r', '"' | '#', ..]
            if at == 0 || !(text[at - 1].is_alphanumeric() || text[at - 1] == '_') || text[at - 1] == 'b' =>
        {
            let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
            if rest.get(1 + hashes) != Some(&'"') {
                return at; // a raw identifier
            }
            let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            find(2 + hashes, &close)
        }
        ['"', ..] => {
            let mut here = 1;
            while here < rest.len() && rest[here] != '"' {
                here += if rest[here] == '\\' { 2 } else { 1 };
            }
            (at + here + 1).min(text.len())
        }
        ['\'', '\\', ..] => find(3, &['\'']),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

/// Everything wrong with the floors of one file; `file` is relative to `src`.
fn breaches(file: &str, source: &str) -> BTreeSet<String> {
    let module = file.split(['/', '.']).next().unwrap_or_default();
    crate_paths(source)
        .into_iter()
        .filter_map(|(line, path)| Some(format!("src/{file}:{line}: {}", breach(module, &path)?)))
        .collect()
}

fn has_module_doc(source: &str) -> bool {
    source
        .lines()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.len() > "//! ".len() && line.starts_with("//! "))
}

/// What is wrong with a file's length; `longer` is the table of exceptions.
fn too_long(file: &str, lines: usize, longer: &[(&str, usize, &str)]) -> Option<String> {
    let exception = longer.iter().find(|(name, ..)| *name == file);
    let limit = exception.map_or(LONGEST, |(_, limit, _)| *limit);
    if lines > limit {
        return Some(format!("{file} has {lines} lines, the limit is {limit}: split it, or list it with a reason"));
    }
    exception.filter(|_| lines <= LONGEST).map(|_| format!("{file} is short enough now: drop its exception"))
}

/// Rust files below `folder` of the checkout, as (path relative to the checkout, text).
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn assert_none(wrongs: &[String]) {
    assert!(wrongs.is_empty(), "\n{}\n", wrongs.join("\n"));
}

#[test]
fn a_floor_uses_only_floors_below_it() {
    let files = rust_files("src");
    assert!(files.len() > 10, "the check has to see the sources");
    let wrongs: Vec<String> = files.iter().flat_map(|(name, text)| breaches(&name["src/".len()..], text)).collect();
    assert_none(&wrongs);
}

#[test]
fn no_file_is_too_long_to_read() {
    let wrongs: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter_map(|(name, text)| too_long(&name, text.lines().count(), LONGER))
        .collect();
    assert_none(&wrongs);
}

#[test]
fn every_file_says_what_it_is_for() {
    let wrongs: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter(|(_, text)| !has_module_doc(text))
        .map(|(name, _)| format!("{name} does not start with `//! ` and what lives there"))
        .collect();
    assert_none(&wrongs);
}

/// SQLite prepares a statement with `LIMIT $4` anew for every value that is bound (see `store::sql`).
#[test]
fn limits_in_sql_have_a_sign() {
    let bare = |source: &str| source.contains("LIMIT $") || source.contains("LIMIT ?");
    assert!(bare("ORDER BY seq LIMIT $4"));
    let wrongs: Vec<String> = rust_files("src/store/sql")
        .into_iter()
        .filter(|(_, source)| bare(source))
        .map(|(file, _)| format!("{file}: write `LIMIT +$n`"))
        .collect();
    assert_none(&wrongs);
}

#[test]
fn the_check_finds_breaches() {
    for (file, source, expected) in [
        ("domain/graph.rs", "use crate::store::Store;", "floor 0"),
        ("domain/mod.rs", "use crate::config::Config;\nuse crate::expression::Value;", "src/domain/mod.rs:2"),
        ("store/mod.rs", "use crate::{\n    domain::Event,\n    engine::{Engine, Handle},\n};", "`engine` (floor 3)"),
        ("secrets/keyring.rs", "use crate::store::Store;", "`store` (floor 1)"),
        ("store/sql/catalogue/sealed.rs", "use crate::secrets::Keyring;", "`secrets` (floor 1)"),
        ("nodes/http.rs", "fn f(error: crate::http::Error) {}", "`http` (floor 5)"),
        ("http/mod.rs", "pub(crate) use crate::facade as f;", "`facade` (floor 6)"),
        ("engine/mod.rs", "let a = 'x'; let b = \"// \"; crate::http::run();", "`http` (floor 5)"),
        ("engine/mod.rs", "use crate::store::{Store, sql::Sqlite};", "`store::sql` may be named by app, cli alone"),
        ("http/mod.rs", "use crate::{store::sql as database};", "`store::sql`"),
        ("clock.rs", "use crate::domain::Id;", "`clock` may not use `domain`"),
        ("config.rs", "use crate::store::Store;", "`config` may not use `store`"),
        ("engine/mod.rs", "use crate::app::App;", "`app`, which is not on a floor"),
        ("queue/mod.rs", "use crate::domain::Id;", "`queue` has no floor"),
        ("nodes/mod.rs", "let c = '\\''; crate::engine::x(); r#\"crate::domain\"#", "`engine` (floor 3)"),
    ] {
        let found = breaches(file, source);
        assert_eq!(found.len(), 1, "{file}: {source}: {found:?}");
        assert!(found.first().unwrap().contains(expected), "{file}: {source}: {found:?}");
    }
}

#[test]
fn the_check_lets_good_files_pass() {
    for (file, source) in [
        ("domain/graph.rs", "use crate::domain::Id;\nuse super::Node;\npub(crate) fn f() {}"),
        (
            "engine/mod.rs",
            "use crate::{clock::Clock, config::Config, domain::Event, nodes::{Registry, http as web}, store::Store};",
        ),
        (
            "engine/mod.rs",
            "//! See [`crate::http`].\n/* crate::http /* nested */ crate::http */ let a = \"crate::http\";",
        ),
        (
            "engine/mod.rs",
            "let a = r#\"use \"crate::http\";\"#; let b = r\"crate::http\"; let c = \"\\\"crate::http\";",
        ),
        ("store/mod.rs", "use crate::store::sql::Sqlite;"),
        ("app.rs", "use crate::store::sql::Sqlite;"),
        ("cli/dev.rs", "use crate::{app, facade, store::sql};"),
        ("main.rs", "use crate::facade;"),
        ("store/sql.rs", "my_crate::http::f(); crate::domain::f::<crate::clock::Instant>();"),
    ] {
        assert_eq!(breaches(file, source), BTreeSet::new(), "{file}: {source}");
    }
}

#[test]
fn the_check_finds_long_and_undocumented_files() {
    let longer = [("src/long.rs", 600, "one table")];
    assert!(too_long("src/a.rs", LONGEST + 1, &longer).is_some());
    assert!(too_long("src/a.rs", LONGEST, &longer).is_none());
    assert!(too_long("src/long.rs", 600, &longer).is_none());
    assert!(too_long("src/long.rs", 601, &longer).is_some());
    assert!(too_long("src/long.rs", LONGEST, &longer).is_some_and(|wrong| wrong.contains("drop its exception")));
    assert!(has_module_doc("//! What.\n\nuse a;"));
    assert!(!has_module_doc("use a;\n//! What."));
    assert!(!has_module_doc("//!\nuse a;"));
    assert!(!has_module_doc("// What."));
}
