//! The case list: which cases are shown in it, and the way through those.

use super::{Session, case::Case, notice::Severity};
use labrum_core::{holdout::Side, study::Status};

/// Which cases are listed by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFilter {
    /// All.
    #[default]
    All,
    /// Those that are neither accepted nor skipped.
    Open,
    /// Those of a status.
    Of(Status),
    /// Those that judge models.
    HeldOut,
}

impl StatusFilter {
    /// All of them, in the order in which they are offered.
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

    /// What it is called.
    pub fn display_label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Open => "Open",
            Self::Of(status) => super::case::status_label(status),
            Self::HeldOut => "Held out",
        }
    }

    fn accepts_case(self, case: &Case) -> bool {
        match self {
            Self::All => true,
            Self::Open => !matches!(case.status, Status::Accepted | Status::Skipped),
            Self::Of(status) => case.status == status,
            Self::HeldOut => case.side == Some(Side::HoldOut),
        }
    }
}

/// What the case list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Words that are all in the name, the patient or the description, in whatever case.
    pub words: String,
    /// What became of them.
    pub kept: StatusFilter,
}

impl CaseFilter {
    /// True where it lets all through.
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

impl Session {
    /// Places of the cases that are listed, in the order of the list.
    pub fn listed_cases(&self) -> Vec<usize> {
        let mut listed = self.ordered_cases();
        if !self.case_filter.is_empty() {
            let filter = &self.case_filter;
            listed.retain(|i| {
                self.cases
                    .get(*i)
                    .is_some_and(|c| filter.kept.accepts_case(c) && filter.has_words(c))
            });
        }
        listed
    }

    /// How many cases there are of each kind, among those that have the words.
    pub fn counts_of_kept(&self) -> [(StatusFilter, usize); StatusFilter::ALL.len()] {
        let found: Vec<&Case> = self
            .cases
            .iter()
            .filter(|c| self.case_filter.has_words(c))
            .collect();
        StatusFilter::ALL.map(|kept| (kept, found.iter().filter(|c| kept.accepts_case(c)).count()))
    }

    /// The case to show once one is gone: the next of the list, else the one before it. Where none is listed, of all.
    pub(super) fn neighbour_case(&self, gone: usize) -> Option<usize> {
        let order = self.ordered_cases();
        let rank = |case: usize| order.iter().position(|i| *i == case).unwrap_or(0);
        let mut listed = self.listed_cases();
        listed.retain(|i| *i != gone);
        if listed.is_empty() {
            listed = order.iter().copied().filter(|i| *i != gone).collect();
        }
        listed
            .iter()
            .find(|i| rank(**i) > rank(gone))
            .or(listed.last())
            .copied()
    }

    /// Goes through the list; from a case that is not in it to the nearest one that is.
    pub(super) fn step_case(&mut self, by: i64) {
        let listed = self.listed_cases();
        let Some(current) = self.current else { return };
        if listed.is_empty() {
            return self.notices.add(
                Severity::Hint,
                "No case is listed: empty the search field above the case list.",
            );
        }
        let to = match listed.iter().position(|i| *i == current) {
            Some(here) => here as i64 + by,
            None => {
                let order = self.ordered_cases();
                let rank = |case: usize| order.iter().position(|i| *i == case).unwrap_or(0);
                let after = listed
                    .iter()
                    .position(|i| rank(*i) > rank(current))
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
                    format!("This is the {end} case of the list."),
                );
            }
        }
    }
}
