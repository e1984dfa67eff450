//! Rehearsals on a folder.

use super::*;

#[test]
fn a_rehearsal_estimates_the_work_for_a_task() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path(), 40);
    let arguments: [&dyn AsRef<OsStr>; 12] = [
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"4,8,12",
        &"--seconds",
        &"6",
        &"--size",
        &"48",
        &"--device",
        &"cpu",
        &"--order",
        &"doubt",
    ];
    let text = succeeds(&[&arguments[..], &[&"--json"]].concat());
    let rounds: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        rounds
            .iter()
            .map(|r| r["cases"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [4, 8, 12]
    );
    for round in &rounds {
        assert!(round["test_dice"].as_f64().unwrap() > 0.5, "{round}");
        assert!(round["corrected_pixels"].as_u64().unwrap() > 0, "{round}");
        assert!(round["seconds"].as_f64().unwrap() < 12.0, "{round}");
        let figure = |name: &str| round[name].as_f64().unwrap_or(0.0);
        let (active, candidate) = (figure("active_test_dice"), figure("candidate_test_dice"));
        let is_first = round["active_test_dice"].is_null();
        let (chosen, other) = match round["accepted"].as_bool().unwrap() {
            true => (candidate, active),
            false => (active, candidate),
        };
        let lost = if is_first {
            0.0
        } else {
            (other - chosen).max(0.0)
        };
        assert!((figure("lost_test_dice") - lost).abs() < 1e-9, "{round}");
        assert!(round["decision"].is_string(), "{round}");
        if round["went_back"] == false {
            assert!((figure("test_dice") - chosen).abs() < 1e-9, "{round}");
        }
    }
    assert!(
        rounds[2]["holdout_cases"].as_u64().unwrap() >= 2,
        "{}",
        rounds[2]
    );
    let first = rounds[0]["corrected_share"].as_f64().unwrap();
    let last = rounds[2]["corrected_share"].as_f64().unwrap();
    assert!(
        last < first,
        "training must save work: share corrected {first} at first, {last} at last"
    );
}

#[test]
fn rehearsals_with_several_seeds_are_summarised() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path(), 20);
    let arguments: [&dyn AsRef<OsStr>; 15] = [
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"3,6",
        &"--steps",
        &"10",
        &"--size",
        &"48",
        &"--device",
        &"cpu",
        &"--blend",
        &"0.5",
        &"--seeds",
        &"2",
        &"--json",
    ];
    let text = succeeds(&arguments);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seeds: Vec<u64> = lines.iter().filter_map(|r| r["seed"].as_u64()).collect();
    assert_eq!(seeds, [1, 1, 2, 2]);
    let [first, last] = &lines[4..] else {
        panic!("two summaries: {text}");
    };
    for (summary, cases) in [(first, 3), (last, 6)] {
        let summary = &summary["summary"];
        assert_eq!(
            (&summary["cases"], &summary["seeds"]),
            (&cases.into(), &2.into())
        );
        let of_seeds = lines.iter().filter(|r| r["cases"] == cases);
        let dice: Vec<f64> = of_seeds.map(|r| r["test_dice"].as_f64().unwrap()).collect();
        let spread = &summary["test_dice"];
        let mean = spread["mean"].as_f64().unwrap();
        assert!((mean - (dice[0] + dice[1]) / 2.0).abs() < 1e-9, "{text}");
        let range = [&spread["lowest"], &spread["highest"]].map(|v| v.as_f64().unwrap());
        assert_eq!(range, [dice[0].min(dice[1]), dice[0].max(dice[1])]);
    }
    for wrong in [["--prompts", "--seeds=2"], ["--json", "--blend=1.5"]] {
        let refused = run(&[&"rehearse", &folder.path(), &wrong[0], &wrong[1]]);
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_round_and_a_rehearsal_can_start_from_the_click_model() {
    let folder = tempfile::tempdir().unwrap();
    let (work, pairs) = (folder.path().join("work"), folder.path().join("data"));
    workspace(&work, 6);
    let dry = train(&work, &["--from", "click", "--dry-run"])
        .output()
        .unwrap();
    assert!(
        text(&dry.stdout).contains("would start from Click model"),
        "{}",
        text(&dry.stdout)
    );
    let done = train(&work, &["--from", "click", "--steps", "8", "--json"])
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let version: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(version["parent_name"], "Click model");
    data(&pairs, 20);
    let line = succeeds(&[
        &"rehearse",
        &pairs,
        &"--cases",
        &"4",
        &"--steps",
        &"8",
        &"--size",
        &"48",
        &"--from",
        &"click",
        &"--device",
        &"cpu",
        &"--json",
    ]);
    let result: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&result["cases"], &result["steps"]),
        (&4.into(), &8.into()),
        "{line}"
    );
}

#[cfg(unix)]
#[test]
fn a_rehearsal_needs_enough_cases_and_stops_on_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path(), 20);
    let output = run(&[
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"500",
        &"--device",
        &"cpu",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("fewer cases than the 500"),
        "{}",
        text(&output.stderr)
    );
    let begun = Instant::now();
    let mut child = program(&[
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"4",
        &"--seconds",
        &"600",
        &"--size",
        &"48",
    ])
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    thread::sleep(Duration::from_secs(2));
    let asked = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    child.wait().unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert!(begun.elapsed() < Duration::from_secs(60));
}
