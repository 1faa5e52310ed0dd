//! That a charge was paid for on a chain, in a form that anybody can check who has that chain and nothing else:
//! `tollbook proof check`.
//!
//! The tree of the settlement is built anew from the log, and its root must be the one that went on chain.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use chain::ChainError;
use chain::client::Receipt;
use chain::evidence::{self, Leaf};
use chain::facts;
use chain::proof::{ChargeProof, OBJECT, PaidIn, ProvenCharge, ProvenHead, VERSION, stands_in, units};
use domain::evm::Bytes32;
use domain::ids::{ChargeId, SettlementId};
use domain::session_key::{Fact, SessionCharged, SessionKey};
use domain::settlement::{Finalized, Opened, Planned, PlannedClaim, Settlement};
use domain::{LedgerEvent, RecordedEvent};
use eventstore::{StoreError, postgres};
use projections::evidence::{EvidenceError, of_settlement, settlements_of_charge};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::caught_up;
use super::customers::MinPositionParams;
use crate::App;
use crate::auth::Principal;
use crate::chains;
use crate::command::charges::charge_not_found;
use crate::command::settlements::settlement_stream;
use crate::extract::{Query, path_id};
use crate::problem::Problem;

mod out;

pub use out::ChargeProofOut;

/// The largest tree that is built: a million charges and the log's head.
const LEAVES_MAX: u64 = 1_000_001;
/// Trees that were built are kept, the last ones first, as long as they have no more leaves together than this.
const KEPT_LEAVES_MAX: usize = 1_000_001;

/// One tree is built at a time.
static BUILDING: Semaphore = Semaphore::const_new(1);
/// The leaves of trees that were built and checked, newest first.
static KEPT: Mutex<VecDeque<(SettlementId, Arc<Vec<Leaf>>)>> = Mutex::new(VecDeque::new());

/// The id of a charge in the path.
pub struct ProvenPath(ChargeId);

impl<S: Send + Sync> FromRequestParts<S> for ProvenPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "charge_not_found").await.map(Self)
    }
}

/// A proof that a session key's charge was paid for on its chain; captures are charges. Only for what is settled for
/// good: 409 `not_settled`, `claim_skipped`, `not_on_chain` (credits and postpaid limits) or `no_evidence` (somebody
/// else than Tollbook claimed it) say why there is none.
#[utoipa::path(get, path = "/v1/charges/{id}/proof", tag = "Charges", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = ChargeProofOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn prove_charge(
    State(app): State<App>,
    principal: Principal,
    ProvenPath(id): ProvenPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<ChargeProofOut>, Problem> {
    caught_up(&app, &principal, &projections::settlement::Settlement, params.min_position).await?;
    let found = app.ledger.log().find(&[id.uuid()]).await?;
    let own = found.first().filter(|event| event.organization_id == principal.organization_id);
    let event = own.ok_or_else(charge_not_found)?;
    let charged = match LedgerEvent::decode(event).map_err(StoreError::from)? {
        LedgerEvent::SessionKey(said) => said.charge().cloned().ok_or_else(charge_not_found)?,
        LedgerEvent::Account(said) if said.charge().is_some() => {
            let detail = "the customer's account paid for this charge, no chain did";
            return Err(Problem::conflict("not_on_chain", detail));
        }
        _ => return Err(charge_not_found()),
    };
    let mut paid = paid_by(&app, event, &charged).await?;
    let stands = where_it_stands(&app, &paid, &charged).await?;
    (paid.finalized.block_number, paid.finalized.block_hash) = stands;
    let leaf = evidence::charge_leaf(paid.claim.session_id, id, charged.amount, charged.after.charged);
    let leaves = leaves(&app, event.partition, &paid).await?;
    let log_id = log_id(&app).await?;
    // Two passes over all leaves.
    let proof = tokio::task::spawn_blocking(move || proof(&paid, &leaves, log_id, leaf, id, &charged));
    let proof = proof.await.map_err(|error| Problem::internal().caused_by(error))?;
    Ok(Json(proof.map_err(|why| differs(&why))?.into()))
}

/// A settlement that is final and paid for a charge.
struct Paid {
    id: SettlementId,
    opened: Opened,
    planned: Planned,
    finalized: Finalized,
    claim: PlannedClaim,
}

/// The settlement that paid for a charge for good; why there is none. The read model says where to look, the log what
/// is so.
async fn paid_by(app: &App, event: &RecordedEvent, charged: &SessionCharged) -> Result<Paid, Problem> {
    let (organization, position) = (event.organization_id, event.position);
    let ids = settlements_of_charge(&app.pool, organization, charged.session_key_id, position).await?;
    let earned = charged.after.charged.rounded_down(charged.currency.minor_unit());
    let mut newest = None;
    for id in ids {
        let state = app.ledger.load::<Settlement>(&settlement_stream(id)).await?.state;
        let (status, Some((opened, _)), Some(planned)) = (state.status, state.opened, state.planned) else { continue };
        let is_it = |claim: &&PlannedClaim| {
            claim.session_key_id == charged.session_key_id
                && (claim.first_position..=claim.last_position).contains(&position)
        };
        let claim = planned.claims.iter().find(is_it).cloned();
        let Some(claim) = claim.filter(|_| opened.organization_id == organization) else { continue };
        let of = |problem: Problem| problem.with("settlement_id", json!(id));
        let Some(finalized) = state.finalized else {
            newest.get_or_insert_with(|| {
                let detail = format!("the settlement {id} that is to pay for it is {}", status.name());
                of(not_settled(detail, json!(status.name())))
            });
            continue;
        };
        let skipped = finalized.skipped.iter().find(|one| one.session_id == claim.session_id);
        if let Some(skipped) = skipped {
            newest.get_or_insert_with(|| {
                let detail = format!("the contract skipped the claim of settlement {id}: {}", skipped.reason);
                of(Problem::conflict("claim_skipped", detail)).with("reason", json!(skipped.reason))
            });
        } else if claim.total_claimed < earned {
            newest.get_or_insert_with(|| {
                let detail = format!("settlement {id} paid for a part of it: more was not in the contract");
                of(not_settled(detail, json!(status.name())))
            });
        } else {
            return Ok(Paid { id, opened, planned, finalized, claim });
        }
    }
    if let Some(problem) = newest {
        return Err(problem);
    }
    let session = app.ledger.load::<SessionKey>(&event.stream_id).await?.state;
    if session.claimed >= earned {
        let detail = "it was claimed on the chain by somebody else than Tollbook: no evidence root stands for it";
        return Err(Problem::conflict("no_evidence", detail));
    }
    let detail = "it is in no settlement yet";
    Err(not_settled(detail.to_owned(), Value::Null).with("settlement_id", Value::Null))
}

/// The block of the settlement's transaction, number and hash. The log has the one in which it was final; after the
/// chain was set back the same transaction was sent again, and the chain is asked in which block it is now, and whether
/// it paid there.
async fn where_it_stands(app: &App, paid: &Paid, charged: &SessionCharged) -> Result<(u64, Bytes32), Problem> {
    let (finalized, lane) = (&paid.finalized, &paid.opened.lane);
    let known = (finalized.block_number, finalized.block_hash);
    let Some(client) = &app.chain else { return Ok(known) };
    let settings = client.settings();
    if (settings.network.chain_id, settings.contract) != (lane.chain_id, lane.contract) {
        return Ok(known);
    }
    let id = paid.id;
    if !chains::is_followed(app, client).await? {
        let detail = format!(
            "the chain is halted, or was set back and is not read anew yet: the block of settlement {id} may be gone. See \
             `status` of GET /v1/chains, and ask again when it is `following`"
        );
        return Err(Problem::conflict("chain_read_anew", detail).with("settlement_id", json!(id)));
    }
    if chains::watch(app, client).await?.confirmations == 0 {
        return Ok(known);
    }
    let stands = async {
        let Some(receipt) = client.receipt(finalized.tx_hash).await? else { return Ok(None) };
        let last_final = client.finalized().await?.map_or(0, |block| block.number);
        Ok::<_, ChainError>(stands_in(client, &receipt, last_final).await?.map(|place| (place, receipt)))
    };
    let stands = stands.await.map_err(|error| chains::away(&error))?;
    let (place, receipt) = stands.ok_or_else(|| {
        let detail = format!("the chain was set back, and the transaction of settlement {id} is not final on it again");
        not_settled(detail, json!("finalized")).with("settlement_id", json!(id))
    })?;
    match unpaid(paid, charged, &receipt) {
        None => Ok(place),
        Some(reason) => {
            let detail = format!(
                "the chain was set back, and what settlement {id} claimed for it was not paid when the transaction was \
                 sent again: {reason}. Another claim of the session may have paid for it since; of that there is no proof"
            );
            let problem = Problem::conflict("claim_skipped", detail);
            Err(problem.with("settlement_id", json!(id)).with("reason", json!(reason)))
        }
    }
}

/// Why a settlement's transaction, as this receipt has it, did not pay for a charge; `None` when it did. What was sent
/// again are the same bytes, and the contract may have said something else to them.
fn unpaid(paid: &Paid, charged: &SessionCharged, receipt: &Receipt) -> Option<&'static str> {
    let (lane, session_id) = (&paid.opened.lane, paid.claim.session_id);
    let decimals = lane.currency.minor_unit();
    let earned = charged.after.charged.rounded_down(decimals);
    let logs = receipt.logs();
    let own: Vec<_> = logs.iter().filter(|log| chain::own_address(log.address()) == lane.contract).cloned().collect();
    let pays = facts::read_all(&own, decimals).into_iter().any(|seen| {
        let is_its = (seen.session_id, seen.payee) == (session_id, Some(lane.payee));
        is_its && matches!(seen.fact, Fact::Claimed { total_claimed, .. } if total_claimed >= earned)
    });
    if !receipt.status() {
        return Some("reverted");
    }
    if pays {
        return None;
    }
    let settled = facts::settled(logs, lane.contract, lane.token, lane.payee, decimals);
    Some(settled.skipped.iter().find(|one| one.session_id == session_id).map_or("unknown", |one| one.reason))
}

fn not_settled(detail: String, status: Value) -> Problem {
    Problem::conflict("not_settled", detail).with("settlement_status", status)
}

/// The log does not have what went on chain: the operator must look.
fn differs(why: &str) -> Problem {
    Problem::new(500, "evidence_differs", "").caused_by(why)
}

async fn log_id(app: &App) -> Result<Uuid, Problem> {
    let id = postgres::log_id(&app.pool).await?;
    Uuid::parse_str(&id).map_err(|error| Problem::internal().caused_by(error))
}

/// The leaves of a settlement's tree, built anew from the log unless that was done a moment ago.
async fn leaves(app: &App, partition: i32, paid: &Paid) -> Result<Arc<Vec<Leaf>>, Problem> {
    if let Some(kept) = kept(paid.id) {
        return Ok(kept);
    }
    let place = BUILDING.acquire().await.map_err(|error| Problem::internal().caused_by(error))?;
    // Who was before us may have asked for the same.
    if let Some(kept) = kept(paid.id) {
        return Ok(kept);
    }
    // A request may run out of time; what it began is there for the next one.
    let build = build(app.clone(), partition, paid.id, paid.planned.clone(), place);
    tokio::spawn(build).await.map_err(|error| Problem::internal().caused_by(error))?
}

async fn build(
    app: App,
    partition: i32,
    id: SettlementId,
    planned: Planned,
    _place: SemaphorePermit<'static>,
) -> Result<Arc<Vec<Leaf>>, Problem> {
    let read = of_settlement(&app.log, partition, &planned, LEAVES_MAX, |claim, charge| {
        evidence::charge_leaf(claim.session_id, charge.charge_id, charge.amount, charge.cumulative)
    });
    let mut leaves = read.await.map_err(|error| match error {
        EvidenceError::TooMany { leaves, max } => {
            let detail = format!("the tree of settlement {id} has {leaves} leaves, at most {max} are read for a proof");
            Problem::conflict("evidence_too_large", detail)
        }
        EvidenceError::Differs(why) => differs(&format!("settlement {id}: {why}")),
        EvidenceError::Store(error) => error.into(),
    })?;
    leaves.push(evidence::head_leaf(log_id(&app).await?, &planned.log_head));
    let computed = tokio::task::spawn_blocking(move || (evidence::root(&leaves), leaves)).await;
    let (root, leaves) = computed.map_err(|error| Problem::internal().caused_by(error))?;
    if root != planned.evidence_root {
        let planned = planned.evidence_root;
        return Err(differs(&format!(
            "settlement {id}: the log comes to the root {root}, it was planned with {planned}"
        )));
    }
    let leaves = Arc::new(leaves);
    keep(id, &leaves);
    Ok(leaves)
}

fn kept(id: SettlementId) -> Option<Arc<Vec<Leaf>>> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter().find(|(of, _)| *of == id).map(|(_, leaves)| Arc::clone(leaves))
}

fn keep(id: SettlementId, leaves: &Arc<Vec<Leaf>>) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push_front((id, Arc::clone(leaves)));
    let mut left = KEPT_LEAVES_MAX;
    kept.retain(|(_, leaves)| {
        let fits = leaves.len() <= left;
        left = if fits { left - leaves.len() } else { 0 };
        fits
    });
}

/// Puts the proof together; why not, when the charge is not where the settlement has it.
fn proof(
    paid: &Paid,
    leaves: &[Leaf],
    log_id: Uuid,
    leaf: Leaf,
    id: ChargeId,
    charged: &SessionCharged,
) -> Result<ChargeProof, String> {
    let Some(index) = leaves.iter().position(|other| *other == leaf) else {
        return Err(format!("settlement {} has no leaf of charge {id}", paid.id));
    };
    let (head, lane, finalized) = (&paid.planned.log_head, &paid.opened.lane, &paid.finalized);
    let (Ok(partition), Ok(position)) = (u32::try_from(head.partition), u64::try_from(head.position)) else {
        return Err(format!("settlement {} was planned at no place of the log", paid.id));
    };
    let proof = ChargeProof {
        object: OBJECT.to_owned(),
        version: VERSION,
        chain_id: lane.chain_id,
        contract: lane.contract,
        token: lane.token,
        payee: lane.payee,
        transaction: PaidIn {
            hash: finalized.tx_hash,
            block_number: finalized.block_number,
            block_hash: finalized.block_hash,
        },
        session_id: paid.claim.session_id,
        charge: ProvenCharge {
            id,
            amount: charged.amount,
            cumulative: charged.after.charged,
            amount_units: units(charged.amount),
            cumulative_units: units(charged.after.charged),
        },
        leaf: chain::own_bytes32(leaf),
        path: evidence::path(leaves, index),
        evidence_root: paid.planned.evidence_root,
        log_head: ProvenHead {
            log_id,
            partition,
            position,
            chain: head.chain,
            leaf: chain::own_bytes32(evidence::head_leaf(log_id, head)),
            path: evidence::path(leaves, leaves.len().saturating_sub(1)),
        },
    };
    proof.check_tree().map_err(|error| format!("settlement {}: {error}", paid.id))?;
    Ok(proof)
}
