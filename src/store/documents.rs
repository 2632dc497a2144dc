//! What is kept of documents. Whoever writes to a collection takes its row first, so writers of one collection take turns: an
//! append is not lost, and the number of documents is right.

use async_trait::async_trait;
use serde_json::Value;

use super::{Page, StoreError};
use crate::{
    clock::Instant,
    domain::{
        document::{Collection, Document, FoundDocument, Search},
        ids::WorkspaceId,
    },
};

/// What `Refused` says of a collection that can take no further document.
pub const COLLECTION_FULL: &str = "the collection holds as many documents as it may";
/// What `Refused` says of an append to something else than a list.
pub const NOT_A_LIST: &str = "the value is not a list";
/// What `Refused` says of a list that would become too long.
pub const TOO_LONG: &str = "the list would be longer than a value may be";

/// An item for the end of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// The list's collection.
    pub collection: String,
    /// Its key.
    pub key: String,
    /// The item.
    pub item: Value,
    /// Stands for this append: the same one is carried out once, as long as it is among the last 1,000 of its list.
    pub mark: String,
    /// Only so many items are kept, the last ones.
    pub keep: Option<usize>,
    /// When.
    pub now: Instant,
    /// From when on the list is gone; none leaves that as it is.
    pub expires_at: Option<Instant>,
}

/// The methods of the store about documents. What has expired at `now` is not there.
#[async_trait]
pub trait Documents: Send + Sync {
    /// A page of the collections, by name; `cursor` is the last name of the page before.
    async fn collections(
        &self,
        workspace: WorkspaceId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Collection>, StoreError>;

    /// A document.
    async fn document(
        &self,
        workspace: WorkspaceId,
        collection: &str,
        key: &str,
        now: Instant,
    ) -> Result<Document, StoreError>;

    /// A page of the documents whose keys begin with `prefix`, by key; `cursor` is the last key of the page before. It may have fewer
    /// than `limit` although there are more: it ends at the one that fills [`EVENTS_BYTES`](super::EVENTS_BYTES).
    async fn documents(
        &self,
        workspace: WorkspaceId,
        collection: &str,
        prefix: &str,
        now: Instant,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Document>, StoreError>;

    /// The documents of a collection in which the words are, those that fit best first; as many bytes as a page.
    async fn search_documents(
        &self,
        workspace: WorkspaceId,
        collection: &str,
        search: &Search,
        now: Instant,
        limit: i64,
    ) -> Result<Vec<FoundDocument>, StoreError>;

    /// Writes a document, in the place of one that is there: that one's `created_at` stays. Answers it as it is, and whether it
    /// is new. `Refused` with [`COLLECTION_FULL`].
    async fn put_document(&self, workspace: WorkspaceId, document: &Document) -> Result<(Document, bool), StoreError>;

    /// Puts an item at the end of a list, which is made if it is not there; answers the list. `Refused` with [`NOT_A_LIST`],
    /// [`TOO_LONG`] or [`COLLECTION_FULL`].
    async fn append_to_document(&self, workspace: WorkspaceId, append: &Append) -> Result<Document, StoreError>;

    /// Deletes a document; `false` if it was not there.
    async fn delete_document(
        &self,
        workspace: WorkspaceId,
        collection: &str,
        key: &str,
        now: Instant,
    ) -> Result<bool, StoreError>;

    /// Removes up to `limit` documents that have expired at `now`; answers how many.
    async fn forget_documents(&self, now: Instant, limit: i64) -> Result<u64, StoreError>;
}
