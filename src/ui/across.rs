//! The views across a series, beside its slices: picture, mask, the lines of the other views, and the mouse.

use super::{
    canvas,
    edges::{self, PictureEdges},
    look::{CanvasLook, GreyLevels, LabelLayers, Scene},
    panels,
    stage::CanvasPainter,
    stream::ViewTarget,
    theme::CANVAS,
    tool_input::ToolInput,
    tool_overlay,
    widgets::capitalize_first,
};
use crate::session::{
    Action, Session,
    case::Case,
    ortho::{AcrossView, Ortho, OrthoAction},
    settings::ViewMode,
    view::{Canvas, ViewPlacement},
};
use egui::{
    Color32, Painter, Rect, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use labrum_core::{
    image::Window,
    stack::{Pane, ViewPlane},
};

/// Between two views.
const GAP: f32 = 3.0;

/// What a view remembers between frames.
#[derive(Default)]
pub(crate) struct AcrossState {
    pub(super) input: ToolInput,
    stage: CanvasPainter,
    last_canvas: Option<Canvas>,
    target: Option<ViewTarget>,
    /// The window of the slice that was shown last: one that is on its way has none yet.
    window: Option<(Window, bool)>,
}

impl AcrossState {
    /// Paints on the graphics card from now on.
    pub(crate) fn use_card(&mut self, state: &eframe::egui_wgpu::RenderState) {
        self.stage.use_card(state);
    }

    /// Where the view was drawn last.
    pub(super) fn drawn_canvas(&self) -> Option<Canvas> {
        self.last_canvas
    }

    /// Where the view takes the mouse, if it was drawn since this was asked last.
    pub(super) fn take_target(&mut self) -> Option<ViewTarget> {
        self.target.take()
    }
}

/// Where the slice and the two views across lie in `rect`.
pub(crate) fn split_layout(rect: Rect) -> [Rect; 3] {
    let (x, y) = (
        (rect.left() + rect.width() * 0.56).round(),
        rect.center().y.round(),
    );
    let half = GAP / 2.0;
    [
        Rect::from_min_max(rect.min, pos2(x - half, rect.max.y)),
        Rect::from_min_max(pos2(x + half, rect.min.y), pos2(rect.max.x, y - half)),
        Rect::from_min_max(pos2(x + half, y + half), rect.max),
    ]
}

/// Shows the views across the slices in their places.
pub(crate) fn show_views(
    ui: &mut Ui,
    session: &Session,
    places: [Rect; 2],
    states: &mut [AcrossState; 2],
    actions: &mut Vec<Action>,
) {
    let Some((ortho, case)) = session.ortho_views().zip(session.current_case()) else {
        return;
    };
    for ((plane, rect), state) in [ViewPlane::Column, ViewPlane::Row]
        .into_iter()
        .zip(places)
        .zip(states)
    {
        if let Some(view) = ortho.across(plane) {
            ui.scope_builder(UiBuilder::new().max_rect(rect).id_salt(plane), |ui| {
                show_view(ui, session, ortho, case, view, state, actions);
            });
        }
    }
}

fn show_view(
    ui: &mut Ui,
    session: &Session,
    ortho: &Ortho,
    case: &Case,
    view: &AcrossView,
    state: &mut AcrossState,
    actions: &mut Vec<Action>,
) {
    let plane = view.pane.plane;
    let rect = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(rect, Sense::CLICK | Sense::DRAG);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, CANVAS);
    let canvas = Canvas {
        min: [rect.min.x, rect.min.y],
        size: [rect.width(), rect.height()],
    };
    if state.last_canvas != Some(canvas) {
        state.last_canvas = Some(canvas);
        actions.push(Action::Ortho(OrthoAction::SetCanvas(plane, canvas)));
    }
    let words = accessible_description(session, ortho, view);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &words));
    let placement = view.view.place_picture(canvas, view.picture_extent());
    state.target = Some(ViewTarget::from_response(ui, &response, plane));
    state.input.show_cursor(ui, &response, session);
    let place = (response.id.with("menu"), response.layer_id);
    panels::context::show_picture_menu(ui, session, place, &mut state.input.menu, actions);
    if let Some(loaded) = session.current_loaded() {
        state.window = Some((session.window_of(case, loaded), case.window.is_none()));
    }
    let Some((image, (window, is_default))) = view.image.as_ref().zip(state.window) else {
        canvas::paint_centered_message(&painter, rect, "Loading", "");
        return paint_frame(&painter, rect, plane, ortho.active == plane);
    };
    let layers = match session.settings.view_mode {
        _ if ui.input(|i| i.key_down(egui::Key::H)) && !ui.egui_wants_keyboard_input() => {
            LabelLayers::Nothing
        }
        ViewMode::Fill | ViewMode::Difference => LabelLayers::Fill,
        ViewMode::Outline | ViewMode::Confidence => LabelLayers::Outline,
        ViewMode::Hidden => LabelLayers::Nothing,
    };
    let levels = GreyLevels::from_image(image, window, is_default);
    let hidden = canvas::hidden_labels(session);
    let look = CanvasLook::new(placement, ui.pixels_per_point(), levels);
    let look = look.with_labels(
        layers,
        session.all_labels(),
        &hidden,
        session.settings.opacity,
    );
    let labels = Some(&view.labels).filter(|_| look.draws_labels());
    state.stage.paint_scene(
        &painter,
        rect,
        &Scene {
            image,
            labels,
            reference: None,
            preview: None,
            look: &look,
        },
    );
    paint_annotations(&painter, rect, ortho, case, view, placement);
    paint_crosshair(
        &painter,
        rect,
        &view.pane,
        view.pane.from_grid(ortho.cross),
        placement,
    );
    if let Some((center, radii)) = session.across_ring(plane) {
        tool_overlay::paint_brush_ring(&painter, placement, center, radii);
    }
    paint_frame(&painter, rect, plane, ortho.active == plane);
}

/// What a screen reader says of a view.
fn accessible_description(session: &Session, ortho: &Ortho, view: &AcrossView) -> String {
    let plane = view.pane.plane;
    let mask = match view.labels.mask().is_blank() {
        true => "no mask".to_owned(),
        false => format!(
            "mask shown as {}",
            session.settings.view_mode.display_name().to_lowercase()
        ),
    };
    let keys = if ortho.active == plane {
        ", has the keys"
    } else {
        ""
    };
    format!(
        "View: {}, {} of {}, {mask}{keys}",
        view.pane.name,
        ortho.cell_index(plane) + 1,
        ortho.step_count(plane)
    )
}

fn paint_annotations(
    painter: &Painter,
    rect: Rect,
    ortho: &Ortho,
    case: &Case,
    view: &AcrossView,
    placement: ViewPlacement,
) {
    let plane = view.pane.plane;
    let mut edges = PictureEdges::for_rect(painter, rect);
    let mut title = vec![
        view.pane.name.clone(),
        format!(
            "{} / {}",
            ortho.cell_index(plane) + 1,
            ortho.step_count(plane)
        ),
    ];
    title.extend(
        ortho
            .stack
            .notes
            .iter()
            .filter(|_| plane == ViewPlane::Column)
            .map(|note| capitalize_first(note)),
    );
    edges.write_title(&title);
    let count = case.slices.len();
    if ortho.loaded < count {
        edges.write_note(format!("{} of {count} slices are read", ortho.loaded));
    }
    edges.write_side_letters(edges::letters_of(view.pane.right, view.pane.down));
    edges.scale_bar(|_| Some(view.pane.spacing[0]), placement);
}

/// The colour of a view: of its frame, and of its line in the others. Told apart by colour-blind people (Okabe and Ito).
fn plane_color(plane: ViewPlane) -> Color32 {
    match plane {
        ViewPlane::Slice => Color32::from_rgb(240, 228, 66),
        ViewPlane::Column => Color32::from_rgb(86, 180, 233),
        ViewPlane::Row => Color32::from_rgb(230, 159, 0),
    }
}

/// Where the other views go through this one; open about the place that they share.
pub(super) fn paint_crosshair(
    painter: &Painter,
    rect: Rect,
    pane: &Pane,
    place: [f64; 2],
    placement: ViewPlacement,
) {
    const OPEN: f32 = 10.0;
    let [x, y] = placement.screen_from_image(place.map(|v| v as f32));
    let [down, across] = pane
        .crossing_planes()
        .map(|plane| Stroke::new(1.0, plane_color(plane).gamma_multiply(0.75)));
    for (from, to) in [(rect.top(), y - OPEN), (y + OPEN, rect.bottom())] {
        if to > from {
            painter.vline(x, from..=to, down);
        }
    }
    for (from, to) in [(rect.left(), x - OPEN), (x + OPEN, rect.right())] {
        if to > from {
            painter.hline(from..=to, y, across);
        }
    }
}

/// A mark in the colour of the view, and a frame about the one that keys go to.
pub(super) fn paint_frame(painter: &Painter, rect: Rect, plane: ViewPlane, is_active: bool) {
    let mark = Rect::from_min_size(rect.min, vec2(28.0, 3.0));
    painter.rect_filled(mark, 0.0, plane_color(plane));
    if is_active {
        painter.rect_stroke(
            rect.shrink(0.5),
            0.0,
            Stroke::new(1.0, plane_color(plane)),
            StrokeKind::Inside,
        );
    }
}
