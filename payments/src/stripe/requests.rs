//! What Stripe is asked for.

use domain::ids::PaymentId;
use domain::money::{Amount, Currency};

use super::amounts::to_minor;
use super::form::Form;
use super::objects::{ABANDONED, ORGANIZATION, PAYMENT, REASON, REFUND};
use crate::{CallError, CreatePayment, Reference, RefundOrder};

/// The charge and its booking come with the payment: they say when the money moved.
const WITH_CHARGE: &str = "latest_charge.balance_transaction";
/// As Stripe has it: how long a value of metadata may be.
const METADATA_CHARACTERS_MAX: usize = 500;
/// The most refunds of an answer.
const REFUNDS_PAGE: &str = "100";
/// The longest description.
const DESCRIPTION_CHARACTERS_MAX: usize = 1_000;

fn cut(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).collect()
}

/// A payment, which is confirmed at once where there is a method to pay with.
pub(super) fn create(order: &CreatePayment) -> Result<Form, CallError> {
    let mut form = Form::default()
        .with("amount", to_minor(order.amount, order.currency)?.to_string())
        .with("currency", order.currency.code().to_ascii_lowercase())
        .with(PAYMENT.param, order.payment_id.to_string())
        .with(ORGANIZATION.param, order.organization_id.to_string())
        .with_some("description", order.description.as_deref().map(|text| cut(text, DESCRIPTION_CHARACTERS_MAX)))
        .with("automatic_payment_methods[enabled]", "true");
    if order.manual_capture {
        form = form.with("capture_method", "manual");
    }
    if order.off_session || order.method.is_some() {
        // Nobody is there to follow a redirect, or no page of ours to come back to.
        form = form.with("automatic_payment_methods[allow_redirects]", "never");
    }
    if let Some(method) = &order.method {
        form = form
            .with_some("customer", method.customer.as_deref())
            .with("payment_method", method.method.as_str())
            .with("confirm", "true");
        if order.off_session {
            form = form.with("off_session", "true");
        }
    }
    Ok(form.with("expand[]", WITH_CHARGE))
}

/// A part or all of what is reserved.
pub(super) fn capture(amount: Amount, currency: Currency) -> Result<Form, CallError> {
    let minor = to_minor(amount, currency)?;
    Ok(Form::default().with("amount_to_capture", minor.to_string()).with("expand[]", WITH_CHARGE))
}

/// No more of it.
pub(super) fn cancel() -> Form {
    Form::default().with("expand[]", WITH_CHARGE)
}

/// No more of one that has failed.
pub(super) fn abandon() -> Form {
    Form::default().with("cancellation_reason", ABANDONED)
}

/// A refund. Stripe's own reasons are not used: one of them makes it block the card.
pub(super) fn refund(payment: &Reference, intent_id: &str, refund: &RefundOrder) -> Result<Form, CallError> {
    let minor = to_minor(refund.amount, payment.currency)?;
    Ok(Form::default()
        .with("payment_intent", intent_id)
        .with("amount", minor.to_string())
        .with(PAYMENT.param, payment.payment_id.to_string())
        .with(ORGANIZATION.param, payment.organization_id.to_string())
        .with(REFUND.param, refund.refund_id.to_string())
        .with(REASON.param, cut(&refund.reason, METADATA_CHARACTERS_MAX)))
}

/// The payment at this path, as it is now.
pub(super) fn fetch(path: &str) -> String {
    format!("{path}?{}", Form::default().with("expand[]", WITH_CHARGE).encoded())
}

/// The refunds of a payment, the newest first, after this one.
pub(super) fn refunds(intent_id: &str, after: Option<&str>) -> String {
    let form = Form::default().with("payment_intent", intent_id).with("limit", REFUNDS_PAGE);
    format!("/v1/refunds?{}", form.with_some("starting_after", after).encoded())
}

/// The payments that carry our id. There should be one at most.
pub(super) fn search(payment_id: PaymentId) -> String {
    let form = Form::default()
        .with("query", format!("metadata['{}']:'{payment_id}'", PAYMENT.name))
        .with("limit", "2")
        .with("expand[]", format!("data.{WITH_CHARGE}"));
    format!("/v1/payment_intents/search?{}", form.encoded())
}

#[cfg(test)]
mod tests {
    use domain::ids::{OrganizationId, RefundId};
    use domain::payment::MethodRef;
    use uuid::Uuid;

    use super::*;

    const IDS: &str = "metadata%5Btollbook_payment_id%5D=pay_00000000000000000000000002\
                       &metadata%5Btollbook_organization_id%5D=org_00000000000000000000000001";
    const EXPAND: &str = "expand%5B%5D=latest_charge.balance_transaction";

    fn order() -> CreatePayment {
        CreatePayment {
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            payment_id: PaymentId::new(Uuid::from_u128(2)),
            amount: "10.50".parse().unwrap(),
            currency: Currency::USD,
            method: Some(MethodRef { customer: Some("cus_1".to_owned()), method: "pm_1".to_owned() }),
            manual_capture: false,
            off_session: true,
            description: None,
        }
    }

    fn reference() -> Reference {
        let CreatePayment { organization_id, payment_id, currency, .. } = order();
        Reference { payment_id, organization_id, provider_id: Some("pi_1".to_owned()), currency, refusals: 0 }
    }

    #[test]
    fn a_payment_off_session_is_confirmed_and_follows_no_redirect() {
        assert_eq!(
            create(&order()).unwrap().encoded(),
            format!(
                "amount=1050&currency=usd&{IDS}&automatic_payment_methods%5Benabled%5D=true\
                 &automatic_payment_methods%5Ballow_redirects%5D=never&customer=cus_1&payment_method=pm_1&confirm=true\
                 &off_session=true&{EXPAND}"
            )
        );
    }

    #[test]
    fn a_payment_without_a_method_waits_for_one() {
        let order = CreatePayment {
            method: None,
            off_session: false,
            manual_capture: true,
            description: Some("Invoice INV-1".to_owned()),
            ..order()
        };
        assert_eq!(
            create(&order).unwrap().encoded(),
            format!(
                "amount=1050&currency=usd&{IDS}&description=Invoice+INV-1&automatic_payment_methods%5Benabled%5D=true\
                 &capture_method=manual&{EXPAND}"
            )
        );
        // Whoever is away chooses nothing; Stripe wants `off_session` only where it confirms.
        let away = create(&CreatePayment { off_session: true, ..order }).unwrap().encoded();
        assert!(away.contains("allow_redirects%5D=never") && !away.contains("off_session"), "{away}");
    }

    #[test]
    fn the_other_steps_have_their_forms() {
        let captured = capture("3.2".parse().unwrap(), Currency::USD).unwrap();
        assert_eq!(captured.encoded(), format!("amount_to_capture=320&{EXPAND}"));
        assert_eq!(cancel().encoded(), EXPAND);
        let refund_id = RefundId::new(Uuid::from_u128(3));
        let order = RefundOrder { refund_id, amount: "1".parse().unwrap(), reason: "x".repeat(600) };
        assert_eq!(
            refund(&reference(), "pi_1", &order).unwrap().encoded(),
            format!(
                "payment_intent=pi_1&amount=100&{IDS}&metadata%5Btollbook_refund_id%5D=re_00000000000000000000000003\
                 &metadata%5Btollbook_reason%5D={}",
                "x".repeat(500)
            )
        );
        assert_eq!(abandon().encoded(), "cancellation_reason=abandoned");
        assert_eq!(refunds("pi_1", None), "/v1/refunds?payment_intent=pi_1&limit=100");
        assert_eq!(refunds("pi_1", Some("re_1")), "/v1/refunds?payment_intent=pi_1&limit=100&starting_after=re_1");
        assert_eq!(fetch("/v1/payment_intents/pi_1"), format!("/v1/payment_intents/pi_1?{EXPAND}"));
        assert_eq!(
            search(reference().payment_id),
            "/v1/payment_intents/search?query=metadata%5B%27tollbook_payment_id%27%5D%3A%27\
             pay_00000000000000000000000002%27&limit=2&expand%5B%5D=data.latest_charge.balance_transaction"
        );
    }

    #[test]
    fn what_stripe_cannot_take_is_not_sent() {
        let order = CreatePayment { amount: "0.001".parse().unwrap(), ..order() };
        assert!(matches!(create(&order), Err(CallError::Refused { .. })));
        assert!(capture("0.001".parse().unwrap(), Currency::USD).is_err());
    }
}
