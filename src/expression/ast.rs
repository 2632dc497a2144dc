//! The syntax tree. Chains (`a || b || ...`, `a + b - ...`, `a.b.c`, `x ? a : y ? b : c`) are flat, so the height of
//! the tree, and with it the stack of the evaluator, is bounded by the nesting limit alone.

use std::sync::Arc;

use serde_json::Value;

use super::functions::Function;
use super::path::{Path, Segment};

#[derive(Debug)]
pub(super) enum Expr {
    Constant(Value),
    /// A name of the scope and the static steps after it.
    Path(Path),
    /// A macro's variable, counted from the innermost macro outwards.
    Local(usize),
    /// `has(a.b.c)` over a path of the scope.
    HasPath(Path),
    /// `has(x.b)` over anything else.
    HasMember(Box<Expr>, Segment),
    Call(Call),
    /// Members, indexes, methods and macros, applied one after the other.
    Postfix(Box<Expr>, Vec<Link>),
    /// `!` and `-` in source order; the last is applied first.
    Prefix(Vec<(Prefix, u32)>, Box<Expr>),
    And(Vec<Operand>),
    Or(Vec<Operand>),
    /// Operators of one precedence, folded from the left.
    Fold(Box<Expr>, Vec<Step>),
    Choice(Vec<(Operand, Expr)>, Box<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr, u32)>),
}

/// An operand that is read as a condition, with its place for errors.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) expr: Expr,
    pub(super) position: u32,
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) operator: Operator,
    pub(super) position: u32,
    pub(super) right: Expr,
}

#[derive(Debug)]
pub(super) enum Link {
    Member(Segment),
    Index(Expr, u32),
    Method(Call),
    Macro(Macro),
}

/// A function call; for a method the receiver is not among the arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) arguments: Vec<Expr>,
    pub(super) position: u32,
    /// The compiled pattern of `matches`, when it is a literal.
    pub(super) pattern: Option<Arc<super::functions::Pattern>>,
}

#[derive(Debug)]
pub(super) struct Macro {
    pub(super) kind: MacroKind,
    /// The predicate, or for `map` the transformation.
    pub(super) body: Box<Expr>,
    /// The predicate of the three-argument `map`.
    pub(super) only: Option<Box<Expr>>,
    pub(super) position: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MacroKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

impl MacroKind {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::All,
            "exists" => Self::Exists,
            "exists_one" => Self::ExistsOne,
            "map" => Self::Map,
            "filter" => Self::Filter,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Exists => "exists",
            Self::ExistsOne => "exists_one",
            Self::Map => "map",
            Self::Filter => "filter",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Not,
    Negate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}
