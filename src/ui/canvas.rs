//! The canvas: the picture, what lies over it, and the mouse.

use super::{
    Pointer, across,
    edges::{self, PictureEdges},
    look::{CanvasLook, GreyLevels, LabelLayers, Scene},
    overlay::ContourOverlay,
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
    settings::ViewMode,
    view::{Canvas, ViewPlacement},
};
use egui::{Color32, FontId, Key, Painter, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use labrum_core::{image::Image, stack::ViewPlane};

/// How opaque a proposal is that another model would make in another way now.
const STALE: f32 = 0.5;

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
    let mode = if state.is_mask_held_hidden {
        ViewMode::Hidden
    } else {
        session.settings.view_mode
    };
    let state_of = case.slices.get(shown.slice);
    let finding = state_of.and_then(|s| s.finding.as_ref());
    let hides_proposals = case.hides_proposals();
    let proposal = state_of
        .and_then(|s| s.proposal.as_ref())
        .filter(|_| !hides_proposals);
    // What was worked out from a mask counts as long as nobody draws on.
    let is_current =
        !session.is_drawing() && state_of.is_some_and(|s| s.current_finding().is_some());
    let has_confidence = !hides_proposals && finding.is_some_and(|f| f.has_confidence());
    let shows_confidence = mode == ViewMode::Confidence && is_current && has_confidence;
    let layers = match mode {
        ViewMode::Confidence if !shows_confidence => LabelLayers::Outline,
        mode => LabelLayers::for_view_mode(mode),
    };
    let hidden = hidden_labels(session);
    let window = session.window_of(case, &loaded);
    let levels = GreyLevels::from_image(&loaded.image, window, window == loaded.default_window);
    let mut look = CanvasLook::new(placement, pixels_per_point, levels).with_labels(
        layers,
        session.all_labels(),
        &hidden,
        session.settings.opacity,
    );
    let share = if session.is_stale_on(case, shown.slice) {
        STALE
    } else {
        1.0
    };
    look = look.with_faded_labels(share);
    // While one scrolls fast, a slice may be seen that is not the one to draw on.
    let live = session.live_mask().filter(|l| l.slice_key() == shown);
    let labels = live
        .or_else(|| finding.map(|f| state.passing.get_or_unpack(shown, f)))
        .filter(|_| look.draws_labels());
    let wants_reference = mode == ViewMode::Difference;
    let reference = proposal
        .filter(|_| wants_reference)
        .map(|p| state.proposed.get_or_unpack(shown, p));
    let preview = live
        .and(session.tool_preview().region.as_ref())
        .filter(|region| !region.is_empty());
    look.preview = if preview.is_some() {
        tool_overlay::stripe_color(session)
    } else {
        look.preview
    };
    let scene = Scene {
        image: &loaded.image,
        labels,
        reference,
        preview,
        look: &look,
    };
    state.stage.paint_scene(&painter, rect, &scene);
    if let Some(finding) = finding {
        let focus = session
            .focus
            .filter(|(key, _)| *key == shown)
            .and_then(|(_, at)| finding.doubts.get(at));
        ContourOverlay {
            finding,
            mode: if mode == ViewMode::Confidence && !shows_confidence {
                ViewMode::Outline
            } else {
                mode
            },
            hidden_labels: &hidden,
            measurements: session.settings.measurements && is_current,
            focus,
            opacity: share,
            placement,
        }
        .paint_contours(&painter);
    }
    if session.settings.overlays {
        paint_stored_overlays(&painter, &loaded.image, placement);
    }
    let mut edges = PictureEdges::for_rect(&painter, rect);
    if shows_confidence {
        edges.confidence_legend();
    } else if mode == ViewMode::Difference {
        edges.difference_legend(case, shown.slice);
    }
    paint_annotations(
        &mut edges,
        pixels_per_point,
        session,
        case,
        shown.slice,
        &loaded,
        placement,
    );
    if let Some(ortho) = session.ortho_views() {
        let place = ortho.stack.slice_from_grid(shown.slice, ortho.cross);
        across::paint_crosshair(
            &painter,
            rect,
            &ortho.stack.view_pane(ViewPlane::Slice),
            place,
            placement,
        );
        across::paint_frame(
            &painter,
            rect,
            ViewPlane::Slice,
            ortho.active == ViewPlane::Slice,
        );
    }
    tool_overlay::paint_tool_preview(&painter, session, shown, placement);
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
