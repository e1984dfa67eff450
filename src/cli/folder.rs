//! Options for reading a folder of images and masks, shared by all commands that read one.

use crate::io::dataset::{FolderOptions, SubjectPattern};

/// How to read a folder of images and masks.
#[derive(clap::Args, Debug)]
pub(super) struct FolderArguments {
    /// Mask pixels >= VALUE are label 1, all others background: for masks with soft edges
    #[arg(long, value_name = "VALUE", value_parser = clap::value_parser!(u16).range(1..))]
    threshold: Option<u16>,
    /// Regular expression that finds the subject in the names of images not listed in subjects.csv: its first group, or the
    /// whole match if it has none
    #[arg(long, value_name = "REGEX", value_parser = parse_pattern)]
    subject_pattern: Option<SubjectPattern>,
}

fn parse_pattern(text: &str) -> Result<SubjectPattern, String> {
    text.parse().map_err(|error: crate::Error| error.reason)
}

impl FolderArguments {
    /// The options for [`crate::io::dataset::open_folder`].
    pub(super) fn seg_options(&self) -> FolderOptions {
        FolderOptions {
            threshold: self.threshold,
            subject_pattern: self.subject_pattern.clone(),
        }
    }
}
