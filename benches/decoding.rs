//! Cost of decoding in a child process: each file is decoded alternately there and in this process.
//!
//! `cargo bench --bench decoding -- [FILE...]`; without files, samples and fixtures of the
//! repository. Prints both medians for each file, and their ratio.

use labrum::io::open;
use labrum_core::{
    containment,
    progress::Cancel,
    study::{Kind, Slice},
};
use std::{
    hint::black_box,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Files that are measured by default.
const USUAL: [&str; 6] = [
    "assets/samples/sarcoma-ct/slice-05.dcm",
    "assets/samples/cardiac-mr/slice-01.dcm",
    "assets/samples/fetal-head/fetal-head-011_HC.png",
    "tests/fixtures/pydicom/JPGExtended.dcm",
    "tests/fixtures/pydicom/MR_small_jp2klossless.dcm",
    "tests/fixtures/pydicom/MR_small_jpeg_ls_lossless.dcm",
];
/// Measuring time for each file.
const EACH: Duration = Duration::from_secs(3);

fn main() {
    containment::start_pool(PathBuf::from(env!("CARGO_BIN_EXE_labrum")));
    let named: Vec<PathBuf> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .map(PathBuf::from)
        .collect();
    let usual = USUAL.map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    println!("{:>10} {:>10} {:>6}  file", "here ms", "child ms", "ratio");
    for path in if named.is_empty() {
        usual.to_vec()
    } else {
        named
    } {
        match open::read_catalog(std::slice::from_ref(&path), &mut |_| {}, &Cancel::default()) {
            Ok(catalog) => {
                let series = catalog.studies.iter().flat_map(|study| &study.series);
                let slices: Vec<(&Slice, Kind)> = series
                    .flat_map(|s| s.slices.iter().map(move |slice| (slice, s.kind)))
                    .collect();
                measure(&path, &slices);
            }
            Err(error) => println!("{error}"),
        }
    }
}

/// Decodes each slice in this process and in the child in turn, so that other load on the machine
/// affects both.
fn measure(path: &Path, slices: &[(&Slice, Kind)]) {
    let (mut here, mut child) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    let mut about = String::new();
    for (slice, kind) in slices.iter().cycle() {
        for (times, load) in [
            (&mut here, open::decode_slice as fn(_, _) -> _),
            (&mut child, open::load_slice),
        ] {
            let start = Instant::now();
            match load(&slice.source, *kind) {
                Ok(image) => about = format!("{} x {}", black_box(image).columns, slices.len()),
                Err(error) => return println!("{error}"),
            }
            times.push(start.elapsed());
        }
        if begin.elapsed() > EACH && here.len() >= 5 {
            break;
        }
    }
    let [here, child] = [here, child].map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    println!(
        "{here:10.3} {child:10.3} {:6.3}  {name}, {about} slices",
        child / here
    );
}
