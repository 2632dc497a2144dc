//! Texts that come in pieces: a value may be split over them. What could be the begin of one is held back until it is known.

use std::sync::Arc;

use super::{Redactor, view::views};

/// One text that comes in pieces.
pub struct Stream {
    redactor: Arc<Redactor>,
    pub(super) held: String,
}

impl Stream {
    /// From the begin of a text.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, held: String::new() }
    }

    /// Takes the next piece; answers what can be told by now, which may be nothing.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        // An occurrence that goes on and on (of a value of equal letters) is not gathered without end.
        if self.held.len() > self.most() {
            return self.finish();
        }
        let readings = views(&self.held);
        let mut cut = self.redactor.unsure_from(&readings);
        while !self.held.is_char_boundary(cut) {
            cut -= 1;
        }
        let mut spans = self.redactor.spans(&self.held, &readings);
        if let Some(index) = spans.iter().position(|span| span.end > cut || span.is_open) {
            cut = cut.min(spans[index].start);
            spans.truncate(index);
        }
        let told = self.redactor.paint(&self.held[..cut], &spans);
        self.held.drain(..cut);
        told
    }

    /// What was held back, once nothing follows.
    pub fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        self.redactor.text(&held).into_owned()
    }

    /// How much is held back at most: a value of which each byte is written as an escape, within another one.
    fn most(&self) -> usize {
        self.redactor.longest.saturating_mul(16) + 4096
    }
}
