//! What is made of each answer, by a connector that answers as it is told.

use std::sync::Mutex;

use async_trait::async_trait;
use domain::ids::{ConnectorId, CustomerId, InvoiceId, OrganizationId, PaymentId};
use domain::payment::{Action, Create, MethodRef, PaymentCommand};
use domain::{Aggregate, Timestamp};
use http::HeaderMap;
use uuid::Uuid;

use super::*;
use crate::{Message, WebhookError};

type Told = Result<Observed, CallError>;

/// It says each thing once, in the order in which it was told to, and remembers what it was asked.
#[derive(Default)]
struct Fake {
    says: Mutex<Vec<(&'static str, Told)>>,
    asked: Mutex<Vec<&'static str>>,
    least: Option<&'static str>,
    step: Option<&'static str>,
}

impl Fake {
    fn saying(says: Vec<(&'static str, Told)>) -> Self {
        Self { says: Mutex::new(says), least: Some("0.50"), step: Some("0.01"), ..Self::default() }
    }

    fn answer(&self, call: &'static str) -> Told {
        self.asked.lock().unwrap().push(call);
        let mut says = self.says.lock().unwrap();
        assert!(says.first().is_some_and(|(expected, _)| *expected == call), "{call} was not expected");
        says.remove(0).1
    }

    fn asked(&self) -> Vec<&'static str> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Connector for Fake {
    async fn create(&self, _: &CreatePayment) -> Told {
        self.answer("create")
    }
    async fn capture(&self, _: &Reference, _: Amount) -> Told {
        self.answer("capture")
    }
    async fn cancel(&self, _: &Reference) -> Told {
        self.answer("cancel")
    }
    async fn refund(&self, _: &Reference, _: &RefundOrder) -> Told {
        self.answer("refund")
    }
    async fn find_refund(&self, _: &Reference, _: RefundId) -> Told {
        self.answer("find_refund")
    }
    async fn fetch(&self, _: &Reference) -> Told {
        self.answer("fetch")
    }
    fn parse_webhook(&self, _: &HeaderMap, _: &[u8], _: Timestamp) -> Result<Message, WebhookError> {
        Err(WebhookError::Unsupported)
    }
    fn read_webhook(&self, _: &[u8]) -> Result<Message, WebhookError> {
        Err(WebhookError::Unsupported)
    }
    fn smallest(&self, _: Currency) -> Option<Amount> {
        self.least.map(amount)
    }
    fn step(&self, _: Currency) -> Amount {
        self.step.map(amount).unwrap_or_default()
    }
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

fn refused(code: &str) -> CallError {
    CallError::refused(code, "No.")
}

fn unknown() -> CallError {
    CallError::Unknown("no answer".to_owned())
}

fn of(state: ProviderState) -> Observed {
    Observed::Payment { provider_id: "pi_1".to_owned(), state }
}

fn succeeded() -> ProviderState {
    ProviderState::Succeeded { amount: amount("10.50"), at: now() }
}

fn declined() -> ProviderState {
    ProviderState::Failed { code: "card_declined".to_owned(), message: "No.".to_owned() }
}

fn refund_id() -> RefundId {
    RefundId::new(Uuid::from_u128(7))
}

fn of_refund(status: RefundStatus) -> Observed {
    Observed::Refund { refund_id: refund_id(), provider_id: Some("re_1".to_owned()), status }
}

fn after(payment: &mut Payment, actions: Vec<Action>) {
    for action in actions {
        let command = PaymentCommand { organization_id: OrganizationId::new(Uuid::from_u128(1)), action };
        for event in payment.handle_command(&command, now()).unwrap() {
            payment.apply_event(&event, now());
        }
    }
}

/// A payment of 10.50 dollars, after this was observed and asked for.
fn payment(actions: Vec<Action>) -> Payment {
    let create = Create {
        payment_id: PaymentId::new(Uuid::from_u128(2)),
        customer_id: CustomerId::new(Uuid::from_u128(3)),
        invoice_id: Some(InvoiceId::new(Uuid::from_u128(4))),
        connector_id: ConnectorId::new(Uuid::from_u128(5)),
        method: Some(MethodRef { customer: None, method: "pm_1".to_owned() }),
        amount: amount("10.50"),
        currency: Currency::USD,
        manual_capture: true,
        off_session: true,
    };
    let mut payment = Payment::default();
    after(&mut payment, vec![Action::Create(Box::new(create))]);
    after(&mut payment, actions);
    payment
}

fn refunded() -> Payment {
    let refund =
        Action::Refund { refund_id: refund_id(), amount: None, reason: "a mistake".to_owned(), credit_note: None };
    payment(vec![Action::Observe(of(succeeded())), refund])
}

async fn asked(fake: &Fake, payment: &Payment, waited: TimeDelta, is_removed: bool) -> Result<Answer, CallError> {
    ask(fake, &Asked { payment, ask: payment.asks().unwrap(), waited, is_removed }).await
}

/// What comes of it after a minute.
async fn soon(says: Vec<(&'static str, Told)>, payment: &Payment) -> (Result<Observed, CallError>, Vec<&'static str>) {
    let fake = Fake::saying(says);
    let answer = asked(&fake, payment, TimeDelta::minutes(1), false).await;
    (answer.map(|answer| answer.observed), fake.asked())
}

/// What comes of it after a day.
async fn late(says: Vec<(&'static str, Told)>, payment: &Payment) -> (Result<Observed, CallError>, Vec<&'static str>) {
    let fake = Fake::saying(says);
    let answer = asked(&fake, payment, TimeDelta::hours(21), false).await;
    (answer.map(|answer| answer.observed), fake.asked())
}

fn code_of(told: &Told) -> &str {
    match told {
        Ok(Observed::Payment { state: ProviderState::Failed { code, .. }, .. }) => code,
        other => panic!("{other:?} has not failed"),
    }
}

#[tokio::test]
async fn a_payment_is_looked_for_before_it_is_made_a_day_later() {
    let new = payment(Vec::new());
    assert_eq!(soon(vec![("create", Ok(of(succeeded())))], &new).await, (Ok(of(succeeded())), vec!["create"]));
    let found = late(vec![("fetch", Ok(of(succeeded())))], &new).await;
    assert_eq!(found, (Ok(of(succeeded())), vec!["fetch"]));
    let made = late(vec![("fetch", Err(refused(NOT_FOUND))), ("create", Ok(of(succeeded())))], &new).await;
    assert_eq!(made, (Ok(of(succeeded())), vec!["fetch", "create"]));
    // That it is not shown is not that it is not there.
    for error in [refused("account_closed"), unknown(), CallError::Misconfigured("401".to_owned())] {
        let (told, calls) = late(vec![("fetch", Err(error))], &new).await;
        assert!(matches!(told, Err(CallError::Unknown(_) | CallError::Misconfigured(_))), "{told:?}");
        assert_eq!(calls, ["fetch"]);
    }
}

#[tokio::test]
async fn a_refusal_is_a_failure_and_no_answer_is_none() {
    let new = payment(Vec::new());
    let (told, _) = soon(vec![("create", Err(refused("card_declined")))], &new).await;
    assert_eq!(code_of(&told), "card_declined");
    assert_eq!(soon(vec![("create", Err(unknown()))], &new).await.0, Err(unknown()));
}

#[tokio::test]
async fn an_amount_that_nobody_could_pay_is_no_declined_card() {
    let new = payment(Vec::new());
    for code in ["amount_too_small", "amount_too_large", "amount_too_precise", "currency_not_supported"] {
        let (told, _) = soon(vec![("create", Err(refused(code)))], &new).await;
        assert_eq!(code_of(&told), NOT_COLLECTABLE, "{code}");
    }
    // Where the connector knows, nobody is asked.
    for (least, step) in [(Some("10.51"), Some("0.01")), (Some("0.50"), Some("1")), (None, Some("0.01"))] {
        let fake = Fake { least, step, ..Fake::default() };
        let answer = asked(&fake, &new, TimeDelta::zero(), false).await.map(|answer| answer.observed);
        assert_eq!(code_of(&answer), NOT_COLLECTABLE, "{least:?} {step:?}");
        assert!(fake.asked().is_empty());
    }
    let fake = Fake { least: Some("10.50"), step: Some("0.50"), ..Fake::saying(vec![("create", Ok(of(succeeded())))]) };
    assert!(asked(&fake, &new, TimeDelta::zero(), false).await.is_ok());
}

#[tokio::test]
async fn what_may_have_been_taken_does_not_fail_with_its_connector() {
    let new = payment(Vec::new());
    let removed = async |says: Vec<(&'static str, Told)>, waited: TimeDelta| {
        let answer = asked(&Fake::saying(says), &new, waited, true).await;
        answer.map(|answer| answer.observed)
    };
    let told = removed(vec![("fetch", Ok(of(succeeded())))], TimeDelta::seconds(5)).await;
    assert_eq!(told, Ok(of(succeeded())));
    // It may not be found yet.
    let told = removed(vec![("fetch", Err(refused(NOT_FOUND)))], TimeDelta::minutes(9)).await;
    assert!(matches!(told, Err(CallError::Unknown(_))), "{told:?}");
    let told = removed(vec![("fetch", Err(refused(NOT_FOUND)))], TimeDelta::minutes(11)).await;
    assert_eq!(code_of(&told), REMOVED);
    let told = removed(vec![("fetch", Err(unknown()))], TimeDelta::days(30)).await;
    assert_eq!(told, Err(unknown()));
}

#[tokio::test]
async fn a_capture_that_is_refused_is_over_when_nothing_has_changed() {
    let capture = Action::Capture { amount: None };
    let reserved = payment(vec![Action::Observe(of(ProviderState::Authorized)), capture]);
    let refusal = || ("capture", Err(refused("charge_expired_for_capture")));
    let (told, calls) = soon(vec![refusal(), ("fetch", Ok(of(ProviderState::Authorized)))], &reserved).await;
    let (code, message) = ("charge_expired_for_capture".to_owned(), "No.".to_owned());
    assert_eq!(told, Ok(Observed::Refused { asked: Requested::Capture, code, message }));
    assert_eq!(calls, ["capture", "fetch"]);
    // It was captured or lost before.
    for state in [succeeded(), ProviderState::Cancelled] {
        let (told, _) = soon(vec![refusal(), ("fetch", Ok(of(state.clone())))], &reserved).await;
        assert_eq!(told, Ok(of(state)));
    }
    for error in [refused(NOT_FOUND), refused("other"), unknown()] {
        let (told, _) = soon(vec![refusal(), ("fetch", Err(error))], &reserved).await;
        assert!(matches!(told, Err(CallError::Unknown(_))), "{told:?}");
    }
    // The provider takes its time, or repeats what it said at first.
    let works = || ("capture", Ok(of(ProviderState::Processing)));
    let (told, _) = soon(vec![works(), ("fetch", Ok(of(ProviderState::Processing)))], &reserved).await;
    assert!(matches!(told, Err(CallError::Unknown(_))), "{told:?}");
    let (told, _) = soon(vec![works(), ("fetch", Ok(of(succeeded())))], &reserved).await;
    assert_eq!(told, Ok(of(succeeded())));
}

#[tokio::test]
async fn so_is_a_cancellation() {
    let processing = payment(vec![Action::Observe(of(ProviderState::Processing)), Action::Cancel]);
    let says = vec![("cancel", Err(refused("unexpected_state"))), ("fetch", Ok(of(ProviderState::Processing)))];
    let (told, _) = soon(says, &processing).await;
    assert!(matches!(told, Ok(Observed::Refused { asked: Requested::Cancel, .. })), "{told:?}");
    let (told, _) = soon(vec![("cancel", Ok(of(ProviderState::Cancelled)))], &processing).await;
    assert_eq!(told, Ok(of(ProviderState::Cancelled)));
}

#[tokio::test]
async fn a_capture_that_is_declined_is_refused() {
    let capture = Action::Capture { amount: None };
    let mut reserved = payment(vec![Action::Observe(of(ProviderState::Authorized)), capture]);
    let (code, message) = ("card_declined".to_owned(), "No.".to_owned());
    let refusal = Observed::Refused { asked: Requested::Capture, code, message };
    // The answer says so; or the provider does when it is asked how the payment stands, after it had worked on it.
    for (answer, then) in
        [(declined(), declined()), (declined(), ProviderState::Authorized), (ProviderState::Processing, declined())]
    {
        let (told, calls) = soon(vec![("capture", Ok(of(answer))), ("fetch", Ok(of(then)))], &reserved).await;
        assert_eq!((told, calls), (Ok(refusal.clone()), vec!["capture", "fetch"]));
    }
    // What it has become since then says more.
    let says = vec![("capture", Ok(of(declined()))), ("fetch", Ok(of(ProviderState::Cancelled)))];
    assert_eq!(soon(says, &reserved).await.0, Ok(of(ProviderState::Cancelled)));
    // It is asked for no more, and can be cancelled.
    after(&mut reserved, vec![Action::Observe(refusal)]);
    assert_eq!((reserved.asks(), reserved.status), (None, Status::Authorized));
    after(&mut reserved, vec![Action::Cancel]);
    let (told, _) = soon(vec![("cancel", Ok(of(ProviderState::Cancelled)))], &reserved).await;
    assert_eq!(told, Ok(of(ProviderState::Cancelled)));
}

#[tokio::test]
async fn a_refund_is_never_made_twice() {
    let refunded = refunded();
    let made = of_refund(RefundStatus::Succeeded);
    assert_eq!(soon(vec![("refund", Ok(made.clone()))], &refunded).await, (Ok(made.clone()), vec!["refund"]));
    // A day later it is looked for first.
    let found = late(vec![("find_refund", Ok(made.clone()))], &refunded).await;
    assert_eq!(found, (Ok(made.clone()), vec!["find_refund"]));
    let says = vec![("find_refund", Err(refused(NOT_FOUND))), ("refund", Ok(made.clone()))];
    assert_eq!(late(says, &refunded).await.0, Ok(made.clone()));
    for error in [unknown(), refused(NOT_OFFERED), refused("other")] {
        let (told, calls) = late(vec![("find_refund", Err(error))], &refunded).await;
        assert!(matches!(told, Err(CallError::Unknown(_))), "{told:?}");
        assert_eq!(calls, ["find_refund"], "and is not asked for");
    }
}

#[tokio::test]
async fn a_refund_that_is_refused_may_have_been_made() {
    let refunded = refunded();
    let refusal = || ("refund", Err(refused("charge_already_refunded")));
    let made = of_refund(RefundStatus::Succeeded);
    assert_eq!(soon(vec![refusal(), ("find_refund", Ok(made.clone()))], &refunded).await.0, Ok(made));
    let fake = Fake::saying(vec![refusal(), ("find_refund", Err(refused(NOT_FOUND)))]);
    let answer = asked(&fake, &refunded, TimeDelta::zero(), false).await.unwrap();
    let failed = Observed::Refund { refund_id: refund_id(), provider_id: None, status: RefundStatus::Failed };
    assert_eq!((answer.observed, answer.refusal), (failed, Some(refused("charge_already_refunded"))));
    let (told, _) = soon(vec![refusal(), ("find_refund", Err(unknown()))], &refunded).await;
    assert_eq!(told, Err(unknown()));
}

#[tokio::test]
async fn what_waits_is_looked_at() {
    let waiting = payment(vec![Action::Observe(of(ProviderState::Processing))]);
    let fake = Fake::saying(vec![("fetch", Ok(of(succeeded())))]);
    assert_eq!(look(&fake, &waiting).await, Ok(vec![of(succeeded())]));
    let fake = Fake::saying(vec![("fetch", Err(refused(NOT_FOUND)))]);
    assert!(matches!(look(&fake, &waiting).await, Err(CallError::Unknown(_))));

    let mut refunded = refunded();
    assert_eq!(look(&Fake::default(), &refunded).await, Ok(Vec::new()), "the provider has not heard of it");
    after(&mut refunded, vec![Action::Observe(of_refund(RefundStatus::Pending))]);
    let fake = Fake::saying(vec![("find_refund", Ok(of_refund(RefundStatus::Failed)))]);
    assert_eq!(look(&fake, &refunded).await, Ok(vec![of_refund(RefundStatus::Failed)]));
    let fake = Fake::saying(vec![("find_refund", Err(refused(NOT_OFFERED)))]);
    assert_eq!(look(&fake, &refunded).await, Ok(Vec::new()));
}

#[test]
fn nobody_waits_for_a_customer_who_is_away_for_ever() {
    let (six, eight) = (TimeDelta::days(6), TimeDelta::days(8));
    let action = || Action::Observe(of(ProviderState::ActionRequired { url: None }));
    assert!(!is_to_be_given_up(&payment(vec![action()]), six));
    assert!(is_to_be_given_up(&payment(vec![action()]), eight));
    assert!(is_to_be_given_up(&payment(vec![Action::Observe(of(ProviderState::Processing))]), eight));
    // It is being cancelled; the provider would not; it waits for whoever sells.
    assert!(!is_to_be_given_up(&payment(vec![action(), Action::Cancel]), eight));
    let refusal = Observed::Refused { asked: Requested::Cancel, code: "no".to_owned(), message: String::new() };
    assert!(!is_to_be_given_up(&payment(vec![action(), Action::Cancel, Action::Observe(refusal)]), eight));
    assert!(!is_to_be_given_up(&payment(vec![Action::Observe(of(ProviderState::Authorized))]), eight));
    let mut there = payment(vec![action()]);
    if let Some((created, _)) = &mut there.created {
        created.off_session = false;
    }
    assert!(!is_to_be_given_up(&there, eight));
}

#[test]
fn what_has_failed_while_its_customer_was_away_is_given_up_there_too() {
    let mut new = payment(Vec::new());
    let reference = to_abandon(&new, &of(declined())).unwrap();
    assert_eq!(reference.provider_id.as_deref(), Some("pi_1"));
    assert_eq!(to_abandon(&new, &of(succeeded())), None);
    let nameless = Observed::Payment { provider_id: String::new(), state: declined() };
    assert_eq!(to_abandon(&new, &nameless), None, "it was never made");
    if let Some((created, _)) = &mut new.created {
        created.off_session = false;
    }
    assert_eq!(to_abandon(&new, &of(declined())), None);
}
