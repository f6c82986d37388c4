//! The state machines of orders, deliveries and payments, as Shopware's migrations make them.

/// From, action, to.
type Transition = (&'static str, &'static str, &'static str);

const ORDER: &[Transition] = &[
    ("open", "process", "in_progress"),
    ("open", "cancel", "cancelled"),
    ("in_progress", "cancel", "cancelled"),
    ("in_progress", "complete", "completed"),
    ("cancelled", "reopen", "open"),
    ("completed", "reopen", "open"),
];

const DELIVERY: &[Transition] = &[
    ("open", "ship", "shipped"),
    ("open", "ship_partially", "shipped_partially"),
    ("open", "cancel", "cancelled"),
    ("shipped", "retour", "returned"),
    ("shipped", "retour_partially", "returned_partially"),
    ("shipped", "cancel", "cancelled"),
    ("shipped_partially", "retour", "returned"),
    ("shipped_partially", "retour_partially", "returned_partially"),
    ("shipped_partially", "ship", "shipped"),
    ("shipped_partially", "cancel", "cancelled"),
    ("returned_partially", "retour", "returned"),
];

const PAYMENT: &[Transition] = &[
    ("open", "paid", "paid"),
    ("open", "paid_partially", "paid_partially"),
    ("open", "do_pay", "in_progress"),
    ("open", "cancel", "cancelled"),
    ("open", "remind", "reminded"),
    ("open", "fail", "failed"),
    ("open", "authorize", "authorized"),
    ("in_progress", "authorize", "authorized"),
    ("reminded", "authorize", "authorized"),
    ("open", "process_unconfirmed", "unconfirmed"),
    ("in_progress", "paid", "paid"),
    ("in_progress", "paid_partially", "paid_partially"),
    ("in_progress", "fail", "failed"),
    ("authorized", "paid", "paid"),
    ("authorized", "paid_partially", "paid_partially"),
    ("authorized", "fail", "failed"),
    ("authorized", "cancel", "cancelled"),
    ("failed", "paid", "paid"),
    ("failed", "paid_partially", "paid_partially"),
    ("paid", "refund", "refunded"),
    ("paid", "refund_partially", "refunded_partially"),
    ("paid", "cancel", "cancelled"),
    ("paid", "chargeback", "chargeback"),
    ("paid_partially", "refund", "refunded"),
    ("paid_partially", "refund_partially", "refunded_partially"),
    ("paid_partially", "remind", "reminded"),
    ("paid_partially", "chargeback", "chargeback"),
    ("refunded_partially", "refund", "refunded"),
    ("cancelled", "paid", "paid"),
    ("cancelled", "reopen", "open"),
    ("unconfirmed", "paid", "paid"),
    ("unconfirmed", "paid_partially", "paid_partially"),
    ("unconfirmed", "fail", "failed"),
    ("unconfirmed", "cancel", "cancelled"),
    ("unconfirmed", "authorize", "authorized"),
    ("unconfirmed", "reopen", "open"),
    ("chargeback", "paid", "paid"),
    ("chargeback", "paid_partially", "paid_partially"),
    ("chargeback", "cancel", "cancelled"),
];

/// What becomes of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The state is this now.
    To(&'static str),
    /// It was so before: nothing is done, and that is no error.
    Already,
    /// Not from there; these actions are possible.
    Illegal(Vec<&'static str>),
}

/// What becomes of `action` in state `from`.
pub(crate) fn turn(entity: &str, from: &str, action: &str) -> Turn {
    let table = match entity {
        "order" => ORDER,
        "order_delivery" => DELIVERY,
        _ => PAYMENT,
    };
    if let Some((_, _, to)) = table.iter().find(|(state, act, _)| *state == from && *act == action) {
        return Turn::To(to);
    }
    if table.iter().any(|(_, act, to)| *act == action && *to == from) {
        return Turn::Already;
    }
    Turn::Illegal(table.iter().filter(|(state, _, _)| *state == from).map(|(_, act, _)| *act).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_turns_is_needless_or_is_illegal() {
        assert_eq!(turn("order_delivery", "open", "ship"), Turn::To("shipped"));
        assert_eq!(turn("order_delivery", "shipped", "ship"), Turn::Already);
        assert_eq!(turn("order", "open", "complete"), Turn::Illegal(vec!["process", "cancel"]));
        assert_eq!(turn("order_transaction", "reminded", "paid"), Turn::Illegal(vec!["authorize"]));
    }
}
