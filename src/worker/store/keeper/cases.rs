//! Looks up or adds cases, and restores them with their steps and proposals.

use super::{KnownCase, WorkspaceKeeper, WriteTrouble};
use crate::{
    Error,
    session::{
        finding::Finding,
        history::HistoryStep,
        job::{self, CaseId, CaseToAdopt, Event, Restored, RestoredSlice, SliceKey},
        store::stored_step,
    },
    worker::identity,
};
use labrum_core::{
    journal::{CaseDescription, JournalStep as Stored, StepState, StoredCase, StoredSlice},
    label::TaskKey,
    study::Slice,
};
use std::sync::Arc;

/// Number of steps that can be undone after a restart.
const STEPS: u32 = 1000;

impl WorkspaceKeeper {
    /// Looks up or adds a case; returns the slices whose outlines can be fetched afterwards.
    pub(in crate::worker::store) fn adopt_case(
        &mut self,
        adopt: CaseToAdopt,
    ) -> Result<(Event, Vec<SliceKey>), WriteTrouble> {
        let case = adopt.case;
        let comes_back = adopt.comes_back;
        let (stored, was_there) = self.enter_case(adopt)?;
        if !stored.entry.is_listed {
            if !comes_back {
                self.cases.remove(&case);
                return Ok((Event::OutOfList(case), Vec::new()));
            }
            self.workspace_mut()?.set_listed(stored.entry.key, true)?;
        }
        let known = job::CaseRecord {
            key: stored.entry.key,
            side: stored.entry.side,
            task: stored.entry.task,
        };
        if !was_there {
            return Ok((
                Event::Restored {
                    case,
                    known,
                    restored: None,
                },
                Vec::new(),
            ));
        }
        let (restored, slices) = self.restore_case(case, stored)?;
        Ok((
            Event::Restored {
                case,
                known,
                restored: Some(Box::new(restored)),
            },
            slices,
        ))
    }

    /// The stored work of a case, and the slices whose outlines can be fetched afterwards.
    pub(super) fn restore_case(
        &mut self,
        case: CaseId,
        stored: StoredCase,
    ) -> Result<(Restored, Vec<SliceKey>), WriteTrouble> {
        let steps = self
            .workspace_mut()?
            .recent_steps(&[stored.entry.key], STEPS)?;
        let with_mask = stored
            .slices
            .iter()
            .enumerate()
            .filter(|(_, s)| s.mask.is_some() || s.proposal.is_some());
        let slices: Vec<SliceKey> = with_mask
            .map(|(slice, _)| SliceKey { case, slice })
            .collect();
        self.found.extend(
            slices
                .iter()
                .map(|key| (*key, stored.slices[key.slice].clone())),
        );
        let (done, undone): (Vec<_>, Vec<_>) = steps
            .into_iter()
            .filter(|s| s.state != StepState::Dropped)
            .partition(|s| s.state == StepState::Done);
        let restored = Restored {
            status: stored.entry.status,
            seconds: stored.entry.seconds,
            slices: stored.slices.into_iter().map(restored_slice).collect(),
            measurements: stored.measurements,
            phases: stored.phases,
            done: history_steps(case, done),
            undone: history_steps(case, undone),
            problems: stored.problems,
            is_anew: false,
        };
        Ok((restored, slices))
    }

    /// Looks up or adds a case; returns its stored work, and whether it was known.
    fn enter_case(&mut self, adopt: CaseToAdopt) -> Result<(StoredCase, bool), WriteTrouble> {
        let CaseToAdopt {
            case,
            study,
            series,
            task,
            ..
        } = adopt;
        let identity = identity::case_identity(&series).map_err(WriteTrouble::Never)?;
        let was_there = self.workspace_mut()?.find_case(&identity)?;
        let mut description =
            CaseDescription::from_series(identity.clone(), &study.id, &study.date, &series);
        if was_there
            .as_ref()
            .is_none_or(|known| known.entry.side.is_none())
        {
            let subject = identity::subject_hash(&identity, &study.id, &study.patient.id, &series);
            description.subject = subject.unwrap_or_else(|failure| {
                // A file with that name need not be a table of subjects.
                log::warn!("{failure}");
                identity::unnamed_subject(&identity, &study.id, &study.patient.id, series.kind)
            });
            description.fingerprint = identity::picture_fingerprint(&series);
        }
        let key = self.workspace_mut()?.adopt_case(&description)?;
        if was_there.is_none() && task != TaskKey::default() {
            self.workspace_mut()?.set_task(key, task)?;
        }
        self.cases.insert(case, KnownCase { key, series });
        // Read again: adopting may have changed the order of the slices.
        let stored = self.workspace_mut()?.find_case(&identity)?;
        Ok((stored.ok_or_else(missing_case)?, was_there.is_some()))
    }

    /// Outlines, measurements and proposal of a restored slice.
    pub(in crate::worker::store) fn take_finding_event(&mut self, key: SliceKey) -> Option<Event> {
        let slice = self.found.remove(&key)?;
        let known = self.cases.get(&key.case)?;
        let scale = known
            .series
            .slices
            .get(key.slice)
            .map(Slice::length_scale)
            .unwrap_or_default();
        let labels = self.labels.clone();
        let bytes = self
            .workspace
            .as_mut()?
            .newest_probabilities(known.key, key.slice as u32);
        // The mask is usable without probabilities.
        let bytes = bytes
            .inspect_err(|failure| log::warn!("{failure}"))
            .ok()
            .flatten()
            .unwrap_or_default();
        let proposal = slice.proposal.as_ref().map(|p| {
            let model = format!("{} {}", p.model.name, p.model.version).into();
            let finding =
                Finding::from_stored(&p.mask.to_mask(), &bytes, model, labels.clone(), &scale);
            Arc::new(finding.with_weights(p.model.weights.as_str()))
        });
        let finding = match (&proposal, &slice.mask) {
            (Some(proposal), Some(mask))
                if !slice.is_touched && proposal.to_mask() == mask.to_mask() =>
            {
                proposal.clone()
            }
            (_, Some(mask)) => Arc::new(Finding::of_drawn(
                &mask.to_mask(),
                proposal.as_deref(),
                labels,
                &scale,
            )),
            (_, None) => return None,
        };
        Some(Event::RestoredSlice {
            key,
            finding,
            proposal,
        })
    }
}

fn restored_slice(stored: StoredSlice) -> RestoredSlice {
    RestoredSlice {
        mask: stored.mask,
        is_touched: stored.is_touched,
        is_proposal_apart: stored.is_proposal_apart,
        absent: stored.absent,
    }
}

/// Converts steps of the journal to steps of the history of a case.
fn history_steps(case: CaseId, stored: Vec<Stored>) -> Vec<HistoryStep> {
    stored
        .into_iter()
        .map(|step| {
            let edits = step
                .edits
                .iter()
                .map(|(slice, edit)| (*slice as usize, edit.to_bytes()))
                .collect();
            stored_step(step.seq, case, &step.tool, edits, step.also)
        })
        .collect()
}

fn missing_case() -> WriteTrouble {
    WriteTrouble::Never(Error::new(
        "add the case to the workspace",
        "it was not found after it was added",
    ))
}
