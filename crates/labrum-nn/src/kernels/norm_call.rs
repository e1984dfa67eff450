//! Parameters of a batch norm on the CPU, and its statistics: those of the batch, or fixed ones.

use std::sync::{Arc, OnceLock};

/// The activation that is fused with the norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// norm(GELU(x))
    GeluBefore,
    /// ReLU(norm(x))
    ReluAfter,
}

/// Mean and biased variance of the normalised values, for each channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Stats {
    pub mean: Vec<f32>,
    pub var: Vec<f32>,
}

/// Parameters of a norm, with a slot for its statistics: the running statistics and the gradient need them.
#[derive(Clone, Debug)]
pub(super) struct NormCall {
    pub eps: f32,
    pub with: With,
    /// The statistics are given: they do not depend on the batch, and have no part in the gradient.
    pub is_fixed: bool,
    stats: Arc<OnceLock<Stats>>,
}

impl NormCall {
    /// A norm with the statistics of the batch.
    pub(super) fn new(eps: f32, with: With) -> Self {
        Self {
            eps,
            with,
            is_fixed: false,
            stats: Arc::default(),
        }
    }

    /// A norm with given statistics.
    pub(super) fn with_fixed_stats(eps: f32, with: With, stats: Stats) -> Self {
        let call = Self {
            is_fixed: true,
            ..Self::new(eps, with)
        };
        call.record_stats(stats);
        call
    }

    /// Stores the statistics; only the first call has an effect.
    pub(super) fn record_stats(&self, stats: Stats) {
        let _ = self.stats.set(stats);
    }

    /// The stored statistics; empty before the forward pass, unless they are given.
    pub(super) fn recorded_stats(&self) -> Stats {
        self.stats.get().cloned().unwrap_or_default()
    }
}
