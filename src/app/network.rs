//! The real segmentation network that the worker runs.

use crate::{
    Error, Result,
    session::job::{ClickJob, ClickModel, ModelEntry, ModelSource, SecondChoiceJob},
    shipped,
    worker::SegmentationNetwork,
};
use labrum_core::{
    boundary::BoundaryChoice, device::DeviceChoice, image::Image, prediction::Prediction,
};
use labrum_nn::{
    device,
    infer::Segmenter,
    preprocess,
    prompt::{
        segmenter::{PromptImage, PromptSegmenter},
        square_pixels::SquareImage,
    },
};
use std::{path::Path, sync::Arc};

/// The network that the app runs. Called on the thread that will own it.
pub(super) fn boxed_segmenter() -> Box<dyn SegmentationNetwork> {
    Box::<Real>::default()
}

#[derive(Default)]
struct Real {
    ready: Option<(ModelSource, DeviceChoice, Segmenter)>,
    /// The network of the Click tool, and which one was asked for.
    clicks: Option<(ClickModel, PromptSegmenter)>,
    /// The image that was clicked last, and its grey levels.
    clicked: Option<(Arc<Image>, SquareImage)>,
    /// A message for the user about the loading of the network of the Click tool.
    notice: Option<String>,
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

    fn prepare_clicks(&mut self, model: &ClickModel) -> Result<()> {
        if self.clicks.as_ref().is_some_and(|(of, _)| of == model) {
            return Ok(());
        }
        // Drop the old network first: two may not fit into the memory of a GPU.
        self.clicks = None;
        let (segmenter, notice) = load_clicks(model)?;
        self.notice = notice.or_else(|| self.notice.take());
        self.clicks = Some((model.clone(), segmenter));
        Ok(())
    }

    fn click_model_title(&self) -> String {
        let card = self.clicks.as_ref().map(|(_, loaded)| loaded.model_card());
        card.map_or_else(String::new, |card| {
            format!("{} {}", card.name, card.version)
        })
    }

    fn answer_click(&mut self, job: &ClickJob) -> Result<Vec<f32>> {
        self.prepare_clicks(&job.model)?;
        let Some((_, segmenter)) = &mut self.clicks else {
            return Err(Error::new("find the clicked object", "no model is loaded"));
        };
        let earlier = job.earlier.as_ref().map(|found| found.probabilities());
        let image = clicked_image(&mut self.clicked, &job.image, job.pixel_aspect);
        segmenter.answer_on(image, &job.prompts, earlier.as_deref())
    }

    fn second_choices(&mut self, job: &SecondChoiceJob) -> Result<Vec<BoundaryChoice>> {
        self.prepare_clicks(&job.model)?;
        let Some((_, segmenter)) = &mut self.clicks else {
            return Err(Error::new("find another boundary", "no model is loaded"));
        };
        let image = clicked_image(&mut self.clicked, &job.image, 1.0);
        segmenter.second_choices(image.square(), &job.object.probabilities(), &job.stretch)
    }

    fn weights_hash(&self) -> String {
        self.ready
            .as_ref()
            .map_or(String::new(), |(_, _, segmenter)| {
                segmenter.weights_hash().to_owned()
            })
    }

    fn take_notice(&mut self) -> Option<String> {
        let of_clicks = || self.clicks.as_mut()?.1.take_notice();
        let of_clicks = self.notice.take().or_else(of_clicks);
        of_clicks.or_else(|| self.ready.as_mut()?.2.take_notice())
    }
}

/// Loads a network of the Click tool. Where the file of a version is missing or damaged, it is the shipped one, with a message
/// for the user.
fn load_clicks(model: &ClickModel) -> Result<(PromptSegmenter, Option<String>)> {
    let Some(file) = &model.file else {
        let segmenter = PromptSegmenter::from_bytes(shipped::CLICK, model.device)?;
        return Ok((segmenter, None));
    };
    let (segmenter, error) = shipped::load_click_version(file, model.device)?;
    let notice = error.map(|error| {
        format!(
            "the active version of the Click tool's model cannot be used ({error}); the \
             Click tool uses the built-in model"
        )
    });
    Ok((segmenter, notice))
}

/// The grey levels of an image, cached until another image is clicked.
fn clicked_image<'a>(
    kept: &'a mut Option<(Arc<Image>, SquareImage)>,
    clicked: &Arc<Image>,
    pixel_aspect: f64,
) -> &'a SquareImage {
    kept.take_if(|(image, _)| !Arc::ptr_eq(image, clicked));
    let (_, levels) = kept.get_or_insert_with(|| {
        let levels = PromptImage {
            grey: preprocess::grey_levels(clicked),
            columns: clicked.columns,
            rows: clicked.rows,
        };
        (clicked.clone(), SquareImage::new(levels, pixel_aspect))
    });
    levels
}

fn shipped_bytes(index: usize) -> Result<&'static [u8]> {
    let model = shipped::all_models()?.into_iter().nth(index);
    model
        .map(|m| m.bytes)
        .ok_or_else(|| Error::new("load the model", "there is no such built-in model"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::clicked::ClickedObject;
    use labrum_core::{
        image::Pixels,
        region::{PixelRect, Region},
    };

    const SIDE: usize = 96;

    /// The pixels of a disc in the middle of the image, in these columns.
    fn disc(columns: std::ops::Range<usize>) -> Region {
        let middle = SIDE as f64 / 2.0;
        let rows = 0..SIDE;
        Region::from_fn(&PixelRect { columns, rows }, |column, row| {
            let [x, y] = [column, row].map(|at| at as f64 + 0.5 - middle);
            x.hypot(y) <= 22.0
        })
    }

    /// A bright disc on a dark background.
    fn disc_image() -> Arc<Image> {
        let disc = disc(0..SIDE);
        let pixels = (0..SIDE * SIDE)
            .map(|at| {
                if disc.contains(at % SIDE, at / SIDE) {
                    200
                } else {
                    60
                }
            })
            .collect();
        Arc::new(Image::new(SIDE, SIDE, Pixels::U8(pixels)).unwrap())
    }

    #[test]
    fn the_shipped_model_offers_a_part_of_the_missing_half_of_a_disc() {
        let half = disc(0..SIDE / 2);
        let cut = (34..62).map(|row| [SIDE as f64 / 2.0, f64::from(row) + 0.5]);
        let job = SecondChoiceJob {
            id: 1,
            image: disc_image(),
            object: Arc::new(ClickedObject::from_piece(&half, SIDE, SIDE)),
            stretch: cut.collect(),
            model: ClickModel {
                file: None,
                device: DeviceChoice::Cpu,
            },
        };
        let choices = Real::default().second_choices(&job).unwrap();
        let larger = choices.iter().find(|choice| choice.adds).unwrap();
        let missing = disc(SIDE / 2..SIDE);
        let found = larger.change.intersection(&missing).len();
        assert!(10 * found > missing.len(), "{found} of {}", missing.len());
        assert!(10 * found >= 9 * larger.change.len(), "the rest is wrong");
    }
}
