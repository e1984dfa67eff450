//! Segmentations of every type on every kind of grid, with and without references to their source
//! images: each is placed by its geometry. Expected masks are written as pixel indices, without
//! using the program's geometry code.

#![allow(clippy::unwrap_used)]

mod tests_positions;
mod tests_times;

use super::*;
use crate::fixture::Fixture;
use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use labrum_core::{
    ErrorKind,
    import::{Basis, ImportedMasks, MaskChoice},
};
use tempfile::TempDir;

const COLUMNS: usize = 8;
const ROWS: usize = 6;
const SLICES: usize = 4;
const FRAME_OF_REFERENCE: &str = "1.2.9";

/// The ground truth of a pixel of a slice: label 0, 1 or 2, without any symmetry.
fn truth(slice: usize, column: usize, row: usize) -> u8 {
    let n = slice * 17 + row * 5 + column * 3 + column * row + column * column;
    [0, 1, 0, 2, 2, 1, 0][n % 7]
}

/// Slices 2.5 mm apart from z = 5 mm, pixels of 2 mm (along rows) by 3 mm, the first at 10, 20;
/// `times` images at each position, with UIDs 1.2.3.{time}.{slice}, both counted from 1.
fn images(folder: &TempDir, times: usize) -> Vec<Series> {
    for (time, slice) in (0..times).flat_map(|t| (0..SLICES).map(move |s| (t, s))) {
        Fixture::new(COLUMNS as u16, ROWS as u16)
            .with_text(tags::SOP_INSTANCE_UID, VR::UI, &image(time, slice))
            .with_text(tags::FRAME_OF_REFERENCE_UID, VR::UI, FRAME_OF_REFERENCE)
            .with_text(
                tags::INSTANCE_NUMBER,
                VR::IS,
                &(time * SLICES + slice + 1).to_string(),
            )
            .with_text(
                tags::TEMPORAL_POSITION_IDENTIFIER,
                VR::IS,
                &(time + 1).to_string(),
            )
            .with_text(
                tags::IMAGE_POSITION_PATIENT,
                VR::DS,
                &format!("10\\20\\{}", 5.0 + 2.5 * slice as f64),
            )
            .with_text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")
            .with_text(tags::PIXEL_SPACING, VR::DS, "3\\2")
            .with_pixels(&[0; COLUMNS * ROWS])
            .write_to_folder(folder.path(), &format!("{time}-{slice}.dcm"));
    }
    let catalog = crate::catalog::scan_path(folder.path()).unwrap();
    catalog.studies[0].series.clone()
}

fn image(time: usize, slice: usize) -> String {
    format!("1.2.3.{}.{}", time + 1, slice + 1)
}

/// A grid that a segmentation is stored on.
struct Grid {
    name: &'static str,
    columns: usize,
    rows: usize,
    orientation: &'static str,
    /// Of the first pixel, in the plane.
    position: [f64; 2],
    /// Between rows, between columns.
    spacing: &'static str,
    /// The label that is stored at a pixel of the frame of a slice.
    stored: fn(usize, usize, usize) -> u8,
    /// The expected label after import.
    expected: fn(usize, usize, usize) -> u8,
    is_resampled: bool,
    /// Distance of the frames above their slices, in mm.
    lift: f64,
}

const SAME: Grid = Grid {
    name: "same grid",
    columns: COLUMNS,
    rows: ROWS,
    orientation: "1\\0\\0\\0\\1\\0",
    position: [10.0, 20.0],
    spacing: "3\\2",
    stored: truth,
    expected: truth,
    is_resampled: false,
    lift: 0.0,
};

fn grids() -> [Grid; 6] {
    [
        SAME,
        Grid {
            name: "mirrored columns",
            orientation: "-1\\0\\0\\0\\1\\0",
            position: [24.0, 20.0],
            stored: |s, x, y| truth(s, 7 - x, y),
            ..SAME
        },
        Grid {
            name: "mirrored rows",
            orientation: "1\\0\\0\\0\\-1\\0",
            position: [10.0, 35.0],
            stored: |s, x, y| truth(s, x, 5 - y),
            ..SAME
        },
        Grid {
            name: "turned by 180 degrees",
            orientation: "-1\\0\\0\\0\\-1\\0",
            position: [24.0, 35.0],
            stored: |s, x, y| truth(s, 7 - x, 5 - y),
            ..SAME
        },
        // Rows run down the image, starting at its right border.
        Grid {
            name: "turned by 90 degrees",
            columns: ROWS,
            rows: COLUMNS,
            orientation: "0\\1\\0\\-1\\0\\0",
            position: [24.0, 20.0],
            spacing: "2\\3",
            stored: |s, x, y| truth(s, 7 - y, x),
            ..SAME
        },
        // Each pixel covers two by two of the image.
        Grid {
            name: "other spacing",
            columns: COLUMNS / 2,
            rows: ROWS / 2,
            position: [11.0, 21.5],
            spacing: "6\\4",
            stored: |s, x, y| truth(s, 2 * x, 2 * y),
            expected: |s, x, y| truth(s, x - x % 2, y - y % 2),
            is_resampled: true,
            ..SAME
        },
    ]
}

/// How a segmentation is made.
#[derive(Clone, Copy)]
struct How {
    kind: SegmentationType,
    /// References the images of this time point.
    names: Option<usize>,
    is_reversed: bool,
    /// Number of frames of each segment at one position, numbered as time points.
    times: usize,
}

fn code(value: &str) -> Fixture {
    Fixture::empty_item()
        .with_text(tags::CODE_VALUE, VR::SH, value)
        .with_text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "SCT")
        .with_text(tags::CODE_MEANING, VR::LO, "Tissue")
}

fn segment(number: u16) -> Fixture {
    Fixture::empty_item()
        .with_number(tags::SEGMENT_NUMBER, number)
        .with_text(
            tags::SEGMENT_LABEL,
            VR::LO,
            ["One", "Two"][usize::from(number) - 1],
        )
        .with_sequence(
            tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
            code("85756007"),
        )
        .with_sequence(
            tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE,
            code("85756007"),
        )
}

/// The functional groups of the frame of a slice.
fn frame(grid: &Grid, how: How, (slice, time, number): (usize, usize, Option<u16>)) -> Fixture {
    let [x, y] = grid.position;
    let position = format!("{x}\\{y}\\{}", 5.0 + 2.5 * slice as f64 + grid.lift);
    let plane = Fixture::empty_item().with_text(tags::IMAGE_POSITION_PATIENT, VR::DS, &position);
    let mut item = Fixture::empty_item().with_sequence(tags::PLANE_POSITION_SEQUENCE, plane);
    if let Some(number) = number {
        let segment = Fixture::empty_item().with_number(tags::REFERENCED_SEGMENT_NUMBER, number);
        item = item.with_sequence(tags::SEGMENT_IDENTIFICATION_SEQUENCE, segment);
    }
    if how.times > 1 {
        let index = (time as u32 + 1).to_le_bytes().to_vec();
        let content =
            Fixture::empty_item().with_bytes(tags::TEMPORAL_POSITION_INDEX, VR::UL, index);
        item = item.with_sequence(tags::FRAME_CONTENT_SEQUENCE, content);
    }
    if let Some(time) = how.names {
        let source = Fixture::empty_item()
            .with_text(
                tags::REFERENCED_SOP_CLASS_UID,
                VR::UI,
                uids::CT_IMAGE_STORAGE,
            )
            .with_text(
                tags::REFERENCED_SOP_INSTANCE_UID,
                VR::UI,
                &image(time, slice),
            );
        let derivation = Fixture::empty_item().with_sequence(tags::SOURCE_IMAGE_SEQUENCE, source);
        item = item.with_sequence(tags::DERIVATION_IMAGE_SEQUENCE, derivation);
    }
    item
}

fn segmentation(grid: &Grid, how: How) -> Fixture {
    let is_map = how.kind == SegmentationType::LabelMap;
    let numbers: &[Option<u16>] = if is_map { &[None] } else { &[Some(1), Some(2)] };
    let of_slice = |slice: usize| {
        (0..how.times)
            .flat_map(move |time| numbers.iter().map(move |number| (slice, time, *number)))
    };
    let mut frames: Vec<(usize, usize, Option<u16>)> = (0..SLICES).flat_map(of_slice).collect();
    if how.is_reversed {
        frames.reverse();
    }
    let class = if is_map {
        uids::LABEL_MAP_SEGMENTATION_STORAGE
    } else {
        uids::SEGMENTATION_STORAGE
    };
    let bits = if how.kind == SegmentationType::Binary {
        1
    } else {
        8
    };
    let orientation =
        Fixture::empty_item().with_text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, grid.orientation);
    let measures = Fixture::empty_item()
        .with_text(tags::PIXEL_SPACING, VR::DS, grid.spacing)
        .with_text(tags::SLICE_THICKNESS, VR::DS, "2.5")
        .with_text(tags::SPACING_BETWEEN_SLICES, VR::DS, "2.5");
    let shared = Fixture::empty_item()
        .with_sequence(tags::PLANE_ORIENTATION_SEQUENCE, orientation)
        .with_sequence(tags::PIXEL_MEASURES_SEQUENCE, measures);
    let kind = ["BINARY", "FRACTIONAL", "LABELMAP"][how.kind as usize];
    let mut file = Fixture::new(grid.columns as u16, grid.rows as u16)
        .with_text(tags::SOP_CLASS_UID, VR::UI, class)
        .with_text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.77")
        .with_text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.78")
        .with_text(tags::MODALITY, VR::CS, "SEG")
        .with_text(tags::SEGMENTATION_TYPE, VR::CS, kind)
        .with_text(tags::FRAME_OF_REFERENCE_UID, VR::UI, FRAME_OF_REFERENCE)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, &frames.len().to_string())
        .with_bit_layout(bits, bits, false)
        .with_sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared)
        .append_item(tags::SEGMENT_SEQUENCE, segment(1))
        .append_item(tags::SEGMENT_SEQUENCE, segment(2));
    if how.kind == SegmentationType::Fractional {
        file = file.with_number(tags::MAXIMUM_FRACTIONAL_VALUE, 200);
    }
    if let Some(time) = how.names {
        let mut series =
            Fixture::empty_item().with_text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.4");
        for slice in 0..SLICES {
            let instance = Fixture::empty_item().with_text(
                tags::REFERENCED_SOP_INSTANCE_UID,
                VR::UI,
                &image(time, slice),
            );
            series = series.append_item(tags::REFERENCED_INSTANCE_SEQUENCE, instance);
        }
        file = file.with_sequence(tags::REFERENCED_SERIES_SEQUENCE, series);
    }
    let mut values: Vec<u8> = Vec::new();
    for &(slice, time, number) in &frames {
        let groups = frame(grid, how, (slice, time, number));
        file = file.append_item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups);
        for (y, x) in (0..grid.rows).flat_map(|y| (0..grid.columns).map(move |x| (y, x))) {
            let label = ((grid.stored)(slice, x, y) + time as u8) % 3;
            values.push(match (number, how.kind) {
                (None, _) => label,
                (Some(n), SegmentationType::Fractional) => {
                    if u16::from(label) == n {
                        150
                    } else {
                        40
                    }
                }
                (Some(n), _) => u8::from(u16::from(label) == n),
            });
        }
    }
    if bits == 1 {
        let byte = |bits: &[u8]| {
            bits.iter()
                .enumerate()
                .fold(0, |byte, (i, bit)| byte | bit << i)
        };
        values = values.chunks(8).map(byte).collect();
    }
    if values.len() % 2 == 1 {
        values.push(0);
    }
    file.pixel_bytes(&values)
}

const KINDS: [SegmentationType; 3] = [
    SegmentationType::Binary,
    SegmentationType::Fractional,
    SegmentationType::LabelMap,
];

fn hows() -> impl Iterator<Item = How> {
    KINDS.into_iter().flat_map(|kind| {
        [None, Some(0)].map(|names| How {
            kind,
            names,
            is_reversed: false,
            times: 1,
        })
    })
}

/// The masks of all slices, with the label that `of` gives for slice, column and row.
fn expected(of: fn(usize, usize, usize) -> u8) -> Vec<(usize, Mask)> {
    let mask = |slice: usize| {
        let pixels = (0..ROWS).flat_map(|y| (0..COLUMNS).map(move |x| of(slice, x, y)));
        (
            slice,
            Mask::from_labels(COLUMNS, ROWS, pixels.collect()).unwrap(),
        )
    };
    (0..SLICES).map(mask).collect()
}

fn placed(folder: &TempDir, file: &Fixture, series: &Series) -> Result<ImportedMasks> {
    import_all(&file.write_to_folder(folder.path(), "seg.dcm"), series)
}

#[test]
fn every_type_on_every_grid_is_placed_by_its_geometry() {
    let folder = tempfile::tempdir().unwrap();
    let series = images(&folder, 1).remove(0);
    for (grid, how) in grids()
        .iter()
        .flat_map(|grid| hows().map(move |how| (grid, how)))
    {
        for is_reversed in [false, true] {
            let how = How { is_reversed, ..how };
            let what = format!(
                "{} {:?}, named: {:?}, reversed: {is_reversed}",
                grid.name, how.kind, how.names
            );
            let got = placed(&folder, &segmentation(grid, how), &series).unwrap();
            assert_eq!(got.masks, expected(grid.expected), "{what}");
            assert_eq!(got.is_resampled, grid.is_resampled, "{what}");
            assert_eq!(
                got.basis,
                if how.names.is_some() {
                    Basis::Images
                } else {
                    Basis::Position
                },
                "{what}"
            );
            let says = |words: &str| got.notes.iter().any(|note| note.contains(words));
            assert_eq!(
                says("resampled"),
                grid.is_resampled,
                "{what}: {:?}",
                got.notes
            );
            assert_eq!(
                says("refers to no images"),
                how.names.is_none(),
                "{what}: {:?}",
                got.notes
            );
        }
    }
}

#[test]
fn segments_are_imported_as_chosen_and_hidden_ones_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let series = images(&folder, 1).remove(0);
    // Both segments have the same pixels.
    let twin = Grid {
        stored: |s, x, y| u8::from(truth(s, x, y) == 2) * 3,
        ..SAME
    };
    let how = How {
        kind: SegmentationType::Binary,
        names: Some(0),
        is_reversed: false,
        times: 1,
    };
    let mut file = segmentation(&twin, how);
    let bits: Vec<u8> = (0..SLICES)
        .flat_map(|s| [s, s])
        .flat_map(|s| {
            (0..ROWS).flat_map(move |y| (0..COLUMNS).map(move |x| u8::from(truth(s, x, y) == 2)))
        })
        .collect();
    let bytes: Vec<u8> = bits
        .chunks(8)
        .map(|b| {
            b.iter()
                .enumerate()
                .fold(0, |byte, (i, bit)| byte | bit << i)
        })
        .collect();
    file = file.pixel_bytes(&bytes);
    let path = file.write_to_folder(folder.path(), "seg.dcm");
    let count = bits.iter().map(|b| usize::from(*b)).sum::<usize>() / 2;
    let got = import_all(&path, &series).unwrap();
    assert_eq!(
        got.loss_reason().unwrap(),
        "\"One\" has no pixels left: other labels cover all of it"
    );
    assert_eq!(
        (got.taken[0].in_file, got.taken[0].left, got.taken[1].left),
        (count, 0, count)
    );
    assert!(got.notes.contains(&format!(
        "\"One\" lost {count} pixels to \"Two\", which covers it"
    )));
    let chosen = |only: &str, order: &str| {
        let words = |w: &str| {
            if w.is_empty() {
                Vec::new()
            } else {
                vec![w.to_owned()]
            }
        };
        import_chosen(
            &path,
            &series,
            &MaskChoice {
                only: words(only),
                order: words(order),
                ..MaskChoice::default()
            },
        )
    };
    let one = chosen("One", "").unwrap();
    assert_eq!(
        (one.loss_reason(), one.labels.len(), one.taken[0].left),
        (None, 1, count)
    );
    assert!(
        chosen("", "one")
            .unwrap()
            .loss_reason()
            .unwrap()
            .contains("\"Two\"")
    );
    assert!(
        chosen("Three", "")
            .unwrap_err()
            .to_string()
            .contains("available labels: 1 \"One\", 2 \"Two\"")
    );
}
