//! The child: confines itself, then runs one script after another until its parent is gone.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    rc::Rc,
};

use super::{
    confine,
    frames::{self, Failed, MAX_ORDER_BYTES, Order, Told},
    script,
};

/// The pipe to the parent.
pub(super) struct Saying(io::Stdout);

impl Saying {
    /// Says one thing; waits while the parent does not read.
    pub(super) fn say(&mut self, told: &Told) -> io::Result<()> {
        self.0.write_all(&frames::encode(told)?)?;
        self.0.flush()
    }
}

/// Runs scripts as standard input orders, and tells on standard output what comes of them, until standard input ends.
pub fn run() -> io::Result<()> {
    let saying = Rc::new(RefCell::new(Saying(io::stdout())));
    let confinement = confine::confine()?;
    saying.borrow_mut().say(&Told::Ready(confinement))?;
    let mut orders = io::stdin().lock();
    while let Some(order) = hear(&mut orders)? {
        let told = script::run(&order, &saying);
        saying.borrow_mut().say(&told)?;
        if matches!(told, Told::Failed(Failed::Exceeded(_))) {
            // The parent puts another process in the place of one in which something was stopped.
            return Ok(());
        }
    }
    Ok(())
}

/// The next order; none when the parent is gone.
fn hear(orders: &mut impl Read) -> io::Result<Option<Order>> {
    let mut length = [0; 4];
    match orders.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_ORDER_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "an order is too large"));
    }
    let mut body = vec![0; length];
    orders.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}
