//! The functions a condition can call, and on what.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use regex::RegexBuilder;

use super::problem::suggestion;
use super::typecheck::Checker;
use super::types::Type;
use super::vars::{PATTERN, Pattern};

/// The functions of the language that are called as `f(x)`.
const FUNCTIONS: &[&str] = &["size", "has", "double", "int", "string", "matches"];

/// Those that are called as `x.f(y)`.
const METHODS: &[&str] = &[
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "exists",
    "all",
    "exists_one",
    "filter",
    "map",
];

/// The most memory a pattern may take, in bytes.
const LARGEST_PATTERN: usize = 256 * 1024;

impl Checker {
    /// `f(x)`.
    pub(super) fn function(&mut self, id: u64, call: &mut CallExpr, args: &[Type]) -> Type {
        match (call.func_name.as_str(), args) {
            ("size", [of]) => self.size(id, *of),
            ("double" | "int", [of]) if of.is_number() || of.is_text() => match call.func_name.as_str() {
                "int" => Type::Int,
                _ => Type::Double,
            },
            ("string", [of]) if of.is_number() || of.is_text() || of.is_bool() => Type::Text,
            ("matches", [text, pattern]) if text.is_text() && pattern.is_text() => {
                self.pattern(call);
                Type::Bool
            }
            (name, _) if FUNCTIONS.contains(&name) => {
                self.fault_at(id, format!("`{name}` is not used like that"), None)
            }
            (name, _) if METHODS.contains(&name) => {
                let help = format!("write it behind a dot, as in x.{name}(…)");
                self.fault_at(id, format!("`{name}` is not used like that"), Some(help))
            }
            (name, _) => {
                self.fault_at(id, format!("unknown function {name:?}"), Some(suggestion(name, FUNCTIONS)))
            }
        }
    }

    /// `x.f(y)`.
    pub(super) fn method(&mut self, id: u64, call: &mut CallExpr, target: Type, args: &[Type]) -> Type {
        match (call.func_name.as_str(), args) {
            ("size", []) => self.size(id, target),
            ("startsWith" | "endsWith" | "contains", [arg]) if target.is_text() && arg.is_text() => {
                Type::Bool
            }
            ("matches", [arg]) if target.is_text() && arg.is_text() => {
                self.pattern(call);
                Type::Bool
            }
            ("contains", [_]) if matches!(target, Type::List(_)) => {
                self.fault_at(id, "`contains` is for texts", Some("of a list, write: x in list".to_owned()))
            }
            (name, _) if METHODS.contains(&name) => {
                let help = match name {
                    "exists" | "all" | "exists_one" | "filter" | "map" => {
                        format!("write it as in lines.{name}(line, …)")
                    }
                    _ => format!("write it as in customer.group.{name}(\"B\")"),
                };
                self.fault_at(id, format!("`{name}` is not used like that on {target}"), Some(help))
            }
            (name, _) => {
                self.fault_at(id, format!("unknown function {name:?}"), Some(suggestion(name, METHODS)))
            }
        }
    }

    fn size(&mut self, id: u64, of: Type) -> Type {
        match of {
            Type::Text | Type::Word(_) | Type::List(_) | Type::Unknown => Type::Int,
            Type::Bool | Type::Int | Type::Double | Type::Line => {
                self.fault_at(id, format!("{of} has no size"), None)
            }
        }
    }

    /// Makes `x in @pattern0` of a call of `matches`, the pattern being read once and for all.
    fn pattern(&mut self, call: &mut CallExpr) {
        let Some(arg) = call.args.pop() else { return };
        let Expr::Literal(LiteralValue::String(text)) = &arg.expr else {
            self.fault(&arg, "the pattern of `matches` must be a plain text", None);
            return;
        };
        let pattern = RegexBuilder::new(text.inner()).size_limit(LARGEST_PATTERN).build();
        let Ok(pattern) = pattern else {
            self.fault(&arg, format!("{:?} is no pattern (regular expression)", text.inner()), None);
            return;
        };
        let name = format!("{PATTERN}{}", self.patterns.len());
        self.patterns.push(Pattern(pattern));
        if let Some(target) = call.target.take() {
            call.args.push(*target);
        }
        call.args.push(IdedExpr { id: arg.id, expr: Expr::Ident(name) });
        operators::IN.clone_into(&mut call.func_name);
    }
}
