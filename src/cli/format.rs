//! Options about formats that several commands share.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use labrum_core::export_format::ExportFormat;
use labrum_dicom::seg;
use std::collections::HashSet;

/// Parses `--format`: the short name of any format.
pub(super) fn format_parser() -> impl TypedValueParser<Value = ExportFormat> {
    parser_of(ExportFormat::ALL.to_vec())
}

/// Parses `--format` of commands that write masks and know neither drawn measurements nor other times of a series.
pub(super) fn mask_format_parser() -> impl TypedValueParser<Value = ExportFormat> {
    let formats = ExportFormat::ALL.into_iter();
    let of_masks = formats.filter(|format| !format.is_of_drawn() && !format.is_over_time());
    parser_of(of_masks.collect())
}

fn parser_of(formats: Vec<ExportFormat>) -> impl TypedValueParser<Value = ExportFormat> {
    let names = formats.into_iter().map(|format| {
        let help = format!("{}: {}", format.display_name(), format.explanation());
        PossibleValue::new(format.short_name()).help(help)
    });
    PossibleValuesParser::new(names).try_map(|name| {
        ExportFormat::from_short_name(&name).ok_or_else(|| format!("unknown format {name}"))
    })
}

/// Options for writing DICOM-SEG.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(super) struct SegArguments {
    /// Add synthetic geometry to DICOM-SEG of images that have none (needed by 3D Slicer and OHIF); the file says so
    #[arg(long)]
    synthetic_geometry: bool,
    /// Leave empty frames out of DICOM-SEG; some viewers then show the others on the wrong slices
    #[arg(long)]
    skip_empty_frames: bool,
    /// Compress DICOM-SEG of type LABELMAP and FRACTIONAL losslessly (RLE)
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
