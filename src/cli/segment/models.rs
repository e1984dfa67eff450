//! Which model is for which series: the one that was named, or a shipped one.

use super::{Arguments, series};
use crate::cli::{DeviceArgument, console, model_named};
use crate::domain::{
    label::Label,
    looks::Look,
    study::{Catalog, Series},
};
use crate::io::open;
use crate::model::{card::Fit, infer::Segmenter, shipped};
use crate::{Error, ErrorKind, Result};

/// The model that was named, or the shipped ones as they are needed.
pub(super) struct Models {
    named: bool,
    device: DeviceArgument,
    loaded: Option<Segmenter>,
}

impl Models {
    pub(super) fn new(arguments: &Arguments, catalog: &Catalog) -> Result<Self> {
        let device = arguments.device;
        let Some(path) = &arguments.model else {
            return Ok(Self { named: false, device, loaded: None });
        };
        let model = model_named(path, device)?;
        let misfit = series(catalog).find_map(|s| match model.card().fit(s, look(s).ok().flatten().as_ref()) {
            Fit::No(reason) => Some(reason),
            Fit::Fits => None,
        });
        if let Some(reason) = misfit {
            let name = &model.card().name;
            console::remark(format_args!(
                "labrum: warning: the model \"{name}\" may not be for these images: {reason}"
            ));
        }
        Ok(Self { named: true, device, loaded: Some(model) })
    }

    /// The labels that the model for this series gives.
    pub(super) fn labels(&self, series: &Series) -> Result<Vec<Label>> {
        match &self.loaded {
            Some(model) if self.named => Ok(model.card().labels.clone()),
            _ => {
                let model = shipped::fitting(series, look(series)?.as_ref())?;
                Ok(model.map_err(|reasons| no_model(series, &reasons))?.card.labels)
            }
        }
    }

    pub(super) fn for_series(&mut self, series: &Series) -> Result<&mut Segmenter> {
        if !self.named {
            let model = shipped::fitting(series, look(series)?.as_ref())?;
            let model = model.map_err(|reasons| no_model(series, &reasons))?;
            if self.loaded.as_ref().is_none_or(|l| *l.card() != model.card) {
                self.loaded = Some(Segmenter::from_bytes(model.bytes, self.device.into())?);
            }
        }
        self.loaded.as_mut().ok_or_else(|| Error::new("segment", "no model is loaded"))
    }
}

/// What the middle slice looks like.
fn look(series: &Series) -> Result<Option<Look>> {
    let middle = series.slices.get(series.slices.len() / 2);
    middle.map(|slice| Ok(Look::of(&open::load(&slice.source, series.kind)?))).transpose()
}

fn no_model(series: &Series, reasons: &[String]) -> Error {
    let what = if series.modality.is_empty() { "picture" } else { &series.modality };
    let tried = match series.slices.len() {
        1 => format!("segment the {what}"),
        _ => format!("segment the {what} series that begins with"),
    };
    let first = series.slices.first().map(|slice| slice.source.path.clone());
    let reason = format!("no shipped model is for it ({})", reasons.join("; "));
    Error { path: first, kind: ErrorKind::NoModel, ..Error::new(tried, reason) }
        .advise("Name a model with --model, or train one with labrum train.")
}
