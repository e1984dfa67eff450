//! Rounds and the promotion gate: which candidates become active, and that the hold-out set does
//! not influence training.

use crate::{SIDE, Task, packed, snapshot};
use image::GrayImage;
use labrum::learning::{model::Model, round::WorkspaceRound};
use labrum_core::{
    gate::Verdict,
    holdout::Side,
    label::Label,
    learning::{NewVersion, PreviousVersion, RoundKey, SnapshotSlice, VersionKey, VersionState},
    mask::PackedMask,
    model_card::{Config, TrainedOn},
    progress::Control,
    training::{ClickSettings, Length, Plan, RoundPhase, RoundSettings, StartFrom},
};
use labrum_nn::{
    checkpoint,
    device::DeviceChoice,
    prompt::recipe::{PromptRecipe, prompt_card},
    train::random_weights,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) fn round(
    folder: &Path,
    snapshot: Vec<SnapshotSlice>,
    start: StartFrom,
    steps: usize,
) -> WorkspaceRound {
    WorkspaceRound {
        key: RoundKey(7),
        snapshot,
        labels: vec![Label::with_name("Disc", 0)],
        settings: RoundSettings {
            is_start_active: true,
            start,
            start_name: "nothing".into(),
            plan: Plan {
                length: Length::Steps(steps),
                ..Plan::default()
            },
            seconds: 10.0,
            clicks: ClickSettings::default(),
        },
        parent: None,
        previous: None,
        name: "Discs".into(),
        checkpoint: folder.join("round-7.state"),
        click_checkpoint: folder.join("round-7-clicks.state"),
        device: DeviceChoice::Cpu,
    }
}

fn run(round: &WorkspaceRound) -> NewVersion {
    let made = round.train_versions(&Control::default(), &mut |_| {});
    made.unwrap().unwrap().masks
}

/// A model that segments discs, trained from scratch.
fn good_model() -> PathBuf {
    static MODEL: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MODEL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let version = run(&round(
            folder.path(),
            snapshot(folder.path(), Task::Disc, 0..20),
            StartFrom::Nothing,
            150,
        ));
        assert_eq!(
            version.state,
            VersionState::Accepted,
            "{:?}",
            version.report.verdict
        );
        let dice = version.report.mean_scores().1.unwrap().dice;
        assert!(dice > 0.9, "a model trained from scratch has Dice {dice}");
        let path = folder.path().join("good.safetensors");
        std::fs::write(&path, &version.bytes).unwrap();
        (folder, path)
    });
    path.clone()
}

#[test]
fn equal_rounds_make_equal_models_whatever_is_in_the_hold_out_set() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..8);
    let first = run(&round(folder.path(), cases.clone(), StartFrom::Nothing, 12));
    let second = run(&round(folder.path(), cases.clone(), StartFrom::Nothing, 12));
    assert_eq!(first.hash, second.hash);
    // Noise as images and masks of the hold-out set does not change a bit of the weights.
    let mut rng = SmallRng::seed_from_u64(5);
    for slice in cases.iter().filter(|s| s.side == Side::HoldOut) {
        GrayImage::from_fn(SIDE, SIDE, |_, _| image::Luma([rng.random()]))
            .save(&slice.source.path)
            .unwrap();
    }
    let mut spoilt = cases.clone();
    for slice in spoilt.iter_mut().filter(|s| s.side == Side::HoldOut) {
        slice.mask = packed(
            (0..SIDE * SIDE)
                .map(|_| u8::from(rng.random::<bool>()))
                .collect(),
        );
    }
    let third = run(&round(folder.path(), spoilt, StartFrom::Nothing, 12));
    assert_eq!(first.hash, third.hash);
    assert_ne!(first.report, third.report, "the gate uses the hold-out set");
    // Another seed makes another model.
    let mut other = round(folder.path(), cases, StartFrom::Nothing, 12);
    other.settings.plan.seed = 2;
    assert_ne!(run(&other).hash, first.hash);
}

#[test]
fn a_new_model_can_start_from_a_prompt_model() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..8);
    let version = |start: StartFrom| run(&round(folder.path(), cases.clone(), start, 12));
    let first = version(StartFrom::ClickModel);
    assert_ne!(first.hash, version(StartFrom::Nothing).hash);
    let click = Model::shipped_click().unwrap();
    let card = checkpoint::read_card(&first.bytes).unwrap();
    assert_eq!(card.parent, Some(checkpoint::weights_hash(&click.weights)));
    assert!(!card.takes_prompts);
    assert_eq!((card.input.channels, card.labels.len()), (1, 1));
    assert_eq!(card.purpose.modalities, ["pictures"]);
    let expected = TrainedOn {
        cases: 6,
        ..click.card.trained_on
    };
    assert_eq!(
        card.trained_on, expected,
        "the data of the prompt model is named, but only these cases count"
    );
    // The same model as a file.
    let file = folder.path().join("prompts.safetensors");
    std::fs::write(&file, labrum::shipped::CLICK).unwrap();
    assert_eq!(version(StartFrom::File(file)).hash, first.hash);
}

#[test]
fn a_new_model_cannot_start_from_a_prompt_model_of_another_size() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = PromptRecipe {
        config: Config::Base,
        ..PromptRecipe::default()
    };
    let card = prompt_card(&recipe, "Large", TrainedOn::default());
    let weights = random_weights(Config::Base, card.input.channels, 2, 1).unwrap();
    let file = folder.path().join("large.safetensors");
    std::fs::write(&file, checkpoint::to_bytes(&card, &weights).unwrap()).unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..4);
    let error = round(folder.path(), cases, StartFrom::File(file), 4)
        .train_versions(&Control::default(), &mut |_| {})
        .unwrap_err();
    assert!(error.reason.contains("CMUNeXt-base"), "{error}");
}

#[test]
fn rounds_on_correct_masks_are_not_rejected() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=3 {
        let mut honest = round(
            folder.path(),
            snapshot(folder.path(), Task::Disc, 0..28),
            StartFrom::File(good_model()),
            60,
        );
        honest.settings.plan.seed = seed;
        let version = run(&honest);
        // The model to start from is hard to improve: chance decides which of the two is slightly better, and a candidate
        // that is probably slightly worse is left to the person.
        let verdict = &version.report.verdict;
        assert_ne!(
            version.state,
            VersionState::Rejected,
            "seed {seed}: {verdict:?}"
        );
        let change = version.report.dice.map_or(0.0, |dice| dice.mean);
        assert!(change > -0.01, "seed {seed}: {change}, {verdict:?}");
        assert_eq!(
            version.state == VersionState::Accepted,
            change >= -0.002,
            "seed {seed}: {change}, {verdict:?}"
        );
    }
}

#[test]
fn a_round_advises_to_go_back_if_new_cases_speak_against_the_active_version() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..12);
    let (card, _) = checkpoint::from_bytes(&std::fs::read(good_model()).unwrap()).unwrap();
    let weights = random_weights(Config::S, 1, 2, 3).unwrap();
    let spoilt = folder.path().join("spoilt.safetensors");
    std::fs::write(
        &spoilt,
        checkpoint::to_bytes(&card.unwrap(), &weights).unwrap(),
    )
    .unwrap();
    let new = cases.iter().filter(|s| s.side == Side::Training);
    let previous = PreviousVersion {
        name: "Discs round-5".into(),
        file: good_model(),
        unseen: new.map(|s| s.case).collect(),
    };
    let mut after = round(folder.path(), cases, StartFrom::File(spoilt), 2);
    after.settings.start_name = "Discs round-6".into();
    after.parent = Some(VersionKey(6));
    after.previous = Some(previous);
    let made = after.train_versions(&Control::default(), &mut |_| {});
    let made = made.unwrap().unwrap();
    let look = made.masks.report.second_look.unwrap();
    assert_eq!(look.new_cases + look.holdout_cases, 12);
    assert!(look.dice.mean < -0.3 && look.advises_return(), "{look:?}");
    let note = made.note.unwrap();
    assert!(note.contains("making Discs round-5 active again"), "{note}");

    after.previous.as_mut().unwrap().unseen.clear();
    let made = after.train_versions(&Control::default(), &mut |_| {});
    let made = made.unwrap().unwrap();
    assert_eq!((made.masks.report.second_look, made.note), (None, None));
}

/// The version that a round makes from corrupted masks or settings.
fn corrupted_round(spoil: impl FnOnce(&mut WorkspaceRound)) -> NewVersion {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..28);
    let mut bad = round(folder.path(), cases, StartFrom::File(good_model()), 60);
    spoil(&mut bad);
    run(&bad)
}

fn is_rejected(version: &NewVersion) -> bool {
    matches!(version.report.verdict, Verdict::Worse { .. })
        && version.state == VersionState::Rejected
}

#[test]
fn a_round_on_shuffled_masks_is_rejected() {
    let version = corrupted_round(|round| {
        let mut learned: Vec<&mut SnapshotSlice> = round
            .snapshot
            .iter_mut()
            .filter(|s| s.side == Side::Training)
            .collect();
        let masks: Vec<PackedMask> = learned.iter().map(|s| s.mask.clone()).collect();
        let count = masks.len();
        learned
            .iter_mut()
            .enumerate()
            .for_each(|(i, slice)| slice.mask = masks[(i + 3) % count].clone());
    });
    assert!(is_rejected(&version), "{:?}", version.report.verdict);
}

#[test]
fn a_round_with_swapped_labels_is_rejected() {
    let version = corrupted_round(|round| {
        round.labels.push(Label::with_name("Ring", 1));
        for slice in round
            .snapshot
            .iter_mut()
            .filter(|s| s.side == Side::Training)
        {
            let swapped = slice
                .mask
                .to_mask()
                .pixel_labels()
                .iter()
                .map(|l| if *l == 1 { 2 } else { *l })
                .collect();
            slice.mask = packed(swapped);
        }
    });
    assert!(is_rejected(&version), "{:?}", version.report.verdict);
}

#[test]
fn a_round_with_a_huge_learning_rate_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let mut wild = round(
        folder.path(),
        snapshot(folder.path(), Task::Disc, 0..28),
        StartFrom::File(good_model()),
        60,
    );
    // The rate is reduced for starting weights that are already good: at a hundredfold rate such
    // simple images are still learned, and the candidate is rightly accepted.
    wild.settings.plan.learning_rate *= 10_000.0;
    // Overflow is an error; otherwise the gate judges the candidate.
    if let Ok(made) = wild.train_versions(&Control::default(), &mut |_| {}) {
        let version = made.unwrap().masks;
        assert!(is_rejected(&version), "{:?}", version.report.verdict);
    }
}

#[test]
fn a_round_with_one_inverted_mask_is_rejected_and_the_case_named() {
    let version = corrupted_round(|round| {
        let slice = round
            .snapshot
            .iter_mut()
            .find(|s| s.side == Side::Training)
            .unwrap();
        let inverted = slice
            .mask
            .to_mask()
            .pixel_labels()
            .iter()
            .map(|l| 1 - *l)
            .collect();
        slice.mask = packed(inverted);
    });
    assert!(is_rejected(&version), "{:?}", version.report.verdict);
    assert!(
        version.report.verdict.reason_text().contains("disc-0"),
        "{}",
        version.report.verdict.reason_text()
    );
}

#[test]
fn an_unreadable_image_ends_the_round_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..8);
    std::fs::write(&cases[2].source.path, b"no picture").unwrap();
    let error = round(folder.path(), cases, StartFrom::Nothing, 12)
        .train_versions(&Control::default(), &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("disc-2.png"), "{error}");
}

#[test]
fn a_second_task_does_not_make_the_model_forget_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let discs = snapshot(folder.path(), Task::Disc, 0..28);
    let before = run(&round(
        folder.path(),
        discs.clone(),
        StartFrom::File(good_model()),
        60,
    ));
    let dice = |version: &NewVersion, name: &str| {
        let cases: Vec<f64> = version
            .report
            .cases
            .iter()
            .filter(|c| c.name.starts_with(name))
            .map(|c| c.candidate.dice)
            .collect();
        cases.iter().sum::<f64>() / cases.len() as f64
    };
    let path = folder.path().join("before.safetensors");
    std::fs::write(&path, &before.bytes).unwrap();
    let mut old = discs;
    old.iter_mut().for_each(|slice| slice.is_new = false);
    let both = [old, snapshot(folder.path(), Task::Bar, 0..28)].concat();
    let mut second = round(folder.path(), both, StartFrom::File(path), 250);
    second.labels.push(Label::with_name("Bar", 1));
    second.checkpoint = folder.path().join("round-8.state");
    let after = run(&second);
    assert_eq!(
        after.state,
        VersionState::Accepted,
        "{:?}",
        after.report.verdict
    );
    assert!(
        dice(&after, "bar") > 0.8,
        "Dice of the new task: {}",
        dice(&after, "bar")
    );
    let lost = dice(&before, "disc") - dice(&after, "disc");
    assert!(lost < 0.01, "the first task lost {lost} Dice");
}

#[test]
fn cancelling_ends_a_round_within_a_second_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..20);
    type When = fn(&RoundPhase) -> bool;
    let moments: [When; 3] = [
        |phase| matches!(phase, RoundPhase::Reading { .. }),
        |phase| matches!(phase, RoundPhase::Training(_)),
        |phase| matches!(phase, RoundPhase::Judging),
    ];
    for (moment, is_it) in moments.iter().enumerate() {
        let control = Control::default();
        let mut asked = None;
        let result = round(folder.path(), cases.clone(), StartFrom::Nothing, 5).train_versions(
            &control,
            &mut |phase| {
                if is_it(&phase) && asked.is_none() {
                    control.cancel.cancel();
                    asked = Some(Instant::now());
                }
            },
        );
        assert!(result.unwrap().is_none(), "moment {moment}");
        assert!(
            asked.unwrap().elapsed() < Duration::from_secs(1),
            "moment {moment}"
        );
    }
}

#[test]
fn a_round_needs_cases_outside_the_hold_out_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = snapshot(folder.path(), Task::Disc, 0..3);
    let estimate = round(folder.path(), cases.clone(), StartFrom::Nothing, 12)
        .estimate_cost(2)
        .unwrap();
    assert_eq!(
        (estimate.cases, estimate.slices, estimate.held_out),
        (3, 3, 0)
    );
    assert!(estimate.seconds > 0.0 && estimate.memory > 1 << 20);
    cases
        .iter_mut()
        .for_each(|slice| slice.side = Side::HoldOut);
    let error = round(folder.path(), cases, StartFrom::Nothing, 12)
        .estimate_cost(2)
        .unwrap_err()
        .to_string();
    assert!(error.contains("all accepted cases are held out"), "{error}");
}

/// Distance of a round's weights from the starting weights, which were trained on `seen` cases.
fn change(seen: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let (card, weights) = checkpoint::from_bytes(&std::fs::read(good_model()).unwrap()).unwrap();
    let mut card = card.unwrap();
    card.trained_on.cases = seen;
    let start = folder.path().join("start.safetensors");
    std::fs::write(&start, checkpoint::to_bytes(&card, &weights).unwrap()).unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..8);
    let version = run(&round(folder.path(), cases, StartFrom::File(start), 20));
    let (_, after) = checkpoint::from_bytes(&version.bytes).unwrap();
    let square = |(name, tensor): (&String, &checkpoint::PlainTensor)| -> f64 {
        tensor
            .values
            .iter()
            .zip(&weights[name].values)
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum()
    };
    after
        .iter()
        .filter(|(name, _)| name.ends_with("weight"))
        .map(square)
        .sum::<f64>()
        .sqrt()
}

#[test]
fn a_few_cases_hardly_change_a_model_trained_on_many() {
    let (novice, expert) = (change(6), change(1000));
    assert!(expert < 0.3 * novice, "{expert} against {novice}");
}

#[test]
fn a_model_trained_from_scratch_is_for_images_like_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let version = run(&round(
        folder.path(),
        snapshot(folder.path(), Task::Disc, 0..3),
        StartFrom::Nothing,
        2,
    ));
    let card = checkpoint::read_card(&version.bytes).unwrap();
    assert_eq!(
        card.purpose.modalities,
        ["pictures"],
        "it must not run automatically on CT"
    );
    assert_eq!((card.trained_on.cases, card.labels.len()), (3, 1));
}
