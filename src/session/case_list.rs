//! The case list: which cases are listed, and moving through them.

use super::{
    Session,
    case::{Case, SliceState},
    history::HistoryStep,
    job::{CaseId, SliceKey},
    notice::Severity,
    undo::UndoDirection,
};
use labrum_core::{holdout::Side, journal::StatusChange, study::Status};
use std::{
    ops::{Deref, DerefMut},
    slice,
};

/// Filters the case list by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFilter {
    /// All cases.
    #[default]
    All,
    /// Cases that are neither accepted nor skipped.
    Open,
    /// Cases with this status.
    Of(Status),
    /// Hold-out cases.
    HeldOut,
}

impl StatusFilter {
    /// All filters in display order.
    pub const ALL: [Self; 8] = [
        Self::All,
        Self::Open,
        Self::Of(Status::New),
        Self::Of(Status::Proposed),
        Self::Of(Status::Corrected),
        Self::Of(Status::Accepted),
        Self::Of(Status::Skipped),
        Self::HeldOut,
    ];

    /// Its display name.
    pub fn display_label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Open => "Open",
            Self::Of(status) => super::case::status_label(status),
            Self::HeldOut => "Hold-out",
        }
    }

    fn accepts_case(self, case: &Case) -> bool {
        match self {
            Self::All => true,
            Self::Open => case.is_undecided(),
            Self::Of(status) => case.status == status,
            Self::HeldOut => case.side == Some(Side::HoldOut),
        }
    }
}

/// The filter of the case list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Words that must all occur in the name, the patient or the description, ignoring case.
    pub words: String,
    /// Filter by status.
    pub kept: StatusFilter,
}

impl CaseFilter {
    /// True if it matches every case.
    pub fn is_empty(&self) -> bool {
        self.kept == StatusFilter::All && self.words.trim().is_empty()
    }

    fn has_words(&self, case: &Case) -> bool {
        if self.words.trim().is_empty() {
            return true;
        }
        let all = format!(
            "{}\n{}\n{}",
            case.display_title(),
            case.short_summary(),
            case.study.display_title()
        )
        .to_lowercase();
        self.words
            .to_lowercase()
            .split_whitespace()
            .all(|word| all.contains(word))
    }
}

/// The open cases in the order in which they were opened, and the one that is shown.
#[derive(Debug, Default)]
pub struct OpenCases {
    pub(super) list: Vec<Case>,
    /// Index of the case that is shown.
    pub current: Option<usize>,
    /// The filter of the list.
    pub filter: CaseFilter,
}

impl Deref for OpenCases {
    type Target = [Case];

    fn deref(&self) -> &[Case] {
        &self.list
    }
}

impl FromIterator<Case> for OpenCases {
    /// Opens cases; none of them is current.
    fn from_iter<I: IntoIterator<Item = Case>>(cases: I) -> Self {
        Self {
            list: cases.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl DerefMut for OpenCases {
    fn deref_mut(&mut self) -> &mut [Case] {
        &mut self.list
    }
}

impl<'a> IntoIterator for &'a OpenCases {
    type Item = &'a Case;
    type IntoIter = slice::Iter<'a, Case>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a mut OpenCases {
    type Item = &'a mut Case;
    type IntoIter = slice::IterMut<'a, Case>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter_mut()
    }
}

impl Session {
    /// Indices of the listed cases, in the order of the list.
    pub fn listed_cases(&self) -> Vec<usize> {
        let mut listed = self.ordered_cases();
        if !self.cases.filter.is_empty() {
            let filter = &self.cases.filter;
            listed.retain(|i| {
                self.cases
                    .get(*i)
                    .is_some_and(|c| filter.kept.accepts_case(c) && filter.has_words(c))
            });
        }
        listed
    }

    /// The case to show after `gone` is removed: the next in the list, else the one before; among all cases if none is
    /// listed.
    pub(super) fn neighbour_case(&self, gone: usize) -> Option<usize> {
        let order = self.ordered_cases();
        let rank_of_gone = rank_in(&order, gone);
        let mut listed = self.listed_cases();
        listed.retain(|i| *i != gone);
        if listed.is_empty() {
            listed = order.iter().copied().filter(|i| *i != gone).collect();
        }
        listed
            .iter()
            .find(|i| rank_in(&order, **i) > rank_of_gone)
            .or(listed.last())
            .copied()
    }

    /// Moves through the list; from a case that is not listed to the nearest one that is.
    pub(super) fn step_case(&mut self, by: i64) {
        let listed = self.listed_cases();
        let Some(current) = self.cases.current else {
            return;
        };
        if listed.is_empty() {
            return self.notices.add(
                Severity::Hint,
                "No case matches the filter. Clear the search field above the case list.",
            );
        }
        let to = match listed.iter().position(|i| *i == current) {
            Some(here) => here as i64 + by,
            None => {
                let order = self.ordered_cases();
                let rank_of_current = rank_in(&order, current);
                let after = listed
                    .iter()
                    .position(|i| rank_in(&order, *i) > rank_of_current)
                    .unwrap_or(listed.len()) as i64;
                if by > 0 { after } else { after - 1 }
            }
        };
        match usize::try_from(to).ok().and_then(|to| listed.get(to)) {
            Some(to) => self.select_case(Some(*to)),
            None => {
                let end = if by > 0 { "last" } else { "first" };
                self.notices.add(
                    Severity::Hint,
                    format!("This is the {end} case in the list."),
                );
            }
        }
    }
}

/// Position of `case` in `order`; both are indices in the list of open cases.
fn rank_in(order: &[usize], case: usize) -> usize {
    order.iter().position(|i| *i == case).unwrap_or(0)
}

impl OpenCases {
    /// An open case by its id.
    pub fn case_by_id(&self, id: CaseId) -> Option<&Case> {
        self.list.iter().find(|c| c.id == id)
    }

    /// As [`OpenCases::case_by_id`], mutable.
    pub(super) fn case_by_id_mut(&mut self, id: CaseId) -> Option<&mut Case> {
        self.list.iter_mut().find(|c| c.id == id)
    }

    /// Index of a case among the open cases.
    pub(super) fn index_of(&self, id: CaseId) -> Option<usize> {
        self.list.iter().position(|c| c.id == id)
    }

    /// A case may have been accepted or skipped without a step of its own, by an older version or on the command line.
    /// Its status is then undone and redone together with the step before.
    pub(super) fn signed_off_since(
        &self,
        step: &HistoryStep,
        way: UndoDirection,
    ) -> Option<StatusChange> {
        let after = self.case_by_id(step.case)?.status;
        let is_signed_off = matches!(after, Status::Accepted | Status::Skipped);
        let is_by_step = step.also.status.is_some_and(|change| change.after == after);
        let before = step
            .also
            .status
            .map_or(Status::Corrected, |change| change.before);
        let is_drawn = way == UndoDirection::Back && !step.edits.is_empty();
        (is_drawn && is_signed_off && !is_by_step).then_some(StatusChange { before, after })
    }

    /// The title of a case, for messages; empty if it is closed.
    pub(super) fn title_of(&self, case: CaseId) -> String {
        self.case_by_id(case)
            .map_or_else(String::new, Case::display_title)
    }

    pub(super) fn slice_state(&self, key: SliceKey) -> Option<&SliceState> {
        self.case_by_id(key.case)?.slices.get(key.slice)
    }

    /// Number of cases for each status filter, among those that match the search words.
    pub fn counts_of_kept(&self) -> [(StatusFilter, usize); StatusFilter::ALL.len()] {
        let found: Vec<&Case> = self
            .list
            .iter()
            .filter(|c| self.filter.has_words(c))
            .collect();
        StatusFilter::ALL.map(|kept| (kept, found.iter().filter(|c| kept.accepts_case(c)).count()))
    }

    /// The case that is shown.
    pub fn current_case(&self) -> Option<&Case> {
        self.list.get(self.current?)
    }

    /// The same, to be changed.
    pub(super) fn current_case_mut(&mut self) -> Option<&mut Case> {
        self.list.get_mut(self.current?)
    }

    /// The mean uncertainty of each case. Computed once for all, since each is a sum over its outlines.
    pub(super) fn case_doubts(&self) -> Vec<Option<f32>> {
        self.list.iter().map(Case::mean_uncertainty).collect()
    }
}
