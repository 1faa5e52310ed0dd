//! A Postgres and a NATS that belong to one test, which may stop them, kill them and delete what
//! they hold.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::net::TcpStream;
use uuid::Uuid;

use super::{setting, until};

/// A port that nobody listens on. Below the range that systems give to outgoing connections, so
/// that it is still free when a server that was stopped comes back to it.
pub fn free_port() -> u16 {
    loop {
        let port = 20_000 + (Uuid::now_v7().as_u128() % 10_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("tollbook-{name}-{}", Uuid::now_v7().simple()));
    fs::create_dir(&dir).unwrap();
    dir
}

/// A nats-server with JetStream.
pub struct Nats {
    child: Option<Child>,
    port: u16,
    dir: PathBuf,
}

impl Nats {
    pub async fn start() -> Self {
        let mut nats = Self { child: None, port: free_port(), dir: folder("nats") };
        nats.resume().await;
        nats
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Deletes everything it ever stored.
    pub fn delete_store(&self) {
        assert!(self.child.is_none(), "it is still running");
        fs::remove_dir_all(self.store()).unwrap();
    }

    /// Starts it on the same port and the same store.
    pub async fn resume(&mut self) {
        let mut command = Command::new(setting("TEST_NATS_SERVER"));
        command.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]).arg(self.store());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.child = Some(child);
        until("nats-server listens", async || TcpStream::connect(("127.0.0.1", self.port)).await.ok()).await;
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A Postgres cluster.
pub struct Postgres {
    port: u16,
    dir: PathBuf,
    /// Whom it runs as, when the tests run as root: Postgres refuses to.
    owner: Option<(u32, u32)>,
}

impl Postgres {
    pub async fn start() -> Self {
        let dir = folder("postgres");
        // What was just made belongs to whom we run as.
        let owner = (fs::metadata(&dir).unwrap().uid() == 0).then(unprivileged_user);
        if let Some((uid, gid)) = owner {
            chown(&dir, Some(uid), Some(gid)).unwrap();
        }
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let postgres = Self { port: free_port(), dir, owner };
        let args = ["-U", "tollbook", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        postgres.run("initdb", &args).await;
        postgres.resume().await;
        postgres
    }

    /// Of the database `postgres`, as superuser.
    pub fn url(&self) -> String {
        format!("postgres://tollbook@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it without a checkpoint and with all its connections, as a crash would.
    pub async fn crash(&self) {
        self.run("pg_ctl", &["stop", "-m", "immediate", "-w"]).await;
    }

    /// Starts it again; what was committed is recovered.
    pub async fn resume(&self) {
        let log = self.dir.join("server.log").display().to_string();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=100",
            self.port
        );
        self.run("pg_ctl", &["start", "-w", "-t", "60", "-l", &log, "-o", &options]).await;
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(Path::new(&setting("TEST_POSTGRES_BIN")).join(program));
        command.args(args).arg("-D").arg(self.dir.join("data")).current_dir(&self.dir);
        // Not a pipe: the server inherits it and would keep it open for ever.
        let output = File::options().create(true).append(true).open(self.dir.join("output.log")).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
    }

    async fn run(&self, program: &str, args: &[&str]) {
        let status = tokio::process::Command::from(self.command(program, args)).status().await;
        self.assert_success(program, status.unwrap());
    }

    fn assert_success(&self, program: &str, status: ExitStatus) {
        let said = |name| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        assert!(status.success(), "{program}: {status}\n{}\n{}", said("output.log"), said("server.log"));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl", &["stop", "-m", "immediate", "-w"]).status();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// User and group to run Postgres as: the one `./dev test` uses, or one that every system has.
fn unprivileged_user() -> (u32, u32) {
    let preferred = std::env::var("TEST_POSTGRES_USER").unwrap_or_default();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map_while(|id| id.parse::<u32>().ok());
        Some((ids.next()?, ids.next()?))
    };
    [preferred.as_str(), "postgres", "nobody"].into_iter().find_map(find).expect("a user to run Postgres as")
}
