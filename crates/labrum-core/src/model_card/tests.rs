//! Tests of `model_card`: which model is chosen for a series.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::looks::tests::looks;
use crate::study::Kind;

fn card(name: &str, looks: Option<Looks>) -> ModelCard {
    ModelCard {
        name: name.into(),
        version: "1.0.0".into(),
        config: Config::S,
        labels: vec![Label::with_name("Disc", 0)],
        input: InputSpec {
            channels: 1,
            columns: 64,
            rows: 64,
            aspect: Aspect::Kept,
            mean: vec![0.0],
            std: vec![1.0],
        },
        takes_prompts: false,
        without_channels: Vec::new(),
        purpose: ModelPurpose::default(),
        looks,
        trained_on: TrainedOn::default(),
        held_out: None,
        parent: None,
    }
}

fn picture() -> Series {
    Series::from_slices(Kind::Picture, 160, 120, Vec::new())
}

/// A model for discs with waves of length 6, and one for discs with waves of any length.
fn narrow_and_broad() -> [ModelCard; 2] {
    let narrow = Looks::from_examples(&looks(6.0, 50.0, 0..240), &[]);
    let kinds = [4.0, 6.0, 9.0].map(|length| looks(length, 50.0, 0..120));
    let broad = Looks::from_examples(&kinds.concat(), &[]);
    [
        card("narrow", Some(narrow.unwrap())),
        card("broad", Some(broad.unwrap())),
    ]
}

#[test]
fn of_the_models_that_recognise_an_image_the_likeliest_one_is_chosen() {
    let [narrow, broad] = narrow_and_broad();
    let fits_both = |look: &&Look| {
        let fits = |card: &ModelCard| card.fit_for_series(&picture(), || Some(*look));
        fits(&narrow) == ModelFit::Fits && fits(&broad) == ModelFit::Fits
    };
    let new = looks(6.0, 50.0, 300..320);
    let look = new.iter().find(fits_both).unwrap();
    let other = looks(9.0, 50.0, 0..120);
    let other = other
        .iter()
        .find(|look| broad.fit_for_series(&picture(), || Some(*look)) == ModelFit::Fits);
    for (cards, narrow_at) in [([&narrow, &broad], 0), ([&broad, &narrow], 1)] {
        let chosen = choose_model(&cards, &picture(), || Some(look));
        assert_eq!(chosen, Ok(narrow_at));
        let chosen = choose_model(&cards, &picture(), || other);
        assert_eq!(chosen, Ok(1 - narrow_at), "only the broad model fits");
    }
}

#[test]
fn a_model_without_looks_keeps_its_place() {
    let [narrow, broad] = narrow_and_broad();
    let active = card("active", None);
    let familiar = |look: &&Look| narrow.looks.as_ref().unwrap().is_familiar(look);
    let all = looks(6.0, 50.0, 0..20);
    let look = all.iter().find(familiar).unwrap();
    let choose = |cards: &[&ModelCard]| choose_model(cards, &picture(), || Some(look));
    assert_eq!(choose(&[&active, &narrow, &broad]), Ok(0));
    assert_eq!(choose(&[&narrow, &active]), Ok(0));
}

#[test]
fn without_a_match_each_model_has_a_reason_and_the_look_is_not_needed() {
    let mut us = card("us", None);
    us.purpose.modalities = vec!["US".into()];
    let [mut narrow, _] = narrow_and_broad();
    narrow.purpose.modalities = vec!["CT".into()];
    let series = Series {
        modality: "MR".into(),
        ..picture()
    };
    let reasons = choose_model(&[&us, &narrow], &series, || unreachable!()).unwrap_err();
    assert_eq!(
        reasons,
        [
            "the model is for US, but this series is MR",
            "the model is for CT, but this series is MR"
        ]
    );
}
