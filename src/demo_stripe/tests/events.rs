//! Events, and those who are told of them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

use super::*;

/// What came: signature and body.
type Came = Arc<Mutex<Vec<(String, String)>>>;

/// Somebody who takes events, but not the first so many.
async fn receiver(refused: usize) -> (String, Came) {
    let came = Came::default();
    let router = Router::new().route("/hook", post(take)).with_state((refused, Arc::clone(&came)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, came)
}

async fn take(State((refused, came)): State<(usize, Came)>, headers: HeaderMap, body: String) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
    let mut came = came.lock().unwrap();
    came.push((signature, body));
    if came.len() <= refused { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

/// Waits until so many came.
async fn until(came: &Came, count: usize) -> Vec<(String, String)> {
    for _ in 0..500 {
        let so_far = came.lock().unwrap().clone();
        if so_far.len() >= count {
            return so_far;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("only {:?} came", came.lock().unwrap());
}

#[tokio::test]
async fn an_endpoint_is_told() {
    let site = Site::start().await;
    let (url, came) = receiver(2).await;
    let body = format!("url={url}&enabled_events[]=payment_intent.succeeded&description=all");
    let made = site.post("/v1/webhook_endpoints", &body).await.done();
    assert!(id(&made, "secret").starts_with("whsec_"));
    let path = format!("/v1/webhook_endpoints/{}", id(&made, "id"));
    assert!(site.get(&path).await.get("secret").is_none());
    assert_eq!(site.get("/v1/webhook_endpoints").await["data"].as_array().unwrap().len(), 1);

    let paid = site.pay("pm_card_visa", "").await.done();
    // Two attempts that were not taken, and one that was.
    let told = until(&came, 3).await;
    assert!(told.iter().all(|(signature, body)| signature.starts_with("t=") && *body == told[0].1));
    let event: Value = serde_json::from_str(&told[0].1).unwrap();
    assert_eq!((&event["type"], &event["data"]["object"]["id"]), (&json!("payment_intent.succeeded"), &paid["id"]));
    assert_eq!((&event["pending_webhooks"], &event["livemode"]), (&json!(1), &json!(false)));
    assert!(event["request"]["id"].as_str().unwrap().starts_with("req_"));
    let kept = format!("/v1/events/{}", id(&event, "id"));
    for _ in 0..100 {
        if site.get(&kept).await["pending_webhooks"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(site.get(&kept).await["pending_webhooks"], 0);

    let again = site.pull(&format!("webhooks/replay/{}", id(&event, "id")), json!({})).await.done();
    assert_eq!((&again["sent"], until(&came, 4).await.len()), (&json!(1), 4));
    assert_eq!(site.call(Method::DELETE, &path, "", None).await.unwrap().done()["deleted"], true);
    let again = site.pull(&format!("webhooks/replay/{}", id(&event, "id")), json!({})).await.done();
    assert_eq!(again["sent"], 0);
}

#[tokio::test]
async fn the_event_comes_before_the_answer_when_it_is_to() {
    let (url, came) = receiver(0).await;
    let settings = Settings {
        webhook_url: Some(Url::parse(&url).unwrap()),
        webhook_secret: Some("whsec_1".to_owned()),
        ..Settings::default()
    };
    let site = Site::with(settings).await;
    site.pull("next", next("webhook_first", 5_000)).await.done();
    site.pay("pm_card_visa", "").await.done();
    assert_eq!(came.lock().unwrap().len(), 3);
}
