//! What there is: every object as Stripe shows it, who is to be told of what happens, and what is to come later.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::answer::Refused;
use super::form::Params;
use super::ids;
use super::later::Later;
use super::webhooks::{Delivery, Endpoint};

/// The most objects that are kept: then events go first, the oldest before the others, and then the oldest of all.
const OBJECTS_MAX: usize = 10_000;
/// So many events stay all the same.
const EVENTS_MIN: usize = 100;
/// The most of a list.
const PAGE_MAX: i64 = 100;
const PAGE: i64 = 10;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `pi_…`
    Intent,
    /// `ch_…`
    Charge,
    /// `re_…`
    Refund,
    /// `cus_…`
    Customer,
    /// `pm_…`
    Method,
    /// `txn_…`
    Transaction,
    /// `po_…`
    Payout,
    /// `dp_…`
    Dispute,
    /// `evt_…`
    Event,
    /// `we_…`, which is kept with its secret.
    Endpoint,
}

impl Kind {
    /// What its ids begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Intent => "pi",
            Self::Charge => "ch",
            Self::Refund => "re",
            Self::Customer => "cus",
            Self::Method => "pm",
            Self::Transaction => "txn",
            Self::Payout => "po",
            Self::Dispute => "dp",
            Self::Event => "evt",
            Self::Endpoint => "we",
        }
    }

    /// What messages call it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Intent => "payment_intent",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Customer => "customer",
            Self::Method => "PaymentMethod",
            Self::Transaction => "balance transaction",
            Self::Payout => "payout",
            Self::Dispute => "dispute",
            Self::Event => "event",
            Self::Endpoint => "webhook endpoint",
        }
    }

    /// Whether this is an id of it.
    pub fn has(self, id: &str) -> bool {
        id.split_once('_').is_some_and(|(prefix, _)| prefix == self.prefix())
    }
}

/// A member that is a text.
pub fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

/// A member that is a number.
pub fn number(object: &Value, name: &str) -> i64 {
    object[name].as_i64().unwrap_or_default()
}

/// The object with further members, of which nothing is known.
pub fn with_nulls(mut object: Value, names: &[&str]) -> Value {
    for name in names {
        object[*name] = Value::Null;
    }
    object
}

/// All that is kept.
#[derive(Debug, Default)]
pub struct Books {
    objects: HashMap<String, Value>,
    /// The ids of all but events, as they were made.
    order: VecDeque<String>,
    events: VecDeque<String>,
    endpoints: Vec<Endpoint>,
    /// By day and currency.
    payouts: BTreeMap<(i64, String), String>,
    /// To be sent when what is under way is done.
    outbox: Vec<Delivery>,
    /// To be done later.
    later: Vec<Later>,
    /// The request that is carried out, as events name it.
    origin: Value,
    now: i64,
    /// The next payment is processed for so many milliseconds, as a test asked for.
    pub processing_ms: Option<u64>,
    /// The next search finds nothing, as a test asked for.
    pub finds_nothing: bool,
}

impl Books {
    /// Begins what a request asks for, or what comes by itself.
    pub fn begin(&mut self, origin: Value, now: i64) {
        self.origin = origin;
        self.now = now;
    }

    /// The time, in unix seconds.
    pub const fn now(&self) -> i64 {
        self.now
    }

    /// What is to be sent, and to be done later; each is given once.
    pub fn end(&mut self) -> (Vec<Delivery>, Vec<Later>) {
        self.processing_ms = None;
        self.finds_nothing = false;
        (std::mem::take(&mut self.outbox), std::mem::take(&mut self.later))
    }

    /// Has something done later.
    pub fn put_off(&mut self, later: Later) {
        self.later.push(later);
    }

    /// Keeps a new object, and gives back its id.
    pub fn add(&mut self, object: Value) -> String {
        let id = text(&object, "id").to_owned();
        let order = if Kind::Event.has(&id) { &mut self.events } else { &mut self.order };
        order.push_back(id.clone());
        self.objects.insert(id.clone(), object);
        while self.objects.len() > OBJECTS_MAX {
            let oldest = if self.events.len() > EVENTS_MIN { &mut self.events } else { &mut self.order };
            let Some(oldest) = oldest.pop_front() else { break };
            self.objects.remove(&oldest);
        }
        id
    }

    /// Changes members of an object, and gives it back as it is then.
    pub fn change(&mut self, id: &str, changes: Value) -> Value {
        let Some(object) = self.objects.get_mut(id) else { return Value::Null };
        if let (Value::Object(members), Value::Object(changes)) = (&mut *object, changes) {
            members.extend(changes);
        }
        object.clone()
    }

    /// An object, if it is there.
    pub fn find(&self, id: &str) -> Option<&Value> {
        self.objects.get(id)
    }

    /// An object of this kind that a path (`id`, `intent`) or a parameter names.
    pub fn get(&self, kind: Kind, id: &str, param: &str) -> Result<Value, Refused> {
        let found = if kind.has(id) { self.find(id) } else { None };
        found.cloned().ok_or_else(|| Refused::missing(kind, id, param))
    }

    /// All of a kind, the newest first.
    pub fn newest(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        let order = if kind == Kind::Event { &self.events } else { &self.order };
        order.iter().rev().filter(move |id| kind.has(id)).filter_map(move |id| self.objects.get(id))
    }

    /// All of a kind, the oldest first.
    pub fn oldest(&self, kind: Kind) -> Vec<&Value> {
        let mut all: Vec<&Value> = self.newest(kind).collect();
        all.reverse();
        all
    }

    /// A page of those of a kind that `keep` says, the newest first.
    pub fn list(
        &self,
        url: &str,
        params: &Params,
        kind: Kind,
        keep: impl Fn(&Value) -> bool,
    ) -> Result<Value, Refused> {
        let limit = params.integer("limit")?.unwrap_or(PAGE);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Refused::param("limit", format!("Invalid limit: must be 1 to {PAGE_MAX}")));
        }
        let limit = usize::try_from(limit).unwrap_or_default();
        let made = Made::read(params)?;
        let newest: Vec<&Value> = self.newest(kind).collect();
        let place = |name: &str| match params.text(name) {
            None => Ok(None),
            Some(id) => match newest.iter().position(|object| text(object, "id") == id) {
                Some(place) => Ok(Some(place)),
                None => Err(Refused::missing(kind, id, name)),
            },
        };
        let from = place("starting_after")?.map_or(0, |place| place + 1);
        let before = place("ending_before")?;
        let to = before.unwrap_or(newest.len());
        let within = &newest[from.min(to)..to];
        let found: Vec<&Value> =
            within.iter().copied().filter(|object| made.has(number(object, "created")) && keep(object)).collect();
        // Those just before, not the very newest.
        let skipped = if before.is_some() { found.len().saturating_sub(limit) } else { 0 };
        let data: Vec<&Value> = found.iter().copied().skip(skipped).take(limit).collect();
        Ok(json!({ "object": "list", "url": url, "has_more": found.len() > data.len(), "data": data }))
    }

    /// Says what has happened to an object, as it is now.
    pub fn emit(&mut self, kind: &str, object: &Value) {
        self.emit_change(kind, object, Value::Null);
    }

    /// The same, with the members that were different before.
    pub fn emit_change(&mut self, kind: &str, object: &Value, before: Value) {
        let mut data = Map::new();
        data.insert("object".to_owned(), object.clone());
        if !before.is_null() {
            data.insert("previous_attributes".to_owned(), before);
        }
        let told: Vec<&Endpoint> = self.endpoints.iter().filter(|endpoint| endpoint.wants(kind)).collect();
        let event = json!({
            "id": ids::new(Kind::Event.prefix()), "object": "event", "api_version": super::API_VERSION,
            "created": self.now, "data": data, "livemode": false, "pending_webhooks": told.len(),
            "request": self.origin, "type": kind,
        });
        self.outbox.extend(told.iter().map(|endpoint| endpoint.delivery(&event)));
        self.add(event);
    }

    /// Sends an event once more to all who want it, and says how many these are.
    pub fn emit_again(&mut self, id: &str) -> Result<usize, Refused> {
        let event = self.get(Kind::Event, id, "id")?;
        let kind = text(&event, "type");
        let told = self.endpoints.iter().filter(|endpoint| endpoint.wants(kind));
        let again: Vec<Delivery> = told.map(|endpoint| endpoint.delivery(&event)).collect();
        let count = again.len();
        self.outbox.extend(again);
        Ok(count)
    }

    /// An endpoint has taken an event.
    pub fn taken(&mut self, event: &str) {
        if let Some(event) = self.objects.get_mut(event) {
            event["pending_webhooks"] = json!((number(event, "pending_webhooks") - 1).max(0));
        }
    }

    /// Who is told.
    pub fn endpoints(&mut self) -> &mut Vec<Endpoint> {
        &mut self.endpoints
    }

    /// Which payout has what is entered now in this currency.
    pub fn payouts(&mut self) -> &mut BTreeMap<(i64, String), String> {
        &mut self.payouts
    }
}

/// Bounds of when something was made: `created`, `created[gte]` and so on.
#[derive(Debug)]
struct Made {
    from: i64,
    to: i64,
}

impl Made {
    fn read(params: &Params) -> Result<Self, Refused> {
        if let Some(at) = params.integer("created")? {
            return Ok(Self { from: at, to: at });
        }
        let from = params.integer("created[gt]")?.map(|at| at.saturating_add(1)).or(params.integer("created[gte]")?);
        let to = params.integer("created[lt]")?.map(|at| at.saturating_sub(1)).or(params.integer("created[lte]")?);
        Ok(Self { from: from.unwrap_or(i64::MIN), to: to.unwrap_or(i64::MAX) })
    }

    fn has(&self, at: i64) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(encoded: &str) -> Params {
        Params::parse(encoded).unwrap()
    }

    fn ids(list: &Value) -> Vec<&str> {
        list["data"].as_array().unwrap().iter().map(|object| text(object, "id")).collect()
    }

    #[test]
    fn lists_come_in_pages() {
        let mut books = Books::default();
        for made in 1..=5 {
            books.add(json!({ "id": format!("pi_{made}"), "created": made }));
            books.add(json!({ "id": format!("ch_{made}"), "created": made }));
        }
        let list = |encoded: &str| books.list("/v1/payment_intents", &params(encoded), Kind::Intent, |_| true).unwrap();
        assert_eq!(ids(&list("")), ["pi_5", "pi_4", "pi_3", "pi_2", "pi_1"]);
        let page = list("limit=2&starting_after=pi_4");
        assert_eq!((ids(&page), &page["has_more"]), (vec!["pi_3", "pi_2"], &json!(true)));
        let page = list("limit=2&ending_before=pi_2");
        assert_eq!((ids(&page), &page["has_more"]), (vec!["pi_4", "pi_3"], &json!(true)));
        assert_eq!(ids(&list("created[gte]=2&created[lt]=4")), ["pi_3", "pi_2"]);
        for wrong in ["limit=0", "limit=101", "starting_after=pi_6", "starting_after=ch_1"] {
            assert!(books.list("", &params(wrong), Kind::Intent, |_| true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn events_go_before_anything_else() {
        let mut books = Books::default();
        let payment = books.add(json!({ "id": "pi_first" }));
        for _ in 0..OBJECTS_MAX + 10 {
            books.emit("payment_intent.created", &json!({}));
        }
        assert!(books.find(&payment).is_some());
        assert_eq!(books.newest(Kind::Event).count(), OBJECTS_MAX - 1);
        for made in 0..OBJECTS_MAX {
            books.add(json!({ "id": format!("ch_{made}") }));
        }
        assert!(books.find(&payment).is_none());
        assert_eq!((books.newest(Kind::Event).count(), books.objects.len()), (EVENTS_MIN, OBJECTS_MAX));
    }
}
