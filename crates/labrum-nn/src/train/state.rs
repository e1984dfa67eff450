//! The state of a training in a file, to go on from after a stop or a crash.

use super::super::checkpoint::{self, Weights};
use super::optimizer::OptimizerMoments;
use labrum_core::{
    Error, Result,
    model_card::{Aspect, Config, InputSpec, ModelCard, ModelPurpose},
};
use std::path::Path;

/// A training under way, to go on from.
#[derive(Clone, Debug)]
pub struct TrainingState {
    /// The weights of the last step.
    pub weights: Weights,
    /// Their average.
    pub average: Weights,
    /// What the optimiser keeps.
    pub moments: OptimizerMoments,
    /// Steps done.
    pub steps: usize,
    /// Share of the training that is done.
    pub done: f64,
    /// The weights that were best on the validation part, and their figure there.
    pub best: Option<(f64, Weights)>,
}

/// Where the numbers stand: step, share done, best figure (below 0 for none).
const NUMBERS: &str = "state.numbers";
/// What the sets of numbers begin with.
const PARTS: [&str; 5] = [
    "last.",
    "average.",
    "best.",
    "first-moment.",
    "second-moment.",
];

/// The bytes of a state.
pub fn to_bytes(state: &TrainingState) -> Result<Vec<u8>> {
    let mut all = Weights::new();
    let best = state.best.as_ref().map(|(_, weights)| weights);
    for (part, weights) in PARTS.iter().zip([
        Some(&state.weights),
        Some(&state.average),
        best,
        Some(&state.moments.first),
        Some(&state.moments.second),
    ]) {
        all.extend(
            weights
                .into_iter()
                .flatten()
                .map(|(name, t)| (format!("{part}{name}"), t.clone())),
        );
    }
    // f32 holds whole numbers up to 16 million.
    let numbers = [
        state.steps as f32,
        state.done as f32,
        state.best.as_ref().map_or(-1.0, |(dice, _)| *dice as f32),
    ];
    let tensor = checkpoint::PlainTensor {
        shape: vec![numbers.len()],
        values: numbers.to_vec(),
    };
    all.insert(NUMBERS.into(), tensor);
    checkpoint::to_bytes(&placeholder_card(), &all)
}

/// The state in a file; `None` where there is none that can be used for such a network: the training then begins anew.
pub fn read_from_file(
    path: &Path,
    config: Config,
    channels: usize,
    classes: usize,
) -> Option<TrainingState> {
    let bytes = std::fs::read(path).ok()?;
    let wanted = checkpoint::Architecture {
        config,
        channels,
        classes,
    };
    let found = from_bytes(&bytes).and_then(|state| {
        match checkpoint::detect_architecture(&state.weights)? {
            found if found == wanted => Ok(state),
            _ => Err(Error::new(
                "go on with the training",
                "its state is of another network",
            )),
        }
    });
    found
        .inspect_err(|error| log::warn!("{}: {error}; the training begins anew", path.display()))
        .ok()
}

/// The state in the bytes of a file. Errors: bytes that are not a whole state.
pub fn from_bytes(bytes: &[u8]) -> Result<TrainingState> {
    let (_, mut all) = checkpoint::from_bytes(bytes)?;
    let broken = || Error::new("read the state of the training", "it is not whole");
    let numbers = all.remove(NUMBERS).ok_or_else(broken)?.values;
    let [steps, done, best_dice] = numbers[..] else {
        return Err(broken());
    };
    let [weights, average, best, first, second] = PARTS.map(|part| -> Weights {
        all.iter()
            .filter_map(|(name, t)| Some((name.strip_prefix(part)?.to_owned(), t.clone())))
            .collect()
    });
    checkpoint::check_weights(&weights)?;
    checkpoint::check_weights(&average)?;
    let best = (best_dice >= 0.0 && !best.is_empty()).then_some((f64::from(best_dice), best));
    if !(0.0..=1.0).contains(&done) || steps < 0.0 {
        return Err(broken());
    }
    let moments = OptimizerMoments { first, second };
    Ok(TrainingState {
        weights,
        average,
        moments,
        steps: steps as usize,
        done: f64::from(done),
        best,
    })
}

/// Files of ours have cards; this one is never shown.
fn placeholder_card() -> ModelCard {
    ModelCard {
        name: "State of a training".into(),
        version: String::new(),
        config: Config::S,
        labels: Vec::new(),
        input: InputSpec {
            channels: 1,
            columns: 16,
            rows: 16,
            aspect: Aspect::Kept,
            mean: vec![0.0],
            std: vec![1.0],
        },
        purpose: ModelPurpose::default(),
        looks: None,
        trained_on: Default::default(),
        held_out: None,
        parent: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::random_weights;
    use super::*;

    fn state(best: Option<f64>) -> TrainingState {
        let weights = |seed| random_weights(Config::S, 1, 2, seed).unwrap();
        let best = best.map(|dice| (dice, weights(3)));
        let moments = OptimizerMoments {
            first: weights(4),
            second: weights(5),
        };
        TrainingState {
            weights: weights(1),
            average: weights(2),
            moments,
            steps: 123,
            done: 0.25,
            best,
        }
    }

    #[test]
    fn a_state_comes_back_as_it_was() {
        for best in [None, Some(0.75)] {
            let state = state(best);
            let back = from_bytes(&to_bytes(&state).unwrap()).unwrap();
            assert_eq!(
                (back.steps, back.done, back.best),
                (state.steps, state.done, state.best)
            );
            assert!(
                back.weights == state.weights
                    && back.average == state.average
                    && back.moments == state.moments
            );
        }
    }

    #[test]
    fn half_a_state_is_none() {
        let bytes = to_bytes(&state(None)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("round-1.state");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let of = |path: &Path, classes| read_from_file(path, Config::S, 1, classes);
        assert!(of(&path, 2).is_none());
        assert!(of(&folder.path().join("round-2.state"), 2).is_none());
        std::fs::write(&path, &bytes).unwrap();
        assert!(of(&path, 2).is_some());
        assert!(of(&path, 3).is_none(), "a label came since");
    }
}
