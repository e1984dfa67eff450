//! Draws a disc on a mask, measures it, and undoes the edit: `cargo run --release --example draw`

use labrum_core::{
    mask::{Mask, Rule},
    measure::measure_label,
    scale::Scale,
    tools::stroke::disc_region,
};

fn main() {
    let mut mask = Mask::new_blank(64, 64);
    let edit = mask.paint_region(
        &disc_region([32.0, 32.0], [10.0, 10.0], 64, 64),
        1,
        &Rule::FREE,
    );
    if let Some(drawn) = measure_label(&mask, 1, &Scale::default()) {
        println!(
            "{} pixels, {:.1} across",
            drawn.pixels, drawn.longest_diameter.length
        );
    }
    mask.apply_edit(&edit.inverse());
    println!("after undo: {} pixels", mask.count_pixels(1));
}
