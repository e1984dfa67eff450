//! What a mask's values mean: name, colour, coded concept; and which label of a workspace one of a model is.

use super::journal::TaskKey;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher, RandomState};

/// A coded concept of a terminology, DICOM PS3.3 8.8: never the retired scheme SRT.
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

/// One label of a mask. Its value is its place in the list plus 1; 0 is background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Shown to people: "Fetal head".
    pub name: String,
    /// sRGB.
    pub color: [u8; 3],
    /// Segmented Property Category Code.
    pub category: Code,
    /// Segmented Property Type Code.
    pub concept: Code,
    /// Segmented Property Type Modifier Codes: "Left".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<Code>,
    /// Shown on the canvas.
    #[serde(default = "yes")]
    pub visible: bool,
    /// Not to be painted over.
    #[serde(default)]
    pub locked: bool,
    /// What a workspace keeps of it beside.
    #[serde(default, skip_serializing_if = "StoredLabel::is_plain")]
    pub kept: StoredLabel,
}

/// What a workspace keeps of a label beside what people see of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredLabel {
    /// Tells it from all other labels, whatever it is called; empty where nobody gave it one. Models carry it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What models call it that carry no id: matched by name once, and bound since, whatever it is called later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_as: Vec<KnownAs>,
    /// The task that it belongs to.
    #[serde(skip_serializing_if = "is_first_task")]
    pub task: TaskKey,
    /// It is not in the list any more. Its value is given to no other: masks of old may have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
}

/// A label as a model without ids names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAs {
    /// Its name there.
    pub name: String,
    /// Code value of its concept there.
    pub concept: String,
}

/// How a label left the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gone {
    /// It was removed with its masks.
    Removed,
    /// Its masks are those of the label of this value since.
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

/// An id that no other label has.
pub fn new_id() -> String {
    // The keys of a hasher are the system's random numbers.
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// The value in masks of the workspace, with `labels`, of a label that a model knows; 0 for one that was removed. It goes by
/// id, else by what models are known to call labels, else by name and concept. `None` where there is none.
pub fn value_in(labels: &[Label], of_model: &Label) -> Option<u8> {
    let by_id = |l: &Label| !l.kept.id.is_empty() && l.kept.id == of_model.kept.id;
    let by_bond = |l: &Label| {
        l.kept
            .known_as
            .iter()
            .any(|k| k.name == of_model.name && k.concept == of_model.concept.value)
    };
    let by_name = |l: &Label| l.is_same(of_model);
    let rules: [&dyn Fn(&Label) -> bool; 3] = [&by_id, &by_bond, &by_name];
    let all = rules
        .iter()
        .flat_map(|rule| (1..=u8::MAX).zip(labels).filter(|(_, l)| rule(l)));
    let mut found = all.map(|(value, _)| value_now(labels, value)).peekable();
    found.peek()?;
    // One that was removed comes back under its name where a person makes it anew.
    Some(found.find(|value| *value > 0).unwrap_or(0))
}

/// The value that stands for this one: another where the label was merged, 0 where it was removed.
pub fn value_now(labels: &[Label], value: u8) -> u8 {
    let mut value = value;
    // Each label is gone through once: damaged lists may go in circles.
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

/// For each label of a model its value in masks of the workspace, 0 where there is none.
pub fn values_in(labels: &[Label], of_model: &[Label]) -> Vec<u8> {
    of_model
        .iter()
        .map(|label| value_in(labels, label).unwrap_or(0))
        .collect()
}

/// Gives the labels of a version that was learned in the workspace, before models carried ids, those of the workspace: its
/// classes are the values.
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

/// The colours of Okabe and Ito that stand out on grey, told apart by colour-blind people.
pub const PALETTE: [[u8; 3]; 7] = [
    [86, 180, 233],
    [230, 159, 0],
    [0, 158, 115],
    [240, 228, 66],
    [204, 121, 167],
    [213, 94, 0],
    [0, 114, 178],
];

/// The first colour of the palette that none of these labels has; where all are taken, one of them in turn.
pub fn free_color(labels: &[Label]) -> [u8; 3] {
    let free = PALETTE
        .into_iter()
        .find(|color| labels.iter().all(|l| l.color != *color));
    free.unwrap_or(PALETTE[labels.len() % PALETTE.len()])
}

impl Label {
    /// True where it is in the list no more.
    pub fn is_gone(&self) -> bool {
        self.kept.gone.is_some()
    }

    /// As a model carries it: with its id, without what concerns its workspace alone.
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

    /// Remembers what models without ids call it.
    pub fn bind_model_label(&mut self, of_model: &Self) {
        let bond = KnownAs {
            name: of_model.name.clone(),
            concept: of_model.concept.value.clone(),
        };
        if !self.kept.known_as.contains(&bond) {
            self.kept.known_as.push(bond);
        }
    }

    /// True where both stand for the same: equal names and concepts. Colours and locks do not matter.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.concept.value == other.concept.value
    }

    /// A label of which only the name is known; `index` (0-based) picks the colour.
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

    /// A label of which only the value is known.
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
    fn a_label_of_a_model_is_found_by_id_then_by_bond_then_by_name() {
        let mut labels = vec![label("Adenoma", "a"), label("Polyp", "b")];
        labels[0].bind_model_label(&Label::with_name("Polyp", 0));
        assert_eq!(
            value_in(&labels, &label("Polyp", "b")),
            Some(2),
            "its id counts, whatever else it was called"
        );
        assert_eq!(
            value_in(&labels, &label("Polyp", "")),
            Some(1),
            "bound before the other came"
        );
        assert_eq!(
            value_in(&labels, &label("Adenoma", "z")),
            Some(1),
            "of another workspace"
        );
        assert_eq!(value_in(&labels, &label("Liver", "")), None);
    }

    #[test]
    fn what_was_removed_is_nothing_and_what_was_merged_is_the_other() {
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
            "made anew under its name"
        );
        labels[1].kept.gone = Some(Gone::Into(1));
        assert_eq!(value_now(&labels, 1), 0, "a circle ends");
    }

    #[test]
    fn versions_from_before_ids_are_bound_by_their_classes() {
        let labels = vec![label("Adenoma", "a"), label("Bone", "b")];
        let mut old = vec![Label::with_name("Polyp", 0)];
        bind_by_value(&mut old, &labels);
        assert_eq!(values_in(&labels, &old), [1]);
        let mut new = vec![label("Bone", "b")];
        bind_by_value(&mut new, &labels);
        assert_eq!(
            values_in(&labels, &new),
            [2],
            "one that carries ids keeps them"
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
