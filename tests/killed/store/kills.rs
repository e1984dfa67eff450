//! Children that are killed, and what they must leave in the workspace.

use super::*;

/// Kills a child this many times, on several workspaces in parallel: most of the time they wait for
/// the disk.
pub(super) fn kill(times: u64, seed: u64) {
    let series = times / LIVES_OF_A_WORKSPACE;
    let counts: Vec<[u64; 3]> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|n| {
                scope.spawn(move || {
                    (n..series)
                        .step_by(4)
                        .map(|n| run_and_kill_children(seed << 16 | n))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let [calls, untold, versions] =
        [0, 1, 2].map(|i| counts.iter().map(|count| count[i]).sum::<u64>());
    println!(
        "{times} kills, {calls} calls, {untold} of them saved but not reported before the kill"
    );
    println!("{versions} versions of the model");
    assert!(
        versions > times / 20,
        "too few model versions between the kills: {versions}"
    );
    assert!(calls > times, "too few calls between the kills: {calls}");
}

/// Runs and kills children on one workspace. Returns the number of saved calls, of those saved but
/// not reported, and of model versions.
fn run_and_kill_children(seed: u64) -> [u64; 3] {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("workspace");
    let (mut work, mut untold) = (Work::new(seed), 0);
    for life in 0..LIVES_OF_A_WORKSPACE {
        let saved = run_until_killed(&folder, &work, life);
        while work.done < saved {
            let action = work.next();
            work.apply(&action);
        }
        untold += check(&folder, &mut work);
    }
    [work.done, untold, work.learning.versions.len() as u64]
}

/// Starts a child and kills it after a random time. Returns how many calls it reported as saved.
fn run_until_killed(folder: &Path, work: &Work, life: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["store::child_process", "--exact", "--nocapture"])
        .env(
            "LABRUM_KILLED",
            format!("{} {} {}", work.seed, work.done, folder.display()),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut random = Random(work.seed ^ (life << 32));
    // Some are killed while they open the workspace, most while they work.
    let mut saved = work.done;
    if random.below(5) > 0 {
        saved = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| saved_calls(&line))
            .unwrap_or_else(|| fail(&mut child));
    }
    thread::sleep(Duration::from_micros(random.below(40_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    lines
        .map_while(Result::ok)
        .filter_map(|line| saved_calls(&line))
        .last()
        .unwrap_or(saved)
}

fn saved_calls(line: &str) -> Option<u64> {
    line.strip_prefix("saved ")?.parse().ok()
}

/// Compares the workspace with the reported calls, or with one more. Returns the number of calls (0
/// or 1) that were saved but not reported.
fn check(folder: &Path, work: &mut Work) -> u64 {
    let mut workspace = Workspace::open(folder).unwrap();
    let keys = adopt(&mut workspace);
    let found = read_state(&mut workspace, &keys);
    let in_hand = u64::from(found != work.state());
    if in_hand == 1 {
        let action = work.next();
        work.apply(&action);
        assert_eq!(found, work.state(), "after {} calls", work.done);
    }
    // Undo and redo work.
    if let Some(last) = work.last_done() {
        let mut undone = work.clone();
        undone.apply(&Action::Undo(last));
        workspace.set_undone(last, true).unwrap();
        assert_eq!(
            read_state(&mut workspace, &keys),
            undone.state(),
            "undo of {last}"
        );
        workspace.set_undone(last, false).unwrap();
        assert_eq!(
            read_state(&mut workspace, &keys),
            work.state(),
            "redo of {last}"
        );
    }
    check_files(&mut workspace);
    workspace.close().unwrap();
    let database = rusqlite::Connection::open(folder.join("workspace.sqlite")).unwrap();
    let report: String = database
        .query_row("PRAGMA integrity_check", (), |r| r.get(0))
        .unwrap();
    assert_eq!(report, "ok");
    in_hand
}

/// Every version has its file, and there are no other files.
fn check_files(workspace: &mut Workspace) {
    let versions = workspace.list_versions().unwrap();
    let mut left: Vec<_> = std::fs::read_dir(workspace.models_folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for version in versions {
        assert!(
            std::fs::read(&version.file).unwrap() == weights(&version.name),
            "the weights of {} are incomplete",
            version.name
        );
        left.retain(|path| *path != version.file);
    }
    let checkpoint = workspace
        .running_round()
        .unwrap()
        .map(|round| round.checkpoint);
    // Partial files are only deleted when they are an hour old.
    left.retain(|path| {
        Some(path) != checkpoint.as_ref() && path.extension().is_none_or(|ending| ending != "part")
    });
    assert!(left.is_empty(), "{left:?}");
}

fn read_state(workspace: &mut Workspace, keys: &[CaseKey]) -> State {
    let cases: Vec<StoredCase> = (0..CASES)
        .map(|n| workspace.find_case(&format!("case {n}")).unwrap().unwrap())
        .collect();
    let masks = |case: StoredCase| case.slices.into_iter().map(|slice| slice.mask).collect();
    let steps = workspace.recent_steps(keys, 100_000).unwrap();
    let steps = steps
        .into_iter()
        .map(|mut step| (step.seq, step.edits.remove(0).1, step.state))
        .collect();
    let running = workspace.running_round().unwrap().map(|round| round.key);
    let lessons = |round| (round, workspace.round_snapshot(round).unwrap().len());
    let learning = Learning {
        running: running.map(lessons),
        versions: workspace
            .list_versions()
            .unwrap()
            .into_iter()
            .map(|v| (v.name, v.is_active))
            .collect(),
        ..Learning::default()
    };
    let cases = cases
        .into_iter()
        .map(|case| (case.entry.status, case.entry.seconds, masks(case)))
        .collect();
    (cases, steps, learning)
}
