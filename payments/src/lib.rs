//! Payment providers: what is asked of them, what they say, and what they have paid out.
//!
//! The tour: [`port`] is the one shape of a connector, [`connector`] makes one. [`manual`] is for money that comes by
//! hand, [`stripe`] speaks Stripe's HTTP API; [`hosts`] says where connectors may call. [`asking`] asks for what a
//! payment needs next, or how it stands, and knows when something may be asked for again. [`intake`] turns a provider's
//! message into a payment's command; [`payout`] reads payout files. Nothing here knows of the log, and nothing reads a
//! clock.

pub mod asking;
pub mod hosts;
pub mod intake;
pub mod manual;
pub mod payout;
pub mod port;
mod secrets;
pub mod stripe;

use domain::connector::ConnectorKind;

pub use hosts::Hosts;
pub use port::{CallError, Connector, CreatePayment, Message, Reference, RefundOrder, WebhookError};
pub use secrets::Secrets;

/// A connector. It costs little: what connections there are, all of them share.
///
/// `api_base` is where the provider's API is, without a slash at its end; the provider's own when `None`.
pub fn connector(
    kind: ConnectorKind,
    api_base: Option<&str>,
    hosts: Hosts,
    secrets: &Secrets,
) -> Result<Box<dyn Connector>, CallError> {
    match kind {
        ConnectorKind::Manual => Ok(Box::new(manual::Manual)),
        ConnectorKind::Stripe => Ok(Box::new(stripe::Stripe::new(api_base, hosts, secrets)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(secret_key: &str) -> Secrets {
        Secrets { secret_key: secret_key.to_owned(), webhook_secret: "whsec_1".to_owned() }
    }

    #[test]
    fn what_is_not_set_up_right_is_said_at_once() {
        for (base, hosts, key, is_right) in [
            (None, Hosts::Public, "sk_test_1", true),
            (Some("http://127.0.0.1:12111"), Hosts::Any, "sk_test_1", true),
            (Some("http://127.0.0.1:12111"), Hosts::Public, "sk_test_1", false),
            (Some("http://127.0.0.1:12111/"), Hosts::Any, " rk_test_1\n", true),
            (Some("http://stripe.example.com"), Hosts::Any, "sk_test_1", false),
            (None, Hosts::Public, "", false),
            (None, Hosts::Public, " ", false),
            (None, Hosts::Public, "sk_test\n1", false),
            (None, Hosts::Public, "sk_test_ü", false),
        ] {
            let made = connector(ConnectorKind::Stripe, base, hosts, &secrets(key));
            match made {
                Ok(_) => assert!(is_right, "{base:?} {hosts:?} {key:?}"),
                Err(CallError::Misconfigured(_)) => assert!(!is_right, "{base:?} {hosts:?} {key:?}"),
                Err(other) => panic!("{other}"),
            }
        }
        assert!(connector(ConnectorKind::Manual, None, Hosts::Public, &Secrets::default()).is_ok());
    }
}
