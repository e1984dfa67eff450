//! What parent and child say to each other, and programs that are no children.
#![allow(clippy::unwrap_used)]

use super::{
    SLICE,
    pool::{Pool, Trouble},
    wire::{self, Answer, Request},
};
use crate::{
    Error,
    domain::{
        image::{Image, Pixels, VoiLut},
        import::{Basis, TakenLabel},
        label::Label,
        mask::Mask,
    },
    io::import::Imported,
};

fn there_and_back(answer: Answer) -> Answer {
    let mut bytes = Vec::new();
    answer.send(&mut bytes).unwrap();
    let mut rest = bytes.as_slice();
    let answer = Answer::receive(&mut rest).unwrap();
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
        image.voi_lut = Some(VoiLut { first: f64::NEG_INFINITY, levels: vec![0.0, 0.25, 1.0] });
        image.unit = Some("HU".into());
        let Answer::Image(back) = there_and_back(Answer::Image(Box::new(image.clone()))) else { unreachable!() };
        assert_eq!(*back, image);
    }
}

#[test]
fn masks_and_refusals_arrive_as_they_were_sent() {
    let mask = |label: u8| Mask::from_labels(5, 3, vec![label; 15]).unwrap();
    let imported = Imported {
        labels: vec![Label::named("Heart", 0)],
        masks: vec![(3, mask(1)), (7, mask(0))],
        notes: vec!["n".into()],
        taken: vec![TakenLabel { number: 7, in_file: 20, left: 15, covered: 5 }],
        basis: Basis::Position,
        is_resampled: true,
    };
    let Answer::Masks(back) = there_and_back(Answer::Masks(imported.clone())) else { unreachable!() };
    assert_eq!(back, imported);
    let Answer::Mask(back, note) = there_and_back(Answer::Mask(mask(2), Some("turned".into()))) else { unreachable!() };
    assert_eq!(note.as_deref(), Some("turned"));
    assert_eq!(back, mask(2));
    let error = Error::at("read the image", "scan.dcm", "it is damaged").advise("Ask for it again.");
    let Answer::Refused(back) = there_and_back(Answer::Refused(error.clone().into())) else { unreachable!() };
    assert_eq!(Error::from(back), error);
}

#[test]
fn a_message_that_claims_too_much_takes_no_memory() {
    for claim in [[0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 3]] {
        let mut bytes = claim.to_vec();
        bytes.extend([0xC0; 5]);
        assert!(wire::receive::<String>(&mut bytes.as_slice()).is_err());
    }
}

/// Of what `program` makes of a request.
fn asked(program: &str) -> Trouble {
    let pool = Pool::new(program.into());
    let trouble = pool.ask(&Request::Photometric { path: "scan.dcm".into() }, SLICE).err();
    assert!(pool.children().is_empty());
    trouble.unwrap()
}

#[test]
fn programs_that_are_no_children_are_not_taken_for_one() {
    for program in ["/nowhere/labrum", "", "true", "echo"] {
        assert!(matches!(asked(program), Trouble::CannotStart), "{program}");
    }
}
