//! Whose route a request is for, and which.
//!
//! A first segment of the path that is an organization's id names it and is cut off; else it is that of the
//! gateway key; else the default one of this installation. Nothing of it asks the database twice: where an
//! organization lives never changes, and the directory hears of what does.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::{HeaderValue, header};
use domain::ids::OrganizationId;
use domain::organization::{INDEX_ORGANIZATION, Organization};
use domain::route::{Found, Method, RequestPath, Route, RouteKind};
use lru::LruCache;
use serde_json::json;

use super::problems::{Form, Outcome, Refused, route_not_found};
use crate::App;
use crate::auth::GatewayPrincipal;
use crate::organizations;
use crate::problem::Problem;

/// Organizations whose partition is kept.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("more than zero");

/// A route, and whose it is: as both were when the request came.
#[derive(Debug)]
pub(super) struct Place {
    /// Whose.
    pub(super) organization_id: OrganizationId,
    /// Where that lives.
    pub(super) partition: i32,
    /// Its price lists.
    pub(super) organization: Arc<Organization>,
    /// The route.
    pub(super) route: Route,
}

impl Place {
    /// What clients of it read.
    pub(super) const fn form(&self) -> Form {
        match self.route.kind {
            RouteKind::Http => Form::Plain,
            RouteKind::Openai => Form::Openai,
        }
    }
}

/// Finds organizations and their routes.
pub(super) struct Resolver {
    configured: Option<OrganizationId>,
    first: OnceLock<(OrganizationId, i32)>,
    partitions: Mutex<LruCache<OrganizationId, i32>>,
}

impl Resolver {
    /// With this organization where nothing names one.
    pub(super) fn new(configured: Option<OrganizationId>) -> Self {
        Self { configured, first: OnceLock::new(), partitions: Mutex::new(LruCache::new(KEPT_MAX)) }
    }

    /// The route of a request.
    pub(super) async fn place(
        &self,
        app: &App,
        method: &axum::http::Method,
        (named, path): (Option<OrganizationId>, &str),
        key: Option<&GatewayPrincipal>,
    ) -> Outcome<Place> {
        let (organization_id, partition) = self.organization(app, named, key).await?;
        let organization = app.directory.organization(organization_id).await?;
        let path = RequestPath::new(path).ok_or_else(route_not_found)?;
        // A method that no route can have is like one that this route has not.
        let found = match Method::from_name(method.as_str()) {
            Some(method) => organization.find_route(method, &path),
            None => Found::OnlyFor(Method::ALL.to_vec()),
        };
        let route = match found {
            Found::Route(route) => route.clone(),
            Found::OnlyFor(methods) => return Err(only_for(&methods)),
            Found::Nothing => return Err(route_not_found().into()),
        };
        Ok(Place { organization_id, partition, organization, route })
    }

    async fn organization(
        &self,
        app: &App,
        named: Option<OrganizationId>,
        key: Option<&GatewayPrincipal>,
    ) -> Outcome<(OrganizationId, i32)> {
        match (named, key) {
            (Some(named), Some(key)) if named != key.organization_id => {
                Err(Problem::unauthenticated("this gateway key is not for this organization").into())
            }
            (_, Some(key)) => Ok((key.organization_id, key.partition)),
            (Some(named), None) => self.partition(app, named).await,
            (None, None) => match self.configured {
                Some(configured) => self.partition(app, configured).await,
                None => self.first(app).await,
            },
        }
    }

    async fn partition(&self, app: &App, id: OrganizationId) -> Outcome<(OrganizationId, i32)> {
        if let Some(partition) = self.partitions.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok((id, *partition));
        }
        let found = app.ledger.log().lookup(INDEX_ORGANIZATION, id.uuid().as_bytes()).await?;
        let partition = found.ok_or_else(route_not_found)?.partition;
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).put(id, partition);
        Ok((id, partition))
    }

    async fn first(&self, app: &App) -> Outcome<(OrganizationId, i32)> {
        if let Some(first) = self.first.get() {
            return Ok(*first);
        }
        let found = organizations::first(&app.pool).await.map_err(Problem::from)?.ok_or_else(route_not_found)?;
        Ok(*self.first.get_or_init(|| found))
    }
}

/// The organization that a path names, and the path without it.
pub(super) fn split(path: &str) -> (Option<OrganizationId>, &str) {
    let Some(inner) = path.strip_prefix('/') else { return (None, path) };
    let end = inner.find('/').unwrap_or(inner.len());
    match inner.get(..end).and_then(|segment| segment.parse().ok()) {
        Some(id) => (Some(id), inner.get(end..).filter(|rest| !rest.is_empty()).unwrap_or("/")),
        None => (None, path),
    }
}

fn only_for(methods: &[Method]) -> Box<Refused> {
    let names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    let problem = Problem::new(405, "method_not_allowed", "this route has no such method");
    let mut refused: Box<Refused> = problem.with("allowed", json!(names)).into();
    if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
        refused.headers.insert(header::ALLOW, value);
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_name_its_organization() {
        let id = format!("org_{}", "0".repeat(26));
        let organization = id.parse::<OrganizationId>().ok();
        assert_eq!(split(&format!("/{id}/weather/paris")), (organization, "/weather/paris"));
        assert_eq!(split(&format!("/{id}/")), (organization, "/"));
        assert_eq!(split(&format!("/{id}")), (organization, "/"));
        assert_eq!(split(&format!("/{id}//x")), (organization, "//x"));
        for other in ["/", "", "/weather", "/org_1/x", "//x", "*"] {
            assert_eq!(split(other), (None, other));
        }
        assert_eq!(split(&format!("/x/{id}")).0, None);
    }

    #[test]
    fn methods_are_named() {
        let refused = only_for(&[Method::Get, Method::Post]);
        assert_eq!((refused.problem.status, refused.headers[header::ALLOW].as_bytes()), (405, b"GET, POST".as_slice()));
    }
}
