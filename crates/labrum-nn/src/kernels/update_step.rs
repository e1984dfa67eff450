//! The formulas of the optimisers, as the numbers of one step.

/// One step of an optimiser for weights w with gradients g and running means, which are 0 at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum UpdateStep {
    /// AdamW (Loshchilov and Hutter, arXiv 1711.05101):
    ///
    /// ```text
    /// first = beta_1 first + (1 - beta_1) g
    /// second = beta_2 second + (1 - beta_2) g^2
    /// w = w kept - rate first / (sqrt(second scale) + epsilon)
    /// ```
    AdamW {
        /// Decay of the mean of the gradients.
        beta_1: f32,
        /// Decay of the mean of the squared gradients.
        beta_2: f32,
        /// The learning rate, with the bias correction of the first mean.
        rate: f32,
        /// The bias correction of the second mean.
        scale: f32,
        /// What the weight decay leaves of the weights.
        kept: f32,
        /// Avoids division by zero.
        epsilon: f32,
    },
    /// SGD with momentum:
    ///
    /// ```text
    /// first = momentum first + g + penalty w
    /// w = w - rate first
    /// ```
    Sgd {
        /// Decay of the momentum.
        momentum: f32,
        /// Weight decay: this share of the weights is added to their gradients.
        penalty: f32,
        /// The learning rate.
        rate: f32,
    },
}
