//! Given events, when a command or a word of the chain, then events: the rules of a session key by
//! example, by subject, and over any series of them in [`series`] and [`race`].

use std::collections::BTreeMap;

use uuid::Uuid;

use super::command::Action;
use super::event::*;
use super::*;
use crate::aggregate::EventPayload;
use crate::charge::Usage;
use crate::evm::{Address, Bytes32, CompactSignature, HexBytes};
use crate::hold::{HoldAction, HoldError};
use crate::meter::Meter;
use crate::money::Currency;

mod charging;
mod claims;
mod freezing;
mod hold_limits;
mod holds;
mod life;
mod race;
mod restating;
mod rotating;
mod series;
mod undoing;
mod undoing_series;
mod vouchers;
mod withdrawing;

/// Within the session's time and its first period.
const T0: &str = "2026-03-10T12:10:00Z";
const VALID_AFTER: &str = "2026-03-10T12:00:30Z";
const VALID_UNTIL: &str = "2026-04-10T12:00:30Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
fn org() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}
fn customer() -> CustomerId {
    CustomerId::new(Uuid::from_u128(2))
}
fn relay_id(n: u128) -> RelayId {
    RelayId::new(Uuid::from_u128(n))
}
fn settlement(n: u128) -> SettlementId {
    SettlementId::new(Uuid::from_u128(n))
}
fn key() -> Address {
    Address([0x22; 20])
}

fn terms(custody: Custody) -> Terms {
    Terms {
        custody,
        chain_id: 31337,
        contract: Address([0xc0; 20]),
        token: Address([0x70; 20]),
        currency: Currency::USDC,
        session_id: Bytes32([0x55; 32]),
        owner: Address([0x11; 20]),
        key: key(),
        payee: Address([0x33; 20]),
        limit: amount("1000"),
        period_limit: Amount::ZERO,
        period_secs: 0,
        valid_after: at(VALID_AFTER),
        valid_until: at(VALID_UNTIL),
        settle_grace_secs: 86_400,
        withdraw_delay_secs: 3_600,
        salt: Bytes32([0; 32]),
    }
}

fn charge(usage: Vec<Usage>, voucher: Option<Voucher>) -> Action {
    Action::Charge { usage, currency: None, voucher, description: None, metadata: BTreeMap::new() }
}
fn flat(text: &str) -> Action {
    charge(vec![Usage::Flat { amount: amount(text) }], None)
}
fn metered(currency: Currency, price: &str, used: &str) -> Usage {
    let meter =
        Meter { code: "calls".parse().unwrap(), unit: "call".into(), unit_price: amount(price), currency, version: 3 };
    Usage::Metered { meter, quantity: used.parse().unwrap() }
}
/// By the session's key.
fn voucher(max: &str) -> Voucher {
    Voucher {
        stored: StoredVoucher { max_claimable: amount(max), signature: CompactSignature([7; 64]) },
        signer: key(),
    }
}
fn vouched(cost: &str, max: &str) -> Action {
    charge(vec![Usage::Flat { amount: amount(cost) }], Some(voucher(max)))
}
fn relay(n: u128, action: RelayAction) -> Action {
    // Each has a call of its own, as each has a nonce of its owner in it.
    Action::Relay { relay_id: relay_id(n), action, calldata: HexBytes(n.to_be_bytes().to_vec()) }
}
fn relay_failed(n: u128) -> Action {
    Action::RelayFailed { relay_id: relay_id(n), reason: "reverted".into() }
}
fn plan(n: u128) -> Action {
    Action::PlanClaim { settlement_id: settlement(n), again: false }
}
fn release(n: u128) -> Action {
    Action::ReleaseClaim { settlement_id: settlement(n), reason: "skipped".into() }
}

fn hold_id(n: u128) -> HoldId {
    HoldId::new(Uuid::from_u128(n))
}
fn of(text: &str) -> Vec<Usage> {
    vec![Usage::Flat { amount: amount(text) }]
}
fn hold(action: HoldAction, voucher: Option<Voucher>) -> Action {
    Action::Hold { action, voucher }
}
fn to_place(n: u128, usage: Vec<Usage>, ttl_secs: u32) -> HoldAction {
    let (hold_id, metadata) = (hold_id(n), BTreeMap::new());
    HoldAction::Place { hold_id, usage, currency: None, ttl_secs, description: None, metadata }
}
fn to_extend(n: u128, usage: Vec<Usage>, ttl_secs: Option<u32>) -> HoldAction {
    HoldAction::Extend { hold_id: hold_id(n), usage, currency: None, ttl_secs }
}
fn take(n: u128, usage: Option<Vec<Usage>>, is_final: bool) -> Action {
    let (hold_id, metadata) = (hold_id(n), BTreeMap::new());
    hold(HoldAction::Capture { hold_id, usage, currency: None, is_final, description: None, metadata }, None)
}
/// For ten minutes.
fn place_hold(n: u128, text: &str) -> Action {
    hold(to_place(n, of(text), 600), None)
}
fn extend(n: u128, text: &str) -> Action {
    hold(to_extend(n, of(text), None), None)
}
/// All of it, or so much; the rest is released.
fn capture(n: u128, text: Option<&str>) -> Action {
    take(n, text.map(of), true)
}
/// The rest stays.
fn capture_part(n: u128, text: &str) -> Action {
    take(n, Some(of(text)), false)
}
fn void(n: u128) -> Action {
    hold(HoldAction::Void { hold_id: hold_id(n) }, None)
}
fn sweep() -> Action {
    hold(HoldAction::Expire, None)
}

/// A place on the chain; each has a transaction of its own.
fn place(block: u64, log_index: u64) -> ChainRef {
    let mut tx_hash = [0; 32];
    tx_hash[..8].copy_from_slice(&block.to_be_bytes());
    tx_hash[8..16].copy_from_slice(&log_index.to_be_bytes());
    let block_hash = Bytes32([u8::try_from(block % 256).unwrap(); 32]);
    ChainRef { tx_hash: Bytes32(tx_hash), log_index, block_number: block, block_hash, block_time: at(T0) }
}
/// At first sight: it may still go away.
fn seen(fact: Fact, block: u64) -> Action {
    Action::Observe { fact, at: place(block, 0), is_final: false }
}
/// For good.
fn done(fact: Fact, block: u64) -> Action {
    Action::Observe { fact, at: place(block, 0), is_final: true }
}
fn deposit(text: &str) -> Fact {
    Fact::Deposited { amount: amount(text) }
}
fn registered() -> Fact {
    Fact::Registered { key: key() }
}
/// What the chain paid for a claim, and all claims so far.
fn claim(paid: &str, total: &str) -> Fact {
    Fact::Claimed { amount: amount(paid), total_claimed: amount(total) }
}
fn request(wanted: Option<&str>) -> Fact {
    Fact::WithdrawRequested { amount: wanted.map(amount), available_at: at("2026-03-10T13:10:00Z") }
}
/// Another key.
const NEXT: Address = Address([0x23; 20]);
const CLAIMABLE_UNTIL: &str = "2026-03-11T12:10:00Z";
fn rotated(key: Address) -> Fact {
    Fact::KeyRotated { key, claimable_until: at(CLAIMABLE_UNTIL) }
}
/// The same transaction in another block, at the same place.
fn elsewhere(at: ChainRef, block: u64) -> ChainRef {
    ChainRef { block_number: block, block_hash: place(block, 0).block_hash, ..at }
}
fn observed(fact: Fact, at: ChainRef) -> Action {
    Action::Observe { fact, at, is_final: false }
}
fn final_at(fact: Fact, at: ChainRef) -> Action {
    Action::Observe { fact, at, is_final: true }
}
fn undo(what: Sight, at: ChainRef) -> Action {
    Action::UndoSight { what, at }
}
fn withdrawn(text: &str) -> Fact {
    Fact::Withdrawn { amount: amount(text) }
}

/// A session key that takes its commands one after another.
struct Given {
    session: SessionKey,
    log: Vec<(SessionKeyEvent, Timestamp)>,
}

type Then = Result<Vec<SessionKeyEvent>, SessionKeyError>;

impl Given {
    /// Drawn up, and nothing on chain.
    fn granted(terms: Terms) -> Self {
        let mut given = Self { session: SessionKey::default(), log: Vec::new() };
        let granted = Granted {
            session_key_id: SessionKeyId::new(Uuid::from_u128(3)),
            customer_id: customer(),
            organization_id: org(),
            terms,
        };
        given.when(Action::Grant(Box::new(granted))).unwrap();
        given
    }

    /// Registered in block 1 and, unless zero, with this deposit in block 2.
    fn active_under(terms: Terms, deposited: &str) -> Self {
        let mut given = Self::granted(terms);
        given.when(done(registered(), 1)).unwrap();
        if !amount(deposited).is_zero() {
            given.when(done(deposit(deposited), 2)).unwrap();
        }
        given
    }

    /// The same, with a key that is held here.
    fn active(deposited: &str) -> Self {
        Self::active_under(terms(Custody::Managed), deposited)
    }

    fn when(&mut self, action: Action) -> Then {
        self.when_at(action, at(T0))
    }

    fn when_at(&mut self, action: Action, now: Timestamp) -> Then {
        let command = SessionKeyCommand { organization_id: org(), action };
        let events = self.session.handle_command(&command, now)?;
        for event in &events {
            self.session.apply_event(event, now);
            self.log.push((event.clone(), now));
            if let Some(after) = event.after() {
                // What an event says of the money after it is what the state says.
                assert_eq!(*after, self.session.balances(), "{event:?}");
            }
            if let Some(after) = event.hold() {
                let hold = self.session.holds.get(&after.hold_id);
                let says = (after.held, after.captured, after.placed_at, after.expires_at);
                let ended = (Amount::ZERO, after.captured, after.placed_at, after.expires_at);
                assert_eq!(
                    says,
                    hold.map_or(ended, |h| (h.amount, h.captured, h.placed_at, h.expires_at)),
                    "{event:?}"
                );
            }
            self.check_sums();
        }
        Ok(events)
    }

    /// What holds reserve is kept twice: with each hold, and as sums.
    fn check_sums(&self) {
        let session = &self.session;
        let sum = |holds: &mut dyn Iterator<Item = &Hold>| holds.fold(Amount::ZERO, |sum, hold| sum.plus(hold.amount));
        assert_eq!(session.held, sum(&mut session.holds.values()));
        if let Some((start, held)) = session.period_held {
            assert_eq!(held, sum(&mut session.holds.values().filter(|hold| hold.period_start == Some(start))));
        }
    }

    /// Nothing happens, and that is no error.
    #[track_caller]
    fn ignores(&mut self, action: Action) {
        assert_eq!(self.when(action), Ok(Vec::new()));
    }

    #[track_caller]
    fn charged(&mut self, action: Action) -> SessionCharged {
        match self.when(action).unwrap().pop() {
            Some(SessionKeyEvent::Charged(charged)) => charged,
            other => panic!("expected a charge, got {other:?}"),
        }
    }

    #[track_caller]
    fn held(&mut self, action: Action) -> SessionHeld {
        match self.when(action).unwrap().pop() {
            Some(SessionKeyEvent::Held(held)) => held,
            other => panic!("expected a hold, got {other:?}"),
        }
    }

    #[track_caller]
    fn captured(&mut self, action: Action) -> SessionCaptured {
        match self.when(action).unwrap().pop() {
            Some(SessionKeyEvent::Captured(captured)) => captured,
            other => panic!("expected a capture, got {other:?}"),
        }
    }

    #[track_caller]
    fn released(&mut self, action: Action) -> SessionHoldReleased {
        match self.when(action).unwrap().pop() {
            Some(SessionKeyEvent::Voided(released) | SessionKeyEvent::HoldExpired(released)) => released,
            other => panic!("expected a release, got {other:?}"),
        }
    }

    #[track_caller]
    fn planned(&mut self, n: u128) -> ClaimPlanned {
        match self.when(plan(n)).unwrap().pop() {
            Some(SessionKeyEvent::ClaimPlanned(planned)) => planned,
            other => panic!("expected a claim, got {other:?}"),
        }
    }

    #[track_caller]
    fn claimed(&mut self, fact: Fact, block: u64) -> Claimed {
        match self.when(done(fact, block)).unwrap().pop() {
            Some(SessionKeyEvent::Claimed(claimed)) => claimed,
            other => panic!("expected a claim to be paid, got {other:?}"),
        }
    }

    fn status(&self) -> Status {
        self.session.status()
    }

    fn available(&self) -> String {
        self.session.available().to_string()
    }

    /// The state that the log's events give, read back from how they are stored.
    fn replayed(&self) -> SessionKey {
        let mut again = SessionKey::default();
        for (event, occurred_at) in &self.log {
            let read = SessionKeyEvent::decode(event.event_type(), event.schema(), &event.encode()).unwrap();
            assert_eq!(&read, event);
            again.apply_event(&read, *occurred_at);
        }
        again
    }
}

/// A deposit that does not reach.
fn insufficient(cost: &str, available: &str, pending: &str) -> Then {
    let (amount, available, pending) = (amount(cost), amount(available), amount(pending));
    Err(SessionKeyError::InsufficientDeposit { amount, available, pending, currency: Currency::USDC })
}
