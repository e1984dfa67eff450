//! Of the model, what reads its files.

#[path = "../../src/model/card.rs"]
pub mod card;
#[path = "../../src/model/weights.rs"]
pub mod weights;
