//! What costs nothing: straight through, within the route's limits.

use axum::body::Body;
use axum::http::header;

use super::ask::Ask;
use super::body;
use super::forward::{Answer, forward, response};
use super::problems::Outcome;
use super::proxy::{Reply, Trip};
use super::pump::{Pump, PumpParts};
use crate::problem::Problem;

/// Passes a request on that nobody pays for.
pub(super) async fn pass(mut trip: Trip<'_>, body: Body) -> Outcome<Reply> {
    let limits = trip.place.route.limits;
    let body = body::read(body, &trip.visit.headers, limits.request_bytes_max, &trip.gateway.memory).await?;
    let ask = Ask { request_bytes: body.bytes.len() as u64, asked: None };
    let answer = match forward(&mut trip, (body.bytes, &ask), None, false).await {
        Ok(answer) => answer,
        Err(none) => return Err(Problem::from(none).into()),
    };
    drop(body.taken);
    Ok(hand_over(&trip, ask, answer, "free"))
}

/// Hands an answer over as it is, with nothing to be charged for it any more.
pub(super) fn hand_over(trip: &Trip<'_>, ask: Ask, answer: Answer, outcome: &'static str) -> Reply {
    let upstream = answer.took();
    let is_whole = answer.is_whole();
    let Answer { answering, beginning, mut headers } = answer;
    let status = answering.status;
    if is_whole {
        return Reply::whole(response(status, headers, Body::from(beginning.joined())), outcome, upstream);
    }
    if ask.asked.is_some() {
        headers.remove(header::CONTENT_LENGTH);
    }
    let parts = PumpParts {
        gateway: trip.gateway.clone(),
        place: trip.place.clone(),
        ask,
        answering,
        beginning,
        tab: None,
        model: None,
        under_way: None,
    };
    let (pump, body) = Pump::new(parts);
    Reply { response: response(status, headers, body), outcome, upstream, rest: Some(Box::new(pump)) }
}
