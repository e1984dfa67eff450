//! Imports a NIfTI label volume as masks of a series, matched voxel by voxel through their patient coordinates.

use super::{NiftiHeader, VoxelLayout, file, read_header};
use crate::{
    Error, ErrorKind, Result,
    io::{
        export::{LabelList, Names, labels_beside},
        import::{meaning, volumes},
        label_values::{self, Coding, MaskValues, StoredLabels, ValueReading, ValueRule},
    },
};
use labrum_core::{
    image::Image,
    import::{Basis, ImportedMasks, MaskChoice},
    lattice::{Affine, GridFit, GridMap},
    mask::Mask,
    study::{Kind, Series},
};
use labrum_dicom::references::Refused;
use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    result,
};

const TRIED: &str = "import the masks";
/// Maximum number of voxels in a label volume; each needs two bytes.
const MOST_VOXELS: usize = 1 << 28;
/// Advice for a volume whose grid differs from a series without geometry.
const DRAWN_ON: &str = "Choose a volume that was drawn on this series and has its geometry.";
/// Slices closer than this, in mm, have the same position.
const SAME_DEPTH: f64 = 0.01;
/// Values this close to a whole number are rounded, because the scale has single precision.
const WHOLE: f64 = 1e-3;

/// Reads the label volume `path` as masks of `series`.
///
/// # Errors
/// If its values are not labels, its geometry is missing or places it elsewhere, or it cannot be read.
pub(in crate::io) fn import_masks(
    path: &Path,
    series: &Series,
    choice: &MaskChoice,
) -> Result<ImportedMasks> {
    let volume = read_header(path)?;
    let lay = Lay::for_series(&volume, series, choice)
        .map_err(|refusal| refusal.into_error(TRIED, path))?;
    let stored =
        read_labels(path, &volume, lay.time).map_err(|reason| import_error(path, reason))?;
    let list = list_beside(path, series)?;
    let named = list.as_ref().map(LabelList::named_values);
    let ValueRule {
        reading,
        labels: present,
        note,
    } = label_values::find_rule(
        &[(path.to_owned(), MaskValues::from_stored(&stored))],
        named.as_ref(),
        choice.threshold,
    )?;
    let labelled = Labelled {
        size: volume.size,
        values: stored.values,
        reading,
    };
    let mut notes: Vec<String> = volume.notes.iter().cloned().chain(note).collect();
    let (table, labels) = meaning::resolve_labels(&present, list, choice, &mut notes);
    let mut masks = Vec::new();
    for slice in lay.slices.iter().copied() {
        let mask = lay
            .slice_mask(slice, series, &labelled)
            .map_err(|reason| import_error(path, reason))?;
        masks.extend(mask.map(|mask| (slice, table.map_mask(&mask))));
    }
    if masks.is_empty() {
        let reason = "the volume does not overlap the slices of the series";
        return Err(import_error(path, reason)
            .with_advice("Choose the series that it was drawn on.")
            .of_kind(ErrorKind::Elsewhere));
    }
    if masks.len() < lay.slices.len() {
        notes.push(format!(
            "the volume covers {} of {} slices",
            masks.len(),
            lay.slices.len()
        ));
    }
    notes.extend(lay.placement_notes(series));
    let basis = if lay.is_of_image || volumes::is_called_like(path, series) {
        Basis::Images
    } else {
        Basis::Position
    };
    Ok(ImportedMasks {
        labels,
        masks,
        notes,
        basis,
        is_resampled: lay.is_resampled(),
        ..ImportedMasks::default()
    })
}

fn import_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path(TRIED, path, reason)
}

/// Voxels, and how their values are converted to labels.
struct Labelled {
    size: [usize; 3],
    values: Vec<u16>,
    reading: ValueReading,
}

impl Labelled {
    #[inline]
    fn value_at(&self, [x, y, z]: [usize; 3]) -> Option<u16> {
        let [width, height, _] = self.size;
        self.values.get((z * height + y) * width + x).copied()
    }
}

/// How the voxels map to the slices of a series.
struct Lay {
    /// The map for each slice; `None` if voxels are matched by index alone.
    maps: Option<Vec<Option<GridMap>>>,
    /// Indices of the slices to use; of several at the same position, the one of the chosen time.
    slices: Vec<usize>,
    /// 0-based time of the volume in the file.
    time: usize,
    /// True if the geometry is that of the image, because the volume has none.
    borrowed: bool,
    /// True if the volume has the same number of times as the image.
    is_of_image: bool,
}

impl Lay {
    fn for_series(
        volume: &NiftiHeader,
        series: &Series,
        choice: &MaskChoice,
    ) -> result::Result<Self, Refused> {
        let source = own_header(series);
        let time = time_in_file(volume, source.as_ref(), series, choice)?;
        let slices = slices_of_time(series, choice)?;
        let is_of_image = volume.times > 1
            && source
                .as_ref()
                .is_some_and(|image| image.times == volume.times);
        let grids: Option<Vec<Affine>> = series
            .slices
            .iter()
            .map(|s| {
                Some(Affine::of_plane(
                    &s.plane?,
                    s.spacing.filter(|s| s.is_physical())?,
                ))
            })
            .collect();
        let borrowed = source
            .filter(|image| volume.affine.is_none() && image.size == volume.size)
            .and_then(|i| i.affine);
        match (grids, volume.affine.or(borrowed)) {
            (Some(grids), Some(affine)) => {
                let slice_size = [series.columns, series.rows];
                let maps = grids
                    .iter()
                    .map(|slice| GridMap::onto_volume(slice, slice_size, &affine, volume.size))
                    .collect();
                Ok(Self {
                    maps: Some(maps),
                    slices,
                    time,
                    borrowed: volume.affine.is_none(),
                    is_of_image,
                })
            }
            (Some(_), None) => Err(Refused {
                advice: "Save it with the geometry of the images that it was drawn on.",
                ..String::from("it has no position and orientation (sform and qform codes are 0)")
                    .into()
            }),
            (None, _) => {
                let wanted = [series.columns, series.rows, series.slices.len()];
                if volume.size != wanted {
                    let [a, b] = [volume.size, wanted].map(|[x, y, z]| format!("{x} x {y} x {z}"));
                    let reason = format!(
                        "its {a} voxels do not match the {b} pixels of the series, and the series \
                         has no position and orientation"
                    );
                    return Err(Refused {
                        advice: DRAWN_ON,
                        ..Refused::lies_elsewhere(reason)
                    });
                }
                Ok(Self {
                    maps: None,
                    slices,
                    time,
                    borrowed: false,
                    is_of_image,
                })
            }
        }
    }

    /// The mask of a slice; `None` if the volume does not cover it.
    fn slice_mask(
        &self,
        slice: usize,
        series: &Series,
        voxels: &Labelled,
    ) -> result::Result<Option<Mask>, String> {
        let map = match &self.maps {
            Some(maps) => match maps.get(slice) {
                Some(Some(map)) => Some(map),
                _ => return Ok(None),
            },
            None => None,
        };
        let mut values = Vec::with_capacity(series.columns * series.rows);
        let mut covered = false;
        for row in 0..series.rows {
            for column in 0..series.columns {
                let voxel = map
                    .map_or(Some([column, row, slice]), |map| {
                        map.grid_pixel_at(column, row)
                    })
                    .and_then(|voxel| voxels.value_at(voxel));
                covered |= voxel.is_some();
                values.push(voxel.unwrap_or(0));
            }
        }
        let labels = voxels.reading.to_labels(&values)?;
        Ok(if covered {
            Mask::from_labels(series.columns, series.rows, labels)
        } else {
            None
        })
    }

    fn grid_fits(&self) -> impl Iterator<Item = GridFit> {
        self.maps.iter().flatten().flatten().map(|map| map.fit)
    }

    fn is_resampled(&self) -> bool {
        self.grid_fits()
            .any(|fit| matches!(fit, GridFit::Shifted(_) | GridFit::Other))
    }

    /// Remarks on how the volume was placed.
    fn placement_notes(&self, series: &Series) -> Vec<String> {
        let mut notes = Vec::new();
        if self.borrowed {
            notes.push(
                "the volume has no position and orientation; those of the image were used".into(),
            );
        }
        let others = series.slices.len() - self.slices.len();
        if others > 0 {
            notes.push(format!(
                "several images have the same position: the masks were applied to those of one \
                 time, not to {others} others"
            ));
        }
        let fits: Vec<GridFit> = self.grid_fits().collect();
        let beside = fits.iter().filter_map(|fit| {
            if let GridFit::Shifted(off) = fit {
                Some(*off)
            } else {
                None
            }
        });
        let most = beside.fold(0.0, f64::max);
        if fits.contains(&GridFit::Other) {
            let note = "voxels and pixels differ in size or orientation: each pixel takes the \
                        nearest voxel";
            notes.push(note.into());
        } else if most > 0.0 {
            notes.push(format!(
                "voxels are shifted by up to {most:.2} of a voxel: each pixel takes the nearest \
                 voxel"
            ));
        }
        notes
    }
}

/// The 0-based time to use: that of the image if both files have the same number of times, else the chosen one.
fn time_in_file(
    volume: &NiftiHeader,
    image: Option<&NiftiHeader>,
    series: &Series,
    choice: &MaskChoice,
) -> result::Result<usize, Refused> {
    let times = volume.times;
    match (image, choice.time) {
        _ if times == 1 => Ok(0),
        (Some(image), _) if times == image.times => Ok(series
            .slices
            .first()
            .map_or(0, |s| s.source.frame as usize / image.size[2].max(1))),
        (_, Some(time)) if (1..=times).contains(&time) => Ok(time - 1),
        (_, time) => {
            let but =
                time.map_or_else(String::new, |time| format!(", and there is no time {time}"));
            let reason = format!("it contains {times} volumes, but the series needs one{but}");
            Err(Refused::wants_time(reason, times))
        }
    }
}

/// The slices to which a volume is applied: all, or those of one time if several images have the same position.
fn slices_of_time(series: &Series, choice: &MaskChoice) -> result::Result<Vec<usize>, Refused> {
    let mut places: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, slice) in series.slices.iter().enumerate() {
        let Some(plane) = slice.plane else {
            return Ok((0..series.slices.len()).collect());
        };
        let depth = (plane.distance_along_normal() / SAME_DEPTH).round() as i64;
        places.entry(depth).or_default().push(index);
    }
    let most = places.values().map(Vec::len).max().unwrap_or(0);
    let mut slices = Vec::with_capacity(places.len());
    for here in places.values() {
        match (
            here.as_slice(),
            choice.time.and_then(|time| here.get(time.checked_sub(1)?)),
        ) {
            ([only], _) | (_, Some(only)) => slices.push(*only),
            _ => {
                let but = choice
                    .time
                    .map_or_else(String::new, |time| format!(", and there is no time {time}"));
                let reason = format!(
                    "{most} images have the same position, and the volume does not refer to one \
                     of them{but}"
                );
                return Err(Refused::wants_time(reason, most));
            }
        }
    }
    slices.sort_unstable();
    Ok(slices)
}

/// The label list next to a volume.
fn list_beside(path: &Path, series: &Series) -> Result<Option<LabelList>> {
    let name = Names::new(series, &mut HashSet::new()).series;
    let folder = path.parent().unwrap_or(Path::new("."));
    labels_beside(folder, &name)
        .map(|list| LabelList::read_file(&list))
        .transpose()
}

/// The header of the image, if it is a NIfTI volume.
fn own_header(series: &Series) -> Option<NiftiHeader> {
    let first = series
        .slices
        .first()
        .filter(|_| series.kind == Kind::Picture)?;
    file::read_header(&first.source.path).ok()
}

/// Columns, rows and values of a stored slice of a label volume. The values must be whole numbers.
pub(in crate::io) fn stored_labels(
    path: &Path,
    frame: u32,
) -> result::Result<(usize, usize, Vec<u16>), String> {
    let volume = file::read_header(path)?;
    if frame as usize >= volume.size[2] * volume.times {
        return Err(format!("the file has no slice {}", frame.saturating_add(1)));
    }
    let bytes = file::read_slice(path, &volume, frame as usize)?;
    let pixels = volume.number.decode_pixels(&bytes, volume.big_endian);
    let image =
        Image::new(volume.size[0], volume.size[1], pixels).filter(|image| !image.is_color());
    let image = Image {
        rescale: volume.rescale,
        ..image.ok_or("colour masks are not supported in NIfTI")?
    };
    let values = (0..image.pixels.len())
        .map(|i| whole_label(image.modality_value(i)))
        .collect::<result::Result<_, _>>()?;
    Ok((volume.size[0], volume.size[1], values))
}

/// Converts a real value to a label value. The error is a clause.
fn whole_label(value: f64) -> result::Result<u16, String> {
    let label = value.round();
    match (value - label).abs() <= WHOLE && (0.0..=65_535.0).contains(&label) {
        true => Ok(label as u16),
        false => Err(format!(
            "value {value:.3} is not a label, which must be a whole number from 0: this seems to \
             be an image or a probability map"
        )),
    }
}

/// The values of all voxels of one time, one slice below the other. The values must be labels.
fn read_labels(
    path: &Path,
    volume: &NiftiHeader,
    time: usize,
) -> result::Result<StoredLabels, String> {
    if volume.number.is_color() {
        return Err("colour masks are not supported in NIfTI".into());
    }
    let [columns, rows, slices] = volume.size;
    if columns * rows * slices > MOST_VOXELS {
        return Err("the volume has too many voxels for a label volume".into());
    }
    let mut values = Vec::with_capacity(columns * rows * slices);
    let mut odd = None;
    file::each_slice(path, volume, time, |bytes| {
        let pixels = volume.number.decode_pixels(bytes, volume.big_endian);
        let Some(image) = Image::new(columns, rows, pixels) else {
            return;
        };
        let image = Image {
            rescale: volume.rescale,
            ..image
        };
        values.extend((0..image.pixels.len()).map(|i| {
            whole_label(image.modality_value(i)).unwrap_or_else(|reason| {
                odd.get_or_insert(reason);
                0
            })
        }));
    })?;
    match odd {
        None => Ok(StoredLabels {
            columns,
            rows: rows * slices,
            values,
            coding: Coding::Grey,
        }),
        Some(reason) => Err(reason),
    }
}

/// Converts masks as displayed to voxels in the stored order of the source volume.
pub(in crate::io) fn stored_from_shown(
    header: &NiftiHeader,
    frame_masks: &[Option<&Mask>],
) -> Vec<u8> {
    let layout = VoxelLayout::from_header(header);
    let (columns, rows) = layout
        .orientation
        .shown_size((header.size[0], header.size[1]));
    let blank = vec![0; columns * rows];
    let back = layout.orientation.inverse();
    let stored = frame_masks.iter().map(|mask| {
        let labels = mask
            .filter(|m| m.columns_and_rows() == (columns, rows))
            .map_or(blank.as_slice(), Mask::pixel_labels);
        back.orient_values(columns, rows, labels)
    });
    stored.flatten().collect()
}
