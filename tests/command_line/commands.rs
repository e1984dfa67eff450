//! Usage: help, exit codes, and what each command prints.

use super::*;
use serde_json::Value;

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out).unwrap()
}

#[test]
fn help_of_every_command_shows_examples() {
    for command in [
        "segment",
        "train",
        "evaluate",
        "info",
        "import-checkpoint",
        "bench",
    ] {
        let help = succeeds(&[&command, &"--help"]).out;
        let (_, examples) = help.split_once("Examples:").unwrap();
        assert!(examples.contains(&format!("labrum {command} ")), "{help}");
    }
    assert!(succeeds(&[&"--help"]).out.contains("Examples:"));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let wrong: [&[&dyn AsRef<OsStr>]; 7] = [
        &[&"--bogus"],
        &[&"segment"],
        &[&"segment", &"a.png"],
        &[&"segment", &"a.png", &"--out", &"b", &"--format", &"jpeg"],
        &[&"segment", &"a.png", &"--out", &"b", &"--device", &"abacus"],
        &[
            &"train",
            &"data",
            &"--out",
            &"m.safetensors",
            &"--size",
            &"50x50",
        ],
        &[&"evaluate", &"m.safetensors"],
    ];
    for arguments in wrong {
        let run = run(arguments);
        assert_eq!(run.code, Some(2), "{}", run.err);
        assert!(run.err.contains("--help"), "{}", run.err);
    }
}

#[test]
fn bench_prints_one_json_object_per_measurement() {
    let one: &[&dyn AsRef<OsStr>] = &[
        &"bench",
        &"infer",
        &"--config",
        &"S",
        &"--batch",
        &"1,2",
        &"--size",
        &"32",
        &"--runs",
        &"1",
    ];
    let run = succeeds(&[one, &[&"--threads", &"1", &"--json"]].concat());
    let figures: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        figures
            .iter()
            .map(|f| f["batch"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    for figure in figures {
        assert_eq!(
            (&figure["what"], &figure["config"], &figure["size"]),
            (&"infer".into(), &"S".into(), &32.into())
        );
        assert_eq!(
            (&figure["threads"], &figure["device"]),
            (&1.into(), &"CPU (1 thread)".into())
        );
        assert!(figure["median_ms"].as_f64().unwrap() > 0.0);
    }
    let opened = succeeds(&[
        &"bench",
        &"open",
        &"--config",
        &"S",
        &"--size",
        &"64",
        &"--runs",
        &"1",
        &"--json",
    ])
    .out;
    let whats: Vec<Value> = opened
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["what"].clone())
        .collect();
    assert_eq!(whats, ["open_cold", "open_warm"]);
    let step: &[&dyn AsRef<OsStr>] = &[
        &"bench",
        &"train",
        &"--config",
        &"S",
        &"--batch",
        &"1",
        &"--size",
        &"16",
    ];
    assert!(
        succeeds(&[step, &[&"--runs", &"1"]].concat())
            .out
            .contains("train")
    );
    let run = super::run(&[&"bench", &"infer", &"--size", &"100"]);
    assert!(
        run.code == Some(2) && run.err.contains("100 is not a multiple of 16"),
        "{}",
        run.err
    );
}

fn bench_figures(arguments: &[&dyn AsRef<OsStr>]) -> Vec<Value> {
    let lines = succeeds(arguments).out;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn bench_lists_the_operations_of_a_run() {
    let step: [&dyn AsRef<OsStr>; 11] = [
        &"bench",
        &"train",
        &"--config",
        &"S",
        &"--batch",
        &"1",
        &"--size",
        &"16",
        &"--runs",
        &"1",
        &"--operations",
    ];
    let figures = bench_figures(&[&step[..], &[&"--json"]].concat());
    let operations = &figures[0]["operations"];
    let kinds = operations["kinds"].as_array().unwrap();
    let mut shares = operations["rest_share"].as_f64().unwrap();
    for kind in kinds {
        shares += kind["time_share"].as_f64().unwrap();
        for number in ["calls", "bytes_read", "bytes_written"] {
            assert!(kind[number].as_u64().unwrap() > 0, "{kind}");
        }
    }
    assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    let gradient = "depthwise convolution, weight and bias gradient";
    assert!(kinds.iter().any(|kind| kind["operation"] == gradient));
    let table = succeeds(&step).out;
    assert!(
        table.contains(gradient) && table.contains("the rest"),
        "{table}"
    );

    let unused: [&[&dyn AsRef<OsStr>]; 4] = [
        &[&"bench", &"open", &"--counts", &"--device", &"gpu"],
        &[&"bench", &"infer", &"--counts"],
        &[&"bench", &"open", &"--operations"],
        &[&"bench", &"train", &"--operations", &"--device", &"gpu"],
    ];
    for arguments in unused {
        let run = super::run(arguments);
        assert!(
            run.code == Some(2) && run.err.contains("only be used with infer or train"),
            "{}",
            run.err
        );
    }
}

#[test]
fn bench_measures_first_and_further_clicks_alone_and_during_a_round() {
    let click: [&dyn AsRef<OsStr>; 9] = [
        &"bench",
        &"click",
        &"--size",
        &"64",
        &"--runs",
        &"1",
        &"--threads",
        &"1",
        &"--json",
    ];
    let alone = bench_figures(&click);
    let whats: Vec<Value> = alone.iter().map(|f| f["what"].clone()).collect();
    assert_eq!(whats, ["click_first", "click_further"]);
    assert_eq!(alone[0]["clicks"], 1);
    assert!((1..=4).contains(&alone[1]["clicks"].as_u64().unwrap()));
    for figure in &alone {
        assert_eq!(
            (&figure["config"], &figure["size"], &figure["threads"]),
            (&"S".into(), &64.into(), &1.into())
        );
        let [median, most] = ["median_ms", "p99_ms"].map(|key| figure[key].as_f64().unwrap());
        assert!(median > 0.0 && most >= median, "{figure}");
        assert!(figure.get("round_steps").is_none());
    }
    let during_round = bench_figures(&[&click[..], &[&"--during-round"]].concat());
    let whats: Vec<Value> = during_round.iter().map(|f| f["what"].clone()).collect();
    assert_eq!(whats, ["click_first_in_round", "click_further_in_round"]);
    assert!(during_round.iter().all(|f| f["round_steps"].is_u64()));

    let run = super::run(&[&"bench", &"infer", &"--during-round"]);
    assert!(
        run.code == Some(2) && run.err.contains("only be used with click"),
        "{}",
        run.err
    );
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_display_the_command_line_is_suggested() {
    let run = refuses(
        &[&sample("fetal-head")],
        &["open the window", "no display", "labrum segment"],
    );
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

#[test]
fn a_mistyped_command_gets_a_suggestion() {
    let mistyped: [(&[&dyn AsRef<OsStr>], &str); 4] = [
        (&[&"sgment"], "'segment'"),
        (&[&"sgment", &"a.png", &"--out", &"b"], "'segment'"),
        (&[&"workspce", &"list"], "'workspace'"),
        (&[&"models", &"activte", &"1"], "'activate'"),
    ];
    for (arguments, nearest) in mistyped {
        let run = run(arguments);
        assert!(
            run.code == Some(2) && run.err.contains(nearest),
            "{:?} {}",
            run.code,
            run.err
        );
    }
    // A path is not a command.
    refuses(
        &[&"scans/sgment.png"],
        &["sgment.png\"", "file or folder not found"],
    );
}

#[test]
fn info_lists_presentation_states_with_their_images() {
    let fixture = |name: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name)
    };
    let image = fixture("syntaxes/explicit-little-endian.dcm");
    let state = fixture("presentations/highdicom.dcm");
    let report = json(&succeeds(&[&"info", &image, &state, &"--json"]));
    assert_eq!(
        report["studies"][0]["series"][0]["presentations"],
        serde_json::json!([{
            "label": "REPORT",
            "description": "",
            "created": "2024-01-31 10:11:12",
            "images": 1,
            "windows": [[1000.0, 500.0], [2000.0, 800.0]],
            "inverted": false,
            "rotation": 90,
            "flipped": true,
            "shutters": 1,
            "graphics": 5,
            "texts": 2,
            "not_shown": [],
        }])
    );
    assert_eq!(report["passed_over"], serde_json::json!([]));
    let words = succeeds(&[&"info", &image, &state]).out;
    let line = "Presentation state: REPORT, 2024-01-31 10:11:12";
    assert!(words.contains(line), "{words}");
    refuses(
        &[&"info", &state],
        &["a presentation state for images that are not among these files"],
    );
}

#[test]
fn info_lists_all_samples() {
    let report = json(&succeeds(&[&"info", &sample(""), &"--json"]));
    let series: Vec<&Value> = report["studies"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|s| s["series"].as_array().unwrap())
        .collect();
    let slices = |modality: &str| -> Vec<u64> {
        series
            .iter()
            .filter(|s| s["modality"] == modality)
            .map(|s| s["slices"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(
        (slices("MR"), slices("CT"), slices("")),
        (vec![12], vec![12], vec![1; 4])
    );
    assert!(
        series
            .iter()
            .all(|s| s["spacing_mm"][0].as_f64().unwrap() > 0.0)
    );
    assert_eq!(
        report["passed_over"],
        serde_json::json!([]),
        "the table of pixel spacings is not skipped"
    );
}

#[test]
fn evaluate_prints_the_mean_and_the_cases_as_json() {
    let folder = tempfile::tempdir().unwrap();
    discs(folder.path());
    let report = json(&succeeds(&[
        &"evaluate",
        &MODEL,
        &folder.path(),
        &"--json",
        &"--device",
        &"cpu",
    ]));
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(
        keys(&report),
        [
            "cases",
            "command",
            "intervals",
            "large",
            "mean",
            "small",
            "unit",
            "weights"
        ]
    );
    assert_eq!(
        keys(&report["mean"]),
        ["boundary_iou", "dice", "hd95", "iou"]
    );
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    assert_eq!(cases[0]["name"], "disc-a");
    let dice: f64 = cases
        .iter()
        .map(|case| case["dice"].as_f64().unwrap())
        .sum();
    assert!((dice / 12.0 - report["mean"]["dice"].as_f64().unwrap()).abs() < 1e-9);
}

#[test]
fn an_imported_checkpoint_segments() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out, source) = (
        folder.path().join("model.safetensors"),
        folder.path().join("out"),
        folder.path().join("a.png"),
    );
    picture(&source);
    succeeds(&[
        &"import-checkpoint",
        &CHECKPOINT,
        &"--out",
        &model,
        &"--label",
        &"Lesion",
        &"--size",
        &"64x48",
    ]);
    let segment: [&dyn AsRef<OsStr>; 10] = [
        &"segment",
        &source,
        &"--out",
        &out,
        &"--model",
        &model,
        &"--device",
        &"cpu",
        &"--format",
        &"labels",
    ];
    succeeds(&segment);
    assert_eq!(files(&out), ["a.Lesion.png", "labels.json"]);
}
