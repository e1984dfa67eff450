//! Diffusion weighting of a frame: b-value and gradient direction, from standard and vendor attributes.

use super::{dataset::DataSet, geometry::functional_group};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// b-values that differ by no more than this, s/mm², are equal.
const SAME_B: f64 = 0.5;
/// Directions whose components differ by no more than this are equal: scanners round them, and even 256 directions lie
/// farther apart.
const SAME_DIRECTION: f64 = 0.01;
/// GE adds this to the b-values of some series.
const GE_OFFSET: f64 = 1e9;

/// Diffusion weighting of a frame; both values are `None` for images without diffusion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Diffusion {
    /// Diffusion b-value, s/mm².
    pub(crate) b_value: Option<f64>,
    /// Diffusion Gradient Orientation.
    pub(crate) direction: Option<[f64; 3]>,
}

/// A private attribute: group, Private Creator, last byte of the element number, and VR.
type Private = (u16, &'static str, u16, VR);

const SIEMENS_B: Private = (0x0019, "SIEMENS MR HEADER", 0x0C, VR::IS);
const SIEMENS_DIRECTION: Private = (0x0019, "SIEMENS MR HEADER", 0x0E, VR::FD);
const GE_B: Private = (0x0043, "GEMS_PARM_01", 0x39, VR::IS);
const GE_DIRECTION: [Private; 3] = [
    (0x0019, "GEMS_ACQU_01", 0xBB, VR::DS),
    (0x0019, "GEMS_ACQU_01", 0xBC, VR::DS),
    (0x0019, "GEMS_ACQU_01", 0xBD, VR::DS),
];
const PHILIPS_B: Private = (0x2001, "Philips Imaging DD 001", 0x03, VR::FL);
const PHILIPS_DIRECTION: [Private; 3] = [
    (0x2005, "Philips MR Imaging DD 001", 0xB0, VR::FL),
    (0x2005, "Philips MR Imaging DD 001", 0xB1, VR::FL),
    (0x2005, "Philips MR Imaging DD 001", 0xB2, VR::FL),
];

impl Diffusion {
    /// Reads it; standard attributes take precedence over those of vendors.
    pub(crate) fn from_dataset(data: &DataSet, frame: usize) -> Self {
        // Some programs that split enhanced objects into single frames put the sequence at the top level.
        let of_frame = functional_group(data, frame, tags::MR_DIFFUSION_SEQUENCE)
            .or_else(|| data.first_item(tags::MR_DIFFUSION_SEQUENCE));
        let b_value = of_frame
            .and_then(|d| d.numeric_value(tags::DIFFUSION_B_VALUE))
            .or_else(|| data.numeric_value(tags::DIFFUSION_B_VALUE))
            .or_else(|| private_numbers(data, SIEMENS_B).first().copied())
            .or_else(|| {
                private_numbers(data, GE_B)
                    .first()
                    .map(|b| if *b >= GE_OFFSET { b % 100_000.0 } else { *b })
            })
            .or_else(|| private_numbers(data, PHILIPS_B).first().copied());
        let direction = of_frame
            .and_then(gradient_direction)
            .or_else(|| gradient_direction(data))
            .or_else(|| private_numbers(data, SIEMENS_DIRECTION).try_into().ok())
            .or_else(|| private_vector(data, GE_DIRECTION))
            .or_else(|| private_vector(data, PHILIPS_DIRECTION));
        Self {
            b_value: b_value.filter(|b| b.is_finite()),
            direction: direction.filter(is_a_direction),
        }
    }

    /// For comparison: without a gradient (b = 0) the direction is ignored.
    fn comparison_key(self) -> Self {
        let has_gradient = self.b_value.is_none_or(|b| b >= 1.0);
        Self {
            direction: self.direction.filter(|_| has_gradient),
            ..self
        }
    }

    fn is_as(&self, other: &Self) -> bool {
        let same_b = match (self.b_value, other.b_value) {
            (Some(a), Some(b)) => (a - b).abs() <= SAME_B,
            (a, b) => a == b,
        };
        let same_direction = match (self.direction, other.direction) {
            (Some(a), Some(b)) => a
                .iter()
                .zip(b)
                .all(|(a, b)| (a - b).abs() <= SAME_DIRECTION),
            (a, b) => a == b,
        };
        same_b && same_direction
    }

    fn compare_values(&self, other: &Self) -> Ordering {
        let pairs = self
            .sort_values()
            .into_iter()
            .zip(other.sort_values())
            .map(|(a, b)| a.total_cmp(&b));
        pairs.fold(Ordering::Equal, Ordering::then)
    }

    /// b-value and direction; unknown values sort first.
    fn sort_values(&self) -> [f64; 4] {
        let [x, y, z] = self.direction.unwrap_or([f64::NEG_INFINITY; 3]);
        [self.b_value.unwrap_or(-1.0), x, y, z]
    }

    /// A short description, such as "b 1000, direction 0.71 0.71 0".
    pub(crate) fn display_name(&self) -> String {
        let b = self
            .b_value
            .map(|b| format!("b {}", round_to_hundredths(b)));
        let direction = self.direction.map(|d| {
            let [x, y, z] = d.map(round_to_hundredths);
            format!("direction {x} {y} {z}")
        });
        let parts: Vec<String> = b.into_iter().chain(direction).collect();
        if parts.is_empty() {
            "no diffusion weighting".into()
        } else {
            parts.join(", ")
        }
    }
}

/// Adding 0.0 turns a negative zero into a positive one.
fn round_to_hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

/// A zero vector means that there is no direction.
fn is_a_direction(direction: &[f64; 3]) -> bool {
    direction.iter().all(|v| v.is_finite()) && direction.iter().any(|v| v.abs() > SAME_DIRECTION)
}

/// The distinct weightings, sorted by value, so that their order does not depend on that of the frames.
pub(crate) fn distinct_weightings(all: &[Diffusion]) -> Vec<Diffusion> {
    let mut sorted: Vec<Diffusion> = all.iter().map(|d| d.comparison_key()).collect();
    sorted.sort_by(Diffusion::compare_values);
    let mut found: Vec<Diffusion> = Vec::new();
    for one in sorted {
        if !found.iter().rev().any(|known| known.is_as(&one)) {
            found.push(one);
        }
    }
    found
}

/// Index of the weighting of a frame among the distinct ones.
pub(crate) fn weighting_index(all: &[Diffusion], one: Diffusion) -> usize {
    let key = one.comparison_key();
    all.iter().position(|known| known.is_as(&key)).unwrap_or(0)
}

/// Diffusion Gradient Orientation, within its sequence or directly in `data`.
fn gradient_direction(data: &DataSet) -> Option<[f64; 3]> {
    data.first_item(tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE)
        .and_then(|item| item.numeric_array(tags::DIFFUSION_GRADIENT_ORIENTATION))
        .or_else(|| data.numeric_array(tags::DIFFUSION_GRADIENT_ORIENTATION))
}

/// A vector stored as three private attributes x, y and z.
fn private_vector(data: &DataSet, parts: [Private; 3]) -> Option<[f64; 3]> {
    let [x, y, z] = parts.map(|part| private_numbers(data, part).first().copied());
    Some([x?, y?, z?])
}

/// The numbers of a private attribute, in whichever block its creator reserved (PS3.5 7.8.1). The VR is given because
/// implicit VR files do not store it.
fn private_numbers(data: &DataSet, (group, creator, element, vr): Private) -> Vec<f64> {
    let mut creators = data
        .elements
        .range(Tag(group, 0x10)..=Tag(group, 0xFF))
        .map(|(tag, _)| *tag);
    let reserved = creators.find(|tag| data.text_value(*tag).as_deref() == Some(creator));
    reserved.map_or_else(Vec::new, |tag| {
        data.numbers_as(Tag(group, tag.element() << 8 | element), vr)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{file::DicomFile, fixture::Fixture};

    fn of(fixture: Fixture) -> Diffusion {
        let folder = tempfile::tempdir().unwrap();
        let path = fixture
            .with_pixels(&[0])
            .write_to_folder(folder.path(), "image");
        let file = DicomFile::open(&path).ok().unwrap();
        Diffusion::from_dataset(&file.data, 0)
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn diffusion_is_read_from_the_image_its_frame_and_vendor_elements() {
        let expected = Diffusion {
            b_value: Some(800.0),
            direction: Some([0.0, 0.6, 0.8]),
        };
        let direction = doubles(&[0.0, 0.6, 0.8]);
        let base = Fixture::new(1, 1);
        let b = |item: Fixture| item.with_bytes(tags::DIFFUSION_B_VALUE, VR::FD, doubles(&[800.0]));
        let along = |item: Fixture| {
            item.with_bytes(
                tags::DIFFUSION_GRADIENT_ORIENTATION,
                VR::FD,
                direction.clone(),
            )
        };
        assert_eq!(of(along(b(base.clone()))), expected);
        let gradient = tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE;
        let item = b(Fixture::empty_item()).with_sequence(gradient, along(Fixture::empty_item()));
        assert_eq!(
            of(base
                .clone()
                .with_sequence(tags::MR_DIFFUSION_SEQUENCE, item.clone())),
            expected
        );
        let group = Fixture::empty_item().with_sequence(tags::MR_DIFFUSION_SEQUENCE, item);
        assert_eq!(
            of(base
                .clone()
                .with_sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, group)),
            expected
        );
        for vr in [VR::FD, VR::UN] {
            let siemens = base
                .clone()
                .with_text(Tag(0x0019, 0x0011), VR::LO, "SIEMENS MR HEADER")
                .with_text(
                    Tag(0x0019, 0x110C),
                    if vr == VR::UN { vr } else { VR::IS },
                    "800",
                )
                .with_bytes(Tag(0x0019, 0x110E), vr, direction.clone());
            assert_eq!(of(siemens), expected);
        }
        let ge = base
            .clone()
            .with_text(Tag(0x0043, 0x0010), VR::LO, "GEMS_PARM_01")
            .with_text(Tag(0x0043, 0x1039), VR::IS, "1000000800\\8\\0\\0")
            .with_text(Tag(0x0019, 0x0010), VR::LO, "GEMS_ACQU_01")
            .with_text(Tag(0x0019, 0x10BB), VR::DS, "0")
            .with_text(Tag(0x0019, 0x10BC), VR::DS, "0.6")
            .with_text(Tag(0x0019, 0x10BD), VR::DS, "0.8");
        assert_eq!(of(ge), expected);
        // The same tag of another private creator means something else.
        let other = base
            .with_text(Tag(0x0019, 0x0011), VR::LO, "SOMEBODY")
            .with_text(Tag(0x0019, 0x110C), VR::IS, "800");
        assert_eq!(of(other), Diffusion::default());
    }
}
