//! What a mask's values mean: name, colour, coded concept.

use serde::{Deserialize, Serialize};

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
        Self { value: value.into(), scheme: scheme.into(), meaning: meaning.into() }
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
}

fn yes() -> bool {
    true
}

/// The colours of Okabe and Ito that stand out on grey, told apart by colour-blind people.
pub const PALETTE: [[u8; 3]; 7] =
    [[86, 180, 233], [230, 159, 0], [0, 158, 115], [240, 228, 66], [204, 121, 167], [213, 94, 0], [0, 114, 178]];

/// The first colour of the palette that none of these labels has; where all are taken, one of them in turn.
pub fn free_color(labels: &[Label]) -> [u8; 3] {
    let free = PALETTE.into_iter().find(|color| labels.iter().all(|l| l.color != *color));
    free.unwrap_or(PALETTE[labels.len() % PALETTE.len()])
}

impl Label {
    /// True where both stand for the same: equal names and concepts. Colours and locks do not matter.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.concept.value == other.concept.value
    }

    /// A label of which only the name is known; `index` (0-based) picks the colour.
    pub fn named(name: impl Into<String>, index: usize) -> Self {
        Self {
            name: name.into(),
            color: PALETTE[index % PALETTE.len()],
            category: Code::new("85756007", "SCT", "Tissue"),
            concept: Code::new("85756007", "SCT", "Tissue"),
            modifiers: Vec::new(),
            visible: true,
            locked: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_color_is_one_that_no_label_has() {
        let labels: Vec<Label> = [0, 1, 3].map(|i| Label::named("x", i)).into();
        assert_eq!(free_color(&labels), PALETTE[2]);
        let all: Vec<Label> = (0..8).map(|i| Label::named("x", i)).collect();
        assert_eq!(free_color(&all), PALETTE[1]);
    }
}
