//! `labrum info`: describes the contents of files and folders.

use crate::io::{info, open};
use crate::{Error, Result};
use labrum_core::{counts::count_with_noun, progress::Cancel};
use std::path::PathBuf;

/// Describe files and folders: studies, series, sizes, pixel spacing, and which files were skipped and why
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  labrum info study/
  labrum info study/ --json")]
pub(super) struct InfoArguments {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &InfoArguments) -> Result<()> {
    super::end_on_ctrl_c(
        "info was stopped without printing anything; run it again, or give fewer files",
    )?;
    let catalog = open::read_catalog(&arguments.paths, &mut |_| {}, &Cancel::default())?;
    let report = info::InfoReport::new(&catalog);
    if arguments.json {
        super::print_json(&report)?
    } else {
        super::print_text(&report.to_text())?
    }
    // The report lists each of them.
    match catalog.passed_over.iter().filter(|p| p.is_failure).count() {
        0 => Ok(()),
        n => Err(Error::new(
            "read all files",
            format!(
                "{} could not be read; see the report",
                count_with_noun(n, "file")
            ),
        )),
    }
}
