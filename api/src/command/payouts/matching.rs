//! Lines of a payout file against payments, refunds and disputes. The read model says which of them a line may mean,
//! the payment itself whether it does.

use std::collections::HashMap;

use domain::ids::{PaymentId, PayoutId, RefundId};
use domain::money::SignedAmount;
use domain::payment::{Action, Payment, PaymentCommand, Subject};
use domain::payout::{DISPUTE_REVERSAL, LineState, OpenCause, PayoutLine};
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
/// Of lines that are about no payment, also where they name something.
const BESIDE: [&str; 10] = [
    "adjustment",
    "contribution",
    "fee",
    "network_cost",
    "other_adjustment",
    "payout",
    "payout_reversal",
    "stripe_fee",
    "tax",
    "topup",
];

/// What a provider's id stands for: a payment, or a refund of it.
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
        asked.push(decide(app, payout_id, line, meant(line, &sources), caused(&index.to_be_bytes())));
    }
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

async fn sources(app: &App, principal: &Principal, lines: &[PayoutLine]) -> Result<HashMap<String, Source>, Problem> {
    // What has come a moment ago must not count as unknown.
    read_up_to_now(app, principal.partition, &Billing).await?;
    let named = lines.iter().flat_map(|line| [&line.source_id, &line.payment_source_id]);
    let ids: Vec<String> = named.flatten().cloned().collect();
    let mut found = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(LOOKED_UP) {
        for source in find::sources(&app.pool, principal.organization_id, ids).await? {
            let meant = (PaymentId::new(source.payment_id), source.refund_id.map(RefundId::new));
            found.insert(source.provider_id, meant);
        }
    }
    Ok(found)
}

/// What a line may mean. A dispute is found by its payment, as it is when a message tells of it.
fn meant(line: &PayoutLine, sources: &HashMap<String, Source>) -> Option<(PaymentId, Subject)> {
    if !PayoutLine::is_of_dispute(&line.category) {
        let (payment_id, refund_id) = *sources.get(line.source_id.as_ref()?)?;
        return Some((payment_id, refund_id.map_or(Subject::Payment, Subject::Refund)));
    }
    let (payment_id, None) = *sources.get(line.payment_source_id.as_ref()?)? else { return None };
    let dispute_id = line.source_id.clone()?;
    let subject = if line.category == DISPUTE_REVERSAL {
        Subject::Reversal { dispute_id, fee_returned: line.fee.negated().positive_part() }
    } else {
        Subject::Dispute(dispute_id)
    };
    Some((payment_id, subject))
}

async fn decide(
    app: &App,
    payout_id: PayoutId,
    line: &PayoutLine,
    meant: Option<(PaymentId, Subject)>,
    meta: CommandMeta,
) -> Result<LineState, Problem> {
    let open = |cause| Ok(LineState::Open { cause });
    let Some((payment_id, subject)) = meant else { return open(without_source(line)) };
    // What came is more than nothing, what went back less; and a provider that gives something on top keeps nothing.
    let gives = line.fee.is_negative() && !matches!(subject, Subject::Reversal { .. });
    if line.gross.is_negative() != subject.goes_back() || gives {
        return open(OpenCause::AmountDiffers);
    }
    let (refund_id, dispute_id) = match &subject {
        Subject::Payment => (None, None),
        Subject::Refund(id) => (Some(*id), None),
        Subject::Dispute(id) | Subject::Reversal { dispute_id: id, .. } => (None, Some(id.clone())),
    };
    let (gross, fee) = (line.gross.magnitude(), line.fee.positive_part());
    let action = Action::PayOut { payout_id, subject, gross, fee, currency: line.currency };
    let command = PaymentCommand { organization_id: meta.organization_id, action };
    match app.ledger.execute::<Payment>(payment_stream(payment_id), meta, command).await {
        Ok(Ok(_)) => Ok(LineState::Matched { payment_id, refund_id, dispute_id }),
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
    use uuid::Uuid;

    fn line(source: Option<&str>, category: &str, gross: &str) -> PayoutLine {
        PayoutLine {
            provider_line_id: "txn_1".to_owned(),
            source_id: source.map(str::to_owned),
            payment_source_id: None,
            category: category.to_owned(),
            currency: domain::money::Currency::USD,
            gross: gross.parse().unwrap(),
            fee: SignedAmount::ZERO,
            net: gross.parse().unwrap(),
        }
    }

    #[test]
    fn a_line_means_what_its_ids_stand_for() {
        let payment_id = PaymentId::new(Uuid::from_u128(1));
        let refund_id = RefundId::new(Uuid::from_u128(2));
        let sources = HashMap::from([
            ("pi_1".to_owned(), (payment_id, None)),
            ("re_1".to_owned(), (payment_id, Some(refund_id))),
        ]);
        let of = |source: &str, payment: Option<&str>, category: &str, fee: &str| {
            let payment_source_id = payment.map(str::to_owned);
            let line = PayoutLine { payment_source_id, fee: fee.parse().unwrap(), ..line(Some(source), category, "1") };
            let (found, subject) = meant(&line, &sources)?;
            assert_eq!(found, payment_id);
            Some(subject)
        };
        let dispute_id = "dp_1".to_owned();
        let back = |fee: &str| Subject::Reversal { dispute_id: dispute_id.clone(), fee_returned: fee.parse().unwrap() };
        assert_eq!(of("pi_1", None, "charge", "1"), Some(Subject::Payment));
        assert_eq!(of("re_1", None, "refund", "0"), Some(Subject::Refund(refund_id)));
        assert_eq!(of("pi_2", None, "charge", "0"), None);
        assert_eq!(of("dp_1", Some("pi_1"), "dispute", "15"), Some(Subject::Dispute(dispute_id.clone())));
        assert_eq!(of("dp_1", Some("pi_1"), "dispute_reversal", "-15"), Some(back("15")));
        assert_eq!(of("dp_1", Some("pi_1"), "dispute_reversal", "0"), Some(back("0")));
        for payment in [None, Some("pi_2"), Some("re_1")] {
            assert_eq!(of("dp_1", payment, "dispute", "15"), None, "{payment:?}");
        }
    }

    #[test]
    fn what_is_about_no_payment_is_told_apart_from_what_is_unknown() {
        for (source, category, gross, cause) in [
            (Some("pi_1"), "charge", "10", OpenCause::Unknown),
            (Some("re_1"), "refund", "-10", OpenCause::Unknown),
            (Some("dp_1"), "dispute", "-10", OpenCause::Unknown),
            (None, "dispute", "-10", OpenCause::NoPayment),
            (None, "charge", "10", OpenCause::NoPayment),
            (Some("in_1"), "fee", "0", OpenCause::NoPayment),
        ] {
            assert_eq!(without_source(&line(source, category, gross)), cause, "{category}");
        }
    }
}
