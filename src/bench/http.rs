//! One HTTP/1.1 connection, kept open: as little work as it can be, because it is done on the same cores
//! as the server's.
//!
//! Requests come as bytes. Of an answer's head three things are read: the status, the length of the body
//! and when to come again. Answers without a length (chunked ones) are refused; Tollbook sends none to the
//! requests of the bench. A connection that fails or is closed is made anew for the next request.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The longest body: a batch of 1,000 charges has about a megabyte.
const BODY_BYTES_MAX: usize = 16 << 20;
/// What is read at once, at least.
const READ_BYTES: usize = 4 << 10;
/// How long an answer may take. The server itself gives up after 30 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);

/// The head of an answer, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    /// With the empty line that ends it.
    head_bytes: usize,
    body_bytes: usize,
    /// In seconds.
    retry_after: Option<u64>,
    /// The server closes the connection after this answer.
    closes: bool,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The HTTP status.
    pub status: u16,
    /// When to come again, in seconds.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: &'a [u8],
}

/// Reads a head; `None` while a part of it is missing.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, &'static str> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX { Err("the head of the answer is too long") } else { Ok(None) };
    };
    let mut lines = bytes[..end].split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = lines.next().and_then(status).ok_or("the answer does not begin as HTTP/1.1 does")?;
    let mut head = Head { status, head_bytes: end + 4, body_bytes: 0, retry_after: None, closes: false };
    let mut length = None;
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Err("a header of the answer has no colon");
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let bytes = number(value).ok_or("the answer's content-length is no number")?;
            if length.is_some_and(|known| known != bytes) {
                return Err("the answer has two lengths");
            }
            length = Some(bytes);
        } else if name.eq_ignore_ascii_case(b"retry-after") {
            head.retry_after = number(value);
        } else if name.eq_ignore_ascii_case(b"connection") {
            head.closes = value.eq_ignore_ascii_case(b"close");
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err("the answer has no length");
        }
    }
    let length = match (length, status) {
        (Some(bytes), _) => bytes,
        (None, 204 | 304) => 0,
        (None, _) => return Err("the answer has no length"),
    };
    head.body_bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= BODY_BYTES_MAX).ok_or("too long a body")?;
    Ok(Some(head))
}

/// The status of a first line like `HTTP/1.1 201 Created`.
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ")?;
    let digits = rest.get(..3).filter(|_| matches!(rest.get(3), None | Some(b' ')))?;
    number(digits).and_then(|status| u16::try_from(status).ok()).filter(|status| (200..600).contains(status))
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

/// A connection to one server. It is made when it is first needed.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// To this server, not yet made.
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: Vec::new() }
    }

    /// Makes it.
    pub async fn connect(&mut self) -> io::Result<()> {
        let stream = TcpStream::connect(self.address).await?;
        // A request must not wait for company.
        stream.set_nodelay(true)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Sends a request and reads its answer. After an error nobody knows what the server did with it.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Reply<'_>> {
        let head = match timeout(ANSWER_WITHIN, self.round_trip(request)).await {
            Ok(Ok(head)) => head,
            Ok(Err(error)) => {
                self.stream = None;
                return Err(error);
            }
            Err(_) => {
                self.stream = None;
                return Err(ErrorKind::TimedOut.into());
            }
        };
        if head.closes {
            self.stream = None;
        }
        Ok(Reply { status: head.status, retry_after: head.retry_after, body: &self.buffer[head.head_bytes..] })
    }

    async fn round_trip(&mut self, request: &[u8]) -> io::Result<Head> {
        if self.stream.is_none() {
            self.connect().await?;
        }
        let Some(stream) = self.stream.as_mut() else { return Err(ErrorKind::NotConnected.into()) };
        let malformed = |what: &'static str| io::Error::new(ErrorKind::InvalidData, what);
        self.buffer.clear();
        stream.write_all(request).await?;
        let head = loop {
            if let Some(head) = parse_head(&self.buffer).map_err(malformed)? {
                break head;
            }
            read_some(stream, &mut self.buffer, READ_BYTES).await?;
        };
        let total = head.head_bytes + head.body_bytes;
        while self.buffer.len() < total {
            let missing = total - self.buffer.len();
            read_some(stream, &mut self.buffer, missing).await?;
        }
        // One request at a time: nothing can follow its answer.
        if self.buffer.len() > total { Err(malformed("more than one answer")) } else { Ok(head) }
    }
}

async fn read_some(stream: &mut TcpStream, buffer: &mut Vec<u8>, room: usize) -> io::Result<()> {
    buffer.reserve(room);
    match stream.read_buf(buffer).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const CREATED: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}";

    #[test]
    fn a_head_is_read_once_all_of_it_is_there() {
        let end = CREATED.len() - 2;
        for split in 0..end {
            assert_eq!(parse_head(&CREATED[..split]), Ok(None), "{split}");
        }
        let head = Head { status: 201, head_bytes: end, body_bytes: 2, retry_after: None, closes: false };
        assert_eq!(parse_head(&CREATED[..end]), Ok(Some(head)));
        assert_eq!(parse_head(CREATED), Ok(Some(head)));
    }

    #[test]
    fn what_matters_is_found_however_it_is_written() {
        let busy =
            b"HTTP/1.1 503 Service Unavailable\r\nRETRY-AFTER:  7 \r\nConnection: Close\r\ncontent-length:0\r\n\r\n";
        let head = parse_head(busy).unwrap().unwrap();
        assert_eq!((head.status, head.retry_after, head.closes, head.body_bytes), (503, Some(7), true, 0));
        assert_eq!(parse_head(b"HTTP/1.1 204\r\n\r\n").unwrap().unwrap().body_bytes, 0);
        let late = b"HTTP/1.1 503 x\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(parse_head(late).unwrap().unwrap().retry_after, None);
    }

    #[test]
    fn odd_answers_are_refused() {
        for odd in [
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
            "\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        ] {
            assert!(parse_head(odd.as_bytes()).is_err(), "{odd:?}");
        }
        assert_eq!(parse_head(&vec![b'a'; HEAD_BYTES_MAX]), Ok(None));
        assert!(parse_head(&vec![b'a'; HEAD_BYTES_MAX + 1]).is_err());
    }

    /// A server that sends `pieces` to whoever connects, one after the other, and closes.
    async fn server(pieces: &'static [&'static [u8]]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 64];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                for piece in pieces {
                    let _ = stream.write_all(piece).await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn an_answer_may_come_in_pieces() {
        let pieces: &[&[u8]] = &[b"HTTP/1.1 201 Cre", b"ated\r\ncontent-length: 5\r\n", b"\r\nhe", b"llo"];
        let mut connection = Connection::new(server(pieces).await);
        // The second request finds the connection closed or closing, the third makes a new one.
        let reply = connection.exchange(b"x").await.unwrap();
        assert_eq!((reply.status, reply.body), (201, &b"hello"[..]));
        let again = connection.exchange(b"x").await.is_ok() || connection.exchange(b"x").await.is_ok();
        assert!(again);
    }

    #[tokio::test]
    async fn an_answer_that_stops_short_or_goes_on_is_an_error() {
        let short: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe"];
        let error = Connection::new(server(short).await).exchange(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let long: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nhello"];
        let error = Connection::new(server(long).await).exchange(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}
