//! Whose turn it is: a number of places, and those who wait for one, workspace by workspace.
//!
//! A place that becomes free goes to the workspace that has waited for its turn longest, so one that queues a thousand calls delays
//! another by one call and not by a thousand.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use crate::domain::ids::WorkspaceId;

#[derive(Default)]
struct State {
    free: usize,
    waiting: HashMap<WorkspaceId, VecDeque<oneshot::Sender<Turn>>>,
    /// The workspaces that wait, each once.
    order: VecDeque<WorkspaceId>,
    count: usize,
}

/// The places.
pub(super) struct Turns {
    state: Mutex<State>,
    most_waiting: usize,
}

/// A place that is taken; free again when it is dropped.
pub(super) struct Turn(Option<Arc<Turns>>);

impl Turns {
    pub(super) fn new(places: usize, most_waiting: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free: places, ..State::default() }), most_waiting })
    }

    /// Waits for a place; none if too many wait already.
    pub(super) async fn take(self: &Arc<Self>, workspace: WorkspaceId) -> Option<Turn> {
        let waiting = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.free > 0 {
                state.free -= 1;
                return Some(Turn(Some(Arc::clone(self))));
            }
            if state.count >= self.most_waiting {
                return None;
            }
            let (sender, receiver) = oneshot::channel();
            let queue = state.waiting.entry(workspace).or_default();
            queue.push_back(sender);
            if queue.len() == 1 {
                state.order.push_back(workspace);
            }
            state.count += 1;
            receiver
        };
        waiting.await.ok()
    }

    /// Who is next; without anybody the place is free.
    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(workspace) = state.order.pop_front() else {
            state.free += 1;
            return None;
        };
        let queue = state.waiting.get_mut(&workspace)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            state.waiting.remove(&workspace);
        } else {
            state.order.push_back(workspace);
        }
        state.count -= 1;
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        while let Some(next) = turns.next() {
            // Who has given up is passed over. The turn that comes back is emptied, or its drop would give the place away twice.
            match next.send(Self(Some(Arc::clone(&turns)))) {
                Ok(()) => return,
                Err(mut unwanted) => _ = unwanted.0.take(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    fn workspace(id: u128) -> WorkspaceId {
        WorkspaceId(Uuid::from_u128(id))
    }

    #[tokio::test]
    async fn workspaces_come_by_turns() {
        let turns = Turns::new(1, 10);
        let held = turns.take(workspace(1)).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut calls: Vec<_> = [(1, 'a'), (1, 'b'), (1, 'c'), (2, 'x'), (3, 'y'), (2, 'z')]
            .map(|(id, name)| {
                let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
                async move {
                    let _turn = turns.take(workspace(id)).await.unwrap();
                    order.lock().unwrap().push(name);
                }
                .boxed()
            })
            .into();
        for call in &mut calls {
            assert!(call.now_or_never().is_none());
        }
        drop(held);
        futures_util::future::join_all(calls).await;
        let order: String = order.lock().unwrap().iter().collect();
        assert_eq!(order, "axybzc");
        assert_eq!(turns.state.lock().unwrap().free, 1);
    }

    #[tokio::test]
    async fn who_gives_up_keeps_no_place_and_too_many_are_refused() {
        let turns = Turns::new(1, 2);
        let held = turns.take(workspace(1)).await.unwrap();
        let mut first = turns.take(workspace(1)).boxed();
        let mut second = turns.take(workspace(2)).boxed();
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        assert!(turns.take(workspace(3)).now_or_never().is_some_and(|turn| turn.is_none()));
        drop(first);
        drop(held);
        // It had been given the place before it gave up, too.
        drop(second);
        assert!(turns.take(workspace(3)).now_or_never().is_some_and(|turn| turn.is_some()));
        let state = turns.state.lock().unwrap();
        assert_eq!((state.free, state.count), (1, 0));
    }
}
