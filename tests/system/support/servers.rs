//! A Postgres and a NATS that belong to one test, which may stop them, kill them and delete what
//! they hold.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use sqlx::{Connection, PgConnection};
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

/// Everything that a cluster runs, but its first process and who asks.
const PROCESSES: &str = "select pid from pg_stat_activity where pid <> pg_backend_pid()";
/// A session of `tollbook`, and one that is at work if there is any.
const BUSY_SESSION: &str = "select pid from pg_stat_activity where application_name = 'tollbook' \
    order by (state = 'active') is true desc limit 1";

/// A Postgres cluster.
pub struct Postgres {
    port: u16,
    dir: PathBuf,
    /// Whom it runs as, when the tests run as root: Postgres refuses to.
    owner: Option<(u32, u32)>,
}

impl Postgres {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With more options for `initdb`.
    pub async fn start_with(more: &[&str]) -> Self {
        let dir = folder("postgres");
        // What was just made belongs to whom we run as.
        let owner = (fs::metadata(&dir).unwrap().uid() == 0).then(unprivileged_user);
        if let Some((uid, gid)) = owner {
            chown(&dir, Some(uid), Some(gid)).unwrap();
        }
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let postgres = Self { port: free_port(), dir, owner };
        let args = ["-U", "tollbook", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        postgres.run("initdb", &[&args[..], more].concat()).await;
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
        let args = ["start", "-w", "-t", "60", "-l", &log, "-o", &options];
        // Some of what was killed may still hold the memory that all share.
        until("Postgres starts", async || self.status("pg_ctl", &args).await.success().then_some(())).await;
    }

    /// SIGKILL for all of it at once.
    pub async fn kill(&self) {
        let mut all = vec![self.postmaster()];
        all.extend(self.pids(PROCESSES).await);
        self.kill_all(&all);
        until("Postgres has gone", async || TcpStream::connect(("127.0.0.1", self.port)).await.is_err().then_some(()))
            .await;
        // Where nobody looks after orphans its number stays taken, and Postgres would believe that it still runs.
        fs::remove_file(self.pid_file()).unwrap();
    }

    /// SIGKILL for one session: Postgres ends all others then, and starts anew by itself.
    pub async fn kill_session(&self) {
        let session = self.pids(BUSY_SESSION).await;
        assert_eq!(session.len(), 1, "tollbook has no session");
        self.kill_all(&session);
    }

    /// No file may become longer than this for whoever runs now or later; `None` for any length.
    #[cfg(target_os = "linux")]
    pub async fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        // The first process first: who comes from now on has its limit from there.
        assert!(self.limit_files_of(self.postmaster(), &limit), "prlimit");
        for pid in self.pids(PROCESSES).await {
            // It may have gone meanwhile.
            self.limit_files_of(pid, &limit);
        }
    }

    #[cfg(target_os = "linux")]
    fn limit_files_of(&self, pid: i32, limit: &str) -> bool {
        let mut command = self.as_owner("prlimit");
        command.args(["--pid", &pid.to_string(), &format!("--fsize={limit}:")]);
        command.stdin(Stdio::null()).status().unwrap().success()
    }

    fn kill_all(&self, pids: &[i32]) {
        let mut command = self.as_owner("kill");
        // Some may have gone meanwhile, which it complains about.
        let _ = command.arg("-KILL").args(pids.iter().map(i32::to_string)).stderr(Stdio::null()).status().unwrap();
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join("data").join("postmaster.pid")
    }

    fn postmaster(&self) -> i32 {
        let file = fs::read_to_string(self.pid_file()).unwrap();
        file.lines().next().and_then(|pid| pid.trim().parse().ok()).expect("its process id")
    }

    async fn pids(&self, which: &'static str) -> Vec<i32> {
        let mut connection = PgConnection::connect(&self.url()).await.unwrap();
        sqlx::query_scalar(which).fetch_all(&mut connection).await.unwrap()
    }

    /// As whom it runs, who may do with it what others may not.
    fn as_owner(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.as_owner(Path::new(&setting("TEST_POSTGRES_BIN")).join(program));
        command.args(args).arg("-D").arg(self.dir.join("data")).current_dir(&self.dir);
        // Not a pipe: the server inherits it and would keep it open for ever.
        let output = File::options().create(true).append(true).open(self.dir.join("output.log")).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        command
    }

    async fn run(&self, program: &str, args: &[&str]) {
        let status = self.status(program, args).await;
        assert!(status.success(), "{program}: {status}");
    }

    async fn status(&self, program: &str, args: &[&str]) -> ExitStatus {
        tokio::process::Command::from(self.command(program, args)).status().await.unwrap()
    }

    fn show_logs(&self) {
        for name in ["output.log", "server.log"] {
            let text = fs::read_to_string(self.dir.join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- Postgres: {name}\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
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
