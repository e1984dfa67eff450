//! The canvas: the picture, what lies over it, and the mouse.

use super::{
    Pointer, across,
    look::{Layers, Levels, Look, Scene},
    overlay::Overlay,
    panels,
    stage::{Shown, Stage, Unpacked},
    stream::{Heard, Target},
    theme::{self, ADDED, CANVAS, ON_CANVAS, RELABELLED, REMOVED, confidence_color},
    tool_input::ToolInput,
    tool_overlay,
};
use crate::{
    domain::{image::Image, stack::ViewPlane},
    session::{
        self, Action, Session,
        case::Case,
        job::{Loaded, SliceKey},
        settings::ViewMode,
        view::{Canvas, Placement},
    },
};
use egui::{Align2, Color32, FontId, Key, Painter, Pos2, Rect, Role, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};

/// How opaque a proposal is that another model would make in another way now.
const STALE: f32 = 0.5;

/// What the canvas remembers between frames.
#[derive(Default)]
pub(crate) struct CanvasState {
    pub(super) input: ToolInput,
    /// The mask is hidden for as long as H is held.
    pub(crate) is_mask_held_hidden: bool,
    last_canvas: Option<(Canvas, f32)>,
    target: Option<Target>,
    shown: Shown,
    /// The mask of a slice that is passed by.
    passing: Unpacked,
    /// What the model proposed, for the difference.
    proposed: Unpacked,
    stage: Stage,
}

impl CanvasState {
    /// Paints on the graphics card from now on.
    pub(crate) fn use_card(&mut self, state: &eframe::egui_wgpu::RenderState) {
        self.stage.use_card(state);
    }

    /// Where the canvas was drawn last.
    pub(super) fn place(&self) -> Option<Canvas> {
        self.last_canvas.map(|(canvas, _)| canvas)
    }

    /// Where the canvas takes the mouse, if it was drawn since this was asked last.
    pub(super) fn take_target(&mut self) -> Option<Target> {
        self.target.take()
    }

    /// The slice that is on the canvas as things are: for a moment another than the one that is on its way.
    pub(super) fn shown(&mut self, session: &Session) -> Option<SliceKey> {
        let case = session.case().filter(|_| session.current_failure().is_none())?;
        self.shown.clear_unless(Some(case.id));
        self.shown.slice(session, case).map(|(key, _)| key)
    }

    /// What the pointer is on as things are, though it has not moved.
    pub(super) fn pointer(&mut self, session: &Session, now: &Heard) -> Option<Pointer> {
        let at = now.at.filter(|_| now.over == Some(ViewPlane::Slice))?;
        let (shown, case, canvas) = (self.shown(session)?, session.case()?, self.place()?);
        let [x, y] = case.view.place(canvas, session.extent(case)).image_from_screen([at.x, at.y]);
        let inside = x >= 0.0 && y >= 0.0 && x < case.series.columns as f32 && y < case.series.rows as f32;
        inside.then_some(Pointer { slice: shown.slice, x, y })
    }
}

/// Shows the canvas.
pub(crate) fn show(ui: &mut Ui, session: &Session, state: &mut CanvasState, actions: &mut Vec<Action>) {
    let rect = ui.available_rect_before_wrap();
    // Tab goes past it: keys are for the picture whenever no control has them.
    let response = ui.allocate_rect(rect, Sense::CLICK | Sense::DRAG);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, CANVAS);
    let canvas = Canvas { min: [rect.min.x, rect.min.y], size: [rect.width(), rect.height()] };
    let pixels_per_point = ui.pixels_per_point();
    if state.last_canvas != Some((canvas, pixels_per_point)) {
        state.last_canvas = Some((canvas, pixels_per_point));
        actions.push(Action::SetCanvas { canvas, pixels_per_point });
    }
    state.target = Some(Target::of(ui, &response, ViewPlane::Slice));
    state.shown.clear_unless(session.case().map(|c| c.id));
    let Some(case) = session.case() else { return };
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, describe(session, case)));
    state.is_mask_held_hidden = !ui.egui_wants_keyboard_input() && ui.input(|i| i.key_down(Key::H));

    let extent = session.extent(case);
    let placement = case.view.place(canvas, extent);
    state.input.show_cursor(ui, &response, session);
    let place = (response.id.with("menu"), response.layer_id);
    panels::context::picture(ui, session, place, &mut state.input.menu, actions);
    if let Some(error) = session.current_failure() {
        state.shown.clear_unless(None);
        return message(&painter, rect, "This slice cannot be shown", &error.to_string());
    }
    let Some((shown, loaded)) = state.shown.slice(session, case) else {
        return message(&painter, rect, "Loading", "");
    };
    let mode = if state.is_mask_held_hidden { ViewMode::Hidden } else { session.settings.view_mode };
    let state_of = case.slices.get(shown.slice);
    let finding = state_of.and_then(|s| s.finding.as_ref());
    let hides_proposals = case.hides_proposals();
    let proposal = state_of.and_then(|s| s.proposal.as_ref()).filter(|_| !hides_proposals);
    // What was worked out from a mask counts as long as nobody draws on.
    let is_current = !session.is_drawing() && state_of.is_some_and(|s| s.current_finding().is_some());
    let has_confidence = !hides_proposals && finding.is_some_and(|f| f.has_confidence());
    let shows_confidence = mode == ViewMode::Confidence && is_current && has_confidence;
    let layers = match mode {
        ViewMode::Confidence if !shows_confidence => Layers::Outline,
        mode => Layers::of(mode),
    };
    let hidden = hidden_labels(session);
    let window = session.window_of(case, &loaded);
    let levels = Levels::of(&loaded.image, window, window == loaded.default_window);
    let mut look = Look::new(placement, pixels_per_point, levels).with_labels(
        layers,
        session.labels(),
        &hidden,
        session.settings.opacity,
    );
    let share = if session.is_stale_on(case, shown.slice) { STALE } else { 1.0 };
    look = look.faded(share);
    // While one scrolls fast, a slice may be seen that is not the one to draw on.
    let live = session.live().filter(|l| l.key() == shown);
    let labels = live.or_else(|| finding.map(|f| state.passing.of(shown, f))).filter(|_| look.draws_labels());
    let wants_reference = mode == ViewMode::Difference;
    let reference = proposal.filter(|_| wants_reference).map(|p| state.proposed.of(shown, p));
    let preview = live.and(session.preview().region.as_ref()).filter(|region| !region.is_empty());
    look.preview = if preview.is_some() { tool_overlay::stripes(session) } else { look.preview };
    let scene = Scene { image: &loaded.image, labels, reference, preview, look: &look };
    state.stage.paint(&painter, rect, &scene);
    if let Some(finding) = finding {
        let focus = session.focus.filter(|(key, _)| *key == shown).and_then(|(_, at)| finding.doubts.get(at));
        Overlay {
            finding,
            mode: if mode == ViewMode::Confidence && !shows_confidence { ViewMode::Outline } else { mode },
            hidden_labels: &hidden,
            measurements: session.settings.measurements && is_current,
            focus,
            opacity: share,
            placement,
        }
        .paint(&painter);
    }
    if session.settings.overlays {
        drawings(&painter, &loaded.image, placement);
    }
    annotate(&painter, rect, session, case, shown.slice, &loaded, placement);
    if let Some(ortho) = session.ortho() {
        let place = ortho.stack.slice_from_grid(shown.slice, ortho.cross);
        across::cross(&painter, rect, &ortho.stack.pane(ViewPlane::Slice), place, placement);
        across::frame(&painter, rect, ViewPlane::Slice, ortho.active == ViewPlane::Slice);
    }
    if shows_confidence {
        legend(&painter, rect);
    }
    if mode == ViewMode::Difference {
        difference_legend(&painter, rect, case, shown.slice);
    }
    tool_overlay::paint(&painter, session, shown, placement);
}

/// What a screen reader says of the canvas.
fn describe(session: &Session, case: &Case) -> String {
    let slice = format!("slice {} of {}", case.slice + 1, case.slices.len());
    let mask = match case.finding() {
        Some(finding) => {
            let labels: Vec<&str> = finding.measurements.iter().map(|m| session.label_name(m.label)).collect();
            let what = if labels.is_empty() { "nothing found".to_owned() } else { labels.join(", ") };
            format!("{what}, shown as {}", session.settings.view_mode.label().to_lowercase())
        }
        None => "no mask".to_owned(),
    };
    format!("Picture: {}, {slice}, {mask}", case.title())
}

/// The words in the corners, the letters of the patient's sides, the scale bar.
fn annotate(
    painter: &Painter,
    rect: Rect,
    session: &Session,
    case: &Case,
    slice: usize,
    loaded: &Loaded,
    placement: Placement,
) {
    let inner = rect.shrink(12.0);
    let count = case.slices.len();
    let mut title = case.title();
    if count > 1 {
        title = format!("{title}\n{} / {count}", slice + 1);
    }
    if let Some(ortho) = session.ortho() {
        title = format!("{}\n{title}", ortho.stack.pane(ViewPlane::Slice).name);
    }
    if let Some(reason) = session.ortho_refusal() {
        title = format!("{title}\nNo orthogonal views: {reason}");
    }
    let below = text(painter, inner.left_top(), Align2::LEFT_TOP, &title);
    let below_remarks =
        remarks(painter, below.left_bottom() + vec2(4.0, 6.0), inner.width() / 2.0, case, &loaded.image);
    let window = session.window_of(case, loaded);
    let unit = loaded.image.unit.as_deref().map_or(String::new(), |u| format!(" {u}"));
    let digits = usize::from(window.width < 10.0) * 2;
    let zoom = placement.scale[0] * painter.pixels_per_point() * 100.0;
    let state = format!("C {:.digits$}  W {:.digits$}{unit}\nZoom {zoom:.0} %", window.center, window.width);
    // Below the title where there is no room beside it.
    let width = painter.layout_no_wrap(state.clone(), FontId::proportional(12.0), ON_CANVAS).size().x + 8.0;
    let is_beside = below.right() + width <= inner.right();
    let top = if is_beside { inner.top() } else { below.bottom().max(below_remarks.bottom()) + 6.0 };
    let right = text(painter, pos2(inner.right(), top), Align2::RIGHT_TOP, &state);
    if let Some(letters) = letters(&loaded.image) {
        sides(painter, inner, letters, &[below, below_remarks, right]);
    }
    if let Some(column_mm) = width_under_bar(&loaded.image, inner, placement) {
        scale_bar(painter, inner, column_mm, placement);
    }
}

/// How wide the columns under the scale bar are, mm; `None` where it would lie on parts of several scales, or beside them.
fn width_under_bar(image: &Image, rect: Rect, placement: Placement) -> Option<f64> {
    let scale = image.scale();
    if let Some(common) = scale.common() {
        return Some(common.column);
    }
    let pixel = |at: Pos2| {
        let [x, y] = placement.image_from_screen([at.x, at.y]);
        let is_inside = x >= 0.0 && y >= 0.0 && (x as usize) < image.columns && (y as usize) < image.rows;
        is_inside.then_some([x as usize, y as usize])
    };
    let start = rect.left_bottom();
    let [column, row] = pixel(start)?;
    let column_mm = scale.at(column, row)?.column;
    let (_, length) = bar(column_mm, placement)?;
    let [end, _] = pixel(start + vec2(length, 0.0))?;
    scale.along_row(row, column..=end).map(|spacing| spacing.column)
}

/// Returns where it stands, with what is dark behind it.
pub(super) fn text(painter: &Painter, at: Pos2, anchor: Align2, words: &str) -> Rect {
    let galley = painter.layout_no_wrap(words.to_owned(), FontId::proportional(12.0), ON_CANVAS);
    let rect = anchor.anchor_size(at, galley.size());
    // Dark behind it: read on bright tissue, too.
    let behind = rect.expand2(vec2(4.0, 1.0));
    painter.rect_filled(behind, 3.0, Color32::from_black_alpha(150));
    painter.galley(rect.min, galley, ON_CANVAS);
    behind
}

/// What a user should know of the series and of this picture, below the title: slices or rows that are missing.
fn remarks(painter: &Painter, at: Pos2, width: f32, case: &Case, image: &Image) -> Rect {
    let truncated = image.truncated.as_ref().map(|what| format!("This picture is not whole: {what}."));
    let lines: Vec<String> =
        truncated.into_iter().chain(case.series.notes.iter().map(|n| session::sentence(n))).collect();
    if lines.is_empty() {
        return Rect::NOTHING;
    }
    let galley = painter.layout(lines.join("\n"), FontId::proportional(12.0), theme::DOUBT, width);
    let rect = Align2::LEFT_TOP.anchor_size(at, galley.size());
    painter.rect_filled(rect.expand2(vec2(4.0, 1.0)), 3.0, Color32::from_black_alpha(150));
    painter.galley(rect.min, galley, theme::DOUBT);
    rect
}

/// Drawings that are stored with the picture.
fn drawings(painter: &Painter, image: &Image, placement: Placement) {
    for span in image.overlays.iter().flat_map(|overlay| overlay.region.spans()) {
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

/// Letters at the four edges: which side of the patient lies there. Where words are `taken` up, the letters stand below
/// them.
pub(super) fn sides(painter: &Painter, rect: Rect, [right, left, bottom, top]: [String; 4], taken: &[Rect]) {
    for (at, anchor, letters) in [
        (rect.right_center(), Align2::RIGHT_CENTER, right),
        (rect.left_center(), Align2::LEFT_CENTER, left),
        (rect.center_bottom(), Align2::CENTER_BOTTOM, bottom),
        (rect.center_top(), Align2::CENTER_TOP, top),
    ] {
        text(painter, clear_of(taken, anchor, at), anchor, &letters);
    }
}

/// Where two letters stand that are not to cover the words.
fn clear_of(taken: &[Rect], anchor: Align2, mut at: Pos2) -> Pos2 {
    const LETTERS: Vec2 = vec2(40.0, 18.0);
    for _ in taken {
        let place = anchor.anchor_size(at, LETTERS);
        if let Some(words) = taken.iter().find(|words| words.intersects(place)) {
            at.y += words.bottom() + 4.0 - place.top();
        }
    }
    at
}

/// The same where rows go along `row` and columns along `column`, directions in the patient.
pub(super) fn letters_of(row: [f64; 3], column: [f64; 3]) -> [String; 4] {
    let opposite = |v: [f64; 3]| v.map(|x| -x);
    [side(row), side(opposite(row)), side(column), side(opposite(column))]
}

/// The sides of the patient at the right, left, lower and upper edge.
fn letters(image: &Image) -> Option<[String; 4]> {
    if let Some(plane) = image.plane {
        let [a, b, c, d, e, f] = plane.orientation;
        return Some(letters_of([a, b, c], [d, e, f]));
    }
    let [row, column] = image.orientation.as_ref()?;
    let opposite = |letters: &str| {
        let other = |c| match c {
            'L' => 'R',
            'R' => 'L',
            'A' => 'P',
            'P' => 'A',
            'H' => 'F',
            'F' => 'H',
            c => c,
        };
        letters.chars().map(other).collect::<String>()
    };
    Some([row.clone(), opposite(row), column.clone(), opposite(column)])
}

/// The letters of a direction in the patient, the strongest first, as in DICOM's Patient Orientation.
fn side(direction: [f64; 3]) -> String {
    let letters = [["L", "R"], ["P", "A"], ["H", "F"]];
    let mut parts: Vec<(f64, &str)> =
        direction.iter().zip(letters).map(|(v, pair)| (v.abs(), pair[usize::from(*v < 0.0)])).collect();
    parts.retain(|(size, _)| *size > 0.3);
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    parts.into_iter().map(|(_, letter)| letter).collect()
}

/// A bar of a round length in the lower left corner, for columns that are so many mm wide.
pub(super) fn scale_bar(painter: &Painter, rect: Rect, column_mm: f64, placement: Placement) {
    let Some((length, right)) = bar(column_mm, placement) else { return };
    let left = rect.left_bottom() + vec2(0.0, -2.0);
    let words = if length >= 10.0 { format!("{:.0} cm", length / 10.0) } else { format!("{length} mm") };
    for (shift, color) in [(1.0, Color32::from_black_alpha(200)), (0.0, ON_CANVAS)] {
        let start = left + vec2(shift, shift);
        let stroke = egui::Stroke::new(1.5, color);
        painter.line_segment([start, start + vec2(right, 0.0)], stroke);
        for x in [0.0, right] {
            painter.line_segment([start + vec2(x, -4.0), start + vec2(x, 0.0)], stroke);
        }
    }
    text(painter, left + vec2(0.0, -6.0), Align2::LEFT_BOTTOM, &words);
}

/// The length of the scale bar in mm and in points.
fn bar(column_mm: f64, placement: Placement) -> Option<(f32, f32)> {
    let points_per_mm = placement.scale[0] / column_mm as f32;
    let lengths = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
    let length = lengths.into_iter().find(|l| l * points_per_mm >= 60.0)?;
    Some((length, length * points_per_mm))
}

/// What the colours of the boundary mean.
fn legend(painter: &Painter, rect: Rect) {
    const SIZE: egui::Vec2 = vec2(120.0, 6.0);
    const STEPS: usize = 24;
    let corner = rect.right_bottom() - vec2(12.0, 14.0);
    let bar = Rect::from_min_max(corner - SIZE, corner);
    painter.rect_filled(bar.expand(1.0), 1.0, Color32::from_black_alpha(160));
    for step in 0..STEPS {
        let t = step as f32 / STEPS as f32;
        let left = bar.left() + t * bar.width();
        let piece = Rect::from_min_size(pos2(left, bar.top()), vec2(bar.width() / STEPS as f32 + 0.5, bar.height()));
        painter.rect_filled(piece, 0.0, confidence_color(0.1 + 0.4 * (t + 0.5 / STEPS as f32)));
    }
    text(painter, bar.left_top() - vec2(0.0, 4.0), Align2::LEFT_BOTTOM, "doubtful");
    text(painter, bar.right_top() - vec2(0.0, 4.0), Align2::RIGHT_BOTTOM, "sure");
}

/// What the colours of the difference mean.
fn difference_legend(painter: &Painter, rect: Rect, case: &Case, slice: usize) {
    let mut corner = rect.right_bottom() - vec2(12.0, 12.0);
    if case.hides_proposals() {
        text(painter, corner, Align2::RIGHT_BOTTOM, "No proposal is shown on this case");
        return;
    }
    if case.slices.get(slice).is_none_or(|s| s.proposal.is_none()) {
        text(painter, corner, Align2::RIGHT_BOTTOM, "The model has proposed nothing here to compare with");
        return;
    }
    for (color, words) in [(RELABELLED, "other label"), (REMOVED, "removed"), (ADDED, "added")] {
        let font = FontId::proportional(12.0);
        let width = painter.layout_no_wrap(words.into(), font, ON_CANVAS).size().x;
        text(painter, corner, Align2::RIGHT_BOTTOM, words);
        let square = Rect::from_center_size(corner - vec2(width + 10.0, 7.0), vec2(9.0, 9.0));
        painter.rect_filled(square.expand(1.0), 2.0, Color32::from_black_alpha(160));
        painter.rect_filled(square, 1.0, color);
        corner.x -= width + 28.0;
    }
}

/// Labels that are not to be seen.
pub(super) fn hidden_labels(session: &Session) -> Vec<u8> {
    let hidden = session.labels().iter().enumerate().filter(|(_, l)| !l.visible);
    hidden.map(|(i, _)| i as u8 + 1).collect()
}

/// Words in the middle of an empty canvas.
pub(super) fn message(painter: &Painter, rect: Rect, title: &str, more: &str) {
    let galley = painter.layout(title.into(), FontId::proportional(18.0), ON_CANVAS, rect.width() * 0.7);
    let more = painter.layout(
        more.into(),
        FontId::proportional(13.5),
        Color32::from_rgb(148, 150, 154),
        (rect.width() * 0.7).min(560.0),
    );
    let at = rect.center() - vec2(galley.size().x / 2.0, galley.size().y);
    painter.galley(at, galley, theme::ON_CANVAS);
    painter.galley(rect.center() + vec2(-more.size().x / 2.0, 8.0), more, theme::ON_CANVAS);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::{
        geometry::{PixelSpacing, SpacingSource},
        image::Pixels,
        scale::ScaledRegion,
    };

    #[test]
    fn the_scale_bar_has_the_scale_of_the_region_that_it_lies_on_or_is_left_out() {
        let region = |from: u32, to: u32, mm: f64| ScaledRegion {
            low: [from, 0],
            high: [to, 99],
            spacing: Some(PixelSpacing { row: mm, column: mm, source: SpacingSource::UltrasoundRegion }),
            has_priority: true,
        };
        let image = Image::new(300, 100, Pixels::U8(vec![0; 30_000])).unwrap();
        let image = Image { regions: vec![region(0, 149, 0.5), region(150, 299, 0.1)], ..image };
        // One point for each pixel: a bar of 60 points at least, in the lower left corner.
        let placement = Placement { scale: [1.0; 2], origin: [0.0; 2] };
        let under = |left: f32| {
            let rect = Rect::from_min_max(pos2(left, 0.0), pos2(left + 200.0, 90.0));
            width_under_bar(&image, rect, placement)
        };
        assert_eq!([under(10.0), under(160.0)], [Some(0.5), Some(0.1)]);
        assert_eq!([under(100.0), under(280.0), under(-20.0)], [None; 3], "across, and beside the picture");
    }

    #[test]
    fn sides_are_named_as_in_dicom() {
        assert_eq!(side([1.0, 0.0, 0.0]), "L");
        assert_eq!(side([0.0, -1.0, 0.0]), "A");
        assert_eq!(side([0.7, 0.7, 0.0]), "LP");
        assert_eq!(side([0.0, 0.1, -0.99]), "F");
    }

    #[test]
    fn letters_stand_below_words_that_reach_their_place() {
        let words = Rect::from_min_max(pos2(12.0, 12.0), pos2(240.0, 48.0));
        let more = Rect::from_min_max(pos2(12.0, 52.0), pos2(300.0, 80.0));
        let at = clear_of(&[words, more], Align2::CENTER_TOP, pos2(200.0, 12.0));
        assert_eq!(at, pos2(200.0, 84.0));
        assert_eq!(clear_of(&[words], Align2::CENTER_TOP, pos2(400.0, 12.0)), pos2(400.0, 12.0));
    }
}
