//! Messages between parent and child process, and programs that are not such a child.
#![allow(clippy::unwrap_used)]

use super::{
    Answer, Plain, Request, SLICE,
    pool::{ChildPool, ReadTrouble},
    wire,
};
use crate::{
    Error, Result,
    image::{Image, Pixels, VoiLut},
    import::{Basis, ImportedMasks, TakenLabel},
    label::Label,
    mask::Mask,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

fn send_and_receive<A: Answer>(answer: Result<A>) -> Result<A> {
    let mut bytes = Vec::new();
    wire::send_answer(&mut bytes, answer).unwrap();
    let mut rest = bytes.as_slice();
    let answer = wire::receive_answer(&mut rest).unwrap();
    assert!(rest.is_empty());
    answer
}

#[test]
fn images_arrive_as_they_were_sent() {
    let kinds = [
        Pixels::U8((0..=255).cycle().take(300_000).collect()),
        Pixels::U16((0..300_000).map(|i| i as u16).collect()),
        Pixels::I16((0..6).map(|i| i - 3).collect()),
        Pixels::F32(vec![f32::MIN, -0.0, f32::INFINITY, 1e-40, 1.5, 3.0]),
        Pixels::Rgb8((0..6).map(|i| [i, 2 * i, 255 - i]).collect()),
    ];
    for pixels in kinds {
        let mut image = Image::new(pixels.len() / 2, 2, pixels).unwrap();
        image.voi_lut = Some(VoiLut {
            first: f64::NEG_INFINITY,
            levels: vec![0.0, 0.25, 1.0],
        });
        image.unit = Some("HU".into());
        assert_eq!(send_and_receive(Ok(image.clone())).unwrap(), image);
    }
}

#[test]
fn masks_and_errors_arrive_as_they_were_sent() {
    let mask = |label: u8| Mask::from_labels(5, 3, vec![label; 15]).unwrap();
    let imported = ImportedMasks {
        labels: vec![Label::with_name("Heart", 0)],
        masks: vec![(3, mask(1)), (7, mask(0))],
        notes: vec!["n".into()],
        taken: vec![TakenLabel {
            number: 7,
            in_file: 20,
            left: 15,
            covered: 5,
        }],
        basis: Basis::Position,
        is_resampled: true,
    };
    assert_eq!(send_and_receive(Ok(imported.clone())).unwrap(), imported);
    let turned = (mask(2), Some("turned".to_owned()));
    assert_eq!(send_and_receive(Ok(turned.clone())).unwrap(), turned);
    assert_eq!(send_and_receive(Ok(Plain(7u32))).unwrap(), Plain(7));
    let error = Error::at_path("read the image", "scan.dcm", "it is damaged")
        .with_advice("Ask for it again.");
    assert_eq!(
        send_and_receive::<Image>(Err(error.clone())).unwrap_err(),
        error
    );
}

#[test]
fn a_message_that_claims_a_huge_length_allocates_no_memory() {
    for claim in [[0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 3]] {
        let mut bytes = claim.to_vec();
        bytes.extend([0xC0; 5]);
        assert!(wire::receive_message::<String>(&mut bytes.as_slice()).is_err());
    }
}

#[derive(Serialize, Deserialize)]
struct Nothing;

impl Request for Nothing {
    const NAME: &'static str = "nothing";
    const TRIED: &'static str = "read";
    type Answer = Plain<u32>;

    fn path(&self) -> &Path {
        Path::new("scan.dcm")
    }

    fn read_in_process(self) -> Result<Plain<u32>> {
        Ok(Plain(0))
    }
}

/// The failure when `program` is used as the child process.
fn failure_with(program: &str) -> ReadTrouble {
    let pool = ChildPool::new(program.into());
    let trouble = pool.send_to_child(&Nothing, SLICE).err();
    assert!(pool.child_process_ids().is_empty());
    trouble.unwrap()
}

#[test]
fn other_programs_are_not_accepted_as_child_processes() {
    for program in ["/nowhere/labrum", "", "true", "echo"] {
        assert!(
            matches!(failure_with(program), ReadTrouble::CannotStart),
            "{program}"
        );
    }
}
