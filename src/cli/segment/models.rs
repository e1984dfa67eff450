//! Chooses the model for each series: the one given with `--model`, or a shipped one.

use super::SegmentArguments;
use crate::cli::{DeviceArgument, model_named};
use crate::io::open;
use crate::shipped::{self, Shipped};
use crate::{Error, ErrorKind, Result};
use labrum_core::{label::Label, looks::Look, study::Series};
use labrum_nn::infer::Segmenter;
use std::cell::OnceCell;

/// The model given with `--model`, or the shipped ones, loaded when needed.
pub(super) struct Models {
    named: bool,
    device: DeviceArgument,
    loaded: Option<Segmenter>,
}

impl Models {
    pub(super) fn new(arguments: &SegmentArguments) -> Result<Self> {
        let device = arguments.device;
        let Some(path) = &arguments.model else {
            return Ok(Self {
                named: false,
                device,
                loaded: None,
            });
        };
        Ok(Self {
            named: true,
            device,
            loaded: Some(model_named(path, device)?),
        })
    }

    /// The shipped model that is for this series; `None` if one was given with `--model`.
    pub(super) fn shipped_for(&self, series: &Series) -> Result<Option<Shipped>> {
        if self.named {
            return Ok(None);
        }
        let middle = Middle::from_series(series);
        let model = shipped::find_fitting_model(series, || middle.cached_look())?;
        middle.check_read()?;
        model
            .map(Some)
            .map_err(|reasons| no_model(series, &reasons))
    }

    /// The labels of the model given with `--model`, or of `shipped`.
    pub(super) fn labels_for(&self, shipped: Option<&Shipped>) -> Vec<Label> {
        let card = shipped
            .map(|model| &model.card)
            .or(self.loaded.as_ref().map(Segmenter::model_card));
        card.map_or_else(Vec::new, |card| card.labels.clone())
    }

    /// The model given with `--model`, or `shipped`, ready to run.
    pub(super) fn ready_segmenter(&mut self, shipped: Option<&Shipped>) -> Result<&mut Segmenter> {
        if let Some(model) = shipped
            && self
                .loaded
                .as_ref()
                .is_none_or(|l| *l.model_card() != model.card)
        {
            self.loaded = Some(Segmenter::from_bytes(model.bytes, self.device.into())?);
        }
        self.loaded
            .as_mut()
            .ok_or_else(|| Error::new("segment", "no model is loaded"))
    }
}

/// The middle slice of a series, read when a model first asks for its appearance.
struct Middle<'a> {
    series: &'a Series,
    look: OnceCell<Result<Look>>,
}

impl<'a> Middle<'a> {
    fn from_series(series: &'a Series) -> Self {
        Self {
            series,
            look: OnceCell::new(),
        }
    }

    fn cached_look(&self) -> Option<&Look> {
        let slice = self.series.slices.get(self.series.slices.len() / 2)?;
        let look = self.look.get_or_init(|| {
            let image = open::load_slice(&slice.source, self.series.kind)?;
            Ok(Look::from_image(&image))
        });
        look.as_ref().ok()
    }

    /// The error of reading the slice, if it was read.
    fn check_read(self) -> Result<()> {
        self.look.into_inner().transpose().map(drop)
    }
}

fn no_model(series: &Series, reasons: &[String]) -> Error {
    let what = if series.modality.is_empty() {
        "image"
    } else {
        &series.modality
    };
    let tried = match series.slices.len() {
        1 => format!("segment the {what}"),
        _ => format!("segment the {what} series beginning with"),
    };
    let first = series.slices.first().map(|slice| slice.source.path.clone());
    let reason = format!("no matching model ({})", reasons.join("; "));
    Error {
        path: first,
        kind: ErrorKind::NoModel,
        ..Error::new(tried, reason)
    }
    .with_advice("Give a model with --model, or train one with labrum train.")
}
