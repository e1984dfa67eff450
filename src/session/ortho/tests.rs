//! Orthogonal views of a series: linking, painting, undo, and the memory limit.
#![allow(clippy::unwrap_used)]

mod click;

use super::{
    super::{
        Action,
        command::UserCommand,
        job::{CaseRecord, Event, FileJob, Loaded, StoreJob, WorkspaceInfo},
        settings::{MEMORY_MB, Settings},
        tool_options::{BrushUnit, ToolOptions},
        tools::PointerPhase,
    },
    *,
};
use labrum_core::{
    geometry::{PixelSpacing, Plane, SpacingSource},
    image::{Image, Pixels},
    journal::CaseKey,
    label::Label,
    patient::Patient,
    study::{Catalog, Kind, Series, Slice, Source, Study},
};

const AXIAL: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
const COLUMNS: usize = 12;
const ROWS: usize = 9;

/// Axial slices of 12 x 9 pixels, at these heights.
fn axial(heights: &[f64]) -> Series {
    let slice = |z: &f64| Slice {
        plane: Some(Plane {
            position: [10.0, 10.0, 10.0 + z],
            orientation: AXIAL,
        }),
        spacing: Some(PixelSpacing {
            row: 0.5,
            column: 0.75,
            source: SpacingSource::PixelSpacing,
        }),
        ..Slice::from_source(Source {
            path: "/scans/volume".into(),
            frame: 0,
        })
    };
    Series {
        id: "volume".into(),
        modality: "CT".into(),
        description: "volume".into(),
        ..Series::from_slices(
            Kind::Dicom,
            COLUMNS,
            ROWS,
            heights.iter().map(slice).collect(),
        )
    }
}

/// A session with this series open and no slice loaded.
fn session(series: Series, settings: Settings) -> Session {
    let mut session = Session::new(settings);
    session.on_event(Event::Workspace(Ok(WorkspaceInfo {
        labels: vec![Label::with_name("Disc", 0)],
        ..WorkspaceInfo::default()
    })));
    session.take_jobs();
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
        description: "Chest".into(),
        date: "2004-01-19".into(),
        time: "07:20:11".into(),
        patient: Patient {
            id: "MRN-17".into(),
            name: "Doe^Jane".into(),
            birth_date: "1957-03-02".into(),
            sex: "F".into(),
        },
        series: vec![series],
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
    session
}

fn load(session: &mut Session, slice: usize) {
    let (id, series) = (session.cases[0].id, session.cases[0].series.clone());
    let (columns, rows) = (series.columns, series.rows);
    let values = (0..columns * rows)
        .map(|i| (slice * 1000 + i) as i16)
        .collect();
    let image = Image::new(columns, rows, Pixels::I16(values)).unwrap();
    let default_window = image.default_window();
    let loaded = Loaded {
        image: Arc::new(image),
        default_window,
        presets: Vec::new(),
    };
    session.on_event(Event::Loaded {
        key: SliceKey { case: id, slice },
        result: Ok(Arc::new(loaded)),
    });
}

/// Five slices 2 mm apart, all loaded; the views are shown and a brush of 1 mm is active.
pub(crate) fn shown() -> Session {
    let tools = ToolOptions {
        radius: 1.0,
        unit: BrushUnit::Mm,
        ..ToolOptions::default()
    };
    let settings = Settings {
        tools,
        ..Settings::default()
    };
    let mut session = session(axial(&[0.0, 2.0, 4.0, 6.0, 8.0]), settings);
    (0..5).for_each(|slice| load(&mut session, slice));
    command(&mut session, UserCommand::ToggleOrtho);
    command(&mut session, UserCommand::ToolBrush);
    session.take_jobs();
    session
}

fn command(session: &mut Session, command: UserCommand) {
    session.apply_action(Action::Command(command));
}

fn act(session: &mut Session, action: OrthoAction) {
    session.apply_action(Action::Ortho(action));
}

fn input(phase: PointerPhase, at: Place) -> PointerInput {
    PointerInput {
        phase,
        at,
        erases: false,
        is_shifted: false,
        scale: 1.0,
    }
}

fn stroke(session: &mut Session, plane: ViewPlane, places: &[Place]) {
    act(
        session,
        OrthoAction::Pointer(plane, input(PointerPhase::Press, places[0])),
    );
    for at in &places[1..] {
        act(
            session,
            OrthoAction::Pointer(plane, input(PointerPhase::Drag, *at)),
        );
    }
    act(
        session,
        OrthoAction::Pointer(
            plane,
            input(PointerPhase::Release, places[places.len() - 1]),
        ),
    );
}

/// All labelled voxels: slice, column, row.
fn voxels(session: &Session) -> Vec<(usize, usize, usize)> {
    let case = session.cases.current_case().unwrap();
    let of = |slice: usize| {
        let mask = session
            .mask_of(SliceKey {
                case: case.id,
                slice,
            })
            .map(|m| m.into_owned());
        let pixels = (0..ROWS).flat_map(|y| (0..COLUMNS).map(move |x| (x, y)));
        pixels
            .filter(move |(x, y)| {
                mask.as_ref()
                    .is_some_and(|m| m.label_at(*x as i64, *y as i64) != 0)
            })
            .map(move |(x, y)| (slice, x, y))
            .collect::<Vec<_>>()
    };
    (0..case.slices.len()).flat_map(of).collect()
}

#[test]
fn a_click_in_one_view_moves_the_crosshair_in_the_others() {
    let mut session = shown();
    // On the sagittal view, whose rows run from head to feet: the second row is the last slice
    // but one.
    act(
        &mut session,
        OrthoAction::Cross(ViewPlane::Column, [2.5, 1.5]),
    );
    assert_eq!(session.cases.current_case().unwrap().slice, 3);
    let ortho = session.viewports.ortho_views().unwrap();
    assert_eq!(
        ViewPlane::ALL.map(|plane| ortho.cell_index(plane)),
        [3, 6, 2]
    );
    // On the acquired slice.
    act(
        &mut session,
        OrthoAction::Cross(ViewPlane::Slice, [10.2, 7.9]),
    );
    let ortho = session.viewports.ortho_views().unwrap();
    assert_eq!(
        ViewPlane::ALL.map(|plane| ortho.cell_index(plane)),
        [3, 10, 7]
    );
    // Scrolling through the slices moves the crosshair in the other views.
    session.apply_action(Action::ScrollSlices(-2));
    assert_eq!(
        session
            .viewports
            .ortho_views()
            .unwrap()
            .cell_index(ViewPlane::Slice),
        1
    );
    act(&mut session, OrthoAction::Scroll(ViewPlane::Row, -100));
    assert_eq!(
        session
            .viewports
            .ortho_views()
            .unwrap()
            .cell_index(ViewPlane::Row),
        0
    );
}

#[test]
fn only_views_whose_plane_changed_are_resliced() {
    let mut session = shown();
    let asked = |session: &mut Session| {
        let jobs = session.take_jobs().into_iter();
        let of = |job| {
            if let Job::Reslice(job) = job {
                Some((job.plane, job.index))
            } else {
                None
            }
        };
        jobs.filter_map(of).collect::<Vec<_>>()
    };
    act(&mut session, OrthoAction::Scroll(ViewPlane::Column, 1));
    assert_eq!(asked(&mut session), [(ViewPlane::Column, 7)]);
    session.apply_action(Action::ScrollSlices(1));
    stroke(&mut session, ViewPlane::Row, &[[3.0, 2.0], [6.0, 3.0]]);
    assert!(asked(&mut session).is_empty());
}

#[test]
fn a_stroke_on_the_sagittal_view_paints_the_voxels_under_it_in_one_step() {
    let mut session = shown();
    act(
        &mut session,
        OrthoAction::Cross(ViewPlane::Slice, [5.5, 4.5]),
    );
    session.take_jobs();
    // A radius of 1 mm is two rows and half a slice gap: from slice 3 (row 1 from the head) to
    // slice 1, around row 4 of the slices.
    stroke(&mut session, ViewPlane::Column, &[[4.5, 1.5], [4.5, 3.5]]);
    let mut expected = Vec::new();
    for slice in 1..4 {
        (2..7).for_each(|row| expected.push((slice, 5, row)));
    }
    assert_eq!(voxels(&session), expected);
    let steps = session
        .take_jobs()
        .into_iter()
        .filter(|j| matches!(j, Job::Store(StoreJob::Append { .. })))
        .count();
    assert_eq!(steps, 1, "one step in the journal");
    let seen = session
        .viewports
        .ortho_views()
        .unwrap()
        .across(ViewPlane::Column)
        .unwrap()
        .labels
        .mask();
    assert_eq!(
        (
            seen.count_pixels(1),
            seen.label_at(4, 1),
            seen.label_at(4, 0)
        ),
        (15, 1, 0)
    );
    let coronal = session
        .viewports
        .ortho_views()
        .unwrap()
        .across(ViewPlane::Row)
        .unwrap()
        .labels
        .mask();
    assert_eq!((coronal.count_pixels(1), coronal.label_at(5, 2)), (3, 1));

    command(&mut session, UserCommand::Undo);
    assert!(voxels(&session).is_empty());
    assert!(
        session
            .viewports
            .ortho_views()
            .unwrap()
            .across(ViewPlane::Column)
            .unwrap()
            .labels
            .mask()
            .is_blank()
    );
    command(&mut session, UserCommand::Redo);
    assert_eq!(voxels(&session), expected);
}

#[test]
fn esc_cancels_a_stroke_across_slices_and_the_eraser_erases() {
    let mut session = shown();
    act(
        &mut session,
        OrthoAction::Pointer(ViewPlane::Row, input(PointerPhase::Press, [2.0, 0.5])),
    );
    act(
        &mut session,
        OrthoAction::Pointer(ViewPlane::Row, input(PointerPhase::Drag, [9.0, 4.5])),
    );
    assert!(voxels(&session).len() > 5);
    command(&mut session, UserCommand::Cancel);
    assert!(voxels(&session).is_empty() && session.next_undo().is_none());

    stroke(&mut session, ViewPlane::Row, &[[2.0, 2.5], [9.0, 2.5]]);
    let painted = voxels(&session).len();
    command(&mut session, UserCommand::ToolEraser);
    stroke(&mut session, ViewPlane::Row, &[[5.0, 2.5], [6.0, 2.5]]);
    assert!((1..painted).contains(&voxels(&session).len()));
    assert_eq!(session.next_undo(), Some("Eraser"));
}

#[test]
fn locked_labels_are_kept_and_unsupported_tools_say_where_they_work() {
    let mut session = shown();
    stroke(&mut session, ViewPlane::Column, &[[4.5, 2.5]]);
    let before = voxels(&session);
    session.labels.list[0].locked = true;
    command(&mut session, UserCommand::ToolEraser);
    stroke(&mut session, ViewPlane::Column, &[[4.5, 2.5]]);
    assert_eq!(voxels(&session), before);
    command(&mut session, UserCommand::ToolPolygon);
    stroke(&mut session, ViewPlane::Column, &[[4.5, 2.5]]);
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.text.starts_with("Polygon works only on acquired slices"))
    );
}

#[test]
fn strokes_skip_slices_that_are_not_loaded() {
    let mut session = session(axial(&[0.0, 2.0, 4.0, 6.0, 8.0]), Settings::default());
    load(&mut session, 2);
    command(&mut session, UserCommand::ToggleOrtho);
    command(&mut session, UserCommand::ToolBrush);
    stroke(&mut session, ViewPlane::Column, &[[4.5, 0.5], [4.5, 4.5]]);
    assert!(voxels(&session).iter().all(|(slice, ..)| *slice == 2));
}

#[test]
fn keys_apply_to_the_active_view() {
    let mut session = shown();
    command(&mut session, UserCommand::NextView);
    let column = session
        .viewports
        .ortho_views()
        .unwrap()
        .cell_index(ViewPlane::Column);
    command(&mut session, UserCommand::NextSlice);
    assert_eq!(
        session
            .viewports
            .ortho_views()
            .unwrap()
            .cell_index(ViewPlane::Column),
        column + 1
    );
    assert_eq!(session.cases.current_case().unwrap().slice, 2);
    command(&mut session, UserCommand::PointerRight);
    command(&mut session, UserCommand::DrawAtPointer);
    assert!(
        voxels(&session).iter().all(|(_, x, _)| *x == column + 1) && !voxels(&session).is_empty()
    );
    command(&mut session, UserCommand::NextView);
    command(&mut session, UserCommand::NextView);
    command(&mut session, UserCommand::NextSlice);
    assert_eq!(session.cases.current_case().unwrap().slice, 3);
}

#[test]
fn views_are_refused_with_a_reason_without_a_volume_or_enough_memory() {
    let mut session = session(axial(&[0.0]), Settings::default());
    command(&mut session, UserCommand::ToggleOrtho);
    assert_eq!(
        session.viewports.ortho_refusal(),
        Some("The series has only one slice.")
    );

    let mut large = axial(&(0..500).map(f64::from).collect::<Vec<_>>());
    (large.columns, large.rows) = (512, 512);
    let settings = Settings {
        memory_mb: *MEMORY_MB.start(),
        orthogonal: true,
        ..Settings::default()
    };
    let mut session = super::tests::session(large, settings.clone());
    let reason = session.viewports.ortho_refusal().unwrap();
    assert!(
        reason.starts_with("The volume needs 263 MB, but the image cache allows 18 MB"),
        "{reason}"
    );
    session.apply_action(Action::SetSettings(Settings {
        memory_mb: 1024,
        ..settings
    }));
    assert!(
        session.viewports.ortho_views().is_some() && session.viewports.ortho_refusal().is_none()
    );
}

#[test]
fn closing_the_views_finishes_the_stroke() {
    let mut session = shown();
    act(
        &mut session,
        OrthoAction::Pointer(ViewPlane::Row, input(PointerPhase::Press, [2.0, 2.5])),
    );
    command(&mut session, UserCommand::ToggleOrtho);
    assert!(
        session.viewports.ortho_views().is_none()
            && !session.tools.is_drawing()
            && !voxels(&session).is_empty(),
        "the stroke is kept"
    );
    assert!(
        session.settings.orthogonal != shown().settings.orthogonal,
        "the setting is stored"
    );
}

mod measure;
