//! What charges need: meters, customers, credits. Session keys are made in [`super::sessions`], what the gateway
//! needs besides in [`super::gateway`].

use futures::stream::{self, StreamExt, TryStreamExt};
use rust_decimal::Decimal;

use super::client::{Client, Position};
use super::load::retries;
use super::plan::{Plan, Way, World};
use super::progress::Progress;
use super::transport::CallError;
use super::wallet::Session;

/// A payer of the run, ready to be charged.
#[derive(Debug)]
pub struct Enrolled {
    /// The customer's id, `cus_…`.
    pub id: String,
    /// The credits it was given, in USD; of a session key what was deposited, in USDC.
    pub granted: Decimal,
    /// What pays instead of credits.
    pub session: Option<Session>,
    /// Where the last of its preparation is in the log.
    pub position: Position,
}

impl Enrolled {
    /// Which world it belongs to.
    pub const fn world(&self) -> World {
        if self.session.is_some() { World::Sessions } else { World::Customers }
    }

    /// What it is called in differences: the id of what was charged.
    pub fn name(&self) -> &str {
        self.session.as_ref().map_or(&self.id, |session| &session.id)
    }
}

/// A step of the preparation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot prepare {what}: {source}")]
pub struct EnrolError {
    /// What was to be made.
    pub what: String,
    /// What the call met.
    pub source: CallError,
}

/// Makes the meters, the customers and their credits, `parallel` customers at a time. The gateway prices models
/// instead of meters.
pub async fn enrol(client: &Client, plan: &Plan, parallel: usize) -> Result<Vec<Enrolled>, EnrolError> {
    let is_priced = |world: &World| plan.way == Way::Direct && !plan.payers_of(*world).is_empty();
    let worlds = World::ALL.into_iter().filter(is_priced);
    let meters = worlds.flat_map(|world| {
        plan.meters(world).into_iter().zip([plan.prices.input, plan.prices.output]).map(move |meter| (world, meter))
    });
    for (index, (world, (code, price))) in meters.enumerate() {
        let key = plan.key("meter", index);
        let done = client.put_meter(&key, &code, price, world.currency()).await;
        done.map_err(|source| EnrolError { what: format!("the meter {code}"), source })?;
    }

    let customers = plan.payers_of(World::Customers);
    let mut enrolled = Vec::with_capacity(customers.len());
    if customers.is_empty() {
        return Ok(enrolled);
    }
    let mut progress = Progress::new("preparing", customers.len());
    let mut steps = stream::iter(customers).map(|customer| enrol_one(client, plan, customer)).buffered(parallel);
    while let Some(customer) = steps.try_next().await? {
        enrolled.push(customer);
        progress.advance();
        progress.tick(retries(client));
    }
    Ok(enrolled)
}

async fn enrol_one(client: &Client, plan: &Plan, customer: usize) -> Result<Enrolled, EnrolError> {
    let external_id = plan.external_id(customer);
    let make = async {
        let key = plan.key("customer", customer);
        let made = client.create_customer(&key, &external_id, World::Customers.currency()).await?.value;
        let granted = plan.grant(customer);
        let key = plan.key("credits", customer);
        let done = client.grant_credits(&key, &made.id, granted).await?.value;
        Ok(Enrolled { id: made.id, granted, session: None, position: made.position.max(done.position) })
    };
    make.await.map_err(|source| EnrolError { what: format!("the customer {external_id}"), source })
}
