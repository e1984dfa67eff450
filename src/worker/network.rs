//! The one thread that owns the network and its device.

use super::{Outbox, spawn};
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
    fn shipped(&mut self) -> Result<Vec<ModelEntry>>;

    /// Reads the card of a model file.
    fn read_model(&mut self, path: &Path) -> Result<ModelEntry>;

    /// The device that a choice leads to, for people.
    fn probe(&mut self, device: DeviceChoice) -> Result<String>;

    /// Makes a model ready on a device and returns the device's name; quick where it is ready already.
    fn prepare(&mut self, model: &ModelEntry, device: DeviceChoice) -> Result<String>;

    /// Runs the model that was made ready.
    fn segment(&mut self, image: &Image) -> Result<Prediction>;

    /// Hash of the weights of the model that was made ready; empty where unknown.
    fn weights(&self) -> String {
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
    fn put(&self, job: NetworkJob) -> Option<SegmentJob> {
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
    fn take(&self) -> Option<NetworkJob> {
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
    pub(super) fn start(
        outbox: Outbox,
        network: impl FnOnce() -> Box<dyn SegmentationNetwork> + Send + 'static,
    ) -> Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let (jobs, out) = (inbox.clone(), outbox.clone());
        spawn("labrum-network", move || {
            let mut thread = NetworkThread {
                network: network(),
                inbox: jobs,
                outbox: out,
            };
            let models = thread
                .network
                .shipped()
                .map_or_else(Event::Failed, Event::Models);
            thread.outbox.send(models);
            while let Some(job) = thread.inbox.take() {
                thread.work(job);
            }
        })?;
        Ok(Self { inbox, outbox })
    }

    pub(super) fn submit(&self, job: NetworkJob) {
        if let Some(replaced) = self.inbox.put(job) {
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
    fn work(&mut self, job: NetworkJob) {
        match job {
            NetworkJob::Segment(job) => self.run(&job),
            NetworkJob::ProbeDevice(choice) => {
                let event = self
                    .network
                    .probe(choice)
                    .map_or_else(Event::Failed, Event::Device);
                self.outbox.send(event);
            }
            NetworkJob::ReadModel(path) => {
                let result = self.network.read_model(&path);
                self.outbox.send(Event::ModelRead(result));
            }
        }
    }

    fn run(&mut self, job: &SegmentJob) {
        let run = job.run;
        if let Err(error) = self.prepare(job) {
            self.outbox.send(Event::RunEnded {
                run,
                failure: Some(error),
            });
            return;
        }
        for target in &job.targets {
            if let Some(urgent) = self.inbox.take_urgent() {
                self.run(&urgent);
                if self.prepare(job).is_err() {
                    break;
                }
            }
            if job.cancel.is_cancelled() || self.inbox.is_closed() {
                break;
            }
            let result = self.segment(job, target);
            if let Some(notice) = self.network.take_notice() {
                self.outbox.send(Event::Notice(notice));
            }
            let SegmentTarget { key, revision, .. } = *target;
            if !self.outbox.send(Event::Segmented {
                run,
                key,
                revision,
                result,
            }) {
                return;
            }
        }
        self.outbox.send(Event::RunEnded { run, failure: None });
    }

    fn prepare(&mut self, job: &SegmentJob) -> Result<()> {
        let device = self.network.prepare(&job.model, job.device)?;
        self.outbox.send(Event::Device(device));
        Ok(())
    }

    fn segment(&mut self, job: &SegmentJob, target: &SegmentTarget) -> Result<Arc<Finding>> {
        let image = match &target.image {
            Some(image) => image.clone(),
            None => Arc::new(io::open::load(&target.source, target.kind)?),
        };
        let prediction = self.network.segment(&image)?.relabelled(&job.values);
        let finding = Finding::of(
            &prediction,
            job.model.title().into(),
            job.labels.clone(),
            &image.scale(),
        );
        Ok(Arc::new(finding.with_weights(self.network.weights())))
    }
}
