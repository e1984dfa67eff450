//! The identity of image files: the hash of the file.

use crate::{Error, Result};
use labrum_core::hex::hex_text;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The identity of an image file: "sha256:" and the hash of the file in hexadecimal.
///
/// # Errors
/// If the file cannot be read.
pub fn content_hash(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| read_error(path, e))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut piece).map_err(|e| read_error(path, e))?;
        if length == 0 {
            break;
        }
        hash.update(&piece[..length]);
    }
    Ok(format!("sha256:{}", hex_text(&hash.finalize())))
}

fn read_error(path: &Path, error: io::Error) -> Error {
    Error::at_path("read", path, error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_sha_256_of_a_file_is_correct() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc.png");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(content_hash(&path).unwrap(), expected);
        assert!(
            content_hash(&folder.path().join("none.png"))
                .unwrap_err()
                .to_string()
                .contains("none.png")
        );
    }
}
