//! The bundled samples: embedded in the program, unpacked into the user's cache when one is opened.

use crate::{Error, Result};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A sample.
#[derive(Clone, Copy, Debug)]
struct BundledSample {
    name: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

macro_rules! sample {
    ($name:literal, $($file:literal),+ $(,)?) => {
        BundledSample {
            name: $name,
            files: &[$((
                $file,
                include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples/", $name, "/", $file)),
            )),+],
        }
    };
}

macro_rules! series {
    ($name:literal) => {
        sample!(
            $name,
            "slice-01.dcm",
            "slice-02.dcm",
            "slice-03.dcm",
            "slice-04.dcm",
            "slice-05.dcm",
            "slice-06.dcm",
            "slice-07.dcm",
            "slice-08.dcm",
            "slice-09.dcm",
            "slice-10.dcm",
            "slice-11.dcm",
            "slice-12.dcm",
        )
    };
}

/// All samples, offered on the start page. Licences and sources: assets/README.md.
const SAMPLES: &[BundledSample] = &[
    sample!(
        "fetal-head",
        "fetal-head-011_HC.png",
        "fetal-head-101_HC.png",
        "fetal-head-301_HC.png",
        "fetal-head-501_HC.png",
        "pixel_spacing_mm.csv",
    ),
    series!("cardiac-mr"),
    series!("sarcoma-ct"),
];

/// Writes the files of a sample to the cache if they are not there yet; returns their folder.
pub(super) fn unpack_to_cache(name: &str, cache: &Path) -> Result<PathBuf> {
    let sample = SAMPLES.iter().find(|s| s.name == name);
    let sample =
        sample.ok_or_else(|| Error::new("open the sample", format!("no sample named {name}")))?;
    let folder = cache.join("samples").join(sample.name);
    fs::create_dir_all(&folder).map_err(|e| unpack_failure(&folder, e))?;
    for (file, bytes) in sample.files {
        let path = folder.join(file);
        if fs::metadata(&path).is_ok_and(|m| m.len() == bytes.len() as u64) {
            continue;
        }
        let mut out =
            tempfile::NamedTempFile::new_in(&folder).map_err(|e| unpack_failure(&folder, e))?;
        out.write_all(bytes)
            .map_err(|e| unpack_failure(&folder, e))?;
        out.persist(&path)
            .map_err(|e| unpack_failure(&folder, e.error))?;
    }
    Ok(folder)
}

fn unpack_failure(folder: &Path, reason: io::Error) -> Error {
    Error::at_path("unpack the sample to", folder, reason)
}
