//! The tenant: its name, its default currency, the price lists of its meters and models, and the routes of its
//! gateway.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, IndexEntry, event_enum, payload_methods};
use crate::evm::Address;
use crate::ids::{OrganizationId, RouteId, TaxRateId};
use crate::meter::{Meter, MeterCode};
use crate::model_price::{MODELS_MAX, ModelName, ModelPrice, ModelPrices, PRICES_MAX, TokenPrices};
use crate::money::{Amount, Currency, MoneyError};
use crate::route::{self, CredentialRef, Found, Method, ROUTES_MAX, RequestPath, Route, RouteError};
use crate::tax::{TAX_RATES_MAX, TaxProfile, TaxRate};

mod gateway;

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
    /// What it sells through the gateway.
    pub routes: BTreeMap<RouteId, SetRoute>,
    /// What language models cost on those routes.
    pub models: ModelPrices,
    /// Counts each time that prices of models were set.
    pub models_version: u32,
    /// What its invoices say of it, and how they are numbered and collected.
    pub billing: BillingProfile,
    /// Its tax table.
    pub tax_rates: BTreeMap<TaxRateId, TaxRate>,
}

impl Organization {
    /// What a request to the gateway is for.
    pub fn find_route(&self, method: Method, path: &RequestPath<'_>) -> Found<'_> {
        route::find(self.routes.values().map(|set| &set.route), method, path)
    }
}

/// What an organization's invoices say of it, and how they are numbered. A company's, so not personal data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BillingProfile {
    /// Its name on invoices; the organization's own when empty.
    #[serde(default)]
    pub legal_name: String,
    /// Its address, line by line.
    #[serde(default)]
    pub address: Vec<String>,
    /// Where it is, and its tax id.
    #[serde(default)]
    pub tax: TaxProfile,
    /// Where to write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What stands before invoice numbers; `INV-` when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_prefix: Option<String>,
    /// What stands before numbers of credit notes; `CN-` when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_note_prefix: Option<String>,
    /// At the foot of each page, for example a bank account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
}

/// A route and when it was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetRoute {
    /// The route.
    pub route: Route,
    /// Since when it is like this.
    pub updated_at: Timestamp,
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
    /// Sell something through the gateway. The version is the organization's to give.
    CreateRoute(Box<Route>),
    /// Change a route as a whole.
    ReplaceRoute {
        /// As it is to be, with its id.
        route: Box<Route>,
        /// What becomes of the secret for its upstream.
        credential: CredentialChange,
    },
    /// Sell it no more.
    RemoveRoute {
        /// Which.
        route_id: RouteId,
    },
    /// Add models to the price list, or give them new prices.
    SetModelPrices {
        /// By model; of one that is named twice the last.
        prices: Vec<(ModelName, TokenPrices)>,
    },
    /// Take a model off the price list.
    RemoveModelPrice {
        /// Which.
        model: ModelName,
    },
    /// Say what invoices say of it.
    SetBillingProfile(Box<BillingProfile>),
    /// Add a row to the tax table, or change one.
    SetTaxRate(TaxRate),
    /// Take a row off the tax table. Invoices that were drafted keep it.
    RemoveTaxRate {
        /// Which.
        tax_rate_id: TaxRateId,
    },
}

/// What becomes of the secret that a route has for its upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialChange {
    /// It stays.
    Keep,
    /// Another one takes its place.
    Set(CredentialRef),
    /// The upstream gets none.
    Remove,
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
    /// Something is sold through the gateway from now on, in this way.
    RouteSet(RouteSet) = "route_set", 1;
    /// Something is sold no more.
    RouteRemoved(RouteRemoved) = "route_removed", 1;
    /// Models got prices.
    ModelPricesSet(ModelPricesSet) = "model_prices_set", 1;
    /// A model has no price any more.
    ModelPriceRemoved(ModelPriceRemoved) = "model_price_removed", 1;
    /// What invoices say of it was set.
    BillingProfileSet(Box<BillingProfile>) = "billing_profile_set", 1;
    /// A row of the tax table was set.
    TaxRateSet(TaxRate) = "tax_rate_set", 1;
    /// A row of the tax table was removed.
    TaxRateRemoved(TaxRateRemoved) = "tax_rate_removed", 1;
}

/// Payload of `organization.tax_rate_removed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaxRateRemoved {
    /// Which.
    pub tax_rate_id: TaxRateId,
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

/// Payload of `organization.route_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteSet {
    /// All of it. In a box: it is much larger than what else can happen.
    pub route: Box<Route>,
}

/// Payload of `organization.route_removed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteRemoved {
    /// Which.
    pub route_id: RouteId,
}

/// Payload of `organization.model_prices_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelPricesSet {
    /// Those that are new or changed.
    pub prices: Vec<ModelPrice>,
}

/// Payload of `organization.model_price_removed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelPriceRemoved {
    /// Which.
    pub model: ModelName,
}

impl EventPayload for OrganizationEvent {
    payload_methods!();

    fn index_entries(&self) -> Vec<IndexEntry> {
        match self {
            Self::Created(created) => {
                vec![IndexEntry { kind: INDEX_ORGANIZATION, key: created.organization_id.uuid().as_bytes().to_vec() }]
            }
            Self::MeterSet(_)
            | Self::PayeeSet(_)
            | Self::SettlementRulesSet(_)
            | Self::RouteSet(_)
            | Self::RouteRemoved(_)
            | Self::ModelPricesSet(_)
            | Self::ModelPriceRemoved(_)
            | Self::BillingProfileSet(_)
            | Self::TaxRateSet(_)
            | Self::TaxRateRemoved(_) => Vec::new(),
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
    /// The gateway is full.
    #[error("an organization has at most {ROUTES_MAX} routes")]
    TooManyRoutes,
    /// There is none with this id.
    #[error("there is no such route")]
    RouteNotFound,
    /// Another route has the same paths and a method in common.
    #[error("route {0} has the same path and a method in common")]
    RouteExists(RouteId),
    /// The upstream's secret was given for another host.
    #[error("the route's credential was given for another host: send it again with the new upstream, or null")]
    CredentialNeeded,
    /// A route is not what it must be.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The price list of models is full.
    #[error("an organization has prices of at most {MODELS_MAX} models, and sets at most {PRICES_MAX} at once")]
    TooManyModels,
    /// It is not on the price list.
    #[error("the price list has no such model")]
    ModelNotFound,
    /// The tax table is full.
    #[error("an organization has at most {TAX_RATES_MAX} tax rates")]
    TooManyTaxRates,
    /// There is none with this id.
    #[error("there is no such tax rate")]
    TaxRateNotFound,
    /// A token is too dear.
    #[error("the price of model {model} {reason}")]
    ModelPrice {
        /// Of this model.
        model: ModelName,
        /// What is wrong.
        reason: MoneyError,
    },
}

impl Aggregate for Organization {
    const CATEGORY: &'static str = "organization";
    const STATE_VERSION: i16 = 4;
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
            (OrganizationCommand::CreateRoute(route), Some(profile)) => gateway::create_route(self, profile, route),
            (OrganizationCommand::ReplaceRoute { route, credential }, Some(profile)) => {
                gateway::replace_route(self, profile, route, credential)
            }
            (OrganizationCommand::RemoveRoute { route_id }, Some(_)) => match self.routes.get(route_id) {
                Some(_) => Ok(vec![OrganizationEvent::RouteRemoved(RouteRemoved { route_id: *route_id })]),
                None => Err(OrganizationError::RouteNotFound),
            },
            (OrganizationCommand::SetModelPrices { prices }, Some(_)) => gateway::set_model_prices(self, prices),
            (OrganizationCommand::RemoveModelPrice { model }, Some(_)) => match self.models.get(model) {
                Some(_) => Ok(vec![OrganizationEvent::ModelPriceRemoved(ModelPriceRemoved { model: model.clone() })]),
                None => Err(OrganizationError::ModelNotFound),
            },
            (OrganizationCommand::SetBillingProfile(profile), Some(_)) if self.billing == **profile => Ok(Vec::new()),
            (OrganizationCommand::SetBillingProfile(profile), Some(_)) => {
                Ok(vec![OrganizationEvent::BillingProfileSet(profile.clone())])
            }
            (OrganizationCommand::SetTaxRate(rate), Some(_)) => match self.tax_rates.get(&rate.id) {
                Some(known) if known == rate => Ok(Vec::new()),
                None if self.tax_rates.len() >= TAX_RATES_MAX => Err(OrganizationError::TooManyTaxRates),
                _ => Ok(vec![OrganizationEvent::TaxRateSet(rate.clone())]),
            },
            (OrganizationCommand::RemoveTaxRate { tax_rate_id }, Some(_)) => match self.tax_rates.get(tax_rate_id) {
                Some(_) => Ok(vec![OrganizationEvent::TaxRateRemoved(TaxRateRemoved { tax_rate_id: *tax_rate_id })]),
                None => Err(OrganizationError::TaxRateNotFound),
            },
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
            OrganizationEvent::RouteSet(RouteSet { route }) => {
                self.routes.insert(route.id, SetRoute { route: (**route).clone(), updated_at: occurred_at });
            }
            OrganizationEvent::RouteRemoved(RouteRemoved { route_id }) => drop(self.routes.remove(route_id)),
            OrganizationEvent::ModelPricesSet(set) => {
                for price in &set.prices {
                    self.models_version = self.models_version.max(price.version);
                    self.models.set(price.clone(), occurred_at);
                }
            }
            OrganizationEvent::ModelPriceRemoved(removed) => self.models.remove(&removed.model),
            OrganizationEvent::BillingProfileSet(profile) => self.billing = (**profile).clone(),
            OrganizationEvent::TaxRateSet(rate) => drop(self.tax_rates.insert(rate.id, rate.clone())),
            OrganizationEvent::TaxRateRemoved(removed) => drop(self.tax_rates.remove(&removed.tax_rate_id)),
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
