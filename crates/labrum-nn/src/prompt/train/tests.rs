//! Training of a prompt model in a few small steps.
#![allow(clippy::unwrap_used)]
use super::{
    super::{phantom, recipe::EpisodeStyle},
    *,
};
use labrum_core::model_card::Config;

/// Keeps everything that it is given.
#[derive(Default)]
struct KeptAll {
    steps: Vec<PromptStep>,
    weights: Vec<Weights>,
    states: Vec<TrainingState>,
}

impl PromptTrainingKeeper for KeptAll {
    fn report_step(&mut self, step: PromptStep) {
        self.steps.push(step);
    }

    fn keep_point(
        &mut self,
        _: &JudgedPoint,
        weights: &Weights,
        _: bool,
        state: &TrainingState,
    ) -> Result<()> {
        self.weights.push(weights.clone());
        self.states.push(state.clone());
        Ok(())
    }
}

fn start_weights() -> Weights {
    random_weights(Config::S, CHANNELS, 2, 1).unwrap()
}

/// A few small steps on the phantom, saved after each second one.
fn train(start: PromptStart, length: Length, control: &Control) -> KeptAll {
    let recipe = PromptRecipe {
        side: 32,
        batch: 2,
        warm_up: 1,
        made: 0.0,
        judged_every: 2,
        style: EpisodeStyle::Narrow,
        fixed_statistics: true,
        begins_anew: true,
        ..PromptRecipe::default()
    };
    let tasks = [PromptTask {
        weight: 1.0,
        images: vec![phantom::task_image()],
    }];
    let run = PromptRun {
        device: DeviceChoice::Cpu,
        length,
        limit: None,
        control,
    };
    let mut kept = KeptAll::default();
    train_prompts(&tasks, &[], &recipe, start, &run, &mut kept).unwrap();
    kept
}

#[test]
fn fixed_statistics_stay_while_the_other_weights_are_trained() {
    let start = start_weights();
    let control = Control::default();
    let begin = PromptStart::Weights(start.clone());
    let kept = train(begin, Length::Steps(3), &control);
    let after = kept.weights.last().unwrap();
    let is_statistic = |name: &str| name.contains("running");
    assert!(
        start
            .iter()
            .all(|(name, tensor)| !is_statistic(name) || after[name] == *tensor)
    );
    let changed = start
        .iter()
        .filter(|(name, tensor)| after[*name] != **tensor);
    assert!(changed.count() > 100);
}

#[test]
fn a_resumed_training_gives_the_same_weights_as_an_uninterrupted_one() {
    let control = Control::default();
    let whole = train(
        PromptStart::Weights(start_weights()),
        Length::Steps(5),
        &control,
    );
    let state = whole.states[0].clone();
    assert_eq!((state.steps, whole.states.len()), (2, 3));
    let rest = train(
        PromptStart::Resumed(Box::new(state), 0.0),
        Length::Steps(5),
        &control,
    );
    assert_eq!(rest.steps.len(), 3);
    assert!(rest.weights.last() == whole.weights.last());
}

#[test]
fn a_training_ends_with_its_time_and_when_it_is_cancelled() {
    let control = Control::default();
    let begin = || PromptStart::Weights(start_weights());
    let kept = train(begin(), Length::Seconds(1e-3), &control);
    assert_eq!(kept.steps.last().unwrap().done, 1.0);
    assert_eq!(kept.weights.len(), 1);
    control.cancel.cancel();
    let kept = train(begin(), Length::Steps(5), &control);
    assert!(kept.steps.is_empty() && kept.weights.is_empty());
}
