//! Webhooks of a pod, and their secrets.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderName, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Admin, InPod, Viewer, api_key},
    error::{Code, Problem},
    extract::{Param, present},
    idempotency::{Idempotent, ReplyKey},
    names,
    query::{PageQuery, Query},
    reply::{List, Reply},
    schedules::check_workflow,
    state::AppState,
};
use crate::{
    clock::{Clock, Instant},
    config::Config,
    domain::{
        ids::{WebhookId, WorkflowId},
        webhook::{
            ResponseMode, Secrets, Verification, Webhook, WebhookView,
            signature::{SECRET_PREFIX, standard_key},
        },
    },
    engine::Engine,
    store::{
        Page, Store, StoreError,
        catalogue::{Change, WEBHOOK_CHANGED},
    },
};

/// How often a change is made anew because somebody else made one at the same time.
const TRIES: usize = 20;
/// How long a secret is, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 8..=512;
/// The longest that a sender can be let wait.
const MAX_WAIT_S: i64 = 300;
/// The most deliveries a minute.
const MAX_RATE: i64 = 60_000;
/// The longest that the secret of before can hold: a week.
const MAX_OVERLAP_S: i64 = 7 * 86_400;
/// How long it does, unless said otherwise.
const OVERLAP_S: i64 = 86_400;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_webhook, list_webhooks))
        .routes(routes!(get_webhook, update_webhook, delete_webhook))
        .routes(routes!(rotate_webhook_secret))
}

/// A new webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWebhook {
    /// The workflow to start; in this pod. What is started is the version that is deployed at the time.
    workflow_id: WorkflowId,
    /// Its name: 1 to 120 characters on one line.
    #[serde(default = "unnamed")]
    #[schema(default = "Webhook", min_length = 1, max_length = 120)]
    name: String,
    /// What deliveries are verified with; one is made if the kind of verification needs it and none is given. For `standard`
    /// `whsec_` and 16 to 64 bytes in base64, for the others any text.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 8, max_length = 512)]
    secret: Option<String>,
    /// How deliveries are verified.
    #[serde(default)]
    #[schema(inline, default = "hmac-sha256")]
    verification: Verification,
    /// Whether deliveries are taken.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
    /// The header that tells deliveries apart, if it is another than that of the kind of verification.
    #[serde(default)]
    #[schema(max_length = 100)]
    dedupe_header: Option<String>,
    /// What the sender is answered.
    #[serde(default)]
    #[schema(inline, default = "execution")]
    response: ResponseMode,
    /// How long the sender waits for the output, with `response: wait`.
    #[serde(default = "half_a_minute")]
    #[schema(default = 30, minimum = 1, maximum = 300)]
    wait_seconds: i64,
    /// How many deliveries a minute are taken; as many may come at once.
    #[serde(default = "ten_a_second")]
    #[schema(default = 600, minimum = 1, maximum = 60_000)]
    rate_per_minute: i64,
}

/// What changes about a webhook; what is missing stays.
#[expect(clippy::option_option, reason = "missing and `null` differ")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateWebhook {
    /// The workflow to start.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WorkflowId, required = false)]
    workflow_id: Option<WorkflowId>,
    /// Its name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 120)]
    name: Option<String>,
    /// The secret, for a webhook that has none; one that is there is rotated.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 8, max_length = 512)]
    secret: Option<String>,
    /// How deliveries are verified; with `none` the secret is forgotten.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Verification, required = false)]
    verification: Option<Verification>,
    /// Whether deliveries are taken.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// The header that tells deliveries apart; `null`: that of the kind of verification.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false, max_length = 100)]
    dedupe_header: Option<Option<String>>,
    /// What the sender is answered.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = ResponseMode, required = false)]
    response: Option<ResponseMode>,
    /// How long the sender waits for the output.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, required = false, minimum = 1, maximum = 300)]
    wait_seconds: Option<i64>,
    /// How many deliveries a minute are taken.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, required = false, minimum = 1, maximum = 60_000)]
    rate_per_minute: Option<i64>,
}

/// Another secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateSecret {
    /// The secret; one is made, if missing.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 8, max_length = 512)]
    secret: Option<String>,
    /// How long the secret of before holds as well, in seconds: up to a week. 0: it ends at once.
    #[serde(default = "a_day")]
    #[schema(default = 86_400, minimum = 0, maximum = 604_800)]
    overlap_seconds: i64,
}

/// A webhook as the one sees it who made its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookAndSecret {
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookView,
    /// The secret. Shown this once: a reply repeated for its idempotency key is without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

fn unnamed() -> String {
    "Webhook".to_owned()
}

fn yes() -> bool {
    true
}

fn half_a_minute() -> i64 {
    30
}

fn ten_a_second() -> i64 {
    600
}

fn a_day() -> i64 {
    OVERLAP_S
}

/// Create a webhook
///
/// Admins and owners. The secret is shown in this reply and never again. 409 for a workflow in the trash; one that is not
/// deployed is taken, and deliveries are refused until it is.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks", tag = "webhooks", request_body = CreateWebhook,
    responses(
        (status = 201, description = "The new webhook", body = WebhookAndSecret),
        (status = 409, description = "The workflow is in the trash"),
    ),
)]
async fn create_webhook(
    pod: InPod<Admin>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    State(config): State<Arc<Config>>,
    State(engine): State<Engine>,
    Idempotent { body, key }: Idempotent<CreateWebhook>,
) -> Result<Reply, Problem> {
    let secret = match (body.verification, body.secret) {
        (Verification::None, None) => None,
        (Verification::None, Some(_)) => return Err(no_secret_needed()),
        (kind, Some(secret)) => Some(checked_secret(kind, secret)?),
        (_, None) => Some(new_secret()),
    };
    let (id, now) = (WebhookId(clock.new_id()), clock.now());
    let webhook = Webhook {
        id,
        workspace_id: pod.workspace_id(),
        pod_id: pod.pod_id(),
        workflow_id: body.workflow_id,
        name: names::name("/name", &body.name)?,
        verification: body.verification,
        secrets: Secrets { current: secret.clone(), previous: None },
        enabled: body.enabled,
        dedupe_header: body.dedupe_header.map(|name| header_name(&name)).transpose()?,
        response: body.response,
        wait_seconds: body.wait_seconds,
        rate_per_minute: body.rate_per_minute,
        created_by: pod.principal().id.clone(),
        created_at: now,
        updated_at: now,
    };
    check_numbers(&webhook)?;
    check_workflow(&pod, &*store, webhook.workflow_id).await?;
    let location = format!("/v1/workspaces/{}/pods/{}/webhooks/{id}", pod.workspace_id(), pod.pod_id());
    let show = |secret| WebhookAndSecret { webhook: webhook.view(&config.public_url(), now), secret };
    let (kept, reply) = (Reply::created(location.clone(), &show(None)), Reply::created(location, &show(secret)));
    key.change_keeping(&*store, Change::CreateWebhook(Box::new(engine.sealed_webhook(webhook))), &kept, reply).await
}

/// List webhooks
///
/// Newest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks", tag = "webhooks", params(PageQuery),
    responses((status = 200, description = "The webhooks", body = Vec<WebhookView>)),
)]
async fn list_webhooks(
    pod: InPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    State(config): State<Arc<Config>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<List, Problem> {
    let page = store.webhooks(pod.workspace_id(), pod.pod_id(), query.limit.0, query.cursor.as_deref()).await?;
    let (base, now) = (config.public_url(), clock.now());
    let items = page.items.iter().map(|webhook| webhook.view(&base, now)).collect();
    List::new(&uri, &Page::<WebhookView> { items, next: page.next })
}

/// Get a webhook
///
/// Without its secret.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks/{webhookId}", tag = "webhooks",
    responses((status = 200, description = "The webhook", body = WebhookView)),
)]
async fn get_webhook(
    pod: InPod<Viewer>,
    Param(id): Param<WebhookId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    State(config): State<Arc<Config>>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&webhook_in(&pod, &*store, id).await?.view(&config.public_url(), clock.now())))
}

/// Change a webhook
///
/// Admins and owners. What is missing stays as it is.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks/{webhookId}", tag = "webhooks",
    request_body = UpdateWebhook,
    responses(
        (status = 200, description = "The webhook", body = WebhookView),
        (status = 409, description = "The workflow is in the trash"),
    ),
)]
async fn update_webhook(
    pod: InPod<Admin>,
    Param(id): Param<WebhookId>,
    State(state): State<AppState>,
    Idempotent { body, key }: Idempotent<UpdateWebhook>,
) -> Result<Reply, Problem> {
    webhook_in(&pod, &*state.store, id).await?;
    let name = body.name.as_deref().map(|name| names::name("/name", name)).transpose()?;
    let header = body.dedupe_header.map(|header| header.map(|name| header_name(&name)).transpose()).transpose()?;
    if let Some(workflow_id) = body.workflow_id {
        check_workflow(&pod, &*state.store, workflow_id).await?;
    }
    change(&pod, &state, &key, id, |before, _| {
        let verification = body.verification.unwrap_or(before.verification);
        let secrets = match (verification, &body.secret, &before.secrets.current) {
            (Verification::None, None, _) => Secrets::default(),
            (Verification::None, Some(_), _) => return Err(no_secret_needed()),
            (kind, Some(secret), None) => {
                Secrets { current: Some(checked_secret(kind, secret.clone())?), previous: None }
            }
            (_, Some(_), Some(_)) => {
                return Err(invalid("/secret", "the webhook has a secret; rotate it"));
            }
            (_, None, None) => {
                return Err(invalid("/verification", "this kind needs a secret; give one in `secret`"));
            }
            (kind, None, Some(secret)) => {
                checked_secret(kind, secret.clone()).map_err(|_| {
                    invalid("/verification", "the webhook's secret is none of this kind; rotate it first")
                })?;
                before.secrets.clone()
            }
        };
        let before = before.clone();
        let after = Webhook {
            workflow_id: body.workflow_id.unwrap_or(before.workflow_id),
            name: name.clone().unwrap_or(before.name),
            verification,
            secrets,
            enabled: body.enabled.unwrap_or(before.enabled),
            dedupe_header: header.clone().unwrap_or(before.dedupe_header),
            response: body.response.unwrap_or(before.response),
            wait_seconds: body.wait_seconds.unwrap_or(before.wait_seconds),
            rate_per_minute: body.rate_per_minute.unwrap_or(before.rate_per_minute),
            ..before
        };
        check_numbers(&after)?;
        Ok((after, None))
    })
    .await
}

/// Rotate the secret of a webhook
///
/// Admins and owners. The new secret is shown in this reply and never again. The one before holds for another day, or for as
/// long as `overlapSeconds` says; the one before that ends at once. 409 for a webhook that does not verify.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks/{webhookId}/rotate", tag = "webhooks",
    request_body = RotateSecret,
    responses(
        (status = 200, description = "The webhook, and its new secret", body = WebhookAndSecret),
        (status = 409, description = "The webhook has no secret"),
    ),
)]
async fn rotate_webhook_secret(
    pod: InPod<Admin>,
    Param(id): Param<WebhookId>,
    State(state): State<AppState>,
    Idempotent { body, key }: Idempotent<RotateSecret>,
) -> Result<Reply, Problem> {
    if !(0..=MAX_OVERLAP_S).contains(&body.overlap_seconds) {
        let message = format!("must be between 0 and {MAX_OVERLAP_S}, not {}", body.overlap_seconds);
        return Err(invalid("/overlapSeconds", &message));
    }
    webhook_in(&pod, &*state.store, id).await?;
    change(&pod, &state, &key, id, |before, now| {
        if before.verification == Verification::None {
            return Err(Problem::new(Code::Conflict, "the webhook does not verify deliveries, so it has no secret"));
        }
        let given = body.secret.clone().map(|secret| checked_secret(before.verification, secret)).transpose()?;
        let secret = given.unwrap_or_else(new_secret);
        let secrets = before.secrets.rotated(secret.clone(), now, body.overlap_seconds * 1_000);
        Ok((Webhook { secrets, ..before.clone() }, Some(secret)))
    })
    .await
}

/// Delete a webhook
///
/// Admins and owners. Its deliveries go with it; what it has started stays.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/pods/{podId}/webhooks/{webhookId}", tag = "webhooks",
    responses((status = 204, description = "It is gone")),
)]
async fn delete_webhook(
    pod: InPod<Admin>,
    Param(id): Param<WebhookId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<StatusCode, Problem> {
    webhook_in(&pod, &*store, id).await?;
    store.change(Change::DeleteWebhook(pod.workspace_id(), id), &pod.access().author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The webhook of this id, if it is in this pod.
pub(super) async fn webhook_in<R>(pod: &InPod<R>, store: &dyn Store, id: WebhookId) -> Result<Webhook, Problem> {
    let webhook = store.webhook(pod.workspace_id(), id).await?;
    if webhook.pod_id == pod.pod_id() { Ok(webhook) } else { Err(Problem::not_found("webhook")) }
}

/// Changes a webhook to what `revised` makes of it, and perhaps its secret.
async fn change<R>(
    pod: &InPod<R>,
    state: &AppState,
    key: &ReplyKey,
    id: WebhookId,
    revised: impl Fn(&Webhook, Instant) -> Result<(Webhook, Option<String>), Problem>,
) -> Result<Reply, Problem> {
    for _ in 0..TRIES {
        let (stored, now) = (state.store.webhook(pod.workspace_id(), id).await?, state.clock.now());
        // One that does not open stays as it is, so that it can be rotated.
        let before = state.engine.opened_webhook(stored.clone()).unwrap_or(stored);
        let (mut after, secret) = revised(&before, now)?;
        // The store compares it to notice changes at the same time, so it must move with each.
        after.updated_at = now.max(before.updated_at.plus_ms(1));
        let view = after.view(&state.config.public_url(), now);
        let (webhook, expected_updated_at) = (Box::new(state.engine.sealed_webhook(after)), before.updated_at);
        let kept = Reply::ok(&view);
        let (change, reply) = match secret {
            None => (Change::UpdateWebhook { webhook, expected_updated_at }, kept.clone()),
            Some(secret) => {
                let shown = Reply::ok(&WebhookAndSecret { webhook: view, secret: Some(secret) });
                (Change::RotateWebhook { webhook, expected_updated_at }, shown)
            }
        };
        match state.store.change(change, &key.author(), key.reply(&kept)).await {
            Ok(()) => return Ok(reply),
            Err(StoreError::Refused(WEBHOOK_CHANGED)) => {}
            Err(StoreError::Repeated(stored)) => return key.repeated(*stored),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Code::Conflict, WEBHOOK_CHANGED))
}

fn invalid(path: &str, message: &str) -> Problem {
    Problem::field(Code::InvalidValue, path, message)
}

fn no_secret_needed() -> Problem {
    invalid("/secret", "a webhook with `verification: none` has no secret")
}

fn new_secret() -> String {
    let random: [u8; 32] = api_key::random();
    format!("{SECRET_PREFIX}{}", STANDARD.encode(random))
}

/// A secret that deliveries of a kind can be verified with.
fn checked_secret(kind: Verification, secret: String) -> Result<String, Problem> {
    if !SECRET_BYTES.contains(&secret.len()) || secret.chars().any(char::is_control) {
        let (least, most) = (SECRET_BYTES.start(), SECRET_BYTES.end());
        return Err(invalid("/secret", &format!("must be {least} to {most} bytes without control characters")));
    }
    match kind {
        Verification::Standard if !standard_key(&secret).is_some_and(|key| (16..=64).contains(&key.len())) => {
            Err(invalid("/secret", "must be `whsec_` and 16 to 64 bytes in base64, as Standard Webhooks has it"))
        }
        // As a header's value arrives.
        Verification::Header if !secret.is_ascii() || secret.trim() != secret => {
            Err(invalid("/secret", "must be ASCII without space around it, to be sent in a header"))
        }
        _ => Ok(secret),
    }
}

/// The name of a header in lower case.
fn header_name(text: &str) -> Result<String, Problem> {
    let name = HeaderName::try_from(text).ok().filter(|name| name.as_str().len() <= 100);
    let name = name.ok_or_else(|| invalid("/dedupeHeader", "must be the name of a header, up to 100 characters"))?;
    let name = name.as_str();
    if ["authorization", "cookie", "secret", "signature"].iter().any(|part| name.contains(part)) {
        return Err(invalid("/dedupeHeader", "must not be a header with credentials: its value is kept and shown"));
    }
    Ok(name.to_owned())
}

fn check_numbers(webhook: &Webhook) -> Result<(), Problem> {
    for (path, number, most) in
        [("/waitSeconds", webhook.wait_seconds, MAX_WAIT_S), ("/ratePerMinute", webhook.rate_per_minute, MAX_RATE)]
    {
        if !(1..=most).contains(&number) {
            return Err(invalid(path, &format!("must be between 1 and {most}, not {number}")));
        }
    }
    Ok(())
}
