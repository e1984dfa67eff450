//! Export formats for masks and measurements: one list for the window, the command line and the writers.

use serde::{Deserialize, Serialize};

/// An export format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// `STEM.png` for each slice: 0 background, 1..=n the labels.
    LabelMap,
    /// `STEM.LABEL.png` for each slice and label: 0 or 255.
    PerLabel,
    /// `STEM.overlay.png` for each slice: the image with the mask on top.
    Overlay,
    /// `STEM.LABEL.probability.png` for each slice and label: 16-bit grey.
    Probabilities,
    /// `SERIES.seg.dcm`: DICOM-SEG, BINARY.
    DicomSeg,
    /// `SERIES.labelmap.seg.dcm`: DICOM-SEG, LABELMAP.
    SegLabelMap,
    /// `SERIES.fractional.seg.dcm`: DICOM-SEG, FRACTIONAL, of the probabilities.
    SegFractional,
    /// `SERIES.rtstruct.dcm`: RT Structure Set.
    StructureSet,
    /// `SERIES.nii.gz`: NIfTI-1 label map.
    Nifti,
    /// `SERIES.coco.json`: COCO annotations.
    Coco,
    /// `SERIES.measurements.json`.
    Json,
    /// `SERIES.measurements.csv`.
    Csv,
    /// `SERIES.drawn.csv`: the measurements that were drawn.
    DrawnCsv,
    /// `SERIES.over-time.csv`: the volumes of labels over the times of the series.
    OverTimeCsv,
    /// `SERIES.sr.dcm`: DICOM SR (TID 1500) of the measurements that were drawn.
    StructuredReport,
}

/// Texts for a format.
struct Words {
    /// Name on the command line and in manifests.
    name: &'static str,
    /// Name in the window.
    title: &'static str,
    /// What the files contain, a clause.
    explanation: &'static str,
}

impl ExportFormat {
    /// The formats that users can choose, in the order of the dialog.
    pub const ALL: [Self; 14] = [
        Self::LabelMap,
        Self::PerLabel,
        Self::Overlay,
        Self::DicomSeg,
        Self::SegLabelMap,
        Self::SegFractional,
        Self::StructureSet,
        Self::Nifti,
        Self::Coco,
        Self::Json,
        Self::Csv,
        Self::OverTimeCsv,
        Self::DrawnCsv,
        Self::StructuredReport,
    ];

    fn words(self) -> Words {
        let (name, title, explanation) = match self {
            Self::LabelMap => (
                "png",
                "PNG label map",
                "one per slice, same size as the slice; the pixel value is the label",
            ),
            Self::PerLabel => (
                "labels",
                "PNG per label",
                "one black-and-white image per slice and label",
            ),
            Self::Overlay => (
                "overlay",
                "PNG overlay",
                "the image as displayed, with the mask on top",
            ),
            Self::Probabilities => (
                "probabilities",
                "PNG probability maps",
                "one 16-bit image per slice and label",
            ),
            Self::DicomSeg => (
                "seg",
                "DICOM-SEG",
                "one segmentation object per series, for PACS and viewers",
            ),
            Self::SegLabelMap => (
                "seg-labelmap",
                "DICOM-SEG labelmap",
                "the newer labelmap encoding, for programs that support it",
            ),
            Self::SegFractional => (
                "seg-fractional",
                "DICOM-SEG fractional",
                "the model's probabilities in steps of 1/255",
            ),
            Self::StructureSet => (
                "rtstruct",
                "RT Structure Set",
                "contours in patient coordinates, for treatment planning",
            ),
            Self::Nifti => ("nifti", "NIfTI", "one label volume per series"),
            Self::Coco => (
                "coco",
                "COCO JSON",
                "exact run-length encoded masks, for training other models",
            ),
            Self::Json => (
                "json",
                "Measurements as JSON",
                "area, diameters, perimeter and values of each label, drawn measurements, and volumes over time",
            ),
            Self::Csv => (
                "csv",
                "Measurements as CSV",
                "area, diameters, perimeter and values of each label as a table",
            ),
            Self::OverTimeCsv => (
                "over-time-csv",
                "Volume over time as CSV",
                "volume of each label at each time of a series, stroke volume and ejection fraction, as a table",
            ),
            Self::DrawnCsv => (
                "drawn-csv",
                "Drawn measurements as CSV",
                "lengths, angles and regions drawn with the Measure tool, as a table",
            ),
            Self::StructuredReport => (
                "sr",
                "DICOM SR",
                "drawn measurements as a measurement report (TID 1500), for PACS and viewers",
            ),
        };
        Words {
            name,
            title,
            explanation,
        }
    }

    /// Name on the command line and in manifests.
    pub fn short_name(self) -> &'static str {
        self.words().name
    }

    /// Name in the window.
    pub fn display_name(self) -> &'static str {
        self.words().title
    }

    /// What the files contain, a clause.
    pub fn explanation(self) -> &'static str {
        self.words().explanation
    }

    /// Finds a format that users can choose by its [`Self::short_name`].
    pub fn from_short_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.short_name() == name)
    }

    /// True for formats that hold drawn measurements and nothing of masks.
    pub fn is_of_drawn(self) -> bool {
        matches!(self, Self::DrawnCsv | Self::StructuredReport)
    }

    /// True for formats that hold drawn measurements, alone or with what is measured on masks. The others need a mask.
    pub fn holds_drawn(self) -> bool {
        self.is_of_drawn() || self == Self::Json
    }

    /// True for formats that hold volumes over the times of a series and nothing else.
    pub fn is_over_time(self) -> bool {
        self == Self::OverTimeCsv
    }

    /// True for formats that hold volumes over the times of a series, alone or with other measurements.
    pub fn holds_over_time(self) -> bool {
        self.is_over_time() || self == Self::Json
    }

    /// True if one file holds the whole series.
    pub fn is_of_series(self) -> bool {
        !matches!(
            self,
            Self::LabelMap | Self::PerLabel | Self::Overlay | Self::Probabilities
        )
    }
}
