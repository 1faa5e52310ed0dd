//! The names of the journal's accounts, and, in [`billing`], what bills, invoices and payments come to in it.

use super::*;

mod billing;
mod payments;

#[test]
fn every_account_is_found_by_its_name() {
    let customer = CustomerId::new(uuid::Uuid::from_u128(7));
    for account in [
        JournalAccount::CustomerCredits(customer),
        JournalAccount::CustomerHeld(customer),
        JournalAccount::CustomerReceivable(customer),
        JournalAccount::CustomerEscrow(customer),
        JournalAccount::CustomerInvoiced(customer),
    ]
    .into_iter()
    .chain(FIXED.map(|(_, account)| account))
    {
        assert_eq!(account.to_string().parse(), Ok(account));
    }
    for unknown in ["", "garbage", "customer:", "customer:cus_x:credits", "customer:7:credits"] {
        assert_eq!(unknown.parse::<JournalAccount>(), Err(UnknownAccount), "{unknown}");
    }
}
