//! Collections of documents: what workflows look things up in, and what they remember.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Editor, Viewer},
    error::{Code, Problem},
    extract::{CollectionName, DocumentKey, Param},
    idempotency::Idempotent,
    query::{Limit, PageQuery, Query},
    reply::{List, Reply},
    state::AppState,
    subjects::kept,
};
use crate::{
    clock::Instant,
    domain::document::{Collection, Document, FoundDocument, MAX_DOCUMENTS, MEMORY, Match, Search, name_problem},
    engine::Engine,
    nodes::{MAX_VALUE_DEPTH, fits_depth},
    store::{Page, Store, StoreError, catalogue::Change, documents::COLLECTION_FULL},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_collections))
        .routes(routes!(delete_collection))
        .routes(routes!(list_documents))
        .routes(routes!(get_document, put_document, delete_document))
}

/// A document as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutDocument {
    /// What it holds: any JSON, up to 262144 bytes.
    #[schema(value_type = Value)]
    value: Value,
    /// What is searched, up to 262144 bytes; the texts in `value`, if missing.
    #[serde(default)]
    text: Option<String>,
    /// From when on it is gone; never, if missing.
    #[serde(default)]
    expires_at: Option<Instant>,
}

/// Which documents are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DocumentQuery {
    /// Those whose key begins with this.
    prefix: Option<String>,
    /// Searches the texts for these words; signs between them mean nothing. The documents that fit best come first, and there are
    /// no further pages.
    q: Option<String>,
    /// With `q`: whether all words have to be in a document, or any.
    #[param(required = false, inline)]
    r#match: Matching,
    /// With `q`: whether the last word may be the beginning of one.
    partial: bool,
    /// How many rows.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

/// What a search demands of a document.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// All words.
    #[default]
    All,
    /// One of them.
    Any,
}

/// A document in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedDocument {
    /// The document.
    #[serde(flatten)]
    document: Document,
    /// With `q`: how well it fits, in proportion to the one that fits best, whose score is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// With `q`: the part of its text with the most of what was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<String>,
}

/// List collections
///
/// By name, with the number of their documents. Those whose names begin with `memory:` are what workflows remember.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/collections", tag = "documents", params(PageQuery),
    responses((status = 200, description = "The collections", body = Vec<Collection>)),
)]
async fn list_collections(
    access: Access<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    List::new(&uri, &store.collections(access.workspace_id(), page.limit.0, page.cursor.as_deref()).await?)
}

/// Delete a collection
///
/// Editors and higher. With all of its documents.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/collections/{collectionName}", tag = "documents",
    responses((status = 204, description = "It is gone")),
)]
async fn delete_collection(
    access: Access<Editor>,
    Param(name): Param<CollectionName>,
    State(store): State<Arc<dyn Store>>,
) -> Result<StatusCode, Problem> {
    store.change(Change::DeleteCollection(access.workspace_id(), name.0), &access.author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List or search documents
///
/// By key; with `q`, those that fit best first. A page may have fewer rows than `limit` although there are more: it ends at 4 MiB.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/collections/{collectionName}/documents", tag = "documents",
    params(DocumentQuery),
    responses((status = 200, description = "The documents", body = Vec<ListedDocument>)),
)]
async fn list_documents(
    access: Access<Viewer>,
    Param(name): Param<CollectionName>,
    State(engine): State<Engine>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<DocumentQuery>,
) -> Result<List, Problem> {
    let DocumentQuery { prefix, q, r#match, partial, limit, cursor } = query;
    let (store, workspace, now) = (engine.store(), access.workspace_id(), engine.clock().now());
    let Some(text) = q else {
        let prefix = prefix.unwrap_or_default();
        let page = store.documents(workspace, &name.0, &prefix, now, limit.0, cursor.as_deref()).await?;
        let listed = |document| ListedDocument { document, score: None, snippet: None };
        return List::new(&uri, &Page { items: page.items.into_iter().map(listed).collect(), next: page.next });
    };
    for (field, is_set) in [("prefix", prefix.is_some()), ("cursor", cursor.is_some())] {
        if is_set {
            return Err(Problem::field(Code::InvalidQuery, field, "can't be combined with `q`"));
        }
    }
    let matches = match r#match {
        Matching::All => Match::All,
        Matching::Any => Match::Any,
    };
    let search = Search::new(&text, matches);
    let search = if partial { search.with_prefix() } else { search };
    let found = store.search_documents(workspace, &name.0, &search, now, limit.0).await?;
    let listed = |FoundDocument { document, score, snippet }| ListedDocument {
        document,
        score: Some(score),
        snippet: Some(snippet),
    };
    List::new(&uri, &Page { items: found.into_iter().map(listed).collect(), next: None })
}

/// Get a document
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/collections/{collectionName}/documents/{documentKey}", tag = "documents",
    responses((status = 200, description = "The document", body = Document)),
)]
async fn get_document(
    access: Access<Viewer>,
    Param(name): Param<CollectionName>,
    Param(key): Param<DocumentKey>,
    State(engine): State<Engine>,
) -> Result<Reply, Problem> {
    let now = engine.clock().now();
    Ok(Reply::ok(&engine.store().document(access.workspace_id(), &name.0, &key.0, now).await?))
}

/// Make or replace a document
///
/// Editors and higher. A collection is there as long as it has documents, up to 100,000. Those whose names begin with `memory:` are
/// written by workflows alone.
#[utoipa::path(
    put, path = "/workspaces/{workspaceId}/collections/{collectionName}/documents/{documentKey}", tag = "documents",
    request_body = PutDocument,
    responses(
        (status = 200, description = "The document, replaced", body = Document),
        (status = 201, description = "The document, new", body = Document),
        (status = 409, description = "The collection is full"),
    ),
)]
async fn put_document(
    access: Access<Editor>,
    Param(name): Param<CollectionName>,
    Param(document_key): Param<DocumentKey>,
    State(engine): State<Engine>,
    Idempotent { body, key }: Idempotent<PutDocument>,
) -> Result<Reply, Problem> {
    let invalid = |path: &str, message: String| Problem::field(Code::InvalidValue, path, message);
    for (path, name) in [("collectionName", &name.0), ("documentKey", &document_key.0)] {
        if let Some(problem) = name_problem(name) {
            return Err(invalid(path, problem));
        }
    }
    if name.0.starts_with(MEMORY) {
        return Err(invalid("collectionName", format!("names that begin with `{MEMORY}` belong to workflows")));
    }
    if !fits_depth(&body.value, MAX_VALUE_DEPTH) {
        return Err(invalid("/value", format!("nests deeper than {MAX_VALUE_DEPTH} levels")));
    }
    let now = engine.clock().now();
    if body.expires_at.is_some_and(|at| at <= now) {
        return Err(invalid("/expiresAt", "must be in the future".to_owned()));
    }
    let document = Document::new((&name.0, &document_key.0), body.value, body.text, now, body.expires_at)
        .map_err(|(field, problem)| invalid(&format!("/{field}"), problem))?;
    let workspace_id = access.workspace_id();
    let (document, is_new) = match engine.store().put_document(workspace_id, &document).await {
        Ok(written) => written,
        Err(StoreError::Refused(COLLECTION_FULL)) => {
            let message = format!("the collection holds {MAX_DOCUMENTS} documents, and can't take more");
            return Err(Problem::new(Code::Conflict, message));
        }
        Err(error) => return Err(error.into()),
    };
    let reply = if is_new {
        let [name, key] = [&name.0, &document_key.0].map(|part| part.replace('/', "%2F"));
        Reply::created(format!("/v1/workspaces/{workspace_id}/collections/{name}/documents/{key}"), &document)
    } else {
        Reply::ok(&document)
    };
    kept(&engine, &key, reply).await
}

/// Delete a document
///
/// Editors and higher.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/collections/{collectionName}/documents/{documentKey}", tag = "documents",
    responses((status = 204, description = "It is gone")),
)]
async fn delete_document(
    access: Access<Editor>,
    Param(name): Param<CollectionName>,
    Param(key): Param<DocumentKey>,
    State(engine): State<Engine>,
) -> Result<StatusCode, Problem> {
    let now = engine.clock().now();
    let was_there = engine.store().delete_document(access.workspace_id(), &name.0, &key.0, now).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("document")) }
}
