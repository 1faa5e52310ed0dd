//! Comparisons of ledger and chain, and what became of their differences.

use domain::ids::{DifferenceId, SessionKeyId};
use domain::money::{Amount, Currency};
use domain::reconciliation::{
    Action, Compared, Comparison, Found, Reconciliation, ReconciliationCommand, Resolution, Subject,
};
use domain::{Aggregate, StreamId};
use eventstore::{Executed, Ledger};
use projections::reconciliation as model;
use uuid::Uuid;

use crate::keys::{CHAIN, CONTRACT, PAYEE, TOKEN, amount};
use crate::support::{Bench, meta, organization};

fn escrow(n: u128) -> Subject {
    Subject::SessionEscrow { session_key_id: SessionKeyId::new(Uuid::from_u128(n)) }
}

fn payee() -> Subject {
    Subject::Payee { chain_id: CHAIN, token: TOKEN, payee: PAYEE }
}

fn id(subject: Subject) -> DifferenceId {
    subject.difference_id(organization())
}

fn found(subject: Subject, ledger: &str, chain: &str) -> Found {
    let causes = vec!["the chain knows less".to_owned(), "or \"somebody\" settled".to_owned()];
    Found::new(subject, amount(ledger), amount(chain), Currency::USDC, causes)
}

async fn act(ledger: &Ledger, now: &str, action: Action) {
    let stream = StreamId::new(Reconciliation::CATEGORY, organization());
    let command = ReconciliationCommand { organization_id: organization(), action };
    let executed = ledger.execute::<Reconciliation>(stream, meta(now), command).await.unwrap().unwrap();
    assert!(matches!(executed, Executed::Done { .. }), "nothing happened at {now}");
}

fn compare(as_of_block: u64, found: Vec<Found>, fine: Vec<Subject>) -> Action {
    let figures = Compared {
        as_of_block,
        chain_id: CHAIN,
        contract: CONTRACT,
        session_keys: 3,
        payees: 1,
        exact_payments: 2,
        ledger_escrow: amount("10.50"),
        chain_escrow: amount("9"),
        ledger_claimed: amount("4"),
        chain_claimed: amount("4"),
        ledger_transferred: amount("4"),
        chain_transferred: amount("5.25"),
        ledger_exact: amount("0.02"),
        chain_exact: amount("0.02"),
        currency: Currency::USDC,
        open: 0,
        not_opened: 0,
    };
    Action::Compare(Box::new(Comparison { figures, found, fine }))
}

fn close(subject: Subject, resolution: Resolution) -> Action {
    let (by, note) = ("api_key:key_1".to_owned(), "a person knows why".to_owned());
    Action::Close { difference_id: id(subject), by, resolution, note }
}

/// 1 is open and was changed, 2 is accepted, 3 was explained and is resolved, the payee's is open again. Somebody waits.
pub async fn fill(ledger: &Ledger) {
    let first = vec![found(escrow(1), "10", "9"), found(escrow(2), "3", "2"), found(escrow(3), "1", "0.5")];
    act(ledger, "2026-02-01T00:00:00Z", compare(20, first, vec![])).await;
    act(ledger, "2026-02-01T00:00:01Z", compare(21, vec![found(payee(), "0", "1.25")], vec![])).await;
    act(ledger, "2026-02-01T00:00:02Z", close(escrow(2), Resolution::Accepted)).await;
    act(ledger, "2026-02-01T00:00:03Z", close(escrow(3), Resolution::Explained)).await;
    act(ledger, "2026-02-01T00:00:04Z", close(payee(), Resolution::Explained)).await;
    let later = vec![found(escrow(1), "10", "8"), found(payee(), "0", "2.5")];
    act(ledger, "2026-02-01T00:00:05Z", compare(22, later, vec![escrow(3)])).await;
    act(ledger, "2026-02-01T00:00:06Z", Action::Request { by: "api_key:key_1".to_owned() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn differences_are_listed_with_what_became_of_them() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    bench.apply_all(2).await;
    let list = |status, before| model::differences(&bench.pool, organization(), status, before, 10);
    let all = list(None, None).await.unwrap();
    let told: Vec<_> = all.iter().map(|row| (DifferenceId::new(row.difference_id), row.status.as_str())).collect();
    assert_eq!(
        told,
        [(id(payee()), "open"), (id(escrow(3)), "resolved"), (id(escrow(2)), "accepted"), (id(escrow(1)), "open")]
    );
    let [again, resolved, accepted, changed] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((again.times, again.ledger.as_str(), again.chain.as_str()), (2, "0", "2.5"));
    assert_eq!((again.closed_at, again.note.as_deref()), (None, None));
    assert_eq!((resolved.closed_by.as_deref(), resolved.note.as_deref()), (Some("chain"), Some("a person knows why")));
    assert_eq!((accepted.closed_by.as_deref(), accepted.times), (Some("api_key:key_1"), 1));
    assert_eq!((changed.amount, changed.as_of_block), (Some(amount("2").decimal()), 22));
    assert!(changed.opened_at < changed.changed_at);
    let (subject, causes): (Subject, Vec<String>) =
        (serde_json::from_str(&again.subject).unwrap(), serde_json::from_str(&again.causes).unwrap());
    assert_eq!((subject, causes.len()), (payee(), 2));
    assert_eq!(list(Some("open"), None).await.unwrap().len(), 2);
    assert_eq!(list(Some("open"), Some(again.position)).await.unwrap(), std::slice::from_ref(changed));
    assert_eq!(model::open_count(&bench.pool, organization()).await.unwrap(), 2);
    let one = model::difference(&bench.pool, organization(), id(escrow(2))).await.unwrap();
    assert_eq!(one.as_ref(), Some(accepted));

    let last = model::reconciliation(&bench.pool, organization()).await.unwrap().unwrap();
    assert_eq!((last.as_of_block, last.session_keys, last.not_opened), (Some(22), Some(3), Some(0)));
    assert_eq!(last.ledger_escrow, Some("10.5".parse::<Amount>().unwrap().decimal()));
    assert!(last.requested_at.is_some());
    let waiting = model::requested(&bench.pool, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|row| row.organization_id).collect::<Vec<_>>(), [organization().uuid()]);
    act(&bench.ledger, "2026-02-01T00:00:07Z", compare(23, vec![], vec![])).await;
    bench.apply_all(2).await;
    assert!(model::requested(&bench.pool, 10).await.unwrap().is_empty(), "it was made");
}
