use std::collections::{BTreeMap, BTreeSet};

use chain::client::{Receipt, Transferred};
use domain::evm::{Address, Bytes32, HexBytes};
use domain::exact_payment::{Accepted, Place};
use domain::ids::{ExactPaymentId, OrganizationId, SessionKeyId, SettlementId};
use domain::money::{Amount, Currency};
use domain::reconciliation::{Found, Subject};
use projections::reconcile::{FinalPayment, FinalizedSettlement, OthersClaims, PayeeTotals, SessionTotals};
use serde_json::json;
use uuid::Uuid;

use super::compare::{self, Became, Between, ExactOnChain, Part, PayeeDifference, SET_BACK, Share, UNREAD};
use super::groups::Held;
use super::suspects::Suspects;

const BETWEEN: Between = Between { before: 90, after: 100 };

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn organization(n: u128) -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(n))
}

fn hash(n: u8) -> Bytes32 {
    Bytes32([n; 32])
}

fn settlement(whose: u128, n: u8, block_number: u64, transferred: &str) -> FinalizedSettlement {
    FinalizedSettlement {
        organization_id: organization(whose),
        settlement_id: SettlementId::new(Uuid::from_u128(n.into())),
        tx_hash: hash(n),
        block_number,
        transferred: amount(transferred),
    }
}

fn transfer(n: u8, block_number: u64, transferred: &str) -> Transferred {
    Transferred { tx_hash: hash(n), block_number, amount: amount(transferred) }
}

/// Who is paid by these settlements.
fn payee(settlements: Vec<FinalizedSettlement>) -> PayeeTotals {
    PayeeTotals {
        chain_id: 31_337,
        contract: Address([1; 20]),
        token: Address([2; 20]),
        currency: Currency::USDC,
        payee: Address([3; 20]),
        transferred: Amount::ZERO,
        settlements,
        claims: BTreeMap::new(),
        under_way: BTreeSet::new(),
    }
}

fn session(deposited: &str, claimed: &str) -> SessionTotals {
    SessionTotals {
        organization_id: organization(1),
        session_key_id: SessionKeyId::new(Uuid::from_u128(5)),
        session_id: hash(5),
        chain_id: 31_337,
        contract: Address([1; 20]),
        token: Address([2; 20]),
        currency: Currency::USDC,
        payee: Address([3; 20]),
        registered: true,
        charged: amount(claimed),
        claimed: amount(claimed),
        deposited: amount(deposited),
        withdrawn: Amount::ZERO,
    }
}

#[test]
fn what_agrees_is_no_difference() {
    let payee = payee(vec![settlement(1, 7, 20, "2"), settlement(2, 8, 30, "3")]);
    let compared =
        compare::payee(&payee, &[transfer(7, 20, "1.5"), transfer(7, 20, "0.5"), transfer(8, 30, "3")], BETWEEN);
    assert_eq!((compared.ledger, compared.chain, compared.differences.len()), (amount("5"), amount("5"), 0));
    let share = Share::of(&payee, organization(1), &compared.differences, BETWEEN);
    assert_eq!((share.ledger, share.chain, share.found), (amount("2"), amount("2"), None));
    let same = Part { escrow: amount("10"), claimed: amount("4") };
    assert!(compare::session(&session("10", "4"), same).is_empty());
}

#[test]
fn each_organization_has_its_own_part_of_a_payee() {
    let mut payee = payee(vec![settlement(1, 7, 20, "2"), settlement(2, 8, 30, "3")]);
    let others = OthersClaims {
        block_number: 25,
        claims: vec![(organization(1), SessionKeyId::new(Uuid::from_u128(5)), amount("1.25"))],
    };
    payee.claims.insert(hash(9), others);
    // The second has transferred less, and somebody else has settled before it was there.
    let transfers = [transfer(7, 20, "2"), transfer(9, 25, "1.25"), transfer(8, 30, "2.5")];
    let mut compared = compare::payee(&payee, &transfers, BETWEEN);
    assert_eq!((compared.ledger, compared.chain, compared.differences.len()), (amount("5"), amount("4.5"), 2));
    for difference in &mut compared.differences {
        if let PayeeDifference::Settlement { became, .. } = difference {
            assert_eq!(*became, Became::Unknown);
            *became = Became::Other;
        }
    }
    let first = Share::of(&payee, organization(1), &compared.differences, BETWEEN);
    assert_eq!((first.ledger, first.chain), (amount("2"), amount("3.25")));
    let found = first.found.unwrap();
    assert_eq!((found.ledger.as_str(), found.chain.as_str()), ("0", "1.25"));
    assert!(found.causes[0].contains("somebody else settled; the log has 1 of its claims, 1.25 in all"), "{found:?}");
    let second = Share::of(&payee, organization(2), &compared.differences, BETWEEN);
    assert_eq!((second.ledger, second.chain), (amount("3"), amount("2.5")));
    let found = second.found.unwrap();
    assert_eq!((found.ledger.as_str(), found.chain.as_str(), found.causes.len()), ("3", "2.5", 1));
    assert!(found.causes[0].ends_with("says something else"), "{found:?}");
}

#[test]
fn what_is_under_way_is_nobody_elses() {
    let mut payee = payee(vec![settlement(1, 7, 20, "2"), settlement(1, 8, 101, "3")]);
    payee.under_way.insert(hash(9));
    // A block that was not read yet, a transaction of ours that is not final, one from before our first, and one that
    // came while the log was read.
    let transfers = [transfer(4, 19, "1"), transfer(7, 20, "2"), transfer(9, 50, "1"), transfer(6, 95, "1")];
    let compared = compare::payee(&payee, &transfers, BETWEEN);
    assert_eq!((compared.ledger, compared.chain, compared.differences), (amount("2"), amount("2"), vec![]));
    // Claims of a settlement of ours say nothing of where others began.
    payee.settlements.clear();
    payee.claims.insert(hash(9), OthersClaims { block_number: 50, claims: vec![] });
    assert_eq!(compare::first_block(&payee, false), None);
    payee.under_way.clear();
    assert_eq!((compare::first_block(&payee, false), compare::first_block(&payee, true)), (Some(50), Some(0)));
}

#[test]
fn a_session_key_says_why() {
    let told = |escrow: &str, claimed: &str| -> Vec<(&'static str, String, String)> {
        let chain = Part { escrow: amount(escrow), claimed: amount(claimed) };
        let found = compare::session(&session("10", "4"), chain);
        found.into_iter().map(|one| (one.subject.name(), one.chain, one.causes.concat())).collect()
    };
    let line = |subject, chain: &str, cause: &str| (subject, chain.to_owned(), cause.to_owned());
    assert_eq!(told("10", "5"), [line("session_claimed", "5", UNREAD)]);
    assert_eq!(told("10", "3"), [line("session_claimed", "3", SET_BACK)]);
    assert_eq!(told("9", "4"), [line("session_escrow", "9", UNREAD)]);
    assert_eq!(told("0", "0"), [line("session_claimed", "0", SET_BACK), line("session_escrow", "0", SET_BACK)]);
}

#[test]
fn what_differs_is_seen_twice_before_it_counts() {
    let subject = Subject::SessionEscrow { session_key_id: SessionKeyId::new(Uuid::from_u128(5)) };
    let id = subject.difference_id(organization(1));
    let found = |chain: &str| Found::new(subject, amount("10"), amount(chain), Currency::USDC, vec![]);
    let mut suspects = Suspects::default();
    assert!(!suspects.counts(id, &found("9"), None, 10));
    assert!(!suspects.counts(id, &found("9"), None, 11), "a block later is too soon");
    assert!(suspects.is_unsure);
    assert!(suspects.counts(id, &found("8"), None, 12), "it differs still, if in another way");
    // It is known now.
    let known = found("8");
    assert!(suspects.counts(id, &found("8"), Some(&known), 14));
    assert!(!suspects.counts(id, &found("7"), Some(&known), 16), "it may only move");
    assert!(suspects.counts(id, &found("8"), Some(&known), 18), "and it did");
    assert!(suspects.counts(id, &found("7"), Some(&known), 20));
    // Begun anew, what is known needs no second look.
    let mut suspects = Suspects::default();
    assert!(suspects.counts(id, &found("8"), Some(&known), 30) && !suspects.is_unsure);
}

#[test]
fn what_is_held_for_somebody_is_as_it_was_last() {
    let key = |n: u128| SessionKeyId::new(Uuid::from_u128(n));
    let escrow = |n: u128| Subject::SessionEscrow { session_key_id: key(n) };
    let claimed = |n: u128| Subject::SessionClaimed { session_key_id: key(n) };
    let payee = Subject::Payee { chain_id: 31_337, token: Address([2; 20]), payee: Address([3; 20]) };
    let found =
        |subject: Subject, chain: &str| Found::new(subject, amount("10"), amount(chain), Currency::USDC, vec![]);
    let mut held = Held::default();
    held.keep(vec![found(escrow(1), "9"), found(payee, "8")], vec![escrow(2), claimed(2), payee]);
    held.keep(vec![found(escrow(2), "7")], vec![escrow(1)]);
    let payment = Subject::ExactPayment { exact_payment_id: ExactPaymentId::new(Uuid::from_u128(6)) };
    held.keep(vec![found(claimed(3), "1")], vec![payment]);
    let (found, fine) = held.and(vec![found(payee, "6")], vec![claimed(3), claimed(4)]);
    let found: Vec<_> = found.iter().map(|found| (found.subject, found.chain.as_str())).collect();
    assert_eq!(found, [(payee, "6"), (escrow(2), "7")], "of payees only the last round counts");
    let expected = [claimed(3), claimed(4), escrow(1), claimed(2), payment];
    assert_eq!(fine, expected, "a payment that is fine is never asked about again");
}

/// Of transaction 7, in block 30, which moved nothing.
fn receipt(succeeded: bool) -> Receipt {
    serde_json::from_value(json!({
        "transactionHash": hash(7), "transactionIndex": "0x0", "blockHash": hash(9), "blockNumber": "0x1e",
        "from": Address([1; 20]), "to": Address([2; 20]), "contractAddress": null, "cumulativeGasUsed": "0x1",
        "gasUsed": "0x1", "effectiveGasPrice": "0x1", "logs": [], "logsBloom": format!("0x{}", "00".repeat(256)),
        "status": if succeeded { "0x1" } else { "0x0" }, "type": "0x2",
    }))
    .unwrap()
}

#[test]
fn a_settlement_that_differs_was_lost_or_came_to_something_else() {
    let payee = payee(vec![settlement(1, 7, 20, "2")]);
    let of = |receipt: Option<&Receipt>, after, was_set_back| {
        let between = Between { before: after, after };
        Became::of(&payee, receipt, (amount("2"), Amount::ZERO), between, was_set_back)
    };
    assert_eq!(of(None, 100, true), Became::Lost);
    assert_eq!(of(None, 100, false), Became::Lost);
    assert_eq!(of(Some(&receipt(false)), 100, true), Became::Reverted);
    assert_eq!(of(Some(&receipt(true)), 29, true), Became::Later);
    // No claim of it was skipped, so it should have paid.
    assert_eq!(of(Some(&receipt(true)), 100, true), Became::Other);
    assert_eq!(of(Some(&receipt(false)), 100, false), Became::Other, "nothing was sent again");
    let mut compared = compare::payee(&payee, &[], BETWEEN);
    let mut told = |now: Became| {
        let PayeeDifference::Settlement { became, .. } = &mut compared.differences[0] else { panic!("no settlement") };
        *became = now;
        compared.differences[0].cause()
    };
    assert!(
        told(Became::Lost).ends_with(" is not on the chain any more: it was set back, or the node does not have it")
    );
    assert!(told(Became::Unknown).ends_with(" differs, and was not looked up"));
    let skipped =
        |claims, reasons: &[&'static str]| Became::Skipped { claims, reasons: reasons.iter().copied().collect() };
    assert!(
        told(skipped(1, &["above_escrow"])).ends_with(": the claim was skipped when it was sent again: above_escrow")
    );
    let told = told(skipped(3, &["unknown_session", "above_escrow"]));
    assert!(told.ends_with(": 3 claims were skipped when it was sent again: above_escrow, unknown_session"), "{told}");
}

#[test]
fn a_payment_may_have_moved_when_the_chain_was_set_back() {
    let accepted = Accepted {
        exact_payment_id: ExactPaymentId::new(Uuid::from_u128(6)),
        organization_id: organization(1),
        route_id: None,
        chain_id: 31_337,
        token: Address([2; 20]),
        from: Address([4; 20]),
        to: Address([3; 20]),
        amount: amount("1"),
        currency: Currency::USDC,
        valid_after: 1,
        valid_before: 2,
        nonce: hash(1),
        signature: HexBytes(vec![1; 65]),
        block_number: 10,
        request_digest: hash(2),
    };
    let place = Place { tx_hash: hash(7), block_number: 20, block_hash: hash(8) };
    let payment = FinalPayment { accepted, place };
    // A transaction that moved nothing, so that it is told apart from one that is merely elsewhere.
    let receipt = receipt(true);
    let why = |receipt: Option<&Receipt>, has_moved| {
        compare::exact(&payment, &ExactOnChain { receipt: receipt.cloned(), has_moved }).unwrap()
    };
    assert!(why(None, false).contains("does not know"));
    assert_eq!(why(Some(&receipt), false), "it is in another block");
    assert_eq!(why(Some(&receipt), true), "the transaction did not make this transfer");
}
