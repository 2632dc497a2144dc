//! A few connections that are taken, used and given back.
//!
//! Not sqlx's pool: that one asks the server on every return whether the connection still works, one more round trip for
//! each statement, and hands a connection whose transaction was cut off to the next user. Here a lane comes back only
//! when its user says that all went well; any other lane (an error, a panic, a dropped future) is closed, and closing is
//! what ends a transaction in every case.
//!
//! Where the database has a wall between tenants, a lane knows for whom its connection was told to work, and is told again only
//! when that changes. Both kinds share one number of connections: how many are the engine's and how many are tenants' follows from
//! what is asked.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::backend::{Backend, Blame, Purpose, Whom};

/// Connections that nobody uses, the one that was given back last at the end.
type Idle<B> = Vec<(Whom, <B as Backend>::Connection)>;

/// The connections for one purpose.
pub struct Lanes<B: Backend> {
    backend: Arc<B>,
    purpose: Purpose,
    idle: Mutex<Idle<B>>,
    permits: Arc<Semaphore>,
}

impl<B: Backend> Lanes<B> {
    /// At most `size` of them, opened when they are first needed.
    pub fn new(backend: Arc<B>, purpose: Purpose, size: usize) -> Arc<Self> {
        let (idle, permits) = (Mutex::default(), Arc::new(Semaphore::new(size)));
        Arc::new(Self { backend, purpose, idle, permits })
    }

    /// A connection that works for `whom`, as soon as one is free.
    pub async fn take(self: &Arc<Self>, whom: Whom) -> Result<Lane<B>, sqlx::Error> {
        let whom = if self.backend.is_walled() { whom } else { Whom::Engine };
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let chosen = choose(&mut self.idle(), whom, self.permits.available_permits());
        let connection = match chosen {
            Some((told, connection)) if told == whom => connection,
            Some((_, mut connection)) => match self.backend.tell(&mut connection, whom).await {
                Ok(()) => connection,
                Err(error) if B::blame(&error) == Blame::Connection => {
                    self.forget_idle();
                    self.open(whom).await?
                }
                Err(error) => return Err(error),
            },
            None => self.open(whom).await?,
        };
        Ok(Lane { lanes: Arc::clone(self), whom, connection, permit })
    }

    async fn open(&self, whom: Whom) -> Result<B::Connection, sqlx::Error> {
        let mut connection = self.backend.connect(self.purpose).await?;
        if whom != Whom::Engine {
            self.backend.tell(&mut connection, whom).await?;
        }
        Ok(connection)
    }

    /// Closes the connections that nobody uses: after one was lost, the others will be lost too.
    pub fn forget_idle(&self) {
        drop(std::mem::take(&mut *self.idle()));
    }

    /// Lets nobody take one from now on, and closes those that nobody uses. The others are closed when their users end.
    pub async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for (_, connection) in idle {
            B::disconnect(connection).await;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle<B>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the connection out that is best for `whom`; none if one is to be opened, which needs one of the `free` places.
///
/// Best is one that was told so already, the latest. Then one that works for tenants, or for the engine, as `whom` does: the one that
/// has rested longest, so that whoever asks often finds his own. One of the other kind only where no more may be opened.
fn choose<C>(idle: &mut Vec<(Whom, C)>, whom: Whom, free: usize) -> Option<(Whom, C)> {
    let is_tenant = |told: Whom| matches!(told, Whom::Tenant(_));
    let same = idle.iter().rposition(|(told, _)| *told == whom);
    let alike = || idle.iter().position(|(told, _)| is_tenant(*told) && is_tenant(whom));
    // Whoever holds a permit uses a connection or is about to: with the idle ones there are never more than permits.
    let other = || (idle.len() > free).then_some(0);
    same.or_else(alike).or_else(other).map(|index| idle.remove(index))
}

/// A connection in use.
pub struct Lane<B: Backend> {
    lanes: Arc<Lanes<B>>,
    whom: Whom,
    connection: B::Connection,
    permit: OwnedSemaphorePermit,
}

impl<B: Backend> Lane<B> {
    /// Gives it back for others. Only without an open transaction, and after no error.
    pub fn give_back(self) {
        let Self { lanes, whom, connection, permit } = self;
        if !lanes.permits.is_closed() {
            lanes.idle().push((whom, connection));
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::WorkspaceId;

    const ENGINE: Whom = Whom::Engine;

    fn tenant(id: u128) -> Whom {
        Whom::Tenant(WorkspaceId(Uuid::from_u128(id)))
    }

    #[test]
    fn who_has_been_told_already_is_taken_before_others() {
        let mut idle = vec![(tenant(1), 'a'), (ENGINE, 'b'), (tenant(1), 'c'), (tenant(2), 'd')];
        assert_eq!(choose(&mut idle, tenant(1), 9), Some((tenant(1), 'c')));
        assert_eq!(choose(&mut idle, tenant(3), 9), Some((tenant(1), 'a')), "the one that has rested longest");
        assert_eq!(choose(&mut idle, ENGINE, 9), Some((ENGINE, 'b')));
        assert_eq!(choose(&mut idle, ENGINE, 9), None, "a place is free");
        assert_eq!(choose(&mut idle, ENGINE, 0), Some((tenant(2), 'd')), "none is");
        assert_eq!(choose(&mut idle, ENGINE, 0), None);
    }
}
