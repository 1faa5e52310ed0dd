//! A door between `tollbook` and Postgres: a test may stop a statement in it, and then let it through, or lose it
//! or its answer on the way.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::{PATIENCE, Site};

/// The append of decided commands: on its own at first, in a transaction that holds the log when decided again.
pub const APPEND: &str = "append_events";
/// The first statement of such a transaction.
pub const SETTLE: &str = "for update";
/// The last one.
pub const COMMIT: &str = "COMMIT";

/// Of what Postgres answers: all before it is done, committed unless a transaction is open.
const READY: u8 = b'Z';

/// What becomes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// As if there were no door.
    Pass,
    /// The connection is cut; Postgres never hears of it.
    LoseRequest,
    /// Postgres does it; then the connection is cut, and nobody hears of that.
    LoseAnswer,
    /// Postgres does it and nobody hears of that, but the connection stays.
    KeepAnswer,
}

/// A statement that stands in the door. Dropping it is [`Fate::LoseRequest`].
pub struct Caught(oneshot::Sender<Fate>);

impl Caught {
    pub fn then(self, fate: Fate) {
        assert!(self.0.send(fate).is_ok(), "the connection has gone meanwhile");
    }
}

/// Waits for a statement.
pub struct Trap(oneshot::Receiver<Caught>);

impl Trap {
    pub async fn caught(self) -> Caught {
        let caught = timeout(PATIENCE, self.0).await.unwrap_or_else(|_| panic!("nothing came by in {PATIENCE:?}"));
        caught.expect("one trap at a time")
    }
}

/// The door.
pub struct Proxy(Arc<Door>);

struct Door {
    postgres: (String, u16),
    /// What to look for in a statement, and who waits for it.
    trap: Mutex<Option<(&'static str, oneshot::Sender<Caught>)>>,
    open: watch::Sender<bool>,
}

impl Proxy {
    /// Puts it before the installation's database, for everything that is started from now on.
    pub async fn before(site: &mut Site) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut url: Url = site.database_url.parse().unwrap();
        let postgres = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        site.set("DATABASE_URL", url.to_string());
        let door = Arc::new(Door { postgres, trap: Mutex::new(None), open: watch::Sender::new(true) });
        tokio::spawn(accept(listener, door.clone()));
        Self(door)
    }

    /// Stops the next statement that has this in its text.
    pub fn catch(&self, text: &'static str) -> Trap {
        let (caught, trap) = oneshot::channel();
        *self.0.trap.lock().unwrap() = Some((text, caught));
        Trap(trap)
    }

    /// Cuts every connection, and each that is made until [`Self::open`].
    pub fn shut(&self) {
        self.0.open.send_replace(false);
    }

    pub fn open(&self) {
        self.0.open.send_replace(true);
    }
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    while let Ok((client, _)) = listener.accept().await {
        let door = door.clone();
        tokio::spawn(async move {
            // However it ends: with it both connections do.
            let _ = door.pass_through(client).await;
        });
    }
}

impl Door {
    async fn pass_through(&self, client: TcpStream) -> io::Result<()> {
        if !*self.open.borrow() {
            return Ok(());
        }
        let (host, port) = &self.postgres;
        let server = TcpStream::connect((host.as_str(), *port)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let (fate, decided) = watch::channel(Fate::Pass);
        tokio::select! {
            ended = self.requests(BufReader::new(from_client), to_server, fate) => ended,
            ended = answers(BufReader::new(from_server), to_client, decided) => ended,
            () = shut(self.open.subscribe()) => Ok(()),
        }
    }

    async fn requests(
        &self,
        mut client: BufReader<OwnedReadHalf>,
        mut server: OwnedWriteHalf,
        decided: watch::Sender<Fate>,
    ) -> io::Result<()> {
        // `tollbook` asks for no TLS, so the first message is the start itself.
        let start = message(&mut client, 0).await?;
        server.write_all(&start).await?;
        let mut prepared = HashMap::new();
        loop {
            let message = message(&mut client, 1).await?;
            if let Some(sql) = executed(&message, &mut prepared) {
                let fate = self.fate_of(&sql).await;
                if fate == Fate::LoseRequest {
                    return Ok(());
                }
                decided.send_replace(fate);
            }
            server.write_all(&message).await?;
        }
    }

    async fn fate_of(&self, sql: &str) -> Fate {
        let Some(waiting) = self.sprung(sql) else { return Fate::Pass };
        let (fate, decided) = oneshot::channel();
        // Without anybody who waits for it there is nothing to wait for.
        if waiting.send(Caught(fate)).is_err() {
            return Fate::Pass;
        }
        decided.await.unwrap_or(Fate::LoseRequest)
    }

    fn sprung(&self, sql: &str) -> Option<oneshot::Sender<Caught>> {
        let sprung = self.trap.lock().unwrap().take_if(|(text, _)| sql.contains(*text));
        sprung.map(|(_, waiting)| waiting)
    }
}

async fn answers(
    mut server: BufReader<OwnedReadHalf>,
    mut client: OwnedWriteHalf,
    decided: watch::Receiver<Fate>,
) -> io::Result<()> {
    loop {
        let message = message(&mut server, 1).await?;
        let fate = *decided.borrow();
        match fate {
            Fate::Pass | Fate::LoseRequest => client.write_all(&message).await?,
            Fate::LoseAnswer if message[0] == READY => return Ok(()),
            Fate::LoseAnswer | Fate::KeepAnswer => {}
        }
    }
}

async fn shut(mut open: watch::Receiver<bool>) {
    let _ = open.wait_for(|open| !*open).await;
}

/// One message as it came: its type, which the first of a connection has not, its length, its content.
async fn message(from: &mut (impl AsyncRead + Unpin), type_bytes: usize) -> io::Result<Vec<u8>> {
    let mut message = vec![0; type_bytes + 4];
    from.read_exact(&mut message).await?;
    // Of itself and the content.
    let length = u32::from_be_bytes(message[type_bytes..].try_into().unwrap());
    message.resize(type_bytes + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut message[type_bytes + 4..]).await?;
    Ok(message)
}

/// The statement that a message has Postgres execute, if it does; notes what is only prepared.
fn executed(message: &[u8], prepared: &mut HashMap<Vec<u8>, String>) -> Option<String> {
    let mut texts = message[5..].split(|byte| *byte == 0);
    match message[0] {
        b'P' => {
            let (name, sql) = (texts.next()?, texts.next()?);
            prepared.insert(name.to_vec(), String::from_utf8_lossy(sql).into_owned());
            None
        }
        // Before the name of the statement comes that of the portal.
        b'B' => prepared.get(texts.nth(1)?).cloned(),
        b'Q' => Some(String::from_utf8_lossy(texts.next()?).into_owned()),
        _ => None,
    }
}
