//! Exact payments, and what becomes of them.

use domain::evm::{Address, Bytes32, HexBytes};
use domain::exact_payment::{Accepted, Action, ExactPayment, ExactPaymentCommand, Place, id_of, transaction_of};
use domain::ids::ExactPaymentId;
use domain::money::Currency;
use domain::{Aggregate, StreamId};
use eventstore::Ledger;
use projections::{reconcile, settlement};

use crate::keys::{CHAIN, PAYEE, TOKEN, amount};
use crate::support::{Bench, meta, organization};

/// Who pays by the first two, and by the others.
const PAYERS: [Address; 2] = [Address([1; 20]), Address([3; 20])];

fn payer(n: u8) -> Address {
    PAYERS[usize::from(n > 41)]
}

fn id(n: u8) -> ExactPaymentId {
    id_of(CHAIN, TOKEN, payer(n), Bytes32([n; 32]))
}

async fn act(ledger: &Ledger, n: u8, now: &str, action: Action) {
    let stream = StreamId::new(ExactPayment::CATEGORY, id(n));
    let command = ExactPaymentCommand { organization_id: organization(), action };
    ledger.execute::<ExactPayment>(stream, meta(now), command).await.unwrap().unwrap();
}

async fn accept(ledger: &Ledger, n: u8, now: &str) {
    let accepted = Accepted {
        exact_payment_id: id(n),
        organization_id: organization(),
        route_id: None,
        chain_id: CHAIN,
        token: TOKEN,
        from: payer(n),
        to: PAYEE,
        amount: amount("0.01"),
        currency: Currency::USDC,
        valid_after: 0,
        valid_before: 1_800_000_000,
        nonce: Bytes32([n; 32]),
        signature: HexBytes(vec![5; 65]),
        block_number: 20,
        request_digest: Bytes32([6; 32]),
    };
    act(ledger, n, now, Action::Accept(Box::new(accepted))).await;
}

fn submit(n: u8) -> Action {
    Action::Submit(transaction_of(id(n)))
}

fn place(n: u8) -> Place {
    Place { tx_hash: Bytes32([n; 32]), block_number: 21, block_hash: Bytes32([9; 32]) }
}

/// 40 is final, 41 was refused by the token, 42 was in a block and is not any more, 43 pays for a second request after
/// the first came to nothing, 44 is on its way.
pub async fn fill(ledger: &Ledger) {
    for n in 40..=44 {
        accept(ledger, n, "2026-02-01T00:00:00Z").await;
    }
    act(ledger, 43, "2026-02-01T00:00:01Z", Action::Release).await;
    for n in [40, 41, 42, 44] {
        act(ledger, n, "2026-02-01T00:00:01Z", submit(n)).await;
    }
    for n in [40, 42] {
        act(ledger, n, "2026-02-01T00:00:02Z", Action::Settle(place(n))).await;
    }
    act(ledger, 40, "2026-02-01T00:00:03Z", Action::Deliver).await;
    act(ledger, 40, "2026-02-01T00:01:00Z", Action::Finalize(place(40))).await;
    act(ledger, 41, "2026-02-01T00:01:00Z", Action::Fail("the payer has no money".into())).await;
    act(ledger, 42, "2026-02-01T00:01:00Z", Action::Fail("a reorganization took it away".into())).await;
    accept(ledger, 43, "2026-02-01T00:01:00Z").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exact_payments_are_listed_with_their_status() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    bench.apply_all(2).await;
    let of = PAYERS[0].to_string();
    let list =
        |status, payer, before| settlement::exact_payments(&bench.pool, organization(), status, payer, before, 10);
    let told = |rows: &[settlement::ExactPaymentRow]| -> Vec<(ExactPaymentId, String)> {
        rows.iter().map(|row| (ExactPaymentId::new(row.exact_payment_id), row.status.clone())).collect()
    };
    let expected = [(44, "settling"), (43, "accepted"), (42, "failed"), (41, "failed"), (40, "final")]
        .map(|(n, status)| (id(n), status.to_owned()));
    let all = list(None, None, None).await.unwrap();
    assert_eq!(told(&all), expected);
    assert_eq!((all[0].chain_id, all[0].payer.as_str()), (CHAIN as i64, PAYERS[1].to_string().as_str()));
    assert_eq!(told(&list(Some("failed"), None, None).await.unwrap()), expected[2..4]);
    assert_eq!(told(&list(None, Some(of.as_str()), None).await.unwrap()), expected[3..]);
    assert_eq!(told(&list(None, Some(of.as_str()), Some(id(41).uuid())).await.unwrap()), expected[4..]);

    // What is to be sent, and what is in a block and not yet there for good.
    let token = TOKEN.to_string();
    let submitted = |with_settled| {
        settlement::submitted_exact_payments(&bench.pool, CHAIN as i64, token.as_str(), with_settled, 10)
    };
    assert_eq!(told(&submitted(true).await.unwrap()), expected[..1]);
    act(&bench.ledger, 44, "2026-02-01T00:02:00Z", Action::Settle(place(44))).await;
    bench.apply_all(2).await;
    assert_eq!(told(&submitted(true).await.unwrap()), [(id(44), "settled".to_owned())]);
    assert!(submitted(false).await.unwrap().is_empty());
    // What failed, or was only submitted, comes true after all.
    for n in [41, 44] {
        act(&bench.ledger, n, "2026-02-01T00:03:00Z", Action::Finalize(place(n))).await;
    }
    bench.apply_all(2).await;
    assert_eq!(
        told(&list(Some("final"), None, None).await.unwrap()),
        [44, 41, 40].map(|n| (id(n), "final".to_owned()))
    );
    assert!(submitted(true).await.unwrap().is_empty());
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
}
