//! Spacing and plane of each frame, from the dataset or its functional groups.

use super::dataset::DataSet;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::{
    geometry::{PixelSpacing, Plane, SpacingSource},
    scale::{ScaledRegion, common_spacing},
};

/// The item of a functional group macro: the frame's own or the shared one.
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

/// Where a frame lies in the patient.
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
    // Several frames and one position: only an offset for each says where they are.
    let offset = frame_offset(data, frame)?;
    let normal = first.unit_normal();
    Some(Plane {
        position: std::array::from_fn(|i| first.position[i] + offset * normal[i]),
        ..first
    })
}

fn first_plane(data: &DataSet) -> Option<Plane> {
    // Nuclear medicine keeps the place of a volume with its detector.
    let detector = data.first_item(tags::DETECTOR_INFORMATION_SEQUENCE);
    let of = |place: &DataSet| {
        let position = place.numeric_array(tags::IMAGE_POSITION_PATIENT)?;
        let orientation = place.numeric_array(tags::IMAGE_ORIENTATION_PATIENT)?;
        checked_plane(Plane {
            position,
            orientation,
        })
    };
    of(data).or_else(|| detector.and_then(of))
}

/// Patient Orientation: letters of the sides that rows and columns run to, "A" and "F" or "AR" and "FP".
pub(crate) fn patient_orientation(data: &DataSet, frame: usize) -> Option<[String; 2]> {
    let own = functional_group(data, frame, tags::PATIENT_ORIENTATION_IN_FRAME_SEQUENCE)
        .map(|g| g.text_values(tags::PATIENT_ORIENTATION));
    let [row, column] = own
        .unwrap_or_else(|| data.text_values(tags::PATIENT_ORIENTATION))
        .try_into()
        .ok()?;
    let known =
        |letters: &String| !letters.is_empty() && letters.chars().all(|c| "LRAPHF".contains(c));
    (known(&row) && known(&column)).then_some([row, column])
}

/// How far a frame lies from the first one along the normal, mm.
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

/// Directions that are not of unit length or not at right angles are no plane.
fn checked_plane(plane: Plane) -> Option<Plane> {
    let [a, b, c, d, e, f] = plane.orientation;
    let unit = |x: f64, y: f64, z: f64| ((x * x + y * y + z * z).sqrt() - 1.0).abs() < 0.01;
    let right = (a * d + b * e + c * f).abs() < 0.01;
    (unit(a, b, c) && unit(d, e, f) && right).then_some(plane)
}

/// The distance between the pixels of a frame.
pub(crate) fn pixel_spacing(data: &DataSet, frame: usize) -> Option<PixelSpacing> {
    use SpacingSource::ImagerPixelSpacing;
    let two = |data: &DataSet, tag, source| {
        let [row, column] = data.numeric_array::<2>(tag)?;
        let positive = row > 0.0 && column > 0.0;
        positive.then_some(PixelSpacing {
            row,
            column,
            source,
        })
    };
    let measures = functional_group(data, frame, tags::PIXEL_MEASURES_SEQUENCE);
    if let Some(spacing) =
        measures.and_then(|m| two(m, tags::PIXEL_SPACING, SpacingSource::PixelSpacing))
    {
        return Some(spacing);
    }
    let regions = ultrasound_regions(data);
    let common = common_spacing(&regions);
    if regions.len() > 1 && common.is_none() {
        // Whatever is said of the picture is true for a part of it at most.
        return None;
    }
    let imager = two(data, tags::IMAGER_PIXEL_SPACING, ImagerPixelSpacing);
    if let Some(spacing) = two(data, tags::PIXEL_SPACING, SpacingSource::PixelSpacing) {
        // PS3.3 10.7.1.3: equal values mean that nothing was corrected for magnification.
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
            two(
                data,
                tags::NOMINAL_SCANNED_PIXEL_SPACING,
                ImagerPixelSpacing,
            )
        })
        .or(common)
        .or_else(|| aspect_ratio_spacing(data))
}

/// The regions of an ultrasound picture, and what they show lengths of. Their places are in pixels of the picture.
pub(crate) fn ultrasound_regions(data: &DataSet) -> Vec<ScaledRegion> {
    let items = data.sequence_items(tags::SEQUENCE_OF_ULTRASOUND_REGIONS);
    let whole = || {
        let last = |tag| u32::try_from(data.integer_value(tag).unwrap_or(0) - 1).unwrap_or(0);
        ([0, 0], [last(tags::COLUMNS), last(tags::ROWS)])
    };
    let region = |item: &DataSet| {
        let corner = |x, y| {
            let side =
                |tag| Some(u32::try_from(item.integer_value(tag)?.max(0)).unwrap_or(u32::MAX));
            Some([side(x)?, side(y)?])
        };
        let low = corner(tags::REGION_LOCATION_MIN_X0, tags::REGION_LOCATION_MIN_Y0);
        let high = corner(tags::REGION_LOCATION_MAX_X1, tags::REGION_LOCATION_MAX_Y1);
        let (a, b) = match (low, high) {
            (Some(a), Some(b)) => (a, b),
            // One that does not say where it is can only be the picture.
            (None, None) if items.len() == 1 => whole(),
            _ => return None,
        };
        let low = std::array::from_fn(|i| a[i].min(b[i]));
        let high = std::array::from_fn(|i| a[i].max(b[i]));
        // Region Flags, bit 0: 1 is low priority.
        let has_priority = item.integer_value(tags::REGION_FLAGS).unwrap_or(0) & 1 == 0;
        Some(ScaledRegion {
            low,
            high,
            spacing: region_spacing(item),
            has_priority,
        })
    };
    items.iter().filter_map(region).take(MOST_REGIONS).collect()
}

/// More regions has no picture.
const MOST_REGIONS: usize = 64;

/// The distance between the pixels of a region; `None` for one that does not show lengths in both directions.
fn region_spacing(item: &DataSet) -> Option<PixelSpacing> {
    /// Physical Units of lengths.
    const CENTIMETRES: i64 = 3;
    /// Region Spatial Format of M-mode, spectra and curves.
    const NO_PICTURES: std::ops::RangeInclusive<i64> = 2..=4;
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
    let side = |tag| {
        item.numeric_value(tag)
            .map(f64::abs)
            .filter(|v| v.is_finite() && *v > 0.0)
    };
    let (x, y) = (side(tags::PHYSICAL_DELTA_X)?, side(tags::PHYSICAL_DELTA_Y)?);
    is_length.then_some(PixelSpacing {
        row: 10.0 * y,
        column: 10.0 * x,
        source: SpacingSource::UltrasoundRegion,
    })
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
