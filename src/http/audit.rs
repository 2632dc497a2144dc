//! The audit log of a workspace: by pages, and whole for checking it elsewhere.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{OriginalUri, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Admin},
    error::Problem,
    query::{Limit, Query},
    reply::List,
    state::AppState,
};
use crate::{
    domain::audit::AuditRecord,
    store::{AuditFilter, Store},
};

/// How many records are read at a time for an export.
const EXPORT_PAGE: i64 = 500;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_audit)).routes(routes!(export_audit))
}

/// Which records are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// About this thing: the id of a suspension, an execution, a workflow, ...
    subject: Option<String>,
    /// How many rows.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

/// List the audit log
///
/// Admins and higher. Who did what of consequence, newest first: decisions, cancels, and changes of the workspace, its members,
/// keys, secrets, pods and workflows. Each record is written together with what it tells of.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/audit", tag = "workspaces", params(AuditQuery),
    responses((status = 200, description = "The records", body = Vec<AuditRecord>)),
)]
async fn list_audit(
    access: Access<Admin>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<AuditQuery>,
) -> Result<List, Problem> {
    let filter = AuditFilter { subject: query.subject };
    let page = store.audit(access.workspace_id(), &filter, query.limit.0, query.cursor.as_deref()).await?;
    List::new(&uri, &page)
}

/// Export the audit log
///
/// Admins and higher. All records, oldest first, one line of JSON each. `sluicegate audit verify` checks that none was changed,
/// left out or added: each carries the hash of the one before.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/audit/export", tag = "workspaces",
    responses((status = 200, description = "The records", body = String, content_type = "application/x-ndjson")),
)]
async fn export_audit(access: Access<Admin>, State(store): State<Arc<dyn Store>>) -> Result<Response, Problem> {
    let workspace = access.workspace_id();
    // The first page before the reply begins: a database that is away is a problem document, not a broken body.
    let mut page = store.audit_after(workspace, 0, EXPORT_PAGE).await?;
    let lines = async_stream::try_stream! {
        while let Some(last) = page.last().map(|record| record.seq) {
            let mut text = String::new();
            for record in &page {
                text.push_str(&serde_json::to_string(record).map_err(std::io::Error::other)?);
                text.push('\n');
            }
            yield text;
            page = store.audit_after(workspace, last, EXPORT_PAGE).await.map_err(std::io::Error::other)?;
        }
    };
    let lines: std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<String, std::io::Error>> + Send>> =
        Box::pin(lines);
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(([kind, (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Body::from_stream(lines))
        .into_response())
}
