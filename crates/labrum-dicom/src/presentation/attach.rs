//! Which series presentation states belong to: those with an image that they refer to.

use labrum_core::{
    presentation::PresentationState,
    study::{PassedOver, Series, Study},
};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    path::PathBuf,
};

/// Adds presentation states to the series that they refer to, newest first; returns the files of the others.
pub fn attach_states(
    studies: &mut [Study],
    mut states: Vec<(PathBuf, PresentationState)>,
) -> Vec<PassedOver> {
    states.sort_by_key(|(_, state)| Reverse(state.created.clone()));
    let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, (_, state)) in states.iter().enumerate() {
        let uids: HashSet<&str> = state
            .images
            .iter()
            .map(|image| image.uid.as_str())
            .collect();
        for uid in uids {
            named.entry(uid).or_default().push(at);
        }
    }
    let mut is_attached = vec![false; states.len()];
    for series in studies.iter_mut().flat_map(|study| &mut study.series) {
        for at in states_of(series, &named, &states) {
            is_attached[at] = true;
            let state = &states[at].1;
            // A copy of a file is the same presentation state.
            if series
                .presentations
                .iter()
                .all(|known| known.uid != state.uid)
            {
                series.presentations.push(state.clone());
            }
        }
    }
    let others = states.iter().zip(is_attached).filter(|(_, is)| !is);
    others
        .map(|((path, _), _)| PassedOver {
            path: path.clone(),
            reason: "a presentation state for images that are not among these files".into(),
            is_failure: false,
            has_masks: false,
        })
        .collect()
}

/// Indices of the states that refer to a slice of a series, in order.
fn states_of(
    series: &Series,
    named: &HashMap<&str, Vec<usize>>,
    states: &[(PathBuf, PresentationState)],
) -> Vec<usize> {
    let mut found = HashSet::new();
    for key in series.slices.iter().filter_map(|slice| slice.image_key()) {
        for at in named.get(key.uid).into_iter().flatten() {
            if !found.contains(at) && states[*at].1.refers_to(key) {
                found.insert(*at);
            }
        }
    }
    let mut found: Vec<usize> = found.into_iter().collect();
    found.sort_unstable();
    found
}
