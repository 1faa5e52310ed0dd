//! The tenant: its name, its default currency, and the price list of its meters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, IndexEntry, event_enum, payload_methods};
use crate::evm::Address;
use crate::ids::OrganizationId;
use crate::meter::{Meter, MeterCode};
use crate::money::{Amount, Currency};

/// The kind of index entry that finds an organization, and so its partition.
pub const INDEX_ORGANIZATION: &str = "organization";
/// How many meters one organization may have.
pub const METERS_MAX: usize = 1_000;

/// State of the tenant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// Who it is; `None` until it was created.
    pub profile: Option<Profile>,
    /// Its price list.
    pub meters: BTreeMap<MeterCode, PricedMeter>,
    /// The address that settlements are paid to.
    pub payee: Option<Address>,
    /// When settlements are opened; the installation's rules when `None`.
    pub settlement_rules: Option<SettlementRules>,
}

/// When settlements are opened by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SettlementRules {
    /// When this much of the token is unsettled for the payee.
    pub threshold: Amount,
    /// When something is unsettled for so many seconds.
    pub age_secs: u32,
}

/// What an organization was created with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Its id.
    pub id: OrganizationId,
    /// Its name: a company's, so not personal data.
    pub name: String,
    /// The currency of customers and meters that name none.
    pub default_currency: Currency,
    /// When.
    pub created_at: Timestamp,
}

/// A meter and when it got its present price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PricedMeter {
    /// The meter.
    #[serde(flatten)]
    pub meter: Meter,
    /// Since when.
    pub updated_at: Timestamp,
}

/// What can be asked of an organization.
#[derive(Debug, Clone)]
pub enum OrganizationCommand {
    /// Make it.
    Create {
        /// Its id.
        id: OrganizationId,
        /// Its name.
        name: String,
        /// See [`Profile::default_currency`].
        default_currency: Currency,
    },
    /// Add a meter to the price list, or give one a new price.
    SetMeter {
        /// Its code.
        code: MeterCode,
        /// What one unit is called.
        unit: String,
        /// The price of one unit.
        unit_price: Amount,
        /// In this currency; the organization's when `None`.
        currency: Option<Currency>,
    },
    /// Say where settlements are to be paid. Session keys that were drawn up before keep theirs.
    SetPayee {
        /// The address.
        payee: Address,
    },
    /// Say when settlements are opened.
    SetSettlementRules(SettlementRules),
}

event_enum! {
    /// What can have happened to an organization.
    OrganizationEvent in Organization::CATEGORY;
    /// It was made.
    Created(Created) = "created", 1;
    /// A meter got a price.
    MeterSet(Meter) = "meter_set", 1;
    /// Settlements go to this address from now on.
    PayeeSet(PayeeSet) = "payee_set", 1;
    /// Settlements are opened by these rules from now on.
    SettlementRulesSet(SettlementRules) = "settlement_rules_set", 1;
}

/// Payload of `organization.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// See [`Profile::default_currency`].
    pub default_currency: Currency,
}

/// Payload of `organization.payee_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayeeSet {
    /// The address.
    pub payee: Address,
}

impl EventPayload for OrganizationEvent {
    payload_methods!();

    fn index_entries(&self) -> Vec<IndexEntry> {
        match self {
            Self::Created(created) => {
                vec![IndexEntry { kind: INDEX_ORGANIZATION, key: created.organization_id.uuid().as_bytes().to_vec() }]
            }
            Self::MeterSet(_) | Self::PayeeSet(_) | Self::SettlementRulesSet(_) => Vec::new(),
        }
    }
}

/// Why an organization's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrganizationError {
    /// There is none with this id.
    #[error("there is no such organization")]
    NotFound,
    /// It was made before.
    #[error("the organization exists already")]
    AlreadyExists,
    /// The price list is full.
    #[error("an organization has at most {METERS_MAX} meters")]
    TooManyMeters,
}

impl Aggregate for Organization {
    const CATEGORY: &'static str = "organization";
    const STATE_VERSION: i16 = 2;
    type Command = OrganizationCommand;
    type Event = OrganizationEvent;
    type Error = OrganizationError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        match (command, &self.profile) {
            (OrganizationCommand::Create { .. }, Some(_)) => Err(OrganizationError::AlreadyExists),
            (OrganizationCommand::Create { id, name, default_currency }, None) => {
                Ok(vec![OrganizationEvent::Created(Created {
                    organization_id: *id,
                    name: name.clone(),
                    default_currency: *default_currency,
                })])
            }
            (_, None) => Err(OrganizationError::NotFound),
            (OrganizationCommand::SetSettlementRules(rules), Some(_)) => {
                Ok(vec![OrganizationEvent::SettlementRulesSet(*rules)])
            }
            (OrganizationCommand::SetPayee { payee }, Some(_)) => {
                Ok(vec![OrganizationEvent::PayeeSet(PayeeSet { payee: *payee })])
            }
            (OrganizationCommand::SetMeter { code, unit, unit_price, currency }, Some(profile)) => {
                let before = self.meters.get(code).map(|priced| &priced.meter);
                if before.is_none() && self.meters.len() >= METERS_MAX {
                    return Err(OrganizationError::TooManyMeters);
                }
                Ok(vec![OrganizationEvent::MeterSet(Meter {
                    code: code.clone(),
                    unit: unit.clone(),
                    unit_price: *unit_price,
                    currency: currency.unwrap_or(profile.default_currency),
                    version: before.map_or(1, |meter| meter.version + 1),
                })])
            }
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            OrganizationEvent::Created(created) => {
                self.profile = Some(Profile {
                    id: created.organization_id,
                    name: created.name.clone(),
                    default_currency: created.default_currency,
                    created_at: occurred_at,
                });
            }
            OrganizationEvent::MeterSet(meter) => {
                self.meters.insert(meter.code.clone(), PricedMeter { meter: meter.clone(), updated_at: occurred_at });
            }
            OrganizationEvent::PayeeSet(set) => self.payee = Some(set.payee),
            OrganizationEvent::SettlementRulesSet(rules) => self.settlement_rules = Some(*rules),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_price_is_a_new_version() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let id = OrganizationId::new(uuid::Uuid::from_u128(1));
        let mut org = Organization::default();
        let set = |price: &str| OrganizationCommand::SetMeter {
            code: "tokens".parse().unwrap(),
            unit: "token".into(),
            unit_price: price.parse().unwrap(),
            currency: None,
        };
        assert_eq!(org.handle_command(&set("1"), now), Err(OrganizationError::NotFound));
        let create = OrganizationCommand::Create { id, name: "Acme".into(), default_currency: Currency::USD };
        for command in [create.clone(), set("1"), set("2")] {
            for event in org.handle_command(&command, now).unwrap() {
                org.apply_event(&event, now);
            }
        }
        let meter = &org.meters[&"tokens".parse::<MeterCode>().unwrap()].meter;
        assert_eq!((meter.version, meter.unit_price, meter.currency), (2, "2".parse().unwrap(), Currency::USD));
        assert_eq!(org.handle_command(&create, now), Err(OrganizationError::AlreadyExists));
    }
}
