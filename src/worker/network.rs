//! The one thread that owns the network and its device.

use super::{Outbox, spawn_thread};
use crate::{
    Result, io,
    session::{
        finding::Finding,
        job::{Event, ModelEntry, NetworkJob, SegmentJob, SegmentTarget},
        settings::DeviceChoice,
    },
};
use labrum_core::{image::Image, prediction::Prediction};
use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

/// What the network thread needs of the network: the real one is in `app`, tests bring their own.
pub trait SegmentationNetwork {
    /// The models that come with the app.
    fn shipped_models(&mut self) -> Result<Vec<ModelEntry>>;

    /// Reads the card of a model file.
    fn read_model(&mut self, path: &Path) -> Result<ModelEntry>;

    /// The device that a choice leads to, for people.
    fn probe_device(&mut self, device: DeviceChoice) -> Result<String>;

    /// Makes a model ready on a device and returns the device's name; quick where it is ready already.
    fn prepare_model(&mut self, model: &ModelEntry, device: DeviceChoice) -> Result<String>;

    /// Runs the model that was made ready.
    fn segment_image(&mut self, image: &Image) -> Result<Prediction>;

    /// Hash of the weights of the model that was made ready; empty where unknown.
    fn weights_hash(&self) -> String {
        String::new()
    }

    /// What the user should know of the last run: "the GPU failed, the CPU goes on".
    fn take_notice(&mut self) -> Option<String>;
}

#[derive(Default)]
struct NetworkState {
    /// Only the newest survives.
    urgent: Option<SegmentJob>,
    others: VecDeque<NetworkJob>,
    is_closed: bool,
}

#[derive(Default)]
struct Inbox {
    state: Mutex<NetworkState>,
    changed: Condvar,
}

impl Inbox {
    fn put_job(&self, job: NetworkJob) -> Option<SegmentJob> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = match job {
            NetworkJob::Segment(job) if job.is_urgent => state.urgent.replace(job),
            // Whoever opened a device or a model does not wait for a series.
            job @ (NetworkJob::ProbeDevice(_) | NetworkJob::ReadModel(_)) => {
                state.others.push_front(job);
                None
            }
            job => {
                state.others.push_back(job);
                None
            }
        };
        self.changed.notify_all();
        replaced
    }

    /// The next job; waits for one. `None` once closed.
    fn take_job(&self) -> Option<NetworkJob> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.urgent.take() {
                return Some(NetworkJob::Segment(job));
            }
            if let Some(job) = state.others.pop_front() {
                return Some(job);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A job that goes before the slice that would be next.
    fn take_urgent(&self) -> Option<SegmentJob> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .urgent
            .take()
    }

    fn is_closed(&self) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_closed
    }
}

/// The window's side of the thread.
pub(super) struct NetworkHandle {
    inbox: Arc<Inbox>,
    outbox: Outbox,
}

impl NetworkHandle {
    pub(super) fn start_thread(
        outbox: Outbox,
        network: impl FnOnce() -> Box<dyn SegmentationNetwork> + Send + 'static,
    ) -> Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let (jobs, out) = (inbox.clone(), outbox.clone());
        spawn_thread("labrum-network", move || {
            let mut thread = NetworkThread {
                network: network(),
                inbox: jobs,
                outbox: out,
            };
            let models = thread
                .network
                .shipped_models()
                .map_or_else(Event::Failed, Event::Models);
            thread.outbox.send_event(models);
            while let Some(job) = thread.inbox.take_job() {
                thread.run_job(job);
            }
        })?;
        Ok(Self { inbox, outbox })
    }

    pub(super) fn submit_job(&self, job: NetworkJob) {
        if let Some(replaced) = self.inbox.put_job(job) {
            let _ = self.outbox.events.try_send(Event::RunEnded {
                run: replaced.run,
                failure: None,
            });
        }
    }

    pub(super) fn close(&self) {
        self.inbox
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_closed = true;
        self.inbox.changed.notify_all();
    }
}

struct NetworkThread {
    network: Box<dyn SegmentationNetwork>,
    inbox: Arc<Inbox>,
    outbox: Outbox,
}

impl NetworkThread {
    fn run_job(&mut self, job: NetworkJob) {
        match job {
            NetworkJob::Segment(job) => self.run_segmentation(&job),
            NetworkJob::ProbeDevice(choice) => {
                let event = self
                    .network
                    .probe_device(choice)
                    .map_or_else(Event::Failed, Event::Device);
                self.outbox.send_event(event);
            }
            NetworkJob::ReadModel(path) => {
                let result = self.network.read_model(&path);
                self.outbox.send_event(Event::ModelRead(result));
            }
        }
    }

    fn run_segmentation(&mut self, job: &SegmentJob) {
        let run = job.run;
        if let Err(error) = self.prepare_model(job) {
            self.outbox.send_event(Event::RunEnded {
                run,
                failure: Some(error),
            });
            return;
        }
        for target in &job.targets {
            if let Some(urgent) = self.inbox.take_urgent() {
                self.run_segmentation(&urgent);
                if self.prepare_model(job).is_err() {
                    break;
                }
            }
            if job.cancel.is_cancelled() || self.inbox.is_closed() {
                break;
            }
            let result = self.segment_target(job, target);
            if let Some(notice) = self.network.take_notice() {
                self.outbox.send_event(Event::Notice(notice));
            }
            let SegmentTarget { key, revision, .. } = *target;
            if !self.outbox.send_event(Event::Segmented {
                run,
                key,
                revision,
                result,
            }) {
                return;
            }
        }
        self.outbox
            .send_event(Event::RunEnded { run, failure: None });
    }

    fn prepare_model(&mut self, job: &SegmentJob) -> Result<()> {
        let device = self.network.prepare_model(&job.model, job.device)?;
        self.outbox.send_event(Event::Device(device));
        Ok(())
    }

    fn segment_target(&mut self, job: &SegmentJob, target: &SegmentTarget) -> Result<Arc<Finding>> {
        let image = match &target.image {
            Some(image) => image.clone(),
            None => Arc::new(io::open::load_slice(&target.source, target.kind)?),
        };
        let prediction = self
            .network
            .segment_image(&image)?
            .remap_labels(&job.values);
        let finding = Finding::from_prediction(
            &prediction,
            job.model.display_title().into(),
            job.labels.clone(),
            &image.length_scale(),
        );
        Ok(Arc::new(finding.with_weights(self.network.weights_hash())))
    }
}
