//! Recipes of prompt models: training options and folders of images and masks.

use crate::io::dataset::{self, DatasetPair, FolderOptions};
use crate::{Error, Result};
use labrum_core::{image::Image, mask::Mask, model_card::TrainedOn};
use labrum_nn::{
    preprocess,
    prompt::{
        judge::{JudgedTarget, draw_targets},
        recipe::PromptRecipe,
        source::TaskImage,
        train::PromptTask,
    },
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A recipe file: how a prompt model is trained, and on which images.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RecipeFile {
    /// Name of the model.
    pub name: String,
    /// Training options.
    pub recipe: PromptRecipe,
    /// Folders to train on.
    pub tasks: Vec<TaskFolder>,
    /// Folders to evaluate on during the training; they are not trained on.
    #[serde(default)]
    pub judged: Vec<JudgedFolder>,
    /// Name, licence and authors of the images.
    #[serde(default)]
    pub trained_on: TrainedOn,
    /// The folder of the recipe file, which the other folders are relative to.
    #[serde(skip)]
    base: PathBuf,
}

/// A folder to train on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TaskFolder {
    /// Folder with images/ and masks/, relative to the recipe file.
    pub folder: PathBuf,
    /// Relative frequency with which this folder is drawn.
    #[serde(default = "one")]
    pub weight: f64,
    /// Use only regions of superpixels as targets and ignore the masks.
    #[serde(default)]
    pub ignore_masks: bool,
    /// Subjects to leave out: the numbers at the start of their file names, or the file names up to the first "_".
    #[serde(default)]
    pub without: Vec<String>,
}

/// A folder to evaluate on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JudgedFolder {
    /// Folder with images/ and masks/, relative to the recipe file.
    pub folder: PathBuf,
    /// Number of targets.
    #[serde(default = "twenty")]
    pub targets: usize,
}

fn one() -> f64 {
    1.0
}

fn twenty() -> usize {
    20
}

impl RecipeFile {
    /// Reads a recipe file.
    ///
    /// # Errors
    /// If it cannot be read, or has unknown fields.
    pub fn read_from_file(path: &Path) -> Result<Self> {
        let tried = "read the recipe";
        let text = fs::read_to_string(path).map_err(|e| Error::at_path(tried, path, e))?;
        let mut file: Self = serde_json::from_str(&text).map_err(|e| {
            Error::at_path(tried, path, e)
                .with_advice("Run labrum train-prompts --help for an example of a recipe.")
        })?;
        file.base = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(file)
    }

    /// All that affects the weights and their choice, as JSON: everything but the name and the description of the images.
    ///
    /// # Errors
    /// If a folder cannot be represented in JSON.
    pub fn training_settings(&self) -> Result<Value> {
        let mut settings =
            serde_json::to_value(self).map_err(|e| Error::new("log the recipe", e))?;
        if let Some(settings) = settings.as_object_mut() {
            settings.remove("name");
            settings.remove("trained-on");
        }
        Ok(settings)
    }

    /// Reads the images of all tasks.
    ///
    /// # Errors
    /// If a folder or a file cannot be read.
    pub fn read_tasks(&self) -> Result<Vec<PromptTask>> {
        let tasks = self.tasks.iter();
        tasks.map(|task| task.read_images(&self.base)).collect()
    }

    /// Draws the evaluation targets.
    ///
    /// # Errors
    /// If a folder or a file cannot be read.
    pub fn read_judged(&self) -> Result<Vec<JudgedTarget>> {
        let mut targets = Vec::new();
        for judged in &self.judged {
            let folder = self.base.join(&judged.folder);
            targets.extend(read_targets(&folder, judged.targets, self.recipe.seed)?);
        }
        Ok(targets)
    }
}

impl TaskFolder {
    fn leaves_out(&self, pair: &DatasetPair) -> bool {
        let first_part = pair.name.split('_').next().unwrap_or_default();
        let is_subject = |left_out: &String| *left_out == pair.subject || left_out == first_part;
        self.without.iter().any(is_subject)
    }

    /// Reads the images; `base` is the folder of the recipe file.
    fn read_images(&self, base: &Path) -> Result<PromptTask> {
        let folder = base.join(&self.folder);
        let mut pairs = dataset::open_folder(&folder, &FolderOptions::default())?.pairs;
        pairs.retain(|pair| !self.leaves_out(pair));
        let mut images = read_pairs(&pairs, &folder)?;
        if self.ignore_masks {
            for image in &mut images {
                image.labels = None;
            }
        }
        Ok(PromptTask {
            weight: self.weight,
            images,
        })
    }
}

/// Draws evaluation targets from a folder with images/ and masks/: a connected component of a label in each of up to
/// `most` images.
///
/// # Errors
/// If the folder or a file in it cannot be read.
pub fn read_targets(folder: &Path, most: usize, seed: u64) -> Result<Vec<JudgedTarget>> {
    let pairs = dataset::open_folder(folder, &FolderOptions::default())?.pairs;
    let targets = read_targets_of(pairs, folder, most, seed)?;
    Ok(targets.into_iter().map(|(_, target)| target).collect())
}

/// As [`read_targets`], from these images of the folder; each target with its image.
pub(super) fn read_targets_of(
    pairs: Vec<DatasetPair>,
    folder: &Path,
    most: usize,
    seed: u64,
) -> Result<Vec<(DatasetPair, JudgedTarget)>> {
    let pairs = spread_out(pairs, most);
    let targets = draw_targets(&read_pairs(&pairs, folder)?, most, seed);
    let with_pair = |(index, target): (usize, JudgedTarget)| (pairs[index].clone(), target);
    Ok(targets.into_iter().map(with_pair).collect())
}

/// Pairs at even intervals in the folder: half as many again as `most`, because some may have no target.
fn spread_out(pairs: Vec<DatasetPair>, most: usize) -> Vec<DatasetPair> {
    let wanted = (most + most / 2 + 1).min(pairs.len());
    let count = pairs.len();
    let kept = (0..wanted).map(|i| i * count / wanted.max(1));
    kept.map(|at| pairs[at].clone()).collect()
}

fn read_pairs(pairs: &[DatasetPair], folder: &Path) -> Result<Vec<TaskImage>> {
    let task = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    pairs
        .par_iter()
        .map(|pair| {
            let (image, mask) = pair.load_image_and_mask()?;
            Ok(task_image(&image, &mask, &task))
        })
        .collect()
}

/// An image with the labels of its mask, which has the same size.
pub(super) fn task_image(image: &Image, mask: &Mask, task: &str) -> TaskImage {
    TaskImage {
        grey: preprocess::grey_levels(image),
        columns: image.columns,
        rows: image.rows,
        labels: Some(mask.pixel_labels().iter().map(|l| u16::from(*l)).collect()),
        task: task.to_owned(),
        prompted: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read_recipe(folder: &str, name: &str, steps: usize) -> RecipeFile {
        let parent = tempfile::tempdir().unwrap();
        let base = parent.path().join(folder);
        std::fs::create_dir(&base).unwrap();
        let recipe = serde_json::json!({
            "name": name,
            "recipe": {"steps": steps},
            "tasks": [{"folder": "heart"}],
        });
        let path = base.join("recipe.json");
        std::fs::write(&path, recipe.to_string()).unwrap();
        RecipeFile::read_from_file(&path).unwrap()
    }

    #[test]
    fn the_settings_of_a_recipe_depend_neither_on_its_name_nor_on_its_folder() {
        let settings = |folder, name, steps| -> Value {
            let recipe = read_recipe(folder, name, steps);
            recipe.training_settings().unwrap()
        };
        let first = settings("a", "Clicks", 20);
        assert_eq!(first["tasks"][0]["folder"], "heart");
        assert_eq!(first, settings("b", "Other", 20));
        assert_ne!(first, settings("a", "Clicks", 30));
    }
}
