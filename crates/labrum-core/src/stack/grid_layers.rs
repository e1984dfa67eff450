//! Evenly spaced layers of a grid along the slice normal, and the slice shown at each layer.

/// Maximum number of layers, so that a huge gap does not exhaust memory.
const MOST_LAYERS: usize = 4096;

/// The layers of a grid.
pub(super) struct GridLayers {
    /// Distance between layers, mm.
    pub(super) step: f64,
    /// For each layer the slice shown there; `None` in a gap.
    pub(super) slices: Vec<Option<usize>>,
    /// For each slice its layer.
    pub(super) layers: Vec<usize>,
    /// Number of missing slices in all gaps.
    pub(super) missing: usize,
}

impl GridLayers {
    /// Layers for slices at these depths (mm, in slice order).
    pub(super) fn from_depths(depths: &[f64]) -> Result<Self, String> {
        let gaps: Vec<f64> = depths.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (low, high) = gaps
            .iter()
            .fold((f64::MAX, 0f64), |(l, h), g| (l.min(*g), h.max(*g)));
        if low < 0.01 {
            return Err("Several slices have the same position.".into());
        }
        let mut sorted = gaps.clone();
        sorted.sort_by(f64::total_cmp);
        let usual = sorted.get((sorted.len() - 1) / 2).copied().unwrap_or(low);
        let total = depths.last().copied().unwrap_or(0.0);
        let count = depths.len();
        if high - low <= (0.02 * low).max(0.02) {
            return Ok(Self {
                step: total / (count - 1) as f64,
                slices: (0..count).map(Some).collect(),
                layers: (0..count).collect(),
                missing: 0,
            });
        }
        let step = low.max(usual / 4.0).max(total / (MOST_LAYERS - 1) as f64);
        let layers: Vec<usize> = depths.iter().map(|d| (d / step).round() as usize).collect();
        let end = layers.last().copied().unwrap_or(0);
        let mut slices: Vec<Option<usize>> = (0..=end)
            .map(|layer| {
                let depth = layer as f64 * step;
                let nearest = (0..count).min_by(|a, b| {
                    (depths[*a] - depth)
                        .abs()
                        .total_cmp(&(depths[*b] - depth).abs())
                })?;
                ((depths[nearest] - depth).abs() <= 0.75 * usual).then_some(nearest)
            })
            .collect();
        for (slice, layer) in layers.iter().enumerate() {
            slices[*layer] = Some(slice);
        }
        let missing = gaps
            .iter()
            .map(|gap| ((gap / usual).round() as usize).saturating_sub(1))
            .sum();
        Ok(Self {
            step,
            slices,
            layers,
            missing,
        })
    }
}
