//! Rounds that were killed or interrupted.

use super::*;

/// Kills the process after a while.
fn kill_after(mut child: Child, while_longer: Duration) {
    thread::sleep(while_longer);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_round_leaves_the_workspace_intact_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    workspace(work, 14);
    assert!(train(work, &["--steps", "40"]).status().unwrap().success());
    let hash = |workspace: &mut Workspace| {
        workspace
            .list_versions()
            .unwrap()
            .into_iter()
            .find(|v| v.is_active)
            .map(|v| v.hash)
    };
    let active = hash(&mut Workspace::open(work).unwrap()).unwrap();
    for milliseconds in [30, 80, 150, 300, 600, 1200, 2000] {
        let child = train(work, &["--anew", "--steps", "100000"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        kill_after(child, Duration::from_millis(milliseconds));
        let mut workspace = Workspace::open(work).unwrap();
        assert_eq!(
            hash(&mut workspace).as_ref(),
            Some(&active),
            "killed after {milliseconds} ms"
        );
        assert_eq!(workspace.list_versions().unwrap().len(), 1);
        assert!(
            workspace
                .list_cases()
                .unwrap()
                .iter()
                .all(|c| c.status == Status::Accepted)
        );
    }
    let mut opened = Workspace::open(work).unwrap();
    // The round can be resumed.
    let interrupted = opened.running_round().unwrap().unwrap();
    let snapshot = opened.round_snapshot(interrupted.key).unwrap();
    assert_eq!(snapshot.len(), 14);
    opened.close().unwrap();
    // It resumes with its own settings: far too many steps, so it is killed in the end.
    let mut child = train(work, &[])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(1500));
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        text(&output.stderr).contains("Resuming the interrupted round"),
        "{}",
        text(&output.stderr)
    );
    let state = Workspace::open(work).unwrap().list_versions().unwrap()[0].state;
    assert_eq!(state, VersionState::Accepted);
}

#[cfg(unix)]
#[test]
fn an_interrupted_round_is_resumed_restarted_or_discarded_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    workspace(work, 14);
    let stop = |more: &[&str]| {
        let child = train(work, more)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(2500));
        assert!(
            Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        assert!(!output.status.success());
        text(&output.stderr)
    };
    let running = || {
        Workspace::open(work)
            .unwrap()
            .running_round()
            .unwrap()
            .map(|round| round.key)
    };
    assert!(stop(&["--steps", "100000"]).contains("Run the same command to resume it"));
    let first = running().unwrap();
    for other in [
        &["--steps", "4"][..],
        &["--seconds", "20"],
        &["--from", "fetal-head"],
        &["--seed", "7"],
    ] {
        let refused = train(work, other).output().unwrap();
        let words = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{words}");
        assert!(
            words.contains(other[0]) && words.contains("--anew"),
            "{words}"
        );
    }
    for same in [
        &["--dry-run"][..],
        &["--dry-run", "--steps", "100000"],
        &["--dry-run", "--from", "none"],
    ] {
        let dry = text(&train(work, same).output().unwrap().stdout);
        assert!(
            dry.contains("would be resumed. It starts from nothing and trains on"),
            "{dry}"
        );
    }
    assert!(stop(&[]).contains("Resuming the interrupted round"));
    assert_eq!(running().unwrap(), first, "the same round was resumed");
    let anew = train(work, &["--anew", "--steps", "60", "--json"])
        .output()
        .unwrap();
    assert_eq!(anew.status.code(), Some(0), "{}", text(&anew.stderr));
    assert_eq!(running(), None);
    stop(&["--steps", "100000"]);
    assert!(
        text(&train(work, &["--give-up"]).output().unwrap().stdout)
            .contains("Discarded the interrupted round")
    );
    assert_eq!(running(), None);
    assert_eq!(
        train(work, &["--give-up"]).status().unwrap().code(),
        Some(1),
        "there is no round left to discard"
    );
}
