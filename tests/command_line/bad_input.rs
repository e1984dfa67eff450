//! Files, models and folders that cannot be used: a message with file and reason, exit code 1, and
//! no partial output.

use super::*;

/// `segment` and `info` must refuse `name` with `reason`; nothing may be written.
#[track_caller]
fn refuses_image(folder: &Path, name: &str, reason: &str) {
    let (path, out) = (folder.join(name), folder.join("out"));
    let quoted = format!("{name}\"");
    let segment: [&dyn AsRef<OsStr>; 8] = [
        &"segment",
        &path,
        &"--out",
        &out,
        &"--model",
        &MODEL,
        &"--device",
        &"cpu",
    ];
    refuses(&segment, &[&quoted, reason]);
    assert!(!out.exists(), "{name}: {:?}", files(&out));
}

/// As [`refuses_image`], for a file with these bytes.
#[track_caller]
fn refuses_bytes(name: &str, bytes: &[u8], reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    refuses_image(folder.path(), name, reason);
}

/// A PNG without pixels whose header states `columns` x `rows`.
fn png_with_size(columns: u32, rows: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        let body = [&name[..], data].concat();
        png.extend((data.len() as u32).to_be_bytes());
        png.extend(&body);
        png.extend(crc32(&body).to_be_bytes());
    };
    let size = [columns.to_be_bytes(), rows.to_be_bytes()].concat();
    chunk(b"IHDR", &[&size[..], &[8, 0, 0, 0, 0]].concat());
    chunk(b"IDAT", &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]);
    chunk(b"IEND", &[]);
    png
}

/// CRC-32 of ISO 3309, for PNG and ZIP.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| {
        if crc & 1 == 1 {
            crc >> 1 ^ 0xEDB8_8320
        } else {
            crc >> 1
        }
    };
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

fn dicom() -> Vec<u8> {
    std::fs::read(sample("cardiac-mr/slice-01.dcm")).unwrap()
}

/// The sample with other values of Rows and Columns.
fn dicom_with_size(columns: u16, rows: u16) -> Vec<u8> {
    let mut bytes = dicom();
    for (element, value) in [(0x10, rows), (0x11, columns)] {
        let tag = [0x28, 0, element, 0, b'U', b'S', 2, 0];
        let at = bytes.windows(8).position(|window| window == tag).unwrap();
        bytes[at + 8..at + 10].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

#[test]
fn missing_files_and_empty_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    refuses_image(folder.path(), "missing.png", "not found");
    std::fs::create_dir(folder.path().join("empty.png")).unwrap();
    refuses_image(folder.path(), "empty.png", "the folder is empty");
    refuses(
        &[&"info", &folder.path().join("missing")],
        &["missing\"", "not found"],
    );
}

#[test]
fn text_with_an_image_name_is_refused() {
    refuses_bytes(
        "text.dcm",
        b"words, words, words",
        "not a DICOM or image file",
    );
    refuses_bytes(
        "text.png",
        b"words, words, words",
        "not a DICOM or image file",
    );
    refuses_bytes("nothing.dcm", b"", "the file is empty");
}

#[test]
fn truncated_images_are_refused() {
    let (dicom, png) = (
        dicom(),
        std::fs::read(sample("fetal-head/fetal-head-011_HC.png")).unwrap(),
    );
    refuses_bytes(
        "start.dcm",
        &dicom[..dicom.len() - 131_000],
        "the file is truncated",
    );
    refuses_bytes("header.dcm", &dicom[..1000], "damaged");
    refuses_bytes("half.png", &png[..png.len() / 2], "the file is truncated");
    refuses_bytes("header.png", &png[..20], "the file is truncated");
}

#[test]
fn a_half_image_is_used_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let (image, dicom) = (folder.path().join("half.dcm"), dicom());
    std::fs::write(&image, &dicom[..dicom.len() - 65_536]).unwrap();
    let info = succeeds(&[&"info", &image]);
    assert!(
        info.out
            .contains("Note: 1 image is truncated: the missing lower rows are shown black"),
        "{}",
        info.out
    );
    let out = folder.path().join("out");
    let arguments: [&dyn AsRef<OsStr>; 8] = [
        &"segment",
        &image,
        &"--out",
        &out,
        &"--model",
        &MODEL,
        &"--device",
        &"cpu",
    ];
    let run = succeeds(&arguments);
    assert!(
        run.err
            .contains("half is truncated: the lower 128 of 256 rows are missing"),
        "{}",
        run.err
    );
}

#[test]
fn images_with_no_or_too_many_pixels_are_refused() {
    refuses_bytes("none.png", &png_with_size(0, 0), "the image has no pixels");
    refuses_bytes("none.dcm", &dicom_with_size(0, 0), "is 0");
    refuses_bytes(
        "huge.png",
        &png_with_size(30_000, 30_000),
        "30000 x 30000 pixels are more than",
    );
    refuses_bytes(
        "huge.dcm",
        &dicom_with_size(30_000, 30_000),
        "30000 x 30000 pixels are more than",
    );
    refuses_bytes("fewer.png", &png_with_size(300, 200), "not");
}

#[test]
#[cfg(unix)]
fn a_named_pipe_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo")
        .arg(folder.path().join("pipe.png"))
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no mkfifo here");
        return;
    }
    let mut child = program(&[&"info", &folder.path()])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let begin = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed().as_secs() > 60 {
            child.kill().unwrap();
            panic!("the program hangs");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let run = Run::from(child.wait_with_output().unwrap());
    assert_refused(&run, &["no images found in this folder (1 file skipped)"]);
}

#[test]
fn invalid_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.png");
    picture(&source);
    let other_network = {
        let header = br#"{"conv1.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat()
    };
    let half = |path: &str| {
        let bytes = std::fs::read(path).unwrap();
        bytes[..bytes.len() / 2].to_vec()
    };
    let models = [
        (
            "text.safetensors",
            b"words, words, words".to_vec(),
            "not a safetensors file",
        ),
        (
            "text.pth",
            b"words, words, words".to_vec(),
            "not a PyTorch checkpoint",
        ),
        ("half.safetensors", half(MODEL), "not a safetensors file"),
        ("half.pth", half(CHECKPOINT), "zip"),
        ("other.safetensors", other_network, "CMUNeXt"),
        ("other.pth", checkpoint_of_another_network(), "CMUNeXt"),
    ];
    for (name, bytes, reason) in models {
        let (model, out) = (folder.path().join(name), folder.path().join("out"));
        std::fs::write(&model, bytes).unwrap();
        refuses(
            &[
                &"segment",
                &source,
                &"--out",
                &out,
                &"--model",
                &model,
                &"--device",
                &"cpu",
            ],
            &[name, reason],
        );
        refuses(
            &[&"import-checkpoint", &model, &"--out", &out],
            &[name, reason],
        );
        refuses(
            &[&"train", &folder.path(), &"--out", &model.join("model")],
            &["its folder is a file"],
        );
        assert!(!out.exists());
    }
    let missing = folder.path().join("missing.safetensors");
    refuses(&[&"evaluate", &missing, &folder.path()], &["images"]);
    refuses(
        &[
            &"segment",
            &source,
            &"--out",
            &folder.path().join("out"),
            &"--model",
            &missing,
        ],
        &["missing"],
    );
}

/// The checkpoint with other names for its layers.
fn checkpoint_of_another_network() -> Vec<u8> {
    let bytes = std::fs::read(CHECKPOINT).unwrap();
    // Local header of a stored file: CRC at 14, size at 18, lengths of name and extra field at 26 and 28.
    let number = |at: usize, n: usize| {
        bytes[at..at + n]
            .iter()
            .rev()
            .fold(0, |v, b| v << 8 | usize::from(*b))
    };
    let begin = 30 + number(26, 2) + number(28, 2);
    let names = begin..begin + bytes.len().min(40_000);
    let replace = |bytes: &mut [u8], from: &[u8], to: &[u8]| {
        let mut found = 0;
        for at in 0..=bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
                found += 1;
            }
        }
        assert!(found > 0);
    };
    let end = bytes[names.clone()]
        .windows(4)
        .position(|w| w == b"PK\x03\x04" || w == b"PK\x07\x08")
        .unwrap()
        + begin;
    let size = [number(18, 4), end - begin]
        .into_iter()
        .find(|size| *size > 0)
        .unwrap();
    let mut other = bytes.clone();
    let old = crc32(&bytes[begin..begin + size]);
    for layer in ["stem", "encoder", "Conv"] {
        if bytes[begin..begin + size]
            .windows(layer.len())
            .any(|w| w == layer.as_bytes())
        {
            replace(
                &mut other[begin..begin + size],
                layer.as_bytes(),
                &vec![b'x'; layer.len()],
            );
        }
    }
    let new = crc32(&other[begin..begin + size]);
    assert_ne!(old, new);
    replace(&mut other, &old.to_le_bytes(), &new.to_le_bytes());
    other
}

#[test]
fn unwritable_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (source, file) = (folder.path().join("a.png"), folder.path().join("file"));
    picture(&source);
    std::fs::write(&file, "x").unwrap();
    let segment = |out: &Path, parts: &[&str]| {
        refuses(
            &[
                &"segment",
                &source,
                &"--out",
                &out,
                &"--model",
                &MODEL,
                &"--device",
                &"cpu",
            ],
            parts,
        );
    };
    segment(&file, &["file\"", "a file with that name already exists"]);
    segment(&file.join("out"), &["out\"", "its folder is a file"]);
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
    // Not even root can create files there.
    if cfg!(target_os = "linux") && Path::new("/sys/kernel").is_dir() {
        segment(Path::new("/sys/kernel"), &["/sys/kernel\""]);
    } else {
        eprintln!("skipped in part: there is no /sys here");
    }
    let model = folder.path().join("missing/model.safetensors");
    refuses(
        &[&"import-checkpoint", &CHECKPOINT, &"--out", &model],
        &["model.safetensors", "its folder does not exist"],
    );
    assert_eq!(files(folder.path()), ["a.png", "file"]);
}

/// Runs the program with a small file system mounted at `disk`. Also returns the files left on it;
/// `None` if it cannot be mounted.
#[cfg(target_os = "linux")]
fn on_disk(
    options: &str,
    disk: &Path,
    arguments: &[&dyn AsRef<OsStr>],
) -> Option<(Run, Vec<String>)> {
    let script = r#"mount -t tmpfs -o "$1" none "$2" || exit 99
        disk=$2; shift 2; "$@"; code=$?; echo "== left"; cd "$disk" && find . -type f; exit $code"#;
    let program = program(arguments);
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--map-root-user",
            "sh",
            "-c",
            script,
            "sh",
            options,
        ])
        .arg(disk);
    command.arg(program.get_program()).args(program.get_args());
    let run = Run::from(command.output().ok()?);
    let (out, left) = run.out.split_once("== left")?;
    let left = left
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    Some((
        Run {
            out: out.to_owned(),
            ..run
        },
        left,
    ))
}

#[test]
#[cfg(target_os = "linux")]
fn full_and_read_only_disks_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let source = sample("fetal-head/fetal-head-011_HC.png");
    let segment: [&dyn AsRef<OsStr>; 8] = [
        &"segment",
        &source,
        &"--out",
        &disk,
        &"--device",
        &"cpu",
        &"--format",
        &"png,overlay",
    ];
    // Room for the label map, not for the overlay.
    let Some((run, left)) = on_disk("size=16k", &disk, &segment) else {
        eprintln!("skipped: no disk can be mounted here");
        return;
    };
    assert_refused(&run, &["overlay.png", "the disk is full"]);
    assert_eq!(left, [""; 0]);
    let model = disk.join("model.safetensors");
    let import: [&dyn AsRef<OsStr>; 4] = [&"import-checkpoint", &CHECKPOINT, &"--out", &model];
    let (run, left) = on_disk("size=512k", &disk, &import).unwrap();
    assert_refused(&run, &["model.safetensors", "the disk is full"]);
    assert_eq!(left, [""; 0]);
    for command in [&segment[..], &import] {
        let (run, _) = on_disk("ro", &disk, command).unwrap();
        assert_refused(&run, &["disk", "the disk is read-only"]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn unprintable_output_is_an_error() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = program(&[&"info", &sample("fetal-head")])
        .stdout(full)
        .output()
        .unwrap();
    assert_refused(&output.into(), &["print the result"]);
}
