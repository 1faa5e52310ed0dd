//! What paid for a charge: credits and the post-paid balance of an account, or the deposits of a session
//! key with what its key signed.

use chrono::SecondsFormat;
use domain::RecordedEvent;
use domain::account::{AccountEvent, Charged};
use domain::hold::HoldAfter;
use domain::money::Amount;
use domain::session_key::event::Granted;
use domain::session_key::{Custody, SessionCharged, SessionKeyEvent, StoredVoucher};
use serde_json::json;

use super::{Look, Step, StepOut, Way};
use crate::problem::Problem;

impl Look<'_> {
    /// From the request to the charge, when an account paid.
    pub(super) async fn paid_by_account(
        &self,
        charged: &Charged,
        event: &AccountEvent,
    ) -> Result<Vec<StepOut>, Problem> {
        let mut steps = vec![self.request().await?];
        steps.extend(self.hold(event.hold()).await?);
        steps.extend(self.prices(&charged.lines, charged.currency, &charged.metadata).await?);
        steps.extend(self.credits(charged).await?);
        if !charged.postpaid.is_zero() {
            steps.push(self.postpaid(charged).await?);
        }
        let (currency, after) = (charged.currency, &charged.after);
        let from_credits = charged.paid_by_credits();
        // A hold took the credits when it was placed; what it gives back it gives back with the charge.
        let (credits, returned) = match event {
            AccountEvent::Captured(captured) => {
                let returned = captured.returned.of_credits();
                (after.credits.minus(returned), returned)
            }
            _ => (after.credits.plus(from_credits), Amount::ZERO),
        };
        let owed = after.postpaid.minus(charged.postpaid);
        let text = format!(
            "{} {currency} were charged to customer {}: {from_credits} from credits, {} post-paid; credits went from \
             {credits} to {}, what is owed from {owed} to {}.",
            charged.amount, charged.customer_id, charged.postpaid, after.credits, after.postpaid
        );
        let data = json!({
            "amount": charged.amount,
            "currency": currency,
            "paid": {"credits": from_credits, "postpaid": charged.postpaid},
            "before": {"credits": credits, "postpaid": owed},
            "after": after,
            "returned": {"credits": returned},
            "description": charged.description,
            "metadata": charged.metadata,
        });
        steps.push(StepOut::new(Step::Charge, self.charge, text, data));
        Ok(steps)
    }

    /// What was reserved before, when a hold pays it.
    async fn hold(&self, hold: Option<&HoldAfter>) -> Result<Option<StepOut>, Problem> {
        let Some(hold) = hold else { return Ok(None) };
        let placed = self.app.ledger.log().find(&[hold.hold_id.uuid()]).await?;
        let text = format!(
            "The hold {} reserved for it at {}; {} of it were captured with this, {} are still held.",
            hold.hold_id,
            hold.placed_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            hold.captured,
            hold.held
        );
        Ok(Some(StepOut::maybe(Step::Hold, placed.first(), text, json!({"hold": hold}))))
    }

    /// One step for each grant that paid, told from the event that gave it.
    async fn credits(&self, charged: &Charged) -> Result<Vec<StepOut>, Problem> {
        let mut wanted: Vec<_> = charged.credits_used.iter().map(|used| used.grant_id).collect();
        let mut grants = Vec::with_capacity(wanted.len());
        if !wanted.is_empty() {
            self.scan(&self.charge.stream_id, &["credited"], self.before(), |stored, event| {
                if let AccountEvent::Credited(credited) = event
                    && wanted.contains(&credited.grant_id)
                {
                    wanted.retain(|id| *id != credited.grant_id);
                    grants.push((stored, credited));
                }
                !wanted.is_empty()
            })
            .await?;
        }
        let steps = charged.credits_used.iter().map(|used| {
            let (id, amount, currency) = (used.grant_id, used.amount, charged.currency);
            let Some((stored, grant)) = grants.iter().find(|(_, grant)| grant.grant_id == id) else {
                let text = format!("{amount} {currency} were paid by the credits {id}.");
                return StepOut::without_event(Step::Credits, text, json!({"grant_id": id, "amount": amount}));
            };
            let until = grant.expires_at.map_or("never expire".to_owned(), |at| {
                format!("expire at {}", at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            });
            let text = format!(
                "{amount} {currency} were paid by the credits {id}: {} {currency} with priority {}, which {until}.",
                grant.amount, grant.priority
            );
            let data = json!({
                "grant_id": id,
                "amount": amount,
                "currency": currency,
                "granted": grant.amount,
                "priority": grant.priority,
                "expires_at": grant.expires_at,
            });
            StepOut::new(Step::Credits, stored, text, data)
        });
        Ok(steps.collect())
    }

    /// What is owed, told from the event that says how far that may go.
    async fn postpaid(&self, charged: &Charged) -> Result<StepOut, Problem> {
        let (stream, any) = (&self.charge.stream_id, |_: &AccountEvent| true);
        let mut limit = self.find(stream, "limit_set", self.before(), any).await?;
        if limit.is_none() {
            limit = self.find(stream, "opened", self.before(), any).await?;
        }
        let (currency, after) = (charged.currency, &charged.after);
        let text = format!(
            "{} {currency} are owed for it: with them {} {currency} of at most {} {currency} post-paid.",
            charged.postpaid, after.postpaid, after.postpaid_limit
        );
        let data = json!({
            "amount": charged.postpaid,
            "currency": currency,
            "postpaid": after.postpaid,
            "postpaid_limit": after.postpaid_limit,
        });
        Ok(StepOut::maybe(Step::Postpaid, limit.as_ref().map(|(stored, _)| stored), text, data))
    }

    /// From the request to the charge, when a session key paid.
    pub(super) async fn paid_by_session_key(
        &self,
        charged: &SessionCharged,
        event: &SessionKeyEvent,
    ) -> Result<Vec<StepOut>, Problem> {
        let mut steps = vec![self.request().await?];
        steps.extend(self.hold(event.hold()).await?);
        steps.extend(self.prices(&charged.lines, charged.currency, &charged.metadata).await?);
        steps.extend(self.deposits(charged).await?);
        steps.push(self.voucher(charged).await?);
        let (currency, after) = (charged.currency, &charged.after);
        let cumulative = after.charged.minus(charged.amount);
        let available = match event {
            SessionKeyEvent::Captured(captured) => after.available.minus(captured.returned),
            _ => after.available.plus(charged.amount),
        };
        let text = format!(
            "{} {currency} were charged to session key {}: what may still be charged went from {available} to {}, \
             what was charged in all from {cumulative} to {}.",
            charged.amount, charged.session_key_id, after.available, after.charged
        );
        let data = json!({
            "amount": charged.amount,
            "currency": currency,
            "before": {"available": available, "charged": cumulative},
            "after": after,
            "period_start": charged.period_start,
            "description": charged.description,
            "metadata": charged.metadata,
        });
        steps.push(StepOut::new(Step::Charge, self.charge, text, data));
        Ok(steps)
    }

    /// The deposits that pay for the charge: money is spent in the order in which it came in, and given
    /// back from the end.
    async fn deposits(&self, charged: &SessionCharged) -> Result<Vec<StepOut>, Problem> {
        let mut moves = Vec::new();
        for event_type in ["deposited", "withdrawn"] {
            self.scan(&self.charge.stream_id, &[event_type], self.before(), |stored, event: SessionKeyEvent| {
                moves.push((stored, event));
                true
            })
            .await?;
        }
        moves.sort_by_key(|(stored, _)| stored.position);
        let to = charged.after.charged;
        let steps = spent(moves, to.minus(charged.amount), to).into_iter().filter_map(|(stored, event, part)| {
            let SessionKeyEvent::Deposited(deposited) = event else { return None };
            let (currency, at) = (deposited.currency, deposited.at);
            let text = format!(
                "{part} {currency} of the deposit of {} {currency} pay for it, which came in with transaction {} in \
                 block {}.",
                deposited.amount, at.tx_hash, at.block_number
            );
            let data = json!({"pays": part, "amount": deposited.amount, "currency": currency, "at": at});
            Some(StepOut::new(Step::Deposit, &stored, text, data))
        });
        Ok(steps.collect())
    }

    async fn voucher(&self, charged: &SessionCharged) -> Result<StepOut, Problem> {
        let granted = self
            .find(&self.charge.stream_id, "granted", Way::After(0), |event| {
                matches!(event, SessionKeyEvent::Granted(_))
            })
            .await?;
        // Its owner may have given it another key since.
        let rotated = self
            .find(&self.charge.stream_id, "key_rotated", self.before(), |event| {
                matches!(event, SessionKeyEvent::KeyRotated(_))
            })
            .await?;
        let key = [rotated.as_ref(), granted.as_ref()].into_iter().flatten().find_map(|(_, event)| match event {
            SessionKeyEvent::KeyRotated(rotated) => Some(rotated.key),
            SessionKeyEvent::Granted(granted) => Some(granted.terms.key),
            _ => None,
        });
        let (currency, cumulative) = (charged.currency, charged.after.charged);
        if let Some((stored, SessionKeyEvent::Granted(granted))) = &granted
            && granted.terms.custody == Custody::Managed
        {
            let Granted { terms, .. } = granted;
            let key = key.unwrap_or(terms.key);
            let text = format!(
                "Tollbook holds the session's key {key}, within what its owner {} granted, and signs for what was charged \
                 when it settles.",
                terms.owner
            );
            let data = json!({"custody": terms.custody, "key": key, "owner": terms.owner});
            return Ok(StepOut::new(Step::Voucher, stored, text, data));
        }
        let (found, to_the_end) = self.stored_voucher(charged).await?;
        let Some((stored, voucher)) = found else {
            let text = if to_the_end {
                "No voucher was needed for it."
            } else {
                "No voucher came with the charges shortly before it, and it was not looked for further back."
            };
            return Ok(StepOut::without_event(Step::Voucher, text, json!({"custody": Custody::Client, "key": key})));
        };
        let text = format!(
            "The session's key{} signed for at most {} {currency} in all, which covers the {cumulative} {currency} that \
             are charged with this.",
            key.map_or(String::new(), |key| format!(" {key}")),
            voucher.max_claimable
        );
        let data = json!({
            "custody": Custody::Client,
            "key": key,
            "max_claimable": voucher.max_claimable,
            "signature": voucher.signature,
            "came_with_this_charge": charged.voucher.is_some(),
        });
        Ok(StepOut::new(Step::Voucher, &stored, text, data))
    }

    /// The highest voucher at the time of the charge: its own, else the last one that came before; and whether all
    /// was looked through for it.
    async fn stored_voucher(
        &self,
        charged: &SessionCharged,
    ) -> Result<(Option<(RecordedEvent, StoredVoucher)>, bool), Problem> {
        if let Some(voucher) = charged.voucher {
            return Ok((Some((self.charge.clone(), voucher)), true));
        }
        let mut found = None;
        let take = |stored, event: SessionKeyEvent| {
            found = event.voucher().map(|voucher| (stored, voucher));
            found.is_none()
        };
        let with_voucher = ["charged", "held", "hold_extended"];
        let to_the_end = self.scan(&self.charge.stream_id, &with_voucher, self.before(), take).await?;
        Ok((found, to_the_end))
    }
}

/// Which deposits the money between two cumulative sums came from, and how much from each. `moves` are
/// deposits and withdrawals in order.
fn spent(
    moves: Vec<(RecordedEvent, SessionKeyEvent)>,
    from: Amount,
    to: Amount,
) -> Vec<(RecordedEvent, SessionKeyEvent, Amount)> {
    let mut stack: Vec<(RecordedEvent, SessionKeyEvent, Amount)> = Vec::new();
    for (stored, event) in moves {
        match &event {
            SessionKeyEvent::Deposited(deposited) => {
                let amount = deposited.amount;
                stack.push((stored, event, amount));
            }
            SessionKeyEvent::Withdrawn(withdrawn) => {
                let mut given_back = withdrawn.amount;
                while let Some((_, _, left)) = stack.last_mut().filter(|_| !given_back.is_zero()) {
                    let taken = given_back.min(*left);
                    given_back = given_back.minus(taken);
                    *left = left.minus(taken);
                    if left.is_zero() {
                        stack.pop();
                    }
                }
            }
            _ => {}
        }
    }
    let mut start = Amount::ZERO;
    let parts = stack.into_iter().filter_map(|(stored, event, left)| {
        let end = start.plus(left);
        let part = end.min(to).minus(start.max(from));
        start = end;
        (!part.is_zero()).then_some((stored, event, part))
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::evm::{Bytes32, ChainRef};
    use domain::ids::{CustomerId, OrganizationId};
    use domain::money::Currency;
    use domain::session_key::SessionBalances;
    use domain::session_key::event::{Deposited, Withdrawn};
    use domain::{EventPayload, StreamId, Timestamp};
    use uuid::Uuid;

    const NOW: &str = "2026-01-01T00:00:00Z";

    /// Deposits, and withdrawals as negative numbers.
    fn moves(amounts: &[i64]) -> Vec<(RecordedEvent, SessionKeyEvent)> {
        let zero = Amount::ZERO;
        let after = SessionBalances {
            deposited: zero,
            withdrawn: zero,
            charged: zero,
            claimed: zero,
            held: zero,
            available: zero,
        };
        let (customer_id, currency) = (CustomerId::new(Uuid::from_u128(1)), Currency::USDC);
        let (tx_hash, block_hash) = (Bytes32([1; 32]), Bytes32([2; 32]));
        let at = ChainRef { tx_hash, log_index: 0, block_number: 1, block_hash, block_time: NOW.parse().unwrap() };
        let event = |signed: i64| {
            let amount = signed.abs().to_string().parse().unwrap();
            if signed > 0 {
                SessionKeyEvent::Deposited(Deposited { customer_id, amount, currency, at, after })
            } else {
                SessionKeyEvent::Withdrawn(Withdrawn { customer_id, amount, currency, at, after })
            }
        };
        amounts
            .iter()
            .zip(1..)
            .map(|(amount, position)| (recorded(position, &event(*amount)), event(*amount)))
            .collect()
    }

    fn recorded(position: i64, event: &SessionKeyEvent) -> RecordedEvent {
        let now: Timestamp = NOW.parse().unwrap();
        RecordedEvent {
            partition: 0,
            position,
            event_id: Uuid::from_u128(position as u128),
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            stream_id: StreamId::new("session_key", "ses_1"),
            version: position,
            event_type: event.event_type().to_owned(),
            schema: event.schema(),
            occurred_at: now,
            recorded_at: now,
            actor: "system:test".into(),
            request_digest: vec![0; 32],
            causation_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            payload: event.encode(),
            digest: Vec::new(),
        }
    }

    #[test]
    fn money_is_spent_in_the_order_in_which_it_came() {
        let told = |amounts: &[i64], from: &str, to: &str| {
            let parts = spent(moves(amounts), from.parse().unwrap(), to.parse().unwrap());
            parts.into_iter().map(|(stored, _, part)| (stored.position, part.to_string())).collect::<Vec<_>>()
        };
        let part = |position: i64, amount: &str| (position, amount.to_owned());
        assert_eq!(told(&[10, 5], "0", "1.5"), [part(1, "1.5")]);
        assert_eq!(told(&[10, 5], "8", "12"), [part(1, "2"), part(2, "2")]);
        assert_eq!(told(&[10, 5], "10", "12"), [part(2, "2")]);
        assert_eq!(told(&[10, 5], "3", "3"), [], "a charge that costs nothing");
        // 7 of 15 were given back: all of the second deposit, 2 of the first.
        assert_eq!(told(&[10, 5, -7, 4], "7", "10"), [part(1, "1"), part(4, "2")]);
        assert_eq!(told(&[], "0", "1"), []);
    }
}
