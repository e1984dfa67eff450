//! The same over DIMSE instead of DICOMweb: C-FIND, C-GET, C-MOVE, C-STORE.

use super::{
    User, files, orthanc::Orthanc, round_trip::round_trip, samples, study_of, uid_of, until,
};
use dicom_dictionary_std::tags;
use serde_json::json;
use std::{path::Path, process::Command, time::Duration};

#[test]
#[ignore = "needs Orthanc"]
fn by_c_find_c_get_and_c_store() {
    let orthanc = Orthanc::start();
    round_trip(&orthanc, &orthanc.node());
}

#[test]
#[ignore = "needs Orthanc"]
fn by_c_move_to_our_own_port() {
    let orthanc = Orthanc::start();
    let user = User::new();
    let node = orthanc.node();
    let originals = samples("cardiac-mr");
    originals
        .iter()
        .for_each(|file| drop(user.succeeds(&[&"pacs", &"send", &node, file])));
    let study = uid_of(&originals[0], tags::STUDY_INSTANCE_UID);
    let (got, port) = (user.folder("got"), orthanc.ours.to_string());
    let told = user.run_json(&[
        &"pacs",
        &"get",
        &node,
        &study,
        &"--out",
        &got,
        &"--move-port",
        &port,
        &"--json",
    ]);
    assert_eq!(told[0]["fetched"], json!(12), "{told}");
    assert_eq!(files(&got).len(), 12);
    // An AE title to which the server does not send.
    let other = user.folder("other");
    let arguments: [&dyn AsRef<std::ffi::OsStr>; 10] = [
        &"pacs",
        &"get",
        &node,
        &study,
        &"--out",
        &other,
        &"--move-port",
        &port,
        &"--own-ae",
        &"STRANGER",
    ];
    let run = user.run(&arguments);
    assert_eq!(run.code, Some(1), "{}", run.err);
}

#[test]
#[ignore = "needs Orthanc"]
fn compressed_objects_keep_their_transfer_syntax() {
    let orthanc = Orthanc::start();
    let user = User::new();
    let node = orthanc.node();
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/pydicom"
    ));
    for name in [
        "MR_small_RLE.dcm",
        "JPGExtended.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
    ] {
        let file = folder.join(name);
        let run = user.run(&[&"pacs", &"send", &node, &file]);
        assert_eq!(run.code, Some(0), "{name}: {}", run.err);
        let study = uid_of(&file, tags::STUDY_INSTANCE_UID);
        let got = user.folder(name);
        user.succeeds(&[&"pacs", &"get", &node, &study, &"--out", &got]);
        let uid = uid_of(&file, tags::SOP_INSTANCE_UID);
        let back = files(&got)
            .into_iter()
            .find(|f| f.ends_with(format!("{uid}.dcm")))
            .unwrap();
        let syntax = |path: &Path| {
            let meta = dicom_object::open_file(path).unwrap();
            meta.meta()
                .transfer_syntax()
                .trim_end_matches('\0')
                .to_owned()
        };
        assert_eq!(syntax(&file), syntax(&back), "{name}");
    }
}

#[test]
#[ignore = "needs Orthanc"]
fn transfers_resume_after_the_server_is_killed() {
    let mut orthanc = Orthanc::start();
    let user = User::new();
    let (study, objects) = study_of(40, &user.folder("study"));
    let node = orthanc.node();
    let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"pacs", &"send", &node];
    arguments.extend(objects.iter().map(|f| f as &dyn AsRef<std::ffi::OsStr>));
    let sender = user.begin(&arguments);
    until("some objects have arrived", Duration::from_secs(60), || {
        orthanc.objects() >= 10
    });
    orthanc.kill();
    std::thread::sleep(Duration::from_millis(700));
    orthanc.restart();
    assert!(sender.wait_with_output().unwrap().status.success());
    assert_eq!((orthanc.objects(), orthanc.arrivals()), (40, 40));
    let got = user.folder("got");
    let here = || {
        files(&got)
            .iter()
            .filter(|f| f.extension().is_some_and(|e| e == "dcm"))
            .count()
    };
    let receiver = user.begin(&[&"pacs", &"get", &node, &study, &"--out", &got]);
    until("some objects are received", Duration::from_secs(60), || {
        here() >= 5
    });
    orthanc.kill();
    std::thread::sleep(Duration::from_millis(700));
    orthanc.restart();
    let output = receiver.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(here(), 40);
}

/// DCMTK's storescp receives and stores the object that was sent.
#[test]
#[ignore = "needs DCMTK"]
fn dcmtk_receives_what_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut server = Command::new("storescp")
        .arg("-od")
        .arg(folder.path())
        .arg(port.to_string())
        .spawn()
        .unwrap();
    until("storescp listens", Duration::from_secs(20), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let user = User::new();
    let node = format!("dicom://STORESCP@127.0.0.1:{port}");
    user.succeeds(&[&"pacs", &"echo", &node]);
    let file = &samples("sarcoma-ct")[0];
    let run = user.run(&[&"pacs", &"send", &node, file]);
    let kept = files(folder.path());
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(kept.len(), 1);
    assert_eq!(
        uid_of(&kept[0], tags::SOP_INSTANCE_UID),
        uid_of(file, tags::SOP_INSTANCE_UID)
    );
}
