//! Golden JSON of x402 both ways, and what is wrong with payments.

use super::*;
use serde_json::json;

/// The example of the specification of version 2.
fn v2() -> Value {
    json!({
        "x402Version": 2,
        "resource": {"url": "https://api.example.com/premium-data"},
        "accepted": {
            "scheme": "exact", "network": "eip155:84532", "amount": "10000",
            "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
            "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
            "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"}
        },
        "payload": payload()
    })
}

fn payload() -> Value {
    json!({
        "signature": format!("0x{}", "ab".repeat(65)),
        "authorization": {
            "from": "0x857b06519E91e3A54538791bDbb0E22373e36b66",
            "to": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
            "value": "10000", "validAfter": "1740672089", "validBefore": "1740672154",
            "nonce": "0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480"
        }
    })
}

fn session() -> Value {
    let mut payment = v2();
    payment["accepted"]["scheme"] = json!("session");
    payment["payload"] = json!({
        "sessionId": format!("0x{}", "01".repeat(32)), "payee": format!("0x{}", "02".repeat(20)),
        "maxClaimable": "1500000", "signature": format!("0x{}", "cd".repeat(65))
    });
    payment
}

fn code(version: Version, json: Value) -> Option<&'static str> {
    read_json(version, json).err().map(|refusal| refusal.code)
}

#[test]
fn the_example_of_the_specification_is_read() {
    let payment = read_json(Version::V2, v2()).unwrap();
    let Payload::Exact(exact) = &payment.payload else { panic!("{payment:?}") };
    assert_eq!((exact.authorization.value, exact.authorization.valid_before), (10_000, 1_740_672_154));
    let offer = payment.accepted.unwrap();
    assert_eq!((offer.amount, offer.extra_text("name")), (10_000, Some("USDC")));
    assert_eq!(offer.asset.to_string(), "0x036cbd53842c5426634e7929541ec2318f3dcf7e");
    let header = encode(&v2()).unwrap();
    assert_eq!(read(Version::V2, header.as_bytes()), read_json(Version::V2, v2()));
    let unpadded = header.to_str().unwrap().trim_end_matches('=').replace('+', "-").replace('/', "_");
    assert_eq!(read(Version::V2, unpadded.as_bytes()), read_json(Version::V2, v2()));
}

#[test]
fn version_1_is_read() {
    let payment = json!({"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payload()});
    let read = read_json(Version::V1, payment.clone()).unwrap();
    assert_eq!((read.network.as_str(), read.accepted), ("base-sepolia", None));
    assert_eq!(code(Version::V2, payment.clone()), Some("invalid_x402_version"));
    let mut session = payment;
    session["scheme"] = json!("session");
    assert_eq!(code(Version::V1, session), Some("unsupported_scheme"));
}

#[test]
fn a_voucher_is_read() {
    let payment = read_json(Version::V2, session()).unwrap();
    let Payload::Session(voucher) = &payment.payload else { panic!("{payment:?}") };
    assert_eq!(voucher.max_claimable, 1_500_000);
    for (field, wrong) in [("maxClaimable", "1.5"), ("maxClaimable", ""), ("sessionId", "0x1"), ("signature", "0xa")] {
        let mut payment = session();
        payment["payload"][field] = json!(wrong);
        assert_eq!(code(Version::V2, payment), Some("voucher_malformed"), "{field} {wrong}");
    }
    let mut long = session();
    long["payload"]["signature"] = json!(format!("0x{}", "ab".repeat(SIGNATURE_BYTES_MAX + 1)));
    assert_eq!(code(Version::V2, long), Some("voucher_malformed"));
}

#[test]
fn what_is_wrong_is_named() {
    let change = |change: &dyn Fn(&mut Value)| {
        let mut payment = v2();
        change(&mut payment);
        code(Version::V2, payment)
    };
    assert_eq!(change(&|_| {}), None);
    assert_eq!(change(&|p| *p = json!([])), Some("invalid_payload"));
    assert_eq!(change(&|p| *p = json!(null)), Some("invalid_payload"));
    for version in [json!(1), json!(3), json!("2"), json!(null), json!(2.5), json!(-2)] {
        assert_eq!(change(&|p| p["x402Version"] = version.clone()), Some("invalid_x402_version"));
    }
    assert_eq!(change(&|p| p["accepted"] = json!({"scheme": "upto"})), Some("unsupported_scheme"));
    assert_eq!(change(&|p| p["accepted"] = json!(7)), Some("unsupported_scheme"));
    assert_eq!(change(&|p| p["accepted"]["asset"] = json!("0x1")), Some("invalid_payload"));
    assert_eq!(change(&|p| p["accepted"]["amount"] = json!("-1")), Some("invalid_payload"));
    assert_eq!(change(&|p| p["accepted"]["extra"] = json!(null)), None);
    assert_eq!(change(&|p| p["payload"] = json!({})), Some("invalid_payload"));
    assert_eq!(change(&|p| p["payload"]["authorization"]["value"] = json!("1e3")), Some("invalid_payload"));
    assert_eq!(change(&|p| p["payload"]["authorization"]["value"] = json!(10_000)), None);
    let far = json!("115792089237316195423570985008687907853269984665640564039457584007913129639935");
    assert_eq!(change(&|p| p["payload"]["authorization"]["validBefore"] = far.clone()), Some("invalid_payload"));
    for header in ["", "%%%", "bm90IGpzb24=", "e30"] {
        let told = read(Version::V2, header.as_bytes()).err().map(|refusal| refusal.code);
        assert!(matches!(told, Some("invalid_payload" | "invalid_x402_version")), "{header}");
    }
    let long = "e".repeat(HEADER_BYTES_MAX + 1);
    assert_eq!(read(Version::V2, long.as_bytes()).err().map(|refusal| refusal.code), Some("invalid_payload"));
    let deep = STANDARD.encode("[".repeat(5_000));
    assert_eq!(read(Version::V2, deep.as_bytes()).err().map(|refusal| refusal.code), Some("invalid_payload"));
}

#[test]
fn what_we_write_has_the_form_of_the_specification() {
    let payment = read_json(Version::V2, v2()).unwrap();
    let offer = payment.accepted.unwrap();
    let resource = Resource { url: "https://a.example/x".to_owned(), ..Resource::default() };
    let required = Required {
        version: 2,
        error: "payment_required".to_owned(),
        resource: resource.clone(),
        accepts: vec![offer.clone()],
    };
    let written = concat!(
        r#"{"x402Version":2,"error":"payment_required","resource":{"url":"https://a.example/x"},"#,
        r#""accepts":[{"scheme":"exact","network":"eip155:84532","amount":"10000","#,
        r#""asset":"0x036cbd53842c5426634e7929541ec2318f3dcf7e","#,
        r#""payTo":"0x209693bc6afc0c5328ba36faf03c514ef312287c","maxTimeoutSeconds":60,"#,
        r#""extra":{"name":"USDC","version":"2"}}]}"#
    );
    assert_eq!(serde_json::to_string(&required).unwrap(), written);
    let old = serde_json::to_value(OfferV1::new(&offer, "base-sepolia", &resource)).unwrap();
    assert_eq!(
        old,
        json!({
            "scheme": "exact", "network": "base-sepolia", "maxAmountRequired": "10000",
            "resource": "https://a.example/x", "description": "", "mimeType": "",
            "payTo": "0x209693bc6afc0c5328ba36faf03c514ef312287c", "maxTimeoutSeconds": 60,
            "asset": "0x036cbd53842c5426634e7929541ec2318f3dcf7e",
            "extra": {"name": "USDC", "version": "2"}
        })
    );
    let back: OfferV1 = serde_json::from_value(old).unwrap();
    assert_eq!(back.into_offer(caip2(84_532)), offer);
    let failed = Receipt::failure(caip2(84_532), "insufficient_funds");
    let written = r#"{"success":false,"errorReason":"insufficient_funds","transaction":"","network":"eip155:84532"}"#;
    assert_eq!(serde_json::to_string(&failed).unwrap(), written);
    let extra = ReceiptExtra { pending: true, session_id: Some(Bytes32([1; 32])), ..ReceiptExtra::default() };
    assert_eq!(
        serde_json::to_value(&extra).unwrap(),
        json!({"sessionId": format!("0x{}", "01".repeat(32)), "pending": true})
    );
}

#[test]
fn a_state_comes_back() {
    let state = State {
        session_id: Bytes32([1; 32]),
        key: Address([3; 20]),
        charged: 1_500_001,
        held: 0,
        available: 7,
        deposited: 1_500_008,
        required: 1_500_101,
        voucher: Some(KnownVoucher { max_claimable: 1_500_100, signature: HexBytes(vec![7; 64]) }),
    };
    let json = serde_json::to_value(&state).unwrap();
    assert_eq!((json["charged"].clone(), json["required"].clone()), (json!("1500001"), json!("1500101")));
    assert_eq!(json["deposited"], "1500008");
    assert_eq!(serde_json::from_value::<State>(json).unwrap(), state);
}
