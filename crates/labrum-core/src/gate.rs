//! The promotion gate: decides whether a candidate replaces the active model, comparing both on the same hold-out
//! cases. A candidate passes if it is more likely better than worse (docs/gate.md).

pub mod clicks;
mod evidence;
mod second_look;

pub use second_look::SecondLook;

use super::{bootstrap::MeanInterval, counts::count_with_noun, metrics::Scores};
use clicks::ClickReport;
use evidence::Leaning;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Minimum number of hold-out subjects for a decision without asking.
pub const FEWEST: usize = 3;
/// Mean loss of boundary IoU that matters, and mean gain of Dice that outweighs it.
const TOO_MUCH: f64 = 0.005;
/// Loss of Dice that is tolerated on a mask that was accepted as proposed.
const GOOD_ENOUGH: f64 = 0.03;
/// Dice from which a proposal saves work: for a mask of the right size, correcting it then changes fewer pixels than
/// drawing it.
const WORTH_WHILE: f64 = 0.5;
/// A case, or the mean of all, counts as better or worse if its Dice changed by more than this.
const CHANGED: f64 = 0.002;
/// An accepted training mask is suspicious if the candidate's Dice on it is below this, ...
const MISSED: f64 = 0.6;
/// ... and lower by this than on the next worst case, ...
const APART: f64 = 0.25;
/// ... while the candidate's median Dice on the training cases, and the active model's mean Dice on the hold-out cases,
/// exceed this.
const OTHERWISE_GOOD: f64 = 0.9;
/// The candidate's mean Dice on its training cases may be lower than on the hold-out cases by this at most; more means
/// that the masks contradict each other.
const CONTRADICTS: f64 = 0.25;

/// Scores of both models on one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateCase {
    /// Key of the case in the workspace.
    pub key: i64,
    /// Name of the case.
    pub name: String,
    /// [`crate::holdout::subject_hash`] of its subject; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Scores of the active model; `None` if there was none.
    pub active: Option<Scores>,
    /// Scores of the candidate.
    pub candidate: Scores,
    /// True if its mask was accepted exactly as a model had proposed it.
    #[serde(default)]
    pub is_untouched: bool,
}

impl GateCase {
    /// Gain of Dice by the candidate, or its Dice if there was no active model. 0 if [`Self::is_as_good`].
    pub fn dice_gain(&self) -> f64 {
        if self.is_as_good() {
            0.0
        } else {
            self.candidate.dice - self.active.map_or(0.0, |s| s.dice)
        }
    }

    /// True if the mask was accepted as proposed and the masks of both models are nearly the same. Accepting a proposal
    /// means that it is good enough, not that every pixel is right; otherwise a model would win by agreeing with
    /// itself.
    pub fn is_as_good(&self) -> bool {
        let is_near = |scores: &Scores| scores.dice > 1.0 - GOOD_ENOUGH;
        self.is_untouched && self.active.as_ref().is_some_and(is_near) && is_near(&self.candidate)
    }

    /// 1 if the candidate is better, -1 if it is worse, 0 if both are about equal.
    pub fn change_direction(&self) -> i8 {
        let gain = self.dice_gain();
        i8::from(gain > CHANGED) - i8::from(gain < -CHANGED)
    }

    /// A score of the candidate minus that of the active model; 0 if [`Self::is_as_good`]. `None` if either lacks it.
    fn score_difference(&self, figure: impl Fn(&Scores) -> Option<f64>) -> Option<f64> {
        let difference = figure(&self.candidate)? - figure(self.active.as_ref()?)?;
        Some(if self.is_as_good() { 0.0 } else { difference })
    }
}

/// The decision of the promotion gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Verdict {
    /// The candidate is more likely better than worse, or equal.
    Better {
        /// The reason, a clause.
        reason: String,
    },
    /// The candidate is much more likely worse than better, or something is wrong with the round.
    Worse {
        /// The reason, a clause.
        reason: String,
    },
    /// No model is active yet, and this candidate is not good enough to propose masks; the next round continues from
    /// it.
    NotYet {
        /// The reason, a clause.
        reason: String,
    },
    /// The user has to decide: there is little evidence, or it speaks against the candidate but not clearly. The candidate
    /// is not active until then.
    Ask {
        /// The reason, a clause.
        reason: String,
        /// True if the candidate is more likely better than worse, or equal.
        speaks_for: bool,
    },
}

impl Verdict {
    /// The reason, a clause.
    pub fn reason_text(&self) -> &str {
        match self {
            Self::Better { reason }
            | Self::Worse { reason }
            | Self::NotYet { reason }
            | Self::Ask { reason, .. } => reason,
        }
    }

    /// True if a person is asked although the evidence speaks against the candidate.
    pub fn advises_against(&self) -> bool {
        matches!(
            self,
            Self::Ask {
                speaks_for: false,
                ..
            }
        )
    }

    /// True for [`Self::NotYet`].
    pub fn is_not_yet(&self) -> bool {
        matches!(self, Self::NotYet { .. })
    }
}

/// The validation report: the data and the decision of the promotion gate. Several cases of a subject count as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// The hold-out cases.
    pub cases: Vec<GateCase>,
    /// Number of their subjects; 0 in older reports.
    #[serde(default)]
    pub subjects: usize,
    /// Difference of Dice, candidate minus active model; `None` without an active model or without cases.
    pub dice: Option<MeanInterval>,
    /// Difference of HD95, over cases where both models have one; higher is worse.
    pub hd95: Option<MeanInterval>,
    /// Difference of boundary IoU.
    pub boundary_iou: Option<MeanInterval>,
    /// Probability, 0..=1, that the mean Dice of the candidate is higher, or its mean number of clicks lower; `None`
    /// without an active model, without cases, and in older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The decision.
    pub verdict: Verdict,
    /// The comparison of click models, if it is about these; the other figures are empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Option<ClickReport>,
    /// What was found about the active model before the round, on cases that were accepted since it was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_look: Option<SecondLook>,
}

impl GateReport {
    /// Judges a candidate. `learned` holds name and Dice of the candidate on its training cases: a training mask that
    /// it misses completely most likely belongs to another image.
    pub fn new(cases: Vec<GateCase>, learned: &[(String, f64)]) -> Self {
        let figures = Figures::new(&cases);
        let verdict = decide_verdict(&cases, &figures, learned);
        Self {
            subjects: figures.subjects,
            dice: figures.dice,
            hd95: mean_difference(&cases, |s| s.hd95),
            boundary_iou: figures.boundary_iou,
            probability: figures.probability,
            cases,
            verdict,
            clicks: None,
            second_look: None,
        }
    }

    /// Applies the rule for a first model: its Dice has to reach 0.5 on average or on half of the cases.
    pub fn of_first_model(mut self) -> Self {
        let dice: Vec<f64> = self.cases.iter().map(|c| c.candidate.dice).collect();
        let mean = dice.iter().sum::<f64>() / dice.len().max(1) as f64;
        let useful = dice.iter().filter(|dice| **dice >= WORTH_WHILE).count();
        let is_useful = mean >= WORTH_WHILE || 2 * useful >= dice.len();
        if dice.is_empty() || is_useful {
            return self;
        }
        let figures = format!(
            "Dice {mean:.3} on {}, {WORTH_WHILE} needed",
            count_with_noun(dice.len(), "hold-out case")
        );
        self.verdict = match self.verdict {
            worse @ Verdict::Worse { .. } => worse,
            // The next round had better continue from what this one started from.
            Verdict::Ask {
                speaks_for: false, ..
            } => Verdict::Worse {
                reason: format!(
                    "it is not accurate enough to propose masks, and probably worse than its starting model: {figures}"
                ),
            },
            _ => Verdict::NotYet {
                reason: format!("it is not accurate enough to propose masks yet: {figures}"),
            },
        };
        self
    }

    /// True if the candidate is more likely better than worse, and not about equal; false in older reports.
    pub fn is_probably_better(&self) -> bool {
        let differs = match (&self.clicks, self.dice) {
            (Some(clicks), _) => !clicks.needs_as_many(),
            (None, dice) => dice.is_some_and(|dice| !is_equal(&dice)),
        };
        differs
            && self
                .probability
                .is_some_and(|probability| probability > 0.5)
    }

    /// Number of cases that became better, and of those that became worse.
    pub fn better_and_worse(&self) -> (usize, usize) {
        (self.count_by_direction(1), self.count_by_direction(-1))
    }

    /// Number of cases with this [`GateCase::change_direction`].
    fn count_by_direction(&self, direction: i8) -> usize {
        self.cases
            .iter()
            .filter(|c| c.change_direction() == direction)
            .count()
    }

    /// Mean scores of the active model and of the candidate over the subjects.
    pub fn mean_scores(&self) -> (Option<Scores>, Option<Scores>) {
        (
            Scores::mean_over(&scores_by_subject(&self.cases, |c| c.active)),
            Scores::mean_over(&scores_by_subject(&self.cases, |c| Some(c.candidate))),
        )
    }
}

/// A name for the subject of a case; a case of an unknown subject stands for itself.
fn subject_key(subject: &str, case: i64) -> String {
    match subject {
        "" => format!("case {case}"),
        known => known.to_owned(),
    }
}

/// The values of the cases that have one, by subject.
fn group_by_subject<T>(
    cases: &[GateCase],
    value: impl Fn(&GateCase) -> Option<T>,
) -> BTreeMap<String, Vec<T>> {
    let mut subjects: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for case in cases {
        if let Some(value) = value(case) {
            let key = subject_key(&case.subject, case.key);
            subjects.entry(key).or_default().push(value);
        }
    }
    subjects
}

/// Mean scores of each subject.
fn scores_by_subject(
    cases: &[GateCase],
    scores: impl Fn(&GateCase) -> Option<Scores>,
) -> Vec<Scores> {
    let subjects = group_by_subject(cases, scores);
    let means = subjects.values().map(|all| Scores::mean_over(all));
    means.flatten().collect()
}

/// Differences of a score, candidate minus active model: the mean of each subject that has cases where both have it.
fn subject_differences(cases: &[GateCase], figure: impl Fn(&Scores) -> Option<f64>) -> Vec<f64> {
    group_by_subject(cases, |case| case.score_difference(&figure))
        .values()
        .map(|differences| mean_of(differences))
        .collect()
}

/// Mean difference of a score over the subjects.
fn mean_difference(
    cases: &[GateCase],
    figure: impl Fn(&Scores) -> Option<f64>,
) -> Option<MeanInterval> {
    MeanInterval::from_values(&subject_differences(cases, figure))
}

/// Mean of the values; 0 if there are none.
fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// True if a mean difference of Dice is too small to matter.
fn is_equal(dice: &MeanInterval) -> bool {
    dice.mean.abs() <= CHANGED
}

/// What the decision follows from: differences over the subjects, candidate minus active model.
struct Figures {
    subjects: usize,
    dice: Option<MeanInterval>,
    boundary_iou: Option<MeanInterval>,
    /// That the candidate has the higher mean Dice.
    probability: Option<f64>,
}

impl Figures {
    fn new(cases: &[GateCase]) -> Self {
        let differences = subject_differences(cases, |s| Some(s.dice));
        let both = scores_by_subject(cases, |c| Scores::mean_over(&[c.active?, c.candidate]));
        let probability = Scores::mean_over(&both).map(|mean| {
            let spread = evidence::expected_spread(mean.dice, [0.0, 1.0]);
            evidence::probability_above_zero(&differences, spread)
        });
        Self {
            subjects: group_by_subject(cases, |_| Some(())).len(),
            dice: MeanInterval::from_values(&differences),
            boundary_iou: mean_difference(cases, |s| Some(s.boundary_iou)),
            probability,
        }
    }
}

/// "9 hold-out cases", or "9 hold-out cases of 4 subjects".
fn held_out_text(cases: usize, subjects: usize) -> String {
    let counted = count_with_noun(cases, "hold-out case");
    if cases == subjects {
        counted
    } else {
        format!("{counted} of {}", count_with_noun(subjects, "subject"))
    }
}

/// Why there are too few cases for a decision: "only 2 hold-out cases, at least 3 needed".
fn too_few_text(cases: usize, subjects: usize) -> String {
    let needed = if cases == subjects { "" } else { " subjects" };
    let counted = held_out_text(cases, subjects);
    format!("only {counted}, at least {FEWEST}{needed} needed")
}

fn decide_verdict(cases: &[GateCase], figures: &Figures, learned: &[(String, f64)]) -> Verdict {
    if let Some(reason) = find_fault(cases, learned) {
        return Verdict::Worse { reason };
    }
    match (figures.dice, figures.probability) {
        (Some(dice), Some(probability)) => {
            judge_difference(cases.len(), figures, &dice, probability)
        }
        _ => judge_alone(cases, figures.subjects),
    }
}

/// What is wrong with the round itself, a clause.
fn find_fault(cases: &[GateCase], learned: &[(String, f64)]) -> Option<String> {
    if let Some(name) = most_suspicious_case(cases, learned) {
        return Some(format!(
            "the mask of \"{name}\" does not match the other accepted cases: even a model trained on it does not \
             reproduce it. Check that mask, then train again"
        ));
    }
    let (learned, held_out) = find_contradiction(cases, learned)?;
    Some(format!(
        "the accepted masks contradict the hold-out cases: the candidate reaches Dice {held_out:.2} on the \
         hold-out cases, but {learned:.2} on its training cases. Are labels mixed up?"
    ))
}

/// The decision about a model that there is nothing to compare with.
fn judge_alone(cases: &[GateCase], subjects: usize) -> Verdict {
    match Scores::mean_over(&scores_by_subject(cases, |c| Some(c.candidate))) {
        Some(mean) => Verdict::Better {
            reason: format!(
                "first model: Dice {:.3} on {}",
                mean.dice,
                held_out_text(cases.len(), subjects)
            ),
        },
        None => Verdict::Ask {
            reason: "no hold-out case has been accepted yet, so the model could not be tested"
                .into(),
            speaks_for: true,
        },
    }
}

/// The decision by the difference of Dice and the probability that it is above 0.
fn judge_difference(
    cases: usize,
    figures: &Figures,
    dice: &MeanInterval,
    probability: f64,
) -> Verdict {
    let on = held_out_text(cases, figures.subjects);
    let text = format!(
        "Dice {:+.4} (95 % CI {:+.4} to {:+.4}, probability that it is better {}) on {on}",
        dice.mean,
        dice.low,
        dice.high,
        evidence::probability_text(probability)
    );
    let leaning = Leaning::new(probability, is_equal(dice));
    if figures.subjects < FEWEST && leaning != Leaning::ClearlyAgainst {
        return Verdict::Ask {
            reason: format!("{}: {text}", too_few_text(cases, figures.subjects)),
            speaks_for: leaning == Leaning::For,
        };
    }
    // Boundary IoU decides too: equal Dice must not hide coarser boundaries.
    let boundary = figures.boundary_iou;
    if let Some(b) = boundary.filter(|b| b.high < 0.0 && b.mean < -TOO_MUCH && dice.mean < TOO_MUCH)
        && leaning != Leaning::ClearlyAgainst
    {
        return Verdict::Worse {
            reason: format!(
                "its boundaries are worse: boundary IoU {:+.4} on {on}",
                b.mean
            ),
        };
    }
    match leaning {
        Leaning::For => {
            let how = match is_equal(dice) {
                true => "not worse",
                false if dice.low > 0.0 => "better",
                false => "probably better",
            };
            Verdict::Better {
                reason: format!("it is {how}: {text}"),
            }
        }
        Leaning::Against => Verdict::Ask {
            reason: format!("it is probably worse, but these cases do not show it clearly: {text}"),
            speaks_for: false,
        },
        Leaning::ClearlyAgainst => {
            let how = if dice.high < 0.0 { "" } else { "probably " };
            Verdict::Worse {
                reason: format!("it is {how}worse: {text}"),
            }
        }
    }
}

/// Mean Dice of the candidate on its training cases and on the hold-out cases, if the first is far below the second.
fn find_contradiction(cases: &[GateCase], learned: &[(String, f64)]) -> Option<(f64, f64)> {
    let held_out = Scores::mean_over(&cases.iter().map(|c| c.candidate).collect::<Vec<_>>())?.dice;
    let mean = learned.iter().map(|(_, dice)| dice).sum::<f64>() / learned.len().max(1) as f64;
    (cases.len() >= FEWEST && !learned.is_empty() && mean + CONTRADICTS < held_out)
        .then_some((mean, held_out))
}

/// Name of a training case whose mask most likely belongs to another image.
fn most_suspicious_case<'a>(cases: &[GateCase], learned: &'a [(String, f64)]) -> Option<&'a str> {
    let active: Vec<Scores> = cases.iter().filter_map(|c| c.active).collect();
    let is_good = Scores::mean_over(&active).is_some_and(|mean| mean.dice > OTHERWISE_GOOD);
    let mut order: Vec<&(String, f64)> = learned.iter().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let median = order.get(order.len() / 2)?.1;
    let [worst, next, ..] = order[..] else {
        return None;
    };
    let is_apart = worst.1 < MISSED && next.1 - worst.1 > APART;
    (is_good && median > OTHERWISE_GOOD && is_apart).then_some(worst.0.as_str())
}

#[cfg(test)]
mod tests;
