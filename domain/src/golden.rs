//! Every payload that was ever shipped, in `domain/golden`, must be read for ever.

use crate::account::AccountEvent;
use crate::aggregate::EventPayload;
use crate::api_key::ApiKeyEvent;
use crate::customer::CustomerEvent;
use crate::organization::OrganizationEvent;

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
    ApiKeyEvent, "api_key.created.1";
    ApiKeyEvent, "api_key.revoked.1";
    CustomerEvent, "customer.created.1";
    AccountEvent, "account.opened.1";
    AccountEvent, "account.credited.1";
    AccountEvent, "account.credit_expired.1";
    AccountEvent, "account.quota_set.1";
    AccountEvent, "account.limit_set.1";
    AccountEvent, "account.charged.1";
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

#[test]
fn unknown_types_and_schemas_are_errors() {
    for (event_type, schema) in [("charged", 99), ("enchanted", 1)] {
        let error = AccountEvent::decode(event_type, schema, b"{}").unwrap_err();
        assert!(error.to_string().contains(event_type), "{error}");
    }
    assert!(AccountEvent::decode("charged", 1, b"{}").unwrap_err().to_string().contains("cannot be read"));
}
