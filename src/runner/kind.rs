//! The two kinds of isolation behind one door, and the environment that a worker of either finds.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::{
    docker::Containers,
    outcome::{Ended, StartError},
    process::{Job, PORT, Processes},
    sandbox::{Network, SOCKET, TASK, WORK},
};

/// How workers are isolated.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A sandbox of bubblewrap.
    Process(Box<Processes>),
    /// A container of the Docker Engine.
    Docker(Box<Containers>),
}

/// The task as its worker is told of it.
#[derive(Clone, Debug)]
pub struct Given {
    /// The task's id.
    pub task_id: String,
    /// The lease token: good for this task only.
    pub token: String,
    /// The path of the task at the server, such as `/v1/workspaces/.../tasks/ID`.
    pub path: String,
}

impl Kind {
    /// Runs a worker until nothing of it is left.
    pub async fn run(&self, job: Job<'_>, stop: &CancellationToken) -> Result<Ended, StartError> {
        match self {
            Self::Process(processes) => processes.run(job, stop).await,
            Self::Docker(containers) => containers.run(job, stop).await,
        }
    }

    fn network(&self) -> Network {
        match self {
            Self::Process(processes) => processes.sandbox().network,
            Self::Docker(containers) => containers.network(),
        }
    }

    /// A worker's environment. `url` is the server's address as workers reach it over the network; `extra` is the operator's own,
    /// which wins.
    pub fn environment(&self, given: Option<&Given>, url: &str, extra: &[(String, String)]) -> Vec<(String, String)> {
        let mut environment: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        if matches!(self, Self::Process(_)) {
            // An image has its own.
            set("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin".to_owned());
            set("USER", "worker".to_owned());
            set("LANG", "C.UTF-8".to_owned());
        }
        set("HOME", WORK.to_owned());
        set("TMPDIR", "/tmp".to_owned());
        for (name, value) in extra {
            set(name, value.clone());
        }
        set("SLUICEGATE_INPUT", format!("{TASK}/input.json"));
        set("SLUICEGATE_OUTPUT", format!("{WORK}/output.json"));
        set("SLUICEGATE_ARTIFACTS", format!("{WORK}/artifacts"));
        if let Some(Given { task_id, token, path }) = given {
            let url = match (self, self.network()) {
                (_, Network::Host) => url.to_owned(),
                // Its own loopback, forwarded to the doors of this task.
                (Self::Process(_), Network::None) => format!("http://127.0.0.1:{PORT}"),
                // A name that resolves to nothing: only the socket leads anywhere.
                (Self::Docker(_), Network::None) => "http://localhost".to_owned(),
            };
            set("SLUICEGATE_TASK_URL", format!("{url}{path}"));
            set("SLUICEGATE_URL", url);
            set("SLUICEGATE_SOCKET", format!("{TASK}/{SOCKET}"));
            set("SLUICEGATE_TASK_ID", task_id.clone());
            set("SLUICEGATE_TASK_TOKEN", token.clone());
        }
        environment
    }
}

/// Splits a command line into words as a shell does, without a shell: quotes and backslashes, nothing else.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => {
                let next = characters.next().unwrap_or('\\');
                let word = word.get_or_insert_default();
                if !matches!(next, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(next);
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("the quote {open} is not closed"));
    }
    words.extend(word);
    Ok(words)
}

/// The program that is running, for sandboxes to begin with.
pub fn own_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_split_as_a_shell_does() {
        for (line, expected) in [
            ("python3 /path/agent.py", vec!["python3", "/path/agent.py"]),
            ("  a\t b\n", vec!["a", "b"]),
            (r#"sh -c 'echo "$A" | cat'"#, vec!["sh", "-c", r#"echo "$A" | cat"#]),
            (r#"a "b \" \x c" d\ e"#, vec!["a", r#"b " \x c"#, "d e"]),
            ("a '' \"\"b", vec!["a", "", "b"]),
            ("", vec![]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
        assert!(words("a 'b").unwrap_err().contains("not closed"));
    }
}
