//! Any text as the cron expression of a schedule, in any zone: it may be refused; a slot comes after what it is asked for, and the
//! same one is found from right before it. The first line is the zone.
//! Run with `make fuzz TARGETS=cron`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::{clock::Instant, domain::schedule::Grid};

const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"];
/// The night of 2026-03-28, before the clocks of half of the world change.
const FROM: Instant = Instant(1_774_652_400_000);

fuzz_target!(|text: &str| {
    let (zone, expression) = text.split_once('\n').unwrap_or(("", text));
    let zone = zone.parse::<usize>().map_or(zone, |index| ZONES[index % ZONES.len()]);
    let Ok(grid) = Grid::new(expression, zone) else { return };
    let mut after = FROM;
    for _ in 0..3 {
        let Some(slot) = grid.next_after(after) else { return };
        assert!(slot > after);
        assert_eq!(grid.next_after(slot.plus_ms(-1)), Some(slot));
        after = slot;
    }
    assert!(grid.shortest_interval_s() > 0);
});
