//! The editor without its window, as the program puts it together: session and worker, a turn at a time.

use labrum::{
    Result,
    domain::{device::DeviceChoice, image::Image, prediction::Prediction},
    session::{
        Action, Session,
        job::{Event, Job, ModelEntry, SliceKey},
        settings::Settings,
    },
    worker::{Network, Places, Worker},
};
use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// No model at all.
struct Nothing;

impl Network for Nothing {
    fn shipped(&mut self) -> Result<Vec<ModelEntry>> {
        Ok(Vec::new())
    }

    fn read_model(&mut self, path: &Path) -> Result<ModelEntry> {
        Err(labrum::Error::at("read the model", path, "there is no network here"))
    }

    fn probe(&mut self, _: DeviceChoice) -> Result<String> {
        Ok("none".into())
    }

    fn prepare(&mut self, _: &ModelEntry, _: DeviceChoice) -> Result<String> {
        Ok("none".into())
    }

    fn segment(&mut self, _: &Image) -> Result<Prediction> {
        Err(labrum::Error::new("segment", "there is no network here"))
    }
}

/// Session and worker.
pub struct Editor {
    pub session: Session,
    worker: Worker,
}

impl Editor {
    /// Opens `scans` in a workspace of its own in `folder`.
    pub fn open(folder: &Path, scans: &Path, settings: Settings) -> Self {
        let place = |name: &str| folder.join(name);
        let places = Places { config: place("config"), cache: place("cache"), data: place("data") };
        let worker = Worker::start(Arc::new(|| {}), places, || Box::new(Nothing)).unwrap();
        let mut editor = Self { session: Session::new(settings), worker };
        editor.session.apply(Action::Open(vec![scans.to_owned()]));
        editor.turn();
        editor
    }

    /// What a frame does but drawing: events in, jobs out.
    pub fn turn(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(6)
            && let Some(event) = self.worker.poll()
        {
            let _: &Event = &event;
            self.session.on_event(event);
        }
        for job in self.session.take_jobs() {
            if !matches!(job, Job::Pick(_)) {
                self.worker.submit(job);
            }
        }
    }

    pub fn act(&mut self, action: Action) {
        self.session.apply(action);
        self.turn();
    }

    /// Goes on until something is so; the time it took.
    pub fn until(&mut self, what: impl Fn(&Session) -> bool) -> Duration {
        let begun = Instant::now();
        while !what(&self.session) {
            assert!(begun.elapsed() < Duration::from_secs(300), "it never came");
            self.turn();
            thread::sleep(Duration::from_micros(200));
        }
        begun.elapsed()
    }

    pub fn shown(&self) -> Option<SliceKey> {
        self.session.case().map(|c| c.key()).filter(|key| self.session.loaded(*key).is_some())
    }
}

/// Megabytes of this process: now, and at the most so far; `None` where the system does not tell.
pub fn memory() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let of = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0 / 1e6)
    };
    Some((of("VmRSS:")?, of("VmHWM:")?))
}
