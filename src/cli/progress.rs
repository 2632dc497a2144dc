//! How an execution goes, shown: lines through a pipe, a live list in a terminal, JSON for programs.
//!
//! In a terminal, what is over stands as a line, and what still runs is a block below that is drawn again and again. The block
//! is cut off at the right by the terminal itself, so its height is known without asking for the width.

use std::{
    io::{self, Write},
    time::Duration,
};

use indexmap::IndexMap;
use serde_json::Value;
use tokio::time::Instant;

use super::output::{self, plain};
use crate::client::follow::Received;

const SPINNER: [char; 8] = ['⣷', '⣯', '⣟', '⡿', '⢿', '⣻', '⣽', '⣾'];
/// How often the block is drawn.
pub const FRAME: Duration = Duration::from_millis(120);
/// More nodes at once than these are only counted.
const MOST_SHOWN: usize = 12;
/// A value in a line is cut off here.
const MAX_VALUE_CHARS: usize = 200;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Quiet,
    /// A line per event.
    Lines,
    /// Lines, and a live block below them; with or without colours.
    Live {
        /// With colours.
        colours: bool,
    },
    /// The events themselves, one JSON per line.
    Json,
}

/// What is shown, and what it takes to show it again.
pub struct Progress {
    style: Style,
    /// Node runs that have begun and not ended.
    live: IndexMap<String, Live>,
    /// Lines of the block on the screen.
    drawn: usize,
    frame: usize,
}

struct Live {
    status: String,
    since: Instant,
}

#[derive(Clone, Copy)]
enum Tone {
    Good,
    Bad,
    Asking,
    Faint,
}

impl Progress {
    /// Nothing yet.
    pub fn new(style: Style) -> Self {
        Self { style, live: IndexMap::new(), drawn: 0, frame: 0 }
    }

    /// Whether the block wants to be drawn again soon.
    pub fn moves(&self) -> bool {
        matches!(self.style, Style::Live { .. }) && !self.live.is_empty()
    }

    /// Shows an event.
    pub fn event(&mut self, received: &Received) -> io::Result<()> {
        let event = &received.event;
        match self.style {
            Style::Quiet => return Ok(()),
            Style::Json => return output::line(&received.body),
            Style::Lines | Style::Live { .. } => {}
        }
        if received.kind() == "node_update" {
            self.note_live(event);
        }
        if let Some((mark, tone, text)) = describe(event, matches!(self.style, Style::Lines)) {
            self.above(&time_of(event), mark, tone, &text)?;
        }
        if received.is_end() {
            self.live.clear();
        }
        self.draw()
    }

    /// Says something that is no event.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        match self.style {
            Style::Quiet | Style::Json => Ok(()),
            Style::Lines => output::line(text),
            Style::Live { .. } => {
                self.erase()?;
                output::line(text)?;
                self.draw()
            }
        }
    }

    /// Takes the block off the screen: somebody else writes now.
    pub fn erase(&mut self) -> io::Result<()> {
        if self.drawn > 0 {
            let mut out = io::stdout().lock();
            write!(out, "\r\x1b[{}A\x1b[J", self.drawn)?;
            out.flush()?;
            self.drawn = 0;
        }
        Ok(())
    }

    /// Draws the block.
    pub fn draw(&mut self) -> io::Result<()> {
        let Style::Live { colours } = self.style else { return Ok(()) };
        self.erase()?;
        if self.live.is_empty() {
            return Ok(());
        }
        self.frame += 1;
        let spin = SPINNER[self.frame % SPINNER.len()];
        // The terminal must not wrap these lines, or the block would be higher than it is thought to be.
        let mut block = "\x1b[?7l".to_owned();
        for (node, live) in self.live.iter().take(MOST_SHOWN) {
            let mark = if live.status == "running" { spin } else { '…' };
            let took = span(live.since.elapsed().as_millis() as i64);
            let line = format!("{mark} {}  {}  {took}", plain(node), live.status);
            block = format!("{block}{}\n", painted(&line, Tone::Faint, colours));
        }
        let more = self.live.len().saturating_sub(MOST_SHOWN);
        if more > 0 {
            block = format!("{block}  and {more} more\n");
        }
        // In one piece: whoever ends the program in between would be left with a terminal that does not wrap.
        let mut out = io::stdout().lock();
        out.write_all(format!("{block}\x1b[?7h").as_bytes())?;
        out.flush()?;
        self.drawn = self.live.len().min(MOST_SHOWN) + usize::from(more > 0);
        Ok(())
    }

    fn note_live(&mut self, event: &Value) {
        let status = event["status"].as_str().unwrap_or_default();
        let node = address(event);
        if ["completed", "failed", "skipped", "cancelled"].contains(&status) {
            self.live.shift_remove(&node);
        } else {
            let since =
                self.live.get(&node).filter(|live| live.status == status).map_or_else(Instant::now, |l| l.since);
            self.live.insert(node, Live { status: status.to_owned(), since });
        }
    }

    fn above(&mut self, time: &str, mark: char, tone: Tone, text: &str) -> io::Result<()> {
        match self.style {
            Style::Live { colours } => {
                self.erase()?;
                output::line(painted(&format!("{mark} {text}"), tone, colours))
            }
            _ => output::line(format_args!("{time}  {text}")),
        }
    }
}

/// The node run that an event is about.
pub fn address(event: &Value) -> String {
    let member = |name: &str| event[name].as_str();
    member("path").or(member("nodeId")).unwrap_or("?").to_owned()
}

/// The time of day, UTC.
fn time_of(event: &Value) -> String {
    event["at"].as_str().and_then(|at| at.get(11..23)).unwrap_or("            ").to_owned()
}

/// What a line says of an event; with `every`, also of what a live block shows in a better way.
fn describe(event: &Value, every: bool) -> Option<(char, Tone, String)> {
    let text = |name: &str| event[name].as_str().map(plain);
    let because = |name: &str| text(name).map_or_else(String::new, |why| format!(": {why}"));
    let failure = || {
        let error = &event["error"];
        let part = |name: &str| error[name].as_str().map(plain).unwrap_or_default();
        if error.is_null() { String::new() } else { format!(": {} ({})", part("message"), part("code")) }
    };
    let node = plain(&address(event));
    Some(match event["type"].as_str()? {
        "execution_status" => {
            let status = text("status")?;
            if !every && status != "cancelling" {
                return None;
            }
            ('·', Tone::Faint, format!("execution {status}{}", because("reason")))
        }
        "node_update" => {
            let status = event["status"].as_str()?;
            let took = event["durationMs"].as_i64().map_or_else(String::new, |ms| format!("  {}", span(ms)));
            let port = text("branch").map_or_else(String::new, |port| format!(" by `{port}`"));
            let how = if event["reused"] == true { " (reused)" } else { "" };
            let attempt = event["attempt"].as_i64().filter(|attempt| *attempt > 1);
            let attempt = attempt.map_or_else(String::new, |attempt| format!(" at attempt {attempt}"));
            let (mark, tone) = match status {
                "completed" => ('✓', Tone::Good),
                "failed" => ('✗', Tone::Bad),
                "retrying" => ('↻', Tone::Bad),
                "skipped" => ('○', Tone::Faint),
                "cancelled" => ('■', Tone::Faint),
                _ if !every => return None,
                _ => ('·', Tone::Faint),
            };
            let until = ["retryAt", "resumeAt"].iter().find_map(|name| text(name));
            let until = until.map_or_else(String::new, |at| format!(" until {at}"));
            (mark, tone, format!("{node}  {status}{port}{how}{attempt}{until}{took}{}", failure()))
        }
        "node_delta" => {
            let so_far = match (event["progress"].as_f64(), event["progressMax"].as_f64()) {
                (Some(so_far), Some(most)) => format!("{so_far} of {most}  "),
                (Some(so_far), None) => format!("{so_far}  "),
                (None, _) => String::new(),
            };
            let line = format!("{node}  {so_far}{}", text("delta")?);
            ('·', Tone::Faint, line.trim_end().to_owned())
        }
        "node_action" => ('·', Tone::Faint, format!("{node}  {}: {}", text("kind")?, text("title")?)),
        "node_artifact" => {
            let artifact = &event["artifact"];
            let part = |name: &str| artifact[name].as_str().map(plain).unwrap_or_default();
            let size = artifact["size"].as_u64().unwrap_or_default();
            ('·', Tone::Faint, format!("{node}  left {} ({}, {size} bytes)", part("name"), part("kind")))
        }
        "task_update" => {
            let worker = text("workerId").unwrap_or_default();
            let what = match (text("state")?.as_str(), text("reason").as_deref()) {
                ("queued", Some("lease_lost")) => format!("{worker} was not heard of any more"),
                ("queued", Some(_)) => format!("{worker} gave it back"),
                ("queued", None) => format!("waits for a worker of `{}`", text("queue")?),
                ("leased", _) => format!("{worker} has it"),
                // Its node's own line says the same.
                _ => return None,
            };
            ('·', Tone::Faint, format!("{node}  {what}"))
        }
        "node_log" => {
            let level = text("level")?;
            let tone = if level == "error" || level == "warn" { Tone::Bad } else { Tone::Faint };
            let data = if event["data"].is_null() { String::new() } else { format!("  {}", short(&event["data"])) };
            ('·', tone, format!("{node}  {level}: {}{data}", text("message")?))
        }
        "execution_suspended" => {
            let interrupt = &event["interrupt"];
            let message = plain(interrupt["message"].as_str().unwrap_or_default());
            let node = plain(&address(interrupt));
            ('?', Tone::Asking, format!("{node}  asks: {message}"))
        }
        "suspension_update" => {
            let state = match event["state"].as_str()? {
                "open" => text("change").unwrap_or_default(),
                state => state.to_owned(),
            };
            let action = text("action").map_or_else(String::new, |action| format!(" `{action}`"));
            let by = text("by").map_or_else(String::new, |by| format!(" by {by}"));
            ('?', Tone::Asking, format!("the question is {state}{action}{by}{}", because("reason")))
        }
        "execution_complete" => ('✓', Tone::Good, "execution completed".to_owned()),
        "execution_failed" => ('✗', Tone::Bad, format!("execution failed{}{}", failure(), undone(event))),
        "execution_cancelled" => ('■', Tone::Bad, format!("execution cancelled{}{}", because("reason"), undone(event))),
        "execution_skipped" => ('○', Tone::Faint, format!("execution skipped{}", because("reason"))),
        // Newer servers have other events.
        _ => return None,
    })
}

/// What the compensations have come to, if there were any. What still stands is what somebody has to see to.
fn undone(event: &Value) -> String {
    let names = |of: &str| {
        let names = event["compensation"][of].as_array().into_iter().flatten().filter_map(Value::as_str);
        names.map(plain).collect::<Vec<_>>().join(", ")
    };
    let (done, failed) = (names("done"), names("failed"));
    let done = if done.is_empty() { done } else { format!("; undone by {done}") };
    let failed = if failed.is_empty() { failed } else { format!("; NOT undone, for these failed: {failed}") };
    format!("{done}{failed}")
}

/// A length of time for people.
pub fn span(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// A value on one line.
pub fn short(value: &Value) -> String {
    let text = plain(&value.to_string());
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn painted(text: &str, tone: Tone, colours: bool) -> String {
    if !colours {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Good => 32,
        Tone::Bad => 31,
        Tone::Asking => 33,
        Tone::Faint => 2,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_read_well() {
        let line = |event: Value| describe(&event, true).map(|(_, _, text)| text);
        for (event, expected) in [
            (json!({"type": "execution_status", "status": "queued"}), "execution queued"),
            (
                json!({"type": "node_update", "nodeId": "a", "attempt": 1, "status": "completed", "durationMs": 1_500}),
                "a  completed  1.5 s",
            ),
            (
                json!({"type": "node_update", "nodeId": "a", "path": "each[3]/a", "attempt": 2, "status": "failed",
                    "error": {"code": "timeout", "message": "too long"}}),
                "each[3]/a  failed at attempt 2: too long (timeout)",
            ),
            (
                json!({"type": "node_delta", "nodeId": "a", "delta": "", "progress": 2.0, "progressMax": 3.5}),
                "a  2 of 3.5",
            ),
            (
                json!({"type": "task_update", "nodeId": "a", "state": "queued", "reason": "lease_lost", "workerId": "w"}),
                "a  w was not heard of any more",
            ),
            (json!({"type": "node_action", "nodeId": "a", "kind": "step", "title": "open"}), "a  step: open"),
            (
                json!({"type": "node_artifact", "nodeId": "a", "artifact": {"name": "x.mp4", "kind": "video", "size": 4}}),
                "a  left x.mp4 (video, 4 bytes)",
            ),
            (
                json!({"type": "execution_suspended", "interrupt": {"nodeId": "gate", "message": "Go\u{1b}[2J?"}}),
                "gate  asks: Go\u{fffd}[2J?",
            ),
            (
                json!({"type": "suspension_update", "state": "answered", "action": "approved", "by": "ann"}),
                "the question is answered `approved` by ann",
            ),
            (json!({"type": "execution_cancelled", "reason": "enough"}), "execution cancelled: enough"),
            (
                json!({"type": "execution_cancelled", "compensation": {"done": ["give-back", "each[0]/free"], "failed": []}}),
                "execution cancelled; undone by give-back, each[0]/free",
            ),
            (
                json!({"type": "execution_failed", "error": {"message": "no money", "code": "task_failed"}, "compensation": {"done": [], "failed": ["give-back"]}}),
                "execution failed: no money (task_failed); NOT undone, for these failed: give-back",
            ),
        ] {
            assert_eq!(line(event).as_deref(), Some(expected));
        }
        assert_eq!(line(json!({"type": "of_the_future"})), None);
        assert_eq!(line(json!({})), None);
    }

    #[test]
    fn spans_read_well() {
        for (ms, text) in [(0, "0 ms"), (999, "999 ms"), (61_000, "1 min 1 s"), (7_260_000, "2 h 1 min")] {
            assert_eq!(span(ms), text);
        }
    }
}
