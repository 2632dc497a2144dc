//! What was told of a suspension, to whom, and what became of it; and the address of a callback.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Editor, Viewer},
    error::{Code, Problem},
    extract::Param,
    idempotency::{Idempotent, NoBody},
    query::{PageQuery, Query},
    reply::{List, Reply, page_of},
    state::AppState,
};
use crate::{
    clock::Instant,
    config::Config,
    domain::{
        ids::{NotificationId, SuspensionId},
        notification::{NotificationView, Purpose},
        suspension::{SuspensionKind, SuspensionState},
    },
    engine::{Engine, callback_link},
    store::{Store, StoreError},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(redeliver_notification))
        .routes(routes!(get_callback))
}

/// List the notifications of a suspension
///
/// Whom the gate's `notify` tells, when, and what became of each attempt. Oldest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/notifications", tag = "suspensions",
    params(PageQuery),
    responses((status = 200, description = "The notifications", body = Vec<NotificationView>)),
)]
async fn list_notifications(
    access: Access<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Param(id): Param<SuspensionId>,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    let suspension = store.suspension(access.workspace_id(), id).await?;
    let told = store.notifications(access.workspace_id(), suspension.id).await?;
    let told: Vec<_> = told.into_iter().map(NotificationView::from).collect();
    let page = page_of(told, page.limit.0, page.cursor.as_deref(), |told| told.id.to_string())?;
    List::new(&uri, &page)
}

/// Send a notification again
///
/// Editors and higher. With the same id and the same link; one that is still to be sent is left alone.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/notifications/{notificationId}/redeliver",
    tag = "suspensions", request_body(content = NoBody),
    responses(
        (status = 200, description = "The notification", body = NotificationView),
        (status = 409, description = "The suspension is closed"),
    ),
)]
async fn redeliver_notification(
    access: Access<Editor>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(id): Param<SuspensionId>,
    Param(notification): Param<NotificationId>,
    Idempotent { body: NoBody {}, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    let again = store.redeliver(access.workspace_id(), id, notification, engine.clock().now()).await;
    let again = again.map_err(|error| match error {
        StoreError::Refused(_) => {
            Problem::new(Code::SuspensionClosed, "the suspension is closed: there is nothing to tell")
        }
        error => error.into(),
    })?;
    engine.ring_notifications();
    Ok(Reply::ok(&NotificationView::from(again)))
}

/// Where a callback is to be called.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallbackAddress {
    /// The address to post JSON to. Whoever knows it can answer.
    url: String,
    /// Until when it takes an answer; without end, if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Instant>,
}

/// Get the address of a callback
///
/// Editors and higher. Only an open callback has one.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/suspensions/{suspensionId}/callback", tag = "suspensions",
    responses(
        (status = 200, description = "The address", body = CallbackAddress),
        (status = 409, description = "The suspension is closed"),
    ),
)]
async fn get_callback(
    access: Access<Editor>,
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    State(config): State<Arc<Config>>,
    Param(id): Param<SuspensionId>,
) -> Result<Reply, Problem> {
    let suspension = store.suspension(access.workspace_id(), id).await?;
    if suspension.interrupt.kind != SuspensionKind::Callback {
        return Err(Problem::not_found("callback"));
    }
    if suspension.state != SuspensionState::Open {
        return Err(Problem::new(Code::SuspensionClosed, "the callback has come, or is waited for no longer"));
    }
    let token = engine.links().token(Purpose::Callback, callback_link(id));
    let url = format!("{}/v1/callbacks/{token}", config.public_url());
    Ok(Reply::ok(&CallbackAddress { url, expires_at: suspension.interrupt.expires_at }))
}
