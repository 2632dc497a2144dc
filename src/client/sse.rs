//! Server-sent events, taken apart as the HTML standard says: works on bytes, over any cuts between them, with a limit on what
//! it keeps. The parser crates there are keep without a limit whatever a server sends.

/// The longest message that is read; the largest event of a server with the default limits is well below.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// What a stream of events is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A message.
    Message(Message),
    /// A comment: a line that only shows that the stream is alive.
    Comment(String),
    /// How long to wait before coming again, in milliseconds.
    Retry(u64),
}

/// One message. It counts once its blank line is there: what was cut short was never received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its own `id:` line; not the one that a browser remembers from messages before.
    pub id: Option<String>,
    /// Its `event:` line.
    pub event: Option<String>,
    /// Its `data:` lines, joined by line breaks; none without such a line.
    pub data: Option<String>,
    /// How many `data:` lines it had.
    pub data_lines: usize,
}

/// The stream can't be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A line is no UTF-8.
    #[error("a line of the stream is not UTF-8")]
    Encoding,
    /// A message does not end.
    #[error("a message of the stream is longer than {0} bytes")]
    TooLong(usize),
}

/// Takes a stream of bytes apart.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    line: Vec<u8>,
    message: Message,
    /// The bytes that the message has so far.
    size: usize,
    /// The last byte was a CR: an LF after it belongs to the same line end.
    after_cr: bool,
    begun: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self::with_limit(MAX_MESSAGE_BYTES)
    }
}

impl Parser {
    /// A parser for messages of at most so many bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit, line: Vec::new(), message: Message::default(), size: 0, after_cr: false, begun: false }
    }

    /// The parts that are complete with these bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Part>, Unreadable> {
        let mut parts = Vec::new();
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.keep(rest)?;
                break;
            };
            self.keep(&rest[..end])?;
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            let line = std::str::from_utf8(&line).map_err(|_| Unreadable::Encoding)?;
            // The standard lets a stream begin with a byte order mark.
            let line =
                if std::mem::replace(&mut self.begun, true) { line } else { line.trim_start_matches('\u{feff}') };
            parts.extend(self.read_line(line));
        }
        Ok(parts)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        self.size += bytes.len();
        if self.size > self.limit {
            return Err(Unreadable::TooLong(self.limit));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn read_line(&mut self, line: &str) -> Option<Part> {
        if line.is_empty() {
            self.size = 0;
            let message = std::mem::take(&mut self.message);
            return (message != Message::default()).then_some(Part::Message(message));
        }
        if let Some(comment) = line.strip_prefix(':') {
            return Some(Part::Comment(comment.trim_start_matches(' ').to_owned()));
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let message = &mut self.message;
        match name {
            "id" if !value.contains('\0') => message.id = Some(value.to_owned()),
            "event" => message.event = Some(value.to_owned()),
            "data" => {
                message.data_lines += 1;
                match &mut message.data {
                    Some(data) => *data = format!("{data}\n{value}"),
                    None => message.data = Some(value.to_owned()),
                }
            }
            "retry" => return value.parse().ok().map(Part::Retry),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, data: &str) -> Part {
        let (id, data_lines) = (id.map(str::to_owned), data.lines().count());
        Part::Message(Message { id, event: None, data: Some(data.to_owned()), data_lines })
    }

    const TEXT: &str = "\u{feff}retry: 1000\n: hello\n\nid: 1\ndata: {\"a\":\"\u{1f600}\"}\n\nid:2\r\ndata:b\r\n\r\n\
        data: c\rdata: d\r\rid: 7\n\nevent: x\nunknown: y\ndata\n\ndata: never sent to its en";

    fn parts() -> Vec<Part> {
        vec![
            Part::Retry(1_000),
            Part::Comment("hello".to_owned()),
            message(Some("1"), "{\"a\":\"\u{1f600}\"}"),
            message(Some("2"), "b"),
            message(None, "c\nd"),
            Part::Message(Message { id: Some("7".to_owned()), ..Message::default() }),
            Part::Message(Message { id: None, event: Some("x".to_owned()), data: Some(String::new()), data_lines: 1 }),
        ]
    }

    #[test]
    fn a_stream_is_the_same_over_every_cut() {
        for cut in 0..=TEXT.len() {
            let (one, two) = TEXT.as_bytes().split_at(cut);
            let mut parser = Parser::default();
            let mut found = parser.push(one).unwrap();
            found.extend(parser.push(two).unwrap());
            assert_eq!(found, parts(), "cut at {cut}");
        }
        let mut parser = Parser::default();
        let found: Vec<Part> = TEXT.bytes().flat_map(|byte| parser.push(&[byte]).unwrap()).collect();
        assert_eq!(found, parts());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_the_same_over_any_cuts(text in "[a-z:\\r\\n \u{feff}]{0,60}|(id|data|event|retry)?: ?[0-9a-z]{0,3}(\r|\n|\r\n)", size in 1_usize..7) {
            let whole = Parser::default().push(text.as_bytes()).unwrap();
            let mut parser = Parser::default();
            let parts: Vec<Part> = text.as_bytes().chunks(size).flat_map(|bytes| parser.push(bytes).unwrap()).collect();
            proptest::prop_assert_eq!(parts, whole);
        }
    }

    #[test]
    fn what_can_not_be_read_is_refused() {
        assert_eq!(Parser::default().push(b"data: \xff\n"), Err(Unreadable::Encoding));
        let mut parser = Parser::default();
        let part = vec![b'a'; 1 << 20];
        assert!((0..64).all(|_| parser.push(&part).is_ok()));
        assert_eq!(parser.push(&part), Err(Unreadable::TooLong(MAX_MESSAGE_BYTES)));
    }
}
