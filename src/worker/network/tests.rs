//! The thread of the network with a network that panics: what waits is answered, and the thread goes on.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crossbeam_channel::{Receiver, bounded};
use labrum_core::{image::Pixels, prompts::Prompt};
use std::time::Duration;

/// A network that panics at its first click, at each second choice and at each model, and when it is loaded.
#[derive(Default)]
struct Panicking {
    clicks: usize,
}

impl SegmentationNetwork for Panicking {
    fn shipped_models(&mut self) -> Result<Vec<ModelEntry>> {
        Ok(Vec::new())
    }

    fn read_model(&mut self, _: &Path) -> Result<ModelEntry> {
        panic!("out of memory")
    }

    fn probe_device(&mut self, _: DeviceChoice) -> Result<String> {
        panic!("out of memory")
    }

    fn prepare_model(&mut self, _: &ModelEntry, _: DeviceChoice) -> Result<String> {
        panic!("out of memory")
    }

    fn segment_image(&mut self, _: &Image) -> Result<Prediction> {
        panic!("out of memory")
    }

    fn prepare_clicks(&mut self, _: &ClickModel) -> Result<()> {
        panic!("out of memory")
    }

    fn answer_click(&mut self, job: &ClickJob) -> Result<Vec<f32>> {
        self.clicks += 1;
        assert!(self.clicks > 1, "out of memory");
        Ok(vec![1.0; job.image.columns * job.image.rows])
    }

    fn second_choices(&mut self, _: &SecondChoiceJob) -> Result<Vec<BoundaryChoice>> {
        panic!("out of memory")
    }

    fn take_notice(&mut self) -> Option<String> {
        None
    }
}

/// The thread with such a network, and its events after the list of models.
fn panicking_thread() -> (NetworkHandle, Receiver<Event>) {
    let (sender, events) = bounded(16);
    let outbox = Outbox {
        events: sender,
        wake: Arc::new(|| {}),
    };
    let thread = NetworkHandle::start_thread(outbox, || Box::new(Panicking::default()));
    assert!(matches!(next_event(&events), Event::Models(_)));
    (thread.unwrap(), events)
}

fn next_event(events: &Receiver<Event>) -> Event {
    events.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn image() -> Arc<Image> {
    Arc::new(Image::new(4, 3, Pixels::U8(vec![0; 12])).unwrap())
}

/// The shipped network.
fn on_cpu() -> ClickModel {
    ClickModel {
        file: None,
        device: DeviceChoice::Cpu,
    }
}

fn click(object: u64) -> NetworkJob {
    let prompt = Prompt::Click {
        at: [1.5, 1.5],
        adds: true,
    };
    NetworkJob::Click(ClickJob {
        case: 1,
        object,
        revision: 0,
        image: image(),
        pixel_aspect: 1.0,
        prompts: vec![prompt],
        earlier: None,
        model: on_cpu(),
    })
}

#[test]
fn a_click_is_answered_with_the_reason_and_the_next_one_is_computed() {
    let (thread, events) = panicking_thread();
    thread.submit_job(click(1));
    let Event::Clicked(answer) = next_event(&events) else {
        panic!("the click has no answer")
    };
    assert_eq!(answer.object, 1);
    assert_eq!(answer.result.unwrap_err().reason, "out of memory");
    thread.submit_job(click(2));
    let Event::Clicked(answer) = next_event(&events) else {
        panic!("the click has no answer")
    };
    assert_eq!(answer.result.unwrap().region().len(), 12);
    thread.close();
}

#[test]
fn every_other_job_that_panics_is_reported_too() {
    let (thread, events) = panicking_thread();
    thread.submit_job(NetworkJob::PrepareClicks(on_cpu()));
    assert!(matches!(next_event(&events), Event::Failed(_)));
    thread.submit_job(NetworkJob::ProbeDevice(DeviceChoice::Cpu));
    assert!(matches!(next_event(&events), Event::Failed(_)));
    thread.submit_job(NetworkJob::ReadModel("model.safetensors".into()));
    assert!(matches!(next_event(&events), Event::ModelRead(Err(_))));
    thread.submit_job(NetworkJob::SecondChoice(SecondChoiceJob {
        id: 7,
        image: image(),
        object: Arc::new(ClickedObject::from_probabilities(&[], 4, 3)),
        stretch: Vec::new(),
        model: on_cpu(),
    }));
    let Event::SecondChoice(answer) = next_event(&events) else {
        panic!("the second choice has no answer")
    };
    assert!(answer.id == 7 && answer.result.is_err());
    thread.close();
}
