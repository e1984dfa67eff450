//! Going through doubtful places and cases: next, accept, skip.

use super::{Session, case::Case, job::SliceKey, notice::Severity, settings::CaseOrder};
use labrum_core::{journal::Also, study::Status};

impl Session {
    pub(super) fn next_doubtful(&mut self, forward: bool) {
        let Some(case) = self.current_case() else {
            return;
        };
        // In order of slice; on a slice the most doubtful first.
        let places: Vec<(usize, usize)> = case
            .slices
            .iter()
            .enumerate()
            .flat_map(|(s, state)| {
                (0..state.finding.as_ref().map_or(0, |f| f.doubts.len())).map(move |d| (s, d))
            })
            .collect();
        if places.is_empty() {
            let text = match case.slices.iter().any(|s| s.proposal.is_some()) {
                true => "No uncertain boundary: the model is sure, or a person has drawn it.",
                false => "No model was run on this case, so its uncertainty is not known.",
            };
            return self.notices.add(Severity::Hint, text);
        }
        let here = self
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
        self.focus = Some((key, index));
    }

    /// Which of how many doubtful places of the case was gone to: (1-based, count).
    pub fn doubt_position(&self) -> Option<(usize, usize)> {
        let case = self.current_case()?;
        let count = |s: &super::case::SliceState| s.finding.as_ref().map_or(0, |f| f.doubts.len());
        let total = case.slices.iter().map(count).sum();
        let at = self
            .focus
            .filter(|(key, _)| *key == case.slice_key())
            .map_or(0, |(key, index)| {
                case.slices[..key.slice].iter().map(count).sum::<usize>() + index + 1
            });
        (total > 0).then_some((at, total))
    }

    pub(super) fn accept_case(&mut self) {
        if self.close_by_key() {
            return;
        }
        self.sign_off(Status::Accepted);
    }

    pub(super) fn skip_case(&mut self) {
        // While a line is drawn, Backspace takes its last corner back.
        if self.take_back_corner() || self.drop_hand() {
            return;
        }
        self.sign_off(Status::Skipped);
    }

    fn sign_off(&mut self, status: Status) {
        self.finish_hand();
        let Some(at) = self.current else { return };
        let id = self.cases[at].id;
        self.stop_runs_on(id);
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
                "\"{title}\" was accepted and is skipped now. \"Undo in any case\" restores the acceptance."
            );
            self.notices.add(Severity::Warning, text);
        }
        let open = |c: &Case| !matches!(c.status, Status::Accepted | Status::Skipped);
        let order = self.ordered_cases();
        let here = order.iter().position(|i| *i == at).unwrap_or(0);
        let count = order.len();
        let next = (1..count)
            .map(|d| order[(here + d) % count])
            .find(|&i| open(&self.cases[i]));
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

    /// The cases in the order in which they are shown and gone through, by their place in the list of cases.
    pub fn ordered_cases(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        let case = |i: &usize| &self.cases[*i];
        match self.settings.case_order {
            CaseOrder::Opened => {}
            CaseOrder::Name => order.sort_by_key(|i| case(i).display_title().to_lowercase()),
            CaseOrder::Date => order.sort_by_key(|i| std::cmp::Reverse(case(i).study.date.clone())),
            CaseOrder::Doubt => {
                // Cases without a proposal come last.
                let doubts = self.case_doubts();
                let doubt = |i: &usize| doubts[*i].unwrap_or(-1.0);
                order.sort_by(|a, b| doubt(b).total_cmp(&doubt(a)));
            }
            CaseOrder::WhatNext => order = self.what_next().into_iter().map(|(i, _)| i).collect(),
        }
        order
    }

    /// The cases that teach the model most first, each with the reason why it comes where it comes.
    ///
    /// By doubt alone a person would only ever see what the model knows that it does not know: every third case is one
    /// that the die chose.
    fn what_next(&self) -> Vec<(usize, Option<String>)> {
        let is_open =
            |i: &usize| !matches!(self.cases[*i].status, Status::Accepted | Status::Skipped);
        let (open, closed): (Vec<usize>, Vec<usize>) = (0..self.cases.len()).partition(is_open);
        // The same after every start.
        let die = |i: usize| {
            let seed = self.cases[i].stored_as.map_or(i as u64, |key| key.0 as u64);
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let mut by_chance = open.clone();
        by_chance.sort_by_key(|i| die(*i));
        let mut by_doubt = open.clone();
        let doubts = self.case_doubts();
        let doubt = |i: usize| doubts[i].unwrap_or(-1.0);
        by_doubt.sort_by(|a, b| doubt(*b).total_cmp(&doubt(*a)));
        let mut taken = vec![false; self.cases.len()];
        let (mut by_chance, mut by_doubt) = (by_chance.into_iter(), by_doubt.into_iter());
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
                    format!("The model is unsure here ({:.0} %)", 100.0 * doubt)
                }
                (false, None) => "No model was run yet".to_owned(),
            };
            order.push((i, Some(reason)));
        }
        order.extend(closed.into_iter().map(|i| (i, None)));
        order
    }

    /// The doubt of each case: each is a sum over its boundaries, so that none is worked out twice.
    fn case_doubts(&self) -> Vec<Option<f32>> {
        self.cases.iter().map(Case::mean_uncertainty).collect()
    }

    /// Works out why cases come where they come.
    pub(super) fn give_reasons(&mut self) {
        if self.settings.case_order != CaseOrder::WhatNext {
            return self.cases.iter_mut().for_each(|case| case.reason = None);
        }
        for (i, reason) in self.what_next() {
            self.cases[i].reason = reason;
        }
    }
}
