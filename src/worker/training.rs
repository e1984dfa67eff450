//! The thread on which rounds of training run, at the lowest priority: the window and the model at work come first.

use super::{Outbox, spawn_thread};
use crate::{
    Error, Result,
    learning::{
        compare_models,
        course::{Model, RoundPhase},
        round::WorkspaceRound,
    },
    session::{
        job::{CompareJob, Event, RoundEvent, TrainJob, TrainingJob},
        learning::Doing,
    },
};
use crossbeam_channel::{Sender, unbounded};
use labrum_core::{gate::GateReport, holdout::Side};
use labrum_nn::train::round::RoundProgress;
use std::time::{Duration, Instant};
use thread_priority::ThreadPriority;

/// The window is told of steps so often.
const EVERY: Duration = Duration::from_millis(200);

/// Starts the thread; jobs go into the channel.
pub(super) fn start_thread(outbox: Outbox) -> Result<Sender<TrainingJob>> {
    let (sender, jobs) = unbounded::<TrainingJob>();
    spawn_thread("labrum-training", move || {
        for job in jobs {
            match job {
                TrainingJob::Train(job) => train_round(&job, &outbox),
                TrainingJob::Compare(job) => {
                    let report = run_low_priority(job.threads, || compare_versions(&job));
                    outbox.send_event(Event::Compared {
                        first: job.first.0,
                        second: job.second.0,
                        report,
                    });
                }
            }
        }
    })?;
    Ok(sender)
}

/// Runs `work` on threads of its own that give way to all others.
fn run_low_priority<T: Send>(threads: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let give_way = |_| {
        if let Err(error) = ThreadPriority::Min.set_for_current() {
            log::warn!("the training cannot give way: {error:?}");
        }
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|i| format!("labrum-learn-{i}"))
        .num_threads(threads)
        .stack_size(16 << 20)
        .start_handler(give_way)
        .build()
        .map_err(|e| Error::new("start the threads of the training", e))?;
    pool.install(work)
}

fn train_round(job: &TrainJob, outbox: &Outbox) {
    let attempt = job.attempt;
    let tell = |event: RoundEvent| outbox.send_event(Event::Round { attempt, event });
    let result = run_low_priority(job.threads, || {
        let round = build_round(job);
        tell(RoundEvent::Estimated(round.estimate_cost(job.threads)?));
        let mut told = Instant::now() - EVERY;
        round.train_version(&job.control, &mut |phase| {
            let is_step = matches!(phase, RoundPhase::Training(RoundProgress::Step { .. }));
            if !is_step || told.elapsed() >= EVERY {
                told = Instant::now();
                tell(event_of(phase));
            }
        })
    });
    tell(RoundEvent::Ended(
        result.map(|version| version.map(Box::new)),
    ));
}

fn build_round(job: &TrainJob) -> WorkspaceRound {
    WorkspaceRound {
        key: job.begun.key,
        snapshot: job.begun.snapshot.clone(),
        labels: job.labels.to_vec(),
        settings: job.begun.settings.clone(),
        parent: job.begun.parent,
        name: job.name.clone(),
        checkpoint: job.begun.checkpoint.clone(),
        device: job.device,
    }
}

fn event_of(phase: RoundPhase) -> RoundEvent {
    match phase {
        RoundPhase::Reading { done, total } => RoundEvent::Doing(Doing::Reading { done, total }),
        RoundPhase::Judging => RoundEvent::Doing(Doing::Judging),
        RoundPhase::Training(RoundProgress::Step {
            step,
            done,
            loss,
            remaining,
        }) => RoundEvent::Step {
            step,
            done,
            loss,
            remaining,
        },
        RoundPhase::Training(RoundProgress::Validation { step, dice, .. }) => {
            RoundEvent::Validation { step, dice }
        }
    }
}

fn compare_versions(job: &CompareJob) -> Result<GateReport> {
    let read = |file: &std::path::Path| Model::of_version(file, &job.labels);
    let held_out: Vec<_> = job
        .snapshot
        .iter()
        .filter(|s| s.side == Side::HoldOut)
        .cloned()
        .collect();
    compare_models(
        &read(&job.first.1)?,
        &read(&job.second.1)?,
        &held_out,
        &job.labels,
        job.device,
    )
}
