//! The thread on which rounds of training run, at the lowest priority: the window and the model at work come first.

use super::{Outbox, spawn};
use crate::{
    Error, Result,
    learning::{
        course::{Model, RoundPhase},
        judged,
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
pub(super) fn start(outbox: Outbox) -> Result<Sender<TrainingJob>> {
    let (sender, jobs) = unbounded::<TrainingJob>();
    spawn("labrum-training", move || {
        for job in jobs {
            match job {
                TrainingJob::Train(job) => train(&job, &outbox),
                TrainingJob::Compare(job) => {
                    let report = aside(job.threads, || compare(&job));
                    outbox.send(Event::Compared {
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
fn aside<T: Send>(threads: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
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

fn train(job: &TrainJob, outbox: &Outbox) {
    let attempt = job.attempt;
    let tell = |event: RoundEvent| outbox.send(Event::Round { attempt, event });
    let result = aside(job.threads, || {
        let round = round(job);
        tell(RoundEvent::Estimated(round.estimate(job.threads)?));
        let mut told = Instant::now() - EVERY;
        round.run(&job.control, &mut |phase| {
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

fn round(job: &TrainJob) -> WorkspaceRound {
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

fn compare(job: &CompareJob) -> Result<GateReport> {
    let read = |file: &std::path::Path| Model::of_version(file, &job.labels);
    let held_out: Vec<_> = job
        .snapshot
        .iter()
        .filter(|s| s.side == Side::HoldOut)
        .cloned()
        .collect();
    judged(
        &read(&job.first.1)?,
        &read(&job.second.1)?,
        &held_out,
        &job.labels,
        job.device,
    )
}
