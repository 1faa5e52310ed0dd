//! On what it was measured: the machine, its disk, Postgres and its settings.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use sqlx::PgPool;

use super::BenchError;
use super::tally::{Latencies, latencies, micros, millis_at};

/// How often the disk is asked, with so much at a time: a page of Postgres.
const SYNCS: usize = 500;
const PAGE_BYTES: usize = 8 << 10;

const SETTINGS: [&str; 8] = [
    "shared_buffers",
    "synchronous_commit",
    "fsync",
    "full_page_writes",
    "wal_buffers",
    "min_wal_size",
    "max_wal_size",
    "checkpoint_timeout",
];

/// What is there, each with what it is.
pub async fn describe(pool: &PgPool, fsync_dir: Option<PathBuf>) -> Result<Vec<(String, String)>, BenchError> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let known = |what: Option<String>| what.unwrap_or_else(|| "not known".to_owned());
    let cores = std::thread::available_parallelism().ok().map(|cores| cores.to_string());
    let kernel = Some(read("/proc/sys/kernel/osrelease").trim().to_owned()).filter(|release| !release.is_empty());
    let mut lines = vec![
        ("CPU".to_owned(), known(cpu_model(&read("/proc/cpuinfo")))),
        ("cores".to_owned(), known(cores)),
        ("memory".to_owned(), known(memory(&read("/proc/meminfo")))),
        ("kernel".to_owned(), known(kernel)),
    ];
    if let Some(folder) = fsync_dir {
        let measured = tokio::task::spawn_blocking(move || fdatasync(&folder)).await?;
        let synced = measured.map_err(|source| BenchError::Disk { what: "fdatasync cannot be measured", source })?;
        let (median, p99) = (millis_at(&synced, 0.5), millis_at(&synced, 0.99));
        lines.push(("fdatasync of 8 KiB".to_owned(), format!("p50 {median:.2} ms, p99 {p99:.2} ms, {SYNCS} times")));
    }
    let version: String = sqlx::query_scalar("select current_setting('server_version')").fetch_one(pool).await?;
    lines.push(("Postgres".to_owned(), version));
    let settings: Vec<(String, String)> = sqlx::query_as(
        "select n.name, current_setting(n.name, true) from unnest($1::text[]) with ordinality as n (name, place)
         where current_setting(n.name, true) is not null order by n.place",
    )
    .bind(SETTINGS.map(str::to_owned).to_vec())
    .fetch_all(pool)
    .await?;
    lines.extend(settings);
    Ok(lines)
}

/// Writes pages over a file that is there already, as a database does with its log, each through to the disk.
fn fdatasync(folder: &Path) -> io::Result<Latencies> {
    let path = folder.join(format!("tollbook-bench-{}.tmp", std::process::id()));
    let measured = write_through(&path);
    let removed = std::fs::remove_file(&path);
    let measured = measured?;
    removed?;
    Ok(measured)
}

fn write_through(path: &Path) -> io::Result<Latencies> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(&vec![0; SYNCS * PAGE_BYTES])?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let (mut synced, page) = (latencies(), vec![1; PAGE_BYTES]);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        synced.saturating_record(micros(begun.elapsed()));
    }
    Ok(synced)
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_owned())
}

fn memory(meminfo: &str) -> Option<String> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(format!("{:.1} GiB", kib / 1_048_576.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let cpuinfo = "processor\t: 0\nmodel name\t: A CPU @ 2.00GHz\nmodel name\t: B\n";
        assert_eq!(cpu_model(cpuinfo).unwrap(), "A CPU @ 2.00GHz");
        assert_eq!(cpu_model(""), None);
        assert_eq!(memory("MemTotal:        8388608 kB\nMemFree: 1 kB\n").unwrap(), "8.0 GiB");
        assert_eq!(memory("MemTotal: lots"), None);
    }

    #[test]
    fn the_disk_is_asked_so_often_and_nothing_is_left() {
        let folder = std::env::temp_dir();
        assert_eq!(fdatasync(&folder).unwrap().len(), SYNCS as u64);
        assert!(!folder.join(format!("tollbook-bench-{}.tmp", std::process::id())).exists());
        assert!(fdatasync(&folder.join("is/not/there")).is_err());
    }
}
