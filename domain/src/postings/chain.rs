//! Postings of what happens on a chain: session keys and exact payments.

use crate::exact_payment::ExactPaymentEvent;
use crate::postings::{JournalAccount, Move};
use crate::session_key::SessionKeyEvent;

/// What an event of a session key moves.
pub(super) fn session_key_moves(event: &SessionKeyEvent) -> Vec<Move> {
    use JournalAccount::{
        ChainClearing, ChainEscrow, CustomerEscrow, CustomerHeld, MerchantAccrued, MerchantInSettlement, Revenue,
    };
    let (escrow, held) = (CustomerEscrow(event.customer_id()), CustomerHeld(event.customer_id()));
    match event {
        SessionKeyEvent::Deposited(e) => vec![(ChainEscrow, escrow, e.amount, e.currency)],
        SessionKeyEvent::Charged(e) => {
            vec![(escrow, Revenue, e.amount, e.currency), (MerchantAccrued, ChainEscrow, e.amount, e.currency)]
        }
        SessionKeyEvent::Held(e) => vec![(escrow, held, e.amount, e.currency)],
        SessionKeyEvent::HoldExtended(e) => vec![(escrow, held, e.amount, e.currency)],
        SessionKeyEvent::Captured(e) => vec![
            (held, Revenue, e.charge.amount, e.charge.currency),
            (MerchantAccrued, ChainEscrow, e.charge.amount, e.charge.currency),
            (held, escrow, e.returned, e.charge.currency),
        ],
        SessionKeyEvent::Voided(e) | SessionKeyEvent::HoldExpired(e) => vec![(held, escrow, e.returned, e.currency)],
        SessionKeyEvent::ClaimPlanned(e) => vec![(MerchantInSettlement, MerchantAccrued, e.amount, e.currency)],
        SessionKeyEvent::ClaimReleased(e) => vec![(MerchantAccrued, MerchantInSettlement, e.amount, e.currency)],
        SessionKeyEvent::Claimed(e) => vec![
            (ChainClearing, MerchantInSettlement, e.planned, e.currency),
            (ChainClearing, MerchantAccrued, e.amount.minus(e.planned), e.currency),
        ],
        SessionKeyEvent::Withdrawn(e) => vec![(escrow, ChainEscrow, e.amount, e.currency)],
        // The chain was set back: a deposit is not there any more.
        SessionKeyEvent::Restated(e) => vec![(escrow, ChainEscrow, e.amount, e.currency)],
        // What was charged and never claimed is taken back.
        SessionKeyEvent::Closed(e) => vec![
            (Revenue, escrow, e.written_off, e.currency),
            (ChainEscrow, MerchantAccrued, e.written_off, e.currency),
        ],
        _ => Vec::new(),
    }
}

/// What an event of an exact payment moves.
pub(super) fn exact_payment_moves(event: &ExactPaymentEvent) -> Vec<Move> {
    use JournalAccount::{ChainClearing, MerchantSettled, Revenue};
    match event {
        ExactPaymentEvent::Settled(e) => vec![(ChainClearing, Revenue, e.amount, e.currency)],
        ExactPaymentEvent::Finalized(e) => vec![(MerchantSettled, ChainClearing, e.amount, e.currency)],
        // The chain was reorganized: what had been in a block is in none.
        ExactPaymentEvent::Failed(e) => vec![(Revenue, ChainClearing, e.reversed, e.currency)],
        ExactPaymentEvent::Accepted(_)
        | ExactPaymentEvent::Released(_)
        | ExactPaymentEvent::Submitted(_)
        | ExactPaymentEvent::Delivered(_) => Vec::new(),
    }
}
