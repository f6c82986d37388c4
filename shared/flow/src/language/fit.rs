//! Makes an expression fit to be reckoned, as its types ask for.
//!
//! CEL adds and multiplies numbers of one kind only, so a whole number beside an amount becomes an amount
//! (`order.total * 2`); and `has(x)` on our variables, which are always there, means "is not empty".

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::common::types::{CelDouble, CelString};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::types::Type;

pub(super) fn literal_text(id: u64, text: &str) -> IdedExpr {
    IdedExpr { id, expr: Expr::Literal(LiteralValue::String(CelString::from(text.to_owned()))) }
}

/// A whole number beside a number with a point becomes one.
pub(super) fn widen(expr: &mut IdedExpr, kind: Type) {
    if kind != Type::Int {
        return;
    }
    let literal = if let Expr::Literal(LiteralValue::Int(number)) = &expr.expr {
        Decimal::from(*number.inner()).to_f64()
    } else {
        None
    };
    expr.expr = match literal {
        Some(number) => Expr::Literal(LiteralValue::Double(CelDouble::from(number))),
        None => {
            let inner = std::mem::take(expr);
            let id = inner.id;
            expr.id = id;
            Expr::Call(CallExpr { func_name: "double".to_owned(), target: None, args: vec![inner] })
        }
    };
}

/// Makes `has(x)` of `x`: a text or list that is not empty; anything else is always there.
pub(super) fn present(expr: &mut IdedExpr, kind: Type) -> Type {
    let id = expr.id;
    let inner = std::mem::take(expr);
    expr.id = id;
    expr.expr = match kind {
        Type::Text | Type::Word(_) => Expr::Call(CallExpr {
            func_name: operators::NOT_EQUALS.to_owned(),
            target: None,
            args: vec![inner, literal_text(id, "")],
        }),
        Type::List(_) => {
            let size = CallExpr { func_name: "size".to_owned(), target: None, args: vec![inner] };
            let size = IdedExpr { id, expr: Expr::Call(size) };
            let none = IdedExpr { id, expr: Expr::Literal(LiteralValue::Int(0.into())) };
            let args = vec![size, none];
            Expr::Call(CallExpr { func_name: operators::GREATER.to_owned(), target: None, args })
        }
        Type::Bool | Type::Int | Type::Double | Type::Line | Type::Unknown => {
            Expr::Literal(LiteralValue::Boolean(true.into()))
        }
    };
    Type::Bool
}
