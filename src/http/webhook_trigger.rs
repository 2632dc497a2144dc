//! The public address of a webhook.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    error::{Code, Problem},
    execution_events::follow,
    executions::{created, ended_within, location},
    extract::{self, Param},
    reply::Reply,
    state::AppState,
    streams::OpenStream,
};
use crate::{
    domain::{
        execution::{Execution, ExecutionStatus, ExecutionView},
        ids::{ExecutionId, WebhookId},
        webhook::{ResponseMode, Verdict, Webhook},
    },
    engine::EngineError,
    store::StoreError,
    triggers::webhooks::{Arrival, MAX_INPUT_BYTES, Received, Refusal},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(trigger_webhook))
}

/// What Slack asks of an address before it sends anything there.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlackChallenge {
    /// What it wants to hear.
    challenge: String,
}

/// Deliver to a webhook
///
/// The address is public; what a delivery has to prove is for the webhook to say. JSON becomes the input of the execution as
/// it is, anything else `{body, contentType}`; headers (without credentials) and query are in `context.webhook`. A delivery
/// that comes again, by the id that its sender gives it or by `Idempotency-Key`, gets the first reply for seven days. What is
/// answered is for the webhook to say, too: the execution (201), its output (200, or 202 if it takes too long), or its events.
#[utoipa::path(
    post, path = "/webhooks/{webhookId}/trigger", tag = "webhooks",
    request_body(
        content((Value = "application/json"), (String = "*/*")),
        description = "Nothing, or anything up to 1 MiB",
    ),
    params(("Idempotency-Key" = Option<String>, Header, description = "Tells the delivery from others, if nothing else does")),
    responses(
        (status = 200, description = "The output, the events, or Slack's challenge", content(
            (Value = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 201, description = "The execution, queued", body = ExecutionView),
        (status = 202, description = "The execution, which has not ended in time", body = ExecutionView),
        (status = 401, description = "The delivery does not prove who sent it"),
        (status = 404, description = "There is no such webhook, or it is disabled"),
        (status = 409, description = "The workflow is not deployed, or in the trash"),
        (status = 413, description = "The body is too large"),
        (status = 422, description = "The input does not fit the workflow"),
        (status = 429, description = "Too many deliveries, or too many executions are waiting"),
    ),
)]
async fn trigger_webhook(
    State(state): State<AppState>,
    Param(id): Param<WebhookId>,
    request: Request,
) -> Result<Response, Problem> {
    let webhooks = &state.webhooks;
    let webhook = webhooks.find(id).await?.ok_or_else(|| Problem::not_found("webhook"))?;
    let span = tracing::Span::current();
    span.record("workspace_id", tracing::field::display(webhook.workspace_id));
    span.record("pod_id", tracing::field::display(webhook.pod_id));
    let headers = request.headers();
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // A header that is no text matches nothing, whatever it is made to.
    let texts = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let mut arrival = webhooks.arrival(webhook, texts.collect(), request.uri().query(), announced.unwrap_or(0));

    let (received, stream) = match take(&state, &mut arrival, request).await {
        Ok(taken) => taken,
        Err(Untaken { verdict, problem }) => {
            // Of one that may have been written nobody knows what to say.
            if problem.code() != Code::Unavailable {
                let status = problem.code().status().as_u16();
                webhooks.note(arrival.delivery, verdict, Some(problem.detail()), Some(status)).await;
            }
            return Err(problem);
        }
    };
    let Arrival { webhook, mut delivery, .. } = arrival;
    let (id, recorded) = match received {
        Received::Challenged(challenge) => {
            webhooks.note(delivery, Verdict::Challenged, None, Some(200)).await;
            return Ok(Reply::ok(&SlackChallenge { challenge }).into_response());
        }
        Received::Started(execution) => (execution.origin.id, created(&state.clock, &execution)),
        Received::Repeated(id, stored) => {
            delivery.execution_id = Some(id);
            let status = delivery.status;
            webhooks.note(delivery.clone(), Verdict::Repeated, None, status).await;
            (id, Reply::stored(*stored)?)
        }
    };
    span.record("execution_id", tracing::field::display(id));
    match (webhook.response, stream) {
        (ResponseMode::Stream, Some(stream)) => events(&state, &webhook, id, stream).await,
        (ResponseMode::Wait, _) => {
            let answer = output(&state, &webhook, id, recorded).await;
            let status = answer.as_ref().map_or_else(|problem| problem.code().status(), |reply| reply.status);
            webhooks.answered(&delivery, status.as_u16()).await;
            Ok(answer?.into_response())
        }
        _ => Ok(recorded.into_response()),
    }
}

/// A delivery that starts nothing: the verdict of its row, and the reply.
struct Untaken {
    verdict: Verdict,
    problem: Problem,
}

impl From<Refusal> for Untaken {
    fn from(refusal: Refusal) -> Self {
        Self { verdict: refusal.verdict(), problem: refusal.into() }
    }
}

/// Takes a delivery in, with the stream that its sender is to get.
async fn take(
    state: &AppState,
    arrival: &mut Arrival,
    request: Request,
) -> Result<(Received, Option<OpenStream>), Untaken> {
    if !arrival.webhook.enabled {
        return Err(Untaken { verdict: Verdict::Disabled, problem: Problem::not_found("webhook") });
    }
    let (_, body) = extract::read_body(request).await.map_err(|problem| {
        let verdict = if problem.code() == Code::BodyTooLarge { Verdict::TooLarge } else { Verdict::Unverified };
        Untaken { verdict, problem }
    })?;
    // Before anything is started: who is to follow an execution must be able to.
    let stream = (arrival.webhook.response == ResponseMode::Stream)
        .then(|| state.streams.open(arrival.webhook.workspace_id))
        .transpose()
        .map_err(|problem| Untaken { verdict: Verdict::RateLimited, problem })?;
    let clock = state.clock.clone();
    let show = Arc::new(move |execution: &Execution| {
        let reply = created(&clock, execution);
        (reply.status.as_u16(), reply.location, reply.body)
    });
    Ok((state.webhooks.receive(arrival, body, show).await?, stream))
}

/// The events of an execution from its first one on.
async fn events(state: &AppState, webhook: &Webhook, id: ExecutionId, stream: OpenStream) -> Result<Response, Problem> {
    let execution = state.store.execution(webhook.workspace_id, id).await?;
    let mut response = follow(&state.engine, stream, &execution);
    let place = location(webhook.workspace_id, webhook.pod_id, id);
    response.headers_mut().insert(header::LOCATION, HeaderValue::try_from(place).map_err(Problem::internal)?);
    Ok(response)
}

/// The output of an execution; the execution as it was recorded, if it does not end in time.
async fn output(state: &AppState, webhook: &Webhook, id: ExecutionId, recorded: Reply) -> Result<Reply, Problem> {
    let limit = Duration::from_secs(webhook.wait_seconds.unsigned_abs());
    let mut execution = state.store.execution(webhook.workspace_id, id).await?;
    if !execution.progress.status.is_terminal() && ended_within(&state.engine, &execution, limit).await? {
        execution = state.store.execution(webhook.workspace_id, id).await?;
    }
    let place = location(webhook.workspace_id, webhook.pod_id, id);
    match execution.progress.status {
        ExecutionStatus::Completed => {
            let output = execution.progress.output.unwrap_or_default();
            Ok(Reply::new(StatusCode::OK, Some(place), &output))
        }
        status @ (ExecutionStatus::Failed | ExecutionStatus::Cancelled) => {
            // Why is for those who may see the execution.
            let problem = Problem::new(Code::ExecutionFailed, format!("execution {id} has {}", status.as_str()));
            let place = HeaderValue::try_from(place).map_err(Problem::internal)?;
            Err(problem.with_header(header::LOCATION, place))
        }
        _ => Ok(Reply { status: StatusCode::ACCEPTED, ..recorded }),
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unverified(mismatch) => Self::new(Code::WebhookUnverified, mismatch.to_string()),
            Refusal::TooLarge => Self::new(
                Code::BodyTooLarge,
                format!("a delivery's input must not be larger than {MAX_INPUT_BYTES} bytes"),
            ),
            Refusal::Key(key) => Self::new(
                Code::InvalidHeader,
                format!("`{}` must be given once, as 1 to 255 visible ASCII characters", key.0),
            ),
            Refusal::KeyReused => {
                Self::new(Code::IdempotencyKeyReused, "this idempotency key was used for another delivery")
            }
            Refusal::RateLimited(seconds) => {
                Self::new(Code::TooManyRequests, "the webhook gets too many deliveries").retry_after_s(seconds)
            }
            Refusal::Engine(EngineError::Store(StoreError::NotFound(_))) => Self::not_found("webhook"),
            Refusal::Engine(error) => error.into(),
        }
    }
}
