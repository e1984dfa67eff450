//! Which segments or regions are taken in, which of them lies on top, and what they are called.

use super::MaskChoice;
use crate::label::Label;
use std::collections::HashMap;

/// Names in a message, at most.
const MOST_LISTED: usize = 20;

/// A segment or region as its file has it.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// Segment Number, ROI Number, or the value in a label map.
    pub number: u32,
    /// Its name.
    pub name: &'a str,
}

/// What is taken of what a file offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Those that are taken in, by their index, in their order.
    pub indices: Vec<usize>,
    /// Those whose order is given, the one on top first.
    order: Vec<usize>,
}

impl Taken {
    /// The error says which name there is not, and which there are.
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

    /// True where the user said what lies on top.
    pub fn has_order(&self) -> bool {
        !self.order.is_empty()
    }

    /// From what lies lowest to what lies on top: larger ones, then smaller ones, then those whose order is given.
    pub fn lowest_first(&self, size: impl Fn(usize) -> usize) -> Vec<usize> {
        let mut free: Vec<usize> = self
            .indices
            .iter()
            .copied()
            .filter(|i| !self.order.contains(i))
            .collect();
        free.sort_by_key(|i| std::cmp::Reverse(size(*i)));
        free.extend(self.order.iter().rev().filter(|i| self.indices.contains(i)));
        free
    }
}

/// Indices in the order of the words, none twice.
fn all_of(offered: &[Offered<'_>], words: &[String]) -> Result<Vec<usize>, String> {
    let mut all: Vec<usize> = Vec::new();
    let mut take = |found: Vec<usize>| {
        found.into_iter().for_each(|i| {
            if !all.contains(&i) {
                all.push(i)
            }
        })
    };
    for word in words {
        // Names may have commas.
        if let Some(found) = resolve_word(offered, word) {
            take(found);
            continue;
        }
        for part in word.split(',').filter(|part| !part.trim().is_empty()) {
            take(resolve_word(offered, part).ok_or_else(|| missing_message(offered, part))?);
        }
    }
    Ok(all)
}

/// By name, else by name whatever its case, else by number; "#2" is a number in any case. `None` where there is none.
fn resolve_word(offered: &[Offered<'_>], word: &str) -> Option<Vec<usize>> {
    let word = word.trim();
    let of = |is: &dyn Fn(&Offered<'_>) -> bool| {
        let found: Vec<usize> = offered
            .iter()
            .enumerate()
            .filter(|(_, o)| is(o))
            .map(|(i, _)| i)
            .collect();
        (!found.is_empty()).then_some(found)
    };
    if let Some(number) = word
        .strip_prefix('#')
        .and_then(|number| number.parse::<u32>().ok())
    {
        return of(&|o| o.number == number).or_else(|| of(&|o| o.name == word));
    }
    let lower = word.to_lowercase();
    of(&|o| o.name == word)
        .or_else(|| of(&|o| o.name.to_lowercase() == lower))
        .or_else(|| of(&|o| word.parse() == Ok(o.number)))
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
        "it holds no \"{}\": it holds {}{more}",
        word.trim(),
        names.collect::<Vec<_>>().join(", ")
    )
}

/// Tells labels of one name apart by a number behind it; the note says so.
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
            "several have one name ({}): they are told apart by a number",
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
    fn they_are_chosen_by_name_and_by_number() {
        assert_eq!(taken(&[], &[]).unwrap().indices, [0, 1, 2, 3]);
        assert_eq!(taken(&["Nodule, left"], &[]).unwrap().indices, [1]);
        assert_eq!(taken(&["LESION,lung"], &[]).unwrap().indices, [0, 2, 3]);
        assert_eq!(taken(&["9, 1"], &[]).unwrap().indices, [0, 3]);
        assert_eq!(taken(&["#7"], &[]).unwrap().indices, [2]);
        let error = taken(&["liver"], &[]).unwrap_err();
        assert_eq!(
            error,
            "it holds no \"liver\": it holds 1 \"Lung\", 2 \"Nodule, left\", 7 \"lesion\", 9 \"lesion\""
        );
        assert!(taken(&["Lung"], &["3"]).is_err());
    }

    #[test]
    fn smaller_ones_lie_on_larger_ones_and_those_in_order_on_top() {
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
    fn labels_of_one_name_get_numbers_that_no_other_has() {
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
