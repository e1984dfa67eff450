//! Diffusion weighting of a frame: b-value and direction of the gradient, of the standard and of the vendors.

use super::{dataset::DataSet, geometry::functional_group};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// b-values closer than this, in s/mm², are one.
const SAME_B: f64 = 0.5;
/// Components of directions closer than this are one: scanners round, and 256 directions lie farther apart.
const SAME_DIRECTION: f64 = 0.01;
/// GE adds this to b-values of some series.
const GE_OFFSET: f64 = 1e9;

/// How a frame is weighted; nothing of it is known of other images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Diffusion {
    /// Diffusion b-value, s/mm².
    pub(crate) b_value: Option<f64>,
    /// Diffusion Gradient Orientation.
    pub(crate) direction: Option<[f64; 3]>,
}

/// An attribute of a vendor: group, Private Creator, last byte of the element, and how it is written.
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
    /// Reads it, the standard's attributes before those of a vendor.
    pub(crate) fn from_dataset(data: &DataSet, frame: usize) -> Self {
        // Some programs that make single frames of an enhanced object leave the sequence at the top.
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
        let own = |d: &DataSet| d.numeric_array(tags::DIFFUSION_GRADIENT_ORIENTATION);
        let of_item = |d: &DataSet| {
            d.first_item(tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE)
                .and_then(own)
                .or_else(|| own(d))
        };
        let three = |parts: [Private; 3]| -> Option<[f64; 3]> {
            let values = parts.map(|part| private_numbers(data, part).first().copied());
            Some([values[0]?, values[1]?, values[2]?])
        };
        let direction = of_frame
            .and_then(of_item)
            .or_else(|| of_item(data))
            .or_else(|| private_numbers(data, SIEMENS_DIRECTION).try_into().ok())
            .or_else(|| three(GE_DIRECTION))
            .or_else(|| three(PHILIPS_DIRECTION));
        Self {
            b_value: b_value.filter(|b| b.is_finite()),
            direction: direction.filter(is_a_direction),
        }
    }

    /// What tells it from the others: without a gradient its direction means nothing.
    fn comparison_key(self) -> Self {
        let has_gradient = self.b_value.is_none_or(|b| b >= 1.0);
        Self {
            direction: self.direction.filter(|_| has_gradient),
            ..self
        }
    }

    fn is_as(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64, most: f64| (a - b).abs() <= most;
        let same_b = match (self.b_value, other.b_value) {
            (Some(a), Some(b)) => same(a, b, SAME_B),
            (a, b) => a == b,
        };
        let same_direction = match (self.direction, other.direction) {
            (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| same(*a, b, SAME_DIRECTION)),
            (a, b) => a == b,
        };
        same_b && same_direction
    }

    fn compare_values(&self, other: &Self) -> Ordering {
        let values = |d: &Self| {
            let [x, y, z] = d.direction.unwrap_or([f64::NEG_INFINITY; 3]);
            [d.b_value.unwrap_or(-1.0), x, y, z]
        };
        let pairs = values(self)
            .into_iter()
            .zip(values(other))
            .map(|(a, b)| a.total_cmp(&b));
        pairs.fold(Ordering::Equal, Ordering::then)
    }

    /// "b 1000, direction 0.71 0.71 0".
    pub(crate) fn display_name(&self) -> String {
        let rounded = |v: f64| (v * 100.0).round() / 100.0 + 0.0;
        let b = self.b_value.map(|b| format!("b {}", rounded(b)));
        let direction = self.direction.map(|d| {
            let [x, y, z] = d.map(rounded);
            format!("direction {x} {y} {z}")
        });
        let parts: Vec<String> = b.into_iter().chain(direction).collect();
        if parts.is_empty() {
            "without diffusion".into()
        } else {
            parts.join(", ")
        }
    }
}

/// A zero vector stands for none.
fn is_a_direction(direction: &[f64; 3]) -> bool {
    direction.iter().all(|v| v.is_finite()) && direction.iter().any(|v| v.abs() > SAME_DIRECTION)
}

/// The weightings that there are, each once, in an order that is theirs alone.
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

/// Which of them a frame has.
pub(crate) fn weighting_index(all: &[Diffusion], one: Diffusion) -> usize {
    let key = one.comparison_key();
    all.iter().position(|known| known.is_as(&key)).unwrap_or(0)
}

/// The numbers of a private attribute, wherever its block was reserved (PS3.5 7.8.1). In implicit VR its own VR is lost.
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
    fn it_is_read_from_the_image_from_its_frame_and_from_what_vendors_write() {
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
        // The same number of another maker means something else.
        let other = base
            .with_text(Tag(0x0019, 0x0011), VR::LO, "SOMEBODY")
            .with_text(Tag(0x0019, 0x110C), VR::IS, "800");
        assert_eq!(of(other), Diffusion::default());
    }
}
