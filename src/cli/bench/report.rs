//! What was measured, on what, and how it compares: as a table for people, as one JSON document for programs.

use std::fmt::Write;

use serde::Serialize;

/// Everything of one run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it ran on.
    pub machine: Machine,
    /// The parts, in the order in which they ran.
    pub parts: Vec<Part>,
}

/// What the numbers depend on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// The version of the program.
    pub version: &'static str,
    /// The commit that is checked out where the benchmark runs.
    pub commit: Option<String>,
    /// `release` or `debug`.
    pub profile: &'static str,
    /// How many processors there are; the server and the client share them.
    pub processors: usize,
    /// What they call themselves.
    pub processor: String,
    /// The operating system.
    pub kernel: String,
    /// The database and its version.
    pub database: String,
}

/// The machine's limits next to a workload, or a workload.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Its name, as `--workload` takes it.
    pub name: &'static str,
    /// What was done.
    pub what: String,
    /// What came out.
    pub numbers: Vec<Number>,
    /// What should come out.
    pub targets: Vec<Target>,
    /// What to know when reading them.
    pub notes: Vec<String>,
}

/// A measured number.
#[derive(Debug, Serialize)]
pub struct Number {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
}

/// A measured number beside what it should be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// What it is.
    pub name: &'static str,
    /// What came out.
    pub value: f64,
    /// Whether it should be more or less.
    pub wanted: Wanted,
    /// Than this.
    pub bound: f64,
    /// Of what.
    pub unit: &'static str,
    /// Whether it is.
    pub met: bool,
}

/// On which side of its bound a number should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Wanted {
    /// At least the bound.
    AtLeast,
    /// At most the bound.
    AtMost,
}

impl Part {
    /// A part without results yet.
    pub fn new(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, what: what.into(), numbers: Vec::new(), targets: Vec::new(), notes: Vec::new() }
    }

    /// Adds a number.
    pub fn number(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.numbers.push(Number { name, value, unit });
    }

    /// Adds a number that has a target.
    pub fn target(&mut self, name: &'static str, value: f64, wanted: Wanted, bound: f64, unit: &'static str) {
        let met = match wanted {
            Wanted::AtLeast => value >= bound,
            Wanted::AtMost => value <= bound,
        };
        self.targets.push(Target { name, value, wanted, bound, unit, met });
    }

    /// Adds the usual quantiles of durations in seconds, in microseconds.
    pub fn latencies(&mut self, mut seconds: Vec<f64>) -> f64 {
        seconds.sort_by(f64::total_cmp);
        self.number("samples", seconds.len() as f64, "");
        for (name, share) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
            self.number(name, quantile(&seconds, share) * 1e6, "µs");
        }
        quantile(&seconds, 0.50)
    }
}

/// The value below which `share` of the sorted values lie.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
}

/// The middle one of some values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

impl Report {
    /// Whether every target was met.
    pub fn all_met(&self) -> bool {
        self.parts.iter().flat_map(|part| &part.targets).all(|target| target.met)
    }

    /// The table.
    pub fn table(&self) -> String {
        let Machine { version, commit, profile, processors, processor, kernel, database } = &self.machine;
        let commit = commit.as_deref().unwrap_or("an unknown commit");
        let mut text =
            format!("sluicegate {version} ({profile}) at {commit}\n{processors} × {processor}; {kernel}; {database}\n");
        for part in &self.parts {
            writeln!(text, "\n{}: {}", part.name, part.what).expect("writing to a string");
            for Number { name, value, unit } in &part.numbers {
                writeln!(text, "  {name:<34} {:>12} {unit}", shown(*value)).expect("writing to a string");
            }
            for target in &part.targets {
                let Target { name, value, unit, bound, .. } = target;
                let sign = if target.wanted == Wanted::AtLeast { "≥" } else { "≤" };
                let mark = if target.met { "pass" } else { "MISS" };
                let (value, bound) = (shown(*value), shown(*bound));
                writeln!(text, "  {name:<34} {value:>12} {unit:<8} target {sign} {bound} {unit}   {mark}")
                    .expect("writing to a string");
            }
            for note in &part.notes {
                writeln!(text, "  - {note}").expect("writing to a string");
            }
        }
        text
    }
}

/// Three digits that count, and no more after the point than are worth reading.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((quantile(&values, 0.5) - 51.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn targets_are_met_on_their_side() {
        let mut part = Part::new("part", "nothing");
        part.target("more", 2.0, Wanted::AtLeast, 1.0, "");
        part.target("less", 2.0, Wanted::AtMost, 1.0, "");
        assert_eq!(part.targets.iter().map(|target| target.met).collect::<Vec<_>>(), [true, false]);
    }
}
