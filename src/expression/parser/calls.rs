//! Calls: functions, methods, macros, and `has`.

use std::sync::Arc;

use serde_json::Value;

use super::super::ast::{Call, Expr, Link, Macro, MacroKind};
use super::super::error::CompileError;
use super::super::functions::{self, Function, Pattern};
use super::super::lexer::TokenKind;
use super::super::limits::PATTERNS;
use super::{Parse, Parser};

impl<'s> Parser<'s> {
    /// A call in function form; the opening bracket is read already.
    pub(super) fn call(&mut self, name: &'s str, position: u32) -> Parse<Expr> {
        if name == "has" {
            return self.has();
        }
        if MacroKind::named(name).is_some() {
            let message = format!("`{name}` is called on a list: `list.{name}(item, ...)`");
            return Err(CompileError::new(position as usize, message));
        }
        Ok(Expr::Call(self.arguments(name, position, 0)?))
    }

    /// Reads the arguments of a function; `receivers` is one for a method.
    pub(super) fn arguments(&mut self, name: &str, position: u32, receivers: usize) -> Parse<Call> {
        let function = Function::named(name).map_err(|message| CompileError::new(position as usize, message))?;
        let mut arguments = Vec::new();
        let mut height = 0;
        while !self.eat(")") {
            let (argument, taller) = self.child(height)?;
            arguments.push(argument);
            height = taller;
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        self.grown(height + 1)?;
        self.checked(Call { function, arguments, position, pattern: None }, receivers)
    }

    /// Checks the number of arguments and compiles the pattern of `matches`.
    fn checked(&mut self, mut call: Call, receivers: usize) -> Parse<Call> {
        let Call { function, arguments, position, .. } = &call;
        let (name, position) = (function.name, *position as usize);
        let given = arguments.len() + receivers;
        if !function.arguments.contains(&given) {
            let (least, most) = (function.arguments.start(), function.arguments.end());
            let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let message = format!("`{name}` takes {expected} arguments, not {given} (a method's receiver counts)");
            return Err(CompileError::new(position, message));
        }
        if let Some(Expr::Constant(Value::String(source))) = arguments.get(1 - receivers)
            && name == functions::MATCHES
        {
            self.patterns += 1;
            if self.patterns > PATTERNS {
                let message = format!("more than {PATTERNS} regular expressions in one expression");
                return Err(CompileError::new(position, message));
            }
            let pattern = Pattern::compile(source).map_err(|message| CompileError::new(position, message))?;
            call.pattern = Some(Arc::new(pattern));
        }
        Ok(call)
    }

    fn has(&mut self) -> Parse<Expr> {
        let position = self.position();
        let argument = self.expression()?;
        self.eat(",");
        self.expect(")")?;
        let refuse = || Err(CompileError::new(position as usize, "`has` takes a member, as in `has(a.b)`"));
        match argument {
            Expr::Path(path) if path.len() > 1 => Ok(Expr::HasPath(path)),
            Expr::Postfix(base, mut links) => match links.pop() {
                Some(Link::Member(segment)) => {
                    let of = if links.is_empty() { base } else { Box::new(Expr::Postfix(base, links)) };
                    Ok(Expr::HasMember(of, segment))
                }
                _ => refuse(),
            },
            _ => refuse(),
        }
    }

    pub(super) fn macro_call(&mut self, kind: MacroKind, position: u32) -> Parse<Macro> {
        let variable = match self.advance() {
            TokenKind::Name(name) if !matches!(name, "true" | "false" | "null" | "in") => name,
            other => {
                let message = format!("`{}` starts with the name of its variable, found {other}", kind.name());
                return Err(CompileError::new(position as usize, message));
            }
        };
        self.expect(",")?;
        self.locals.push(variable);
        let (first, mut height) = self.child(0)?;
        let mut second = None;
        if kind == MacroKind::Map && self.eat(",") {
            let (body, taller) = self.child(height)?;
            second = Some(body);
            height = taller;
        }
        self.locals.pop();
        self.expect(")")?;
        self.grown(height + 1)?;
        Ok(match second {
            Some(body) => Macro { kind, body: Box::new(body), only: Some(Box::new(first)), position },
            None => Macro { kind, body: Box::new(first), only: None, position },
        })
    }
}
