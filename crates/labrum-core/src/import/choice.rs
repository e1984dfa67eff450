//! Which segments or regions to import, their stacking order, and their names.

use super::MaskChoice;
use crate::label::Label;
use std::{cmp, collections::HashMap};

/// Maximum number of names in a message.
const MOST_LISTED: usize = 20;

/// A segment or region in a file.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// Segment Number, ROI Number, or the value in a label map.
    pub number: u32,
    /// Its name.
    pub name: &'a str,
}

/// The selected segments or regions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Indices of the selected ones, in the order of the file.
    pub indices: Vec<usize>,
    /// Indices of those with a given stacking order, topmost first.
    order: Vec<usize>,
}

impl Taken {
    /// Fails if a name does not exist; the error lists the names there are.
    pub fn from_choice(offered: &[Offered<'_>], choice: &MaskChoice) -> Result<Self, String> {
        let mut indices = all_of(offered, &choice.only)?;
        indices.sort_unstable();
        if choice.only.is_empty() {
            indices = (0..offered.len()).collect();
        }
        Ok(Self {
            indices,
            order: all_of(offered, &choice.order)?,
        })
    }

    /// True if the user gave a stacking order.
    pub fn has_order(&self) -> bool {
        !self.order.is_empty()
    }

    /// Indices from bottom to top: from larger to smaller, then those with a given order.
    pub fn lowest_first(&self, size: impl Fn(usize) -> usize) -> Vec<usize> {
        let mut free: Vec<usize> = self
            .indices
            .iter()
            .copied()
            .filter(|i| !self.order.contains(i))
            .collect();
        free.sort_by_key(|i| cmp::Reverse(size(*i)));
        free.extend(self.order.iter().rev().filter(|i| self.indices.contains(i)));
        free
    }
}

/// Resolves the words to indices, in order, without duplicates.
fn all_of(offered: &[Offered<'_>], words: &[String]) -> Result<Vec<usize>, String> {
    let mut all: Vec<usize> = Vec::new();
    for word in words {
        // Names may contain commas.
        if let Some(found) = resolve_word(offered, word) {
            push_new_indices(&mut all, found);
            continue;
        }
        for part in word.split(',').filter(|part| !part.trim().is_empty()) {
            let found =
                resolve_word(offered, part).ok_or_else(|| missing_message(offered, part))?;
            push_new_indices(&mut all, found);
        }
    }
    Ok(all)
}

/// Adds indices that are not in the list yet.
fn push_new_indices(all: &mut Vec<usize>, found: Vec<usize>) {
    for i in found {
        if !all.contains(&i) {
            all.push(i);
        }
    }
}

/// Matches by exact name, else by name ignoring case, else by number; "#2" is always a number. `None` without a match.
fn resolve_word(offered: &[Offered<'_>], word: &str) -> Option<Vec<usize>> {
    let word = word.trim();
    if let Some(number) = word
        .strip_prefix('#')
        .and_then(|number| number.parse::<u32>().ok())
    {
        return indices_where(offered, |o| o.number == number)
            .or_else(|| indices_where(offered, |o| o.name == word));
    }
    let lower = word.to_lowercase();
    indices_where(offered, |o| o.name == word)
        .or_else(|| indices_where(offered, |o| o.name.to_lowercase() == lower))
        .or_else(|| indices_where(offered, |o| word.parse() == Ok(o.number)))
}

/// Indices of all matches; `None` if there are none.
fn indices_where(
    offered: &[Offered<'_>],
    is_meant: impl Fn(&Offered<'_>) -> bool,
) -> Option<Vec<usize>> {
    let found: Vec<usize> = offered
        .iter()
        .enumerate()
        .filter(|(_, o)| is_meant(o))
        .map(|(i, _)| i)
        .collect();
    (!found.is_empty()).then_some(found)
}

fn missing_message(offered: &[Offered<'_>], word: &str) -> String {
    let names = offered
        .iter()
        .take(MOST_LISTED)
        .map(|o| format!("{} \"{}\"", o.number, o.name));
    let more = if offered.len() > MOST_LISTED {
        " and more"
    } else {
        ""
    };
    format!(
        "no label \"{}\"; available labels: {}{more}",
        word.trim(),
        names.collect::<Vec<_>>().join(", ")
    )
}

/// Appends numbers to labels with equal names; returns a note if there are any.
pub fn tell_apart(labels: &mut [Label]) -> Option<String> {
    let mut count: HashMap<String, usize> = HashMap::new();
    labels
        .iter()
        .for_each(|label| *count.entry(label.name.clone()).or_default() += 1);
    let mut told: Vec<String> = Vec::new();
    for name in labels.iter().map(|l| l.name.clone()).collect::<Vec<_>>() {
        let several = count.get(&name).copied().unwrap_or(0);
        if several < 2 || told.contains(&name) {
            continue;
        }
        let mut number = 0;
        for i in 0..labels.len() {
            if labels[i].name == name {
                number += 1;
                while labels
                    .iter()
                    .any(|l| l.name == format!("{name} ({number})"))
                {
                    number += 1;
                }
                labels[i].name = format!("{name} ({number})");
            }
        }
        told.push(name);
    }
    let list: Vec<String> = told.iter().map(|name| format!("\"{name}\"")).collect();
    (!told.is_empty()).then(|| {
        format!(
            "several labels had the same name ({}) and were numbered",
            list.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const OFFERED: [Offered<'static>; 4] = [
        Offered {
            number: 1,
            name: "Lung",
        },
        Offered {
            number: 2,
            name: "Nodule, left",
        },
        Offered {
            number: 7,
            name: "lesion",
        },
        Offered {
            number: 9,
            name: "lesion",
        },
    ];

    fn taken(only: &[&str], order: &[&str]) -> Result<Taken, String> {
        let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect();
        Taken::from_choice(
            &OFFERED,
            &MaskChoice {
                only: words(only),
                order: words(order),
                ..MaskChoice::default()
            },
        )
    }

    #[test]
    fn labels_are_chosen_by_name_or_number() {
        assert_eq!(taken(&[], &[]).unwrap().indices, [0, 1, 2, 3]);
        assert_eq!(taken(&["Nodule, left"], &[]).unwrap().indices, [1]);
        assert_eq!(taken(&["LESION,lung"], &[]).unwrap().indices, [0, 2, 3]);
        assert_eq!(taken(&["9, 1"], &[]).unwrap().indices, [0, 3]);
        assert_eq!(taken(&["#7"], &[]).unwrap().indices, [2]);
        let error = taken(&["liver"], &[]).unwrap_err();
        assert_eq!(
            error,
            "no label \"liver\"; available labels: 1 \"Lung\", 2 \"Nodule, left\", 7 \"lesion\", 9 \"lesion\""
        );
        assert!(taken(&["Lung"], &["3"]).is_err());
    }

    #[test]
    fn small_labels_cover_large_ones_and_a_given_order_comes_on_top() {
        let size = |i: usize| [50, 9, 20, 20][i];
        assert_eq!(taken(&[], &[]).unwrap().lowest_first(size), [0, 2, 3, 1]);
        assert_eq!(
            taken(&[], &["Lung,7"]).unwrap().lowest_first(size),
            [3, 1, 2, 0]
        );
        assert_eq!(
            taken(&["1,9"], &["lesion"]).unwrap().lowest_first(size),
            [0, 3]
        );
    }

    #[test]
    fn labels_with_equal_names_get_unique_numbers() {
        let mut labels: Vec<Label> = ["Lesion", "Liver", "Lesion (1)", "Lesion"]
            .iter()
            .enumerate()
            .map(|(i, n)| Label::with_name(*n, i))
            .collect();
        assert!(tell_apart(&mut labels).unwrap().contains("\"Lesion\""));
        let names: Vec<&str> = labels.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(names, ["Lesion (2)", "Liver", "Lesion (1)", "Lesion (3)"]);
        assert_eq!(tell_apart(&mut labels), None);
    }
}
