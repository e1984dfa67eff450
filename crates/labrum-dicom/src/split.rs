//! From the frames of one Series Instance UID to stacks: one size and orientation each, ordered by place, one stack for
//! each diffusion weighting and each time. Names and order of the files decide nothing.

mod remarks;

use super::diffusion::{self, Diffusion};
use labrum_core::study::Slice;
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, collections::BTreeMap, ffi::OsString};

/// Places closer than this, in mm, are one place.
const SAME_PLACE: f64 = 0.01;

/// What slices at one place may differ in, in the order in which they are tried.
pub(crate) const TIMES: [&str; 8] = [
    "temporal position",
    "trigger time",
    "echo time",
    "b-value",
    "acquisition number",
    "acquisition time",
    "content time",
    "instance number",
];

/// A frame that is to be put into a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StackFrame {
    /// The slice that it becomes.
    pub(crate) slice: Slice,
    /// Width and height.
    pub(crate) size: (usize, usize),
    /// Whether it has colour.
    pub(crate) color: bool,
    /// The file of a loop: frames of two loops do not belong together.
    pub(crate) clip: Option<OsString>,
    /// Image Type, as in the file.
    pub(crate) image_type: String,
    /// A value for each of [`TIMES`].
    pub(crate) times: [Option<f64>; TIMES.len()],
    /// How it is weighted, of a diffusion image.
    pub(crate) diffusion: Diffusion,
    /// Gantry/Detector Tilt, degrees.
    pub(crate) tilt: Option<f64>,
    /// Only its beginning is in the file.
    pub(crate) is_short: bool,
    /// Frames that should follow in its file and do not.
    pub(crate) missing_behind: u32,
    /// Drawings are stored with it.
    pub(crate) has_overlays: bool,
}

/// Slices that belong together, in order.
#[derive(Clone, Debug)]
pub(crate) struct FrameStack {
    /// In order of place or, at one place, of time.
    pub(crate) frames: Vec<StackFrame>,
    /// What tells it from the other stacks of the series: "time 3 of 20"; empty where there is one.
    pub(crate) name: String,
    /// What a user should know.
    pub(crate) notes: Vec<String>,
}

/// Splits the frames of a series.
pub(crate) fn into_stacks(frames: Vec<StackFrame>) -> Vec<FrameStack> {
    let groups = by_shape(frames);
    let parts = groups.len();
    let mut stacks = Vec::new();
    for (index, group) in groups.into_iter().enumerate() {
        let mut of_group = stacks_of_shape(group);
        of_group
            .iter_mut()
            .for_each(|stack| stack.notes.extend(remarks::of_files(&stack.frames)));
        if parts > 1 {
            for stack in &mut of_group {
                stack.name = join_names(&format!("part {} of {parts}", index + 1), &stack.name);
                stack.notes.insert(
                    0,
                    "the series was split: it holds several loops, or images of different size, spacing or orientation"
                        .into(),
                );
            }
        }
        stacks.extend(of_group);
    }
    stacks
}

fn join_names(a: &str, b: &str) -> String {
    if b.is_empty() {
        a.into()
    } else {
        format!("{a}, {b}")
    }
}

/// Same size, colour, spacing and orientation; groups in order of their first instance.
fn by_shape(mut frames: Vec<StackFrame>) -> Vec<Vec<StackFrame>> {
    frames.sort_by(by_order);
    let mut groups: Vec<Vec<StackFrame>> = Vec::new();
    for frame in frames {
        match groups
            .iter_mut()
            .find(|group| same_shape(&group[0], &frame))
        {
            Some(group) => group.push(frame),
            None => groups.push(vec![frame]),
        }
    }
    groups
}

fn same_shape(a: &StackFrame, b: &StackFrame) -> bool {
    let close = |a: f64, b: f64, tolerance: f64| (a - b).abs() <= tolerance;
    let same_direction = match (a.slice.plane, b.slice.plane) {
        (Some(a), Some(b)) => (0..6).all(|i| close(a.orientation[i], b.orientation[i], 1e-3)),
        (None, None) => true,
        _ => false,
    };
    let same_spacing = match (a.slice.spacing, b.slice.spacing) {
        (Some(a), Some(b)) => {
            close(a.row, b.row, 1e-3 * a.row) && close(a.column, b.column, 1e-3 * a.column)
        }
        (None, None) => true,
        _ => false,
    };
    a.size == b.size && a.clip == b.clip && a.color == b.color && same_direction && same_spacing
}

fn stacks_of_shape(frames: Vec<StackFrame>) -> Vec<FrameStack> {
    if frames.iter().any(|f| f.slice.plane.is_none()) {
        return vec![in_given_order(frames)];
    }
    if group_by_place(&frames).iter().all(|place| place.len() == 1) {
        return vec![in_space(frames)];
    }
    let mut kinds: BTreeMap<String, Vec<StackFrame>> = BTreeMap::new();
    for frame in frames {
        kinds
            .entry(frame.image_type.clone())
            .or_default()
            .push(frame);
    }
    let several = kinds.len() > 1;
    let mut stacks = Vec::new();
    for (kind, frames) in kinds {
        for mut stack in by_diffusion(frames) {
            if several {
                stack.name = join_names(&kind.replace('\\', " ").to_lowercase(), &stack.name);
            }
            stacks.push(stack);
        }
    }
    stacks
}

/// One stack for each b-value and direction, and in each for each time. Images of one place stay together, in that order.
fn by_diffusion(mut frames: Vec<StackFrame>) -> Vec<FrameStack> {
    let all: Vec<Diffusion> = frames.iter().map(|f| f.diffusion).collect();
    let weightings = diffusion::distinct_weightings(&all);
    let of = |frame: &StackFrame| diffusion::weighting_index(&weightings, frame.diffusion);
    if weightings.len() < 2 {
        return by_time(frames);
    }
    if group_by_place(&frames).len() == 1 {
        frames.sort_by(|a, b| of(a).cmp(&of(b)).then_with(|| time_order(a, b)));
        let notes = vec![format!(
            "{} images of one place, by b-value and diffusion direction",
            frames.len()
        )];
        return vec![FrameStack {
            frames,
            name: String::new(),
            notes,
        }];
    }
    let mut groups = vec![Vec::new(); weightings.len()];
    frames
        .into_iter()
        .for_each(|frame| groups[of(&frame)].push(frame));
    let mut stacks = Vec::new();
    for (weighting, group) in weightings.iter().zip(groups) {
        for mut stack in by_time(group) {
            stack.name = join_names(&weighting.display_name(), &stack.name);
            stack.notes.insert(
                0,
                format!(
                    "the series was split by b-value and diffusion direction: {}",
                    stack.name
                ),
            );
            stacks.push(stack);
        }
    }
    stacks
}

/// By all that tells one time from another.
fn time_order(a: &StackFrame, b: &StackFrame) -> Ordering {
    let pairs = a
        .times
        .iter()
        .zip(&b.times)
        .map(|(a, b)| a.unwrap_or(0.0).total_cmp(&b.unwrap_or(0.0)));
    pairs
        .fold(Ordering::Equal, Ordering::then)
        .then_with(|| by_order(a, b))
}

/// Pictures of one place after another, or of no place at all.
fn in_given_order(mut frames: Vec<StackFrame>) -> FrameStack {
    frames.sort_by(by_order);
    FrameStack {
        frames,
        name: String::new(),
        notes: Vec::new(),
    }
}

/// The order that the files themselves give: Instance Number, frame, and the UID where those say nothing. Only files
/// without a UID go by their names.
fn by_order(a: &StackFrame, b: &StackFrame) -> Ordering {
    let number = |f: &StackFrame| {
        (
            f.slice.instance_number.unwrap_or(i64::MAX),
            f.slice.source.frame,
        )
    };
    let uid = || a.slice.sop_instance_uid.cmp(&b.slice.sop_instance_uid);
    let path = || a.slice.source.path.cmp(&b.slice.source.path);
    number(a).cmp(&number(b)).then_with(uid).then_with(path)
}

fn in_space(mut frames: Vec<StackFrame>) -> FrameStack {
    frames.sort_by(|a, b| {
        slice_depth(a)
            .total_cmp(&slice_depth(b))
            .then_with(|| by_order(a, b))
    });
    let notes = remarks::of_places(&frames);
    FrameStack {
        frames,
        name: String::new(),
        notes,
    }
}

fn slice_depth(frame: &StackFrame) -> f64 {
    frame
        .slice
        .plane
        .map_or(0.0, |plane| plane.distance_along_normal())
}

/// The frames at each place, in order of place.
fn group_by_place(frames: &[StackFrame]) -> Vec<Vec<StackFrame>> {
    let mut frames = frames.to_vec();
    frames.sort_by(|a, b| slice_depth(a).total_cmp(&slice_depth(b)));
    let mut places: Vec<Vec<StackFrame>> = Vec::new();
    for frame in frames {
        match places.last_mut() {
            Some(place) if (slice_depth(&place[0]) - slice_depth(&frame)).abs() <= SAME_PLACE => {
                place.push(frame)
            }
            _ => places.push(vec![frame]),
        }
    }
    places
}

/// One stack for each time. The times of two places need not agree (heart rates do not): the n-th of each belong
/// together.
fn by_time(frames: Vec<StackFrame>) -> Vec<FrameStack> {
    let mut places = group_by_place(&frames);
    let distinct = |place: &Vec<StackFrame>, key: usize| {
        let mut values: Vec<Option<f64>> = place.iter().map(|f| f.times[key]).collect();
        values.sort_by(|a, b| a.unwrap_or(0.0).total_cmp(&b.unwrap_or(0.0)));
        values.iter().all(Option::is_some) && values.windows(2).all(|pair| pair[0] != pair[1])
    };
    let key = (0..TIMES.len()).find(|key| places.iter().all(|place| distinct(place, *key)));
    for place in &mut places {
        place.sort_by(|a, b| {
            let at = |f: &StackFrame| key.and_then(|k| f.times[k]).unwrap_or(0.0);
            at(a).total_cmp(&at(b)).then_with(|| by_order(a, b))
        });
    }
    let times = places.iter().map(Vec::len).max().unwrap_or(0);
    let by = key.map_or("instance number", |key| TIMES[key]);
    let is_guess = key.is_none() && places.len() > 1;
    if places.len() == 1 {
        let frames = places.remove(0);
        let notes = if times > 1 {
            vec![format!("{times} images of one place, by {by}")]
        } else {
            Vec::new()
        };
        return vec![FrameStack {
            frames,
            name: String::new(),
            notes,
        }];
    }
    let uneven = places.iter().any(|place| place.len() != times);
    (0..times)
        .map(|time| {
            let mut stack = in_space(
                places
                    .iter()
                    .filter_map(|place| place.get(time).cloned())
                    .collect(),
            );
            if times > 1 {
                stack.name = format!("time {} of {times}", time + 1);
                stack
                    .notes
                    .insert(0, format!("time {} of {times}, by {by}", time + 1));
            }
            if uneven {
                stack
                    .notes
                    .push("not every place was imaged equally often".into());
            }
            if is_guess {
                stack.notes.push(
                    "the files do not say which images belong together: this stack may mix several"
                        .into(),
                );
            }
            stack
        })
        .collect()
}

#[cfg(test)]
mod tests;
