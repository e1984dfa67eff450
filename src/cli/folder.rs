//! How a folder of images and masks is read: the same for all commands that read one.

use crate::io::dataset::{FolderOptions, SubjectPattern};

/// What a person says about a folder.
#[derive(clap::Args, Debug)]
pub(super) struct FolderArguments {
    /// Mask pixels >= VALUE are label 1, all others background: for masks with soft rims
    #[arg(long, value_name = "VALUE", value_parser = clap::value_parser!(u16).range(1..))]
    threshold: Option<u16>,
    /// Regular expression that finds the subject in the names of images that subjects.csv does not name: its first group, or
    /// all that it matches
    #[arg(long, value_name = "REGEX", value_parser = parse_pattern)]
    subject_pattern: Option<SubjectPattern>,
}

fn parse_pattern(text: &str) -> Result<SubjectPattern, String> {
    text.parse().map_err(|error: crate::Error| error.reason)
}

impl FolderArguments {
    /// As the reader of folders takes them.
    pub(super) fn seg_options(&self) -> FolderOptions {
        FolderOptions {
            threshold: self.threshold,
            subject_pattern: self.subject_pattern.clone(),
        }
    }
}
