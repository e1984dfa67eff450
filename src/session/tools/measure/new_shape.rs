//! A new measurement, place by place: by dragging from one place to the next, or by clicking each.

use super::CLICK;
use crate::session::tools::Place;
use labrum_core::{
    measurement::{Shape, ShapeKind},
    vector::pixel_distance,
};

/// Distance between the points of a freehand line, in screen points.
const FREEHAND_STEP: f64 = 4.0;

/// A new measurement, place by place.
#[derive(Debug)]
pub(super) struct NewShape {
    pub(super) kind: ShapeKind,
    /// The places that are set.
    pub(super) places: Vec<Place>,
    /// Where the next one would be set.
    pub(super) at: Place,
    pressed: Option<Pressed>,
}

/// The button is down.
#[derive(Clone, Copy, Debug)]
struct Pressed {
    from: Place,
    /// This press has set a place.
    has_set: bool,
    /// The pointer has left the place of the press.
    is_drag: bool,
}

impl NewShape {
    /// Begins with a press at a place.
    pub(super) fn begin(kind: ShapeKind, at: Place) -> Self {
        let mut new = Self {
            kind,
            places: Vec::new(),
            at,
            pressed: None,
        };
        new.press(at);
        new
    }

    /// True once all places are set, or while the last one is being dragged.
    pub(super) fn is_settled(&self) -> bool {
        let is_drag = self.pressed.is_some_and(|pressed| pressed.is_drag);
        is_drag || Shape::places_to_draw(self.kind).is_none_or(|n| self.places.len() >= n)
    }

    /// The places that are set, and the next one.
    pub(super) fn all_places(&self) -> Vec<Place> {
        let mut places = self.places.clone();
        if places.last() != Some(&self.at) {
            places.push(self.at);
        }
        places
    }

    pub(super) fn press(&mut self, at: Place) {
        // The second line of a Cobb angle begins where the button goes down.
        let is_second_line = self.kind == ShapeKind::CobbAngle && self.places.len() == 2;
        let has_set = self.places.is_empty() || is_second_line;
        if has_set {
            self.places.push(at);
        }
        self.at = at;
        self.pressed = Some(Pressed {
            from: at,
            has_set,
            is_drag: false,
        });
    }

    pub(super) fn move_to(&mut self, at: Place, on_screen: [f64; 2]) {
        self.at = at;
        let Some(pressed) = &mut self.pressed else {
            return;
        };
        pressed.is_drag |= pixel_distance(pressed.from, at, on_screen) > CLICK;
        match self.kind {
            ShapeKind::Point => self.places = vec![at],
            ShapeKind::Freehand => {
                let is_far = self
                    .places
                    .last()
                    .is_none_or(|last| pixel_distance(*last, at, on_screen) >= FREEHAND_STEP);
                self.places.extend(is_far.then_some(at));
            }
            _ => {}
        }
    }

    /// The button goes up; true once all places are set.
    pub(super) fn release(&mut self, at: Place) -> bool {
        self.at = at;
        let Some(pressed) = self.pressed.take() else {
            return false;
        };
        let Some(needed) = Shape::places_to_draw(self.kind) else {
            return true;
        };
        if self.places.len() < needed && (!pressed.has_set || pressed.is_drag) {
            self.places.push(at);
        }
        self.places.len() >= needed
    }

    /// The shape if the next place were set here.
    pub(super) fn shape(&self, size: [f64; 2]) -> Option<Shape> {
        let places = match self.kind {
            ShapeKind::Point | ShapeKind::Freehand => self.places.clone(),
            _ => self.all_places(),
        };
        Shape::drawn(self.kind, &places, size)
    }
}
