//! The volume of a label over the times of a series, and what follows from it: end diastole and end systole, stroke volume and
//! ejection fraction.

/// A phase of the heart that volumes are compared at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardiacPhase {
    /// The ventricle is filled.
    EndDiastole,
    /// The ventricle is contracted.
    EndSystole,
}

impl CardiacPhase {
    /// Both, in display order.
    pub const ALL: [Self; 2] = [Self::EndDiastole, Self::EndSystole];

    /// Its display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::EndDiastole => "End diastole",
            Self::EndSystole => "End systole",
        }
    }

    /// Name in files: "end-systole".
    pub fn storage_name(self) -> &'static str {
        match self {
            Self::EndDiastole => "end-diastole",
            Self::EndSystole => "end-systole",
        }
    }

    /// The phase with this [`Self::storage_name`]; `None` for any other text.
    pub fn from_storage_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.storage_name() == name)
    }
}

/// What a person did at one time of a series: marked that time as a phase, or removed that mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseChange {
    /// The phase.
    pub phase: CardiacPhase,
    /// False if the mark was removed.
    pub is_marked: bool,
}

/// The times that a person marked, 0-based; `None` for the time of the largest or smallest volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarkedPhases {
    end_diastole: Option<usize>,
    end_systole: Option<usize>,
}

impl MarkedPhases {
    /// The marked time of a phase.
    pub fn time_of(self, phase: CardiacPhase) -> Option<usize> {
        match phase {
            CardiacPhase::EndDiastole => self.end_diastole,
            CardiacPhase::EndSystole => self.end_systole,
        }
    }

    /// The marks that these changes leave, oldest first, each with the 0-based time at which it was made. A newer mark of a
    /// phase takes the place of an older one, and a time is one phase only. Any of the changes may be missing: that is how
    /// they are undone.
    pub fn from_changes(changes: impl IntoIterator<Item = (usize, PhaseChange)>) -> Self {
        let mut marks = Self::default();
        for (time, change) in changes {
            marks.apply_change(time, change);
        }
        marks
    }

    fn apply_change(&mut self, time: usize, change: PhaseChange) {
        let (own, other) = match change.phase {
            CardiacPhase::EndDiastole => (&mut self.end_diastole, &mut self.end_systole),
            CardiacPhase::EndSystole => (&mut self.end_systole, &mut self.end_diastole),
        };
        let marked = Some(time);
        if change.is_marked {
            *own = marked;
            if *other == marked {
                *other = None;
            }
        } else if *own == marked {
            *own = None;
        }
    }

    /// The change that marks a time, 0-based, as a phase; if it is that phase already, the one that removes the mark.
    pub fn toggle_at(self, phase: CardiacPhase, time: usize) -> PhaseChange {
        PhaseChange {
            phase,
            is_marked: self.time_of(phase) != Some(time),
        }
    }
}

/// The volume of a label at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedVolume {
    /// 0-based index of the time.
    pub time: usize,
    /// Volume in ml.
    pub ml: f64,
    /// Number of slices that contain the label.
    pub slices: usize,
}

/// The volumes of one label over the times of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeCurve {
    /// One for each time whose mask contains the label, in order of time.
    points: Vec<TimedVolume>,
    marks: MarkedPhases,
}

impl VolumeCurve {
    /// A curve through these volumes, which are sorted by time; `None` if there are none.
    pub fn new(mut points: Vec<TimedVolume>, marks: MarkedPhases) -> Option<Self> {
        points.sort_by_key(|point| point.time);
        (!points.is_empty()).then_some(Self { points, marks })
    }

    /// The volumes, in order of time.
    pub fn volumes(&self) -> &[TimedVolume] {
        &self.points
    }

    /// The volume at a phase: at the marked time, else the largest at end diastole and the smallest at end systole, the
    /// earliest of equal ones. `None` if the marked time has no mask.
    pub fn at_phase(&self, phase: CardiacPhase) -> Option<TimedVolume> {
        if let Some(marked) = self.marks.time_of(phase) {
            return self.points.iter().copied().find(|p| p.time == marked);
        }
        let points = self.points.iter().copied();
        match phase {
            CardiacPhase::EndDiastole => points.rev().max_by(|a, b| a.ml.total_cmp(&b.ml)),
            CardiacPhase::EndSystole => points.min_by(|a, b| a.ml.total_cmp(&b.ml)),
        }
    }

    /// True if a person marked the time of a phase.
    pub fn is_marked(&self, phase: CardiacPhase) -> bool {
        self.marks.time_of(phase).is_some()
    }

    /// Volume at end diastole minus volume at end systole, in ml. `None` if both are the same time or one has no mask;
    /// negative if the marked times are the wrong way round.
    pub fn stroke_volume(&self) -> Option<f64> {
        let [diastole, systole] = CardiacPhase::ALL.map(|phase| self.at_phase(phase));
        let (diastole, systole) = diastole.zip(systole)?;
        (diastole.time != systole.time).then_some(diastole.ml - systole.ml)
    }

    /// Stroke volume divided by the volume at end diastole, in %. `None` as for [`Self::stroke_volume`].
    pub fn ejection_fraction(&self) -> Option<f64> {
        let diastole = self.at_phase(CardiacPhase::EndDiastole)?.ml;
        let stroke = self.stroke_volume()?;
        (diastole > 0.0).then_some(100.0 * stroke / diastole)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn curve(volumes: &[(usize, f64)], marks: MarkedPhases) -> VolumeCurve {
        let points = volumes.iter().map(|(time, ml)| TimedVolume {
            time: *time,
            ml: *ml,
            slices: 10,
        });
        VolumeCurve::new(points.collect(), marks).unwrap()
    }

    fn mark(phase: CardiacPhase) -> PhaseChange {
        PhaseChange {
            phase,
            is_marked: true,
        }
    }

    fn marked(phase: CardiacPhase, time: usize) -> MarkedPhases {
        MarkedPhases::from_changes([(time, mark(phase))])
    }

    #[test]
    fn without_marks_the_phases_are_the_largest_and_the_smallest_volume() {
        // A normal left ventricle: 142 ml at end diastole, 47 ml at end systole; 67 % (Maceira et al. 2006).
        let heart = curve(
            &[(4, 90.0), (0, 142.0), (2, 47.0), (6, 142.0)],
            MarkedPhases::default(),
        );
        let times = CardiacPhase::ALL.map(|phase| heart.at_phase(phase).unwrap().time);
        assert_eq!(times, [0, 2], "the earliest of two equal volumes");
        assert_eq!(heart.stroke_volume(), Some(95.0));
        let fraction = heart.ejection_fraction().unwrap();
        assert!((fraction - 66.9).abs() < 0.01, "{fraction}");
        let order: Vec<usize> = heart.volumes().iter().map(|point| point.time).collect();
        assert_eq!(order, [0, 2, 4, 6]);
    }

    #[test]
    fn marked_times_count_instead_and_need_a_mask() {
        let volumes = [(0, 140.0), (1, 150.0), (5, 60.0)];
        let heart = curve(&volumes, marked(CardiacPhase::EndDiastole, 0));
        assert_eq!(heart.stroke_volume(), Some(80.0));
        assert!(heart.is_marked(CardiacPhase::EndDiastole));
        assert!(!heart.is_marked(CardiacPhase::EndSystole));
        let empty = curve(&volumes, marked(CardiacPhase::EndSystole, 3));
        assert_eq!(empty.at_phase(CardiacPhase::EndSystole), None);
        assert_eq!(
            (empty.stroke_volume(), empty.ejection_fraction()),
            (None, None)
        );
        let reversed = curve(&volumes, marked(CardiacPhase::EndSystole, 1));
        assert_eq!(reversed.stroke_volume(), None, "both are time 2");
    }

    #[test]
    fn one_time_has_no_stroke_volume() {
        let heart = curve(&[(3, 100.0)], MarkedPhases::default());
        assert_eq!(heart.at_phase(CardiacPhase::EndDiastole).unwrap().ml, 100.0);
        assert_eq!(heart.stroke_volume(), None);
        assert_eq!(heart.ejection_fraction(), None);
        assert_eq!(VolumeCurve::new(Vec::new(), MarkedPhases::default()), None);
    }

    #[test]
    fn a_time_is_one_phase_only_and_a_second_mark_removes_the_first() {
        let [diastole, systole] = CardiacPhase::ALL;
        let first = marked(diastole, 4);
        assert_eq!(first.toggle_at(systole, 4), mark(systole));
        let second = MarkedPhases::from_changes([(4, mark(diastole)), (4, mark(systole))]);
        assert_eq!(second.time_of(diastole), None);
        assert_eq!(second.time_of(systole), Some(4));
        let removed = second.toggle_at(systole, 4);
        assert!(!removed.is_marked);
        let none =
            MarkedPhases::from_changes([(4, mark(diastole)), (4, mark(systole)), (4, removed)]);
        assert_eq!(none, MarkedPhases::default());
    }

    #[test]
    fn marks_of_different_times_can_be_undone_in_any_order() {
        let diastole = CardiacPhase::EndDiastole;
        let [first, second] = [(0, mark(diastole)), (7, mark(diastole))];
        let time = |changes: &[(usize, PhaseChange)]| {
            MarkedPhases::from_changes(changes.iter().copied()).time_of(diastole)
        };
        assert_eq!(time(&[first, second]), Some(7), "the newest mark counts");
        assert_eq!(time(&[first]), Some(0), "the one before is there again");
        assert_eq!(time(&[second]), Some(7));
        let removed = PhaseChange {
            is_marked: false,
            ..mark(diastole)
        };
        assert_eq!(time(&[first, second, (7, removed)]), None);
        assert_eq!(
            time(&[(0, removed), second]),
            Some(7),
            "only the mark of its own time is removed"
        );
    }

    #[test]
    fn phases_are_found_by_their_names_in_files() {
        for phase in CardiacPhase::ALL {
            assert_eq!(
                CardiacPhase::from_storage_name(phase.storage_name()),
                Some(phase)
            );
        }
        assert_eq!(CardiacPhase::from_storage_name("systole"), None);
    }
}
