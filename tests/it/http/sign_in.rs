//! `/session/oidc`: signing in at a real OpenID Connect provider, and what is refused on the way.

use reqwest::Url;
use serde_json::{Value, json};
use sluicegate::config::{Secret, Settings};

use crate::support::{
    app::{Client, Reply, START, TestApp},
    oidc::{CLIENT, IdentityProvider, PUBLIC_URL},
};

const CALLBACK: &str = "/session/oidc/callback";

async fn start(claims: Value, change: impl FnOnce(&mut Settings)) -> (TestApp, IdentityProvider) {
    let provider = IdentityProvider::start(claims).await;
    let app = TestApp::start_with(|settings| {
        settings.public_url = Some(PUBLIC_URL.to_owned());
        settings.oidc_issuer = Some(provider.issuer.clone());
        settings.oidc_client_id = Some(CLIENT.0.to_owned());
        settings.oidc_client_secret = Some(Secret::new(CLIENT.1));
        change(settings);
    })
    .await;
    (app, provider)
}

fn location(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.header("location").unwrap().to_owned()
}

/// The cookies that a reply sets, without their attributes.
fn cookies(reply: &Reply) -> Vec<String> {
    let lines = reply.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    lines.map(|line| line.split(';').next().unwrap().to_owned()).collect()
}

/// An attempt: the provider's address for it, and the browser it belongs to.
async fn begin(app: &TestApp) -> (Url, Client) {
    let reply = app.anonymous().get("/session/oidc").await;
    let [cookie] = &cookies(&reply)[..] else { panic!("{reply:?}") };
    (location(&reply).parse().unwrap(), app.anonymous().with("cookie", cookie))
}

/// The browser with the provider's answer.
async fn back(browser: &Client, answer: &Url) -> Reply {
    browser.with("sec-fetch-site", "cross-site").get(&format!("{CALLBACK}?{}", answer.query().unwrap())).await
}

/// The same address with another value of a parameter, or without it.
fn with(address: &Url, name: &str, value: Option<&str>) -> Url {
    let mut changed = address.clone();
    let others = address.query_pairs().filter(|(other, _)| other != name);
    changed.query_pairs_mut().clear().extend_pairs(others).extend_pairs(value.map(|value| (name, value)));
    assert_ne!(changed, *address, "`{name}` was there");
    changed
}

#[track_caller]
fn expect_failure(reply: &Reply, failure: &str) {
    assert_eq!(location(reply), format!("/sign-in?failure={failure}"));
    let begun = cookies(reply).into_iter().find(|cookie| cookie.starts_with("sluicegate_session"));
    assert_eq!(begun, None, "nobody is signed in");
}

#[tokio::test]
async fn a_person_signs_in_and_is_who_their_tokens_say() {
    let (app, provider) = start(json!({}), |settings| settings.oidc_label = Some("Sign in with Home".into())).await;
    let place = app.workspace("ann").await;
    let methods = app.anonymous().get("/session/methods").await.expect(200);
    assert_eq!(methods, json!({"oidc": {"label": "Sign in with Home"}}));

    let page = format!("/w/{}/p/{}/inbox?q=a%20b", place.workspace_id, place.pod_id);
    let asked: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
    let begun = app.anonymous().get(&format!("/session/oidc?return={asked}")).await;
    let line = begun.header("set-cookie").unwrap();
    let attributes = "; Path=/v1/session/oidc; Max-Age=600; HttpOnly; SameSite=Lax; Secure";
    assert!(line.starts_with("sluicegate_sign_in=") && line.ends_with(attributes), "{line}");
    let address: Url = location(&begun).parse().unwrap();
    let said: Vec<_> = address.query_pairs().filter(|(name, _)| name == "scope" || name.ends_with("method")).collect();
    assert_eq!(said, [("scope".into(), "openid".into()), ("code_challenge_method".into(), "S256".into())]);

    let answer = provider.sign_in(address.as_str(), "ann").await;
    let reply = back(&app.anonymous().with("cookie", &cookies(&begun)[0]), &answer).await;
    assert_eq!(location(&reply), page);
    let [over, session] = &cookies(&reply)[..] else { panic!("{reply:?}") };
    assert_eq!(over, "sluicegate_sign_in=");
    let line = reply.headers.get_all("set-cookie").iter().nth(1).unwrap().to_str().unwrap();
    assert!(line.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), "{line}");

    let browser = app.anonymous().with("cookie", session).with("sec-fetch-site", "same-origin");
    let known = browser.get("/session").await.expect(200);
    assert_eq!((&known["principalId"], &known["kind"]), (&json!("ann"), &json!("user")));
    assert_eq!(known["expiresAt"], json!(START.plus_ms(12 * 3_600_000).to_string()));
    browser.post(&format!("{}/pods", place.workspace()), json!({"name": "Mine"})).await.expect(201);
    app.clock.advance_ms(12 * 3_600_000);
    browser.get(&place.pod()).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn somebody_new_is_in_no_workspace_until_they_take_an_invite() {
    let (app, provider) = start(json!({}), |_| {}).await;
    let place = app.workspace("ann").await;
    let (address, browser) = begin(&app).await;
    let reply = back(&browser, &provider.sign_in(address.as_str(), "bob").await).await;
    assert_eq!(location(&reply), "/");
    let bob = app.anonymous().with("cookie", &cookies(&reply)[1]).with("sec-fetch-site", "same-origin");
    assert_eq!(bob.get("/workspaces").await.expect(200), json!([]));
    bob.get(&place.pod()).await.problem(404, "not_found");
    let invites = format!("{}/invites", place.workspace());
    let invite =
        app.user("ann").post(&invites, json!({"email": "bob@example.com", "role": "viewer"})).await.expect(201);
    bob.post(&format!("/invites/{}/accept", invite["token"].as_str().unwrap()), json!({})).await.expect(200);
    bob.get(&place.pod()).await.expect(200);
}

#[tokio::test]
async fn an_answer_counts_once_and_in_the_browser_that_asked() {
    let (app, provider) = start(json!({}), |_| {}).await;
    let (address, browser) = begin(&app).await;
    let answer = provider.sign_in(address.as_str(), "eve").await;
    // Somebody else is led to it, with no attempt of their own or with one.
    expect_failure(&back(&app.anonymous(), &answer).await, "stale");
    let (other_address, other_browser) = begin(&app).await;
    let reply = back(&other_browser, &answer).await;
    expect_failure(&reply, "stale");
    assert_eq!(cookies(&reply), Vec::<String>::new(), "their own attempt goes on");
    for (name, value, failure) in [
        ("state", Some("guessed"), "stale"),
        ("state", None, "stale"),
        ("iss", Some("https://other.example"), "provider"),
        ("iss", None, "provider"),
        ("code", Some("guessed"), "provider"),
        ("code", None, "provider"),
    ] {
        expect_failure(&back(&browser, &with(&answer, name, value)).await, failure);
    }
    // Its own attempt with the code of another one: the verifier does not fit.
    let other_answer = provider.sign_in(other_address.as_str(), "bob").await;
    let code = other_answer.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    expect_failure(&back(&browser, &with(&answer, "code", Some(&code))).await, "provider");

    let (address, browser) = begin(&app).await;
    let answer = provider.sign_in(address.as_str(), "ann").await;
    assert_eq!(location(&back(&browser, &answer).await), "/");
    expect_failure(&back(&browser, &answer).await, "provider");

    let (address, browser) = begin(&app).await;
    let answer = provider.sign_in(address.as_str(), "ann").await;
    app.clock.advance_ms(600_000);
    expect_failure(&back(&browser, &answer).await, "stale");
}

#[tokio::test]
async fn what_was_asked_for_is_what_must_be_answered() {
    let (app, provider) = start(json!({}), |_| {}).await;
    // Changed on the way to the provider: another nonce, another challenge, another client of the same owner.
    for (name, value) in [
        ("nonce", "another"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("client_id", "other"),
    ] {
        let (address, browser) = begin(&app).await;
        let answer = provider.sign_in(with(&address, name, Some(value)).as_str(), "ann").await;
        expect_failure(&back(&browser, &answer).await, "provider");
    }
    let (address, browser) = begin(&app).await;
    let said: Vec<_> = address.query_pairs().filter(|(name, _)| name == "state").collect();
    let declined = format!("{CALLBACK}?error=access_denied&state={}&iss={}", said[0].1, provider.issuer);
    expect_failure(&browser.get(&declined).await, "denied");
    expect_failure(&browser.get(&declined.replace("access_denied", "server_error")).await, "provider");
}

#[tokio::test]
async fn an_id_token_that_lies_is_refused() {
    let (app, provider) = start(json!({}), |_| {}).await;
    let now_s = START.0 / 1_000;
    for (lie, failure) in [
        (json!({"aud": "other"}), "provider"),
        (json!({"aud": [CLIENT.0, "other"]}), "provider"),
        (json!({"azp": "other"}), "provider"),
        (json!({"aud": null}), "provider"),
        (json!({"iss": "https://other.example"}), "provider"),
        (json!({"iss": null}), "provider"),
        (json!({"nonce": "another"}), "provider"),
        (json!({"nonce": null}), "provider"),
        (json!({"exp": now_s - 61}), "provider"),
        (json!({"exp": null}), "provider"),
        (json!({"iat": now_s + 3_600}), "provider"),
        (json!({"nbf": now_s + 3_600}), "provider"),
        (json!({"sub": null}), "provider"),
        (json!({"sub": ""}), "identity"),
        (json!({"sub": "key:0190163d-8694-739b-aea5-966c26f8ad90"}), "identity"),
    ] {
        let (address, browser) = begin(&app).await;
        let answer = provider.sign_in(address.as_str(), "ann").await;
        let text = lie.to_string();
        provider.lie(lie).await;
        let reply = back(&browser, &answer).await;
        assert_eq!(location(&reply), format!("/sign-in?failure={failure}"), "{text}");
        expect_failure(&reply, failure);
    }
    // What the lies had in common was no reason to refuse them.
    let (address, browser) = begin(&app).await;
    let answer = provider.sign_in(address.as_str(), "ann").await;
    provider.lie(json!({"aud": [CLIENT.0, "other"], "azp": CLIENT.0})).await;
    assert_eq!(location(&back(&browser, &answer).await), "/");
}

#[tokio::test]
async fn the_providers_keys_may_change() {
    let (app, provider) = start(json!({}), |_| {}).await;
    let (address, browser) = begin(&app).await;
    assert_eq!(location(&back(&browser, &provider.sign_in(address.as_str(), "ann").await).await), "/");
    provider.rotate().await;
    let (address, browser) = begin(&app).await;
    expect_failure(&back(&browser, &provider.sign_in(address.as_str(), "ann").await).await, "provider");
    app.clock.advance_ms(60_000);
    let (address, browser) = begin(&app).await;
    assert_eq!(location(&back(&browser, &provider.sign_in(address.as_str(), "ann").await).await), "/");
}

#[tokio::test]
async fn an_address_of_mail_names_a_person_once_it_is_verified() {
    let by_mail = |settings: &mut Settings| settings.oidc_user_claim = Some("email".into());
    for (claims, expected) in [
        (json!({}), Some("ann@example.com")),
        (json!({"email_verified": "true"}), Some("ann@example.com")),
        (json!({"email_verified": false}), None),
        (json!({"email_verified": null}), None),
        (json!({"email": null}), None),
        (json!({"email": "key:7"}), None),
    ] {
        let text = claims.to_string();
        let (app, provider) = start(claims, by_mail).await;
        let (address, browser) = begin(&app).await;
        assert!(address.query_pairs().any(|(name, value)| name == "scope" && value == "openid email"));
        let reply = back(&browser, &provider.sign_in(address.as_str(), "ann").await).await;
        let Some(expected) = expected else {
            assert_eq!(location(&reply), "/sign-in?failure=identity", "{text}");
            continue;
        };
        assert_eq!(location(&reply), "/", "{text}");
        let browser = app.anonymous().with("cookie", &cookies(&reply)[1]).with("sec-fetch-site", "same-origin");
        assert_eq!(browser.get("/session").await.expect(200)["principalId"], expected);
    }
}

#[tokio::test]
async fn where_to_go_afterwards_is_a_page_of_the_dashboard() {
    let (app, _provider) = start(json!({}), |_| {}).await;
    for elsewhere in
        ["https://evil.example/w/", "//evil.example", "/%5Cevil.example", "/w/%0D%0Aa", "/v1/workspaces", ""]
    {
        let reply = app.anonymous().get(&format!("/session/oidc?return={elsewhere}")).await;
        reply.problem(400, "invalid_query");
    }
    app.anonymous().get("/session/oidc?next=/").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn a_provider_that_is_away_or_none_is_told_of() {
    let app = TestApp::start().await;
    assert_eq!(app.anonymous().get("/session/methods").await.expect(200), json!({}));
    app.anonymous().get("/session/oidc").await.problem(404, "not_found");
    app.anonymous().get(CALLBACK).await.problem(404, "not_found");

    let away = |settings: &mut Settings| settings.oidc_issuer = Some("http://127.0.0.1:9".into());
    let (app, _) = start(json!({}), away).await;
    let reply = app.anonymous().get("/session/oidc?return=/w/a").await;
    assert_eq!(location(&reply), "/sign-in?failure=provider&return=%2Fw%2Fa");

    // It names itself without the slash.
    let (app, _provider) = start(json!({}), |settings| settings.oidc_issuer.as_mut().unwrap().push('/')).await;
    expect_failure(&app.anonymous().get("/session/oidc").await, "provider");
}
