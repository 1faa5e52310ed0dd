//! Passes an answer on while it comes, and charges for it at its end.
//!
//! It runs in its own task until the upstream has ended, the client has left, or a limit is reached; so each hold
//! is ended, and no connection to an upstream outlives its client. A client sees the end of its answer only after
//! the charge is in the log.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use domain::route::Measured;
use futures::Stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::answers::{self, Kept, UnderWay};
use super::ask::Ask;
use super::openai::stream::{Event, Stream as ModelStream, UsageEvent};
use super::openai::usage::Usage;
use super::resolve::Place;
use super::settings::CLIENT_STALLS_MAX;
use super::tab::{Bill, Tab, Work};
use super::upstream::{Answering, Beginning, UpstreamError};
use super::{Gateway, receipt};

/// Pieces that wait for the client.
const PIECES_MAX: usize = 8;

/// The rest does not come.
#[derive(Debug, thiserror::Error)]
#[error("the upstream's answer broke off")]
pub(super) struct Cut;

/// A piece of an answer, and what of it a model wrote.
#[derive(Debug, Default)]
struct Piece {
    bytes: Bytes,
    pieces: u64,
    text_bytes: u64,
}

/// What went through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sums {
    bytes: u64,
    pieces: u64,
    text_bytes: u64,
}

impl Sums {
    fn add(&mut self, piece: &Piece) {
        self.bytes += piece.bytes.len() as u64;
        self.pieces += piece.pieces;
        self.text_bytes += piece.text_bytes;
    }
}

/// What the client's connection has taken.
#[derive(Debug, Default)]
struct Delivered {
    bytes: AtomicU64,
    pieces: AtomicU64,
    text_bytes: AtomicU64,
    /// Whether the end is none: the connection is cut then, so that nobody takes it for one.
    is_cut: AtomicBool,
}

impl Delivered {
    fn add(&self, piece: &Piece) {
        self.bytes.fetch_add(piece.bytes.len() as u64, Ordering::Relaxed);
        self.pieces.fetch_add(piece.pieces, Ordering::Relaxed);
        self.text_bytes.fetch_add(piece.text_bytes, Ordering::Relaxed);
    }

    fn sums(&self) -> Sums {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Sums { bytes: read(&self.bytes), pieces: read(&self.pieces), text_bytes: read(&self.text_bytes) }
    }
}

/// The client's end.
struct Pieces {
    receiver: mpsc::Receiver<Piece>,
    delivered: Arc<Delivered>,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Cut>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Poll::Ready(next) = self.receiver.poll_recv(context) else { return Poll::Pending };
        Poll::Ready(match next {
            Some(piece) => {
                self.delivered.add(&piece);
                Some(Ok(piece.bytes))
            }
            None => self.delivered.is_cut.swap(false, Ordering::AcqRel).then_some(Err(Cut)),
        })
    }
}

/// How it ended.
#[derive(Debug)]
enum End {
    Whole,
    Broken(UpstreamError),
    ClientLeft,
}

/// What is kept of an answer for those who ask again.
struct Keeper {
    id: Uuid,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether it has become too large.
    is_over: bool,
}

/// An answer that is being passed on.
pub(super) struct Pump {
    // Given up before the client sees the end: it may ask again at once.
    _under_way: Option<UnderWay>,
    gateway: Gateway,
    place: Arc<Place>,
    ask: Ask,
    answering: Answering,
    beginning: Beginning,
    sender: mpsc::Sender<Piece>,
    delivered: Arc<Delivered>,
    /// What has been taken from the upstream and passed on.
    passed: Sums,
    /// What it is charged to; `None` where nothing is, or everything was.
    tab: Option<Arc<Tab>>,
    /// What a model's stream says.
    model: Option<ModelStream>,
    said: Option<Usage>,
    is_charged: bool,
    keeper: Option<Keeper>,
}

/// What a pump is made of.
pub(super) struct PumpParts {
    /// For its clients and limits.
    pub(super) gateway: Gateway,
    /// The route.
    pub(super) place: Arc<Place>,
    /// What was asked for.
    pub(super) ask: Ask,
    /// The upstream.
    pub(super) answering: Answering,
    /// What of its body was read before.
    pub(super) beginning: Beginning,
    /// What it is charged to.
    pub(super) tab: Option<Arc<Tab>>,
    /// What a model's stream says; `None` where nothing is read in it.
    pub(super) model: Option<ModelStream>,
    /// Keeps the place of a request that may be sent again.
    pub(super) under_way: Option<UnderWay>,
}

impl Pump {
    /// A pump, and the body for the client.
    pub(super) fn new(parts: PumpParts) -> (Self, Body) {
        let PumpParts { gateway, place, ask, answering, beginning, tab, model, under_way } = parts;
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        let delivered = Arc::new(Delivered::default());
        let body = Body::from_stream(Pieces { receiver, delivered: delivered.clone() });
        let pump = Self {
            _under_way: under_way,
            gateway,
            place,
            ask,
            answering,
            beginning,
            sender,
            delivered,
            passed: Sums::default(),
            tab,
            model,
            said: None,
            is_charged: false,
            keeper: None,
        };
        (pump, body)
    }

    /// Has the answer kept as what this pays for, when it is not too large in the end.
    pub(super) fn keep(&mut self, id: Uuid, status: StatusCode, headers: HeaderMap) {
        self.keeper = Some(Keeper { id, status, headers, body: Vec::new(), is_over: false });
    }

    /// Passes everything on, and ends what there is to end.
    pub(super) async fn run(mut self) {
        metrics::gauge!("tollbook_gateway_streams").increment(1.0);
        let end = match self.pass_on().await {
            Ok(()) => End::Whole,
            Err(end) => end,
        };
        self.finish(end).await;
        metrics::gauge!("tollbook_gateway_streams").decrement(1.0);
    }

    async fn pass_on(&mut self) -> Result<(), End> {
        for piece in std::mem::take(&mut self.beginning.pieces) {
            self.take(piece).await?;
        }
        drop(std::mem::take(&mut self.beginning.taken));
        if !self.beginning.is_whole {
            loop {
                let next = tokio::select! {
                    next = self.answering.chunk() => next,
                    () = self.sender.closed() => return Err(End::ClientLeft),
                };
                match next {
                    Ok(Some(piece)) => self.take(piece).await?,
                    Ok(None) => break,
                    Err(error) => return Err(End::Broken(error)),
                }
            }
        }
        let Some(model) = &mut self.model else { return Ok(()) };
        let rest = model.rest();
        self.said = self.said.or(model.said());
        self.send(Piece { bytes: rest, ..Piece::default() }).await
    }

    /// Takes in a piece of the upstream's answer.
    async fn take(&mut self, piece: Bytes) -> Result<(), End> {
        let room = self.place.route.limits.response_bytes_max.saturating_sub(self.passed.bytes);
        if piece.len() as u64 > room {
            return Err(End::Broken(UpstreamError::TooLarge));
        }
        let Some(model) = &mut self.model else {
            // Of a model's answer that is no stream of events, all is taken for text.
            let text_bytes = if self.ask.asked.is_some() { piece.len() as u64 } else { 0 };
            return self.send(Piece { bytes: piece, pieces: 0, text_bytes }).await;
        };
        if model.push(&piece).is_err() {
            return Err(End::Broken(UpstreamError::Unreadable));
        }
        while let Some(event) = self.model.as_mut().and_then(ModelStream::next_event) {
            match event {
                Event::Passes { bytes, pieces, text_bytes } => self.send(Piece { bytes, pieces, text_bytes }).await?,
                Event::Usage(event) => self.send_usage(event).await?,
                Event::Done(bytes) => {
                    self.said = self.said.or(self.model.as_ref().and_then(ModelStream::said));
                    self.charge(self.passed, true).await;
                    self.send(Piece { bytes, ..Piece::default() }).await?;
                }
            }
        }
        Ok(())
    }

    /// The event that says what it came to: that is charged before the client hears of it.
    async fn send_usage(&mut self, event: UsageEvent) -> Result<(), End> {
        self.said = Some(event.usage);
        let bill = self.charge(self.passed, true).await;
        let cost = bill.as_ref().map(receipt::in_stream);
        let bytes = event.with_cost(cost.as_ref());
        self.send(Piece { bytes, ..Piece::default() }).await
    }

    async fn send(&mut self, piece: Piece) -> Result<(), End> {
        if piece.bytes.is_empty() {
            return Ok(());
        }
        self.passed.add(&piece);
        if let Some(keeper) = self.keeper.as_mut().filter(|keeper| !keeper.is_over) {
            keeper.is_over = !answers::is_kept(&self.place.route.limits, keeper.body.len() + piece.bytes.len());
            if keeper.is_over {
                keeper.body = Vec::new();
            } else {
                keeper.body.extend_from_slice(&piece.bytes);
            }
        }
        // A slow reader must not outlive the hold that pays: it stands longer than this.
        let (now, last) = (Instant::now(), self.answering.deadline() + CLIENT_STALLS_MAX);
        if now >= last {
            return Err(End::ClientLeft);
        }
        match timeout_at(last.min(now + CLIENT_STALLS_MAX), self.sender.send(piece)).await {
            Ok(Ok(())) => Ok(()),
            // It has left, or it has stopped reading.
            Ok(Err(_)) | Err(_) => Err(End::ClientLeft),
        }
    }

    /// Charges for this, once.
    async fn charge(&mut self, sums: Sums, is_whole: bool) -> Option<Bill> {
        if self.is_charged {
            return None;
        }
        self.is_charged = true;
        let tab = self.tab.clone()?;
        let (tokens, is_estimate) = self.ask.tokens(self.said, sums.pieces, sums.text_bytes);
        let millis_max = u64::from(self.place.route.limits.seconds_max) * 1_000;
        let measured = Measured {
            request_bytes: self.ask.request_bytes,
            response_bytes: sums.bytes,
            millis: self.answering.millis().min(millis_max),
            tokens,
        };
        tab.settle_delivered(&Work { measured, is_whole, is_estimate }).await
    }

    async fn finish(mut self, end: End) {
        match end {
            End::Whole => {
                self.charge(self.passed, true).await;
                if let Some(keeper) = self.keeper.take().filter(|keeper| !keeper.is_over) {
                    let Keeper { id, status, headers, body, .. } = keeper;
                    let kept = Kept { status, headers, body: body.into() };
                    let owner = (self.place.organization_id, id);
                    answers::keep(&self.gateway.answers, &self.place.route.limits, owner, &kept).await;
                }
            }
            End::ClientLeft => {
                // It may still be there and read nothing.
                self.delivered.is_cut.store(true, Ordering::Release);
                let delivered = self.delivered.sums();
                if delivered.bytes == 0 {
                    self.give_up().await;
                } else {
                    self.charge(delivered, true).await;
                }
                metrics::counter!("tollbook_gateway_streams_ended_total", "why" => "client_left").increment(1);
            }
            End::Broken(error) => {
                let route_id = self.place.route.id;
                tracing::warn!(%route_id, %error, "the upstream's answer broke off in the middle");
                if self.passed.bytes == 0 {
                    self.give_up().await;
                } else {
                    self.charge(self.passed, false).await;
                }
                metrics::counter!("tollbook_gateway_streams_ended_total", "why" => "broken").increment(1);
                self.delivered.is_cut.store(true, Ordering::Release);
            }
        }
    }

    /// Nothing was delivered, so nothing is charged.
    async fn give_up(&mut self) {
        if let Some(tab) = self.tab.take().filter(|_| !self.is_charged) {
            tab.void().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    #[tokio::test]
    async fn what_the_client_takes_is_counted() {
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        let delivered = Arc::new(Delivered::default());
        let mut client = Pieces { receiver, delivered: delivered.clone() };
        for _ in 0..2 {
            let piece = Piece { bytes: Bytes::from_static(b"hey"), pieces: 1, text_bytes: 2 };
            assert!(sender.send(piece).await.is_ok());
        }
        assert_eq!(delivered.sums(), Sums::default(), "nothing was taken yet");
        assert_eq!(client.next().await.unwrap().unwrap(), "hey");
        assert_eq!(delivered.sums(), Sums { bytes: 3, pieces: 1, text_bytes: 2 });
        assert_eq!(client.next().await.unwrap().unwrap(), "hey");
        delivered.is_cut.store(true, Ordering::Release);
        drop(sender);
        assert!(client.next().await.unwrap().is_err(), "the end is none");
        assert!(client.next().await.is_none());
    }
}
