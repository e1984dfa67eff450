//! Takes screenshots: a frame is drawn without what lies over the views, and its pixels are read back.

use crate::session::{
    Action, Actions, Session,
    job::{PicturedSlices, Screenshot, SliceKey},
    screenshot::{ScreenshotAction, ScreenshotTarget},
};
use egui::{Color32, ColorImage, Context, LayerId, Order, Rect, layers::ShapeIdx};
use std::sync::{
    Arc,
    mpsc::{Receiver, Sender, TryRecvError, channel},
};

/// The screenshot that is being taken, if any.
#[derive(Default)]
pub(super) struct ScreenshotTaker {
    /// Where the views are in this frame, in points.
    views: Option<Rect>,
    /// Gets the pixels of the frame that was just drawn.
    request: Option<Sender<Arc<ColorImage>>>,
    awaited: Option<AwaitedScreenshot>,
}

/// A screenshot whose frame was drawn.
struct AwaitedScreenshot {
    target: ScreenshotTarget,
    /// What is in the views; `None` if no slice was shown.
    pictured: Option<PicturedSlices>,
    /// The views, in pixels of the window.
    area: Rect,
    pixels: Receiver<Arc<ColorImage>>,
}

impl ScreenshotTaker {
    /// Notes where the views are drawn in this frame.
    pub(super) fn note_views(&mut self, rect: Rect) {
        self.views = Some(rect);
    }

    /// Call when everything is drawn. Removes what lies over the views if this frame is for a screenshot, and hands on
    /// the screenshot whose pixels have arrived. `shown` is the slice in the slice view.
    pub(super) fn finish_frame(
        &mut self,
        ctx: &Context,
        session: &Session,
        shown: Option<SliceKey>,
        actions: &mut Actions,
    ) {
        let views = self.views.take();
        self.hand_on(ctx, actions);
        let Some(wish) = &session.viewports.screenshot else {
            return;
        };
        // A pass that is discarded is drawn once more, and only then shown.
        if ctx.will_discard() {
            return;
        }
        actions.push(Action::Screenshot(ScreenshotAction::Drawn));
        if let Some(views) = views {
            hide_overlays(ctx);
            let (sender, pixels) = channel();
            self.request = Some(sender);
            self.awaited = Some(AwaitedScreenshot {
                target: wish.target.clone(),
                pictured: shown.and_then(|slice| session.pictured_slices(slice, wish.content)),
                area: views * ctx.pixels_per_point(),
                pixels,
            });
        }
    }

    /// Where the pixels of the frame that was just drawn are to be sent; `None` if it is not for a screenshot.
    pub(super) fn take_request(&mut self) -> Option<Sender<Arc<ColorImage>>> {
        self.request.take()
    }

    /// Copies or saves the screenshot whose pixels have arrived.
    fn hand_on(&mut self, ctx: &Context, actions: &mut Actions) {
        let Some(awaited) = self.awaited.take() else {
            return;
        };
        let image = match awaited.pixels.try_recv() {
            Ok(image) => crop(&image, awaited.area),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.awaited = Some(awaited);
                return;
            }
        };
        actions.push(Action::Screenshot(match (image, awaited.target) {
            (None, _) => ScreenshotAction::Failed,
            (Some(image), ScreenshotTarget::Dicom(path)) => {
                of_study(&image, awaited.pictured, |screenshot, pictured| {
                    ScreenshotAction::SaveDicom(screenshot, pictured, path)
                })
            }
            (Some(image), ScreenshotTarget::Server(name)) => {
                of_study(&image, awaited.pictured, |screenshot, pictured| {
                    ScreenshotAction::Send(screenshot, pictured, name)
                })
            }
            (Some(image), ScreenshotTarget::Clipboard) => {
                ctx.copy_image(image);
                ScreenshotAction::SentToClipboard
            }
            (Some(image), ScreenshotTarget::File(path)) => {
                ScreenshotAction::Save(to_screenshot(&image), path)
            }
        }));
    }
}

/// The action for a screenshot that belongs to a study; it fails if no slice was shown.
fn of_study(
    image: &ColorImage,
    pictured: Option<PicturedSlices>,
    action: impl FnOnce(Screenshot, Box<PicturedSlices>) -> ScreenshotAction,
) -> ScreenshotAction {
    pictured.map_or(ScreenshotAction::Failed, |pictured| {
        action(to_screenshot(image), Box::new(pictured))
    })
}

/// Removes dialogs, menus, messages and tooltips from the frame that is being drawn.
fn hide_overlays(ctx: &Context) {
    let layers: Vec<LayerId> = ctx.memory(|memory| {
        memory
            .layer_ids()
            .filter(|layer| layer.order > Order::Background)
            .collect()
    });
    ctx.graphics_mut(|graphics| {
        for layer in layers {
            if let Some(shapes) = graphics.get_mut(layer) {
                (0..shapes.next_idx().0).for_each(|at| shapes.reset_shape(ShapeIdx(at)));
            }
        }
    });
}

/// The part of an image in `area`, in pixels, and opaque; `None` if it has no pixels.
fn crop(image: &ColorImage, area: Rect) -> Option<ColorImage> {
    let [width, height] = image.size;
    let pixel = |at: f32, most: usize| (at.round().max(0.0) as usize).min(most);
    let [left, right] = [area.min.x, area.max.x].map(|x| pixel(x, width));
    let [top, bottom] = [area.min.y, area.max.y].map(|y| pixel(y, height));
    if left >= right || top >= bottom {
        return None;
    }
    let rows = image.pixels.chunks_exact(width);
    let pixels = rows
        .take(bottom)
        .skip(top)
        .flat_map(|row| &row[left..right])
        .map(|pixel| Color32::from_rgb(pixel.r(), pixel.g(), pixel.b()))
        .collect();
    Some(ColorImage::new([right - left, bottom - top], pixels))
}

fn to_screenshot(image: &ColorImage) -> Screenshot {
    let [columns, rows] = image.size;
    let colors = image.pixels.iter();
    Screenshot {
        columns,
        rows,
        rgb: colors.flat_map(|c| [c.r(), c.g(), c.b()]).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use egui::pos2;

    /// An image whose pixels have their column, row and transparency.
    fn numbered(width: usize, height: usize) -> ColorImage {
        let pixels = (0..width * height)
            .map(|i| {
                Color32::from_rgba_premultiplied((i % width) as u8, (i / width) as u8, 200, 210)
            })
            .collect();
        ColorImage::new([width, height], pixels)
    }

    fn area(left: f32, top: f32, right: f32, bottom: f32) -> Rect {
        Rect::from_min_max(pos2(left, top), pos2(right, bottom))
    }

    #[test]
    fn a_screenshot_has_the_pixels_of_its_area_and_is_opaque() {
        let image = crop(&numbered(9, 7), area(2.4, 1.6, 5.0, 4.0)).unwrap();
        assert_eq!(image.size, [3, 2]);
        assert_eq!(image.pixels[0], Color32::from_rgb(2, 2, 200));
        assert_eq!(image.pixels[5], Color32::from_rgb(4, 3, 200));
        let screenshot = to_screenshot(&image);
        assert_eq!((screenshot.columns, screenshot.rows), (3, 2));
        assert_eq!(screenshot.rgb[..6], [2, 2, 200, 3, 2, 200]);
    }

    #[test]
    fn an_area_beyond_the_image_is_cut_and_one_outside_has_no_pixels() {
        let image = numbered(9, 7);
        let cut = crop(&image, area(-3.0, 5.0, 400.0, 400.0)).unwrap();
        assert_eq!(cut.size, [9, 2]);
        assert_eq!(cut.pixels[0], Color32::from_rgb(0, 5, 200));
        assert!(crop(&image, area(9.0, 0.0, 12.0, 7.0)).is_none());
        assert!(crop(&image, area(f32::NAN, 0.0, 0.2, 7.0)).is_none());
        assert!(crop(&numbered(0, 0), area(0.0, 0.0, 5.0, 5.0)).is_none());
    }
}
