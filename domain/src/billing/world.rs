//! A small world in memory in which all of billing plays together: the aggregates, their log, what follows from what, a
//! clock that goes from one thing that is due to the next, and a payment provider that says yes or no as it was told.
//! [`cases`](super::cases) are played in it.
//!
//! `setting` makes organizations, plans and customers, `acting` does what callers do, `reading` shows what came of it
//! as text, `checking` says what must hold whatever was done, and `tables` keeps the streams.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{ACTOR, Command, Known, Needs, concerns, customer_of, id_of, more, needs, react};
use crate::account::{Account, AccountCommand};
use crate::aggregate::EventPayload;
use crate::customer::Customer;
use crate::event::LedgerEvent;
use crate::ids::{self, CustomerId, OrganizationId, PaymentId, SubscriptionId};
use crate::invoice::{self, Invoice, InvoiceCommand};
use crate::money::{Amount, Currency};
use crate::organization::Organization;
use crate::payment::{self, Observed, Payment, PaymentCommand, PaymentEvent, ProviderState, RefundStatus};
use crate::plan::Plan;
use crate::series::Series;
use crate::subscription::{self, Subscription, SubscriptionCommand};
use crate::{Aggregate, RecordedEvent, StreamId, Timestamp};

mod acting;
mod checking;
mod reading;
mod setting;
mod tables;

pub(crate) use acting::seats;
pub(crate) use setting::{Offer, amount, flat, graduated, package, per_unit, percentage, volume};
use tables::{InTables, Tables};

/// Who asks for what no reaction asks for.
const SOMEBODY: &str = "api_key:key_00000000000000000000000001";

/// All there is. One organization; the customer and the subscription are those that what is done is about.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) customer_id: CustomerId,
    pub(crate) subscription_id: SubscriptionId,
    /// With which key the next charges come.
    pub(crate) actor: String,
    /// What the provider says to the next payments: yes, when nothing was said.
    pub(crate) answers: VecDeque<bool>,
    /// Dates are on this wall clock.
    zone: Tz,
    currency: Currency,
    organization_id: OrganizationId,
    /// The meters' own prices; nothing when nothing was said.
    meters: BTreeMap<String, Amount>,
    tables: Tables,
    log: Vec<RecordedEvent>,
    /// Places in the log that were not seen to.
    queue: VecDeque<usize>,
    /// Whether billing waits, as when it lags.
    is_behind: bool,
    /// Commands that have come to something.
    taken: BTreeSet<Uuid>,
    ids: u128,
}

impl World {
    /// An id that nothing else has. They rise.
    fn next_id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    /// A moment by the wall clock: `2026-01-31`, or `2026-01-31 12:30`.
    pub(crate) fn local(&self, text: &str) -> Timestamp {
        moment(self.zone, text)
    }

    /// Lets an aggregate decide, and takes in what comes of it. A command that has come to something before is not
    /// decided again. Time never goes back in a stream.
    fn execute<A: InTables>(
        &mut self,
        stream: StreamId,
        (command_id, now, actor): (Uuid, Timestamp, &str),
        command: &A::Command,
    ) -> Result<(), A::Error> {
        if self.taken.contains(&command_id) {
            return Ok(());
        }
        let fresh = tables::Kept::<A>::default();
        let kept = A::table(&self.tables).get(&stream).unwrap_or(&fresh);
        let (now, mut version) = (now.max(kept.last), kept.version);
        let events = kept.state.handle_command(command, now)?;
        let count = events.len();
        for (index, event) in events.into_iter().enumerate() {
            version += 1;
            let is_last = index + 1 == count;
            let recorded = RecordedEvent {
                partition: 0,
                position: self.log.len() as i64 + 1,
                event_id: if is_last {
                    command_id
                } else {
                    ids::derive(&[command_id.as_bytes(), &index.to_be_bytes()])
                },
                organization_id: self.organization_id,
                stream_id: stream.clone(),
                version,
                event_type: event.event_type().to_owned(),
                schema: event.schema(),
                occurred_at: now,
                recorded_at: now,
                actor: actor.to_owned(),
                request_digest: vec![0; 32],
                causation_id: command_id,
                correlation_id: command_id,
                payload: event.encode(),
                digest: Vec::new(),
            };
            self.tables.take_in::<A>(&recorded, &event);
            let event: LedgerEvent = event.into();
            assert_eq!(LedgerEvent::decode(&recorded).as_ref(), Ok(&event), "what is written can be read");
            self.queue.push_back(self.log.len());
            self.log.push(recorded);
            self.taken.insert(command_id);
        }
        Ok(())
    }

    /// What somebody asks for, and everything that follows from it.
    fn ask<A: InTables>(&mut self, stream: StreamId, command: &A::Command) -> Result<(), A::Error> {
        let (command_id, actor) = (self.next_id(), self.actor.clone());
        self.execute::<A>(stream, (command_id, self.now, actor.as_str()), command)?;
        self.drain();
        Ok(())
    }

    /// Does what follows from what has happened, until nothing more follows.
    fn drain(&mut self) {
        if self.is_behind {
            return;
        }
        while let Some(place) = self.queue.pop_front() {
            let recorded = self.log[place].clone();
            let event = LedgerEvent::decode(&recorded).unwrap();
            self.see_to(&recorded, &event);
            self.answer(&recorded, &event);
        }
    }

    /// Billing lags: it sees to what is done only after all of it is.
    pub(crate) fn behind(&mut self, acts: impl FnOnce(&mut Self)) {
        self.is_behind = true;
        acts(self);
        self.is_behind = false;
        self.drain();
    }

    fn see_to(&mut self, recorded: &RecordedEvent, event: &LedgerEvent) {
        let Some(needs) = needs(recorded, event) else { return };
        assert!(concerns(recorded), "{}", recorded.event_type);
        let known = self.know(event, needs);
        for reaction in react(recorded, event, &known) {
            let (step, stream) = (reaction.step, reaction.command.stream());
            let command_id = reaction.command_id(recorded.event_id);
            if let Err(why) = self.give(command_id, reaction.now(recorded.occurred_at), reaction.command) {
                panic!("{stream} denied the step {step} after {}: {why}", recorded.event_type);
            }
        }
    }

    fn know(&self, event: &LedgerEvent, needs: Needs) -> Known {
        let mut known = Known::default();
        if needs == Needs::Nothing {
            return known;
        }
        let organization_id = self.organization_id;
        known.organization = Arc::new(self.tables.state::<Organization>(organization_id));
        if let Some(id) = customer_of(event) {
            known.customer = self.tables.state::<Customer>(id);
        }
        match needs {
            Needs::Nothing | Needs::Customer => {}
            Needs::Subscription(id) => known.subscription = Some((id, self.tables.state::<Subscription>(id))),
            Needs::Invoice(id) => known.invoice = Some((id, self.tables.state::<Invoice>(id))),
            Needs::Payment(id) => known.payments.push((id, self.tables.state::<Payment>(id))),
        }
        let more = more(event, &known);
        for id in more.plans {
            known.plans.push((id, Arc::new(self.tables.state::<Plan>(id))));
        }
        for id in more.payments {
            known.payments.push((id, self.tables.state::<Payment>(id)));
        }
        known
    }

    fn give(&mut self, command_id: Uuid, now: Timestamp, command: Command) -> Result<(), String> {
        let (stream, organization_id) = (command.stream(), self.organization_id);
        let meta = (command_id, now, ACTOR);
        match command {
            Command::Account(_, action) => {
                let command = AccountCommand { organization_id, action };
                self.execute::<Account>(stream, meta, &command).map_err(|why| why.to_string())
            }
            Command::Subscription(_, action) => {
                let command = SubscriptionCommand { organization_id, action };
                self.execute::<Subscription>(stream, meta, &command).map_err(|why| why.to_string())
            }
            Command::Invoice(_, action) => {
                let command = InvoiceCommand { organization_id, action: *action };
                self.execute::<Invoice>(stream, meta, &command).map_err(|why| why.to_string())
            }
            Command::Series(_, allocate) => {
                self.execute::<Series>(stream, meta, &allocate).map_err(|why| why.to_string())
            }
            Command::Payment(_, action) => {
                let command = PaymentCommand { organization_id, action: *action };
                self.execute::<Payment>(stream, meta, &command).map_err(|why| why.to_string())
            }
        }
    }

    /// The payment provider: it is asked for payments and refunds, and answers at once.
    fn answer(&mut self, recorded: &RecordedEvent, event: &LedgerEvent) {
        let LedgerEvent::Payment(event) = event else { return };
        let payment_id: PaymentId = id_of(recorded).unwrap();
        let provider_id = format!("pi_{payment_id}");
        let observed = match event {
            PaymentEvent::Created(e) if e.connector_id.is_some() => {
                let state = if self.answers.pop_front().unwrap_or(true) {
                    ProviderState::Succeeded { amount: e.amount, at: recorded.occurred_at }
                } else {
                    ProviderState::Failed { code: "card_declined".to_owned(), message: "No.".to_owned() }
                };
                Observed::Payment { provider_id, state }
            }
            PaymentEvent::RefundRequested(e) if !self.tables.state::<Payment>(payment_id).is_by_hand() => {
                let provider_id = Some(format!("re_{}", e.refund_id));
                Observed::Refund { refund_id: e.refund_id, provider_id, status: RefundStatus::Succeeded }
            }
            _ => return,
        };
        let command_id = ids::derive(&[b"provider", recorded.event_id.as_bytes()]);
        let organization_id = self.organization_id;
        let command = PaymentCommand { organization_id, action: payment::Action::Observe(observed) };
        let meta = (command_id, recorded.occurred_at, "system:collector");
        self.execute::<Payment>(recorded.stream_id.clone(), meta, &command).unwrap();
    }

    /// What falls due next, and of whom. Of what is due at the same moment an invoice comes before a subscription: a
    /// payment that comes in the last moment has come in time.
    fn next_due(&self) -> Option<(Timestamp, StreamId)> {
        let invoices = self.tables.invoices.iter().map(|(stream, kept)| (kept.state.next_attempt_at, stream));
        let subscriptions = self.tables.subscriptions.iter().map(|(stream, kept)| (kept.state.next_due_at(), stream));
        invoices.chain(subscriptions).filter_map(|(at, stream)| Some((at?, stream.clone()))).min()
    }

    fn tell_time(&mut self, stream: StreamId) {
        let (events, organization_id) = (self.log.len(), self.organization_id);
        let meta = (self.next_id(), self.now, ACTOR);
        if stream.category() == Subscription::CATEGORY {
            let command = SubscriptionCommand { organization_id, action: subscription::Action::Advance };
            self.execute::<Subscription>(stream.clone(), meta, &command).unwrap();
        } else {
            let command = InvoiceCommand { organization_id, action: invoice::Action::Advance };
            self.execute::<Invoice>(stream.clone(), meta, &command).unwrap();
        }
        assert!(self.log.len() > events, "what is due does not happen: {stream}");
        self.drain();
    }

    /// Time goes on: everything that falls due until then happens when it is due.
    pub(crate) fn advance_to(&mut self, to: Timestamp) {
        assert!(self.now <= to, "time never goes back");
        while let Some((at, stream)) = self.next_due().filter(|(at, _)| *at <= to) {
            self.now = self.now.max(at);
            self.tell_time(stream);
        }
        self.now = to;
    }

    /// Nobody tells the time until then; then everything that was due happens at once, in the order in which it was.
    pub(crate) fn awake_at(&mut self, to: Timestamp) {
        assert!(self.now <= to, "time never goes back");
        self.now = to;
        while let Some((_, stream)) = self.next_due().filter(|(at, _)| *at <= to) {
            self.tell_time(stream);
        }
    }

    /// Time goes on to a moment of the wall clock.
    pub(crate) fn on(&mut self, date: &str) {
        self.advance_to(self.local(date));
    }

    /// The log.
    pub(crate) fn log(&self) -> &[RecordedEvent] {
        &self.log
    }

    /// Everything is looked at once more, as after a crash at the worst moment: nothing comes of it.
    pub(crate) fn look_again(&mut self) {
        let events = self.log.len();
        self.queue.extend(0..events);
        self.drain();
        assert_eq!(self.log.len(), events, "{:?}", self.log.last());
    }
}

fn moment(zone: Tz, text: &str) -> Timestamp {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|date| date.and_time(NaiveTime::MIN));
    let local = day.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")).unwrap();
    zone.from_local_datetime(&local).earliest().unwrap().with_timezone(&Utc)
}
