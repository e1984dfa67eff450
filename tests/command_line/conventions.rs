//! What holds for all commands: exit codes, interrupting and resuming, closed pipes, short options,
//! completions, manual pages.

use super::*;
use std::process::Stdio;

/// Runs the commands in the table of docs/command-line.md in this order, in one folder.
#[test]
fn exit_codes_match_the_documentation() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command-line.md"))
            .unwrap();
    let row = |line: &str| -> Option<(String, i32)> {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let command = cells
            .next()?
            .strip_prefix("`labrum ")?
            .strip_suffix('`')?
            .to_owned();
        Some((command, cells.next()?.parse().ok()?))
    };
    let rows: Vec<(String, i32)> = text.lines().filter_map(row).collect();
    assert!(
        rows.len() >= 15,
        "only {} rows have a command and an exit code",
        rows.len()
    );
    assert!(
        [0, 1, 2]
            .iter()
            .all(|code| rows.iter().any(|(_, of)| of == code))
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        sample("fetal-head/fetal-head-011_HC.png"),
        folder.path().join("fetal.png"),
    )
    .unwrap();
    let whole = std::fs::read(folder.path().join("fetal.png")).unwrap();
    std::fs::write(folder.path().join("cut.png"), &whole[..whole.len() / 2]).unwrap();
    for (command, code) in rows {
        let words: Vec<&str> = command.split_whitespace().collect();
        let words: Vec<&dyn AsRef<OsStr>> =
            words.iter().map(|word| word as &dyn AsRef<OsStr>).collect();
        let run: Run = program(&words)
            .current_dir(folder.path())
            .output()
            .unwrap()
            .into();
        assert_eq!(
            run.code,
            Some(code),
            "labrum {command}: {}{}",
            run.out,
            run.err
        );
        assert!(
            run.err.is_empty() || code != 0,
            "labrum {command}: {}",
            run.err
        );
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_reports_what_is_done_and_the_same_command_resumes() {
    const COUNT: usize = 120;
    let folder = tempfile::tempdir().unwrap();
    let (images, out) = (folder.path().join("images"), folder.path().join("out"));
    std::fs::create_dir(&images).unwrap();
    for i in 0..COUNT {
        let picture = disc(200, 150, [60.0 + i as f64 / 2.0, 70.0], 40.0, 200);
        picture.save(images.join(format!("{i}.png"))).unwrap();
    }
    let segment: [&dyn AsRef<OsStr>; 9] = [
        &"segment",
        &images,
        &"-o",
        &out,
        &"--model",
        &"fetal-head",
        &"--device",
        &"cpu",
        &"--resume",
    ];
    let child = start(&mut program(&segment));
    let begun = std::time::Instant::now();
    while files(&out).len() < 4 {
        assert!(begun.elapsed().as_secs() < 60, "no output after 60 s");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let run = stop(child);
    let done = files(&out)
        .iter()
        .filter(|file| file.ends_with(".png"))
        .count();
    assert!(
        run.err
            .contains(&format!("stopped after {done} of {COUNT} series")),
        "{}",
        run.err
    );
    assert!(run.err.contains("--resume"), "{}", run.err);
    let run = succeeds(&segment);
    assert!(
        run.out
            .contains(&format!("{done} series were already done")),
        "{}",
        run.out
    );
    assert_eq!(
        files(&out)
            .iter()
            .filter(|file| file.ends_with(".png"))
            .count(),
        COUNT
    );
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let fetal = sample("fetal-head");
    let missing = sample("missing.png");
    let commands: [(&[&dyn AsRef<OsStr>], i32); 3] = [
        (&[&"info", &fetal, &"--json"], 0),
        (&[&"info", &fetal, &missing], 1),
        (&[&"info", &missing], 1),
    ];
    for (arguments, code) in commands {
        for closes_stderr in [false, true] {
            let mut child = program(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            drop(child.stdout.take());
            if closes_stderr {
                drop(child.stderr.take());
            }
            let run = Run::from(child.wait_with_output().unwrap());
            assert_eq!(run.code, Some(code), "{}", run.err);
            assert!(!run.err.contains("pipe"), "{}", run.err);
        }
    }
}

#[test]
fn quiet_prints_only_errors_and_verbose_prints_more() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let heart = sample("cardiac-mr");
    let segment = |more: &'static dyn AsRef<OsStr>, out: &Path| {
        succeeds(&[
            more,
            &"segment",
            &heart,
            &"-o",
            &out,
            &"--model",
            &"fetal-head",
            &"--threads",
            &"2",
        ])
    };
    assert!(segment(&"--verbose", &out("a")).err.contains("warning"));
    assert_eq!(segment(&"-q", &out("b")).err, "");
    let run = run(&[&"segment", &"missing.png", &"-o", &out("c"), &"-q"]);
    assert!(
        run.code == Some(1) && run.err.contains("missing.png"),
        "{}",
        run.err
    );
    assert_eq!(super::run(&[&"info", &heart, &"-q", &"-v"]).code, Some(2));
    assert_eq!(super::run(&[&"info", &heart, &"-vv"]).code, Some(0));
}

#[test]
fn files_are_only_replaced_with_overwrite() {
    let folder = tempfile::tempdir().unwrap();
    let [there, new, log] =
        ["there.safetensors", "new.safetensors", "log.json"].map(|name| folder.path().join(name));
    std::fs::write(&there, "mine").unwrap();
    std::fs::write(&log, "{}").unwrap();
    discs(folder.path());
    let data = folder.path();
    let commands: [Vec<&dyn AsRef<OsStr>>; 3] = [
        vec![&"import-checkpoint", &CHECKPOINT, &"-o", &there],
        vec![&"train", &data, &"-o", &there],
        vec![&"train", &data, &"-o", &new, &"--log", &log],
    ];
    for command in commands {
        refuses(&command, &["the file already exists", "--overwrite"]);
    }
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");
    succeeds(&[
        &"import-checkpoint",
        &CHECKPOINT,
        &"-o",
        &there,
        &"--overwrite",
    ]);
    assert!(std::fs::metadata(&there).unwrap().len() > 1000);
}

#[test]
fn completions_and_manual_pages_cover_all_commands() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = succeeds(&[&"completions", &shell]).out;
        assert!(
            ["segment", "workspace", "locate", "overwrite"]
                .iter()
                .all(|word| text.contains(word)),
            "{shell}"
        );
    }
    let page = succeeds(&[&"man"]).out;
    assert!(
        page.contains(".TH labrum 1") && page.contains("workspace"),
        "{page}"
    );
    let pages = folder.path().join("man1");
    succeeds(&[&"man", &"-o", &pages]);
    let written = files(&pages);
    for name in [
        "labrum.1",
        "labrum-segment.1",
        "labrum-workspace-add.1",
        "labrum-pacs-queue.1",
    ] {
        assert!(
            written.iter().any(|file| file == name),
            "{name} is not among {written:?}"
        );
    }
    refuses(&[&"man", &"-o", &pages], &["the file already exists"]);
}

#[test]
fn coco_and_colour_masks_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let [image, masks, colors, out, voc] =
        ["a.png", "masks", "colors", "out", "voc"].map(|n| folder.path().join(n));
    picture(&image);
    std::fs::create_dir(&masks).unwrap();
    let coco = r#"{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 5, "name": "Polyp"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 5, "segmentation": [[2, 3, 12, 3, 12, 8, 2, 8]]}]}"#;
    std::fs::write(masks.join("annotations.json"), coco).unwrap();
    let run = succeeds(&[&"import-masks", &masks, &"--of", &image, &"-o", &out]);
    assert!(
        run.out.starts_with("Polyp (50 pixels) on 1 slice"),
        "{}",
        run.out
    );
    // Aeroplane and person in the palette of PASCAL VOC; the values between them are not labels.
    std::fs::create_dir(&colors).unwrap();
    let color = |x: u32, _| {
        image::Rgb(if x < 10 {
            [128, 0, 0]
        } else if x < 20 {
            [192, 128, 128]
        } else {
            [0, 0, 0]
        })
    };
    image::RgbImage::from_fn(40, 30, color)
        .save(colors.join("a.png"))
        .unwrap();
    let run = succeeds(&[&"import-masks", &colors, &"--of", &image, &"-o", &voc]);
    assert!(
        run.out
            .starts_with("Label 1 (300 pixels), Label 15 (300 pixels) on 1 slice"),
        "{}",
        run.out
    );
    let list = labrum::io::export::LabelList::read_file(&voc.join("labels.json")).unwrap();
    assert_eq!(
        list.named_values(),
        std::collections::BTreeSet::from([1, 15])
    );
}

#[test]
#[cfg(unix)]
fn the_first_commands_of_the_readme_work_as_written() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, block) = readme.split_once("From top to bottom").unwrap();
    let commands = block
        .split("```")
        .nth(1)
        .unwrap()
        .trim_start_matches("sh\n");
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    std::fs::create_dir(&here).unwrap();
    std::os::unix::fs::symlink(
        concat!(env!("CARGO_MANIFEST_DIR"), "/assets"),
        folder.path().join("assets"),
    )
    .unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_labrum")).parent().unwrap();
    let path = format!(
        "{}:{}",
        binary.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    assert!(commands.lines().count() > 5);
    for line in commands.lines() {
        let run = Command::new("sh")
            .args(["-c", line])
            .env("PATH", &path)
            .current_dir(&here)
            .output()
            .unwrap();
        let run = Run::from(run);
        assert_eq!(run.code, Some(0), "{line}: {}{}", run.out, run.err);
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_in_bench_prints_one_line() {
    let bench: [&dyn AsRef<OsStr>; 8] = [
        &"bench",
        &"infer",
        &"--config",
        &"S",
        &"--size",
        &"64",
        &"--runs",
        &"10000",
    ];
    let child = start(&mut program(&bench));
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let run = stop(child);
    assert!(
        run.err.starts_with("labrum: bench was stopped") && run.err.lines().count() == 1,
        "{}",
        run.err
    );
}
