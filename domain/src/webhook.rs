//! A payment provider's message, as it came: verified, and taken in once.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::ids::{ConnectorId, OrganizationId, PaymentId, WebhookId};

/// State of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Whose; `None` until it came.
    pub organization_id: Option<OrganizationId>,
    /// Whether what it says was taken in.
    pub processed: bool,
}

/// A command.
#[derive(Debug, Clone)]
pub struct WebhookCommand {
    /// Whose.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// It has come.
    Receive(Received),
    /// What it says was taken in.
    Process {
        /// What came of it.
        outcome: Outcome,
    },
}

event_enum! {
    /// What can have happened to a message.
    WebhookEvent in Webhook::CATEGORY;
    /// It has come, and is what it says it is. The stream's name derives from connector and the provider's id, so a
    /// second one with the same id changes nothing.
    Received(Received) = "received", 1;
    /// What it says was taken in.
    Processed(Processed) = "processed", 1;
}

/// Payload of `webhook.received`. The body is in the vault: it may hold personal data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// Its id.
    pub webhook_id: WebhookId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// From whom.
    pub connector_id: ConnectorId,
    /// The provider's id for it.
    pub provider_event_id: String,
    /// The provider's type, for example `payment_intent.succeeded`.
    pub provider_type: String,
    /// The payment that it is about, when it names one of ours.
    pub payment_id: Option<PaymentId>,
    /// When the provider made it.
    pub created_at: Timestamp,
    /// SHA-256 of its body, in hexadecimal digits.
    pub body_sha256: String,
}

/// Payload of `webhook.processed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Processed {
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It told something new.
    Applied,
    /// It was known already, or overtaken.
    KnownAlready,
    /// It is about nothing of ours, or of a type that says nothing here.
    NotOurs,
    /// It contradicts what is known: a person must look.
    Refused,
}

impl EventPayload for WebhookEvent {
    payload_methods!();
}

/// Why a message's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// There is none.
    #[error("there is no such message")]
    NotFound,
}

impl Aggregate for Webhook {
    const CATEGORY: &'static str = "webhook";
    const STATE_VERSION: i16 = 1;
    type Command = WebhookCommand;
    type Event = WebhookEvent;
    type Error = WebhookError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        let is_own = self.organization_id == Some(command.organization_id);
        match (&command.action, self.organization_id) {
            (Action::Receive(received), None) => Ok(vec![WebhookEvent::Received(received.clone())]),
            (Action::Receive(_), Some(_)) if is_own => Ok(Vec::new()),
            (Action::Process { .. }, Some(_)) if is_own && self.processed => Ok(Vec::new()),
            (Action::Process { outcome }, Some(_)) if is_own => {
                Ok(vec![WebhookEvent::Processed(Processed { outcome: *outcome })])
            }
            _ => Err(WebhookError::NotFound),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, _occurred_at: Timestamp) {
        match event {
            WebhookEvent::Received(received) => self.organization_id = Some(received.organization_id),
            WebhookEvent::Processed(_) => self.processed = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn received(provider_event_id: &str) -> Received {
        Received {
            webhook_id: WebhookId::new(Uuid::from_u128(3)),
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            connector_id: ConnectorId::new(Uuid::from_u128(2)),
            provider_event_id: provider_event_id.into(),
            provider_type: "payment_intent.succeeded".into(),
            payment_id: None,
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            body_sha256: "00ff".into(),
        }
    }

    fn run(webhook: &mut Webhook, owner: u128, action: Action) -> Result<usize, WebhookError> {
        let now = "2026-01-01T00:00:01Z".parse().unwrap();
        let command = WebhookCommand { organization_id: OrganizationId::new(Uuid::from_u128(owner)), action };
        let events = webhook.handle_command(&command, now)?;
        for event in &events {
            webhook.apply_event(event, now);
        }
        Ok(events.len())
    }

    #[test]
    fn it_is_taken_in_once() {
        let mut webhook = Webhook::default();
        let process = |outcome| Action::Process { outcome };
        assert_eq!(run(&mut webhook, 1, process(Outcome::Applied)), Err(WebhookError::NotFound));
        assert_eq!(run(&mut webhook, 1, Action::Receive(received("evt_1"))), Ok(1));
        assert_eq!(run(&mut webhook, 1, Action::Receive(received("evt_1"))), Ok(0));
        assert_eq!(run(&mut webhook, 1, process(Outcome::Applied)), Ok(1));
        assert!(webhook.processed);
        assert_eq!(run(&mut webhook, 1, process(Outcome::KnownAlready)), Ok(0));
        assert_eq!(run(&mut webhook, 1, Action::Receive(received("evt_1"))), Ok(0));
    }

    #[test]
    fn another_organizations_message_is_not_there() {
        let mut webhook = Webhook::default();
        run(&mut webhook, 1, Action::Receive(received("evt_1"))).unwrap();
        for action in [Action::Receive(received("evt_1")), Action::Process { outcome: Outcome::Applied }] {
            assert_eq!(run(&mut webhook, 9, action), Err(WebhookError::NotFound));
        }
    }
}
