//! Headers that are asked for, read, and forgotten.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::session::{Action, command::UserCommand, job::Event, tests::with_pictures};
use labrum_core::header::HeaderElement;

fn header(name: &str) -> Arc<FileHeader> {
    Arc::new(FileHeader {
        elements: vec![HeaderElement {
            tag: [0x10, 0x10],
            vr: "PN".into(),
            name: "PatientName".into(),
            value: name.into(),
            items: Vec::new(),
        }],
        damage: None,
    })
}

fn key(session: &Session, slice: usize) -> SliceKey {
    SliceKey {
        case: session.cases[0].id,
        slice,
    }
}

fn ask(session: &mut Session, action: HeaderAction) -> Vec<(SliceKey, std::path::PathBuf)> {
    session.apply_action(Action::Header(action));
    let jobs = session.take_jobs().into_iter();
    jobs.filter_map(|job| match job {
        Job::Viewer(ViewerJob::ReadHeader { key, path }) => Some((key, path)),
        _ => None,
    })
    .collect()
}

#[test]
fn a_header_is_read_once_and_forgotten_with_its_dialog() {
    let mut session = with_pictures(&[("a", 3)]);
    let first = key(&session, 0);
    let read = HeaderAction::Read(first);
    assert_eq!(
        ask(&mut session, read),
        [(first, std::path::PathBuf::from("/scans/a"))]
    );
    assert!(ask(&mut session, read).is_empty(), "it is being read");
    assert!(session.headers.header_of(first).is_none());
    session.on_event(Event::Header {
        key: first,
        result: Ok(header("Doe^Jane")),
    });
    let found = session.headers.header_of(first).unwrap().unwrap();
    assert_eq!(found.elements[0].value, "Doe^Jane");
    assert!(!format!("{session:?}").contains("Doe"));
    assert!(ask(&mut session, read).is_empty(), "it is known");

    ask(&mut session, HeaderAction::Forget);
    assert!(!session.headers.is_asked(first));
    assert_eq!(ask(&mut session, read).len(), 1);
}

#[test]
fn an_answer_after_the_dialog_was_closed_is_not_kept() {
    let mut session = with_pictures(&[("a", 2)]);
    let first = key(&session, 0);
    ask(&mut session, HeaderAction::Read(first));
    ask(&mut session, HeaderAction::Forget);
    session.on_event(Event::Header {
        key: first,
        result: Ok(header("Doe^Jane")),
    });
    assert!(!session.headers.is_asked(first));
}

#[test]
fn only_the_newest_headers_are_kept() {
    let mut session = with_pictures(&[("a", 5)]);
    let keys: Vec<SliceKey> = (0..5).map(|slice| key(&session, slice)).collect();
    for key in &keys {
        ask(&mut session, HeaderAction::Read(*key));
        session.on_event(Event::Header {
            key: *key,
            result: Err(Error::new("read a file", "it is damaged")),
        });
    }
    let kept: Vec<bool> = keys
        .iter()
        .map(|key| session.headers.header_of(*key).is_some_and(|r| r.is_err()))
        .collect();
    assert_eq!(kept, [false, false, true, true, true]);
}

#[test]
fn pictures_have_no_header() {
    let mut session = with_pictures(&[("a", 1)]);
    assert_eq!(session.command_refusal(UserCommand::Header), None);
    Arc::make_mut(&mut session.cases[0].series).kind = Kind::Picture;
    assert_eq!(
        session.command_refusal(UserCommand::Header),
        Some("Only DICOM files have a header")
    );
}
