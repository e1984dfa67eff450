//! The bytes of a NIfTI file, compressed or not, of which no more is read than its header says and its length allows.

use super::header::{self, LONGEST, NiftiHeader};
use crate::io::picture::check_decoded_size;
use flate2::read::MultiGzDecoder;
use labrum_core::reason_of;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// The error is the reason, a clause.
type Fallible<T> = Result<T, String>;

/// Of a compressed volume, so much is kept unpacked while slice after slice is asked for. A larger one is unpacked anew for
/// every slice, up to that slice.
const MOST_KEPT: u64 = 256 << 20;

/// Bytes of the file without its compression.
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

    /// Leaves `count` bytes out.
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

    /// The next `count` bytes; memory grows with what arrives.
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

/// True for the first bytes of a volume of either version.
pub(super) fn begins_like_one(path: &Path) -> bool {
    read_head(path).is_ok_and(|head| header::is_header(&head))
}

/// The header, held against the length of the file.
pub(super) fn read_header(path: &Path) -> Fallible<NiftiHeader> {
    let header = header::parse_header(&read_head(path).map_err(|e| error_reason(&e))?)?;
    let length = std::fs::metadata(path).map_err(|e| reason_of(&e))?.len();
    match VolumeBytes::open_file(path).map_err(|e| error_reason(&e))? {
        VolumeBytes::Plain(_) if header.voxels_end() > length => Err(format!(
            "it is cut off: {length} of {} bytes are there",
            header.voxels_end()
        )),
        VolumeBytes::Plain(_) => Ok(header),
        VolumeBytes::Packed(_) => check_decoded_size(header.voxels_end(), length).map(|()| header),
    }
}

/// The bytes of a stored slice.
pub(super) fn read_slice(path: &Path, header: &NiftiHeader, stored: usize) -> Fallible<Vec<u8>> {
    let (count, start) = (
        header.slice_bytes(),
        header
            .offset
            .saturating_add(header.slice_bytes() * stored as u64),
    );
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
        .ok_or_else(|| "it is cut off".to_owned())
}

/// All voxels of one time, slice after slice.
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

/// A volume that was unpacked.
struct UnpackedVolume {
    path: PathBuf,
    stamp: (u64, Option<SystemTime>),
    bytes: Arc<Vec<u8>>,
}

/// The volume itself, unpacked once for all of its slices.
fn unpack_volume(
    path: &Path,
    header: &NiftiHeader,
    mut packed: VolumeBytes,
) -> io::Result<Arc<Vec<u8>>> {
    static KEPT: Mutex<Option<UnpackedVolume>> = Mutex::new(None);
    let about = std::fs::metadata(path)?;
    let stamp = (about.len(), about.modified().ok());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept
        .as_ref()
        .filter(|kept| kept.path == path && kept.stamp == stamp)
    {
        return Ok(kept.bytes.clone());
    }
    // The last one goes before the next one comes.
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
        io::ErrorKind::UnexpectedEof => "it is cut off".into(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            "its compressed part is damaged".into()
        }
        _ => reason_of(error),
    }
}
