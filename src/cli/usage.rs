//! Arguments as a person typed them, what is wrong with them, and the exit codes.

use super::Cli;
use crate::{Error, ErrorKind};
use clap::{CommandFactory, Parser, error::ContextKind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{ffi::OsString, path::Path, process::ExitCode};

/// Done.
pub const DONE: u8 = 0;
/// Something did not work, or not all of it.
pub const FAILED: u8 = 1;
/// It was asked for in a way that makes no sense.
pub const WRONG_USAGE: u8 = 2;
/// Ctrl+C: what shells say of a program that SIGINT ended.
pub const STOPPED: u8 = 130;

/// Set once a person pressed Ctrl+C.
pub(super) static WAS_STOPPED: AtomicBool = AtomicBool::new(false);

/// The arguments of this process; ends it where they are wrong, or ask for help alone.
pub fn parse_arguments() -> Cli {
    let arguments = with_options_last(std::env::args_os().collect());
    let first = arguments
        .get(1)
        .and_then(|word| word.to_str())
        .filter(|word| is_no_path(word));
    // A mistyped command looks like a file that is to be opened in the window.
    match (Cli::try_parse_from(&arguments), first) {
        (Ok(cli), Some(word)) if cli.command.is_none() => unknown_command(word).exit(),
        (Err(error), Some(word)) if error.exit_code() != 0 && !is_command(word) => {
            unknown_command(word).exit()
        }
        (Ok(cli), _) => cli,
        (Err(error), _) => in_words(error).exit(),
    }
}

/// What is no number is said in words of our own.
fn in_words(error: clap::Error) -> clap::Error {
    let source = std::error::Error::source(&error);
    let kind = match source {
        Some(e) if e.is::<std::num::ParseIntError>() => "a whole number",
        Some(e) if e.is::<std::num::ParseFloatError>() => "a number",
        _ => return error,
    };
    let of = |kind: ContextKind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let (argument, value) = (of(ContextKind::InvalidArg), of(ContextKind::InvalidValue));
    let text = format!(
        "invalid value '{value}' for '{argument}': it is not {kind}\n\nFor more information, try '--help'.\n"
    );
    clap::Error::raw(error.kind(), text)
}

/// `labrum -q segment` as `labrum segment -q`: clap takes options before a command for those of the window.
fn with_options_last(mut arguments: Vec<OsString>) -> Vec<OsString> {
    const OPTIONS: [&str; 5] = ["-q", "--quiet", "-v", "--verbose", "-vv"];
    let is_option = |word: &&OsString| word.to_str().is_some_and(|word| OPTIONS.contains(&word));
    let count = arguments.iter().skip(1).take_while(is_option).count();
    if let Some(words) = arguments.get_mut(1..=count + 1) {
        words.rotate_left(count);
    }
    arguments
}

/// True for a word that names no file and is not written like one.
fn is_no_path(word: &str) -> bool {
    let is_plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    is_plain && !word.starts_with('-') && !Path::new(word).exists()
}

fn is_command(word: &str) -> bool {
    word == "help" || Cli::command().find_subcommand(word).is_some()
}

/// What clap says of a command that it does not know, with one that is written alike.
fn unknown_command(word: &str) -> clap::Error {
    let all = Cli::command();
    let commands = all.get_subcommands().cloned().collect::<Vec<_>>();
    let alone = clap::Command::new("labrum")
        .subcommands(commands)
        .subcommand_required(true);
    let reason = || {
        all.clone().error(
            clap::error::ErrorKind::InvalidSubcommand,
            format!("there is no command \"{word}\""),
        )
    };
    alone
        .try_get_matches_from(["labrum", word])
        .err()
        .unwrap_or_else(reason)
}

/// Tells of what went wrong and gives the exit code.
pub fn report_outcome(done: crate::Result<()>) -> ExitCode {
    let Err(error) = done else {
        return ExitCode::from(DONE);
    };
    super::console::print_failure(format_args!("labrum: {error}"));
    let code = code_of(&error);
    if code == WRONG_USAGE {
        super::console::print_failure("For more information, try '--help'.");
    }
    ExitCode::from(code)
}

fn code_of(error: &Error) -> u8 {
    match error.kind {
        ErrorKind::Usage => WRONG_USAGE,
        ErrorKind::Cancelled => STOPPED,
        // Whatever the work said when it was told to stop.
        _ if WAS_STOPPED.load(Relaxed) => STOPPED,
        _ => FAILED,
    }
}

/// Arguments that make no sense together.
pub(super) fn argument_error(tried: &str, reason: impl ToString) -> Error {
    Error::new(tried, reason).of_kind(ErrorKind::Usage)
}
