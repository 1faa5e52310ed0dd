//! Who asked for a charge, and what its lines cost.

use std::collections::{BTreeMap, HashMap};

use domain::account::AccountEvent;
use domain::api_key::{ApiKey, ApiKeyEvent};
use domain::charge::Line;
use domain::evm::Bytes32;
use domain::gateway_key::{GatewayKey, GatewayKeyEvent};
use domain::ids::{ApiKeyId, GatewayKeyId, RouteId};
use domain::meter::MeterCode;
use domain::money::{Currency, Quantity};
use domain::organization::{Organization, OrganizationEvent};
use domain::route::Measure;
use domain::{Aggregate, EventPayload, RecordedEvent, StreamId};
use serde_json::{Value, json};

use super::{Look, Step, StepOut, decode, named};
use crate::problem::Problem;

/// The label with which the gateway names its route.
const ROUTE_LABEL: &str = "route";
/// Events that set prices.
const PRICES: [&str; 3] = ["meter_set", "model_prices_set", "route_set"];

impl Look<'_> {
    pub(super) async fn request(&self) -> Result<StepOut, Problem> {
        let charge = self.charge;
        let digest = <[u8; 32]>::try_from(charge.request_digest.as_slice()).map(Bytes32).ok();
        let digest = digest.map_or(String::new(), |digest| digest.to_string());
        let mut data = json!({
            "actor": charge.actor,
            "request_digest": digest,
            "causation_id": charge.causation_id,
            "correlation_id": charge.correlation_id,
        });
        let (kind, id) = charge.actor.split_once(':').unwrap_or_default();
        let mut who = charge.actor.clone();
        if let (ApiKey::CATEGORY, Ok(id)) = (kind, id.parse::<ApiKeyId>()) {
            if let Some((stored, ApiKeyEvent::Created(created))) = self.first(&StreamId::new(kind, id)).await? {
                who = format!("The API key \"{}\" ({id})", created.name);
                data[kind] =
                    json!({"id": id, "name": created.name, "prefix": created.prefix, "created": named(&stored)});
            }
        } else if let (GatewayKey::CATEGORY, Ok(id)) = (kind, id.parse::<GatewayKeyId>())
            && let Some((stored, GatewayKeyEvent::Created(created))) = self.first(&StreamId::new(kind, id)).await?
        {
            who = format!("Whoever has the gateway key \"{}\" ({id})", created.name);
            data[kind] = json!({"id": id, "name": created.name, "prefix": created.prefix, "created": named(&stored)});
        }
        let text = format!("{who} asked for it; the SHA-256 of its request is {digest}.");
        Ok(StepOut::new(Step::Request, charge, text, data))
    }

    /// What a stream began with.
    async fn first<E: EventPayload>(&self, stream: &StreamId) -> Result<Option<(RecordedEvent, E)>, Problem> {
        let events = self.app.ledger.log().tails(&[(stream.clone(), 0)]).await?;
        let Some(stored) = events.into_iter().next() else { return Ok(None) };
        let event = decode(&stored)?;
        Ok(Some((stored, event)))
    }

    /// One step for each line, told from the event that set its price.
    pub(super) async fn prices(
        &self,
        lines: &[Line],
        currency: Currency,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<StepOut>, Problem> {
        let prices = self.price_events(lines, labels).await?;
        let mut steps = Vec::with_capacity(lines.len());
        for line in lines {
            if let (Some(meter), Some(quantity)) = (&line.meter, line.quantity)
                && (line.price.is_some() || line.unit_price.is_none())
            {
                steps.push(self.by_plan(meter, quantity, line, currency).await?);
                continue;
            }
            let (Some(meter), Some(quantity), Some(unit_price)) = (&line.meter, line.quantity, line.unit_price) else {
                let text = format!("{} {currency} were asked for as they are, without a meter.", line.amount);
                let data = json!({"amount": line.amount, "currency": currency});
                steps.push(StepOut::new(Step::Price, self.charge, text, data));
                continue;
            };
            let version = line.price_version.unwrap_or_default();
            let found = prices.get(&(meter.clone(), version));
            let unit = found.map_or("units", |(_, unit)| unit.as_str());
            let counted = match line.included_quantity {
                Some(included) if !included.is_zero() => format!("({quantity} − {included} within the free allowance)"),
                _ => quantity.to_string(),
            };
            let text = format!(
                "{counted} of {meter} ({unit}) × {unit_price} {currency}, version {version} of its price, = {} {currency}.",
                line.amount
            );
            let data = json!({
                "meter": meter,
                "unit": found.map(|(_, unit)| unit),
                "quantity": quantity,
                "included_quantity": line.included_quantity,
                "unit_price": unit_price,
                "price_version": version,
                "amount": line.amount,
                "currency": currency,
                "quota": self.quota_event(meter, line).await?,
            });
            steps.push(StepOut::maybe(Step::Price, found.map(|(stored, _)| stored), text, data));
        }
        Ok(steps)
    }

    /// What a subscription says of a line, told from the event with which its period began or changed.
    async fn by_plan(
        &self,
        meter: &MeterCode,
        quantity: Quantity,
        line: &Line,
        currency: Currency,
    ) -> Result<StepOut, Problem> {
        let is_it = |event: &AccountEvent| match event {
            AccountEvent::Turned(turned) => turned.quotas.iter().any(|quota| {
                quota.meter == *meter && line.period_start.is_none_or(|start| quota.plan.cycle.start == start)
            }),
            _ => false,
        };
        let turned = self.find(&self.charge.stream_id, "turned", self.before(), is_it).await?;
        let included = line.included_quantity.unwrap_or_default();
        let by = line.price.as_ref().map_or_else(
            || "within the limit of a feature".to_owned(),
            |price| format!("by the price {} of version {} of the plan {}", price.code, price.version, price.plan_id),
        );
        let text = format!(
            "{quantity} of {meter}, of which {included} are within the subscription's allowance, {by} come to {} {currency}.",
            line.amount
        );
        let data = json!({
            "meter": meter,
            "quantity": quantity,
            "included_quantity": line.included_quantity,
            "unit_price": line.unit_price,
            "price": line.price,
            "period": line.cycle(),
            "amount": line.amount,
            "currency": currency,
        });
        Ok(StepOut::maybe(Step::Price, turned.as_ref().map(|(stored, _)| stored), text, data))
    }

    /// The events that set the prices of these lines, each with the name of the meter's unit. A price is a meter's, a
    /// model's, or a route's own: then the gateway has said which route's.
    async fn price_events(
        &self,
        lines: &[Line],
        labels: &BTreeMap<String, String>,
    ) -> Result<HashMap<(MeterCode, u32), (RecordedEvent, String)>, Problem> {
        let mut wanted: Vec<_> = lines.iter().filter_map(|line| line.meter.clone().zip(line.price_version)).collect();
        let mut found = HashMap::new();
        if wanted.is_empty() {
            return Ok(found);
        }
        let route: Option<RouteId> = labels.get(ROUTE_LABEL).and_then(|id| id.parse().ok());
        let stream = StreamId::new(Organization::CATEGORY, self.charge.organization_id);
        self.scan(&stream, &PRICES, self.before(), |stored, event| {
            for (code, version, unit) in priced(event, route) {
                let key = (code, version);
                if wanted.contains(&key) {
                    wanted.retain(|other| *other != key);
                    found.insert(key, (stored.clone(), unit));
                }
            }
            !wanted.is_empty()
        })
        .await?;
        Ok(found)
    }

    /// The quota that made some of a line free.
    async fn quota_event(&self, meter: &MeterCode, line: &Line) -> Result<Option<Value>, Problem> {
        if line.included_quantity.is_none() {
            return Ok(None);
        }
        let is_it = |event: &AccountEvent| matches!(event, AccountEvent::QuotaSet(set) if set.meter == *meter);
        let found = self.find(&self.charge.stream_id, "quota_set", self.before(), is_it).await?;
        Ok(found.map(|(stored, _)| named(&stored)))
    }
}

/// The meters that an event gave a price: code, version and unit of each.
fn priced(event: OrganizationEvent, route: Option<RouteId>) -> Vec<(MeterCode, u32, String)> {
    match event {
        OrganizationEvent::MeterSet(meter) => vec![(meter.code, meter.version, meter.unit)],
        OrganizationEvent::ModelPricesSet(set) => {
            let of_one = set.prices.iter().map(|price| (price.meters(), price.version));
            of_one.flat_map(|(codes, version)| codes.map(|code| (code, version, "token".to_owned()))).collect()
        }
        OrganizationEvent::RouteSet(set) if route == Some(set.route.id) => {
            let own = Measure::ALL.into_iter().filter(|measure| set.route.price.own(*measure).is_some());
            own.map(|measure| (measure.own_meter(), set.route.version, measure.unit().to_owned())).collect()
        }
        _ => Vec::new(),
    }
}
