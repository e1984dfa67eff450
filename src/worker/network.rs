//! The thread that owns the neural network and its device.

use super::{Outbox, spawn_thread};
use crate::{
    Error, Result, io,
    session::{
        clicked::ClickedObject,
        finding::Finding,
        job::{
            ClickAnswer, ClickJob, ClickModel, Event, ModelEntry, NetworkJob, SecondChoiceAnswer,
            SecondChoiceJob, SegmentJob, SegmentTarget,
        },
    },
};
use labrum_core::{
    boundary::BoundaryChoice, device::DeviceChoice, guard, image::Image, prediction::Prediction,
};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

/// Interface of the network thread to the network. The real one is in `app`; tests have their own.
pub trait SegmentationNetwork {
    /// The models shipped with the program.
    fn shipped_models(&mut self) -> Result<Vec<ModelEntry>>;

    /// Reads the card of a model file.
    fn read_model(&mut self, path: &Path) -> Result<ModelEntry>;

    /// Display name of the device that a choice resolves to.
    fn probe_device(&mut self, device: DeviceChoice) -> Result<String>;

    /// Loads a model on a device and returns the device's name; fast if it is loaded already.
    fn prepare_model(&mut self, model: &ModelEntry, device: DeviceChoice) -> Result<String>;

    /// Runs the loaded model.
    fn segment_image(&mut self, image: &Image) -> Result<Prediction>;

    /// Loads the network of the Click tool; fast if it is loaded already.
    fn prepare_clicks(&mut self, _: &ClickModel) -> Result<()> {
        Err(no_clicks())
    }

    /// Name and version of the network that answered the last click; empty if unknown.
    fn click_model_title(&self) -> String {
        String::new()
    }

    /// The probability of each pixel, 0..=1, to belong to the object that the prompts of a job indicate. Loads the network
    /// of the Click tool if necessary.
    fn answer_click(&mut self, _: &ClickJob) -> Result<Vec<f32>> {
        Err(no_clicks())
    }

    /// The other courses that the boundary of an object may take along a stretch, the surest first. Loads the network of
    /// the Click tool if necessary.
    fn second_choices(&mut self, _: &SecondChoiceJob) -> Result<Vec<BoundaryChoice>> {
        Err(no_clicks())
    }

    /// Hash of the weights of the loaded model; empty if unknown.
    fn weights_hash(&self) -> String {
        String::new()
    }

    /// The next message about the last run for the user, e.g. that the GPU failed and the CPU took over; `None` if there is
    /// none left.
    fn take_notice(&mut self) -> Option<String>;
}

/// The error of a network that cannot answer clicks.
fn no_clicks() -> Error {
    Error::new("find the clicked object", "there is no network for clicks")
}

#[derive(Default)]
struct NetworkState {
    /// Load this network of the Click tool.
    clicks_on: Option<ClickModel>,
    /// Only the newest is kept: the session sends the next job after the answer to the previous one, or once that job is
    /// obsolete.
    click: Option<ClickJob>,
    /// Only the newest is kept.
    second_choice: Option<SecondChoiceJob>,
    /// Only the newest is kept.
    urgent: Option<SegmentJob>,
    others: VecDeque<NetworkJob>,
    is_closed: bool,
}

impl NetworkState {
    /// The next job that must not wait for a whole series.
    fn take_urgent(&mut self) -> Option<NetworkJob> {
        let loading = self.clicks_on.take().map(NetworkJob::PrepareClicks);
        loading
            .or_else(|| self.click.take().map(NetworkJob::Click))
            .or_else(|| self.second_choice.take().map(NetworkJob::SecondChoice))
            .or_else(|| self.urgent.take().map(NetworkJob::Segment))
    }
}

#[derive(Default)]
struct Inbox {
    state: Mutex<NetworkState>,
    changed: Condvar,
}

impl Inbox {
    fn put_job(&self, job: NetworkJob) -> Option<SegmentJob> {
        let mut state = self.state.lock();
        let replaced = match job {
            NetworkJob::Segment(job) if job.is_urgent => state.urgent.replace(job),
            NetworkJob::Click(job) => {
                state.click = Some(job);
                None
            }
            NetworkJob::SecondChoice(job) => {
                state.second_choice = Some(job);
                None
            }
            NetworkJob::PrepareClicks(model) => {
                state.clicks_on = Some(model);
                None
            }
            // Probing a device or opening a model does not wait for a whole series.
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

    /// Waits for the next job; `None` once closed.
    fn take_job(&self) -> Option<NetworkJob> {
        let mut state = self.state.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.take_urgent() {
                return Some(job);
            }
            if let Some(job) = state.others.pop_front() {
                return Some(job);
            }
            self.changed.wait(&mut state);
        }
    }

    /// An urgent job, to be run before the next slice.
    fn take_urgent(&self) -> Option<NetworkJob> {
        self.state.lock().take_urgent()
    }

    fn is_closed(&self) -> bool {
        self.state.lock().is_closed
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
        let jobs = inbox.clone();
        let out = outbox.clone();
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
        self.inbox.state.lock().is_closed = true;
        self.inbox.changed.notify_all();
    }
}

/// Logs the prompts of a job as JSON, in pixels of the image: with them and the same model, `labrum click` gives the
/// same mask.
fn log_prompts(job: &ClickJob) {
    if log::log_enabled!(log::Level::Debug) {
        let prompts = serde_json::to_string(&job.prompts).unwrap_or_default();
        log::debug!("prompts given: {prompts}");
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
            NetworkJob::Click(job) => self.answer_click(&job),
            NetworkJob::SecondChoice(job) => self.answer_second_choice(&job),
            NetworkJob::PrepareClicks(model) => {
                let loaded = contain_panic("load the model for clicks", || {
                    self.network.prepare_clicks(&model)
                });
                self.send_notices();
                if let Err(error) = loaded {
                    self.outbox.send_event(Event::Failed(error));
                }
            }
            NetworkJob::ProbeDevice(choice) => {
                let name = contain_panic("find the device", || self.network.probe_device(choice));
                let event = name.map_or_else(Event::Failed, Event::Device);
                self.outbox.send_event(event);
            }
            NetworkJob::ReadModel(path) => {
                let result = contain_panic("read the model", || self.network.read_model(&path));
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
            if self.run_urgent_jobs(job).is_err() {
                break;
            }
            if job.cancel.is_cancelled() || self.inbox.is_closed() {
                break;
            }
            let result = self.segment_target(job, target);
            self.send_notices();
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

    /// Runs urgent jobs between the slices of a run, and reloads the model of the run if they replaced it.
    fn run_urgent_jobs(&mut self, job: &SegmentJob) -> Result<()> {
        while let Some(urgent) = self.inbox.take_urgent() {
            let has_other_model = matches!(urgent, NetworkJob::Segment(_));
            self.run_job(urgent);
            if has_other_model {
                self.prepare_model(job)?;
            }
        }
        Ok(())
    }

    fn answer_click(&mut self, job: &ClickJob) {
        let (columns, rows) = job.image.columns_and_rows();
        log_prompts(job);
        let found = contain_panic("find the clicked object", || self.network.answer_click(job));
        self.send_notices();
        let result = found.map(|p| Arc::new(ClickedObject::from_probabilities(&p, columns, rows)));
        self.outbox.send_event(Event::Clicked(ClickAnswer {
            case: job.case,
            object: job.object,
            revision: job.revision,
            prompts: job.prompts.len(),
            model: self.network.click_model_title(),
            result,
        }));
    }

    fn answer_second_choice(&mut self, job: &SecondChoiceJob) {
        let result = contain_panic("find another boundary", || self.network.second_choices(job));
        self.send_notices();
        let answer = SecondChoiceAnswer { id: job.id, result };
        self.outbox.send_event(Event::SecondChoice(answer));
    }

    /// Sends the messages of the network about the last run or click.
    fn send_notices(&mut self) {
        while let Some(notice) = self.network.take_notice() {
            self.outbox.send_event(Event::Notice(notice));
        }
    }

    fn prepare_model(&mut self, job: &SegmentJob) -> Result<()> {
        let device = contain_panic("load the model", || {
            self.network.prepare_model(&job.model, job.device)
        })?;
        self.outbox.send_event(Event::Device(device));
        Ok(())
    }

    fn segment_target(&mut self, job: &SegmentJob, target: &SegmentTarget) -> Result<Arc<Finding>> {
        let image = match &target.image {
            Some(image) => image.clone(),
            None => Arc::new(io::open::load_slice(&target.source, target.kind)?),
        };
        let prediction = contain_panic("run the model", || self.network.segment_image(&image))?;
        let prediction = prediction.remap_labels(&job.values);
        let finding = Finding::from_prediction(
            &prediction,
            job.model.display_title().into(),
            job.labels.clone(),
            &image.length_scale(),
        );
        Ok(Arc::new(finding.with_weights(self.network.weights_hash())))
    }
}

/// Runs work of the network. A panic, which a GPU or its driver may cause, becomes an error: what waits for the result is
/// told, and the thread goes on.
fn contain_panic<T>(tried: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Unwind safety: a network writes all of its buffers before it reads them.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let error = Error::new(tried, guard::panic_reason(panic.as_ref()));
        Err(error.with_advice("Try again, or choose the CPU in the settings."))
    })
}

#[cfg(test)]
mod tests;
