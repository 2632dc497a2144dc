//! The syntax tree. Chains (`a or b or ...`, `a + b - ...`, `a < b < ...`, `a['b'].c`, `x if a else y if b else z`) are
//! flat, so the height of the tree, and with it the stack of the evaluator, is bounded by the nesting limit alone.
//!
//! Positions are characters from the start of the source.

#[derive(Debug)]
pub(super) enum Expr {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Box<str>),
    Name(Box<str>, u32),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    /// A set literal. The parser lets it stand on the right of `in` alone, so it needs no values of its own kind.
    Set(Vec<Expr>),
    Dict(Vec<Entry>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// One or more `not`; the number of them.
    Not(u32, Box<Expr>),
    Compare(Box<Expr>, Vec<Comparison>),
    /// Operators of one precedence, folded from the left.
    Fold(Box<Expr>, Vec<Step>),
    Power(Box<(Expr, Expr)>, u32),
    /// `-`, `+` and `~` in source order; the last is applied first.
    Signs(Vec<(Sign, u32)>, Box<Expr>),
    /// `value if condition else ...`: pairs of condition and value, and what holds when no condition does.
    Choice(Vec<(Expr, Expr)>, Box<Expr>),
    Postfix(Box<Expr>, Vec<Link>),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Expr,
    pub(super) value: Expr,
    pub(super) position: u32,
}

#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) comparator: Comparator,
    pub(super) position: u32,
    pub(super) right: Expr,
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) operator: Operator,
    pub(super) position: u32,
    pub(super) right: Expr,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    pub(super) position: u32,
}

#[derive(Debug)]
pub(super) enum LinkKind {
    /// `.key`
    Member(Box<str>),
    /// `[index]`
    Index(Expr),
    /// `[start:stop:step]`
    Slice(Box<[Option<Expr>; 3]>),
    /// `.get(key)` or `.get(key, default)`
    Get(Box<(Expr, Option<Expr>)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    /// `is` and `is not`; the parser sees to it that one side is the literal `None`, `True` or `False`.
    Is,
    IsNot,
}

impl Comparator {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Is => "is",
            Self::IsNot => "is not",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    BitOr,
    BitXor,
    BitAnd,
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

impl Operator {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::BitAnd => "&",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Remainder => "%",
            Self::Power => "**",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Minus,
    Plus,
    Invert,
}

impl Sign {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Minus => "-",
            Self::Plus => "+",
            Self::Invert => "~",
        }
    }
}
