//! Which subjects are held out: never learned from, so that models can be judged on them.
//!
//! A subject's side is decided once, when its first case comes in, from a hash of who it is: nothing that is known later,
//! and nobody's wish, can move it. Of each five subjects, in the order in which they come in, one is held out. Pictures that look the same share a side whatever their files are called.

use super::image::Image;
use sha2::{Digest, Sha256};

/// One of so many subjects that come in one after the other is held out: with few cases a larger share would teach
/// nothing, and a smaller one judge nothing.
const STRATUM: usize = 5;
/// Pictures whose fingerprints differ in at most so many of 64 bits look the same.
const ALIKE_BITS: u32 = 3;

/// On which side of the line a subject is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// Its accepted masks are learned from.
    #[default]
    Training,
    /// Its accepted masks judge models and teach none.
    HoldOut,
}

impl Side {
    /// What it is called in a workspace and to programs.
    pub fn storage_name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::HoldOut => "hold-out",
        }
    }

    /// The side of this name.
    pub fn from_storage_name(name: &str) -> Self {
        if name == Self::HoldOut.storage_name() {
            Self::HoldOut
        } else {
            Self::Training
        }
    }
}

/// What tells a subject from others, and nothing else: a hash of a PatientID, a Study Instance UID or a file's content.
pub fn subject_hash(identity: &str) -> String {
    let hash = Sha256::new()
        .chain_update("labrum subject ")
        .chain_update(identity)
        .finalize();
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether a PatientID names a patient: files that lost theirs often carry one word or number in its place, all the same.
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

/// The side of a new subject, where `known` subjects have come in before it, `held_out` of them held out.
pub fn side_of(subject: &str, known: usize, held_out: usize) -> Side {
    let owed = (known / STRATUM + 1).saturating_sub(held_out);
    let left = STRATUM - known % STRATUM;
    // Each of those that are left in its five is as likely as the others; the last one makes up for what is owed still.
    if subject_fraction(subject) * (left as f64) < owed as f64 {
        Side::HoldOut
    } else {
        Side::Training
    }
}

/// A number 0..1 that the subject fixes.
fn subject_fraction(subject: &str) -> f64 {
    let hash = Sha256::new().chain_update(subject).finalize();
    let bits = hash
        .iter()
        .take(6)
        .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / (1u64 << 48) as f64
}

/// What a picture looks like, in 64 bits: whether brightness rises from each of 8 x 8 fields to its neighbour
/// ("difference hash"). Scaling, compression and brightness hardly change it. `None` for a picture without any contrast.
pub fn difference_hash(image: &Image) -> Option<u64> {
    const COLUMNS: usize = 9;
    const ROWS: usize = 8;
    if image.columns < COLUMNS || image.rows < ROWS {
        return None;
    }
    let mean = |column: usize, row: usize| {
        let [x, to_x] = [column, column + 1].map(|c| c * image.columns / COLUMNS);
        let [y, to_y] = [row, row + 1].map(|r| r * image.rows / ROWS);
        // Some hundred pixels of each field are enough.
        let (step_x, step_y) = (((to_x - x) / 16).max(1), ((to_y - y) / 16).max(1));
        let (mut sum, mut count) = (0.0, 0.0);
        for row in (y..to_y).step_by(step_y) {
            for column in (x..to_x).step_by(step_x) {
                sum += image.modality_value(row * image.columns + column);
                count += 1.0;
            }
        }
        sum / f64::max(count, 1.0)
    };
    let fields: Vec<f64> = (0..ROWS * COLUMNS)
        .map(|i| mean(i % COLUMNS, i / COLUMNS))
        .collect();
    let (low, high) = fields
        .iter()
        .fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let rises = fields
        .chunks_exact(COLUMNS)
        .flat_map(|row| row.windows(2).map(|pair| pair[1] > pair[0]));
    let bits = rises.fold(0u64, |bits, rises| bits << 1 | u64::from(rises));
    (high > low && high.is_finite() && low.is_finite()).then_some(bits)
}

/// True for fingerprints of pictures that look the same.
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
    fn one_subject_of_each_five_is_held_out_and_none_is_more_likely_than_another() {
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
    fn a_workspace_that_holds_out_too_many_or_too_few_comes_back_to_one_in_five() {
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
    fn words_in_the_place_of_a_patient_id_name_nobody() {
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
    fn a_subject_says_nothing_of_the_patient() {
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
    fn pictures_look_alike_at_another_size_and_brightness_and_other_pictures_do_not() {
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
