//! The ledger dies, or its connection to Postgres does, at every point of an append. What was lost on the way is
//! made exactly once by a retry with the same key, or was made already.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::after::assert_whole;
use crate::support::batch::{Batch, ITEMS};
use crate::support::locks::{APPEND_WAITS, HOLD, on_log, partition, until_waits};
use crate::support::proxy::{APPEND, COMMIT, Caught, Fate, Proxy, SETTLE, Trap};
use crate::support::{Answer, Api, Position, Process, Server, Site, assert_amount, until};

const CHARGES: &str = "/v1/charges";

/// An installation whose server reaches Postgres through a door. Fields in the order in which they must go.
struct Guarded {
    server: Server,
    _work: Process,
    api: Api,
    proxy: Proxy,
    site: Site,
}

impl Guarded {
    async fn up() -> Self {
        let mut site = Site::new();
        site.tollbook(&["migrate"], &[]).await.expect_code(0);
        let key = site.organization("Guarded").await;
        // On a way of its own: it is the ledger that is to be disturbed.
        let work = Process::start(&site, &["work"]);
        let proxy = Proxy::before(&mut site).await;
        let server = Server::start(&site).await;
        let api = Api::new(&server.url, &key);
        Self { server, _work: work, api, proxy, site }
    }

    /// After a kill.
    async fn restart(&mut self) {
        self.server = Server::start(&self.site).await;
        self.api = self.api.at(&self.server.url);
    }

    /// Sends a charge, and does not wait for the answer.
    fn start(&self, key: &str, body: &Value) -> JoinHandle<Result<Answer, reqwest::Error>> {
        let (api, key, body) = (self.api.clone(), key.to_owned(), body.clone());
        tokio::spawn(async move { api.try_post_keyed(CHARGES, &key, &body).await })
    }

    async fn charges(&self) -> usize {
        usize::try_from(self.site.events_count(Some("charged")).await).unwrap()
    }

    /// Where the last charge is, once there are so many.
    async fn charged(&self, count: usize) -> Position {
        until(&format!("{count} charges are in the log"), async || (self.charges().await == count).then_some(())).await;
        let pool = self.site.pool();
        let last = "select partition, position from events where event_type = 'charged' order by position desc limit 1";
        let (partition, position): (i32, i64) = sqlx::query_as(last).fetch_one(&pool).await.unwrap();
        Position { partition, position }
    }

    /// What is in the log at this place is asked for again: that is the answer, and nothing else comes of it.
    async fn assert_there(&self, at: Position, key: &str, body: &Value) {
        let charges = self.charges().await;
        let again = self.api.insist(CHARGES, key, body).await;
        assert_eq!(Position::of(&again.done(201)), at);
        assert!(again.is_replay(), "it was in the log, and was done anew");
        let once_more = self.api.post_keyed(CHARGES, key, body).await;
        assert!(once_more.is_replay() && once_more.body == again.body, "{}", once_more.text());
        assert_eq!(self.charges().await, charges);
    }

    /// A charge that takes a new customer's last cent: a second look at the account would say no.
    async fn last_cent(&self) -> Value {
        json!({ "customer_id": self.api.funded("5.000001").await, "amount": "5.000001" })
    }

    async fn assert_nothing_left(&self, charge: &Value) {
        let customer = charge["customer_id"].as_str().unwrap();
        assert_amount(&self.api.account(customer).await["credits"], "0");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_the_commit_and_before_the_answer() {
    let mut on = Guarded::up().await;
    let mut last = None;
    // The append alone; then one that was decided again, after its first try was lost.
    for (done, again) in [false, true].into_iter().enumerate() {
        let (key, body) = (format!("killed-{done}"), on.last_cent().await);
        let mut trap = on.proxy.catch(APPEND);
        let sending = on.start(&key, &body);
        if again {
            let caught = trap.caught().await;
            trap = on.proxy.catch(COMMIT);
            caught.then(Fate::LoseRequest);
        }
        trap.caught().await.then(Fate::KeepAnswer);
        let at = on.charged(done + 1).await;
        assert!(!sending.is_finished(), "it was answered before it was killed");
        on.server.kill();
        sending.await.unwrap().unwrap_err();

        on.restart().await;
        on.assert_there(at, &key, &body).await;
        on.assert_nothing_left(&body).await;
        last = Some(at);
    }
    assert_eq!(on.charges().await, 2);
    assert_whole(&on.site, &on.api, last.unwrap()).await;
}

/// Lets a batch's appends through until a good part of it is in the log, and stops the next one.
async fn half_of_it(on: &Guarded, mut trap: Trap) -> (Caught, usize) {
    loop {
        let caught = trap.caught().await;
        let in_log = on.charges().await;
        // At most 500 go together.
        if in_log >= 400 {
            assert!(in_log < ITEMS, "nothing is left of it");
            return (caught, in_log);
        }
        trap = on.proxy.catch(APPEND);
        caught.then(Fate::Pass);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_a_batch() {
    let mut on = Guarded::up().await;
    let batch = Batch::prepare(&on.api, "item").await;
    let trap = on.proxy.catch(APPEND);
    let sending = batch.start(&on.api);
    let (caught, in_log) = half_of_it(&on, trap).await;
    on.server.kill();
    drop(caught);
    sending.await.unwrap().unwrap_err();
    assert_eq!(on.charges().await, in_log);

    on.restart().await;
    let answer = batch.start(&on.api).await.unwrap().unwrap().done(200);
    batch.assert_each_once(&on.site, &on.api, &answer).await;
}

/// Postgres does not notice that nobody waits for what it is about to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_on_its_way_arrives_after_the_kill() {
    let mut on = Guarded::up().await;
    let batch = Batch::prepare(&on.api, "item").await;
    let trap = on.proxy.catch(APPEND);
    let sending = batch.start(&on.api);
    let (caught, in_log) = half_of_it(&on, trap).await;
    let held = on_log(on.site.pool(), HOLD, partition(&on.site).await).await;
    caught.then(Fate::Pass);
    let orphan = until_waits(&on.site, APPEND_WAITS, &[]).await;
    on.server.kill();
    sending.await.unwrap().unwrap_err();

    on.restart().await;
    // It asks for what is half in the log and half behind the lock, and comes after that.
    let again = batch.start(&on.api);
    until_waits(&on.site, APPEND_WAITS, &[orphan]).await;
    assert_eq!(on.charges().await, in_log);
    held.rollback().await.unwrap();
    let answer = again.await.unwrap().unwrap().done(200);
    batch.assert_each_once(&on.site, &on.api, &answer).await;
}

/// What becomes of the statements of one charge, in order.
const WAYS: [&[(&str, Fate)]; 6] = [
    &[(APPEND, Fate::LoseRequest)],
    &[(APPEND, Fate::LoseAnswer)],
    &[(APPEND, Fate::LoseAnswer), (SETTLE, Fate::LoseRequest), (SETTLE, Fate::LoseAnswer)],
    &[(APPEND, Fate::LoseRequest), (APPEND, Fate::LoseAnswer), (COMMIT, Fate::LoseRequest)],
    &[(APPEND, Fate::LoseRequest), (COMMIT, Fate::LoseAnswer)],
    &[(APPEND, Fate::LoseRequest), (COMMIT, Fate::LoseRequest), (COMMIT, Fate::LoseAnswer)],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_on_the_way_loses_nothing() {
    let on = Guarded::up().await;
    let mut last = None;
    for (done, way) in WAYS.into_iter().enumerate() {
        let (key, body) = (format!("lost-{done}"), on.last_cent().await);
        let mut trap = on.proxy.catch(way[0].0);
        let sending = on.start(&key, &body);
        let mut following = way[1..].iter();
        for &(_, fate) in way {
            let caught = trap.caught().await;
            // Before this one goes on, so that the next one is not missed.
            let next = following.next().map(|&(statement, _)| on.proxy.catch(statement));
            caught.then(fate);
            let Some(next) = next else { break };
            trap = next;
        }
        // The caller hears nothing of all this: it is found in the log, or done again.
        let charge = sending.await.unwrap().unwrap().done(201);
        let at = on.charged(done + 1).await;
        assert_eq!(Position::of(&charge), at, "{way:?}");
        on.assert_there(at, &key, &body).await;
        on.assert_nothing_left(&body).await;
        last = Some(at);
    }
    assert_whole(&on.site, &on.api, last.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_in_the_middle_of_a_batch() {
    let on = Guarded::up().await;
    let batch = Batch::prepare(&on.api, "item").await;
    let trap = on.proxy.catch(APPEND);
    let sending = batch.start(&on.api);
    let (caught, _) = half_of_it(&on, trap).await;
    caught.then(Fate::LoseAnswer);
    let answer = sending.await.unwrap().unwrap().done(200);
    batch.assert_each_once(&on.site, &on.api, &answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_that_nobody_knows_may_have_been_charged() {
    let on = Guarded::up().await;
    let body = on.last_cent().await;
    let trap = on.proxy.catch(APPEND);
    let sending = on.start("unknown", &body);
    let caught = trap.caught().await;
    let trap = on.proxy.catch(SETTLE);
    caught.then(Fate::LoseAnswer);
    // It is in the log; before anybody can look there, Postgres is out of reach.
    let caught = trap.caught().await;
    let at = on.charged(1).await;
    on.proxy.shut();
    drop(caught);
    sending.await.unwrap().unwrap().unavailable();

    on.proxy.open();
    on.assert_there(at, "unknown", &body).await;
    on.assert_nothing_left(&body).await;
    assert_whole(&on.site, &on.api, at).await;
}

/// A network that loses what is sent, and tells nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_never_comes_stops_nobody() {
    let on = Guarded::up().await;
    let (body, other) = (on.last_cent().await, on.last_cent().await);
    let trap = on.proxy.catch(APPEND);
    let sending = on.start("never", &body);
    trap.caught().await.then(Fate::KeepAnswer);
    let at = on.charged(1).await;
    on.api.insist(CHARGES, "other", &other).await.done(201);
    drop(sending);
    on.assert_there(at, "never", &body).await;
    assert_whole(&on.site, &on.api, on.charged(2).await).await;
}

/// It holds the log, and does nothing with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stands_still_stops_no_other() {
    let on = Guarded::up().await;
    let (body, other) = (on.last_cent().await, on.last_cent().await);
    let trap = on.proxy.catch(APPEND);
    let sending = on.start("still", &body);
    let caught = trap.caught().await;
    let trap = on.proxy.catch(COMMIT);
    caught.then(Fate::LoseRequest);
    let caught = trap.caught().await;

    let beside = Server::start(&on.site).await;
    on.api.at(&beside.url).insist(CHARGES, "other", &other).await.done(201);
    drop((caught, sending));
    on.api.insist(CHARGES, "still", &body).await.done(201);
    assert_whole(&on.site, &on.api, on.charged(2).await).await;
}
