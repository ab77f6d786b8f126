//! An expression as it was written: each part knows where in the text it stands.

use std::fmt;
use std::ops::Range;

use swath::{ArithmeticOp, Scalar};

use super::functions::Function;

/// Bytes of the expression's text.
pub(super) type Span = Range<usize>;

/// An expression or a part of one.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// An input, or a word such as a dtype where a function takes one.
    Name(String),
    Scalar(Scalar),
    List(Vec<Element>),
    /// Something in parentheses.
    Group(Box<Expr>),
    Not(Invert, Box<Expr>),
    Negative(Box<Expr>),
    Arithmetic(ArithmeticOp, Box<Expr>, Box<Expr>),
    /// A band of it.
    Index(Box<Expr>, usize),
    /// By so many bits.
    Shift(Shift, Box<Expr>, u32),
    Logic(Logic, Box<Expr>, Box<Expr>),
    Compare(Compare, Box<Expr>, Box<Expr>),
    Call(&'static Function, Vec<Expr>),
}

/// One value of a list, or a range of integers.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) first: Expr,
    /// The other end, and whether it belongs to the range.
    pub(super) last: Option<(Expr, bool)>,
}

/// `~` and `!` bind tightest and flip bits, too; `not` is for conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invert {
    Symbol,
    Word,
}

/// `<<` and `>>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shift {
    Left,
    Right,
}

/// What combines two conditions, or the bits of two integers; the words are for conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logic {
    And,
    Or,
    Xor,
    AndWord,
    OrWord,
}

impl Logic {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::And => "&",
            Self::Or => "|",
            Self::Xor => "^",
            Self::AndWord => "and",
            Self::OrWord => "or",
        }
    }

    pub(super) const fn is_word(self) -> bool {
        matches!(self, Self::AndWord | Self::OrWord)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
}

impl Compare {
    pub(super) fn from_symbol(symbol: &str) -> Option<Self> {
        [Self::Lt, Self::Le, Self::Gt, Self::Ge, Self::Eq, Self::Ne].into_iter().find(|op| op.symbol() == symbol)
    }

    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Eq => "==",
            Self::Ne => "!=",
        }
    }

    /// The comparison that says the same with its sides exchanged.
    pub(super) const fn flipped(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            Self::Eq | Self::Ne => self,
        }
    }
}

impl Expr {
    /// The expression inside all parentheses around it.
    pub(super) fn inner(&self) -> &Self {
        match &self.kind {
            Kind::Group(inner) => inner.inner(),
            _ => self,
        }
    }
}

/// As a Lisp would write it: what binds to what, without precedence.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Name(name) => f.write_str(name),
            Kind::Scalar(value) => write!(f, "{value}"),
            Kind::List(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
            Kind::Group(inner) => inner.fmt(f),
            Kind::Not(Invert::Symbol, input) => write!(f, "(~ {input})"),
            Kind::Not(Invert::Word, input) => write!(f, "(not {input})"),
            Kind::Negative(input) => write!(f, "(- {input})"),
            Kind::Arithmetic(op, left, right) => write!(f, "({} {left} {right})", op.symbol()),
            Kind::Index(input, band) => write!(f, "(band {input} {band})"),
            Kind::Shift(Shift::Left, input, bits) => write!(f, "(<< {input} {bits})"),
            Kind::Shift(Shift::Right, input, bits) => write!(f, "(>> {input} {bits})"),
            Kind::Logic(op, left, right) => write!(f, "({} {left} {right})", op.symbol()),
            Kind::Compare(op, left, right) => write!(f, "({} {left} {right})", op.symbol()),
            Kind::Call(function, arguments) => {
                write!(f, "({}", function.name)?;
                arguments.iter().try_for_each(|argument| write!(f, " {argument}"))?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last {
            None => self.first.fmt(f),
            Some((last, true)) => write!(f, "{}..={last}", self.first),
            Some((last, false)) => write!(f, "{}..{last}", self.first),
        }
    }
}
