//! Orientation letters: which side of the patient is at which edge of a view.

use crate::session::turn::Turn;
use labrum_core::image::Image;

/// Orientation letters of the right, left, bottom and top edge, for the row and column directions in
/// patient coordinates.
pub(in crate::ui) fn letters_of(row: [f64; 3], column: [f64; 3]) -> [String; 4] {
    [
        orientation_letters(row),
        orientation_letters(row.map(|x| -x)),
        orientation_letters(column),
        orientation_letters(column.map(|x| -x)),
    ]
}

/// Orientation letters of an image; `None` if its orientation is unknown.
pub(in crate::ui) fn letters_in(image: &Image) -> Option<[String; 4]> {
    if let Some(plane) = image.plane {
        let [a, b, c, d, e, f] = plane.orientation;
        return Some(letters_of([a, b, c], [d, e, f]));
    }
    let [row, column] = image.orientation.as_ref()?;
    Some([
        row.clone(),
        opposite_letters(row),
        column.clone(),
        opposite_letters(column),
    ])
}

fn opposite_letters(letters: &str) -> String {
    letters.chars().map(opposite_letter).collect()
}

fn opposite_letter(letter: char) -> char {
    match letter {
        'L' => 'R',
        'R' => 'L',
        'A' => 'P',
        'P' => 'A',
        'H' => 'F',
        'F' => 'H',
        other => other,
    }
}

/// Letters of a direction in patient coordinates, the largest component first, as in DICOM's Patient
/// Orientation (0020,0020).
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

/// The letters of the right, left, bottom and top edge of the screen, from those of an image that is shown upright.
pub(in crate::ui) fn turned_letters(letters: &[String; 4], turn: Turn) -> [String; 4] {
    [[1, 0], [-1, 0], [0, 1], [0, -1]].map(|side| {
        let place = match turn.to_image(side) {
            [1, _] => 0,
            [-1, _] => 1,
            [_, 1] => 2,
            _ => 3,
        };
        letters[place].clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientation_letters_follow_dicom() {
        assert_eq!(orientation_letters([1.0, 0.0, 0.0]), "L");
        assert_eq!(orientation_letters([0.0, -1.0, 0.0]), "A");
        assert_eq!(orientation_letters([0.7, 0.7, 0.0]), "LP");
        assert_eq!(orientation_letters([0.0, 0.1, -0.99]), "F");
    }

    #[test]
    fn letters_stay_at_their_side_of_a_turned_image() {
        // An axial slice: the patient's left on the right, posterior at the bottom.
        let axial = letters_of([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]);
        assert_eq!(axial, ["L", "R", "P", "A"]);
        let shown = |turn: Turn| turned_letters(&axial, turn).join("");
        let upright = Turn::UPRIGHT;
        assert_eq!(shown(upright), "LRPA");
        assert_eq!(shown(upright.flipped_horizontally()), "RLPA");
        assert_eq!(shown(upright.flipped_vertically()), "LRAP");
        // The anterior side, at the top before, is on the right after a clockwise rotation.
        assert_eq!(shown(upright.rotated_right()), "APLR");
        assert_eq!(shown(upright.rotated_left()), "PARL");
    }
}
