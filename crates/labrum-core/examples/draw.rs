//! Draws a disc on a mask, measures it, and takes it back: `cargo run -p labrum-core --example draw`

use labrum_core::{
    mask::{Mask, Rule},
    measure::measure,
    scale::Scale,
    tools::stroke::disc,
};

fn main() {
    let mut mask = Mask::empty(64, 64);
    let edit = mask.paint(&disc([32.0, 32.0], [10.0, 10.0], 64, 64), 1, &Rule::FREE);
    if let Some(drawn) = measure(&mask, 1, &Scale::default()) {
        println!(
            "{} pixels, {:.1} across",
            drawn.pixels, drawn.longest_diameter.length
        );
    }
    mask.apply(&edit.inverse());
    println!("taken back: {} pixels", mask.count(1));
}
