//! Connectors: accounts with payment providers. Their secrets lie encrypted in the vault, never here.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, IndexEntry, event_enum, payload_methods};
use crate::ids::{ConnectorId, OrganizationId};

/// The kind of index entry that finds a connector by its id, and so whose it is: a provider's message names nothing
/// else.
pub const INDEX_CONNECTOR: &str = "connector";

/// Which provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorKind {
    /// Stripe.
    Stripe,
    /// Bank transfers and whatever else is recorded by hand.
    Manual,
}

/// State of a connector.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Connector {
    /// What it was created as; `None` until it was.
    pub created: Option<Created>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// A command. Each names the organization that asks.
#[derive(Debug, Clone)]
pub struct ConnectorCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Make it.
    Create(Created),
    /// Its secrets were changed in the vault.
    ReplaceSecrets,
    /// Use it no more.
    Remove,
}

event_enum! {
    /// What can have happened to a connector.
    ConnectorEvent in Connector::CATEGORY;
    /// It was made.
    Created(Created) = "created", 1;
    /// Its secrets were changed.
    SecretsReplaced(Touched) = "secrets_replaced", 1;
    /// It is used no more.
    Removed(Touched) = "removed", 1;
}

/// Payload of `connector.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub connector_id: ConnectorId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Which provider.
    pub kind: ConnectorKind,
    /// What it is called.
    pub name: String,
    /// Where the provider's API is, without a slash at its end; the provider's own when `None`.
    pub api_base: Option<String>,
}

/// Payload of events that only name the connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Touched {
    /// Its id.
    pub connector_id: ConnectorId,
}

impl EventPayload for ConnectorEvent {
    payload_methods!();

    fn index_entries(&self) -> Vec<IndexEntry> {
        match self {
            Self::Created(created) => {
                vec![IndexEntry { kind: INDEX_CONNECTOR, key: created.connector_id.uuid().as_bytes().to_vec() }]
            }
            Self::SecretsReplaced(_) | Self::Removed(_) => Vec::new(),
        }
    }
}

/// Why a connector's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// There is none, or it is another organization's, or it was removed.
    #[error("there is no such connector")]
    NotFound,
    /// It was made before.
    #[error("the connector exists already")]
    AlreadyExists,
}

impl Connector {
    /// What it is, while it is in use by this organization.
    pub fn in_use_by(&self, organization_id: OrganizationId) -> Option<&Created> {
        let created = self.created.as_ref().filter(|_| self.removed_at.is_none());
        created.filter(|created| created.organization_id == organization_id)
    }
}

impl Aggregate for Connector {
    const CATEGORY: &'static str = "connector";
    const STATE_VERSION: i16 = 1;
    type Command = ConnectorCommand;
    type Event = ConnectorEvent;
    type Error = ConnectorError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        if let Action::Create(created) = &command.action {
            return match self.created {
                Some(_) => Err(ConnectorError::AlreadyExists),
                None => Ok(vec![ConnectorEvent::Created(created.clone())]),
            };
        }
        let created = self.in_use_by(command.organization_id).ok_or(ConnectorError::NotFound)?;
        let touched = Touched { connector_id: created.connector_id };
        match command.action {
            Action::Create(_) => Err(ConnectorError::AlreadyExists),
            Action::ReplaceSecrets => Ok(vec![ConnectorEvent::SecretsReplaced(touched)]),
            Action::Remove => Ok(vec![ConnectorEvent::Removed(touched)]),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            ConnectorEvent::Created(created) => {
                self.created = Some(created.clone());
                self.created_at = Some(occurred_at);
            }
            ConnectorEvent::SecretsReplaced(_) => {}
            ConnectorEvent::Removed(_) => self.removed_at = Some(occurred_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn organization(n: u128) -> OrganizationId {
        OrganizationId::new(Uuid::from_u128(n))
    }

    fn created() -> Created {
        Created {
            connector_id: ConnectorId::new(Uuid::from_u128(2)),
            organization_id: organization(1),
            kind: ConnectorKind::Stripe,
            name: "cards".into(),
            api_base: None,
        }
    }

    fn run(connector: &mut Connector, owner: u128, action: Action) -> Result<&'static str, ConnectorError> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let command = ConnectorCommand { organization_id: organization(owner), action };
        let events = connector.handle_command(&command, now)?;
        for event in &events {
            connector.apply_event(event, now);
        }
        Ok(events[0].event_type())
    }

    #[test]
    fn it_is_used_until_it_is_removed() {
        let mut connector = Connector::default();
        assert_eq!(run(&mut connector, 1, Action::Remove), Err(ConnectorError::NotFound));
        assert_eq!(run(&mut connector, 1, Action::Create(created())), Ok("created"));
        assert_eq!(run(&mut connector, 1, Action::Create(created())), Err(ConnectorError::AlreadyExists));
        assert_eq!(run(&mut connector, 1, Action::ReplaceSecrets), Ok("secrets_replaced"));
        assert_eq!(connector.in_use_by(organization(1)), Some(&created()));
        assert_eq!(run(&mut connector, 1, Action::Remove), Ok("removed"));
        assert_eq!(connector.in_use_by(organization(1)), None);
        for action in [Action::ReplaceSecrets, Action::Remove] {
            assert_eq!(run(&mut connector, 1, action), Err(ConnectorError::NotFound));
        }
        assert_eq!(run(&mut connector, 1, Action::Create(created())), Err(ConnectorError::AlreadyExists), "for good");
    }

    #[test]
    fn another_organizations_connector_is_not_there() {
        let mut connector = Connector::default();
        run(&mut connector, 1, Action::Create(created())).unwrap();
        for action in [Action::ReplaceSecrets, Action::Remove] {
            assert_eq!(run(&mut connector, 9, action), Err(ConnectorError::NotFound));
        }
        assert_eq!(connector.in_use_by(organization(9)), None);
    }

    #[test]
    fn it_is_found_by_its_id() {
        let entries = ConnectorEvent::Created(created()).index_entries();
        let key = Uuid::from_u128(2).as_bytes().to_vec();
        assert_eq!(entries, [IndexEntry { kind: INDEX_CONNECTOR, key }]);
    }
}
