//! What stands at the edges of a picture: words in the corners, letters of the patient's sides, the scale bar. None lies on
//! another, at any size: words are cut with an ellipsis, what finds no room is left out.

use super::theme::{self, ADDED, ON_CANVAS, RELABELLED, REMOVED, confidence_color};
use crate::session::{case::Case, view::ViewPlacement};
use egui::{
    Align2, Color32, FontId, Galley, Painter, Pos2, Rect, Stroke, Vec2,
    epaint::text::{LayoutJob, TextWrapping},
    pos2, vec2,
};
use labrum_core::image::Image;
use std::sync::Arc;

/// From words to the edges of what is dark behind them.
const AROUND: Vec2 = vec2(4.0, 1.0);

/// Between two that move out of each other's way.
const GAP: f32 = 3.0;

/// How far a letter may be moved along its way, as a share of the picture.
const SHIFT: f32 = 0.4;

/// Rows of remarks at most.
const MOST_ROWS: usize = 6;

/// The way on which a thing looks for room.
#[derive(Clone, Copy)]
enum SearchDirection {
    Up,
    Down,
}

/// The edges of a picture, and what stands there already.
pub(super) struct PictureEdges<'a> {
    painter: &'a Painter,
    room: Rect,
    taken: Vec<Rect>,
}

impl<'a> PictureEdges<'a> {
    /// The edges of a picture in `rect`, where nothing stands yet.
    pub(super) fn for_rect(painter: &'a Painter, rect: Rect) -> Self {
        let margin = if rect.width().min(rect.height()) < 200.0 {
            6.0
        } else {
            12.0
        };
        Self {
            painter,
            room: rect.shrink(margin),
            taken: Vec::new(),
        }
    }

    /// Lines in the left upper corner; each is cut where it is too long.
    pub(super) fn write_title(&mut self, lines: &[String]) {
        self.write_lines(Align2::LEFT_TOP, self.room.left_top(), lines);
    }

    /// Lines in the right upper corner, or below what stands there.
    pub(super) fn write_state(&mut self, lines: &[String]) {
        let size = block_rect(&self.truncate_lines(lines)).size() + 2.0 * AROUND;
        if let Some(place) = self.find_free_rect(Align2::RIGHT_TOP, size, &[SearchDirection::Down])
        {
            self.write_lines(
                Align2::RIGHT_TOP,
                place.right_top() + vec2(-AROUND.x, AROUND.y),
                lines,
            );
        }
    }

    /// A line in the right lower corner.
    pub(super) fn write_note(&mut self, line: String) {
        self.write_lines(Align2::RIGHT_BOTTOM, self.room.right_bottom(), &[line]);
    }

    /// What a user should know of the picture, below what stands in the left upper corner.
    pub(super) fn write_remarks(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let width = (self.room.width() / 2.0).max(self.room.width().min(260.0)) - AROUND.x;
        let mut job = LayoutJob::simple(lines.join("\n"), annotation_font(), theme::DOUBT, width);
        job.wrap.max_rows = MOST_ROWS;
        let galley = self.painter.layout_job(job);
        if let Some(place) = self.find_free_rect(
            Align2::LEFT_TOP,
            galley.size() + 2.0 * AROUND,
            &[SearchDirection::Down],
        ) {
            self.painter
                .rect_filled(place, 3.0, Color32::from_black_alpha(150));
            self.painter
                .galley(place.min + AROUND, galley, theme::DOUBT);
            self.taken.push(place);
        }
    }

    /// Letters at the four edges: which side of the patient lies at the right, left, lower and upper one.
    pub(super) fn write_side_letters(&mut self, [right, left, bottom, top]: [String; 4]) {
        for (anchor, words, ways) in [
            (Align2::CENTER_TOP, top, &[SearchDirection::Down][..]),
            (Align2::CENTER_BOTTOM, bottom, &[SearchDirection::Up]),
            (
                Align2::LEFT_CENTER,
                left,
                &[SearchDirection::Down, SearchDirection::Up],
            ),
            (
                Align2::RIGHT_CENTER,
                right,
                &[SearchDirection::Down, SearchDirection::Up],
            ),
        ] {
            let galley = self
                .painter
                .layout_no_wrap(words, annotation_font(), ON_CANVAS);
            if let Some(place) = self.find_free_rect(anchor, galley.size() + 2.0 * AROUND, ways) {
                self.painter
                    .rect_filled(place, 3.0, Color32::from_black_alpha(150));
                self.painter.galley(place.min + AROUND, galley, ON_CANVAS);
                self.taken.push(place);
            }
        }
    }

    /// A bar of a round length at the left below, for columns that are so many mm wide where it begins.
    pub(super) fn scale_bar(
        &mut self,
        column_mm: impl Fn(Pos2) -> Option<f64>,
        placement: ViewPlacement,
    ) {
        let Some(wanted) = column_mm(self.room.left_bottom()) else {
            return;
        };
        let Some((length, width)) = scale_bar_length(wanted, placement) else {
            return;
        };
        let words = if length >= 10.0 {
            format!("{:.0} cm", length / 10.0)
        } else {
            format!("{length} mm")
        };
        let galley = self
            .painter
            .layout_no_wrap(words, annotation_font(), ON_CANVAS);
        let size = vec2(
            width.max(galley.size().x + AROUND.x) + 1.0,
            galley.size().y + 8.0,
        );
        let Some(place) = self.find_free_rect(Align2::LEFT_BOTTOM, size, &[SearchDirection::Up])
        else {
            return;
        };
        // Moved up it may lie on a part of another scale.
        if column_mm(place.left_bottom()) != Some(wanted) {
            return;
        }
        let left = place.left_bottom() + vec2(0.0, -2.0);
        for (shift, color) in [(1.0, Color32::from_black_alpha(200)), (0.0, ON_CANVAS)] {
            let start = left + vec2(shift, shift);
            let stroke = Stroke::new(1.5, color);
            self.painter
                .line_segment([start, start + vec2(width, 0.0)], stroke);
            for x in [0.0, width] {
                self.painter
                    .line_segment([start + vec2(x, -4.0), start + vec2(x, 0.0)], stroke);
            }
        }
        let at = Align2::LEFT_BOTTOM.anchor_size(left + vec2(0.0, -6.0), galley.size());
        self.painter
            .rect_filled(at.expand2(AROUND), 3.0, Color32::from_black_alpha(150));
        self.painter.galley(at.min, galley, ON_CANVAS);
        self.taken.push(place);
    }

    /// What the colours of the boundary mean.
    pub(super) fn confidence_legend(&mut self) {
        const SIZE: Vec2 = vec2(120.0, 6.0);
        const STEPS: usize = 24;
        let Some(place) = self.find_free_rect(
            Align2::RIGHT_BOTTOM,
            SIZE + vec2(0.0, 22.0),
            &[SearchDirection::Up],
        ) else {
            return;
        };
        let corner = place.right_bottom() - vec2(0.0, 2.0);
        let bar = Rect::from_min_max(corner - SIZE, corner);
        self.painter
            .rect_filled(bar.expand(1.0), 1.0, Color32::from_black_alpha(160));
        for step in 0..STEPS {
            let t = step as f32 / STEPS as f32;
            let left = bar.left() + t * bar.width();
            let size = vec2(bar.width() / STEPS as f32 + 0.5, bar.height());
            let color = confidence_color(0.1 + 0.4 * (t + 0.5 / STEPS as f32));
            self.painter
                .rect_filled(Rect::from_min_size(pos2(left, bar.top()), size), 0.0, color);
        }
        let up = vec2(0.0, 4.0);
        self.write_lines(
            Align2::LEFT_BOTTOM,
            bar.left_top() - up,
            &["doubtful".to_owned()],
        );
        self.write_lines(
            Align2::RIGHT_BOTTOM,
            bar.right_top() - up,
            &["sure".to_owned()],
        );
        self.taken.push(place);
    }

    /// What the colours of the difference mean.
    pub(super) fn difference_legend(&mut self, case: &Case, slice: usize) {
        if case.hides_proposals() {
            return self.write_note("No proposal is shown on this case".to_owned());
        }
        if case.slices.get(slice).is_none_or(|s| s.proposal.is_none()) {
            return self
                .write_note("The model has proposed nothing here to compare with".to_owned());
        }
        let mut corner = self.room.right_bottom();
        for (color, words) in [
            (RELABELLED, "other label"),
            (REMOVED, "removed"),
            (ADDED, "added"),
        ] {
            let width = self
                .write_lines(Align2::RIGHT_BOTTOM, corner, &[words.to_owned()])
                .width()
                - 2.0 * AROUND.x;
            let square = Rect::from_center_size(corner - vec2(width + 10.0, 7.0), vec2(9.0, 9.0));
            self.painter
                .rect_filled(square.expand(1.0), 2.0, Color32::from_black_alpha(160));
            self.painter.rect_filled(square, 1.0, color);
            self.taken.push(square.expand(1.0));
            corner.x -= width + 28.0;
        }
    }

    /// Writes lines, with what is dark behind them: read on bright tissue, too. Returns where they stand.
    fn write_lines(&mut self, anchor: Align2, at: Pos2, lines: &[String]) -> Rect {
        let lines = self.truncate_lines(lines);
        let place = anchor.anchor_size(at, block_rect(&lines).size());
        let behind = place.expand2(AROUND);
        self.painter
            .rect_filled(behind, 3.0, Color32::from_black_alpha(150));
        let mut top = place.top();
        for line in lines {
            let height = line.size().y;
            self.painter
                .galley(pos2(place.left(), top), line, ON_CANVAS);
            top += height;
        }
        self.taken.push(behind);
        behind
    }

    /// Lines no wider than the picture.
    fn truncate_lines(&self, lines: &[String]) -> Vec<Arc<Galley>> {
        let width = (self.room.width() - AROUND.x).max(0.0);
        let one = |line: &String| {
            let mut job = LayoutJob::simple_singleline(line.clone(), annotation_font(), ON_CANVAS);
            job.wrap = TextWrapping::truncate_at_width(width);
            self.painter.layout_job(job)
        };
        lines.iter().map(one).collect()
    }

    fn find_free_rect(&self, anchor: Align2, size: Vec2, ways: &[SearchDirection]) -> Option<Rect> {
        nearest_free_rect(self.room, &self.taken, anchor, size, ways)
    }
}

/// The nearest place to an edge that is not taken; `None` where there is none in sight of it.
fn nearest_free_rect(
    room: Rect,
    taken: &[Rect],
    anchor: Align2,
    size: Vec2,
    ways: &[SearchDirection],
) -> Option<Rect> {
    let wanted = anchor.align_size_within_rect(size, room);
    let shift = |place: &Rect| (place.center().y - wanted.center().y).abs();
    let moved = ways.iter().map(|way| {
        let mut place = wanted;
        for _ in taken {
            let Some(other) = taken.iter().find(|other| other.intersects(place)) else {
                break;
            };
            let by = match way {
                SearchDirection::Down => other.bottom() + GAP - place.top(),
                SearchDirection::Up => other.top() - GAP - place.bottom(),
            };
            place = place.translate(vec2(0.0, by));
        }
        place
    });
    let is_free = |place: &Rect| {
        let is_near = shift(place) <= room.height() * SHIFT;
        is_near
            && room.expand2(AROUND).contains_rect(*place)
            && !taken.iter().any(|other| other.intersects(*place))
    };
    moved
        .filter(is_free)
        .min_by(|a, b| shift(a).total_cmp(&shift(b)))
}

fn annotation_font() -> FontId {
    FontId::proportional(12.0)
}

/// The room of lines below each other.
fn block_rect(lines: &[Arc<Galley>]) -> Rect {
    let width = lines.iter().map(|line| line.size().x).fold(0.0, f32::max);
    Rect::from_min_size(
        Pos2::ZERO,
        vec2(width, lines.iter().map(|line| line.size().y).sum()),
    )
}

/// How wide the columns under a scale bar are that begins at `start`, mm; `None` where it would lie on parts of several
/// scales, or beside them.
pub(super) fn width_under_bar(image: &Image, start: Pos2, placement: ViewPlacement) -> Option<f64> {
    let scale = image.length_scale();
    if let Some(common) = scale.uniform_spacing() {
        return Some(common.column);
    }
    let pixel = |at: Pos2| {
        let [x, y] = placement.image_from_screen([at.x, at.y]);
        let is_inside =
            x >= 0.0 && y >= 0.0 && (x as usize) < image.columns && (y as usize) < image.rows;
        is_inside.then_some([x as usize, y as usize])
    };
    let [column, row] = pixel(start)?;
    let column_mm = scale.spacing_at(column, row)?.column;
    let (_, length) = scale_bar_length(column_mm, placement)?;
    let [end, _] = pixel(start + vec2(length, 0.0))?;
    scale
        .along_row(row, column..=end)
        .map(|spacing| spacing.column)
}

/// The sides of the patient at the right, left, lower and upper edge where rows go along `row` and columns along `column`, directions in the patient.
pub(super) fn letters_of(row: [f64; 3], column: [f64; 3]) -> [String; 4] {
    let opposite = |v: [f64; 3]| v.map(|x| -x);
    [
        orientation_letters(row),
        orientation_letters(opposite(row)),
        orientation_letters(column),
        orientation_letters(opposite(column)),
    ]
}

/// The same of an image.
pub(super) fn letters_in(image: &Image) -> Option<[String; 4]> {
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
fn orientation_letters(direction: [f64; 3]) -> String {
    let letters = [["L", "R"], ["P", "A"], ["H", "F"]];
    let mut parts: Vec<(f64, &str)> = direction
        .iter()
        .zip(letters)
        .map(|(v, pair)| (v.abs(), pair[usize::from(*v < 0.0)]))
        .collect();
    parts.retain(|(size, _)| *size > 0.3);
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    parts.into_iter().map(|(_, letter)| letter).collect()
}

/// The length of the scale bar in mm and in points.
fn scale_bar_length(column_mm: f64, placement: ViewPlacement) -> Option<(f32, f32)> {
    let points_per_mm = placement.scale[0] / column_mm as f32;
    let lengths = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
    let length = lengths.into_iter().find(|l| l * points_per_mm >= 60.0)?;
    Some((length, length * points_per_mm))
}

#[cfg(test)]
mod tests;
