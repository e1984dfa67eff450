//! The expected result for each file: a list, and NumPy arrays beside the files.

use std::path::Path;

/// A file and its expected result.
pub(crate) struct Known {
    pub(crate) file: String,
    /// Listed by its own name, not by its transfer syntax.
    pub(crate) is_odd: bool,
    pub(crate) syntax: String,
    pub(crate) photometric: String,
    /// Bits stored, bits allocated and sign, as in "12 in 16 signed".
    pub(crate) bits: String,
    /// Part of the message with which it must be refused.
    pub(crate) refused: Option<String>,
}

/// The values of one frame.
pub(crate) struct Values {
    pub(crate) rows: usize,
    /// Colour with 8 bits per channel.
    pub(crate) frame: Vec<f64>,
}

impl Known {
    /// The file name as words.
    pub(crate) fn title(&self) -> String {
        self.file.trim_end_matches(".dcm").replace('-', " ")
    }

    /// The values of each frame; a file that must be refused counts as one frame.
    pub(crate) fn frames(&self, folder: &Path) -> Vec<Values> {
        match (
            std::fs::read(folder.join(&self.file).with_extension("npy")),
            &self.refused,
        ) {
            (Ok(bytes), _) => read_npy(&bytes, most(&self.bits)),
            (Err(_), Some(_)) => vec![Values {
                rows: 0,
                frame: Vec::new(),
            }],
            (Err(e), None) => panic!("{}: {e}", self.file),
        }
    }
}

/// The largest value with this number of bits.
fn most(bits: &str) -> f64 {
    let stored: f64 = bits
        .split(' ')
        .next()
        .and_then(|b| b.parse().ok())
        .unwrap_or(8.0);
    stored.exp2() - 1.0
}

/// The files that `index.tsv` lists.
pub(crate) fn listed(folder: &Path) -> Vec<Known> {
    let list = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
    let known = |line: &str| {
        let [file, kind, syntax, photometric, bits, refused] =
            line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("invalid line in index.tsv: {line}");
        };
        Known {
            file: file.into(),
            is_odd: !kind.is_empty(),
            syntax: syntax.into(),
            photometric: photometric.into(),
            bits: bits.into(),
            refused: (!refused.is_empty()).then(|| refused.to_owned()),
        }
    };
    list.lines().skip(1).map(known).collect()
}

/// All files of a folder that have expected values or an expected message beside them.
pub(crate) fn found(folder: &Path) -> Vec<Known> {
    let mut all = Vec::new();
    for entry in walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .flatten()
    {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "dcm") {
            continue;
        }
        let refused = std::fs::read_to_string(path.with_extension("refused")).ok();
        if refused.is_none() && !path.with_extension("npy").exists() {
            continue;
        }
        // The name states the bit depth of colour beyond 8 bits.
        let name = entry.file_name().to_string_lossy();
        let bits = ["12", "16", "32"]
            .into_iter()
            .find(|bits| name.contains(&format!("-{bits}")))
            .unwrap_or("8");
        let file = path
            .strip_prefix(folder)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let (syntax, photometric) = (String::new(), String::new());
        all.push(Known {
            file,
            is_odd: true,
            syntax,
            photometric,
            bits: bits.into(),
            refused,
        });
    }
    all
}

/// Reads NumPy's format, version 1: frames, rows, columns and, for colour, channels.
fn read_npy(bytes: &[u8], most: f64) -> Vec<Values> {
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let head = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    let between = |open: &str, close: &str| {
        head.split(open)
            .nth(1)
            .and_then(|rest| rest.split(close).next())
            .unwrap()
    };
    let kind = between("'descr': '", "'");
    let shape: Vec<usize> = between("'shape': (", ")")
        .split(',')
        .filter_map(|n| n.trim().parse().ok())
        .collect();
    let size: usize = kind[2..].parse().unwrap();
    let word = |b: &[u8]| {
        let mut all = [0; 8];
        all[..size].copy_from_slice(b);
        let value = u64::from_le_bytes(all);
        let shift = 64 - 8 * size as u32;
        match &kind[1..2] {
            "u" => value as f64,
            "i" => ((value << shift) as i64 >> shift) as f64,
            _ if size == 4 => f64::from(f32::from_bits(value as u32)),
            _ => f64::from_bits(value),
        }
    };
    let values: Vec<f64> = bytes[10 + length..].chunks_exact(size).map(word).collect();
    let is_wide = shape.len() == 4 && values.iter().any(|v| *v > 255.0);
    let shown = |v: &f64| {
        if is_wide {
            (v * 255.0 / most + 0.5).floor()
        } else {
            *v
        }
    };
    let frame: usize = shape[1..].iter().product();
    values
        .chunks_exact(frame)
        .map(|f| Values {
            rows: shape[1],
            frame: f.iter().map(shown).collect(),
        })
        .collect()
}
