//! The folders of the program, and the settings file (JSON) in them.

use crate::{Error, Result, session::settings::Settings};
use directories::ProjectDirs;
use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The folders of the program.
#[derive(Clone, Debug)]
pub struct AppFolders {
    /// For the settings.
    pub config: PathBuf,
    /// For files that can be made again.
    pub cache: PathBuf,
    /// For workspaces.
    pub data: PathBuf,
}

impl AppFolders {
    /// The user's folders, unless `LABRUM_CONFIG`, `LABRUM_CACHE` or `LABRUM_DATA` name others.
    pub fn of_user() -> Self {
        let dirs = ProjectDirs::from("", "", "labrum");
        Self {
            config: folder_for(
                "LABRUM_CONFIG",
                dirs.as_ref().map(|d| d.config_dir().to_owned()),
            ),
            cache: folder_for(
                "LABRUM_CACHE",
                dirs.as_ref().map(|d| d.cache_dir().to_owned()),
            ),
            data: folder_for(
                "LABRUM_DATA",
                dirs.as_ref().map(|d| d.data_dir().to_owned()),
            ),
        }
    }

    /// The saved settings, else the defaults; with an error if the file cannot be read.
    pub fn load_settings(&self) -> (Settings, Option<Error>) {
        let path = self.settings_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return (Settings::default(), None);
            }
            Err(e) => {
                return (
                    Settings::default(),
                    Some(Error::at_path("read the settings", &path, e)),
                );
            }
        };
        match serde_json::from_str(&text) {
            Ok(settings) => (settings, None),
            Err(e) => {
                let error = Error::at_path("read the settings", &path, e)
                    .with_advice("Default settings are used instead.");
                (Settings::default(), Some(error))
            }
        }
    }

    /// The folder of the send queue.
    pub fn send_queue_folder(&self) -> PathBuf {
        self.data.join("pacs-queue")
    }

    /// Saves the settings atomically.
    ///
    /// # Errors
    /// If the folder of the settings is not writable.
    pub fn save_settings(&self, settings: &Settings) -> Result<()> {
        let path = self.settings_file();
        let text = serde_json::to_string_pretty(settings).map_err(|e| save_failure(&path, e))?;
        fs::create_dir_all(&self.config).map_err(|e| save_failure(&path, e))?;
        let mut file =
            tempfile::NamedTempFile::new_in(&self.config).map_err(|e| save_failure(&path, e))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|e| save_failure(&path, e))?;
        file.persist(&path)
            .map_err(|e| save_failure(&path, e.error))?;
        Ok(())
    }

    fn settings_file(&self) -> PathBuf {
        self.config.join("settings.json")
    }
}

/// The folder in an environment variable, else the default.
fn folder_for(variable: &str, usual: Option<PathBuf>) -> PathBuf {
    let named = env::var_os(variable).map(PathBuf::from);
    named
        .or(usual)
        .unwrap_or_else(|| env::temp_dir().join("labrum"))
}

fn save_failure(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("save the settings", path, reason)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::settings::Theme;

    fn places() -> (tempfile::TempDir, AppFolders) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        let places = AppFolders {
            config: at("config"),
            cache: at("cache"),
            data: at("data"),
        };
        (folder, places)
    }

    #[test]
    fn settings_are_saved_and_loaded() {
        let (_folder, places) = places();
        let settings = Settings {
            theme: Theme::Light,
            opacity: 0.5,
            ..Settings::default()
        };
        places.save_settings(&settings).unwrap();
        let (loaded, trouble) = places.load_settings();
        assert_eq!(loaded, settings);
        assert!(trouble.is_none());
    }

    #[test]
    fn a_damaged_settings_file_is_reported_and_an_older_one_gets_defaults() {
        let (_folder, places) = places();
        fs::create_dir_all(&places.config).unwrap();
        fs::write(places.settings_file(), "{ nonsense").unwrap();
        assert!(places.load_settings().1.is_some());
        fs::write(places.settings_file(), "{\"theme\": \"light\"}").unwrap();
        let (settings, trouble) = places.load_settings();
        assert!(trouble.is_none() && settings.theme == Theme::Light && settings.auto_run);
    }
}
