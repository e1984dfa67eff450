//! The real network behind the worker's seam.

use crate::{
    Error, Result,
    domain::{image::Image, prediction::Prediction},
    session::{job::ModelEntry, settings::DeviceChoice},
    worker::Network,
};
use std::path::Path;

pub(super) fn real() -> Box<dyn Network> {
    Box::new(Nothing)
}

struct Nothing;

impl Network for Nothing {
    fn shipped(&mut self) -> Vec<ModelEntry> {
        Vec::new()
    }
    fn read_model(&mut self, path: &Path) -> Result<ModelEntry> {
        Err(Error::at("read the model", path, "no network"))
    }
    fn probe(&mut self, _: DeviceChoice) -> Result<String> {
        Ok("CPU".into())
    }
    fn prepare(&mut self, _: &ModelEntry, _: DeviceChoice) -> Result<String> {
        Ok("CPU".into())
    }
    fn segment(&mut self, _: &Image) -> Result<Prediction> {
        Err(Error::new("run the model", "no network"))
    }
    fn take_notice(&mut self) -> Option<String> {
        None
    }
}
