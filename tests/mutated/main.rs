//! Files broken on purpose, with a fixed seed: whatever they contain, the program neither crashes
//! nor hangs, and it needs little memory.
//!
//! `cargo test --release --test mutated` reads a sample of them. For all of them:
//!
//!     cargo test --release --test mutated -- --ignored --nocapture
#![allow(clippy::unwrap_used, clippy::panic)]

mod files;
mod formats;
mod memory;
mod mutate;
mod program;
mod random;
mod reading;

use files::File;
use labrum_core::containment;
use memory::Meter;
use random::Random;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// Seed of all random numbers.
const SEED: u64 = 0x1ab7_0001;
/// Maximum time for one file.
const LONGEST: Duration = Duration::from_secs(10);
/// Maximum memory of a child process for such small files, in MB; a quarter of its hard limit.
const MOST_OF_A_CHILD: u64 = 512;
/// Maximum memory of this process, including the files and the test, in MB.
const MOST_HERE: u64 = 700;

#[test]
fn a_sample_of_mutated_files_does_no_harm() {
    mutated_files_do_no_harm(0..300);
}

/// Takes some minutes.
#[test]
#[ignore = "takes minutes: all of them, on request"]
fn ten_thousand_mutated_files_do_no_harm() {
    let first = std::env::var("LABRUM_FIRST")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let count = std::env::var("LABRUM_COUNT")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(10_000);
    mutated_files_do_no_harm(first..first + count);
}

/// Results of all files.
#[derive(Default)]
struct Tally {
    readable: usize,
    refused: usize,
    /// Why child processes ended, and how often.
    lost: BTreeMap<String, usize>,
    slowest: (Duration, String),
    harm: Vec<String>,
}

fn mutated_files_do_no_harm(numbers: std::ops::Range<usize>) {
    containment::start_pool(PathBuf::from(env!("CARGO_BIN_EXE_labrum")));
    let files = files::all();
    let count = numbers.len();
    let begin = Instant::now();
    let meter = Meter::start();
    let (next, tally) = (
        AtomicUsize::new(numbers.start),
        Mutex::new(Tally::default()),
    );
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| work(&files, &next, numbers.end, &tally));
        }
    });
    let (child, children) = meter.end();
    let here = memory::peak_mb("self");
    let tally = tally.into_inner().unwrap();
    println!(
        "{count} files in {:.0} s: {} readable, {} refused; slowest {:.2} s ({}); peak {here} MB here, {child} MB in the \
         largest of {children} children",
        begin.elapsed().as_secs_f64(),
        tally.readable,
        tally.refused,
        tally.slowest.0.as_secs_f64(),
        tally.slowest.1
    );
    tally
        .lost
        .iter()
        .for_each(|(reason, count)| println!("{count} children were lost: {reason}"));
    assert!(tally.harm.is_empty(), "{}", tally.harm.join("\n"));
    assert!(
        tally.readable > count / 20 && tally.refused > count / 20,
        "the mutations break too many or too few files"
    );
    assert!(
        child <= MOST_OF_A_CHILD && here <= MOST_HERE,
        "too much memory: {child} MB in a child, {here} MB here"
    );
}

/// Number of files in each folder that the program itself reads.
const FOLDER: usize = 50;

fn work(files: &[File], next: &AtomicUsize, end: usize, tally: &Mutex<Tally>) {
    loop {
        let first = next.fetch_add(FOLDER, Relaxed);
        if first >= end {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        for number in first..(first + FOLDER).min(end) {
            mutate_and_read(files, number, folder.path(), tally);
        }
        let harm = program::read_folder(folder.path(), first);
        let harm: Vec<String> = harm
            .into_iter()
            .map(|what| format!("{what} in {}", keep(folder.path())))
            .collect();
        tally.lock().unwrap().harm.extend(harm);
    }
}

/// Mutates and reads file `number`.
fn mutate_and_read(files: &[File], number: usize, folder: &Path, tally: &Mutex<Tally>) {
    let mut random = Random(SEED ^ (number as u64) << 20);
    let file = choose(files, &mut random);
    let others: Vec<&[u8]> = files
        .iter()
        .filter(|f| f.bytes.len() < 20_000)
        .map(|f| f.bytes.as_slice())
        .collect();
    let bytes = mutate::mutate(file.format, &file.bytes, &others, &mut random);
    let name = format!("{number:05}-{}.{}", file.name, file.format.ending());
    let path = folder.join(&name);
    std::fs::write(&path, &bytes).unwrap();
    let begin = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| reading::read(&path, file.format)));
    let taken = begin.elapsed();
    let is_folder_of_its_own = !file.format.is_picture() && file.format.ending() != "dcm";
    let mut tally = tally.lock().unwrap();
    let harm = match &outcome {
        Err(_) => Some("it panics".to_owned()),
        Ok(_) if taken > LONGEST => Some(format!("it takes {:.1} s", taken.as_secs_f64())),
        Ok(outcome) => outcome
            .errors
            .iter()
            .find(|error| error.reason.is_empty())
            .map(|error| format!("an error without a reason: {error}")),
    };
    if let Some(harm) = harm {
        std::fs::write(&path, &bytes).unwrap();
        let kept = keep(&path);
        tally.harm.push(format!("{harm}: {kept}"));
    }
    if taken > tally.slowest.0 {
        tally.slowest = (taken, name);
    }
    if let Ok(outcome) = outcome {
        tally.readable += usize::from(outcome.is_readable);
        tally.refused += usize::from(!outcome.errors.is_empty());
        let lost = outcome
            .errors
            .iter()
            .filter(|e| e.reason.contains("was stopped") || e.reason.contains("crashed"));
        for error in lost {
            println!("{error}, kept as {}", keep(&path));
            *tally.lost.entry(error.reason.clone()).or_default() += 1;
        }
    }
    if is_folder_of_its_own {
        let _ = std::fs::remove_file(&path);
    }
}

fn choose<'a>(files: &'a [File], random: &mut Random) -> &'a File {
    let mut place = random.below(files.iter().map(|file| file.weight).sum());
    for file in files {
        if place < file.weight {
            return file;
        }
        place -= file.weight;
    }
    &files[0]
}

/// Copies harmful files to a folder that outlives the test; returns the path.
fn keep(path: &Path) -> String {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutated");
    std::fs::create_dir_all(&to).unwrap();
    let files: Vec<PathBuf> = match path.is_dir() {
        true => std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect(),
        false => vec![path.to_owned()],
    };
    for file in files.iter().filter(|file| file.is_file()) {
        std::fs::copy(file, to.join(file.file_name().unwrap())).unwrap();
    }
    to.join(path.file_name().unwrap()).display().to_string()
}
