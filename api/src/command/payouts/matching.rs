//! Lines of a payout file against payments and refunds. The read model says which of them a line may mean, the payment
//! itself whether it does.

use std::collections::HashMap;

use domain::ids::{PaymentId, PayoutId, RefundId};
use domain::money::SignedAmount;
use domain::payment::{Action, Payment, PaymentCommand};
use domain::payout::{LineState, OpenCause, PayoutLine};
use eventstore::{CommandMeta, ExecuteError};
use futures::{StreamExt, TryStreamExt, stream};
use projections::billing::{Billing, find};

use crate::App;
use crate::auth::Principal;
use crate::command::payments::payment_stream;
use crate::problem::Problem;
use crate::query::read_up_to_now;

/// Ids that are looked up together.
const LOOKED_UP: usize = 1_000;
/// Lines that are compared at the same time.
const AT_ONCE: usize = 64;
/// Of lines that are about no payment, also where they name something: fees, and what goes back and forth for disputes.
const BESIDE: [&str; 12] = [
    "adjustment",
    "contribution",
    "dispute",
    "dispute_reversal",
    "fee",
    "network_cost",
    "other_adjustment",
    "payout",
    "payout_reversal",
    "stripe_fee",
    "tax",
    "topup",
];

/// What a line may mean.
type Source = (PaymentId, Option<RefundId>);

/// What becomes of each line, in order.
pub async fn compare(
    app: &App,
    principal: &Principal,
    payout_id: PayoutId,
    lines: &[PayoutLine],
    caused: impl Fn(&[u8]) -> CommandMeta,
) -> Result<Vec<LineState>, Problem> {
    let sources = sources(app, principal, lines).await?;
    let mut asked = Vec::with_capacity(lines.len());
    for (index, line) in (0_u32..).zip(lines) {
        let source = line.source_id.as_ref().and_then(|id| sources.get(id)).copied();
        asked.push(decide(app, payout_id, line, source, caused(&index.to_be_bytes())));
    }
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

async fn sources(app: &App, principal: &Principal, lines: &[PayoutLine]) -> Result<HashMap<String, Source>, Problem> {
    // What has come a moment ago must not count as unknown.
    read_up_to_now(app, principal.partition, &Billing).await?;
    let ids: Vec<String> = lines.iter().filter_map(|line| line.source_id.clone()).collect();
    let mut found = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(LOOKED_UP) {
        for source in find::sources(&app.pool, principal.organization_id, ids).await? {
            let meant = (PaymentId::new(source.payment_id), source.refund_id.map(RefundId::new));
            found.insert(source.provider_id, meant);
        }
    }
    Ok(found)
}

async fn decide(
    app: &App,
    payout_id: PayoutId,
    line: &PayoutLine,
    source: Option<Source>,
    meta: CommandMeta,
) -> Result<LineState, Problem> {
    let open = |cause| Ok(LineState::Open { cause });
    let Some((payment_id, refund_id)) = source else { return open(without_source(line)) };
    // What came is more than nothing, what went back less; and a provider that gives something on top keeps nothing.
    let goes_back = refund_id.is_some();
    if line.gross.is_negative() != goes_back || line.fee.is_negative() {
        return open(OpenCause::AmountDiffers);
    }
    let (gross, fee) = (line.gross.magnitude(), line.fee.magnitude());
    let action = Action::PayOut { payout_id, refund_id, gross, fee, currency: line.currency };
    let command = PaymentCommand { organization_id: meta.organization_id, action };
    match app.ledger.execute::<Payment>(payment_stream(payment_id), meta, command).await {
        Ok(Ok(_)) => Ok(LineState::Matched { payment_id, refund_id }),
        Ok(Err(denied)) => open(denied.open_cause().unwrap_or(OpenCause::Unknown)),
        Err(error) => Err(<Problem as From<ExecuteError>>::from(error)),
    }
}

/// Why a line is open that means nothing that the ledger knows.
fn without_source(line: &PayoutLine) -> OpenCause {
    let is_beside = line.source_id.is_none() || BESIDE.contains(&line.category.as_str());
    if is_beside || line.gross == SignedAmount::ZERO { OpenCause::NoPayment } else { OpenCause::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_no_payment_is_told_apart_from_what_is_unknown() {
        let line = |source: Option<&str>, category: &str, gross: &str| PayoutLine {
            provider_line_id: "txn_1".to_owned(),
            source_id: source.map(str::to_owned),
            category: category.to_owned(),
            currency: domain::money::Currency::USD,
            gross: gross.parse().unwrap(),
            fee: SignedAmount::ZERO,
            net: gross.parse().unwrap(),
        };
        for (source, category, gross, cause) in [
            (Some("pi_1"), "charge", "10", OpenCause::Unknown),
            (Some("re_1"), "refund", "-10", OpenCause::Unknown),
            (Some("dp_1"), "dispute", "-10", OpenCause::NoPayment),
            (None, "charge", "10", OpenCause::NoPayment),
            (Some("in_1"), "fee", "0", OpenCause::NoPayment),
        ] {
            assert_eq!(without_source(&line(source, category, gross)), cause, "{category}");
        }
    }
}
