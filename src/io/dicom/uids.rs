//! Names of transfer syntaxes and of the SOP classes that one meets.

use dicom_encoding::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

/// Explicit VR Big Endian: retired, and still met.
pub(crate) const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// "JPEG Baseline (Process 1)"; the UID itself where it is unknown.
pub(crate) fn transfer_syntax_name(uid: &str) -> String {
    match TransferSyntaxRegistry.get(uid) {
        Some(syntax) => syntax.name().to_owned(),
        None if uid.is_empty() => "unknown".to_owned(),
        None => uid.to_owned(),
    }
}

/// Objects that are not images to be segmented, though some of them carry pixels: the name, or `None` for an image.
pub(crate) fn non_image_name(sop_class: &str) -> Option<&'static str> {
    let tail = sop_class.strip_prefix("1.2.840.10008.")?;
    Some(match tail {
        "1.3.10" => "DICOMDIR",
        "5.1.4.1.1.66.4" | "5.1.4.1.1.66.7" => "Segmentation",
        "5.1.4.1.1.66.5" => "Surface Segmentation",
        "5.1.4.1.1.66.6" => "Tractography Results",
        "5.1.4.1.1.66" => "Raw Data",
        "5.1.4.1.1.66.1" => "Spatial Registration",
        "5.1.4.1.1.66.2" => "Spatial Fiducials",
        "5.1.4.1.1.66.3" => "Deformable Spatial Registration",
        "5.1.4.1.1.67" => "Real World Value Mapping",
        "5.1.4.1.1.481.1" => return None,
        "5.1.4.1.1.481.2" => "RT Dose",
        "5.1.4.1.1.481.3" => "RT Structure Set",
        "5.1.4.1.1.481.5" => "RT Plan",
        "5.1.4.1.1.481.8" => "RT Ion Plan",
        "5.1.4.1.1.481.4" | "5.1.4.1.1.481.6" | "5.1.4.1.1.481.7" | "5.1.4.1.1.481.9" => "RT Treatment Record",
        _ if tail.starts_with("5.1.4.1.1.481.") => "RT object",
        _ if tail.starts_with("5.1.4.1.1.88.") => "Structured Report",
        _ if tail.starts_with("5.1.4.1.1.11.") => "Presentation State",
        _ if tail.starts_with("5.1.4.1.1.9.") => "Waveform",
        _ if tail.starts_with("5.1.4.1.1.104.") => "Encapsulated Document",
        _ if tail.starts_with("5.1.4.1.1.78.") => "Ophthalmic Measurements",
        _ if tail.starts_with("5.1.4.38.") || tail.starts_with("5.1.4.39.") => "Hanging Protocol or Palette",
        _ if tail.starts_with("5.1.4.31") || tail.starts_with("5.1.4.32") => "Modality Worklist",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segmentations_and_plans_are_no_images_but_ct_and_rt_images_are() {
        assert_eq!(non_image_name("1.2.840.10008.5.1.4.1.1.66.4"), Some("Segmentation"));
        assert_eq!(non_image_name("1.2.840.10008.5.1.4.1.1.481.5"), Some("RT Plan"));
        assert_eq!(non_image_name("1.2.840.10008.5.1.4.1.1.2"), None);
        assert_eq!(non_image_name("1.2.840.10008.5.1.4.1.1.481.1"), None);
    }

    #[test]
    fn transfer_syntaxes_have_names() {
        assert_eq!(transfer_syntax_name("1.2.840.10008.1.2.5"), "RLE Lossless");
        assert_eq!(transfer_syntax_name("1.2.3"), "1.2.3");
    }
}
