//! The editor without its window: session and worker as the app connects them, driven turn by turn.

use labrum::{
    Result,
    session::{
        Action, Session,
        job::{Job, ModelEntry},
        settings::Settings,
    },
    worker::{AppFolders, SegmentationNetwork, Worker},
};
use labrum_core::{device::DeviceChoice, image::Image, prediction::Prediction};
use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// A network without models.
struct Nothing;

impl SegmentationNetwork for Nothing {
    fn shipped_models(&mut self) -> Result<Vec<ModelEntry>> {
        Ok(Vec::new())
    }

    fn read_model(&mut self, path: &Path) -> Result<ModelEntry> {
        Err(labrum::Error::at_path(
            "read the model",
            path,
            "there is no network here",
        ))
    }

    fn probe_device(&mut self, _: DeviceChoice) -> Result<String> {
        Ok("none".into())
    }

    fn prepare_model(&mut self, _: &ModelEntry, _: DeviceChoice) -> Result<String> {
        Ok("none".into())
    }

    fn segment_image(&mut self, _: &Image) -> Result<Prediction> {
        Err(labrum::Error::new("segment", "there is no network here"))
    }

    fn take_notice(&mut self) -> Option<String> {
        None
    }
}

/// Session and worker.
pub(crate) struct Editor {
    pub(crate) session: Session,
    worker: Worker,
}

impl Editor {
    /// Opens `scans` in a new workspace in `folder`.
    pub(crate) fn open(folder: &Path, scans: &Path, settings: Settings) -> Self {
        let place = |name: &str| folder.join(name);
        let places = AppFolders {
            config: place("config"),
            cache: place("cache"),
            data: place("data"),
        };
        let worker = Worker::start_threads(Arc::new(|| {}), places, || Box::new(Nothing)).unwrap();
        let mut editor = Self {
            session: Session::new(settings),
            worker,
        };
        editor
            .session
            .apply_action(Action::Open(vec![scans.to_owned()]));
        editor.turn();
        editor
    }

    /// One frame without drawing: handles events and submits jobs.
    pub(crate) fn turn(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(6)
            && let Some(event) = self.worker.poll_event()
        {
            self.session.on_event(event);
        }
        for job in self.session.take_jobs() {
            if !matches!(job, Job::Dialog(_)) {
                self.worker.submit_job(job);
            }
        }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.session.apply_action(action);
        self.turn();
    }

    /// Runs turns until a condition holds; returns the time it took.
    pub(crate) fn until(&mut self, what: impl Fn(&Session) -> bool) -> Duration {
        let begun = Instant::now();
        while !what(&self.session) {
            assert!(begun.elapsed() < Duration::from_secs(300), "timed out");
            self.turn();
            thread::sleep(Duration::from_micros(200));
        }
        begun.elapsed()
    }
}

/// Current and peak memory of this process in MB; `None` if the system does not report it.
pub(crate) fn memory() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let of = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0 / 1e6)
    };
    Some((of("VmRSS:")?, of("VmHWM:")?))
}
