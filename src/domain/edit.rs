//! A change of a mask as runs before and after: what undo, journal and redraw share.

/// Neighbouring pixels (in row order) that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Index of the first pixel.
    pub start: usize,
    /// Labels before.
    pub before: Vec<u8>,
    /// Labels after, as many.
    pub after: Vec<u8>,
}

/// What a gesture changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// In order of `start`, not touching each other.
    pub runs: Vec<Run>,
}

impl Edit {
    /// The edit that leads from one list of labels to another of the same length.
    pub fn between(before: &[u8], after: &[u8]) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for (i, (&b, &a)) in before.iter().zip(after).enumerate().filter(|(_, (b, a))| b != a) {
            match runs.last_mut() {
                Some(run) if run.start + run.before.len() == i => {
                    run.before.push(b);
                    run.after.push(a);
                }
                _ => runs.push(Run { start: i, before: vec![b], after: vec![a] }),
            }
        }
        Self { runs }
    }

    /// The edit that takes this one back.
    pub fn inverse(&self) -> Self {
        let turn = |run: &Run| Run { start: run.start, before: run.after.clone(), after: run.before.clone() };
        Self { runs: self.runs.iter().map(turn).collect() }
    }

    /// True where nothing changed.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}
