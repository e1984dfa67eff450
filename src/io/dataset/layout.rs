//! The layout of a folder: either `images` and `masks`, or that of nnU-Net with `imagesTr` and `labelsTr`, where
//! `case_0000.nii.gz` is the first channel of an image, `case.nii.gz` its mask, and `dataset.json` defines the labels.

use crate::{Error, Result, io::export::LabelList};
use labrum_core::label::Label;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Maximum size of `dataset.json` in bytes.
const MOST_BYTES: u64 = 16 << 20;
/// Number of digits of a channel number.
const CHANNEL_DIGITS: usize = 4;

/// The folders of images and masks.
pub(super) struct FolderLayout {
    pub(super) images: PathBuf,
    pub(super) masks: PathBuf,
    description: Option<PathBuf>,
}

/// The labels in `dataset.json`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Described {
    pub(super) list: LabelList,
    /// The value of unannotated pixels, which nnU-Net ignores.
    pub(super) ignored: Option<u8>,
}

impl FolderLayout {
    /// The layout of a folder; that of nnU-Net only if there is no folder `images`.
    pub(super) fn from_folder(folder: &Path) -> Self {
        let [images, of_nnunet] = ["images", "imagesTr"].map(|name| folder.join(name));
        if of_nnunet.is_dir() && !images.exists() {
            let description = Some(folder.join("dataset.json"));
            return Self {
                images: of_nnunet,
                masks: folder.join("labelsTr"),
                description,
            };
        }
        Self {
            images,
            masks: folder.join("masks"),
            description: None,
        }
    }

    /// The name of the mask of an image, and its channel number.
    pub(super) fn mask_and_channel<'a>(&self, image: &'a str) -> (&'a str, usize) {
        let numbered = image.rsplit_once('_').filter(|(_, number)| {
            self.description.is_some()
                && number.len() == CHANNEL_DIGITS
                && number.bytes().all(|digit| digit.is_ascii_digit())
        });
        numbered.map_or((image, 0), |(case, number)| {
            (case, number.parse().unwrap_or(0))
        })
    }

    /// The labels in `dataset.json`; `None` if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read, or a label consists of several values.
    pub(super) fn read_labels(&self) -> Result<Option<Described>> {
        let Some(path) = self.description.as_deref().filter(|path| path.is_file()) else {
            return Ok(None);
        };
        let about = fs::metadata(path).map_err(|e| label_names_error(path, e))?;
        if about.len() > MOST_BYTES {
            return Err(label_names_error(
                path,
                "the file is too large for a dataset.json",
            ));
        }
        let bytes =
            fs::read(path).map_err(|e| label_names_error(path, labrum_core::reason_of(&e)))?;
        let file: Value = serde_json::from_slice(&bytes)
            .map_err(|e| label_names_error(path, format!("not valid JSON ({e})")))?;
        let Some(labels) = file.get("labels").and_then(Value::as_object) else {
            return Ok(None);
        };
        let mut described = Described::default();
        let mut named = Vec::new();
        for (key, value) in labels {
            let (name, number) = match (value, key.parse::<u64>()) {
                (Value::Number(number), _) => (key.as_str(), number.as_u64()),
                (Value::String(name), Ok(number)) => (name.as_str(), Some(number)),
                _ => {
                    let reason = format!(
                        "label \"{key}\" consists of several values, but a mask has only one label \
                         per pixel"
                    );
                    return Err(label_names_error(path, reason).with_advice(
                        "Define each value as a label: {\"labels\": {\"edema\": 1, \"core\": 2}}.",
                    ));
                }
            };
            let value = number.and_then(|number| u8::try_from(number).ok());
            let value = value.ok_or_else(|| {
                let reason =
                    format!("the value of \"{name}\" is not valid: labels range from 0 to 255");
                label_names_error(path, reason)
            })?;
            if name.eq_ignore_ascii_case("ignore") {
                described.ignored = Some(value);
            }
            named.push((
                value,
                Label {
                    name: name.to_owned(),
                    ..Label::by_number(value)
                },
            ));
        }
        described.list = LabelList::from_labels(named);
        Ok(Some(described))
    }
}

fn label_names_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("read the label list", path, reason)
}
