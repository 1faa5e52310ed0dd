//! Prices of language models: the price list behind routes that are priced by model.
//!
//! People give prices for a million tokens, the ledger keeps them for one, and nothing is rounded on the way. Besides
//! the interface's own form it takes that of LiteLLM's price file (see [`litellm`]).

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::model_price::{InvalidModelName, ModelName, ModelPrice, PRICES_MAX, TokenPrices, per_million, per_token};
use domain::money::{Amount, MoneyError};
use domain::organization::{Organization, OrganizationCommand, OrganizationEvent};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::Executed;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{answer, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, JsonBytes, parse};
use crate::money;
use crate::problem::Problem;

mod litellm;

/// Prices of models.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelsIn {
    /// 1 to 500 of them. Models that are not named keep their prices.
    pub models: Vec<ModelIn>,
}

/// The price of a model for a million tokens of each kind: decimal strings, zero or more, at most 6 decimals.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelIn {
    /// Its name, as its upstream has it: 1 to 128 visible ASCII characters.
    #[schema(example = "gpt-4o-mini")]
    pub model: String,
    /// What it reads.
    #[schema(example = "0.15")]
    pub input_per_million: String,
    /// What it reads and remembered; as what it reads when left out.
    #[serde(default)]
    #[schema(example = "0.075")]
    pub cached_input_per_million: Option<String>,
    /// What it writes.
    #[schema(example = "0.60")]
    pub output_per_million: String,
}

/// A model on the price list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelOut {
    /// Always `model`.
    pub object: &'static str,
    /// Its name.
    pub model: String,
    /// What its meters begin with: `<code>.input`, `<code>.cached_input`, `<code>.output`.
    pub code: String,
    /// A million tokens that it reads.
    pub input_per_million: String,
    /// A million that it reads and remembered.
    pub cached_input_per_million: String,
    /// A million that it writes.
    pub output_per_million: String,
    /// The version of the price list with which this price came.
    pub version: u32,
    /// Since when it has this one.
    pub updated_at: DateTime<Utc>,
}

impl ModelOut {
    /// From the domain's price.
    pub fn new(price: &ModelPrice, updated_at: Timestamp) -> Self {
        Self {
            object: "model",
            model: price.model.to_string(),
            code: price.code.to_string(),
            input_per_million: per_million(price.input).to_string(),
            cached_input_per_million: per_million(price.cached_input).to_string(),
            output_per_million: per_million(price.output).to_string(),
            version: price.version,
            updated_at,
        }
    }
}

/// What became of prices that were given.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelsOut {
    /// Always `models`.
    pub object: &'static str,
    /// Those that are new or have another price now, by name; the others had the price that was given.
    pub data: Vec<ModelOut>,
    /// Models of a LiteLLM file that have no price per token.
    pub skipped: Vec<String>,
    /// The log's position after the command.
    pub position: String,
}

/// Prices as they were read, whatever form they came in. What it says is what the request's digest covers.
#[derive(Debug, PartialEq, Serialize)]
struct Given {
    prices: Vec<(ModelName, [Amount; 3])>,
    skipped: Vec<String>,
}

impl Given {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Form {
            models: Option<IgnoredAny>,
        }
        let given = match serde_json::from_slice::<Form>(body) {
            Ok(Form { models: None }) => litellm::read(parse(body)?)?,
            // Also what is not JSON: it is told so.
            _ => listed(&parse::<ModelsIn>(body)?.models)?,
        };
        given.checked()
    }

    fn checked(self) -> Result<Self, Problem> {
        let count = self.prices.len();
        if count > PRICES_MAX {
            let detail = format!("at most {PRICES_MAX} prices can be set at once, these are {count}");
            return Err(Problem::new(400, "batch_too_large", detail).with("limit", json!(PRICES_MAX)));
        }
        if count == 0 {
            return Err(Problem::bad_request("invalid_request", "models", "there is no price in it"));
        }
        let mut names: Vec<&ModelName> = self.prices.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|two| two[0] == two[1]) {
            let detail = format!("model {} is named twice", twice[0]);
            return Err(Problem::bad_request("invalid_request", "models", detail));
        }
        Ok(self)
    }
}

fn listed(models: &[ModelIn]) -> Result<Given, Problem> {
    let prices = models.iter().enumerate().map(|(index, one)| {
        let price = |field: &str, text: &str| price_of_one(&format!("models[{index}].{field}"), text);
        let name = name(&format!("models[{index}].model"), &one.model)?;
        let input = price("input_per_million", &one.input_per_million)?;
        let cached = one.cached_input_per_million.as_deref();
        let cached = cached.map(|text| price("cached_input_per_million", text)).transpose()?;
        Ok((name, [input, cached.unwrap_or(input), price("output_per_million", &one.output_per_million)?]))
    });
    Ok(Given { prices: prices.collect::<Result<_, Problem>>()?, skipped: Vec::new() })
}

fn name(param: &str, text: &str) -> Result<ModelName, Problem> {
    text.parse().map_err(|e: InvalidModelName| Problem::bad_request("invalid_request", param, e.to_string()))
}

/// What one token costs, where the text is the price of a million.
fn price_of_one(param: &str, text: &str) -> Result<Amount, Problem> {
    per_token(money::amount(param, text)?).map_err(|error| {
        let why = match error {
            MoneyError::TooPrecise { .. } => "has more than 6 decimals: one token's price has at most 12".to_owned(),
            error => error.to_string(),
        };
        Problem::bad_request("invalid_amount", param, format!("{param} {why}"))
    })
}

/// Add models to the price list, or give them new prices; others keep theirs. Charges made before keep their prices.
/// The body may also be LiteLLM's price file, or a part of it: an object with a member for each model, in which
/// `input_cost_per_token`, `output_cost_per_token` and `cache_read_input_token_cost` are read exactly.
#[utoipa::path(put, path = "/v1/models", tag = "Models", request_body = ModelsIn,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ModelsOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_models(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    JsonBytes(body): JsonBytes,
) -> Result<Response, Problem> {
    let given = Given::read(&body)?;
    let meta = meta(&principal, key.as_deref(), "PUT /v1/models", "", &given)?;
    let prices = given
        .prices
        .into_iter()
        .map(|(model, [input, cached_input, output])| (model, TokenPrices { input, cached_input, output }));
    let command = OrganizationCommand::SetModelPrices { prices: prices.collect() };
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    let executed = execute::<Organization>(&app, stream, meta, command).await?;
    app.directory.changed(principal.organization_id);
    let (data, position, replayed) = match executed {
        Executed::Done { event, replayed } => {
            let OrganizationEvent::ModelPricesSet(set) = &event.event else { return Err(Problem::internal()) };
            let data = set.prices.iter().map(|price| ModelOut::new(price, event.occurred_at)).collect();
            (data, event.position, replayed)
        }
        Executed::Unchanged { position, .. } => (Vec::new(), position, false),
    };
    let out = ModelsOut { object: "models", data, skipped: given.skipped, position: position.to_string() };
    Ok(answer(StatusCode::OK, out, replayed))
}

/// The name of a model in the path. One that is malformed is one that does not exist.
pub struct ModelPath(pub ModelName);

impl<S: Send + Sync> FromRequestParts<S> for ModelPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found("model_not_found", "the price list has no such model");
        let Path(name) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        name.parse().map(Self).map_err(|_| missing())
    }
}

/// A model that is on the price list no more.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelRemovedOut {
    /// Always `model`.
    pub object: &'static str,
    /// Its name.
    pub model: String,
    /// Always `true`.
    pub deleted: bool,
    /// The log's position after the command.
    pub position: String,
}

/// Take a model off the price list: it can be asked for no more where routes are priced by model.
#[utoipa::path(delete, path = "/v1/models/{model}", tag = "Models",
    params(("model" = String, Path, description = "its name, percent-encoded"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ModelRemovedOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn remove_model(
    State(app): State<App>,
    principal: Principal,
    ModelPath(model): ModelPath,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "DELETE /v1/models/{model}", model.as_str(), &())?;
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    let command = OrganizationCommand::RemoveModelPrice { model: model.clone() };
    let executed = execute::<Organization>(&app, stream, meta, command).await?;
    app.directory.changed(principal.organization_id);
    match executed {
        Executed::Done { event, replayed } => {
            let (model, position) = (model.to_string(), event.position.to_string());
            Ok(answer(StatusCode::OK, ModelRemovedOut { object: "model", model, deleted: true, position }, replayed))
        }
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> Result<Vec<String>, (&'static str, String)> {
        let shown = |given: Given| -> Vec<String> {
            let shown = |(name, [input, cached, output]): &(ModelName, [Amount; 3])| {
                format!("{name} {input} {cached} {output}")
            };
            let skipped = given.skipped.iter().map(|name| format!("{name} skipped"));
            given.prices.iter().map(shown).chain(skipped).collect()
        };
        Given::read(body.as_bytes()).map(shown).map_err(|problem| {
            let param = problem.fields.get("param").and_then(|param| param.as_str()).unwrap_or_default();
            (problem.code, param.to_owned())
        })
    }

    #[test]
    fn both_forms_are_read_exactly() {
        let own = r#"{"models":[
            {"model":"gpt-4o-mini","input_per_million":"0.15","cached_input_per_million":"0.075","output_per_million":"0.60"},
            {"model":"b","input_per_million":"1","output_per_million":"0"}]}"#;
        let expected = ["gpt-4o-mini 0.00000015 0.000000075 0.0000006", "b 0.000001 0.000001 0"];
        assert_eq!(told(own).unwrap(), expected);
        let litellm = r#"{
            "gpt-4o-mini":{"input_cost_per_token":1.5e-07,"cache_read_input_token_cost":7.5E-8,
                "output_cost_per_token":6e-07,"litellm_provider":"openai","max_tokens":16384},
            "b":{"input_cost_per_token":0.000001,"output_cost_per_token":0.0},
            "images":{"input_cost_per_pixel":1.9e-08}}"#;
        assert_eq!(told(litellm).unwrap(), [expected[0], expected[1], "images skipped"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let one = |fields: &str| format!(r#"{{"models":[{{"model":"a",{fields}}}]}}"#);
        let both = |input: &str| one(&format!(r#""input_per_million":{input},"output_per_million":"1""#));
        let wrong = |code, param: &str| Err((code, param.to_owned()));
        assert_eq!(told("{"), wrong("invalid_json", ""));
        assert_eq!(told("[]"), wrong("invalid_request", ""));
        assert_eq!(told("{}"), wrong("invalid_request", "models"));
        assert_eq!(told(r#"{"models":[]}"#), wrong("invalid_request", "models"));
        assert_eq!(told(r#"{"models":{}}"#), wrong("invalid_request", "models"));
        assert_eq!(told(&both(r#""1","x":1"#)), wrong("unknown_field", "models[0].x"));
        assert_eq!(told(&one(r#""input_per_million":"1""#)), wrong("missing_field", "models[0].output_per_million"));
        let input = "models[0].input_per_million";
        for amount in ["1", r#""1e3""#, r#""-1""#, r#""0.0000001""#, r#""1000000000000.1""#] {
            assert_eq!(told(&both(amount)), wrong("invalid_amount", input), "{amount}");
        }
        assert_eq!(told(&both(r#""0.000001""#)).unwrap(), ["a 0.000000000001 0.000000000001 0.000001"]);
        let nameless = r#"{"models":[{"model":"","input_per_million":"1","output_per_million":"1"}]}"#;
        assert_eq!(told(nameless), wrong("invalid_request", "models[0].model"));
        let priced = r#"{"input_cost_per_token":1e-6}"#;
        assert_eq!(told(&format!(r#"{{"a":{priced},"a":{priced}}}"#)), wrong("invalid_request", "models"));
        assert_eq!(told(r#"{"a":{"input_cost_per_token":1e-13}}"#), wrong("invalid_amount", "a.input_cost_per_token"));
        assert_eq!(told(r#"{"a":1}"#), wrong("invalid_request", "a"));
        let many: Vec<String> = (0..=PRICES_MAX).map(|n| format!(r#""m{n}":{priced}"#)).collect();
        assert_eq!(told(&format!("{{{}}}", many.join(","))), wrong("batch_too_large", ""));
    }

    #[test]
    fn what_goes_in_comes_out() {
        let given =
            Given::read(br#"{"models":[{"model":"a","input_per_million":"0.15","output_per_million":"15.000"}]}"#);
        let (model, [input, cached_input, output]) = given.unwrap().prices.remove(0);
        let price = ModelPrice::new(model, TokenPrices { input, cached_input, output }, 1);
        let out = ModelOut::new(&price, Timestamp::UNIX_EPOCH);
        let million = [&out.input_per_million, &out.cached_input_per_million, &out.output_per_million];
        assert_eq!(million, ["0.15", "0.15", "15"]);
    }
}
