//! `Authorization: Bearer` with a JWT: by shared secret, and by the issuer's keys.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use axum::{Json, Router, http::StatusCode, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sluicegate::{
    config::{Secret, Settings},
    http::serve,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::task::TaskTracker;

use crate::support::app::{JWT_SECRET, START, TestApp, token_of};

const NOW_S: i64 = START.0 / 1_000;

async fn call(app: &TestApp, token: &str) -> crate::support::app::Reply {
    app.anonymous().with("authorization", &format!("Bearer {token}")).get("/workspaces").await
}

fn issued(settings: &mut Settings) {
    settings.jwt_issuer = Some("https://issuer.example".into());
    settings.jwt_audience = Some("sluicegate".into());
}

fn claims() -> Value {
    json!({"sub": "ann", "iss": "https://issuer.example", "aud": "sluicegate", "exp": NOW_S + 60})
}

fn signed(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).unwrap()
}

#[tokio::test]
async fn claims_are_checked() {
    let app = TestApp::start_with(issued).await;
    let token = |field: &str, value: Value| {
        let mut claims = claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(field)),
            value => claims[field] = value,
        }
        token_of(&claims, START)
    };
    for (field, value) in [
        ("aud", json!(["other", "sluicegate"])),
        ("nbf", json!(NOW_S + 59)),
        ("nbf", json!(NOW_S - 10_000)),
        ("exp", json!(NOW_S - 59)),
        ("exp", json!(NOW_S as f64 + 0.5)),
        ("sub", json!("auth0|7")),
    ] {
        call(&app, &token(field, value)).await.expect(200);
    }
    for (field, value) in [
        ("aud", Value::Null),
        ("aud", json!("other")),
        ("iss", Value::Null),
        ("iss", json!("https://other.example")),
        ("exp", json!(NOW_S - 61)),
        ("exp", json!("never")),
        ("nbf", json!(NOW_S + 61)),
        ("nbf", json!("now")),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("a\nb")),
        ("sub", json!(7)),
        ("sub", json!("key:0190163d-8694-739b-aea5-966c26f8ad90")),
        ("sub", json!("x".repeat(256))),
    ] {
        let text = format!("{field}: {value}");
        let reply = call(&app, &token(field, value)).await;
        assert_eq!(reply.status, 401, "{text}");
        reply.problem(401, "invalid_credentials");
    }
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    let without_exp = json!({"sub": "ann", "iss": "https://issuer.example", "aud": "sluicegate"});
    call(&app, &signed(&Header::default(), &without_exp, &key)).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_token_for_somebody_elses_audience_is_refused_without_configuration_too() {
    let app = TestApp::start().await;
    call(&app, &token_of(&json!({"sub": "ann", "aud": "somewhere"}), START)).await.problem(401, "invalid_credentials");
    call(&app, &token_of(&json!({"sub": "ann"}), START)).await.expect(200);
}

#[tokio::test]
async fn signatures_are_checked_with_the_configured_algorithm() {
    let app = TestApp::start_with(|settings| {
        let secrets = ["the newer secret of this server, which signs", JWT_SECRET];
        settings.jwt_secret = Some(secrets.into_iter().map(Secret::new).collect());
    })
    .await;
    let claims = json!({"sub": "ann", "exp": NOW_S + 60});
    let key = |secret: &str| EncodingKey::from_secret(secret.as_bytes());
    call(&app, &token_of(&claims, START)).await.expect(200);
    let newer = signed(&Header::default(), &claims, &key("the newer secret of this server, which signs"));
    call(&app, &newer).await.expect(200);

    let other = signed(&Header::default(), &claims, &key("another secret that is long enough, too"));
    let stronger = signed(&Header::new(Algorithm::HS512), &claims, &key(JWT_SECRET));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims));
    let good = token_of(&claims, START);
    let pieces: Vec<_> = good.split('.').collect();
    let swapped = format!("{}.{}.{}", part(&json!({"alg": "none"})), pieces[1], pieces[2]);
    let changed = format!("{}.{}.{}", pieces[0], part(&json!({"sub": "eve", "exp": NOW_S + 60})), pieces[2]);
    let long = format!("{good}{}", "x".repeat(10_000));
    for bad in [&other, &stronger, &none, &swapped, &changed, &long, "", "a.b.c", "a", &format!("{good}.x")] {
        call(&app, bad).await.problem(401, "invalid_credentials");
    }
    app.anonymous().get("/workspaces").await.problem(401, "unauthenticated");
    app.anonymous().with("authorization", "Basic YTpi").get("/workspaces").await.problem(401, "invalid_credentials");
}

/// A key pair of an issuer: how it signs, and what its key set says.
struct Issued {
    header: Header,
    key: EncodingKey,
    jwk: Value,
}

fn ed25519(kid: &str) -> Issued {
    let pair = Ed25519KeyPair::generate().unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    Issued {
        header: Header { kid: Some(kid.into()), ..Header::new(Algorithm::EdDSA) },
        key: EncodingKey::from_ed_der(der.as_ref()),
        jwk: json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x, "use": "sig"}),
    }
}

fn es256(kid: &str) -> Issued {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    Issued {
        header: Header { kid: Some(kid.into()), ..Header::new(Algorithm::ES256) },
        key: EncodingKey::from_ec_der(der.as_ref()),
        jwk: json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y, "alg": "ES256"}),
    }
}

fn rs256(kid: &str) -> Issued {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
    let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // The RSA key itself is the octet string at the end of PKCS #8.
    let der = pkcs8.as_ref();
    let inner = der.windows(4).skip(4).position(|w| w[0] == 0x30 && w[1] == 0x82 && w[2] > 0x03).unwrap() + 4;
    Issued {
        header: Header { kid: Some(kid.into()), ..Header::new(Algorithm::RS256) },
        key: EncodingKey::from_rsa_der(&der[inner..]),
        jwk: json!({"kty": "RSA", "kid": kid, "n": n, "e": e, "alg": "RS256", "use": "sig"}),
    }
}

#[tokio::test]
async fn keys_of_a_file_check_tokens_by_their_own_algorithm() {
    let (ed, ec, rsa) = (ed25519("ed"), es256("ec"), rs256("rsa"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{}", json!({"keys": [&ed.jwk, &ec.jwk, &rsa.jwk]})).unwrap();
    let app = TestApp::start_with(|settings| {
        issued(settings);
        settings.jwt_secret = None;
        settings.jwt_jwks = Some(file.path().to_str().unwrap().into());
    })
    .await;
    for issuer in [&ed, &ec, &rsa] {
        call(&app, &signed(&issuer.header, &claims(), &issuer.key)).await.expect(200);
    }
    // The name of one key and the signature of another, in the algorithm of the other.
    let wrong = Header { kid: Some("ed".into()), ..Header::new(Algorithm::ES256) };
    call(&app, &signed(&wrong, &claims(), &ec.key)).await.problem(401, "invalid_credentials");
    // The public key taken for a shared secret.
    let public = rsa.jwk["n"].as_str().unwrap();
    let shared = Header { kid: Some("rsa".into()), ..Header::new(Algorithm::HS256) };
    let forged = signed(&shared, &claims(), &EncodingKey::from_secret(public.as_bytes()));
    call(&app, &forged).await.problem(401, "invalid_credentials");
    let nameless = Header { kid: None, ..ed.header.clone() };
    call(&app, &signed(&nameless, &claims(), &ed.key)).await.problem(401, "invalid_credentials");
    call(&app, &token_of(&claims(), START)).await.problem(401, "invalid_credentials");
}

/// An issuer on a port of its own. An empty set of keys stands for one that is down.
struct Issuer {
    url: String,
    keys: watch::Sender<Vec<Value>>,
    asked: Arc<AtomicUsize>,
    shutdown: serve::Shutdown,
}

impl Issuer {
    async fn start() -> Self {
        let (keys, current) = watch::channel(Vec::new());
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let router =
            Router::new().route(
                "/keys",
                get(move || {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let keys = current.borrow().clone();
                    async move {
                        if keys.is_empty() { Err(StatusCode::BAD_GATEWAY) } else { Ok(Json(json!({"keys": keys}))) }
                    }
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let shutdown = serve::Shutdown::default();
        TaskTracker::new().spawn(serve::run(listener, router, shutdown.clone()));
        Self { url, keys, asked, shutdown }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.shutdown.hard.cancel();
    }
}

#[tokio::test]
async fn keys_at_an_address_are_read_when_needed_and_kept() {
    let issuer = Issuer::start().await;
    let app = TestApp::start_with(|settings| {
        issued(settings);
        settings.jwt_secret = None;
        settings.jwt_jwks = Some(issuer.url.clone());
    })
    .await;
    let asked = || issuer.asked.load(Ordering::SeqCst);
    let token = |key: &Issued| {
        let mut claims = claims();
        claims["exp"] = json!(NOW_S + 100_000);
        signed(&key.header, &claims, &key.key)
    };
    let (first, second, invented) = (ed25519("first"), ed25519("second"), ed25519("invented"));

    // The server starts without its issuer, and asks it once a minute at most.
    assert_eq!(asked(), 0);
    let reply = call(&app, &token(&first)).await;
    reply.problem(503, "unavailable");
    assert_eq!(reply.header("retry-after"), Some("60"));
    issuer.keys.send_replace(vec![first.jwk.clone()]);
    call(&app, &token(&first)).await.problem(503, "unavailable");
    assert_eq!(asked(), 1);
    app.clock.advance_ms(60_000);
    call(&app, &token(&first)).await.expect(200);
    call(&app, &token(&first)).await.expect(200);
    assert_eq!(asked(), 2);

    // A new key is found, an invented one is not asked for again and again.
    issuer.keys.send_replace(vec![first.jwk.clone(), second.jwk.clone()]);
    app.clock.advance_ms(60_000);
    call(&app, &token(&second)).await.expect(200);
    assert_eq!(asked(), 3);
    for _ in 0..5 {
        call(&app, &token(&invented)).await.problem(401, "invalid_credentials");
    }
    assert_eq!(asked(), 3);

    // An issuer that is down costs nothing; a key that it has withdrawn goes away with time.
    issuer.keys.send_replace(Vec::new());
    app.clock.advance_ms(16 * 60_000);
    call(&app, &token(&first)).await.expect(200);
    assert_eq!(asked(), 4);
    issuer.keys.send_replace(vec![second.jwk.clone()]);
    app.clock.advance_ms(60_000);
    call(&app, &token(&first)).await.problem(401, "invalid_credentials");
    call(&app, &token(&second)).await.expect(200);
    assert_eq!(asked(), 5);
}

#[tokio::test]
async fn a_server_without_token_keys_takes_api_keys_alone() {
    let app = TestApp::start_with(|settings| settings.jwt_secret = None).await;
    let problem = call(&app, &token_of(&claims(), START)).await.problem(401, "invalid_credentials");
    assert!(problem["detail"].as_str().unwrap().contains("API keys only"));
}
