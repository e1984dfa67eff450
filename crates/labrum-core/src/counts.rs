//! Counts with nouns ("1 file", "3 files") and shortened lists of names.

use std::collections::HashMap;

/// "1 file", "3 files", "2 studies"; for nouns with a regular plural, and for "series".
pub fn count_with_noun(number: usize, what: &str) -> String {
    match what
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']))
    {
        _ if number == 1 || what.ends_with('s') => format!("{number} {what}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {what}s"),
    }
}

/// "1 case is", "3 cases are": a count with its noun and the matching form of a verb.
pub fn with_verb(number: usize, what: &str, [one, several]: [&str; 2]) -> String {
    format!(
        "{} {}",
        count_with_noun(number, what),
        if number == 1 { one } else { several }
    )
}

/// The first three names and the number of the others: "a.png, b.png, c.png and 796 more".
pub fn first_names<T: AsRef<str>>(names: &[T]) -> String {
    const MOST: usize = 3;
    let first: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(MOST) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Groups (name, text) pairs by text, in order of first appearance: each text once, with all its names.
pub fn group_by_text(
    said: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    let mut places = HashMap::new();
    for (of, text) in said {
        let place = *places.entry(text.clone()).or_insert_with(|| {
            all.push((text, Vec::new()));
            all.len() - 1
        });
        if let Some((_, names)) = all.get_mut(place)
            && names.last() != Some(&of)
        {
            names.push(of);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_and_verbs_agree_with_the_count() {
        assert_eq!(
            [0, 1, 2].map(|n| count_with_noun(n, "file")),
            ["0 files", "1 file", "2 files"]
        );
        assert_eq!(
            [1, 2].map(|n| count_with_noun(n, "series")),
            ["1 series", "2 series"]
        );
        assert_eq!(
            [1, 2].map(|n| count_with_noun(n, "study")),
            ["1 study", "2 studies"]
        );
        assert_eq!(
            [1, 2].map(|n| with_verb(n, "case", ["is", "are"])),
            ["1 case is", "2 cases are"]
        );
    }

    #[test]
    fn long_lists_of_names_are_shortened() {
        assert_eq!(first_names(&["a", "b", "c"]), "a, b, c");
        assert_eq!(
            first_names(&["a", "b", "c", "d", "e"]),
            "a, b, c and 2 more"
        );
    }

    #[test]
    fn equal_texts_are_grouped() {
        let said =
            [("a", "x"), ("b", "y"), ("c", "x")].map(|(of, text)| (of.to_owned(), text.to_owned()));
        let x = ("x".to_owned(), vec!["a".to_owned(), "c".to_owned()]);
        assert_eq!(
            group_by_text(said),
            [x, ("y".to_owned(), vec!["b".to_owned()])]
        );
    }
}
