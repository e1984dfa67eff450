//! Training options from the arguments of `labrum train`.

use super::{AbsentArgument, RecipeArgument, TrainArguments};
use crate::Result;
use crate::cli::usage::argument_error;
use crate::io::dataset::SplitLists;
use crate::learning::{folder::Division, model::Model};
use labrum_core::{
    label::Label,
    model_card::{ModelPurpose, TrainedOn},
    training::{AugmentConfig, Loss, Plan},
};
use labrum_nn::{
    boundary_dou::{Absent, BoundaryDou},
    loss::Objective,
    train::{StartModel, TrainOptions},
};
use std::path::Path;
use std::time::Duration;

pub(super) fn options_from_arguments(a: TrainArguments) -> Result<(TrainOptions, Division)> {
    let usual = match a.recipe {
        RecipeArgument::Own => TrainOptions::labrum_recipe(),
        RecipeArgument::Paper => TrainOptions::paper_recipe(),
    };
    let plan = a.plan.override_plan(Plan {
        batch: usual.batch,
        learning_rate: usual.learning_rate,
        optimizer: usual.optimizer,
        ..Plan::default()
    });
    let epochs = a.epochs.unwrap_or(usual.epochs);
    if epochs == 0 || plan.batch == 0 {
        return Err(argument_error(
            "train",
            "--epochs and --batch must be at least 1",
        ));
    }
    let time_limit = a
        .minutes
        .map(|m| Duration::try_from_secs_f64(m * 60.0))
        .transpose();
    let wishes = a.folder_wishes.seg_options();
    let lists = (!a.split.is_empty())
        .then(|| SplitLists::read_files(&a.split))
        .transpose()?;
    let division = Division {
        subject_pattern: wishes.subject_pattern,
        lists,
    };
    let labels = a
        .label
        .into_iter()
        .enumerate()
        .map(|(i, l)| Label {
            color: Label::with_name("", i).color,
            ..l
        })
        .collect();
    let options = TrainOptions {
        config: a.config.into(),
        epochs,
        batch: plan.batch,
        learning_rate: plan.learning_rate,
        optimizer: plan.optimizer,
        objective: match a.plan.loss {
            Some(loss) => training_objective(loss.into(), a.absent, a.cross_entropy)?,
            None if matches!(a.recipe, RecipeArgument::Paper) => usual.objective,
            None => training_objective(Loss::BoundaryDou, a.absent, a.cross_entropy)?,
        },
        columns: a.size.0,
        rows: a.size.1,
        channels: a.channels,
        seed: plan.seed,
        held_out: check_share("--held-out", a.held_out)?,
        held_out_subjects: a.held_out_subjects,
        threshold: wishes.threshold,
        validation: check_share("--validation", a.validation)?,
        time_limit: time_limit.map_err(|e| argument_error("train", format!("--minutes: {e}")))?,
        augment: if a.no_augmentation {
            AugmentConfig::all_disabled()
        } else {
            usual.augment.clone()
        },
        start: a.start.as_deref().map(start_model).transpose()?.flatten(),
        device: a.device.into(),
        name: a.name.clone(),
        version: a.model_version,
        labels,
        purpose: a.purpose.unwrap_or_else(|| ModelPurpose {
            summary: a.name,
            ..ModelPurpose::default()
        }),
        trained_on: TrainedOn {
            data: a.data_name,
            license: a.data_license,
            attribution: a.data_attribution,
            ..TrainedOn::default()
        },
        ..usual
    };
    Ok((options, division))
}

/// The model of `--start`: a file, or the name of a shipped model; `None` for "none".
fn start_model(path: &Path) -> Result<Option<StartModel>> {
    let model = match path.to_str() {
        Some(name) if !path.exists() => Model::from_name(name)?,
        _ => Some(Model::read_file(path)?),
    };
    Ok(model.map(|Model { card, weights }| StartModel {
        name: path.display().to_string(),
        card,
        weights,
    }))
}

/// Checks that the value of the option `name` is in 0..1.
fn check_share(name: &str, value: f64) -> Result<f64> {
    if (0.0..1.0).contains(&value) {
        Ok(value)
    } else {
        Err(argument_error(
            "train",
            format!("{name} must be at least 0 and below 1, not {value}"),
        ))
    }
}

/// The loss function for training on a folder; Boundary DoU is as in its paper unless options say otherwise.
fn training_objective(loss: Loss, absent: AbsentArgument, cross_entropy: f64) -> Result<Objective> {
    let absent = match absent {
        AbsentArgument::Paper => Absent::Paper,
        AbsentArgument::LeaveOut => Absent::LeaveOut,
    };
    match loss {
        Loss::BoundaryDou | Loss::BoundaryDouAlone => Ok(Objective::BoundaryDou(BoundaryDou {
            absent,
            cross_entropy,
            ..BoundaryDou::default()
        })),
        other if cross_entropy == 0.0 => Ok(Objective::from(other)),
        _ => Err(argument_error(
            "train",
            "--cross-entropy can only be used with Boundary DoU",
        )),
    }
}
