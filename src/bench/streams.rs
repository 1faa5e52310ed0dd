//! Many streams at once: each connection asks for one answer and reads it, token by token, to its end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::BenchError;
use super::tally::{Latencies, latencies, micros};

/// How long a stream may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Between the last connection and the first request.
const SETTLE: Duration = Duration::from_millis(50);
/// Before its first event there are the answer's headers.
const EVENT: &[u8] = b"data: ";
const DONE: &[u8] = b"data: [DONE]";
/// An answer without a length ends so.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";
/// How many answers that were no stream are kept to be shown.
const SAID_MAX: usize = 3;
const SHOWN_BYTES: usize = 300;

/// What came of all streams.
#[derive(Debug)]
pub struct Streamed {
    /// From the request to the first event.
    pub first: Latencies,
    /// From the request to the end.
    pub whole: Latencies,
    /// Streams by payer that came to their end.
    pub ended: Vec<u64>,
    /// Streams that did not.
    pub broken: u64,
    /// What the first of those said.
    pub said: Vec<String>,
}

/// When the two moments of a stream were, from its request.
struct Moments {
    first: Duration,
    whole: Duration,
}

/// Sends these requests, each for its payer, all at once. `must_have` is what every answer must contain besides its
/// end.
pub async fn run(
    server: SocketAddr,
    requests: Vec<(usize, Vec<u8>)>,
    payers: usize,
    must_have: &'static str,
) -> Result<Streamed, BenchError> {
    let mut sockets = Vec::with_capacity(requests.len());
    for (payer, request) in requests {
        let lost = |source| BenchError::Http { what: "a connection", source };
        let socket = TcpStream::connect(server).await.map_err(lost)?;
        socket.set_nodelay(true).map_err(lost)?;
        sockets.push((payer, request, socket));
    }
    let start = Instant::now() + SETTLE;
    let mut reading = JoinSet::new();
    for (payer, request, socket) in sockets {
        reading.spawn(async move { (payer, read(socket, request, start, must_have).await) });
    }
    let mut streamed =
        Streamed { first: latencies(), whole: latencies(), ended: vec![0; payers], broken: 0, said: Vec::new() };
    while let Some(ended) = reading.join_next().await {
        match ended? {
            (payer, Ok(moments)) => {
                streamed.ended[payer] += 1;
                streamed.first.saturating_record(micros(moments.first));
                streamed.whole.saturating_record(micros(moments.whole));
            }
            (_, Err(what)) => {
                streamed.broken += 1;
                if streamed.said.len() < SAID_MAX {
                    streamed.said.push(what);
                }
            }
        }
    }
    Ok(streamed)
}

async fn read(
    mut socket: TcpStream,
    request: Vec<u8>,
    start: Instant,
    must_have: &'static str,
) -> Result<Moments, String> {
    sleep_until(start.into()).await;
    let begun = Instant::now();
    socket.write_all(&request).await.map_err(|error| error.to_string())?;
    let (mut answer, mut first) = (Vec::new(), None);
    loop {
        match timeout(SILENCE_MAX, socket.read_buf(&mut answer)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(_)) => return Err(format!("closed early: {}", shown(&answer))),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("nothing more came: {}", shown(&answer))),
        }
        if first.is_none() && contains(&answer, EVENT) {
            first = Some(begun.elapsed());
        }
        if answer.ends_with(LAST_CHUNK) {
            break;
        }
    }
    let is_whole =
        answer.starts_with(b"HTTP/1.1 200 ") && contains(&answer, DONE) && contains(&answer, must_have.as_bytes());
    match first.filter(|_| is_whole) {
        Some(first) => Ok(Moments { first, whole: begun.elapsed() }),
        None => Err(format!("no whole stream: {}", shown(&answer))),
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn shown(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..answer.len().min(SHOWN_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

    async fn server(pieces: &'static [&'static [u8]]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                assert!(socket.read(&mut [0; 64]).await.unwrap() > 0);
                for piece in pieces {
                    let _ = socket.write_all(piece).await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn a_stream_counts_when_it_came_to_its_end() {
        let whole: &[&[u8]] = &[HEAD, b"8\r\ndata: 1\n\r\n", b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"];
        let requests = || vec![(1, b"x".to_vec()), (0, b"x".to_vec())];
        let streamed = run(server(whole).await, requests(), 2, "data: 1").await.unwrap();
        assert_eq!((streamed.ended, streamed.broken, streamed.first.len()), (vec![1, 1], 0, 2));
        let streamed = run(server(whole).await, requests(), 2, "charge_id").await.unwrap();
        assert_eq!((streamed.ended, streamed.broken), (vec![0, 0], 2));
        let short: &[&[u8]] = &[HEAD, b"8\r\ndata: 1\n\r\n"];
        let streamed = run(server(short).await, requests(), 2, "").await.unwrap();
        assert!(streamed.broken == 2 && streamed.said[0].starts_with("closed early"), "{:?}", streamed.said);
    }
}
