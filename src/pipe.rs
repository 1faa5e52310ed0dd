//! Whoever reads the output may have had enough of it, as in `tollbook invoice list | head -1`. Printing then panics, as
//! the standard library has it; here the program ends without a word, with the exit code of those that the signal SIGPIPE
//! has ended. Not with 0: what it was to find out, it may not have.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

/// What shells say of a program that SIGPIPE, signal 13, has ended.
const ENDED_BY_SIGPIPE: u8 = 128 + 13;
/// EPIPE, as Unix systems number it.
const BROKEN_PIPE: i32 = 32;

/// Runs the program. A panic that says that nobody reads its output is not shown.
pub fn quietly(program: impl FnOnce() -> ExitCode) -> ExitCode {
    let show = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        if !is_unread(panicked.payload()) {
            show(panicked);
        }
    }));
    // Everything in it is dropped on the way out, and nothing of it is looked at again.
    match panic::catch_unwind(AssertUnwindSafe(program)) {
        Ok(code) => code,
        Err(panicked) if is_unread(panicked.as_ref()) => ExitCode::from(ENDED_BY_SIGPIPE),
        Err(panicked) => panic::resume_unwind(panicked),
    }
}

/// Whether a panic is that of `print!` and `println!` with nobody to read what they print.
fn is_unread(panicked: &(dyn Any + Send)) -> bool {
    let words = panicked.downcast_ref::<String>();
    words.is_some_and(|words| {
        words.starts_with("failed printing to stdout: ") && words.ends_with(&format!("(os error {BROKEN_PIPE})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panicked(words: &str) -> Box<dyn Any + Send> {
        Box::new(words.to_owned())
    }

    #[test]
    fn only_an_output_that_nobody_reads_is_no_fault() {
        let broken = std::io::Error::from_raw_os_error(BROKEN_PIPE);
        assert_eq!(broken.kind(), std::io::ErrorKind::BrokenPipe);
        assert!(is_unread(panicked(&format!("failed printing to stdout: {broken}")).as_ref()));
        let full = std::io::Error::from_raw_os_error(28);
        assert!(!is_unread(panicked(&format!("failed printing to stdout: {full}")).as_ref()));
        assert!(!is_unread(panicked(&format!("the database: {broken}")).as_ref()));
        let fixed: Box<dyn Any + Send> = Box::new("failed");
        assert!(!is_unread(fixed.as_ref()));
    }
}
