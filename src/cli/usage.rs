//! Parses the arguments, reports errors in them, and defines the exit codes.

use super::Cli;
use crate::{Error, ErrorKind};
use clap::{CommandFactory, Parser, error::ContextKind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{env, error, ffi::OsString, num, path::Path, process::ExitCode};

/// Everything was done.
pub const DONE: u8 = 0;
/// The command failed, completely or in part.
pub const FAILED: u8 = 1;
/// The arguments are invalid.
pub const WRONG_USAGE: u8 = 2;
/// Stopped by Ctrl+C: the code that shells report for SIGINT.
pub const STOPPED: u8 = 130;

/// Set when Ctrl+C was pressed.
pub(super) static WAS_STOPPED: AtomicBool = AtomicBool::new(false);

/// Parses the arguments of this process; exits if they are invalid or only ask for help.
pub fn parse_arguments() -> Cli {
    let arguments = with_options_last(env::args_os().collect());
    let first = arguments
        .get(1)
        .and_then(|word| word.to_str())
        .filter(|word| is_no_path(word));
    // A mistyped command looks like a file to open in the window.
    match (Cli::try_parse_from(&arguments), first) {
        (Ok(cli), Some(word)) if cli.command.is_none() => unknown_command(word).exit(),
        (Err(error), Some(word)) if error.exit_code() != 0 && !is_command(word) => {
            unknown_command(word).exit()
        }
        (Ok(cli), _) => cli,
        (Err(error), _) => in_words(error).exit(),
    }
}

/// Replaces the messages about values that are not numbers by plainer ones.
fn in_words(error: clap::Error) -> clap::Error {
    let source = error::Error::source(&error);
    let kind = match source {
        Some(e) if e.is::<num::ParseIntError>() => "a valid whole number",
        Some(e) if e.is::<num::ParseFloatError>() => "a valid number",
        _ => return error,
    };
    let argument = context_text(&error, ContextKind::InvalidArg);
    let value = context_text(&error, ContextKind::InvalidValue);
    let text = format!(
        "invalid value '{value}' for '{argument}': not {kind}\n\nFor more information, try '--help'.\n"
    );
    clap::Error::raw(error.kind(), text)
}

/// A part of the context of an error; empty if clap does not give it.
fn context_text(error: &clap::Error, kind: ContextKind) -> String {
    error.get(kind).map(ToString::to_string).unwrap_or_default()
}

/// Turns `labrum -q segment` into `labrum segment -q`: clap would take options before the command as those of the window.
fn with_options_last(mut arguments: Vec<OsString>) -> Vec<OsString> {
    const OPTIONS: [&str; 5] = ["-q", "--quiet", "-v", "--verbose", "-vv"];
    let count = arguments
        .iter()
        .skip(1)
        .take_while(|word| word.to_str().is_some_and(|word| OPTIONS.contains(&word)))
        .count();
    if let Some(words) = arguments.get_mut(1..=count + 1) {
        words.rotate_left(count);
    }
    arguments
}

/// True for a word that is not an existing file and does not look like a path.
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

/// clap's error for an unknown command, with the most similar command.
fn unknown_command(word: &str) -> clap::Error {
    let all = Cli::command();
    let commands = all.get_subcommands().cloned().collect::<Vec<_>>();
    let alone = clap::Command::new("labrum")
        .subcommands(commands)
        .subcommand_required(true);
    alone
        .try_get_matches_from(["labrum", word])
        .err()
        .unwrap_or_else(|| {
            all.clone().error(
                clap::error::ErrorKind::InvalidSubcommand,
                format!("unknown command \"{word}\""),
            )
        })
}

/// Reports an error, if any, and returns the exit code.
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
        // After Ctrl+C, whatever error the command returned.
        _ if WAS_STOPPED.load(Relaxed) => STOPPED,
        _ => FAILED,
    }
}

/// An error in the arguments: exit code 2.
pub(super) fn argument_error(tried: &str, reason: impl ToString) -> Error {
    Error::new(tried, reason).of_kind(ErrorKind::Usage)
}
