//! Labels: name, colour and coded concept of mask values, and matching of a model's labels to those of a workspace.

use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Key of a task in a workspace. A task is a group of cases that share labels; 0 is the default task.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct TaskKey(pub i64);

/// A named task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Key of the task.
    pub key: TaskKey,
    /// Name of the task.
    pub name: String,
}

/// A coded concept, DICOM PS3.3 8.8. Never uses the retired scheme SRT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Code Value: "49755003".
    pub value: String,
    /// Coding Scheme Designator: "SCT".
    pub scheme: String,
    /// Code Meaning: "Morphologically Abnormal Structure".
    pub meaning: String,
}

impl Code {
    /// A code from its three parts.
    pub fn new(value: &str, scheme: &str, meaning: &str) -> Self {
        Self {
            value: value.into(),
            scheme: scheme.into(),
            meaning: meaning.into(),
        }
    }
}

/// A label of a mask. Its value is its index in the list plus 1; 0 is background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Display name: "Fetal head".
    pub name: String,
    /// sRGB colour.
    pub color: [u8; 3],
    /// Segmented Property Category Code.
    pub category: Code,
    /// Segmented Property Type Code.
    pub concept: Code,
    /// Segmented Property Type Modifier Codes: "Left".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<Code>,
    /// True if shown on the canvas.
    #[serde(default = "yes")]
    pub visible: bool,
    /// True if protected from changes.
    #[serde(default)]
    pub locked: bool,
    /// Further data in a workspace.
    #[serde(default, skip_serializing_if = "StoredLabel::is_plain")]
    pub kept: StoredLabel,
}

/// Data of a label in a workspace that users do not see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredLabel {
    /// Unique ID, independent of the name; empty if not assigned. Models store it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Names in models without IDs: matched by name once and kept since, even if the label is renamed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_as: Vec<KnownAs>,
    /// The task that it belongs to.
    #[serde(skip_serializing_if = "is_first_task")]
    pub task: TaskKey,
    /// Set if it was removed from the list. Its value is never reused, as old masks may contain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
}

/// A label as named by a model without IDs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAs {
    /// Name in the model.
    pub name: String,
    /// Code value of its concept in the model.
    pub concept: String,
}

/// How a label was removed from the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gone {
    /// Removed together with its masks.
    Removed,
    /// Merged into the label with this value.
    Into(u8),
}

impl StoredLabel {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

fn is_first_task(task: &TaskKey) -> bool {
    *task == TaskKey::default()
}

/// A new unique ID.
pub fn new_id() -> String {
    format!("{:016x}{:016x}", random_number(), random_number())
}

/// A random number from the system, by way of the keys of a hasher.
fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Finds the workspace value of a model's label among `labels`: by ID, else by known model name, else by name and
/// concept. 0 if the label was removed, `None` if there is no match.
pub fn value_in(labels: &[Label], of_model: &Label) -> Option<u8> {
    let rules: [fn(&Label, &Label) -> bool; 3] =
        [Label::has_id_of, Label::is_bound_to, Label::is_same];
    let all = rules.into_iter().flat_map(|rule| {
        let valued = (1..=u8::MAX).zip(labels);
        valued.filter(move |(_, label)| rule(label, of_model))
    });
    let mut found = all.map(|(value, _)| value_now(labels, value)).peekable();
    found.peek()?;
    // If a person created a removed label again under its name, use the new one.
    Some(found.find(|value| *value > 0).unwrap_or(0))
}

/// The current value for this one: that of the merged label, or 0 if the label was removed.
pub fn value_now(labels: &[Label], value: u8) -> u8 {
    let mut value = value;
    // At most one step per label, as damaged lists may contain cycles.
    for _ in 0..=labels.len() {
        match usize::from(value)
            .checked_sub(1)
            .and_then(|i| labels.get(i))
            .map(|l| l.kept.gone)
        {
            Some(Some(Gone::Into(next))) => value = next,
            Some(Some(Gone::Removed)) | None => return 0,
            Some(None) => return value,
        }
    }
    0
}

/// The workspace value of each of a model's labels; 0 if there is none.
pub fn values_in(labels: &[Label], of_model: &[Label]) -> Vec<u8> {
    of_model
        .iter()
        .map(|label| value_in(labels, label).unwrap_or(0))
        .collect()
}

/// Gives the labels of a version trained in the workspace, before models stored IDs, the IDs of the workspace labels:
/// its classes are the label values.
pub fn bind_by_value(of_version: &mut [Label], labels: &[Label]) {
    if of_version.iter().all(|label| label.kept.id.is_empty()) {
        of_version
            .iter_mut()
            .zip(labels)
            .for_each(|(own, label)| own.kept.id.clone_from(&label.kept.id));
    }
}

fn yes() -> bool {
    true
}

/// The colours of Okabe and Ito that stand out on grey; distinguishable with colour blindness.
pub const PALETTE: [[u8; 3]; 7] = [
    [86, 180, 233],
    [230, 159, 0],
    [0, 158, 115],
    [240, 228, 66],
    [204, 121, 167],
    [213, 94, 0],
    [0, 114, 178],
];

/// The first palette colour that none of these labels uses; if all are used, the next one in rotation.
pub fn free_color(labels: &[Label]) -> [u8; 3] {
    let free = PALETTE
        .into_iter()
        .find(|color| labels.iter().all(|l| l.color != *color));
    free.unwrap_or(PALETTE[labels.len() % PALETTE.len()])
}

impl Label {
    /// True if it was removed from the list.
    pub fn is_gone(&self) -> bool {
        self.kept.gone.is_some()
    }

    /// The label as stored in a model: with its ID, without other workspace data.
    pub fn for_model(&self) -> Self {
        let kept = StoredLabel {
            id: self.kept.id.clone(),
            gone: self.kept.gone,
            ..StoredLabel::default()
        };
        Self {
            kept,
            ..self.clone()
        }
    }

    /// Remembers its name in models without IDs.
    pub fn bind_model_label(&mut self, of_model: &Self) {
        let bond = KnownAs {
            name: of_model.name.clone(),
            concept: of_model.concept.value.clone(),
        };
        if !self.kept.known_as.contains(&bond) {
            self.kept.known_as.push(bond);
        }
    }

    /// True if both have the same ID.
    fn has_id_of(&self, of_model: &Self) -> bool {
        !self.kept.id.is_empty() && self.kept.id == of_model.kept.id
    }

    /// True if `of_model` is one of its known names in models without IDs.
    fn is_bound_to(&self, of_model: &Self) -> bool {
        self.kept
            .known_as
            .iter()
            .any(|k| k.name == of_model.name && k.concept == of_model.concept.value)
    }

    /// True if names and concepts are equal. Colours and locks are ignored.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.concept.value == other.concept.value
    }

    /// A label with nothing but a name; `index` (0-based) selects the colour.
    pub fn with_name(name: impl Into<String>, index: usize) -> Self {
        Self {
            name: name.into(),
            color: PALETTE[index % PALETTE.len()],
            category: Code::new("85756007", "SCT", "Tissue"),
            concept: Code::new("85756007", "SCT", "Tissue"),
            modifiers: Vec::new(),
            visible: true,
            locked: false,
            kept: StoredLabel::default(),
        }
    }

    /// A label with nothing but a value, named "Label {value}".
    pub fn by_number(value: u8) -> Self {
        Self::with_name(
            format!("Label {value}"),
            usize::from(value).saturating_sub(1),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_free_color_is_one_that_no_label_has() {
        let labels: Vec<Label> = [0, 1, 3].map(|i| Label::with_name("x", i)).into();
        assert_eq!(free_color(&labels), PALETTE[2]);
        let all: Vec<Label> = (0..8).map(|i| Label::with_name("x", i)).collect();
        assert_eq!(free_color(&all), PALETTE[1]);
    }

    fn label(name: &str, id: &str) -> Label {
        let mut label = Label::with_name(name, 0);
        label.kept.id = id.into();
        label
    }

    #[test]
    fn a_model_label_is_found_by_id_then_by_binding_then_by_name() {
        let mut labels = vec![label("Adenoma", "a"), label("Polyp", "b")];
        labels[0].bind_model_label(&Label::with_name("Polyp", 0));
        assert_eq!(
            value_in(&labels, &label("Polyp", "b")),
            Some(2),
            "found by id, whatever its other names"
        );
        assert_eq!(
            value_in(&labels, &label("Polyp", "")),
            Some(1),
            "bound before that label was added"
        );
        assert_eq!(
            value_in(&labels, &label("Adenoma", "z")),
            Some(1),
            "from another workspace"
        );
        assert_eq!(value_in(&labels, &label("Liver", "")), None);
    }

    #[test]
    fn a_removed_label_becomes_background_and_a_merged_one_its_target() {
        let mut labels = vec![
            label("Polyp", "a"),
            label("Lesion", "b"),
            label("Ghost", "c"),
        ];
        labels[0].kept.gone = Some(Gone::Into(2));
        labels[2].kept.gone = Some(Gone::Removed);
        let known = [
            label("Polyp", "a"),
            label("Ghost", "c"),
            label("Lesion", "b"),
        ];
        assert_eq!(values_in(&labels, &known), [2, 0, 2]);
        labels.push(label("Ghost", "d"));
        assert_eq!(
            values_in(&labels, &known),
            [2, 4, 2],
            "created again with the same name"
        );
        labels[1].kept.gone = Some(Gone::Into(1));
        assert_eq!(value_now(&labels, 1), 0, "a cycle of merges ends");
    }

    #[test]
    fn versions_without_label_ids_are_bound_by_class_number() {
        let labels = vec![label("Adenoma", "a"), label("Bone", "b")];
        let mut old = vec![Label::with_name("Polyp", 0)];
        bind_by_value(&mut old, &labels);
        assert_eq!(values_in(&labels, &old), [1]);
        let mut new = vec![label("Bone", "b")];
        bind_by_value(&mut new, &labels);
        assert_eq!(
            values_in(&labels, &new),
            [2],
            "a version with ids keeps them"
        );
    }

    #[test]
    fn labels_of_older_workspaces_and_models_can_be_read() {
        let old = r#"{"name":"Polyp","color":[1,2,3],"category":{"value":"1","scheme":"SCT","meaning":"T"},
                      "concept":{"value":"2","scheme":"SCT","meaning":"U"}}"#;
        let label: Label = serde_json::from_str(old).unwrap();
        assert_eq!(label.kept, StoredLabel::default());
        let json = serde_json::to_string(&label).unwrap();
        assert!(!json.contains("kept"), "{json}");
        assert_ne!(new_id(), new_id());
    }
}
