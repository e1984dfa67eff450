//! The canvas: the picture, what lies over it, and the mouse.

mod slice_view;

use super::{
    Pointer, across,
    edges::{self, PictureEdges},
    panels,
    stage::{CanvasPainter, Shown, Unpacked},
    stream::{Heard, ViewTarget},
    theme::{self, CANVAS, ON_CANVAS},
    tool_input::ToolInput,
    tool_overlay,
};
use crate::session::{
    self, Action, Session,
    case::Case,
    job::{Loaded, SliceKey},
    view::{Canvas, ViewPlacement},
};
use egui::{Color32, FontId, Key, Painter, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use labrum_core::{image::Image, stack::ViewPlane};
use slice_view::SliceView;

/// What the canvas remembers between frames.
#[derive(Default)]
pub(crate) struct CanvasState {
    pub(super) input: ToolInput,
    /// The mask is hidden for as long as H is held.
    pub(crate) is_mask_held_hidden: bool,
    last_canvas: Option<(Canvas, f32)>,
    target: Option<ViewTarget>,
    shown: Shown,
    /// The mask of a slice that is passed by.
    passing: Unpacked,
    /// What the model proposed, for the difference.
    proposed: Unpacked,
    stage: CanvasPainter,
}

impl CanvasState {
    /// Paints on the graphics card from now on.
    pub(crate) fn use_card(&mut self, state: &eframe::egui_wgpu::RenderState) {
        self.stage.use_card(state);
    }

    /// Where the canvas was drawn last.
    pub(super) fn drawn_canvas(&self) -> Option<Canvas> {
        self.last_canvas.map(|(canvas, _)| canvas)
    }

    /// Where the canvas takes the mouse, if it was drawn since this was asked last.
    pub(super) fn take_target(&mut self) -> Option<ViewTarget> {
        self.target.take()
    }

    /// The slice that is on the canvas as things are: for a moment another than the one that is on its way.
    pub(super) fn shown_slice(&mut self, session: &Session) -> Option<SliceKey> {
        let case = session
            .current_case()
            .filter(|_| session.current_failure().is_none())?;
        self.shown.clear_unless(Some(case.id));
        self.shown.slice_to_show(session, case).map(|(key, _)| key)
    }

    /// What the pointer is on as things are, though it has not moved.
    pub(super) fn current_pointer(&mut self, session: &Session, now: &Heard) -> Option<Pointer> {
        let at = now.at.filter(|_| now.over == Some(ViewPlane::Slice))?;
        let (shown, case, canvas) = (
            self.shown_slice(session)?,
            session.current_case()?,
            self.drawn_canvas()?,
        );
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

/// Shows the canvas.
pub(crate) fn show_slice(
    ui: &mut Ui,
    session: &Session,
    state: &mut CanvasState,
    actions: &mut Vec<Action>,
) {
    let rect = ui.available_rect_before_wrap();
    // Tab goes past it: keys are for the picture whenever no control has them.
    let response = ui.allocate_rect(rect, Sense::CLICK | Sense::DRAG);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, CANVAS);
    let canvas = note_canvas(ui, rect, state, actions);
    state.target = Some(ViewTarget::from_response(ui, &response, ViewPlane::Slice));
    state
        .shown
        .clear_unless(session.current_case().map(|c| c.id));
    let Some(case) = session.current_case() else {
        return;
    };
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Image, true, accessible_description(session, case))
    });
    state.is_mask_held_hidden = !ui.egui_wants_keyboard_input() && ui.input(|i| i.key_down(Key::H));

    let extent = session.picture_extent(case);
    let placement = case.view.place_picture(canvas, extent);
    state.input.show_cursor(ui, &response, session);
    let place = (response.id.with("menu"), response.layer_id);
    panels::context::show_picture_menu(ui, session, place, &mut state.input.menu, actions);
    if let Some(error) = session.current_failure() {
        state.shown.clear_unless(None);
        return paint_centered_message(
            &painter,
            rect,
            "This slice cannot be shown",
            &error.to_string(),
        );
    }
    let Some((shown, loaded)) = state.shown.slice_to_show(session, case) else {
        return paint_centered_message(&painter, rect, "Loading", "");
    };
    let view = SliceView::new(session, case, shown, &loaded, state.is_mask_held_hidden);
    view.paint_picture(&painter, rect, placement, state);
    view.paint_contours(&painter, placement);
    if session.settings.overlays {
        paint_stored_overlays(&painter, &loaded.image, placement);
    }
    let mut edges = PictureEdges::for_rect(&painter, rect);
    view.paint_legend(&mut edges);
    paint_annotations(
        &mut edges,
        ui.pixels_per_point(),
        session,
        case,
        shown.slice,
        &loaded,
        placement,
    );
    paint_cross(&painter, rect, session, shown.slice, placement);
    tool_overlay::paint_tool_preview(&painter, session, shown, placement);
}

/// Tells the session where the canvas is, whenever that changed.
fn note_canvas(ui: &Ui, rect: Rect, state: &mut CanvasState, actions: &mut Vec<Action>) -> Canvas {
    let canvas = Canvas {
        min: [rect.min.x, rect.min.y],
        size: [rect.width(), rect.height()],
    };
    let pixels_per_point = ui.pixels_per_point();
    if state.last_canvas != Some((canvas, pixels_per_point)) {
        state.last_canvas = Some((canvas, pixels_per_point));
        actions.push(Action::SetCanvas {
            canvas,
            pixels_per_point,
        });
    }
    canvas
}

/// With the views across: where they cut this one, and a frame in its colour.
fn paint_cross(
    painter: &Painter,
    rect: Rect,
    session: &Session,
    slice: usize,
    placement: ViewPlacement,
) {
    let Some(ortho) = session.ortho_views() else {
        return;
    };
    let place = ortho.stack.slice_from_grid(slice, ortho.cross);
    across::paint_crosshair(
        painter,
        rect,
        &ortho.stack.view_pane(ViewPlane::Slice),
        place,
        placement,
    );
    across::paint_frame(
        painter,
        rect,
        ViewPlane::Slice,
        ortho.active == ViewPlane::Slice,
    );
}

/// What a screen reader says of the canvas.
fn accessible_description(session: &Session, case: &Case) -> String {
    let slice = format!("slice {} of {}", case.slice + 1, case.slices.len());
    let mask = match case.shown_finding() {
        Some(finding) => {
            let labels: Vec<&str> = finding
                .measurements
                .iter()
                .map(|m| session.label_name(m.label))
                .collect();
            let what = if labels.is_empty() {
                "nothing found".to_owned()
            } else {
                labels.join(", ")
            };
            format!(
                "{what}, shown as {}",
                session.settings.view_mode.display_name().to_lowercase()
            )
        }
        None => "no mask".to_owned(),
    };
    format!("Picture: {}, {slice}, {mask}", case.display_title())
}

/// The words in the corners, the letters of the patient's sides, the scale bar.
fn paint_annotations(
    edges: &mut PictureEdges<'_>,
    per_point: f32,
    session: &Session,
    case: &Case,
    slice: usize,
    loaded: &Loaded,
    placement: ViewPlacement,
) {
    let image = &loaded.image;
    let mut title = vec![case.display_title()];
    if case.slices.len() > 1 {
        title.push(format!("{} / {}", slice + 1, case.slices.len()));
    }
    if let Some(ortho) = session.ortho_views() {
        title.insert(0, ortho.stack.view_pane(ViewPlane::Slice).name.clone());
    }
    if let Some(reason) = session.ortho_refusal() {
        title.push(format!("No orthogonal views: {reason}"));
    }
    edges.write_title(&title);
    let window = session.window_of(case, loaded);
    let unit = image
        .unit
        .as_deref()
        .map_or(String::new(), |u| format!(" {u}"));
    let digits = usize::from(window.width < 10.0) * 2;
    let zoom = placement.scale[0] * per_point * 100.0;
    edges.write_state(&[
        format!(
            "C {:.digits$}  W {:.digits$}{unit}",
            window.center, window.width
        ),
        format!("Zoom {zoom:.0} %"),
    ]);
    let truncated = image
        .truncated
        .as_ref()
        .map(|what| format!("This picture is not whole: {what}."));
    let remarks: Vec<String> = truncated
        .into_iter()
        .chain(case.series.notes.iter().map(|n| session::to_sentence(n)))
        .collect();
    edges.write_remarks(&remarks);
    if let Some(letters) = edges::letters_in(image) {
        edges.write_side_letters(letters);
    }
    edges.scale_bar(
        |start| edges::width_under_bar(image, start, placement),
        placement,
    );
}

/// Drawings that are stored with the picture.
fn paint_stored_overlays(painter: &Painter, image: &Image, placement: ViewPlacement) {
    for span in image
        .overlays
        .iter()
        .flat_map(|overlay| overlay.region.spans())
    {
        let corner = |x: usize, y: usize| {
            let [x, y] = placement.screen_from_image([x as f32, y as f32]);
            pos2(x, y)
        };
        let rect = Rect::from_two_pos(corner(span.start, span.row), corner(span.end, span.row + 1));
        if painter.clip_rect().intersects(rect) {
            painter.rect_filled(rect, 0.0, theme::DRAWN);
        }
    }
}

/// Labels that are not to be seen.
pub(super) fn hidden_labels(session: &Session) -> Vec<u8> {
    let hidden = session
        .all_labels()
        .iter()
        .enumerate()
        .filter(|(_, l)| !l.visible);
    hidden.map(|(i, _)| i as u8 + 1).collect()
}

/// Words in the middle of an empty canvas.
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
