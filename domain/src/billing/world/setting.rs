//! What there is before anything happens: an organization with its tax table, plans, customers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono_tz::Tz;
use uuid::Uuid;

use super::{SOMEBODY, Tables, World, moment};
use crate::account::{self, Account, AccountCommand};
use crate::customer::{self, Billing, Customer, CustomerCommand, PaymentMethod};
use crate::cycle::{Interval, IntervalUnit};
use crate::ids::{ConnectorId, CustomerId, OrganizationId, PlanId, SubscriptionId, TaxRateId};
use crate::invoice::Collection;
use crate::money::{Amount, Quantity};
use crate::organization::{Organization, OrganizationCommand};
use crate::payment::MethodRef;
use crate::plan::{self, LateUsage, Plan, PlanCommand, PlanVersion, Terms};
use crate::price::{Beyond, Due, Model, Price, PriceKind, Pricing, Tier};
use crate::tax::{Region, TaxCategory, TaxRate};
use crate::{Aggregate, StreamId};

/// How far every account may go post-paid, until something else is said.
const LIMIT: &str = "1000000";

pub(crate) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
pub(crate) fn flat(text: &str) -> Model {
    Model::Flat { amount: amount(text) }
}
pub(crate) fn per_unit(text: &str) -> Model {
    Model::PerUnit { unit_price: amount(text) }
}
pub(crate) fn package(size: &str, text: &str) -> Model {
    Model::Package { size: size.parse().unwrap(), amount: amount(text) }
}
pub(crate) fn percentage(percent: &str, per_use: &str) -> Model {
    Model::Percentage { percent: amount(percent), per_use: amount(per_use) }
}
pub(crate) fn graduated(tiers: &[(&str, &str, &str)]) -> Model {
    Model::Graduated { tiers: tiers_of(tiers) }
}
pub(crate) fn volume(tiers: &[(&str, &str, &str)]) -> Model {
    Model::Volume { tiers: tiers_of(tiers) }
}

/// Each with its border (none of the last), the price of a unit, and its fee.
fn tiers_of(tiers: &[(&str, &str, &str)]) -> Vec<Tier> {
    let tier = |(up_to, unit_price, flat): &(&str, &str, &str)| Tier {
        up_to: up_to.parse().ok(),
        unit_price: amount(unit_price),
        flat: amount(flat),
    };
    tiers.iter().map(tier).collect()
}

/// `DE`, or `CA-BC`.
pub(crate) fn region(text: &str) -> Region {
    match text.split_once('-') {
        Some((country, part)) => Region { country: country.to_owned(), subdivision: Some(part.to_owned()) },
        None => Region { country: text.to_owned(), subdivision: None },
    }
}

impl World {
    /// With US dollars and wall clocks that show UTC.
    pub(crate) fn new(date: &str) -> Self {
        Self::of("USD", Tz::UTC, date)
    }

    /// With this currency and wall clock: an organization, and a customer whose card is charged.
    pub(crate) fn of(currency: &str, zone: Tz, date: &str) -> Self {
        let nobody = CustomerId::new(Uuid::nil());
        let mut world = Self {
            now: moment(zone, date),
            customer_id: nobody,
            subscription_id: SubscriptionId::new(Uuid::nil()),
            actor: SOMEBODY.to_owned(),
            answers: VecDeque::new(),
            zone,
            currency: currency.parse().unwrap(),
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            meters: BTreeMap::new(),
            tables: Tables::default(),
            log: Vec::new(),
            queue: VecDeque::new(),
            is_behind: false,
            taken: BTreeSet::new(),
            ids: 1,
        };
        world.organize(&OrganizationCommand::Create {
            id: world.organization_id,
            name: "Acme".to_owned(),
            default_currency: world.currency,
        });
        world.new_customer();
        world
    }

    fn organize(&mut self, command: &OrganizationCommand) {
        let stream = StreamId::new(Organization::CATEGORY, self.organization_id);
        self.ask::<Organization>(stream, command).unwrap();
    }

    /// Where the organization is.
    pub(crate) fn seller(&mut self, at: &str) {
        let mut profile = self.tables.state::<Organization>(self.organization_id).billing;
        profile.tax.region = Some(region(at));
        self.organize(&OrganizationCommand::SetBillingProfile(Box::new(profile)));
    }

    /// A row of the tax table: a rate on top of prices, of what has no other category.
    pub(crate) fn rate(&mut self, name: &str, at: &str, percent: &str, adjust: impl FnOnce(&mut TaxRate)) {
        let mut rate = TaxRate {
            id: TaxRateId::new(self.next_id()),
            name: name.to_owned(),
            region: region(at),
            category: TaxCategory::default(),
            percent: amount(percent),
            inclusive: false,
            reverse_charge: false,
        };
        adjust(&mut rate);
        rate.check().unwrap();
        self.organize(&OrganizationCommand::SetTaxRate(rate));
    }

    /// What a unit of a meter costs where no plan has a price.
    pub(crate) fn meter(&mut self, code: &str, unit_price: &str) {
        self.meters.insert(code.to_owned(), amount(unit_price));
    }

    /// Another customer; what is done from now on is about it.
    pub(crate) fn new_customer(&mut self) {
        let (organization_id, currency) = (self.organization_id, self.currency);
        self.customer_id = CustomerId::new(self.next_id());
        let customer_id = self.customer_id;
        let action = account::command::Action::Open { customer_id, currency, postpaid_limit: amount(LIMIT) };
        let stream = StreamId::new(Account::CATEGORY, customer_id);
        self.ask::<Account>(stream, &AccountCommand { organization_id, action }).unwrap();
        let created =
            customer::Created { customer_id, organization_id, external_id: None, currency, test_clock_id: None };
        self.customer(&CustomerCommand::Create(created));
        let card = MethodRef { customer: Some("cus_1".to_owned()), method: "pm_1".to_owned() };
        let connector_id = ConnectorId::new(Uuid::from_u128(1));
        let zone = self.zone;
        self.bill(|billing| {
            billing.time_zone = Some(zone);
            billing.collection = Collection::Automatic;
            billing.payment_method = Some(PaymentMethod { connector_id, method: card });
        });
    }

    fn customer(&mut self, command: &CustomerCommand) {
        let stream = StreamId::new(Customer::CATEGORY, self.customer_id);
        self.ask::<Customer>(stream, command).unwrap();
    }

    /// Changes how the customer is billed.
    pub(crate) fn bill(&mut self, change: impl FnOnce(&mut Billing)) {
        let mut billing = Box::new(self.tables.state::<Customer>(self.customer_id).billing);
        change(&mut billing);
        self.customer(&CustomerCommand::SetBilling { organization_id: self.organization_id, billing });
    }

    /// The customer pays its invoices by itself.
    pub(crate) fn pays_by_itself(&mut self) {
        self.bill(|billing| billing.collection = Collection::Send);
    }

    /// The customer is there.
    pub(crate) fn buyer(&mut self, at: &str) {
        self.bill(|billing| billing.tax.region = Some(region(at)));
    }

    /// The customer is there, and is a business.
    pub(crate) fn business(&mut self, at: &str, tax_id: &str) {
        self.buyer(at);
        self.bill(|billing| billing.tax.tax_id = Some(tax_id.to_owned()));
    }
}

/// A plan in the making: monthly, without a trial, due after 14 days, without a second try to be paid.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    terms: Terms,
    /// What the prices are, in the one currency of the world.
    pricing: Vec<Pricing>,
}

impl Offer {
    pub(crate) fn new(name: &str) -> Self {
        let terms = Terms {
            name: name.to_owned(),
            interval: Interval { unit: IntervalUnit::Month, count: 1 },
            trial_days: 0,
            grace_days: 0,
            reminder_days: 0,
            due_days: 14,
            retry_days: Vec::new(),
            late_usage: LateUsage::NextInvoice,
            prices: Vec::new(),
            features: BTreeMap::new(),
        };
        Self { terms, pricing: Vec::new() }
    }

    pub(crate) fn terms(mut self, change: impl FnOnce(&mut Terms)) -> Self {
        change(&mut self.terms);
        self
    }

    pub(crate) fn every(self, count: u32, unit: IntervalUnit) -> Self {
        self.terms(|terms| terms.interval = Interval { unit, count })
    }

    pub(crate) fn trial(self, days: u32) -> Self {
        self.terms(|terms| terms.trial_days = days)
    }

    pub(crate) fn grace(self, days: u32) -> Self {
        self.terms(|terms| terms.grace_days = days)
    }

    pub(crate) fn retries(self, days: &[u32]) -> Self {
        self.terms(|terms| terms.retry_days = days.to_vec())
    }

    /// Late usage is given away.
    pub(crate) fn waives(self) -> Self {
        self.terms(|terms| terms.late_usage = LateUsage::Waive)
    }

    pub(crate) fn price(mut self, name: &str, kind: PriceKind, model: Model) -> Self {
        self.terms.prices.push(Price {
            code: name.to_lowercase().replace(' ', "-").parse().unwrap(),
            name: name.to_owned(),
            kind,
            tax_category: TaxCategory::default(),
            currencies: BTreeMap::new(),
        });
        self.pricing.push(Pricing { model, included: Quantity::ZERO, minimum: Amount::ZERO });
        self
    }

    /// A fee for each period, in advance.
    pub(crate) fn fee(self, name: &str, text: &str) -> Self {
        self.price(name, PriceKind::Recurring { due: Due::InAdvance, per_seat: false }, flat(text))
    }

    /// The same for each seat.
    pub(crate) fn seats(self, name: &str, model: Model) -> Self {
        self.price(name, PriceKind::Recurring { due: Due::InAdvance, per_seat: true }, model)
    }

    /// A fee for each period, in arrears.
    pub(crate) fn arrears(self, name: &str, text: &str) -> Self {
        self.price(name, PriceKind::Recurring { due: Due::InArrears, per_seat: false }, flat(text))
    }

    /// A fee that is there once.
    pub(crate) fn once(self, name: &str, text: &str) -> Self {
        self.price(name, PriceKind::OneTime, flat(text))
    }

    /// Usage of the meter of this name; charged beyond what is included.
    pub(crate) fn usage(self, meter: &str, model: Model) -> Self {
        self.price(meter, PriceKind::Usage { meter: meter.parse().unwrap(), beyond: Beyond::Charge }, model)
    }

    /// The last price includes so much.
    pub(crate) fn including(mut self, quantity: &str) -> Self {
        self.pricing.last_mut().unwrap().included = quantity.parse().unwrap();
        self
    }

    /// The last price comes to so much at least.
    pub(crate) fn at_least(mut self, minimum: &str) -> Self {
        self.pricing.last_mut().unwrap().minimum = amount(minimum);
        self
    }

    /// What happens beyond what the last price includes.
    pub(crate) fn beyond(mut self, what: Beyond) -> Self {
        if let Some(PriceKind::Usage { beyond, .. }) = self.terms.prices.last_mut().map(|price| &mut price.kind) {
            *beyond = what;
        }
        self
    }

    /// The last price is taxed as this.
    pub(crate) fn taxed(mut self, category: &str) -> Self {
        self.terms.prices.last_mut().unwrap().tax_category = TaxCategory(category.parse().unwrap());
        self
    }

    /// Publishes it, in the currency of the world.
    pub(crate) fn publish(self, world: &mut World) -> PlanVersion {
        let Self { mut terms, pricing } = self;
        for (price, pricing) in terms.prices.iter_mut().zip(pricing) {
            price.currencies = BTreeMap::from([(world.currency, pricing)]);
        }
        let (plan_id, organization_id) = (PlanId::new(world.next_id()), world.organization_id);
        let code = terms.name.to_lowercase().parse().unwrap();
        for action in [plan::Action::Create { plan_id, code, terms }, plan::Action::Publish] {
            let stream = StreamId::new(Plan::CATEGORY, plan_id);
            world.ask::<Plan>(stream, &PlanCommand { organization_id, action }).unwrap();
        }
        world.tables.state::<Plan>(plan_id).offered().unwrap()
    }
}
