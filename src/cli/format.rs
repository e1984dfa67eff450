//! Options about files of masks that several commands have.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use labrum_core::export_format::ExportFormat;
use labrum_dicom::seg;
use std::collections::HashSet;

/// Parses `--format`: any of the formats, by its short name.
pub(super) fn format_parser() -> impl TypedValueParser<Value = ExportFormat> {
    let names = ExportFormat::ALL.map(|format| {
        let help = format!("{}: {}", format.display_name(), format.explanation());
        PossibleValue::new(format.short_name()).help(help)
    });
    PossibleValuesParser::new(names).try_map(|name| {
        ExportFormat::from_short_name(&name).ok_or_else(|| format!("there is no format {name}"))
    })
}

/// How DICOM-SEG is written.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(super) struct SegArguments {
    /// DICOM-SEG for Slicer and OHIF: images without geometry get a synthetic one, and the file says so
    #[arg(long)]
    synthetic_geometry: bool,
    /// DICOM-SEG without frames that hold nothing; some viewers misplace the others then
    #[arg(long)]
    skip_empty_frames: bool,
    /// Compress DICOM-SEG of type LABELMAP and FRACTIONAL without loss (RLE)
    #[arg(long)]
    rle: bool,
}

impl SegArguments {
    pub(super) fn seg_options(&self) -> seg::Options {
        seg::Options {
            synthetic_geometry: self.synthetic_geometry,
            skip_empty_frames: self.skip_empty_frames,
            rle: self.rle,
        }
    }
}

/// Each format once, in the order given.
pub(super) fn unique_formats(given: &[ExportFormat]) -> Vec<ExportFormat> {
    let mut seen = HashSet::new();
    given
        .iter()
        .copied()
        .filter(|format| seen.insert(*format))
        .collect()
}
