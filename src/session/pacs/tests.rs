//! Requests to servers, and how the session handles their responses.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    Error, ErrorKind,
    session::{
        Action,
        command::UserCommand,
        job::{Event, FileJob},
        settings::Settings,
        tests::{answer, model, segment_jobs, session},
    },
};
use labrum_core::{
    export_format::ExportFormat,
    import::ImportedMeasurements,
    measurement::{DrawnMeasurement, MeasurementPlace, Shape, ShapeKind},
    pacs::{RemoteStudy, SignIn},
};

pub(in crate::session) fn server(name: &str) -> Server {
    Server {
        name: name.into(),
        address: format!("https://{name}/dicom-web"),
        ..Server::default()
    }
}

fn with_servers(session: &mut Session) {
    let servers = vec![server("first"), server("second")];
    session.apply_action(Action::SetSettings(Settings {
        servers,
        ..session.settings.clone()
    }));
    session.take_jobs();
}

fn act(session: &mut Session, action: PacsAction) -> Vec<PacsJob> {
    session.apply_action(Action::Pacs(action));
    let jobs = session.take_jobs().into_iter();
    jobs.filter_map(|job| {
        if let Job::Pacs(job) = job {
            Some(*job)
        } else {
            None
        }
    })
    .collect()
}

fn failure(needs_sign_in: bool) -> Error {
    let kind = if needs_sign_in {
        ErrorKind::SignIn
    } else {
        ErrorKind::Refused
    };
    Error::new(
        "find studies on the server \"first\"",
        "it does not accept the password",
    )
    .of_kind(kind)
}

fn study(uid: &str) -> RemoteStudy {
    RemoteStudy {
        study_uid: uid.into(),
        patient_name: "Doe Jane".into(),
        ..RemoteStudy::default()
    }
}

fn sent_request(jobs: &[PacsJob]) -> (u64, Cancel) {
    match jobs {
        [
            PacsJob::Ask(PacsQuestion::Find { id, cancel, .. })
            | PacsJob::Receive(ReceiveJob { id, cancel, .. }),
        ] => (*id, cancel.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_search_cancels_the_previous_one() {
    let mut session = Session::new(Settings::default());
    with_servers(&mut session);
    let (old, stopped) = sent_request(&act(&mut session, PacsAction::Find(Query::default())));
    let (new, _) = sent_request(&act(
        &mut session,
        PacsAction::Find(Query {
            modality: "CT".into(),
            ..Query::default()
        }),
    ));
    assert!(stopped.is_cancelled());
    let found = |uid: &str| {
        Ok(FoundStudies {
            studies: vec![study(uid)],
            is_cut: false,
        })
    };
    session.on_event(Event::Pacs(PacsEvent::Found {
        id: old,
        result: found("1"),
    }));
    assert!(
        session.pacs.found.is_none(),
        "the result of the cancelled search is dropped"
    );
    session.on_event(Event::Pacs(PacsEvent::Found {
        id: new,
        result: found("2"),
    }));
    assert_eq!(
        session.pacs.found.as_ref().unwrap().studies[0].study_uid,
        "2"
    );
    assert!(session.pacs.asking.is_none());
}

#[test]
fn a_search_is_repeated_after_signing_in() {
    let mut session = Session::new(Settings::default());
    with_servers(&mut session);
    let query = Query {
        patient_id: "7".into(),
        ..Query::default()
    };
    let (id, _) = sent_request(&act(&mut session, PacsAction::Find(query.clone())));
    session.on_event(Event::Pacs(PacsEvent::Found {
        id,
        result: Err(failure(true)),
    }));
    assert!(
        session.pacs.needs_sign_in && session.pacs.trouble.as_ref().unwrap().contains("password")
    );
    let secret = Secret::new("pass");
    let sign_in = PacsAction::SignIn {
        server: "first".into(),
        secret: secret.clone(),
        is_kept: false,
    };
    let jobs = act(&mut session, sign_in);
    assert!(matches!(&jobs[0], PacsJob::SignIn { secret: s, is_kept: false, .. } if *s == secret));
    assert!(
        matches!(&jobs[1], PacsJob::Ask(PacsQuestion::Find { query: q, .. }) if *q == query),
        "the search is repeated"
    );
    assert!(!format!("{jobs:?}").contains("pass"));
}

#[test]
fn a_received_study_is_opened_and_a_cancelled_one_is_not() {
    let mut session = Session::new(Settings::default());
    with_servers(&mut session);
    let receive = PacsAction::Receive {
        study_uid: "1.2".into(),
        series: None,
    };
    let (id, cancel) = sent_request(&act(&mut session, receive.clone()));
    assert!(session.is_busy());
    session.apply_action(Action::Command(UserCommand::Cancel));
    assert!(cancel.is_cancelled() && session.pacs.receiving.is_none());
    session.on_event(Event::Pacs(PacsEvent::Received {
        id,
        result: Ok(vec!["/cache/1.2".into()]),
    }));
    assert!(session.opening.is_none());

    let (id, _) = sent_request(&act(&mut session, receive));
    let state = Receiving {
        done: 3,
        total: 12,
        bytes: 99,
        is_waiting: false,
    };
    session.on_event(Event::Pacs(PacsEvent::Receiving { id, state }));
    assert_eq!(session.pacs.receiving.as_ref().unwrap().state, state);
    session.on_event(Event::Pacs(PacsEvent::Received {
        id,
        result: Ok(vec!["/cache/1.2/3".into()]),
    }));
    let jobs = session.take_jobs();
    assert!(
        jobs.iter()
            .any(|j| matches!(j, Job::Files(FileJob::Open { paths, .. }) if paths == &[std::path::PathBuf::from("/cache/1.2/3")])),
        "{jobs:?}"
    );
}

#[test]
fn choosing_another_server_discards_the_results_of_the_first() {
    let mut session = Session::new(Settings::default());
    with_servers(&mut session);
    assert_eq!(session.chosen_server().unwrap().name, "first");
    let (id, cancel) = sent_request(&act(&mut session, PacsAction::Find(Query::default())));
    act(&mut session, PacsAction::Choose("second".into()));
    assert!(cancel.is_cancelled());
    session.on_event(Event::Pacs(PacsEvent::Found {
        id,
        result: Ok(FoundStudies::default()),
    }));
    assert!(session.pacs.found.is_none() && session.chosen_server().unwrap().name == "second");
}

#[test]
fn removing_a_server_also_forgets_its_password() {
    let mut session = Session::new(Settings::default());
    let new = Box::new(Server {
        sign_in: SignIn::Token,
        ..server(" main ")
    });
    act(
        &mut session,
        PacsAction::Save {
            before: None,
            server: new,
        },
    );
    assert_eq!(session.settings.servers[0].name, "main");
    let changed = Box::new(Server {
        address: "https://other/".into(),
        ..server("renamed")
    });
    act(
        &mut session,
        PacsAction::Save {
            before: Some("main".into()),
            server: changed,
        },
    );
    assert_eq!(session.settings.servers.len(), 1);
    assert_eq!(session.chosen_server().unwrap().address, "https://other/");
    let jobs = act(&mut session, PacsAction::Remove("renamed".into()));
    assert!(matches!(&jobs[..], [PacsJob::Forget(server)] if server.name == "renamed"));
    assert!(session.chosen_server().is_none());
}

#[test]
fn the_masks_of_the_case_are_sent_with_the_name_of_their_model() {
    let mut session = session(&[("a", 2)], Some(model("US")));
    with_servers(&mut session);
    assert_eq!(
        session.command_refusal(UserCommand::SendToServer),
        Some("No mask or measurement to send yet")
    );
    session.apply_action(Action::Command(UserCommand::SegmentSeries));
    segment_jobs(&mut session)
        .iter()
        .for_each(|job| answer(&mut session, job));
    assert_eq!(session.command_refusal(UserCommand::SendToServer), None);
    let send = PacsAction::Send {
        server: "second".into(),
        format: ExportFormat::DicomSeg,
    };
    let jobs = act(&mut session, send);
    let [PacsJob::Sending(SendingJob::Send { export, server })] = &jobs[..] else {
        panic!("{jobs:?}")
    };
    assert_eq!((server.name.as_str(), export.slices.len()), ("second", 2));
    assert_eq!(export.model.as_ref().unwrap()[0], "US model");
    assert!(
        session.exporting.is_none(),
        "this is not an export to a folder"
    );
}

#[test]
fn measurements_are_sent_as_a_report_also_without_a_mask() {
    let mut session = session(&[("a", 2)], None);
    with_servers(&mut session);
    let shape = Shape::new(ShapeKind::Length, vec![[1.0, 1.0], [4.0, 5.0]]).unwrap();
    let place = MeasurementPlace::Slice(1);
    let drawn = DrawnMeasurement::new("Wall".into(), String::new(), place, shape);
    session.on_event(Event::ImportedMeasurements {
        case: session.cases[0].id,
        result: Ok(ImportedMeasurements {
            measurements: vec![drawn.clone()],
            notes: Vec::new(),
        }),
    });
    assert_eq!(session.command_refusal(UserCommand::SendToServer), None);
    let send = PacsAction::Send {
        server: "first".into(),
        format: ExportFormat::StructuredReport,
    };
    let jobs = act(&mut session, send);
    let [PacsJob::Sending(SendingJob::Send { export, .. })] = &jobs[..] else {
        panic!("{jobs:?}")
    };
    assert_eq!(export.drawn, [drawn]);
}

#[test]
fn each_change_in_the_send_queue_is_reported_once() {
    let mut session = Session::new(Settings::default());
    with_servers(&mut session);
    let item = |state, trouble: Option<&str>| SendItem {
        id: "a".into(),
        server: server("first"),
        file: "x.seg.dcm".into(),
        sop_class: "1.2".into(),
        sop_uid: "1.2.3".into(),
        study_uid: "1.2".into(),
        series_uid: "1.2.9".into(),
        state,
        attempts: 1,
        may_have_arrived: false,
        next_try: 0,
        trouble: trouble.map(str::to_owned),
        queued: 0,
        changed: 0,
    };
    let tell = |session: &mut Session, item| {
        session.on_event(Event::Pacs(PacsEvent::Queue(vec![item])));
        session.notices.list.len()
    };
    assert_eq!(tell(&mut session, item(SendState::Waiting, None)), 0);
    assert_eq!(session.pacs.pending_counts(), (1, 0));
    assert_eq!(
        tell(&mut session, item(SendState::Refused, Some("no room"))),
        1
    );
    assert_eq!(session.pacs.pending_counts(), (0, 1));
    assert_eq!(
        tell(&mut session, item(SendState::Refused, Some("no room"))),
        1
    );
    assert_eq!(tell(&mut session, item(SendState::Waiting, None)), 1);
    assert_eq!(tell(&mut session, item(SendState::Sent, None)), 2);
    assert!(session.notices.list[0].text.contains("no room"));
}
