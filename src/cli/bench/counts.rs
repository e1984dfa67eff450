//! `labrum bench --counts`: what one run had the GPU do, as JSON and as a table.

use labrum_nn::bench::GpuCounts;
use serde::{Deserialize, Serialize};

/// What one run had the GPU do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CountFigures {
    /// Number of launches of all kernels.
    dispatches: u64,
    /// Number of submissions; `None` if they cannot be counted.
    submissions: Option<u64>,
    bytes_uploaded: u64,
    bytes_read_back: u64,
    kernels: Vec<KernelFigure>,
}

/// Number of launches of one kernel.
#[derive(Debug, Serialize, Deserialize)]
struct KernelFigure {
    kernel: String,
    launches: u64,
}

impl CountFigures {
    pub(super) fn from_counts(counts: &GpuCounts) -> Self {
        let kernels = counts
            .launches
            .iter()
            .map(|(kernel, launches)| KernelFigure {
                kernel: kernel.clone(),
                launches: *launches,
            });
        Self {
            dispatches: counts.dispatch_count(),
            submissions: counts.submissions,
            bytes_uploaded: counts.bytes_uploaded,
            bytes_read_back: counts.bytes_read_back,
            kernels: kernels.collect(),
        }
    }

    /// A table for people: the totals, then the kernels, the most frequent ones first.
    pub(super) fn table(&self) -> String {
        let submissions = self
            .submissions
            .map_or("not counted".to_owned(), |count| count.to_string());
        let mut rows = vec![
            table_row("dispatches", &self.dispatches.to_string()),
            table_row("submissions", &submissions),
            table_row("bytes uploaded", &self.bytes_uploaded.to_string()),
            table_row("bytes read back", &self.bytes_read_back.to_string()),
            table_row("kernel", "dispatches"),
        ];
        let mut kernels: Vec<&KernelFigure> = self.kernels.iter().collect();
        kernels.sort_by(|a, b| b.launches.cmp(&a.launches).then(a.kernel.cmp(&b.kernel)));
        rows.extend(
            kernels
                .iter()
                .map(|figure| table_row(&figure.kernel, &figure.launches.to_string())),
        );
        rows.join("\n")
    }
}

fn table_row(name: &str, value: &str) -> String {
    format!("  {name:40} {value:>12}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_table_has_the_totals_and_the_most_frequent_kernels_first() {
        let counts = GpuCounts {
            launches: BTreeMap::from([
                ("conv".to_owned(), 2),
                ("norm".to_owned(), 5),
                ("add".to_owned(), 2),
            ]),
            submissions: Some(1),
            bytes_uploaded: 4096,
            bytes_read_back: 128,
        };
        let expected = [
            "  dispatches                                          9",
            "  submissions                                         1",
            "  bytes uploaded                                   4096",
            "  bytes read back                                   128",
            "  kernel                                     dispatches",
            "  norm                                                5",
            "  add                                                 2",
            "  conv                                                2",
        ];
        let table = CountFigures::from_counts(&counts).table();
        assert_eq!(table.lines().collect::<Vec<_>>(), expected);
    }
}
