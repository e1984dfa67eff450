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
fn a_matching_model_runs_automatically_starting_with_the_current_slice() {
    let mut session = session(&[("a", 5)], Some(model("US")));
    let jobs = segment_jobs(&mut session);
    assert_eq!(jobs.len(), 1);
    let order: Vec<usize> = jobs[0].targets.iter().map(|t| t.key.slice).collect();
    assert_eq!(order, [2, 3, 1, 4, 0]);
    answer(&mut session, &jobs[0]);
    assert_eq!(
        session.cases.current_case().unwrap().status,
        Status::Proposed
    );
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        5
    );
}

#[test]
fn a_model_that_does_not_match_runs_only_if_the_user_chooses_it() {
    let mut session = session(&[("a", 1)], Some(model("CT")));
    assert!(segment_jobs(&mut session).is_empty());
    assert!(session.command_refusal(UserCommand::SegmentSlice).is_some());
    session.apply_action(Action::ChooseModel(Some(ModelSource::Shipped(0))));
    command(&mut session, UserCommand::SegmentSlice);
    assert_eq!(segment_jobs(&mut session).len(), 1);
    let warnings = |session: &mut Session| {
        let all = session.notices.list.drain(..);
        all.filter(|notice| notice.text.contains("may not be suitable"))
            .count()
    };
    assert_eq!(warnings(&mut session), 1);
    command(&mut session, UserCommand::SegmentSlice);
    assert_eq!(warnings(&mut session), 0, "the user is warned only once");
    let fitting = session
        .models
        .fitting_model(session.cases.current_case().unwrap());
    assert!(
        matches!(
            fitting,
            Fitting::Model {
                warning: Some(_),
                ..
            }
        ),
        "{fitting:?}"
    );
}

#[test]
fn the_result_of_an_older_run_is_dropped() {
    let mut session = session(&[("a", 1)], Some(model("US")));
    let first = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::SegmentSlice);
    let second = segment_jobs(&mut session).remove(0);
    answer(&mut session, &first);
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        0,
        "the user has started a newer run"
    );
    answer(&mut session, &second);
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        1
    );
}

#[test]
fn a_result_for_a_closed_case_is_dropped() {
    let mut session = session(&[("a", 1)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::CloseAll);
    answer(&mut session, &job);
    assert!(session.cases.is_empty() && session.notices.list.is_empty());
}

#[test]
fn results_after_a_cancel_are_dropped_and_no_run_is_restarted() {
    let mut session = session(&[("a", 3), ("b", 3)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::Cancel);
    assert!(job.cancel.is_cancelled() && !session.is_busy());
    answer(&mut session, &job);
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        0
    );
    assert!(segment_jobs(&mut session).is_empty());
}

#[test]
fn an_accepted_case_is_not_changed_by_late_results() {
    let mut session = session(&[("a", 2), ("b", 1)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    let t = &job.targets[0];
    let (run, key, revision) = (job.run, t.key, t.revision);
    session.on_event(Event::Segmented {
        run,
        key,
        revision,
        result: Ok(finding()),
    });
    command(&mut session, UserCommand::Accept);
    answer(&mut session, &job);
    assert_eq!(session.cases[0].status, Status::Accepted);
    assert_eq!(session.cases[0].measured_slice_count(), 1);
    assert_eq!(session.cases.current, Some(1), "the next case is shown");
}

#[test]
fn the_next_cases_are_segmented_ahead() {
    let mut session = session(&[("a", 1), ("b", 1)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    let ahead = segment_jobs(&mut session);
    assert_eq!(ahead.len(), 1);
    assert_eq!(ahead[0].targets[0].key.case, session.cases[1].id);
}

#[test]
fn the_current_case_does_not_wait_for_runs_on_others() {
    let mut session = session(&[("a", 5), ("b", 5)], Some(model("US")));
    segment_jobs(&mut session);
    command(&mut session, UserCommand::NextCase);
    let jobs = segment_jobs(&mut session);
    assert_eq!(
        jobs.iter()
            .map(|j| (j.is_urgent, j.targets.len()))
            .collect::<Vec<_>>(),
        [(true, 1), (false, 4)]
    );
    answer(&mut session, &jobs[1]);
    answer(&mut session, &jobs[0]);
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        5
    );
}

#[test]
fn a_run_that_was_replaced_starts_again_when_the_user_returns_to_the_case() {
    let mut session = session(&[("a", 1), ("b", 1)], Some(model("US")));
    let first = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::NextCase);
    segment_jobs(&mut session);
    session.on_event(Event::RunEnded {
        run: first.run,
        failure: None,
    });
    command(&mut session, UserCommand::PreviousCase);
    assert_eq!(segment_jobs(&mut session).len(), 1);
}

#[test]
fn a_failing_run_is_reported_once() {
    let mut session = session(&[("a", 3)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    for t in &job.targets {
        let result = Err(Error::new(
            "run the model",
            format!("slice {} is odd", t.key.slice),
        ));
        session.on_event(Event::Segmented {
            run: job.run,
            key: t.key,
            revision: t.revision,
            result,
        });
    }
    assert_eq!(session.notices.list.len(), 1);
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
fn labels_cannot_be_added_before_the_workspace_is_open() {
    let mut session = Session::new(Settings::default());
    session.take_jobs();
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name("Bone", 0))));
    assert!(session.labels.all_labels().is_empty() && session.take_jobs().is_empty());
    let labels = vec![Label::with_name("Tumour", 0)];
    session.on_event(Event::Workspace(Ok(WorkspaceInfo {
        labels: labels.clone(),
        ..WorkspaceInfo::default()
    })));
    assert_eq!(session.labels.all_labels(), labels);
}

#[test]
fn the_status_of_a_case_cannot_change_before_it_is_looked_up() {
    let mut session = session(&[("a", 1), ("b", 1)], None);
    session.cases[1].is_restored = false;
    let key = SliceKey {
        case: session.cases[0].id,
        slice: 0,
    };
    let dot = Region::from_fn(
        &PixelRect {
            columns: 3..4,
            rows: 3..4,
        },
        |_, _| true,
    );
    let edit = session.write_mask(key, |mask| mask.paint_region(&dot, 1, &Rule::FREE));
    session.commit_edits("Brush", key.case, vec![(0, edit)]);
    command(&mut session, UserCommand::NextCase);
    session.take_jobs();
    command(&mut session, UserCommand::Skip);
    assert_eq!(
        session.cases[1].status,
        Status::New,
        "it is restored from the workspace first"
    );
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
fn masks_cannot_be_imported_before_those_of_the_workspace_are_loaded() {
    let mut session = session(&[("a", 1)], None);
    session.cases[0].is_restored = false;
    session.take_jobs();
    session.apply_action(Action::ImportMasks(vec!["/masks".into()]));
    assert!(session.take_jobs().is_empty() && !session.notices.list.is_empty());
    session.on_event(Event::Restored {
        case: session.cases[0].id,
        known: known(1),
        restored: None,
    });
    session.apply_action(Action::ImportMasks(vec!["/masks".into()]));
    assert!(
        session
            .take_jobs()
            .iter()
            .any(|j| matches!(j, Job::MaskFiles(MaskFileJob::Import { .. })))
    );
}

#[test]
fn masks_found_with_the_images_are_offered_for_import() {
    let mut session = session(&[("a", 1)], None);
    session.take_jobs();
    let command = Action::Command(UserCommand::ImportFound);
    assert!(session.command_refusal(UserCommand::ImportFound).is_some());
    session.apply_action(command.clone());
    assert!(session.take_jobs().is_empty());
    let passed = |name: &str, has_masks| PassedOver {
        path: name.into(),
        reason: "not an image (Segmentation)".into(),
        is_failure: false,
        has_masks,
    };
    session.passed_over = vec![
        passed("/study/plan.dcm", false),
        passed("/study/seg.dcm", true),
    ];
    session.tell_masks_found(1);
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.text.contains("Ctrl+Shift+I"))
    );
    assert_eq!(session.command_refusal(UserCommand::ImportFound), None);
    session.apply_action(command);
    let jobs = session.take_jobs();
    assert!(jobs.iter().any(|j| matches!(j, Job::MaskFiles(MaskFileJob::Import { paths, .. }) if paths == &[std::path::PathBuf::from("/study/seg.dcm")])));
}

#[test]
fn a_proposal_restored_after_the_first_stroke_does_not_change_the_mask() {
    let mut session = session(&[("a", 1)], None);
    let key = session.cases.current_case().unwrap().slice_key();
    let dot = Region::from_fn(
        &PixelRect {
            columns: 3..4,
            rows: 3..4,
        },
        |_, _| true,
    );
    let edit = session.write_mask(key, |mask| mask.paint_region(&dot, 1, &Rule::FREE));
    session.commit_edits("Brush", key.case, vec![(0, edit)]);
    session.take_jobs();
    session.on_event(Event::RestoredSlice {
        key,
        finding: finding(),
        proposal: Some(finding()),
    });
    let state = &session.cases.current_case().unwrap().slices[0];
    assert!(
        state.proposal().is_some() && state.finding.is_none(),
        "the finding belongs to the mask before the stroke"
    );
    let jobs = session.take_jobs();
    assert!(
        jobs.iter()
            .any(|j| matches!(j, Job::Shapes(ShapeJob::Survey(s)) if s.proposal.is_some()))
    );
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

#[test]
fn accepted_cases_are_read_from_the_workspace_before_export() {
    let mut session = session(&[("a", 1)], None);
    let options = ExportOptions {
        names: "{label}".into(),
        ..ExportOptions::default()
    };
    session.apply_action(Action::Export(ExportRequest {
        folder: "/out".into(),
        scope: ExportScope::Accepted,
        options,
    }));
    let asks = |job: &Job| matches!(job, Job::Store(StoreJob::ReadAccepted));
    assert_eq!(
        session.take_jobs().iter().filter(|job| asks(job)).count(),
        1
    );
    assert!(session.exporting.is_some() && session.is_busy());
    // No case is accepted: a notice says so, and nothing is exported.
    session.on_event(Event::AcceptedCases(Ok(Vec::new())));
    assert!(session.exporting.is_none());
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.text.contains("no case is accepted"))
    );
    assert_eq!(
        session.settings.export.names, "{label}",
        "the preset is remembered"
    );
}
