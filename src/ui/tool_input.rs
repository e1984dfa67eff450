//! The mouse on the canvas: every move becomes what the tool in hand, the view or the window are told, in order.

use crate::{
    domain::{image::Window, stack::ViewPlane},
    session::{
        Action, Session,
        case::Case,
        job::Loaded,
        ortho::OrthoAction,
        tools::{Phase, Place, PointerInput, ToolKind},
        view::Placement,
    },
};
use egui::{CursorIcon, Event, InputState, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, Response, Ui, Vec2};

/// Points of a touchpad that make one slice, or one notch of a brush.
const POINTS_PER_NOTCH: f32 = 30.0;

/// A second click counts as a double-click within so many seconds and points of the first.
const DOUBLE_CLICK: (f64, f32) = (0.4, 6.0);

/// A pointer that left the window with a button down and does not come back for so many seconds has let go.
const GONE: f64 = 0.5;

/// What the buttons that are down do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gesture {
    #[default]
    None,
    /// The tool in hand draws.
    Draw,
    /// The picture moves.
    Pan(PointerButton),
    /// Grey levels change.
    Window,
    /// The place that all orthogonal views go through moves.
    Cross,
}

impl Gesture {
    fn button(self) -> Option<PointerButton> {
        match self {
            Self::None => None,
            Self::Draw | Self::Cross => Some(PointerButton::Primary),
            Self::Pan(button) => Some(button),
            Self::Window => Some(PointerButton::Secondary),
        }
    }
}

/// What the canvas remembers of the mouse between frames.
#[derive(Debug, Default)]
pub(crate) struct ToolInput {
    gesture: Gesture,
    /// Where the pointer was last.
    last: Option<Pos2>,
    pressed_at: Pos2,
    /// When and where was clicked last.
    clicked: Option<(f64, Pos2)>,
    /// Since when the pointer is outside of the window with a button down.
    gone: Option<f64>,
    /// What the tool was told last while no button was down.
    hover: Option<(ToolKind, PointerInput)>,
    /// Where the mouse was then.
    hovered_at: Option<Pos2>,
    slices: f32,
    notches: f32,
}

/// What the events of a frame are read with.
struct Around<'a> {
    placement: Placement,
    tool: ToolKind,
    modifiers: Modifiers,
    /// Space is held, or there is nothing to draw with: a drag moves the picture.
    pans: bool,
    /// Orthogonal views are shown: with nothing to draw with, or with Shift, a drag moves the place they go through.
    is_linked: bool,
    /// Where keys moved the tool to.
    keyed: Option<Place>,
    time: f64,
    /// True where the canvas is on top.
    is_canvas: &'a dyn Fn(Pos2) -> bool,
}

impl Around<'_> {
    fn input(&self, phase: Phase, at: Pos2, modifiers: Modifiers) -> PointerInput {
        let [x, y] = self.placement.image_from_screen([at.x, at.y]);
        let erases = modifiers.alt || modifiers.ctrl || modifiers.command;
        PointerInput { phase, at: [f64::from(x), f64::from(y)], erases, scale: f64::from(self.placement.scale[0]) }
    }
}

/// What came of the events of a frame.
#[derive(Debug, Default)]
struct Outcome {
    inputs: Vec<PointerInput>,
    panned: Vec2,
    windowed: Vec2,
    crossed: Option<Pos2>,
    has_pressed: bool,
}

/// Reads the mouse of this frame, over the slice or a view across the slices.
pub(super) fn mouse(
    ui: &Ui,
    response: &Response,
    session: &Session,
    case: &Case,
    placement: Placement,
    plane: ViewPlane,
    input: &mut ToolInput,
    actions: &mut Vec<Action>,
) {
    if response.contains_pointer() {
        wheel(ui, response, plane, input, actions);
    }
    let (layer, mut rect) = (response.layer_id, response.interact_rect);
    // Where the edge of the panel is dragged nothing is drawn.
    rect.max.x -= ui.style().interaction.resize_grab_radius_side;
    let has_popup = egui::Popup::is_any_open(ui.ctx());
    let is_canvas = |at: Pos2| !has_popup && rect.contains(at) && ui.ctx().layer_id_at(at).is_none_or(|l| l == layer);
    let is_typing = ui.ctx().egui_wants_keyboard_input();
    let (events, around, is_down) = ui.input(|i| {
        let around = Around {
            placement,
            tool: session.tool(),
            modifiers: i.modifiers,
            pans: session.tool() == ToolKind::Look || (!is_typing && i.key_down(Key::Space)),
            is_linked: session.ortho().is_some() && (is_typing || !i.key_down(Key::Space)),
            keyed: session.keyed_pointer().filter(|_| plane == ViewPlane::Slice),
            time: i.time,
            is_canvas: &is_canvas,
        };
        let is_down = input.gesture.button().is_some_and(|b| i.pointer.button_down(b));
        (i.events.clone(), around, is_down)
    });
    let mut outcome = input.take(&events, &around);
    input.settle(&around, is_down, &mut outcome);
    if input.gone.is_some() {
        ui.ctx().request_repaint_after_secs(GONE as f32);
    }
    if outcome.has_pressed {
        // Keys go to the canvas again.
        ui.memory_mut(|m| {
            m.stop_text_input();
            m.focused().into_iter().for_each(|id| m.surrender_focus(id));
        });
        if session.ortho().is_some_and(|o| o.active != plane) {
            actions.push(Action::Ortho(OrthoAction::Activate(plane)));
        }
    }
    actions.extend(outcome.inputs.into_iter().map(|input| match plane {
        ViewPlane::Slice => Action::Pointer(input),
        plane => Action::Ortho(OrthoAction::Pointer(plane, input)),
    }));
    if outcome.panned != Vec2::ZERO {
        let by = [outcome.panned.x, outcome.panned.y];
        actions.push(match plane {
            ViewPlane::Slice => Action::Pan(by),
            plane => Action::Ortho(OrthoAction::Pan(plane, by)),
        });
    }
    if let Some(at) = outcome.crossed {
        let place = placement.image_from_screen([at.x, at.y]).map(f64::from);
        actions.push(Action::Ortho(OrthoAction::Cross(plane, place)));
    }
    if let Some(loaded) = session.current_loaded().filter(|_| outcome.windowed != Vec2::ZERO) {
        actions.push(Action::SetWindow(dragged(session.window_of(case, loaded), loaded, outcome.windowed)));
    }
    if response.contains_pointer() || input.gesture != Gesture::None {
        ui.set_cursor_icon(input.cursor(&around));
    }
}

impl ToolInput {
    /// Goes through the events of a frame in their order.
    fn take(&mut self, events: &[Event], around: &Around<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        for event in events {
            match *event {
                Event::PointerMoved(at) => self.moved(at, around, &mut outcome),
                Event::PointerButton { pos, button, pressed: true, modifiers } => {
                    self.pressed(pos, button, modifiers, around, &mut outcome);
                }
                Event::PointerButton { pos, button, pressed: false, modifiers } => {
                    self.released(pos, button, modifiers, around, &mut outcome);
                }
                Event::PointerGone if self.gesture == Gesture::None => self.last = None,
                Event::PointerGone => self.gone = Some(around.time),
                Event::WindowFocused(false) => self.end(around, &mut outcome),
                _ => {}
            }
        }
        outcome
    }

    fn moved(&mut self, at: Pos2, around: &Around<'_>, outcome: &mut Outcome) {
        let delta = self.last.map_or(Vec2::ZERO, |last| at - last);
        self.last = Some(at);
        self.gone = None;
        match self.gesture {
            Gesture::None => {}
            Gesture::Draw => outcome.inputs.push(around.input(Phase::Drag, at, around.modifiers)),
            Gesture::Pan(_) => outcome.panned += delta,
            Gesture::Window => outcome.windowed += delta,
            Gesture::Cross => outcome.crossed = Some(at),
        }
    }

    fn pressed(&mut self, at: Pos2, button: PointerButton, keys: Modifiers, around: &Around<'_>, out: &mut Outcome) {
        self.last = Some(at);
        if self.gesture != Gesture::None || !(around.is_canvas)(at) {
            return;
        }
        let crosses = around.is_linked && (around.tool == ToolKind::Look || keys.shift);
        self.gesture = match button {
            PointerButton::Primary if crosses => Gesture::Cross,
            PointerButton::Primary if !around.pans => Gesture::Draw,
            PointerButton::Primary | PointerButton::Middle => Gesture::Pan(button),
            PointerButton::Secondary => Gesture::Window,
            _ => return,
        };
        out.has_pressed = true;
        self.pressed_at = at;
        out.crossed = (self.gesture == Gesture::Cross).then_some(at);
        if self.gesture == Gesture::Draw {
            self.hover = None;
            out.inputs.push(around.input(Phase::Press, at, keys));
        }
    }

    fn released(&mut self, at: Pos2, button: PointerButton, keys: Modifiers, around: &Around<'_>, out: &mut Outcome) {
        self.last = Some(at);
        if self.gesture.button() != Some(button) {
            return;
        }
        if self.gesture == Gesture::Draw {
            out.inputs.push(around.input(Phase::Release, at, keys));
            let (within, near) = DOUBLE_CLICK;
            let is_click = at.distance(self.pressed_at) <= near;
            let before = self.clicked.take().filter(|_| is_click);
            if before.is_some_and(|(time, place)| around.time - time <= within && place.distance(at) <= near) {
                out.inputs.push(around.input(Phase::DoubleClick, at, keys));
            } else if is_click {
                self.clicked = Some((around.time, at));
            }
        }
        self.gesture = Gesture::None;
        self.gone = None;
    }

    /// Ends the gesture where the pointer was last.
    fn end(&mut self, around: &Around<'_>, outcome: &mut Outcome) {
        if let (Gesture::Draw, Some(at)) = (self.gesture, self.last) {
            outcome.inputs.push(around.input(Phase::Release, at, around.modifiers));
        }
        self.gesture = Gesture::None;
        self.gone = None;
    }

    /// Ends a gesture whose end was not told, and tells the tool where the pointer is.
    fn settle(&mut self, around: &Around<'_>, is_down: bool, outcome: &mut Outcome) {
        let is_gone = self.gone.is_some_and(|since| around.time - since >= GONE);
        let began_now = outcome.has_pressed;
        if self.gesture != Gesture::None && (is_gone || !(is_down || began_now)) {
            self.end(around, outcome);
        }
        if self.gesture != Gesture::None {
            return;
        }
        let over = self.last.filter(|at| around.tool != ToolKind::Look && (around.is_canvas)(*at));
        let hover = over.map(|at| {
            let input = around.input(Phase::Hover, at, around.modifiers);
            // Keys moved the tool away from a mouse that rests.
            let keyed = around.keyed.filter(|_| self.hovered_at == Some(at));
            (around.tool, PointerInput { at: keyed.unwrap_or(input.at), ..input })
        });
        self.hovered_at = over.or(self.hovered_at);
        match (hover, self.hover) {
            (Some(now), before) if before != Some(now) => outcome.inputs.push(now.1),
            (None, Some((_, before))) => outcome.inputs.push(PointerInput { phase: Phase::Leave, ..before }),
            _ => {}
        }
        self.hover = hover;
    }

    fn cursor(&self, around: &Around<'_>) -> CursorIcon {
        match (self.gesture, around.tool) {
            (Gesture::Pan(_), _) => CursorIcon::Grabbing,
            (Gesture::Window, _) => CursorIcon::AllScroll,
            (Gesture::Draw, ToolKind::Pull) => CursorIcon::Grabbing,
            (Gesture::Cross, _) => CursorIcon::Crosshair,
            (_, ToolKind::Look) if around.is_linked => CursorIcon::Crosshair,
            (_, ToolKind::Look) => CursorIcon::Default,
            _ if around.pans => CursorIcon::Grab,
            (_, ToolKind::Pull) => CursorIcon::Grab,
            (_, ToolKind::Fill) => CursorIcon::Cell,
            _ => CursorIcon::Crosshair,
        }
    }
}

/// The wheel: slices, with Ctrl the zoom, with Shift the size of the tool.
fn wheel(ui: &Ui, response: &Response, plane: ViewPlane, input: &mut ToolInput, actions: &mut Vec<Action>) {
    let Some(at) = response.hover_pos() else { return };
    let zoom = ui.input(InputState::zoom_delta);
    if zoom != 1.0 {
        let pointer = [at.x, at.y];
        actions.push(match plane {
            ViewPlane::Slice => Action::Zoom { factor: zoom, pointer },
            plane => Action::Ortho(OrthoAction::Zoom(plane, zoom, pointer)),
        });
    }
    let (slices, notches) = ui.input(turned);
    let slices = whole(&mut input.slices, slices);
    if slices != 0 {
        actions.push(match plane {
            ViewPlane::Slice => Action::ScrollSlices(slices),
            plane => Action::Ortho(OrthoAction::Scroll(plane, slices)),
        });
    }
    let notches = whole(&mut input.notches, notches);
    if notches != 0 {
        actions.push(Action::ResizeTool(notches));
    }
}

/// Adds `by` to what is left of earlier turns and takes out what is whole.
fn whole(left: &mut f32, by: f32) -> i64 {
    *left += by;
    let whole = left.trunc();
    *left -= whole;
    whole as i64
}

/// How many slices and how many notches of the brush the wheel went in this frame. Downwards is the next slice, upwards
/// a larger brush.
fn turned(input: &InputState) -> (f32, f32) {
    let mut turned = (0.0, 0.0);
    for event in &input.events {
        let Event::MouseWheel { unit, delta, modifiers, .. } = event else { continue };
        let size = if *unit == MouseWheelUnit::Point { POINTS_PER_NOTCH } else { 1.0 };
        match (modifiers.command, modifiers.shift) {
            (false, false) => turned.0 -= delta.y / size,
            // Some systems turn the wheel sideways while Shift is held.
            (false, true) => turned.1 += (delta.x + delta.y) / size,
            _ => {}
        }
    }
    turned
}

/// The window after a drag: across changes the width, down and up the centre.
fn dragged(window: Window, loaded: &Loaded, delta: Vec2) -> Window {
    let per_point = (loaded.default_window.width / 300.0).max(window.width / 300.0);
    let width = (window.width + f64::from(delta.x) * per_point).max(loaded.default_window.width / 1000.0);
    Window { center: window.center + f64::from(delta.y) * per_point, width, ..window }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Phase::{DoubleClick, Drag, Hover, Leave, Press, Release};
    use egui::pos2;

    /// The canvas lies left of x = 100; two points make a pixel.
    fn around(tool: ToolKind, time: f64) -> Around<'static> {
        let placement = Placement { scale: [2.0, 2.0], origin: [10.0, 0.0] };
        let is_canvas = &|at: Pos2| at.x < 100.0;
        Around {
            placement,
            tool,
            modifiers: Modifiers::NONE,
            pans: tool == ToolKind::Look,
            is_linked: false,
            keyed: None,
            time,
            is_canvas,
        }
    }

    fn moved(x: f32) -> Event {
        Event::PointerMoved(pos2(x, 20.0))
    }

    fn button(x: f32, button: PointerButton, pressed: bool, modifiers: Modifiers) -> Event {
        Event::PointerButton { pos: pos2(x, 20.0), button, pressed, modifiers }
    }

    fn primary(x: f32, pressed: bool) -> Event {
        button(x, PointerButton::Primary, pressed, Modifiers::NONE)
    }

    fn phases(outcome: &Outcome) -> Vec<(Phase, f64)> {
        outcome.inputs.iter().map(|i| (i.phase, i.at[0])).collect()
    }

    #[test]
    fn all_moves_of_a_frame_come_in_their_order() {
        let mut input = ToolInput::default();
        let events = [moved(20.0), primary(20.0, true), moved(30.0), moved(50.0), moved(130.0), primary(130.0, false)];
        let outcome = input.take(&events, &around(ToolKind::Brush, 0.0));
        let expected = [(Press, 5.0), (Drag, 10.0), (Drag, 20.0), (Drag, 60.0), (Release, 60.0)];
        assert_eq!(phases(&outcome), expected, "also outside of the canvas");
        assert_eq!(input.gesture, Gesture::None);
    }

    #[test]
    fn a_press_beside_the_canvas_draws_nothing() {
        let mut input = ToolInput::default();
        let outcome = input.take(&[primary(120.0, true), moved(50.0)], &around(ToolKind::Brush, 0.0));
        assert!(outcome.inputs.is_empty() && !outcome.has_pressed);
    }

    #[test]
    fn two_clicks_on_one_place_are_a_double_click() {
        let mut input = ToolInput::default();
        let click = |input: &mut ToolInput, x: f32, time: f64| {
            phases(&input.take(&[primary(x, true), primary(x, false)], &around(ToolKind::Polygon, time)))
        };
        assert_eq!(click(&mut input, 20.0, 0.0), [(Press, 5.0), (Release, 5.0)]);
        assert_eq!(click(&mut input, 60.0, 0.1), [(Press, 25.0), (Release, 25.0)], "somewhere else");
        assert_eq!(click(&mut input, 60.0, 0.3), [(Press, 25.0), (Release, 25.0), (DoubleClick, 25.0)]);
        assert_eq!(click(&mut input, 60.0, 0.4), [(Press, 25.0), (Release, 25.0)], "the third begins anew");
        assert_eq!(click(&mut input, 60.0, 2.0), [(Press, 25.0), (Release, 25.0)], "too late");
    }

    #[test]
    fn middle_and_space_move_the_picture_and_the_right_button_its_greys() {
        for (which, pans) in [(PointerButton::Middle, false), (PointerButton::Primary, true)] {
            let mut input = ToolInput::default();
            let around = Around { pans, ..around(ToolKind::Brush, 0.0) };
            let down = button(20.0, which, true, Modifiers::NONE);
            let outcome = input.take(&[down, moved(30.0), moved(45.0)], &around);
            assert_eq!((outcome.panned.x, outcome.inputs.len()), (25.0, 0));
        }
        let mut input = ToolInput::default();
        let down = button(20.0, PointerButton::Secondary, true, Modifiers::NONE);
        let outcome = input.take(&[down, moved(30.0)], &around(ToolKind::Brush, 0.0));
        assert_eq!((outcome.windowed.x, outcome.panned.x), (10.0, 0.0));
    }

    #[test]
    fn in_linked_views_a_drag_without_a_tool_or_with_shift_moves_the_place_they_go_through() {
        for (tool, modifiers) in [(ToolKind::Look, Modifiers::NONE), (ToolKind::Brush, Modifiers::SHIFT)] {
            let mut input = ToolInput::default();
            let around = Around { is_linked: true, ..around(tool, 0.0) };
            let down = button(20.0, PointerButton::Primary, true, modifiers);
            let outcome = input.take(&[down, moved(30.0)], &around);
            assert_eq!((outcome.crossed, outcome.inputs.len()), (Some(pos2(30.0, 20.0)), 0));
            assert_eq!(outcome.panned, Vec2::ZERO);
        }
        let mut input = ToolInput::default();
        let around = Around { is_linked: true, ..around(ToolKind::Brush, 0.0) };
        let outcome = input.take(&[primary(20.0, true), moved(30.0)], &around);
        assert_eq!((outcome.crossed, outcome.inputs.len()), (None, 2), "a brush paints");
    }

    #[test]
    fn alt_and_ctrl_erase() {
        for modifiers in [Modifiers::ALT, Modifiers::CTRL] {
            let mut input = ToolInput::default();
            let down = button(20.0, PointerButton::Primary, true, modifiers);
            let outcome = input.take(&[down], &around(ToolKind::Brush, 0.0));
            assert!(outcome.inputs[0].erases);
        }
    }

    #[test]
    fn no_stroke_is_left_hanging() {
        let begin = || {
            let mut input = ToolInput::default();
            input.take(&[primary(20.0, true), moved(30.0)], &around(ToolKind::Brush, 0.0));
            input
        };
        let mut input = begin();
        let outcome = input.take(&[Event::WindowFocused(false)], &around(ToolKind::Brush, 0.1));
        assert_eq!(phases(&outcome), [(Release, 10.0)], "the window lost the keyboard");

        let mut input = begin();
        let mut outcome = input.take(&[], &around(ToolKind::Brush, 0.1));
        input.settle(&around(ToolKind::Brush, 0.1), false, &mut outcome);
        assert_eq!(phases(&outcome)[0], (Release, 10.0), "the button is up and nobody said so");

        let mut input = begin();
        input.take(&[Event::PointerGone, moved(50.0)], &around(ToolKind::Brush, 0.1));
        let mut outcome = Outcome::default();
        input.settle(&around(ToolKind::Brush, 1.0), true, &mut outcome);
        assert!(outcome.inputs.is_empty(), "it came back");
        input.take(&[Event::PointerGone], &around(ToolKind::Brush, 1.0));
        input.settle(&around(ToolKind::Brush, 1.6), true, &mut outcome);
        assert_eq!(phases(&outcome)[0], (Release, 20.0), "it stayed away");
    }

    #[test]
    fn a_tool_hears_of_the_pointer_once_and_when_it_leaves() {
        let mut input = ToolInput::default();
        let mut frame = |events: &[Event], tool| {
            let mut outcome = input.take(events, &around(tool, 0.0));
            input.settle(&around(tool, 0.0), false, &mut outcome);
            phases(&outcome)
        };
        assert_eq!(frame(&[moved(20.0)], ToolKind::Look), []);
        assert_eq!(frame(&[], ToolKind::Brush), [(Hover, 5.0)], "a tool was taken where the pointer is");
        assert_eq!(frame(&[], ToolKind::Brush), []);
        assert_eq!(frame(&[moved(120.0)], ToolKind::Brush), [(Leave, 5.0)]);
        assert_eq!(frame(&[], ToolKind::Brush), []);
    }

    #[test]
    fn a_tool_stays_where_keys_moved_it_until_the_mouse_moves() {
        let mut input = ToolInput::default();
        let mut frame = |events: &[Event], keyed, modifiers| {
            let around = Around { keyed, modifiers, ..around(ToolKind::Brush, 0.0) };
            let mut outcome = input.take(events, &around);
            input.settle(&around, false, &mut outcome);
            phases(&outcome)
        };
        assert_eq!(frame(&[moved(20.0)], None, Modifiers::NONE), [(Hover, 5.0)]);
        let keyed = Some([30.0, 10.0]);
        assert_eq!(frame(&[], keyed, Modifiers::CTRL), [(Hover, 30.0)], "Ctrl is held for a command");
        assert_eq!(frame(&[], keyed, Modifiers::NONE), [(Hover, 30.0)]);
        assert_eq!(frame(&[moved(24.0)], keyed, Modifiers::NONE), [(Hover, 7.0)], "the mouse takes over");
    }

    #[test]
    fn parts_of_a_notch_add_up() {
        let mut left = 0.0;
        assert_eq!([0.4, 0.4, 0.4, -0.4].map(|by| whole(&mut left, by)), [0, 0, 1, 0]);
    }
}
