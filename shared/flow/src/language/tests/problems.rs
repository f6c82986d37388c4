//! Every problem a flow file can have, as the merchant reads it.

use proptest::prelude::*;

use super::{MERCHANT, STANDARD, problems};
use crate::Flow;

/// A sound beginning; `rest` is further steps, indented by two.
fn with_steps(rest: &str) -> String {
    format!(
        "name: t\nsteps:\n  customer: {{ do: erp.customer }}\n  sales_order: {{ do: erp.sales_order, needs: [customer] }}\n{rest}"
    )
}

/// The problems of one condition of a step.
fn condition(text: &str) -> String {
    problems(&with_steps(&format!("  gate:\n    needs: [sales_order]\n    await: {text}\n")))
}

macro_rules! check {
    ($name:ident, $source:expr, @$expected:literal) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(problems(&$source), @$expected);
        }
    };
}

macro_rules! check_condition {
    ($name:ident, $text:expr, @$expected:literal) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(condition($text), @$expected);
        }
    };
}

check!(no_yaml, "name: [", @"t.yaml:1:7: this is no YAML that can be read: unclosed bracket '['");
check!(nothing, "", @r"
t.yaml:1:1: a flow is a mapping, this is nothing
t.yaml:1:1: the flow has no name: begin with name: standard
t.yaml:1:1: the flow has no steps
");
check!(a_text, "hello", @r"
t.yaml:1:1: a flow is a mapping, this is a text
t.yaml:1:1: the flow has no name: begin with name: standard
t.yaml:1:1: the flow has no steps
");
check!(no_name_no_steps, "on_cancel: []", @r"
t.yaml:1:1: the flow has no name: begin with name: standard
t.yaml:1:1: the flow has no steps
");
check!(empty_steps, "name: t\nsteps: {}", @"t.yaml:2:8: the flow has no steps");
check!(steps_as_list, "name: t\nsteps: [customer]", @r"
t.yaml:2:8: steps is a mapping, this is a list
t.yaml:2:8: the flow has no steps
");
check!(bad_names, "name: My Flow\nsteps:\n  Customer: { do: erp.customer }", @r#"
t.yaml:1:7: "My Flow" is no name of a flow: names have 1 to 48 small letters, digits, _ and -
t.yaml:3:3: "Customer" is no name of a step: names have 1 to 48 small letters, digits, _ and -
"#);
check!(unknown_keys, "nme: t\nname: t\nstep: {}\nsteps:\n  customer: { do: erp.customer, need: [x], wen: true, colour: red }", @r#"
t.yaml:1:1: unknown key "nme": did you mean "name"?
t.yaml:3:1: unknown key "step": did you mean "steps"?
t.yaml:5:33: unknown key "need": did you mean "needs"?
t.yaml:5:44: unknown key "wen": did you mean "when"?
t.yaml:5:55: unknown key "colour": there are do, needs, when, await, remind_after, give_up_after, for_each, with
"#);
check!(duplicate_keys, "name: t\nsteps:\n  customer: { do: erp.customer, do: erp.invoice }\nname: u", @r#"
t.yaml:3:33: "do" is there twice: the first one is in line 3
t.yaml:4:1: "name" is there twice: the first one is in line 1
"#);
check!(duplicate_steps, "name: t\nsteps:\n  customer: { do: erp.customer }\n  customer: { do: erp.customer }", @r#"t.yaml:4:3: step "customer" is there twice: the first one is in line 3"#);
check!(unknown_action, "name: t\nsteps:\n  customer: { do: erp.custmer }", @r#"t.yaml:3:19: unknown action "erp.custmer": did you mean "erp.customer"?"#);
check!(unknown_action_far_off, "name: t\nsteps:\n  customer: { do: teleport }", @r#"t.yaml:3:19: unknown action "teleport": there are erp.customer, erp.sales_order, erp.payment, erp.shipment, erp.invoice, erp.update, erp.credit_note, erp.cancel, shop.paid, shop.shipment, shop.cancel, mail.send"#);
check!(unknown_step, with_steps("  invoice: { do: erp.invoice, needs: [sales_ordr] }"), @r#"t.yaml:5:39: unknown step "sales_ordr": did you mean "sales_order"?"#);
check!(needs_is_a_list, with_steps("  invoice: { do: erp.invoice, needs: sales_order }"), @"t.yaml:5:38: needs is a list, this is a text: write needs: [step]");
check!(needs_twice, with_steps("  invoice: { do: erp.invoice, needs: [sales_order, sales_order] }"), @r#"t.yaml:5:52: "sales_order" is there twice"#);
check!(needs_itself, "name: t\nsteps:\n  customer: { do: erp.customer, needs: [customer] }", @"t.yaml:3:3: the steps need each other in a circle: customer -> customer");
check!(a_circle, with_steps("  a: { await: order.paid, needs: [c] }\n  b: { await: order.paid, needs: [a] }\n  c: { await: order.paid, needs: [b, sales_order] }"), @"t.yaml:5:3: the steps need each other in a circle: a -> c -> b -> a");
check!(unknown_template, with_steps("  m: { do: mail.send, with: { template: shiped } }\n  n: { do: mail.send, with: { templat: shipped } }"), @r#"
t.yaml:5:41: unknown template "shiped": did you mean "shipped"?
t.yaml:6:29: `with` names no template: write with: { template: shipped }
t.yaml:6:31: unknown key "templat": did you mean "template"?
"#);
check!(mail_and_template, with_steps("  m: { do: mail.send }\n  n: { do: erp.invoice, needs: [sales_order], with: { template: confirmation } }"), @r#"
t.yaml:5:12: "mail.send" without a template: add with: { template: confirmation }
t.yaml:6:65: a template goes with "mail.send" only
"#);
check!(does_nothing, with_steps("  m: { needs: [sales_order] }"), @r#"t.yaml:5:3: step "m" does nothing: give it an action (do) or something to wait for (await)"#);
check!(durations, with_steps("  g:\n    await: order.paid\n    remind_after: 5 days\n  h:\n    await: order.paid\n    give_up_after: 400d\n  i:\n    await: order.paid\n    remind_after: 0s"), @r#"
t.yaml:7:19: "5 days" is no duration: write a number with s, m, h or d behind it, as in 90s, 30m, 2h or 5d; at most 365d
t.yaml:10:20: "400d" is no duration: write a number with s, m, h or d behind it, as in 90s, 30m, 2h or 5d; at most 365d
t.yaml:13:19: "0s" is no duration: write a number with s, m, h or d behind it, as in 90s, 30m, 2h or 5d; at most 365d
"#);
check!(patience_without_await, with_steps("  i: { do: erp.invoice, needs: [sales_order], remind_after: 1d, give_up_after: 2d }"), @r"
t.yaml:5:61: `remind_after` without `await`: say what it waits for: await: order.paid
t.yaml:5:80: `give_up_after` without `await`: say what it waits for: await: order.paid
");
check!(gives_up_before_reminding, with_steps("  g: { await: order.paid, remind_after: 2h, give_up_after: 90m }"), @"t.yaml:5:60: `give_up_after` is not later than `remind_after`: let the reminder come first");
check!(for_each_what, with_steps("  s: { do: shop.shipment, for_each: parcels }"), @r#"t.yaml:5:37: unknown set "parcels": there are shipments, edits, refunds"#);
check!(for_each_missing, with_steps("  s: { do: shop.shipment }\n  m: { do: mail.send, with: { template: shipped } }"), @r#"
t.yaml:5:12: "shop.shipment" speaks of one shipment: add for_each: shipments
t.yaml:6:12: the template "shipped" speaks of one shipment: add for_each: shipments
"#);
check!(for_each_too_much, with_steps("  i: { do: erp.invoice, needs: [sales_order], for_each: shipments }\n  g: { await: order.paid, for_each: shipments }"), @r#"
t.yaml:5:57: "erp.invoice" is done once for an order: take `for_each` out
t.yaml:6:37: `for_each` and `await` in one step: put the `await` into a step of its own before it
t.yaml:6:37: `for_each` without an action
"#);
check!(builds_on, "name: t\nsteps:\n  customer: { do: erp.customer }\n  sales_order: { do: erp.sales_order }\n  invoice: { do: erp.invoice, needs: [customer] }", @r#"
t.yaml:4:22: "erp.sales_order" without "erp.customer" before it: add needs: [customer]
t.yaml:5:18: "erp.invoice" without "erp.sales_order" before it: add needs: [sales_order]
"#);
check!(builds_on_nothing, "name: t\nsteps:\n  invoice: { do: erp.invoice }", @r#"t.yaml:3:18: "erp.invoice" without "erp.sales_order" before it: add a step with do: erp.sales_order"#);
check!(ships_unpaid, with_steps("  shipment: { do: erp.shipment, needs: [sales_order] }"), @r#"t.yaml:5:19: "erp.shipment" without a release before it: goods would leave unpaid: let it need a step with `await`, as in await: order.paid"#);
check!(ships_behind_its_parcels, with_steps("  g: { await: order.paid, needs: [sales_order] }\n  tell: { do: shop.shipment, for_each: shipments, needs: [g] }\n  shipment: { do: erp.shipment, needs: [tell] }"), @r#"t.yaml:7:3: step "shipment" can never run: it needs "tell", which waits for its shipments"#);
check!(done_twice, with_steps("  a: { do: erp.invoice, needs: [sales_order] }\n  b: { do: erp.invoice, needs: [sales_order], when: order.paid }"), @r#"t.yaml:6:12: "erp.invoice" is done by step "a" already: give both a `when`, of which only one holds"#);
check!(never_when, with_steps("  a: { do: erp.invoice, needs: [sales_order], when: \"false\" }\n  b: { do: mail.send, needs: [a], with: { template: confirmation } }"), @r#"
t.yaml:5:53: step "a" can never run: its `when` never holds: take the step out
t.yaml:6:31: step "b" needs "a", which can never run
"#);
check!(never_bare_false, with_steps("  a: { do: erp.invoice, needs: [sales_order], when: false }"), @r#"t.yaml:5:53: step "a" can never run: its `when` never holds: take the step out"#);
check!(never_await, with_steps("  a: { needs: [sales_order], await: order.paid && 1 > 2 }\n  b: { do: mail.send, needs: [a], with: { template: confirmation } }"), @r#"
t.yaml:5:37: step "a" can never pass: its `await` never holds: for a step that waits for a person, write await: approved
t.yaml:6:31: step "b" can never run: it needs "a", which can never pass
"#);
check!(approved_in_when, with_steps("  a: { do: erp.invoice, needs: [sales_order], when: approved }"), @"t.yaml:5:53: `approved` is known in `await` only: put it under `await`: a person is only asked about a step that waits");
check!(undo_in_steps, with_steps("  a: { do: erp.cancel, needs: [sales_order] }"), @r#"t.yaml:5:12: "erp.cancel" undoes an order: put it under on_cancel"#);
check!(on_cancel_problems, with_steps("  cancel-erp: { await: order.paid }\non_cancel:\n  - { do: erp.cancel }\n  - { do: erp.cancel, when: true }\n  - { do: erp.invoice }\n  - { do: erp.cancle }\n  - shop.cancel"), @r#"
t.yaml:5:3: step "cancel-erp" needs another name: "cancel-erp" is the name of the step that does "erp.cancel" on cancelling
t.yaml:8:5: "erp.cancel" is there twice
t.yaml:8:23: unknown key "when": there are do, with
t.yaml:9:11: "erp.invoice" undoes nothing: on_cancel has erp.cancel, shop.cancel and mail.send in it
t.yaml:10:11: unknown action "erp.cancle": did you mean "erp.cancel"?
t.yaml:11:5: a step of on_cancel is a mapping, this is a text
"#);
check!(reminder_names, with_steps("  g: { await: order.paid, remind_after: 1d }\n  g-reminder: { await: order.paid }\n  a-name-as-long-as-a-name-may-be-but-not-longer-x: { await: order.paid, remind_after: 1d }"), @r#"
t.yaml:6:3: step "g-reminder" needs another name: "g-reminder" is the name of the reminder of step "g"
t.yaml:7:3: the name of step "a-name-as-long-as-a-name-may-be-but-not-longer-x" is too long for a step that reminds: at most 39 characters
"#);
check!(too_large, "#".repeat(300_000), @"t.yaml:1:1: the file is larger than 256 KB");
check!(too_many_steps, format!("name: t\nsteps:\n{}", (0..201).map(|n| format!("  s{n}: {{ do: mail.send }}\n")).collect::<String>()), @"t.yaml:3:3: the flow has more than 200 steps");
check!(two_documents, "name: t\n---\nname: u", @"t.yaml:3:1: this is no YAML that can be read: multiple YAML documents detected");

check_condition!(breaks_off, "order.paid &&", @"t.yaml:7:25: the condition breaks off");
check_condition!(one_equals_sign, "payment.terms = 'invoice'", @r#"t.yaml:7:26: the condition cannot be read at "=": write == for "is""#);
check_condition!(and_in_words, "order.paid and order.physical", @r#"t.yaml:7:23: the condition cannot be read at "and": write && for "and""#);
check_condition!(not_a_bool, "order.total", @"t.yaml:7:17: a condition is true or false, this is a decimal number");
check_condition!(unknown_field, "order.payd", @r#"t.yaml:7:17: unknown variable "order.payd": did you mean "order.paid"?"#);
check_condition!(unknown_namespace, "ordr.paid", @r#"t.yaml:7:12: unknown variable "ordr": did you mean "order"?"#);
check_condition!(namespace_alone, "order == 1", @"t.yaml:7:12: `order` alone has no value: name one of its fields: order.id, order.number, order.total, order.currency, order.physical, order.digital, order.paid, order.country, order.tax_mode, order.lines, order.test, order.fulfiller");
check_condition!(unknown_function, "size(lines) > 1 && sze(lines) > 2", @r#"t.yaml:7:34: unknown function "sze": did you mean "size"?"#);
check_condition!(unknown_method, "customer.group.startswith('B')", @r#"t.yaml:7:37: unknown function "startswith": did you mean "startsWith"?"#);
check_condition!(text_and_number, "order.total > '500'", @"t.yaml:7:24: `>` does not go with a decimal number and a text");
check_condition!(bool_and_text, "order.paid == 'yes'", @"t.yaml:7:23: `==` does not go with true or false and a text");
check_condition!(and_of_numbers, "order.paid && order.total", @"t.yaml:7:23: beside `&&` stands a decimal number, not true or false: compare it with something");
check_condition!(a_yaml_tag, "!order.paid", @"t.yaml:7:23: there is no condition: put it between quotes if it begins with !, which means something else in YAML");
check_condition!(bad_quotes, "'vip' in customer.tags", @r#"t.yaml:7:18: this is no YAML that can be read: invalid trailing content after single-quoted scalar: put the condition between quotes, as in when: "'vip' in customer.tags""#);
check_condition!(not_of_a_text, "\"!customer.group\"", @"t.yaml:7:13: `!` does not go with a text");
check_condition!(never_such_a_word, "payment.terms == 'invoce' || payment.terms in ['prepayed']", @r#"
t.yaml:7:29: it is never "invoce": did you mean "invoice"?
t.yaml:7:59: it is never "prepayed": did you mean "prepaid"?
"#);
check_condition!(in_a_text, "\"'vip' in customer.group\"", @"t.yaml:7:19: `in` does not go with a text and a text");
check_condition!(wrong_element, "1 in customer.tags", @"t.yaml:7:14: `in` does not go with a whole number and a text");
check_condition!(field_of_a_list, "lines.kind == 'physical'", @r#"t.yaml:7:17: a list has no field "kind": ask of each, as in lines.exists(line, line.kind …)"#);
check_condition!(field_of_a_line, "lines.exists(l, l.knd == 'physical')", @r#"t.yaml:7:29: a line has no field "knd": did you mean "kind"?"#);
check_condition!(element_not_bool, "lines.all(l, l.total)", @"t.yaml:7:21: beside `&&` stands a decimal number, not true or false: compare it with something");
check_condition!(macro_on_a_text, "customer.group.exists(x, true)", @"t.yaml:7:33: only a list can be gone through, this is a text");
check_condition!(macro_misused, "lines.exists(order.paid)", @"t.yaml:7:24: `exists` is not used like that on a list: write it as in lines.exists(line, …)");
check_condition!(bad_pattern, "customer.country.matches('(')", @r#"t.yaml:7:37: "(" is no pattern (regular expression)"#);
check_condition!(mixed_list, "order.country in ['DE', 1]", @"t.yaml:7:29: the list has a text and a whole number in it");
check_condition!(null_and_maps, "\"customer.vat_id != null || {'a': 1}.a == 1\"", @r#"
t.yaml:7:32: nothing is `null` here: an unknown text is ""
t.yaml:7:40: a condition has no mappings in it
"#);
check_condition!(modulo_of_amounts, "order.total % 2 == 0", @"t.yaml:7:24: `%` does not go with a decimal number and a whole number");
check_condition!(too_deep, &format!("{}order.paid{}", "(".repeat(30), ")".repeat(30)), @"t.yaml:7:28: the condition is nested more than 16 deep: split it into two steps");
check_condition!(too_deep_without_brackets, &format!("order.total{} > 1", " + 1".repeat(60)), @"t.yaml:7:100: the condition is nested more than 40 deep: split it into two steps");
check_condition!(too_long, &format!("order.country in [{}]", "'DE', ".repeat(300)), @"t.yaml:7:12: the condition is longer than 1000 characters: split it into two steps");
check_condition!(ternary, "\"(order.paid ? 1 : 'a') == 1\"", @"t.yaml:7:25: one side of `:` is a whole number, the other a text");
check_condition!(umlauts_before, "customer.group == 'Händler' && order.payd", @r#"t.yaml:7:49: unknown variable "order.payd": did you mean "order.paid"?"#);

#[test]
fn what_is_right_has_no_problems() {
    let right = [
        "order.paid",
        "order.total > 500 && order.total >= 99.5 && 500 < order.total",
        "order.total * 2 > payment.received + 1",
        "order.total / order.lines > 10",
        "order.lines % 2 == 0 && -1 < order.lines",
        "has(customer.vat_id) && has(customer.tags) && has(order.total)",
        "'vip' in customer.tags && order.country in ['DE', 'AT']",
        "order.total in [10, 20.5]",
        "lines.exists(l, l.total > 10 && l.kind == 'physical')",
        "lines.filter(l, has(l.sku)).map(l, l.quantity).all(q, q > 1)",
        "lines.exists_one(l, l.kind == 'gift_card')",
        "lines.map(l, l.kind == 'physical', l.total).size() == 1",
        "lines[0].sku.startsWith('SKU') && size(lines) == 2",
        "customer.tags.exists(tag, tag.matches('^v.p$')) || matches(shop.id, 'de$')",
        "(order.paid ? order.total : 0) > 10",
        "approved || order.total <= 1000",
        "int(order.total) > 5 && string(order.lines) == '2' && double(order.lines) > 1.0",
        "customer.group + '-' + shop.id != '' && customer.tags + ['x'] != []",
        "!(order.test || order.digital)",
    ];
    for text in right {
        let source = with_steps(&format!("  gate:\n    needs: [sales_order]\n    await: \"{text}\"\n"));
        assert_eq!(problems(&source), "", "{text}");
    }
}

#[test]
fn conditions_may_run_over_several_lines_and_point_to_their_beginning() {
    let good = with_steps(
        "  g:\n    needs: [sales_order]\n    await: >-\n      order.paid\n      || order.total == 0\n",
    );
    assert_eq!(problems(&good), "");
    let bad = good.replace("order.total", "order.totl");
    insta::assert_snapshot!(problems(&bad), @r#"t.yaml:8:7: unknown variable "order.totl": did you mean "order.total"?"#);
}

#[test]
fn an_alias_bomb_is_refused_quickly() {
    let mut source = String::from("name: t\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let list = vec![format!("*a{}", n - 1); 9].join(", ");
        source.push_str(&format!("a{n}: &a{n} [{list}]\n"));
    }
    let found = problems(&source);
    assert!(found.contains("no YAML that can be read"), "{found}");
}

#[test]
fn long_chains_do_not_exhaust_the_stack() {
    let chains = [
        format!("order{}", ".a".repeat(490)),
        format!("lines{}", "[0]".repeat(320)),
        format!("1{}", "+1".repeat(490)),
        format!("1{}", "<1".repeat(490)),
        format!("1{} 1", " in 1".repeat(190)),
        format!("1{}", ".a()".repeat(240)),
        format!("{}true", "!".repeat(900)),
        format!("1{}", "-1".repeat(490)),
        format!("{}1", "1?1:".repeat(240)),
        format!("true{}", "||true".repeat(160)),
        format!("true{}", "&&true||true".repeat(80)),
    ];
    for text in chains {
        super::conditions::reckon_if_it_parses(&text);
    }
}

fn mutated() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "&a ",
        "*a",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ": ",
        "- ",
        "\n",
        "  ",
        "'",
        "\"",
        "order.",
        "&&",
        "||",
        "!",
        "?",
        "null",
        "<<: *a",
        "5d",
        "needs",
        "erp.",
        "#",
        "|\n",
        ">-\n",
        "\u{0}",
        "ä",
        "\u{1F600}",
        "1e999",
        "\\",
        "%",
        "lines.map(",
        "has(",
        "99999999999999999999",
        "b'",
        "0x",
        "1u",
        "---",
        "!!int ",
    ]);
    (prop::bool::ANY, prop::collection::vec((any::<prop::sample::Index>(), 0_usize..6, pieces), 1..6))
        .prop_map(|(standard, changes)| {
            let mut chars: Vec<char> = if standard { STANDARD } else { MERCHANT }.chars().collect();
            for (at, drop, piece) in changes {
                let at = at.index(chars.len());
                let end = (at + drop).min(chars.len());
                chars.splice(at..end, piece.chars());
            }
            chars.into_iter().collect()
        })
}

fn condition_soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "order.paid",
        "order.total",
        "lines",
        "customer.tags",
        "payment.terms",
        "approved",
        "x",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "&&",
        "||",
        "!",
        "==",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "?",
        ":",
        ",",
        ".",
        "in",
        "has",
        "size",
        ".exists(l, ",
        ".map(l, ",
        ".all(l, ",
        "l.total",
        "'a'",
        "\"",
        "'",
        "1",
        "0",
        "1.5",
        "9223372036854775807",
        "true",
        "false",
        "null",
        "1u",
        "b'a'",
        "\\",
        "`a`",
        "@result",
        "ä",
        "r'",
        "timestamp('x')",
        ".matches('(')",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        prop_assert!(Flow::parse("t.yaml", &text).is_err());
    }

    #[test]
    fn a_spoilt_flow_is_read_or_refused(source in mutated()) {
        match Flow::parse("t.yaml", &source) {
            Ok(flow) => prop_assert!(!flow.svg(None).is_empty()),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn any_condition_is_reckoned_or_refused(text in condition_soup()) {
        super::conditions::reckon_if_it_parses(&text);
    }
}
