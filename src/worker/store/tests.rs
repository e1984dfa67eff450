//! Work is written from the session through the thread to the database, and restored after a
//! restart.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod drawn;
mod opening;
mod phases;
mod places;

use super::*;
use crate::{
    session::{
        Action, Session,
        command::UserCommand,
        job::{Job, SliceKey},
        labels::LabelAction,
        settings::Settings,
        store::WorkspaceState,
        tools::{PointerInput, PointerPhase},
    },
    worker::{SegmentationNetwork, Worker},
};
use crossbeam_channel::Receiver;
use labrum_core::{label::Label, mask::Mask, study::Status};
use std::path::{Path, PathBuf};

/// A session with its worker, on bundled samples and without a network.
struct Desk {
    session: Session,
    worker: Worker,
}

struct NoNetwork;

impl SegmentationNetwork for NoNetwork {
    fn shipped_models(&mut self) -> Result<Vec<crate::session::job::ModelEntry>> {
        Ok(Vec::new())
    }
    fn read_model(&mut self, path: &Path) -> Result<crate::session::job::ModelEntry> {
        Err(Error::at_path(
            "read the model",
            path,
            "there is no network here",
        ))
    }
    fn probe_device(&mut self, _: labrum_core::device::DeviceChoice) -> Result<String> {
        Ok(String::new())
    }
    fn prepare_model(
        &mut self,
        _: &crate::session::job::ModelEntry,
        _: labrum_core::device::DeviceChoice,
    ) -> Result<String> {
        Ok(String::new())
    }
    fn segment_image(
        &mut self,
        _: &labrum_core::image::Image,
    ) -> Result<labrum_core::prediction::Prediction> {
        Err(Error::new("run the model", "there is no network here"))
    }
    fn take_notice(&mut self) -> Option<String> {
        None
    }
}

fn samples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets/samples")
        .join(name)
}

fn places(folder: &Path) -> AppFolders {
    AppFolders {
        config: folder.join("config"),
        cache: folder.join("cache"),
        data: folder.join("data"),
    }
}

impl Desk {
    fn open(folder: &Path, path: PathBuf) -> Self {
        let worker =
            Worker::start_threads(Arc::new(|| {}), places(folder), || Box::new(NoNetwork)).unwrap();
        let mut desk = Self {
            session: Session::new(Settings::default()),
            worker,
        };
        desk.session.apply_action(Action::Open(vec![path]));
        desk.until("the slice and its work", |s| {
            s.current_loaded().is_some() && s.cases.current_case().is_some_and(|c| c.is_restored)
        });
        desk
    }

    fn handle_events(&mut self) {
        while let Some(event) = self.worker.poll_event() {
            self.session.on_event(event);
        }
        for job in self.session.take_jobs() {
            if !matches!(job, Job::Dialog(_)) {
                self.worker.submit_job(job);
            }
        }
    }

    fn until(&mut self, what: &str, done: impl Fn(&Session) -> bool) {
        let begun = Instant::now();
        self.handle_events();
        while !done(&self.session) {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "timed out waiting for {what}"
            );
            thread::sleep(Duration::from_millis(2));
            self.handle_events();
        }
    }

    fn command(&mut self, command: UserCommand) {
        self.session.apply_action(Action::Command(command));
        self.handle_events();
    }

    fn dab(&mut self, at: [f64; 2]) {
        for phase in [PointerPhase::Press, PointerPhase::Release] {
            self.session.apply_action(Action::Pointer(PointerInput {
                phase,
                at,
                erases: false,
                is_shifted: false,
                scale: 1.0,
            }));
        }
        self.handle_events();
    }

    fn masks(&self) -> Vec<Option<Mask>> {
        let case = self.session.cases.current_case().unwrap();
        (0..case.slices.len())
            .map(|slice| {
                self.session
                    .mask_of(SliceKey {
                        case: case.id,
                        slice,
                    })
                    .map(|m| m.into_owned())
            })
            .collect()
    }
}

#[test]
fn work_is_restored_after_a_restart_and_can_be_undone() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.command(UserCommand::ToolBrush);
    for slice in [2, 5, 6] {
        desk.session.apply_action(Action::SetSlice(slice));
        desk.until("the slice", |s| s.current_loaded().is_some());
        desk.dab([60.0, 50.0 + slice as f64]);
        desk.dab([70.0, 50.0 + slice as f64]);
    }
    desk.command(UserCommand::Undo);
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    let (masks, labels) = (desk.masks(), desk.session.labels.all_labels().to_vec());
    drop(desk);

    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    assert_eq!(desk.masks(), masks);
    assert_eq!(desk.session.labels.all_labels(), labels);
    assert_eq!(
        desk.session.cases.current_case().unwrap().status,
        Status::Corrected
    );
    desk.command(UserCommand::Redo);
    desk.until("measurements", |s| {
        s.cases.current_case().unwrap().slices[2].finding.is_some()
    });
    for _ in 0..6 {
        assert!(desk.session.next_undo().is_some());
        desk.command(UserCommand::Undo);
    }
    assert!(desk.session.next_undo().is_none());
    assert!(
        desk.masks().iter().all(Option::is_none),
        "undo has removed all masks"
    );
    assert_eq!(
        desk.session.cases.current_case().unwrap().status,
        Status::New
    );
}

#[test]
fn a_renamed_image_is_recognised_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let moved = folder.path().join("elsewhere");
    std::fs::create_dir(&moved).unwrap();
    let source = samples("fetal-head").join("fetal-head-011_HC.png");
    let first = moved.join("a.png");
    std::fs::copy(&source, &first).unwrap();
    let mut desk = Desk::open(folder.path(), first.clone());
    desk.command(UserCommand::ToolBrush);
    desk.dab([100.0, 100.0]);
    desk.command(UserCommand::Accept);
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    let masks = desk.masks();
    drop(desk);

    let renamed = moved.join("b.png");
    std::fs::rename(&first, &renamed).unwrap();
    let desk = Desk::open(folder.path(), renamed);
    assert_eq!(
        desk.session.cases.current_case().unwrap().status,
        Status::Accepted
    );
    assert_eq!(desk.masks(), masks);
}

#[test]
fn an_absent_label_and_its_acceptance_are_restored_and_can_be_undone() {
    let folder = tempfile::tempdir().unwrap();
    let picture = samples("fetal-head").join("fetal-head-011_HC.png");
    let mut desk = Desk::open(folder.path(), picture.clone());
    desk.command(UserCommand::NothingHere);
    desk.command(UserCommand::Accept);
    desk.until("the journal", |s| {
        s.workspace.unsaved_count() == 0
            && s.workspace.meter.accepted == 1
            && s.learning.newly_accepted == 1
    });
    drop(desk);

    let mut desk = Desk::open(folder.path(), picture);
    let case = desk.session.cases.current_case().unwrap();
    assert_eq!(
        (case.status, case.absent_labels()),
        (Status::Accepted, vec![1])
    );
    assert!(desk.masks()[0].as_ref().is_some_and(Mask::is_blank));
    desk.command(UserCommand::Undo);
    assert_eq!(
        desk.session.cases.current_case().unwrap().status,
        Status::Corrected
    );
    desk.until("the journal", |s| {
        s.workspace.unsaved_count() == 0 && s.workspace.meter.accepted == 0
    });
    desk.command(UserCommand::Redo);
    desk.until("the acceptance", |s| {
        s.workspace.unsaved_count() == 0 && s.workspace.meter.accepted == 1
    });
    desk.command(UserCommand::Undo);
    desk.command(UserCommand::Undo);
    let case = desk.session.cases.current_case().unwrap();
    assert_eq!(
        (case.status, case.absent_labels()),
        (Status::New, Vec::new())
    );
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
}

#[test]
fn renaming_a_label_can_be_undone_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.session
        .apply_action(Action::Label(LabelAction::Add(Label::with_name(
            "Polyp", 0,
        ))));
    let renamed = Label {
        name: "Adenoma".into(),
        ..desk.session.labels.all_labels()[0].clone()
    };
    desk.session
        .apply_action(Action::Label(LabelAction::Change(1, renamed)));
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    drop(desk);
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    assert_eq!(desk.session.labels.all_labels()[0].name, "Adenoma");
    desk.command(UserCommand::Undo);
    assert_eq!(desk.session.labels.all_labels()[0].name, "Polyp");
}

#[test]
fn removing_a_label_also_changes_cases_that_are_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.command(UserCommand::ToolBrush);
    desk.dab([60.0, 60.0]);
    desk.command(UserCommand::CloseAll);
    desk.session.apply_action(Action::Open(vec![
        samples("fetal-head").join("fetal-head-011_HC.png"),
    ]));
    desk.until("the image", |s| {
        s.current_loaded().is_some() && s.cases.current_case().is_some_and(|c| c.is_restored)
    });
    desk.dab([100.0, 100.0]);
    desk.session
        .apply_action(Action::Label(LabelAction::Count(1)));
    desk.until("the number of masks", |s| s.labels.label_use(1).is_some());
    assert_eq!(
        desk.session
            .labels
            .label_use(1)
            .map(|u| (u.cases, u.slices)),
        Some((2, 2))
    );
    desk.session
        .apply_action(Action::Label(LabelAction::Remove {
            label: 1,
            into: None,
        }));
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    // New steps are numbered after those that the workspace added.
    desk.dab([100.0, 100.0]);
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    drop(desk);

    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    assert!(
        desk.masks().iter().flatten().all(Mask::is_blank),
        "the label is also removed from the closed case"
    );
    assert_eq!(desk.session.next_undo(), Some("Remove label Label 1"));
    desk.command(UserCommand::Undo);
    assert!(desk.masks().iter().flatten().any(|m| m.count_pixels(1) > 0));
    assert!(
        desk.session.standing_labels().contains(&1),
        "the label is restored"
    );
}

/// The thread of the workspace, and its events.
fn start_store(folder: &Path) -> (StoreHandle, Receiver<Event>) {
    let (events, heard) = crossbeam_channel::unbounded();
    let outbox = Outbox {
        events,
        wake: Arc::new(|| {}),
    };
    let handle = StoreHandle::start_thread(outbox, places(folder)).unwrap();
    (handle, heard)
}

#[test]
fn a_job_for_an_unknown_case_does_not_block_others() {
    let folder = tempfile::tempdir().unwrap();
    let (mut handle, heard) = start_store(folder.path());
    handle.submit_job(StoreJob::Open {
        folder: None,
        with_cases: false,
    });
    handle.submit_job(StoreJob::Seconds {
        case: 7,
        seconds: 2.0,
    });
    handle.submit_job(StoreJob::Status {
        case: 7,
        status: Status::Skipped,
    });
    handle.submit_job(StoreJob::Rename("Hips".into()));
    handle.wait_until_stored(Duration::from_secs(10));
    handle.close_and_join();
    let told: Vec<Event> = heard.try_iter().collect();
    let is_renamed = |e: &Event| matches!(e, Event::Workspace(Ok(info)) if info.name == "Hips");
    assert!(told.iter().any(is_renamed), "{told:?}");
    let failures = told
        .iter()
        .filter(|e| matches!(e, Event::Failed(_)))
        .count();
    assert_eq!(failures, 1, "one failure, for the status: {told:?}");
}

#[test]
fn closing_with_a_long_queue_writes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.command(UserCommand::ToolBrush);
    // More steps than the event channel can hold.
    for n in 0..200 {
        for phase in [PointerPhase::Press, PointerPhase::Release] {
            let at = [20.0 + f64::from(n % 150), 20.0 + f64::from(n / 2)];
            desk.session.apply_action(Action::Pointer(PointerInput {
                phase,
                at,
                erases: false,
                is_shifted: false,
                scale: 1.0,
            }));
        }
    }
    let masks = desk.masks();
    desk.session
        .take_jobs()
        .into_iter()
        .for_each(|job| desk.worker.submit_job(job));
    let Desk { worker, .. } = desk;
    let (done, waits) = crossbeam_channel::bounded(1);
    thread::spawn(move || {
        drop(worker);
        done.send(()).unwrap();
    });
    waits
        .recv_timeout(Duration::from_secs(60))
        .expect("the workspace thread does not end");
    assert_eq!(
        Desk::open(folder.path(), samples("sarcoma-ct")).masks(),
        masks
    );
}
