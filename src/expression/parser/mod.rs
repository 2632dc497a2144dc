//! Tokens to syntax tree: precedence climbing with flat chains. Every limit on shape is enforced here, while reading,
//! so a hostile source is refused before it has built a tree that would be expensive to walk or to drop.

mod calls;

use std::sync::Arc;

use serde_json::{Number, Value};

use super::ast::{Expr, Link, MacroKind, Operand, Operator, Prefix, Step};
use super::error::CompileError;
use super::lexer::{Token, TokenKind};
use super::limits::{CHAIN, NESTING, NODES};
use super::path::{Path, Segment};

/// A parsed expression and what the parser learned on the way.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) expr: Expr,
    pub(super) paths: Vec<Path>,
    pub(super) nodes: usize,
}

pub(super) struct Parser<'s> {
    tokens: Vec<Token<'s>>,
    at: usize,
    nesting: usize,
    /// Height of the tree that was read last.
    height: usize,
    nodes: usize,
    patterns: usize,
    /// Macro variables in scope, outermost first.
    locals: Vec<&'s str>,
    paths: Vec<Path>,
}

type Parse<T> = Result<T, CompileError>;

/// Binding strength of binary operators; a higher level binds tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Relation,
    Sum,
    Product,
    Unary,
}

impl Level {
    fn tighter(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Relation,
            Self::Relation => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product | Self::Unary => Self::Unary,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Binary {
    Or,
    And,
    Fold(Operator),
}

fn binary(kind: &TokenKind<'_>) -> Option<(Level, Binary)> {
    let symbol = match kind {
        TokenKind::Symbol(symbol) => symbol,
        TokenKind::Name("in") => "in",
        _ => return None,
    };
    Some(match symbol {
        "||" => (Level::Or, Binary::Or),
        "&&" => (Level::And, Binary::And),
        "==" => (Level::Relation, Binary::Fold(Operator::Equal)),
        "!=" => (Level::Relation, Binary::Fold(Operator::NotEqual)),
        "<" => (Level::Relation, Binary::Fold(Operator::Less)),
        "<=" => (Level::Relation, Binary::Fold(Operator::LessOrEqual)),
        ">" => (Level::Relation, Binary::Fold(Operator::Greater)),
        ">=" => (Level::Relation, Binary::Fold(Operator::GreaterOrEqual)),
        "in" => (Level::Relation, Binary::Fold(Operator::In)),
        "+" => (Level::Sum, Binary::Fold(Operator::Add)),
        "-" => (Level::Sum, Binary::Fold(Operator::Subtract)),
        "*" => (Level::Product, Binary::Fold(Operator::Multiply)),
        "/" => (Level::Product, Binary::Fold(Operator::Divide)),
        "%" => (Level::Product, Binary::Fold(Operator::Remainder)),
        _ => return None,
    })
}

impl<'s> Parser<'s> {
    /// `tokens` must end with [`TokenKind::End`]; the parser never moves past it.
    pub(super) fn new(tokens: Vec<Token<'s>>) -> Self {
        Self { tokens, at: 0, nesting: 0, height: 0, nodes: 0, patterns: 0, locals: Vec::new(), paths: Vec::new() }
    }

    /// Reads the one expression that the tokens must be.
    pub(super) fn parse(mut self) -> Parse<Parsed> {
        let expr = self.expression()?;
        match self.peek() {
            TokenKind::End => Ok(Parsed { expr, paths: self.paths, nodes: self.nodes }),
            other => Err(self.error(format!("expected an operator or the end, found {other}"))),
        }
    }

    fn peek(&self) -> &TokenKind<'s> {
        &self.tokens[self.at].kind
    }

    fn position(&self) -> u32 {
        self.tokens[self.at].position as u32
    }

    fn advance(&mut self) -> TokenKind<'s> {
        let kind = self.peek().clone();
        if kind != TokenKind::End {
            self.at += 1;
        }
        kind
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(next) if *next == symbol);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Parse<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.error(format!("expected `{symbol}`, found {}", self.peek()))) }
    }

    fn error(&self, message: impl Into<String>) -> CompileError {
        CompileError::new(self.position() as usize, message)
    }

    /// Counts a node of the tree.
    fn count(&mut self) -> Parse<()> {
        self.nodes += 1;
        if self.nodes > NODES { Err(self.error(format!("the expression has more than {NODES} parts"))) } else { Ok(()) }
    }

    fn check_chain(&self, length: usize) -> Parse<()> {
        if length > CHAIN { Err(self.error(format!("more than {CHAIN} operands in one chain"))) } else { Ok(()) }
    }

    fn too_deep(&self) -> CompileError {
        self.error(format!("the expression nests deeper than {NESTING} levels"))
    }

    /// Runs `inner` one level deeper. Every recursion of the parser passes here, so the limit bounds its stack.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.nesting == NESTING {
            return Err(self.too_deep());
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// Notes the height of the tree just read. Brackets bound the recursion of the parser; this bounds that of the
    /// evaluator, for which a change of operator precedence is a level too.
    fn grown(&mut self, height: usize) -> Parse<()> {
        self.height = height;
        if height > NESTING { Err(self.too_deep()) } else { Ok(()) }
    }

    /// Reads an expression as a child; answers it and the greater of its height and `beside`.
    fn child(&mut self, beside: usize) -> Parse<(Expr, usize)> {
        let expr = self.expression()?;
        Ok((expr, self.height.max(beside)))
    }

    fn expression(&mut self) -> Parse<Expr> {
        self.deeper(Self::choice)
    }

    // The functions from here to `member` call each other once per bracket. What is not needed for a plain bracket is
    // kept out of them, so that their stack frames stay small.

    fn choice(&mut self) -> Parse<Expr> {
        let position = self.position();
        let value = self.operators(Level::Or)?;
        if self.eat("?") { self.branches(Operand { expr: value, position }) } else { Ok(value) }
    }

    /// Reads `a : b`, or `a : x ? b : c` and so on, after the first condition and its `?`.
    #[inline(never)]
    fn branches(&mut self, mut condition: Operand) -> Parse<Expr> {
        let mut branches = Vec::new();
        let mut height = self.height;
        loop {
            self.count()?;
            let (then, taller) = self.child(height)?;
            self.expect(":")?;
            branches.push((condition, then));
            self.check_chain(branches.len())?;
            let position = self.position();
            let value = self.operators(Level::Or)?;
            height = taller.max(self.height);
            if !self.eat("?") {
                self.grown(height + 1)?;
                return Ok(Expr::Choice(branches, Box::new(value)));
            }
            condition = Operand { expr: value, position };
        }
    }

    /// Reads operators of `weakest` and tighter levels.
    fn operators(&mut self, weakest: Level) -> Parse<Expr> {
        let position = self.position();
        let first = self.unary()?;
        if binary(self.peek()).is_some_and(|(level, _)| level >= weakest) {
            self.chain(Operand { expr: first, position }, weakest)
        } else {
            Ok(first)
        }
    }

    /// Reads the operators after `first`. The left side grows as one flat chain while the level stays the same.
    #[inline(never)]
    fn chain(&mut self, first: Operand, weakest: Level) -> Parse<Expr> {
        let Operand { expr: mut left, position: start } = first;
        let mut height = self.height;
        let mut open = None;
        while let Some((level, operator)) = binary(self.peek()).filter(|(level, _)| *level >= weakest) {
            let position = self.position();
            self.advance();
            self.count()?;
            let right_position = self.position();
            let right = self.deeper(|parser| parser.operators(level.tighter()))?;
            let same = open == Some(level);
            open = Some(level);
            height = if same { height.max(self.height + 1) } else { height.max(self.height) + 1 };
            self.grown(height)?;
            let right = Operand { expr: right, position: right_position };
            left = self.joined(left, start, same, (operator, position), right)?;
        }
        Ok(left)
    }

    /// Adds an operator and its right side to the left side: to its chain if that is of the `same` level, else as the
    /// start of a new one.
    fn joined(
        &self,
        mut left: Expr,
        start: u32,
        same: bool,
        (operator, position): (Binary, u32),
        right: Operand,
    ) -> Parse<Expr> {
        match (operator, &mut left) {
            (Binary::Or, Expr::Or(operands)) | (Binary::And, Expr::And(operands)) if same => {
                operands.push(right);
                self.check_chain(operands.len())?;
                return Ok(left);
            }
            (Binary::Fold(operator), Expr::Fold(_, steps)) if same => {
                steps.push(Step { operator, position, right: right.expr });
                self.check_chain(steps.len())?;
                return Ok(left);
            }
            _ => {}
        }
        Ok(match operator {
            Binary::Or => Expr::Or(vec![Operand { expr: left, position: start }, right]),
            Binary::And => Expr::And(vec![Operand { expr: left, position: start }, right]),
            Binary::Fold(operator) => Expr::Fold(Box::new(left), vec![Step { operator, position, right: right.expr }]),
        })
    }

    fn unary(&mut self) -> Parse<Expr> {
        if matches!(self.peek(), TokenKind::Symbol("!" | "-")) { self.prefixed() } else { self.member() }
    }

    #[inline(never)]
    fn prefixed(&mut self) -> Parse<Expr> {
        let mut prefixes = Vec::new();
        loop {
            let position = self.position();
            if self.eat("!") {
                prefixes.push((Prefix::Not, position));
            } else if self.eat("-") {
                prefixes.push((Prefix::Negate, position));
            } else {
                break;
            }
            self.check_chain(prefixes.len())?;
        }
        // A sign belongs to the number after it: the smallest integer has no positive counterpart.
        let operand = match self.negative_literal(&prefixes)? {
            Some(literal) => {
                prefixes.pop();
                self.postfix(literal, None)?
            }
            None => self.member()?,
        };
        if prefixes.is_empty() {
            return Ok(operand);
        }
        self.count()?;
        self.grown(self.height + 1)?;
        Ok(Expr::Prefix(prefixes, Box::new(operand)))
    }

    fn negative_literal(&mut self, prefixes: &[(Prefix, u32)]) -> Parse<Option<Expr>> {
        if !matches!(prefixes.last(), Some((Prefix::Negate, _))) {
            return Ok(None);
        }
        let number = match self.peek() {
            TokenKind::Int(number) => negative_integer(*number)
                .ok_or_else(|| self.error("the integer does not fit 64 bits; with a decimal point it is a double"))?,
            TokenKind::Float(number) => Number::from_f64(-number).expect("a literal is finite"),
            _ => return Ok(None),
        };
        self.advance();
        self.count()?;
        self.height = 1;
        Ok(Some(Expr::Constant(Value::Number(number))))
    }

    /// Reads a primary expression and everything that hangs on it.
    fn member(&mut self) -> Parse<Expr> {
        self.count()?;
        self.height = 1;
        let primary = if self.eat("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            inner
        } else if self.eat("[") {
            self.list()?
        } else if self.eat("{") {
            self.map()?
        } else {
            return self.atom();
        };
        self.postfix(primary, None)
    }

    /// A literal, a name or a call, and everything that hangs on it.
    #[inline(never)]
    fn atom(&mut self) -> Parse<Expr> {
        let position = self.position();
        let atom = match self.advance() {
            TokenKind::Int(number) => Expr::Constant(number.into()),
            TokenKind::Float(number) => Expr::Constant(number.into()),
            TokenKind::Text(text) => Expr::Constant(text.into()),
            TokenKind::Name("true") => Expr::Constant(true.into()),
            TokenKind::Name("false") => Expr::Constant(false.into()),
            TokenKind::Name("null") => Expr::Constant(Value::Null),
            TokenKind::Name("in") => {
                return Err(CompileError::new(position as usize, "`in` needs a value on its left side"));
            }
            TokenKind::Name(name) if self.eat("(") => self.call(name, position)?,
            TokenKind::Name(name) => return self.named(name),
            other => {
                return Err(CompileError::new(position as usize, format!("expected a value, found {other}")));
            }
        };
        self.postfix(atom, None)
    }

    /// A macro variable, or a path of the scope with all the static steps that follow.
    fn named(&mut self, name: &'s str) -> Parse<Expr> {
        self.height = 1;
        if let Some(index) = self.locals.iter().rposition(|local| *local == name) {
            return self.postfix(Expr::Local(self.locals.len() - 1 - index), None);
        }
        let mut segments = vec![Segment::key(name)];
        let mut pending = None;
        while pending.is_none() {
            match self.link()? {
                Some(Link::Member(segment)) => segments.push(segment),
                Some(link) => pending = Some(link),
                None => break,
            }
            self.check_chain(segments.len())?;
        }
        let path: Path = segments.into();
        self.paths.push(Arc::clone(&path));
        let path = Expr::Path(path);
        match pending {
            None => Ok(path),
            // The height is that of the pending link, which is not below that of the path.
            Some(link) => self.postfix(path, Some(link)),
        }
    }

    fn postfix(&mut self, base: Expr, pending: Option<Link>) -> Parse<Expr> {
        let mut links: Vec<Link> = pending.into_iter().collect();
        let mut height = self.height;
        while let Some(link) = self.link()? {
            height = height.max(self.height);
            links.push(link);
            self.check_chain(links.len())?;
        }
        if links.is_empty() {
            self.height = height;
            return Ok(base);
        }
        self.grown(height + 1)?;
        Ok(Expr::Postfix(Box::new(base), links))
    }

    /// Reads one member, index, method or macro, if there is one; leaves the height of what is inside it.
    fn link(&mut self) -> Parse<Option<Link>> {
        self.height = 1;
        let position = self.position();
        if self.eat("[") {
            let index = self.expression()?;
            self.expect("]")?;
            return self.index(index, position).map(Some);
        }
        if self.eat(".") || self.eat("?.") { self.dotted().map(Some) } else { Ok(None) }
    }

    /// An index that stands in the source is a static step of the path.
    fn index(&mut self, index: Expr, position: u32) -> Parse<Link> {
        match index {
            Expr::Constant(Value::String(name)) => Ok(Link::Member(Segment::key(&name))),
            Expr::Constant(Value::Number(number)) if number.is_u64() => {
                Ok(Link::Member(Segment::Index(number.as_u64().map_or(usize::MAX, |index| index as usize))))
            }
            other => {
                self.count()?;
                Ok(Link::Index(other, position))
            }
        }
    }

    /// What follows a dot.
    #[inline(never)]
    fn dotted(&mut self) -> Parse<Link> {
        let position = self.position();
        match self.advance() {
            TokenKind::Int(index) => Ok(Link::Member(Segment::Index(index as usize))),
            TokenKind::Name(name) if self.eat("(") => {
                self.count()?;
                match MacroKind::named(name) {
                    Some(kind) => self.macro_call(kind, position).map(Link::Macro),
                    None => self.arguments(name, position, 1).map(Link::Method),
                }
            }
            TokenKind::Name(name) => Ok(Link::Member(Segment::key(name))),
            other => Err(CompileError::new(position as usize, format!("expected a name after `.`, found {other}"))),
        }
    }

    fn list(&mut self) -> Parse<Expr> {
        let mut items = Vec::new();
        let mut height = 0;
        while !self.eat("]") {
            let (item, taller) = self.child(height)?;
            items.push(item);
            height = taller;
            if !self.eat(",") {
                self.expect("]")?;
                break;
            }
        }
        self.grown(height + 1)?;
        Ok(Expr::List(items))
    }

    fn map(&mut self) -> Parse<Expr> {
        let mut entries = Vec::new();
        let mut height = 0;
        while !self.eat("}") {
            let position = self.position();
            let (key, taller) = self.child(height)?;
            self.expect(":")?;
            let (value, taller) = self.child(taller)?;
            entries.push((key, value, position));
            height = taller;
            if !self.eat(",") {
                self.expect("}")?;
                break;
            }
        }
        self.grown(height + 1)?;
        Ok(Expr::Map(entries))
    }
}

fn negative_integer(number: u64) -> Option<Number> {
    i64::try_from(-i128::from(number)).ok().map(Number::from)
}
