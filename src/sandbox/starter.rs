//! The thread that starts sandboxes.
//!
//! A sandbox asks the kernel to be killed when its parent dies, and to the kernel the parent is the thread that started it, not the
//! process. Threads of the runtime come and go, so one thread that lives as long as whoever wants them starts all of them.

use std::{io, sync::mpsc};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

type Wanted = (Command, oneshot::Sender<io::Result<Child>>);

/// Starts programs; cheap to clone. The thread ends with the last clone, and what it has started with it.
#[derive(Clone, Debug)]
pub struct Starter(mpsc::Sender<Wanted>);

impl Starter {
    /// Starts the thread. Must be called within a runtime.
    pub fn new() -> io::Result<Self> {
        let (wanted, orders) = mpsc::channel::<Wanted>();
        let runtime = Handle::current();
        std::thread::Builder::new().name("sandbox-starter".to_owned()).spawn(move || {
            let _entered = runtime.enter();
            while let Ok((mut command, reply)) = orders.recv() {
                // Who has given up waiting drops the child, which is killed then.
                _ = reply.send(command.spawn());
            }
        })?;
        Ok(Self(wanted))
    }

    /// Starts a program.
    pub async fn start(&self, mut command: Command) -> io::Result<Child> {
        command.kill_on_drop(true);
        let gone = || io::Error::other("the thread that starts sandboxes is gone");
        let (reply, started) = oneshot::channel();
        self.0.send((command, reply)).map_err(|_| gone())?;
        started.await.map_err(|_| gone())?
    }
}
