//! Where the app keeps its own files, and the settings among them as JSON.

use crate::{Error, Result, session::settings::Settings};
use directories::ProjectDirs;
use std::{fs, io::Write, path::PathBuf};

/// The app's own folders.
#[derive(Clone, Debug)]
pub struct AppFolders {
    /// For the settings.
    pub config: PathBuf,
    /// For what can be made again.
    pub cache: PathBuf,
    /// For workspaces.
    pub data: PathBuf,
}

impl AppFolders {
    /// The user's; `LABRUM_CONFIG`, `LABRUM_CACHE` and `LABRUM_DATA` name others.
    pub fn of_user() -> Self {
        let dirs = ProjectDirs::from("", "", "labrum");
        let place = |variable: &str, usual: Option<PathBuf>| {
            let named = std::env::var_os(variable).map(PathBuf::from);
            named
                .or(usual)
                .unwrap_or_else(|| std::env::temp_dir().join("labrum"))
        };
        Self {
            config: place(
                "LABRUM_CONFIG",
                dirs.as_ref().map(|d| d.config_dir().to_owned()),
            ),
            cache: place(
                "LABRUM_CACHE",
                dirs.as_ref().map(|d| d.cache_dir().to_owned()),
            ),
            data: place(
                "LABRUM_DATA",
                dirs.as_ref().map(|d| d.data_dir().to_owned()),
            ),
        }
    }

    /// The settings as they were written down, else the defaults; a file that cannot be understood is told of.
    pub fn load_settings(&self) -> (Settings, Option<Error>) {
        let path = self.settings_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
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
                    .with_advice("The usual settings are used instead.");
                (Settings::default(), Some(error))
            }
        }
    }

    /// What waits to be sent to servers.
    pub fn send_queue_folder(&self) -> PathBuf {
        self.data.join("pacs-queue")
    }

    /// Writes the settings down, whole or not at all.
    ///
    /// # Errors
    /// Where the folder of the settings cannot be written to.
    pub fn save_settings(&self, settings: &Settings) -> Result<()> {
        let path = self.settings_file();
        let failed = |e: &dyn std::fmt::Display| Error::at_path("save the settings", &path, e);
        let text = serde_json::to_string_pretty(settings).map_err(|e| failed(&e))?;
        fs::create_dir_all(&self.config).map_err(|e| failed(&e))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.config).map_err(|e| failed(&e))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|e| failed(&e))?;
        file.persist(&path).map_err(|e| failed(&e.error))?;
        Ok(())
    }

    fn settings_file(&self) -> PathBuf {
        self.config.join("settings.json")
    }
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
    fn settings_come_back_as_they_were() {
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
    fn a_broken_settings_file_is_told_of_and_an_older_one_is_filled_up() {
        let (_folder, places) = places();
        fs::create_dir_all(&places.config).unwrap();
        fs::write(places.settings_file(), "{ nonsense").unwrap();
        assert!(places.load_settings().1.is_some());
        fs::write(places.settings_file(), "{\"theme\": \"light\"}").unwrap();
        let (settings, trouble) = places.load_settings();
        assert!(trouble.is_none() && settings.theme == Theme::Light && settings.auto_run);
    }
}
