//! The engine in a simulated world: its own clock, network and database, with everything that goes wrong drawn from a seed. The
//! same seed is the same history. `docs/simulator.md` tells what is simulated and how a failing seed is looked into.

mod clients;
mod clock;
mod fleet;
mod graphs;
mod handle;
mod laws;
mod machine;
mod network;
mod run;
mod scenes;
mod unsimulated;
mod world;

use std::time::Instant;

use run::{Outcome, simulate};

/// How many lines of the trace a failing seed shows.
const SHOWN: usize = 120;

/// Simulates seeds, and fails with the first that breaks a law.
fn simulate_all(seeds: std::ops::Range<u64>) {
    let began = Instant::now();
    let count = seeds.end - seeds.start;
    let (mut executions, mut events, mut seconds) = (0, 0, 0);
    for (number, seed) in (1..).zip(seeds) {
        let Outcome { broken, trace, executions: some, events: more, simulated, .. } = simulate(seed);
        if let Some(broken) = broken {
            let last = &trace[trace.len().saturating_sub(SHOWN)..];
            panic!(
                "seed {seed} ({} before it): {broken}\n{}\n\n{broken}\nonly this seed, with its whole trace: \
                 make simulate SEEDS={seed}",
                number - 1,
                last.join("\n"),
            );
        }
        executions += some;
        events += more;
        seconds += simulated.as_secs();
        if number % 500 == 0 || number == count {
            let rate = number as f64 * 60.0 / began.elapsed().as_secs_f64();
            println!(
                "{number} seeds, {rate:.0} a minute; {executions} executions, {events} events, {seconds} s simulated"
            );
        }
    }
}

/// The seeds that `SLUICEGATE_SIM_SEEDS` names: one, or `from..to`; without it a few.
#[test]
#[expect(clippy::disallowed_methods, reason = "which seeds a test runs is no setting of the server")]
fn seeds_keep_the_laws() {
    let Ok(named) = std::env::var("SLUICEGATE_SIM_SEEDS") else { return simulate_all(0..150) };
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("`{text}` is no seed"));
    if let Some((from, to)) = named.split_once("..") {
        return simulate_all(number(from)..number(to));
    }
    let seed = number(&named);
    simulate(seed).trace.iter().for_each(|line| println!("{line}"));
    simulate_all(seed..seed + 1);
}

#[test]
fn a_seed_is_one_history() {
    for seed in 0..12 {
        let (one, other) = (simulate(seed), simulate(seed));
        let differs = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.fingerprint, other.fingerprint, "seed {seed}");
    }
}
