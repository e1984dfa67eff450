//! Selects hold-out subjects: never used for training, so that models can be judged on them.
//!
//! A subject is assigned once, when its first case is added, by a hash of its identity; the assignment never changes.
//! One in every five subjects, in the order in which they are added, is held out. Image files that look the same get
//! the same assignment, whatever their names.

use super::{hex::hex_text, image::Image, quantile::lowest_and_highest};
use sha2::{Digest, Sha256};

/// One of this many consecutive subjects is held out. With few cases, a larger share would leave too little for
/// training and a smaller one too little for judging.
const STRATUM: usize = 5;
/// Images whose fingerprints differ in at most this many of 64 bits count as looking the same.
const ALIKE_BITS: u32 = 3;
/// Grid of a fingerprint: one column more than bits per row, as each field is compared with its right neighbour.
const FIELD_COLUMNS: usize = 9;
const FIELD_ROWS: usize = 8;

/// Whether a subject is used for training or held out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// Its accepted masks are used for training.
    #[default]
    Training,
    /// Its accepted masks are used only for judging models.
    HoldOut,
}

impl Side {
    /// Name in workspaces and in machine-readable output.
    pub fn storage_name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::HoldOut => "hold-out",
        }
    }

    /// Parses [`Self::storage_name`]; unknown names are training.
    pub fn from_storage_name(name: &str) -> Self {
        if name == Self::HoldOut.storage_name() {
            Self::HoldOut
        } else {
            Self::Training
        }
    }
}

/// Anonymous identity of a subject: a hash of its PatientID, Study Instance UID or file content.
pub fn subject_hash(identity: &str) -> String {
    let hash = Sha256::new()
        .chain_update("labrum subject ")
        .chain_update(identity)
        .finalize();
    hex_text(&hash[..16])
}

/// False for placeholders: de-identified files often share one word or number as PatientID.
pub fn names_patient(patient_id: &str) -> bool {
    const PLACEHOLDERS: [&str; 17] = [
        "anon",
        "anonym",
        "anonymous",
        "anonymized",
        "anonymised",
        "anonymousid",
        "deidentified",
        "deid",
        "unknown",
        "none",
        "null",
        "na",
        "nan",
        "removed",
        "patient",
        "patientid",
        "noid",
    ];
    let id: String = patient_id
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let is_filler = id.chars().all(|c| c == '0') || id.chars().all(|c| c == 'x');
    !is_filler && !PLACEHOLDERS.contains(&id.as_str())
}

/// Assigns a new subject, given that `known` subjects were added before, `held_out` of them held out.
pub fn side_of(subject: &str, known: usize, held_out: usize) -> Side {
    let owed = (known / STRATUM + 1).saturating_sub(held_out);
    let left = STRATUM - known % STRATUM;
    // All remaining subjects of the current five are equally likely; the last one makes up for any that is still
    // missing.
    if subject_fraction(subject) * (left as f64) < owed as f64 {
        Side::HoldOut
    } else {
        Side::Training
    }
}

/// A pseudorandom number in 0..1, derived from the subject's hash.
fn subject_fraction(subject: &str) -> f64 {
    let hash = Sha256::new().chain_update(subject).finalize();
    let bits = hash
        .iter()
        .take(6)
        .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / (1u64 << 48) as f64
}

/// 64-bit difference hash of an image: whether brightness rises from each of 8 x 8 fields to its right neighbour.
/// Robust to scaling, compression and brightness. `None` for an image without contrast.
pub fn difference_hash(image: &Image) -> Option<u64> {
    if image.columns < FIELD_COLUMNS || image.rows < FIELD_ROWS {
        return None;
    }
    let fields: Vec<f64> = (0..FIELD_ROWS * FIELD_COLUMNS)
        .map(|i| mean_of_field(image, i % FIELD_COLUMNS, i / FIELD_COLUMNS))
        .collect();
    let (low, high) = lowest_and_highest(fields.iter().copied());
    let rises = fields
        .chunks_exact(FIELD_COLUMNS)
        .flat_map(|row| row.windows(2).map(|pair| pair[1] > pair[0]));
    let bits = rises.fold(0u64, |bits, rises| bits << 1 | u64::from(rises));
    (high > low && high.is_finite() && low.is_finite()).then_some(bits)
}

/// Mean modality value of one field of the fingerprint grid.
fn mean_of_field(image: &Image, column: usize, row: usize) -> f64 {
    let left = column * image.columns / FIELD_COLUMNS;
    let right = (column + 1) * image.columns / FIELD_COLUMNS;
    let top = row * image.rows / FIELD_ROWS;
    let bottom = (row + 1) * image.rows / FIELD_ROWS;
    // A few hundred pixels per field are enough.
    let column_step = ((right - left) / 16).max(1);
    let row_step = ((bottom - top) / 16).max(1);
    let mut sum = 0.0;
    let mut count = 0.0;
    for y in (top..bottom).step_by(row_step) {
        for x in (left..right).step_by(column_step) {
            sum += image.modality_value(y * image.columns + x);
            count += 1.0;
        }
    }
    sum / f64::max(count, 1.0)
}

/// True if two fingerprints belong to images that look the same.
pub fn look_alike(a: u64, b: u64) -> bool {
    (a ^ b).count_ones() <= ALIKE_BITS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::image::Pixels;
    use super::*;

    fn decide(names: &[String]) -> Vec<Side> {
        let mut sides = Vec::new();
        for name in names {
            let held = sides.iter().filter(|s| **s == Side::HoldOut).count();
            sides.push(side_of(&subject_hash(name), sides.len(), held));
        }
        sides
    }

    #[test]
    fn one_of_every_five_subjects_is_held_out_with_equal_probability() {
        let mut by_place = [0; STRATUM];
        for start in 0..200 {
            let names: Vec<String> = (0..50).map(|i| format!("patient {start} {i}")).collect();
            for five in decide(&names).chunks(STRATUM) {
                let held: Vec<usize> = (0..STRATUM).filter(|i| five[*i] == Side::HoldOut).collect();
                assert_eq!(held.len(), 1, "{five:?}");
                by_place[held[0]] += 1;
            }
        }
        assert!(
            by_place.iter().all(|count| (330..470).contains(count)),
            "of 2000: {by_place:?}"
        );
    }

    #[test]
    fn a_hold_out_set_that_is_too_large_or_too_small_returns_to_one_in_five() {
        for (known, held_out) in [(15, 5), (12, 0), (3, 3)] {
            let mut counts = (known, held_out);
            for i in 0..60 {
                let side = side_of(&subject_hash(&format!("later {i}")), counts.0, counts.1);
                counts = (counts.0 + 1, counts.1 + usize::from(side == Side::HoldOut));
            }
            assert!(counts.1.abs_diff(counts.0 / STRATUM) <= 1, "{counts:?}");
        }
    }

    #[test]
    fn placeholders_are_not_patient_ids() {
        for placeholder in [
            "",
            "  ",
            "ANON",
            "Anonymous",
            "de-identified",
            "0",
            "000000",
            "XXXX",
            "N/A",
            "unknown",
        ] {
            assert!(!names_patient(placeholder), "{placeholder}");
        }
        for id in ["4711", "MRN 0", "Anon1", "10", "P-x"] {
            assert!(names_patient(id), "{id}");
        }
    }

    #[test]
    fn a_subject_hash_does_not_reveal_the_patient_id() {
        assert!(!subject_hash("MRN 4711").contains("4711"));
        assert_eq!(subject_hash("MRN 4711"), subject_hash("MRN 4711"));
        assert_ne!(subject_hash("MRN 4711"), subject_hash("MRN 4712"));
    }

    fn picture(columns: usize, rows: usize, of: impl Fn(f64, f64) -> f64) -> Image {
        let value = |i: usize| {
            of(
                (i % columns) as f64 / columns as f64,
                (i / columns) as f64 / rows as f64,
            )
        };
        let pixels = (0..columns * rows)
            .map(|i| value(i).clamp(0.0, 255.0) as u8)
            .collect();
        Image::new(columns, rows, Pixels::U8(pixels)).unwrap()
    }

    #[test]
    fn images_look_alike_at_another_size_and_brightness_and_other_images_do_not() {
        let wave = |k: f64| {
            move |x: f64, y: f64| {
                120.0 + 60.0 * (k * x + 3.0 * y).sin() + 30.0 * (5.0 * x * y).cos()
            }
        };
        let a = difference_hash(&picture(300, 200, wave(9.0))).unwrap();
        let b = difference_hash(&picture(512, 400, |x, y| 20.0 + 0.8 * wave(9.0)(x, y))).unwrap();
        let c = difference_hash(&picture(300, 200, wave(17.0))).unwrap();
        assert!(look_alike(a, b), "{:064b}\n{:064b}", a, b);
        assert!(!look_alike(a, c));
        assert_eq!(difference_hash(&picture(64, 64, |_, _| 7.0)), None);
    }
}
