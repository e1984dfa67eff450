//! Splits the frames of one Series Instance UID into stacks: one for each size, orientation, diffusion weighting and
//! time, ordered by position. File names and the order of the files do not matter.

mod remarks;

use super::diffusion::{self, Diffusion};
use labrum_core::{cine::CineHint, study::Slice};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, collections::BTreeMap, ffi::OsString};

/// Positions that differ by no more than this, mm, are equal.
const SAME_PLACE: f64 = 0.01;

/// Attributes that may distinguish slices at the same position, in the order in which they are tried.
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

/// A frame to be sorted into a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StackFrame {
    /// The slice that it becomes.
    pub(crate) slice: Slice,
    /// Columns and rows.
    pub(crate) size: (usize, usize),
    /// True for a colour image.
    pub(crate) color: bool,
    /// The file of a cine loop: frames of different loops are not combined.
    pub(crate) clip: Option<OsString>,
    /// Image Type, as in the file.
    pub(crate) image_type: String,
    /// The value for each of [`TIMES`].
    pub(crate) times: [Option<f64>; TIMES.len()],
    /// Diffusion weighting.
    pub(crate) diffusion: Diffusion,
    /// Gantry/Detector Tilt, degrees.
    pub(crate) tilt: Option<f64>,
    /// True if the frame is truncated.
    pub(crate) is_short: bool,
    /// Number of frames that are missing in the file after this one.
    pub(crate) missing_behind: u32,
    /// True if the file has overlays.
    pub(crate) has_overlays: bool,
    /// How the file asks to be played.
    pub(crate) cine: CineHint,
}

/// The place of a stack among those of the same slices at several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackTime {
    /// 0-based index of the time.
    pub(crate) index: usize,
    /// Number of times.
    pub(crate) count: usize,
}

/// Slices that belong together, in order.
#[derive(Clone, Debug)]
pub(crate) struct FrameStack {
    /// In order of position or, at the same position, of time.
    pub(crate) frames: Vec<StackFrame>,
    /// Distinguishes it from the other stacks of the series, such as "time 3 of 20"; empty if it is the only one.
    pub(crate) name: String,
    /// Remarks for the user.
    pub(crate) notes: Vec<String>,
    /// Which of several times it is; those of the other times are right before and after it in the list.
    pub(crate) time: Option<StackTime>,
}

impl FrameStack {
    /// A stack that is the only one of its slices, without a name.
    fn single(frames: Vec<StackFrame>, notes: Vec<String>) -> Self {
        Self {
            frames,
            name: String::new(),
            notes,
            time: None,
        }
    }
}

/// Splits the frames of a series into stacks.
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
                    "the series was split because it contains several cine loops, or images of \
                     different size, spacing or orientation"
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

/// Groups frames by size, colour, spacing and orientation; the groups are in order of their first instance.
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
    let same_direction = match (a.slice.plane, b.slice.plane) {
        (Some(a), Some(b)) => (0..6).all(|i| is_close(a.orientation[i], b.orientation[i], 1e-3)),
        (None, None) => true,
        _ => false,
    };
    let same_spacing = match (a.slice.spacing, b.slice.spacing) {
        (Some(a), Some(b)) => {
            is_close(a.row, b.row, 1e-3 * a.row) && is_close(a.column, b.column, 1e-3 * a.column)
        }
        (None, None) => true,
        _ => false,
    };
    a.size == b.size && a.clip == b.clip && a.color == b.color && same_direction && same_spacing
}

fn is_close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
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

/// One stack for each b-value, direction and time. If all images are at one position, they form one stack in that
/// order.
fn by_diffusion(mut frames: Vec<StackFrame>) -> Vec<FrameStack> {
    let all: Vec<Diffusion> = frames.iter().map(|f| f.diffusion).collect();
    let weightings = diffusion::distinct_weightings(&all);
    if weightings.len() < 2 {
        return by_time(frames);
    }
    if group_by_place(&frames).len() == 1 {
        frames.sort_by(|a, b| weighting_order(&weightings, a, b));
        let notes = vec![format!(
            "{} images at one position, ordered by b-value and diffusion direction",
            frames.len()
        )];
        return vec![FrameStack::single(frames, notes)];
    }
    let mut groups = vec![Vec::new(); weightings.len()];
    for frame in frames {
        let index = diffusion::weighting_index(&weightings, frame.diffusion);
        groups[index].push(frame);
    }
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

/// Order by diffusion weighting, then by time.
fn weighting_order(weightings: &[Diffusion], a: &StackFrame, b: &StackFrame) -> Ordering {
    let of_a = diffusion::weighting_index(weightings, a.diffusion);
    let of_b = diffusion::weighting_index(weightings, b.diffusion);
    of_a.cmp(&of_b).then_with(|| time_order(a, b))
}

/// Order by the values of [`TIMES`].
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

/// One stack of frames without a known position, in the order of the files.
fn in_given_order(mut frames: Vec<StackFrame>) -> FrameStack {
    frames.sort_by(by_order);
    FrameStack::single(frames, Vec::new())
}

/// Order by Instance Number and frame, then by SOP Instance UID. Only files without a UID are ordered by path.
fn by_order(a: &StackFrame, b: &StackFrame) -> Ordering {
    let a = &a.slice;
    let b = &b.slice;
    number_and_frame(a)
        .cmp(&number_and_frame(b))
        .then_with(|| a.sop_instance_uid.cmp(&b.sop_instance_uid))
        .then_with(|| a.source.path.cmp(&b.source.path))
}

/// Instance Number and frame; slices without a number sort last.
fn number_and_frame(slice: &Slice) -> (i64, u32) {
    let number = slice.instance_number.unwrap_or(i64::MAX);
    (number, slice.source.frame)
}

fn in_space(mut frames: Vec<StackFrame>) -> FrameStack {
    frames.sort_by(|a, b| {
        slice_depth(a)
            .total_cmp(&slice_depth(b))
            .then_with(|| by_order(a, b))
    });
    let notes = remarks::of_places(&frames);
    FrameStack::single(frames, notes)
}

fn slice_depth(frame: &StackFrame) -> f64 {
    frame
        .slice
        .plane
        .map_or(0.0, |plane| plane.distance_along_normal())
}

/// The frames at each position, in order of position.
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

/// One stack for each time. The times at different positions may differ (heart rates vary), so the n-th frames of all
/// positions are combined.
fn by_time(frames: Vec<StackFrame>) -> Vec<FrameStack> {
    let mut places = group_by_place(&frames);
    let key =
        (0..TIMES.len()).find(|key| places.iter().all(|place| has_distinct_times(place, *key)));
    for place in &mut places {
        place.sort_by(|a, b| {
            time_of_frame(a, key)
                .total_cmp(&time_of_frame(b, key))
                .then_with(|| by_order(a, b))
        });
    }
    let times = places.iter().map(Vec::len).max().unwrap_or(0);
    let by = key.map_or("instance number", |key| TIMES[key]);
    let is_guess = key.is_none() && places.len() > 1;
    if places.len() == 1 {
        let frames = places.remove(0);
        let notes = if times > 1 {
            vec![format!("{times} images at one position, ordered by {by}")]
        } else {
            Vec::new()
        };
        return vec![FrameStack::single(frames, notes)];
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
                stack.time = Some(StackTime {
                    index: time,
                    count: times,
                });
                stack.name = format!("time {} of {times}", time + 1);
                stack
                    .notes
                    .insert(0, format!("time {} of {times}, ordered by {by}", time + 1));
            }
            if uneven {
                stack
                    .notes
                    .push("the number of images differs between slice positions".into());
            }
            if is_guess {
                stack.notes.push(
                    "the files do not say which images belong together; this stack may mix images \
                     of several acquisitions"
                        .into(),
                );
            }
            stack
        })
        .collect()
}

/// True if all frames at a position have a value for this one of [`TIMES`], and all values differ.
fn has_distinct_times(place: &[StackFrame], key: usize) -> bool {
    let mut values: Vec<Option<f64>> = place.iter().map(|f| f.times[key]).collect();
    values.sort_by(|a, b| a.unwrap_or(0.0).total_cmp(&b.unwrap_or(0.0)));
    values.iter().all(Option::is_some) && values.windows(2).all(|pair| pair[0] != pair[1])
}

/// The value of a frame for this one of [`TIMES`]; 0 if there is none.
fn time_of_frame(frame: &StackFrame, key: Option<usize>) -> f64 {
    key.and_then(|key| frame.times[key]).unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
