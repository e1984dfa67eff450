//! Remarks about a stack: missing, uneven or tilted slices, truncated files, overlays.

use super::{StackFrame, slice_depth};
use labrum_core::{
    scale::{ScaledRegion, common_spacing},
    vector::{point_along, vector_between, vector_length},
};

/// Gaps are equal if they differ by no more than this fraction, or by this many mm.
const SAME_GAP: (f64, f64) = (0.02, 0.02);
/// Tolerance for a multiple of the usual gap, as a fraction of that gap.
const WHOLE: f64 = 0.1;
/// Below this angle, degrees, a stack counts as straight.
const STRAIGHT: f64 = 0.5;

/// Remarks about positions; `frames` are in order along their normal, one at each position.
pub(super) fn of_places(frames: &[StackFrame]) -> Vec<String> {
    spacing_remark(frames)
        .into_iter()
        .chain(gantry_tilt_remark(frames))
        .collect()
}

/// Remarks about the files.
pub(super) fn of_files(frames: &[StackFrame]) -> Vec<String> {
    let mut notes = Vec::new();
    let missing: u32 = frames.iter().map(|f| f.missing_behind).sum();
    if missing > 0 {
        notes.push(format!(
            "{missing} of {} images are missing: a file is truncated",
            frames.len() + missing as usize
        ));
    }
    let short = frames.iter().filter(|f| f.is_short).count();
    if short > 0 {
        let are = if short == 1 { "image is" } else { "images are" };
        notes.push(format!(
            "{short} {are} truncated: the missing lower rows are shown black"
        ));
    }
    if frames.iter().any(|f| has_several_scales(&f.slice.regions)) {
        notes.push(
            "the ultrasound regions have different scales: lengths use the scale of their region, \
             and exported files with a single scale per image get none"
                .into(),
        );
    }
    let drawn = frames.iter().filter(|f| f.has_overlays).count();
    if drawn > 0 {
        notes.push(format!(
            "overlays are stored with {drawn} of {} images",
            frames.len()
        ));
    }
    notes
}

/// True if the regions of an image have different scales.
fn has_several_scales(regions: &[ScaledRegion]) -> bool {
    regions.len() > 1 && common_spacing(regions).is_none()
}

/// Remark about missing slices or uneven spacing.
fn spacing_remark(frames: &[StackFrame]) -> Option<String> {
    let gaps: Vec<f64> = frames
        .windows(2)
        .map(|pair| slice_depth(&pair[1]) - slice_depth(&pair[0]))
        .collect();
    let mut sorted = gaps.clone();
    sorted.sort_by(f64::total_cmp);
    let low = *sorted.first()?;
    let high = *sorted.last()?;
    if gaps.len() < 2 || high - low <= (SAME_GAP.0 * low).max(SAME_GAP.1) {
        return None;
    }
    // The lower median: of two gaps, the smaller one counts as usual.
    let usual = sorted[(sorted.len() - 1) / 2];
    let missing: usize = gaps
        .iter()
        .map(|gap| rounded_multiple(*gap, usual) as usize)
        .sum::<usize>()
        .saturating_sub(gaps.len());
    let usual_gaps = gaps
        .iter()
        .filter(|gap| rounded_multiple(**gap, usual) == 1.0)
        .count();
    let mostly_usual = usual_gaps * 2 >= gaps.len();
    if missing > 0 && mostly_usual && gaps.iter().all(|gap| is_whole_multiple(*gap, usual)) {
        let wide: Vec<usize> = (0..gaps.len())
            .filter(|i| rounded_multiple(gaps[*i], usual) > 1.0)
            .collect();
        let at = wide[0];
        let slices = if missing == 1 {
            "1 slice is".to_owned()
        } else {
            format!("{missing} slices are")
        };
        let more = match wide.len() - 1 {
            0 => String::new(),
            1 => " (and 1 more gap)".to_owned(),
            more => format!(" (and {more} more gaps)"),
        };
        return Some(format!(
            "{slices} missing: slice spacing is {usual:.2} mm, but slices {} and {} are {:.2} mm \
             apart{more}",
            at + 1,
            at + 2,
            gaps[at]
        ));
    }
    Some(format!("slice spacing is uneven: {low:.2} to {high:.2} mm"))
}

/// The gap as a multiple of the usual gap, rounded.
fn rounded_multiple(gap: f64, usual: f64) -> f64 {
    (gap / usual).round()
}

/// True if a gap is nearly a whole multiple of the usual gap.
fn is_whole_multiple(gap: f64, usual: f64) -> bool {
    let times = rounded_multiple(gap, usual);
    times >= 1.0 && (gap - times * usual).abs() <= WHOLE * usual
}

/// Remark about slices that are shifted in-plane from one to the next, as with a tilted gantry.
fn gantry_tilt_remark(frames: &[StackFrame]) -> Option<String> {
    let first = frames.first()?;
    let last = frames.last()?;
    let a = first.slice.plane?;
    let b = last.slice.plane?;
    let along = slice_depth(last) - slice_depth(first);
    let normal = a.unit_normal();
    let between = vector_between(a.position, b.position);
    let aside = vector_length(point_along(between, normal, -along));
    let angle = aside.atan2(along).to_degrees();
    if frames.len() < 2 || along <= 0.0 || angle < STRAIGHT {
        return None;
    }
    let each = aside / (frames.len() - 1) as f64;
    let cause = match first.tilt {
        Some(tilt) if tilt.abs() >= STRAIGHT => {
            format!("the gantry was tilted by {:.1} degrees", tilt.abs())
        }
        _ => format!("the stack is skewed by {angle:.1} degrees"),
    };
    Some(format!(
        "{cause}: each slice is shifted by {each:.2} mm from the one before"
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
            cine: Default::default(),
        }
    }

    fn at(depths: &[f64]) -> Vec<StackFrame> {
        depths.iter().map(|z| frame([0.0, 0.0, *z])).collect()
    }

    #[test]
    fn evenly_spaced_slices_need_no_remark() {
        assert!(of_places(&at(&[0.0, 5.0, 10.0, 15.01])).is_empty());
        assert!(of_places(&at(&[0.0])).is_empty());
    }

    #[test]
    fn missing_slices_are_counted_and_distinguished_from_uneven_spacing() {
        assert_eq!(
            of_places(&at(&[0.0, 5.0, 10.0, 25.0, 30.0, 40.0])),
            [
                "3 slices are missing: slice spacing is 5.00 mm, but slices 3 and 4 are 15.00 mm apart (and 1 more gap)"
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
    fn a_tilted_gantry_is_noted() {
        let mut frames: Vec<StackFrame> = (0..4)
            .map(|i| frame([0.0, f64::from(i), 5.0 * f64::from(i)]))
            .collect();
        assert_eq!(
            of_places(&frames),
            [
                "the stack is skewed by 11.3 degrees: each slice is shifted by 1.00 mm from the one before"
            ]
        );
        frames[0].tilt = Some(-11.3);
        assert!(of_places(&frames)[0].starts_with("the gantry was tilted by 11.3 degrees"));
    }

    #[test]
    fn missing_and_truncated_images_are_counted() {
        let mut frames = at(&[0.0, 5.0]);
        frames[1].is_short = true;
        frames[1].missing_behind = 2;
        assert_eq!(
            of_files(&frames),
            [
                "2 of 4 images are missing: a file is truncated",
                "1 image is truncated: the missing lower rows are shown black"
            ]
        );
    }
}
