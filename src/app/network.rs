//! The real segmentation network that the worker runs.

use crate::{
    Error, Result,
    session::job::{ModelEntry, ModelSource},
    shipped,
    worker::SegmentationNetwork,
};
use labrum_core::{device::DeviceChoice, image::Image, prediction::Prediction};
use labrum_nn::{device, infer::Segmenter};
use std::{path::Path, sync::Arc};

/// The network that the app runs. Called on the thread that will own it.
pub(super) fn boxed_segmenter() -> Box<dyn SegmentationNetwork> {
    Box::<Real>::default()
}

#[derive(Default)]
struct Real {
    ready: Option<(ModelSource, DeviceChoice, Segmenter)>,
}

impl SegmentationNetwork for Real {
    fn shipped_models(&mut self) -> Result<Vec<ModelEntry>> {
        let models = shipped::all_models()?.into_iter().enumerate();
        Ok(models
            .map(|(index, model)| ModelEntry {
                source: ModelSource::Shipped(index),
                card: Arc::new(model.card),
            })
            .collect())
    }

    fn read_model(&mut self, path: &Path) -> Result<ModelEntry> {
        let segmenter = Segmenter::load_from_path(path, DeviceChoice::Cpu)?;
        Ok(ModelEntry {
            source: ModelSource::File(path.to_owned()),
            card: Arc::new(segmenter.model_card().clone()),
        })
    }

    fn probe_device(&mut self, choice: DeviceChoice) -> Result<String> {
        Ok(device::select_available(choice)?.name)
    }

    fn prepare_model(&mut self, model: &ModelEntry, choice: DeviceChoice) -> Result<String> {
        let is_ready = self
            .ready
            .as_ref()
            .is_some_and(|(s, c, _)| *s == model.source && *c == choice);
        if !is_ready {
            // Drop the old network first: two may not fit into the memory of a GPU.
            self.ready = None;
            let segmenter = match &model.source {
                ModelSource::File(path) => Segmenter::load_from_path(path, choice)?,
                ModelSource::Shipped(index) => {
                    Segmenter::from_bytes(shipped_bytes(*index)?, choice)?
                }
            };
            self.ready = Some((model.source.clone(), choice, segmenter));
        }
        Ok(self
            .ready
            .as_ref()
            .map_or(String::new(), |(_, _, s)| s.device_name().to_owned()))
    }

    fn segment_image(&mut self, image: &Image) -> Result<Prediction> {
        match &mut self.ready {
            Some((_, _, segmenter)) => segmenter.segment_slice(image),
            None => Err(Error::new("run the model", "no model is loaded")),
        }
    }

    fn weights_hash(&self) -> String {
        self.ready
            .as_ref()
            .map_or(String::new(), |(_, _, segmenter)| {
                segmenter.weights_hash().to_owned()
            })
    }

    fn take_notice(&mut self) -> Option<String> {
        self.ready.as_mut()?.2.take_notice()
    }
}

fn shipped_bytes(index: usize) -> Result<&'static [u8]> {
    let model = shipped::all_models()?.into_iter().nth(index);
    model
        .map(|m| m.bytes)
        .ok_or_else(|| Error::new("load the model", "there is no such built-in model"))
}
