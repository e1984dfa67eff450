//! Find, receive, segment, send back, receive again: what comes back is what was sent.

use super::{User, files, orthanc::Orthanc, samples, study_of, uid_of, until};
use dicom_dictionary_std::tags;
use serde_json::json;
use std::{path::PathBuf, process::Command, time::Duration};

/// A model for other images: its result does not matter here.
const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/assets/models/fetal-head.safetensors"
);

fn pixels(path: &std::path::Path) -> Vec<u8> {
    let object = dicom_object::open_file(path).unwrap();
    object
        .element(tags::PIXEL_DATA)
        .unwrap()
        .to_bytes()
        .unwrap()
        .into_owned()
}

/// Sends files and checks that all arrive.
fn send(user: &User, server: &str, files: &[PathBuf]) -> serde_json::Value {
    let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"pacs", &"send", &server];
    arguments.extend(files.iter().map(|f| f as &dyn AsRef<std::ffi::OsStr>));
    arguments.push(&"--json");
    let items = user.run_json(&arguments);
    assert!(
        items
            .as_array()
            .unwrap()
            .iter()
            .all(|i| i["state"] == "sent"),
        "{items}"
    );
    items
}

/// The whole round trip with one server address for finding, receiving and sending.
pub(crate) fn round_trip(orthanc: &Orthanc, server: &str) {
    let user = User::new();
    let originals = samples("cardiac-mr");
    send(&user, server, &originals);
    send(&user, server, &samples("sarcoma-ct"));
    assert_eq!(orthanc.objects(), 24);

    user.succeeds(&[&"pacs", &"echo", &server]);
    let all = user.run_json(&[&"pacs", &"find", &server, &"--json"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    let found = user.run_json(&[
        &"pacs",
        &"find",
        &server,
        &"--modality",
        &"MR",
        &"--series",
        &"--json",
    ]);
    let study = found[0]["study_uid"].as_str().unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(study, uid_of(&originals[0], tags::STUDY_INSTANCE_UID));
    assert_eq!(
        found[0]["series_list"][0]["series_uid"],
        uid_of(&originals[0], tags::SERIES_INSTANCE_UID).as_str()
    );
    let id = found[0]["patient_id"].as_str().unwrap();
    let by_id = user.run_json(&[&"pacs", &"find", &server, &"--id", &id, &"--json"]);
    assert!(
        by_id
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s["study_uid"] == study)
    );
    let none = user.run_json(&[
        &"pacs",
        &"find",
        &server,
        &"--name",
        &"nobody is called so",
        &"--json",
    ]);
    assert_eq!(none, json!([]));

    let got = user.folder("got");
    let told = user.run_json(&[&"pacs", &"get", &server, &study, &"--out", &got, &"--json"]);
    assert_eq!(
        (&told[0]["objects"], &told[0]["fetched"]),
        (&json!(12), &json!(12))
    );
    let received = files(&got);
    assert_eq!(received.len(), 12);
    for original in &originals {
        let uid = uid_of(original, tags::SOP_INSTANCE_UID);
        let copy = received
            .iter()
            .find(|r| r.ends_with(format!("{uid}.dcm")))
            .unwrap();
        assert_eq!(pixels(original), pixels(copy));
    }
    let again = user.run_json(&[&"pacs", &"get", &server, &study, &"--out", &got, &"--json"]);
    assert_eq!(
        (&again[0]["fetched"], &again[0]["kept"]),
        (&json!(0), &json!(12))
    );

    let masks = user.folder("masks");
    user.succeeds(&[
        &"segment",
        &got,
        &"--out",
        &masks,
        &"--format",
        &"seg",
        &"--model",
        &MODEL,
        &"--device",
        &"cpu",
    ]);
    let seg = files(&masks)
        .into_iter()
        .find(|f| f.to_string_lossy().ends_with(".seg.dcm"))
        .unwrap();
    send(&user, server, std::slice::from_ref(&seg));
    assert_eq!(
        uid_of(&seg, tags::STUDY_INSTANCE_UID),
        study,
        "the segmentation belongs to the same study"
    );
    let series = user.run_json(&[
        &"pacs",
        &"find",
        &server,
        &"--study",
        &study,
        &"--series",
        &"--json",
    ]);
    let list = series[0]["series_list"].as_array().unwrap();
    assert!(list.iter().any(|s| s["modality"] == "SEG"), "{list:?}");

    user.run_json(&[&"pacs", &"get", &server, &study, &"--out", &got, &"--json"]);
    let uid = uid_of(&seg, tags::SOP_INSTANCE_UID);
    let back = files(&got)
        .into_iter()
        .find(|r| r.ends_with(format!("{uid}.dcm")))
        .unwrap();
    assert_eq!(
        pixels(&seg),
        pixels(&back),
        "the mask came back as it was sent"
    );
    if server.starts_with("http") {
        assert!(
            std::fs::read(&seg).unwrap() == std::fs::read(&back).unwrap(),
            "the file came back byte for byte"
        );
    }

    // Sent again: the server already has it, so nothing is uploaded.
    let arrivals = orthanc.arrivals();
    let items = send(&user, server, std::slice::from_ref(&seg));
    assert_eq!(items[0]["attempts"], 1);
    assert_eq!((orthanc.arrivals(), orthanc.objects()), (arrivals, 25));
}

#[test]
#[ignore = "needs Orthanc"]
fn over_dicomweb() {
    let orthanc = Orthanc::start();
    round_trip(&orthanc, &orthanc.web());
}

#[test]
#[ignore = "needs Orthanc"]
fn with_a_password_that_is_never_written_to_disk() {
    let orthanc = Orthanc::with(json!({}), Some(("reader", "correct horse")));
    let user = User::with_secret("correct horse");
    let address = orthanc.web();
    user.succeeds(&[
        &"pacs",
        &"add",
        &"Archive",
        &"--address",
        &address,
        &"--user",
        &"reader",
    ]);
    user.succeeds(&[&"pacs", &"echo", &"archive"]);
    let (_, objects) = study_of(2, &user.folder("study"));
    send(&user, "archive", &objects);
    assert_eq!(orthanc.objects(), 2);
    for file in files(user.home.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            !bytes.windows(13).any(|w| w == b"correct horse"),
            "{}",
            file.display()
        );
        // "reader:correct horse" in Base64.
        assert!(
            !bytes.windows(12).any(|w| w == b"cmVhZGVyOmNv"),
            "{}",
            file.display()
        );
    }
    let wrong = User {
        secret: Some("battery staple"),
        ..user
    };
    wrong.is_refused(
        &[&"pacs", &"echo", &"archive"],
        &[
            "does not accept the password",
            "Check the user name and password",
        ],
    );
    // Only one attempt, since repeated wrong passwords would lock the account.
    let (_, more) = study_of(1, &wrong.folder("more"));
    wrong.is_refused(
        &[&"pacs", &"send", &"archive", &more[0]],
        &["1 of 1 objects", "does not accept the password"],
    );
    let queue = wrong.run_json(&[&"pacs", &"queue", &"--json"]);
    assert_eq!(
        (&queue[2]["state"], &queue[2]["attempts"]),
        (&json!("refused"), &json!(1)),
        "{queue}"
    );
    let none = User {
        secret: None,
        ..wrong
    };
    none.is_refused(
        &[&"pacs", &"echo", &"archive"],
        &["find the password", "LABRUM_PACS_SECRET"],
    );
    let mut log = none.program(&[&"pacs", &"find", &"archive", &"--name", &"Secretname"]);
    let log = log
        .env("RUST_LOG", "trace")
        .env("LABRUM_PACS_SECRET", "correct horse")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&log.stderr).into_owned();
    assert!(log.status.success(), "{words}");
    assert!(
        !words.contains("Secretname")
            && !words.contains("correct horse")
            && !words.contains("cmVhZGVyOmNv")
    );
}

#[test]
#[ignore = "needs Orthanc"]
fn over_tls_with_a_private_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (
        folder.path().join("key.pem"),
        folder.path().join("certificate.pem"),
    );
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
        ])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let both = folder.path().join("both.pem");
    let pem = [
        std::fs::read(&key).unwrap(),
        std::fs::read(&certificate).unwrap(),
    ]
    .concat();
    std::fs::write(&both, pem).unwrap();
    // TLS as behind a reverse proxy, because Debian's Orthanc crashes with its own.
    let orthanc = Orthanc::start();
    let tls = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut proxy = Command::new("socat")
        .arg(format!(
            "OPENSSL-LISTEN:{tls},cert={},verify=0,fork,reuseaddr",
            both.display()
        ))
        .arg(format!("TCP:127.0.0.1:{}", orthanc.http))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let user = User::new();
    let address = format!("https://localhost:{tls}/dicom-web");
    until("the proxy listens", Duration::from_secs(20), || {
        std::net::TcpStream::connect(("127.0.0.1", tls)).is_ok()
    });
    user.succeeds(&[&"pacs", &"echo", &address, &"--certificates", &certificate]);
    user.is_refused(
        &[&"pacs", &"echo", &address],
        &["certificate is not trusted", "PEM"],
    );
    // A host name that is not in the certificate.
    let by_number = format!("https://127.0.0.1:{tls}/dicom-web");
    let arguments: [&dyn AsRef<std::ffi::OsStr>; 5] = [
        &"pacs",
        &"echo",
        &by_number,
        &"--certificates",
        &certificate,
    ];
    user.is_refused(&arguments, &["certificate is not trusted"]);
    // Plain HTTP on a TLS port, and the other way round.
    let plain = format!("http://localhost:{tls}/dicom-web");
    user.is_refused(
        &[&"pacs", &"echo", &plain],
        &["cannot connect over DICOMweb"],
    );
    let no_tls = format!("https://localhost:{}/dicom-web", orthanc.dicom);
    user.is_refused(
        &[&"pacs", &"echo", &no_tls, &"--certificates", &certificate],
        &["cannot connect over DICOMweb"],
    );
    user.is_refused(
        &[&"pacs", &"echo", &address, &"--certificates", &key],
        &["the file contains no certificate"],
    );
    proxy.kill().unwrap();
    proxy.wait().unwrap();
}
