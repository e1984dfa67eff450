//! Annotations at the edges of an image: corner text, orientation letters, scale bar, legends. They never overlap, at
//! any size: text is truncated with an ellipsis, and annotations without room are left out.

mod color_bar;
mod corners;
mod letters;
mod scale_bar;

use super::theme::{self, ADDED, ON_CANVAS, RELABELLED, REMOVED, confidence_color};
use crate::session::case::Case;
use egui::{
    Align, Align2, Color32, FontId, Galley, Painter, Pos2, Rect, Vec2,
    epaint::text::{LayoutJob, TextWrapping},
    pos2, vec2,
};
use std::sync::Arc;

pub(super) use letters::{letters_in, letters_of, turned_letters};
pub(super) use scale_bar::mm_per_point;

/// Padding between text and the edge of its dark background, in points.
const AROUND: Vec2 = vec2(4.0, 1.0);

/// Gap between annotations, in points.
const GAP: f32 = 3.0;

/// How far an annotation may be moved from its edge, as a fraction of the image height.
const SHIFT: f32 = 0.4;

/// Maximum number of rows of remarks.
const MOST_ROWS: usize = 6;

/// In which direction an annotation is moved to find room.
#[derive(Clone, Copy)]
pub(super) enum SearchDirection {
    Up,
    Down,
}

/// The edges of an image, with the annotations placed so far.
pub(super) struct PictureEdges<'a> {
    painter: &'a Painter,
    room: Rect,
    taken: Vec<Rect>,
}

impl<'a> PictureEdges<'a> {
    /// The edges of the image area `rect`, without annotations.
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

    /// Lines in the top left corner; long lines are truncated.
    pub(super) fn write_title(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.write_lines(Align2::LEFT_TOP, self.room.left_top(), lines);
    }

    /// Lines in the top right corner, or below what is already there.
    pub(super) fn write_state(&mut self, lines: &[String]) {
        let lines = self.truncate_lines(lines);
        let size = block_rect(&lines).size();
        let place = self.find_text_rect(Align2::RIGHT_TOP, size, &[SearchDirection::Down]);
        if let Some(place) = place {
            self.paint_lines(&lines, Align2::RIGHT_TOP, place);
        }
    }

    /// A line in the bottom right corner.
    pub(super) fn write_note(&mut self, line: String) {
        self.write_lines(Align2::RIGHT_BOTTOM, self.room.right_bottom(), &[line]);
    }

    /// Remarks about the image, below the annotations in the top left corner.
    pub(super) fn write_remarks(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let width = (self.room.width() / 2.0).max(self.room.width().min(260.0)) - AROUND.x;
        let mut job = LayoutJob::simple(lines.join("\n"), annotation_font(), theme::DOUBT, width);
        job.wrap.max_rows = MOST_ROWS;
        let galley = self.painter.layout_job(job);
        let place = self.find_text_rect(Align2::LEFT_TOP, galley.size(), &[SearchDirection::Down]);
        if let Some(place) = place {
            self.painter
                .rect_filled(place, 3.0, Color32::from_black_alpha(150));
            self.painter
                .galley(place.min + AROUND, galley, theme::DOUBT);
            self.taken.push(place);
        }
    }

    /// Patient orientation letters for the right, left, bottom and top edge.
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
            if let Some(place) = self.find_text_rect(anchor, galley.size(), ways) {
                self.painter
                    .rect_filled(place, 3.0, Color32::from_black_alpha(150));
                self.painter.galley(place.min + AROUND, galley, ON_CANVAS);
                self.taken.push(place);
            }
        }
    }

    /// Legend of the confidence colours.
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
            &["uncertain".to_owned()],
        );
        self.write_lines(
            Align2::RIGHT_BOTTOM,
            bar.right_top() - up,
            &["confident".to_owned()],
        );
        self.taken.push(place);
    }

    /// Legend of the difference colours.
    pub(super) fn difference_legend(&mut self, case: &Case, slice: usize) {
        if case.hides_proposals() {
            return self.write_note("Proposals are hidden for this case".to_owned());
        }
        if case
            .slices
            .get(slice)
            .is_none_or(|s| s.proposal().is_none())
        {
            return self.write_note("No proposal on this slice".to_owned());
        }
        let mut corner = self.room.right_bottom();
        for (color, words) in [
            (RELABELLED, "relabelled"),
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

    /// Writes lines on a dark background, readable on bright tissue. Returns the area they cover.
    fn write_lines(&mut self, anchor: Align2, at: Pos2, lines: &[String]) -> Rect {
        let lines = self.truncate_lines(lines);
        let place = anchor.anchor_size(at, block_rect(&lines).size());
        let behind = place.expand2(AROUND);
        self.paint_lines(&lines, anchor, behind);
        behind
    }

    /// Paints lines on a dark background that fills `place`, aligned to the side of `anchor`.
    fn paint_lines(&mut self, lines: &[Arc<Galley>], anchor: Align2, place: Rect) {
        self.painter
            .rect_filled(place, 3.0, Color32::from_black_alpha(150));
        let inner = place.shrink2(AROUND);
        let mut top = inner.top();
        for line in lines {
            let left = match anchor.x() {
                Align::Max => inner.right() - line.size().x,
                _ => inner.left(),
            };
            self.painter
                .galley(pos2(left, top), line.clone(), ON_CANVAS);
            top += line.size().y;
        }
        self.taken.push(place);
    }

    /// Lays out lines, truncated to the width of the image.
    fn truncate_lines(&self, lines: &[String]) -> Vec<Arc<Galley>> {
        let width = (self.room.width() - AROUND.x).max(0.0);
        lines
            .iter()
            .map(|line| self.truncate_line(line, width))
            .collect()
    }

    fn truncate_line(&self, line: &str, width: f32) -> Arc<Galley> {
        let mut job = LayoutJob::simple_singleline(line.to_owned(), annotation_font(), ON_CANVAS);
        job.wrap = TextWrapping::truncate_at_width(width);
        self.painter.layout_job(job)
    }

    fn find_free_rect(&self, anchor: Align2, size: Vec2, ways: &[SearchDirection]) -> Option<Rect> {
        nearest_free_rect(self.room, &self.taken, anchor, size, ways)
    }

    /// Free room for a text of this size with its background. The text lies on the edge of the room, its background goes
    /// beyond it, as that of the title does.
    fn find_text_rect(&self, anchor: Align2, text: Vec2, ways: &[SearchDirection]) -> Option<Rect> {
        let room = self.room.expand2(AROUND);
        nearest_free_rect(room, &self.taken, anchor, text + 2.0 * AROUND, ways)
    }
}

/// The free place nearest to an edge; `None` if there is none within [`SHIFT`].
fn nearest_free_rect(
    room: Rect,
    taken: &[Rect],
    anchor: Align2,
    size: Vec2,
    ways: &[SearchDirection],
) -> Option<Rect> {
    nearest_free_place(anchor.align_size_within_rect(size, room), room, taken, ways)
}

/// The free place nearest to the one that is wanted; `None` if there is none within [`SHIFT`].
pub(super) fn nearest_free_place(
    wanted: Rect,
    room: Rect,
    taken: &[Rect],
    ways: &[SearchDirection],
) -> Option<Rect> {
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
    moved
        .map(|place| (place, (place.center().y - wanted.center().y).abs()))
        .filter(|(place, shift)| {
            *shift <= room.height() * SHIFT && is_free_place(*place, room, taken)
        })
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(place, _)| place)
}

/// True if `place` is inside the room and overlaps nothing that is already there.
fn is_free_place(place: Rect, room: Rect, taken: &[Rect]) -> bool {
    room.expand2(AROUND).contains_rect(place) && !taken.iter().any(|other| other.intersects(place))
}

fn annotation_font() -> FontId {
    FontId::proportional(12.0)
}

/// The size of lines stacked vertically.
fn block_rect(lines: &[Arc<Galley>]) -> Rect {
    let width = lines.iter().map(|line| line.size().x).fold(0.0, f32::max);
    Rect::from_min_size(
        Pos2::ZERO,
        vec2(width, lines.iter().map(|line| line.size().y).sum()),
    )
}

#[cfg(test)]
mod tests;
