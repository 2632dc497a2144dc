//! The `console` of a script: lines for the node's log, up to a bound.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use rquickjs::{Ctx, Function, Object, Result, Value, function::Rest};

use super::{
    Line, MAX_LINES, MAX_LOG_BYTES,
    child::Saying,
    frames::Told,
    json::{self, Unfit},
    script::cut,
};
use crate::domain::event::LogLevel;

/// The longest line; what is longer is cut.
const MAX_LINE_BYTES: usize = 8 << 10;

const LEVELS: [(&str, LogLevel); 5] = [
    ("log", LogLevel::Info),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
    ("debug", LogLevel::Debug),
];

/// What is left to log.
struct Left {
    lines: Cell<usize>,
    bytes: Cell<usize>,
    cut: Cell<bool>,
}

/// Makes `console` a global of the script.
pub(super) fn install<'js>(ctx: &Ctx<'js>, saying: &Rc<RefCell<Saying>>) -> Result<()> {
    let left = Rc::new(Left { lines: Cell::new(MAX_LINES), bytes: Cell::new(MAX_LOG_BYTES), cut: Cell::default() });
    let console = Object::new(ctx.clone())?;
    for (name, level) in LEVELS {
        let (left, saying) = (Rc::clone(&left), Rc::clone(saying));
        let log = move |arguments: Rest<Value<'js>>| {
            // Nothing is formatted that is not told.
            if left.lines.get() == 0 || left.bytes.get() == 0 {
                tell_cut(&left, &saying);
                return;
            }
            let message = text_of(&arguments);
            if message.len() > left.bytes.get() {
                left.bytes.set(0);
                tell_cut(&left, &saying);
                return;
            }
            left.lines.set(left.lines.get() - 1);
            left.bytes.set(left.bytes.get() - message.len());
            say(&saying, level, message);
        };
        console.set(name, Function::new(ctx.clone(), log)?.with_name(name)?)?;
    }
    ctx.globals().set("console", console)
}

fn tell_cut(left: &Left, saying: &Rc<RefCell<Saying>>) {
    if !left.cut.replace(true) {
        let message = format!("the log is cut here: one run logs {MAX_LINES} lines and {MAX_LOG_BYTES} bytes at most");
        say(saying, LogLevel::Warn, message);
    }
}

fn say(saying: &Rc<RefCell<Saying>>, level: LogLevel, message: String) {
    // Without a parent the process is about to end; the script need not know.
    _ = saying.borrow_mut().say(&Told::Log(Line { level, message }));
}

fn text_of(arguments: &[Value<'_>]) -> String {
    let mut text = String::new();
    for (i, argument) in arguments.iter().enumerate() {
        if i > 0 {
            text.push(' ');
        }
        text.push_str(&shown(argument));
        if text.len() > MAX_LINE_BYTES {
            return format!("{} ...", cut(&text, MAX_LINE_BYTES));
        }
    }
    text
}

/// Texts as they are, errors by what they say, and everything else as JSON.
fn shown(value: &Value<'_>) -> String {
    if let Some(text) = value.as_string() {
        return text.to_string().unwrap_or_else(|_| "(a text with half a character)".to_owned());
    }
    if value.is_undefined() {
        return "undefined".to_owned();
    }
    if let Some(exception) = value.as_exception() {
        let text = exception.message().unwrap_or_default();
        value.ctx().catch();
        return format!("Error: {text}");
    }
    match json::write(value, MAX_LINE_BYTES) {
        Ok(text) => text,
        Err(Unfit::TooLarge) => format!("({} that is too large to log)", value.type_name()),
        Err(Unfit::NoJson(_)) => format!("({})", value.type_name()),
        Err(Unfit::Threw(_)) => {
            value.ctx().catch();
            format!("({} that throws when it is read)", value.type_name())
        }
    }
}
