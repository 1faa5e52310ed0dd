//! Every payload that was ever shipped, in `domain/golden`, must be read for ever.

use crate::account::AccountEvent;
use crate::aggregate::EventPayload;
use crate::api_key::ApiKeyEvent;
use crate::chain_watch::ChainWatchEvent;
use crate::customer::CustomerEvent;
use crate::exact_payment::ExactPaymentEvent;
use crate::gateway_key::GatewayKeyEvent;
use crate::organization::OrganizationEvent;
use crate::reconciliation::ReconciliationEvent;
use crate::session_key::SessionKeyEvent;
use crate::settlement::SettlementEvent;
use crate::settler::SettlerEvent;
// Billing.
use crate::connector::ConnectorEvent;
use crate::invoice::InvoiceEvent;
use crate::payment::PaymentEvent;
use crate::payout::PayoutEvent;
use crate::plan::PlanEvent;
use crate::series::SeriesEvent;
use crate::subscription::SubscriptionEvent;
use crate::test_clock::TestClockEvent;
use crate::webhook::WebhookEvent;

/// `<category>.<type>.<schema>`, and what is stored; in a folder where it got another form without another schema.
macro_rules! golden {
    ($($event:ty, $name:literal;)*) => {
        const GOLDEN: &[(&str, &str, Check)] = &[$(
            ($name, include_str!(concat!("../golden/", $name, ".json")), check::<$event>),
        )*];
    };
}

type Check = fn(&str, i16, &str);

golden! {
    OrganizationEvent, "organization.created.1";
    OrganizationEvent, "organization.meter_set.1";
    OrganizationEvent, "organization.payee_set.1";
    OrganizationEvent, "organization.settlement_rules_set.1";
    OrganizationEvent, "organization.route_set.1";
    OrganizationEvent, "organization.route_removed.1";
    OrganizationEvent, "organization.model_prices_set.1";
    OrganizationEvent, "organization.model_price_removed.1";
    ApiKeyEvent, "api_key.created.1";
    ApiKeyEvent, "api_key.revoked.1";
    GatewayKeyEvent, "gateway_key.created.1";
    GatewayKeyEvent, "gateway_key.revoked.1";
    CustomerEvent, "customer.created.1";
    AccountEvent, "account.opened.1";
    AccountEvent, "account.credited.1";
    AccountEvent, "account.credit_expired.1";
    AccountEvent, "account.quota_set.1";
    AccountEvent, "account.limit_set.1";
    AccountEvent, "account.charged.1";
    AccountEvent, "account.held.1";
    AccountEvent, "account.hold_extended.1";
    AccountEvent, "account.captured.1";
    AccountEvent, "account.voided.1";
    AccountEvent, "account.hold_expired.1";
    AccountEvent, "account.turned.1";
    AccountEvent, "account.usage_settled.1";
    AccountEvent, "account.payment_order_set.1";
    AccountEvent, "billable/account.charged.1";
    AccountEvent, "billable/account.captured.1";
    SessionKeyEvent, "session_key.granted.1";
    SessionKeyEvent, "session_key.relay_requested.1";
    SessionKeyEvent, "session_key.relay_done.1";
    SessionKeyEvent, "session_key.relay_failed.1";
    SessionKeyEvent, "session_key.registered.1";
    SessionKeyEvent, "session_key.deposit_seen.1";
    SessionKeyEvent, "session_key.deposited.1";
    SessionKeyEvent, "session_key.charged.1";
    SessionKeyEvent, "session_key.held.1";
    SessionKeyEvent, "session_key.hold_extended.1";
    SessionKeyEvent, "session_key.captured.1";
    SessionKeyEvent, "session_key.voided.1";
    SessionKeyEvent, "session_key.hold_expired.1";
    SessionKeyEvent, "session_key.frozen.1";
    SessionKeyEvent, "session_key.unfrozen.1";
    SessionKeyEvent, "session_key.revoked.1";
    SessionKeyEvent, "session_key.expired.1";
    SessionKeyEvent, "session_key.claim_planned.1";
    SessionKeyEvent, "session_key.claim_released.1";
    SessionKeyEvent, "session_key.claimed.1";
    SessionKeyEvent, "session_key.withdrawal_requested.1";
    SessionKeyEvent, "session_key.withdrawal_cancelled.1";
    SessionKeyEvent, "session_key.withdrawn.1";
    SessionKeyEvent, "session_key.closed.1";
    SessionKeyEvent, "session_key.sight_undone.1";
    SessionKeyEvent, "session_key.key_prepared.1";
    SessionKeyEvent, "session_key.rotation_seen.1";
    SessionKeyEvent, "session_key.key_rotated.1";
    SessionKeyEvent, "session_key.restated.1";
    SettlementEvent, "settlement.opened.1";
    SettlementEvent, "settlement.planned.1";
    SettlementEvent, "settlement.abandoned.1";
    SettlementEvent, "settlement.submitted.1";
    SettlementEvent, "settlement.mined.1";
    SettlementEvent, "settlement.finalized.1";
    SettlementEvent, "settlement.failed.1";
    SettlementEvent, "settlement.parked.1";
    SettlementEvent, "settlement.retried.1";
    SettlementEvent, "settlement.resubmitted.1";
    SettlementEvent, "settlement.reorganized.1";
    SettlerEvent, "settler.opened.1";
    SettlerEvent, "settler.enqueued.1";
    SettlerEvent, "settler.signed.1";
    SettlerEvent, "settler.sent.1";
    SettlerEvent, "settler.mined.1";
    SettlerEvent, "settler.finalized.1";
    SettlerEvent, "settler.rejected.1";
    SettlerEvent, "settler.dismissed.1";
    SettlerEvent, "settler.replaced.1";
    SettlerEvent, "settler.reorganized.1";
    SettlerEvent, "settler.displaced.1";
    SettlerEvent, "settler.nonces_skipped.1";
    SettlerEvent, "settler.resend_requested.1";
    SettlerEvent, "settler.resent.1";
    SettlerEvent, "settler.stalled.1";
    SettlerEvent, "settler.resumed.1";
    ExactPaymentEvent, "exact_payment.accepted.1";
    ExactPaymentEvent, "exact_payment.released.1";
    ExactPaymentEvent, "exact_payment.submitted.1";
    ExactPaymentEvent, "exact_payment.settled.1";
    ExactPaymentEvent, "exact_payment.finalized.1";
    ExactPaymentEvent, "exact_payment.failed.1";
    ExactPaymentEvent, "exact_payment.delivered.1";
    ChainWatchEvent, "chain.halted.1";
    ChainWatchEvent, "chain.confirmed.1";
    ChainWatchEvent, "chain.disagreement_seen.1";
    ChainWatchEvent, "chain.disagreement_over.1";
    ReconciliationEvent, "reconciliation.compared.1";
    ReconciliationEvent, "reconciliation.opened.1";
    ReconciliationEvent, "reconciliation.changed.1";
    ReconciliationEvent, "reconciliation.closed.1";
    ReconciliationEvent, "reconciliation.requested.1";
    OrganizationEvent, "organization.billing_profile_set.1";
    OrganizationEvent, "organization.tax_rate_set.1";
    OrganizationEvent, "organization.tax_rate_removed.1";
    CustomerEvent, "customer.billing_set.1";
    PlanEvent, "plan.created.1";
    PlanEvent, "plan.drafted.1";
    PlanEvent, "plan.published.1";
    PlanEvent, "plan.retired.1";
    SeriesEvent, "series.allocated.1";
    TestClockEvent, "test_clock.created.1";
    TestClockEvent, "test_clock.advanced.1";
    TestClockEvent, "test_clock.reached.1";
    TestClockEvent, "test_clock.arrived.1";
    ConnectorEvent, "connector.created.1";
    ConnectorEvent, "connector.secrets_replaced.1";
    ConnectorEvent, "connector.removed.1";
    WebhookEvent, "webhook.received.1";
    WebhookEvent, "webhook.processed.1";
    PayoutEvent, "payout.imported.1";
    PayoutEvent, "payout.line_closed.1";
    SubscriptionEvent, "subscription.created.1";
    SubscriptionEvent, "subscription.activated.1";
    SubscriptionEvent, "subscription.renewed.1";
    SubscriptionEvent, "subscription.plan_changed.1";
    SubscriptionEvent, "subscription.change_scheduled.1";
    SubscriptionEvent, "subscription.change_dropped.1";
    SubscriptionEvent, "subscription.paused.1";
    SubscriptionEvent, "subscription.resumed.1";
    SubscriptionEvent, "subscription.cancel_scheduled.1";
    SubscriptionEvent, "subscription.cancel_dropped.1";
    SubscriptionEvent, "subscription.auto_renew_set.1";
    SubscriptionEvent, "subscription.reminded.1";
    SubscriptionEvent, "subscription.past_due.1";
    SubscriptionEvent, "subscription.recovered.1";
    SubscriptionEvent, "subscription.cancelled.1";
    SubscriptionEvent, "subscription.expired.1";
    SubscriptionEvent, "subscription.bill_closed.1";
    SubscriptionEvent, "subscription.invoice_settled.1";
    SubscriptionEvent, "subscription.left_alone.1";
    InvoiceEvent, "invoice.drafted.1";
    InvoiceEvent, "invoice.lines_added.1";
    InvoiceEvent, "invoice.line_removed.1";
    InvoiceEvent, "invoice.discarded.1";
    InvoiceEvent, "invoice.sealed.1";
    InvoiceEvent, "invoice.finalized.1";
    InvoiceEvent, "invoice.payment_expected.1";
    InvoiceEvent, "invoice.payment_dropped.1";
    InvoiceEvent, "invoice.payment_applied.1";
    InvoiceEvent, "invoice.payment_failed.1";
    InvoiceEvent, "invoice.offset.1";
    InvoiceEvent, "invoice.paid.1";
    InvoiceEvent, "invoice.voided.1";
    InvoiceEvent, "invoice.marked_uncollectible.1";
    InvoiceEvent, "invoice.credit_note_issued.1";
    InvoiceEvent, "invoice.credit_note_numbered.1";
    InvoiceEvent, "invoice.attempt_due.1";
    InvoiceEvent, "invoice.overdue.1";
    PaymentEvent, "payment.created.1";
    PaymentEvent, "payment.processing.1";
    PaymentEvent, "payment.action_required.1";
    PaymentEvent, "payment.authorized.1";
    PaymentEvent, "payment.capture_requested.1";
    PaymentEvent, "payment.capture_refused.1";
    PaymentEvent, "payment.succeeded.1";
    PaymentEvent, "payment.failed.1";
    PaymentEvent, "payment.cancel_requested.1";
    PaymentEvent, "payment.cancel_refused.1";
    PaymentEvent, "payment.cancelled.1";
    PaymentEvent, "payment.refund_requested.1";
    PaymentEvent, "payment.refund_updated.1";
    PaymentEvent, "payment.surplus.1";
    PaymentEvent, "payment.dispute_opened.1";
    PaymentEvent, "payment.dispute_closed.1";
    PaymentEvent, "payment.paid_out.1";
}

fn check<E: EventPayload>(event_type: &str, schema: i16, stored: &str) {
    let stored = stored.trim();
    let event = E::decode(event_type, schema, stored.as_bytes()).unwrap();
    assert_eq!(event.event_type(), event_type);
    // Today's shape is written exactly as it was shipped; an older one is only read.
    if event.schema() == schema {
        assert_eq!(String::from_utf8(event.encode()).unwrap(), stored, "{event_type}");
    }
}

#[test]
fn every_shipped_payload_is_read() {
    for (name, stored, check) in GOLDEN {
        let (rest, schema) = name.rsplit_once('.').unwrap();
        let (_, event_type) = rest.split_once('.').unwrap();
        check(event_type, schema.parse().unwrap(), stored);
    }
}

/// What may be left out, be null or be of another kind than in the files belongs to the shape, too.
#[test]
fn every_form_of_a_payload_is_read() {
    let session_key = [
        ("frozen", r#"{"customer_id":C,"by":"organization","at":null}"#),
        ("frozen", r#"{"customer_id":C,"by":"guardian","at":P}"#),
        ("unfrozen", r#"{"customer_id":C,"by":"organization","at":null}"#),
        ("unfrozen", r#"{"customer_id":C,"by":"guardian","at":P}"#),
        ("unfrozen", r#"{"customer_id":C,"by":"guardian","at":null}"#),
        ("revoked", r#"{"customer_id":C,"by":"organization","at":null}"#),
        ("revoked", r#"{"customer_id":C,"by":"owner","at":P,"is_final":false}"#),
        (
            "charged",
            r#"{"session_key_id":S,"customer_id":C,"amount":"4","currency":"USDC","lines":[{"amount":"4"}],"after":M}"#,
        ),
        (
            "claim_planned",
            r#"{"session_key_id":S,"customer_id":C,"settlement_id":L,"amount":"4","currency":"USDC","total_claimed":"4","charged_from":"0","charged_to":"4"}"#,
        ),
        (
            "claimed",
            r#"{"customer_id":C,"settlement_id":null,"amount":"4","planned":"0","currency":"USDC","total_claimed":"4","at":P,"after":M}"#,
        ),
        (
            "held",
            r#"{"session_key_id":S,"customer_id":C,"hold":H,"amount":"4","currency":"USDC","lines":[{"amount":"4"}],"after":M}"#,
        ),
        (
            "hold_extended",
            r#"{"session_key_id":S,"customer_id":C,"hold":H,"amount":"0","currency":"USDC","lines":[],"after":M}"#,
        ),
        (
            "captured",
            r#"{"hold":H,"is_final":false,"charge":{"session_key_id":S,"customer_id":C,"amount":"1","currency":"USDC","lines":[{"amount":"1"}],"after":M},"returned":"0"}"#,
        ),
        ("voided", r#"{"session_key_id":S,"customer_id":C,"hold":H,"currency":"USDC","returned":"4","after":M}"#),
        (
            "withdrawal_requested",
            r#"{"customer_id":C,"amount":"7","currency":"USDC","wanted":"3","available_at":"2026-11-02T09:00:02Z","at":P,"after":M}"#,
        ),
        ("key_rotated", r#"{"customer_id":C,"former_key":A,"key":A,"at":P,"claimable_until":"2026-11-03T08:00:02Z"}"#),
    ];
    for (event_type, stored) in session_key {
        check::<SessionKeyEvent>(event_type, 1, &spelled_out(stored));
    }
    let account = [
        (
            "held",
            r#"{"customer_id":C,"hold":H,"amount":"0","currency":"USD","lines":[],"funds":{"credits":[],"postpaid":"0"},"after":B}"#,
        ),
        (
            "captured",
            r#"{"hold":H,"is_final":false,"charge":{"customer_id":C,"amount":"1","currency":"USD","lines":[{"amount":"1"}],"credits_used":[],"postpaid":"1","after":B},"returned":{"credits":[],"postpaid":"0"}}"#,
        ),
        ("voided", r#"{"customer_id":C,"hold":H,"currency":"USD","returned":{"credits":[],"postpaid":"4"},"after":B}"#),
        (
            "quota_set",
            r#"{"customer_id":C,"meter":"calls","limit":"9","period":"total","included":false,"overage":"block","period_start":"1970-01-01T00:00:00Z","used":"3","held":"2"}"#,
        ),
    ];
    for (event_type, stored) in account.into_iter().chain(account_of_plans()) {
        check::<AccountEvent>(event_type, 1, &spelled_out(stored));
    }
    let gateway_key = r#"{"gateway_key_id":K,"organization_id":O,"payer":{"kind":"session_key","session_key_id":S},"name":"laptop","prefix":"tbk_abcdef","secret_hash":"00ff"}"#;
    check::<GatewayKeyEvent>("created", 1, &spelled_out(gateway_key));
    let free = r#"{"route":{"id":W,"version":1,"path":"/","upstream":"http://127.0.0.1:9000","kind":"http","price":{"currencies":["USDC"]},"accepts":[],"limits":{"request_bytes_max":0,"response_bytes_max":1,"seconds_max":1,"first_byte_secs_max":1,"output_tokens_max":1,"keep_secs":0,"keep_bytes":0}}}"#;
    check::<OrganizationEvent>("route_set", 1, &spelled_out(free));
    let relay = r#"{"transaction_id":T,"purpose":{"kind":"relay","organization_id":O,"partition":0,"session_key_id":S,"relay_id":R},"to":"0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0","calldata":"0x"}"#;
    check::<SettlerEvent>("enqueued", 1, &spelled_out(relay));
    let exact = r#"{"transaction_id":T,"purpose":{"kind":"exact","organization_id":O,"partition":0,"exact_payment_id":X},"to":"0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0","calldata":"0x"}"#;
    check::<SettlerEvent>("enqueued", 1, &spelled_out(exact));
    let facilitated = include_str!("../golden/exact_payment.accepted.1.json");
    let facilitated = facilitated.replace(r#""route_id":"rte_0000000000000000000000000a","#, "");
    check::<ExactPaymentEvent>("accepted", 1, &facilitated);
    check::<ExactPaymentEvent>("failed", 1, r#"{"reason":"refused","reversed":"0","currency":"USDC"}"#);
}

#[test]
fn every_form_of_what_a_chain_takes_back_is_read() {
    for what in ["freeze", "revocation", "withdrawal", "rotation"] {
        let undone = r#"{"customer_id":C,"what":WHAT,"at":P,"after":M}"#.replace("WHAT", &format!("\"{what}\""));
        check::<SessionKeyEvent>("sight_undone", 1, &spelled_out(&undone));
    }
    for reason in ["no_gas_money", "underpriced", "not_taken", "gap", "unclear"] {
        check::<SettlerEvent>("stalled", 1, &format!(r#"{{"reason":"{reason}","detail":"the queue as a whole"}}"#));
    }
    let settlement = include_str!("../golden/settlement.opened.1.json");
    for cause in ["threshold", "age", "requested", "withdrawal", "frozen", "revoked", "expiry", "ending"] {
        let (before, _) = settlement.trim().rsplit_once(r#""cause":"#).unwrap();
        check::<SettlementEvent>("opened", 1, &format!(r#"{before}"cause":"{cause}"}}"#));
    }
    let halted = include_str!("../golden/chain.halted.1.json");
    let replaced = format!(r#""reason":"replaced","last_block":1200,"last_hash":{0},"found_hash":{0}"#, hash_of("b1"));
    let restored = format!(r#""reason":"restored","last_block":1200,"last_hash":{},"found_hash":null"#, hash_of("b1"));
    check::<ChainWatchEvent>("halted", 1, &halted.replace(&restored, &replaced));
}

#[test]
fn every_form_of_what_billing_is_set_up_with_is_read() {
    let plain = r#"{"legal_name":"","address":[],"tax":{"exempt":true}}"#;
    check::<OrganizationEvent>("billing_profile_set", 1, plain);
    let rate = r#"{"id":"txr_0000000000000000000000000g","name":"VAT","region":{"country":"DE"},"category":"books","percent":"7","inclusive":true,"reverse_charge":false}"#;
    check::<OrganizationEvent>("tax_rate_set", 1, rate);
    let customer = r#"{"customer_id":C,"organization_id":O,"external_id":null,"currency":"USD","test_clock_id":"clk_0000000000000000000000000h"}"#;
    check::<CustomerEvent>("created", 1, &spelled_out(customer));
    for billing in [
        r#"{"tax":{"exempt":false},"language":"en","collection":"send"}"#,
        r#"{"tax":{"region":{"country":"DE"},"exempt":false},"language":"en","collection":"automatic","payment_method":{"connector_id":"con_0000000000000000000000000d","customer":null,"method":"pm_1"}}"#,
    ] {
        let set = format!(r#"{{"customer_id":C,"billing":{billing}}}"#);
        check::<CustomerEvent>("billing_set", 1, &spelled_out(&set));
    }
    let manual = r#"{"connector_id":"con_0000000000000000000000000d","organization_id":O,"kind":"manual","name":"bank","api_base":null}"#;
    check::<ConnectorEvent>("created", 1, &spelled_out(manual));
    let webhook = r#"{"webhook_id":"whk_0000000000000000000000000j","organization_id":O,"connector_id":"con_0000000000000000000000000d","provider_event_id":"evt_1","provider_type":"ping","payment_id":null,"created_at":"2026-11-02T08:00:00Z","body_sha256":"00ff"}"#;
    check::<WebhookEvent>("received", 1, &spelled_out(webhook));
    for outcome in ["known_already", "not_ours", "refused"] {
        check::<WebhookEvent>("processed", 1, &format!(r#"{{"outcome":"{outcome}"}}"#));
    }
    let states = ["unknown", "amount_differs", "currency_differs", "not_succeeded", "paid_out_twice"]
        .map(|cause| format!(r#"{{"state":"open","cause":"{cause}"}}"#));
    let closed = r#"{"state":"closed","explanation":"by hand"}"#.to_owned();
    for state in states.into_iter().chain([closed]) {
        let file = r#"{"payout_id":"pout_0000000000000000000000000k","organization_id":O,"connector_id":"con_0000000000000000000000000d","paid_out_at":null,"file_sha256":"00ff","lines":"#;
        let line = r#"{"provider_line_id":"1","source_id":"ch_1","category":"charge","currency":"JPY","gross":"1","fee":"0","net":"1"}"#;
        check::<PayoutEvent>("imported", 1, &spelled_out(&format!("{file}[[{line},{state}]]}}")));
    }
    let disputed = r#"{"payout_id":"pout_0000000000000000000000000k","organization_id":O,"connector_id":"con_0000000000000000000000000d","paid_out_at":null,"file_sha256":"00ff","lines":[[{"provider_line_id":"1","source_id":"dp_1","payment_source_id":"pi_1","category":"dispute","currency":"JPY","gross":"-1","fee":"1","net":"-2"},{"state":"matched","payment_id":"pay_0000000000000000000000000e","refund_id":null,"dispute_id":"dp_1"}]]}"#;
    check::<PayoutEvent>("imported", 1, &spelled_out(disputed));
}

/// What was shipped before a field came is read without it.
#[test]
fn what_a_billing_payload_may_lack_is_filled_in() {
    let bare = r#"{"plan_id":"plan_0000000000000000000000000c","version":1,"terms":{"name":"Free","interval":{"unit":"week","count":1},"trial_days":0,"grace_days":0,"reminder_days":0,"due_days":0,"retry_days":[],"prices":[{"code":"fee","name":"Fee","kind":"one_time","currencies":{"USD":{"model":"flat","amount":"1"}}}],"features":{}}}"#;
    let whole = bare
        .replace(r#""retry_days":[],"#, r#""retry_days":[],"late_usage":"next_invoice","#)
        .replace(r#""kind":"one_time","#, r#""kind":"one_time","tax_category":"standard","#);
    check::<PlanEvent>("drafted", 1, &whole);
    assert_eq!(PlanEvent::decode("drafted", 1, bare.as_bytes()), PlanEvent::decode("drafted", 1, whole.as_bytes()));
    let billing = CustomerEvent::decode("billing_set", 1, spelled_out(r#"{"customer_id":C,"billing":{}}"#).as_bytes());
    let CustomerEvent::BillingSet(set) = billing.unwrap() else { panic!("another event") };
    assert_eq!(set.billing, crate::customer::Billing::default());
}

/// Of accounts with subscriptions.
fn account_of_plans() -> [(&'static str, &'static str); 8] {
    [
        (
            "charged",
            r#"{"customer_id":C,"amount":"0","currency":"USD","lines":[{"meter":"tokens","quantity":"6","included_quantity":"2","beside":"4","unit_price":"0.1","price":V,"period_start":"2026-11-01T00:00:00Z","period_end":"2026-12-01T00:00:00Z","amount":"0"}],"credits_used":[],"postpaid":"0","after":B,"used_at":"2026-11-02T08:00:00Z"}"#,
        ),
        (
            "voided",
            r#"{"customer_id":C,"hold":H,"currency":"USD","returned":{"credits":[],"postpaid":"4"},"released":[{"meter":"tokens","period_start":"2026-11-01T00:00:00Z","period_end":"2026-12-01T00:00:00Z","quantity":"0","beyond":"3","most":"4"}],"after":B}"#,
        ),
        (
            "turned",
            r#"{"customer_id":C,"currency":"USD","bill":{"invoice":{"invoice_id":"inv_0000000000000000000000000e"}},"usage":[],"quotas":[]}"#,
        ),
        (
            "turned",
            r#"{"customer_id":C,"currency":"USD","bill":{"subscription":{"subscription_id":"sub_0000000000000000000000000c","number":1}},"usage":[],"quotas":[{"meter":"seats","plan":{"subscription_id":"sub_0000000000000000000000000c","cycle":{"start":"2026-11-01T00:00:00Z","end":"2026-12-01T00:00:00Z"},"price":null,"pricing":{"model":"per_unit","unit_price":"0","included":"5"},"beyond":"block"},"used":"0"}]}"#,
        ),
        ("payment_order_set", r#"{"customer_id":C,"order":["postpaid"]}"#),
        (
            "charged",
            r#"{"customer_id":C,"amount":"4","currency":"USD","lines":[{"amount":"4"}],"credits_used":[],"postpaid":"4","after":B,"billable":true,"used_at":"2026-11-02T08:00:00Z"}"#,
        ),
        (
            "voided",
            r#"{"customer_id":C,"hold":H,"currency":"USD","returned":{"credits":[],"postpaid":"4"},"released":[{"meter":"tokens","period_start":"2026-11-01T00:00:00Z","period_end":"2026-12-01T00:00:00Z","quantity":"0","beyond":"3","most":"4","only_credits":"2"}],"after":B}"#,
        ),
        (
            "turned",
            r#"{"customer_id":C,"currency":"USD","bill":{"subscription":{"subscription_id":"sub_0000000000000000000000000c","number":1}},"usage":[],"quotas":[{"meter":"tokens","plan":{"subscription_id":"sub_0000000000000000000000000c","cycle":{"start":"2026-11-01T00:00:00Z","end":"2026-12-01T00:00:00Z"},"price":V,"pricing":{"model":"per_unit","unit_price":"0.1"},"beyond":"credits"},"used":"5","uses":1,"rated":"0.5","charged":"0.2"}],"carried":true}"#,
        ),
    ]
}

#[test]
fn every_form_of_a_subscription_is_read() {
    let after = r#"{"status":"paused","period":null,"quantity":"1","auto_renew":false,"cancel_at_period_end":false,"next_due_at":null,"open_bill":null}"#;
    let bill = r#"{"number":4,"reason":"end","at":"2026-11-16T00:00:00Z","close_usage":true,"closed":null,"lines":[],"turn":null,"due_days":0,"retry_days":[],"late_usage":"waive"}"#;
    let forms = [
        ("paused", r#"{"customer_id":C,"at":"2026-11-16T00:00:00Z","resumes_at":null,"after":AFTER}"#),
        (
            "change_scheduled",
            r#"{"customer_id":C,"effective_at":"2026-12-01T00:00:00Z","plan":null,"quantity":"5","after":AFTER}"#,
        ),
        (
            "reminded",
            r#"{"customer_id":C,"of":"trial_end","ends_at":"2026-11-16T00:00:00Z","at":"2026-11-13T00:00:00Z","after":AFTER}"#,
        ),
        (
            "reminded",
            r#"{"customer_id":C,"of":"end","ends_at":"2026-11-16T00:00:00Z","at":"2026-11-13T00:00:00Z","after":AFTER}"#,
        ),
        (
            "past_due",
            r#"{"customer_id":C,"invoice_id":"inv_0000000000000000000000000f","at":"2026-11-16T00:00:00Z","grace_until":null,"after":AFTER}"#,
        ),
        (
            "recovered",
            r#"{"customer_id":C,"invoice_id":"inv_0000000000000000000000000f","at":"2026-11-16T00:00:00Z","grace_until":null,"is_lost":true,"after":AFTER}"#,
        ),
        ("cancelled", r#"{"customer_id":C,"at":"2026-11-16T00:00:00Z","cause":"unpaid","after":AFTER}"#),
        ("expired", r#"{"customer_id":C,"at":"2026-11-16T00:00:00Z","cause":"trial_ended","after":AFTER,"bill":BILL}"#),
        ("bill_closed", r#"{"customer_id":C,"number":2,"invoice_id":null,"after":AFTER}"#),
        (
            "invoice_settled",
            r#"{"customer_id":C,"invoice_id":"inv_0000000000000000000000000f","is_lost":true,"number":2,"at":"2026-11-18T00:00:00Z","after":AFTER}"#,
        ),
    ];
    for (event_type, stored) in forms {
        let stored = stored.replace("AFTER", after).replace("BILL", bill);
        check::<SubscriptionEvent>(event_type, 1, &spelled_out(&stored));
    }
    let created = include_str!("../golden/subscription.created.1.json");
    for anchoring in [r#""calendar""#, r#"{"at":"2026-01-31T00:00:00Z"}"#] {
        let begins = format!(r#""anchoring":{anchoring},"trial_end":null"#);
        let stored = created.replace(r#""anchoring":"anniversary","trial_end":"2026-11-01T00:00:00Z""#, &begins);
        check::<SubscriptionEvent>("created", 1, &stored);
    }
    // What it says when it was not said.
    let changed =
        include_str!("../golden/subscription.plan_changed.1.json").replace(r#""prorated":true"#, r#""prorated":false"#);
    let bare = changed.replace(r#""prorated":false,"#, "").replace(r#","late_usage":"next_invoice"}}"#, "}}");
    let read = |stored: &str| SubscriptionEvent::decode("plan_changed", 1, stored.as_bytes()).unwrap();
    assert_eq!(read(&bare), read(&changed));
}

#[test]
fn every_form_of_an_invoice_is_read() {
    let open = r#"{"status":"open","paid":"0","credited":"0","due":"5","next_attempt_at":null}"#;
    let no_line = r#"{"invoice_id":"inv_00000000000000000000000003","organization_id":O,"customer_id":C,"subscription":null,"currency":"JPY","at":"2026-11-01T23:00:00Z","time_zone":"UTC","period":null,"auto_finalize":false,"collection":"send","due_days":0,"retry_days":[],"series":"s","seller_tax":{"exempt":false},"buyer_tax":{"exempt":true},"lines":[],"taxes":[],"totals":{"subtotal":"0","tax":"0","total":"0"},"after":AFTER}"#;
    let draft = open.replace("open", "draft");
    check::<InvoiceEvent>("drafted", 1, &spelled_out(&no_line.replace("AFTER", &draft)));
    let settled = r#"{"invoice_id":"inv_00000000000000000000000003","customer_id":C,"subscription_id":null,"currency":"EUR","at":"2026-11-05T10:00:00Z","postpaid":"0","remaining":"0","after":AFTER}"#;
    for event_type in ["paid", "voided", "marked_uncollectible"] {
        check::<InvoiceEvent>(event_type, 1, &spelled_out(&settled.replace("AFTER", open)));
    }
    let plain = [
        (
            "finalized",
            r#"{"invoice_id":"inv_00000000000000000000000003","customer_id":C,"currency":"EUR","number":"INV-000001","due_at":"2026-11-05T10:00:00Z","totals":{"subtotal":"5","tax":"0","total":"5"},"booked":{"fees":"5","tax":"0","rounding":"0","to_credits":"0","postpaid":"0"},"after":AFTER}"#,
        ),
        (
            "payment_expected",
            r#"{"invoice_id":"inv_00000000000000000000000003","customer_id":C,"payment_id":"pay_00000000000000000000000005","connector_id":"con_0000000000000000000000000a","method":null,"amount":"5","currency":"EUR","manual_capture":false,"off_session":true,"after":AFTER}"#,
        ),
        (
            "payment_applied",
            r#"{"customer_id":C,"payment_id":"pay_00000000000000000000000005","amount":"5","currency":"EUR","after":AFTER}"#,
        ),
        (
            "offset",
            r#"{"customer_id":C,"from_invoice":"inv_0000000000000000000000000e","amount":"0","currency":"EUR","left":"5","after":AFTER}"#,
        ),
    ];
    for (event_type, stored) in plain {
        check::<InvoiceEvent>(event_type, 1, &spelled_out(&stored.replace("AFTER", open)));
    }
    // Each kind of line, and what may be left out of one.
    let lines = |line: &str| {
        let added = r#"{"customer_id":C,"lines":[LINE],"taxes":[],"totals":{"subtotal":"5","tax":"0","total":"5"},"after":AFTER}"#;
        spelled_out(&added.replace("LINE", line).replace("AFTER", &draft))
    };
    for kind in ["fee", "usage", "proration", "minimum", "late_usage", "adjustment", "custom", "to_credits"] {
        let line = r#"{"kind":KIND,"description":"Work","exact":"5","amount":"5","tax_category":"standard"}"#;
        let stored = lines(&line.replace("KIND", &format!("\"{kind}\"")));
        check::<InvoiceEvent>("lines_added", 1, &stored);
        let bare = stored.replace(r#","tax_category":"standard""#, "");
        let read = |stored: &str| InvoiceEvent::decode("lines_added", 1, stored.as_bytes()).unwrap();
        assert_eq!(read(&bare), read(&stored));
    }
}

#[test]
fn every_form_of_a_payment_is_read() {
    let after = r#"{"status":"succeeded","captured":"5","refunded":"0","is_asking":false}"#;
    let forms = [
        (
            "created",
            r#"{"payment_id":"pay_00000000000000000000000005","organization_id":O,"customer_id":C,"invoice_id":null,"connector_id":null,"method":null,"amount":"5","currency":"EUR","manual_capture":false,"off_session":false,"after":AFTER}"#,
        ),
        (
            "created",
            r#"{"payment_id":"pay_00000000000000000000000005","organization_id":O,"customer_id":C,"invoice_id":null,"connector_id":"con_0000000000000000000000000a","method":{"customer":null,"method":"pm_1"},"amount":"5","currency":"EUR","manual_capture":true,"off_session":false,"after":AFTER}"#,
        ),
        ("action_required", r#"{"customer_id":C,"provider_id":null,"after":AFTER}"#),
        (
            "succeeded",
            r#"{"payment_id":"pay_00000000000000000000000005","customer_id":C,"invoice_id":null,"amount":"5","currency":"EUR","by_hand":true,"provider_id":null,"received_at":"2026-11-02T08:00:00Z","after":AFTER}"#,
        ),
        (
            "refund_requested",
            r#"{"refund_id":"re_0000000000000000000000000b","customer_id":C,"amount":"1","currency":"EUR","reason":"","credit_note":null,"after":AFTER}"#,
        ),
        (
            "refund_updated",
            r#"{"refund_id":"re_0000000000000000000000000b","customer_id":C,"status":"pending","by_hand":false,"amount":"1","currency":"EUR","provider_id":null,"after":AFTER}"#,
        ),
        (
            "refund_updated",
            r#"{"refund_id":"re_0000000000000000000000000b","customer_id":C,"status":"succeeded","by_hand":true,"amount":"1","currency":"EUR","provider_id":null,"after":AFTER}"#,
        ),
        (
            "refund_updated",
            r#"{"refund_id":"re_0000000000000000000000000b","customer_id":C,"status":"failed","by_hand":false,"amount":"1","currency":"EUR","provider_id":null,"reversed":"1","unapplied":true,"after":AFTER}"#,
        ),
        ("surplus", r#"{"customer_id":C,"to_credits":"1","currency":"EUR","after":AFTER}"#),
        (
            "paid_out",
            r#"{"customer_id":C,"payout_id":"pout_0000000000000000000000000c","refund_id":null,"gross":"5","fee":"0","currency":"EUR","after":AFTER}"#,
        ),
        (
            "paid_out",
            r#"{"customer_id":C,"payout_id":"pout_0000000000000000000000000c","refund_id":null,"dispute_id":"dp_1","gross":"5","fee":"15","currency":"EUR","after":AFTER}"#,
        ),
        (
            "paid_out",
            r#"{"customer_id":C,"payout_id":"pout_0000000000000000000000000c","refund_id":null,"dispute_id":"dp_1","is_reversal":true,"gross":"5","fee":"0","fee_returned":"15","currency":"EUR","after":AFTER}"#,
        ),
    ];
    for (event_type, stored) in forms {
        check::<PaymentEvent>(event_type, 1, &spelled_out(&stored.replace("AFTER", after)));
    }
}

fn hash_of(byte: &str) -> String {
    format!("\"0x{}\"", byte.repeat(32))
}

/// Capital letters stand for what would only be long.
fn spelled_out(short: &str) -> String {
    let id = |prefix: &str, n: u8| format!("\"{prefix}_{n:0>26}\"");
    let place = format!(
        r#"{{"tx_hash":{},"log_index":0,"block_number":1200,"block_hash":{},"block_time":"2026-11-02T08:00:02Z"}}"#,
        hash_of("7c"),
        hash_of("b1")
    );
    let hold = format!(
        r#"{{"hold_id":{},"held":"4","captured":"0","placed_at":"2026-11-02T08:00:00Z","expires_at":"2026-11-02T08:10:00Z"}}"#,
        id("hold", 9)
    );
    let balances = r#"{"credits":"0","postpaid":"1","postpaid_limit":"10"}"#.to_owned();
    let money = r#"{"deposited":"10","withdrawn":"0","charged":"4","claimed":"4","available":"6"}"#.to_owned();
    let long = [
        ("O", id("org", 1)),
        ("C", id("cus", 2)),
        ("S", id("ses", 5)),
        ("L", id("stl", 6)),
        ("R", id("rly", 7)),
        ("T", id("txn", 8)),
        ("X", id("xpay", 9)),
        ("W", id("rte", 10)),
        ("K", id("gky", 11)),
        ("V", format!(r#"{{"plan_id":{},"version":1,"code":"tokens"}}"#, id("plan", 13))),
        ("P", place),
        ("A", format!("\"0x{}\"", "22".repeat(20))),
        ("H", hold),
        ("B", balances),
        ("M", money),
    ];
    long.iter().fold(short.to_owned(), |text, (letter, long)| text.replace(&format!(":{letter}"), &format!(":{long}")))
}

#[test]
fn unknown_types_and_schemas_are_errors() {
    for (event_type, schema) in [("charged", 99), ("enchanted", 1)] {
        let error = AccountEvent::decode(event_type, schema, b"{}").unwrap_err();
        assert!(error.to_string().contains(event_type), "{error}");
    }
    assert!(AccountEvent::decode("charged", 1, b"{}").unwrap_err().to_string().contains("cannot be read"));
}
