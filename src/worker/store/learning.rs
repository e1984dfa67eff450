//! The learning loop in the workspace: starting and ending rounds, versions, the work report.

use super::keeper::{WorkspaceKeeper, WriteTrouble};
use crate::{
    Error, Result,
    learning::model::Model,
    session::job::{
        BegunRound, Event, ModelEntry, ModelSource, RoundOutcome, RoundWish, VersionJob,
    },
};
use labrum_core::{
    label::{Label, bind_by_value},
    learning::{ModelKind, RoundKey, RoundState, Version, VersionKey},
    training::RoundSettings,
    whole_file,
};
use labrum_nn::checkpoint;
use std::{
    fs,
    path::{Path, PathBuf},
    result,
    sync::Arc,
};

impl WorkspaceKeeper {
    /// The events for an opened workspace: its versions, and an interrupted round.
    pub(super) fn learning_events(&mut self) -> result::Result<Vec<Event>, WriteTrouble> {
        let mut events = vec![self.versions_event()?, self.newly_accepted()?];
        // The window that has the workspace open resumes the round.
        let running = if self.is_looking() {
            None
        } else {
            self.workspace_mut()?.running_round()?
        };
        if let Some(record) = running {
            let snapshot = self.workspace_mut()?.round_snapshot(record.key)?;
            let workspace = self.workspace_mut()?;
            let previous = workspace.previous_version(record.key, record.parent)?;
            events.push(Event::RoundBegun(Box::new(BegunRound {
                key: record.key,
                snapshot,
                settings: RoundSettings::from_json(&record.settings)?,
                parent: record.parent,
                previous,
                checkpoint: record.checkpoint,
                click_checkpoint: record.click_checkpoint,
                is_resumed: true,
            })));
        }
        Ok(events)
    }

    pub(super) fn newly_accepted(&mut self) -> result::Result<Event, WriteTrouble> {
        Ok(Event::NewlyAccepted(
            self.workspace_mut()?.newly_accepted()?,
        ))
    }

    fn versions_event(&mut self) -> result::Result<Event, WriteTrouble> {
        let versions = self.workspace_mut()?.list_versions()?;
        let labels = self.workspace_mut()?.read_labels()?;
        let proposing = versions.iter().find(|v| v.is_active_for(ModelKind::Masks));
        let active = proposing.and_then(|version| {
            // If its file is missing, shipped models are used; the list still shows which version is active.
            version_entry(version, &labels)
                .inspect_err(|error| log::warn!("{error}"))
                .ok()
        });
        Ok(Event::Versions { versions, active })
    }

    pub(super) fn begin_round(
        &mut self,
        wish: &RoundWish,
    ) -> result::Result<Vec<Event>, WriteTrouble> {
        let json = wish.settings.to_json()?;
        let workspace = self.workspace_mut()?;
        let (record, snapshot) = workspace.begin_round(&json, wish.parent)?;
        let previous = workspace.previous_version(record.key, record.parent)?;
        Ok(vec![Event::RoundBegun(Box::new(BegunRound {
            key: record.key,
            snapshot,
            settings: RoundSettings::from_json(&record.settings)?,
            parent: record.parent,
            previous,
            checkpoint: record.checkpoint,
            click_checkpoint: record.click_checkpoint,
            is_resumed: false,
        }))])
    }

    pub(super) fn end_round(
        &mut self,
        key: RoundKey,
        outcome: &RoundOutcome,
    ) -> result::Result<Vec<Event>, WriteTrouble> {
        match outcome {
            RoundOutcome::Versions(versions) => {
                let versions: Vec<_> = versions.all().collect();
                self.workspace_mut()?.add_versions(&versions)?;
            }
            RoundOutcome::Cancelled => self.workspace_mut()?.end_round(
                key,
                RoundState::Cancelled,
                "cancelled by the user",
            )?,
            RoundOutcome::Failed(reason) => {
                self.workspace_mut()?
                    .end_round(key, RoundState::Failed, reason)?
            }
        }
        Ok(vec![self.versions_event()?, self.newly_accepted()?])
    }

    pub(super) fn run_version_job(
        &mut self,
        job: &VersionJob,
    ) -> result::Result<Vec<Event>, WriteTrouble> {
        match job {
            VersionJob::Activate(key) => self.workspace_mut()?.activate_version(*key)?,
            VersionJob::UseShippedClicks => self.workspace_mut()?.use_shipped_clicks()?,
            VersionJob::Reject(key) => self.workspace_mut()?.reject_version(*key)?,
            VersionJob::Rename(key, name) => self.workspace_mut()?.rename_version(*key, name)?,
            VersionJob::Delete(key) => self.workspace_mut()?.delete_version(*key)?,
            VersionJob::Export(key, folder) => {
                let version = self.find_version(*key)?;
                let labels = self.workspace_mut()?.read_labels()?;
                let file =
                    export_version(&version, folder, &labels).map_err(WriteTrouble::Never)?;
                return Ok(vec![Event::Written {
                    text: format!("Exported {} to {}", version.name, file.display()),
                    folder: folder.clone(),
                }]);
            }
            VersionJob::Compare(first, second) => {
                let first = self.find_version(*first)?;
                let second = self.find_version(*second)?;
                if first.kind != second.kind {
                    return Err(different_kinds());
                }
                let snapshot = self.workspace_mut()?.accepted_masks()?;
                return Ok(vec![Event::ToCompare {
                    kind: first.kind,
                    first: (first.key, first.file),
                    second: (second.key, second.file),
                    snapshot,
                }]);
            }
        }
        Ok(vec![self.versions_event()?])
    }

    fn find_version(&mut self, key: VersionKey) -> result::Result<Version, WriteTrouble> {
        self.workspace_mut()?
            .list_versions()?
            .into_iter()
            .find(|v| v.key == key)
            .ok_or_else(missing_version)
    }
}

/// A version as a model that can be run, under its name in the list.
fn version_entry(version: &Version, labels: &[Label]) -> Result<ModelEntry> {
    let bytes = fs::read(&version.file)
        .map_err(|e| Error::at_path("read the version", &version.file, e))?;
    let mut card = checkpoint::read_card(&bytes).map_err(|e| Error {
        path: Some(version.file.clone()),
        ..e
    })?;
    bind_by_value(&mut card.labels, labels);
    // The name of a version consists of name and version of the card.
    if let Some((name, number)) = version.name.rsplit_once(' ') {
        card.name = name.to_owned();
        card.version = number.to_owned();
    } else {
        card.name.clone_from(&version.name);
    }
    Ok(ModelEntry {
        source: ModelSource::File(version.file.clone()),
        card: Arc::new(card),
    })
}

fn missing_version() -> WriteTrouble {
    WriteTrouble::Never(Error::new(
        "find the version",
        "it is no longer in the workspace",
    ))
}

fn different_kinds() -> WriteTrouble {
    WriteTrouble::Never(Error::new(
        "compare the versions",
        "one is for masks, the other for clicks",
    ))
}

/// Replaces characters that are not allowed in file names on every system.
fn file_name_char(c: char) -> char {
    if c.is_alphanumeric() || "-_. ".contains(c) {
        c
    } else {
        '-'
    }
}

/// Exports a version to a folder, under its name and with the current names of its labels.
fn export_version(version: &Version, folder: &Path, labels: &[Label]) -> Result<PathBuf> {
    whole_file::make_folder(folder)?;
    let bytes = Model::bytes_of_version(version, labels)?;
    let name: String = version.name.chars().map(file_name_char).collect();
    let file = folder.join(format!("{name}.safetensors"));
    whole_file::write_atomically(&file, "export the version", |out| out.write_all(&bytes))?;
    Ok(file)
}
