//! The canvas: image, overlays and mouse input.

mod annotations;
mod slice_view;

use super::{
    Pointer, case_drag, click_overlay, crosshair,
    edges::PictureEdges,
    magnifier::Magnified,
    measure_overlay::DrawnView,
    panels,
    presentation_overlay::{HiddenPixels, PresentationLayer},
    stage::{BesideMask, CanvasPainter, Shown, Unpacked},
    stream::{Heard, ViewTarget},
    theme::{self, CANVAS, ON_CANVAS},
    tool_input::ToolInput,
    tool_overlay,
};
use crate::session::{
    Action, Actions, Session,
    case::Case,
    information::ImageInformation,
    job::SliceKey,
    panes::{PaneAction, PaneView},
    view::{Canvas, ViewPlacement},
};
use annotations::{accessible_description, paint_annotations};
use egui::{
    Color32, FontId, Key, Painter, Pos2, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2,
};
use labrum_core::{image::Image, stack::ViewPlane};
use slice_view::SliceView;

/// State of the canvas between frames.
#[derive(Default)]
pub(crate) struct CanvasState {
    pub(super) input: ToolInput,
    /// The mask is hidden while H is held down.
    pub(crate) is_mask_held_hidden: bool,
    last_canvas: Option<(Canvas, f32)>,
    target: Option<ViewTarget>,
    shown: Shown,
    /// The mask of a slice that is shown only while scrolling past it.
    passing: Unpacked,
    /// The mask of the slice, while the view is not the active one.
    beside: BesideMask,
    /// The model's proposal, for the difference view.
    proposed: Unpacked,
    /// What the shutter of a presentation state hides.
    hidden: HiddenPixels,
    stage: CanvasPainter,
    magnifier: CanvasPainter,
}

impl CanvasState {
    /// Paints on the GPU from now on.
    pub(crate) fn use_card(&mut self, state: &eframe::egui_wgpu::RenderState) {
        self.stage.use_card(state);
        self.magnifier.use_card(state);
    }

    /// Frees the images and masks of a view that is not shown.
    pub(super) fn forget_images(&mut self) {
        self.shown.clear_unless(None);
        self.passing = Unpacked::default();
        self.proposed = Unpacked::default();
        self.beside = BesideMask::default();
        self.hidden = HiddenPixels::default();
        self.stage.free_textures();
        self.magnifier.free_textures();
    }

    /// Where the canvas was last drawn.
    pub(super) fn drawn_canvas(&self) -> Option<Canvas> {
        self.last_canvas.map(|(canvas, _)| canvas)
    }

    /// The area that takes mouse input, if the canvas was drawn since the last call.
    pub(super) fn take_target(&mut self) -> Option<ViewTarget> {
        self.target.take()
    }

    /// The slice now on the canvas. While the selected slice is loading, this is another one.
    pub(super) fn shown_slice(&mut self, session: &Session) -> Option<SliceKey> {
        let case = session
            .cases
            .current_case()
            .filter(|_| session.current_failure().is_none())?;
        self.shown.clear_unless(Some(case.id));
        let shown = self.shown.slice_to_show(session, case.slice_key());
        shown.map(|(key, _)| key)
    }

    /// The pixel now under the pointer, even if the pointer has not moved.
    pub(super) fn current_pointer(&mut self, session: &Session, now: &Heard) -> Option<Pointer> {
        let at = now.at.filter(|_| now.over == Some(ViewPlane::Slice))?;
        let shown = self.shown_slice(session)?;
        let case = session.cases.current_case()?;
        let canvas = self.drawn_canvas()?;
        let [x, y] = case
            .view
            .place_picture(canvas, session.picture_extent(case))
            .image_from_screen([at.x, at.y]);
        let inside =
            x >= 0.0 && y >= 0.0 && x < case.series.columns as f32 && y < case.series.rows as f32;
        inside.then_some(Pointer {
            slice: shown.slice,
            x,
            y,
        })
    }
}

/// What a view shows in this frame.
#[derive(Clone, Copy)]
struct ShownPane<'a> {
    session: &'a Session,
    case: &'a Case,
    view: PaneView,
    /// Number of the view.
    index: usize,
    /// Tools, keys and panels apply to it.
    is_active: bool,
}

impl<'a> ShownPane<'a> {
    fn of_session(session: &'a Session, index: usize) -> Option<Self> {
        let view = session.pane_view(index)?;
        Some(Self {
            session,
            case: session.cases.case_by_id(view.case)?,
            view,
            index,
            is_active: index == session.panes.active_index(),
        })
    }
}

/// Shows the canvas of a view.
pub(super) fn show_slice(
    ui: &mut Ui,
    session: &Session,
    pane: usize,
    state: &mut CanvasState,
    actions: &mut Actions,
) -> Response {
    let rect = ui.available_rect_before_wrap();
    // Not focusable by Tab: keys go to the image whenever no control has focus.
    let response = ui.allocate_rect(rect, Sense::CLICK | Sense::DRAG);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, CANVAS);
    let is_active = pane == session.panes.active_index();
    let canvas = note_canvas(ui, rect, (!is_active).then_some(pane), state, actions);
    let target = ViewTarget::from_response(ui, &response, ViewPlane::Slice);
    state.target = Some(ViewTarget {
        inactive: (!is_active).then_some(pane),
        ..target
    });
    if let Some(case) = case_drag::dropped_case(&response) {
        actions.push(Action::Pane(PaneAction::Show(pane, case)));
    } else if response.clicked() && !is_active {
        // By assistive technology: presses of the mouse do not come here.
        actions.push(Action::Pane(PaneAction::Activate(pane)));
    }
    let shown = ShownPane::of_session(session, pane);
    state.shown.clear_unless(shown.map(|shown| shown.case.id));
    let Some(shown) = shown else {
        return response;
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, accessible_description(&shown)));
    state.is_mask_held_hidden = !ui.egui_wants_keyboard_input() && ui.input(|i| i.key_down(Key::H));
    if is_active {
        if !case_drag::is_held_over(&response) {
            state.input.show_cursor(ui, &response, session);
        }
        let place = (response.id.with("menu"), response.layer_id);
        panels::context::show_picture_menu(ui, session, place, &mut state.input.menu, actions);
    }
    paint_pane(ui, shown, (rect, canvas), state);
    response
}

/// Paints image, mask and annotations of a view.
fn paint_pane(
    ui: &Ui,
    pane: ShownPane<'_>,
    (rect, canvas): (Rect, Canvas),
    state: &mut CanvasState,
) {
    let session = pane.session;
    let case = pane.case;
    let painter = ui.painter_at(rect);
    let extent = session.extent_in_view(case, &pane.view);
    let placement = pane.view.view.place_picture(canvas, extent);
    if let Some(error) = session.slice_failure(pane.view.slice_key()) {
        state.shown.clear_unless(None);
        // The path of a file may tell who was examined.
        let content = session.screenshot_content();
        let more = match content.is_none_or(|content| content.information) {
            true => error.to_string(),
            false => String::new(),
        };
        return paint_centered_message(&painter, rect, "Cannot show this slice", &more);
    }
    let Some((shown, loaded)) = state.shown.slice_to_show(session, pane.view.slice_key()) else {
        return paint_centered_message(&painter, rect, "Loading", "");
    };
    let view = SliceView::new(pane, shown, &loaded, state.is_mask_held_hidden);
    let presentation = PresentationLayer::of_slice(session, case, shown.slice);
    view.paint_picture(&painter, rect, placement, state, false);
    presentation.paint_shutter(&painter, placement, &mut state.hidden);
    view.paint_contours(&painter, placement);
    if session.settings.overlays {
        paint_stored_overlays(&painter, &loaded.image, placement);
    }
    let mut edges = PictureEdges::for_rect(&painter, rect);
    view.paint_legend(&mut edges);
    paint_annotations(
        &mut edges,
        ui.pixels_per_point(),
        pane,
        shown.slice,
        &loaded,
        placement,
    );
    if pane.is_active {
        paint_cross(&painter, rect, session, shown.slice, placement);
    }
    presentation.paint_annotations(&painter, placement);
    let drawn = if pane.is_active {
        DrawnView::of_session(session, ViewPlane::Slice, shown.slice)
    } else {
        DrawnView::beside(session, case, shown.slice)
    };
    drawn.paint(&painter, placement);
    if !pane.is_active {
        return paint_prompts(&painter, session, shown, placement, state);
    }
    paint_tool(&painter, session, shown, placement, state);
    if session.screenshot_content().is_none()
        && let Some(region) = state.input.dragged_region()
    {
        tool_overlay::paint_dragged_region(&painter, region);
    }
    let magnified = Magnified::under_pointer(ui, session, ViewPlane::Slice, rect, placement);
    if let Some(magnified) = magnified {
        let Magnified { rect, placement } = magnified;
        let painter = ui.painter_at(rect);
        view.paint_picture(&painter, rect, placement, state, true);
        presentation.paint_shutter(&painter, placement, &mut state.hidden);
        view.paint_contours(&painter, placement);
        presentation.paint_graphics(&painter, placement);
        drawn.paint_shapes(&painter, placement);
        paint_tool(&painter, session, shown, placement, state);
        magnified.paint_rim(&painter);
    }
}

/// Paints what the active tool will do, which is not for screenshots, and the prompts of the Click tool.
fn paint_tool(
    painter: &Painter,
    session: &Session,
    shown: SliceKey,
    placement: ViewPlacement,
    state: &CanvasState,
) {
    if session.screenshot_content().is_none() {
        tool_overlay::paint_tool_preview(painter, session, shown, placement);
    }
    paint_prompts(painter, session, shown, placement, state);
}

/// Paints the prompts of the Click tool on a slice.
fn paint_prompts(
    painter: &Painter,
    session: &Session,
    shown: SliceKey,
    placement: ViewPlacement,
    state: &CanvasState,
) {
    let content = session.screenshot_content();
    if !state.is_mask_held_hidden && content.is_none_or(|content| content.masks) {
        click_overlay::paint_clicks(painter, session, placement, |place| place.is_slice(shown));
    }
}

/// Reports the position of the canvas to the session when it has changed; `inactive` is the number of a view that is not
/// active.
fn note_canvas(
    ui: &Ui,
    rect: Rect,
    inactive: Option<usize>,
    state: &mut CanvasState,
    actions: &mut Actions,
) -> Canvas {
    let canvas = Canvas {
        min: [rect.min.x, rect.min.y],
        size: [rect.width(), rect.height()],
    };
    let pixels_per_point = ui.pixels_per_point();
    if state.last_canvas != Some((canvas, pixels_per_point)) {
        state.last_canvas = Some((canvas, pixels_per_point));
        actions.push(match inactive {
            Some(pane) => Action::Pane(PaneAction::SetCanvas(pane, canvas)),
            None => Action::SetCanvas {
                canvas,
                pixels_per_point,
            },
        });
    }
    canvas
}

/// With orthogonal views: the crosshair, and a frame in the colour of the view.
fn paint_cross(
    painter: &Painter,
    rect: Rect,
    session: &Session,
    slice: usize,
    placement: ViewPlacement,
) {
    let Some(ortho) = session.viewports.ortho_views() else {
        return;
    };
    let place = ortho.stack.slice_from_grid(slice, ortho.cross);
    crosshair::paint_crosshair(
        painter,
        rect,
        &ortho.stack.view_pane(ViewPlane::Slice),
        place,
        placement,
    );
    crosshair::paint_frame(
        painter,
        rect,
        ViewPlane::Slice,
        ortho.active == ViewPlane::Slice,
    );
}

/// A description followed by what is in the corners of the view.
pub(super) fn described(title: String, information: &ImageInformation) -> String {
    match information.joined_lines() {
        lines if lines.is_empty() => title,
        lines => format!("{title}; {lines}"),
    }
}

/// Overlays that are embedded in the image file.
fn paint_stored_overlays(painter: &Painter, image: &Image, placement: ViewPlacement) {
    for span in image
        .overlays
        .iter()
        .flat_map(|overlay| overlay.region.spans())
    {
        let rect = Rect::from_two_pos(
            screen_corner(placement, span.start, span.row),
            screen_corner(placement, span.end, span.row + 1),
        );
        if painter.clip_rect().intersects(rect) {
            painter.rect_filled(rect, 0.0, theme::DRAWN);
        }
    }
}

/// Screen position of the top left corner of a pixel.
fn screen_corner(placement: ViewPlacement, column: usize, row: usize) -> Pos2 {
    let [x, y] = placement.screen_from_image([column as f32, row as f32]);
    pos2(x, y)
}

/// The values of hidden labels.
pub(super) fn hidden_labels(session: &Session) -> Vec<u8> {
    let hidden = session
        .labels
        .all_labels()
        .iter()
        .enumerate()
        .filter(|(_, l)| !l.visible);
    hidden.map(|(i, _)| i as u8 + 1).collect()
}

/// Text in the middle of an empty canvas.
pub(super) fn paint_centered_message(painter: &Painter, rect: Rect, title: &str, more: &str) {
    let galley = painter.layout(
        title.into(),
        FontId::proportional(18.0),
        ON_CANVAS,
        rect.width() * 0.7,
    );
    let more = painter.layout(
        more.into(),
        FontId::proportional(13.5),
        Color32::from_rgb(148, 150, 154),
        (rect.width() * 0.7).min(560.0),
    );
    let at = rect.center() - vec2(galley.size().x / 2.0, galley.size().y);
    painter.galley(at, galley, theme::ON_CANVAS);
    painter.galley(
        rect.center() + vec2(-more.size().x / 2.0, 8.0),
        more,
        theme::ON_CANVAS,
    );
}
