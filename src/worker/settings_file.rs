//! The settings as a JSON file in the user's configuration folder.

use crate::{Error, Result, session::settings::Settings};
use std::{fs, io::Write, path::PathBuf};

/// Where the settings are kept; `LABRUM_CONFIG` names another folder. `None` where the system knows no such place.
pub fn path() -> Option<PathBuf> {
    let folder = match std::env::var_os("LABRUM_CONFIG") {
        Some(folder) => PathBuf::from(folder),
        None => directories::ProjectDirs::from("", "", "labrum")?.config_dir().to_owned(),
    };
    Some(folder.join("settings.json"))
}

/// The settings as they were written down, else the defaults; a file that cannot be understood is told of.
pub fn load() -> (Settings, Option<Error>) {
    let Some(path) = path() else { return (Settings::default(), None) };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return (Settings::default(), None),
        Err(e) => return (Settings::default(), Some(Error::at("read the settings", &path, e))),
    };
    match serde_json::from_str(&text) {
        Ok(settings) => (settings, None),
        Err(e) => {
            let error = Error::at("read the settings", &path, e).advise("The usual settings are used instead.");
            (Settings::default(), Some(error))
        }
    }
}

/// Writes the settings down, whole or not at all.
pub(super) fn save(settings: &Settings) -> Result<()> {
    let Some(path) = path() else { return Ok(()) };
    let Some(folder) = path.parent() else { return Ok(()) };
    let failed = |e: &dyn std::fmt::Display| Error::at("save the settings", &path, e);
    let text = serde_json::to_string_pretty(settings).map_err(|e| failed(&e))?;
    fs::create_dir_all(folder).map_err(|e| failed(&e))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(&e))?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|e| failed(&e))?;
    file.persist(&path).map_err(|e| failed(&e.error))?;
    Ok(())
}
