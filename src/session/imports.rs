//! Masks from files: they take the place of those of the case, as one step that can be undone.

use super::{
    Session,
    case::Case,
    job::{CaseId, Job, MaskFileJob, SliceKey},
    notice::{Severity, Topic},
};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    counts::count_with_noun,
    edit::Edit,
    import::{ImportedMasks, MaskChoice, TakenLabel},
    journal::TaskKey,
    label::Label,
    region::Region,
    study::{Series, Status},
};
use std::path::PathBuf;

/// Slices that lie nearer to each other along their normal, in mm, lie at one place.
const SAME_DEPTH: f64 = 0.01;

/// Masks from files that are laid only once a person has said more.
#[derive(Clone, Debug)]
pub struct Undecided {
    case: CaseId,
    paths: Vec<PathBuf>,
    choice: MaskChoice,
    /// Why they were not laid; its kind says what is wanted.
    pub error: Error,
}

/// What a person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportAnswer {
    /// Lay them by their place in the patient, whichever images they name.
    ByPosition,
    /// They are of this time, 1 for the first.
    Time(usize),
}

/// Masks from files in which labels lie over each other: a mask holds one for each pixel.
#[derive(Clone, Debug)]
pub struct Overlapping {
    case: CaseId,
    paths: Vec<PathBuf>,
    choice: MaskChoice,
    /// The labels, as they lie now the one on top first.
    pub labels: Vec<OverlappingLabel>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct OverlappingLabel {
    /// What it is.
    pub label: Label,
    /// Its number in the file.
    pub number: u32,
    /// Its pixels in the file.
    pub pixels: usize,
    /// Those that others lie over, as they lie now.
    pub covered: usize,
}

impl Overlapping {
    /// `None` where nothing overlaps, or where the user has said what is to be taken.
    fn from_import(
        case: CaseId,
        (paths, choice): (Vec<PathBuf>, MaskChoice),
        imported: &ImportedMasks,
    ) -> Option<Self> {
        let is_chosen = !choice.only.is_empty();
        if is_chosen || imported.taken.iter().all(|taken| taken.covered == 0) {
            return None;
        }
        let label = |(label, taken): (&Label, &TakenLabel)| OverlappingLabel {
            label: label.clone(),
            number: taken.number,
            pixels: taken.in_file,
            covered: taken.covered,
        };
        let mut labels: Vec<OverlappingLabel> = imported
            .labels
            .iter()
            .zip(&imported.taken)
            .map(label)
            .collect();
        // Smaller ones lie over larger ones, and of equal ones the later.
        labels.reverse();
        labels.sort_by_key(|label| label.pixels);
        Some(Self {
            case,
            paths,
            choice,
            labels,
        })
    }
}

impl Session {
    /// Files with masks that were opened with the images, of this case or of others.
    pub(super) fn masks_found(&self) -> Vec<PathBuf> {
        self.passed_over
            .iter()
            .filter(|passed| passed.has_masks)
            .map(|passed| passed.path.clone())
            .collect()
    }

    /// Says that there are masks to be taken in.
    pub(super) fn tell_masks_found(&mut self, count: usize) {
        let files = match count {
            0 => return,
            1 => "A file with masks was opened with the images".to_owned(),
            n => format!("{n} files with masks were opened with the images"),
        };
        self.notices.add(
            Severity::Info,
            format!("{files}. Press Ctrl+Shift+I to import those of this case."),
        );
    }

    pub(super) fn import_masks(&mut self, paths: Vec<PathBuf>) {
        if let Some(case) = self.current_case() {
            if !case.is_restored {
                return self.notices.add(
                    Severity::Info,
                    "The workspace is being opened: import once it is.",
                );
            }
            let (id, series) = (case.id, case.series.clone());
            let choice = MaskChoice {
                time: time_on_screen(&series, case.slice),
                ..MaskChoice::default()
            };
            self.overlapping = None;
            self.undecided = None;
            let others = self
                .cases
                .iter()
                .filter(|c| c.id != id && c.takes_masks())
                .map(|c| (c.id, c.series.clone()));
            let others = others.collect();
            self.jobs.push(Job::MaskFiles(MaskFileJob::Import {
                case: id,
                series,
                paths,
                choice,
                others,
            }));
        }
    }

    /// Reads what was chosen of the masks that overlap, in this order; nothing where none was.
    pub(super) fn take_overlapping(&mut self, chosen: Option<Vec<usize>>) {
        let (Some(overlapping), Some(chosen)) = (self.overlapping.take(), chosen) else {
            return;
        };
        let Some(case) = self.cases.iter().find(|c| c.id == overlapping.case) else {
            return;
        };
        let number = |index: &usize| {
            overlapping
                .labels
                .get(*index)
                .map(|label| format!("#{}", label.number))
        };
        let numbers: Vec<String> = chosen.iter().filter_map(number).collect();
        if !numbers.is_empty() {
            let choice = MaskChoice {
                only: numbers.clone(),
                order: numbers,
                ..overlapping.choice
            };
            let series = case.series.clone();
            let (case, paths) = (overlapping.case, overlapping.paths);
            self.jobs.push(Job::MaskFiles(MaskFileJob::Import {
                case,
                series,
                paths,
                choice,
                others: Vec::new(),
            }));
        }
    }

    /// Asks what has to be said before masks can be laid.
    pub(super) fn on_import_undecided(
        &mut self,
        case: CaseId,
        paths: Vec<PathBuf>,
        choice: MaskChoice,
        error: Error,
    ) {
        match error.kind {
            ErrorKind::NamesOtherImages | ErrorKind::TimeWanted(_) => {
                self.undecided = Some(Undecided {
                    case,
                    paths,
                    choice,
                    error,
                });
            }
            _ => self.show_error(&error),
        }
    }

    /// Reads masks again with what was said; not at all where nothing was.
    pub(super) fn answer_import(&mut self, answer: Option<ImportAnswer>) {
        let (Some(undecided), Some(answer)) = (self.undecided.take(), answer) else {
            return;
        };
        let Undecided {
            case,
            paths,
            mut choice,
            ..
        } = undecided;
        let Some(series) = self
            .cases
            .iter()
            .find(|c| c.id == case)
            .map(|c| c.series.clone())
        else {
            return;
        };
        match answer {
            ImportAnswer::ByPosition => choice.by_position = true,
            ImportAnswer::Time(time) => choice.time = Some(time),
        }
        self.jobs.push(Job::MaskFiles(MaskFileJob::Import {
            case,
            series,
            paths,
            choice,
            others: Vec::new(),
        }));
    }

    pub(super) fn on_imported(
        &mut self,
        case: CaseId,
        asked: (Vec<PathBuf>, MaskChoice),
        result: Result<ImportedMasks>,
    ) {
        let imported = match result {
            Ok(imported) => imported,
            Err(error) => return self.show_error(&error),
        };
        self.overlapping = Overlapping::from_import(case, asked, &imported);
        if self.overlapping.is_some() {
            return;
        }
        for (label, _) in imported
            .labels
            .iter()
            .zip(&imported.taken)
            .filter(|(_, taken)| taken.is_lost())
        {
            let text = format!("\"{}\" has no pixel left on these images.", label.name);
            self.notices.add(Severity::Error, text);
        }
        let (slices, has_changed) = self.lay_masks(case, &imported);
        let count = count_with_noun(slices, "slice");
        let text = match has_changed {
            true => format!("Imported masks on {count}. Undo: Ctrl+Z."),
            false => format!("The masks on {count} are the same as those here; nothing changed."),
        };
        self.notices
            .add_about(Topic::Case(case), Severity::Info, text);
        for note in imported.notes {
            self.notices
                .add(Severity::Warning, super::to_sentence(&note));
        }
    }

    /// Masks of a folder for cases that are not on the screen: a step in each that nobody has worked on meanwhile.
    pub(super) fn on_imported_others(
        &mut self,
        cases: Vec<(CaseId, Result<ImportedMasks>)>,
        without: usize,
    ) {
        let (mut laid, mut first_failure, mut failed) = (0, None, 0);
        for (case, result) in cases {
            if !self.cases.iter().any(|c| c.id == case && c.takes_masks()) {
                continue;
            }
            match result {
                Ok(imported) => {
                    self.lay_masks(case, &imported);
                    laid += 1;
                }
                Err(error) => {
                    first_failure.get_or_insert((case, error));
                    failed += 1;
                }
            }
        }
        if laid > 0 {
            let rest = if without > 0 {
                format!(" {without} have none in the folder.")
            } else {
                String::new()
            };
            let cases = count_with_noun(laid, "other case");
            let text = format!("Also imported masks for {cases}, one step in each.{rest}");
            self.notices.add(Severity::Info, text);
        }
        if let Some((case, error)) = first_failure {
            let more = if failed > 1 {
                format!(
                    " {} more could not be imported either.",
                    count_with_noun(failed - 1, "case")
                )
            } else {
                String::new()
            };
            let text = format!(
                "\"{}\": {}{more}",
                self.title_of(case),
                super::to_sentence(&error.to_string())
            );
            self.notices.add(Severity::Error, text);
        }
    }

    /// Puts imported masks in the place of those of a case, as one step; how many slices they are of, and whether any
    /// changed.
    fn lay_masks(&mut self, case: CaseId, imported: &ImportedMasks) -> (usize, bool) {
        self.finish_hand();
        let task = self
            .cases
            .iter()
            .find(|c| c.id == case)
            .map_or_else(TaskKey::default, |c| c.task);
        let values = self.values_of(&imported.labels, task);
        let rule = self.lock_rule();
        let mut edits: Vec<(usize, Edit)> = Vec::new();
        for (slice, mask) in &imported.masks {
            let mask = mask.remap_labels(&values);
            let whole = Region::full_frame(mask.columns(), mask.rows());
            let key = SliceKey {
                case,
                slice: *slice,
            };
            edits.push((
                *slice,
                self.write_mask(key, |m| m.copy_region_from(&mask, &whole, &rule)),
            ));
        }
        let done = (edits.len(), edits.iter().any(|(_, e)| !e.is_empty()));
        self.commit_edits("Import masks", case, edits);
        done
    }
}

impl Case {
    /// True where masks of a folder are wanted: nobody has worked on it or said what becomes of it.
    fn takes_masks(&self) -> bool {
        let is_untouched = || {
            self.slices
                .iter()
                .all(|s| !s.is_touched && s.absent.is_empty())
        };
        self.is_restored && matches!(self.status, Status::New | Status::Proposed) && is_untouched()
    }
}

/// Of images that lie at one place, which one is on the screen: masks that name no image are of that one. `None` where each
/// has a place of its own.
fn time_on_screen(series: &Series, slice: usize) -> Option<usize> {
    let depth = |index: usize| {
        series
            .slices
            .get(index)?
            .plane
            .map(|plane| plane.distance_along_normal())
    };
    let own = depth(slice)?;
    let is_here =
        |index: &usize| depth(*index).is_some_and(|depth| (depth - own).abs() <= SAME_DEPTH);
    let here: Vec<usize> = (0..series.slices.len()).filter(is_here).collect();
    let place = here.iter().position(|index| *index == slice)?;
    (here.len() > 1).then_some(place + 1)
}
