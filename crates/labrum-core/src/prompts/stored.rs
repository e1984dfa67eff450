//! The stored form of prompts: JSON with a version.

use super::{Prompt, PromptedObject};
use crate::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Prompts, or objects with prompts, with the version of their form.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    version: u32,
    prompts: T,
}

/// What can be stored.
pub trait StoredPrompts: Serialize + DeserializeOwned {}

impl StoredPrompts for Vec<Prompt> {}
impl StoredPrompts for Vec<PromptedObject> {}

/// Prompts as JSON: `{"version":1,"prompts":[...]}`.
///
/// # Errors
/// If a coordinate is not a finite number: it could not be read back.
pub fn to_json<T: StoredPrompts>(prompts: &T) -> Result<String> {
    let version = VERSION;
    let text = serde_json::to_string(&Stored { version, prompts });
    let text = text.map_err(|e| Error::new("save the prompts", &e).caused_by(e))?;
    from_json::<T>(&text).map(|_| text)
}

/// Reads what [`to_json`] has written.
///
/// # Errors
/// If it is damaged, or of another version.
pub fn from_json<T: StoredPrompts>(text: &str) -> Result<T> {
    let tried = "read the prompts";
    let stored: Stored<T> =
        serde_json::from_str(text).map_err(|e| Error::new(tried, &e).caused_by(e))?;
    if stored.version == VERSION {
        Ok(stored.prompts)
    } else {
        let reason = format!("their form has the unknown version {}", stored.version);
        Err(Error::new(tried, reason))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn clicks(x: f64) -> Vec<Prompt> {
        vec![Prompt::Click {
            at: [x, 2.5],
            adds: false,
        }]
    }

    #[test]
    fn prompts_and_objects_are_read_back() {
        let text = to_json(&clicks(1.25)).unwrap();
        assert_eq!(
            text,
            r#"{"version":1,"prompts":[{"click":{"at":[1.25,2.5],"adds":false}}]}"#
        );
        assert_eq!(from_json::<Vec<Prompt>>(&text).unwrap(), clicks(1.25));
        let objects = vec![PromptedObject {
            label: 3,
            prompts: clicks(7.0),
        }];
        let text = to_json(&objects).unwrap();
        assert_eq!(from_json::<Vec<PromptedObject>>(&text).unwrap(), objects);
    }

    #[test]
    fn damaged_prompts_and_those_of_another_version_are_refused() {
        for text in [
            "",
            "[]",
            r#"{"version":2,"prompts":[]}"#,
            r#"{"version":1,"prompts":[{"click":{"at":[null,2.5],"adds":false}}]}"#,
        ] {
            assert!(from_json::<Vec<Prompt>>(text).is_err(), "{text}");
        }
        assert!(to_json(&clicks(f64::NAN)).is_err());
    }
}
