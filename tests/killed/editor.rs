//! The whole editor without its window: a child draws with every tool and is killed. Every finished
//! gesture must be there when the workspace is opened again.

use crate::{Random, fail};
use labrum::{
    Error, Result,
    session::{
        Action, Session,
        command::UserCommand,
        job::{Job, ModelEntry, SliceKey, StoreJob},
        labels::LabelAction,
        settings::Settings,
        store::WorkspaceState,
        tool_options::ToolOptions,
        tools::{PointerInput, PointerPhase},
    },
    worker::{AppFolders, SegmentationNetwork, Worker},
};
use labrum_core::{
    device::DeviceChoice,
    image::Image,
    label::Label,
    mask::Mask,
    measurement::{DrawnMeasurement, ShapeKind},
    prediction::Prediction,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Number of kills before the next workspace is created.
const LIVES_OF_A_WORKSPACE: u64 = 20;

#[test]
fn an_editor_that_is_killed_loses_no_gesture() {
    kill(60, 1);
}

/// Takes some minutes.
#[test]
#[ignore = "the same with a thousand kills"]
fn an_editor_that_is_killed_a_thousand_times_loses_no_gesture() {
    kill(1000, 2);
}

/// Run by the child process: draws until it is killed. Does nothing in a normal test run.
#[test]
fn child_process() {
    let Ok(task) = std::env::var("LABRUM_KILLED_EDITOR") else {
        return;
    };
    let [seed, folder] = task.splitn(2, ' ').collect::<Vec<_>>().try_into().unwrap();
    let mut random = Random(seed.parse().unwrap());
    let mut editor = Editor::open(Path::new(folder));
    editor.talks = true;
    let begun = Instant::now();
    // It ends by itself if the parent is gone.
    while begun.elapsed() < Duration::from_secs(20) {
        editor.gesture(&mut random);
        editor.until("the disk", |s| s.workspace.unsaved_count() == 0);
        report_hash("done", editor.hash());
    }
}

fn report_hash(word: &str, hash: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{word} {hash}").unwrap();
    out.flush().unwrap();
}

/// Totals over all kills.
#[derive(Default)]
struct Count {
    gestures: u64,
    /// Gestures that were saved, but not yet reported by the child when it was killed.
    untold: u64,
    steps: u64,
}

/// Kills a child this many times, on several workspaces in parallel.
fn kill(times: u64, seed: u64) {
    let begun = Instant::now();
    let workspaces = times / LIVES_OF_A_WORKSPACE;
    let counts: Vec<Count> = thread::scope(|scope| {
        let series = |n| {
            (n..workspaces)
                .step_by(3)
                .map(|n| run_and_kill_children(seed << 16 | n))
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..3).map(|n| scope.spawn(move || series(n))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let sum = |of: fn(&Count) -> u64| counts.iter().map(of).sum::<u64>();
    let (gestures, untold, steps) = (sum(|c| c.gestures), sum(|c| c.untold), sum(|c| c.steps));
    println!(
        "{times} kills in {:?}: {gestures} gestures, {untold} saved but not reported before the kill, {steps} steps undone and redone",
        begun.elapsed()
    );
    assert!(
        gestures > times && steps > times,
        "too little work between the kills: {gestures} gestures, {steps} steps undone"
    );
}

/// Runs and kills children on one workspace.
fn run_and_kill_children(seed: u64) -> Count {
    let folder = tempfile::tempdir().unwrap();
    let (mut count, mut random) = (Count::default(), Random(seed));
    let mut known = Editor::open(folder.path()).hash();
    for life in 0..LIVES_OF_A_WORKSPACE {
        let told = run_until_killed(folder.path(), seed << 20 | life, &mut random);
        count.gestures += told.done;
        let last = told.last.unwrap_or(known);
        let mut editor = Editor::open(folder.path());
        known = editor.hash();
        if known != last {
            let was_in_hand = told.in_hand.contains(&known);
            assert!(
                was_in_hand,
                "masks differ after {} gestures of child {life}, seed {seed}",
                told.done
            );
            count.untold += 1;
        }
        count.steps += editor.undo_and_redo(random.below(20));
        assert_eq!(
            editor.hash(),
            known,
            "undo and redo changed the masks after child {life}, seed {seed}"
        );
        drop(editor);
        let database =
            rusqlite::Connection::open(folder.path().join("data/My work/workspace.sqlite"))
                .unwrap();
        let report: String = database
            .query_row("PRAGMA integrity_check", (), |r| r.get(0))
            .unwrap();
        assert_eq!(report, "ok");
    }
    count
}

/// What a child reported: hashes of all masks.
#[derive(Default)]
struct Told {
    done: u64,
    /// After the last saved gesture.
    last: Option<u64>,
    /// After the gestures that were being saved.
    in_hand: Vec<u64>,
}

impl Told {
    fn read_line(&mut self, line: &str) {
        let number = |word| line.strip_prefix(word).map(|n| n.parse().unwrap());
        if let Some(hash) = number("will ") {
            self.in_hand.push(hash);
        } else if let Some(hash) = number("done ") {
            self.last = Some(hash);
            self.in_hand.clear();
            self.done += 1;
        }
    }
}

/// Starts a child and kills it after a random time.
fn run_until_killed(folder: &Path, seed: u64, random: &mut Random) -> Told {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["editor::child_process", "--exact", "--nocapture"])
        .env(
            "LABRUM_KILLED_EDITOR",
            format!("{seed} {}", folder.display()),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(std::io::Result::ok);
    let mut told = Told::default();
    // Some are killed while they start, most while they draw.
    if random.below(6) > 0 {
        while told.done == 0 {
            let line = lines.next().unwrap_or_else(|| fail(&mut child));
            told.read_line(&line);
        }
    }
    thread::sleep(Duration::from_micros(random.below(150_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.for_each(|line| told.read_line(&line));
    told
}

struct NoNetwork;

impl SegmentationNetwork for NoNetwork {
    fn shipped_models(&mut self) -> Result<Vec<ModelEntry>> {
        Ok(Vec::new())
    }

    fn read_model(&mut self, path: &Path) -> Result<ModelEntry> {
        Err(Error::at_path(
            "read the model",
            path,
            "there is no network here",
        ))
    }

    fn probe_device(&mut self, _: DeviceChoice) -> Result<String> {
        Ok(String::new())
    }

    fn prepare_model(&mut self, _: &ModelEntry, _: DeviceChoice) -> Result<String> {
        Ok(String::new())
    }

    fn segment_image(&mut self, _: &Image) -> Result<Prediction> {
        Err(Error::new("run the model", "there is no network here"))
    }

    fn take_notice(&mut self) -> Option<String> {
        None
    }
}

/// Session and worker with the CT series open.
struct Editor {
    session: Session,
    worker: Worker,
    /// Whether it reports each hash before it is saved.
    talks: bool,
}

impl Editor {
    fn open(folder: &Path) -> Self {
        let at = |name| folder.join(name);
        let places = AppFolders {
            config: at("config"),
            cache: at("cache"),
            data: at("data"),
        };
        let worker =
            Worker::start_threads(Arc::new(|| {}), places, || Box::new(NoNetwork)).unwrap();
        let mut editor = Self {
            session: Session::new(Settings::default()),
            worker,
            talks: false,
        };
        let series = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/samples/sarcoma-ct");
        editor.session.apply_action(Action::Open(vec![series]));
        editor.until("the slice and its work", |s| {
            s.current_loaded().is_some() && s.cases.current_case().is_some_and(|c| c.is_restored)
        });
        assert!(
            matches!(editor.session.workspace.state(), WorkspaceState::Open(_)),
            "{:?}",
            editor.session.workspace.state()
        );
        editor
    }

    /// One frame: submits the jobs of the last gesture and handles events. Changes of masks are
    /// submitted one at a time, so that the hash after each is reported.
    fn turn(&mut self) {
        self.submit_jobs();
        while let Some(event) = self.worker.poll_event() {
            self.session.on_event(event);
            self.submit_jobs();
        }
        self.worker.wait_until_stored(Duration::from_millis(16));
    }

    fn submit_jobs(&mut self) {
        let jobs = self.session.take_jobs();
        let draws = |job: &Job| {
            matches!(
                job,
                Job::Store(StoreJob::Append { .. } | StoreJob::SetUndone { .. })
            )
        };
        if self.talks && jobs.iter().any(draws) {
            report_hash("will", self.hash());
        }
        jobs.into_iter().for_each(|job| self.worker.submit_job(job));
    }

    fn until(&mut self, what: &str, done: impl Fn(&Session) -> bool) {
        let begun = Instant::now();
        loop {
            self.turn();
            if done(&self.session) {
                return;
            }
            let notices = || {
                self.session
                    .notices
                    .list
                    .iter()
                    .map(|n| n.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "waited too long for {what}: {}",
                notices()
            );
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn hash(&self) -> u64 {
        let case = self.session.cases.current_case().unwrap();
        let blank = Mask::new_blank(case.series.columns, case.series.rows);
        let mut hasher = DefaultHasher::new();
        for slice in 0..case.slices.len() {
            let mask = self.session.mask_of(SliceKey {
                case: case.id,
                slice,
            });
            let labels = mask.as_deref().unwrap_or(&blank).pixel_labels();
            let highest = labels.iter().max().copied().unwrap_or(0);
            assert!(
                usize::from(highest) <= self.session.labels.all_labels().len(),
                "there is no label {highest}"
            );
            labels.hash(&mut hasher);
        }
        // Undo and redo may change their order in the list.
        let mut drawn: Vec<&DrawnMeasurement> = case.measurements.all().iter().collect();
        drawn.sort_by(|a, b| a.id.cmp(&b.id));
        format!("{drawn:?}").hash(&mut hasher);
        hasher.finish()
    }

    fn command(&mut self, command: UserCommand) {
        self.session.apply_action(Action::Command(command));
    }

    fn undo_and_redo(&mut self, steps: u64) -> u64 {
        let mut undone = 0;
        while undone < steps && self.session.next_undo().is_some() {
            self.command(UserCommand::Undo);
            undone += 1;
        }
        for _ in 0..undone {
            self.command(UserCommand::Redo);
        }
        self.until("the disk", |s| s.workspace.unsaved_count() == 0);
        assert!(
            self.session
                .notices
                .list
                .iter()
                .all(|n| !n.text.starts_with("Cannot")),
            "{:?}",
            self.session.notices
        );
        undone
    }

    /// A random action of a user.
    fn gesture(&mut self, random: &mut Random) {
        use UserCommand as C;
        match random.below(31) {
            0..6 => self.stroke(C::ToolBrush, random),
            6..8 => self.stroke(C::ToolEraser, random),
            8..10 => self.stroke(C::ToolSmartBrush, random),
            10 | 11 => self.stroke(C::ToolLasso, random),
            12 => self.stroke(C::ToolPull, random),
            13..15 => self.polygon(random),
            15 => {
                self.command(C::ToolFill);
                let at = self.place(random);
                self.point(PointerPhase::Press, at, random);
                self.point(PointerPhase::Release, at, random);
            }
            16..19 => {
                let all = [
                    C::Grow,
                    C::Shrink,
                    C::Smooth,
                    C::FillHoles,
                    C::RemoveIslands,
                    C::KeepLargest,
                    C::EmptyLabel,
                ];
                self.command(all[random.below(all.len() as u64) as usize]);
            }
            19 => self.command([C::CopyFromPrevious, C::CopyFromNext][random.below(2) as usize]),
            20 => self.command(C::Interpolate),
            21 if self.session.labels.all_labels().len() < 4 => {
                self.session
                    .apply_action(Action::Label(LabelAction::Add(Label::with_name(
                        "Another", 0,
                    ))));
            }
            21 => self.session.apply_action(Action::Label(LabelAction::Choose(
                1 + random.below(4) as u8,
            ))),
            22 | 23 => {
                self.session
                    .apply_action(Action::SetSlice(random.below(12) as usize));
                self.until("the slice", |s| s.current_loaded().is_some());
            }
            24 => self.command([C::Accept, C::Skip][random.below(2) as usize]),
            25 | 26 => self.command(C::Undo),
            27..30 => self.measure(random),
            _ => self.command(C::Redo),
        }
    }

    fn stroke(&mut self, tool: UserCommand, random: &mut Random) {
        self.command(tool);
        let radius = 2.0 + random.below(20) as f64;
        self.session.apply_action(Action::SetTools(ToolOptions {
            radius,
            ..ToolOptions::default()
        }));
        let mut at = self.place(random);
        self.point(PointerPhase::Press, at, random);
        for _ in 0..2 + random.below(6) {
            at = at.map(|v| v + random.below(60) as f64 - 30.0);
            self.point(PointerPhase::Drag, at, random);
        }
        self.point(PointerPhase::Release, at, random);
    }

    /// Draws measurements, or drags those that are there; deletes some.
    fn measure(&mut self, random: &mut Random) {
        if random.below(4) == 0 {
            return self.command(UserCommand::DeleteMeasurement);
        }
        let kind = ShapeKind::ALL[random.below(ShapeKind::ALL.len() as u64) as usize];
        self.command(UserCommand::for_measure_kind(kind));
        for _ in 0..2 {
            let places = [0; 3].map(|_| self.place(random));
            self.point(PointerPhase::Press, places[0], random);
            self.point(PointerPhase::Drag, places[1], random);
            self.point(PointerPhase::Release, places[2], random);
            // Each may be a step of its own.
            self.submit_jobs();
        }
        self.command(UserCommand::Cancel);
    }

    fn polygon(&mut self, random: &mut Random) {
        self.command(UserCommand::ToolPolygon);
        let mut at = [0.0; 2];
        for _ in 0..3 + random.below(4) {
            at = self.place(random);
            self.point(PointerPhase::Press, at, random);
            self.point(PointerPhase::Release, at, random);
        }
        self.point(PointerPhase::DoubleClick, at, random);
    }

    fn point(&mut self, phase: PointerPhase, at: [f64; 2], random: &mut Random) {
        let erases = random.below(40) == 0;
        self.session.apply_action(Action::Pointer(PointerInput {
            phase,
            at,
            erases,
            is_shifted: false,
            scale: 2.0,
        }));
    }

    fn place(&self, random: &mut Random) -> [f64; 2] {
        let series = &self.session.cases.current_case().unwrap().series;
        [series.columns, series.rows].map(|n| random.below(n as u64) as f64 + 0.5)
    }
}
