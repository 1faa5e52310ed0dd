//! What must hold after any fault.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::api::text;
use super::{Api, Position, Site, caught_up, decimal};

/// Once the read models know of a position: the journal sums to zero, the log is whole, and every figure follows
/// from it.
pub async fn assert_whole(site: &Site, api: &Api, position: Position) {
    caught_up(api, position).await;
    assert_balanced(api).await;
    site.assert_clean().await;
}

/// In each currency all balances of the organization's journal sum to zero.
pub async fn assert_balanced(api: &Api) {
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for row in api.walk("/v1/balances?limit=100", "cursor").await {
        *sums.entry(text(&row["currency"]).to_owned()).or_default() += decimal(&row["balance"]);
    }
    assert!(!sums.is_empty(), "the journal is empty");
    assert!(sums.values().all(Decimal::is_zero), "{sums:?}");
}
