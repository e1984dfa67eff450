//! Measure: lengths, angles, regions and points are drawn, selected, moved, and changed by their handles.
//!
//! Places are set by dragging from one to the next, or by clicking each. A press near a handle or a line takes that
//! measurement instead; with Shift it always begins a new one.

mod new_shape;
mod shown;

use super::{Place, PointerInput, PointerPhase, Session, ToolGesture};
use crate::session::{case::Case, job::CaseId};
use labrum_core::{
    measurement::{DrawnMeasurement, Measured, MeasurementPlace, Shape, ShapeKind},
    stack::ViewPlane,
    vector::{pixel_distance, vector_between, vector_sum},
};
use new_shape::NewShape;
use std::{borrow::Cow, mem};

/// Distance within which a press takes a handle or a line, in screen points.
const HANDLE_REACH: f64 = 8.0;
const LINE_REACH: f64 = 5.0;

/// A press that moves farther than this is a drag, in screen points.
const CLICK: f64 = 4.0;

/// The view that a measurement is drawn on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ground {
    case: CaseId,
    plane: ViewPlane,
    /// Columns and rows.
    extent: [usize; 2],
    /// Where new measurements lie.
    place: MeasurementPlace,
    /// Width and height of a pixel, in mm or relative: for right angles.
    size: [f64; 2],
    /// Height of a pixel on the screen relative to its width.
    aspect: f64,
}

impl Ground {
    /// Width and height of a pixel on the screen, in points.
    fn on_screen(&self, scale: f64) -> [f64; 2] {
        [scale, scale * self.aspect]
    }

    /// The nearest place on the view.
    fn clamp(&self, at: Place) -> Place {
        [0, 1].map(|i| at[i].clamp(0.0, self.extent[i] as f64))
    }
}

/// A measurement that is being drawn or changed.
#[derive(Debug)]
pub(in crate::session) struct MeasureGesture {
    ground: Ground,
    what: Doing,
    /// The shape at this moment; `None` while a new one lacks places.
    shape: Option<Shape>,
    measured: Option<Measured>,
}

impl MeasureGesture {
    /// True if it is drawn on a reformatted view.
    pub(super) fn is_across(&self) -> bool {
        self.ground.plane != ViewPlane::Slice
    }
}

#[derive(Debug)]
enum Doing {
    /// A new measurement.
    New(NewShape),
    /// A measurement is dragged by a handle, or as a whole.
    Change(Box<ChangedShape>),
}

/// A measurement that is being dragged.
#[derive(Debug)]
struct ChangedShape {
    before: DrawnMeasurement,
    /// Its shape on the view, before.
    start: Shape,
    /// The handle that is dragged, and its place; `None` for the whole.
    handle: Option<(usize, Place)>,
    from: Place,
    /// The pointer has left the place of the press: a click only selects.
    is_drag: bool,
}

impl ChangedShape {
    /// The shape with the pointer at a place; `None` if nothing would be left to measure.
    fn shape_at(&self, at: Place, ground: &Ground) -> Option<Shape> {
        let by = vector_between(self.from, at);
        match self.handle {
            Some((index, place)) => {
                let to = ground.clamp(vector_sum(place, by));
                self.start.with_moved_handle(index, to, ground.size)
            }
            None => {
                let [columns, rows] = ground.extent;
                Some(self.start.moved_within(by, columns, rows))
            }
        }
    }
}

/// A measurement near the pointer, with its shape on the view.
struct Picked {
    drawn: DrawnMeasurement,
    shape: Shape,
    handle: Option<usize>,
}

impl Session {
    /// Handles a pointer event of the Measure tool on the slice or on a reformatted view.
    pub(in crate::session) fn handle_measure(&mut self, plane: ViewPlane, input: PointerInput) {
        let Some(ground) = self.measure_ground(plane, input.at) else {
            return;
        };
        let is_new = matches!(
            &self.tools.gesture,
            ToolGesture::Measure(gesture) if matches!(gesture.what, Doing::New(_))
        );
        match input.phase {
            PointerPhase::Press if is_new => self.press_next_place(ground, input),
            PointerPhase::Press => self.begin_measure(ground, input),
            PointerPhase::Hover if is_new => self.drag_measure(ground, input),
            PointerPhase::Hover => self.hover_measure(ground, input),
            PointerPhase::Drag => self.drag_measure(ground, input),
            PointerPhase::Release => self.release_measure(ground, input),
            PointerPhase::Leave => self.measuring.hovered = None,
            PointerPhase::DoubleClick => {}
        }
    }

    /// The slice on the screen, or a reformatted view. `at` decides among ultrasound regions.
    fn measure_ground(&self, plane: ViewPlane, at: Place) -> Option<Ground> {
        let case = self.cases.current_case()?;
        if plane != ViewPlane::Slice {
            let ortho = self.viewports.ortho_views()?;
            let pane = &ortho.across(plane)?.pane;
            return Some(Ground {
                case: case.id,
                plane,
                extent: pane.size,
                place: MeasurementPlace::View(self.shown_frame(plane)?),
                size: pane.spacing,
                aspect: pane.spacing[1] / pane.spacing[0],
            });
        }
        let scale = self.length_scale(case, case.slice);
        let [column, row] = at.map(|v| v.max(0.0) as usize);
        let spacing = scale
            .spacing_at(column, row)
            .or_else(|| self.pixel_spacing(case, case.slice));
        let known = spacing.map(|s| [s.column, s.row]);
        let is_sound = |size: &[f64; 2]| size.iter().all(|v| v.is_finite() && *v > 0.0);
        Some(Ground {
            case: case.id,
            plane,
            extent: [case.series.columns, case.series.rows],
            place: MeasurementPlace::Slice(case.slice as u32),
            size: known.filter(is_sound).unwrap_or([1.0; 2]),
            aspect: f64::from(self.picture_extent(case).aspect),
        })
    }

    /// The measurements of a case that lie on a view, with their shape in its pixels.
    fn measurements_on<'a>(
        &'a self,
        case: &'a Case,
        plane: ViewPlane,
        slice: usize,
    ) -> Vec<(&'a DrawnMeasurement, Cow<'a, Shape>)> {
        let normal = plane.normal_axis();
        let reach = self
            .viewports
            .ortho_views()
            .map_or(0.0, |ortho| ortho.stack.spacing[normal] / 2.0);
        let all = case.measurements.all().iter();
        all.filter_map(|drawn| match drawn.place {
            MeasurementPlace::Slice(of) => {
                let is_here = plane == ViewPlane::Slice && of as usize == slice;
                is_here.then_some((drawn, Cow::Borrowed(&drawn.shape)))
            }
            MeasurementPlace::View(frame) => {
                let by = self.place_on_view(plane, &frame, reach)?;
                // A frame that was drawn on this very view is found where it was, without rounding.
                let is_same = by.iter().all(|v| v.abs() < 1e-3);
                let shape = match is_same {
                    true => Cow::Borrowed(&drawn.shape),
                    false => Cow::Owned(drawn.shape.shifted(by)?),
                };
                Some((drawn, shape))
            }
        })
        .collect()
    }

    /// The measurement near the pointer; the selected one comes first, then handles, then lines.
    fn pick_measurement(&self, ground: &Ground, input: PointerInput) -> Option<Picked> {
        let case = self.cases.current_case()?;
        let on_screen = ground.on_screen(input.scale);
        let selected = self.measuring.selected_id();
        let all = self.measurements_on(case, ground.plane, case.slice);
        let rank = |(drawn, shape): &(&DrawnMeasurement, Cow<'_, Shape>)| {
            let is_selected = Some(drawn.id.as_str()) == selected;
            // The many points of a freehand line can be dragged only after it was selected.
            let has_handles = is_selected || shape.kind() != ShapeKind::Freehand;
            let handle = shape
                .handle_near(input.at, HANDLE_REACH, on_screen)
                .filter(|_| has_handles);
            let distance = shape.distance_from(input.at, on_screen);
            let is_near = handle.is_some() || distance <= LINE_REACH;
            is_near.then_some((!is_selected, handle.is_none(), distance, handle))
        };
        let near = all.iter().filter_map(|one| Some((rank(one)?, one)));
        let nearest =
            near.min_by(|(a, _), (b, _)| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        nearest.map(|((.., handle), (drawn, shape))| Picked {
            drawn: (*drawn).clone(),
            shape: shape.clone().into_owned(),
            handle,
        })
    }

    fn hover_measure(&mut self, ground: Ground, input: PointerInput) {
        let picked = self.pick_measurement(&ground, input);
        self.measuring.hovered = picked.map(|picked| picked.drawn.id);
    }

    fn begin_measure(&mut self, ground: Ground, input: PointerInput) {
        self.finish_gesture();
        let picked = self
            .pick_measurement(&ground, input)
            .filter(|_| !input.is_shifted);
        let at = ground.clamp(input.at);
        self.measuring.selected = picked.as_ref().map(|picked| picked.drawn.id.clone());
        let what = match picked {
            Some(picked) => Doing::Change(Box::new(ChangedShape {
                handle: picked
                    .handle
                    .and_then(|index| Some((index, *picked.shape.handles().get(index)?))),
                before: picked.drawn,
                start: picked.shape,
                from: at,
                is_drag: false,
            })),
            None => Doing::New(NewShape::begin(self.settings.tools.measure, at)),
        };
        self.tools.gesture = ToolGesture::Measure(Box::new(MeasureGesture {
            ground,
            what,
            shape: None,
            measured: None,
        }));
        self.refresh_measure();
    }

    /// Sets the next place of a new measurement; on another view it begins a new one.
    fn press_next_place(&mut self, ground: Ground, input: PointerInput) {
        let is_elsewhere = matches!(
            &self.tools.gesture,
            ToolGesture::Measure(gesture) if gesture.ground.plane != ground.plane
        );
        if is_elsewhere {
            self.cancel_gesture();
            return self.begin_measure(ground, input);
        }
        if let ToolGesture::Measure(gesture) = &mut self.tools.gesture
            && let Doing::New(new) = &mut gesture.what
        {
            new.press(ground.clamp(input.at));
        }
        self.refresh_measure();
    }

    fn drag_measure(&mut self, ground: Ground, input: PointerInput) {
        let at = ground.clamp(input.at);
        let ToolGesture::Measure(gesture) = &mut self.tools.gesture else {
            return;
        };
        if gesture.ground.plane != ground.plane {
            return;
        }
        let on_screen = ground.on_screen(input.scale);
        match &mut gesture.what {
            Doing::New(new) => new.move_to(at, on_screen),
            Doing::Change(change) => {
                change.is_drag |= pixel_distance(change.from, at, on_screen) > CLICK;
                if change.is_drag {
                    let moved = change.shape_at(at, &gesture.ground);
                    gesture.shape = moved.or(gesture.shape.take());
                }
            }
        }
        self.refresh_measure();
    }

    fn release_measure(&mut self, ground: Ground, input: PointerInput) {
        self.drag_measure(ground, input);
        let is_done = match &mut self.tools.gesture {
            ToolGesture::Measure(gesture) => match &mut gesture.what {
                Doing::New(new) => new.release(ground.clamp(input.at)),
                Doing::Change(_) => true,
            },
            _ => return,
        };
        if is_done {
            self.end_measure();
        } else {
            self.refresh_measure();
        }
    }

    /// Ends the gesture: a new measurement is added if nothing is missing, and a changed one is kept.
    pub(super) fn end_measure(&mut self) {
        self.refresh_measure();
        let ToolGesture::Measure(gesture) = mem::take(&mut self.tools.gesture) else {
            return;
        };
        let MeasureGesture {
            ground,
            what,
            shape,
            ..
        } = *gesture;
        let Some(shape) = shape else { return };
        match what {
            Doing::New(new) if !new.is_settled() => {}
            Doing::New(_) => self.add_measurement(ground.case, ground.place, shape),
            Doing::Change(change) if shape != change.start => {
                self.change_measurement("Change", &change.before.id, |drawn| DrawnMeasurement {
                    place: ground.place,
                    shape,
                    ..drawn.clone()
                });
            }
            Doing::Change(_) => {}
        }
    }

    /// Ends a measurement that is being drawn, for Enter; false if there is none.
    pub(in crate::session) fn end_measure_by_key(&mut self) -> bool {
        let is_measure = matches!(self.tools.gesture, ToolGesture::Measure(_));
        if is_measure {
            self.finish_gesture();
        }
        is_measure
    }

    /// Works out the shape of the gesture and its values.
    fn refresh_measure(&mut self) {
        let ToolGesture::Measure(gesture) = &mut self.tools.gesture else {
            return;
        };
        if let Doing::New(new) = &gesture.what {
            gesture.shape = new.shape(gesture.ground.size);
        }
        let ground = gesture.ground;
        let shape = gesture.shape.clone();
        let case = self.cases.case_by_id(ground.case);
        let measured = shape
            .zip(case)
            .map(|(shape, case)| self.measured_while_drawn(case, &ground.place, &shape));
        if let ToolGesture::Measure(gesture) = &mut self.tools.gesture {
            gesture.measured = measured;
        }
    }
}
