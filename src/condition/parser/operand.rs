//! Operands: literals, names, what stands in brackets, and what hangs on any of them. Everything that Python has here and
//! a condition has not (calls, methods, unpacking, comprehensions) is refused by name.

use super::super::ast::{Entry, Expr, Link, LinkKind};
use super::super::error::CompileError;
use super::super::lexer::TokenKind;
use super::{Parse, Parser, RESERVED, Tree};

/// Methods of dicts in Python: there `d.keys` is the method, whatever the keys of `d` are.
const METHODS: [&str; 10] =
    ["clear", "copy", "fromkeys", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
/// Members that `simpleeval` refuses for the sake of objects that have more to hide than a dict.
const HIDDEN: [&str; 8] = ["format", "format_map", "mro", "tb_frame", "gi_frame", "ag_frame", "cr_frame", "exec"];

impl Parser<'_> {
    /// Reads an operand and everything that hangs on it.
    pub(super) fn operand(&mut self) -> Parse<Tree> {
        let primary = match self.peek() {
            TokenKind::Symbol("(") => self.round()?,
            TokenKind::Symbol("[") => self.square()?,
            TokenKind::Symbol("{") => self.curly()?,
            _ => self.atom()?,
        };
        match self.peek() {
            TokenKind::Symbol("." | "[" | "(") => self.postfix(primary),
            _ => Ok(primary),
        }
    }

    #[inline(never)]
    fn atom(&mut self) -> Parse<Tree> {
        let position = self.position();
        let expr = match self.peek().clone() {
            TokenKind::Int(number) => Expr::Int(number),
            TokenKind::Float(number) => Expr::Float(number),
            TokenKind::Text(text) => return Ok(self.text(text)),
            TokenKind::Name("None") => Expr::None,
            TokenKind::Name("True") => Expr::Bool(true),
            TokenKind::Name("False") => Expr::Bool(false),
            TokenKind::Name(name) if !RESERVED.contains(&name) => Expr::Name(name.into(), position),
            _ => return Err(self.unexpected("a value")),
        };
        self.advance();
        Ok(Tree { expr, height: 1 })
    }

    /// Strings that follow each other are one.
    fn text(&mut self, mut text: String) -> Tree {
        self.advance();
        while let TokenKind::Text(next) = self.peek() {
            text.push_str(next);
            self.advance();
        }
        Tree { expr: Expr::Text(text.into()), height: 1 }
    }

    /// Brackets around an expression, or a tuple, which is told by a comma or by being empty.
    #[inline(never)]
    fn round(&mut self) -> Parse<Tree> {
        self.at += 1;
        if self.eat(")") {
            return Ok(Tree { expr: Expr::Tuple(Vec::new()), height: 1 });
        }
        let first = self.expression()?;
        if self.eat(")") {
            return Ok(first);
        }
        if !self.is_word(",") {
            return Err(self.unexpected("`)`"));
        }
        let (items, height) = self.elements(first, ")")?;
        self.tree(Expr::Tuple(items), height)
    }

    #[inline(never)]
    fn square(&mut self) -> Parse<Tree> {
        self.at += 1;
        if self.eat("]") {
            return Ok(Tree { expr: Expr::List(Vec::new()), height: 1 });
        }
        let first = self.expression()?;
        let (items, height) = self.elements(first, "]")?;
        self.tree(Expr::List(items), height)
    }

    /// Reads the elements after the first one, and the closing bracket. A comma may stand before it.
    fn elements(&mut self, first: Tree, close: &str) -> Parse<(Vec<Expr>, usize)> {
        let mut height = first.height;
        let mut items = vec![first.expr];
        while !self.eat(close) {
            if !self.eat(",") {
                return Err(self.unexpected(&format!("`,` or `{close}`")));
            }
            if self.eat(close) {
                break;
            }
            let item = self.expression()?;
            height = height.max(item.height);
            items.push(item.expr);
        }
        Ok((items, height + 1))
    }

    /// A dict; or a set, which is told by a first element without a colon.
    #[inline(never)]
    fn curly(&mut self) -> Parse<Tree> {
        let position = self.position();
        let after_in = self.at > 0 && self.tokens[self.at - 1].kind == TokenKind::Name("in");
        self.at += 1;
        if self.eat("}") {
            return Ok(Tree { expr: Expr::Dict(Vec::new()), height: 1 });
        }
        let start = self.position();
        let first = self.expression()?;
        if !self.is_word(":") {
            if !(self.is_word(",") || self.is_word("}")) {
                return Err(self.unexpected("`:`, `,` or `}`"));
            }
            let (items, height) = self.elements(first, "}")?;
            return self.set(items, height, after_in, position);
        }
        let mut height = 0;
        let mut entries = Vec::new();
        let mut next = (first, start);
        loop {
            self.expect(":")?;
            let (key, position) = next;
            let value = self.expression()?;
            height = height.max(key.height).max(value.height);
            entries.push(Entry { key: key.expr, value: value.expr, position });
            if !self.eat(",") && !self.is_word("}") {
                return Err(self.unexpected("`,` or `}`"));
            }
            if self.eat("}") {
                return self.tree(Expr::Dict(entries), height + 1);
            }
            let position = self.position();
            next = (self.expression()?, position);
        }
    }

    /// A set is only ever asked what it contains: it stands right after `in`, and nothing binds it tighter than that.
    fn set(&self, items: Vec<Expr>, height: usize, after_in: bool, position: u32) -> Parse<Tree> {
        let asked = match self.peek() {
            TokenKind::End | TokenKind::Symbol(")" | "]" | "}" | "," | ":") => true,
            TokenKind::Name(word) => matches!(*word, "and" | "or" | "if" | "else"),
            _ => false,
        };
        if !(after_in && asked) {
            let message = "a set stands on the right of `in` only; write a list";
            return Err(CompileError::new(position as usize, message));
        }
        self.tree(Expr::Set(items), height)
    }

    #[inline(never)]
    fn postfix(&mut self, base: Tree) -> Parse<Tree> {
        let mut height = base.height;
        let mut links = Vec::new();
        loop {
            let position = self.position();
            let (kind, inner) = match self.peek() {
                TokenKind::Symbol(".") => self.member()?,
                TokenKind::Symbol("[") => self.index()?,
                TokenKind::Symbol("(") => return Err(self.error("there are no functions; `.get(..)` is the only call")),
                _ => return self.tree(Expr::Postfix(Box::new(base.expr), links), height + 1),
            };
            height = height.max(inner);
            links.push(Link { kind, position });
        }
    }

    /// Reads `.key` or `.get(..)`.
    fn member(&mut self) -> Parse<(LinkKind, usize)> {
        self.at += 1;
        let TokenKind::Name(name) = *self.peek() else { return Err(self.unexpected("a name after `.`")) };
        let called = matches!(self.tokens.get(self.at + 1), Some(token) if token.kind == TokenKind::Symbol("("));
        if name == "get" && called {
            self.at += 2;
            return self.get();
        }
        if called {
            return Err(self.error(format!("`.{name}` can't be called; `.get(..)` is the only call")));
        }
        let hidden = name.starts_with('_') || name.starts_with("func_") || HIDDEN.contains(&name);
        if name == "get" || hidden || METHODS.contains(&name) || RESERVED.contains(&name) {
            return Err(self.error(format!("`.{name}` is no key in Python; write `['{name}']`")));
        }
        self.at += 1;
        Ok((LinkKind::Member(name.into()), 0))
    }

    /// Reads the one or two arguments of `.get` and the closing bracket.
    fn get(&mut self) -> Parse<(LinkKind, usize)> {
        if self.is_word(")") {
            return Err(self.error("`.get` needs a key"));
        }
        let key = self.expression()?;
        let mut height = key.height;
        let mut default = None;
        if self.eat(",") && !self.is_word(")") {
            let tree = self.expression()?;
            height = height.max(tree.height);
            default = Some(tree.expr);
            if self.eat(",") && !self.is_word(")") {
                return Err(self.error("`.get` takes a key and a default, and nothing else"));
            }
        }
        self.expect(")")?;
        Ok((LinkKind::Get(Box::new((key.expr, default))), height))
    }

    /// Reads `[index]` or `[start:stop:step]`.
    fn index(&mut self) -> Parse<(LinkKind, usize)> {
        self.at += 1;
        let mut height = 0;
        let start = self.bound(&mut height)?;
        if !self.eat(":") {
            let Some(index) = start else { return Err(self.error("the index is missing")) };
            if self.is_word(",") {
                return Err(self.error("an index is one value; put brackets around a tuple"));
            }
            self.expect("]")?;
            return Ok((LinkKind::Index(index), height));
        }
        let stop = self.bound(&mut height)?;
        let step = if self.eat(":") { self.bound(&mut height)? } else { None };
        self.expect("]")?;
        Ok((LinkKind::Slice(Box::new([start, stop, step])), height))
    }

    /// A part of a slice, which may be missing.
    fn bound(&mut self, height: &mut usize) -> Parse<Option<Expr>> {
        if self.is_word(":") || self.is_word("]") {
            return Ok(None);
        }
        let tree = self.expression()?;
        *height = (*height).max(tree.height);
        Ok(Some(tree.expr))
    }
}
