//! Servers in the window: requests, results and errors.

#![allow(clippy::panic)]

use super::*;
use crate::session::{
    command::UserCommand,
    job::{FileJob, PacsEvent, PacsJob, PacsQuestion, ReceiveJob, SendingJob},
};
use egui_kittest::kittest::NodeT;
use labrum_core::pacs::{
    FoundStudies, Receiving, RemoteSeries, RemoteStudy, SendItem, SendState, Server, SignIn,
};

fn server(name: &str) -> Server {
    Server {
        name: name.into(),
        address: format!("https://{name}.example.org/dicom-web"),
        ..Server::default()
    }
}

fn with_servers() -> Session {
    Session::new(Settings {
        servers: vec![server("Main"), server("Research")],
        ..Settings::default()
    })
}

fn browser(session: Session) -> Harness<'static, App> {
    let mut harness = window(session);
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::R);
    harness.run_steps(3);
    harness
}

fn jobs(harness: &mut Harness<'static, App>) -> Vec<PacsJob> {
    let all = std::mem::take(&mut harness.state_mut().jobs);
    all.into_iter()
        .filter_map(|job| {
            if let Job::Pacs(job) = job {
                Some(*job)
            } else {
                None
            }
        })
        .collect()
}

fn send_event(harness: &mut Harness<'static, App>, event: PacsEvent) {
    harness.state_mut().session.on_event(Event::Pacs(event));
    harness.run_steps(3);
}

fn click(harness: &mut Harness<'static, App>, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(3);
}

fn type_in(harness: &mut Harness<'static, App>, field: &str, text: &str) {
    let find = |h: &Harness<'static, App>| {
        h.get_all_by_label(field)
            .last()
            .map(|n| n.accesskit_node().id())
    };
    assert!(find(harness).is_some(), "{field}");
    harness.get_all_by_label(field).last().unwrap().focus();
    harness.run_steps(2);
    harness
        .get_all_by_label(field)
        .last()
        .unwrap()
        .type_text(text);
    harness.run_steps(2);
}

fn two_studies() -> FoundStudies {
    let study = |uid: &str, name: &str| RemoteStudy {
        study_uid: uid.into(),
        patient_name: name.into(),
        date: "2026-01-31".into(),
        modalities: vec!["CT".into()],
        instances: Some(12),
        ..RemoteStudy::default()
    };
    FoundStudies {
        studies: vec![study("1.1", "Doe Jane"), study("1.2", "Roe Richard")],
        is_cut: false,
    }
}

/// With two studies found.
fn searched() -> Harness<'static, App> {
    let mut harness = browser(with_servers());
    type_in(&mut harness, "Patient's name", "doe");
    click(&mut harness, "Search");
    let jobs = jobs(&mut harness);
    let [
        PacsJob::Ask(PacsQuestion::Find {
            id, server, query, ..
        }),
    ] = &jobs[..]
    else {
        panic!("{jobs:?}")
    };
    assert_eq!(
        (server.name.as_str(), query.patient_name.as_str()),
        ("Main", "doe")
    );
    send_event(
        &mut harness,
        PacsEvent::Found {
            id: *id,
            result: Ok(two_studies()),
        },
    );
    harness
}

fn row(harness: &Harness<'static, App>, words: &str) -> bool {
    harness.query_all_by_label_contains(words).next().is_some()
}

#[test]
fn a_study_is_found_expanded_and_received() {
    let mut harness = searched();
    assert!(
        row(&harness, "Doe Jane") && row(&harness, "Roe Richard") && row(&harness, "2 studies")
    );
    harness.get_by_label_contains("Roe Richard").click();
    harness.run_steps(3);
    let listed = jobs(&mut harness);
    let [PacsJob::Ask(PacsQuestion::ListSeries { id, study_uid, .. })] = &listed[..] else {
        panic!("{listed:?}")
    };
    assert_eq!(study_uid, "1.2");
    let series = |uid: &str, words: &str| RemoteSeries {
        series_uid: uid.into(),
        description: words.into(),
        modality: "CT".into(),
        ..RemoteSeries::default()
    };
    let list = vec![series("1.2.1", "Scout"), series("1.2.2", "Abdomen")];
    send_event(
        &mut harness,
        PacsEvent::Series {
            id: *id,
            study_uid: "1.2".into(),
            result: Ok(list),
        },
    );
    harness.get_by_label_contains("Abdomen").click();
    harness.run_steps(3);
    click(&mut harness, "Open study");
    let received = jobs(&mut harness);
    let [
        PacsJob::Receive(ReceiveJob {
            id,
            study_uid,
            series,
            ..
        }),
    ] = &received[..]
    else {
        panic!("{received:?}")
    };
    assert_eq!(
        (study_uid.as_str(), series.as_deref()),
        ("1.2", Some(&["1.2.2".to_owned()][..]))
    );
    let state = Receiving {
        done: 3,
        total: 12,
        bytes: 2_000_000,
        is_waiting: false,
    };
    send_event(&mut harness, PacsEvent::Receiving { id: *id, state });
    assert!(row(&harness, "Receiving 3 of 12 objects"));
    let state = Receiving {
        is_waiting: true,
        ..state
    };
    send_event(&mut harness, PacsEvent::Receiving { id: *id, state });
    assert!(row(&harness, "Connection lost: trying again"));
    send_event(
        &mut harness,
        PacsEvent::Received {
            id: *id,
            result: Ok(vec!["/cache/1.2".into()]),
        },
    );
    assert!(
        !harness.state().window.has_dialog(),
        "the dialog closes when the study is opened"
    );
    assert!(
        harness
            .state()
            .jobs
            .iter()
            .any(|job| matches!(job, Job::Files(FileJob::Open { .. })))
    );
}

#[test]
fn receiving_can_be_cancelled() {
    let mut harness = searched();
    harness.get_by_label_contains("Doe Jane").click();
    harness.run_steps(3);
    click(&mut harness, "Open study");
    click(&mut harness, "Stop receiving");
    let jobs = jobs(&mut harness);
    let stopped = jobs.iter().any(
        |job| matches!(job, PacsJob::Receive(ReceiveJob { cancel, .. }) if cancel.is_cancelled()),
    );
    assert!(stopped, "{jobs:?}");
    assert!(harness.state().window.has_dialog());
}

#[test]
fn a_password_is_requested_when_needed_and_never_logged() {
    let signed = Server {
        sign_in: SignIn::Password,
        user: "reader".into(),
        ..server("Main")
    };
    let mut harness = browser(Session::new(Settings {
        servers: vec![signed],
        ..Settings::default()
    }));
    click(&mut harness, "Search");
    let asked = jobs(&mut harness);
    let [PacsJob::Ask(PacsQuestion::Find { id, .. })] = &asked[..] else {
        panic!("{asked:?}")
    };
    let failure = Error::new("sign in (server \"Main\")", "the password is missing")
        .of_kind(ErrorKind::SignIn);
    send_event(
        &mut harness,
        PacsEvent::Found {
            id: *id,
            result: Err(failure),
        },
    );
    assert!(row(&harness, "the password is missing"));
    type_in(&mut harness, "Password", "hush");
    click(&mut harness, "Sign in");
    let asked = jobs(&mut harness);
    assert!(
        matches!(&asked[0], PacsJob::SignIn { secret, is_kept: true, .. } if secret.expose_secret() == "hush")
    );
    assert!(
        matches!(&asked[1], PacsJob::Ask(PacsQuestion::Find { .. })),
        "the search is repeated without a click"
    );
    assert!(
        harness
            .state()
            .actions
            .iter()
            .all(|action| !action.contains("hush"))
    );
}

#[test]
fn errors_are_shown_in_the_dialog() {
    let mut harness = searched();
    click(&mut harness, "Test");
    let asked = jobs(&mut harness);
    let [PacsJob::Ask(PacsQuestion::Echo { id, .. })] = &asked[..] else {
        panic!("{asked:?}")
    };
    let failure = Error::new(
        "connect over DICOMweb (server \"Main\")",
        "nothing answers there (connection refused)",
    );
    send_event(
        &mut harness,
        PacsEvent::Echoed {
            id: *id,
            result: Err(failure),
        },
    );
    assert!(row(&harness, "connection refused"));
    type_in(&mut harness, "From", "yesterday");
    click(&mut harness, "Search");
    assert!(jobs(&mut harness).is_empty(), "an invalid date is not sent");
}

#[test]
fn the_first_server_is_added_in_the_search_dialog() {
    let mut harness = browser(Session::new(Settings::default()));
    type_in(&mut harness, "Name", "Hospital");
    type_in(&mut harness, "Address", "pacs.example.org");
    assert!(row(&harness, "must begin with https://"));
    click(&mut harness, "Save");
    assert!(
        harness.state().session.settings.servers.is_empty(),
        "the button is disabled"
    );
    harness.get_all_by_label("Address").last().unwrap().focus();
    harness.key_press(egui::Key::Home);
    harness.run_steps(2);
    harness
        .get_all_by_label("Address")
        .last()
        .unwrap()
        .type_text("https://");
    harness.run_steps(2);
    click(&mut harness, "Save");
    let servers = &harness.state().session.settings.servers;
    assert_eq!(servers[0].name, "Hospital");
    assert!(
        servers[0].address.contains("https://"),
        "{}",
        servers[0].address
    );
    assert!(
        harness.query_by_label("Search").is_some(),
        "the search is available"
    );
}

fn waiting(state: SendState, trouble: Option<&str>) -> SendItem {
    SendItem {
        id: "a".into(),
        server: server("Main"),
        file: "1.2.3.seg.dcm".into(),
        sop_class: "1.2".into(),
        sop_uid: "1.2.3".into(),
        study_uid: "1.2".into(),
        series_uid: "1.2.9".into(),
        state,
        attempts: 2,
        may_have_arrived: true,
        next_try: 0,
        trouble: trouble.map(str::to_owned),
        queued: 0,
        changed: 0,
    }
}

#[test]
fn the_send_queue_is_opened_from_the_status_bar_and_edited() {
    let mut harness = window(with_servers());
    assert!(
        harness
            .query_by_label_contains("Send queue: Sending")
            .is_none()
    );
    let item = waiting(SendState::Waiting, Some("the connection broke off"));
    send_event(&mut harness, PacsEvent::Queue(vec![item]));
    click(&mut harness, "Send queue: Sending 1");
    harness.get_by_label_contains("1.2.3.seg.dcm").click();
    harness.run_steps(3);
    assert!(row(&harness, "The connection broke off. Attempts: 2."));
    click(&mut harness, "Try now");
    click(&mut harness, "Cancel sending");
    let asked = jobs(&mut harness);
    assert!(
        matches!(&asked[..], [PacsJob::Sending(SendingJob::Retry(a)), PacsJob::Sending(SendingJob::Cancel(b))] if a == "a" && b == "a"),
        "{asked:?}"
    );
    send_event(
        &mut harness,
        PacsEvent::Queue(vec![waiting(SendState::Cancelled, None)]),
    );
    click(&mut harness, "Clear finished");
    assert!(matches!(
        &jobs(&mut harness)[..],
        [PacsJob::Sending(SendingJob::ForgetDone)]
    ));
}

#[test]
fn sending_without_a_case_is_refused_with_a_reason() {
    let session = with_servers();
    assert_eq!(
        session.command_refusal(UserCommand::SendToServer),
        Some("Nothing is open")
    );
}
