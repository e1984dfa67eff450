//! The real network behind the worker's seam.

use crate::{
    Result,
    domain::{image::Image, prediction::Prediction},
    model::{device, infer::Segmenter},
    session::{
        job::{ModelEntry, ModelSource},
        settings::DeviceChoice,
    },
    worker::Network,
};
use std::{path::Path, sync::Arc};

/// The network that the app runs. Made on the thread that owns it.
pub(super) fn real() -> Box<dyn Network> {
    Box::<Real>::default()
}

#[derive(Default)]
struct Real {
    ready: Option<(ModelSource, DeviceChoice, Segmenter)>,
}

impl Network for Real {
    fn shipped(&mut self) -> Vec<ModelEntry> {
        Vec::new()
    }

    fn read_model(&mut self, path: &Path) -> Result<ModelEntry> {
        let segmenter = Segmenter::load(path, device::DeviceChoice::Cpu)?;
        Ok(ModelEntry { source: ModelSource::File(path.to_owned()), card: Arc::new(segmenter.card().clone()) })
    }

    fn probe(&mut self, choice: DeviceChoice) -> Result<String> {
        Ok(device::choose(to_model(choice))?.name)
    }

    fn prepare(&mut self, model: &ModelEntry, choice: DeviceChoice) -> Result<String> {
        let is_ready = self.ready.as_ref().is_some_and(|(s, c, _)| *s == model.source && *c == choice);
        if !is_ready {
            let segmenter = match &model.source {
                ModelSource::File(path) => Segmenter::load(path, to_model(choice))?,
                ModelSource::Shipped(_) => return Err(crate::Error::new("load the model", "it is not shipped")),
            };
            self.ready = Some((model.source.clone(), choice, segmenter));
        }
        Ok(self.ready.as_ref().map_or(String::new(), |(_, _, s)| s.device_name().to_owned()))
    }

    fn segment(&mut self, image: &Image) -> Result<Prediction> {
        match &mut self.ready {
            Some((_, _, segmenter)) => segmenter.segment(image),
            None => Err(crate::Error::new("run the model", "none is loaded")),
        }
    }

    fn take_notice(&mut self) -> Option<String> {
        self.ready.as_mut()?.2.take_notice()
    }
}

fn to_model(choice: DeviceChoice) -> device::DeviceChoice {
    match choice {
        DeviceChoice::Auto => device::DeviceChoice::Auto,
        DeviceChoice::Cpu => device::DeviceChoice::Cpu,
        DeviceChoice::Gpu => device::DeviceChoice::Gpu,
    }
}
