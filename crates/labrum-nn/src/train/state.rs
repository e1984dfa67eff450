//! The saved state of a training, to resume from after an interruption or a crash.

use super::super::checkpoint::{self, Weights};
use super::optimizer::OptimizerMoments;
use labrum_core::{
    Error, Result,
    model_card::{Aspect, Config, InputSpec, ModelCard, ModelPurpose},
};
use std::{fs, path::Path};

/// The state of an unfinished training.
#[derive(Clone, Debug)]
pub struct TrainingState {
    /// The weights of the last step.
    pub weights: Weights,
    /// Running average of the weights.
    pub average: Weights,
    /// State of the optimiser.
    pub moments: OptimizerMoments,
    /// Steps done.
    pub steps: usize,
    /// Share of the training that is done, 0..=1.
    pub done: f64,
    /// Best validation figure so far, and its weights.
    pub best: Option<(f64, Weights)>,
}

/// Name of the tensor with the scalars: step, share done, best figure (negative for none).
const NUMBERS: &str = "state.numbers";
/// Name prefixes of the sets of weights.
const PARTS: [&str; 5] = [
    "last.",
    "average.",
    "best.",
    "first-moment.",
    "second-moment.",
];

/// Serialises a state.
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
    // f32 is exact for whole numbers up to 16 million.
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

/// Reads a state file; `None` if it is missing, unusable or of a different network: the training then starts again.
pub fn read_from_file(
    path: &Path,
    config: Config,
    channels: usize,
    classes: usize,
) -> Option<TrainingState> {
    let bytes = fs::read(path).ok()?;
    let wanted = checkpoint::Architecture {
        config,
        channels,
        classes,
    };
    let found = from_bytes(&bytes).and_then(|state| {
        match checkpoint::detect_architecture(&state.weights)? {
            found if found == wanted => Ok(state),
            _ => Err(Error::new(
                "resume the training",
                "the saved state belongs to a different network",
            )),
        }
    });
    found
        .inspect_err(|error| {
            log::warn!(
                "{}: {error}; the training starts from the beginning",
                path.display()
            )
        })
        .ok()
}

/// Reads a state from the bytes of a file. Errors: an incomplete or invalid state.
pub fn from_bytes(bytes: &[u8]) -> Result<TrainingState> {
    let (_, mut all) = checkpoint::from_bytes(bytes)?;
    let numbers = all.remove(NUMBERS).ok_or_else(broken_state)?.values;
    let [steps, done, best_dice] = numbers[..] else {
        return Err(broken_state());
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
        return Err(broken_state());
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

fn broken_state() -> Error {
    Error::new(
        "read the saved training state",
        "it is incomplete or damaged",
    )
}

/// The file format needs a model card; this one is never shown.
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
        takes_prompts: false,
        without_channels: Vec::new(),
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
    fn a_state_is_read_back_unchanged() {
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
    fn a_truncated_or_mismatched_state_is_none() {
        let bytes = to_bytes(&state(None)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("round-1.state");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let of = |path: &Path, classes| read_from_file(path, Config::S, 1, classes);
        assert!(of(&path, 2).is_none());
        assert!(of(&folder.path().join("round-2.state"), 2).is_none());
        std::fs::write(&path, &bytes).unwrap();
        assert!(of(&path, 2).is_some());
        assert!(of(&path, 3).is_none(), "a label was added since");
    }
}
