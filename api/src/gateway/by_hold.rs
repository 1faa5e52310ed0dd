//! Paid by an account or a session key: hold the worst case, ask the upstream, capture what it cost, answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use domain::account::Account;
use domain::ids::HoldId;
use domain::money::Amount;
use domain::route::{Measured, RouteLimits};
use domain::session_key::SessionKey;

use super::answers::{self, Kept, UnderWay, in_progress, key_spent, not_kept};
use super::ask::Ask;
use super::body::ReadBody;
use super::forward::{Answer, forward, response};
use super::free::hand_over;
use super::money::{self, Denied, Entry, Purse, Step, Trouble};
use super::openai::usage;
use super::problems::{Outcome, Refused};
use super::proxy::{Reply, Trip};
use super::pump::{Pump, PumpParts};
use super::settings::HOLD_SLACK_SECS;
use super::tab::{Bill, Tab, Work};
use super::{offer, receipt};
use crate::App;
use crate::command::customers::account_stream;
use crate::command::holds::Payer;
use crate::command::session_keys;
use crate::problem::Problem;

/// Carries out a request that this purse pays for.
pub(super) async fn carry_out(mut trip: Trip<'_>, purse: Purse, body: ReadBody, ask: Ask) -> Outcome<Reply> {
    let (gateway, visit, place) = (trip.gateway, trip.visit, trip.place.clone());
    let expected = match ask.worst(&place, purse.currency) {
        Ok(expected) => expected,
        Err(problem) if problem.status == 402 => {
            return Err(Refused::payment(problem, trip.offers(&ask)?.into_demand(None)));
        }
        Err(problem) => return Err(problem.into()),
    };
    let key = visit.idempotency_key()?;
    let hold_id = purse.hold_id(key.as_deref());
    let digest = visit.digest(&body.bytes);
    let under_way = key.as_ref().map(|_| gateway.running.begin(hold_id.uuid(), digest)).transpose()?;
    let tab = Arc::new(Tab {
        app: gateway.app.clone(),
        purse,
        hold_id,
        expected,
        digest,
        labels: labels(&trip, &ask),
        place,
    });
    let mut held = None;
    if !tab.expected.is_empty() {
        match open(&trip, &tab, &ask, key.is_some()).await? {
            Opened::Held(entry) => held = Some(entry),
            Opened::Again(reply) => return Ok(*reply),
        }
    }
    let customer = tab.purse.name();
    let to_upstream = ask.body(&body.bytes);
    let forwarded = forward(&mut trip, (to_upstream, &ask), Some(&customer), key.is_some()).await;
    drop(body);
    let answer = match forwarded {
        Ok(answer) if !answer.is_error() => answer,
        Ok(answer) => {
            let remaining = give_up(&tab, held.as_ref()).await;
            let mut reply = hand_over(&trip, ask, answer, "upstream_error");
            receipt::write_nothing(reply.response.headers_mut(), &tab.purse, remaining);
            return Ok(reply);
        }
        Err(none) => {
            let remaining = give_up(&tab, held.as_ref()).await;
            let mut refused: Box<Refused> = Problem::from(none).into();
            receipt::write_nothing(&mut refused.headers, &tab.purse, remaining);
            return Err(refused);
        }
    };
    match held {
        None => {
            let mut reply = hand_over(&trip, ask, answer, "paid");
            receipt::write_nothing(reply.response.headers_mut(), &tab.purse, None);
            Ok(reply)
        }
        Some(_) if answer.is_whole() => settle_whole(&trip, &tab, &ask, answer, key.is_some()).await,
        Some(held) => Ok(stream(&trip, &tab, (ask, answer), &held, under_way)),
    }
}

/// What the charge says of the request.
fn labels(trip: &Trip<'_>, ask: &Ask) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("route".to_owned(), trip.place.route.id.to_string()),
        ("request".to_owned(), trip.visit.request_id.clone()),
    ]);
    // Labels have a length; no model that has a price has a longer name.
    if let Some(asked) = ask.asked.as_ref().filter(|asked| asked.model.len() <= 200) {
        labels.insert("model".to_owned(), asked.model.clone());
    }
    labels
}

/// A hold, or what became of it when the request came before.
enum Opened {
    Held(Entry),
    Again(Box<Reply>),
}

async fn open(trip: &Trip<'_>, tab: &Arc<Tab>, ask: &Ask, has_key: bool) -> Outcome<Opened> {
    let running = &trip.gateway.running;
    match tab.open(trip.place.route.limits.seconds_max + HOLD_SLACK_SECS).await {
        Ok(entry) if entry.is_replayed => match again(trip, tab).await? {
            Some(reply) => Ok(Opened::Again(Box::new(reply))),
            None => Ok(Opened::Held(entry)),
        },
        Ok(entry) => Ok(Opened::Held(entry)),
        Err(Trouble::Denied(denied)) => Err(refuse(trip, tab, ask, *denied).await),
        Err(Trouble::Failed { problem, is_open }) => {
            // Whoever has a key comes back for it. Else nobody does, and what may be held is given up.
            match (is_open, has_key) {
                (true, true) => running.leave_open(tab.hold_id.uuid()),
                (true, false) => give_up_later(tab),
                (false, _) => {}
            }
            Err((*problem).into())
        }
    }
}

/// What became of a request that came before; `None` when it goes on with the hold that it left.
async fn again(trip: &Trip<'_>, tab: &Tab) -> Outcome<Option<Reply>> {
    let (gateway, hold_id, organization_id) = (trip.gateway, tab.hold_id, tab.purse.organization_id);
    let [capture, void] = [Step::Capture, Step::Void].map(|step| step.command_id(hold_id));
    let ended = gateway.app.ledger.log().find(&[capture, void]).await?;
    if let Some(captured) = ended.iter().find(|stored| stored.event_id == capture) {
        let bill = Bill::new(&Entry::read(&tab.purse, captured)?, tab.purse.currency);
        let Some(kept) = answers::find(&gateway.answers, organization_id, hold_id.uuid()).await? else {
            let mut refused: Box<Refused> = not_kept().into();
            receipt::write(&mut refused.headers, &tab.purse, &bill);
            return Err(refused);
        };
        let mut response = kept.into_response();
        receipt::write(response.headers_mut(), &tab.purse, &bill);
        return Ok(Some(Reply::whole(response, "replayed", Duration::ZERO)));
    }
    if !ended.is_empty() || !is_open(&gateway.app, &tab.purse, hold_id).await? {
        return Err(key_spent().into());
    }
    if gateway.running.is_orphan(hold_id.uuid()) { Ok(None) } else { Err(in_progress().into()) }
}

async fn is_open(app: &App, purse: &Purse, hold_id: HoldId) -> Outcome<bool> {
    Ok(match purse.payer {
        Payer::Account(id) => {
            let account = app.ledger.load::<Account>(&account_stream(id)).await?.state;
            account.holds.contains_key(&hold_id)
        }
        Payer::SessionKey(id) => {
            let key = app.ledger.load::<SessionKey>(&session_keys::stream(id)).await?.state;
            key.holds.contains_key(&hold_id)
        }
    })
}

/// Gives the hold up, if there is one; what is left then.
async fn give_up(tab: &Tab, held: Option<&Entry>) -> Option<Amount> {
    held?;
    tab.void().await.map(|entry| entry.remaining)
}

fn give_up_later(tab: &Arc<Tab>) {
    let tab = tab.clone();
    tokio::spawn(async move { tab.void().await });
}

/// The ledger said no. Who pays with vouchers learns where the session stands, when the voucher was the session's.
/// There is no receipt with it: where one is, stock clients of x402 do not look at the offers, and so not at this.
async fn refuse(trip: &Trip<'_>, tab: &Tab, ask: &Ask, denied: Denied) -> Box<Refused> {
    let problem = of_denied(denied.into());
    let Ok(offers) = trip.offers(ask) else { return problem.into() };
    if problem.status != 402 {
        return problem.into();
    }
    let (Payer::SessionKey(id), Some(_)) = (tab.purse.payer, &tab.purse.voucher) else {
        return Refused::payment(problem, offers.into_demand(None));
    };
    let worst = money::total(&tab.expected).unwrap_or_default();
    let loaded = trip.gateway.app.ledger.load::<SessionKey>(&session_keys::stream(id)).await;
    let state = loaded.ok().and_then(|loaded| offer::state(&loaded.state, worst));
    Refused::payment(problem, offers.into_demand(state.as_ref()))
}

/// Whatever keeps a payer from paying is a 402, by the names that x402 and the gateway have for it.
fn of_denied(problem: Problem) -> Problem {
    let code = match problem.code {
        "voucher_required" => "voucher_too_low",
        "period_limit_exceeded" => "period_limit_reached",
        code => code,
    };
    let cannot_pay =
        ["session_", "voucher_", "claim_set_aside", "period_limit_"].iter().any(|name| code.starts_with(name));
    let status = if cannot_pay { 402 } else { problem.status };
    Problem { status, code, ..problem }
}

/// What was measured of an answer that is here whole.
fn measure(limits: &RouteLimits, ask: &Ask, answer: &Answer, body: &[u8]) -> Work {
    let said = ask.asked.as_ref().and_then(|_| usage::of_answer(body));
    let text_bytes = if ask.asked.is_some() && said.is_none() { usage::text_bytes(body) } else { 0 };
    let (tokens, is_estimate) = ask.tokens(said, 0, text_bytes);
    let millis = u64::try_from(answer.took().as_millis()).unwrap_or(u64::MAX);
    let measured = Measured {
        request_bytes: ask.request_bytes,
        response_bytes: body.len() as u64,
        millis: millis.min(u64::from(limits.seconds_max) * 1_000),
        tokens,
    };
    Work { measured, is_whole: true, is_estimate }
}

/// Charges for an answer that is here, and gives it out only then.
async fn settle_whole(trip: &Trip<'_>, tab: &Arc<Tab>, ask: &Ask, answer: Answer, has_key: bool) -> Outcome<Reply> {
    let (gateway, limits, upstream) = (trip.gateway, &trip.place.route.limits, answer.took());
    let body = answer.beginning.joined();
    let work = measure(limits, ask, &answer, &body);
    let Answer { answering, mut headers, .. } = answer;
    let status = answering.status;
    let is_kept = has_key && answers::is_kept(limits, body.len());
    let kept = is_kept.then(|| Kept { status, headers: headers.clone(), body: body.clone() });
    let owner = (tab.purse.organization_id, tab.hold_id.uuid());
    let keeping = async {
        if let Some(kept) = &kept {
            answers::keep(&gateway.answers, limits, owner, kept).await;
        }
    };
    // What is kept is found only when the charge is there.
    let (settled, ()) = tokio::join!(tab.settle(&work), keeping);
    match settled {
        Ok(bill) => {
            receipt::write(&mut headers, &tab.purse, &bill);
            Ok(Reply::whole(response(status, headers, Body::from(body)), "paid", upstream))
        }
        Err(Trouble::Denied(denied)) => {
            tab.void().await;
            Err(refuse(trip, tab, ask, *denied).await)
        }
        Err(Trouble::Failed { problem, .. }) => {
            // It may be in the log all the same.
            let capture = Step::Capture.command_id(tab.hold_id);
            if let Ok(found) = gateway.app.ledger.log().find(&[capture]).await
                && let Some(stored) = found.first()
                && let Ok(entry) = Entry::read(&tab.purse, stored)
            {
                receipt::write(&mut headers, &tab.purse, &Bill::new(&entry, tab.purse.currency));
                return Ok(Reply::whole(response(status, headers, Body::from(body)), "paid", upstream));
            }
            if has_key && problem.status == 503 {
                gateway.running.leave_open(tab.hold_id.uuid());
            } else {
                give_up_later(tab);
            }
            Err((*problem).into())
        }
    }
}

/// Passes an answer on as it comes; its cost is known at its end.
fn stream(
    trip: &Trip<'_>,
    tab: &Arc<Tab>,
    (ask, answer): (Ask, Answer),
    held: &Entry,
    under_way: Option<UnderWay>,
) -> Reply {
    let (model, upstream) = (answer.model(&ask), answer.took());
    let Answer { answering, beginning, mut headers } = answer;
    if model.is_some() {
        headers.remove(header::CONTENT_LENGTH);
    }
    let status = answering.status;
    let has_key = under_way.is_some();
    let parts = PumpParts {
        gateway: trip.gateway.clone(),
        place: trip.place.clone(),
        ask,
        answering,
        beginning,
        tab: Some(tab.clone()),
        model,
        under_way,
    };
    let (mut pump, body) = Pump::new(parts);
    if has_key && trip.place.route.limits.keep_secs > 0 {
        pump.keep(tab.hold_id.uuid(), status, headers.clone());
    }
    receipt::write_pending(&mut headers, &tab.purse, tab.hold_id, held);
    Reply { response: response(status, headers, body), outcome: "paid", upstream, rest: Some(Box::new(pump)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_payer_from_paying_is_a_402() {
        let told = |status, code| {
            let problem = of_denied(Problem::new(status, code, ""));
            (problem.status, problem.code)
        };
        assert_eq!(told(402, "voucher_required"), (402, "voucher_too_low"));
        assert_eq!(told(402, "period_limit_exceeded"), (402, "period_limit_reached"));
        assert_eq!(told(409, "session_frozen"), (402, "session_frozen"));
        assert_eq!(told(422, "voucher_above_deposit"), (402, "voucher_above_deposit"));
        assert_eq!(told(409, "claim_set_aside"), (402, "claim_set_aside"));
        assert_eq!(told(402, "insufficient_funds"), (402, "insufficient_funds"));
        assert_eq!(told(409, "too_many_holds"), (409, "too_many_holds"));
        assert_eq!(told(409, "key_rotating"), (409, "key_rotating"), "nothing that is signed now would help");
        assert_eq!(told(404, "customer_not_found"), (404, "customer_not_found"));
    }
}
