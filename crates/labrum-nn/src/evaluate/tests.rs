//! Tests of `evaluate`.
#![allow(clippy::unwrap_used)]

use super::*;

/// An input of 64 x 64.
fn spec() -> InputSpec {
    let aspect = labrum_core::model_card::Aspect::Stretched;
    InputSpec {
        channels: 1,
        columns: 64,
        rows: 64,
        aspect,
        mean: vec![0.0],
        std: vec![1.0],
    }
}

fn report() -> EvaluationReport {
    let full = Mask::from_labels(4, 4, vec![1; 16]).unwrap();
    let input = InputSpec {
        columns: 4,
        rows: 4,
        ..spec()
    };
    let case =
        |name, predicted| CaseScores::new(name, predicted, &full, [1.0, 1.0], &input).unwrap();
    EvaluationReport::new(
        "abc",
        "px",
        vec![case("010_HC", &full), case("11", &Mask::new_blank(4, 4))],
    )
    .unwrap()
}

#[test]
fn the_json_has_mean_intervals_and_cases() {
    let json = serde_json::to_string(&report()).unwrap();
    let scores = r#""dice":0.5,"iou":0.5,"hd95":0.0,"boundary_iou":0.5"#;
    let intervals =
        r#"{"dice":[0.0,1.0],"iou":[0.0,1.0],"hd95":[0.0,0.0],"boundary_iou":[0.0,1.0]}"#;
    let expected = [
        &format!(
            r#"{{"weights":"abc","unit":"px","mean":{{{scores}}},"intervals":{intervals},"large":null,"#
        ),
        &format!(r#""small":{{"cases":2,"mean":{{{scores}}},"intervals":{intervals}}},"#),
        r#""cases":[{"name":"010_HC","dice":1.0,"iou":1.0,"hd95":0.0,"boundary_iou":1.0,"boundary_share":0.75},"#,
        r#"{"name":"11","dice":0.0,"iou":0.0,"hd95":null,"boundary_iou":0.0,"boundary_share":0.75}]}"#,
    ];
    assert_eq!(json, expected.concat());
    assert_eq!(
        serde_json::from_str::<EvaluationReport>(&json).unwrap(),
        report()
    );
}

#[test]
fn the_text_is_a_table() {
    let expected = "\
case                    Dice     IoU  HD95 px  boundary IoU
010_HC                1.0000  1.0000     0.00        1.0000
11                    0.0000  0.0000     none        0.0000
-----------------------------------------------------------
mean of 2             0.5000  0.5000     0.00        0.5000
  95 % CI, lower      0.0000  0.0000     0.00        0.0000
  95 % CI, upper      1.0000  1.0000     0.00        1.0000
2 small (C/S >= 0.2)  0.5000  0.5000     0.00        0.5000
  95 % CI, lower      0.0000  0.0000     0.00        0.0000
  95 % CI, upper      1.0000  1.0000     0.00        1.0000
weights abc
";
    assert_eq!(report().to_string(), expected);
}

#[test]
fn small_and_large_objects_are_reported_separately_and_circumference_errors_too() {
    let square = |side: usize| {
        let inside = |i: usize| u8::from(i % 64 < side && i / 64 < side);
        Mask::from_labels(64, 64, (0..64 * 64).map(inside).collect()).unwrap()
    };
    // 4 (side - 1) of side^2 pixels are on the boundary.
    let case =
        |side| CaseScores::new("x", &square(side), &square(side), [0.5, 0.5], &spec()).unwrap();
    assert_eq!(case(40).boundary_share, Some(156.0 / 1600.0));
    let measured = case(40).with_circumference(&Mask::new_blank(64, 64), 10.0, [0.5, 0.5]);
    let report = EvaluationReport::new("abc", "mm", vec![case(40), measured, case(8)]).unwrap();
    assert_eq!(
        (report.large.unwrap().cases, report.small.unwrap().cases),
        (2, 1)
    );
    let error = report.circumference_error.unwrap();
    assert_eq!(
        (error.cases, error.mean.mean, error.absolute.mean),
        (1, -10.0, 10.0)
    );
    let mut report = report;
    let other = EvaluationReport::new("def", "mm", vec![case(40), case(40), case(8)]).unwrap();
    report.compare_with(&other).unwrap();
    assert!(
        report
            .to_string()
            .contains("compared with def: Dice +0.0000"),
        "{report}"
    );
    assert!(
        report
            .compare_with(
                &EvaluationReport::new("def", "px", vec![case(40), case(40), case(8)]).unwrap()
            )
            .is_err()
    );
    let nothing = CaseScores::new(
        "x",
        &square(8),
        &Mask::new_blank(64, 64),
        [1.0, 1.0],
        &spec(),
    )
    .unwrap();
    assert_eq!(nothing.boundary_share, None);
}

#[test]
fn masks_of_different_sizes_and_no_cases_are_errors() {
    let error = CaseScores::new(
        "a",
        &Mask::new_blank(4, 4),
        &Mask::new_blank(4, 5),
        [1.0, 1.0],
        &spec(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("4 x 4") && error.to_string().contains("4 x 5"));
    assert!(EvaluationReport::new("abc", "px", Vec::new()).is_err());
}
