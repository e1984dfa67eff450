//! Presentation states: how others want images to be shown. They change the view alone, never a pixel, a mask, a measurement or
//! an export.

mod shutter;

pub use shutter::{Shutter, hidden_pixels};

use super::image::{Image, Rescale, Window};
use serde::{Deserialize, Serialize};

/// A point: pixels from the upper left corner of the image (x, y), or fractions of the displayed area.
pub type GraphicPoint = [f32; 2];

/// The identity of a slice, as presentation states refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageKey<'a> {
    /// SOP Instance UID.
    pub uid: &'a str,
    /// 1-based frame.
    pub frame: u32,
}

/// An image that a presentation state refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferencedImage {
    /// SOP Instance UID.
    pub uid: String,
    /// 1-based frames; empty for all.
    pub frames: Vec<u32>,
}

impl ReferencedImage {
    fn is_image(&self, image: ImageKey<'_>) -> bool {
        self.uid == image.uid && (self.frames.is_empty() || self.frames.contains(&image.frame))
    }
}

/// Something that a presentation state says of some of its images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scoped<T> {
    /// The images; empty for all images of the presentation state.
    pub images: Vec<ReferencedImage>,
    /// What it says.
    pub content: T,
}

impl<T> Scoped<T> {
    fn is_for(&self, image: ImageKey<'_>) -> bool {
        self.images.is_empty() || self.images.iter().any(|one| one.is_image(image))
    }
}

/// A part of an image, in pixels from its upper left corner; it may extend beyond the image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DisplayedArea {
    /// Left and upper edge.
    pub low: GraphicPoint,
    /// Right and lower edge, greater than `low`.
    pub high: GraphicPoint,
}

/// The unit of graphic coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GraphicUnit {
    /// Pixels of the image, from its upper left corner.
    Pixel,
    /// Fractions of the displayed area on the screen, from its upper left corner.
    Display,
}

/// A graphic object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum GraphicShape {
    /// A single point.
    Point(GraphicPoint),
    /// A line through at least two points; a closed one ends where it begins.
    Line(Vec<GraphicPoint>),
}

/// A graphic object with the unit of its points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graphic {
    /// The unit.
    pub unit: GraphicUnit,
    /// The object.
    pub shape: GraphicShape,
}

/// How a text lies in its box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Justification {
    /// At its left edge.
    #[default]
    Left,
    /// In its middle.
    Center,
    /// At its right edge.
    Right,
}

/// The box of a text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextBox {
    /// The unit of its corners.
    pub unit: GraphicUnit,
    /// Two opposite corners.
    pub corners: [GraphicPoint; 2],
    /// Where the text lies in it.
    pub justification: Justification,
}

/// The place that a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextAnchor {
    /// The unit of the point.
    pub unit: GraphicUnit,
    /// The point.
    pub point: GraphicPoint,
    /// True if a line from the text to the point is to be drawn.
    pub is_visible: bool,
}

/// A text on the image. It has a box, an anchor or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphicText {
    /// The text; several lines are separated by line feeds.
    pub text: String,
    /// Its box.
    pub text_box: Option<TextBox>,
    /// The place that it is about.
    pub anchor: Option<TextAnchor>,
}

/// Graphics and texts on an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// Lines and points.
    pub graphics: Vec<Graphic>,
    /// Texts.
    pub texts: Vec<GraphicText>,
}

/// A Grayscale Softcopy Presentation State.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PresentationState {
    /// SOP Instance UID.
    pub uid: String,
    /// Content Label: "REPORT".
    pub label: String,
    /// Content Description; empty if there is none.
    pub description: String,
    /// Date and time of its creation: "2024-01-31 10:11:12"; empty if unknown.
    pub created: String,
    /// The images that it refers to.
    pub images: Vec<ReferencedImage>,
    /// From stored values to the values of its windows.
    pub rescale: Rescale,
    /// Windows (window/level).
    pub windows: Vec<Scoped<Window>>,
    /// High values are dark, whatever the image says.
    pub is_inverted: bool,
    /// Clockwise rotations by 90 degrees, 0..=3.
    pub quarter_turns: u8,
    /// Left and right exchanged, after the rotations.
    pub is_flipped: bool,
    /// The parts of the images that are displayed.
    pub areas: Vec<Scoped<DisplayedArea>>,
    /// What is outside of one of these is hidden.
    pub shutters: Vec<Shutter>,
    /// The grey level of what is hidden, 0..=1.
    pub shutter_level: f32,
    /// Graphics and texts.
    pub annotations: Vec<Scoped<Annotation>>,
    /// What it has that is not shown, as clauses: "its lookup table is not applied".
    pub not_shown: Vec<String>,
}

impl PresentationState {
    /// True if it refers to an image.
    pub fn refers_to(&self, image: ImageKey<'_>) -> bool {
        self.images.iter().any(|one| one.is_image(image))
    }

    /// The window of an image in its own values; `None` if it gives none, or for a colour image.
    pub fn window_on(&self, key: ImageKey<'_>, image: &Image) -> Option<Window> {
        if image.is_color() || !self.refers_to(key) {
            return None;
        }
        let scoped = self.windows.iter().find(|scoped| scoped.is_for(key))?;
        Some(converted_window(
            scoped.content,
            self.rescale,
            image.rescale,
        ))
    }

    /// The part of an image that is displayed; `None` for the whole image.
    pub fn area_on(&self, key: ImageKey<'_>) -> Option<DisplayedArea> {
        let found = self.areas.iter().find(|scoped| scoped.is_for(key));
        found.map(|scoped| scoped.content)
    }

    /// Graphics and texts on an image.
    pub fn annotations_on<'a>(
        &'a self,
        key: ImageKey<'a>,
    ) -> impl Iterator<Item = &'a Annotation> + 'a {
        self.annotations
            .iter()
            .filter(move |scoped| scoped.is_for(key))
            .map(|scoped| &scoped.content)
    }

    /// Its name in lists: "REPORT, 2024-01-31 10:11:12".
    pub fn display_name(&self) -> String {
        let label = match self.label.as_str() {
            "" => "Without label",
            label => label,
        };
        let known = [label, &self.description, &self.created];
        let known: Vec<&str> = known.into_iter().filter(|part| !part.is_empty()).collect();
        known.join(", ")
    }
}

/// A window for values of `from` as one for values of `to`, by way of the stored values.
fn converted_window(window: Window, from: Rescale, to: Rescale) -> Window {
    let ratio = to.slope / from.slope;
    if from == to || !ratio.is_finite() || ratio == 0.0 {
        return window;
    }
    Window {
        center: (window.center - from.intercept) * ratio + to.intercept,
        width: window.width * ratio.abs(),
        function: window.function,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::image::Pixels;

    fn key(uid: &str, frame: u32) -> ImageKey<'_> {
        ImageKey { uid, frame }
    }

    fn named(uid: &str, frames: &[u32]) -> ReferencedImage {
        ReferencedImage {
            uid: uid.into(),
            frames: frames.to_vec(),
        }
    }

    fn two_images() -> PresentationState {
        PresentationState {
            images: vec![named("1.2", &[]), named("1.3", &[2, 4])],
            ..PresentationState::default()
        }
    }

    fn grey(rescale: Rescale) -> Image {
        let mut image = Image::new(2, 1, Pixels::U16(vec![0, 1])).unwrap();
        image.rescale = rescale;
        image
    }

    #[test]
    fn it_refers_to_images_and_frames() {
        let state = two_images();
        let found = [("1.2", 1), ("1.2", 9), ("1.3", 2), ("1.3", 3), ("1.4", 1)]
            .map(|(uid, frame)| state.refers_to(key(uid, frame)));
        assert_eq!(found, [true, true, true, false, false]);
    }

    #[test]
    fn each_image_has_its_own_window_and_others_have_none() {
        let scoped = |images, center| Scoped {
            images,
            content: Window::new(center, 100.0),
        };
        let state = PresentationState {
            windows: vec![
                scoped(vec![named("1.3", &[4])], 7.0),
                scoped(Vec::new(), 40.0),
            ],
            ..two_images()
        };
        let image = grey(Rescale::default());
        let center = |uid, frame| state.window_on(key(uid, frame), &image).map(|w| w.center);
        assert_eq!(center("1.2", 1), Some(40.0));
        assert_eq!(center("1.3", 4), Some(7.0));
        assert_eq!(center("1.3", 3), None, "it does not refer to this frame");
        let color = Image::new(1, 1, Pixels::Rgb8(vec![[1, 2, 3]])).unwrap();
        assert_eq!(state.window_on(key("1.2", 1), &color), None);
    }

    #[test]
    fn a_window_is_converted_to_the_values_of_the_image() {
        let hounsfield = Rescale {
            slope: 1.0,
            intercept: -1024.0,
        };
        let state = |rescale| PresentationState {
            rescale,
            windows: vec![Scoped {
                images: Vec::new(),
                content: Window::new(1064.0, 400.0),
            }],
            ..two_images()
        };
        let shown = |rescale, image| state(rescale).window_on(key("1.2", 1), &grey(image));
        // Without a rescale of its own, its values are stored values.
        let stored = Rescale::default();
        assert_eq!(shown(stored, hounsfield), Some(Window::new(40.0, 400.0)));
        assert_eq!(
            shown(hounsfield, hounsfield),
            Some(Window::new(1064.0, 400.0))
        );
        let doubled = Rescale {
            slope: -2.0,
            intercept: 10.0,
        };
        assert_eq!(shown(stored, doubled), Some(Window::new(-2118.0, 800.0)));
    }

    #[test]
    fn it_is_listed_by_label_description_and_time() {
        let mut state = PresentationState {
            label: "REPORT".into(),
            created: "2024-01-31 10:11:12".into(),
            ..PresentationState::default()
        };
        assert_eq!(state.display_name(), "REPORT, 2024-01-31 10:11:12");
        (state.label, state.created) = (String::new(), String::new());
        assert_eq!(state.display_name(), "Without label");
    }
}
