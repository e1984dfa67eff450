//! Options about files of masks that several commands have.

use crate::io::export::Format;
use clap::ValueEnum;
use labrum_dicom::seg;
use std::collections::HashSet;

/// `--format`
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormatArgument {
    /// Label map for each image
    Png,
    /// Black and white mask for each image and label
    Labels,
    /// DICOM-SEG for each series
    Seg,
    /// DICOM-SEG of type LABELMAP for each series
    SegLabelmap,
    /// DICOM-SEG of type FRACTIONAL for each series: the probabilities
    SegFractional,
    /// RT Structure Set for each series
    Rtstruct,
    /// NIfTI-1 volume for each series
    Nifti,
    /// COCO annotations
    Coco,
    /// The image with the mask over it
    Overlay,
    /// Measurements as a table
    Csv,
    /// Measurements as JSON
    Json,
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
pub(super) fn unique_formats(given: &[FormatArgument]) -> Vec<Format> {
    let mut seen = HashSet::new();
    given
        .iter()
        .map(|f| Format::from(*f))
        .filter(|format| seen.insert(*format))
        .collect()
}

impl From<FormatArgument> for Format {
    fn from(argument: FormatArgument) -> Self {
        match argument {
            FormatArgument::Png => Self::LabelMap,
            FormatArgument::Labels => Self::LabelMasks,
            FormatArgument::Seg => Self::Seg,
            FormatArgument::SegLabelmap => Self::SegLabelMap,
            FormatArgument::SegFractional => Self::SegFractional,
            FormatArgument::Rtstruct => Self::StructureSet,
            FormatArgument::Nifti => Self::Nifti,
            FormatArgument::Coco => Self::Coco,
            FormatArgument::Overlay => Self::Overlay,
            FormatArgument::Csv => Self::Csv,
            FormatArgument::Json => Self::Json,
        }
    }
}
