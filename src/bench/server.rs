//! What the server's processes say of themselves: how they append, and how much memory they hold.

use std::net::SocketAddr;

use super::BenchError;
use super::http::Connection;
use super::request::Composer;

/// What was appended to the log, over all processes, since they were started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Appends {
    /// How many events.
    events: f64,
    /// In how many batches.
    batches: f64,
    /// How long all batches together took, in seconds.
    seconds: f64,
}

impl Appends {
    /// Asks every process.
    pub async fn read(composer: &Composer, servers: &[SocketAddr]) -> Result<Self, BenchError> {
        let request = composer.get("/metrics");
        let mut all = Self::default();
        for server in servers {
            let mut connection = Connection::new(*server);
            let lost = |source| BenchError::Http { what: "/metrics", source };
            let reply = connection.exchange(&request).await.map_err(lost)?;
            if reply.status != 200 {
                return Err(BenchError::Unexpected(format!("/metrics was answered with {}", reply.status)));
            }
            let text = String::from_utf8_lossy(reply.body);
            all.events += sum(&text, "tollbook_append_batch_events_sum");
            all.batches += sum(&text, "tollbook_append_batch_events_count");
            all.seconds += sum(&text, "tollbook_append_seconds_sum");
        }
        Ok(all)
    }

    /// Events in a batch on average, and milliseconds of a batch, since `earlier`; `None` without a batch.
    pub fn means_since(&self, earlier: &Self) -> Option<(f64, f64)> {
        let batches = self.batches - earlier.batches;
        let means = ((self.events - earlier.events) / batches, (self.seconds - earlier.seconds) / batches * 1_000.0);
        (batches > 0.0).then_some(means)
    }
}

/// The sum of a metric over its labels, in Prometheus's text form.
fn sum(text: &str, name: &str) -> f64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']))?;
        rest.rsplit(' ').next()?.parse::<f64>().ok()
    });
    values.sum()
}

/// The resident memory of processes in MiB, those that can be read.
pub fn memory_mib(pids: &[u32]) -> Option<f64> {
    let of = |pid: &u32| resident_kib(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?);
    let found: Vec<u64> = pids.iter().filter_map(of).collect();
    (!found.is_empty()).then(|| found.iter().sum::<u64>() as f64 / 1_024.0)
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// How many files this process may have open, where that is known.
pub fn open_files_max() -> Option<u64> {
    open_files(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let text = "# TYPE a_sum counter\na_sum 1.5\na_sum{x=\"y z\"} 2\na_summary 9\nb 1\n";
        assert!((sum(text, "a_sum") - 3.5).abs() < 1e-9);
        assert!(sum(text, "c").abs() < 1e-9);
    }

    #[test]
    fn means_are_those_of_what_came_since() {
        let before = Appends { events: 10.0, batches: 2.0, seconds: 0.5 };
        let after = Appends { events: 110.0, batches: 6.0, seconds: 0.508 };
        let (events, millis) = after.means_since(&before).unwrap();
        assert!((events - 25.0).abs() < 1e-9 && (millis - 2.0).abs() < 1e-6);
        assert_eq!(after.means_since(&after), None);
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(resident_kib("VmPeak:\t  9 kB\nVmRSS:\t  2048 kB\n"), Some(2_048));
        assert_eq!(resident_kib(""), None);
        let limits =
            "Limit        Soft Limit   Hard Limit   Units\nMax open files            1024     524288    files\n";
        assert_eq!(open_files(limits), Some(1_024));
        assert_eq!(open_files("Max open files            unlimited     unlimited    files\n"), None);
    }
}
