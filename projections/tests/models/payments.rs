//! What providers' ids stand for.

use domain::ids::{ConnectorId, CustomerId, PaymentId};
use domain::money::Currency;
use domain::payment::{Action, Create, Observed, Payment, PaymentCommand, ProviderState, Record};
use domain::{Aggregate, StreamId};
use projections::billing::find::{self, Source};
use uuid::Uuid;

use crate::support::{Bench, at, meta, organization};

const NOW: &str = "2026-02-01T00:00:00Z";

async fn act(bench: &Bench, payment_id: PaymentId, action: Action) {
    let stream = StreamId::new(Payment::CATEGORY, payment_id);
    let command = PaymentCommand { organization_id: organization(), action };
    bench.ledger.execute::<Payment>(stream, meta(NOW), command).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_of_money_by_hand_is_no_providers_id() {
    let bench = Bench::new().await;
    let customer_id = CustomerId::new(Uuid::from_u128(30));
    let (amount, currency) = ("25".parse().unwrap(), Currency::USD);
    // It has failed at the provider, and so somebody wrote it down by hand, under the provider's id.
    let failed = PaymentId::new(Uuid::from_u128(31));
    let create = Create {
        payment_id: failed,
        customer_id,
        invoice_id: None,
        connector_id: ConnectorId::new(Uuid::from_u128(32)),
        method: None,
        amount,
        currency,
        manual_capture: false,
        off_session: false,
    };
    act(&bench, failed, Action::Create(Box::new(create))).await;
    let state = ProviderState::Failed { code: "card_declined".to_owned(), message: "No.".to_owned() };
    let observed = Observed::Payment { provider_id: "pi_1".to_owned(), state };
    act(&bench, failed, Action::Observe(observed)).await;
    let by_hand = PaymentId::new(Uuid::from_u128(33));
    let record = Record {
        payment_id: by_hand,
        customer_id,
        invoice_id: None,
        amount,
        currency,
        reference: Some("pi_1".to_owned()),
        received_at: at(NOW),
    };
    act(&bench, by_hand, Action::Record(Box::new(record))).await;
    bench.apply_all(2).await;
    let found = find::sources(&bench.pool, organization(), &["pi_1".to_owned()]).await.unwrap();
    assert_eq!(found, [Source { provider_id: "pi_1".to_owned(), payment_id: failed.uuid(), refund_id: None }]);
}
