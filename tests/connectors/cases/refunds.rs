//! Refunds: of all, in parts, of too much, and those that take their time.

use ::payments::Connector;
use ::payments::port::{NOT_FOUND, NOT_OFFERED};
use domain::payment::{Observed, RefundStatus};
use eventstore::clock;

use super::refused;
use crate::rig::{Rig, refund};

fn status(observed: &Observed) -> RefundStatus {
    match observed {
        Observed::Refund { status, .. } => *status,
        other => panic!("{other:?} is of no refund"),
    }
}

pub async fn a_payment_is_refunded(rig: Rig) {
    let known = rig.paid("pm_card_visa").await;
    let order = refund("10.50");
    let made = rig.connector.refund(&known, &order).await.unwrap();
    assert!(matches!(&made, Observed::Refund { refund_id, .. } if *refund_id == order.refund_id), "{made:?}");
    assert_eq!(status(&made), RefundStatus::Succeeded);
}

pub async fn a_payment_is_refunded_in_parts(rig: Rig) {
    let known = rig.paid("pm_card_visa").await;
    for part in ["3", "0.50", "7"] {
        let made = rig.connector.refund(&known, &refund(part)).await.unwrap();
        assert_eq!(status(&made), RefundStatus::Succeeded, "{part}");
    }
}

pub async fn too_much_is_not_refunded(rig: Rig) {
    let known = rig.paid("pm_card_visa").await;
    refused(rig.connector.refund(&known, &refund("10.51")).await);
    rig.connector.refund(&known, &refund("10")).await.unwrap();
    refused(rig.connector.refund(&known, &refund("0.51")).await);
    rig.connector.refund(&known, &refund("0.50")).await.unwrap();
    assert_eq!(refused(rig.connector.refund(&known, &refund("0.01")).await), "charge_already_refunded");
    assert_eq!(rig.demo().count("refunds").await, 2);
}

pub async fn what_has_not_come_is_not_refunded(rig: Rig) {
    let known = rig.reserved().await;
    refused(rig.connector.refund(&known, &refund("1")).await);
    assert_eq!(rig.demo().count("refunds").await, 0);
}

/// What a message says of a refund.
async fn told(rig: &Rig, kind: &str) -> Observed {
    let connector: &dyn Connector = rig.connector.as_ref();
    rig.demo().message(kind).await.read(connector, clock::now()).unwrap().observed.unwrap()
}

pub async fn a_refund_takes_its_time(rig: Rig) {
    let known = rig.paid("pm_card_pendingRefund").await;
    let made = rig.connector.refund(&known, &refund("10.50")).await.unwrap();
    assert_eq!(status(&made), RefundStatus::Pending);
    assert_eq!(status(&told(&rig, "refund.updated").await), RefundStatus::Succeeded);
}

pub async fn a_refund_fails_later(rig: Rig) {
    let known = rig.paid("pm_card_refundFail").await;
    let order = refund("10.50");
    let made = rig.connector.refund(&known, &order).await.unwrap();
    assert_eq!(status(&made), RefundStatus::Succeeded);
    let failed = told(&rig, "refund.failed").await;
    assert!(matches!(&failed, Observed::Refund { refund_id, .. } if *refund_id == order.refund_id), "{failed:?}");
    assert_eq!(status(&failed), RefundStatus::Failed);
}

pub async fn a_refund_is_found_by_our_id(rig: Rig) {
    let known = rig.paid("pm_card_visa").await;
    let (first, second, third) = (refund("3"), refund("4"), refund("1"));
    let made = rig.connector.refund(&known, &first).await.unwrap();
    rig.connector.refund(&known, &second).await.unwrap();
    assert_eq!(rig.connector.find_refund(&known, first.refund_id).await, Ok(made));
    assert_eq!(refused(rig.connector.find_refund(&known, third.refund_id).await), NOT_FOUND);
    // Another payment's are not this one's.
    let other = rig.paid("pm_card_visa").await;
    assert_eq!(refused(rig.connector.find_refund(&other, first.refund_id).await), NOT_FOUND);
    // Of a payment that is not there nobody knows what was refunded.
    let nowhere = ::payments::Reference { provider_id: Some("pi_none".to_owned()), ..known };
    super::assert_unknown(rig.connector.find_refund(&nowhere, first.refund_id).await);
}

pub async fn refunds_by_hand_are_not_looked_for(rig: Rig) {
    let known = rig.paid("").await;
    assert_eq!(refused(rig.connector.find_refund(&known, refund("1").refund_id).await), NOT_OFFERED);
}
