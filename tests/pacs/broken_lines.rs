//! The server is killed, the connection breaks, the program is killed: each object arrives exactly
//! once.

use super::{User, files, orthanc::Orthanc, proxy::Proxy, study_of, until};
use serde_json::json;
use std::{ffi::OsStr, path::PathBuf, process::Child, time::Duration};

const OBJECTS: usize = 60;
const LONG: Duration = Duration::from_secs(90);

fn arguments<'a>(server: &'a impl AsRef<OsStr>, files: &'a [PathBuf]) -> Vec<&'a dyn AsRef<OsStr>> {
    let mut all: Vec<&dyn AsRef<OsStr>> = vec![&"pacs", &"send", server];
    all.extend(files.iter().map(|f| f as &dyn AsRef<OsStr>));
    all
}

#[track_caller]
fn assert_success(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn assert_each_arrived_once(orthanc: &Orthanc, count: usize) {
    assert_eq!((orthanc.objects(), orthanc.arrivals()), (count, count));
}

/// All objects of the study have arrived, each under its UID, and no partial file is left.
fn assert_whole(folder: &std::path::Path, sent: &[PathBuf]) {
    let got = files(folder);
    assert_eq!(got.len(), sent.len());
    assert!(got.iter().all(|f| !f.to_string_lossy().contains(".part")));
    for file in got {
        let uid = file.file_stem().unwrap().to_string_lossy().into_owned();
        assert_eq!(
            super::uid_of(&file, dicom_dictionary_std::tags::SOP_INSTANCE_UID),
            uid
        );
    }
}

#[test]
#[ignore = "needs Orthanc"]
fn the_server_is_killed_while_it_receives() {
    let mut orthanc = Orthanc::start();
    let user = User::new();
    let (_, objects) = study_of(OBJECTS, &user.folder("study"));
    let server = orthanc.web();
    let sender = user.begin(&arguments(&server, &objects));
    for part in [10, 30] {
        until("some objects have arrived", LONG, || {
            orthanc.objects() >= part
        });
        orthanc.kill();
        std::thread::sleep(Duration::from_millis(700));
        orthanc.restart();
    }
    assert_success(sender);
    assert_each_arrived_once(&orthanc, OBJECTS);
    let queue = user.run_json(&[&"pacs", &"queue", &"--json"]);
    let tried: u64 = queue
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["attempts"].as_u64().unwrap())
        .sum();
    assert!(tried as usize >= OBJECTS, "{tried}");
    assert!(
        files(&user.folder("data"))
            .iter()
            .all(|f| f.extension().is_none_or(|e| e != "dcm")),
        "the queue must delete its copies"
    );
}

#[test]
#[ignore = "needs Orthanc"]
fn the_server_is_killed_while_it_sends() {
    let mut orthanc = Orthanc::start();
    let user = User::new();
    let (study, objects) = study_of(OBJECTS, &user.folder("study"));
    let server = orthanc.web();
    user.succeeds(&arguments(&server, &objects));
    let got = user.folder("got");
    let receiver = user.begin(&[&"pacs", &"get", &server, &study, &"--out", &got]);
    for part in [5, 30] {
        until("some objects are received", LONG, || {
            files(&got)
                .iter()
                .filter(|f| f.extension().is_some_and(|e| e == "dcm"))
                .count()
                >= part
        });
        orthanc.kill();
        std::thread::sleep(Duration::from_millis(700));
        orthanc.restart();
    }
    assert_success(receiver);
    assert_whole(&got, &objects);
}

#[test]
#[ignore = "needs Orthanc"]
fn a_lost_response_causes_no_second_upload() {
    let orthanc = Orthanc::start();
    let user = User::new();
    let (_, objects) = study_of(3, &user.folder("study"));
    let proxy = Proxy::to(orthanc.http);
    proxy.lose_next_answer();
    let server = proxy.web();
    user.succeeds(&arguments(&server, &objects));
    assert_each_arrived_once(&orthanc, 3);
    assert_eq!(
        proxy.posts(),
        3,
        "the server was asked whether it already had the object"
    );
}

#[test]
#[ignore = "needs Orthanc"]
fn an_interrupted_upload_is_repeated() {
    let orthanc = Orthanc::start();
    let user = User::new();
    let (_, objects) = study_of(3, &user.folder("study"));
    let proxy = Proxy::to(orthanc.http);
    proxy.cut_next_post_after(40_000);
    let server = proxy.web();
    user.succeeds(&arguments(&server, &objects));
    assert_each_arrived_once(&orthanc, 3);
    assert_eq!(proxy.posts(), 4);
}

#[test]
#[ignore = "needs Orthanc"]
fn only_an_interrupted_download_is_repeated() {
    let orthanc = Orthanc::start();
    let user = User::new();
    let (study, objects) = study_of(8, &user.folder("study"));
    let direct = orthanc.web();
    user.succeeds(&arguments(&direct, &objects));
    let proxy = Proxy::to(orthanc.http);
    proxy.cut_next_object_after(60_000);
    let got = user.folder("got");
    user.succeeds(&[&"pacs", &"get", &proxy.web(), &study, &"--out", &got]);
    assert_whole(&got, &objects);
    let fetches = proxy.fetches();
    assert_eq!(fetches.len(), 8);
    assert_eq!(fetches.values().sum::<usize>(), 9, "{fetches:?}");
}

#[test]
#[ignore = "needs Orthanc"]
fn a_program_killed_while_sending_resumes() {
    let orthanc = Orthanc::start();
    let user = User::new();
    let (_, objects) = study_of(OBJECTS, &user.folder("study"));
    let proxy = Proxy::to(orthanc.http);
    let server = proxy.web();
    let mut kills = 0;
    while orthanc.objects() < OBJECTS && kills < 6 {
        let before = orthanc.objects();
        let mut sender = user.begin(&arguments(&server, &objects));
        until("some objects have arrived", LONG, || {
            orthanc.objects() >= (before + 8).min(OBJECTS) || sender.try_wait().unwrap().is_some()
        });
        sender.kill().unwrap();
        sender.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 3, "it was killed only {kills} times");
    user.succeeds(&[&"pacs", &"queue", &"send"]);
    assert_each_arrived_once(&orthanc, OBJECTS);
    let posts = proxy.posts();
    assert!(
        posts <= OBJECTS + kills,
        "{posts} uploads of {OBJECTS} objects with {kills} kills"
    );
    let queue = user.run_json(&[&"pacs", &"queue", &"--json"]);
    assert!(
        queue
            .as_array()
            .unwrap()
            .iter()
            .all(|i| i["state"] == "sent"),
        "{queue}"
    );
}

#[test]
#[ignore = "needs Orthanc"]
fn a_program_killed_while_receiving_resumes() {
    let orthanc = Orthanc::start();
    let user = User::new();
    let (study, objects) = study_of(OBJECTS, &user.folder("study"));
    let direct = orthanc.web();
    user.succeeds(&arguments(&direct, &objects));
    let proxy = Proxy::to(orthanc.http);
    let (server, got) = (proxy.web(), user.folder("got"));
    let here = || {
        files(&got)
            .iter()
            .filter(|f| f.extension().is_some_and(|e| e == "dcm"))
            .count()
    };
    let mut receiver = user.begin(&[&"pacs", &"get", &server, &study, &"--out", &got]);
    until("some objects are received", LONG, || here() >= 10);
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    let kept = here();
    assert!(kept < OBJECTS);
    let told = user.run_json(&[&"pacs", &"get", &server, &study, &"--out", &got, &"--json"]);
    assert_eq!(told[0]["kept"], json!(kept));
    let mut got = files(&got);
    got.retain(|f| f.extension().is_some_and(|e| e == "dcm"));
    assert_eq!(got.len(), OBJECTS);
    let twice = proxy.fetches().values().filter(|n| **n > 1).count();
    assert!(
        twice <= 4,
        "{twice} objects were fetched twice, not only those in transfer"
    );
}

#[test]
#[ignore = "needs Orthanc"]
fn two_programs_with_one_queue_send_everything_once() {
    let orthanc = Orthanc::start();
    let user = User::new();
    let (_, objects) = study_of(30, &user.folder("study"));
    let proxy = Proxy::to(orthanc.http);
    let server = proxy.web();
    let senders: Vec<Child> = (0..3)
        .map(|_| user.begin(&arguments(&server, &objects)))
        .collect();
    senders.into_iter().for_each(assert_success);
    assert_each_arrived_once(&orthanc, 30);
    assert_eq!(proxy.posts(), 30);
}
