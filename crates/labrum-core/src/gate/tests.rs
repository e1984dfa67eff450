//! Tests of `gate`.

use super::*;

fn case(key: i64, active: Option<f64>, candidate: f64) -> GateCase {
    let scores = |dice: f64| Scores {
        dice,
        iou: dice / (2.0 - dice),
        hd95: Some(2.0),
        boundary_iou: dice * 0.8,
    };
    let (name, active, candidate) = (format!("case {key}"), active.map(scores), scores(candidate));
    GateCase {
        key,
        name,
        subject: String::new(),
        active,
        candidate,
        is_untouched: false,
    }
}

fn judge(pairs: &[(f64, f64)]) -> Verdict {
    let cases = pairs
        .iter()
        .zip(0..)
        .map(|((a, c), key)| case(key, Some(*a), *c))
        .collect();
    GateReport::new(cases, &[]).verdict
}

#[test]
fn a_better_candidate_passes_and_a_worse_one_does_not() {
    assert!(matches!(
        judge(&[(0.9, 0.93), (0.85, 0.9), (0.95, 0.95), (0.7, 0.72)]),
        Verdict::Better { .. }
    ));
    assert!(matches!(
        judge(&[(0.9, 0.8), (0.85, 0.8), (0.95, 0.9), (0.7, 0.6)]),
        Verdict::Worse { .. }
    ));
    assert!(
        matches!(
            judge(&[(0.9, 0.1), (0.85, 0.2), (0.95, 0.3)]),
            Verdict::Worse { .. }
        ),
        "shuffled masks"
    );
}

/// What a person is advised, if asked.
fn advice(verdict: &Verdict) -> Option<bool> {
    match verdict {
        Verdict::Ask { speaks_for, .. } => Some(*speaks_for),
        _ => None,
    }
}

#[test]
fn a_loss_of_a_hard_task_is_refused_even_if_it_is_not_certain() {
    // Nine cases that lose 0.149 of Dice on average, most of it on two of them.
    let pairs = [
        (0.82, 0.80),
        (0.74, 0.11),
        (0.66, 0.62),
        (0.58, 0.63),
        (0.91, 0.88),
        (0.35, 0.02),
        (0.47, 0.44),
        (0.79, 0.55),
        (0.12, 0.05),
    ];
    let verdict = judge(&pairs);
    assert!(matches!(verdict, Verdict::Worse { .. }), "{verdict:?}");
    let turned = pairs.map(|(active, candidate)| (candidate, active));
    assert!(
        matches!(judge(&turned), Verdict::Better { .. }),
        "the same as a gain"
    );
}

#[test]
fn cases_of_one_subject_count_as_one() {
    let judge = |subject: &str| {
        let mut cases: Vec<GateCase> = (0..8).map(|key| case(key, Some(0.9), 0.8)).collect();
        cases.extend((8..12).map(|key| case(key, Some(0.9), 0.93)));
        cases[..8]
            .iter_mut()
            .for_each(|case| case.subject = subject.to_owned());
        GateReport::new(cases, &[])
    };
    let (apart, together) = (judge(""), judge("one"));
    assert!(matches!(apart.verdict, Verdict::Worse { .. }), "{apart:?}");
    assert!(
        matches!(&together.verdict, Verdict::Better { reason } if reason.contains("12 hold-out cases of 5 subjects")),
        "{together:?}"
    );
    assert_eq!((apart.subjects, together.subjects), (12, 5));
    let means = together.mean_scores();
    let dice = [means.0, means.1].map(|mean| mean.map_or(0.0, |mean| mean.dice));
    assert!((dice[1] - dice[0] - 0.004).abs() < 1e-9, "{dice:?}");
}

#[test]
fn an_older_report_without_subjects_is_read() {
    let report = GateReport::new(vec![case(1, Some(0.8), 0.9)], &[]);
    let mut json = serde_json::to_value(&report).unwrap_or_default();
    if let Some(fields) = json.as_object_mut() {
        fields.remove("subjects");
        fields.remove("probability");
    }
    let older = serde_json::from_value::<GateReport>(json).ok();
    assert_eq!(
        older,
        Some(GateReport {
            subjects: 0,
            probability: None,
            ..report
        })
    );
    assert!(older.is_some_and(|report| !report.is_probably_better()));
}

#[test]
fn the_reason_says_better_only_if_the_gain_is_certain() {
    let said = |pairs: &[(f64, f64)]| judge(pairs).reason_text().to_owned();
    assert!(said(&[(0.0, 0.84), (0.0, 0.88), (0.0, 0.91)]).starts_with("it is better: Dice +0.87"));
    let likely = said(&[(0.9, 0.92), (0.9, 0.89), (0.8, 0.81)]);
    assert!(
        likely.starts_with("it is probably better: Dice +0.0067"),
        "{likely}"
    );
    assert!(
        likely.contains("probability that it is better 55 %"),
        "{likely}"
    );
    let equal = said(&[(0.9, 0.901), (0.9, 0.9), (0.8, 0.798)]);
    assert!(equal.starts_with("it is not worse: Dice"), "{equal}");
}

#[test]
fn a_model_does_not_win_by_agreeing_with_itself() {
    let judge = |candidate: f64| {
        let case = |key| GateCase {
            is_untouched: true,
            ..case(key, Some(1.0), candidate)
        };
        GateReport::new((0..5).map(case).collect(), &[]).verdict
    };
    assert!(
        matches!(judge(0.985), Verdict::Better { .. }),
        "as good as what was accepted"
    );
    assert!(
        matches!(judge(0.9), Verdict::Worse { .. }),
        "a person would see the difference"
    );
}

#[test]
fn an_equal_candidate_passes() {
    assert!(matches!(
        judge(&[(0.9, 0.9), (0.8, 0.8), (0.95, 0.95)]),
        Verdict::Better { .. }
    ));
}

#[test]
fn a_small_but_certain_loss_does_not_pass() {
    let pairs: Vec<(f64, f64)> = (0..12)
        .map(|i| (0.95, 0.94 + 0.0005 * f64::from(i % 3)))
        .collect();
    assert!(matches!(judge(&pairs), Verdict::Worse { .. }));
}

#[test]
fn two_cases_cannot_decide_unless_the_loss_is_large() {
    assert!(matches!(
        judge(&[(0.9, 0.93), (0.85, 0.9)]),
        Verdict::Ask {
            speaks_for: true,
            ..
        }
    ));
    assert!(matches!(
        judge(&[(0.9, 0.895), (0.85, 0.84)]),
        Verdict::Ask {
            speaks_for: false,
            ..
        }
    ));
    assert!(
        matches!(judge(&[(0.9, 0.0)]), Verdict::Ask { .. }),
        "one case never decides"
    );
    assert!(matches!(
        judge(&[(0.9, 0.5), (0.85, 0.86)]),
        Verdict::Ask {
            speaks_for: false,
            ..
        }
    ));
    assert!(matches!(
        judge(&[(0.9, 0.1), (0.85, 0.3)]),
        Verdict::Worse { .. }
    ));
    assert!(matches!(
        GateReport::new(Vec::new(), &[]).verdict,
        Verdict::Ask { .. }
    ));
}

#[test]
fn a_person_is_asked_if_cases_disagree_too_much() {
    let verdict = judge(&[(0.9, 0.2), (0.3, 0.7), (0.5, 0.6), (0.8, 0.6)]);
    assert_eq!(advice(&verdict), Some(false), "{verdict:?}");
    let gains = judge(&[(0.2, 0.9), (0.7, 0.3), (0.6, 0.5), (0.6, 0.8)]);
    assert!(
        matches!(gains, Verdict::Better { .. }),
        "it is more likely better: {gains:?}"
    );
}

#[test]
fn a_first_model_passes_if_there_is_a_hold_out_case() {
    let report = GateReport::new(vec![case(1, None, 0.8)], &[]);
    assert!(
        matches!(report.verdict, Verdict::Better { .. }),
        "{report:?}"
    );
    assert_eq!(report.dice, None);
}

#[test]
fn a_first_model_must_be_useful() {
    let first = |dice: &[f64]| {
        let cases = dice
            .iter()
            .zip(0..)
            .map(|(dice, key)| case(key, None, *dice))
            .collect();
        GateReport::new(cases, &[]).of_first_model().verdict
    };
    assert!(matches!(first(&[0.108]), Verdict::NotYet { .. }));
    assert!(matches!(
        first(&[0.43, 0.0, 0.0, 0.0]),
        Verdict::NotYet { .. }
    ));
    assert!(
        matches!(first(&[0.8, 0.55, 0.1, 0.0]), Verdict::Better { .. }),
        "useful for half of the cases"
    );
    assert!(matches!(first(&[0.9, 0.45, 0.4]), Verdict::Better { .. }));
    assert!(
        matches!(first(&[]), Verdict::Ask { .. }),
        "no hold-out cases"
    );
    let later = |pairs: &[(f64, f64)]| {
        let cases = pairs
            .iter()
            .zip(0..)
            .map(|((a, c), key)| case(key, Some(*a), *c))
            .collect();
        GateReport::new(cases, &[]).of_first_model().verdict
    };
    assert!(
        later(&[(0.1, 0.3), (0.2, 0.3), (0.0, 0.2)]).is_not_yet(),
        "better than the last, but still too poor"
    );
    assert!(matches!(
        later(&[(0.4, 0.1), (0.3, 0.1), (0.3, 0.0)]),
        Verdict::Worse { .. }
    ));
    assert!(matches!(
        later(&[(0.4, 0.7), (0.3, 0.6), (0.2, 0.6)]),
        Verdict::Better { .. }
    ));
}

#[test]
fn a_mask_of_another_image_in_training_does_not_pass() {
    let mut learned: Vec<(String, f64)> = (0..9).map(|i| (format!("case {i}"), 0.95)).collect();
    learned.push(("odd one".into(), 0.32));
    let report = GateReport::new(
        (1..4).map(|key| case(key, Some(0.93), 0.95)).collect(),
        &learned,
    );
    assert!(
        matches!(&report.verdict, Verdict::Worse { reason } if reason.contains("odd one")),
        "{report:?}"
    );
}

#[test]
fn training_masks_that_contradict_the_hold_out_set_do_not_pass() {
    let cases: Vec<GateCase> = (0..4).map(|key| case(key, Some(0.95), 0.95)).collect();
    let learned: Vec<(String, f64)> = (0..9).map(|i| (format!("case {i}"), 0.02)).collect();
    let report = GateReport::new(cases, &learned);
    assert!(
        matches!(&report.verdict, Verdict::Worse { reason } if reason.contains("mixed up")),
        "{report:?}"
    );
}

#[test]
fn small_losses_on_few_cases_are_left_to_a_person() {
    let verdict = judge(&[(0.97, 0.958), (0.98, 0.972), (0.98, 0.978), (0.975, 0.976)]);
    assert_eq!(advice(&verdict), Some(false), "{verdict:?}");
}

#[test]
fn a_candidate_that_is_not_good_enough_is_continued_from_only_if_it_is_not_worse_than_its_start() {
    let first = |pairs: &[(f64, f64)]| {
        let cases = (0..)
            .zip(pairs)
            .map(|(key, (active, candidate))| case(key, Some(*active), *candidate))
            .collect();
        GateReport::new(cases, &[]).of_first_model().verdict
    };
    let slightly = first(&[(0.3, 0.25), (0.2, 0.2), (0.1, 0.08)]);
    assert!(
        matches!(&slightly, Verdict::Worse { reason } if reason.contains("than its starting model")),
        "{slightly:?}"
    );
    assert!(first(&[(0.3, 0.35), (0.2, 0.2), (0.1, 0.1)]).is_not_yet());
}

#[test]
fn cases_are_counted_as_better_or_worse() {
    let cases = vec![
        case(1, Some(0.9), 0.95),
        case(2, Some(0.9), 0.9005),
        case(3, Some(0.9), 0.8),
    ];
    assert_eq!(GateReport::new(cases, &[]).better_and_worse(), (1, 1));
}
