//! Checks an expression against the variables there are.

mod loops;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators};

use super::fit::{present, widen};
use super::problem::suggestion;
use super::types::Type;
use super::vars::{LINE_FIELDS, Pattern, VARIABLES, Variable};

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The node, to find its place by.
    pub(super) node: u64,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Where a condition stands in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    /// Whether the step is needed at all.
    When,
    /// What it waits for.
    Await,
}

/// What is known of an expression that is right.
#[derive(Debug)]
pub(super) struct Checked {
    /// The patterns it goes by.
    pub(super) patterns: Vec<Pattern>,
    /// How many loops over the parts of the order stand in one another, at most.
    pub(super) loops: u32,
}

/// Checks that `expr` says true or false in the end, and makes it fit.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(expr: &mut IdedExpr, clause: Clause) -> Result<Checked, Vec<Fault>> {
    let mut checker = Checker {
        clause,
        names: Vec::new(),
        faults: Vec::new(),
        patterns: Vec::new(),
        loops: 0,
        deepest: 0,
        joined: 0,
    };
    let found = checker.expr(expr, 0);
    if !found.is_bool() {
        checker.fault(expr, format!("a condition is true or false, this is {found}"), None);
    }
    let Checker { patterns, deepest: loops, faults, .. } = checker;
    if faults.is_empty() { Ok(Checked { patterns, loops }) } else { Err(faults) }
}

/// How deep an expression may be nested. `&&` and `||` chains are balanced by the parser and cost little.
const DEPTH: usize = 40;

/// How many lists may be put together.
const JOINED: u32 = 4;

pub(super) struct Checker {
    clause: Clause,
    /// The names macros bring in, innermost last.
    names: Vec<(String, Type)>,
    faults: Vec<Fault>,
    /// Those that `matches` is called with, to be named `@pattern0` and so on.
    pub(super) patterns: Vec<Pattern>,
    /// The loops around what is looked at.
    loops: u32,
    /// The most loops in one another so far; looking into a list counts as one.
    deepest: u32,
    /// Lists put together so far.
    joined: u32,
}

impl Checker {
    pub(super) fn fault(&mut self, at: &IdedExpr, message: impl Into<String>, help: Option<String>) -> Type {
        self.fault_at(at.id, message, help)
    }

    pub(super) fn fault_at(&mut self, node: u64, message: impl Into<String>, help: Option<String>) -> Type {
        self.faults.push(Fault { node, message: message.into(), help });
        Type::Unknown
    }

    fn expr(&mut self, expr: &mut IdedExpr, depth: usize) -> Type {
        if depth > DEPTH {
            return self.too_deep(expr);
        }
        let id = expr.id;
        match &mut expr.expr {
            Expr::Literal(literal) => self.literal(id, literal),
            Expr::Ident(name) => {
                let name = name.clone();
                self.name(id, &name)
            }
            Expr::Select(_) => self.select(expr, depth),
            Expr::Call(call) => self.call(id, call, depth),
            Expr::List(list) => {
                let types: Vec<Type> =
                    list.elements.iter_mut().map(|item| self.expr(item, depth + 1)).collect();
                self.elements(id, &types).listed()
            }
            Expr::Comprehension(comprehension) => self.comprehension(id, comprehension, depth),
            Expr::Map(_) | Expr::Struct(_) => self.fault_at(id, "a condition has no mappings in it", None),
            Expr::Unspecified => self.fault_at(id, "something is missing here", None),
        }
    }

    /// Told once, however many branches are too deep.
    fn too_deep(&mut self, at: &IdedExpr) -> Type {
        let message = format!("the condition is nested more than {DEPTH} deep");
        if self.faults.iter().any(|fault| fault.message == message) {
            return Type::Unknown;
        }
        self.fault(at, message, Some("split it into two steps".to_owned()))
    }

    fn literal(&mut self, id: u64, literal: &LiteralValue) -> Type {
        match literal {
            LiteralValue::Boolean(_) => Type::Bool,
            LiteralValue::Int(_) => Type::Int,
            LiteralValue::Double(_) => Type::Double,
            LiteralValue::String(_) => Type::Text,
            LiteralValue::Null => {
                self.fault_at(id, "nothing is `null` here", Some("an unknown text is \"\"".to_owned()))
            }
            LiteralValue::UInt(_) => self.fault_at(id, "write the number without `u`", None),
            LiteralValue::Bytes(_) => self.fault_at(id, "write the text without `b`", None),
        }
    }

    fn name(&mut self, id: u64, name: &str) -> Type {
        if let Some((_, kind)) = self.names.iter().rev().find(|(known, _)| known == name) {
            return *kind;
        }
        if name == "approved" && self.clause == Clause::When {
            let help = "put it under `await`: a person is only asked about a step that waits";
            return self.fault_at(id, "`approved` is known in `await` only", Some(help.to_owned()));
        }
        if let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) {
            return variable.kind;
        }
        let fields: Vec<&str> = fields_of(name).map(|variable| variable.name).collect();
        if !fields.is_empty() {
            let help = format!("name one of its fields: {}", fields.join(", "));
            return self.fault_at(id, format!("`{name}` alone has no value"), Some(help));
        }
        let mut known: Vec<&str> =
            VARIABLES.iter().map(|v| v.name.split('.').next().unwrap_or(v.name)).collect();
        known.dedup();
        let local: Vec<String> = self.names.iter().map(|(name, _)| name.clone()).collect();
        known.extend(local.iter().map(String::as_str).filter(|name| !name.starts_with('@')));
        self.fault_at(id, format!("unknown variable {name:?}"), Some(suggestion(name, &known)))
    }

    /// `a.b`, or `has(a.b)`.
    fn select(&mut self, expr: &mut IdedExpr, depth: usize) -> Type {
        let id = expr.id;
        let Expr::Select(select) = &mut expr.expr else { return Type::Unknown };
        let test = std::mem::take(&mut select.test);
        let kind = self.field(id, select, depth);
        if test { present(expr, kind) } else { kind }
    }

    fn field(&mut self, id: u64, select: &mut SelectExpr, depth: usize) -> Type {
        if let Expr::Ident(root) = &select.operand.expr {
            let bound = self.names.iter().any(|(name, _)| name == root);
            if !bound && fields_of(root).next().is_some() {
                return self.variable(id, &root.clone(), &select.field);
            }
        }
        match self.expr(&mut select.operand, depth + 1) {
            Type::Line => match LINE_FIELDS.iter().find(|field| field.name == select.field) {
                Some(field) => field.kind,
                None => {
                    let known: Vec<&str> = LINE_FIELDS.iter().map(|field| field.name).collect();
                    let message = format!("a line has no field {:?}", select.field);
                    self.fault_at(id, message, Some(suggestion(&select.field, &known)))
                }
            },
            Type::Unknown => Type::Unknown,
            Type::List(Type::Line) => {
                let help = format!("ask of each, as in lines.exists(line, line.{} …)", select.field);
                self.fault_at(id, format!("a list has no field {:?}", select.field), Some(help))
            }
            kind @ (Type::Bool | Type::Int | Type::Double | Type::Text | Type::Word(_) | Type::List(_)) => {
                self.fault_at(id, format!("{kind} has no field {:?}", select.field), None)
            }
        }
    }

    fn variable(&mut self, id: u64, root: &str, field: &str) -> Type {
        let name = format!("{root}.{field}");
        if let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) {
            return variable.kind;
        }
        let known: Vec<&str> = fields_of(root).map(|variable| variable.name).collect();
        self.fault_at(id, format!("unknown variable {name:?}"), Some(suggestion(&name, &known)))
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Type {
        let target = call.target.as_mut().map(|target| self.expr(target, depth + 1));
        let args: Vec<Type> = call.args.iter_mut().map(|arg| self.expr(arg, depth + 1)).collect();
        match (target, args.as_slice()) {
            (Some(target), _) => self.method(id, call, target, &args),
            (None, [left, right]) if call.func_name.starts_with(['_', '@']) => {
                self.binary(id, call, *left, *right)
            }
            (None, [only])
                if matches!(call.func_name.as_str(), operators::LOGICAL_NOT | operators::NEGATE) =>
            {
                self.unary(id, &call.func_name, *only)
            }
            (None, [_]) if call.func_name == operators::NOT_STRICTLY_FALSE => Type::Bool,
            (None, [condition, yes, no]) if call.func_name == operators::CONDITIONAL => {
                self.choice(id, call, *condition, *yes, *no)
            }
            (None, _) => self.function(id, call, &args),
        }
    }

    fn unary(&mut self, id: u64, operator: &str, kind: Type) -> Type {
        match operator {
            operators::LOGICAL_NOT if kind.is_bool() => Type::Bool,
            operators::NEGATE if kind.is_number() => kind,
            _ => {
                let sign = operator.trim_end_matches('_');
                self.fault_at(id, format!("`{sign}` does not go with {kind}"), None)
            }
        }
    }

    fn choice(&mut self, id: u64, call: &mut CallExpr, condition: Type, yes: Type, no: Type) -> Type {
        if !condition.is_bool() {
            self.fault_at(id, format!("what stands before `?` is {condition}, not true or false"), None);
        }
        let Some(both) = yes.with(no) else {
            return self.fault_at(id, format!("one side of `:` is {yes}, the other {no}"), None);
        };
        if both == Type::Double {
            call.args.iter_mut().skip(1).zip([yes, no]).for_each(|(arg, kind)| widen(arg, kind));
        }
        both
    }

    fn binary(&mut self, id: u64, call: &mut CallExpr, left: Type, right: Type) -> Type {
        let sign = call.func_name.trim_matches(['_', '@']).to_owned();
        match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR => {
                if let Some(wrong) = [left, right].into_iter().find(|side| !side.is_bool()) {
                    let help = "compare it with something".to_owned();
                    return self.fault_at(
                        id,
                        format!("beside `{sign}` stands {wrong}, not true or false"),
                        Some(help),
                    );
                }
                Type::Bool
            }
            operators::EQUALS | operators::NOT_EQUALS => {
                self.words(call, left, right);
                self.comparable(id, &sign, left, right)
            }
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS => {
                let ordered = |side: Type| side.is_number() || side.is_text();
                if !ordered(left) || !ordered(right) {
                    return self.mismatch(id, &sign, left, right);
                }
                self.comparable(id, &sign, left, right)
            }
            operators::IN => match right {
                Type::List(element) => {
                    self.words(call, left, right);
                    self.deepest = self.deepest.max(self.loops + 1);
                    self.comparable(id, "in", left, *element)
                }
                Type::Unknown => Type::Bool,
                Type::Bool | Type::Int | Type::Double | Type::Text | Type::Word(_) | Type::Line => {
                    self.mismatch(id, "in", left, right)
                }
            },
            operators::INDEX => match (left, right) {
                (Type::List(element), Type::Int | Type::Unknown) => *element,
                (Type::Unknown, _) => Type::Unknown,
                _ => self.mismatch(id, "[]", left, right),
            },
            _ => self.arithmetic(id, call, &sign, left, right),
        }
    }

    fn arithmetic(&mut self, id: u64, call: &mut CallExpr, sign: &str, left: Type, right: Type) -> Type {
        let adds = call.func_name == operators::ADD;
        match (left, right) {
            (Type::Unknown, Type::Unknown) => Type::Unknown,
            (left, right) if left.is_number() && right.is_number() => {
                let both = left.with(right).unwrap_or(Type::Unknown);
                if both == Type::Double && sign == "%" {
                    return self.mismatch(id, sign, left, right);
                }
                if both == Type::Double {
                    call.args.iter_mut().zip([left, right]).for_each(|(arg, kind)| widen(arg, kind));
                }
                both
            }
            (left, right) if adds && left.is_text() && right.is_text() => {
                self.grows(id, call);
                Type::Text
            }
            (Type::List(a), Type::List(b)) if adds => match a.with(*b) {
                Some(both) => {
                    self.grows(id, call);
                    self.joined += 1;
                    if self.joined > JOINED {
                        return self.fault_at(id, format!("more than {JOINED} lists are put together"), None);
                    }
                    both.listed()
                }
                None => self.mismatch(id, sign, left, right),
            },
            _ => self.mismatch(id, sign, left, right),
        }
    }

    fn comparable(&mut self, id: u64, sign: &str, left: Type, right: Type) -> Type {
        match left.with(right) {
            Some(_) => Type::Bool,
            None => self.mismatch(id, sign, left, right),
        }
    }

    fn mismatch(&mut self, id: u64, sign: &str, left: Type, right: Type) -> Type {
        self.fault_at(id, format!("`{sign}` does not go with {left} and {right}"), None);
        // Most of them compare: say it once, not again of everything around it.
        Type::Unknown
    }

    /// A text that a variable never has is a slip of the pen.
    fn words(&mut self, call: &CallExpr, left: Type, right: Type) {
        let words = match (left, right) {
            (Type::Word(words), _) | (_, Type::Word(words)) => words,
            _ => return,
        };
        for arg in &call.args {
            let literals =
                if let Expr::List(list) = &arg.expr { &list.elements } else { std::slice::from_ref(arg) };
            for literal in literals {
                let Expr::Literal(LiteralValue::String(text)) = &literal.expr else { continue };
                if !words.contains(&text.inner()) {
                    let message = format!("it is never {:?}", text.inner());
                    self.fault(literal, message, Some(suggestion(text.inner(), words)));
                }
            }
        }
    }

    fn elements(&mut self, id: u64, types: &[Type]) -> Type {
        let mut both = Type::Unknown;
        for kind in types {
            let Some(with) = both.with(*kind) else {
                return self.fault_at(id, format!("the list has {both} and {kind} in it"), None);
            };
            both = with;
        }
        both
    }
}

fn fields_of(root: &str) -> impl Iterator<Item = &'static Variable> {
    let prefix = format!("{root}.");
    VARIABLES.iter().filter(move |variable| variable.name.starts_with(&prefix))
}
