//! A session key as it is shown.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Timestamp;
use domain::ids::{CustomerId, SessionKeyId, SettlementId};
use domain::money::{Amount, Currency};
use domain::session_key::{Custody, Grant, RelayAction, SessionBalances, SessionKey, Status, Terms};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{App, chains};

/// A session key. Amounts are in units of the token (1 USDC is "1").
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionKeyOut {
    /// Always `session_key`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: SessionKeyId,
    /// Who pays with it.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// `pending` until its registration is final on chain; then `active`, `frozen`, `revoked`, `expired`,
    /// and `closed` when nothing is left to do.
    pub status: &'static str,
    /// Who holds the key: `managed` is Tollbook, `self` the client.
    pub custody: &'static str,
    /// Where its money lies.
    pub chain: SessionChainOut,
    /// What the contract calls the session.
    pub session_id: String,
    /// Whose money it is.
    pub owner: String,
    /// The address of the key that signs vouchers.
    pub key: String,
    /// The key that Tollbook has made and the owner has yet to sign for; `null` without one.
    pub prepared_key: Option<String>,
    /// Another key was seen on chain in the place of this one, and that is not final yet; `null` when not.
    pub rotation: Option<PendingKeyRotationOut>,
    /// Who is paid.
    pub payee: String,
    /// The token.
    pub currency: String,
    /// The most that may lie in escrow.
    pub limit: String,
    /// The most that may be charged in a period; `null` without periods.
    pub period_limit: Option<String>,
    /// Length of a period, counted from `valid_after`.
    pub period_secs: Option<u32>,
    /// Usable from here
    pub valid_after: DateTime<Utc>,
    /// until before here.
    pub valid_until: DateTime<Utc>,
    /// How long what was earned stays claimable after the end.
    pub settle_grace_secs: u32,
    /// How long a withdrawal takes at least.
    pub withdraw_delay_secs: u32,
    /// Whose freezes are on it: `owner`, `organization`, `guardian` (whom the payee named on chain).
    pub frozen_by: Vec<&'static str>,
    /// Deposited, and final.
    pub deposited: String,
    /// Seen on chain and not final: not spendable yet.
    pub pending_deposits: String,
    /// Given back to the owner.
    pub withdrawn: String,
    /// What the owner wants back; `null` when nothing.
    pub withdrawal: Option<WithdrawalOut>,
    /// Charged, cumulative.
    pub charged: String,
    /// Claimed on chain, cumulative.
    pub claimed: String,
    /// Charged and not claimed.
    pub unsettled: String,
    /// Reserved by holds.
    pub held: String,
    /// What may still be charged: deposited − withdrawn − what the owner wants back − charged − held.
    pub available: String,
    /// The period that is running; `null` without periods.
    pub period: Option<SessionPeriodOut>,
    /// The highest voucher that came; `null` without one, and for managed keys.
    pub voucher: Option<SessionVoucherOut>,
    /// The settlement that it is in.
    #[schema(value_type = Option<String>)]
    pub in_settlement: Option<SettlementId>,
    /// What is on its way to the chain.
    pub relays: Vec<RelayOut>,
    /// When it was drawn up.
    pub created_at: DateTime<Utc>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
    /// What the owner is to sign, one of both; only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed_data: Option<GrantDataOut>,
}

/// Where a session's money lies.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionChainOut {
    /// EIP-155 id of the chain.
    pub id: u64,
    /// As people call it; `null` for one that is not known here.
    pub name: Option<&'static str>,
    /// The contract.
    pub contract: String,
    /// The token.
    pub token: String,
}

/// What an owner wants back.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithdrawalOut {
    /// At most this much.
    pub amount: String,
    /// When the contract will pay it out.
    pub available_at: DateTime<Utc>,
}

/// A key that is about to replace the present one.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingKeyRotationOut {
    /// Its address.
    pub key: String,
    /// The block in which that was seen.
    pub seen_block: u64,
    /// Until when the contract takes what the present key has signed.
    pub claimable_until: DateTime<Utc>,
}

/// What was charged in the period that is running.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionPeriodOut {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When the next begins.
    pub resets_at: DateTime<Utc>,
    /// Charged in it.
    pub used: String,
    /// Reserved by holds in it.
    pub held: String,
    /// The most that may be.
    pub limit: String,
}

/// The highest voucher that came.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionVoucherOut {
    /// What it says, cumulative.
    pub max_claimable: String,
    /// The same in atomic units, as it was signed.
    pub max_claimable_atomic: String,
    /// What the key signed, in the compact form of ERC-2098: 64 bytes.
    pub signature: String,
    /// What may be charged before a higher one is needed: `max_claimable` − `charged` − `held`; nothing when it is
    /// by a key that was replaced.
    pub remaining: String,
    /// Only when it is by a key that was replaced: until when it can be claimed. It pays for what was charged, and for
    /// no further charge or hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_until: Option<DateTime<Utc>>,
}

/// Something on its way to the chain.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelayOut {
    /// Its id.
    pub id: String,
    /// `register`, `open`, `deposit`, `freeze`, `unfreeze`, `revoke`, `rotate_key`, `request_withdraw` or
    /// `finalize_withdraw`.
    pub action: &'static str,
    /// Always `pending`: what is final, or has failed, stands in the events and no longer here.
    pub status: &'static str,
}

/// EIP-712 typed data for `eth_signTypedData_v4`.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantDataOut {
    /// Registers the session, without money.
    #[schema(value_type = Object)]
    pub grant: Value,
    /// Registers it and puts `limit` into escrow: an ERC-3009 authorization of the token. `null` when the
    /// chain's token is not known here.
    #[schema(value_type = Option<Object>)]
    pub open: Option<Value>,
}

/// The money of a session key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionBalancesOut {
    /// The token.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// Deposited, and final.
    #[schema(value_type = String)]
    pub deposited: Amount,
    /// Charged, cumulative.
    #[schema(value_type = String)]
    pub charged: Amount,
    /// Claimed on chain, cumulative.
    #[schema(value_type = String)]
    pub claimed: Amount,
    /// Reserved by holds.
    #[schema(value_type = String)]
    pub held: Amount,
    /// What may still be charged.
    #[schema(value_type = String)]
    pub available: Amount,
}

impl SessionBalancesOut {
    /// From the domain's balances.
    pub fn new(currency: Currency, balances: &SessionBalances) -> Self {
        Self {
            currency,
            deposited: balances.deposited,
            charged: balances.charged,
            claimed: balances.claimed,
            held: balances.held,
            available: balances.available,
        }
    }
}

/// As in JSON.
pub const fn relay_name(action: RelayAction) -> &'static str {
    match action {
        RelayAction::Register => "register",
        RelayAction::Open => "open",
        RelayAction::Deposit => "deposit",
        RelayAction::Freeze => "freeze",
        RelayAction::Unfreeze => "unfreeze",
        RelayAction::Revoke => "revoke",
        RelayAction::RotateKey => "rotate_key",
        RelayAction::RequestWithdraw => "request_withdraw",
        RelayAction::FinalizeWithdraw => "finalize_withdraw",
    }
}

/// The status at a time: what ends by time is over before its event is written.
fn status(state: &SessionKey, terms: &Terms, at: Timestamp) -> Status {
    match state.status() {
        Status::Pending | Status::Active | Status::Frozen if at >= terms.valid_until => Status::Expired,
        status => status,
    }
}

fn period(state: &SessionKey, terms: &Terms, at: Timestamp) -> Option<SessionPeriodOut> {
    let started_at = terms.period_start(at)?;
    Some(SessionPeriodOut {
        started_at,
        resets_at: started_at + TimeDelta::seconds(i64::from(terms.period_secs)),
        used: state.period_used(started_at).to_string(),
        held: state.period_held(started_at).to_string(),
        limit: terms.period_limit.to_string(),
    })
}

fn voucher(state: &SessionKey, terms: &Terms) -> Option<SessionVoucherOut> {
    let stored = state.voucher.filter(|_| terms.custody == Custody::Client)?;
    let remaining = match state.former_until {
        Some(_) => Amount::ZERO,
        None => stored.max_claimable.minus(state.charged).minus(state.held),
    };
    Some(SessionVoucherOut {
        max_claimable: stored.max_claimable.to_string(),
        max_claimable_atomic: stored.max_claimable.atomic(terms.decimals()).to_string(),
        signature: stored.signature.to_string(),
        remaining: remaining.to_string(),
        former_until: state.former_until,
    })
}

impl SessionKeyOut {
    /// From the domain's state, as of a time; `None` when nothing was granted.
    pub fn new(app: &App, state: &SessionKey, at: Timestamp) -> Option<Self> {
        let name = |chain_id| chains::network(app, chain_id).map(|network| network.name);
        Self::named(state, at, name)
    }

    fn named(state: &SessionKey, at: Timestamp, name: impl Fn(u64) -> Option<&'static str>) -> Option<Self> {
        let Grant { id, customer_id, terms, granted_at, .. } = state.grant.as_ref()?;
        let pending = state.pending_deposits.iter().fold(Amount::ZERO, |sum, one| sum.plus(one.amount));
        let frozen_by = [
            state.owner_freeze.is_some().then_some("owner"),
            state.organization_freeze.then_some("organization"),
            state.guardian_freeze.then_some("guardian"),
        ];
        let has_periods = terms.period_secs > 0;
        Some(Self {
            object: "session_key",
            id: *id,
            customer_id: *customer_id,
            status: status(state, terms, at).name(),
            custody: terms.custody.name(),
            chain: SessionChainOut {
                id: terms.chain_id,
                name: name(terms.chain_id),
                contract: terms.contract.to_string(),
                token: terms.token.to_string(),
            },
            session_id: terms.session_id.to_string(),
            owner: terms.owner.to_string(),
            key: terms.key.to_string(),
            prepared_key: state.prepared_key.map(|key| key.to_string()),
            rotation: state.rotation.as_ref().map(|rotation| PendingKeyRotationOut {
                key: rotation.key.to_string(),
                seen_block: rotation.at.block_number,
                claimable_until: rotation.claimable_until,
            }),
            payee: terms.payee.to_string(),
            currency: terms.currency.to_string(),
            limit: terms.limit.to_string(),
            period_limit: has_periods.then(|| terms.period_limit.to_string()),
            period_secs: has_periods.then_some(terms.period_secs),
            valid_after: terms.valid_after,
            valid_until: terms.valid_until,
            settle_grace_secs: terms.settle_grace_secs,
            withdraw_delay_secs: terms.withdraw_delay_secs,
            frozen_by: frozen_by.into_iter().flatten().collect(),
            deposited: state.deposited.to_string(),
            pending_deposits: pending.to_string(),
            withdrawn: state.withdrawn.to_string(),
            withdrawal: state.withdrawal.map(|withdrawal| WithdrawalOut {
                amount: withdrawal.amount.to_string(),
                available_at: withdrawal.available_at,
            }),
            charged: state.charged.to_string(),
            claimed: state.claimed.to_string(),
            unsettled: state.unsettled().to_string(),
            held: state.held.to_string(),
            available: state.available().to_string(),
            period: period(state, terms, at),
            voucher: voucher(state, terms),
            in_settlement: state.open_claim.as_ref().map(|open| open.settlement_id),
            relays: state
                .relays
                .iter()
                .map(|relay| RelayOut { id: relay.id.to_string(), action: relay_name(relay.action), status: "pending" })
                .collect(),
            created_at: *granted_at,
            position: None,
            typed_data: None,
        })
    }
}
