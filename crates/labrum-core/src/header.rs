//! The header of a DICOM file as people look at it: all elements as text, the lines of their tree, and what differs between
//! two files. Nothing is decided by it.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// An element. `Debug` shows its tag alone: its value may tell who was examined.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderElement {
    /// Group and element number.
    pub tag: [u16; 2],
    /// Value representation: "PN".
    pub vr: String,
    /// Keyword of the standard, or of a private element who defined it; empty if unknown.
    pub name: String,
    /// Its values as text, with backslashes between them; of long binary values the size and the first bytes.
    pub value: String,
    /// The items of a sequence, each with its elements.
    pub items: Vec<Vec<HeaderElement>>,
}

impl HeaderElement {
    /// "(0010,0010)".
    pub fn tag_text(&self) -> String {
        let [group, element] = self.tag;
        format!("({group:04X},{element:04X})")
    }

    /// True for an element of a manufacturer.
    pub fn is_private(&self) -> bool {
        self.tag[0] % 2 == 1
    }
}

impl fmt::Debug for HeaderElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag_text())
    }
}

/// All elements of a file, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHeader {
    /// The file meta information, then the dataset.
    pub elements: Vec<HeaderElement>,
    /// Why reading stopped before the end of the file, a clause; `None` if it did not.
    pub damage: Option<String>,
}

/// A line of a header: an element, or the heading of an item of a sequence.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderLine {
    /// Number of sequences around it, times two: an element in an item is at 2, the heading of the item at 1.
    pub depth: usize,
    /// "(0010,0010)"; empty for an item.
    pub tag: String,
    /// Value representation; empty for an item.
    pub vr: String,
    /// Name of the element, or "Item 3".
    pub name: String,
    /// Value as text; "2 items" for a sequence, empty for an item.
    pub value: String,
    /// Number of lines after it that belong to it.
    pub below: usize,
    /// Index of the line to which it belongs.
    pub parent: Option<usize>,
    /// Tags and item numbers on the way to it, by which lines of two files are compared and ordered.
    place: Vec<u32>,
}

impl HeaderLine {
    /// True if tag, name or value contains the words, in lower case, as they stand.
    fn has_words(&self, words: &str) -> bool {
        let digits: String = words.chars().filter(char::is_ascii_hexdigit).collect();
        let is_tag = digits.len() >= 4
            && words
                .chars()
                .all(|c| c.is_ascii_hexdigit() || "(), ".contains(c));
        [&self.name, &self.value, &self.tag]
            .into_iter()
            .any(|part| part.to_lowercase().contains(words))
            || (is_tag && self.tag_digits().starts_with(&digits))
    }

    /// "00100010".
    fn tag_digits(&self) -> String {
        let digits = self.tag.chars().filter(char::is_ascii_hexdigit);
        digits.collect::<String>().to_lowercase()
    }
}

/// The lines of a header.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderLines(Vec<HeaderLine>);

impl HeaderLines {
    /// All lines of a header; the items of a multi-frame file have the number of their frame.
    pub fn of_header(header: &FileHeader) -> Self {
        let mut lines = Self::default();
        lines.push_elements(&header.elements, None, &[], 0);
        lines
    }

    /// All of them, in order.
    pub fn all(&self) -> &[HeaderLine] {
        &self.0
    }

    fn push_elements(
        &mut self,
        elements: &[HeaderElement],
        parent: Option<usize>,
        place: &[u32],
        depth: usize,
    ) {
        for element in elements {
            let [group, number] = element.tag.map(u32::from);
            let place = [place, &[(group << 16) | number]].concat();
            let at = self.0.len();
            let is_sequence = element.vr == "SQ";
            self.0.push(HeaderLine {
                depth,
                tag: element.tag_text(),
                vr: element.vr.clone(),
                name: element.name.clone(),
                value: match element.items.len() {
                    _ if !is_sequence => element.value.clone(),
                    1 => "1 item".to_owned(),
                    n => format!("{n} items"),
                },
                below: 0,
                parent,
                place: place.clone(),
            });
            for (index, item) in element.items.iter().enumerate() {
                self.push_item(item, index, at, &place, depth + 1);
            }
            self.0[at].below = self.0.len() - at - 1;
        }
    }

    fn push_item(
        &mut self,
        elements: &[HeaderElement],
        index: usize,
        parent: usize,
        place: &[u32],
        depth: usize,
    ) {
        let place = [place, &[index as u32]].concat();
        let at = self.0.len();
        self.0.push(HeaderLine {
            depth,
            tag: String::new(),
            vr: String::new(),
            name: format!("Item {}", index + 1),
            value: String::new(),
            below: 0,
            parent: Some(parent),
            place: place.clone(),
        });
        self.push_elements(elements, Some(at), &place, depth + 1);
        self.0[at].below = self.0.len() - at - 1;
    }

    /// The lines to show: without those below closed lines or, if `words` are searched for (ignoring case), those that
    /// contain them and the lines to which they belong.
    pub fn shown_lines(&self, words: &str, is_closed: impl Fn(usize) -> bool) -> Vec<usize> {
        let words = words.trim().to_lowercase();
        if words.is_empty() {
            return self.without_closed(is_closed);
        }
        let mut is_shown = vec![false; self.0.len()];
        for (at, line) in self.0.iter().enumerate() {
            let mut next = line.has_words(&words).then_some(at);
            while let Some(shown) = next.filter(|shown| !is_shown[*shown]) {
                is_shown[shown] = true;
                next = self.0[shown].parent;
            }
        }
        (0..self.0.len()).filter(|at| is_shown[*at]).collect()
    }

    fn without_closed(&self, is_closed: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut shown = Vec::new();
        let mut at = 0;
        while let Some(line) = self.0.get(at) {
            shown.push(at);
            at += 1 + if is_closed(at) { line.below } else { 0 };
        }
        shown
    }

    /// The names of the sequences and items to which a line belongs: "Referenced Image Sequence > Item 1".
    pub fn names_above(&self, at: usize) -> String {
        let mut names = Vec::new();
        let mut above = self.0.get(at).and_then(|line| line.parent);
        while let Some(line) = above.and_then(|at| self.0.get(at)) {
            names.push(line.name.as_str());
            above = line.parent;
        }
        names.reverse();
        names.join(" > ")
    }

    /// All lines as text, indented, with tabs between tag, value representation, name and value.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for line in &self.0 {
            let indent = "  ".repeat(line.depth);
            let parts = [&line.tag, &line.vr, &line.name, &line.value];
            let known: Vec<&str> = parts
                .into_iter()
                .map(String::as_str)
                .filter(|part| !part.is_empty())
                .collect();
            text += &format!("{indent}{}\n", known.join("\t"));
        }
        text
    }
}

/// An element that is not the same in two files.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderDifference {
    /// "(0020,0013)".
    pub tag: String,
    /// Name of the element, after the names of the sequences that it is in.
    pub name: String,
    /// Its value in the first and in the second file; `None` where it is missing.
    pub values: [Option<String>; 2],
}

/// The elements that differ between two files, in order. A sequence differs if it has another number of items.
pub fn differences(first: &HeaderLines, second: &HeaderLines) -> Vec<HeaderDifference> {
    let mut pairs: BTreeMap<&[u32], [Option<usize>; 2]> = BTreeMap::new();
    for (file, lines) in [first, second].into_iter().enumerate() {
        for (at, line) in lines
            .0
            .iter()
            .enumerate()
            .filter(|(_, l)| !l.tag.is_empty())
        {
            pairs.entry(&line.place).or_default()[file] = Some(at);
        }
    }
    let files = [first, second];
    let mut all = Vec::new();
    for places in pairs.into_values() {
        let line_in = |file: usize| places[file].and_then(|at| files[file].0.get(at));
        let values = [0, 1].map(|file| line_in(file).map(|line| line.value.clone()));
        let Some(file) = (0..2).find(|file| places[*file].is_some()) else {
            continue;
        };
        let Some((line, at)) = line_in(file).zip(places[file]) else {
            continue;
        };
        if values[0] != values[1] {
            let above = files[file].names_above(at);
            let name = if above.is_empty() {
                line.name.clone()
            } else {
                format!("{above} > {}", line.name)
            };
            all.push(HeaderDifference {
                tag: line.tag.clone(),
                name,
                values,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests;
