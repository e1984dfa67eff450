//! `labrum completions` and `labrum man`: shell completions and manual pages.

use super::{Cli, OverwriteArgument, console};
use crate::{Error, Result};
use clap::CommandFactory;
use clap_complete::Shell;
use labrum_core::whole_file;
use std::path::PathBuf;

/// Print a script that lets a shell complete commands and options
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  labrum completions bash > ~/.local/share/bash-completion/completions/labrum
  labrum completions zsh > ~/.zfunc/_labrum
  labrum completions fish > ~/.config/fish/completions/labrum.fish")]
pub(super) struct CompletionsArguments {
    /// Shell to complete for
    shell: Shell,
}

/// Print the manual page, or write one for every command
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  labrum man | man -l -
  labrum man --out ~/.local/share/man/man1")]
pub(super) struct ManArguments {
    /// Output folder for labrum.1, labrum-segment.1 and so on; created if missing
    #[arg(short, long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArgument,
}

pub(super) fn print_completions(arguments: &CompletionsArguments) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "labrum", &mut text);
    console::print_bytes(&text)
}

pub(super) fn generate_man_pages(arguments: &ManArguments) -> Result<()> {
    let mut all = Cli::command().disable_help_subcommand(true);
    all.build();
    let Some(folder) = &arguments.out else {
        return console::print_bytes(&render_man_page(all)?);
    };
    let mut pages = Vec::new();
    collect_pages(all, &mut pages);
    let files: Vec<PathBuf> = pages
        .iter()
        .map(|(name, _)| folder.join(format!("{name}.1")))
        .collect();
    arguments.overwrite.refuse_existing(&files)?;
    whole_file::make_folder(folder)?;
    for ((_, command), file) in pages.into_iter().zip(&files) {
        let text = render_man_page(command)?;
        whole_file::write_atomically(file, "write the manual page", |out| out.write_all(&text))?;
    }
    console::print_text(&format!(
        "Wrote {} manual pages to {}",
        files.len(),
        folder.display()
    ))
}

/// Collects a command and its subcommands, with the names of their pages.
fn collect_pages(command: clap::Command, pages: &mut Vec<(String, clap::Command)>) {
    let below: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    pages.push((
        command
            .get_display_name()
            .unwrap_or_else(|| command.get_name())
            .to_owned(),
        command,
    ));
    below
        .into_iter()
        .filter(|command| !command.is_hide_set())
        .for_each(|command| collect_pages(command, pages));
}

fn render_man_page(command: clap::Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|e| Error::new("make the manual page", e))?;
    Ok(text)
}
