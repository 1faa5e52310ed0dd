//! Postings of accounts.

use crate::account::{AccountEvent, Funds};
use crate::postings::{JournalAccount, Move};

/// What an event of an account moves.
pub(super) fn moves(event: &AccountEvent) -> Vec<Move> {
    use JournalAccount::{
        Breakage, CreditsGranted, CustomerCredits, CustomerHeld, CustomerInvoiced, CustomerReceivable, Revenue,
    };
    let customer = event.customer_id();
    let hold =
        |funds: &Funds, currency| (CustomerCredits(customer), CustomerHeld(customer), funds.of_credits(), currency);
    let back =
        |funds: &Funds, currency| (CustomerHeld(customer), CustomerCredits(customer), funds.of_credits(), currency);
    match event {
        AccountEvent::Credited(e) => vec![(CreditsGranted, CustomerCredits(customer), e.amount, e.currency)],
        AccountEvent::CreditExpired(e) => vec![(CustomerCredits(customer), Breakage, e.amount, e.currency)],
        AccountEvent::Charged(e) => vec![
            (CustomerCredits(customer), Revenue, e.paid_by_credits(), e.currency),
            (CustomerReceivable(customer), Revenue, e.postpaid, e.currency),
        ],
        AccountEvent::Held(e) => vec![hold(&e.funds, e.currency)],
        AccountEvent::HoldExtended(e) => vec![hold(&e.funds, e.currency)],
        AccountEvent::Captured(e) => vec![
            (CustomerHeld(customer), Revenue, e.charge.paid_by_credits(), e.charge.currency),
            (CustomerReceivable(customer), Revenue, e.charge.postpaid, e.charge.currency),
            back(&e.returned, e.charge.currency),
        ],
        AccountEvent::Voided(e) | AccountEvent::HoldExpired(e) => vec![back(&e.returned, e.currency)],
        AccountEvent::UsageSettled(e) => {
            vec![(CustomerInvoiced(customer), CustomerReceivable(customer), e.amount, e.currency)]
        }
        AccountEvent::Opened(_)
        | AccountEvent::QuotaSet(_)
        | AccountEvent::LimitSet(_)
        | AccountEvent::Turned(_)
        | AccountEvent::PaymentOrderSet(_) => Vec::new(),
    }
}
