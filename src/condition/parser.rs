//! Tokens to syntax tree: precedence climbing with flat chains. The limits on shape are enforced here, while reading, so a
//! hostile source is refused before it has built a tree that would be expensive to walk or to drop. What hangs on a value
//! (members, indexes, `.get`) and what stands in brackets is read in [`operand`].

mod operand;

use super::ast::{Comparator, Comparison, Expr, Operator, Sign, Step};
use super::error::CompileError;
use super::lexer::{Token, TokenKind, tokens};
use super::limits::{NESTING, SOURCE_BYTES};

/// Compiles a source.
pub(super) fn parse(source: &str) -> Result<Expr, CompileError> {
    if source.len() > SOURCE_BYTES {
        return Err(CompileError::new(0, format!("the condition is longer than {SOURCE_BYTES} bytes")));
    }
    let mut parser = Parser { tokens: tokens(source)?, at: 0, nesting: 0 };
    if *parser.peek() == TokenKind::End {
        return Err(CompileError::new(0, "the condition is empty"));
    }
    let tree = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(tree.expr),
        TokenKind::Symbol(",") => Err(parser.error("a `,` makes a tuple, which always holds: put brackets around it")),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// Words of Python that are never names.
const RESERVED: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

struct Parser<'s> {
    tokens: Vec<Token<'s>>,
    at: usize,
    nesting: usize,
}

/// A part of the syntax tree, with its height: the levels that the evaluator needs for it.
struct Tree {
    expr: Expr,
    height: usize,
}

type Parse<T> = Result<T, CompileError>;

/// Binding strength of operators; a higher level binds tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Comparison,
    BitOr,
    BitXor,
    BitAnd,
    Sum,
    Product,
    Unary,
}

impl Level {
    fn tighter(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Comparison,
            Self::Comparison => Self::BitOr,
            Self::BitOr => Self::BitXor,
            Self::BitXor => Self::BitAnd,
            Self::BitAnd => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product | Self::Unary => Self::Unary,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Binary {
    Or,
    And,
    Compare(Comparator),
    Fold(Operator),
}

fn binary(first: &TokenKind<'_>, second: Option<&TokenKind<'_>>) -> Option<(Level, Binary)> {
    let (TokenKind::Symbol(word) | TokenKind::Name(word)) = first else { return None };
    let followed = |word: &str| matches!(second, Some(TokenKind::Name(name)) if *name == word);
    let compare = |comparator| (Level::Comparison, Binary::Compare(comparator));
    Some(match *word {
        "or" => (Level::Or, Binary::Or),
        "and" => (Level::And, Binary::And),
        "==" => compare(Comparator::Equal),
        "!=" => compare(Comparator::NotEqual),
        "<" => compare(Comparator::Less),
        "<=" => compare(Comparator::LessOrEqual),
        ">" => compare(Comparator::Greater),
        ">=" => compare(Comparator::GreaterOrEqual),
        "in" => compare(Comparator::In),
        "not" if followed("in") => compare(Comparator::NotIn),
        "is" if followed("not") => compare(Comparator::IsNot),
        "is" => compare(Comparator::Is),
        "|" => (Level::BitOr, Binary::Fold(Operator::BitOr)),
        "^" => (Level::BitXor, Binary::Fold(Operator::BitXor)),
        "&" => (Level::BitAnd, Binary::Fold(Operator::BitAnd)),
        "+" => (Level::Sum, Binary::Fold(Operator::Add)),
        "-" => (Level::Sum, Binary::Fold(Operator::Subtract)),
        "*" => (Level::Product, Binary::Fold(Operator::Multiply)),
        "/" => (Level::Product, Binary::Fold(Operator::Divide)),
        "//" => (Level::Product, Binary::Fold(Operator::FloorDivide)),
        "%" => (Level::Product, Binary::Fold(Operator::Remainder)),
        _ => return None,
    })
}

impl<'s> Parser<'s> {
    fn peek(&self) -> &TokenKind<'s> {
        &self.tokens[self.at].kind
    }

    fn position(&self) -> u32 {
        self.tokens[self.at].position
    }

    /// Takes the next token. The last one, the end, is never passed.
    fn advance(&mut self) -> TokenKind<'s> {
        let kind = self.peek().clone();
        if kind != TokenKind::End {
            self.at += 1;
        }
        kind
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(next) | TokenKind::Name(next) if *next == word)
    }

    /// Takes the next token if it is this symbol or word.
    fn eat(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Parse<()> {
        if self.eat(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    fn error(&self, message: impl Into<String>) -> CompileError {
        CompileError::new(self.position() as usize, message)
    }

    /// The error for a token that can't stand here. What people bring along from elsewhere is told apart.
    #[inline(never)]
    fn unexpected(&self, expected: &str) -> CompileError {
        let found = self.peek();
        let hint = match found {
            TokenKind::Symbol("=") => "; values are compared with `==`",
            TokenKind::Symbol(":=") => "; a condition assigns nothing",
            TokenKind::Symbol("&&") => "; write `and`",
            TokenKind::Symbol("||") => "; write `or`",
            TokenKind::Symbol("!") => "; write `not`",
            TokenKind::Symbol("<<" | ">>") => "; bits are not shifted in conditions",
            TokenKind::Symbol("*" | "**") => "; nothing is unpacked in conditions",
            TokenKind::Name("for" | "async") => "; there are no comprehensions",
            TokenKind::Name("lambda") => "; there are no functions",
            TokenKind::Name("not") => "; put brackets around `not ...` here",
            TokenKind::Name("is") => "; `is` stands between two values",
            _ => "",
        };
        self.error(format!("expected {expected}, found {found}{hint}"))
    }

    fn too_deep(&self) -> CompileError {
        self.error(format!("the condition nests deeper than {NESTING} levels"))
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

    /// Brackets bound the recursion of the parser; this bounds that of the evaluator, for which a change of operator
    /// precedence is a level too.
    fn tree(&self, expr: Expr, height: usize) -> Parse<Tree> {
        if height > NESTING { Err(self.too_deep()) } else { Ok(Tree { expr, height }) }
    }

    fn expression(&mut self) -> Parse<Tree> {
        self.deeper(|parser| {
            let value = parser.operators(Level::Or)?;
            if parser.is_word("if") { parser.choice(value) } else { Ok(value) }
        })
    }

    /// Reads `if a else y if b else z` after the first value.
    #[inline(never)]
    fn choice(&mut self, first: Tree) -> Parse<Tree> {
        let Tree { expr: mut value, mut height } = first;
        let mut branches = Vec::new();
        while self.eat("if") {
            let condition = self.operators(Level::Or)?;
            self.expect("else")?;
            let next = self.operators(Level::Or)?;
            height = height.max(condition.height).max(next.height);
            branches.push((condition.expr, value));
            value = next.expr;
        }
        self.tree(Expr::Choice(branches, Box::new(value)), height + 1)
    }

    /// Reads operators of `weakest` and tighter levels.
    fn operators(&mut self, weakest: Level) -> Parse<Tree> {
        let first = if weakest <= Level::Not && self.is_word("not") { self.negation()? } else { self.signs()? };
        if self.binary().is_some_and(|(level, _)| level >= weakest) { self.chain(first, weakest) } else { Ok(first) }
    }

    fn binary(&self) -> Option<(Level, Binary)> {
        binary(self.peek(), self.tokens.get(self.at + 1).map(|token| &token.kind))
    }

    #[inline(never)]
    fn negation(&mut self) -> Parse<Tree> {
        let mut times = 0;
        while self.eat("not") {
            times += 1;
        }
        let operand = self.deeper(|parser| parser.operators(Level::Comparison))?;
        self.tree(Expr::Not(times, Box::new(operand.expr)), operand.height + 1)
    }

    /// Reads the operators after `first`. The left side grows as one flat chain while the level stays the same.
    #[inline(never)]
    fn chain(&mut self, first: Tree, weakest: Level) -> Parse<Tree> {
        let Tree { expr: mut left, mut height } = first;
        let mut open = None;
        while let Some((level, operator)) = self.binary().filter(|(level, _)| *level >= weakest) {
            let position = self.position();
            let of_two_words = matches!(operator, Binary::Compare(Comparator::NotIn | Comparator::IsNot));
            self.at += if of_two_words { 2 } else { 1 };
            let right = self.deeper(|parser| parser.operators(level.tighter()))?;
            let same = open == Some(level);
            open = Some(level);
            height = if same { height.max(right.height + 1) } else { height.max(right.height) + 1 };
            left = joined(left, same, (operator, position), right.expr)?;
            Tree { expr: left, height } = self.tree(left, height)?;
        }
        Ok(Tree { expr: left, height })
    }

    fn signs(&mut self) -> Parse<Tree> {
        if matches!(self.peek(), TokenKind::Symbol("-" | "+" | "~")) { self.signed() } else { self.power() }
    }

    #[inline(never)]
    fn signed(&mut self) -> Parse<Tree> {
        let mut signs = Vec::new();
        loop {
            let sign = match self.peek() {
                TokenKind::Symbol("-") => Sign::Minus,
                TokenKind::Symbol("+") => Sign::Plus,
                TokenKind::Symbol("~") => Sign::Invert,
                _ => break,
            };
            signs.push((sign, self.position()));
            self.at += 1;
        }
        let operand = self.power()?;
        self.tree(Expr::Signs(signs, Box::new(operand.expr)), operand.height + 1)
    }

    /// A value, or a power: `**` binds tighter than a sign on its left, and weaker than one on its right.
    fn power(&mut self) -> Parse<Tree> {
        let base = self.operand()?;
        let position = self.position();
        if !self.eat("**") {
            return Ok(base);
        }
        let exponent = self.deeper(Self::signs)?;
        let height = base.height.max(exponent.height) + 1;
        self.tree(Expr::Power(Box::new((base.expr, exponent.expr)), position), height)
    }
}

/// Adds an operator and its right side to the left side: to its chain if that is of the `same` level, else as the start of
/// a new one.
fn joined(mut left: Expr, same: bool, (operator, position): (Binary, u32), right: Expr) -> Parse<Expr> {
    if let Binary::Compare(comparator @ (Comparator::Is | Comparator::IsNot)) = operator {
        let before = match &left {
            Expr::Compare(_, comparisons) if same => comparisons.last().map(|comparison| &comparison.right),
            other => Some(other),
        };
        if !(is_singleton(&right) || before.is_some_and(is_singleton)) {
            let message =
                format!("`{}` takes the literals None, True and False; compare with `==`", comparator.symbol());
            return Err(CompileError::new(position as usize, message));
        }
    }
    match (operator, &mut left) {
        (Binary::Or, Expr::Or(operands)) | (Binary::And, Expr::And(operands)) if same => {
            operands.push(right);
            return Ok(left);
        }
        (Binary::Compare(comparator), Expr::Compare(_, comparisons)) if same => {
            comparisons.push(Comparison { comparator, position, right });
            return Ok(left);
        }
        (Binary::Fold(operator), Expr::Fold(_, steps)) if same => {
            steps.push(Step { operator, position, right });
            return Ok(left);
        }
        _ => {}
    }
    Ok(match operator {
        Binary::Or => Expr::Or(vec![left, right]),
        Binary::And => Expr::And(vec![left, right]),
        Binary::Compare(comparator) => Expr::Compare(Box::new(left), vec![Comparison { comparator, position, right }]),
        Binary::Fold(operator) => Expr::Fold(Box::new(left), vec![Step { operator, position, right }]),
    })
}

fn is_singleton(expr: &Expr) -> bool {
    matches!(expr, Expr::None | Expr::Bool(_))
}
