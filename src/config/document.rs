//! The reference part of `docs/configuration.md`, written from the declarations so that it can't drift: a test compares, and
//! leaves the fresh text in `target/configuration.md`.

use std::{fmt::Write as _, fs, path::Path};

use clap::{Arg, Args, Command};

use super::Settings;

/// Everything after this line is generated.
const MARKER: &str = "<!-- From here on this document is written from the declarations of the settings. -->\n";

/// Settings by what they are about; a setting that is in none of the lists fails the test.
const GROUPS: [(&str, &[&str]); 9] = [
    ("The server", &["config", "listen", "public-url", "body-limit", "cors-origins", "log", "log-format"]),
    ("The database", &["store", "store-file", "row-security"]),
    (
        "Who may come in",
        &[
            "jwt-secret",
            "jwt-secret-file",
            "jwt-jwks",
            "jwt-issuer",
            "jwt-audience",
            "oidc-issuer",
            "oidc-client-id",
            "oidc-client-secret",
            "oidc-client-secret-file",
            "oidc-scopes",
            "oidc-user-claim",
            "oidc-label",
            "oidc-session-duration",
            "metrics-token",
            "metrics-token-file",
            "refusal-rate",
            "trusted-proxies",
        ],
    ),
    ("Traces", &["otlp-endpoint", "otlp-traces-endpoint", "otlp-headers", "otlp-service-name"]),
    ("Secrets of workspaces", &["secrets-key", "secrets-key-file"]),
    (
        "Executions",
        &["max-running", "queue-limit", "trigger-rate", "instance-lease", "drain-limit", "schedule-min-interval"],
    ),
    ("Streams", &["stream-max-duration", "stream-heartbeat", "streams-per-workspace"]),
    (
        "Files of workers",
        &[
            "artifacts",
            "artifact-limit",
            "s3-endpoint",
            "s3-region",
            "s3-access-key-id",
            "s3-secret-access-key",
            "s3-secret-access-key-file",
            "s3-session-token",
            "s3-allow-http",
            "s3-virtual-hosted",
        ],
    ),
    (
        "What workflows may do",
        &[
            "outbound-networks",
            "smtp-url",
            "smtp-url-file",
            "smtp-from",
            "code-processes",
            "code-unconfined",
            "mcp-command",
            "mcp-read-only",
        ],
    ),
];

#[test]
fn the_document_of_the_settings_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let present = fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let (written, _) = present.split_once(MARKER).expect("docs/configuration.md has its marker");
    let fresh = format!("{written}{MARKER}{}", reference());
    if present != fresh {
        let path = root.join("target/configuration.md");
        fs::write(&path, fresh).unwrap();
        panic!("docs/configuration.md is stale: copy {} over it", path.display());
    }
}

fn reference() -> String {
    let command = Settings::augment_args(Command::new("serve"));
    let mut left: Vec<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
    let mut text = String::new();
    for (title, names) in GROUPS {
        write!(text, "\n## {title}\n").unwrap();
        for name in names {
            left.retain(|one| one != name);
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name));
            describe(&mut text, name, arg.unwrap_or_else(|| panic!("there is no setting `{name}`")));
        }
    }
    assert!(left.is_empty(), "these settings are in no group: {left:?}");
    text
}

fn describe(text: &mut String, name: &str, arg: &Arg) {
    let about = arg.get_long_help().or_else(|| arg.get_help()).expect("every setting is described").to_string();
    let (meaning, default) = split_default(&about);
    let value = arg.get_value_names().expect("every setting takes a value")[0].as_str();
    let variable = arg.get_env().expect("every setting has a variable").to_string_lossy();
    let list = match arg.get_value_delimiter() {
        Some(sign) => format!(", several separated by `{sign}`; in the file a list"),
        None => String::new(),
    };
    let key = if name == "config" { "none".to_owned() } else { format!("`{name}`") };
    write!(
        text,
        "\n### {name}\n\n{meaning}\n\n| flag | variable | key of the file | default |\n|---|---|---|---|\n| `--{name} {}` | `{variable}` | {key} | {} |\n",
        value.replace('|', "\\|"),
        default.unwrap_or_else(|| "none".to_owned()),
    )
    .unwrap();
    if !list.is_empty() {
        write!(text, "\nOne{list}.\n").unwrap();
    }
}

/// Takes `[default: ...]` out of a text; the flags' help is all that tells it, since a default that clap knew would win over
/// the file.
fn split_default(about: &str) -> (String, Option<String>) {
    let Some((before, rest)) = about.split_once(" [default: ") else { return (sentence(about), None) };
    let (default, after) = rest.split_once(']').expect("a default ends");
    let plain = !default.contains(' ') && !default.contains('`');
    let shown = if plain { format!("`{default}`") } else { default.to_owned() };
    (sentence(&format!("{before}{after}")), Some(shown))
}

/// Each paragraph with a full stop.
fn sentence(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|part| part.trim().trim_end_matches('.'));
    paragraphs.map(|part| format!("{part}.")).collect::<Vec<_>>().join(" ")
}
