//! What masks can be exported as: one list for the window, the command line and the writers.

use serde::{Deserialize, Serialize};

/// A kind of file that masks are exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// `STEM.png` for each slice: 0 background, 1..=n the labels.
    LabelMap,
    /// `STEM.LABEL.png` for each slice and label: 0 or 255.
    PerLabel,
    /// `STEM.overlay.png` for each slice: the image with the mask over it.
    Overlay,
    /// `STEM.LABEL.probability.png` for each slice and label: 16 bits grey.
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
}

/// What is said of a format.
struct Words {
    /// At the command line and in manifests.
    name: &'static str,
    /// In the window.
    title: &'static str,
    /// What one gets.
    explanation: &'static str,
}

impl ExportFormat {
    /// Those that a person chooses from, in the order of the dialog.
    pub const ALL: [Self; 11] = [
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
    ];

    fn words(self) -> Words {
        let (name, title, explanation) = match self {
            Self::LabelMap => (
                "png",
                "PNG label map",
                "one per slice, of its size; the pixel value is the label",
            ),
            Self::PerLabel => (
                "labels",
                "PNG per label",
                "one per slice and label, black and white",
            ),
            Self::Overlay => (
                "overlay",
                "PNG overlay",
                "the picture as shown with the mask over it",
            ),
            Self::Probabilities => (
                "probabilities",
                "PNG of probabilities",
                "one per slice and label, in 16 bits",
            ),
            Self::DicomSeg => (
                "seg",
                "DICOM-SEG",
                "one segmentation object for the series, for PACS and viewers",
            ),
            Self::SegLabelMap => (
                "seg-labelmap",
                "DICOM-SEG label map",
                "the same in the newer form, for programs that read it",
            ),
            Self::SegFractional => (
                "seg-fractional",
                "DICOM-SEG of probabilities",
                "what the model was sure of, in steps of 1/255",
            ),
            Self::StructureSet => (
                "rtstruct",
                "RT Structure Set",
                "contours in the patient, for treatment planning",
            ),
            Self::Nifti => ("nifti", "NIfTI", "one volume of labels for the series"),
            Self::Coco => (
                "coco",
                "COCO JSON",
                "exact masks as run lengths, for training other models",
            ),
            Self::Json => (
                "json",
                "Measurements as JSON",
                "area, longest diameter, perimeter of each label",
            ),
            Self::Csv => ("csv", "Measurements as CSV", "the same as a table"),
        };
        Words {
            name,
            title,
            explanation,
        }
    }

    /// What it is called at the command line and in manifests.
    pub fn short_name(self) -> &'static str {
        self.words().name
    }

    /// What it is called in the window.
    pub fn display_name(self) -> &'static str {
        self.words().title
    }

    /// What one gets.
    pub fn explanation(self) -> &'static str {
        self.words().explanation
    }

    /// The format of this [`Self::short_name`], of those that a person chooses from.
    pub fn from_short_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.short_name() == name)
    }

    /// Whether it is a file of the whole series.
    pub fn is_of_series(self) -> bool {
        !matches!(
            self,
            Self::LabelMap | Self::PerLabel | Self::Overlay | Self::Probabilities
        )
    }
}
