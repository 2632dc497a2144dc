//! The frames of a container's log: eight bytes of head (stream, three zeros, length), then so many bytes.

use crate::runner::log::Level;

/// Standard error in the head; 0 and 1 are standard input and output.
const STDERR: u8 = 2;

/// Reads frames that come in any pieces.
#[derive(Debug, Default)]
pub struct Frames {
    head: Vec<u8>,
    /// Bytes of the frame that have not come.
    left: usize,
    is_error: bool,
}

impl Frames {
    /// Takes what was read; `tell` gets the contents as they come.
    pub fn take(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Level, &[u8])) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let wanted = (8 - self.head.len()).min(bytes.len());
                self.head.extend_from_slice(&bytes[..wanted]);
                bytes = &bytes[wanted..];
                if let [stream, _, _, _, a, b, c, d] = self.head[..] {
                    self.is_error = stream == STDERR;
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.head.clear();
                }
                continue;
            }
            let (own, rest) = bytes.split_at(self.left.min(bytes.len()));
            tell(if self.is_error { Level::Error } else { Level::Info }, own);
            self.left -= own.len();
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_however_they_come() {
        let mut bytes = Vec::new();
        for (stream, text) in [(1_u8, "out one\n"), (2, "err\n"), (1, ""), (1, "out two")] {
            bytes.extend([stream, 0, 0, 0]);
            bytes.extend((text.len() as u32).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        for size in 1..bytes.len() {
            let (mut frames, mut out, mut errors) = (Frames::default(), Vec::new(), Vec::new());
            for piece in bytes.chunks(size) {
                frames.take(piece, |level, bytes| match level {
                    Level::Error => errors.extend_from_slice(bytes),
                    _ => out.extend_from_slice(bytes),
                });
            }
            assert_eq!((out.as_slice(), errors.as_slice()), (&b"out one\nout two"[..], &b"err\n"[..]), "{size}");
        }
    }
}
