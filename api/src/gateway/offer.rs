//! The ways to pay that are offered with a 402, and which of them a payment takes up.

use domain::money::{Amount, Currency};
use domain::route::Scheme;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::money::{atomic_up, total};
use super::problems::Demand;
use super::resolve::Place;
use super::x402::{EXACT, Offer, OfferV1, Payment, Refusal, Required, Resource, SESSION, State, Version, caip2};
use super::{exact, x402};
use crate::App;
use crate::problem::Problem;

/// How long the signature of a transfer has to hold.
const EXACT_SECS: u64 = 60;
/// How long a voucher is of use to the client: it never ends, but the price may change.
const SESSION_SECS: u64 = 600;

/// The ways to pay for one request.
#[derive(Debug, Clone)]
pub(super) struct Offers {
    list: Vec<Offer>,
    resource: Resource,
    /// The chain as version 1 names it; empty without a chain.
    network: &'static str,
}

impl Offers {
    /// What is offered for this request on this route. `url` is what is paid for.
    pub(super) fn new(app: &App, place: &Place, ask: &Ask, url: String) -> Result<Self, Problem> {
        let route = &place.route;
        let mut list = Vec::with_capacity(2);
        let mut network = "";
        if let (Some(client), Some(payee)) = (&app.chain, place.organization.payee) {
            let settings = client.settings();
            network = settings.network.name;
            let offer = |scheme: &str, amount: u128, secs: u64, extra: Map<String, Value>| Offer {
                scheme: scheme.to_owned(),
                network: caip2(settings.network.chain_id),
                amount,
                asset: settings.token,
                pay_to: payee,
                max_timeout_seconds: secs,
                extra,
            };
            // Clients take the first that they know: who has a session pays with it, and not on the chain each time.
            if route.accepts.contains(&Scheme::Session) {
                let worst = total(&ask.worst(place, Currency::USDC)?).map_err(|e| Problem::internal().caused_by(e))?;
                let amount = atomic_up(worst, Currency::USDC).ok_or_else(Problem::internal)?;
                let extra = object(&[
                    ("name", json!("SessionKeyValidator")),
                    ("organization", json!(place.organization_id)),
                    ("verifyingContract", json!(settings.contract)),
                    ("version", json!("1")),
                ]);
                list.push(offer(SESSION, amount, SESSION_SECS, extra));
            }
            if let Some(amount) = exact_price(app, place) {
                let (name, version) = (settings.network.usdc_name, settings.network.usdc_version);
                list.push(offer(
                    EXACT,
                    amount,
                    EXACT_SECS,
                    object(&[("name", json!(name)), ("version", json!(version))]),
                ));
            }
        }
        let (description, mime_type) = (route.description.clone(), route.mime_type.clone());
        Ok(Self { list, resource: Resource { url, description, mime_type }, network })
    }

    /// The offer that a payment takes up.
    pub(super) fn chosen(&self, payment: &Payment) -> Result<&Offer, Refusal> {
        let scheme = payment.payload.scheme();
        let offer = self.list.iter().find(|offer| offer.scheme == scheme).ok_or_else(|| {
            Refusal::new("unsupported_scheme", format!("this route takes no payments by the scheme {scheme}"))
        })?;
        let network = match payment.version {
            Version::V1 => self.network,
            Version::V2 => &offer.network,
        };
        if payment.network != network {
            let detail = format!("the payment is on {}, it must be on {network}", payment.network);
            return Err(Refusal::new("invalid_network", detail));
        }
        if payment.accepted.as_ref().is_some_and(|accepted| !accepted.matches(offer)) {
            let detail = "the payment takes up another offer: pay to the payTo and in the asset that are offered now";
            return Err(Refusal::new("invalid_payment_requirements", detail));
        }
        Ok(offer)
    }

    /// The network as a receipt of this version names it.
    pub(super) fn network(&self, version: Version) -> String {
        match version {
            Version::V1 => self.network.to_owned(),
            Version::V2 => self.list.first().map(|offer| offer.network.clone()).unwrap_or_default(),
        }
    }

    /// All of them, for a 402; with what is known of the session that was named.
    pub(super) fn into_demand(self, state: Option<&State>) -> Demand {
        let Self { mut list, resource, network } = self;
        let accepts = list.iter().filter(|offer| offer.scheme == x402::EXACT);
        let accepts = accepts.map(|offer| OfferV1::new(offer, network, &resource)).collect();
        if let Some(state) = state {
            for offer in list.iter_mut().filter(|offer| offer.scheme == SESSION) {
                offer.extra.insert("state".to_owned(), json!(state));
            }
        }
        let required = Required { version: 2, error: String::new(), resource, accepts: list };
        Demand { required, accepts }
    }
}

/// What a transfer has to be of, where that is how the route may be paid for.
fn exact_price(app: &App, place: &Place) -> Option<u128> {
    let fixed = place.route.price.fixed().filter(|_| place.route.accepts.contains(&Scheme::Exact))?;
    exact::offered(app)?;
    atomic_up(fixed, Currency::USDC).filter(|amount| *amount > 0)
}

fn object(fields: &[(&str, Value)]) -> Map<String, Value> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// What a session's client needs to know to sign again.
pub(super) fn state(state: &domain::session_key::SessionKey, worst: Amount) -> Option<State> {
    let currency = Currency::USDC;
    let decimals = currency.minor_unit();
    let terms = &state.grant.as_ref()?.terms;
    Some(State {
        session_id: terms.session_id,
        key: terms.key,
        charged: atomic_up(state.charged, currency)?,
        held: atomic_up(state.held, currency)?,
        available: state.available().atomic(decimals),
        deposited: state.escrow().atomic(decimals),
        required: atomic_up(state.charged.plus(state.held).plus(worst), currency)?,
        // One by a key that was replaced counts for nothing that is to be paid.
        voucher: state.voucher.filter(|_| state.former_until.is_none()).map(|voucher| x402::KnownVoucher {
            max_claimable: voucher.max_claimable.atomic(decimals),
            signature: domain::evm::HexBytes(voucher.signature.0.to_vec()),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::x402::{Payload, read_json};

    fn offer(scheme: &str) -> Offer {
        Offer {
            scheme: scheme.to_owned(),
            network: "eip155:31337".to_owned(),
            amount: 10_000,
            asset: domain::evm::Address([1; 20]),
            pay_to: domain::evm::Address([2; 20]),
            max_timeout_seconds: 60,
            extra: Map::new(),
        }
    }

    fn offers(schemes: &[&str]) -> Offers {
        let list = schemes.iter().map(|scheme| offer(scheme)).collect();
        Offers { list, resource: Resource::default(), network: "local" }
    }

    fn voucher(change: impl Fn(&mut Offer)) -> Payment {
        let mut accepted = offer(SESSION);
        change(&mut accepted);
        let payload = json!({
            "sessionId": format!("0x{}", "01".repeat(32)), "payee": format!("0x{}", "02".repeat(20)),
            "maxClaimable": "1", "signature": "0x"
        });
        let json = json!({"x402Version": 2, "accepted": accepted, "payload": payload});
        read_json(Version::V2, json).unwrap()
    }

    #[test]
    fn a_payment_takes_up_what_is_offered() {
        let both = offers(&[EXACT, SESSION]);
        let told =
            |offers: &Offers, payment: &Payment| offers.chosen(payment).map(|o| o.scheme.clone()).map_err(|r| r.code);
        assert_eq!(told(&both, &voucher(|_| {})), Ok(SESSION.to_owned()));
        assert_eq!(told(&both, &voucher(|offer| offer.amount = 1)), Ok(SESSION.to_owned()), "the ledger decides");
        assert_eq!(told(&offers(&[EXACT]), &voucher(|_| {})), Err("unsupported_scheme"));
        assert_eq!(told(&both, &voucher(|offer| offer.network = "eip155:1".to_owned())), Err("invalid_network"));
        let other = domain::evm::Address([9; 20]);
        assert_eq!(told(&both, &voucher(|offer| offer.asset = other)), Err("invalid_payment_requirements"));
        assert_eq!(told(&both, &voucher(|offer| offer.pay_to = other)), Err("invalid_payment_requirements"));
        let Payload::Session(_) = voucher(|_| {}).payload else { panic!("no voucher") };
    }

    #[test]
    fn version_1_offers_exact_only() {
        let demand = offers(&[EXACT, SESSION]).into_demand(None);
        assert_eq!((demand.required.accepts.len(), demand.accepts.len()), (2, 1));
        assert_eq!((demand.accepts[0].network.as_str(), demand.accepts[0].max_amount_required), ("local", 10_000));
    }

    #[test]
    fn a_session_learns_where_it_stands() {
        let mut key = domain::session_key::SessionKey::default();
        assert!(state(&key, Amount::ZERO).is_none(), "nobody's");
        key.grant = Some(domain::session_key::Grant {
            id: domain::ids::SessionKeyId::new(uuid::Uuid::from_u128(1)),
            customer_id: domain::ids::CustomerId::new(uuid::Uuid::from_u128(2)),
            organization_id: domain::ids::OrganizationId::new(uuid::Uuid::from_u128(3)),
            terms: crate::command::vouchers::tests::terms(),
            granted_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        });
        key.deposited = "12".parse().unwrap();
        key.withdrawn = "2".parse().unwrap();
        key.charged = "1.0000001".parse().unwrap();
        key.held = "0.5".parse().unwrap();
        let told = state(&key, "0.25".parse().unwrap()).unwrap();
        assert_eq!((told.charged, told.held, told.available), (1_000_001, 500_000, 8_499_999));
        assert_eq!((told.required, told.deposited, told.voucher), (1_750_001, 10_000_000, None));
        assert_eq!(told.key, crate::command::vouchers::tests::terms().key);
        let signature = domain::evm::CompactSignature([7; 64]);
        key.voucher = Some(domain::session_key::StoredVoucher { max_claimable: "2".parse().unwrap(), signature });
        assert_eq!(state(&key, Amount::ZERO).and_then(|told| told.voucher).unwrap().max_claimable, 2_000_000);
        key.former_until = Some("2026-02-01T00:00:00Z".parse().unwrap());
        assert_eq!(state(&key, Amount::ZERO).unwrap().voucher, None, "by a key that was replaced");
        let demand = offers(&[SESSION, EXACT]).into_demand(state(&key, Amount::ZERO).as_ref());
        let with_state: Vec<bool> = demand.required.accepts.iter().map(|o| o.extra.contains_key("state")).collect();
        assert_eq!(with_state, [true, false]);
    }
}
