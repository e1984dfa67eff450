//! Cases between the window and the workspace: found or entered, restored with their steps and findings.

use super::{KnownCase, WorkspaceKeeper, WriteTrouble};
use crate::{
    Error,
    session::{
        finding::Finding,
        job::{self, CaseId, CaseToAdopt, Event, Restored, RestoredSlice, SliceKey},
        store::stored_step,
    },
    worker::identity,
};
use labrum_core::{
    journal::{
        CaseDescription, JournalStep as Stored, StepState, StoredCase, StoredSlice, TaskKey,
    },
    study::Slice,
};
use std::sync::Arc;

/// So many steps can be undone at least after a restart.
const STEPS: u32 = 1000;

impl WorkspaceKeeper {
    /// Finds or enters a case; the findings of the slices that are named can be had after.
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

    /// What is kept of a case, and the slices whose findings can be had after.
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
        let to_step = |s: Stored| {
            let edits = s
                .edits
                .iter()
                .map(|(slice, edit)| (*slice as usize, edit.to_bytes()))
                .collect();
            stored_step(s.seq, case, &s.tool, edits, s.also)
        };
        let slice = |s: StoredSlice| RestoredSlice {
            mask: s.mask,
            is_touched: s.is_touched,
            is_proposal_apart: s.is_proposal_apart,
            absent: s.absent,
        };
        let restored = Restored {
            status: stored.entry.status,
            seconds: stored.entry.seconds,
            slices: stored.slices.into_iter().map(slice).collect(),
            done: done.into_iter().map(to_step).collect(),
            undone: undone.into_iter().map(to_step).collect(),
            problems: stored.problems,
            is_anew: false,
        };
        Ok((restored, slices))
    }

    /// Makes a case known; and what the workspace had of it, where it had something.
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
            let subject = identity::subject_hash(&identity, &study.id, &study.patient_id, &series);
            description.subject = subject.unwrap_or_else(|failure| {
                // A file of that name may be no table of subjects at all.
                log::warn!("{failure}");
                identity::unnamed_subject(&identity, &study.id, &study.patient_id, series.kind)
            });
            description.fingerprint = identity::picture_fingerprint(&series);
        }
        let key = self.workspace_mut()?.adopt_case(&description)?;
        if was_there.is_none() && task != TaskKey::default() {
            self.workspace_mut()?.set_task(key, task)?;
        }
        self.cases.insert(case, KnownCase { key, series });
        // Once more: adopting may have found its slices in another order.
        let lost = || {
            WriteTrouble::Never(Error::new(
                "take the case into the workspace",
                "it is not there",
            ))
        };
        Ok((
            self.workspace_mut()?
                .find_case(&identity)?
                .ok_or_else(lost)?,
            was_there.is_some(),
        ))
    }

    /// What is shown of a slice that was kept.
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
        // Without probabilities the mask is still there.
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
