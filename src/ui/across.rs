//! The two orthogonal (reformatted) views beside the slice view: image, mask, crosshair and mouse input.

use super::{
    canvas, click_overlay,
    crosshair::{paint_crosshair, paint_frame},
    edges::{self, PictureEdges},
    look::{CanvasLook, GreyLevels, LabelLayers, Scene},
    magnifier::Magnified,
    measure_overlay::DrawnView,
    panels,
    stage::CanvasPainter,
    stream::ViewTarget,
    theme::CANVAS,
    tool_input::ToolInput,
    tool_overlay,
    widgets::capitalize_first,
};
use crate::session::{
    Action, Actions, Session,
    case::Case,
    ortho::{AcrossView, Ortho, OrthoAction},
    settings::ViewMode,
    view::{Canvas, ViewPlacement},
};
use egui::{Painter, Rect, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2};
use labrum_core::{
    image::{Image, Window},
    stack::ViewPlane,
};
use std::sync::Arc;

/// Gap between two views, in points.
const GAP: f32 = 3.0;

/// State of an orthogonal view between frames.
#[derive(Default)]
pub(crate) struct AcrossState {
    pub(super) input: ToolInput,
    stage: CanvasPainter,
    magnifier: CanvasPainter,
    last_canvas: Option<Canvas>,
    target: Option<ViewTarget>,
    /// Window of the last slice shown, and whether it is the default one; used while a slice is loading.
    window: Option<(Window, bool)>,
}

impl AcrossState {
    /// Paints on the GPU from now on.
    pub(crate) fn use_card(&mut self, state: &eframe::egui_wgpu::RenderState) {
        self.stage.use_card(state);
        self.magnifier.use_card(state);
    }

    /// Where the view was last drawn.
    pub(super) fn drawn_canvas(&self) -> Option<Canvas> {
        self.last_canvas
    }

    /// The area that takes mouse input, if the view was drawn since the last call.
    pub(super) fn take_target(&mut self) -> Option<ViewTarget> {
        self.target.take()
    }
}

/// Divides `rect` into the slice view and the two orthogonal views.
pub(crate) fn split_layout(rect: Rect) -> [Rect; 3] {
    let x = (rect.left() + rect.width() * 0.56).round();
    let y = rect.center().y.round();
    let half = GAP / 2.0;
    [
        Rect::from_min_max(rect.min, pos2(x - half, rect.max.y)),
        Rect::from_min_max(pos2(x + half, rect.min.y), pos2(rect.max.x, y - half)),
        Rect::from_min_max(pos2(x + half, y + half), rect.max),
    ]
}

/// Shows the orthogonal views in `places`.
pub(crate) fn show_views(
    ui: &mut Ui,
    session: &Session,
    places: [Rect; 2],
    states: &mut [AcrossState; 2],
    actions: &mut Actions,
) {
    let Some((ortho, case)) = session
        .viewports
        .ortho_views()
        .zip(session.cases.current_case())
    else {
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
    actions: &mut Actions,
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
    let words = accessible_description(session, ortho, case, view);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &words));
    let placement = view.view.place_picture(canvas, view.picture_extent());
    state.target = Some(ViewTarget::from_response(ui, &response, plane));
    state.input.show_cursor(ui, &response, session);
    let place = (response.id.with("menu"), response.layer_id);
    panels::context::show_picture_menu(ui, session, place, &mut state.input.menu, actions);
    if let Some(loaded) = session.current_loaded() {
        let is_own = case.window.is_none() && case.presentation_on(case.slice).is_none();
        state.window = Some((session.window_of(case, loaded), is_own));
    }
    let Some((image, (window, is_default))) = view.image.as_ref().zip(state.window) else {
        canvas::paint_centered_message(&painter, rect, "Loading", "");
        return paint_frame(&painter, rect, plane, ortho.active == plane);
    };
    let is_mask_held_hidden =
        !ui.egui_wants_keyboard_input() && ui.input(|i| i.key_down(egui::Key::H));
    let picture = AcrossPicture {
        session,
        case,
        view,
        image,
        window,
        is_default,
        layers: label_layers(is_mask_held_hidden, session.shown_view_mode()),
    };
    picture.paint(&painter, rect, placement, &mut state.stage);
    let shown = (&**image, window, is_default);
    paint_annotations(&painter, rect, session, ortho, case, view, placement, shown);
    paint_crosshair(
        &painter,
        rect,
        &view.pane,
        view.pane.from_grid(ortho.cross),
        placement,
    );
    let drawn = DrawnView::of_session(session, plane, case.slice);
    drawn.paint(&painter, placement);
    if session.screenshot_content().is_none() {
        paint_tool(&painter, session, plane, placement, state);
    }
    if !is_mask_held_hidden
        && session
            .screenshot_content()
            .is_none_or(|content| content.masks)
    {
        let index = ortho.cell_index(plane);
        click_overlay::paint_clicks(&painter, session, placement, |place| {
            place.is_view(case.id, plane, index)
        });
    }
    if let Some(magnified) = Magnified::under_pointer(ui, session, plane, rect, placement) {
        let Magnified { rect, placement } = magnified;
        let painter = ui.painter_at(rect);
        picture.paint(&painter, rect, placement, &mut state.magnifier);
        drawn.paint_shapes(&painter, placement);
        magnified.paint_rim(&painter);
    }
    paint_frame(&painter, rect, plane, ortho.active == plane);
}

/// Paints what the active tool will do.
fn paint_tool(
    painter: &Painter,
    session: &Session,
    plane: ViewPlane,
    placement: ViewPlacement,
    state: &AcrossState,
) {
    if let Some((center, radii)) = session.across_ring(plane) {
        tool_overlay::paint_brush_ring(painter, placement, center, radii);
    }
    if let Some(region) = state.input.dragged_region() {
        tool_overlay::paint_dragged_region(painter, region);
    }
}

/// How labels are drawn on a reformatted view.
fn label_layers(is_held_hidden: bool, mode: ViewMode) -> LabelLayers {
    match mode {
        _ if is_held_hidden => LabelLayers::Nothing,
        ViewMode::Fill | ViewMode::Difference => LabelLayers::Fill,
        ViewMode::Outline | ViewMode::Confidence => LabelLayers::Outline,
        ViewMode::Hidden => LabelLayers::Nothing,
    }
}

/// The image of a view with its mask.
struct AcrossPicture<'a> {
    session: &'a Session,
    case: &'a Case,
    view: &'a AcrossView,
    image: &'a Arc<Image>,
    window: Window,
    is_default: bool,
    layers: LabelLayers,
}

impl AcrossPicture<'_> {
    fn paint(
        &self,
        painter: &Painter,
        rect: Rect,
        placement: ViewPlacement,
        stage: &mut CanvasPainter,
    ) {
        let session = self.session;
        let appearance = self.case.appearance_on(self.case.slice, self.image);
        let levels = GreyLevels::from_image(self.image, self.window, self.is_default)
            .inverted_if(appearance.is_inverted);
        let look = CanvasLook::new(placement, painter.pixels_per_point(), levels)
            .with_picture_style(appearance.color_map, session.settings.interpolation)
            .with_labels(
                self.layers,
                session.labels.all_labels(),
                &canvas::hidden_labels(session),
                session.settings.opacity,
            );
        let labels = Some(&self.view.labels).filter(|_| look.draws_labels());
        let scene = Scene {
            image: self.image,
            labels,
            reference: None,
            preview: None,
            look: &look,
        };
        stage.paint_scene(painter, rect, &scene);
    }
}

/// Description of a view for screen readers.
fn accessible_description(
    session: &Session,
    ortho: &Ortho,
    case: &Case,
    view: &AcrossView,
) -> String {
    let plane = view.pane.plane;
    let mask = match view.labels.mask().is_blank() {
        true => "no mask".to_owned(),
        false => format!(
            "mask shown as {}",
            session.settings.view_mode.display_name().to_lowercase()
        ),
    };
    let keys = if ortho.active == plane {
        ", active view"
    } else {
        ""
    };
    let title = format!(
        "View: {}, {} of {}, {mask}{keys}",
        view.pane.name,
        ortho.cell_index(plane) + 1,
        ortho.step_count(plane)
    );
    canvas::described(title, &session.across_information(case, ortho, plane))
}

fn paint_annotations(
    painter: &Painter,
    rect: Rect,
    session: &Session,
    ortho: &Ortho,
    case: &Case,
    view: &AcrossView,
    placement: ViewPlacement,
    (image, window, is_default): (&Image, Window, bool),
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
    let information = session.across_information(case, ortho, plane);
    edges.write_patient(&information);
    let count = case.slices.len();
    if ortho.loaded < count {
        edges.write_note(format!("{} of {count} slices loaded", ortho.loaded));
    }
    let letters = edges::letters_of(view.pane.right, view.pane.down);
    edges.write_side_letters(edges::turned_letters(&letters, view.turn));
    let mm_per_point = view.pane.spacing[0] / f64::from(placement.scale[0]);
    edges.scale_bar(|_| Some(mm_per_point));
    edges.color_bar(
        image,
        window,
        is_default,
        case.appearance_on(case.slice, image),
    );
    edges.write_study_and_slice(&information);
}
