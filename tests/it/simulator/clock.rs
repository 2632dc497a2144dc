//! The clock of a simulated machine.

use std::time::Duration;

use sluicegate::clock::{Clock, Instant};
use tokio::time::sleep;
use uuid::Uuid;

#[tokio::test(start_paused = true)]
async fn goes_with_tokios_and_is_set_apart_from_it() {
    let clock = Clock::simulated(Instant(1_000), 7);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(clock.now(), Instant(1_500));
    clock.advance_ms(-700);
    assert_eq!(clock.now(), Instant(800));
    clock.sleep_until(Instant(900)).await;
    assert_eq!(clock.now(), Instant(900));
}

#[tokio::test(start_paused = true)]
async fn ids_grow_and_follow_from_the_seed() {
    let clock = |seed| Clock::simulated(Instant(1_000), seed);
    let (one, same, other) = (clock(7), clock(7), clock(8));
    let mut ids: Vec<Uuid> = (0..5_000).map(|_| one.new_id()).collect();
    one.advance_ms(-900);
    ids.push(one.new_id());
    assert!(ids.is_sorted() && ids.iter().all(|id| id.get_version_num() == 7));
    assert_eq!(ids[..10], (0..10).map(|_| same.new_id()).collect::<Vec<_>>());
    assert_ne!(ids[0], other.new_id());
}
