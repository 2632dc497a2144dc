//! An SMTP server that keeps the mail it gets, and may refuse the first ones for the time being.

use std::sync::Arc;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// A mail as it came: who it is for, and all of its text.
#[derive(Clone, Debug)]
pub struct Letter {
    pub to: String,
    pub text: String,
}

/// The server. It ends with this value.
pub struct Mailbox {
    pub url: String,
    letters: Arc<watch::Sender<Vec<Letter>>>,
    _serving: JoinSet<()>,
}

impl Mailbox {
    /// A server that answers the first `refusals` mails with "later".
    pub async fn start(refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let letters = Arc::new(watch::Sender::new(Vec::new()));
        let kept = Arc::clone(&letters);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut left = refusals;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                receive(stream, &mut left, &kept).await;
            }
        });
        Self { url, letters, _serving: serving }
    }

    /// Waits for so many letters.
    pub async fn letters(&self, count: usize) -> Vec<Letter> {
        let mut letters = self.letters.subscribe();
        let enough = letters.wait_for(|letters| letters.len() >= count);
        let enough = tokio::time::timeout(std::time::Duration::from_secs(15), enough).await;
        enough.expect("mail arrives").unwrap().clone()
    }
}

async fn receive(stream: TcpStream, refusals: &mut usize, letters: &watch::Sender<Vec<Letter>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut to = String::new();
    write.write_all(b"220 mail.test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let command = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
        let reply: &[u8] = match command.as_str() {
            "EHLO" | "HELO" => b"250 mail.test\r\n",
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                if to.starts_with("nobody@") { b"550 no such mailbox\r\n" } else { b"250 ok\r\n" }
            }
            "DATA" if *refusals > 0 => {
                *refusals -= 1;
                b"451 come again later\r\n"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.unwrap();
                let mut text = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    text.push_str(&line);
                    text.push('\n');
                }
                letters.send_modify(|letters| letters.push(Letter { to: to.clone(), text }));
                b"250 kept\r\n"
            }
            "QUIT" => {
                _ = write.write_all(b"221 bye\r\n").await;
                return;
            }
            _ => b"250 ok\r\n",
        };
        write.write_all(reply).await.unwrap();
    }
}
