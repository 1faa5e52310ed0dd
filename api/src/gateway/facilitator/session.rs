//! The scheme `session` for servers that are paid by x402 themselves: a voucher is checked as a charge of that amount
//! would be, and then charged.

use std::collections::BTreeMap;
use std::sync::Arc;

use chain::voucher;
use domain::charge::Usage;
use domain::evm::Address;
use domain::ids::{self, ChargeId, SessionKeyId};
use domain::money::Amount;
use domain::session_key::command::{Action, Voucher};
use domain::session_key::{Grant, INDEX_CHAIN_SESSION, SessionKey, SessionKeyCommand, SessionKeyError, StoredVoucher};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, Executed, clock};

use super::{Answer, Order, Refused, mismatch, told};
use crate::App;
use crate::auth::Principal;
use crate::command::vouchers::{self, SignedBy};
use crate::gateway::exact::Unverified;
use crate::gateway::payer::{replaced, wrong_signer};
use crate::gateway::x402::{Offer, Receipt, ReceiptExtra, Refusal, SessionPayload, caip2};
use crate::problem::Problem;

/// A session key of this organization, and a voucher that its key signed.
struct Paying {
    id: SessionKeyId,
    stream: StreamId,
    grant: Arc<Grant>,
    voucher: Voucher,
    amount: Amount,
}

impl Paying {
    fn owner(&self) -> Address {
        self.grant.terms.owner
    }

    fn command(&self) -> SessionKeyCommand {
        let action = Action::Charge {
            usage: vec![Usage::Flat { amount: self.amount }],
            currency: Some(self.grant.terms.currency),
            voucher: Some(self.voucher),
            description: None,
            metadata: BTreeMap::new(),
        };
        SessionKeyCommand { organization_id: self.grant.organization_id, action }
    }

    fn denied(&self, error: SessionKeyError) -> Refused {
        let problem = Problem::from(error);
        let code = match problem.code {
            "period_limit_exceeded" => "period_limit_reached",
            "voucher_required" => "voucher_too_low",
            code => code,
        };
        Refused { refusal: Refusal::new(code, problem.detail), payer: Some(self.owner()) }
    }
}

/// Finds the session key, and who signed the voucher.
async fn paying(
    app: &App,
    principal: &Principal,
    offer: &Offer,
    payload: &SessionPayload,
) -> Result<Paying, Unverified> {
    let unknown = || Refusal::new("session_not_found", "the ledger knows no such session of this organization");
    let found = app.ledger.log().lookup(INDEX_CHAIN_SESSION, &payload.session_id.0).await?;
    let found = found.filter(|found| found.organization_id == principal.organization_id).ok_or_else(unknown)?;
    let id = found.stream_id.as_str().split_once(':').and_then(|(_, id)| id.parse::<SessionKeyId>().ok());
    let id = id.ok_or_else(Problem::internal)?;
    let grant = app.sessions.grant(principal.organization_id, id).await?;
    let terms = &grant.terms;
    if offer.network != caip2(terms.chain_id) {
        return Err(Refusal::new("invalid_network", format!("the session is on {}", caip2(terms.chain_id))).into());
    }
    let contract = offer.extra_text("verifyingContract").map(str::parse::<Address>);
    if contract.is_some_and(|contract| contract != Ok(terms.contract)) {
        return Err(mismatch(format!("the session is in the contract {}", terms.contract)).into());
    }
    if (offer.asset, offer.pay_to, payload.payee) != (terms.token, terms.payee, terms.payee) {
        return Err(mismatch(format!("the session pays {} in {}", terms.payee, terms.token)).into());
    }
    let amount = Amount::from_atomic(offer.amount, terms.decimals()).ok().filter(|amount| !amount.is_zero());
    let amount = amount.ok_or_else(|| mismatch("the amount is zero, or too large"))?;
    let malformed = |why: String| Refusal::new("voucher_malformed", format!("the voucher: {why}"));
    let max_claimable =
        Amount::from_atomic(payload.max_claimable, terms.decimals()).map_err(|e| malformed(e.to_string()))?;
    let signature = voucher::parse_signature(&payload.signature).map_err(|e| malformed(e.to_string()))?;
    let stored = StoredVoucher { max_claimable, signature };
    let (voucher, grant) = match vouchers::signed_by(app, id, grant, stored).await? {
        SignedBy::Key(voucher, grant) => (voucher, grant),
        SignedBy::FormerKey(state) => return Err(replaced(&state).into()),
        SignedBy::Nobody => return Err(wrong_signer().into()),
    };
    Ok(Paying { id, stream: found.stream_id, grant, voucher, amount })
}

/// Whether the amount could be charged now. Gives whose money it is.
pub(super) async fn verify(
    app: &App,
    principal: &Principal,
    offer: &Offer,
    payload: &SessionPayload,
) -> Answer<Address> {
    let paying = match told(paying(app, principal, offer, payload).await, None)? {
        Ok(paying) => paying,
        Err(refused) => return Ok(Err(refused)),
    };
    let loaded = app.ledger.load::<SessionKey>(&paying.stream).await?;
    let decided = loaded.state.handle_command(&paying.command(), clock::now().max(loaded.last_time));
    Ok(decided.map(|_| paying.owner()).map_err(|error| paying.denied(error)))
}

/// Charges the amount. The same voucher for the same resource is charged once; so is the same key.
pub(super) async fn settle(
    app: &App,
    principal: &Principal,
    order: &Order<'_>,
    payload: &SessionPayload,
) -> Answer<Receipt> {
    let paying = match told(paying(app, principal, order.offer, payload).await, None)? {
        Ok(paying) => paying,
        Err(refused) => return Ok(Err(refused)),
    };
    let StoredVoucher { max_claimable, signature } = paying.voucher.stored;
    let units = max_claimable.atomic(paying.grant.terms.decimals()).to_be_bytes();
    let digest = order.digest(&[payload.session_id.0.as_slice(), &signature.0, &units]);
    let (organization, credential) = (principal.organization_id.uuid(), principal.api_key_id.uuid());
    let command_id = match order.key {
        Some(key) => ids::derive(&[b"request", organization.as_bytes(), credential.as_bytes(), key.as_bytes()]),
        None => ids::derive(&[b"facilitator", organization.as_bytes(), paying.id.uuid().as_bytes(), &digest]),
    };
    let meta = CommandMeta {
        command_id,
        organization_id: principal.organization_id,
        partition: principal.partition,
        actor: principal.actor(),
        request_digest: digest,
        causation_id: command_id,
        correlation_id: command_id,
        now: clock::now(),
    };
    let executed = app.ledger.execute::<SessionKey>(paying.stream.clone(), meta, paying.command()).await?;
    let (event, replayed) = match executed {
        Ok(Executed::Done { event, replayed }) => (event, replayed),
        Ok(Executed::Unchanged { .. }) => return Err(Problem::internal()),
        Err(denied) => return Ok(Err(paying.denied(denied))),
    };
    if replayed && order.key.is_none() {
        let detail = "this voucher was charged for this resource before: sign a higher one";
        let refusal = Refusal::new("payment_reused", detail);
        return Ok(Err(Refused { refusal, payer: Some(paying.owner()) }));
    }
    let charged = event.event.charge().ok_or_else(Problem::internal)?;
    let decimals = paying.grant.terms.decimals();
    let rounded_up = |amount: Amount| amount.rounded_up(decimals).unwrap_or(amount).atomic(decimals).to_string();
    let charge_id = ChargeId::new(event.event_id);
    Ok(Ok(Receipt {
        success: true,
        error_reason: None,
        transaction: charge_id.to_string(),
        network: order.offer.network.clone(),
        payer: Some(paying.owner()),
        amount: Some(order.offer.amount.to_string()),
        extra: Some(ReceiptExtra {
            charge_id: Some(charge_id),
            cost: Some(charged.amount),
            currency: Some(charged.currency),
            remaining: Some(charged.after.available),
            charged: Some(rounded_up(charged.after.charged)),
            held: Some(rounded_up(charged.after.held)),
            session_id: Some(payload.session_id),
            pending: false,
        }),
    }))
}
