//! Writes a made CT series, to try large ones: `make_series FOLDER [SLICES] [SIDE]`.

#[path = "../tests/series/generator.rs"]
mod generator;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "made-series".into()));
    let mut number = |usual: usize| {
        arguments
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(usual)
    };
    let (slices, side) = (number(1000), number(512));
    generator::write(
        &folder,
        generator::Wanted {
            slices,
            side,
            gap: 1.0,
        },
    )
}
