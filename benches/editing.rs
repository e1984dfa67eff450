//! A gesture through the session: brush moves, journal row, undo, outlines and measurements.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use labrum::{
    session::{
        Action, Session,
        command::UserCommand,
        finding::Finding,
        job::{CaseRecord, Event, FileJob, Job, Loaded, SliceKey, StoreJob, WorkspaceInfo},
        settings::Settings,
        tool_options::ToolOptions,
        tools::{PointerInput, PointerPhase},
        view::ViewPlacement,
    },
    ui::{
        look::{CanvasLook, GreyLevels, LabelLayers, Scene},
        raster::{Area, Raster},
    },
    workspace::Workspace,
};
use labrum_core::{
    image::{Image, Pixels},
    journal::{Also, Author, CaseDescription, CaseKey, JournalStep, StepState},
    label::Label,
    mask::{Mask, Rule},
    stack::ViewPlane,
    study::{Catalog, Kind, Series, Slice, Source, Study},
    tools::stroke,
};
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

const SIDE: usize = 2048;

fn series() -> Series {
    let source = Source {
        path: "/scans/large".into(),
        frame: 0,
    };
    let slice = Slice::from_source(source);
    Series {
        id: "large".into(),
        modality: "DX".into(),
        description: "large".into(),
        ..Series::from_slices(Kind::Dicom, SIDE, SIDE, vec![slice])
    }
}

/// A session that shows one large slice, with a brush of radius 40 as the active tool.
fn session() -> Session {
    let mut session = Session::new(Settings::default());
    session.on_event(Event::Workspace(Ok(WorkspaceInfo::default())));
    session.apply_action(Action::Open(vec!["/scans".into()]));
    let id = session.take_jobs().iter().find_map(|j| {
        if let Job::Files(FileJob::Open { id, .. }) = j {
            Some(*id)
        } else {
            None
        }
    });
    let study = Study {
        id: "study".into(),
        description: String::new(),
        date: String::new(),
        time: String::new(),
        patient: Default::default(),
        series: vec![series()],
    };
    let catalog = Catalog {
        studies: vec![study],
        passed_over: Vec::new(),
    };
    session.on_event(Event::Opened {
        id: id.unwrap(),
        result: Ok(catalog),
    });
    let case = session.cases[0].id;
    session.on_event(Event::Restored {
        case,
        known: CaseRecord {
            key: CaseKey(1),
            side: None,
            task: Default::default(),
        },
        restored: None,
    });
    let image = Image::new(SIDE, SIDE, Pixels::U8(vec![90; SIDE * SIDE])).unwrap();
    let default_window = image.default_window();
    let loaded = Loaded {
        image: Arc::new(image),
        default_window,
        presets: Vec::new(),
    };
    session.on_event(Event::Loaded {
        key: SliceKey { case, slice: 0 },
        result: Ok(Arc::new(loaded)),
    });
    session.apply_action(Action::Command(UserCommand::ToolBrush));
    session.apply_action(Action::SetTools(ToolOptions {
        radius: 40.0,
        ..ToolOptions::default()
    }));
    session.take_jobs();
    session
}

fn point(session: &mut Session, phase: PointerPhase, at: [f64; 2]) {
    session.apply_action(Action::Pointer(PointerInput {
        phase,
        at,
        erases: false,
        is_shifted: false,
        scale: 1.0,
    }));
}

/// A point on a path that wanders over the image.
fn place(n: usize) -> [f64; 2] {
    let t = n as f64 * 0.02;
    [1024.0 + 900.0 * (t * 1.3).sin(), 1024.0 + 900.0 * t.cos()]
}

fn brush_move(c: &mut Criterion) {
    let mut session = session();
    let (mut n, mut seen) = (0, session.live_mask().unwrap().mask_version());
    point(&mut session, PointerPhase::Press, place(0));
    c.bench_function("brush move in the session, radius 40, 2048x2048", |b| {
        b.iter(|| {
            n += 1;
            point(&mut session, PointerPhase::Drag, place(n));
            // The part of the mask that must be uploaded after the move.
            let live = session.live_mask().unwrap();
            black_box(live.dirty_since(seen));
            seen = live.mask_version();
        });
    });
}

fn gesture(c: &mut Criterion) {
    c.bench_function("stroke of 20 moves with undo, radius 40, 2048x2048", |b| {
        let mut session = session();
        b.iter(|| {
            point(&mut session, PointerPhase::Press, place(0));
            (1..20).for_each(|n| point(&mut session, PointerPhase::Drag, place(n)));
            point(&mut session, PointerPhase::Release, place(20));
            session.apply_action(Action::Command(UserCommand::Undo));
            black_box(session.take_jobs());
        });
    });
}

fn undo(c: &mut Criterion) {
    let mut session = session();
    point(&mut session, PointerPhase::Press, place(0));
    (1..200).for_each(|n| point(&mut session, PointerPhase::Drag, place(n)));
    point(&mut session, PointerPhase::Release, place(200));
    let mut is_done = true;
    c.bench_function("undo or redo of a long stroke, 2048x2048", |b| {
        b.iter(|| {
            let command = if is_done {
                UserCommand::Undo
            } else {
                UserCommand::Redo
            };
            session.apply_action(Action::Command(command));
            is_done = !is_done;
            session.take_jobs();
        });
    });
}

fn journal(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut workspace = Workspace::open(&folder.path().join("w")).unwrap();
    let case = workspace
        .adopt_case(&CaseDescription::from_series(
            "large",
            "study",
            "",
            &series(),
        ))
        .unwrap();
    let mut seq = workspace.next_seq().unwrap();
    let mut mask = Mask::new_blank(SIDE, SIDE);
    c.bench_function("journal row of a stroke", |b| {
        b.iter_batched(
            || {
                let (n, label) = (seq as usize * 7, 1 + (seq % 3) as u8);
                let region =
                    stroke::capsule_region(place(n), place(n + 6), [40.0, 40.0], SIDE, SIDE);
                seq += 1;
                let edits = vec![(0, mask.paint_region(&region, label, &Rule::FREE))];
                let author = Author::Person("bench".into());
                JournalStep {
                    seq,
                    case,
                    at: 0,
                    author,
                    tool: "Brush".into(),
                    edits,
                    also: Also::default(),
                    state: StepState::Done,
                }
            },
            |step| workspace.append_step(&step, &[]).unwrap(),
            BatchSize::PerIteration,
        );
    });
}

/// All work of a move, with statistics that criterion does not print: median and 99th percentile.
fn whole_move(_: &mut Criterion) {
    const MOVES: usize = 3000;
    const AREA: Area = Area {
        min: [0, 0],
        size: [1280, 800],
    };
    let folder = tempfile::tempdir().unwrap();
    let mut workspace = Workspace::open(&folder.path().join("w")).unwrap();
    let case = workspace
        .adopt_case(&CaseDescription::from_series(
            "large",
            "study",
            "",
            &series(),
        ))
        .unwrap();
    let (mut seq, mut step) = (workspace.next_seq().unwrap(), Vec::new());
    let image = Arc::new(Image::new(SIDE, SIDE, Pixels::U8(vec![90; SIDE * SIDE])).unwrap());
    let placement = ViewPlacement::upright([0.39; 2], [240.0, 0.0]);
    let levels = GreyLevels::from_image(&image, image.default_window(), true);
    let look = CanvasLook::new(placement, 1.0, levels).with_labels(
        LabelLayers::Fill,
        &[Label::with_name("Label", 0)],
        &[],
        0.35,
    );
    let mut raster = Raster::default();
    for (name, row_for_each) in [
        ("a row for each stroke of 20 moves", 20),
        ("a row for each move", 1),
    ] {
        let mut session = session();
        point(&mut session, PointerPhase::Press, place(0));
        let mut times: Vec<Duration> = (1..=MOVES)
            .map(|n| {
                let begun = Instant::now();
                point(&mut session, PointerPhase::Drag, place(n));
                if n % row_for_each == 0 {
                    point(&mut session, PointerPhase::Release, place(n));
                    for job in session.take_jobs() {
                        if let Job::Store(StoreJob::Append { step: taken, .. }) = job {
                            step.extend(
                                taken
                                    .decoded_edits(false)
                                    .map(|(slice, edit)| (slice as u32, edit)),
                            );
                        }
                    }
                    if !step.is_empty() {
                        seq += 1;
                        let (author, tool) = (Author::Person("bench".into()), "Brush".into());
                        let edits = std::mem::take(&mut step);
                        let row = JournalStep {
                            seq,
                            case,
                            at: 0,
                            author,
                            tool,
                            edits,
                            also: Also::default(),
                            state: StepState::Done,
                        };
                        workspace.append_step(&row, &[]).unwrap();
                    }
                    point(&mut session, PointerPhase::Press, place(n));
                }
                let live = session.live_mask().unwrap();
                let scene = Scene {
                    image: &image,
                    labels: Some(live),
                    reference: None,
                    preview: None,
                    look: &look,
                };
                black_box(raster.repaint_changes(&scene, AREA));
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        let ms = |part: f64| times[(part * (MOVES - 1) as f64) as usize].as_secs_f64() * 1e3;
        println!(
            "brush move, radius 40, 2048x2048: mask, journal and screen (on the CPU), {name}: median {:.3} ms, 99 % {:.3} ms",
            ms(0.5),
            ms(0.99)
        );
    }
}

fn measure(c: &mut Criterion) {
    let mut session = session();
    session.apply_action(Action::Command(UserCommand::MeasureEllipse));
    for n in 0..20 {
        let corner = [
            100.0 + 180.0 * f64::from(n % 10),
            200.0 + 1500.0 * f64::from(n / 10),
        ];
        point(&mut session, PointerPhase::Press, corner);
        let opposite = corner.map(|v| v + 80.0);
        point(&mut session, PointerPhase::Drag, opposite);
        point(&mut session, PointerPhase::Release, opposite);
    }
    point(&mut session, PointerPhase::Press, [1024.0, 1024.0]);
    let mut n = 0;
    c.bench_function(
        "pointer move that draws an ellipse beside 20 others, 2048x2048",
        |b| {
            b.iter(|| {
                n += 1;
                point(&mut session, PointerPhase::Drag, place(n));
                black_box(session.shown_measurements(ViewPlane::Slice, 0))
            });
        },
    );
}

fn survey(c: &mut Criterion) {
    let mut mask = Mask::new_blank(SIDE, SIDE);
    mask.paint_region(
        &stroke::disc_region([1024.0, 1024.0], [500.0, 500.0], SIDE, SIDE),
        1,
        &Rule::FREE,
    );
    let labels: Arc<[Label]> = [Label::with_name("Disc", 0)].into();
    c.bench_function(
        "outlines and measurements of a 2048x2048 mask, beside the window",
        |b| {
            b.iter(|| {
                black_box(Finding::of_drawn(
                    &mask,
                    None,
                    labels.clone(),
                    &Default::default(),
                ))
            });
        },
    );
}

criterion_group! {
    name = editing;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1)).sample_size(30);
    targets = whole_move, brush_move, gesture, undo, journal, measure, survey
}
criterion_main!(editing);
