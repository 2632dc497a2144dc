//! What the runner and the first process of a sandbox tell each other: one JSON object per line, over a pair of sockets.
//!
//! The socket is the sandbox's lifeline, too. When the runner dies, however it dies, the other end reads the end of the stream
//! and takes the sandbox with it. The worker's environment travels this way and not on a command line, where every user of the
//! machine could read the token.

use std::io;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// The longest line. The sandbox's end may have been taken over by the worker, so nothing it says is believed to be short.
const LONGEST: u64 = 1 << 20;

/// What the runner says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Start the worker. Said once, when the sandbox's processes are in their control groups.
    Begin(Begin),
    /// Send it SIGTERM.
    Terminate,
}

/// The worker to start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Begin {
    pub command: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub folder: String,
    pub bounds: Bounds,
    /// Forward this port of the sandbox's own loopback to the socket at this path.
    pub forward: Option<(u16, String)>,
}

/// Bounds that the kernel holds for each process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Bounds {
    pub processes: u64,
    pub file_bytes: u64,
    pub open_files: u64,
    pub cpu_s: Option<u64>,
    /// Private writable memory; only where no control group counts it.
    pub data_bytes: Option<u64>,
}

/// What the sandbox says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// It stands, and waits for its order.
    Ready,
    /// The worker runs.
    Started,
    /// It could not be started.
    Refused(String),
    /// The worker has ended.
    Ended {
        code: Option<i32>,
        signal: Option<i32>,
        /// Processes that it left behind.
        left: usize,
    },
}

/// One end of the pair.
pub(super) fn end(stream: std::os::unix::net::UnixStream) -> io::Result<(Hearing, Saying)> {
    stream.set_nonblocking(true)?;
    let (reader, writer) = UnixStream::from_std(stream)?.into_split();
    Ok((Hearing(BufReader::new(reader), Vec::new()), Saying(writer)))
}

/// The reading half.
pub(super) struct Hearing(BufReader<OwnedReadHalf>, Vec<u8>);

impl Hearing {
    /// The next message; none at the end of the stream. May be given up and begun again: what was read of a line is kept.
    pub async fn hear<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let Self(reader, line) = self;
        reader.take(LONGEST).read_until(b'\n', line).await?;
        match std::mem::take(line) {
            none if none.is_empty() => Ok(None),
            whole if whole.ends_with(b"\n") => Ok(Some(serde_json::from_slice(&whole)?)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a message without an end")),
        }
    }
}

/// The writing half.
pub(super) struct Saying(OwnedWriteHalf);

impl Saying {
    /// Says one thing. The lines are small, the socket's buffer is not: it does not wait for the other side.
    pub async fn say(&mut self, message: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }
}
