//! The models that can be run, their runs, and which model matches which case.

use super::{
    case::{Case, MaskWork, SliceState},
    job::{CaseId, ModelEntry, ModelSource},
    runs::{Fitting, ModelRun},
};
use labrum_core::{
    model_card::{ModelCard, ModelFit, choose_model},
    study::Status,
};
use std::collections::HashSet;

/// Models that can be run, their runs, and what the user was told about them.
#[derive(Debug, Default)]
pub struct RunnableModels {
    /// Models that can be run.
    pub list: Vec<ModelEntry>,
    /// Runs; the first one is active, the others wait.
    pub runs: Vec<ModelRun>,
    /// Display name of the device in use; empty until it is known.
    pub device: String,
    /// Cases and models for which the user was told that the model may not be suitable.
    warned: HashSet<(CaseId, ModelSource)>,
}

impl RunnableModels {
    /// The model that would be run on a case.
    pub fn model_for(&self, case: &Case) -> Option<&ModelEntry> {
        match self.fitting_model(case) {
            Fitting::Model { index, .. } => self.list.get(index),
            Fitting::None(_) => None,
        }
    }

    /// The model that would be run on a case, or why none matches.
    pub fn fitting_model(&self, case: &Case) -> Fitting {
        if let Some(chosen) = &case.chosen_model
            && let Some(index) = self.list.iter().position(|m| m.source == *chosen)
        {
            return Fitting::Model {
                index,
                warning: misfit_reason(&self.list[index], case),
            };
        }
        let cards: Vec<&ModelCard> = self.list.iter().map(|m| m.card.as_ref()).collect();
        match choose_model(&cards, &case.series, || case.look.as_ref()) {
            Ok(index) => Fitting::Model {
                index,
                warning: None,
            },
            Err(reasons) => {
                let titles = self.list.iter().map(ModelEntry::display_title);
                Fitting::None(titles.zip(reasons).collect())
            }
        }
    }

    /// The warning that a model that the user runs on a case may not be suitable; `None` if it matches, or if the user was
    /// warned of it before.
    pub(super) fn warn_once(&mut self, index: usize, case: &Case) -> Option<String> {
        let model = self.list.get(index)?;
        let reason = misfit_reason(model, case)?;
        // Before the image is read, the real reason is not known.
        if model.card.looks.is_some() && case.look.is_none() {
            return None;
        }
        let text = format!(
            "{} may not be suitable for \"{}\": {reason}. Check its proposals.",
            model.display_title(),
            case.display_title()
        );
        let is_new = self.warned.insert((case.id, model.source.clone()));
        is_new.then_some(text)
    }

    /// True if an unedited proposal of a case came from another model than the one that would run on it now.
    pub fn is_stale(&self, case: &Case) -> bool {
        self.model_against(case).is_some_and(|model| {
            case.slices
                .iter()
                .any(|slice| is_proposed_by_other(slice, &model))
        })
    }

    /// As [`RunnableModels::is_stale`], for one slice.
    pub fn is_stale_on(&self, case: &Case, slice: usize) -> bool {
        let slice = case.slices.get(slice);
        self.model_against(case)
            .zip(slice)
            .is_some_and(|(model, slice)| is_proposed_by_other(slice, &model))
    }

    /// True if a model should be run automatically: there is no mask yet, or only proposals of another model.
    pub(super) fn wants_auto_run(&self, case: &Case) -> bool {
        let is_new = case.status == Status::New && !case.has_mask();
        let is_wanted = is_new || case.status == Status::Proposed && self.is_stale(case);
        is_wanted
            && case.is_restored
            && !case.auto_run_done
            && !case.is_blind
            && matches!(
                self.fitting_model(case),
                Fitting::Model { warning: None, .. }
            )
    }

    /// The model that unedited proposals of a case should come from.
    pub(super) fn model_against(&self, case: &Case) -> Option<String> {
        match self.fitting_model(case) {
            Fitting::Model { index, .. } if case.status == Status::Proposed => {
                Some(self.list.get(index)?.display_title())
            }
            _ => None,
        }
    }
}

/// Why a model does not match a case; `None` if it does.
fn misfit_reason(model: &ModelEntry, case: &Case) -> Option<String> {
    match model
        .card
        .fit_for_series(&case.series, || case.look.as_ref())
    {
        ModelFit::Fits => None,
        ModelFit::No(reason) => Some(reason),
    }
}

/// True if the mask of a slice is an unedited proposal of another model.
fn is_proposed_by_other(slice: &SliceState, model: &str) -> bool {
    matches!(&slice.work, MaskWork::Proposed(proposal) if *proposal.model != *model)
}
