//! The session, without a window or a worker.

#![allow(clippy::unwrap_used, clippy::panic)]

mod appearance;
mod labels;
mod undo;

use super::{
    command::UserCommand,
    finding::{Finding, tests::blurred_disc},
    job::*,
    labels::LabelAction,
    settings::{ExportOptions, Settings},
    *,
};
use crate::Error;
use labrum_core::{
    device::DeviceChoice,
    export_format::ExportFormat,
    holdout::Side,
    image::{Image, Pixels},
    journal::CaseKey,
    label::Label,
    mask::Rule,
    model_card::{Aspect, Config, InputSpec, ModelCard, ModelPurpose},
    region::{PixelRect, Region},
    study::{Catalog, Kind, Series, Slice, Source, Status, Study},
};

mod pictures;
mod runs;
mod waiting;

pub(crate) use pictures::{link_times, with_pictures};

fn series(name: &str, slices: usize) -> Series {
    let slice = |frame| {
        Slice::from_source(Source {
            path: format!("/scans/{name}").into(),
            frame,
        })
    };
    Series {
        id: name.into(),
        modality: "US".into(),
        description: name.into(),
        ..Series::from_slices(Kind::Dicom, 64, 64, (0..slices as u32).map(slice).collect())
    }
}

pub(super) fn model(modality: &str) -> ModelEntry {
    let card = ModelCard {
        name: format!("{modality} model"),
        version: "1".into(),
        config: Config::S,
        labels: vec![Label::with_name("Disc", 0)],
        input: InputSpec {
            channels: 1,
            columns: 64,
            rows: 64,
            aspect: Aspect::Kept,
            mean: vec![0.0],
            std: vec![1.0],
        },
        takes_prompts: false,
        without_channels: Vec::new(),
        purpose: ModelPurpose {
            modalities: vec![modality.into()],
            summary: modality.into(),
            ..Default::default()
        },
        looks: None,
        trained_on: Default::default(),
        held_out: None,
        parent: None,
    };
    ModelEntry {
        source: ModelSource::Shipped(0),
        card: Arc::new(card),
    }
}

/// A session with these series open and, if any, this model, in a new workspace.
pub(super) fn session(all: &[(&str, usize)], shipped: Option<ModelEntry>) -> Session {
    let mut session = Session::new(Settings::default());
    session.on_event(Event::Workspace(Ok(WorkspaceInfo::default())));
    session.on_event(Event::Models(shipped.into_iter().collect()));
    session.apply_action(Action::Open(vec!["/scans".into()]));
    let Some(Job::Files(FileJob::Open { id, .. })) = session
        .take_jobs()
        .into_iter()
        .find(|j| matches!(j, Job::Files(FileJob::Open { .. })))
    else {
        panic!("nothing is opened")
    };
    let study = Study {
        id: "study".into(),
        description: String::new(),
        date: String::new(),
        time: String::new(),
        patient: Default::default(),
        series: all
            .iter()
            .map(|(name, slices)| series(name, *slices))
            .collect(),
    };
    session.on_event(Event::Opened {
        id,
        result: Ok(Catalog {
            studies: vec![study],
            passed_over: Vec::new(),
        }),
    });
    let cases: Vec<CaseId> = session.cases.iter().map(|c| c.id).collect();
    for case in cases {
        session.on_event(Event::Restored {
            case,
            known: known(case as i64),
            restored: None,
        });
    }
    session
}

/// A case as the workspace knows it.
pub(super) fn known(key: i64) -> CaseRecord {
    CaseRecord {
        key: CaseKey(key),
        side: Some(Side::Training),
        task: Default::default(),
    }
}

pub(super) fn segment_jobs(session: &mut Session) -> Vec<SegmentJob> {
    let jobs = session.take_jobs().into_iter();
    jobs.filter_map(|j| {
        if let Job::Network(NetworkJob::Segment(job)) = j {
            Some(job)
        } else {
            None
        }
    })
    .collect()
}

pub(super) fn finding() -> Arc<Finding> {
    Arc::new(Finding::from_prediction(
        &blurred_disc(64, 20.0),
        "US model 1".into(),
        [Label::with_name("Disc", 0)].into(),
        &Default::default(),
    ))
}

pub(super) fn answer(session: &mut Session, job: &SegmentJob) {
    for t in &job.targets {
        let (run, key, revision) = (job.run, t.key, t.revision);
        session.on_event(Event::Segmented {
            run,
            key,
            revision,
            result: Ok(finding()),
        });
    }
    session.on_event(Event::RunEnded {
        run: job.run,
        failure: None,
    });
}

pub(super) fn command(session: &mut Session, command: UserCommand) {
    session.apply_action(Action::Command(command));
}

#[test]
fn uncertain_regions_are_visited_slice_by_slice_and_wrap_around() {
    let mut session = session(&[("a", 2)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    let on_slice = session.cases.current_case().unwrap().slices[0]
        .finding
        .as_ref()
        .unwrap()
        .doubts
        .len();
    assert!(on_slice > 0);
    let mut seen = Vec::new();
    for _ in 0..2 * on_slice + 1 {
        command(&mut session, UserCommand::NextDoubtful);
        let (key, index) = session.viewports.focus.unwrap();
        assert_eq!(key.slice, session.cases.current_case().unwrap().slice);
        seen.push((key.slice, index));
    }
    assert_eq!(
        seen.first(),
        seen.last(),
        "after the last region comes the first"
    );
    command(&mut session, UserCommand::PreviousDoubtful);
    assert_eq!(
        session.viewports.focus.map(|(k, i)| (k.slice, i)),
        seen.get(seen.len() - 2).copied()
    );
}

#[test]
fn the_current_slice_is_prefetched_first() {
    let mut session = session(&[("a", 9)], None);
    session.apply_action(Action::SetSlice(7));
    let wishes = session.take_jobs().into_iter().rev().find_map(|j| {
        if let Job::Decode(w) = j {
            Some(w)
        } else {
            None
        }
    });
    assert_eq!(wishes.unwrap()[0].key.slice, 7);
}

#[test]
fn opening_a_study_again_does_not_duplicate_its_cases() {
    let mut session = session(&[("a", 1), ("b", 1)], None);
    session.apply_action(Action::Open(vec!["/scans".into()]));
    let id = session.opening.as_ref().unwrap().id;
    let study = Study {
        id: "study".into(),
        description: String::new(),
        date: String::new(),
        time: String::new(),
        patient: Default::default(),
        series: vec![series("b", 1), series("c", 1)],
    };
    session.on_event(Event::Opened {
        id,
        result: Ok(Catalog {
            studies: vec![study],
            passed_over: Vec::new(),
        }),
    });
    let names: Vec<&str> = session.cases.iter().map(|c| c.series.id.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(session.cases.current, Some(1), "the opened case is shown");
}

#[test]
fn an_export_contains_all_existing_masks() {
    let mut session = session(&[("a", 3)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    let t = &job.targets[0];
    session.on_event(Event::Segmented {
        run: job.run,
        key: t.key,
        revision: t.revision,
        result: Ok(finding()),
    });
    let options = ExportOptions {
        formats: vec![ExportFormat::LabelMap],
        ..ExportOptions::default()
    };
    session.apply_action(Action::Export(ExportRequest {
        folder: "/out".into(),
        scope: ExportScope::ThisCase,
        options,
    }));
    let export = session.take_jobs().into_iter().find_map(|j| {
        if let Job::MaskFiles(MaskFileJob::Export(e)) = j {
            Some(e)
        } else {
            None
        }
    });
    let export = export.unwrap();
    assert_eq!(export.slices.len(), 1);
    assert_eq!(export.slices[0].mask, blurred_disc(64, 20.0).mask);
}

#[test]
fn a_chosen_device_is_probed_and_saved() {
    let mut session = session(&[], None);
    let settings = Settings {
        device: DeviceChoice::Cpu,
        ..session.settings.clone()
    };
    session.apply_action(Action::SetSettings(settings));
    let jobs = session.take_jobs();
    assert!(
        jobs.iter()
            .any(|j| matches!(j, Job::Network(NetworkJob::ProbeDevice(DeviceChoice::Cpu))))
    );
    assert!(
        jobs.iter()
            .any(|j| matches!(j, Job::Files(FileJob::SaveSettings(_))))
    );
}

#[test]
fn a_slice_has_its_default_window_until_the_user_chooses_another() {
    let mut session = session(&[("a", 1)], None);
    let image = Image::new(64, 64, Pixels::U8(vec![7; 4096])).unwrap();
    let default_window = image.default_window();
    let loaded = Loaded {
        presets: window::presets_for_image(&image, "US", default_window),
        image: Arc::new(image),
        default_window,
    };
    let key = session.cases.current_case().unwrap().slice_key();
    session.on_event(Event::Loaded {
        key,
        result: Ok(Arc::new(loaded)),
    });
    let shown =
        |s: &Session| s.window_of(s.cases.current_case().unwrap(), s.current_loaded().unwrap());
    assert_eq!(shown(&session), default_window);
    session.apply_action(Action::SetWindow(Window::new(1.0, 2.0)));
    assert_eq!(shown(&session), Window::new(1.0, 2.0));
    command(&mut session, UserCommand::WindowReset);
    assert_eq!(shown(&session), default_window);
}

#[test]
fn a_new_label_of_a_model_gets_an_unused_colour() {
    let mut session = session(&[("a", 1)], None);
    session.apply_action(Action::Label(super::labels::LabelAction::Add(
        Label::with_name("Mine", 0),
    )));
    assert_eq!(
        session.values_of_model(&[Label::with_name("Disc", 0)], Default::default()),
        [2]
    );
    let colors: Vec<_> = session
        .labels
        .all_labels()
        .iter()
        .map(|l| l.color)
        .collect();
    assert_eq!(colors.len(), 2);
    assert_ne!(colors[0], colors[1]);
}

#[test]
fn a_storage_error_is_reported_once_and_removed_when_resolved() {
    let mut session = session(&[], None);
    session.notices.list.clear();
    let error = || Error::new("save the step", "the disk is full");
    session.on_event(Event::Workspace(Err(error())));
    session.on_event(Event::Stored {
        written: 0,
        trouble: Some(error()),
    });
    assert_eq!(session.notices.list.len(), 1);
    session.on_event(Event::Stored {
        written: 1,
        trouble: None,
    });
    let texts: Vec<&str> = session
        .notices
        .list
        .iter()
        .map(|n| n.text.as_str())
        .collect();
    assert_eq!(texts, ["All work is saved."]);
}
