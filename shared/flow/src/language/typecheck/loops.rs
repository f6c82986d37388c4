//! Going through lists: what it may cost, and what comes out.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr};

use super::Checker;
use crate::language::types::Type;

/// How many loops may stand in one another. What they cost multiplies.
const LOOPS: u32 = 2;

impl Checker {
    /// What `exists`, `all`, `exists_one`, `filter` and `map` were made into by the parser.
    pub(super) fn comprehension(&mut self, id: u64, fold: &mut ComprehensionExpr, depth: usize) -> Type {
        let element = match self.expr(&mut fold.iter_range, depth + 1) {
            Type::List(element) => *element,
            Type::Unknown => Type::Unknown,
            other @ (Type::Bool | Type::Int | Type::Double | Type::Text | Type::Word(_) | Type::Line) => {
                self.fault_at(id, format!("only a list can be gone through, this is {other}"), None)
            }
        };
        let start = self.expr(&mut fold.accu_init, depth + 1);
        self.names.push((fold.accu_var.clone(), start));
        self.names.push((fold.iter_var.clone(), element));
        let faults = self.faults.len();
        self.loops += 1;
        self.deepest = self.deepest.max(self.loops);
        if self.loops > LOOPS {
            self.fault_at(id, format!("more than {LOOPS} loops stand in one another"), None);
        }
        self.expr(&mut fold.loop_cond, depth + 1);
        let step = self.expr(&mut fold.loop_step, depth + 1);
        self.loops -= 1;
        self.names.pop();
        self.names.pop();
        if self.faults.len() > faults {
            return start;
        }
        self.names.push((fold.accu_var.clone(), start.with(step).unwrap_or(start)));
        let result = self.expr(&mut fold.result, depth + 1);
        self.names.pop();
        result
    }

    /// What gets longer with every turn of a loop, or doubles in a chain of them, has no bounds. What `filter` and `map`
    /// themselves gather is named `@result` by the parser.
    pub(super) fn grows(&mut self, id: u64, call: &CallExpr) {
        let gathers = |arg: &IdedExpr| matches!(&arg.expr, Expr::Ident(name) if name.starts_with('@'));
        if call.args.first().is_some_and(gathers) {
            self.joined = self.joined.saturating_sub(1);
        } else if self.loops > 0 {
            let help = "compare the parts one by one".to_owned();
            self.fault_at(id, "texts and lists are not put together inside a loop", Some(help));
        }
    }
}
