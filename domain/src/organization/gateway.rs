//! What an organization may sell through the gateway: its routes, and the prices of its models.

use std::collections::BTreeMap;

use super::{CredentialChange, ModelPricesSet, Organization, OrganizationError, OrganizationEvent, Profile, RouteSet};
use crate::model_price::{MODELS_MAX, ModelName, ModelPrice, PRICES_MAX, TokenPrices, checked};
use crate::route::{ROUTES_MAX, Route};

pub(super) fn create_route(
    organization: &Organization,
    profile: &Profile,
    route: &Route,
) -> Result<Vec<OrganizationEvent>, OrganizationError> {
    if organization.routes.contains_key(&route.id) {
        return Err(OrganizationError::RouteExists(route.id));
    }
    if organization.routes.len() >= ROUTES_MAX {
        return Err(OrganizationError::TooManyRoutes);
    }
    set_route(organization, profile, Route { version: 1, ..route.clone() })
}

pub(super) fn replace_route(
    organization: &Organization,
    profile: &Profile,
    route: &Route,
    credential: &CredentialChange,
) -> Result<Vec<OrganizationEvent>, OrganizationError> {
    let before = &organization.routes.get(&route.id).ok_or(OrganizationError::RouteNotFound)?.route;
    let credential = match credential {
        // Else whoever may change the route could have the secret sent to a host of their own.
        CredentialChange::Keep
            if before.credential.is_some() && before.upstream.origin() != route.upstream.origin() =>
        {
            return Err(OrganizationError::CredentialNeeded);
        }
        CredentialChange::Keep => before.credential.clone(),
        CredentialChange::Set(credential) => Some(credential.clone()),
        CredentialChange::Remove => None,
    };
    set_route(organization, profile, Route { version: before.version + 1, credential, ..route.clone() })
}

fn set_route(
    organization: &Organization,
    profile: &Profile,
    route: Route,
) -> Result<Vec<OrganizationEvent>, OrganizationError> {
    let route = route.completed(profile.default_currency, &organization.meters)?;
    let mut others = organization.routes.values().map(|set| &set.route).filter(|other| other.id != route.id);
    if let Some(other) = others.find(|other| other.collides_with(&route)) {
        return Err(OrganizationError::RouteExists(other.id));
    }
    let before = organization.routes.get(&route.id).map(|set| &set.route);
    if before.is_some_and(|before| Route { version: before.version, ..route.clone() } == *before) {
        return Ok(Vec::new());
    }
    Ok(vec![OrganizationEvent::RouteSet(RouteSet { route: Box::new(route) })])
}

pub(super) fn set_model_prices(
    organization: &Organization,
    prices: &[(ModelName, TokenPrices)],
) -> Result<Vec<OrganizationEvent>, OrganizationError> {
    let wanted: BTreeMap<&ModelName, &TokenPrices> = prices.iter().map(|(model, prices)| (model, prices)).collect();
    let added = wanted.keys().filter(|model| organization.models.get(model).is_none()).count();
    if prices.len() > PRICES_MAX || organization.models.len() + added > MODELS_MAX {
        return Err(OrganizationError::TooManyModels);
    }
    let version = organization.models_version + 1;
    let mut changed = Vec::new();
    for (model, prices) in wanted {
        for price in [prices.input, prices.cached_input, prices.output] {
            checked(price).map_err(|reason| OrganizationError::ModelPrice { model: model.clone(), reason })?;
        }
        if organization.models.get(model).is_none_or(|before| before.price.prices() != *prices) {
            changed.push(ModelPrice::new(model.clone(), *prices, version));
        }
    }
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![OrganizationEvent::ModelPricesSet(ModelPricesSet { prices: changed })])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Aggregate;
    use crate::ids::{OrganizationId, RouteId};
    use crate::money::Currency;
    use crate::organization::OrganizationCommand;
    use crate::route::{
        CredentialRef, Found, Method, RequestPath, RouteError, RouteKind, RouteLimits, RoutePrice, Scheme,
    };
    use crate::{EventPayload, Timestamp};
    use uuid::Uuid;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn when(organization: &mut Organization, command: &OrganizationCommand) -> Result<usize, OrganizationError> {
        let events = organization.handle_command(command, now())?;
        for event in &events {
            // As it comes back from the log.
            let stored = OrganizationEvent::decode(event.event_type(), event.schema(), &event.encode()).unwrap();
            assert_eq!(stored, *event);
            organization.apply_event(&stored, now());
        }
        // As it comes back from a snapshot.
        let state = serde_json::to_vec(organization).unwrap();
        assert_eq!(serde_json::from_slice::<Organization>(&state).unwrap(), *organization);
        Ok(events.len())
    }

    fn organization() -> Organization {
        let id = OrganizationId::new(Uuid::from_u128(1));
        let mut organization = Organization::default();
        let create = OrganizationCommand::Create { id, name: "Acme".into(), default_currency: Currency::USD };
        when(&mut organization, &create).unwrap();
        organization
    }

    fn route(n: u128, path: &str) -> Route {
        Route {
            id: RouteId::new(Uuid::from_u128(n)),
            version: 99,
            path: path.parse().unwrap(),
            methods: Vec::new(),
            upstream: "http://127.0.0.1:9000".parse().unwrap(),
            strip_prefix: false,
            kind: RouteKind::Http,
            credential: None,
            price: RoutePrice { per_request: Some("0.01".parse().unwrap()), ..RoutePrice::default() },
            accepts: Vec::new(),
            limits: RouteLimits::default(),
            description: None,
            mime_type: None,
        }
    }

    fn create(route: Route) -> OrganizationCommand {
        OrganizationCommand::CreateRoute(Box::new(route))
    }

    fn replace(route: Route, credential: CredentialChange) -> OrganizationCommand {
        OrganizationCommand::ReplaceRoute { route: Box::new(route), credential }
    }

    #[test]
    fn a_route_is_set_changed_and_removed() {
        let mut org = organization();
        let id = route(1, "/a").id;
        assert_eq!(
            when(&mut org, &replace(route(1, "/a"), CredentialChange::Keep)),
            Err(OrganizationError::RouteNotFound)
        );
        assert_eq!(when(&mut org, &create(route(1, "/a"))), Ok(1));
        let set = &org.routes[&id].route;
        assert_eq!((set.version, &set.price.currencies[..]), (1, &[Currency::USDC, Currency::USD][..]));
        assert_eq!(set.accepts, [Scheme::Session, Scheme::Exact, Scheme::Bearer]);
        assert_eq!(when(&mut org, &create(route(1, "/b"))), Err(OrganizationError::RouteExists(id)));
        // The secret stays until something is said of it.
        let secret = CredentialRef { header: "authorization".into(), id: Uuid::from_u128(7) };
        assert_eq!(when(&mut org, &replace(route(1, "/a"), CredentialChange::Set(secret.clone()))), Ok(1));
        assert_eq!(when(&mut org, &replace(route(1, "/a"), CredentialChange::Keep)), Ok(0), "nothing changes");
        assert_eq!(when(&mut org, &replace(route(1, "/b"), CredentialChange::Keep)), Ok(1));
        let set = &org.routes[&id].route;
        assert_eq!((set.version, set.path.as_str(), &set.credential), (3, "/b", &Some(secret)));
        // And does not go to another host.
        let elsewhere = Route { upstream: "https://elsewhere.example".parse().unwrap(), ..route(1, "/b") };
        let moved = when(&mut org, &replace(elsewhere, CredentialChange::Keep));
        assert_eq!(moved, Err(OrganizationError::CredentialNeeded));
        assert_eq!(when(&mut org, &replace(route(1, "/b"), CredentialChange::Remove)), Ok(1));
        assert_eq!(org.routes[&id].route.credential, None);
        let remove = OrganizationCommand::RemoveRoute { route_id: id };
        assert_eq!(when(&mut org, &remove), Ok(1));
        assert_eq!(when(&mut org, &remove), Err(OrganizationError::RouteNotFound));
    }

    #[test]
    fn a_path_and_a_method_have_one_route() {
        let mut org = organization();
        let with = |n, path: &str, methods: Vec<Method>| Route { methods, ..route(n, path) };
        when(&mut org, &create(with(1, "/a/{x}", vec![Method::Get]))).unwrap();
        when(&mut org, &create(with(2, "/a/{y}", vec![Method::Post, Method::Put]))).unwrap();
        when(&mut org, &create(with(3, "/*", vec![]))).unwrap();
        let taken = [
            ("/a/{z}", vec![]),
            ("/a/{z}", vec![Method::Put, Method::Head]),
            ("/*", vec![Method::Get]),
            ("/*", vec![]),
        ];
        for (path, methods) in taken {
            let denied = when(&mut org, &create(with(4, path, methods)));
            assert!(matches!(denied, Err(OrganizationError::RouteExists(_))), "{path}");
        }
        when(&mut org, &create(with(4, "/a/{z}", vec![Method::Delete]))).unwrap();
        let taken = replace(with(4, "/a/{z}", vec![Method::Post]), CredentialChange::Keep);
        assert!(matches!(when(&mut org, &taken), Err(OrganizationError::RouteExists(_))));
        when(&mut org, &replace(with(3, "/b/*", vec![]), CredentialChange::Keep)).unwrap();
        let found = |method, path| match org.find_route(method, &RequestPath::new(path).unwrap()) {
            Found::Route(route) => route.id.uuid().as_u128(),
            Found::OnlyFor(methods) => 100 + methods.len() as u128,
            Found::Nothing => 0,
        };
        assert_eq!(found(Method::Get, "/a/1"), 1);
        assert_eq!(found(Method::Put, "/a/1"), 2);
        assert_eq!(found(Method::Delete, "/a/1"), 4);
        assert_eq!(found(Method::Options, "/a/1"), 104);
        assert_eq!(found(Method::Options, "/b"), 3);
        assert_eq!(found(Method::Get, "/c"), 0);
    }

    #[test]
    fn there_are_only_so_many_routes() {
        let mut org = organization();
        for n in 0..ROUTES_MAX {
            let events = org.handle_command(&create(route(n as u128, &format!("/{n}"))), now()).unwrap();
            events.iter().for_each(|event| org.apply_event(event, now()));
        }
        let one_more = create(route(9_999, "/one_more"));
        assert_eq!(when(&mut org, &one_more), Err(OrganizationError::TooManyRoutes));
        let priced = Route { price: RoutePrice { per_request: None, ..RoutePrice::default() }, ..route(3, "/3") };
        assert_eq!(when(&mut org, &replace(priced, CredentialChange::Keep)), Ok(1));
    }

    #[test]
    fn meters_of_a_route_must_be_on_the_price_list() {
        let mut org = organization();
        let code: crate::meter::MeterCode = "calls".parse().unwrap();
        let metered = |n, path| {
            let meters = BTreeMap::from([(crate::route::Measure::Request, code.clone())]);
            Route { price: RoutePrice { meters, ..RoutePrice::default() }, ..route(n, path) }
        };
        let unknown = OrganizationError::Route(RouteError::UnknownMeter(code.clone()));
        assert_eq!(when(&mut org, &create(metered(1, "/a"))), Err(unknown));
        let set_meter = OrganizationCommand::SetMeter {
            code: code.clone(),
            unit: "call".into(),
            unit_price: "0.5".parse().unwrap(),
            currency: None,
        };
        when(&mut org, &set_meter).unwrap();
        when(&mut org, &create(metered(1, "/a"))).unwrap();
        let set = &org.routes[&route(1, "/a").id].route;
        assert_eq!((&set.price.currencies[..], &set.accepts[..]), (&[Currency::USD][..], &[Scheme::Bearer][..]));
        let mut other = metered(2, "/b");
        other.price.currencies = vec![Currency::USDC];
        let denied = when(&mut org, &create(other));
        assert!(matches!(denied, Err(OrganizationError::Route(RouteError::CurrencyMismatch { .. }))));
    }

    fn prices(input: &str, output: &str) -> TokenPrices {
        let input = input.parse().unwrap();
        TokenPrices { input, cached_input: input, output: output.parse().unwrap() }
    }

    #[test]
    fn only_prices_that_change_get_a_new_version() {
        let mut org = organization();
        let model = |name: &str| name.parse::<ModelName>().unwrap();
        let set = |list: &[(&str, TokenPrices)]| OrganizationCommand::SetModelPrices {
            prices: list.iter().map(|(name, prices)| (model(name), *prices)).collect(),
        };
        let (cheap, dear) = (prices("0.0000001", "0.0000004"), prices("0.00001", "0.00004"));
        when(&mut org, &set(&[("a", cheap), ("b", cheap)])).unwrap();
        assert_eq!(when(&mut org, &set(&[("a", cheap)])), Ok(0));
        when(&mut org, &set(&[("a", cheap), ("b", cheap), ("b", dear), ("c", cheap)])).unwrap();
        let version = |org: &Organization, name: &str| org.models.find(name).map(|price| price.version);
        assert_eq!(["a", "b", "c"].map(|name| version(&org, name)), [Some(1), Some(2), Some(2)]);
        let remove = |name: &str| OrganizationCommand::RemoveModelPrice { model: model(name) };
        when(&mut org, &remove("c")).unwrap();
        assert_eq!(when(&mut org, &remove("c")), Err(OrganizationError::ModelNotFound));
        when(&mut org, &set(&[("c", cheap)])).unwrap();
        assert_eq!(version(&org, "c"), Some(3), "a version never comes back with another price");
        let too_dear = when(&mut org, &set(&[("d", prices("1000001", "0"))]));
        assert!(matches!(too_dear, Err(OrganizationError::ModelPrice { .. })));
    }

    #[test]
    fn there_are_only_so_many_models() {
        let mut org = organization();
        let some = |from: usize, count: usize| OrganizationCommand::SetModelPrices {
            prices: (from..from + count).map(|n| (format!("m{n}").parse().unwrap(), prices("1", "1"))).collect(),
        };
        assert_eq!(when(&mut org, &some(0, PRICES_MAX + 1)), Err(OrganizationError::TooManyModels));
        for n in 0..MODELS_MAX / PRICES_MAX {
            assert_eq!(when(&mut org, &some(n * PRICES_MAX, PRICES_MAX)), Ok(1));
        }
        assert_eq!(when(&mut org, &some(MODELS_MAX, 1)), Err(OrganizationError::TooManyModels));
        assert_eq!(when(&mut org, &some(0, PRICES_MAX)), Ok(0));
    }
}
