//! What was paid out, as the provider's own report says it.

use ::payments::payout;
use domain::money::{Currency, SignedAmount};
use domain::payment::Observed;

use crate::rig::{Rig, refund};

pub async fn a_payout_file_names_what_the_ledger_knows(rig: Rig) {
    let known = rig.paid("pm_card_visa").await;
    let refunded = rig.connector.refund(&known, &refund("3")).await.unwrap();
    let Observed::Refund { provider_id: refund_id, .. } = refunded.clone() else { panic!("{refunded:?}") };
    let file = payout::read(&rig.demo().payouts().await).unwrap();
    let signed = |text: &str| text.parse::<SignedAmount>().unwrap();
    let lines: Vec<_> =
        file.lines.iter().map(|line| (line.category.as_str(), line.source_id.clone(), line.gross)).collect();
    assert_eq!(lines, [("charge", known.provider_id, signed("10.50")), ("refund", refund_id, signed("-3"))]);
    // 2.9 % and 30 cents.
    let charge = &file.lines[0];
    assert_eq!((charge.currency, charge.fee, charge.net), (Currency::USD, signed("0.60"), signed("9.90")));
}
