//! What every test stands on: [`Site`] is an installation (database, settings, command line),
//! [`Process`] one running `tollbook`, [`TestApp`] an installation with `tollbook up` in it.
//! [`api`] talks to it, [`load`] and [`batch`] charge a lot at a time, [`after`] says what must hold then.
//! [`servers`] are Postgres and NATS that a test may break, [`proxy`] and [`locks`] what it puts in the way to
//! Postgres, [`anvil`] is a chain that it may break, [`rpc_proxy`] what it puts in the way to that, [`chain`] what is said
//! of it then, [`sessions`] the session keys on it; [`holds`] reserves money,
//! [`gateway`] goes through the gateway to an upstream, [`exact`] pays there by single transfers, [`subscriptions`]
//! sets up plans, subscriptions and test clocks, [`billing`] moves a whole shop of them through time, [`invoices`]
//! writes invoices, [`stripe`] pays them by card, [`refused`] sends what must be refused.

pub mod after;
pub mod anvil;
pub mod api;
pub mod batch;
pub mod billing;
pub mod chain;
pub mod exact;
pub mod gateway;
pub mod holds;
pub mod invoices;
pub mod load;
pub mod locks;
pub mod proxy;
pub mod refused;
pub mod rpc_proxy;
pub mod servers;
pub mod sessions;
pub mod stripe;
pub mod subscriptions;

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

pub use api::{Answer, Api, Position, assert_amount, caught_up, decimal};

/// After this a condition has failed. Far above what anything takes: it ends a hanging test, it
/// does not measure.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);
/// Two everywhere: what works with one only is wrong.
pub const PARTITIONS: i32 = 2;

/// Polls until there is a value, and gives it back.
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        // The check itself may hang as well.
        if let Ok(Some(value)) = timeout(PATIENCE, check()).await {
            return value;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain until {what}");
        sleep(POLL).await;
    }
}

/// What `./dev test` says about the servers it started.
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with ./dev test"))
}

/// An installation: a database that does not exist yet, settings, and a folder for files.
pub struct Site {
    pub database_url: String,
    pub nats_url: String,
    pub nats_prefix: String,
    pub dir: PathBuf,
    /// Settings beside the usual ones.
    more: Vec<(&'static str, String)>,
}

/// Of a server that a developer has running: no test may find it.
const NOT_OURS: [&str; 18] = [
    "TOLLBOOK_URL",
    "TOLLBOOK_GATEWAY_URL",
    "TOLLBOOK_GATEWAY_ORGANIZATION",
    "TOLLBOOK_GATEWAY_PUBLIC_URL",
    "TOLLBOOK_GATEWAY_PROXIES",
    "TOLLBOOK_API_KEY",
    "EVM_RPC_URL",
    "TOLLBOOK_NETWORK",
    "TOLLBOOK_CONTRACT",
    "TOLLBOOK_USDC",
    "TOLLBOOK_PAYEE",
    "TOLLBOOK_SETTLER_KEY",
    "TOLLBOOK_SETTLER_KEY_FILE",
    "TOLLBOOK_EXACT_KEY",
    "TOLLBOOK_EXACT_KEY_FILE",
    "TOLLBOOK_EXACT_ADDRESS",
    "TOLLBOOK_CHAIN_CONFIRMATIONS",
    "TOLLBOOK_MAX_FEE_GWEI",
];

impl Site {
    /// On the servers that all tests share.
    pub fn new() -> Self {
        Self::on(&setting("TEST_DATABASE_URL"), &setting("TEST_NATS_URL"))
    }

    /// On these servers. `postgres` names any database of the one; ours is made beside it.
    pub fn on(postgres: &str, nats: &str) -> Self {
        let id = Uuid::now_v7().simple().to_string();
        let (server, _) = postgres.rsplit_once('/').expect("a URL with a database");
        let dir = std::env::temp_dir().join(format!("tollbook-test-{id}"));
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("secret.key"), id.repeat(2)).unwrap();
        let (database_url, nats_prefix) = (format!("{server}/test_{id}"), format!("t{id}"));
        Self { database_url, nats_url: nats.into(), nats_prefix, dir, more: Vec::new() }
    }

    /// A setting for everything that is started from now on.
    pub fn set(&mut self, name: &'static str, value: String) {
        self.more.retain(|(other, _)| *other != name);
        self.more.push((name, value));
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let file = |name| self.dir.join(name).display().to_string();
        vec![
            ("DATABASE_URL", self.database_url.clone()),
            ("NATS_URL", self.nats_url.clone()),
            ("TOLLBOOK_NATS_PREFIX", self.nats_prefix.clone()),
            ("TOLLBOOK_PARTITIONS", PARTITIONS.to_string()),
            ("TOLLBOOK_SECRET_KEY_FILE", file("secret.key")),
            ("TOLLBOOK_ENV_FILE", file("env")),
            // The payment provider is on this machine, too.
            ("TOLLBOOK_CONNECTORS_PRIVATE", "true".to_owned()),
            // Any port that is free: many installations run at a time.
            ("TOLLBOOK_GATEWAY_LISTEN", "127.0.0.1:0".to_owned()),
        ]
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
        for name in NOT_OURS {
            command.env_remove(name);
        }
        command.args(args).envs(self.settings()).envs(self.more.clone());
        command.current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    /// Runs a command of the command line to its end.
    pub async fn tollbook(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = tokio::process::Command::from(self.command(args));
        let run = command.envs(env.iter().copied()).kill_on_drop(true).output();
        let output = timeout(PATIENCE, run).await.unwrap_or_else(|_| panic!("tollbook {args:?} does not end")).unwrap();
        Output {
            command: format!("tollbook {}", args.join(" ")),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Makes an organization on the command line and gives its API key.
    pub async fn organization(&self, name: &str) -> String {
        let output = self.tollbook(&["organization", "create", "--name", name], &[]).await.expect_code(0);
        assignment(&output.stdout, "TOLLBOOK_API_KEY").expect("a line TOLLBOOK_API_KEY=…")
    }

    /// The database, past the program.
    pub fn pool(&self) -> PgPool {
        PgPoolOptions::new().max_connections(2).connect_lazy(&self.database_url).unwrap()
    }

    /// How many events the log has, or how many of one type.
    pub async fn events_count(&self, event_type: Option<&str>) -> i64 {
        let pool = self.pool();
        let count = sqlx::query_scalar("select count(*) from events where $1::text is null or event_type = $1")
            .bind(event_type)
            .fetch_one(&pool)
            .await
            .unwrap();
        pool.close().await;
        count
    }

    /// `verify` and `reconcile`: the log is whole, and every figure follows from it.
    pub async fn assert_clean(&self) {
        self.tollbook(&["verify"], &[]).await.expect_code(0);
        self.tollbook(&["reconcile"], &[]).await.expect_code(0);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
        let (url, prefix) = (self.nats_url.clone(), self.nats_prefix.clone());
        // Streams reserve room in the store that all tests share. Dropping cannot wait on the test's
        // own runtime, so it has a thread with another. That it fails is no finding.
        let _ = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { timeout(Duration::from_secs(5), delete_streams(url, prefix)).await })?
        })
        .join();
    }
}

async fn delete_streams(url: String, prefix: String) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let context = async_nats::jetstream::new(async_nats::connect(url).await?);
    let names: Vec<String> = context.stream_names().try_collect().await?;
    for name in names.iter().filter(|name| name.to_lowercase().starts_with(&prefix)) {
        context.delete_stream(name).await?;
    }
    Ok(())
}

/// What a command of the command line said.
pub struct Output {
    command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Fails with all it said unless it ended like this.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}\n{}", self.command, self.stdout, self.stderr);
        self
    }

    /// The same for any failure that the program itself reports; a panic (101) and a signal are not.
    #[track_caller]
    pub fn expect_failure(self) -> Self {
        let reported = self.code.is_some_and(|code| code != 0 && code != 101);
        assert!(reported, "{} ended with {:?}\n{}\n{}", self.command, self.code, self.stdout, self.stderr);
        self
    }
}

/// The value of `NAME=value` among the lines of a shell script or of an output.
fn assignment(lines: &str, name: &str) -> Option<String> {
    let line = lines.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("export ").unwrap_or(line).strip_prefix(name)?.strip_prefix('=')
    });
    line.map(|value| value.trim().trim_matches(['\'', '"']).to_owned()).next_back()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let status = Command::new("kill").args([name, &pid]).status().unwrap();
    assert!(status.success(), "kill {name} {pid}");
}

/// A running `tollbook`; dropping it kills it like a power cut.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it prints goes to a file that a failing test shows.
    pub fn start(site: &Site, args: &[&str]) -> Self {
        let log = site.dir.join(format!("{}-{}.log", args[0], Uuid::now_v7().simple()));
        let file = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = site.command(args).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Self { child, log }
    }

    /// It stands still with all its connections open.
    pub fn hang(&self) {
        signal(&self.child, "-STOP");
    }

    /// It goes on where it stood, and has not noticed.
    pub fn go_on(&self) {
        signal(&self.child, "-CONT");
    }

    /// SIGKILL, by its own id.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Fails when it has ended by itself.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("tollbook has ended with {status}");
        }
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How many files and sockets it has open.
    #[cfg(target_os = "linux")]
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    fn show_log(&self) {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        eprintln!("--- {}", self.log.display());
        eprintln!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.show_log();
        }
    }
}

/// `tollbook serve` alone, on an address of its own.
pub struct Server {
    process: Process,
    pub url: String,
}

impl Server {
    /// Starts it on a database that was migrated before, and waits until it answers.
    pub async fn start(site: &Site) -> Self {
        let address = format!("127.0.0.1:{}", servers::free_port());
        let mut server =
            Self { process: Process::start(site, &["serve", "--listen", &address]), url: format!("http://{address}") };
        let api = Api::new(&server.url, "");
        until("tollbook serve answers", async || {
            server.process.assert_running();
            api.try_get("/healthz").await.filter(|answer| answer.status == 200)
        })
        .await;
        server
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// An installation with everything in one process. Fields in the order in which they must go:
/// the process before its files.
pub struct TestApp {
    process: Process,
    pub api: Api,
    pub site: Site,
}

impl TestApp {
    /// On the servers that all tests share.
    pub async fn up() -> Self {
        Self::up_on(Site::new()).await
    }

    /// On this installation; waits until it is ready.
    pub async fn up_on(site: Site) -> Self {
        let (process, url, key) = start_up(&site).await;
        Self { process, api: Api::new(&url, &key), site }
    }

    /// What the running process has printed so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// How many files and sockets the running process has open.
    #[cfg(target_os = "linux")]
    pub fn open_files(&self) -> usize {
        self.process.open_files()
    }

    /// What the running process has written down of itself, for example where its gateway is.
    pub fn written(&self, name: &str) -> String {
        let text = fs::read_to_string(self.site.dir.join("env")).unwrap();
        assignment(&text, name).unwrap_or_else(|| panic!("{name} in {text}"))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same database, on another port. The API key stays: it must be good
    /// for ever.
    pub async fn restart(&mut self) {
        self.kill();
        let (process, url, _) = start_up(&self.site).await;
        self.process = process;
        self.api = self.api.at(&url);
    }

    /// Another tenant of the same installation.
    pub async fn other_organization(&self) -> Api {
        self.api.with_key(&self.site.organization("Other").await)
    }

    /// A command of the command line, with the address and the key of this installation.
    pub async fn tollbook(&self, args: &[&str]) -> Output {
        let env = [("TOLLBOOK_URL", self.api.url.as_str()), ("TOLLBOOK_API_KEY", self.api.key.as_str())];
        self.site.tollbook(args, &env).await
    }
}

async fn start_up(site: &Site) -> (Process, String, String) {
    let env_file = site.dir.join("env");
    // Of an earlier start: the address in it is no longer true.
    let before = written_at(&env_file);
    let mut process = Process::start(site, &["up", "--listen", "127.0.0.1:0"]);
    let (url, key) = until("tollbook up has written its address and key", async || {
        process.assert_running();
        if written_at(&env_file) == before {
            return None;
        }
        let text = fs::read_to_string(&env_file).ok()?;
        Some((assignment(&text, "TOLLBOOK_URL")?, assignment(&text, "TOLLBOOK_API_KEY")?))
    })
    .await;
    let api = Api::new(&url, &key);
    until("tollbook up is ready", async || {
        process.assert_running();
        api.try_get("/readyz").await.filter(|answer| answer.status == 200)
    })
    .await;
    (process, url, key)
}

fn written_at(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}
