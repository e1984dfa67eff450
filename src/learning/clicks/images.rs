//! The images that the click model is fine-tuned on, with the objects on them.

use crate::{
    Error, Result,
    learning::{exercise::Exercise, prompts::task_image},
};
use labrum_core::{progress::Control, training::RoundPhase};
use labrum_nn::prompt::{source::TaskImage, train::PromptTask};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Maximum number of slices to train on, unless there are more cases: then one of each.
const MOST_SLICES: usize = 400;
/// Memory for their images, in bytes: larger images are reduced to fit.
const IMAGE_BYTES: usize = 400 << 20;
/// Memory for a pixel with its label, in bytes.
const PIXEL_BYTES: usize = size_of::<f32>() + size_of::<u16>();
/// Memory for a pixel of a sample in a training step, in bytes.
const STEP_BYTES: usize = 2800;
/// Memory for the weights and the rest of the program, in bytes.
const PROGRAM_BYTES: usize = 150 << 20;
/// Maximum side of images for regions of superpixels, in pixels: finding these in large images is slow.
const REHEARSED_SIDE: usize = 256;
/// Number of images read between two checks for cancellation.
const AT_ONCE: usize = 16;

/// Reads the slices with objects as a task, and small copies of them without labels as another one with a share
/// `rehearsed` of the episodes. `None` if cancelled.
///
/// # Errors
/// If no mask has an object, or an image cannot be read or differs in size from its mask.
pub(super) fn read_tasks(
    exercises: &[Exercise],
    rehearsed: f64,
    control: &Control,
    phase: &mut dyn FnMut(RoundPhase),
) -> Result<Option<Vec<PromptTask>>> {
    let cases = slices_by_case(exercises, MOST_SLICES);
    let most_of_case = MOST_SLICES.div_ceil(cases.len().max(1));
    let slices: Vec<&Exercise> = cases
        .into_iter()
        .flat_map(|slices| at_even_intervals(slices, most_of_case))
        .collect();
    if slices.is_empty() {
        return Err(Error::new(
            "train the model for clicks",
            "no accepted mask has an object",
        )
        .with_advice("Accept a case with a mask that is not empty."));
    }
    let longest = longest_side(slices.len());
    let mut images: Vec<TaskImage> = Vec::with_capacity(slices.len());
    for part in slices.chunks(AT_ONCE) {
        phase(RoundPhase::Reading {
            done: images.len(),
            total: slices.len(),
        });
        if !control.may_go_on() {
            return Ok(None);
        }
        let read = part
            .par_iter()
            .map(|exercise| Ok(read_image(exercise)?.shrunk(longest)))
            .collect::<Result<Vec<_>>>()?;
        images.extend(read);
    }
    let rehearsed = rehearsed.clamp(0.0, 1.0);
    let unlabelled = PromptTask {
        weight: rehearsed,
        images: images.iter().map(without_labels).collect(),
    };
    let labelled = PromptTask {
        weight: 1.0 - rehearsed,
        images,
    };
    Ok(Some(vec![labelled, unlabelled]))
}

/// An image with the objects on it.
///
/// # Errors
/// If the image cannot be read or differs in size from its mask.
pub(super) fn read_image(exercise: &Exercise) -> Result<TaskImage> {
    let image = exercise.load_image()?;
    let mask = exercise.mask.to_mask();
    if mask.columns_and_rows() != image.columns_and_rows() {
        return Err(Error::at_path(
            "use for clicks",
            &exercise.source.path,
            "the mask and the image differ in size",
        ));
    }
    Ok(TaskImage {
        prompted: exercise.prompted.clone(),
        ..task_image(&image, &mask, &exercise.name)
    })
}

/// The slices with objects, case by case; at most `most` of each case, at even intervals.
pub(super) fn slices_by_case(exercises: &[Exercise], most: usize) -> Vec<Vec<&Exercise>> {
    let mut cases: BTreeMap<i64, Vec<&Exercise>> = BTreeMap::new();
    for exercise in exercises {
        if exercise.mask.count_labelled_pixels() > 0 {
            cases.entry(exercise.case).or_default().push(exercise);
        }
    }
    cases
        .into_values()
        .map(|slices| at_even_intervals(slices, most))
        .collect()
}

/// At most `most` of these, from the first on at even intervals.
fn at_even_intervals<T: Copy>(all: Vec<T>, most: usize) -> Vec<T> {
    let count = all.len();
    let kept = all.len().min(most);
    (0..kept).map(|i| all[i * count / kept]).collect()
}

/// Peak memory of a fine-tuning on slices with so many pixels each, in bytes; the input has `side * side` pixels.
pub(in crate::learning) fn memory_bytes(slices: &[usize], side: usize, batch: usize) -> u64 {
    let pixels: usize = slices.iter().sum();
    let images = (pixels * PIXEL_BYTES).min(IMAGE_BYTES);
    (PROGRAM_BYTES + images + side * side * batch * STEP_BYTES) as u64
}

/// Maximum side of so many images, in pixels, for them to fit into memory.
fn longest_side(count: usize) -> usize {
    let pixels = IMAGE_BYTES / PIXEL_BYTES / count.max(1);
    pixels.isqrt().clamp(384, 2048)
}

fn without_labels(image: &TaskImage) -> TaskImage {
    TaskImage {
        labels: None,
        prompted: Vec::new(),
        ..image.clone()
    }
    .shrunk(REHEARSED_SIDE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::GrayImage;
    use labrum_core::{
        mask::{Mask, PackedMask},
        study::{Kind, Source},
    };
    use std::path::Path;

    /// A slice of 32 x 32 pixels whose first `labelled` pixels have label 1.
    fn exercise(folder: &Path, case: i64, labelled: usize) -> Exercise {
        let path = folder.join("a.png");
        GrayImage::new(32, 32).save(&path).unwrap();
        let labels = (0..1024).map(|at| u8::from(at < labelled)).collect();
        Exercise {
            case,
            name: format!("case {case}"),
            subject: String::new(),
            source: Source { path, frame: 0 },
            kind: Kind::Picture,
            mask: PackedMask::from_mask(&Mask::from_labels(32, 32, labels).unwrap()),
            before: None,
            is_untouched: false,
            is_new: true,
            prompted: Vec::new(),
        }
    }

    fn read(exercises: &[Exercise]) -> Result<Option<Vec<PromptTask>>> {
        read_tasks(exercises, 0.25, &Control::default(), &mut |_| {})
    }

    #[test]
    fn slices_with_objects_are_read_with_and_without_their_labels() {
        let folder = tempfile::tempdir().unwrap();
        let exercises = [0, 100, 200].map(|labelled| exercise(folder.path(), 1, labelled));
        let tasks = read(&exercises).unwrap().unwrap();
        let [labelled, unlabelled] = &tasks[..] else {
            unreachable!("there are two tasks");
        };
        assert_eq!((labelled.weight, unlabelled.weight), (0.75, 0.25));
        assert_eq!([labelled.images.len(), unlabelled.images.len()], [2, 2]);
        let count = |image: &TaskImage| {
            let labels = image.labels.as_ref().unwrap();
            labels.iter().filter(|label| **label == 1).count()
        };
        assert_eq!(labelled.images.iter().map(count).sum::<usize>(), 300);
        assert!(unlabelled.images.iter().all(|image| image.labels.is_none()));
    }

    #[test]
    fn masks_without_objects_and_masks_of_another_size_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let empty = read(&[exercise(folder.path(), 1, 0)]).unwrap_err();
        assert!(empty.reason.contains("no accepted mask"), "{empty}");
        let other = exercise(folder.path(), 1, 100);
        GrayImage::new(30, 32).save(&other.source.path).unwrap();
        let error = read(&[other]).unwrap_err().to_string();
        assert!(
            error.contains("a.png") && error.contains("differ in size"),
            "{error}"
        );
    }

    #[test]
    fn of_a_long_case_slices_at_even_intervals_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<Exercise> = (0..9)
            .map(|slice| exercise(folder.path(), i64::from(slice > 2), 10 + slice))
            .collect();
        let kept: Vec<Vec<u64>> = slices_by_case(&many, 3)
            .iter()
            .map(|slices| {
                slices
                    .iter()
                    .map(|s| s.mask.count_labelled_pixels())
                    .collect()
            })
            .collect();
        assert_eq!(kept, [vec![10, 11, 12], vec![13, 15, 17]]);
    }

    #[test]
    fn many_images_are_smaller_than_few() {
        assert_eq!(longest_side(1), 2048);
        assert_eq!(longest_side(400), 418);
        assert!(longest_side(100) < longest_side(50));
    }
}
