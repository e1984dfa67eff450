//! Reads the bytes of a NIfTI file, compressed or not, and no more than its header states and its length allows.

use super::header::{self, LONGEST, NiftiHeader};
use crate::io::picture::check_decoded_size;
use flate2::read::MultiGzDecoder;
use labrum_core::reason_of;
use parking_lot::Mutex;
use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// The error is the reason, a clause.
type Fallible<T> = Result<T, String>;

/// A compressed volume of up to this many bytes is kept uncompressed between slices. A larger one is decompressed again for
/// each slice.
const MOST_KEPT: u64 = 256 << 20;

/// The uncompressed bytes of the file.
enum VolumeBytes {
    Plain(File),
    Packed(Box<MultiGzDecoder<BufReader<File>>>),
}

impl VolumeBytes {
    fn open_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut magic = [0; 2];
        let is_packed = file.read_exact(&mut magic).is_ok() && magic == [0x1F, 0x8B];
        file.seek(SeekFrom::Start(0))?;
        Ok(if is_packed {
            Self::Packed(Box::new(MultiGzDecoder::new(BufReader::new(file))))
        } else {
            Self::Plain(file)
        })
    }

    /// Skips `count` bytes.
    fn skip_bytes(&mut self, count: u64) -> io::Result<()> {
        match self {
            Self::Plain(file) => file
                .seek(SeekFrom::Current(
                    i64::try_from(count).map_err(io::Error::other)?,
                ))
                .map(drop),
            Self::Packed(packed) => {
                match io::copy(&mut packed.by_ref().take(count), &mut io::sink())? {
                    skipped if skipped == count => Ok(()),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }

    /// Reads the next `count` bytes. Memory grows only with the bytes that are read.
    fn read_bytes(&mut self, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Plain(file) => file.take(count).read_to_end(&mut bytes)?,
            Self::Packed(packed) => packed.take(count).read_to_end(&mut bytes)?,
        };
        if bytes.len() as u64 == count {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    match VolumeBytes::open_file(path)? {
        VolumeBytes::Plain(file) => file.take(LONGEST as u64).read_to_end(&mut head)?,
        VolumeBytes::Packed(packed) => packed.take(LONGEST as u64).read_to_end(&mut head)?,
    };
    Ok(head)
}

/// True if the file begins with a NIfTI header of either version.
pub(super) fn begins_like_one(path: &Path) -> bool {
    read_head(path).is_ok_and(|head| header::is_header(&head))
}

/// Reads the header and checks it against the length of the file.
pub(super) fn read_header(path: &Path) -> Fallible<NiftiHeader> {
    let header = header::parse_header(&read_head(path).map_err(|e| error_reason(&e))?)?;
    let length = fs::metadata(path).map_err(|e| reason_of(&e))?.len();
    match VolumeBytes::open_file(path).map_err(|e| error_reason(&e))? {
        VolumeBytes::Plain(_) if header.voxels_end() > length => Err(format!(
            "the file is truncated: it has {length} of {} bytes",
            header.voxels_end()
        )),
        VolumeBytes::Plain(_) => Ok(header),
        VolumeBytes::Packed(_) => check_decoded_size(header.voxels_end(), length).map(|()| header),
    }
}

/// Reads the bytes of a stored slice.
pub(super) fn read_slice(path: &Path, header: &NiftiHeader, stored: usize) -> Fallible<Vec<u8>> {
    let count = header.slice_bytes();
    let start = header
        .offset
        .saturating_add(header.slice_bytes() * stored as u64);
    let mut bytes = VolumeBytes::open_file(path).map_err(|e| error_reason(&e))?;
    if matches!(bytes, VolumeBytes::Plain(_)) || header.voxels_end() > MOST_KEPT {
        bytes.skip_bytes(start).map_err(|e| error_reason(&e))?;
        return bytes.read_bytes(count).map_err(|e| error_reason(&e));
    }
    let all = unpack_volume(path, header, bytes).map_err(|e| error_reason(&e))?;
    let slice = usize::try_from(start)
        .ok()
        .and_then(|start| all.get(start..start + count as usize));
    slice
        .map(<[u8]>::to_vec)
        .ok_or_else(|| "the file is truncated".to_owned())
}

/// Calls `with` for the bytes of each slice of one time.
pub(super) fn each_slice(
    path: &Path,
    header: &NiftiHeader,
    time: usize,
    mut with: impl FnMut(&[u8]),
) -> Fallible<()> {
    let mut bytes = VolumeBytes::open_file(path).map_err(|e| error_reason(&e))?;
    let before = header.slice_bytes() * (time * header.size[2]) as u64;
    bytes
        .skip_bytes(header.offset.saturating_add(before))
        .map_err(|e| error_reason(&e))?;
    for _ in 0..header.size[2] {
        with(
            &bytes
                .read_bytes(header.slice_bytes())
                .map_err(|e| error_reason(&e))?,
        );
    }
    Ok(())
}

/// An uncompressed volume in memory.
struct UnpackedVolume {
    path: PathBuf,
    stamp: (u64, Option<SystemTime>),
    bytes: Arc<Vec<u8>>,
}

/// Decompresses the volume once for all of its slices.
fn unpack_volume(
    path: &Path,
    header: &NiftiHeader,
    mut packed: VolumeBytes,
) -> io::Result<Arc<Vec<u8>>> {
    static KEPT: Mutex<Option<UnpackedVolume>> = Mutex::new(None);
    let about = fs::metadata(path)?;
    let stamp = (about.len(), about.modified().ok());
    let mut kept = KEPT.lock();
    if let Some(kept) = kept
        .as_ref()
        .filter(|kept| kept.path == path && kept.stamp == stamp)
    {
        return Ok(kept.bytes.clone());
    }
    // Free the previous volume first.
    *kept = None;
    let bytes = Arc::new(packed.read_bytes(header.voxels_end())?);
    *kept = Some(UnpackedVolume {
        path: path.to_owned(),
        stamp,
        bytes: bytes.clone(),
    });
    Ok(bytes)
}

fn error_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the file is truncated".into(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            "the compressed data is damaged".into()
        }
        _ => reason_of(error),
    }
}
