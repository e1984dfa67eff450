//! What a user should know of a stack: slices that are missing, uneven or tilted, files that are cut off, drawings.

use super::{StackFrame, slice_depth};
use labrum_core::scale::{ScaledRegion, common_spacing};

/// A gap may differ from the usual one by this part of it, or by this many mm.
const SAME_GAP: (f64, f64) = (0.02, 0.02);
/// A gap of several usual ones may be off by this part of one.
const WHOLE: f64 = 0.1;
/// Below this angle, in degrees, a stack counts as straight.
const STRAIGHT: f64 = 0.5;

/// About places: `frames` lie in order along their normal, one at each place.
pub(super) fn of_places(frames: &[StackFrame]) -> Vec<String> {
    spacing_remark(frames)
        .into_iter()
        .chain(gantry_tilt_remark(frames))
        .collect()
}

/// About the files.
pub(super) fn of_files(frames: &[StackFrame]) -> Vec<String> {
    let mut notes = Vec::new();
    let missing: u32 = frames.iter().map(|f| f.missing_behind).sum();
    if missing > 0 {
        notes.push(format!(
            "{missing} of {} images are missing: a file is cut off",
            frames.len() + missing as usize
        ));
    }
    let short = frames.iter().filter(|f| f.is_short).count();
    if short > 0 {
        let are = if short == 1 { "image is" } else { "images are" };
        notes.push(format!(
            "{short} {are} cut off: the lower rows are missing, their place is shown black"
        ));
    }
    if frames.iter().any(|f| has_several_scales(&f.slice.regions)) {
        notes.push(
            "ultrasound regions with scales of their own: a length has that of the region that it lies in, and files that know one scale for the whole picture get none".into(),
        );
    }
    let drawn = frames.iter().filter(|f| f.has_overlays).count();
    if drawn > 0 {
        notes.push(format!(
            "drawings (overlays) are stored with {drawn} of {} images",
            frames.len()
        ));
    }
    notes
}

/// True where the whole picture does not have one scale.
fn has_several_scales(regions: &[ScaledRegion]) -> bool {
    regions.len() > 1 && common_spacing(regions).is_none()
}

/// Slices that are missing, or uneven spacing.
fn spacing_remark(frames: &[StackFrame]) -> Option<String> {
    let gaps: Vec<f64> = frames
        .windows(2)
        .map(|pair| slice_depth(&pair[1]) - slice_depth(&pair[0]))
        .collect();
    let mut sorted = gaps.clone();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    if gaps.len() < 2 || high - low <= (SAME_GAP.0 * low).max(SAME_GAP.1) {
        return None;
    }
    // The lower median: of two gaps the smaller one is the usual one.
    let usual = sorted[(sorted.len() - 1) / 2];
    let times = |gap: &f64| (gap / usual).round();
    let is_whole =
        |gap: &f64| times(gap) >= 1.0 && (gap - times(gap) * usual).abs() <= WHOLE * usual;
    let missing: usize = gaps
        .iter()
        .map(|gap| times(gap) as usize)
        .sum::<usize>()
        .saturating_sub(gaps.len());
    let mostly_usual = gaps.iter().filter(|gap| times(gap) == 1.0).count() * 2 >= gaps.len();
    if missing > 0 && mostly_usual && gaps.iter().all(is_whole) {
        let wide: Vec<usize> = (0..gaps.len()).filter(|i| times(&gaps[*i]) > 1.0).collect();
        let at = wide[0];
        let slices = if missing == 1 {
            "one slice is".to_owned()
        } else {
            format!("{missing} slices are")
        };
        let more = match wide.len() - 1 {
            0 => String::new(),
            1 => ", and there is one more gap".to_owned(),
            more => format!(", and there are {more} more gaps"),
        };
        return Some(format!(
            "{slices} missing: slices lie {usual:.2} mm apart, slices {} and {} lie {:.2} mm apart{more}",
            at + 1,
            at + 2,
            gaps[at]
        ));
    }
    Some(format!("slice spacing is uneven: {low:.2} to {high:.2} mm"))
}

/// Slices that do not lie straight behind each other: a tilted gantry.
fn gantry_tilt_remark(frames: &[StackFrame]) -> Option<String> {
    let (first, last) = (frames.first()?, frames.last()?);
    let (a, b) = (first.slice.plane?, last.slice.plane?);
    let along = slice_depth(last) - slice_depth(first);
    let normal = a.unit_normal();
    let off: [f64; 3] = std::array::from_fn(|i| b.position[i] - a.position[i] - along * normal[i]);
    let aside = off.iter().map(|v| v * v).sum::<f64>().sqrt();
    let angle = aside.atan2(along).to_degrees();
    if frames.len() < 2 || along <= 0.0 || angle < STRAIGHT {
        return None;
    }
    let each = aside / (frames.len() - 1) as f64;
    let cause = match first.tilt {
        Some(tilt) if tilt.abs() >= STRAIGHT => {
            format!("the gantry was tilted by {:.1} degrees", tilt.abs())
        }
        _ => format!("the stack is slanted by {angle:.1} degrees"),
    };
    Some(format!(
        "{cause}: each slice lies {each:.2} mm aside of the one before"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrum_core::{
        geometry::Plane,
        study::{Slice, Source},
    };

    fn frame([x, y, z]: [f64; 3]) -> StackFrame {
        let plane = Plane {
            position: [x, y, z],
            orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        };
        let source = Source {
            path: "x.dcm".into(),
            frame: 0,
        };
        let slice = Slice {
            plane: Some(plane),
            ..Slice::from_source(source)
        };
        StackFrame {
            slice,
            size: (4, 4),
            color: false,
            clip: None,
            image_type: String::new(),
            times: [None; super::super::TIMES.len()],
            diffusion: Default::default(),
            tilt: None,
            is_short: false,
            missing_behind: 0,
            has_overlays: false,
        }
    }

    fn at(depths: &[f64]) -> Vec<StackFrame> {
        depths.iter().map(|z| frame([0.0, 0.0, *z])).collect()
    }

    #[test]
    fn even_slices_need_no_remark() {
        assert!(of_places(&at(&[0.0, 5.0, 10.0, 15.01])).is_empty());
        assert!(of_places(&at(&[0.0])).is_empty());
    }

    #[test]
    fn missing_slices_are_counted_and_told_from_uneven_ones() {
        assert_eq!(
            of_places(&at(&[0.0, 5.0, 10.0, 25.0, 30.0, 40.0])),
            [
                "3 slices are missing: slices lie 5.00 mm apart, slices 3 and 4 lie 15.00 mm apart, and there is one more gap"
            ]
        );
        assert_eq!(
            of_places(&at(&[0.0, 5.0, 11.3, 16.0])),
            ["slice spacing is uneven: 4.70 to 6.30 mm"]
        );
        assert_eq!(
            of_places(&at(&[0.0, 3.0, 13.0, 16.0, 26.0])),
            ["slice spacing is uneven: 3.00 to 10.00 mm"]
        );
    }

    #[test]
    fn a_tilted_gantry_is_told() {
        let mut frames: Vec<StackFrame> = (0..4)
            .map(|i| frame([0.0, f64::from(i), 5.0 * f64::from(i)]))
            .collect();
        assert_eq!(
            of_places(&frames),
            [
                "the stack is slanted by 11.3 degrees: each slice lies 1.00 mm aside of the one before"
            ]
        );
        frames[0].tilt = Some(-11.3);
        assert!(of_places(&frames)[0].starts_with("the gantry was tilted by 11.3 degrees"));
    }

    #[test]
    fn what_is_cut_off_is_counted() {
        let mut frames = at(&[0.0, 5.0]);
        frames[1].is_short = true;
        frames[1].missing_behind = 2;
        assert_eq!(
            of_files(&frames),
            [
                "2 of 4 images are missing: a file is cut off",
                "1 image is cut off: the lower rows are missing, their place is shown black"
            ]
        );
    }
}
