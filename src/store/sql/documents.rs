//! Documents and collections. Words are taken apart before they get here, so an index of words is all that is asked of the
//! databases, and any text can be looked for.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    clock::Instant,
    domain::{
        document::{
            self, Collection, Document, FoundDocument, MAX_BYTES, MAX_DOCUMENTS, Match, Search, place, snippet, words,
        },
        ids::WorkspaceId,
    },
    store::{
        EVENTS_BYTES, Page, StoreError,
        documents::{Append, COLLECTION_FULL, Documents, NOT_A_LIST, TOO_LONG},
    },
};

use super::{
    SqlStore,
    backend::{Backend, Cell, Columns, Dialect, Sql, Whom, cells},
    page,
};

/// How many appends a list remembers.
const MARKS: usize = 1_000;
const MARK_CHARS: usize = 16;

macro_rules! columns {
    () => {
        "d.collection, d.key, d.value, d.text, d.created_at, d.updated_at, d.expires_at"
    };
}

/// Where those two stand in a row.
const VALUE_AND_TEXT: [usize; 2] = [2, 3];

const COLLECTIONS: &str = "SELECT name, documents FROM collections
     WHERE workspace_id = $1 AND name > $2 AND documents > 0 ORDER BY name LIMIT +$3";
const ONE: &str = concat!(
    "SELECT ",
    columns!(),
    ", d.marks FROM documents AS d WHERE d.workspace_id = $1 AND d.collection = $2 AND d.key = $3
     AND (d.expires_at IS NULL OR d.expires_at > $4)"
);
/// Keys are ASCII: what begins with a prefix lies between it and itself with the last character after it.
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM documents AS d WHERE d.workspace_id = $1 AND d.collection = $2 AND d.key >= $3 AND d.key < $4 AND d.key > $5
     AND (d.expires_at IS NULL OR d.expires_at > $6) ORDER BY d.key LIMIT +$7"
);

/// $1 and $2 are the words as each database reads them, $7 is the place. It is one of the words, so that a tenant's search looks
/// through its own collection alone; it counts nothing for the rank. PostgreSQL ranks by the words without it.
const SEARCH: Dialect = Dialect {
    sqlite: concat!(
        "SELECT ",
        columns!(),
        ", -bm25(documents_search, 0.0, 1.0) AS rank
     FROM documents_search AS s CROSS JOIN documents AS d ON d.id = s.rowid
     WHERE documents_search MATCH $1 AND $2 IS NOT NULL AND $7 IS NOT NULL AND d.workspace_id = $3 AND d.collection = $4
         AND (d.expires_at IS NULL OR d.expires_at > $5)
     ORDER BY rank DESC, d.key LIMIT +$6"
    ),
    postgres: concat!(
        "SELECT ",
        columns!(),
        ", ts_rank_cd(d.search, to_tsquery('simple', $2), 1)::float8 AS rank
     FROM documents AS d
     WHERE d.search @@ (to_tsquery('simple', $7) && to_tsquery('simple', $2)) AND numnode(to_tsquery('simple', $2)) > 0
         AND $1 IS NOT NULL AND d.workspace_id = $3 AND d.collection = $4
         AND (d.expires_at IS NULL OR d.expires_at > $5)
     ORDER BY rank DESC, d.key LIMIT +$6"
    ),
};

const HOLD: &str = "INSERT INTO collections (workspace_id, name, documents) VALUES ($1, $2, 0)
     ON CONFLICT (workspace_id, name) DO UPDATE SET documents = collections.documents";
const COUNT_ONE: &str = "UPDATE collections SET documents = documents + 1
     WHERE workspace_id = $1 AND name = $2 AND documents < $3";
const COUNT_OFF: &str = "UPDATE collections SET documents = documents - $3 WHERE workspace_id = $1 AND name = $2";
const TIDY: &str = "DELETE FROM collections WHERE workspace_id = $1 AND name = $2 AND documents <= 0";
const WRITE: &str = "INSERT INTO documents
         (workspace_id, collection, key, created_at, updated_at, expires_at, place, marks, value, text, words)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (workspace_id, collection, key) DO UPDATE SET created_at = excluded.created_at,
         updated_at = excluded.updated_at, expires_at = excluded.expires_at, marks = excluded.marks,
         value = excluded.value, text = excluded.text, words = excluded.words";
const EXISTS: &str = "SELECT 1 FROM documents WHERE workspace_id = $1 AND collection = $2 AND key = $3";
const DELETE: &str = "DELETE FROM documents WHERE workspace_id = $1 AND collection = $2 AND key = $3";
const DELETE_ALL: [&str; 2] = [
    "DELETE FROM documents WHERE workspace_id = $1 AND collection = $2",
    "DELETE FROM collections WHERE workspace_id = $1 AND name = $2",
];
const EXPIRED: &str =
    "SELECT workspace_id, collection FROM documents WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1";
const FORGET: &str = "DELETE FROM documents WHERE workspace_id = $1 AND collection = $2 AND key IN (
         SELECT key FROM documents WHERE workspace_id = $1 AND collection = $2 AND expires_at <= $3 LIMIT +$4
     )";

#[async_trait]
impl<B: Backend> Documents for SqlStore<B> {
    async fn collections(
        &self,
        workspace: WorkspaceId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Collection>, StoreError> {
        let rows = self.read_of(workspace, COLLECTIONS, cells![known(cursor)?, limit + 1]).await?;
        let collections = rows.iter().map(|row| {
            let mut columns = Columns::<B>::new(row);
            Ok(Collection { name: columns.next()?, documents: columns.next()? })
        });
        let collections = collections.collect::<Result<_, StoreError>>()?;
        Ok(page(collections, limit, |collection: &Collection| collection.name.clone()))
    }

    async fn document(
        &self,
        workspace: WorkspaceId,
        collection: &str,
        key: &str,
        now: Instant,
    ) -> Result<Document, StoreError> {
        if [collection, key].into_iter().any(|name| document::name_problem(name).is_some()) {
            return Err(StoreError::NotFound("document"));
        }
        let row = self.read_one_of(workspace, "document", ONE, cells![collection, key, now]).await?;
        read_document(&mut Columns::<B>::new(&row))
    }

    async fn documents(
        &self,
        workspace: WorkspaceId,
        collection: &str,
        prefix: &str,
        now: Instant,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Document>, StoreError> {
        // With a letter in front a prefix of dots is a name, too.
        if document::name_problem(&["k", prefix].concat()).is_some() || document::name_problem(collection).is_some() {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let cells = cells![workspace, collection, prefix, [prefix, "\u{7f}"].concat(), known(cursor)?, now, limit + 1];
        let (rows, cut) = self.read_some(Whom::Tenant(workspace), LIST, cells).await?;
        let found = rows.iter().map(|row| read_document(&mut Columns::<B>::new(row))).collect::<Result<_, _>>()?;
        let mut page = page(found, limit, |document: &Document| document.key.clone());
        if cut && page.next.is_none() {
            page.next = page.items.last().map(|document| document.key.clone());
        }
        Ok(page)
    }

    async fn search_documents(
        &self,
        workspace: WorkspaceId,
        collection: &str,
        search: &Search,
        now: Instant,
        limit: i64,
    ) -> Result<Vec<FoundDocument>, StoreError> {
        if search.words().is_empty() || document::name_problem(collection).is_some() {
            return Ok(Vec::new());
        }
        let place = place(workspace, collection);
        let cells = cells![match_query(&place, search), tsquery(search), workspace, collection, now, limit, place,];
        let (rows, _) = self.read_some(Whom::Engine, B::pick(SEARCH), cells).await?;
        let mut found = Vec::with_capacity(rows.len());
        let mut best: Option<f64> = None;
        for row in &rows {
            let mut columns = Columns::<B>::new(row);
            let document = read_document(&mut columns)?;
            let rank: f64 = columns.next()?;
            let best = *best.get_or_insert(rank);
            let score = if best > 0.0 { (rank / best).clamp(0.0, 1.0) } else { 1.0 };
            let snippet = snippet(&document.text, search);
            found.push(FoundDocument { document, score, snippet });
        }
        Ok(found)
    }

    async fn put_document(&self, workspace: WorkspaceId, document: &Document) -> Result<(Document, bool), StoreError> {
        let document = Arc::new(document.clone());
        self.write_of(workspace, move |connection| {
            let document = Arc::clone(&document);
            Box::pin(async move {
                hold::<B>(connection, workspace, &document.collection).await?;
                let mut document = Document::clone(&document);
                let before = present::<B>(connection, workspace, &document).await?;
                if let Some((before, _)) = &before {
                    document.created_at = before.created_at;
                }
                write::<B>(connection, workspace, &document, "").await?;
                Ok((document, before.is_none()))
            })
        })
        .await
    }

    async fn append_to_document(&self, workspace: WorkspaceId, append: &Append) -> Result<Document, StoreError> {
        let append = Arc::new(append.clone());
        self.write_of(workspace, move |connection| {
            let append = Arc::clone(&append);
            Box::pin(async move {
                hold::<B>(connection, workspace, &append.collection).await?;
                carry_out::<B>(connection, workspace, &append).await
            })
        })
        .await
    }

    async fn delete_document(
        &self,
        workspace: WorkspaceId,
        collection: &str,
        key: &str,
        now: Instant,
    ) -> Result<bool, StoreError> {
        if [collection, key].into_iter().any(|name| document::name_problem(name).is_some()) {
            return Ok(false);
        }
        let names = Arc::new((collection.to_owned(), key.to_owned()));
        self.write_of(workspace, move |connection| {
            let names = Arc::clone(&names);
            Box::pin(async move {
                let (collection, key) = &*names;
                hold::<B>(connection, workspace, collection).await?;
                let there = B::fetch(connection, ONE, cells![workspace, collection, key, now]).await?;
                let gone = B::execute(connection, DELETE, cells![workspace, collection, key]).await?;
                count_off::<B>(connection, workspace, collection, gone).await?;
                Ok(!there.is_empty())
            })
        })
        .await
    }

    async fn forget_documents(&self, now: Instant, limit: i64) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        while let Some(left) = limit.checked_sub_unsigned(forgotten).filter(|left| *left > 0) {
            let rows = self.read(EXPIRED, cells![now]).await?;
            let Some(row) = rows.first() else { break };
            let mut columns = Columns::<B>::new(row);
            let of: Arc<(WorkspaceId, String)> = Arc::new((columns.id()?, columns.next()?));
            let gone = self.write(move |connection| {
                let of = Arc::clone(&of);
                Box::pin(async move {
                    let (workspace, collection) = &*of;
                    hold::<B>(connection, *workspace, collection).await?;
                    let gone = B::execute(connection, FORGET, cells![*workspace, collection, now, left]).await?;
                    count_off::<B>(connection, *workspace, collection, gone).await?;
                    Ok(gone)
                })
            });
            forgotten += gone.await?;
        }
        Ok(forgotten)
    }
}

impl<B: Backend> SqlStore<B> {
    /// Reads documents up to the one that fills a page in bytes, and tells whether it came to that.
    async fn read_some(
        &self,
        whom: Whom,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<(Vec<B::Row>, bool), StoreError> {
        let (mut bytes, mut cut) = (0, false);
        let enough = |row: &B::Row| {
            bytes += VALUE_AND_TEXT.map(|column| B::text_bytes(row, column)).iter().sum::<usize>();
            cut = bytes >= EVENTS_BYTES;
            cut
        };
        let rows = self.read_for(whom, Sql::Literal(sql), cells, enough).await?;
        Ok((rows, cut))
    }
}

/// Deletes a collection with its documents. `NotFound` if it has none.
pub(super) async fn delete_collection<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<(), StoreError> {
    if document::name_problem(name).is_some() {
        return Err(StoreError::NotFound("collection"));
    }
    hold::<B>(connection, workspace, name).await?;
    let mut gone = 0;
    for (step, delete) in DELETE_ALL.into_iter().enumerate() {
        let rows = B::execute(connection, delete, cells![workspace, name]).await?;
        gone = if step == 0 { rows } else { gone };
    }
    if gone == 0 { Err(StoreError::NotFound("collection")) } else { Ok(()) }
}

/// Takes the collection's row for this transaction.
async fn hold<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<(), StoreError> {
    match B::execute(connection, HOLD, cells![workspace, name]).await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(refused)) if refused.is_foreign_key_violation() => {
            Err(StoreError::NotFound("workspace"))
        }
        Err(error) => Err(error.into()),
    }
}

/// The document that a write meets, and its marks; an expired one is none.
async fn present<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    of: &Document,
) -> Result<Option<(Document, String)>, StoreError> {
    let rows = B::fetch(connection, ONE, cells![workspace, &of.collection, &of.key, of.updated_at]).await?;
    let read = |row| {
        let mut columns = Columns::<B>::new(row);
        Ok((read_document(&mut columns)?, columns.next()?))
    };
    rows.first().map(read).transpose()
}

async fn carry_out<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    append: &Append,
) -> Result<Document, StoreError> {
    let names = (append.collection.as_str(), append.key.as_str());
    let refused = |_| StoreError::Refused(TOO_LONG);
    let empty = Document::new(names, Value::Array(Vec::new()), None, append.now, append.expires_at).map_err(refused)?;
    let (list, marks) = present::<B>(connection, workspace, &empty).await?.unwrap_or((empty, String::new()));
    let mark = &append.mark[..append.mark.floor_char_boundary(MARK_CHARS)];
    if marks.split(' ').any(|known| known == mark) {
        return Ok(list);
    }
    let Value::Array(mut items) = list.value else { return Err(StoreError::Refused(NOT_A_LIST)) };
    items.push(append.item.clone());
    if let Some(keep) = append.keep {
        items.drain(..items.len().saturating_sub(keep));
    }
    let expires_at = append.expires_at.or(list.expires_at);
    let mut document = Document::new(names, Value::Array(items), None, append.now, expires_at).map_err(refused)?;
    document.created_at = list.created_at;
    let mut kept: Vec<&str> = marks.split(' ').filter(|mark| !mark.is_empty()).collect();
    kept.push(mark);
    kept.drain(..kept.len().saturating_sub(MARKS));
    write::<B>(connection, workspace, &document, &kept.join(" ")).await?;
    Ok(document)
}

/// Writes a row whose collection is held, and counts it.
async fn write<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    document: &Document,
    marks: &str,
) -> Result<(), StoreError> {
    let Document { collection, key, value, text, created_at, updated_at, expires_at } = document;
    // One that has expired, and is not removed yet, is counted.
    if B::fetch(connection, EXISTS, cells![workspace, collection, key]).await?.is_empty()
        && B::execute(connection, COUNT_ONE, cells![workspace, collection, MAX_DOCUMENTS]).await? == 0
    {
        return Err(StoreError::Refused(COLLECTION_FULL));
    }
    let cells = cells![
        workspace,
        collection,
        key,
        *created_at,
        *updated_at,
        *expires_at,
        place(workspace, collection),
        marks,
        Cell::json(value),
        text,
        words(text),
    ];
    debug_assert!(text.len() <= MAX_BYTES, "whoever makes a document looks at its size");
    B::execute(connection, WRITE, cells).await?;
    Ok(())
}

async fn count_off<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    collection: &str,
    gone: u64,
) -> Result<(), StoreError> {
    if gone > 0 {
        B::execute(connection, COUNT_OFF, cells![workspace, collection, gone.cast_signed()]).await?;
    }
    B::execute(connection, TIDY, cells![workspace, collection]).await?;
    Ok(())
}

/// A cursor is a name: nothing is in it that the caller does not know.
fn known(cursor: Option<&str>) -> Result<&str, StoreError> {
    let cursor = cursor.unwrap_or_default();
    let odd = !cursor.is_empty() && document::name_problem(cursor).is_some();
    if odd { Err(StoreError::ForeignCursor) } else { Ok(cursor) }
}

fn read_document<B: Backend>(columns: &mut Columns<'_, B>) -> Result<Document, StoreError> {
    Ok(Document {
        collection: columns.next()?,
        key: columns.next()?,
        value: columns.json("value of a document")?,
        text: columns.next()?,
        created_at: columns.at()?,
        updated_at: columns.at()?,
        expires_at: columns.maybe_at()?,
    })
}

/// The words as SQLite's index reads them. Each is quoted, and is letters and digits.
fn match_query(place: &str, search: &Search) -> String {
    let or = joint(search, " OR ", " AND ");
    ["place : \"", place, "\" AND words : (", &join(search, '"', "*", or), ")"].concat()
}

/// The words as PostgreSQL reads them.
fn tsquery(search: &Search) -> String {
    join(search, '\'', ":*", joint(search, " | ", " & "))
}

fn joint(search: &Search, any: &'static str, all: &'static str) -> &'static str {
    if search.matches() == Match::Any { any } else { all }
}

fn join(search: &Search, quote: char, prefix: &str, joint: &str) -> String {
    let mut text = String::new();
    for (index, word) in search.words().iter().enumerate() {
        if index > 0 {
            text.push_str(joint);
        }
        text.push(quote);
        text.push_str(word);
        text.push(quote);
        if search.has_prefix() && index + 1 == search.words().len() {
            text.push_str(prefix);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::sql::plans::Session;

    const ROWS: &str = "WITH workspace AS (
             INSERT INTO workspaces (id, name, slug, created_at, updated_at) VALUES ($1, 'W', 'w', 0, 0))
         INSERT INTO documents
             (workspace_id, collection, key, created_at, updated_at, place, marks, value, text, words)
         SELECT $1, 'c', n::text, 0, 0, 'place', '', '{}', '', 'word' || n % 100 FROM generate_series(1, 3000) AS n";

    /// One that looked at the documents of the workspace, or of the collection, one after another would be right as well.
    #[tokio::test]
    async fn postgres_searches_the_index_of_words() {
        let mut session = Session::open().await;
        session.fill(ROWS, cells![Uuid::from_u128(1)]).await;
        let cells = cells!["", "'word7'", Uuid::from_u128(1), "c", 0, 50, "place"];
        let plan = session.plan(SEARCH.postgres, cells).await;
        assert!(plan.contains("Bitmap Index Scan on documents_by_search"), "{plan}");
        session.close().await;
    }
}
