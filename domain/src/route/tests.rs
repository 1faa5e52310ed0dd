//! What routes must be like, and what they cost.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::Timestamp;
use crate::meter::Meter;
use crate::model_price::{ModelPrice, TokenPrices};
use crate::money::Amount;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn route(price: RoutePrice) -> Route {
    Route {
        id: RouteId::new(Uuid::from_u128(1)),
        version: 7,
        path: "/v1/*".parse().unwrap(),
        methods: Vec::new(),
        upstream: "http://127.0.0.1:9000/base".parse().unwrap(),
        strip_prefix: false,
        kind: RouteKind::Openai,
        credential: None,
        price,
        accepts: Vec::new(),
        limits: RouteLimits::default(),
        description: None,
        mime_type: None,
    }
}

fn per_request(text: &str) -> RoutePrice {
    RoutePrice { per_request: Some(amount(text)), ..RoutePrice::default() }
}

fn meters(list: &[(&str, &str)]) -> BTreeMap<MeterCode, PricedMeter> {
    let priced = list.iter().map(|(code, price)| {
        let code: MeterCode = code.parse().unwrap();
        let (unit, unit_price, currency) = ("unit".to_owned(), amount(price), Currency::USD);
        let meter = Meter { code: code.clone(), unit, unit_price, currency, version: 3 };
        (code, PricedMeter { meter, updated_at: Timestamp::UNIX_EPOCH })
    });
    priced.collect()
}

fn model(prices: [Amount; 3]) -> ModelPrices {
    let [input, cached_input, output] = prices;
    let mut list = ModelPrices::default();
    let price = ModelPrice::new("GPT/4".parse().unwrap(), TokenPrices { input, cached_input, output }, 5);
    list.set(price, Timestamp::UNIX_EPOCH);
    list
}

fn tokens(input: u64, cached_input: u64, output: u64) -> Tokens {
    Tokens { model: "GPT/4-2026-01-01".into(), input, cached_input, output }
}

/// Each line as `code version quantity × price`, and the sum.
fn told(usage: &[Usage]) -> (Vec<String>, Amount) {
    let mut sum = Amount::ZERO;
    let lines = usage.iter().map(|one| match one {
        Usage::Metered { meter, quantity } => {
            sum = sum.checked_add(quantity.priced(meter.unit_price).unwrap()).unwrap();
            format!("{} {} {quantity} {} × {}", meter.code, meter.version, meter.unit, meter.unit_price)
        }
        Usage::Flat { .. } => panic!("nothing here is flat"),
    });
    (lines.collect(), sum)
}

fn completed(route: Route) -> Result<Route, RouteError> {
    route.completed(Currency::USD, &meters(&[("calls", "0.5"), ("fine", "0.0000000001")]))
}

fn refused(route: Route) -> &'static str {
    match completed(route).unwrap_err() {
        RouteError::Invalid { field, .. } => field,
        RouteError::UnknownMeter(_) => "unknown meter",
        RouteError::CurrencyMismatch { .. } => "currency mismatch",
    }
}

#[test]
fn what_is_left_open_is_filled_in() {
    let all = vec![Scheme::Session, Scheme::Exact, Scheme::Bearer];
    let keyed = vec![Scheme::Session, Scheme::Bearer];
    let in_usd = RoutePrice { currencies: vec![Currency::USD, Currency::USD], ..per_request("0.01") };
    let by_byte = RoutePrice { per_response_byte: Some(amount("0.000001")), ..per_request("0.01") };
    let nothing_but_zeros = RoutePrice { per_second: Some(Amount::ZERO), ..RoutePrice::default() };
    for (price, accepts) in [
        (per_request("0.01"), all.clone()),
        (per_request("0.000001"), all),
        (per_request("0.0000001"), keyed.clone()),
        (by_byte, keyed),
        (in_usd, vec![Scheme::Bearer]),
        (RoutePrice::default(), vec![]),
        (nothing_but_zeros, vec![]),
    ] {
        let route = completed(route(price)).unwrap();
        assert_eq!(route.accepts, accepts, "{route:?}");
        assert_eq!(route.price.is_free(), accepts.is_empty());
        assert_eq!(completed(route.clone()).unwrap(), route, "what is complete stays");
    }
    assert_eq!(completed(route(per_request("1"))).unwrap().price.currencies, [Currency::USDC, Currency::USD]);
    let methods = vec![Method::Put, Method::Get, Method::Put];
    assert_eq!(completed(Route { methods, ..route(per_request("1")) }).unwrap().methods, [Method::Get, Method::Put]);
    let every = Method::ALL.to_vec();
    assert!(completed(Route { methods: every, ..route(per_request("1")) }).unwrap().methods.is_empty());
    let two = vec![Scheme::Bearer, Scheme::Session, Scheme::Bearer];
    let chosen = completed(Route { accepts: two, ..route(per_request("1")) }).unwrap();
    assert_eq!(chosen.accepts, [Scheme::Bearer, Scheme::Session]);
}

#[test]
fn what_a_route_cannot_be() {
    let simple = || route(per_request("1"));
    let accepting = |scheme, price| Route { accepts: vec![scheme], ..route(price) };
    let header =
        |name: &str| Route { credential: Some(CredentialRef { header: name.into(), id: Uuid::nil() }), ..simple() };
    let metered = |measure, code: &str| RoutePrice {
        meters: BTreeMap::from([(measure, code.parse().unwrap())]),
        ..RoutePrice::default()
    };
    let limited = |limits| Route { limits, ..simple() };
    let sane = RouteLimits::default;
    let never = Rate { requests: 0, per_secs: 1, burst: None };
    let by_byte = RoutePrice { per_request_byte: Some(amount("1")), ..per_request("1") };
    let in_usd = RoutePrice { currencies: vec![Currency::USD], ..per_request("1") };
    let in_usdc = RoutePrice { currencies: vec![Currency::USDC], ..metered(Measure::Request, "calls") };
    let twice = RoutePrice { per_request: Some(amount("1")), ..metered(Measure::Request, "calls") };
    let by_model = RoutePrice { per_model: true, ..RoutePrice::default() };
    let fine = RoutePrice { per_second: Some(amount("0.0000000001")), ..RoutePrice::default() };
    for (wrong, what) in [
        (Route { strip_prefix: true, path: "/a".parse().unwrap(), ..simple() }, "strip_prefix"),
        (Route { description: Some(String::new()), ..simple() }, "description"),
        (Route { description: Some("a\nb".into()), ..simple() }, "description"),
        (Route { mime_type: Some("ü".into()), ..simple() }, "mime_type"),
        (Route { kind: RouteKind::Http, ..route(by_model) }, "price.per_model"),
        (route(fine), "price.per_second"),
        (route(twice), "price.meters"),
        (route(metered(Measure::Second, "fine")), "price.meters"),
        (route(metered(Measure::Request, "unknown")), "unknown meter"),
        (route(in_usdc), "currency mismatch"),
        (accepting(Scheme::Exact, by_byte), "accepts"),
        (accepting(Scheme::Exact, per_request("0.0000001")), "accepts"),
        (accepting(Scheme::Session, in_usd), "accepts"),
        (accepting(Scheme::Bearer, RoutePrice::default()), "accepts"),
        (header(""), "credential.header"),
        (header("X-Key"), "credential.header"),
        (header("x key"), "credential.header"),
        (header("host"), "credential.header"),
        (header("payment-signature"), "credential.header"),
        (header("x-tollbook-customer"), "credential.header"),
        (limited(RouteLimits { request_bytes_max: (64 << 20) + 1, ..sane() }), "limits.request_bytes_max"),
        (limited(RouteLimits { response_bytes_max: 0, ..sane() }), "limits.response_bytes_max"),
        (limited(RouteLimits { seconds_max: 3_601, ..sane() }), "limits.seconds_max"),
        (limited(RouteLimits { first_byte_secs_max: 601, ..sane() }), "limits.first_byte_secs_max"),
        (limited(RouteLimits { output_tokens_max: 0, ..sane() }), "limits.output_tokens_max"),
        (limited(RouteLimits { keep_secs: 86_401, ..sane() }), "limits.keep_secs"),
        (limited(RouteLimits { keep_bytes: (1 << 20) + 1, ..sane() }), "limits.keep_bytes"),
        (limited(RouteLimits { per_ip: Some(never), ..sane() }), "limits.per_ip"),
    ] {
        assert_eq!(refused(wrong.clone()), what, "{wrong:?}");
    }
    assert!(completed(header("x-api-key")).is_ok());
    assert!(completed(header("authorization")).is_ok());
}

#[test]
fn where_a_request_goes() {
    let to = |strip_prefix, path| {
        let route = Route { strip_prefix, ..route(per_request("1")) };
        route.upstream_url(&RequestPath::new(path).unwrap())
    };
    let url = |path: &str| Some(format!("http://127.0.0.1:9000/base{path}"));
    assert_eq!(to(false, "/v1/chat%20x/y"), url("/v1/chat%20x/y"));
    assert_eq!(to(true, "/v1/chat%20x/y"), url("/chat%20x/y"));
    assert_eq!((to(true, "/v1"), to(true, "/v1/")), (url(""), url("/")));
    assert_eq!(to(true, "/v2"), None);
}

#[test]
fn every_measure_has_its_line() {
    let price = RoutePrice {
        per_request_byte: Some(amount("0.000001")),
        per_response_byte: Some(amount("0.000000000001")),
        per_second: Some(amount("0.000000001")),
        per_model: true,
        ..per_request("0.01")
    };
    let models = model([amount("0.00000015"), amount("0.000000075"), amount("0.0000006")]);
    let measured =
        Measured { request_bytes: 12, response_bytes: 345, millis: 1_234, tokens: Some(tokens(1_000, 400, 77)) };
    let route = completed(route(price)).unwrap();
    let usage = route.usage(&measured, Currency::USDC, &BTreeMap::new(), &models).unwrap();
    let (lines, sum) = told(&usage);
    assert_eq!(
        lines,
        [
            "gateway.requests 7 1 request × 0.01",
            "gateway.request_bytes 7 12 byte × 0.000001",
            "gateway.response_bytes 7 345 byte × 0.000000000001",
            "gateway.seconds 7 1.234 second × 0.000000001",
            "gpt-4.input 5 600 token × 0.00000015",
            "gpt-4.cached_input 5 400 token × 0.000000075",
            "gpt-4.output 5 77 token × 0.0000006",
        ]
    );
    assert_eq!(sum, amount("0.010178201579"));
    let usage = route.usage(&Measured::default(), Currency::USD, &BTreeMap::new(), &models).unwrap();
    assert_eq!(told(&usage).0, ["gateway.requests 7 1 request × 0.01"], "nothing of something has no line");
    let denied = |measured: Measured, currency| route.usage(&measured, currency, &BTreeMap::new(), &models).err();
    let asked = |tokens| Measured { tokens: Some(tokens), ..Measured::default() };
    let euro: Currency = "EUR".parse().unwrap();
    assert_eq!(denied(Measured::default(), euro), Some(PriceError::NotSoldIn(euro)));
    let unknown = Tokens { model: "GPT/5".into(), ..tokens(1, 0, 1) };
    assert_eq!(denied(asked(unknown), Currency::USD), Some(PriceError::ModelNotPriced("GPT/5".into())));
    assert_eq!(denied(asked(tokens(1, 2, 0)), Currency::USD), Some(PriceError::CachedAboveInput));
    let endless = Measured { request_bytes: u64::MAX, ..Measured::default() };
    assert_eq!(denied(endless, Currency::USD), Some(PriceError::OutOfRange(crate::money::MoneyError::TooLarge)));
}

#[test]
fn meters_of_the_price_list_keep_their_price() {
    let list = meters(&[("calls", "0.5"), ("free", "0"), ("fine", "0.0000000001")]);
    let by = |measure, code: &str| {
        let meters = BTreeMap::from([(measure, code.parse().unwrap())]);
        RoutePrice { meters, currencies: vec![Currency::USD, Currency::USDC], ..RoutePrice::default() }
    };
    let usage = |price: &RoutePrice, currency| {
        let measured = Measured { millis: 2_500, ..Measured::default() };
        price.usage(1, &measured, currency, &list, &ModelPrices::default())
    };
    let calls = usage(&by(Measure::Request, "calls"), Currency::USD).unwrap();
    assert_eq!(told(&calls), (vec!["calls 3 1 unit × 0.5".to_owned()], amount("0.5")));
    let seconds = usage(&by(Measure::Second, "calls"), Currency::USD).unwrap();
    assert_eq!(told(&seconds).0, ["calls 3 2.5 unit × 0.5"]);
    assert!(usage(&by(Measure::Request, "free"), Currency::USD).unwrap().is_empty());
    let mismatch = usage(&by(Measure::Request, "calls"), Currency::USDC).unwrap_err();
    assert!(matches!(mismatch, PriceError::CurrencyMismatch { .. }));
    let unknown = usage(&by(Measure::Request, "other"), Currency::USD).unwrap_err();
    assert_eq!(unknown, PriceError::UnknownMeter("other".parse().unwrap()));
    // Its price was changed after the route was set.
    assert!(usage(&by(Measure::Second, "fine"), Currency::USD).is_err());
}

#[test]
fn a_fixed_price_is_that_of_a_request_alone() {
    assert_eq!(per_request("0.5").fixed(), Some(amount("0.5")));
    assert_eq!(RoutePrice::default().fixed(), None);
    assert_eq!(RoutePrice { per_second: Some(amount("1")), ..per_request("0.5") }.fixed(), None);
    assert_eq!(RoutePrice { per_model: true, ..per_request("0.5") }.fixed(), None);
    let meters = BTreeMap::from([(Measure::Second, "calls".parse().unwrap())]);
    assert_eq!(RoutePrice { meters, ..per_request("0.5") }.fixed(), None);
}

/// A price of up to twelve digits, `scale` of them decimals.
fn a_price(scale: u32) -> impl Strategy<Value = Option<Amount>> {
    prop::option::of(
        (0i64..1_000_000_000, 0..=scale)
            .prop_map(|(mantissa, scale)| Amount::new(Decimal::new(mantissa, scale)).unwrap()),
    )
}

prop_compose! {
    fn any_price()(
        per_request in a_price(12),
        per_request_byte in a_price(12),
        per_response_byte in a_price(12),
        per_second in a_price(9),
        per_model in any::<bool>(),
        metered in prop::option::of(prop::sample::select(Measure::ALL.to_vec())),
    ) -> RoutePrice {
        let mut price = RoutePrice {
            currencies: vec![Currency::USD],
            per_request,
            per_request_byte,
            per_response_byte,
            per_second,
            per_model,
            meters: BTreeMap::new(),
        };
        if let Some(measure) = metered.filter(|measure| price.own(*measure).is_none()) {
            price.meters.insert(measure, "calls".parse().unwrap());
        }
        price
    }
}

prop_compose! {
    fn any_models()(prices in prop::array::uniform3((0i64..1_000_000, 0..=12u32))) -> ModelPrices {
        model(prices.map(|(mantissa, scale)| Amount::new(Decimal::new(mantissa, scale)).unwrap()))
    }
}

/// A part of the whole, in thousandths of it.
fn part(of: u64, thousandths: u64) -> u64 {
    u64::try_from(u128::from(of) * u128::from(thousandths) / 1_000).unwrap()
}

proptest! {
    #[test]
    fn the_cost_is_tokens_times_prices(
        models in any_models(),
        input in 0u64..100_000_000,
        cached in 0u64..=1_000,
        output in 0u64..100_000_000,
    ) {
        let price = RoutePrice { per_model: true, currencies: vec![Currency::USDC], ..RoutePrice::default() };
        let cached = part(input, cached);
        let measured = Measured { tokens: Some(tokens(input, cached, output)), ..Measured::default() };
        let usage = price.usage(1, &measured, Currency::USDC, &BTreeMap::new(), &models).unwrap();
        // In whole units of 10⁻¹², where nothing can be rounded.
        let units = |amount: Amount| {
            let mut exact = amount.decimal();
            exact.rescale(12);
            exact.mantissa()
        };
        let of = models.find("GPT/4").unwrap();
        let expected = i128::from(input - cached) * units(of.input)
            + i128::from(cached) * units(of.cached_input)
            + i128::from(output) * units(of.output);
        prop_assert_eq!(units(told(&usage).1), expected);
        prop_assert!(usage.len() <= 3);
    }

    #[test]
    fn what_stays_within_the_limits_costs_no_more_than_the_worst(
        price in any_price(),
        models in any_models(),
        bytes in (0u64..1 << 26, 1u64..1 << 30, 1u32..=3_600),
        asked in prop::option::of((0u64..1_000_000, 0u64..1_000_000)),
        used in prop::array::uniform6(0u64..=1_000),
    ) {
        let list = meters(&[("calls", "0.000000001")]);
        let (request_bytes, response_bytes_max, seconds_max) = bytes;
        let limits = RouteLimits { response_bytes_max, seconds_max, ..RouteLimits::default() };
        let most = asked.map(|(input, output)| tokens(input, 0, output));
        let worst = price.worst(1, &limits, (request_bytes, most), Currency::USD, &list, &models);
        prop_assume!(worst.is_ok());
        let worst = worst.unwrap();
        let measured = Measured {
            request_bytes: part(request_bytes, used[0]),
            response_bytes: part(response_bytes_max, used[1]),
            millis: part(u64::from(seconds_max) * 1_000, used[2]),
            tokens: asked.map(|(input, output)| {
                let input = part(input, used[3]);
                tokens(input, part(input, used[4]), part(output, used[5]))
            }),
        };
        let usage = price.usage(1, &measured, Currency::USD, &list, &models);
        prop_assert!(usage.is_ok(), "{usage:?}");
        let usage = usage.unwrap();
        prop_assert!(told(&usage).1 <= told(&worst).1, "{:?} {:?}", told(&usage), told(&worst));
        // Every line is one that can be charged for.
        prop_assert!(usage.len() <= 7);
        for one in &usage {
            let Usage::Metered { meter, quantity } = one else { panic!("nothing here is flat") };
            prop_assert!(!quantity.is_zero() && !meter.unit_price.is_zero());
            prop_assert_eq!(meter.currency, Currency::USD);
        }
    }

    #[test]
    fn a_fixed_price_is_the_cost_whatever_happens(mantissa in 1i64..1_000_000_000, bytes in any::<[u64; 3]>()) {
        let price = RoutePrice {
            currencies: vec![Currency::USDC],
            per_request: Some(Amount::new(Decimal::new(mantissa, 6)).unwrap()),
            ..RoutePrice::default()
        };
        let [request_bytes, response_bytes, millis] = bytes.map(|bytes| bytes >> 20);
        let measured = Measured { request_bytes, response_bytes, millis, tokens: None };
        let models = ModelPrices::default();
        let usage = price.usage(1, &measured, Currency::USDC, &BTreeMap::new(), &models).unwrap();
        prop_assert_eq!(Some(told(&usage).1), price.fixed());
    }
}
