//! `labrum segment --from-pacs`: several processes segment each study of an archive once.

use super::{User, files, orthanc::Orthanc, proxy::Proxy, study_of, until};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Child,
    time::Duration,
};

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/assets/models/fetal-head.safetensors"
);

/// Sends studies of three slices each to the server.
fn studies(orthanc: &Orthanc, user: &User, count: usize) {
    let server = orthanc.web();
    let mut all: Vec<PathBuf> = Vec::new();
    for n in 0..count {
        all.extend(study_of(3, &user.folder(&format!("study-{n}"))).1);
    }
    let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"pacs", &"send", &server];
    arguments.extend(all.iter().map(|f| f as &dyn AsRef<std::ffi::OsStr>));
    user.succeeds(&arguments);
}

fn worker(user: &User, server: &str, shared: &Path) -> Child {
    user.begin(&[
        &"segment",
        &"--from-pacs",
        &server,
        &"--to-pacs",
        &server,
        &"--modality",
        &"CT",
        &"--model",
        &MODEL,
        &"--device",
        &"cpu",
        &"--out",
        &shared,
        &"--json",
        &"--threads",
        &"1",
    ])
}

/// Number of studies recorded as done.
fn done(shared: &Path) -> usize {
    files(&shared.join("done"))
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "json"))
        .count()
}

/// Number of studies by outcome.
fn ends(child: Child) -> BTreeMap<String, usize> {
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut ends = BTreeMap::new();
    for study in told.as_array().unwrap() {
        *ends
            .entry(study["end"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    ends
}

#[test]
#[ignore = "needs Orthanc"]
fn several_processes_segment_each_study_once() {
    let orthanc = Orthanc::start();
    let user = User::new();
    studies(&orthanc, &user, 8);
    let proxy = Proxy::to(orthanc.http);
    let (server, shared) = (proxy.web(), user.folder("shared"));
    let workers: Vec<Child> = (0..3).map(|_| worker(&user, &server, &shared)).collect();
    let ends: Vec<_> = workers.into_iter().map(ends).collect();
    let sent: usize = ends
        .iter()
        .map(|e| e.get("sent").copied().unwrap_or(0))
        .sum();
    assert_eq!(sent, 8, "{ends:?}");
    assert_eq!(orthanc.objects(), 8 * 3 + 8);
    assert_eq!(proxy.posts(), 8, "each segmentation was sent once");
    assert!(
        proxy.fetches().values().all(|n| *n == 1),
        "each image was fetched once"
    );
    // Another run has nothing to do.
    let again = self::ends(worker(&user, &server, &shared));
    assert_eq!(again, [("before".to_owned(), 8)].into());
    // A process with another folder makes the same objects: the archive already has them, so they
    // are not sent again.
    let apart = self::ends(worker(&user, &server, &user.folder("apart")));
    assert_eq!(apart, [("sent".to_owned(), 8)].into());
    assert_eq!((orthanc.objects(), proxy.posts()), (32, 8));
}

#[test]
#[ignore = "needs Orthanc"]
fn the_next_run_completes_a_killed_one() {
    let mut orthanc = Orthanc::start();
    let user = User::new();
    studies(&orthanc, &user, 5);
    let (server, shared) = (orthanc.web(), user.folder("shared"));
    let mut first = worker(&user, &server, &shared);
    until("a study is done", Duration::from_secs(60), || {
        done(&shared) >= 2
    });
    first.kill().unwrap();
    first.wait().unwrap();
    // The claims of the killed process remain: make them look abandoned.
    for claim in files(&shared.join("claims")) {
        let old = std::fs::FileTimes::new()
            .set_modified(std::time::SystemTime::now() - Duration::from_secs(600));
        std::fs::File::options()
            .write(true)
            .open(claim)
            .unwrap()
            .set_times(old)
            .unwrap();
    }
    let second = worker(&user, &server, &shared);
    let before = done(&shared);
    until("one more is done", Duration::from_secs(60), || {
        done(&shared) > before
    });
    orthanc.kill();
    std::thread::sleep(Duration::from_millis(700));
    orthanc.restart();
    let output = second.wait_with_output().unwrap();
    // Whatever the kill interrupted, one more run completes it.
    drop(output);
    ends(worker(&user, &server, &shared));
    assert_eq!(done(&shared), 5);
    assert_eq!((orthanc.objects(), orthanc.arrivals()), (20, 20));
    let told = user.run_json(&[&"pacs", &"find", &server, &"--modality", &"SEG", &"--json"]);
    assert_eq!(told.as_array().unwrap().len(), 5);
}

#[test]
#[ignore = "needs Orthanc"]
fn studies_without_a_series_for_a_model_are_skipped() {
    let orthanc = Orthanc::start();
    let user = User::new();
    studies(&orthanc, &user, 1);
    let (server, shared) = (orthanc.web(), user.folder("shared"));
    let told = user.run_json(&[
        &"segment",
        &"--from-pacs",
        &server,
        &"--to-pacs",
        &server,
        &"--device",
        &"cpu",
        &"--out",
        &shared,
        &"--json",
    ]);
    assert_eq!(
        told[0]["end"],
        json!("nothing"),
        "no shipped model is for a head in CT: {told}"
    );
    assert_eq!(orthanc.objects(), 3);
}
