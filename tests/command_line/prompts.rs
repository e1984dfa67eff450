//! `train-prompts`, `evaluate-prompts` and `click`: a model that answers clicks, from its training to a mask.

use super::*;

/// A recipe beside `data` that learns from it, and is judged on it, in a few small steps.
fn write_recipe(path: &Path, steps: usize) {
    let recipe = serde_json::json!({
        "name": "Clicks",
        "recipe": {"side": 48, "batch": 4, "steps": steps, "warm-up": 5, "made": 0.2, "judged-every": 20},
        "tasks": [{"folder": "data"}],
        "judged": [{"folder": "data", "targets": 4}],
    });
    std::fs::write(path, recipe.to_string()).unwrap();
}

fn train_prompts(folder: &Path, steps: usize, more: &[&str]) -> Run {
    let recipe = folder.join("recipe.json");
    write_recipe(&recipe, steps);
    let mut command = program(&[&"train-prompts", &recipe]);
    command.args(["--out", "click.safetensors", "--log", "log.json"]);
    command.args(["--device", "cpu"]).args(more);
    command.current_dir(folder).output().unwrap().into()
}

fn judged_steps(folder: &Path) -> Vec<u64> {
    let text = std::fs::read(folder.join("log.json")).unwrap();
    let log: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let points = log["points"].as_array().unwrap().iter();
    points
        .map(|point| point["steps"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_model_learns_to_answer_clicks_and_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    discs(&folder.join("data"));
    let first = train_prompts(folder, 60, &["--minutes", "0.0001"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert!(judged_steps(folder)[0] < 20);
    let other = train_prompts(folder, 80, &["--resume"]);
    let parts = [
        "log.json",
        "different settings: recipe.steps (60 before, 80 now)",
    ];
    assert_refused(&other, &parts);
    let second = train_prompts(folder, 60, &["--resume"]);
    assert_eq!(second.code, Some(0), "{}", second.err);
    let steps = judged_steps(folder);
    assert_eq!(steps[steps.len() - 3..], [20, 40, 60]);

    let model = folder.join("click.safetensors");
    let data = folder.join("data");
    let run = succeeds(&[
        &"evaluate-prompts",
        &model,
        &data,
        &"--targets",
        &"6",
        &"--clicks",
        &"10",
        &"--json",
        &"--device",
        &"cpu",
    ]);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["tasks"][0]["targets"], 6);
    let after_ten = report["dice"][3].as_f64().unwrap();
    assert!(after_ten > 0.7, "{}", run.out);

    let image = data.join("images/disc-a.png");
    let mask = folder.join("mask.png");
    let click: [&dyn AsRef<OsStr>; 12] = [
        &"click",
        &image,
        &"--model",
        &model,
        &"--at",
        &"16,16",
        &"--not",
        &"40,40",
        &"--out",
        &mask,
        &"--device",
        &"cpu",
    ];
    succeeds(&click);
    let found = labrum::io::label_file::read_mask(&mask, Default::default()).unwrap();
    assert_eq!([found.columns(), found.rows()], [48, 48]);
    assert_eq!(found.pixel_labels()[16 * 48 + 16], 1);
    assert_eq!(found.pixel_labels()[40 * 48 + 40], 0);
    refuses(&click, &["mask.png", "already exists"]);
}

#[test]
fn a_model_without_prompts_does_not_answer_clicks() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image.png");
    picture(&image);
    let mask = folder.path().join("mask.png");
    let click: [&dyn AsRef<OsStr>; 8] = [
        &"click", &image, &"--model", &MODEL, &"--out", &mask, &"--at", &"18,14",
    ];
    refuses(&click, &["does not take prompts", "train-prompts"]);
    assert!(!mask.exists());
}

#[test]
fn places_that_are_no_numbers_and_clicks_that_are_missing_are_usage_errors() {
    for (prompts, reason) in [
        (vec!["--at", "3"], "two numbers"),
        (vec!["--at", "3,x"], "not a number"),
        (vec!["--box", "1,2,3"], "four numbers"),
        (vec!["--scribble", "1,2,3"], "each point"),
        (vec![], "no prompt"),
    ] {
        let mut command = program(&[&"click", &"image.png", &"--model", &MODEL]);
        command.args(["--out", "mask.png"]).args(prompts);
        let run = Run::from(command.output().unwrap());
        assert_eq!(run.code, Some(2), "{}", run.err);
        assert!(run.err.contains(reason), "{}", run.err);
    }
}

#[test]
fn a_recipe_with_a_mistake_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("recipe.json");
    std::fs::write(
        &recipe,
        r#"{"name": "x", "recipe": {"sides": 3}, "tasks": []}"#,
    )
    .unwrap();
    let out = folder.path().join("click.safetensors");
    let log = folder.path().join("log.json");
    let train: [&dyn AsRef<OsStr>; 6] = [&"train-prompts", &recipe, &"--out", &out, &"--log", &log];
    refuses(&train, &["recipe.json", "sides"]);
    std::fs::write(&recipe, r#"{"name": "x", "recipe": {}, "tasks": []}"#).unwrap();
    refuses(&train, &["no training images"]);
}
