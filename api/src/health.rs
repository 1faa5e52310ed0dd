//! For those who operate it: is it alive, can it work, what does it measure.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use projections::checkpoint::{self, Checkpoint};
use serde_json::json;

use crate::{App, chains};

const POSTGRES_WITHIN: Duration = Duration::from_secs(2);

const NATS_WITHIN: Duration = Duration::from_secs(1);
const CHAIN_WITHIN: Duration = Duration::from_secs(1);
/// Events that may be on their way to NATS or to a read model.
const LAG_MAX: i64 = 20_000;

/// The process runs.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it can work: 503 without Postgres; `degraded` while charges go on but something else
/// does not (NATS away or behind, a read model halted, the chain away).
pub async fn readyz(State(app): State<App>) -> Response {
    let asked = tokio::time::timeout(POSTGRES_WITHIN, async {
        let mut connection = app.pool.acquire().await.map_err(|e| e.to_string())?;
        checkpoint::all(&mut connection).await.map_err(|e| e.to_string())
    });
    let (postgres, troubled) = match asked.await {
        Ok(Ok(checkpoints)) => ("ok".to_owned(), troubled(&app, &checkpoints).await),
        Ok(Err(error)) => {
            tracing::debug!(error, "not ready");
            ("away".to_owned(), Vec::new())
        }
        Err(_) => ("does not answer".to_owned(), Vec::new()),
    };
    let nats = match &app.nats {
        None => "not used",
        Some(copy) if (copy.is_up)() => "ok",
        Some(_) => "away",
    };
    let relay = match nats {
        "not used" => "not used".to_owned(),
        "ok" if postgres == "ok" => relay(&app).await,
        _ => "unknown".to_owned(),
    };
    let projections = if postgres != "ok" {
        "unknown".to_owned()
    } else if troubled.is_empty() {
        "ok".to_owned()
    } else {
        troubled.join("; ")
    };
    let chain = chain(&app, postgres == "ok").await;
    let (code, status) = if postgres != "ok" {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    } else if nats == "away"
        || projections != "ok"
        || (nats == "ok" && relay != "ok")
        || !matches!(chain.as_str(), "ok" | "not used")
    {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    };
    let checks =
        json!({"postgres": postgres, "nats": nats, "relay": relay, "projections": projections, "chain": chain});
    (code, axum::Json(json!({"status": status, "checks": checks}))).into_response()
}

/// Read models that have halted, or that nobody feeds.
async fn troubled(app: &App, checkpoints: &[Checkpoint]) -> Vec<String> {
    let mut found = Vec::new();
    for partition in app.ledger.partitions() {
        let head = app.ledger.log().head(partition).await.map_or(0, |head| head.position);
        for projection in projections::all() {
            let name = checkpoint::live_name(projection.as_ref());
            let own = checkpoints.iter().find(|c| c.name == name && c.partition == partition);
            let behind = head - own.map_or(0, |c| c.position);
            if let Some(why) = own.and_then(|c| c.halted.as_ref()) {
                found.push(format!("{name} halted {why}"));
            } else if behind > LAG_MAX {
                found.push(format!("{name} is {behind} events behind"));
            }
        }
    }
    found
}

/// Whether the copy in NATS keeps up with the log.
async fn relay(app: &App) -> String {
    let Some(copy) = &app.nats else { return "unknown".to_owned() };
    let mut behind = 0;
    for partition in app.ledger.partitions() {
        let head = app.ledger.log().head(partition).await.map_or(0, |head| head.position);
        match tokio::time::timeout(NATS_WITHIN, (copy.last_position)(partition)).await {
            Ok(Some(last)) => behind += (head - last).max(0),
            Ok(None) | Err(_) => return "NATS does not say".to_owned(),
        }
    }
    if behind <= LAG_MAX { "ok".to_owned() } else { format!("{behind} events behind") }
}

/// Whether the chain answers and is the one of the settings, and whether it is followed. Charges need neither.
async fn chain(app: &App, can_read: bool) -> String {
    let Some(client) = &app.chain else { return "not used".to_owned() };
    let answers = match tokio::time::timeout(CHAIN_WITHIN, client.verify()).await {
        Ok(Ok(())) => "ok",
        Ok(Err(chain::ChainError::Mismatch(_))) => "not the one of the settings",
        Ok(Err(_)) => "away",
        Err(_) => "does not answer",
    };
    let asked = async {
        match can_read {
            true => tokio::time::timeout(POSTGRES_WITHIN, chains::troubles(app, client)).await,
            false => Ok(Ok(Vec::new())),
        }
    };
    let mut said: Vec<String> =
        Some(answers).filter(|answers| *answers != "ok").map(str::to_owned).into_iter().collect();
    match asked.await {
        Ok(Ok(troubles)) => said.extend(troubles),
        Ok(Err(error)) => tracing::debug!(%error, "nothing is known of the chain's worker"),
        Err(_) => tracing::debug!("nothing is known of the chain's worker"),
    }
    if said.is_empty() { "ok".to_owned() } else { said.join("; ") }
}

/// What it measures, for Prometheus.
pub async fn metrics(State(app): State<App>) -> Response {
    ([("content-type", "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}
