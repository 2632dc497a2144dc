//! A program in a terminal: a pseudo-terminal, what is typed, and what is shown.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Instant,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::process::PATIENCE;

/// A program that thinks it speaks to a person. Killed with this value.
pub struct Terminal {
    pub child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    /// Starts a program with a terminal for input and output.
    pub fn start(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let side = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let pipe = || Stdio::from(side.try_clone().unwrap());
        let child = command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
        // The last holder of this side is the child: its end is the end of the screen.
        drop((side, command));
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().unwrap();
        let (send, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, screen, shown: String::new() }
    }

    /// Types a line.
    pub fn send(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Types what ends the input.
    pub fn end_input(&mut self) {
        self.keyboard.write_all(&[4]).unwrap();
    }

    /// Waits until a text is shown; gives what was shown up to its end.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("`{text}` is never shown ({error}); this is:\n{}", self.shown),
            }
        }
    }

    /// Waits for the program's end: its exit code, and what was shown since the last look.
    #[track_caller]
    pub fn end(mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(bytes) = self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        let status = self.child.try_wait().unwrap();
        let status = status.unwrap_or_else(|| {
            assert!(Instant::now() < deadline, "the program does not end; shown:\n{}", self.shown);
            self.child.wait().unwrap()
        });
        (status.code().unwrap_or(-1), std::mem::take(&mut self.shown))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
