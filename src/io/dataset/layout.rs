//! Where images and masks of a folder lie: in `images` and `masks`, or as nnU-Net has them: in `imagesTr` and `labelsTr`,
//! where `case_0000.nii.gz` is the first channel of an image, `case.nii.gz` its mask, and `dataset.json` names the labels.

use crate::{Error, Result, io::export::LabelList};
use labrum_core::label::Label;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// No description of a data set is larger.
const MOST_BYTES: u64 = 16 << 20;
/// Digits of the number of a channel.
const CHANNEL_DIGITS: usize = 4;

/// Where the pairs lie.
pub(super) struct FolderLayout {
    pub(super) images: PathBuf,
    pub(super) masks: PathBuf,
    description: Option<PathBuf>,
}

/// What `dataset.json` says of labels.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Described {
    pub(super) list: LabelList,
    /// The value of pixels that nobody drew on.
    pub(super) ignored: Option<u8>,
}

impl FolderLayout {
    /// Of a folder: nnU-Net's only where there is no folder `images`.
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

    /// The name of the mask of an image, and the number of its channel.
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

    /// The labels that `dataset.json` names; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or labels are made of several values.
    pub(super) fn read_labels(&self) -> Result<Option<Described>> {
        let Some(path) = self.description.as_deref().filter(|path| path.is_file()) else {
            return Ok(None);
        };
        let failed = |reason: String| Error::at_path("read the names of the labels", path, reason);
        if std::fs::metadata(path)
            .map_err(|e| failed(e.to_string()))?
            .len()
            > MOST_BYTES
        {
            return Err(failed(
                "it is too large for the description of a data set".into(),
            ));
        }
        let bytes = std::fs::read(path).map_err(|e| failed(labrum_core::reason_of(&e)))?;
        let file: Value =
            serde_json::from_slice(&bytes).map_err(|e| failed(format!("it is no JSON ({e})")))?;
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
                        "its label \"{key}\" is made of several values, and a mask here has one label for each pixel"
                    );
                    return Err(failed(reason).with_advice(
                        "Name the values themselves: {\"labels\": {\"edema\": 1, \"core\": 2}}.",
                    ));
                }
            };
            let value = number.and_then(|number| u8::try_from(number).ok());
            let value = value.ok_or_else(|| {
                failed(format!(
                    "the value of \"{name}\" is no label: labels go up to 255"
                ))
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
