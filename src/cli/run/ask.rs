//! Asking the person at the terminal what an execution asks: the reviewer's page, line by line.
//!
//! The fields and what is wrong with them come from where the page has them, so a form means the same in both places.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    sync::Arc,
    thread,
};

use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use crate::{
    cli::output::plain,
    domain::suspension::{Action, Interrupt, SuspensionKind},
    http::respond::{self, Control, Field, Filled},
    nodes::forms::{self, APPROVED, AnswerInput, REJECTED},
};

/// What the person types, line by line; read on a thread of its own, because reading a terminal can't be given up.
#[derive(Clone)]
pub struct Keyboard(Arc<Mutex<mpsc::UnboundedReceiver<String>>>);

impl Keyboard {
    /// The keyboard, if a person sits at this terminal.
    pub fn of_terminal() -> Option<Self> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return None;
        }
        let (send, lines) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Some(Self(Arc::new(Mutex::new(lines))))
    }

    /// Shows a prompt, and gives the next line; none at the end of the input.
    async fn ask(&self, prompt: &str) -> io::Result<Option<String>> {
        let mut lines = self.0.lock().await;
        // What was typed before the question is no answer to it.
        while lines.try_recv().is_ok() {}
        show(prompt)?;
        Ok(lines.recv().await.map(|line| line.trim().to_owned()))
    }
}

/// Shows the beginning of a line.
fn show(prompt: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{prompt}")?;
    out.flush()
}

/// Asks; none at the end of the input. What was answered fits, as far as can be told here.
pub async fn ask(keyboard: &Keyboard, asked: &Interrupt) -> io::Result<Option<AnswerInput>> {
    tell(asked)?;
    let mut filled = Filled::default();
    if asked.kind == SuspensionKind::Callback {
        return ask_callback(keyboard, asked).await;
    }
    if asked.kind.is_approval() {
        let Some(action) = ask_action(keyboard, asked).await? else { return Ok(None) };
        filled.put("action", vec![action]);
    }
    let rejects = filled.text("action") == Some(REJECTED);
    let fields = respond::fields(asked);
    let wanted = |field: &&Field| match field.name.as_str() {
        "comment" => false,
        "reason" => rejects,
        name => !(rejects && name.starts_with("data")),
    };
    let leaves: Vec<&Field> = fields.iter().flat_map(Field::leaves).filter(wanted).collect();
    let mut open = leaves.clone();
    loop {
        for field in open {
            if !ask_field(keyboard, asked, field, &mut filled).await? {
                return Ok(None);
            }
        }
        let (input, mut problems) = check(asked, &filled);
        if problems.is_empty() {
            return Ok(Some(input));
        }
        for (path, message) in &problems {
            say(&format!("  ! {}: {}", path.trim_start_matches('/'), plain(message)))?;
        }
        problems.sort();
        open = leaves.iter().copied().filter(|field| problems.iter().any(|(path, _)| is_about(path, field))).collect();
        if open.is_empty() {
            // What is wrong is not one field's: all over again.
            open = leaves.clone();
        }
        if open.is_empty() {
            return Ok(None);
        }
    }
}

/// What was filled in as an answer, and everything that is wrong with it.
fn check(asked: &Interrupt, filled: &Filled) -> (AnswerInput, Vec<(String, String)>) {
    let (input, mut problems) = respond::answer(asked, filled);
    if problems.is_empty()
        && let Err(found) = forms::check_answer(asked, &input)
    {
        problems.extend(found.into_iter().map(|problem| (problem.path, problem.message)));
    }
    (input, problems)
}

fn is_about(path: &str, field: &Field) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.strip_prefix(field.name.as_str()))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// What the reviewer should see to decide.
fn tell(asked: &Interrupt) -> io::Result<()> {
    let node = asked.path.as_deref().unwrap_or(&asked.node_id);
    say("")?;
    say(&format!("── {} ──", plain(asked.title.as_deref().unwrap_or(node))))?;
    say(&plain(&asked.message))?;
    if let Some(context) = &asked.context {
        tell_value(context, 1)?;
    }
    if let Some(at) = asked.expires_at {
        say(&format!("  (expires {})", respond::distance(at, asked.opened_at)))?;
    }
    Ok(())
}

fn tell_value(value: &Value, depth: usize) -> io::Result<()> {
    let indent = "  ".repeat(depth);
    let inline = |value: &Value| match value {
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    };
    match value {
        Value::Object(members) if depth < 4 => {
            for (name, member) in members {
                let label = plain(&respond::humanized(name));
                if member.is_object() && depth < 3 {
                    say(&format!("{indent}{label}:"))?;
                    tell_value(member, depth + 1)?;
                } else {
                    say(&format!("{indent}{label}: {}", inline(member)))?;
                }
            }
            Ok(())
        }
        other => say(&format!("{indent}{}", inline(other))),
    }
}

async fn ask_action(keyboard: &Keyboard, asked: &Interrupt) -> io::Result<Option<String>> {
    let action = |id: &str, label: &str| Action { id: id.to_owned(), label: label.to_owned(), style: None };
    let offered = match asked.actions.as_slice() {
        [] => vec![action(APPROVED, "Approve"), action(REJECTED, "Reject")],
        actions => actions.to_vec(),
    };
    for (index, action) in offered.iter().enumerate() {
        say(&format!("  {}) {}", index + 1, plain(&action.label)))?;
    }
    loop {
        let Some(line) = keyboard.ask("Your decision: ").await? else { return Ok(None) };
        let chosen = pick(&line, offered.iter().map(|action| [action.id.as_str(), action.label.as_str()]));
        if let Some(index) = chosen {
            return Ok(Some(offered[index].id.clone()));
        }
        say(&format!("  ! answer with a number from 1 to {}, or a name", offered.len()))?;
    }
}

/// The one that a line means: by its number, by a name, or by the beginning of only one name.
fn pick<'a, const N: usize>(line: &str, names: impl Iterator<Item = [&'a str; N]> + Clone) -> Option<usize> {
    let count = names.clone().count();
    if let Ok(number) = line.parse::<usize>() {
        return number.checked_sub(1).filter(|index| *index < count);
    }
    let line = line.to_lowercase();
    if line.is_empty() {
        return None;
    }
    let exact = names.clone().position(|names| names.iter().any(|name| name.to_lowercase() == line));
    let mut begun =
        names.enumerate().filter(|(_, names)| names.iter().any(|name| name.to_lowercase().starts_with(&line)));
    let only = begun.next().filter(|_| begun.next().is_none());
    exact.or(only.map(|(index, _)| index))
}

async fn ask_callback(keyboard: &Keyboard, asked: &Interrupt) -> io::Result<Option<AnswerInput>> {
    loop {
        let Some(line) = keyboard.ask("The call's JSON: ").await? else { return Ok(None) };
        let answer = match serde_json::from_str(&line) {
            Ok(value) => AnswerInput { answer: Some(value), ..AnswerInput::default() },
            Err(error) => {
                say(&format!("  ! this is no JSON: {error}"))?;
                continue;
            }
        };
        match forms::check_answer(asked, &answer) {
            Ok(_) => return Ok(Some(answer)),
            Err(problems) => {
                problems.iter().try_for_each(|problem| say(&format!("  ! {}", plain(&problem.message))))?;
            }
        }
    }
}

/// Asks for one field until what is filled in fits; false at the end of the input.
async fn ask_field(keyboard: &Keyboard, asked: &Interrupt, field: &Field, filled: &mut Filled) -> io::Result<bool> {
    let start = field.shown(None);
    if matches!(field.control, Control::Constant(_) | Control::Group(_)) {
        return Ok(true);
    }
    let choices = match &field.control {
        Control::Choice(choices) | Control::Choices(choices) => choices.as_slice(),
        _ => &[],
    };
    let texts: Vec<String> =
        choices.iter().map(|choice| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned)).collect();
    let label = plain(&field.label);
    let help = if field.help.is_empty() { String::new() } else { format!(" ({})", plain(&field.help.join(" "))) };
    if !texts.is_empty() {
        say(&format!("{label}{help}:"))?;
        for (index, text) in texts.iter().enumerate() {
            say(&format!("  {}) {}", index + 1, plain(text)))?;
        }
    }
    let default = match (&field.control, start.as_slice()) {
        (Control::Flag, []) => " [y/N]".to_owned(),
        (Control::Flag, _) => " [Y/n]".to_owned(),
        (_, []) if !field.required => " [none]".to_owned(),
        (_, []) => String::new(),
        (Control::Choice(_) | Control::Choices(_), start) => {
            let named = start.iter().filter_map(|index| texts.get(index.parse::<usize>().ok()?)).cloned();
            format!(" [{}]", plain(&named.collect::<Vec<_>>().join(", ")))
        }
        (_, start) => format!(" [{}]", plain(&start.join(", ")).replace('\n', " ")),
    };
    let prompt = match &field.control {
        Control::Choice(_) => format!("Your choice{default}: "),
        Control::Choices(_) => format!("Your choices, separated by commas{default}: "),
        Control::Lines(_) => format!("{label}{help}, separated by commas{default}: "),
        _ => format!("{label}{help}{default}: "),
    };
    loop {
        let Some(line) = keyboard.ask(&prompt).await? else { return Ok(false) };
        let parts = || line.split(',').map(str::trim).filter(|part| !part.is_empty());
        let picked = |part: &str| pick(part, texts.iter().map(|text| [text.as_str()])).map(|index| index.to_string());
        let values = match &field.control {
            _ if line.is_empty() => Some(start.clone()),
            Control::Flag => match line.to_lowercase().as_str() {
                "y" | "yes" | "true" => Some(vec!["true".to_owned()]),
                "n" | "no" | "false" => Some(Vec::new()),
                _ => None,
            },
            Control::Choice(_) => picked(&line).map(|index| vec![index]),
            Control::Choices(_) => parts().map(picked).collect(),
            Control::Lines(_) => Some(vec![parts().collect::<Vec<_>>().join("\n")]),
            _ => Some(vec![line.clone()]),
        };
        let Some(values) = values else {
            let wanted =
                if field.control == Control::Flag { "y or n".to_owned() } else { "what is offered".to_owned() };
            say(&format!("  ! `{}` is not {wanted}", plain(&line)))?;
            continue;
        };
        let empty = values.iter().all(String::is_empty) && field.control != Control::Flag;
        filled.put(&field.name, values);
        if empty && field.required {
            say("  ! this is needed")?;
            continue;
        }
        // What other fields lack is not this one's fault.
        let (_, problems) = check(asked, filled);
        let own: Vec<&(String, String)> = problems.iter().filter(|(path, _)| is_about(path, field)).collect();
        if own.is_empty() {
            return Ok(true);
        }
        own.iter().try_for_each(|(_, message)| say(&format!("  ! {}", plain(message))))?;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn choices_are_meant_by_number_name_or_beginning() {
        let names = [["approved", "Approve"], ["rejected", "Reject"], ["later", "Approve later"]];
        let pick = |line: &str| super::pick(line, names.into_iter());
        for (line, expected) in [
            ("1", Some(0)),
            ("3", Some(2)),
            ("4", None),
            ("0", None),
            ("r", Some(1)),
            ("APPROVE", Some(0)),
            ("l", Some(2)),
        ] {
            assert_eq!(pick(line), expected, "{line}");
        }
        assert_eq!(pick("appr"), None, "two begin so");
        assert_eq!(pick(""), None);
    }
}
