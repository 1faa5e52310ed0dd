//! A new key for the vault, and what a person takes over from a chain that was set back.

use crate::evm::Address;
use crate::money::Amount;
use crate::session_key::decision::Rules;
use crate::session_key::event::{KeyPrepared, Restated, SessionKeyEvent};
use crate::session_key::{Custody, SessionKey, SessionKeyError, Status};

type Decision = Result<Vec<SessionKeyEvent>, SessionKeyError>;

impl Rules<'_> {
    /// One at a time: its owner may have signed for the one that was prepared.
    pub(super) fn prepare(&self, key: Address) -> Decision {
        let state = self.state;
        if self.grant.terms.custody != Custody::Managed {
            return Err(SessionKeyError::NotManaged);
        }
        match state.prepared_key {
            Some(prepared) if prepared == key => return Ok(Vec::new()),
            _ if matches!(state.status(), Status::Revoked | Status::Expired | Status::Closed) => {
                return Err(SessionKeyError::WrongStatus(state.status()));
            }
            Some(prepared) => return Err(SessionKeyError::KeyPrepared(prepared)),
            None if key == self.grant.terms.key => return Ok(Vec::new()),
            None => {}
        }
        Ok(vec![SessionKeyEvent::KeyPrepared(KeyPrepared { customer_id: self.grant.customer_id, key })])
    }

    /// Only downwards: what comes in comes by deposits. And not below what was claimed, which has been paid out. What
    /// came in since the contract was asked is not taken away with it.
    pub(super) fn restate(&self, escrow: Amount, known: Amount, block_number: u64, reason: &str) -> Decision {
        let (state, currency) = (self.state, self.currency());
        let (least, now) = (state.claimed, state.escrow());
        if known != now || escrow > now || (escrow < now && escrow < least) {
            return Err(SessionKeyError::CannotRestate { least, escrow: now, given: escrow, currency });
        }
        if escrow == now && !state.knows_after(block_number) {
            return Ok(Vec::new());
        }
        let amount = now.minus(escrow);
        let deposited = state.deposited.minus(amount);
        let after = SessionKey { deposited, ..state.clone() }.balances();
        Ok(vec![SessionKeyEvent::Restated(Restated {
            customer_id: self.grant.customer_id,
            deposited,
            amount,
            currency,
            reason: reason.to_owned(),
            block_number,
            after,
        })])
    }
}
