//! What nodes do with the documents of their workspace. The handle belongs to one workspace: no node can name another.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    clock::{Clock, Instant},
    domain::{
        document::{Document, FoundDocument, MAX_DOCUMENTS, Search},
        failure::{Failure, FailureCode},
        ids::WorkspaceId,
    },
    store::{
        Page, StoreError,
        documents::{Append, COLLECTION_FULL, Documents as Store},
    },
};

use super::config::invalid;

/// The documents of the workspace whose execution an effect belongs to.
#[derive(Clone)]
pub struct Documents {
    store: Arc<dyn Store>,
    workspace: WorkspaceId,
    clock: Clock,
}

impl Documents {
    /// Those of a workspace.
    pub fn new(store: Arc<dyn Store>, workspace: WorkspaceId, clock: Clock) -> Self {
        Self { store, workspace, clock }
    }

    /// The document under a key, if there is one.
    pub async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, Failure> {
        match self.store.document(self.workspace, collection, key, self.clock.now()).await {
            Ok(document) => Ok(Some(document)),
            Err(StoreError::NotFound("document")) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Writes a value under a key; `ttl_ms` from now on it is gone.
    pub async fn set(&self, of: (&str, &str), value: Value, ttl_ms: Option<i64>) -> Result<Document, Failure> {
        let now = self.clock.now();
        let document = Document::new(of, value, None, now, until(now, ttl_ms)).map_err(unfit)?;
        let (document, _) = self.store.put_document(self.workspace, &document).await.map_err(|error| failed(&error))?;
        Ok(document)
    }

    /// Puts an item at the end of the list under a key, once for each `mark`, and keeps the last `keep` items.
    pub async fn append(
        &self,
        of: (&str, &str),
        item: Value,
        mark: String,
        keep: Option<usize>,
        ttl_ms: Option<i64>,
    ) -> Result<Document, Failure> {
        let now = self.clock.now();
        // The names and the item are looked at before the list is.
        Document::new(of, item.clone(), None, now, None).map_err(unfit)?;
        let (collection, key) = (of.0.to_owned(), of.1.to_owned());
        let append = Append { collection, key, item, mark, keep, now, expires_at: until(now, ttl_ms) };
        self.store.append_to_document(self.workspace, &append).await.map_err(|error| failed(&error))
    }

    /// Deletes what is under a key; `false` if nothing is.
    pub async fn delete(&self, collection: &str, key: &str) -> Result<bool, Failure> {
        let deleted = self.store.delete_document(self.workspace, collection, key, self.clock.now()).await;
        deleted.map_err(|error| failed(&error))
    }

    /// The first documents whose keys begin with a prefix, by key.
    pub async fn list(&self, collection: &str, prefix: &str, limit: i64) -> Result<Page<Document>, Failure> {
        let now = self.clock.now();
        let page = self.store.documents(self.workspace, collection, prefix, now, limit, None).await;
        page.map_err(|error| failed(&error))
    }

    /// The documents that fit best.
    pub async fn search(&self, collection: &str, search: &Search, limit: i64) -> Result<Vec<FoundDocument>, Failure> {
        let found = self.store.search_documents(self.workspace, collection, search, self.clock.now(), limit).await;
        found.map_err(|error| failed(&error))
    }
}

fn until(now: Instant, ttl_ms: Option<i64>) -> Option<Instant> {
    ttl_ms.map(|ms| now.plus_ms(ms))
}

fn unfit((field, problem): (&'static str, String)) -> Failure {
    invalid(format!("`{field}` {problem}"))
}

fn failed(error: &StoreError) -> Failure {
    match error {
        StoreError::Refused(COLLECTION_FULL) => {
            Failure::new(FailureCode::LimitExceeded, format!("{COLLECTION_FULL}: {MAX_DOCUMENTS}"))
        }
        StoreError::Refused(why) => invalid(*why),
        StoreError::NotFound(what) => invalid(format!("the {what} was not found")),
        other => {
            tracing::warn!(error = %other, "documents could not be reached");
            Failure::retryable(FailureCode::Internal, "the documents could not be reached")
        }
    }
}
