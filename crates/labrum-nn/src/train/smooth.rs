//! The running mean of the loss, which is reported at each step.

/// An exponential running mean of the loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmoothLoss {
    /// Weight of the newest loss, 0..=1.
    newest: f64,
    /// `None` before the first step.
    mean: Option<f64>,
}

impl SmoothLoss {
    /// A mean without a loss yet; `newest` is the weight of the newest loss, 0..=1.
    pub(crate) fn with_weight(newest: f64) -> Self {
        Self { newest, mean: None }
    }

    /// Adds the loss of a step and returns the mean, which is the loss itself at the first step.
    pub(crate) fn update(&mut self, loss: f64) -> f64 {
        let mean = self
            .mean
            .map_or(loss, |mean| (1.0 - self.newest) * mean + self.newest * loss);
        self.mean = Some(mean);
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_begins_with_the_first_loss_and_follows_slowly() {
        let mut smooth = SmoothLoss::with_weight(0.25);
        let means = [4.0, 4.0, 0.0, 8.0].map(|loss| smooth.update(loss));
        assert_eq!(means, [4.0, 4.0, 3.0, 4.25]);
    }
}
