//! Tests of `versions`.

use super::facts::training_facts;

#[test]
fn training_settings_are_described_in_words() {
    let json = r#"{"seconds":60.0,"is_start_active":true,
        "plan":{"loss":"boundary-dou","learning_rate":0.004,"batch":4,"augment":{"blur":1.0}}}"#;
    let facts = training_facts(json);
    let said: Vec<String> = facts
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    assert_eq!(
        said,
        [
            "Loss function: Boundary DoU",
            "Learning rate: 0.004 (maximum)",
            "Batch size: 4"
        ]
    );
    assert!(training_facts("no JSON").is_empty() && training_facts("{}").is_empty());
}
