//! How far a run is, on stderr: a bar on a terminal, a line every few seconds anywhere else.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The time between two lines when there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
const TEMPLATE: &str = "{prefix:9} {wide_bar} {human_pos}/{human_len}  {per_sec:0}  {elapsed}+{eta}  {msg}";

/// The progress of one phase. What it has drawn stays when it ends.
#[derive(Debug)]
pub struct Progress {
    phase: &'static str,
    bar: ProgressBar,
    begun: Instant,
    /// When the last line was written; `None` on a terminal.
    last_line: Option<Instant>,
}

impl Progress {
    /// Begins a phase of `steps` steps.
    pub fn new(phase: &'static str, steps: usize) -> Self {
        let terminal = stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(steps as u64), target).with_style(style).with_prefix(phase);
        let begun = Instant::now();
        Self { phase, bar, begun, last_line: (!terminal).then_some(begun) }
    }

    /// One step is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// So many steps are done.
    pub fn set(&self, done: usize) {
        self.bar.set_position(done as u64);
    }

    /// Shows how far it is, with a remark. To be called about once a second, also while nothing moves.
    pub fn tick(&mut self, remark: String) {
        match &mut self.last_line {
            None => self.bar.set_message(remark),
            Some(last) if last.elapsed() < LINE_INTERVAL => {}
            Some(last) => {
                *last = Instant::now();
                let done = self.bar.position();
                // For the eye only.
                let rate = done as f64 / self.begun.elapsed().as_secs_f64();
                let steps = self.bar.length().unwrap_or(done);
                eprintln!("{}: {done} of {steps}, {rate:.0}/s, {remark}", self.phase);
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.abandon();
        if self.last_line.is_none() {
            // The bar leaves the cursor behind it.
            eprintln!();
        }
    }
}
