//! Reviewing uncertain regions and cases: next, accept, skip.

use super::{
    Session,
    case::{Case, SliceState},
    job::SliceKey,
    notice::Severity,
    settings::CaseOrder,
};
use labrum_core::{journal::Also, study::Status};
use std::cmp;

impl Session {
    pub(super) fn next_doubtful(&mut self, forward: bool) {
        let Some(case) = self.cases.current_case() else {
            return;
        };
        // In slice order; within a slice the most uncertain first.
        let places: Vec<(usize, usize)> = case
            .slices
            .iter()
            .enumerate()
            .flat_map(|(s, state)| (0..state.doubt_count()).map(move |d| (s, d)))
            .collect();
        if places.is_empty() {
            let text = match case.slices.iter().any(|s| s.proposal().is_some()) {
                true => {
                    "No uncertain boundary: the model is confident, or the boundary was edited."
                }
                false => "No model was run on this case, so its uncertainty is unknown.",
            };
            return self.notices.add(Severity::Hint, text);
        }
        let here = self
            .viewports
            .focus
            .filter(|(key, _)| *key == case.slice_key())
            .map(|(key, d)| (key.slice, d));
        let next = match (here, forward) {
            (Some(here), true) => places.iter().find(|p| **p > here).or(places.first()),
            (Some(here), false) => places.iter().rev().find(|p| **p < here).or(places.last()),
            (None, true) => places.iter().find(|p| p.0 >= case.slice).or(places.first()),
            (None, false) => places
                .iter()
                .rev()
                .find(|p| p.0 <= case.slice)
                .or(places.last()),
        };
        let Some(&(slice, index)) = next else { return };
        let key = SliceKey {
            case: case.id,
            slice,
        };
        let Some(bounds) = case.slices[slice]
            .finding
            .as_ref()
            .map(|f| f.doubts[index].bounds)
        else {
            return;
        };
        self.show_place(slice, bounds[0], bounds[1]);
        self.viewports.focus = Some((key, index));
    }

    /// Current uncertain region of the case, counted from 1 (0 if none was visited), and their number.
    pub fn doubt_position(&self) -> Option<(usize, usize)> {
        let case = self.cases.current_case()?;
        let total = case.slices.iter().map(SliceState::doubt_count).sum();
        let at = self
            .viewports
            .focus
            .filter(|(key, _)| *key == case.slice_key())
            .map_or(0, |(key, index)| {
                let before = case.slices[..key.slice].iter();
                before.map(SliceState::doubt_count).sum::<usize>() + index + 1
            });
        (total > 0).then_some((at, total))
    }

    pub(super) fn accept_case(&mut self) {
        if self.close_by_key() || self.end_measure_by_key() {
            return;
        }
        self.finish_gesture();
        if self.finish_object() {
            return;
        }
        self.sign_off(Status::Accepted);
    }

    pub(super) fn skip_case(&mut self) {
        // While an outline is drawn, Backspace removes its last point.
        if self.take_back_corner() || self.cancel_gesture() {
            return;
        }
        // A late answer would make it an edited case again.
        if let Some(case) = self.cases.current_case() {
            self.clicks.forget_case(case.id);
        }
        self.sign_off(Status::Skipped);
    }

    fn sign_off(&mut self, status: Status) {
        self.finish_gesture();
        let Some(at) = self.cases.current else { return };
        let id = self.cases[at].id;
        self.stop_runs_on(id);
        // A late answer would make it an edited case again.
        self.second_choices.drop_question();
        self.note_time();
        let was_accepted = self.cases[at].status == Status::Accepted;
        let tool = if status == Status::Accepted {
            "Accept"
        } else {
            "Skip"
        };
        self.take_step(tool, id, Vec::new(), Also::default(), Some(status));
        if was_accepted && status == Status::Skipped {
            let title = self.cases[at].display_title();
            let text = format!(
                "\"{title}\" was accepted and is now skipped. \"Undo in any case\" restores the \
                 acceptance."
            );
            self.notices.add(Severity::Warning, text);
        }
        let order = self.ordered_cases();
        let here = order.iter().position(|i| *i == at).unwrap_or(0);
        let count = order.len();
        let next = (1..count)
            .map(|d| order[(here + d) % count])
            .find(|&i| self.cases[i].is_undecided());
        match next {
            Some(next) => self.select_case(Some(next)),
            None => {
                let accepted = self
                    .cases
                    .iter()
                    .filter(|c| c.status == Status::Accepted)
                    .count();
                let cases = if count == 1 { "case" } else { "cases" };
                self.notices.add(
                    Severity::Info,
                    format!("All done: {accepted} of {count} {cases} accepted."),
                );
            }
        }
    }

    /// Indices of the open cases in the chosen order.
    pub fn ordered_cases(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        match self.settings.case_order {
            CaseOrder::Opened => {}
            CaseOrder::Name => {
                order.sort_by_key(|i| self.cases[*i].display_title().to_lowercase());
            }
            CaseOrder::Date => {
                order.sort_by_key(|i| cmp::Reverse(self.cases[*i].study.date.clone()));
            }
            CaseOrder::Doubt => most_doubtful_first(&mut order, &self.cases.case_doubts()),
            CaseOrder::WhatNext => order = self.what_next().into_iter().map(|(i, _)| i).collect(),
        }
        order
    }

    /// The cases from which the model can learn most first, each with the reason for its position.
    ///
    /// Every third case is picked at random: ordered by uncertainty alone, cases that the model gets wrong with
    /// confidence would never come up.
    fn what_next(&self) -> Vec<(usize, Option<String>)> {
        let (open, closed): (Vec<usize>, Vec<usize>) =
            (0..self.cases.len()).partition(|i| self.cases[*i].is_undecided());
        let doubts = self.cases.case_doubts();
        let mut by_chance = open.clone();
        by_chance.sort_by_key(|i| lot_of_case(&self.cases[*i], *i));
        let mut by_doubt = open.clone();
        most_doubtful_first(&mut by_doubt, &doubts);
        let mut taken = vec![false; self.cases.len()];
        let mut by_chance = by_chance.into_iter();
        let mut by_doubt = by_doubt.into_iter();
        let mut order = Vec::with_capacity(self.cases.len());
        for place in 0..open.len() {
            let is_chance = place % 3 == 2;
            let source = if is_chance {
                &mut by_chance
            } else {
                &mut by_doubt
            };
            let Some(i) = source.find(|i| !taken[*i]) else {
                continue;
            };
            taken[i] = true;
            let reason = match (is_chance, doubts[i]) {
                (true, _) => "Picked at random, so that nothing is overlooked".to_owned(),
                (false, Some(doubt)) => {
                    format!("The model is uncertain ({:.0} %)", 100.0 * doubt)
                }
                (false, None) => "No model was run yet".to_owned(),
            };
            order.push((i, Some(reason)));
        }
        order.extend(closed.into_iter().map(|i| (i, None)));
        order
    }

    /// Updates the reasons for the order.
    pub(super) fn give_reasons(&mut self) {
        if self.settings.case_order != CaseOrder::WhatNext {
            return self.cases.iter_mut().for_each(|case| case.reason = None);
        }
        for (i, reason) in self.what_next() {
            self.cases[i].reason = reason;
        }
    }
}

/// Sorts case indices by the uncertainty of the model, highest first. `doubts` has one value for each open case; cases
/// without a proposal come last.
fn most_doubtful_first(cases: &mut [usize], doubts: &[Option<f32>]) {
    cases.sort_by(|a, b| {
        let first = doubts[*a].unwrap_or(-1.0);
        let second = doubts[*b].unwrap_or(-1.0);
        second.total_cmp(&first)
    });
}

/// A pseudo-random number for the order of cases, the same after every start; `place` is the index of the case.
fn lot_of_case(case: &Case, place: usize) -> u64 {
    let seed = case.stored_as.map_or(place as u64, |key| key.0 as u64);
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
