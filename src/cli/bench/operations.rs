//! `labrum bench --operations`: what each kind of operation of the network did in one run, as JSON and as a table.

use labrum_nn::bench::{Operation, OperationCount, Tally};
use serde::{Deserialize, Serialize};

/// What the operations of one run did.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OperationFigures {
    /// Time of the run, which is not one of those of the median.
    run_ms: f64,
    kinds: Vec<OperationFigure>,
    /// Share of the time outside of these operations.
    rest_share: f64,
    /// Bytes that were allocated for results.
    bytes_allocated: u64,
}

/// What all calls of one kind of operation did.
#[derive(Debug, Serialize, Deserialize)]
struct OperationFigure {
    operation: String,
    calls: u64,
    /// Share of the time of the run, from 0 to 1.
    time_share: f64,
    bytes_read: u64,
    bytes_written: u64,
}

/// Bytes of a MB, as for the peak memory.
const MB: f64 = 1024.0 * 1024.0;

impl OperationFigures {
    pub(super) fn from_tally(tally: &Tally) -> Self {
        let seconds = tally.time.as_secs_f64().max(f64::MIN_POSITIVE);
        let kinds: Vec<OperationFigure> = tally
            .operations
            .iter()
            .map(|(operation, count)| OperationFigure::new(*operation, count, seconds))
            .collect();
        let counted: f64 = kinds.iter().map(|kind| kind.time_share).sum();
        Self {
            run_ms: seconds * 1e3,
            kinds,
            rest_share: (1.0 - counted).max(0.0),
            bytes_allocated: tally.bytes_allocated,
        }
    }

    /// A table for people, one row for each kind of operation.
    pub(super) fn table(&self) -> String {
        let mut rows = vec![table_row([
            "operation",
            "calls",
            "% of time",
            "MB read",
            "MB written",
        ])];
        rows.extend(self.kinds.iter().map(OperationFigure::row));
        let rest = percent(self.rest_share);
        rows.push(table_row(["the rest", "", &rest, "", ""]));
        let read: u64 = self.kinds.iter().map(|kind| kind.bytes_read).sum();
        let written: u64 = self.kinds.iter().map(|kind| kind.bytes_written).sum();
        let [read, written, allocated] = [read, written, self.bytes_allocated].map(megabytes);
        rows.push(table_row(["total", "", "100.0", &read, &written]));
        rows.push(format!("  {allocated} MB allocated for results"));
        rows.join("\n")
    }
}

impl OperationFigure {
    fn new(operation: Operation, count: &OperationCount, seconds: f64) -> Self {
        Self {
            operation: operation.to_string(),
            calls: count.calls,
            time_share: count.time.as_secs_f64() / seconds,
            bytes_read: count.bytes_read,
            bytes_written: count.bytes_written,
        }
    }

    fn row(&self) -> String {
        table_row([
            &self.operation,
            &self.calls.to_string(),
            &percent(self.time_share),
            &megabytes(self.bytes_read),
            &megabytes(self.bytes_written),
        ])
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / MB)
}

fn table_row([operation, calls, time, read, written]: [&str; 5]) -> String {
    let row = format!("  {operation:48} {calls:>5} {time:>9} {read:>9} {written:>10}");
    row.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrum_nn::bench::{Layer, Pass};
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn count(calls: u64, milliseconds: u64, megabytes: u64) -> OperationCount {
        OperationCount {
            calls,
            time: Duration::from_millis(milliseconds),
            bytes_read: (3 * megabytes) << 20,
            bytes_written: megabytes << 20,
        }
    }

    fn made_tally() -> Tally {
        let dense = |pass| Operation {
            layer: Layer::DenseConvolution,
            pass,
        };
        Tally {
            operations: BTreeMap::from([
                (dense(Pass::Forward), count(2, 50, 4)),
                (dense(Pass::ParameterGradient), count(1, 30, 1)),
            ]),
            bytes_allocated: 5 << 20,
            time: Duration::from_millis(100),
        }
    }

    #[test]
    fn the_table_has_a_row_for_each_operation_the_rest_and_the_total() {
        let expected = [
            "  operation                                        calls % of time   MB read MB written",
            "  dense convolution                                    2      50.0     12.00       4.00",
            "  dense convolution, weight and bias gradient          1      30.0      3.00       1.00",
            "  the rest                                                    20.0",
            "  total                                                      100.0     15.00       5.00",
            "  5.00 MB allocated for results",
        ];
        let table = OperationFigures::from_tally(&made_tally()).table();
        assert_eq!(table.lines().collect::<Vec<_>>(), expected);
    }
}
