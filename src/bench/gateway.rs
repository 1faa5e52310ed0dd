//! What the gateway adds to a call of an upstream: the same question is asked straight from the demo upstream, then
//! through the gateway with a bearer key, then with a voucher, in one run. And a thousand streams at once.
//!
//! The upstream is in this process and takes its time for each answer, as a model does. So the server is not at its
//! limit, and what is measured is the way through the gateway, with its hold and its capture.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::session_key::Custody;
use futures::stream::{self, StreamExt, TryStreamExt};
use reqwest::Url;
use rust_decimal::Decimal;
use serde_json::json;

use super::asking::{Asker, Asking};
use super::check::Books;
use super::enrol::{Wanted, failed, session_keys};
use super::load::Load;
use super::question::{ANSWER_TOKENS, MILLION, Means, PROMPT_TOKENS, Question, Signer};
use super::report::table;
use super::request::Composer;
use super::rows::Row;
use super::scenario::{Bench, Outcome, spelled};
use super::server::memory_mib;
use super::streams;
use super::tally::{Tally, millis_at};
use super::world::{Payer, World};
use super::{BenchError, address};
use crate::demo_upstream::{Settings, Upstream};
use crate::simulate::client::{self, Client, Organization};
use crate::simulate::gateway::{below, known};
use crate::simulate::paid::Till;
use crate::simulate::target::{ENV_FILE, Target};
use crate::simulate::x402::Offer;

/// Connections, once few and once many. The bars are for the latter.
const CONNECTIONS: [usize; 2] = [64, 256];
/// Names of the loads through the gateway: with a bearer key, with a voucher.
const NAMES: [[&str; 2]; 2] = [["gateway-64", "gateway-voucher-64"], ["gateway-256", "gateway-voucher-256"]];
/// Streams at once.
pub const STREAMS: usize = 1_000;
/// Before each event of a stream.
const TOKEN_MS: u64 = 200;
/// Session keys that pay with vouchers, and what is deposited for each, in USDC.
const SIGNERS: usize = 64;
const DEPOSIT: Decimal = Decimal::from_parts(100, 0, 0, false, 0);
/// How many gateway keys are made at a time.
const PARALLEL: usize = 32;
const KEYS_VALID_FOR: TimeDelta = TimeDelta::days(1);

/// The way to the gateway.
#[derive(Debug)]
pub struct Door {
    /// The API's client.
    pub client: Arc<Client>,
    /// The server.
    pub target: Target,
    /// Whose routes.
    pub organization: Organization,
    /// The run's name, which is also the model's.
    pub run: String,
}

/// An upstream with a route that leads to it, and those who ask.
struct Site {
    _upstream: Upstream,
    /// Where the upstream is, and below which address it answers.
    straight: (SocketAddr, Url),
    /// The same of the gateway.
    through: (SocketAddr, Url),
    route: String,
    /// Those with gateway keys; numbers are those of the world's payers.
    bearers: Vec<Asker>,
    /// Those with vouchers, and their books; `None` without a chain.
    signers: Option<(Vec<Asker>, Books)>,
}

/// What one load came to, in milliseconds: its median and its 99th percentile.
#[derive(Debug, Clone, Copy)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

impl Quantiles {
    fn of(load: &Load) -> Self {
        let at = |quantile| millis_at(&load.tally.from_sent, quantile);
        Self { p50: at(0.5), p99: at(0.99) }
    }
}

impl Bench<'_> {
    /// All loads through the gateway.
    pub async fn gateway(&self, name: &'static str) -> Result<Vec<Outcome>, BenchError> {
        let site = Site::open(self).await?;
        let played = self.play_gateway(name, &site).await;
        let Door { client, run, .. } = &self.door;
        client.delete_route(&format!("{run}-route-end"), &site.route).await.map_err(failed("the end of a route"))?;
        client.delete_model(&format!("{run}-model-end"), run).await.map_err(failed("the end of a price"))?;
        played
    }

    async fn play_gateway(&self, name: &'static str, site: &Site) -> Result<Vec<Outcome>, BenchError> {
        let (mut lines, mut outcomes, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for (connections, [bearer, voucher]) in CONNECTIONS.into_iter().zip(NAMES) {
            let straight = Quantiles::of(&self.asked(site, false, &[(0, Means::Straight)], 1, connections).await?);
            lines.push(line(connections, "straight from the upstream", straight, None));
            let mut paid = vec![(bearer, "a bearer key", &site.bearers, &self.books, Row::GatewayBearer)];
            if let Some((signers, books)) = &site.signers {
                paid.push((voucher, "a voucher", signers, books, Row::GatewayVoucher));
            }
            for (name, means, askers, books, row) in paid {
                let before = books.open().await?;
                let mut load = self.asked(site, true, askers, books.world.payers.len(), connections).await?;
                let checked = books.close(before, vec![&mut load.tally]).await?;
                let through = Quantiles::of(&load);
                lines.push(line(connections, &format!("through the gateway, {means}"), through, Some(straight)));
                // The last one stays: the bars are for many connections.
                rows.push((row, (through.p99 - straight.p99).max(0.01)));
                let what = format!(
                    "chat completions through the gateway, paid with {means}; the upstream takes {} ms",
                    self.args.upstream_ms
                );
                outcomes.push(Outcome::of(name, what, load, checked));
            }
        }
        let what = format!(
            "chat completions of {PROMPT_TOKENS} and {ANSWER_TOKENS} tokens from an upstream that takes {} ms; each connection asks at a pace of its own, a fifth slower than that",
            self.args.upstream_ms
        );
        let header = ["connections", "way", "p50 ms", "p99 ms", "added to p50", "added to p99"];
        let mut summary = Outcome { rows, ..Outcome::bare(name, what) };
        summary.notes.push(table(header, lines));
        outcomes.insert(0, summary);
        outcomes.push(self.streams(site).await?);
        Ok(outcomes)
    }

    async fn asked(
        &self,
        site: &Site,
        is_paid: bool,
        askers: &[Asker],
        payers: usize,
        connections: usize,
    ) -> Result<Load, BenchError> {
        let (server, question) = site.question(&self.door.run, is_paid, false, connections);
        let (takes, length) = (Duration::from_millis(self.args.upstream_ms), Duration::from_secs(self.args.seconds));
        let question = &Arc::new(question);
        Asking { server, question, askers, payers, connections, takes, length }.run().await
    }

    /// A thousand streams at once, straight and through the gateway.
    async fn streams(&self, site: &Site) -> Result<Outcome, BenchError> {
        let pids = &self.args.server_pid;
        let straight = site.stream(self, false, &[(0, Means::Straight)], 1).await?;
        let before = self.books.open().await?;
        let at_rest = memory_mib(pids);
        let payers = self.books.world.payers.len();
        let running = site.stream(self, true, &site.bearers, payers);
        let (through, highest) = tokio::join!(running, highest_memory(pids, straight.whole.max()));
        let through = through?;
        let mut tally = Tally { acknowledged: through.ended.clone(), ..Tally::new(payers) };
        let checked = self.books.close(before, vec![&mut tally]).await?;

        let seconds = (TOKEN_MS * u64::from(ANSWER_TOKENS)) / 1_000;
        let what =
            format!("{STREAMS} streams at once, a token every {TOKEN_MS} ms for {seconds} s, paid with bearer keys");
        let mut outcome = Outcome::bare("gateway-streams", what);
        for (way, streamed) in [("Straight", &straight), ("Through the gateway", &through)] {
            let ended: u64 = streamed.ended.iter().sum();
            outcome.notes.push(format!(
                "{way}: {ended} came to their end. To the first event took {}; to the last {}.",
                spelled(&streamed.first),
                spelled(&streamed.whole)
            ));
            if streamed.broken > 0 {
                outcome.differences.push(format!("{way}: {} broke off: {}", streamed.broken, streamed.said.join("; ")));
            }
        }
        let mib = |memory: Option<f64>| memory.map_or_else(|| "not known".to_owned(), |mib| format!("{mib:.0} MiB"));
        outcome.notes.push(format!("Memory: {} before, {} at most.", mib(at_rest), mib(highest)));
        outcome.differences.extend(checked.differences);
        Ok(outcome)
    }
}

impl Site {
    async fn open(bench: &Bench<'_>) -> Result<Self, BenchError> {
        let Door { client, target, organization, run } = &bench.door;
        let settings =
            Settings { delay_ms: bench.args.upstream_ms, token_ms: TOKEN_MS, tokens: Some(ANSWER_TOKENS.into()) };
        let upstream =
            Upstream::start(settings).await.map_err(|source| BenchError::Http { what: "the demo upstream", source })?;
        let put = client.put_model(&format!("{run}-model"), run, MILLION).await;
        put.map_err(failed("the price of a model"))?;
        let route = json!({
            "path": format!("/{run}/*"), "upstream": format!("http://{}/v1", upstream.address), "strip_prefix": true,
            "kind": "openai", "price": { "per_model": true, "currencies": ["USD", "USDC"] },
        });
        let made = client.set_route(&format!("{run}-route"), None, &route).await;
        let route = made.map_err(failed("a route"))?.id;

        let gateway = target.gateway(bench.args.gateway.as_deref(), Path::new(ENV_FILE)).map_err(BenchError::Target)?;
        let base = below(&gateway, &[&organization.id, run]);
        let till = Till::new(&base, run.clone(), Arc::clone(client), 1).map_err(failed("a client of the gateway"))?;
        let required = known(&till, &gateway).await?;
        let signers = match bench.args.sessions {
            0 => None,
            _ => {
                let wanted = Wanted { name: "voucher", count: SIGNERS, deposit: DEPOSIT, custody: Custody::Client };
                let sessions = session_keys(client, bench.args, &bench.books.pool, run, wanted).await?;
                let terms = sessions.first().map(|session| session.terms.clone());
                let offer = terms.and_then(|terms| required.session(&terms));
                let offer = offer.ok_or_else(|| unexpected("the gateway asks for no vouchers"))?;
                Some(signers(bench, sessions, &offer)?)
            }
        };
        let url = |text: String| text.parse::<Url>().map_err(|_| BenchError::NoAddress(text));
        Ok(Self {
            straight: (upstream.address, url(format!("http://{}/v1", upstream.address))?),
            through: (address(&gateway).await?, base),
            _upstream: upstream,
            route,
            bearers: bearers(bench).await?,
            signers,
        })
    }

    /// Where a question goes, and what it is. `load` tells its idempotency keys from those of other loads.
    fn question(&self, run: &str, is_paid: bool, is_streamed: bool, load: usize) -> (SocketAddr, Question) {
        let (server, base) = if is_paid { &self.through } else { &self.straight };
        let keys = format!("{run}-{load}-{}", uuid::Uuid::now_v7().simple());
        (*server, Question::new(base, run, is_streamed, keys))
    }

    async fn stream(
        &self,
        bench: &Bench<'_>,
        is_paid: bool,
        askers: &[Asker],
        payers: usize,
    ) -> Result<streams::Streamed, BenchError> {
        let (server, question) = self.question(&bench.door.run, is_paid, true, STREAMS);
        let mut requests = Vec::with_capacity(STREAMS);
        for (payer, means) in askers.iter().cycle().take(STREAMS) {
            let mut request = Vec::new();
            question.compose(means, &mut request);
            requests.push((*payer, request));
        }
        streams::run(server, requests, payers, if is_paid { "\"charge_id\"" } else { "\"usage\"" }).await
    }
}

/// A gateway key for each of the world's payers, as many as there are connections.
async fn bearers(bench: &Bench<'_>) -> Result<Vec<Asker>, BenchError> {
    let Door { client, run, .. } = &bench.door;
    let expires_at = eventstore::clock::now() + KEYS_VALID_FOR;
    let most = CONNECTIONS.into_iter().max().unwrap_or(1);
    let making = bench.books.world.payers.iter().enumerate().take(most).map(|(number, payer)| async move {
        let who = match payer {
            Payer::Account(id) => client::Payer::Customer(id),
            Payer::SessionKey(id) => client::Payer::Session(id, None),
        };
        let made = client.create_gateway_key(&format!("{run}-gateway-key-{number}"), who, expires_at).await;
        let secret = made.map_err(failed("a gateway key"))?.secret;
        let secret = secret.ok_or_else(|| unexpected("a gateway key came without its secret"))?;
        Ok::<_, BenchError>((number, Means::Bearer(secret.into())))
    });
    stream::iter(making).buffered(PARALLEL).try_collect().await
}

/// Those who pay with vouchers, and books of their own: the world's payers do not sign.
fn signers(
    bench: &Bench<'_>,
    sessions: Vec<crate::simulate::wallet::Session>,
    offer: &Offer,
) -> Result<(Vec<Asker>, Books), BenchError> {
    let payers = sessions.iter().map(|session| Payer::SessionKey(session.id.clone())).collect();
    let Door { target, run, .. } = &bench.door;
    let composer = Composer::new(&target.url, target.api_key.clone(), run.clone());
    let askers = sessions.into_iter().enumerate().map(|(number, session)| {
        let signer = Signer::new(session, offer.clone()).ok_or_else(|| unexpected("no voucher can say the price"))?;
        Ok((number, Means::Voucher(Arc::new(signer))))
    });
    let askers = askers.collect::<Result<Vec<Asker>, BenchError>>()?;
    let Books { pool, log, partition, servers, .. } = &bench.books;
    let (pool, log, servers) = (pool.clone(), Arc::clone(log), servers.clone());
    let world = Arc::new(World::new(payers, composer));
    Ok((askers, Books { pool, log, partition: *partition, servers, world }))
}

fn unexpected(what: &str) -> BenchError {
    BenchError::Unexpected(what.to_owned())
}

/// A line of the table.
fn line(connections: usize, way: &str, found: Quantiles, straight: Option<Quantiles>) -> [String; 6] {
    let added = |of: fn(&Quantiles) -> f64| {
        straight.map_or_else(|| "–".to_owned(), |straight| format!("{:.1} ms", of(&found) - of(&straight)))
    };
    let millis = |millis: f64| format!("{millis:.1}");
    let (p50, p99) = (added(|quantiles| quantiles.p50), added(|quantiles| quantiles.p99));
    [connections.to_string(), way.to_owned(), millis(found.p50), millis(found.p99), p50, p99]
}

/// The most memory that the server's processes hold within so many microseconds.
async fn highest_memory(pids: &[u32], micros: u64) -> Option<f64> {
    super::endure::highest_memory(pids, std::time::Instant::now() + Duration::from_micros(micros)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_the_difference() {
        let quantiles = |p50, p99| Quantiles { p50, p99 };
        let told = line(64, "straight", quantiles(500.0, 501.0), None);
        assert_eq!(told.each_ref().map(String::as_str), ["64", "straight", "500.0", "501.0", "–", "–"]);
        let told = line(64, "through", quantiles(502.25, 504.5), Some(quantiles(500.0, 501.0)));
        assert_eq!(told.each_ref().map(String::as_str), ["64", "through", "502.2", "504.5", "2.2 ms", "3.5 ms"]);
    }
}
