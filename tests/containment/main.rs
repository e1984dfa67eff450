//! Files are read in child processes: the images are the same, and a crash affects no other file.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(unix)]

use labrum::{Error, io::open};
use labrum_core::{
    containment,
    image::Image,
    progress::Cancel,
    study::{Catalog, Kind, Source},
};
use labrum_dicom::deidentify::{Dates, Deidentification, SecretKey};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Runs one test at a time, because some of them kill the children.
fn start() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    containment::start_pool(PathBuf::from(env!("CARGO_BIN_EXE_labrum")));
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn catalog(path: &Path) -> Catalog {
    open::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default()).unwrap()
}

fn load(path: &Path) -> Result<Image, Error> {
    open::load_slice(
        &Source {
            path: path.to_owned(),
            frame: 0,
        },
        Kind::Dicom,
    )
}

/// A named pipe: a child that opens it waits forever for data.
fn endless(folder: &Path) -> Option<PathBuf> {
    let path = folder.join("endless.dcm");
    let made = Command::new("mkfifo").arg(&path).status();
    made.is_ok_and(|status| status.success()).then_some(path)
}

#[test]
fn images_from_a_child_equal_those_decoded_in_this_process() {
    let _turn = start();
    let mut count = 0;
    for folder in [
        "tests/fixtures/pydicom",
        "tests/fixtures/syntaxes",
        "assets/samples",
    ] {
        for study in catalog(&root(folder)).studies {
            for (slice, kind) in study
                .series
                .iter()
                .flat_map(|s| s.slices.iter().map(move |slice| (slice, s.kind)))
            {
                assert_eq!(
                    open::load_slice(&slice.source, kind),
                    open::decode_slice(&slice.source, kind),
                    "{:?}",
                    slice.source
                );
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count}");
    assert!(!containment::child_process_ids().is_empty());
}

#[test]
fn errors_of_a_child_equal_those_of_this_process() {
    let _turn = start();
    for path in ["tests/fixtures/README.md", "tests/fixtures/missing.dcm"] {
        let source = Source {
            path: root(path),
            frame: 0,
        };
        for kind in [Kind::Dicom, Kind::Picture] {
            let error = open::load_slice(&source, kind).unwrap_err();
            assert_eq!(error, open::decode_slice(&source, kind).unwrap_err());
            assert_eq!(error.path.as_deref(), Some(source.path.as_path()));
        }
    }
}

#[test]
fn file_names_need_not_be_unicode() {
    let _turn = start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"scan-\xff.dcm"));
    if std::fs::copy(root("tests/fixtures/syntaxes/rle.dcm"), &path).is_err() {
        return eprintln!("skipped: this disk takes no such names");
    }
    let study = &catalog(&path).studies[0];
    let slice = &study.series[0].slices[1];
    assert_eq!(slice.source, Source { path, frame: 1 });
    assert!(open::load_slice(&slice.source, Kind::Dicom).is_ok());
}

#[test]
fn reading_stops_when_a_file_takes_too_long() {
    let _turn = start();
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = endless(folder.path()) else {
        return eprintln!("skipped: there is no mkfifo here");
    };
    let begin = Instant::now();
    let error = load(&path).unwrap_err();
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    assert!(error.reason.contains("took longer than 10 s"), "{error}");
    assert!(error.to_string().contains("endless.dcm"), "{error}");
    assert!(load(&root("tests/fixtures/syntaxes/rle.dcm")).is_ok());
}

#[test]
fn a_child_that_dies_is_an_error_about_its_file() {
    let _turn = start();
    let folder = tempfile::tempdir().unwrap();
    for signal in ["KILL", "ABRT", "ILL"] {
        let Some(path) = endless(folder.path()) else {
            return eprintln!("skipped: there is no mkfifo here");
        };
        let reading = thread::spawn({
            let path = path.clone();
            move || load(&path)
        });
        // By now the child has opened the file.
        wait_for(|| containment::child_process_ids().first().copied()).unwrap();
        thread::sleep(Duration::from_millis(500));
        for child in containment::child_process_ids() {
            assert!(
                Command::new("kill")
                    .args(["-s", signal, &child.to_string()])
                    .status()
                    .unwrap()
                    .success()
            );
        }
        let error = reading.join().unwrap().unwrap_err();
        assert!(error.reason.contains("crashed"), "{error}");
        assert!(error.to_string().contains("endless.dcm"), "{error}");
        assert!(load(&root("tests/fixtures/syntaxes/rle.dcm")).is_ok());
        std::fs::remove_file(path).unwrap();
    }
}

fn wait_for<T>(mut find: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        let found = find();
        if found.is_some() || begin.elapsed() > Duration::from_secs(3) {
            return found;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A sparse file that really has the 3 GiB that its header states.
#[test]
fn reading_stops_when_an_image_takes_too_much_memory() {
    let _turn = start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.dcm");
    let mut bytes =
        std::fs::read(root("tests/fixtures/syntaxes/explicit-little-endian.dcm")).unwrap();
    let mut set = |element: u8, high: u8, value: u16| {
        let tag = [0x28, 0, element, high, b'U', b'S', 2, 0];
        let at = bytes.windows(8).position(|window| window == tag).unwrap() + 8;
        bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    };
    let sizes = [
        (0x02, 0, 3),
        (0x10, 0, 16_384),
        (0x11, 0, 16_384),
        (0, 1, 32),
        (1, 1, 32),
        (2, 1, 31),
    ];
    sizes
        .into_iter()
        .for_each(|(element, high, value)| set(element, high, value));
    let mut replace = |old: &[u8], new: &[u8]| {
        let at = bytes
            .windows(old.len())
            .position(|window| window == old)
            .unwrap();
        bytes[at..at + new.len()].copy_from_slice(new);
    };
    replace(b"MONOCHROME2 ", b"RGB         ");
    // Number of Frames.
    replace(b"IS\x02\x002 ", b"IS\x02\x001 ");
    let pixels = bytes
        .windows(4)
        .rposition(|window| window == [0xE0, 0x7F, 0x10, 0])
        .unwrap();
    let length = 16_384u32 * 16_384 * 12;
    bytes[pixels + 8..pixels + 12].copy_from_slice(&length.to_le_bytes());
    bytes.truncate(pixels + 12);
    std::fs::write(&path, &bytes).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(bytes.len() as u64 + u64::from(length))
        .unwrap();
    let error = load(&path).unwrap_err();
    assert!(
        error.reason.contains("more than 2 GiB of memory"),
        "{error}"
    );
    // De-identification does not read it in this process either.
    let how = Deidentification {
        key: SecretKey::from_system_random(),
        dates: Dates::Remove,
    };
    let out = folder.path().join("out.dcm");
    let error = how.write_file(&path, &out).unwrap_err();
    assert!(
        error.reason.contains("more than 2 GiB of memory")
            && error.to_string().contains("large.dcm"),
        "{error}"
    );
    assert!(!out.exists());
    how.write_file(&root("tests/fixtures/syntaxes/rle.dcm"), &out)
        .unwrap();
    assert!(load(&out).is_ok());
    assert!(load(&root("tests/fixtures/syntaxes/rle.dcm")).is_ok());
}

#[test]
#[cfg(target_os = "linux")]
fn children_end_with_their_parent() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_labrum"));
    program
        .arg("info")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Many links to the same files, so that the parent is still busy when it is killed.
    let folder = tempfile::tempdir().unwrap();
    for n in 0..2000 {
        let from = root(&format!(
            "assets/samples/cardiac-mr/slice-{:02}.dcm",
            n % 12 + 1
        ));
        std::os::unix::fs::symlink(from, folder.path().join(format!("{n}.dcm"))).unwrap();
    }
    let mut parent = program.arg(folder.path()).spawn().unwrap();
    let children = wait_for(|| Some(children_of(parent.id())).filter(|all| !all.is_empty()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let children = children.unwrap();
    let gone =
        |child: &u32| !Path::new(&format!("/proc/{child}/cmdline")).exists() || is_dead(*child);
    assert!(
        wait_for(|| children.iter().all(gone).then_some(())).is_some(),
        "children are still running: {children:?}"
    );
}

#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let of = |task: std::fs::DirEntry| {
        std::fs::read_to_string(task.path().join("children")).unwrap_or_default()
    };
    tasks
        .flat_map(|task| {
            of(task)
                .split(' ')
                .filter_map(|id| id.trim().parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// True also for a zombie that its new parent has not reaped yet.
#[cfg(target_os = "linux")]
fn is_dead(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .map_or(true, |stat| stat.contains(") Z "))
}
