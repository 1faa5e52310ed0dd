//! Every payload that was ever shipped, in `domain/golden`, must be read for ever.

use crate::account::AccountEvent;
use crate::aggregate::EventPayload;
use crate::api_key::ApiKeyEvent;
use crate::customer::CustomerEvent;
use crate::exact_payment::ExactPaymentEvent;
use crate::gateway_key::GatewayKeyEvent;
use crate::organization::OrganizationEvent;
use crate::session_key::SessionKeyEvent;
use crate::settlement::SettlementEvent;
use crate::settler::SettlerEvent;

/// `<category>.<type>.<schema>`, and what is stored.
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
    SettlementEvent, "settlement.opened.1";
    SettlementEvent, "settlement.planned.1";
    SettlementEvent, "settlement.abandoned.1";
    SettlementEvent, "settlement.submitted.1";
    SettlementEvent, "settlement.mined.1";
    SettlementEvent, "settlement.finalized.1";
    SettlementEvent, "settlement.failed.1";
    SettlementEvent, "settlement.parked.1";
    SettlementEvent, "settlement.retried.1";
    SettlerEvent, "settler.opened.1";
    SettlerEvent, "settler.enqueued.1";
    SettlerEvent, "settler.signed.1";
    SettlerEvent, "settler.sent.1";
    SettlerEvent, "settler.mined.1";
    SettlerEvent, "settler.finalized.1";
    SettlerEvent, "settler.rejected.1";
    SettlerEvent, "settler.dismissed.1";
    ExactPaymentEvent, "exact_payment.accepted.1";
    ExactPaymentEvent, "exact_payment.released.1";
    ExactPaymentEvent, "exact_payment.submitted.1";
    ExactPaymentEvent, "exact_payment.settled.1";
    ExactPaymentEvent, "exact_payment.finalized.1";
    ExactPaymentEvent, "exact_payment.failed.1";
    ExactPaymentEvent, "exact_payment.delivered.1";
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
        ("unfrozen", r#"{"customer_id":C,"by":"organization","at":null}"#),
        ("revoked", r#"{"customer_id":C,"by":"organization","at":null}"#),
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
    for (event_type, stored) in account {
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

/// Capital letters stand for what would only be long.
fn spelled_out(short: &str) -> String {
    let id = |prefix: &str, n: u8| format!("\"{prefix}_{n:0>26}\"");
    let hash = |byte: &str| format!("\"0x{}\"", byte.repeat(32));
    let place = format!(
        r#"{{"tx_hash":{},"log_index":0,"block_number":1200,"block_hash":{},"block_time":"2026-11-02T08:00:02Z"}}"#,
        hash("7c"),
        hash("b1")
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
        ("P", place),
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
