//! What the tool in hand will do, over the picture: the area, the brush's ring, the line with its points.

use crate::{
    domain::{
        label::PALETTE,
        region::{Region, Span},
    },
    session::{
        Session,
        job::SliceKey,
        settings::ViewMode,
        tools::{OutlineDoes, Place, Preview, ToolKind},
        view::Placement,
    },
};
use egui::{Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, epaint::PathStroke, pos2, vec2};

/// Lines over the picture are light with a dark rim: seen on bright and on dark.
const LIGHT: Color32 = Color32::from_rgb(245, 246, 248);
const RIM: Color32 = Color32::from_black_alpha(170);

/// Width of the edge of an area in points.
const EDGE: f32 = 1.25;

/// Corners of a ring.
const CORNERS: usize = 72;

/// Paints what the tool in hand will do on `shown`.
pub(super) fn paint(painter: &Painter, session: &Session, shown: SliceKey, placement: Placement) {
    if session.live().is_none_or(|l| l.key() != shown) {
        return;
    }
    let preview = session.preview();
    if let Some(region) = preview.region.as_ref().filter(|r| !r.is_empty()) {
        let (fill, edge) = colors(session, preview.label);
        painter.add(Shape::mesh(area(region, placement, painter.clip_rect(), fill, edge)));
    }
    if let Some((center, radii)) = preview.ring {
        ring(painter, placement, center, radii);
    }
    line(painter, preview, placement);
}

/// Fill and edge of an area: the colour of the label that it would get, dark where something would go.
fn colors(session: &Session, label: u8) -> (Color32, Color32) {
    let is_outline = matches!(session.tool(), ToolKind::Polygon | ToolKind::Lasso | ToolKind::LiveWire);
    let takes_proposal = is_outline && session.settings.tools.outline_does == OutlineDoes::TakeProposal;
    let place = usize::from(label).checked_sub(1);
    // The first stroke makes the first label.
    match place.map(|i| session.labels().get(i).map_or(PALETTE[0], |l| l.color)) {
        Some([r, g, b]) => {
            let alpha = if session.settings.view_mode == ViewMode::Outline { 50 } else { 90 };
            (Color32::from_rgba_unmultiplied(r, g, b, alpha), Color32::from_rgb(r, g, b))
        }
        None if takes_proposal => (Color32::from_white_alpha(30), LIGHT),
        None => (Color32::from_black_alpha(130), LIGHT),
    }
}

/// An area as one mesh: its fill, and its edge along the sides of its pixels. Rows that share a row of points on the
/// screen are drawn once, so that it costs no more than the screen is high.
fn area(region: &Region, placement: Placement, clip: Rect, fill: Color32, edge: Color32) -> Mesh {
    let mut mesh = Mesh::default();
    let [low, high] = [clip.min, clip.max].map(|p| placement.image_from_screen([p.x, p.y]));
    let rows = low[1].floor().max(0.0) as usize..high[1].ceil().max(0.0) as usize;
    let step = (0.75 / placement.scale[1]).ceil().max(1.0) as usize;
    let seen = |s: &Span| (s.start as f32) < high[0] && (s.end as f32) > low[0];
    let spans = region.spans();
    let row_of = |row: usize| {
        let row = row as u32;
        let first = spans.partition_point(|s| (s.row as u32) < row);
        let last = first + spans[first..].partition_point(|s| s.row as u32 == row);
        spans[first..last].iter().filter(|s| seen(s)).map(|s| [s.start as usize, s.end as usize]).collect::<Vec<_>>()
    };
    let at = |x: usize, y: usize| {
        let [x, y] = placement.screen_from_image([x as f32, y as f32]);
        pos2(x, y)
    };
    let across = |mesh: &mut Mesh, y: usize, start: usize, end: usize| {
        let (a, b) = (at(start, y), at(end, y));
        mesh.add_colored_rect(Rect::from_min_max(a - vec2(0.0, EDGE / 2.0), b + vec2(0.0, EDGE / 2.0)), edge);
    };
    let mut above: Vec<[usize; 2]> = Vec::new();
    let mut row = rows.start / step * step;
    // One row past the last: its upper edge closes the area.
    while row < rows.end + step {
        let here = if row < rows.end { row_of(row) } else { Vec::new() };
        for &[start, end] in &here {
            let (a, b) = (at(start, row), at(end, row + step));
            mesh.add_colored_rect(Rect::from_min_max(a, b), fill);
            for x in [a.x, b.x] {
                let side = Rect::from_min_max(pos2(x - EDGE / 2.0, a.y), pos2(x + EDGE / 2.0, b.y));
                mesh.add_colored_rect(side, edge);
            }
        }
        for [start, end] in apart(&above, &here) {
            across(&mut mesh, row, start, end);
        }
        above = here;
        row += step;
    }
    mesh
}

/// Where one of two rows of disjoint spans in ascending order has something and the other has nothing.
fn apart(a: &[[usize; 2]], b: &[[usize; 2]]) -> Vec<[usize; 2]> {
    let mut ends: Vec<usize> = a.iter().chain(b).flatten().copied().collect();
    ends.sort_unstable();
    ends.as_chunks::<2>().0.iter().copied().filter(|[start, end]| start < end).collect()
}

/// The exact ellipse of a brush; a cross where it is too small to be seen.
fn ring(painter: &Painter, placement: Placement, center: Place, radii: Place) {
    let middle = point(placement, center);
    let size = vec2(radii[0] as f32 * placement.scale[0], radii[1] as f32 * placement.scale[1]);
    if size.max_elem() < 2.0 {
        for (width, color) in [(3.0, RIM), (1.0, LIGHT)] {
            let stroke = Stroke::new(width, color);
            painter.hline(middle.x - 5.0..=middle.x + 5.0, middle.y, stroke);
            painter.vline(middle.x, middle.y - 5.0..=middle.y + 5.0, stroke);
        }
        return;
    }
    let corner = |i: usize| {
        let angle = i as f32 / CORNERS as f32 * std::f32::consts::TAU;
        middle + size * vec2(angle.cos(), angle.sin())
    };
    let points: Vec<Pos2> = (0..CORNERS).map(corner).collect();
    for (width, color) in [(3.0, RIM), (1.25, LIGHT)] {
        painter.add(Shape::closed_line(points.clone(), PathStroke::new(width, color)));
    }
}

/// The line that is being drawn, dashed where it will be closed, with the points that can be moved.
fn line(painter: &Painter, preview: &Preview, placement: Placement) {
    let line: Vec<Pos2> = preview.line.iter().map(|p| point(placement, *p)).collect();
    for (width, color) in [(3.5, RIM), (1.5, LIGHT)] {
        painter.add(Shape::line(line.clone(), PathStroke::new(width, color)));
    }
    if let [first, _, .., last] = line[..]
        && preview.is_closed
    {
        painter.extend(Shape::dashed_line(&[last, first], Stroke::new(3.0, RIM), 5.0, 4.0));
        painter.extend(Shape::dashed_line(&[last, first], Stroke::new(1.25, LIGHT), 5.0, 4.0));
    }
    let can_close = preview.points.len() >= 3;
    for (i, place) in preview.points.iter().enumerate() {
        let radius = if i == 0 && can_close { 6.0 } else { 3.5 };
        painter.circle(point(placement, *place), radius, LIGHT, Stroke::new(1.5, RIM));
    }
}

fn point(placement: Placement, [x, y]: Place) -> Pos2 {
    let [x, y] = placement.screen_from_image([x as f32, y as f32]);
    pos2(x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(scale: f32) -> Placement {
        Placement { scale: [scale, scale], origin: [0.0, 0.0] }
    }

    fn mesh(region: &Region, scale: f32) -> Mesh {
        area(region, whole(scale), Rect::from_min_max(Pos2::ZERO, pos2(800.0, 600.0)), Color32::RED, Color32::WHITE)
    }

    /// What is covered by rectangles of a colour, square points.
    fn covered(mesh: &Mesh, color: Color32) -> f32 {
        let corners = mesh.vertices.as_chunks::<4>().0;
        let of = |v: &[egui::epaint::Vertex; 4]| (v[3].pos.x - v[0].pos.x) * (v[3].pos.y - v[0].pos.y);
        corners.iter().filter(|v| v[0].color == color).map(of).sum()
    }

    #[test]
    fn an_area_is_drawn_with_its_pixels_and_their_outer_sides() {
        let span = |row, start, end| Span { row, start, end };
        let region = Region::from_spans(vec![span(1, 2, 5), span(2, 2, 4)]);
        let mesh = mesh(&region, 10.0);
        assert_eq!(covered(&mesh, Color32::RED), 500.0);
        // 3 above, 1 between, 2 below, 2 sides of 2 rows, ten points each.
        assert_eq!(covered(&mesh, Color32::WHITE), (3.0 + 1.0 + 2.0 + 4.0) * 10.0 * EDGE);
    }

    #[test]
    fn a_large_area_costs_no_more_than_the_screen() {
        let large = mesh(&Region::whole(8192, 8192), 0.1);
        assert!(large.vertices.len() < 12 * 1100, "{}", large.vertices.len());
    }

    #[test]
    fn sides_between_rows_are_where_they_differ() {
        assert_eq!(apart(&[[2, 5]], &[[2, 4]]), [[4, 5]]);
        assert_eq!(apart(&[[2, 5]], &[]), [[2, 5]]);
        assert_eq!(apart(&[[0, 2], [4, 6]], &[[1, 5]]), [[0, 1], [2, 4], [5, 6]]);
        assert!(apart(&[[3, 9]], &[[3, 9]]).is_empty());
    }
}
