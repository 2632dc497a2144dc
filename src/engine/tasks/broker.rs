//! Workers that wait for a task in this process. In memory: one that is forgotten with the process asks again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::oneshot;

use super::Leased;
use crate::{
    domain::{
        ids::{PodId, WorkspaceId},
        task::Worker,
    },
    engine::signals::Signals,
};

/// How long a worker that was noted need not be noted again.
const NOTE_EVERY_MS: i64 = 20_000;
/// So many workers are remembered before those are forgotten that were not heard of for so long.
const MAX_NOTED: usize = 10_000;

/// Where a worker waits: queues belong to a pod.
pub type Place = (WorkspaceId, PodId);

/// A worker that waits.
pub struct Waiting {
    id: u64,
    worker: String,
    queues: Vec<String>,
    /// How many tasks it takes at most.
    pub max: usize,
    /// Whether it goes away when there is nothing at once.
    pub once: bool,
    /// It has waited for long enough: it is not put back.
    over: Arc<AtomicBool>,
    reply: oneshot::Sender<Vec<Leased>>,
}

impl Waiting {
    /// The worker's id.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// The queues it takes tasks from.
    pub fn queues(&self) -> &[String] {
        &self.queues
    }

    /// Whether it takes tasks from this queue.
    pub fn wants(&self, queue: &str) -> bool {
        self.queues.iter().any(|wanted| wanted == queue)
    }

    /// Answers it; gives the tasks back if it has gone away.
    pub fn answer(self, tasks: Vec<Leased>) -> Result<(), Vec<Leased>> {
        self.reply.send(tasks)
    }
}

/// What a worker gives up with.
pub struct Ticket {
    id: u64,
    over: Arc<AtomicBool>,
}

/// A worker that waits, taken out of the list: it goes back there unless it is answered.
pub struct Reserved {
    broker: Arc<Broker>,
    place: Place,
    waiting: Option<Waiting>,
}

impl Reserved {
    /// The worker's id.
    pub fn worker(&self) -> &str {
        self.waiting.as_ref().map_or("", Waiting::worker)
    }

    /// Answers it; gives the tasks back if it has gone away.
    pub fn answer(mut self, tasks: Vec<Leased>) -> Result<(), Vec<Leased>> {
        match self.waiting.take() {
            Some(waiting) => waiting.answer(tasks),
            None => Err(tasks),
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.broker.put_back(self.place, vec![waiting]);
        }
    }
}

/// The workers that wait.
pub struct Broker {
    signals: Arc<Signals>,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    next_id: u64,
    /// When workers were noted last, and with which queues.
    noted: HashMap<(Place, String), Worker>,
    places: HashMap<Place, VecDeque<Waiting>>,
}

impl Broker {
    /// Nobody waits.
    pub fn new(signals: Arc<Signals>) -> Arc<Self> {
        Arc::new(Self { signals, list: Mutex::default() })
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().expect("no holder of this lock panics")
    }

    /// Whether a worker has to be noted (again): a busy one is heard of too often to write each time down.
    pub fn is_news(&self, place: Place, worker: &Worker) -> bool {
        let mut list = self.list();
        let now = worker.last_seen_at;
        if list.noted.len() >= MAX_NOTED {
            list.noted.retain(|_, noted| now.ms_since(noted.last_seen_at) < NOTE_EVERY_MS);
        }
        let key = (place, worker.id.clone());
        let same = |noted: &Worker| {
            let is_recent = (0..NOTE_EVERY_MS).contains(&now.ms_since(noted.last_seen_at));
            is_recent && noted.queues == worker.queues && noted.version == worker.version
        };
        if list.noted.get(&key).is_some_and(same) {
            return false;
        }
        list.noted.insert(key, worker.clone());
        true
    }

    /// Has a worker wait; answers how to give up, and where the tasks come. Whoever has given up and is dropped without an answer sees
    /// the sender go.
    pub fn wait(
        &self,
        place: Place,
        worker: String,
        queues: Vec<String>,
        max: usize,
        once: bool,
    ) -> (Ticket, oneshot::Receiver<Vec<Leased>>) {
        let (reply, tasks) = oneshot::channel();
        let mut list = self.list();
        list.next_id += 1;
        let id = list.next_id;
        let over = Arc::new(AtomicBool::new(false));
        let ticket = Ticket { id, over: Arc::clone(&over) };
        list.places.entry(place).or_default().push_back(Waiting { id, worker, queues, max, once, over, reply });
        drop(list);
        self.signals.tasks.notify_one();
        (ticket, tasks)
    }

    /// A worker does not wait any more; `false` if it is being served, and either gets tasks or is dropped.
    pub fn give_up(&self, place: Place, Ticket { id, over }: Ticket) -> bool {
        let mut list = self.list();
        over.store(true, Ordering::Relaxed);
        let Some(waiting) = list.places.get_mut(&place) else { return false };
        let before = waiting.len();
        waiting.retain(|waiting| waiting.id != id);
        let found = waiting.len() < before;
        if waiting.is_empty() {
            list.places.remove(&place);
        }
        found
    }

    /// A worker that waits for a task of this queue, the one that has waited for longest.
    pub fn reserve(self: &Arc<Self>, place: Place, queue: &str) -> Option<Reserved> {
        let mut list = self.list();
        let waiting = list.places.get_mut(&place)?;
        let index = waiting.iter().position(|waiting| waiting.wants(queue) && !waiting.reply.is_closed())?;
        let waiting = waiting.remove(index);
        Some(Reserved { broker: Arc::clone(self), place, waiting })
    }

    /// The places where somebody waits.
    pub fn places(&self) -> Vec<Place> {
        self.list().places.keys().copied().collect()
    }

    /// Takes those who wait at a place out of the list, the longest waiting first, up to so many; those who have gone away are
    /// dropped.
    pub fn take(&self, place: Place, most: usize) -> Vec<Waiting> {
        let mut list = self.list();
        let Some(waiting) = list.places.get_mut(&place) else { return Vec::new() };
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(next) = waiting.pop_front()
        {
            if !next.reply.is_closed() {
                taken.push(next);
            }
        }
        if waiting.is_empty() {
            list.places.remove(&place);
        }
        taken
    }

    /// Puts them back in front of those who came later, except those who have given up meanwhile.
    pub fn put_back(&self, place: Place, mut back: Vec<Waiting>) {
        let mut list = self.list();
        back.retain(|waiting| !waiting.over.load(Ordering::Relaxed));
        if back.is_empty() {
            return;
        }
        let waiting = list.places.entry(place).or_default();
        for one in back.into_iter().rev() {
            waiting.push_front(one);
        }
    }

    /// How many wait for each queue of a pod, here.
    pub fn waiting_for(&self, place: Place) -> HashMap<String, usize> {
        let list = self.list();
        let mut counts = HashMap::new();
        for waiting in list.places.get(&place).into_iter().flatten().filter(|waiting| !waiting.reply.is_closed()) {
            for queue in &waiting.queues {
                *counts.entry(queue.clone()).or_default() += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn waiting() -> (Arc<Broker>, Place, Ticket, oneshot::Receiver<Vec<Leased>>) {
        let broker = Broker::new(Arc::default());
        let place = (WorkspaceId(Uuid::nil()), PodId(Uuid::nil()));
        let (ticket, tasks) = broker.wait(place, "w".to_owned(), vec!["q".to_owned()], 1, false);
        (broker, place, ticket, tasks)
    }

    #[test]
    fn who_is_not_served_after_all_waits_again() {
        let (broker, place, ticket, mut tasks) = waiting();
        assert!(broker.reserve(place, "other").is_none());
        drop(broker.reserve(place, "q").expect("somebody waits"));
        assert!(tasks.try_recv().is_err() && broker.give_up(place, ticket));
    }

    #[test]
    fn who_gives_up_while_being_served_is_not_put_back() {
        let (broker, place, ticket, mut tasks) = waiting();
        let reserved = broker.reserve(place, "q").expect("somebody waits");
        assert!(!broker.give_up(place, ticket));
        assert_eq!(tasks.try_recv().unwrap_err(), oneshot::error::TryRecvError::Empty);
        drop(reserved);
        assert_eq!(tasks.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        assert!(broker.places().is_empty());
    }

    #[test]
    fn who_has_gone_away_is_passed_over() {
        let (broker, place, _, tasks) = waiting();
        drop(tasks);
        assert!(broker.reserve(place, "q").is_none());
        assert!(broker.take(place, 9).is_empty());
    }
}
