//! The price list of language models.

use axum::Json;
use axum::extract::State;
use domain::model_price::ModelName;

use super::organization::PageParams;
use super::routes::current;
use super::{Page, cursor, limit};
use crate::App;
use crate::auth::Principal;
use crate::command::models::ModelOut;
use crate::extract::Query;
use crate::problem::Problem;

/// The price list of models, by name.
#[utoipa::path(get, path = "/v1/models", tag = "Models", params(PageParams),
    responses((status = 200, body = Page<ModelOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_models(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PageParams>,
) -> Result<Json<Page<ModelOut>>, Problem> {
    let limit = limit(params.limit)?;
    let after: Option<ModelName> = cursor(params.cursor.as_deref())?;
    let organization = current(&app, &principal, params.min_position).await?;
    let models = organization
        .models
        .iter()
        .filter(|priced| after.as_ref().is_none_or(|after| priced.price.model > *after))
        .take(limit as usize + 1)
        .map(|priced| ModelOut::new(&priced.price, priced.updated_at));
    Ok(Json(Page::new(models.collect(), limit, |model: &ModelOut| model.model.clone())))
}
