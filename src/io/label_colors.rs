//! Maps the colours of masks to labels: by a `labels.json` next to the mask, else by the PASCAL VOC palette, which most tools
//! that write colour masks use.

use super::export::{LabelList, labels_beside};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Maximum number of colours in a mask.
const MOST: usize = 256;
/// Maximum number of colours listed in a message.
const MOST_TOLD: usize = 5;

/// The label of each pixel by its colour; black is background. The error is a clause.
pub(super) fn labels_of_pixels(pixels: &[[u8; 3]], path: &Path) -> Result<Vec<u16>, String> {
    let mut colors: BTreeSet<[u8; 3]> = BTreeSet::new();
    for run in pixels.chunk_by(|a, b| a == b) {
        colors.insert(run[0]);
        if colors.len() > MOST {
            return Err(format!(
                "the mask has more than {MOST} colours; save it without smoothing"
            ));
        }
    }
    let table = listed_labels(&colors, path)
        .or_else(|| voc_labels(&colors))
        .ok_or_else(|| unknown_colors_reason(&colors))?;
    Ok(pixels
        .iter()
        .map(|color| table.get(color).copied().unwrap_or(0))
        .collect())
}

/// By the label list next to the mask; `None` if there is none or it lacks some of the colours.
fn listed_labels(colors: &BTreeSet<[u8; 3]>, path: &Path) -> Option<BTreeMap<[u8; 3], u16>> {
    let folder = path.parent()?;
    let series = path.file_stem()?.to_string_lossy();
    let file =
        labels_beside(folder, &series).or_else(|| labels_beside(folder.parent()?, &series))?;
    let list = LabelList::read_file(&file).ok()?;
    let known: BTreeMap<[u8; 3], u16> = list
        .named_values()
        .into_iter()
        .filter_map(|value| Some((list.label_for(value)?.color, u16::from(value))))
        .collect();
    color_table(colors, |color| known.get(&color).copied())
}

/// By the PASCAL VOC palette: the bits of the label value are distributed over red, green and blue, highest bits first.
fn voc_labels(colors: &BTreeSet<[u8; 3]>) -> Option<BTreeMap<[u8; 3], u16>> {
    let palette: BTreeMap<[u8; 3], u16> = (0..=255u16)
        .map(|value| (voc_color(value), value))
        .collect();
    color_table(colors, |color| palette.get(&color).copied())
}

fn voc_color(value: u16) -> [u8; 3] {
    [0, 1, 2].map(|first| voc_channel(value, first))
}

/// One colour channel: bits `first`, `first + 3` and `first + 6` of the value become bits 7, 6 and 5.
fn voc_channel(value: u16, first: u16) -> u8 {
    (0..3).fold(0, |channel, step| {
        let bit = ((value >> (first + 3 * step)) & 1) as u8;
        channel | (bit << (7 - step))
    })
}

fn color_table(
    colors: &BTreeSet<[u8; 3]>,
    value: impl Fn([u8; 3]) -> Option<u16>,
) -> Option<BTreeMap<[u8; 3], u16>> {
    colors
        .iter()
        .map(|color| {
            let label = if *color == [0; 3] { 0 } else { value(*color)? };
            Some((*color, label))
        })
        .collect()
}

fn unknown_colors_reason(colors: &BTreeSet<[u8; 3]>) -> String {
    let names = colors.iter().filter(|c| **c != [0; 3]).take(MOST_TOLD);
    let names: Vec<String> = names.map(|[r, g, b]| format!("[{r}, {g}, {b}]")).collect();
    format!(
        "the mask has colours without a label ({}): save it in greyscale with label values, or \
         put a labels.json next to it \
         ({{\"labels\": [{{\"value\": 1, \"name\": \"Liver\", \"color\": [255, 0, 0]}}]}})",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_palette_of_pascal_voc_is_recognised() {
        let pixels = [
            [0, 0, 0],
            [128, 0, 0],
            [0, 128, 0],
            [64, 128, 128],
            [224, 224, 192],
        ];
        assert_eq!(
            labels_of_pixels(&pixels, Path::new("none/a.png")).unwrap(),
            [0, 1, 2, 14, 255]
        );
    }

    #[test]
    fn colours_in_labels_json_take_precedence() {
        let folder = tempfile::tempdir().unwrap();
        let list = r#"{"labels": [{"value": 7, "name": "Liver", "color": [128, 0, 0]}, {"value": 1, "name": "Cyst", "color": [1, 2, 3]}]}"#;
        std::fs::write(folder.path().join("labels.json"), list).unwrap();
        let path = folder.path().join("a.png");
        assert_eq!(
            labels_of_pixels(&[[128, 0, 0], [0; 3], [1, 2, 3]], &path).unwrap(),
            [7, 0, 1]
        );
        let error = labels_of_pixels(&[[128, 0, 0], [200, 100, 50]], &path).unwrap_err();
        assert!(
            error.contains("[200, 100, 50]") && error.contains("labels.json"),
            "{error}"
        );
    }
}
