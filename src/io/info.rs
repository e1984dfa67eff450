//! The report of `labrum info`, as JSON and as text.

use labrum_core::{
    geometry::SpacingSource,
    presentation::PresentationState,
    study::{Catalog, Kind, PassedOver, Series, Study},
};
use labrum_dicom::transfer_syntax_name;
use serde::Serialize;
use std::fmt::Write;

/// The name of a transfer syntax by its UID, such as "RLE Lossless"; the UID itself if it is unknown.
pub fn transfer_syntax(uid: &str) -> String {
    transfer_syntax_name(uid)
}

/// Everything found at the given paths.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InfoReport {
    /// In the order in which they were found.
    pub studies: Vec<StudyReport>,
    /// Files that were skipped.
    pub passed_over: Vec<PassedOverReport>,
}

/// A study.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StudyReport {
    /// Study Instance UID, or the folder of the image files.
    pub id: String,
    /// Study Description, or the folder's name.
    pub description: String,
    /// YYYY-MM-DD, empty if unknown.
    pub date: String,
    /// In order of Series Number.
    pub series: Vec<SeriesReport>,
}

/// A series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesReport {
    /// Series Instance UID, with `#n` appended for the parts of a split series; for image files the path.
    pub id: String,
    /// "dicom" or "picture".
    pub kind: &'static str,
    /// Modality, such as "MR"; empty for image files.
    pub modality: String,
    /// Series Description, or the file name.
    pub description: String,
    /// Series Number.
    pub number: Option<i64>,
    /// Body Part Examined.
    pub body_part: String,
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// Number of slices.
    pub slices: usize,
    /// True for colour images.
    pub color: bool,
    /// Photometric Interpretation as in the file; empty for image files.
    pub photometric: String,
    /// Row and column spacing in mm.
    pub spacing_mm: Option<[f64; 2]>,
    /// Where the spacing was found.
    pub spacing_from: Option<&'static str>,
    /// Median slice spacing in mm.
    pub slice_spacing_mm: Option<f64>,
    /// Transfer Syntax UID of the first instance.
    pub transfer_syntax_uid: String,
    /// Name of the transfer syntax.
    pub transfer_syntax: String,
    /// SOP Class UID of the first instance.
    pub sop_class_uid: String,
    /// Path of the first file.
    pub first_file: String,
    /// Remarks for the user.
    pub notes: Vec<String>,
    /// Presentation states that refer to its slices, newest first.
    pub presentations: Vec<PresentationReport>,
}

/// A presentation state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PresentationReport {
    /// Content Label.
    pub label: String,
    /// Content Description; empty if there is none.
    pub description: String,
    /// Date and time of its creation: "2024-01-31 10:11:12"; empty if unknown.
    pub created: String,
    /// Number of images that it refers to, also in other series.
    pub images: usize,
    /// Center and width of its windows.
    pub windows: Vec<[f64; 2]>,
    /// High values are dark.
    pub inverted: bool,
    /// Clockwise, in degrees.
    pub rotation: u16,
    /// Left and right exchanged, after the rotation.
    pub flipped: bool,
    /// Number of shutters.
    pub shutters: usize,
    /// Number of lines and points.
    pub graphics: usize,
    /// Number of texts.
    pub texts: usize,
    /// What it has that is not shown.
    pub not_shown: Vec<String>,
}

/// A skipped file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOverReport {
    /// Path of the file.
    pub path: String,
    /// Why it was skipped.
    pub reason: String,
    /// True for an image that cannot be read, false for a file that is not an image.
    pub is_failure: bool,
    /// True for a file with masks, which can be imported.
    pub has_masks: bool,
}

impl InfoReport {
    /// The report on a catalog.
    pub fn new(catalog: &Catalog) -> Self {
        Self {
            studies: catalog.studies.iter().map(study_report).collect(),
            passed_over: catalog.passed_over.iter().map(passed_over_report).collect(),
        }
    }

    /// The report as text for people.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for study in &self.studies {
            let title = format!(
                "Study {} {}",
                non_empty_or(&study.description, "without description"),
                study.date
            );
            let _ = writeln!(out, "{}", title.trim_end());
            for series in &study.series {
                series.write_text(&mut out);
            }
        }
        for passed in &self.passed_over {
            let kind = match passed {
                passed if passed.is_failure => "Not readable",
                passed if passed.has_masks => "Mask file (see labrum import-masks)",
                _ => "Skipped",
            };
            let _ = writeln!(out, "{kind}: {}: {}", passed.path, passed.reason);
        }
        out
    }
}

impl SeriesReport {
    fn write_text(&self, out: &mut String) {
        let Self {
            columns,
            rows,
            slices,
            ..
        } = self;
        let number = self
            .number
            .map_or(String::new(), |number| number.to_string());
        let title = [
            &number,
            &self.modality,
            non_empty_or(&self.description, "without description"),
        ];
        let title: Vec<&str> = title.into_iter().filter(|part| !part.is_empty()).collect();
        let _ = writeln!(out, "  Series {}", title.join(" "));
        let _ = write!(
            out,
            "    {columns} x {rows} pixels, {slices} {}",
            if *slices == 1 { "slice" } else { "slices" }
        );
        match (self.spacing_mm, self.spacing_from) {
            (Some([row, column]), Some(from)) => {
                let _ = write!(out, ", {row:.3} x {column:.3} mm ({from})");
            }
            _ => out.push_str(", pixel spacing unknown"),
        }
        if let Some(gap) = self.slice_spacing_mm {
            let _ = write!(out, ", slice spacing {gap:.2} mm");
        }
        out.push('\n');
        if !self.transfer_syntax.is_empty() {
            let _ = writeln!(out, "    {}, {}", self.photometric, self.transfer_syntax);
        }
        for note in &self.notes {
            let _ = writeln!(out, "    Note: {note}");
        }
        for state in &self.presentations {
            state.write_text(out);
        }
    }
}

impl PresentationReport {
    fn write_text(&self, out: &mut String) {
        let name = [&self.label, &self.description, &self.created];
        let name: Vec<&str> = name
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        let name = name.join(", ");
        let _ = writeln!(
            out,
            "    Presentation state: {}",
            non_empty_or(&name, "without label")
        );
        for what in &self.not_shown {
            let _ = writeln!(out, "      Note: {what}");
        }
    }
}

fn non_empty_or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

fn study_report(study: &Study) -> StudyReport {
    StudyReport {
        id: study.id.clone(),
        description: study.description.clone(),
        date: study.date.clone(),
        series: study.series.iter().map(series_report).collect(),
    }
}

fn passed_over_report(passed: &PassedOver) -> PassedOverReport {
    PassedOverReport {
        path: passed.path.display().to_string(),
        reason: passed.reason.clone(),
        is_failure: passed.is_failure,
        has_masks: passed.has_masks,
    }
}

fn series_report(series: &Series) -> SeriesReport {
    let first = series.slices.first();
    let spacing = first
        .and_then(|slice| slice.spacing)
        .filter(|spacing| spacing.is_physical());
    let dicom = series.kind == Kind::Dicom;
    SeriesReport {
        id: series.id.clone(),
        kind: if dicom { "dicom" } else { "picture" },
        modality: series.modality.clone(),
        description: series.description.clone(),
        number: series.number,
        body_part: series.body_part.clone(),
        columns: series.columns,
        rows: series.rows,
        slices: series.slices.len(),
        color: series.color,
        photometric: first
            .filter(|_| dicom)
            .and_then(|s| labrum_dicom::photometric_interpretation(&s.source.path))
            .unwrap_or_default(),
        spacing_mm: spacing.map(|s| [s.row, s.column]),
        spacing_from: spacing.map(|s| match s.source {
            SpacingSource::ImagerPixelSpacing => "Imager Pixel Spacing, at the detector",
            source => source.display_name(),
        }),
        slice_spacing_mm: series.slice_spacing(),
        transfer_syntax_uid: series.transfer_syntax.clone(),
        transfer_syntax: if dicom {
            transfer_syntax_name(&series.transfer_syntax)
        } else {
            String::new()
        },
        sop_class_uid: series.sop_class.clone(),
        first_file: first.map_or(String::new(), |slice| {
            slice.source.path.display().to_string()
        }),
        notes: series.notes.clone(),
        presentations: series
            .presentations
            .iter()
            .map(presentation_report)
            .collect(),
    }
}

fn presentation_report(state: &PresentationState) -> PresentationReport {
    let annotations = || state.annotations.iter().map(|scoped| &scoped.content);
    PresentationReport {
        label: state.label.clone(),
        description: state.description.clone(),
        created: state.created.clone(),
        images: state.images.len(),
        windows: state
            .windows
            .iter()
            .map(|scoped| [scoped.content.center, scoped.content.width])
            .collect(),
        inverted: state.is_inverted,
        rotation: 90 * u16::from(state.quarter_turns),
        flipped: state.is_flipped,
        shutters: state.shutters.len(),
        graphics: annotations().map(|one| one.graphics.len()).sum(),
        texts: annotations().map(|one| one.texts.len()).sum(),
        not_shown: state.not_shown.clone(),
    }
}
