//! Pixel spacing and plane of each frame, from the dataset or its functional groups.

use super::dataset::DataSet;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::{
    geometry::{PixelSpacing, Plane, SpacingSource},
    scale::{ScaledRegion, common_spacing},
};
use std::{array, ops::RangeInclusive};

/// The item of a functional group macro: that of the frame, else the shared one.
pub(crate) fn functional_group(data: &DataSet, frame: usize, macro_tag: Tag) -> Option<&DataSet> {
    let own = data
        .sequence_items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .get(frame)
        .and_then(|f| f.first_item(macro_tag));
    own.or_else(|| {
        data.first_item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)?
            .first_item(macro_tag)
    })
}

/// The plane of a frame in patient coordinates.
pub(crate) fn frame_plane(data: &DataSet, frame: usize, frames: u32) -> Option<Plane> {
    let position = functional_group(data, frame, tags::PLANE_POSITION_SEQUENCE)
        .and_then(|g| g.numeric_array(tags::IMAGE_POSITION_PATIENT));
    let orientation = functional_group(data, frame, tags::PLANE_ORIENTATION_SEQUENCE)
        .and_then(|g| g.numeric_array(tags::IMAGE_ORIENTATION_PATIENT));
    let orientation = orientation.or_else(|| data.numeric_array(tags::IMAGE_ORIENTATION_PATIENT));
    if let (Some(position), Some(orientation)) = (position, orientation) {
        return checked_plane(Plane {
            position,
            orientation,
        });
    }
    let first = first_plane(data)?;
    if frames == 1 {
        return Some(first);
    }
    // Several frames with a single position: the frames need offsets.
    let offset = frame_offset(data, frame)?;
    let normal = first.unit_normal();
    Some(Plane {
        position: array::from_fn(|i| first.position[i] + offset * normal[i]),
        ..first
    })
}

fn first_plane(data: &DataSet) -> Option<Plane> {
    // In nuclear medicine the position of a volume is stored with its detector.
    let detector = data.first_item(tags::DETECTOR_INFORMATION_SEQUENCE);
    plane_of_item(data).or_else(|| detector.and_then(plane_of_item))
}

fn plane_of_item(item: &DataSet) -> Option<Plane> {
    let position = item.numeric_array(tags::IMAGE_POSITION_PATIENT)?;
    let orientation = item.numeric_array(tags::IMAGE_ORIENTATION_PATIENT)?;
    checked_plane(Plane {
        position,
        orientation,
    })
}

/// Patient Orientation: the directions of rows and columns, such as "A" and "F", or "AR" and "FP".
pub(crate) fn patient_orientation(data: &DataSet, frame: usize) -> Option<[String; 2]> {
    let own = functional_group(data, frame, tags::PATIENT_ORIENTATION_IN_FRAME_SEQUENCE)
        .map(|g| g.text_values(tags::PATIENT_ORIENTATION));
    let [row, column] = own
        .unwrap_or_else(|| data.text_values(tags::PATIENT_ORIENTATION))
        .try_into()
        .ok()?;
    (are_side_letters(&row) && are_side_letters(&column)).then_some([row, column])
}

/// True for one or more of the letters of left, right, anterior, posterior, head and feet.
fn are_side_letters(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| "LRAPHF".contains(c))
}

/// Distance of a frame from the first one along the normal, mm.
fn frame_offset(data: &DataSet, frame: usize) -> Option<f64> {
    let offsets = data.numeric_values(tags::GRID_FRAME_OFFSET_VECTOR);
    if let (Some(first), Some(own)) = (offsets.first(), offsets.get(frame)) {
        return Some(own - first);
    }
    let reconstructed = data
        .text_values(tags::IMAGE_TYPE)
        .iter()
        .any(|part| part == "RECON TOMO");
    let slices = data.integer_value(tags::NUMBER_OF_SLICES).unwrap_or(0);
    let each = data.numeric_value(tags::SPACING_BETWEEN_SLICES)?;
    (reconstructed && slices > frame as i64).then_some(each * frame as f64)
}

/// Returns the plane if its directions have unit length and are perpendicular.
fn checked_plane(plane: Plane) -> Option<Plane> {
    let [a, b, c, d, e, f] = plane.orientation;
    let is_right_angle = (a * d + b * e + c * f).abs() < 0.01;
    (has_unit_length(a, b, c) && has_unit_length(d, e, f) && is_right_angle).then_some(plane)
}

fn has_unit_length(x: f64, y: f64, z: f64) -> bool {
    ((x * x + y * y + z * z).sqrt() - 1.0).abs() < 0.01
}

/// The pixel spacing of a frame.
pub(crate) fn pixel_spacing(data: &DataSet, frame: usize) -> Option<PixelSpacing> {
    use SpacingSource::ImagerPixelSpacing;
    let measures = functional_group(data, frame, tags::PIXEL_MEASURES_SEQUENCE);
    if let Some(spacing) =
        measures.and_then(|m| positive_spacing(m, tags::PIXEL_SPACING, SpacingSource::PixelSpacing))
    {
        return Some(spacing);
    }
    let regions = ultrasound_regions(data);
    let common = common_spacing(&regions);
    if regions.len() > 1 && common.is_none() {
        // A spacing for the whole image would be wrong in some of its regions.
        return None;
    }
    let imager = positive_spacing(data, tags::IMAGER_PIXEL_SPACING, ImagerPixelSpacing);
    let own = positive_spacing(data, tags::PIXEL_SPACING, SpacingSource::PixelSpacing);
    if let Some(spacing) = own {
        // PS3.3 10.7.1.3: equal values mean that the spacing was not corrected for magnification.
        let same = imager.is_some_and(|i| (i.row, i.column) == (spacing.row, spacing.column));
        return Some(if same {
            PixelSpacing {
                source: ImagerPixelSpacing,
                ..spacing
            }
        } else {
            spacing
        });
    }
    imager
        .or_else(|| {
            positive_spacing(
                data,
                tags::NOMINAL_SCANNED_PIXEL_SPACING,
                ImagerPixelSpacing,
            )
        })
        .or(common)
        .or_else(|| aspect_ratio_spacing(data))
}

/// Slice Thickness of a frame, mm; `None` unless it is positive.
pub(crate) fn slice_thickness(data: &DataSet, frame: usize) -> Option<f64> {
    functional_group(data, frame, tags::PIXEL_MEASURES_SEQUENCE)
        .and_then(|measures| measures.numeric_value(tags::SLICE_THICKNESS))
        .or_else(|| data.numeric_value(tags::SLICE_THICKNESS))
        .filter(|thickness| thickness.is_finite() && *thickness > 0.0)
}

/// The row and column spacing in an element, mm; `None` unless both are positive.
fn positive_spacing(data: &DataSet, tag: Tag, source: SpacingSource) -> Option<PixelSpacing> {
    let [row, column] = data.numeric_array::<2>(tag)?;
    let positive = row > 0.0 && column > 0.0;
    positive.then_some(PixelSpacing {
        row,
        column,
        source,
    })
}

/// The regions of an ultrasound image, in pixels, with their pixel spacing.
pub(crate) fn ultrasound_regions(data: &DataSet) -> Vec<ScaledRegion> {
    let items = data.sequence_items(tags::SEQUENCE_OF_ULTRASOUND_REGIONS);
    let is_only = items.len() == 1;
    items
        .iter()
        .filter_map(|item| scaled_region(data, item, is_only))
        .take(MOST_REGIONS)
        .collect()
}

/// The region that `item` describes; `is_only` if the image `data` has no other.
fn scaled_region(data: &DataSet, item: &DataSet, is_only: bool) -> Option<ScaledRegion> {
    let first = region_corner(
        item,
        tags::REGION_LOCATION_MIN_X0,
        tags::REGION_LOCATION_MIN_Y0,
    );
    let last = region_corner(
        item,
        tags::REGION_LOCATION_MAX_X1,
        tags::REGION_LOCATION_MAX_Y1,
    );
    let (a, b) = match (first, last) {
        (Some(a), Some(b)) => (a, b),
        // A single region without a location is the whole image.
        (None, None) if is_only => {
            let last_column = last_index(data, tags::COLUMNS);
            let last_row = last_index(data, tags::ROWS);
            ([0, 0], [last_column, last_row])
        }
        _ => return None,
    };
    // Region Flags, bit 0: 1 means low priority.
    let has_priority = item.integer_value(tags::REGION_FLAGS).unwrap_or(0) & 1 == 0;
    Some(ScaledRegion {
        low: array::from_fn(|i| a[i].min(b[i])),
        high: array::from_fn(|i| a[i].max(b[i])),
        spacing: region_spacing(item),
        has_priority,
    })
}

/// Column and row of a corner, in pixels of the image.
fn region_corner(item: &DataSet, x: Tag, y: Tag) -> Option<[u32; 2]> {
    Some([pixel_place(item, x)?, pixel_place(item, y)?])
}

/// A pixel coordinate; negative values count as 0.
fn pixel_place(item: &DataSet, tag: Tag) -> Option<u32> {
    let place = item.integer_value(tag)?.max(0);
    Some(u32::try_from(place).unwrap_or(u32::MAX))
}

/// Index of the last column or row.
fn last_index(data: &DataSet, tag: Tag) -> u32 {
    u32::try_from(data.integer_value(tag).unwrap_or(0) - 1).unwrap_or(0)
}

/// Maximum number of regions of an image.
const MOST_REGIONS: usize = 64;

/// The pixel spacing of a region; `None` unless both of its axes are lengths.
fn region_spacing(item: &DataSet) -> Option<PixelSpacing> {
    /// Physical Units X/Y Direction: cm.
    const CENTIMETRES: i64 = 3;
    /// Region Spatial Format: M-mode, spectral and waveform, which are not 2D images.
    const NO_PICTURES: RangeInclusive<i64> = 2..=4;
    let units = [
        tags::PHYSICAL_UNITS_X_DIRECTION,
        tags::PHYSICAL_UNITS_Y_DIRECTION,
    ];
    let is_length = units
        .iter()
        .all(|tag| item.integer_value(*tag) == Some(CENTIMETRES))
        && !item
            .integer_value(tags::REGION_SPATIAL_FORMAT)
            .is_some_and(|format| NO_PICTURES.contains(&format));
    let x = pixel_length(item, tags::PHYSICAL_DELTA_X)?;
    let y = pixel_length(item, tags::PHYSICAL_DELTA_Y)?;
    is_length.then_some(PixelSpacing {
        row: 10.0 * y,
        column: 10.0 * x,
        source: SpacingSource::UltrasoundRegion,
    })
}

/// Physical Delta without its sign, which only gives the direction of the axis.
fn pixel_length(item: &DataSet, tag: Tag) -> Option<f64> {
    item.numeric_value(tag)
        .map(f64::abs)
        .filter(|v| v.is_finite() && *v > 0.0)
}

fn aspect_ratio_spacing(data: &DataSet) -> Option<PixelSpacing> {
    let [row, column] = data.numeric_array::<2>(tags::PIXEL_ASPECT_RATIO)?;
    let odd = row > 0.0 && column > 0.0 && row != column;
    odd.then_some(PixelSpacing {
        row,
        column,
        source: SpacingSource::AspectRatioOnly,
    })
}
