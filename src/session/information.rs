//! What the corners of an image say about the patient, the study and the slice, as lines of text.

use super::{Session, case::Case, ortho::Ortho};
use labrum_core::{
    geometry::{PixelSpacing, Plane, SpacingSource, side_position},
    patient::Patient,
    stack::ViewPlane,
    study::{Kind, Series, Slice},
    vector::dot_product,
};

/// The cosine of 5 degrees: a plane at a smaller angle to a body plane is located by one coordinate.
const ALMOST_PARALLEL: f64 = 0.9962;

/// The lines of the corners of one view. All are empty if the user has hidden them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ImageInformation {
    /// Name, ID, birth date and sex of the patient.
    pub patient: Vec<String>,
    /// Description, date and time of the study; number and time of the series.
    pub study: Vec<String>,
    /// Position and thickness of the slice, and where its pixel spacing comes from.
    pub slice: Vec<String>,
}

impl ImageInformation {
    /// All lines, for screen readers: "Doe, Jane; ID 4711".
    pub fn joined_lines(&self) -> String {
        let all = [&self.patient, &self.study, &self.slice];
        let lines: Vec<&str> = all.into_iter().flatten().map(String::as_str).collect();
        lines.join("; ")
    }
}

impl Session {
    /// The corners of the slice view; empty if the user has hidden them.
    pub fn slice_information(&self, case: &Case, slice: usize) -> ImageInformation {
        if !self.shows_information() {
            return ImageInformation::default();
        }
        let Some(info) = case.slice_info(slice) else {
            return ImageInformation::default();
        };
        ImageInformation {
            slice: place_lines(info, &case.series),
            ..of_study(case)
        }
    }

    /// The corners of a reformatted view; empty if the user has hidden them.
    pub fn across_information(
        &self,
        case: &Case,
        ortho: &Ortho,
        plane: ViewPlane,
    ) -> ImageInformation {
        if !self.shows_information() {
            return ImageInformation::default();
        }
        let normal = ortho.stack.directions[plane.normal_axis()];
        let place = ortho.stack.patient_from_grid(ortho.cross);
        ImageInformation {
            slice: vec![position_line(normal, place)],
            ..of_study(case)
        }
    }
}

/// The lines about patient and study; none for image files, which have neither.
fn of_study(case: &Case) -> ImageInformation {
    if case.series.kind == Kind::Picture {
        return ImageInformation::default();
    }
    ImageInformation {
        patient: patient_lines(&case.study.patient),
        study: study_lines(case),
        slice: Vec::new(),
    }
}

fn patient_lines(patient: &Patient) -> Vec<String> {
    let id = match patient.id.trim() {
        "" => String::new(),
        id => format!("ID {id}"),
    };
    let born = match (patient.birth_date.as_str(), patient.sex.trim()) {
        ("", "") => String::new(),
        ("", sex) => format!("Sex {sex}"),
        (date, "") => format!("Born {date}"),
        (date, sex) => format!("Born {date} · {sex}"),
    };
    known_lines([patient.display_name(), id, born])
}

fn study_lines(case: &Case) -> Vec<String> {
    let study = &case.study;
    let series = &case.series;
    let number = series
        .number
        .map_or(String::new(), |number| format!("Series {number}"));
    // The date of the series is that of the study, unless the study took more than a day.
    let date = if series.date == study.date {
        ""
    } else {
        series.date.as_str()
    };
    known_lines([
        study.description.trim().to_owned(),
        joined([&study.date, minutes_of(&study.time)], " "),
        joined(
            [&number, &joined([date, minutes_of(&series.time)], " ")],
            " · ",
        ),
    ])
}

/// HH:MM of a time.
fn minutes_of(time: &str) -> &str {
    time.get(..5).unwrap_or(time)
}

/// Position, thickness and the source of the pixel spacing of a slice.
fn place_lines(slice: &Slice, series: &Series) -> Vec<String> {
    let position = slice.plane.map_or(String::new(), |plane| {
        position_line(plane.unit_normal(), middle_of(&plane, slice, series))
    });
    let thickness = slice
        .thickness
        .map_or(String::new(), |mm| format!("{} mm thick", rounded(mm)));
    known_lines([
        joined([&position, &thickness], " · "),
        spacing_line(slice, series.kind),
    ])
}

/// The middle of a slice in patient coordinates, mm; its first pixel if the spacing is unknown.
pub(super) fn middle_of(plane: &Plane, slice: &Slice, series: &Series) -> [f64; 3] {
    let spacing = slice.spacing.filter(PixelSpacing::is_physical);
    spacing.map_or(plane.position, |spacing| {
        let [column, row] = [series.columns, series.rows].map(|n| (n as f64 - 1.0) / 2.0);
        plane.patient_from_pixel(spacing, column, row)
    })
}

/// Where a plane through `place` lies: "F 90.2 mm", or for an oblique plane its distance from the origin along its
/// normal, "Position -12.5 mm".
fn position_line(normal: [f64; 3], place: [f64; 3]) -> String {
    match (0..3).find(|axis| normal[*axis].abs() >= ALMOST_PARALLEL) {
        Some(axis) => format!("{} mm", side_position(axis, place[axis])),
        None => {
            let distance = dot_product(normal, place);
            format!("Position {distance:.1} mm")
        }
    }
}

/// What lengths on a slice are measured with: "mm from Pixel Spacing".
fn spacing_line(slice: &Slice, kind: Kind) -> String {
    match slice.spacing.map(|spacing| spacing.source) {
        Some(SpacingSource::AspectRatioOnly) => {
            "No pixel spacing (only Pixel Aspect Ratio)".to_owned()
        }
        Some(SpacingSource::UltrasoundRegion) => "mm from the ultrasound region".to_owned(),
        Some(source) => format!("mm from {}", source.display_name()),
        None if slice.regions.iter().any(|r| r.spacing.is_some()) => {
            "mm from the ultrasound regions".to_owned()
        }
        None if kind == Kind::Picture => "No pixel spacing (no pixel_spacing_mm.csv)".to_owned(),
        None => "No pixel spacing".to_owned(),
    }
}

/// At most two decimals, none if they are 0.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The parts that are not empty, with `separator` between them.
fn joined<const N: usize>(parts: [&str; N], separator: &str) -> String {
    let known: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    known.join(separator)
}

fn known_lines<const N: usize>(lines: [String; N]) -> Vec<String> {
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests;
