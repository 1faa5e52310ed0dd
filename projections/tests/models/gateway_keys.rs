//! Gateway keys in the directory.

use domain::gateway_key::{Created, GatewayKey, GatewayKeyCommand, KeyPayer};
use domain::ids::{CustomerId, GatewayKeyId, SessionKeyId};
use domain::route::Rate;
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::Ledger;
use projections::directory;
use uuid::Uuid;

use crate::support::{Bench, at, meta, organization};

async fn act(ledger: &Ledger, n: u128, now: &str, command: GatewayKeyCommand) {
    let stream = StreamId::new(GatewayKey::CATEGORY, GatewayKeyId::new(Uuid::from_u128(n)));
    ledger.execute::<GatewayKey>(stream, meta(now), command).await.unwrap().unwrap();
}

async fn create(ledger: &Ledger, n: u128, payer: KeyPayer, rate: Option<Rate>, expires_at: Option<Timestamp>) {
    let created = Created {
        gateway_key_id: GatewayKeyId::new(Uuid::from_u128(n)),
        organization_id: organization(),
        payer,
        name: format!("key {n}"),
        prefix: "tbk_abcdef".into(),
        secret_hash: format!("{n:064x}"),
        rate,
        expires_at,
    };
    act(ledger, n, "2026-02-01T00:00:00Z", GatewayKeyCommand::Create(created)).await;
}

/// One of a customer, one of a session key, and one that was ended.
pub async fn fill(ledger: &Ledger) {
    let customer = KeyPayer::Customer { customer_id: CustomerId::new(Uuid::from_u128(10)) };
    let session_key = KeyPayer::SessionKey { session_key_id: SessionKeyId::new(Uuid::from_u128(20)) };
    let rate = Rate { requests: 60, per_secs: 3_600, burst: Some(5) };
    create(ledger, 300, customer, Some(rate), Some(at("2027-01-01T00:00:00Z"))).await;
    create(ledger, 301, session_key, Some(Rate { burst: None, ..rate }), None).await;
    create(ledger, 302, customer, None, None).await;
    let revoke = GatewayKeyCommand::Revoke { organization_id: organization() };
    act(ledger, 302, "2026-02-01T00:00:01Z", revoke).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateway_keys_are_listed_with_their_payers() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    bench.apply_all(2).await;
    let list = |customer: Option<u128>, session_key: Option<u128>, before: Option<u128>| {
        let customer = customer.map(|n| CustomerId::new(Uuid::from_u128(n)));
        let session_key = session_key.map(|n| SessionKeyId::new(Uuid::from_u128(n)));
        let before = before.map(Uuid::from_u128);
        directory::gateway_keys(&bench.pool, organization(), customer, session_key, before, 10)
    };
    let all = list(None, None, None).await.unwrap();
    let ids = |rows: &[directory::GatewayKeyRow]| -> Vec<u128> {
        rows.iter().map(|row| row.gateway_key_id.as_u128()).collect()
    };
    assert_eq!(ids(&all), [302, 301, 300]);
    assert_eq!(all[0].revoked_at, Some(at("2026-02-01T00:00:01Z")));
    assert_eq!((all[0].rate_requests, all[0].rate_per_secs, all[0].rate_burst), (None, None, None));
    assert_eq!((all[1].customer_id, all[1].session_key_id), (None, Some(Uuid::from_u128(20))));
    assert_eq!((all[1].rate_requests, all[1].rate_per_secs, all[1].rate_burst), (Some(60), Some(3_600), None));
    assert_eq!((all[2].customer_id, all[2].session_key_id), (Some(Uuid::from_u128(10)), None));
    assert_eq!((all[2].rate_burst, all[2].expires_at), (Some(5), Some(at("2027-01-01T00:00:00Z"))));
    assert_eq!(ids(&list(Some(10), None, None).await.unwrap()), [302, 300]);
    assert_eq!(ids(&list(None, Some(20), None).await.unwrap()), [301]);
    assert_eq!(ids(&list(Some(10), None, Some(302)).await.unwrap()), [300]);
}
