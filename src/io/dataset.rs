//! A folder of image and mask pairs: `FOLDER/images` and `FOLDER/masks`, with equal names.
//!
//! Each page of a stack, and each slice of a NIfTI volume, is an image with the page of that number of its mask.
//! Names are compared without their endings. Whose picture it is (no subject is ever both trained on and tested on):
//! the number that the name begins with (`010_2HC.png` is of subject `010`), else the whole name, which makes each
//! picture its own subject. A file `FOLDER/subjects.csv` with the columns `name` and `subject` says otherwise.

use super::{
    label_file::{self, MaskOf},
    open,
};
use crate::domain::{
    image::Image,
    mask::Mask,
    study::{Kind, Source},
};
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

const ENDINGS: [&str; 9] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "nii", "nii.gz"];
const TRIED: &str = "read the data set";

/// An image and its mask, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// File name without ending.
    pub name: String,
    /// The image file.
    pub image: PathBuf,
    /// Which page or slice of image and mask, 0-based.
    pub frame: u32,
    /// The mask file.
    pub mask: PathBuf,
    /// Whose image it is.
    pub subject: String,
}

impl Pair {
    /// Where the pixels of the image are.
    pub fn source(&self) -> Source {
        Source { path: self.image.clone(), frame: self.frame }
    }

    /// Image and mask, of one size.
    ///
    /// A mask of 0 and one value over 127 is background and label 1; else its values are the labels.
    pub fn read(&self) -> Result<(Image, Mask)> {
        let source = self.source();
        let image = open::load(&source, Kind::Picture)?;
        let size = (image.columns, image.rows);
        let (mask, note) = label_file::read_on(&self.mask, self.frame, &MaskOf { source, size })?;
        note.iter().for_each(|note| log::warn!("{}: {note}", self.mask.display()));
        let (mask_size, image_size) = ((mask.columns(), mask.rows()), (image.columns, image.rows));
        if mask_size != image_size {
            let [mask, image] = [mask_size, image_size].map(|(columns, rows)| format!("{columns} x {rows}"));
            let reason = format!("it has {mask} pixels, but \"{}\" has {image}", self.image.display());
            return Err(Error::at("use the mask", &self.mask, reason).advise("Save the mask at the size of its image."));
        }
        Ok((image, mask))
    }
}

/// The pairs of a folder, in order of their names.
///
/// Errors: no `images` or `masks` folder, no image in it, an image without mask, two files of one name, a
/// `subjects.csv` that cannot be read. Masks without image are left alone.
pub fn list(folder: &Path) -> Result<Vec<Pair>> {
    let (images, masks) = (pictures(&folder.join("images"))?, pictures(&folder.join("masks"))?);
    if images.is_empty() {
        return Err(Error::at(TRIED, folder.join("images"), "there is no picture in it")
            .advise("Put PNG, JPEG, TIFF, BMP, WebP or NIfTI files there."));
    }
    let subjects = named_subjects(&folder.join("subjects.csv"))?;
    let pair = |(name, image): (String, PathBuf)| {
        let mask = masks.get(&name).cloned().ok_or_else(|| {
            let reason = format!("it has no mask in \"{}\"", folder.join("masks").display());
            Error::at("use the image", &image, reason).advise("Add a mask of the same name, or remove the image.")
        })?;
        let subject = subjects.get(&name).cloned().unwrap_or_else(|| subject_from(&name));
        each_slice(Pair { name, image, frame: 0, mask, subject })
    };
    Ok(images.into_iter().map(pair).collect::<Result<Vec<_>>>()?.concat())
}

/// A pair for each page of a stack and each slice of a volume, of one subject.
fn each_slice(pair: Pair) -> Result<Vec<Pair>> {
    let ending = ending(&pair.image).map_or("", |(_, ending)| ending);
    if !["tif", "tiff", "nii", "nii.gz"].contains(&ending) {
        return Ok(vec![pair]);
    }
    let mut frames: Vec<u32> = open::slices(&pair.image)?.into_iter().map(|source| source.frame).collect();
    frames.sort_unstable();
    if frames.len() < 2 {
        return Ok(vec![pair]);
    }
    let one = |frame: u32| Pair { name: format!("{}-{:04}", pair.name, frame + 1), frame, ..pair.clone() };
    Ok(frames.into_iter().map(one).collect())
}

/// The name of a file without its ending, and the ending in small letters; `None` where it is no picture's.
fn ending(path: &Path) -> Option<(String, &'static str)> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let small = name.to_lowercase();
    let is_it = |ending: &&str| small.strip_suffix(*ending).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
    let ending = ENDINGS.into_iter().rev().find(is_it)?;
    Some((name.get(..name.len() - ending.len() - 1)?.to_owned(), ending))
}

/// What a table says of an image's size in the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lengths {
    /// Distance of neighbouring pixels, in rows as in columns, in mm.
    pub pixel_spacing: f64,
    /// Circumference of what is to be found, measured by a person, in mm.
    pub circumference: Option<f64>,
}

/// The table `FOLDER/pixel_spacing_mm.csv`, where there is one: the columns `name` (without ending), `pixel_spacing_mm` and,
/// if it has that one, `head_circumference_mm`.
///
/// Errors: a table without these columns, lengths that are none.
pub fn lengths(folder: &Path) -> Result<HashMap<String, Lengths>> {
    let path = folder.join("pixel_spacing_mm.csv");
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let failed = |reason: String| {
        Error::at("read the table", &path, reason).advise("Its first line must be \"name,pixel_spacing_mm\".")
    };
    let mut table =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&path).map_err(|e| failed(e.to_string()))?;
    let headers = table.headers().map_err(|e| failed(e.to_string()))?.clone();
    let column = |title: &str| headers.iter().position(|h| h.trim_start_matches('\u{feff}') == title);
    let (Some(name), Some(spacing)) = (column("name"), column("pixel_spacing_mm")) else {
        return Err(failed("it lacks one of these columns".into()));
    };
    let circumference = column("head_circumference_mm");
    let mut lengths = HashMap::new();
    for record in table.records() {
        let record = record.map_err(|e| failed(e.to_string()))?;
        let named = record.get(name).unwrap_or_default();
        let length = |column: usize| -> Result<f64> {
            let text = record.get(column).unwrap_or_default();
            let length = text.parse().ok().filter(|l: &f64| l.is_finite() && *l > 0.0);
            length.ok_or_else(|| failed(format!("\"{text}\" of \"{named}\" is no length")))
        };
        let all = Lengths { pixel_spacing: length(spacing)?, circumference: circumference.map(length).transpose()? };
        lengths.insert(stem(named).to_owned(), all);
    }
    Ok(lengths)
}

/// Divides pairs into those to train on and those held out, about `fraction` (0..=1) of the subjects.
///
/// The hash of `seed` and subject decides, so that a subject stays on its side when others come or go. With two
/// subjects or more, and a fraction between 0 and 1, both sides have one.
pub fn split(pairs: &[Pair], fraction: f64, seed: u64) -> (Vec<Pair>, Vec<Pair>) {
    let subjects: BTreeSet<&str> = pairs.iter().map(|pair| pair.subject.as_str()).collect();
    let mut order: Vec<(f64, &str)> = subjects.into_iter().map(|subject| (place(subject, seed), subject)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut held_out = order.partition_point(|(place, _)| *place < fraction);
    if order.len() > 1 && fraction > 0.0 && fraction < 1.0 {
        held_out = held_out.clamp(1, order.len() - 1);
    }
    let held_out: BTreeSet<&str> = order[..held_out].iter().map(|(_, subject)| *subject).collect();
    pairs.iter().cloned().partition(|pair| !held_out.contains(pair.subject.as_str()))
}

/// Which images of a folder are trained on, choose the best epoch, and are held out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists([Vec<String>; 3]);

impl Lists {
    /// Reads one to three files in that order, each with a name on each line; with or without ending, empty lines and
    /// those that begin with `#` passed over. A part without file has no images.
    ///
    /// Errors: files that cannot be read or name no image, a name in two of them.
    pub fn read(files: &[PathBuf]) -> Result<Self> {
        if files.is_empty() || files.len() > 3 {
            return Err(Error::new("read the lists of images", format!("there are {} of them", files.len()))
                .advise("Give the lists to train on, to choose the best epoch and held out, in that order."));
        }
        let mut parts = <[Vec<String>; 3]>::default();
        let mut seen: HashMap<String, &Path> = HashMap::new();
        for (part, file) in parts.iter_mut().zip(files) {
            *part = names(file)?;
            for name in part.iter() {
                if let Some(other) = seen.insert(name.clone(), file) {
                    let reason = format!("\"{name}\" is in it that \"{}\" names already", other.display());
                    return Err(Error::at("use the list", file, reason).advise("Name each image once."));
                }
            }
        }
        Ok(Self(parts))
    }

    /// The pairs of the three parts, each in the order of its list. Errors: a name that no pair has.
    pub fn apply(&self, pairs: &[Pair]) -> Result<[Vec<Pair>; 3]> {
        let by_name: HashMap<&str, &Pair> = pairs.iter().map(|pair| (pair.name.as_str(), pair)).collect();
        let mut parts = <[Vec<Pair>; 3]>::default();
        for (part, names) in parts.iter_mut().zip(&self.0) {
            *part = names.iter().map(|name| listed(&by_name, name)).collect::<Result<_>>()?;
        }
        Ok(parts)
    }
}

/// The pairs that a file names, a name on each line as for [`Lists`]. Errors: as there.
pub fn only_listed(pairs: &[Pair], file: &Path) -> Result<Vec<Pair>> {
    let [listed, ..] = Lists::read(&[file.to_owned()])?.apply(pairs)?;
    Ok(listed)
}

fn listed(by_name: &HashMap<&str, &Pair>, name: &str) -> Result<Pair> {
    by_name.get(name).map(|pair| (*pair).clone()).ok_or_else(|| {
        Error::new("use the list of images", format!("it names \"{name}\", and no image has that name"))
            .advise("Is it the list of another folder?")
    })
}

fn names(file: &Path) -> Result<Vec<String>> {
    let failed = |reason: String| {
        Error::at("read the list of images", file, reason).advise("Each line is the name of an image.")
    };
    let text = std::fs::read_to_string(file).map_err(|e| failed(e.to_string()))?;
    let lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim());
    let names: Vec<String> =
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| stem(line).to_owned()).collect();
    if names.is_empty() { Err(failed("it names no image".into())) } else { Ok(names) }
}

/// A file name without the ending of a picture.
fn stem(name: &str) -> &str {
    ending(Path::new(name)).and_then(|(stem, _)| name.get(..stem.len())).unwrap_or(name)
}

/// A number 0..1 that subject and seed fix.
fn place(subject: &str, seed: u64) -> f64 {
    let hash = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(subject).finalize();
    let bits = hash.iter().take(6).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / (1u64 << 48) as f64
}

fn subject_from(name: &str) -> String {
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    if digits.is_empty() { name.to_owned() } else { digits }
}

/// Pictures of a folder by name without ending; hidden files and other endings are passed over.
fn pictures(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let failed = |reason: &dyn ToString| {
        Error::at(TRIED, folder, reason.to_string())
            .advise("The folder to use holds the folders \"images\" and \"masks\".")
    };
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(|e| failed(&e))? {
        let path = entry.map_err(|e| failed(&e))?.path();
        let Some((name, _)) = ending(&path).filter(|(name, _)| !name.starts_with('.') && path.is_file()) else {
            continue;
        };
        if let Some(other) = found.insert(name, path.clone()) {
            let reason = format!("\"{}\" has the same name", other.display());
            return Err(Error::at("use the file", &path, reason).advise("Remove or rename one of them."));
        }
    }
    Ok(found)
}

/// What `subjects.csv` says, by name without ending; nothing where there is no such file.
fn named_subjects(path: &Path) -> Result<HashMap<String, String>> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let failed = |reason: String| {
        Error::at("read the subjects", path, reason).advise("Its first line must be \"name,subject\".")
    };
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|e| failed(e.to_string()))?;
    let headers = reader.headers().map_err(|e| failed(e.to_string()))?.clone();
    let column = |title: &str| {
        let is_it = |h: &str| h.trim_start_matches('\u{feff}').eq_ignore_ascii_case(title);
        headers.iter().position(is_it).ok_or_else(|| failed(format!("it has no column \"{title}\"")))
    };
    let (name, subject) = (column("name")?, column("subject")?);
    let mut subjects = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| failed(e.to_string()))?;
        let (name, subject) = (record.get(name).unwrap_or_default(), record.get(subject).unwrap_or_default());
        if subject.is_empty() {
            return Err(failed(format!("\"{name}\" has no subject")));
        }
        subjects.insert(stem(name).to_owned(), subject.to_owned());
    }
    Ok(subjects)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::GrayImage;

    /// A folder with pictures of 4 x 3 pixels at the paths given.
    fn folder(paths: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            GrayImage::from_fn(4, 3, |x, _| image::Luma([255 * u8::from(x > 1)])).save(path).unwrap();
        }
        folder
    }

    fn named(name: &str) -> Pair {
        Pair { name: name.into(), image: PathBuf::new(), frame: 0, mask: PathBuf::new(), subject: subject_from(name) }
    }

    #[test]
    fn images_meet_their_masks_by_name_whatever_the_ending() {
        let folder = folder(&["images/b.png", "images/a.JPG", "masks/a.bmp", "masks/b.png", "masks/c.png"]);
        std::fs::write(folder.path().join("images/notes.txt"), "x").unwrap();
        let pairs = list(folder.path()).unwrap();
        assert_eq!(pairs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let (image, mask) = pairs[0].read().unwrap();
        assert_eq!((image.columns, image.rows), (4, 3));
        assert_eq!(mask.labels(), [0, 0, 1, 1].repeat(3));
    }

    #[test]
    fn an_image_without_mask_is_named() {
        let folder = folder(&["images/a.png", "images/b.png", "masks/a.png"]);
        assert!(list(folder.path()).unwrap_err().to_string().contains("b.png"));
    }

    #[test]
    fn lists_say_which_images_are_for_what() {
        let folder = folder(&["images/a.png", "images/b.png", "images/c.png"]);
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let pairs = ["a", "b", "c"].map(named);
        let (train, rest) = (file("train.txt", "# a comment\nc\n\na.png\n"), file("rest.txt", "b\r\n"));
        let parts = Lists::read(&[train.clone(), rest.clone()]).unwrap().apply(&pairs).unwrap();
        let names = parts.each_ref().map(|part| part.iter().map(|p| p.name.as_str()).collect::<Vec<_>>());
        assert_eq!(names, [vec!["c", "a"], vec!["b"], vec![]]);
        assert_eq!(only_listed(&pairs, &rest).unwrap(), [named("b")]);
        let refused = |files: &[PathBuf], part: &str| {
            let found = Lists::read(files).and_then(|lists| lists.apply(&pairs)).unwrap_err().to_string();
            assert!(found.contains(part), "{found}");
        };
        refused(&[train.clone(), file("twice.txt", "a\n")], "\"a\"");
        refused(&[file("other.txt", "d\n")], "\"d\"");
        refused(&[file("none.txt", "\n")], "no image");
        refused(&[folder.path().join("missing.txt")], "missing.txt");
    }

    #[test]
    fn lengths_come_from_a_table() {
        let folder = folder(&["images/a.png"]);
        assert!(lengths(folder.path()).unwrap().is_empty());
        let table = folder.path().join("pixel_spacing_mm.csv");
        std::fs::write(&table, "name,pixel_spacing_mm,head_circumference_mm\na.png,0.25,180.5\n").unwrap();
        let expected = Lengths { pixel_spacing: 0.25, circumference: Some(180.5) };
        assert_eq!(lengths(folder.path()).unwrap()["a"], expected);
        std::fs::write(&table, "name,pixel_spacing_mm\na,-1\n").unwrap();
        assert!(lengths(folder.path()).unwrap_err().to_string().contains("\"-1\" of \"a\""));
        std::fs::write(&table, "name,spacing\na,1\n").unwrap();
        assert!(lengths(folder.path()).is_err());
    }

    #[test]
    fn two_images_of_one_name_are_named() {
        let folder = folder(&["images/a.png", "images/a.bmp", "masks/a.png"]);
        let message = list(folder.path()).unwrap_err().to_string();
        assert!(message.contains("a.png") && message.contains("a.bmp"), "{message}");
    }

    #[test]
    fn missing_and_empty_folders_are_named() {
        assert!(list(Path::new("/nowhere")).unwrap_err().to_string().contains("/nowhere/images"));
        let folder = folder(&["masks/a.png"]);
        std::fs::create_dir(folder.path().join("images")).unwrap();
        assert!(list(folder.path()).unwrap_err().to_string().contains("images"));
    }

    #[test]
    fn a_mask_of_another_size_than_its_image_names_both() {
        let folder = folder(&["images/a.png", "masks/a.png"]);
        GrayImage::new(5, 3).save(folder.path().join("masks/a.png")).unwrap();
        let message = list(folder.path()).unwrap()[0].read().unwrap_err().to_string();
        for part in ["masks/a.png", "images/a.png", "5 x 3", "4 x 3"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn the_subject_is_the_leading_number_or_the_whole_name() {
        for (name, subject) in [("010_2HC", "010"), ("010_HC", "010"), ("benign-12", "benign-12"), ("7", "7")] {
            assert_eq!(subject_from(name), subject);
        }
    }

    #[test]
    fn subjects_csv_overrides_the_names() {
        let folder = folder(&["images/1.png", "images/2.png", "masks/1.png", "masks/2.png"]);
        let write = |text: &str| std::fs::write(folder.path().join("subjects.csv"), text).unwrap();
        write("subject,name\nA, 1.png\n");
        let subjects: Vec<_> = list(folder.path()).unwrap().into_iter().map(|p| p.subject).collect();
        assert_eq!(subjects, ["A", "2"]);
        write("1,A\n");
        assert!(list(folder.path()).unwrap_err().to_string().contains("subjects.csv"));
    }

    #[test]
    fn no_subject_is_on_both_sides_of_a_split() {
        let pairs: Vec<Pair> = (0..400).map(|i| named(&format!("{:03}_{}", i / 2, i % 2))).collect();
        let (training, held_out) = split(&pairs, 0.2, 7);
        assert_eq!(training.len() + held_out.len(), 400);
        assert!((50..110).contains(&held_out.len()), "{}", held_out.len());
        assert!(!held_out.iter().any(|h| training.iter().any(|t| t.subject == h.subject)));
        assert_eq!(split(&pairs, 0.2, 7), (training.clone(), held_out.clone()));
        assert_ne!(split(&pairs, 0.2, 8).1, held_out);
        // Subjects stay on their side when others come.
        let (_, of_half) = split(&pairs[..200], 0.2, 7);
        assert_eq!(of_half, held_out.iter().filter(|p| p.name.as_str() < "100").cloned().collect::<Vec<_>>());
    }

    #[test]
    fn a_split_of_few_subjects_leaves_some_on_either_side() {
        for seed in 0..20 {
            let (training, held_out) = split(&["a", "b"].map(named), 0.1, seed);
            assert_eq!((training.len(), held_out.len()), (1, 1));
        }
        assert_eq!(split(&["a", "b"].map(named), 0.0, 1).1, []);
    }
}
