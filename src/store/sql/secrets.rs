//! The server's own secrets: made once, whoever is first, and the same for every instance from then on.

use std::sync::Arc;

use crate::{clock::Instant, store::StoreError};

use super::{
    SqlStore,
    backend::{Backend, Columns, cells},
};

const OFFER: &str =
    "INSERT INTO server_secrets (name, secret, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";

const KEPT: &str = "SELECT secret FROM server_secrets WHERE name = $1";

impl<B: Backend> SqlStore<B> {
    pub(super) async fn server_secret(
        &self,
        name: &str,
        candidate: &[u8],
        now: Instant,
    ) -> Result<Vec<u8>, StoreError> {
        let work = Arc::new((name.to_owned(), candidate.to_vec()));
        self.write(move |connection| {
            let work = Arc::clone(&work);
            Box::pin(async move {
                let (name, candidate) = &*work;
                B::execute(connection, OFFER, cells![name, candidate, now]).await?;
                let rows = B::fetch(connection, KEPT, cells![name]).await?;
                let row = rows.first().ok_or(StoreError::NotFound("server secret"))?;
                Columns::<B>::new(row).next()
            })
        })
        .await
    }
}
