//! Runs the session's jobs on named threads and sends events back. The window never waits for them.
//!
//! Threads: `labrum-files` searches folders, `labrum-decode-*` decode slices, `labrum-network` alone uses the network
//! and its device, `labrum-export` exports and imports masks, `labrum-viewer` reads headers, writes screenshots
//! and shows folders, `labrum-survey` computes outlines and measurements of edited masks, `labrum-reslice` computes
//! orthogonal views, `labrum-training` trains, `labrum-workspace` saves the work, `labrum-pacs`, `labrum-receive` and
//! `labrum-send` communicate with servers. Of decoding requests, clicks, second
//! choices and urgent runs only the newest is kept.

mod decode;
mod export;
mod files;
pub mod identity;
mod network;
mod pacs;
mod places;
mod reslice;
mod samples;
mod store;
mod survey;
mod training;
mod viewer;

pub use network::SegmentationNetwork;
pub use places::AppFolders;
pub(crate) use training::run_low_priority;

use crate::{
    Error,
    session::{
        job::{Event, FileJob, Job, MaskFileJob, ResliceJob, ShapeJob, TrainingJob, ViewerJob},
        settings::Settings,
    },
};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use parking_lot::Mutex;
use std::{sync::Arc, thread, time::Duration};

/// Capacity of the event queue; threads block while it is full.
const EVENTS: usize = 64;

/// Called after each event, from any thread, to wake the window.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Sends events and wakes the window.
#[derive(Clone)]
struct Outbox {
    events: Sender<Event>,
    wake: Wake,
}

impl Outbox {
    /// Sends an event; false if the receiver is gone.
    fn send_event(&self, event: Event) -> bool {
        let sent = self.events.send(event).is_ok();
        (self.wake)();
        sent
    }
}

/// The threads behind the window.
pub struct Worker {
    outbox: Outbox,
    events: Receiver<Event>,
    files: Sender<FileJob>,
    export: Sender<MaskFileJob>,
    viewer: Sender<ViewerJob>,
    decode: Arc<decode::DecodeQueue>,
    network: network::NetworkHandle,
    survey: Sender<ShapeJob>,
    reslice: Sender<ResliceJob>,
    training: Sender<TrainingJob>,
    pacs: pacs::PacsHandle,
    store: store::StoreHandle,
    /// The newest settings that are not saved yet; they can change with every frame while a slider is dragged.
    settings: Arc<Mutex<Option<Box<Settings>>>>,
}

impl Worker {
    /// Starts the threads. `network` is called on the network's own thread.
    pub fn start_threads(
        wake: Wake,
        places: AppFolders,
        network: impl FnOnce() -> Box<dyn SegmentationNetwork> + Send + 'static,
    ) -> crate::Result<Self> {
        let (sender, events) = bounded(EVENTS);
        let outbox = Outbox {
            events: sender,
            wake,
        };
        let decode = Arc::new(decode::DecodeQueue::default());
        for n in 0..decode_threads() {
            let queue = decode.clone();
            let outbox = outbox.clone();
            spawn_thread(&format!("labrum-decode-{n}"), move || {
                decode::run_decoder(&queue, &outbox)
            })?;
        }
        let (survey, surveys) = unbounded();
        let out = outbox.clone();
        spawn_thread("labrum-survey", move || survey::run_jobs(&surveys, &out))?;
        let (reslice, wanted) = unbounded();
        let out = outbox.clone();
        spawn_thread("labrum-reslice", move || reslice::run_jobs(&wanted, &out))?;
        let settings = Arc::<Mutex<Option<Box<Settings>>>>::default();
        let newest = settings.clone();
        Ok(Self {
            settings,
            survey,
            reslice,
            training: training::start_thread(outbox.clone())?,
            pacs: pacs::PacsHandle::start_threads(outbox.clone(), &places)?,
            store: store::StoreHandle::start_thread(outbox.clone(), places.clone())?,
            files: spawn_lane("labrum-files", outbox.clone(), move |job, out| {
                let job = match job {
                    FileJob::SaveSettings(asked) => {
                        FileJob::SaveSettings(newest.lock().take().unwrap_or(asked))
                    }
                    job => job,
                };
                files::run_job(job, &places, out);
            })?,
            export: spawn_lane("labrum-export", outbox.clone(), export::run_job)?,
            viewer: spawn_lane("labrum-viewer", outbox.clone(), viewer::run_job)?,
            network: network::NetworkHandle::start_thread(outbox.clone(), network)?,
            decode,
            outbox,
            events,
        })
    }

    /// Hands a job to the thread that does it.
    pub fn submit_job(&self, job: Job) {
        match job {
            Job::Files(FileJob::SaveSettings(settings)) => {
                if self.settings.lock().replace(settings.clone()).is_none() {
                    self.hand_over(&self.files, FileJob::SaveSettings(settings));
                }
            }
            Job::Files(job) => self.hand_over(&self.files, job),
            Job::Decode(wishes) => self.decode.replace_wishes(wishes),
            Job::Network(job) => self.network.submit_job(job),
            Job::MaskFiles(job) => self.hand_over(&self.export, job),
            Job::Viewer(job) => self.hand_over(&self.viewer, job),
            Job::Shapes(job) => drop(self.survey.send(job)),
            Job::Reslice(job) => drop(self.reslice.send(job)),
            Job::Store(job) => self.store.submit_job(job),
            Job::Pacs(job) => self.pacs.submit_job(*job),
            Job::Training(job) => drop(self.training.send(job)),
            // Native dialogs belong to the window: see `beside`.
            Job::Dialog(_) => {}
        }
    }

    /// Waits until the last step is saved to the workspace, at most `limit`.
    pub fn wait_until_stored(&self, limit: Duration) {
        self.store.wait_until_stored(limit);
    }

    /// Runs something that may block for long on its own thread; its event arrives with the others.
    pub fn spawn_detached(
        &self,
        name: &str,
        work: impl FnOnce() -> Event + Send + 'static,
    ) -> crate::Result<()> {
        let outbox = self.outbox.clone();
        spawn_thread(name, move || {
            outbox.send_event(work());
        })
    }

    /// The next event, if any.
    pub fn poll_event(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    fn hand_over<T>(&self, lane: &Sender<T>, job: T) {
        if lane.try_send(job).is_err() {
            let busy = Error::new("start the job", "too many jobs are waiting")
                .with_advice("Wait a moment or cancel with Esc.");
            // Not through the outbox, which could block: this is the window's own thread.
            let _ = self.outbox.events.try_send(Event::Failed(busy));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Otherwise a thread blocked on the full event queue would never end.
        self.events = crossbeam_channel::never();
        self.decode.close();
        self.network.close();
        self.store.close_and_join();
        self.pacs.cancel_transfers();
    }
}

/// Starts a thread that runs its jobs one after the other.
fn spawn_lane<T: Send + 'static>(
    name: &str,
    outbox: Outbox,
    work: impl Fn(T, &Outbox) + Send + 'static,
) -> crate::Result<Sender<T>> {
    let (sender, jobs) = bounded::<T>(32);
    spawn_thread(name, move || jobs.iter().for_each(|job| work(job, &outbox)))?;
    Ok(sender)
}

fn spawn_thread(name: &str, work: impl FnOnce() + Send + 'static) -> crate::Result<()> {
    thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map(drop)
        .map_err(|e| {
            Error::new("start a thread", e).with_advice("Close other programs and try again.")
        })
}

/// At least two, so that one can decode while another waits for a slow network share.
fn decode_threads() -> usize {
    thread::available_parallelism()
        .map_or(2, usize::from)
        .div_ceil(2)
        .clamp(2, 4)
}
