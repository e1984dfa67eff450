//! The workspace alone: a child calls it and is killed. What it reported as saved must be there.

mod kills;

use crate::{Random, fail};
use kills::kill;
use labrum::workspace::Workspace;
use labrum_core::{
    edit::Edit,
    gate::GateReport,
    journal::{
        Also, Author, CaseDescription, CaseKey, JournalStep, ModelStamp, Proposal,
        SliceDescription, StepState, StoredCase,
    },
    learning::{ModelKind, NewVersion, RoundKey, RoundState, VersionState},
    mask::{Mask, PackedMask, Rule},
    region::{PixelRect, Region},
    study::{Source, Status},
};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const CASES: usize = 2;
const SLICES: usize = 2;
const SIDE: usize = 64;
/// Number of kills before the next workspace is created.
const LIVES_OF_A_WORKSPACE: u64 = 50;

#[test]
fn a_killed_program_loses_nothing() {
    kill(200, 1);
}

/// Takes about a minute.
#[test]
#[ignore = "the same with a thousand kills"]
fn a_program_killed_a_thousand_times_loses_nothing() {
    kill(1000, 2);
}

/// Run by the child process: works from the given call on until it is killed. Does nothing in a
/// normal test run.
#[test]
fn child_process() {
    let Ok(task) = std::env::var("LABRUM_KILLED") else {
        return;
    };
    let [seed, done, folder] = task.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let seed = seed.parse().unwrap();
    let mut work = Work::new(seed);
    for _ in 0..done.parse::<u64>().unwrap() {
        let action = work.next();
        work.apply(&action);
    }
    let mut workspace = Workspace::open(Path::new(folder)).unwrap();
    let cases = adopt(&mut workspace);
    let begun = Instant::now();
    // It ends by itself if the parent is gone.
    while begun.elapsed() < Duration::from_secs(20) {
        let action = work.next();
        save(&mut workspace, &cases, &action);
        work.apply(&action);
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nsaved {}", work.done).unwrap();
        out.flush().unwrap();
    }
}

fn weights(name: &str) -> Vec<u8> {
    name.as_bytes().repeat(20_000)
}

/// The visible state of a workspace.
type State = (
    Vec<(Status, f64, Vec<Option<PackedMask>>)>,
    Vec<(i64, Edit, StepState)>,
    Learning,
);

fn adopt(workspace: &mut Workspace) -> Vec<CaseKey> {
    let slice = |n: usize| SliceDescription {
        source: Source {
            path: "scan.dcm".into(),
            frame: n as u32,
        },
        sop_instance_uid: Some("1.2.3".into()),
    };
    let case = |n: usize| CaseDescription {
        identity: format!("case {n}"),
        study: "1.2".into(),
        description: "PD".into(),
        modality: "MR".into(),
        date: String::new(),
        columns: SIDE as u32,
        rows: SIDE as u32,
        subject: String::new(),
        fingerprint: None,
        time_point: None,
        slices: (0..SLICES).map(slice).collect(),
    };
    (0..CASES)
        .map(|n| workspace.adopt_case(&case(n)).unwrap())
        .collect()
}

/// One call to the workspace.
enum Action {
    Stroke {
        case: usize,
        slice: usize,
        edit: Edit,
    },
    Undo(i64),
    Redo(i64),
    Propose {
        case: usize,
        slice: usize,
        mask: PackedMask,
    },
    SetStatus(usize, Status),
    AddSecond(usize),
    Fold,
    BeginRound,
    EndRound(RoundKey),
    AddVersion(RoundKey, VersionState),
}

fn save(workspace: &mut Workspace, keys: &[CaseKey], action: &Action) {
    match action {
        Action::Stroke { case, slice, edit } => {
            let author = Author::Person("AB".into());
            let (seq, edits) = (
                workspace.next_seq().unwrap(),
                vec![(*slice as u32, edit.clone())],
            );
            let step = JournalStep {
                seq,
                case: keys[*case],
                at: seq,
                author,
                tool: "brush".into(),
                edits,
                also: Also::default(),
                state: StepState::Done,
            };
            workspace.append_step(&step, keys)
        }
        Action::Undo(seq) => workspace.set_undone(*seq, true),
        Action::Redo(seq) => workspace.set_undone(*seq, false),
        Action::Propose { case, slice, mask } => {
            let model = ModelStamp {
                name: "knee".into(),
                version: "1".into(),
                weights: String::new(),
            };
            let proposal = Proposal {
                model,
                at: 1,
                mask: mask.clone(),
            };
            workspace
                .put_proposal(keys[*case], *slice as u32, &proposal, Some(&[7; 20_000]))
                .map(drop)
        }
        Action::SetStatus(case, status) => workspace.set_status(keys[*case], *status),
        Action::AddSecond(case) => workspace.add_seconds(keys[*case], 1.0),
        Action::Fold => workspace.fold_journal(1).map(drop),
        Action::BeginRound => workspace.begin_round("{}", None).map(|(round, _)| {
            std::fs::write(round.checkpoint, "state").unwrap();
        }),
        Action::EndRound(round) => workspace.end_round(*round, RoundState::Cancelled, "stopped"),
        Action::AddVersion(round, state) => {
            workspace.add_version(&version(*round, *state)).map(drop)
        }
    }
    .unwrap();
}

fn version(round: RoundKey, state: VersionState) -> NewVersion {
    let name = name_of(round);
    NewVersion {
        round,
        kind: ModelKind::Masks,
        parent: None,
        parent_name: String::new(),
        state,
        hash: format!("{:064}", round.0),
        cases: 1,
        seconds: 1.0,
        steps: 1,
        settings: "{}".into(),
        report: GateReport::new(Vec::new(), &[]),
        bytes: weights(&name).into(),
        name,
    }
}

fn name_of(round: RoundKey) -> String {
    format!("round-{}", round.0)
}

/// Rounds and model versions.
#[derive(Clone, Debug, Default)]
struct Learning {
    /// Number of rounds so far; not visible in the workspace.
    rounds: i64,
    /// The running round, and the number of masks that it trains on.
    running: Option<(RoundKey, usize)>,
    /// Names, and whether each is active.
    versions: Vec<(String, bool)>,
}

impl PartialEq for Learning {
    fn eq(&self, other: &Self) -> bool {
        self.running == other.running && self.versions == other.versions
    }
}

/// A step in the test's copy of the expected state.
#[derive(Clone)]
struct Done {
    case: usize,
    slice: usize,
    edit: Edit,
    state: StepState,
}

#[derive(Clone, Default)]
struct Case {
    status: Status,
    seconds: f64,
    masks: Vec<Option<Mask>>,
    /// Slices that had a proposal before their first step.
    had_proposal: Vec<bool>,
}

/// The sequence of calls, which depends only on the seed, and the expected state.
#[derive(Clone)]
struct Work {
    seed: u64,
    /// Number of calls so far.
    done: u64,
    cases: Vec<Case>,
    /// The step at `i` has number `i + 1` in the journal.
    steps: Vec<Done>,
    learning: Learning,
}

impl Work {
    fn new(seed: u64) -> Self {
        let case = Case {
            masks: vec![None; SLICES],
            had_proposal: vec![false; SLICES],
            ..Case::default()
        };
        Self {
            seed,
            done: 0,
            cases: vec![case; CASES],
            steps: Vec::new(),
            learning: Learning::default(),
        }
    }

    /// The next call; it depends on the seed, the number of calls so far and the state.
    fn next(&self) -> Action {
        let mut random = Random(self.seed << 40 | self.done);
        let (case, slice) = (
            random.below(CASES as u64) as usize,
            random.below(SLICES as u64) as usize,
        );
        let region = disc(&mut random);
        let undo = self.last_done().map(Action::Undo);
        let redo = self
            .number_of(self.steps.iter().position(|s| s.state == StepState::Undone))
            .map(Action::Redo);
        let rare = match random.below(20) {
            0..4 => undo,
            4..7 => redo,
            7 => {
                let mut mask = Mask::new_blank(SIDE, SIDE);
                mask.paint_region(&region, 1, &Rule::FREE);
                Some(Action::Propose {
                    case,
                    slice,
                    mask: PackedMask::from_mask(&mask),
                })
            }
            8 => Some(Action::SetStatus(
                case,
                [Status::Accepted, Status::Skipped, Status::New][slice],
            )),
            9 => Some(Action::AddSecond(case)),
            10 => Some(Action::Fold),
            11 => self.next_round_call(&mut random),
            _ => None,
        };
        rare.unwrap_or_else(|| {
            let label = random.below(4) as u8;
            let mut mask = self.cases[case].masks[slice]
                .clone()
                .unwrap_or_else(|| Mask::new_blank(SIDE, SIDE));
            match mask.paint_region(&region, label, &Rule::FREE) {
                edit if edit.is_empty() => Action::AddSecond(case),
                edit => Action::Stroke { case, slice, edit },
            }
        })
    }

    fn apply(&mut self, action: &Action) {
        self.done += 1;
        match action {
            Action::Stroke { case, slice, edit } => {
                for step in self
                    .steps
                    .iter_mut()
                    .filter(|s| s.state == StepState::Undone)
                {
                    step.state = StepState::Dropped;
                }
                let (case, slice) = (*case, *slice);
                self.steps.push(Done {
                    case,
                    slice,
                    edit: edit.clone(),
                    state: StepState::Done,
                });
                self.mask(case, slice).apply_edit(edit);
                if [Status::New, Status::Proposed].contains(&self.cases[case].status) {
                    self.cases[case].status = Status::Corrected;
                }
            }
            Action::Undo(seq) => self.set(*seq, StepState::Undone),
            Action::Redo(seq) => self.set(*seq, StepState::Done),
            Action::Propose { case, slice, mask } => {
                if !self
                    .steps
                    .iter()
                    .any(|s| (s.case, s.slice) == (*case, *slice))
                {
                    self.cases[*case].masks[*slice] = Some(mask.to_mask());
                    self.cases[*case].had_proposal[*slice] = true;
                }
                if self.cases[*case].status == Status::New {
                    self.cases[*case].status = Status::Proposed;
                }
            }
            Action::SetStatus(case, status) => self.cases[*case].status = *status,
            Action::AddSecond(case) => self.cases[*case].seconds += 1.0,
            Action::Fold => {}
            Action::BeginRound => {
                self.learning.rounds += 1;
                self.learning.running = Some((RoundKey(self.learning.rounds), self.lessons()));
            }
            Action::EndRound(_) => self.learning.running = None,
            Action::AddVersion(round, state) => {
                self.learning.running = None;
                let is_active = *state == VersionState::Accepted;
                for version in self.learning.versions.iter_mut().filter(|_| is_active) {
                    version.1 = false;
                }
                self.learning.versions.push((name_of(*round), is_active));
            }
        }
    }

    /// The next call of a round; `None` if there are no masks to train on.
    fn next_round_call(&self, random: &mut Random) -> Option<Action> {
        match self.learning.running {
            None => (self.lessons() > 0).then_some(Action::BeginRound),
            Some((round, _)) => Some(match random.below(4) {
                0 => Action::EndRound(round),
                1 => Action::AddVersion(round, VersionState::Undecided),
                _ => Action::AddVersion(round, VersionState::Accepted),
            }),
        }
    }

    /// Masks of accepted cases.
    fn lessons(&self) -> usize {
        let accepted = self
            .cases
            .iter()
            .filter(|case| case.status == Status::Accepted);
        accepted
            .map(|case| case.masks.iter().flatten().count())
            .sum()
    }

    fn set(&mut self, seq: i64, state: StepState) {
        let step = &mut self.steps[seq as usize - 1];
        step.state = state;
        let Done {
            case, slice, edit, ..
        } = step.clone();
        let edit = if state == StepState::Undone {
            edit.inverse()
        } else {
            edit
        };
        self.mask(case, slice).apply_edit(&edit);
        // All steps of the slice were undone: it has no mask, not an empty one, since nobody marked
        // it as empty.
        let counts = |s: &Done| (s.case, s.slice) == (case, slice) && s.state == StepState::Done;
        if !self.cases[case].had_proposal[slice] && !self.steps.iter().any(counts) {
            self.cases[case].masks[slice] = None;
        }
    }

    fn mask(&mut self, case: usize, slice: usize) -> &mut Mask {
        self.cases[case].masks[slice].get_or_insert_with(|| Mask::new_blank(SIDE, SIDE))
    }

    fn last_done(&self) -> Option<i64> {
        self.number_of(self.steps.iter().rposition(|s| s.state == StepState::Done))
    }

    fn number_of(&self, step: Option<usize>) -> Option<i64> {
        step.map(|i| i as i64 + 1)
    }

    fn state(&self) -> State {
        let masks = |case: &Case| {
            case.masks
                .iter()
                .map(|m| m.as_ref().map(PackedMask::from_mask))
                .collect()
        };
        let live = |(_, step): &(i64, &Done)| step.state != StepState::Dropped;
        let steps = (1..)
            .zip(&self.steps)
            .filter(live)
            .map(|(seq, s)| (seq, s.edit.clone(), s.state))
            .collect();
        let cases = self
            .cases
            .iter()
            .map(|case| (case.status, case.seconds, masks(case)))
            .collect();
        (cases, steps, self.learning.clone())
    }
}

fn disc(random: &mut Random) -> Region {
    let radius = 2 + random.below(12) as i64;
    let (column, row) = (
        random.below(SIDE as u64) as i64,
        random.below(SIDE as u64) as i64,
    );
    Region::from_fn(&PixelRect::full_frame(SIDE, SIDE), |x, y| {
        (x as i64 - column).pow(2) + (y as i64 - row).pow(2) <= radius * radius
    })
}
