//! An amount with several rates of tax in it (carriage of an order with two rates, say), as one amount for each rate: a position
//! has one tax in weclapp.

use kontor_domain::{TaxMode, TaxPart, TaxRate};
use rust_decimal::Decimal;

use super::amounts::rounded;

/// The parts of `amount` by rate, which come to it exactly; none if the taxes are not each of a part of it (two taxes on the
/// same amount) or there is but one.
///
/// The part of a high rate follows from its tax to a few cents, that of a low rate less well: so what is left goes to the lowest.
pub(super) fn by_rate(
    amount: Decimal,
    taxes: &[TaxPart],
    mode: TaxMode,
    decimals: u32,
) -> Option<Vec<(TaxRate, Decimal)>> {
    let mut taxes: Vec<&TaxPart> = taxes.iter().collect();
    taxes.sort_by_key(|tax| std::cmp::Reverse(tax.rate));
    let (lowest, higher) = taxes.split_last()?;
    if higher.is_empty() {
        return None;
    }
    let mut parts = Vec::with_capacity(taxes.len());
    let (mut left, mut bound) = (amount, Decimal::ZERO);
    for tax in higher {
        let per_tax = per_tax(tax.rate, mode)?;
        let part = rounded(tax.amount.amount().checked_mul(per_tax)?, decimals);
        // Taxes are rounded to the cent; so far may the part be from the true one.
        bound = bound.checked_add(per_tax.checked_mul(Decimal::new(1, decimals))?)?;
        left = left.checked_sub(part)?;
        parts.push((tax.rate, part));
    }
    let is_likely = if lowest.rate == TaxRate::ZERO {
        left.is_zero() || left.is_sign_negative() == amount.is_sign_negative()
    } else {
        let per_tax = per_tax(lowest.rate, mode)?;
        bound = bound.checked_add(per_tax.checked_mul(Decimal::new(1, decimals))?)?;
        left.checked_sub(lowest.amount.amount().checked_mul(per_tax)?)?.abs() <= bound
    };
    parts.push((lowest.rate, left));
    is_likely.then_some(parts)
}

/// How much of an amount there is to one of tax: with the tax in it, or without.
fn per_tax(rate: TaxRate, mode: TaxMode) -> Option<Decimal> {
    let percent = rate.as_percent();
    match mode {
        TaxMode::Gross => Decimal::ONE_HUNDRED.checked_add(percent)?.checked_div(percent),
        TaxMode::Net => Decimal::ONE_HUNDRED.checked_div(percent),
        TaxMode::TaxFree => None,
    }
}

#[cfg(test)]
mod tests {
    use kontor_domain::{Currency, Money};
    use proptest::prelude::*;

    use super::*;

    fn rate(percent: u32) -> TaxRate {
        TaxRate::percent(Decimal::from(percent)).unwrap()
    }

    fn tax(percent: u32, cents: i64) -> TaxPart {
        TaxPart { rate: rate(percent), amount: Money::new(Decimal::new(cents, 2), Currency::EUR) }
    }

    fn split(cents: i64, taxes: &[TaxPart], mode: TaxMode) -> Option<Vec<String>> {
        let parts = by_rate(Decimal::new(cents, 2), taxes, mode, 2)?;
        Some(parts.into_iter().map(|(rate, part)| format!("{rate} {part}")).collect())
    }

    #[test]
    fn carriage_of_two_rates_is_two_amounts() {
        let two = [tax(19, 39), tax(7, 16)];
        assert_eq!(split(490, &two, TaxMode::Gross).unwrap(), ["19 % 2.44", "7 % 2.46"]);
        assert_eq!(split(435, &two, TaxMode::Net).unwrap(), ["19 % 2.05", "7 % 2.30"]);
        assert_eq!(
            split(-490, &[tax(19, -39), tax(7, -16)], TaxMode::Gross).unwrap(),
            ["19 % -2.44", "7 % -2.46"]
        );
    }

    #[test]
    fn what_is_left_beside_a_tax_is_not_taxed() {
        assert_eq!(split(490, &[tax(19, 39), tax(0, 0)], TaxMode::Gross).unwrap(), ["19 % 2.44", "0 % 2.46"]);
    }

    #[test]
    fn two_taxes_on_the_same_amount_are_not_taken_apart() {
        // 5 % and 8 % on 100.00, both on all of it.
        assert_eq!(split(10_000, &[tax(5, 500), tax(8, 800)], TaxMode::Net), None);
        assert_eq!(split(490, &[tax(19, 78)], TaxMode::Gross), None);
        assert_eq!(split(490, &[tax(19, 39), tax(7, 16)], TaxMode::TaxFree), None);
    }

    proptest! {
        #[test]
        fn the_parts_come_to_the_amount_and_to_the_taxes(first in 1_i64..100_000, second in 1_i64..100_000) {
            let gross_tax = |cents: i64, percent: i64| {
                rounded(Decimal::new(cents, 2) * Decimal::from(percent) / Decimal::from(100 + percent), 2)
            };
            let taxes = [(19, first), (7, second)].map(|(percent, cents)| TaxPart {
                rate: rate(u32::try_from(percent).unwrap()),
                amount: Money::new(gross_tax(cents, percent), Currency::EUR),
            });
            let parts = by_rate(Decimal::new(first + second, 2), &taxes, TaxMode::Gross, 2).unwrap();
            prop_assert_eq!(parts.iter().map(|(_, part)| *part).sum::<Decimal>(), Decimal::new(first + second, 2));
            for ((rate, part), tax) in parts.iter().zip(&taxes) {
                let percent = rate.as_percent();
                let reckoned = rounded(*part * percent / (Decimal::ONE_HUNDRED + percent), 2);
                prop_assert!((reckoned - tax.amount.amount()).abs() <= Decimal::new(1, 2), "{} for {}", reckoned, tax.amount);
            }
        }
    }
}
