//! The thread for rounds of training, at the lowest priority: the window and running models come first.

use super::{Outbox, spawn_thread};
use crate::{
    Error, Result,
    learning::{clicks::compare_click_models, compare_models, model::Model, round::WorkspaceRound},
    session::job::{CompareJob, Event, RoundEvent, RunId, TrainJob, TrainingJob},
};
use crossbeam_channel::{Sender, unbounded};
use labrum_core::{
    gate::GateReport,
    holdout::Side,
    learning::ModelKind,
    training::{RoundPhase, RoundProgress},
};
use std::time::{Duration, Instant};
use thread_priority::ThreadPriority;

/// Interval of progress events.
const EVERY: Duration = Duration::from_millis(200);

/// Starts the thread; returns the channel for jobs.
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
                        report: report.map(Box::new),
                    });
                }
            }
        }
    })?;
    Ok(sender)
}

/// Runs `work` on its own threads, at the lowest priority.
pub(crate) fn run_low_priority<T: Send>(
    threads: usize,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|i| format!("labrum-learn-{i}"))
        .num_threads(threads)
        .stack_size(16 << 20)
        .start_handler(|_| lower_thread_priority())
        .build()
        .map_err(|e| Error::new("start the training threads", e))?;
    pool.install(work)
}

fn lower_thread_priority() {
    if let Err(error) = ThreadPriority::Min.set_for_current() {
        log::warn!("cannot lower the priority of a training thread: {error:?}");
    }
}

fn train_round(job: &TrainJob, outbox: &Outbox) {
    let result = run_low_priority(job.threads, || {
        let round = build_round(job);
        let cost = round.estimate_cost(job.threads)?;
        send_round_event(outbox, job.attempt, RoundEvent::Estimated(cost));
        let mut told = Instant::now() - EVERY;
        round.train_versions(&job.control, &mut |phase| {
            let is_step = matches!(
                phase,
                RoundPhase::Training(RoundProgress::Step { .. })
                    | RoundPhase::TrainingClicks(RoundProgress::Step { .. })
            );
            if !is_step || told.elapsed() >= EVERY {
                told = Instant::now();
                send_round_event(outbox, job.attempt, RoundEvent::Phase(phase));
            }
        })
    });
    let ended = RoundEvent::Ended(result.map(|versions| versions.map(Box::new)));
    send_round_event(outbox, job.attempt, ended);
}

fn send_round_event(outbox: &Outbox, attempt: RunId, event: RoundEvent) {
    outbox.send_event(Event::Round { attempt, event });
}

fn build_round(job: &TrainJob) -> WorkspaceRound {
    WorkspaceRound {
        key: job.begun.key,
        snapshot: job.begun.snapshot.clone(),
        labels: job.labels.to_vec(),
        settings: job.begun.settings.clone(),
        parent: job.begun.parent,
        previous: job.begun.previous.clone(),
        name: job.name.clone(),
        checkpoint: job.begun.checkpoint.clone(),
        click_checkpoint: job.begun.click_checkpoint.clone(),
        device: job.device,
    }
}

fn compare_versions(job: &CompareJob) -> Result<GateReport> {
    let held_out: Vec<_> = job
        .snapshot
        .iter()
        .filter(|s| s.side == Side::HoldOut)
        .cloned()
        .collect();
    if job.kind == ModelKind::Clicks {
        let [first, second] = [&job.first.1, &job.second.1].map(|file| Model::read_file(file));
        return compare_click_models(&first?, &second?, &held_out);
    }
    let first = Model::of_version(&job.first.1, &job.labels)?;
    let second = Model::of_version(&job.second.1, &job.labels)?;
    compare_models(&first, &second, &held_out, &job.labels, job.device)
}
