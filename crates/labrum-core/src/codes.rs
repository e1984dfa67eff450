//! Coded concepts to choose from for labels: SNOMED CT as DICOM publishes it, with a search.

use super::label::Code;
use std::{collections::HashMap, sync::LazyLock};

/// Made by `tests/peers/codes.py`; see `assets/README.md`.
const TABLE: &str = include_str!("codes.csv");

/// Something that a label can mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    /// Segmented Property Category Code: "Anatomical Structure".
    pub category: Code,
    /// Segmented Property Type Code: "Liver".
    pub concept: Code,
    /// What it belongs to: "abdomen", "lesion".
    pub group: String,
    /// sRGB colour that it is often shown in.
    pub color: Option<[u8; 3]>,
    /// Its code in the retired scheme SRT; empty where it had none.
    srt: String,
    /// Words of the meaning, and those of other names and of the group, in lower case.
    words: Vec<String>,
    other_words: Vec<String>,
}

/// How well a concept fits a query; less is better: how it fits, the words of its meaning, its length.
type Rank = (u8, usize, usize);

static CONCEPTS: LazyLock<Vec<Concept>> =
    LazyLock::new(|| TABLE.lines().skip(1).filter_map(parse_concept).collect());

static BY_SRT: LazyLock<HashMap<&'static str, &'static Concept>> = LazyLock::new(|| {
    let with_code = CONCEPTS.iter().filter(|c| !c.srt.is_empty());
    with_code.map(|c| (c.srt.as_str(), c)).collect()
});

/// All concepts, in order of category and meaning.
pub fn all_concepts() -> &'static [Concept] {
    &CONCEPTS
}

/// The concepts that fit `query`, best first: each of its words must begin a word of the meaning, of another name or of
/// the group, whatever the case. All for an empty query, the most usual ones first: those with a colour of their own.
pub fn search_concepts(query: &str) -> Vec<&'static Concept> {
    let wanted = split_words(query);
    let mut found: Vec<(Rank, &Concept)> = CONCEPTS
        .iter()
        .filter_map(|c| Some((rank_concept(c, &wanted)?, c)))
        .collect();
    found.sort_by_key(|(rank, concept)| (*rank, wanted.is_empty() && concept.color.is_none()));
    found.into_iter().map(|(_, concept)| concept).collect()
}

/// The concept of a code, by scheme and value.
pub fn find_concept(code: &Code) -> Option<&'static Concept> {
    CONCEPTS
        .iter()
        .find(|c| c.concept.value == code.value && c.concept.scheme == code.scheme)
}

/// The SNOMED CT form of a code of the retired scheme SRT: of a category, a type, or a side.
pub fn from_srt(value: &str) -> Option<Code> {
    /// Categories and modifiers: DICOM PS3.16 CID 7150 and 244.
    const OTHERS: [(&str, &str, &str); 11] = [
        ("T-D0050", "85756007", "Tissue"),
        ("T-D0005", "91723000", "Anatomical Structure"),
        ("T-D000A", "123037004", "Anatomical Structure"),
        ("R-42019", "246464006", "Function"),
        ("A-00004", "260787004", "Physical object"),
        ("M-01000", "49755003", "Morphologically Abnormal Structure"),
        ("T-D0080", "91720002", "Body Substance"),
        ("F-61002", "105590001", "Substance"),
        ("G-A100", "24028007", "Right"),
        ("G-A101", "7771000", "Left"),
        ("G-A102", "51440002", "Right and left"),
    ];
    let other = || {
        OTHERS
            .iter()
            .find(|(srt, ..)| *srt == value)
            .map(|(_, code, meaning)| Code::new(code, "SCT", meaning))
    };
    BY_SRT.get(value).map(|c| c.concept.clone()).or_else(other)
}

/// Without the words of a query there is no rank of their fit: everything comes in the order of the table.
fn rank_concept(concept: &Concept, wanted: &[String]) -> Option<Rank> {
    if wanted.is_empty() {
        return Some((0, 0, 0));
    }
    let begins =
        |words: &[String], start: &String| words.iter().any(|w| w.starts_with(start.as_str()));
    let in_meaning = wanted.iter().filter(|w| begins(&concept.words, w)).count();
    if wanted
        .iter()
        .any(|w| !begins(&concept.words, w) && !begins(&concept.other_words, w))
    {
        return None;
    }
    let all_in_meaning = in_meaning == wanted.len();
    let is_whole = concept.words == wanted;
    let starts = concept
        .words
        .first()
        .zip(wanted.first())
        .is_some_and(|(w, start)| w.starts_with(start.as_str()));
    let whole_other = wanted.iter().all(|w| concept.other_words.contains(w));
    let fit = match () {
        () if is_whole => 0,
        () if all_in_meaning && starts => 1,
        () if whole_other => 2,
        () if all_in_meaning => 3,
        () => 4,
    };
    Some((fit, concept.words.len(), concept.concept.meaning.len()))
}

fn split_words(text: &str) -> Vec<String> {
    let parts = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty());
    parts.map(str::to_lowercase).collect()
}

/// One line of the table.
fn parse_concept(line: &str) -> Option<Concept> {
    let fields = split_fields(line);
    let [
        category,
        category_meaning,
        scheme,
        value,
        meaning,
        group,
        srt,
        color,
        also,
    ] = fields.as_slice()
    else {
        return None;
    };
    let channel = |i: usize| u8::from_str_radix(color.get(i..i + 2)?, 16).ok();
    Some(Concept {
        category: Code::new(category, "SCT", category_meaning),
        concept: Code::new(value, scheme, meaning),
        color: channel(0)
            .zip(channel(2))
            .zip(channel(4))
            .map(|((r, g), b)| [r, g, b]),
        words: split_words(meaning),
        other_words: split_words(&format!("{also} {group}")),
        group: group.clone(),
        srt: srt.clone(),
    })
}

/// Fields separated by commas; one that holds a comma stands in quotes.
fn split_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => {
                if let Some(last) = fields.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::collections::HashSet;

    fn first(query: &str) -> &'static Code {
        &search_concepts(query)
            .first()
            .unwrap_or_else(|| panic!("nothing for {query}"))
            .concept
    }

    #[test]
    fn every_line_of_the_table_is_a_concept_of_its_own() {
        assert_eq!(all_concepts().len(), TABLE.lines().count() - 1);
        assert!(all_concepts().len() > 1000);
        let distinct: HashSet<_> = all_concepts()
            .iter()
            .map(|c| (&c.concept.scheme, &c.concept.value))
            .collect();
        assert_eq!(distinct.len(), all_concepts().len());
        for concept in all_concepts() {
            let codes = [&concept.category, &concept.concept];
            assert!(
                codes
                    .iter()
                    .all(|c| !c.value.is_empty() && c.value.len() <= 16),
                "{concept:?}"
            );
            assert!(
                codes
                    .iter()
                    .all(|c| !c.meaning.is_empty() && c.meaning.len() <= 64),
                "{concept:?}"
            );
            assert!(
                ["SCT", "DCM", "NCIt"].contains(&concept.concept.scheme.as_str()),
                "{concept:?}"
            );
        }
    }

    #[test]
    fn what_people_label_is_found_first() {
        let expected = [
            ("fetal head", "69536005"),
            ("Head circumference", "69536005"),
            ("brain", "12738006"),
            ("LIVER", "10200004"),
            ("kidney", "64033007"),
            ("prostate", "41216001"),
            ("left ventricle", "87878005"),
            ("ventr left", "87878005"),
            ("right atrium", "73829009"),
            ("tumour", "108369006"),
            ("neoplasm", "108369006"),
            ("lesion", "52988006"),
            ("nodule", "27925004"),
            ("cyst", "367643001"),
            ("edema", "79654002"),
            ("oedema", "79654002"),
            ("necrosis", "6574001"),
            ("lung", "39607008"),
            ("thyroid", "69748006"),
            ("breast", "76752008"),
            ("mass", "4147007"),
        ];
        for (query, code) in expected {
            assert_eq!(first(query).value, code, "{query}: {:?}", first(query));
        }
        assert!(
            search_concepts("breast mass")
                .iter()
                .take(3)
                .any(|c| c.concept.value == "4147007")
        );
    }

    #[test]
    fn every_word_must_begin_a_word() {
        assert!(search_concepts("liver zebra").is_empty());
        assert!(
            search_concepts("iver")
                .iter()
                .all(|c| c.concept.value != "10200004"),
            "the middle of a word does not count"
        );
        assert_eq!(search_concepts("").len(), all_concepts().len());
    }

    #[test]
    fn categories_and_colours_come_along() {
        let liver = search_concepts("liver")[0];
        assert_eq!(
            (liver.category.meaning.as_str(), liver.color),
            ("Anatomical Structure", Some([221, 130, 101]))
        );
        assert_eq!(
            search_concepts("mass")[0].category,
            Code::new("49755003", "SCT", "Morphologically Abnormal Structure")
        );
        assert_eq!(find_concept(&liver.concept), Some(liver));
    }

    #[test]
    fn retired_codes_are_translated() {
        assert_eq!(
            from_srt("T-62000").unwrap(),
            Code::new("10200004", "SCT", "Liver")
        );
        assert_eq!(from_srt("M-01000").unwrap().value, "49755003");
        assert_eq!(from_srt("X-1"), None);
    }
}
