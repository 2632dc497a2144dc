//! The settings: what is written where, what wins, what is refused, and that no secret shows.

use std::io::Write;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
}

fn parse(args: &[&str]) -> Settings {
    Cli::try_parse_from(std::iter::once(&"sluicegate").chain(args)).unwrap().settings
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn defaults_hold() {
    let config = Settings::default().into_config().unwrap();
    assert_eq!(config.stream_max_duration, Duration::from_mins(10));
    assert_eq!(config.stream_heartbeat, Duration::from_secs(15));
    assert_eq!(config.body_limit, 4 * 1024 * 1024);
    assert_eq!(config.cors, CorsOrigins::Own);
    assert!(
        matches!(config.artifacts.place, Some(ArtifactsPlace::Folder(folder)) if folder == Path::new(".sluicegate/artifacts"))
    );
    assert_eq!(config.artifacts.limit, 1 << 30);
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let file = file("stream-max-duration = \"5m\"\nbody-limit = \"1MiB\"\nlog-format = \"json\"\n");
    let path = file.path().to_str().unwrap();
    let config = parse(&["--config", path, "--stream-max-duration", "20s"]).into_config().unwrap();
    assert_eq!(config.stream_max_duration, Duration::from_secs(20));
    assert_eq!(config.body_limit, 1 << 20);
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn every_setting_of_the_file_is_taken_over() {
    let text = r#"
        listen = "127.0.0.1:1"
        store = "sqlite:a"
        row-security = "off"
        artifacts = "s3://a-bucket/b/c/"
        artifact-limit = "3MiB"
        s3-endpoint = "http://127.0.0.1:9000"
        s3-region = "r"
        s3-access-key-id = "k"
        s3-secret-access-key = "s"
        s3-session-token = "t"
        s3-allow-http = true
        s3-virtual-hosted = true
        secrets-key = ["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="]
        public-url = "http://localhost:1/"
        stream-max-duration = "1m"
        stream-heartbeat = "2s"
        streams-per-workspace = 3
        body-limit = "4"
        jwt-secret = ["k3Jm0vQxZ7TnqfLw9sRb2YpGdHuEaCi5"]
        jwt-issuer = "i"
        jwt-audience = "a"
        cors-origins = ["https://a.example"]
        metrics-token = "m"
        max-running = 5
        queue-limit = 6
        instance-lease = "7s"
        drain-limit = "8s"
        outbound-networks = ["10.0.0.0/8"]
        code-processes = 9
        code-unconfined = true
        mcp-command = ["files=node /opt/files.js  /srv", "time=/usr/bin/time-server"]
        mcp-read-only = ["/opt", "/srv"]
        log-format = "json"
        log = "debug"
    "#;
    let config = parse(&["--config", file(text).path().to_str().unwrap()]).into_config().unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!((config.store.expose(), config.row_security), ("sqlite:a", RowSecurity::Off));
    assert_eq!(config.artifacts.limit, 3 << 20);
    let Some(ArtifactsPlace::S3(s3)) = config.artifacts.place else { panic!("not a bucket") };
    assert_eq!((s3.bucket.as_str(), s3.prefix.as_str()), ("a-bucket", "b/c"));
    assert_eq!((s3.endpoint.as_deref(), s3.region.as_deref()), (Some("http://127.0.0.1:9000"), Some("r")));
    assert_eq!(s3.keys, Some((Secret::new("k"), Secret::new("s"), Some(Secret::new("t")))));
    assert!(s3.allow_http && s3.virtual_hosted);
    assert_eq!(config.secrets_keys, SecretsKeys::Listed(vec![SecretsKey::new([1; 32]), SecretsKey::new([2; 32])]));
    assert_eq!(config.public_url.as_deref(), Some("http://localhost:1"));
    assert_eq!(config.stream_max_duration, Duration::from_mins(1));
    assert_eq!(config.stream_heartbeat, Duration::from_secs(2));
    assert_eq!(config.streams_per_workspace, 3);
    assert_eq!(config.body_limit, 4);
    assert!(matches!(config.jwt.keys, JwtKeys::Secrets(secrets) if secrets.len() == 1));
    assert_eq!((config.jwt.issuer.as_deref(), config.jwt.audience.as_deref()), (Some("i"), Some("a")));
    assert_eq!(config.cors, CorsOrigins::Listed(vec!["https://a.example".into()]));
    assert_eq!(config.metrics_token, Some(Secret::new("m")));
    assert_eq!((config.max_running, config.queue_limit), (5, 6));
    assert_eq!(config.instance_lease, Duration::from_secs(7));
    assert_eq!(config.drain_limit, Duration::from_secs(8));
    assert_eq!(config.outbound_networks, ["10.0.0.0/8"]);
    assert_eq!((config.code.processes, config.code.unconfined), (9, true));
    assert_eq!(config.commands.known["files"], ["node", "/opt/files.js", "/srv"]);
    assert_eq!((config.commands.known.len(), config.commands.read_only.len()), (2, 2));
    assert_eq!(config.log, "debug");
}

#[test]
fn row_security_can_be_required_where_it_can_be_had() {
    let config = |args: &[&str]| parse(args).into_config();
    let postgres = ["--store", "postgres://h/d"];
    assert_eq!(config(&postgres).unwrap().row_security, RowSecurity::Auto);
    let required = ["--row-security", "required"];
    assert_eq!(config(&[postgres, required].concat()).unwrap().row_security, RowSecurity::Required);
    let error = config(&required).unwrap_err().to_string();
    assert!(error.contains("setting `row-security`: can't be `required` with SQLite"), "{error}");
}

#[test]
fn programs_have_names_and_absolute_paths() {
    for (arguments, part) in [
        (["--mcp-command", "node index.js"], "NAME=PROGRAM"),
        (["--mcp-command", "files="], "`files` names no program"),
        (["--mcp-command", "a=b;a=c"], "`a` is named twice"),
        (["--mcp-read-only", "opt"], "`opt` is no absolute path"),
    ] {
        let error = parse(&arguments).into_config().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn an_unknown_key_in_the_file_is_refused_with_its_line() {
    let file = file("listen = \"127.0.0.1:1\"\nlistne = \"127.0.0.1:2\"\n");
    let error = parse(&["--config", file.path().to_str().unwrap()]).into_config().unwrap_err().to_string();
    assert!(error.contains("line 2: unknown field `listne`"), "{error}");
}

/// A key of ones.
const ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

#[test]
fn keys_come_from_one_place_and_are_not_shown() {
    let keys = |args: &[&str]| parse(args).into_config().unwrap().secrets_keys;
    assert_eq!(keys(&["--store", "sqlite:///var/lib/a.db"]), SecretsKeys::Made("/var/lib/secrets.key".into()));
    assert_eq!(keys(&["--store", "postgres://h/d"]), SecretsKeys::None);
    assert_eq!(keys(&["--secrets-key-file", "/run/keys"]), SecretsKeys::File("/run/keys".into()));
    let one = SecretsKey::new([1; 32]);
    assert_eq!(keys(&["--secrets-key", ONES, "--store", "postgres://h/d"]), SecretsKeys::Listed(vec![one.clone()]));
    assert_eq!(keys(&["--secrets-key", &format!("{ONES}, {ONES}")]), SecretsKeys::Listed(vec![one.clone(), one]));
    assert_eq!(keys(&["--secrets-key", "", "--store", "postgres://h/d"]), SecretsKeys::None);
    let settings = parse(&["--secrets-key", ONES]);
    let shown = format!("{settings:?} {:?}", settings.clone().into_config().unwrap());
    assert!(!shown.contains("AQEB") && !shown.contains("1, 1, 1"), "{shown}");
    let refused = parse(&["--secrets-key", "hunter2"]).into_config().unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused}");
}

#[test]
fn a_bad_value_names_its_setting() {
    for (args, name) in [
        (&["--stream-heartbeat", "0s"][..], "stream-heartbeat"),
        (&["--store", "mysql://x"], "store"),
        (&["--jwt-secret", "short"], "jwt-secret"),
        (&["--cors-origins", "https://a.example/path"], "cors-origins"),
        (&["--max-running", "0"], "max-running"),
        (&["--artifacts", ""], "artifacts"),
        (&["--artifacts", "gs://bucket"], "artifacts"),
        (&["--artifacts", "s3://b"], "artifacts"),
        (&["--artifacts", "s3://bucket/a//b"], "artifacts"),
        (&["--artifacts", "s3://bucket/../b"], "artifacts"),
        (&["--artifact-limit", "0"], "artifact-limit"),
        (&["--artifact-limit", "41GiB"], "artifact-limit"),
        (&["--artifacts", "s3://bucket", "--s3-access-key-id", "k"], "s3-secret-access-key"),
        (&["--artifacts", "s3://bucket", "--s3-secret-access-key", "s"], "s3-access-key-id"),
        (&["--artifacts", "s3://bucket", "--s3-endpoint", "http://s3.example"], "s3-allow-http"),
        (&["--artifacts", "s3://bucket", "--s3-endpoint", "s3.example"], "s3-endpoint"),
        (&["--artifacts", "s3://bucket", "--s3-endpoint", "https://u:p@s3.example"], "s3-endpoint"),
        (&["--jwt-secret", "0123456789abcdef0123456789abcdef", "--jwt-jwks", "keys.json"], "jwt-jwks"),
        (&["--secrets-key", "c2hvcnQ="], "secrets-key"),
        (&["--secrets-key", "not base64"], "secrets-key"),
        (&["--secrets-key", ONES, "--secrets-key-file", "keys"], "secrets-key-file"),
    ] {
        let error = parse(args).into_config().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!("10".parse::<Span>().is_err());
    assert!("-5s".parse::<Span>().is_err());
    assert!("99999999999999999d".parse::<Span>().is_err());
    assert!("4MB".parse::<ByteSize>().is_err());
}

#[test]
fn no_secret_is_shown_by_debug_or_by_an_error() {
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
    let store = format!("postgres://u:{secret}@h/d");
    let bucket = ["--artifacts", "s3://bucket", "--s3-access-key-id", secret, "--s3-secret-access-key", secret];
    let others = ["--jwt-secret", secret, "--store", &store, "--metrics-token", secret, "--s3-session-token", secret];
    let settings = parse(&[&bucket[..], &others].concat());
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(!format!("{:?}", settings.into_config().unwrap()).contains("hunter2"));
    for text in [format!("jwt-secret = [{secret}]"), format!("log = [\"\"]\njwt-secret = {{ a = \"{secret}\" }}")] {
        let file = file(&text);
        let error = parse(&["--config", file.path().to_str().unwrap()]).into_config().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let file = file(&format!("jwt-secret = \"{secret}\""));
    let config = parse(&["--config", file.path().to_str().unwrap()]).into_config().unwrap();
    assert!(matches!(config.jwt.keys, JwtKeys::Secrets(secrets) if secrets == [Secret::new(secret)]));
}

#[test]
fn artifacts_have_a_place_beside_a_file_and_none_beside_a_server() {
    let place = |args: &[&str]| parse(args).into_config().unwrap().artifacts.place;
    let folder = |place| match place {
        Some(ArtifactsPlace::Folder(folder)) => folder,
        other => panic!("{other:?}"),
    };
    assert_eq!(folder(place(&["--store", "sqlite:///var/lib/a.db"])), Path::new("/var/lib/artifacts"));
    assert_eq!(folder(place(&["--store", "sqlite:a.db"])), Path::new("artifacts"));
    assert_eq!(folder(place(&["--store", "postgres://h/d", "--artifacts", "/srv/files"])), Path::new("/srv/files"));
    assert!(place(&["--store", "postgres://h/d"]).is_none());
    let args = ["--artifacts", "s3://bucket", "--s3-endpoint", "http://h:1", "--s3-allow-http", "--log", "debug"];
    assert!(matches!(place(&args), Some(ArtifactsPlace::S3(s3)) if s3.allow_http && s3.prefix.is_empty()));
    let args = ["--artifacts", "s3://bucket", "--s3-allow-http=no", "--s3-access-key-id=", "--s3-secret-access-key="];
    assert!(matches!(place(&args), Some(ArtifactsPlace::S3(s3)) if !s3.allow_http && s3.keys.is_none()));
}

#[test]
fn secrets_come_from_files() {
    let store = file("postgres://u:hunter2@h/d\n");
    let (token, jwt) = (
        file("  a token of forty-two letters  \n"),
        file("0123456789abcdef0123456789abcdeX\n\nolder-0123456789abcdef0123456789abc\n"),
    );
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    let (store_file, token_file, jwt_file) = (path(&store), path(&token), path(&jwt));
    let named = ["--store-file", &store_file, "--metrics-token-file", &token_file, "--jwt-secret-file", &jwt_file];
    let config = parse(&named).into_config().unwrap();
    assert_eq!(config.store.expose(), "postgres://u:hunter2@h/d");
    assert_eq!(config.metrics_token.as_ref().unwrap().expose(), "a token of forty-two letters");
    assert!(
        matches!(&config.jwt.keys, JwtKeys::Secrets(secrets) if secrets.len() == 2 && secrets[1].expose().starts_with("older"))
    );

    // Named in the file of settings, as everything else.
    let settings = file(&format!("smtp-from = \"a@b\"\nsmtp-url-file = \"{store_file}\"\nlisten = \"127.0.0.1:1\"\n"));
    let config = parse(&["--config", &path(&settings)]).into_config().unwrap();
    assert_eq!(config.smtp.unwrap().0.expose(), "postgres://u:hunter2@h/d");

    let nothing = file(" \n");
    let empty = path(&nothing);
    for (args, told) in [
        (["--store-file", &store_file, "--store", "sqlite:a"], "setting `store-file`: can't be combined with `store`"),
        (
            ["--jwt-secret-file", &jwt_file, "--jwt-secret", "x"],
            "`jwt-secret-file`: can't be combined with `jwt-secret`",
        ),
        (["--metrics-token-file", "/nowhere", "--log", "info"], "`metrics-token-file`: /nowhere: "),
        (["--s3-secret-access-key-file", &empty, "--log", "info"], "is empty"),
    ] {
        let error = parse(&args).into_config().unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_can_be_guessed_is_refused_where_others_reach_the_server() {
    let good = "k3Jm0vQxZ7TnqfLw9sRb2YpGdHuEaCi5";
    let guessed = "0123456789abcdef0123456789abcdef";
    let here = |args: &[&str]| parse(args).into_config().map(drop).map_err(|error| error.to_string());
    for outside in [["--listen", "0.0.0.0:80"], ["--listen", "[::]:80"], ["--public-url", "https://gate.example.com"]] {
        let with = |more: &[&str]| here(&[&outside[..], more].concat());
        for (args, name) in [
            (["--jwt-secret", guessed], "jwt-secret"),
            (["--jwt-secret", "please-changeme-before-you-go-live-0"], "jwt-secret"),
            (["--jwt-secret", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], "jwt-secret"),
            (["--metrics-token", "PASSWORD"], "metrics-token"),
            (["--secrets-key", ONES], "secrets-key"),
        ] {
            let error = with(&args).unwrap_err();
            assert!(error.starts_with(&format!("setting `{name}`: can be guessed")), "{args:?}: {error}");
            assert_eq!(here(&args), Ok(()), "on this machine it may be");
        }
        assert_eq!(with(&["--jwt-secret", good, "--metrics-token", good]), Ok(()));
    }
    assert_eq!(here(&["--listen", "[::1]:80", "--public-url", "http://localhost:80", "--jwt-secret", guessed]), Ok(()));
    let error = here(&["--jwt-jwks", "http://id.example.com/keys"]).unwrap_err();
    assert!(error.contains("jwt-jwks") && error.contains("without TLS"), "{error}");
    assert_eq!(here(&["--jwt-jwks", "http://127.0.0.1:8090/keys"]), Ok(()));
}

#[test]
fn a_provider_is_named_whole_and_reached_with_tls() {
    let with = |args: &[&str]| parse(args).into_config().map_err(|error| error.to_string());
    let issuer = ["--oidc-issuer", "https://id.example.com", "--oidc-client-id", "gate"];
    let oidc = with(&issuer).unwrap().oidc.unwrap();
    assert_eq!((oidc.label.as_str(), oidc.user_claim.as_str()), ("Sign in with id.example.com", "sub"));
    assert_eq!((oidc.scopes, oidc.session.as_secs()), (vec!["openid".to_owned()], 43_200));
    let by_mail = with(&[&issuer[..], &["--oidc-user-claim", "email"]].concat()).unwrap().oidc.unwrap();
    assert_eq!(by_mail.scopes, ["openid", "email"]);
    let here = with(&["--oidc-issuer", "http://127.0.0.1:9", "--oidc-client-id", "gate"]);
    assert!(here.is_ok(), "{here:?}");
    for (args, told) in [
        (&["--oidc-issuer", "https://id.example.com"][..], "setting `oidc-client-id`: is missing"),
        (&["--oidc-client-id", "gate"], "setting `oidc-client-id`: says nothing without"),
        (&["--oidc-issuer", "http://id.example.com", "--oidc-client-id", "gate"], "setting `oidc-issuer`: has no TLS"),
        (&["--oidc-issuer", "https://a@id.example.com", "--oidc-client-id", "gate"], "setting `oidc-issuer`: must be"),
        (&[&issuer[..], &["--oidc-label", " "]].concat(), "setting `oidc-label`"),
        (&[&issuer[..], &["--oidc-scopes", "a b"]].concat(), "setting `oidc-scopes`"),
        (&[&issuer[..], &["--oidc-session-duration", "8d"]].concat(), "setting `oidc-session-duration`"),
        (&[&issuer[..], &["--listen", "0.0.0.0:80"]].concat(), "setting `public-url`: is missing"),
    ] {
        let error = with(args).unwrap_err();
        assert!(error.starts_with(told), "{args:?}: {error}");
    }
}
