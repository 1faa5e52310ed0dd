//! Money that comes by hand: bank transfers, cash. No provider makes such a payment or knows of it; a person records
//! it when the money has come, and pays back what is refunded.

use async_trait::async_trait;
use domain::Timestamp;
use domain::money::Amount;
use domain::payment::{Observed, RefundStatus};
use http::HeaderMap;

use crate::{CallError, Connector, CreatePayment, Message, Reference, RefundOrder, WebhookError};

/// The code of what cannot be asked of nobody.
pub const BY_HAND: &str = "by_hand";

/// The connector for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manual;

fn by_hand() -> CallError {
    CallError::refused(BY_HAND, "a payment by hand is recorded when the money has come; nobody can be asked for it")
}

#[async_trait]
impl Connector for Manual {
    async fn create(&self, _: &CreatePayment) -> Result<Observed, CallError> {
        Err(by_hand())
    }

    async fn capture(&self, _: &Reference, _: Amount) -> Result<Observed, CallError> {
        Err(by_hand())
    }

    async fn cancel(&self, _: &Reference) -> Result<Observed, CallError> {
        Err(by_hand())
    }

    /// Whoever asks for it pays it back.
    async fn refund(&self, _: &Reference, refund: &RefundOrder) -> Result<Observed, CallError> {
        let refund_id = refund.refund_id;
        Ok(Observed::Refund { refund_id, provider_id: None, status: RefundStatus::Succeeded })
    }

    async fn fetch(&self, _: &Reference) -> Result<Observed, CallError> {
        Err(by_hand())
    }

    fn parse_webhook(&self, _: &HeaderMap, _: &[u8], _: Timestamp) -> Result<Message, WebhookError> {
        Err(WebhookError::Unsupported)
    }

    fn read_webhook(&self, _: &[u8]) -> Result<Message, WebhookError> {
        Err(WebhookError::Unsupported)
    }
}
