//! Lists the series at a path: `cargo run --release --example list -- FOLDER`

use labrum_core::{Error, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    let path = path.ok_or_else(|| Error::new("list the series", "no file or folder was given"))?;
    for series in labrum_dicom::catalog::scan_path(&path)?
        .studies
        .iter()
        .flat_map(|study| &study.series)
    {
        let (modality, slices) = (&series.modality, series.slices.len());
        println!(
            "{modality} \"{}\": {slices} slices of {}x{}",
            series.description, series.columns, series.rows
        );
    }
    Ok(())
}
