//! The dialog with the header of a slice.

use super::*;
use crate::session::{
    job::{SliceKey, ViewerJob},
    tests::with_pictures,
};
use egui::{Key, Modifiers, OutputCommand};
use labrum_core::header::{FileHeader, HeaderElement};
use std::sync::Arc;

fn element(tag: [u16; 2], vr: &str, name: &str, value: &str) -> HeaderElement {
    HeaderElement {
        tag,
        vr: vr.into(),
        name: name.into(),
        value: value.into(),
        items: Vec::new(),
    }
}

/// A header with a sequence and a private element.
fn header(instance: &str) -> Arc<FileHeader> {
    let inner = element([0x8, 0x1155], "UI", "ReferencedSOPInstanceUID", "1.2.3");
    let sequence = HeaderElement {
        items: vec![vec![inner]],
        ..element([0x8, 0x1140], "SQ", "ReferencedImageSequence", "")
    };
    Arc::new(FileHeader {
        elements: vec![
            sequence,
            element([0x10, 0x10], "PN", "PatientName", "Doe^Jane"),
            element([0x19, 0x100c], "IS", "SIEMENS MR HEADER", "1000"),
            element([0x20, 0x13], "IS", "InstanceNumber", instance),
        ],
        damage: None,
    })
}

/// The headers that the window has asked for since the last call.
fn asked(harness: &mut Harness<'static, App>) -> Vec<SliceKey> {
    let jobs = std::mem::take(&mut harness.state_mut().jobs).into_iter();
    jobs.filter_map(|job| match job {
        Job::Viewer(ViewerJob::ReadHeader { key, .. }) => Some(key),
        _ => None,
    })
    .collect()
}

fn answer(harness: &mut Harness<'static, App>, key: SliceKey, header: Arc<FileHeader>) {
    harness.state_mut().session.on_event(Event::Header {
        key,
        result: Ok(header),
    });
    harness.run_steps(3);
}

/// The dialog for the middle one of three slices, with its header.
fn opened() -> (Harness<'static, App>, SliceKey) {
    let mut harness = window(with_pictures(&[("a", 3)]));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    harness.run_steps(3);
    assert!(
        harness
            .query_by_label_contains("Reading the header")
            .is_some()
    );
    let keys = asked(&mut harness);
    assert_eq!(keys, [harness.state().session.cases[0].slice_key()]);
    answer(&mut harness, keys[0], header("2"));
    (harness, keys[0])
}

fn click(harness: &mut Harness<'static, App>, name: &str) {
    harness.get_by_label(name).click();
    harness.run_steps(3);
}

/// What a button copies to the clipboard.
fn copied(harness: &mut Harness<'static, App>, button: &str) -> Option<String> {
    harness.get_by_label(button).click();
    harness.step();
    let commands = &harness.output().platform_output.commands;
    commands.iter().find_map(|command| match command {
        OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    })
}

#[test]
fn all_elements_are_listed_and_sequences_fold() {
    let (mut harness, _) = opened();
    for row in [
        "(0010,0010), PN, PatientName, Doe^Jane",
        "(0019,100C), IS, SIEMENS MR HEADER, 1000",
        "(0020,0013), IS, InstanceNumber, 2",
    ] {
        assert!(harness.query_by_label(row).is_some(), "{row}");
    }
    let inner = "ReferencedSOPInstanceUID, 1.2.3";
    let sequence = "(0008,1140), SQ, ReferencedImageSequence, 1 item";
    assert!(harness.query_by_label_contains(inner).is_some());
    click(&mut harness, sequence);
    assert!(harness.query_by_label_contains(inner).is_none());
    click(&mut harness, sequence);
    assert!(harness.query_by_label_contains(inner).is_some());
}

#[test]
fn the_search_keeps_what_it_finds_with_the_sequence_around_it() {
    let (mut harness, _) = opened();
    harness.get_by_label("Search the header").type_text("1.2.3");
    harness.run_steps(3);
    for (part, is_found) in [
        ("ReferencedSOPInstanceUID", true),
        ("ReferencedImageSequence", true),
        ("InstanceNumber", false),
        ("PatientName", false),
    ] {
        let row = harness.query_by_label_contains(part);
        assert_eq!(row.is_some(), is_found, "{part}");
    }
    harness
        .get_by_label("Search the header")
        .type_text(" and more");
    harness.run_steps(3);
    assert!(
        harness
            .query_by_label("No element has these words.")
            .is_some()
    );
}

#[test]
fn a_value_and_the_whole_header_are_copied() {
    let (mut harness, _) = opened();
    assert_eq!(copied(&mut harness, "Copy value"), None, "nothing chosen");
    click(&mut harness, "(0010,0010), PN, PatientName, Doe^Jane");
    assert_eq!(
        copied(&mut harness, "Copy value").as_deref(),
        Some("Doe^Jane")
    );
    let all = copied(&mut harness, "Copy all").unwrap();
    assert!(all.contains("(0010,0010)\tPN\tPatientName\tDoe^Jane\n"));
    assert_eq!(all.lines().count(), 6, "{all}");
}

#[test]
fn two_slices_are_compared() {
    let (mut harness, shown) = opened();
    click(&mut harness, "Compare with slice");
    let keys = asked(&mut harness);
    let next = SliceKey {
        slice: shown.slice + 1,
        ..shown
    };
    assert_eq!(keys, [next]);
    answer(&mut harness, next, header("3"));
    assert!(harness.query_by_label("1 element differs.").is_some());
    let row = "(0020,0013), InstanceNumber, 2, 3";
    assert!(harness.query_by_label(row).is_some());
    assert!(harness.query_by_label_contains("PatientName").is_none());
    assert_eq!(
        copied(&mut harness, "Copy all").as_deref(),
        Some("(0020,0013)\tInstanceNumber\t2\t3\n")
    );
}

#[test]
fn a_header_that_cannot_be_read_says_why_and_closing_forgets_it() {
    let (mut harness, shown) = opened();
    harness.state_mut().session.on_event(Event::Header {
        key: shown,
        result: Err(Error::new("read the file", "it is truncated")),
    });
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("it is truncated").is_some());
    click(&mut harness, "Close");
    assert!(harness.query_by_label("Search the header").is_none());
    assert!(!harness.state().session.headers.is_asked(shown));
}
