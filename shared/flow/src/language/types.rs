//! The types of conditions.

use std::fmt;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Double,
    Text,
    /// A text out of a closed list.
    Word(&'static [&'static str]),
    List(&'static Type),
    /// An element of `lines`.
    Line,
    /// Of an expression that is wrong already, or of the elements of an empty list.
    Unknown,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Int => f.write_str("a whole number"),
            Self::Double => f.write_str("a decimal number"),
            Self::Text | Self::Word(_) => f.write_str("a text"),
            Self::List(_) => f.write_str("a list"),
            Self::Line => f.write_str("a line of the order"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl Type {
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Unknown)
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Word(_) | Self::Unknown)
    }

    pub(super) fn is_bool(self) -> bool {
        matches!(self, Self::Bool | Self::Unknown)
    }

    /// The list of such elements. Lists of lists are not told apart from lists of anything.
    pub(super) fn listed(self) -> Self {
        match self {
            Self::Bool => Self::List(&Self::Bool),
            Self::Int => Self::List(&Self::Int),
            Self::Double => Self::List(&Self::Double),
            Self::Text | Self::Word(_) => Self::List(&Self::Text),
            Self::Line => Self::List(&Self::Line),
            Self::List(_) | Self::Unknown => Self::List(&Self::Unknown),
        }
    }

    /// The type that holds both, if values of the two can be compared.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Unknown, any) | (any, Self::Unknown) => Some(any),
            (Self::List(a), Self::List(b)) => a.with(*b).map(Self::listed),
            (a, b) if a == b => Some(a),
            (a, b) if a.is_number() && b.is_number() => Some(Self::Double),
            (a, b) if a.is_text() && b.is_text() => Some(Self::Text),
            _ => None,
        }
    }
}
