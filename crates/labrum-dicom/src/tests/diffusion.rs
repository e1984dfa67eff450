//! Diffusion series whose weighting is outside of functional groups.

use super::*;

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn a_top_level_diffusion_sequence_takes_precedence_over_acquisition_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let directions = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for (slice, (index, direction)) in
        (0..4).flat_map(|s| directions.iter().enumerate().map(move |d| (s, d)))
    {
        let gradient = Fixture::empty_item().with_bytes(
            tags::DIFFUSION_GRADIENT_ORIENTATION,
            VR::FD,
            doubles(direction),
        );
        let item = Fixture::empty_item()
            .with_bytes(tags::DIFFUSION_B_VALUE, VR::FD, doubles(&[1000.0]))
            .with_sequence(tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE, gradient);
        // The directions were acquired in another order at each position.
        let acquisition = (index + slice) % 3 + 1;
        Fixture::new(2, 2)
            .with_text(tags::MODALITY, VR::CS, "MR")
            .with_text(tags::ACQUISITION_NUMBER, VR::IS, &acquisition.to_string())
            .with_slice_position((slice * 3 + index + 1) as i32, 5.0 * slice as f64)
            .with_sequence(tags::MR_DIFFUSION_SEQUENCE, item)
            .with_pixels(&[index as u16 + 1; 4])
            .write_to_folder(
                folder.path(),
                &format!("{}.dcm", (slice * 3 + index) * 5 % 12),
            );
    }
    let series = catalog(folder.path()).unwrap().studies.remove(0).series;
    assert_eq!(series.len(), 3);
    for stack in series {
        let first = |slice: &labrum_core::study::Slice| {
            crate::load_image(&slice.source).unwrap().modality_value(0)
        };
        let values: Vec<f64> = stack.slices.iter().map(first).collect();
        assert_eq!(values.len(), 4);
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
        assert!(
            stack
                .notes
                .iter()
                .any(|note| note.contains("b 1000, direction")),
            "{:?}",
            stack.notes
        );
    }
}
