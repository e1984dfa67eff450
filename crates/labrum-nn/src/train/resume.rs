//! Whether a training has the settings of the one that it is to continue.

use labrum_core::{Error, ErrorKind, Result};
use serde_json::Value;

/// Maximum number of differences that an error names.
const MOST_NAMED: usize = 4;
/// The value of a setting that a training does not have.
static ABSENT: Value = Value::Null;

/// Checks that a training has the settings of the one that it continues. Both are JSON: `before` as read from the log of the
/// earlier training, `now` as it would be written to the log.
///
/// # Errors
/// An error of kind [`ErrorKind::SettingsDiffer`] that names the settings that differ.
pub fn check_same_settings(before: &Value, now: &Value) -> Result<()> {
    let mut differences = Vec::new();
    collect_differences("", before, &as_read_back(now), &mut differences);
    if differences.is_empty() {
        return Ok(());
    }
    let more = differences.len().saturating_sub(MOST_NAMED);
    differences.truncate(MOST_NAMED);
    let mut named = differences.join(", ");
    if more > 0 {
        named += &format!(" and {more} more");
    }
    let reason = format!("it was started with different settings: {named}");
    Err(other_training_error(reason))
}

/// The error for a training that was started with other settings or images.
pub(super) fn other_training_error(reason: impl ToString) -> Error {
    Error::new("resume the training", reason)
        .with_advice("Use the same settings as before, or leave out --resume to start again.")
        .of_kind(ErrorKind::SettingsDiffer)
}

/// The settings as read back from a file: the last digit of a number may differ.
fn as_read_back(settings: &Value) -> Value {
    serde_json::from_str(&settings.to_string()).unwrap_or_default()
}

/// Adds a text for each difference between two values, such as "recipe.seed (1 before, 2 now)"; `path` is where they are.
fn collect_differences(path: &str, before: &Value, now: &Value, differences: &mut Vec<String>) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            let added = now.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(added) {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let [before, now] = [before, now].map(|values| values.get(key).unwrap_or(&ABSENT));
                collect_differences(&path, before, now, differences);
            }
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (place, (before, now)) in before.iter().zip(now).enumerate() {
                collect_differences(&format!("{path}[{place}]"), before, now, differences);
            }
        }
        (Value::Array(before), Value::Array(now)) => differences.push(format!(
            "{path} ({} entries before, {} now)",
            before.len(),
            now.len()
        )),
        _ if before != now => differences.push(format!("{path} ({before} before, {now} now)")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn reason(before: &Value, now: &Value) -> String {
        let error = check_same_settings(before, now).unwrap_err();
        assert_eq!(error.kind, ErrorKind::SettingsDiffer);
        error.reason
    }

    #[test]
    fn equal_settings_are_accepted() {
        let settings = json!({"recipe": {"seed": 1, "rate": 0.002}, "tasks": [{"folder": "a"}]});
        assert!(check_same_settings(&settings, &settings).is_ok());
        let rate = json!({"rate": 0.1 + 0.2});
        let logged: Value = serde_json::from_str(&rate.to_string()).unwrap();
        assert!(check_same_settings(&logged, &rate).is_ok());
    }

    #[test]
    fn each_setting_that_differs_is_named_with_both_values() {
        let before = json!({"recipe": {"seed": 1, "old": true}, "tasks": [{"folder": "a"}]});
        let now = json!({"recipe": {"seed": 2, "new": "x"}, "tasks": [{"folder": "b"}]});
        assert_eq!(
            reason(&before, &now),
            "it was started with different settings: recipe.old (true before, null now), \
             recipe.seed (1 before, 2 now), recipe.new (null before, \"x\" now), \
             tasks[0].folder (\"a\" before, \"b\" now)"
        );
    }

    #[test]
    fn lists_of_another_length_are_counted_and_many_differences_too() {
        let before = json!({"a": [1, 2], "b": 1, "c": 1, "d": 1, "e": 1, "f": 1});
        let now = json!({"a": [1], "b": 2, "c": 2, "d": 2, "e": 2, "f": 2});
        let reason = reason(&before, &now);
        assert!(reason.contains("a (2 entries before, 1 now)"), "{reason}");
        assert!(
            reason.ends_with("d (1 before, 2 now) and 2 more"),
            "{reason}"
        );
    }
}
