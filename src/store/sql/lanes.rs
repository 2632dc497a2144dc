//! A few connections that are taken, used and given back.
//!
//! Not sqlx's pool: that one asks the server on every return whether the connection still works, one more round trip for
//! each statement, and hands a connection whose transaction was cut off to the next user. Here a lane comes back only
//! when its user says that all went well; any other lane (an error, a panic, a dropped future) is closed, and closing is
//! what ends a transaction in every case.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::backend::{Backend, Purpose};

/// The connections for one purpose.
pub struct Lanes<B: Backend> {
    backend: Arc<B>,
    purpose: Purpose,
    idle: Mutex<Vec<B::Connection>>,
    permits: Arc<Semaphore>,
}

impl<B: Backend> Lanes<B> {
    /// At most `size` of them, opened when they are first needed.
    pub fn new(backend: Arc<B>, purpose: Purpose, size: usize) -> Arc<Self> {
        let (idle, permits) = (Mutex::default(), Arc::new(Semaphore::new(size)));
        Arc::new(Self { backend, purpose, idle, permits })
    }

    /// A connection, as soon as one is free.
    pub async fn take(self: &Arc<Self>) -> Result<Lane<B>, sqlx::Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.backend.connect(self.purpose).await?,
        };
        Ok(Lane { lanes: Arc::clone(self), connection, permit })
    }

    /// Closes the connections that nobody uses: after one was lost, the others will be lost too.
    pub fn forget_idle(&self) {
        drop(std::mem::take(&mut *self.idle()));
    }

    /// Lets nobody take one from now on, and closes those that nobody uses. The others are closed when their users end.
    pub async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            B::disconnect(connection).await;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<B::Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use.
pub struct Lane<B: Backend> {
    lanes: Arc<Lanes<B>>,
    connection: B::Connection,
    permit: OwnedSemaphorePermit,
}

impl<B: Backend> Lane<B> {
    /// Gives it back for others. Only without an open transaction, and after no error.
    pub fn give_back(self) {
        let Self { lanes, connection, permit } = self;
        if !lanes.permits.is_closed() {
            lanes.idle().push(connection);
        }
        drop(permit);
    }
}

impl<B: Backend> Deref for Lane<B> {
    type Target = B::Connection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<B: Backend> DerefMut for Lane<B> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}
