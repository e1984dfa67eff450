//! `train`: from images to a model that segments.

mod folders;

use super::*;
use labrum_nn::checkpoint;

/// `train` on `data` with a small network input, on the CPU.
fn train(data: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = program(&[&"train", &data, &"--out", &out]);
    command
        .args(["--size", "48x48", "--channels", "1", "--device", "cpu"])
        .args(more);
    command
}

fn trained(data: &Path, out: &Path, more: &[&str]) -> Run {
    let run = Run::from(train(data, out, more).output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.err);
    run
}

fn mean_dice(model: &Path, data: &Path) -> f64 {
    let run = succeeds(&[&"evaluate", &model, &data, &"--json", &"--device", &"cpu"]);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    report["mean"]["dice"].as_f64().unwrap()
}

#[test]
fn a_trained_model_segments_what_it_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (
        folder.path().join("data"),
        folder.path().join("model.safetensors"),
    );
    discs(&data);
    // An unrelated file with a name that a temporary file could have.
    std::fs::write(folder.path().join("model.part"), "x").unwrap();
    let run = trained(
        &data,
        &model,
        &[
            "--epochs",
            "20",
            "--batch",
            "2",
            "--no-augmentation",
            "--label",
            "Disc",
        ],
    );
    assert!(run.out.contains("model.safetensors"), "{}", run.out);
    let dice = mean_dice(&model, &data);
    assert!(dice > 0.5, "Dice {dice}");
    let out = folder.path().join("out");
    let image = data.join("images/disc-a.png");
    let segment: [&dyn AsRef<OsStr>; 10] = [
        &"segment",
        &image,
        &"--out",
        &out,
        &"--model",
        &model,
        &"--format",
        &"labels",
        &"--device",
        &"cpu",
    ];
    succeeds(&segment);
    assert_eq!(files(&out), ["disc-a.Disc.png", "labels.json"]);
    assert_eq!(
        std::fs::read(folder.path().join("model.part")).unwrap(),
        b"x"
    );
}

#[test]
fn the_same_seed_gives_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    discs(&data);
    let model = |name: &str, seed: &str| {
        let out = folder.path().join(name);
        trained(
            &data,
            &out,
            &["--epochs", "2", "--batch", "4", "--seed", seed],
        );
        std::fs::read(out).unwrap()
    };
    let first = model("a.safetensors", "7");
    assert!(
        first == model("b.safetensors", "7"),
        "the same seed gave another model"
    );
    assert!(
        first != model("c.safetensors", "8"),
        "another seed gave the same model"
    );
    // It predicts nothing yet, so it has no Hausdorff distance, but it can be evaluated.
    mean_dice(&folder.path().join("a.safetensors"), &data);
}

#[test]
fn a_training_starts_from_a_model_or_from_the_layers_of_the_click_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let data = folder.path().join("data");
    discs(&data);
    let train_from = |start: &str, name: &str| {
        let (model, json) = (
            at(&format!("{name}.safetensors")),
            at(&format!("{name}.json")),
        );
        let more = [
            "--epochs", "1", "--batch", "4", "--label", "Disc", "--start", start, "--log", &json,
        ];
        trained(&data, Path::new(&model), &more);
        assert_eq!(log(Path::new(&json))["settings"]["start"], start);
        let (card, weights) = checkpoint::read_model(Path::new(&model)).unwrap();
        (card.unwrap(), checkpoint::weights_hash(&weights))
    };
    let (_, click) = checkpoint::from_bytes(labrum::shipped::CLICK).unwrap();
    let (card, first) = train_from("click", "first");
    assert_eq!(card.parent, Some(checkpoint::weights_hash(&click)));
    assert_eq!(
        (card.labels.len(), card.labels[0].name.as_str()),
        (1, "Disc")
    );
    assert!(!card.takes_prompts && card.input.channels == 1);
    let (card, _) = train_from(&at("first.safetensors"), "second");
    assert_eq!(
        card.parent,
        Some(first),
        "an ordinary model is trained further"
    );

    let other = at("other.safetensors");
    let refused = train(
        &data,
        Path::new(&other),
        &["--start", "click", "--config", "base"],
    )
    .output()
    .unwrap()
    .into();
    assert_refused(&refused, &["\"click\"", "CMUNeXt-S", "CMUNeXt-base"]);
    let missing = train(&data, Path::new(&other), &["--start", "missing"])
        .output()
        .unwrap()
        .into();
    assert_refused(&missing, &["\"missing\"", "file not found"]);
}

#[test]
#[cfg(unix)]
fn ctrl_c_keeps_the_best_model_so_far() {
    use std::io::BufRead;
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("models"));
    discs(&data);
    std::fs::create_dir(&out).unwrap();
    let model = out.join("model.safetensors");
    let mut training = train(&data, &model, &["--epochs", "100000", "--batch", "4"]);
    let mut child = start(&mut training);
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("best so far, saved")),
        "nothing was saved"
    );
    press_ctrl_c(&child);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(130), "{rest:?}");
    assert!(
        run.out.contains("Stopped; wrote the best model so far to"),
        "{}",
        run.out
    );
    let last = rest.last().unwrap();
    assert!(
        last.contains("stopped after") && last.contains("of 100000 epochs"),
        "{last}"
    );
    assert_eq!(files(&out), ["model.safetensors"]);
    mean_dice(&model, &data);
}

#[test]
fn a_model_file_must_not_end_in_pth() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.pth");
    refuses(
        &[&"train", &folder.path(), &"--out", &model],
        &["model.pth", ".safetensors"],
    );
    std::fs::copy(CHECKPOINT, &model).unwrap();
    refuses(
        &[&"import-checkpoint", &model, &"--out", &model],
        &["model.pth"],
    );
    assert_eq!(
        std::fs::read(&model).unwrap(),
        std::fs::read(CHECKPOINT).unwrap()
    );
}

/// Lists of the discs: eight for training, four for validation.
fn lists(folder: &Path) -> String {
    let write = |name: &str, letters: &str| {
        let path = folder.join(name);
        std::fs::write(
            &path,
            letters
                .chars()
                .map(|c| format!("disc-{c}\n"))
                .collect::<String>(),
        )
        .unwrap();
        path.display().to_string()
    };
    format!(
        "{},{}",
        write("train.txt", "abcdefgh"),
        write("validation.txt", "ijkl")
    )
}

fn log(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_recipe_of_the_paper_writes_a_log_that_can_be_plotted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (data, model, last, json) = (
        at("data"),
        at("model.safetensors"),
        at("last.safetensors"),
        at("run.json").display().to_string(),
    );
    discs(&data);
    let split = lists(folder.path());
    let last_file = last.display().to_string();
    let more = [
        "--recipe", "paper", "--split", &split, "--epochs", "3", "--log", &json, "--last",
        &last_file,
    ];
    trained(&data, &model, &more);
    let log = log(Path::new(&json));
    let settings = &log["settings"];
    assert_eq!(
        (&settings["objective"], &settings["optimizer"]),
        (&"bce-dice".into(), &"sgd".into())
    );
    assert_eq!(
        (&settings["chosen_by"], &settings["aspect"]),
        (&"iou".into(), &"stretched".into())
    );
    assert_eq!(
        (&log["images"]["training"], &log["images"]["validation"]),
        (&8.into(), &4.into())
    );
    assert_eq!(
        (&log["epochs"][2]["steps"], &log["is_finished"]),
        (&3.into(), &true.into())
    );
    assert!(
        log["command"]
            .as_str()
            .unwrap()
            .contains("--recipe paper --split"),
        "{log}"
    );
    assert!(!Path::new(&format!("{json}.state")).exists());
    for (kept, model) in [("best", &model), ("last", &last)] {
        let run = succeeds(&[
            &"evaluate",
            model,
            &data,
            &"--list",
            &at("validation.txt"),
            &"--json",
        ]);
        let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(
            (
                &report["weights"],
                report["cases"].as_array().unwrap().len()
            ),
            (&log[kept]["hash"], 4)
        );
    }
    let plot = at("plot.svg");
    succeeds(&[&"plot", &json, &"--out", &plot, &"--title", &"Discs"]);
    let svg = std::fs::read_to_string(&plot).unwrap();
    assert!(svg.contains("Discs") && svg.contains(">\nrun\n<"), "{svg}");
    refuses(
        &[&"plot", &json, &"--out", &plot],
        &["plot.svg", "the file already exists"],
    );
    refuses(
        &[&"plot", &at("train.txt"), &"--out", &plot, &"--overwrite"],
        &["train.txt", "labrum train --log"],
    );
}

#[test]
fn two_models_are_compared_case_by_case() {
    let folder = tempfile::tempdir().unwrap();
    let (data, first) = (folder.path().join("data"), folder.path().join("first.json"));
    discs(&data);
    let evaluate: [&dyn AsRef<OsStr>; 4] = [&"evaluate", &MODEL, &data, &"--json"];
    std::fs::write(&first, succeeds(&evaluate).out).unwrap();
    let run = succeeds(&[&"evaluate", &MODEL, &data, &"--against", &first]);
    let line = run
        .out
        .lines()
        .find(|line| line.starts_with("compared with "))
        .unwrap();
    assert!(
        line.replace('-', "+")
            .contains("Dice +0.0000 (+0.0000 to +0.0000), IoU +0.0000"),
        "{line}"
    );
    lists(folder.path());
    let list = folder.path().join("train.txt");
    refuses(
        &[
            &"evaluate",
            &MODEL,
            &data,
            &"--list",
            &list,
            &"--against",
            &first,
        ],
        &["different images"],
    );
}

#[test]
#[cfg(unix)]
fn a_killed_training_resumes_to_the_same_weights() {
    use std::io::BufRead;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let data = at("data");
    discs(&data);
    let split = lists(folder.path());
    let arguments = |log: &Path, more: &[&'static str]| {
        let log = log.display().to_string();
        let mut all = vec![
            "--recipe",
            "paper",
            "--epochs",
            "40",
            "--loss",
            "boundary-dou",
            "--split",
            &split,
            "--log",
            &log,
        ];
        all.extend(more);
        all.iter().map(|s| s.to_string()).collect::<Vec<_>>()
    };
    let run = |name: &str, more: &[&'static str]| {
        let arguments = arguments(&at(&format!("{name}.json")), more);
        let mut command = train(&data, &at(&format!("{name}.safetensors")), &[]);
        command.args(arguments);
        command
    };
    assert!(run("whole", &[]).output().unwrap().status.success());
    let mut child = run("killed", &[])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("epoch 3 (")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        at("killed.json.state").exists(),
        "the training ended before it was killed"
    );
    let other: Run = run("killed", &["--resume", "--seed", "2"])
        .output()
        .unwrap()
        .into();
    assert_refused(&other, &["different settings", "seed (1 before, 2 now)"]);
    let resumed: Run = run("killed", &["--resume"]).output().unwrap().into();
    assert!(
        resumed.code == Some(0) && resumed.err.contains("resuming at epoch"),
        "{}",
        resumed.err
    );
    let weights = |name: &str| {
        let log = log(&at(&format!("{name}.json")));
        (
            log["best"].clone(),
            log["last"].clone(),
            log["epochs"].as_array().unwrap().len(),
        )
    };
    assert_eq!(weights("killed"), weights("whole"));
    assert_eq!(
        std::fs::read(at("killed.safetensors")).unwrap(),
        std::fs::read(at("whole.safetensors")).unwrap()
    );
    let again: Run = run("killed", &["--resume"]).output().unwrap().into();
    assert_refused(&again, &["has already finished"]);
}
