//! Whoever reads what the program prints may stop, as `head` does. That is no fault of the program's, and not reported as
//! one. Needs no servers.

use std::process::{Command, Output};

fn tollbook(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    command.args(args).env_clear();
    command
}

/// Runs it with an output that nobody reads any more.
fn unread(args: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    tollbook(args).stdout(writer).output().unwrap()
}

#[test]
fn nobody_reads_on() {
    // What it prints when it is read.
    let read = tollbook(&["chain", "owners"]).output().unwrap();
    assert_eq!(read.status.code(), Some(0), "{read:?}");
    assert!(String::from_utf8(read.stdout).unwrap().lines().count() > 1);

    // The exit code that shells know: the work may not have been done to its end.
    let output = unread(&["chain", "owners"]);
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(141), ""));
    let output = unread(&["--help"]);
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
    // What goes wrong otherwise is said as ever.
    let output = unread(&["proof", "check", "/no/such/file", "--rpc", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/no/such/file"));
}
