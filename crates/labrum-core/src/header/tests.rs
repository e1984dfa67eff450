//! Lines, search and differences of headers.
#![allow(clippy::unwrap_used)]

use super::*;

fn element(tag: [u16; 2], vr: &str, name: &str, value: &str) -> HeaderElement {
    HeaderElement {
        tag,
        vr: vr.into(),
        name: name.into(),
        value: value.into(),
        items: Vec::new(),
    }
}

/// A patient, a sequence of two items, and a private element.
fn header() -> FileHeader {
    let item = |uid: &str| vec![element([8, 0x1155], "UI", "ReferencedSOPInstanceUID", uid)];
    let sequence = HeaderElement {
        items: vec![item("1.2.3"), item("1.2.4")],
        ..element([8, 0x1140], "SQ", "ReferencedImageSequence", "")
    };
    FileHeader {
        elements: vec![
            sequence,
            element([0x10, 0x10], "PN", "PatientName", "Doe^Jane"),
            element([0x20, 0x13], "IS", "InstanceNumber", "7"),
            element(
                [0x29, 0x1010],
                "OB",
                "Private: SIEMENS CSA HEADER",
                "12 bytes",
            ),
        ],
        damage: None,
    }
}

fn lines() -> HeaderLines {
    HeaderLines::of_header(&header())
}

fn names(lines: &HeaderLines, shown: &[usize]) -> Vec<String> {
    let name = |at: &usize| lines.all()[*at].name.clone();
    shown.iter().map(name).collect()
}

#[test]
fn sequences_and_their_items_are_lines_above_their_elements() {
    let lines = lines();
    let all: Vec<(usize, &str, usize)> = lines
        .all()
        .iter()
        .map(|line| (line.depth, line.name.as_str(), line.below))
        .collect();
    assert_eq!(
        all,
        [
            (0, "ReferencedImageSequence", 4),
            (1, "Item 1", 1),
            (2, "ReferencedSOPInstanceUID", 0),
            (1, "Item 2", 1),
            (2, "ReferencedSOPInstanceUID", 0),
            (0, "PatientName", 0),
            (0, "InstanceNumber", 0),
            (0, "Private: SIEMENS CSA HEADER", 0),
        ]
    );
    assert_eq!(lines.all()[0].value, "2 items");
    assert_eq!(lines.names_above(4), "ReferencedImageSequence > Item 2");
    assert!(header().elements[3].is_private() && !header().elements[1].is_private());
}

#[test]
fn closed_lines_hide_what_belongs_to_them() {
    let lines = lines();
    assert_eq!(lines.shown_lines("", |_| false).len(), 8);
    let shown = lines.shown_lines(" ", |at| at == 1);
    assert_eq!(shown, [0, 1, 3, 4, 5, 6, 7]);
    assert_eq!(lines.shown_lines("", |at| at == 0), [0, 5, 6, 7]);
}

#[test]
fn tags_names_and_values_are_found_with_the_lines_that_they_belong_to() {
    let lines = lines();
    let found = |words: &str| names(&lines, &lines.shown_lines(words, |_| true));
    assert_eq!(found("jane"), ["PatientName"]);
    assert_eq!(found("patientn"), ["PatientName"]);
    assert_eq!(found("siemens"), ["Private: SIEMENS CSA HEADER"]);
    for tag in ["(0010,0010)", "0010,0010", "00100010", "0010 0010"] {
        assert_eq!(found(tag), ["PatientName"], "{tag}");
    }
    assert_eq!(
        found("1.2.4"),
        [
            "ReferencedImageSequence",
            "Item 2",
            "ReferencedSOPInstanceUID"
        ]
    );
    assert!(found("no such words").is_empty());
}

#[test]
fn two_files_differ_in_values_missing_elements_and_numbers_of_items() {
    let mut other = header();
    other.elements[0].items.pop();
    other.elements[0].items[0][0].value = "1.2.9".into();
    other.elements[2].value = "8".into();
    other.elements.remove(1);
    other
        .elements
        .push(element([0x7FE0, 0x10], "OW", "PixelData", "8 bytes"));
    let found = differences(&lines(), &HeaderLines::of_header(&other));
    let values = |a: Option<&str>, b: Option<&str>| [a, b].map(|v| v.map(String::from));
    let all: Vec<(&str, &[Option<String>; 2])> =
        found.iter().map(|d| (d.name.as_str(), &d.values)).collect();
    assert_eq!(
        all,
        [
            (
                "ReferencedImageSequence",
                &values(Some("2 items"), Some("1 item"))
            ),
            (
                "ReferencedImageSequence > Item 1 > ReferencedSOPInstanceUID",
                &values(Some("1.2.3"), Some("1.2.9"))
            ),
            (
                "ReferencedImageSequence > Item 2 > ReferencedSOPInstanceUID",
                &values(Some("1.2.4"), None)
            ),
            ("PatientName", &values(Some("Doe^Jane"), None)),
            ("InstanceNumber", &values(Some("7"), Some("8"))),
            ("PixelData", &values(None, Some("8 bytes"))),
        ]
    );
    assert!(differences(&lines(), &lines()).is_empty());
}

#[test]
fn all_lines_are_copied_as_text() {
    let text = lines().to_text();
    assert_eq!(
        text.lines().take(3).collect::<Vec<_>>(),
        [
            "(0008,1140)\tSQ\tReferencedImageSequence\t2 items",
            "  Item 1",
            "    (0008,1155)\tUI\tReferencedSOPInstanceUID\t1.2.3",
        ]
    );
    assert!(text.contains("(0010,0010)\tPN\tPatientName\tDoe^Jane\n"));
}

#[test]
fn debug_shows_no_values() {
    let text = format!("{:?}", header());
    assert!(
        text.contains("(0010,0010)") && !text.contains("Jane"),
        "{text}"
    );
}
