//! A NIfTI volume of labels as masks of a series: laid by where both say that they lie, voxel by voxel.

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
};

const TRIED: &str = "import the masks";
/// No volume of labels has more voxels: each takes two bytes.
const MOST_VOXELS: usize = 1 << 28;
/// What to do where it says no place that helps.
const DRAWN_ON: &str = "Give the volume that was drawn on this very series, with its place.";
/// Slices that lie nearer to each other, in mm, lie at one place.
const SAME_DEPTH: f64 = 0.01;
/// Values that are off a whole number by less are that number: a scale of single precision.
const WHOLE: f64 = 1e-3;

/// Reads the volume of labels `path` as masks of `series`.
///
/// # Errors
/// Where its values are no labels, where it lies elsewhere or does not say where it lies, and where it cannot be read.
pub(in crate::io) fn import_masks(
    path: &Path,
    series: &Series,
    choice: &MaskChoice,
) -> Result<ImportedMasks> {
    let failed = |reason: String| Error::at_path(TRIED, path, reason);
    let volume = read_header(path)?;
    let lay = Lay::for_series(&volume, series, choice)
        .map_err(|refusal| refusal.into_error(TRIED, path))?;
    let stored = read_labels(path, &volume, lay.time).map_err(failed)?;
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
        let mask = lay.slice_mask(slice, series, &labelled).map_err(failed)?;
        masks.extend(mask.map(|mask| (slice, table.map_mask(&mask))));
    }
    if masks.is_empty() {
        let reason = "none of its voxels lies on the slices of the series";
        return Err(failed(reason.into())
            .with_advice("Choose the series that it was drawn on.")
            .of_kind(ErrorKind::Elsewhere));
    }
    if masks.len() < lay.slices.len() {
        notes.push(format!(
            "it covers {} of the {} slices",
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

/// Voxels, and what their values mean.
struct Labelled {
    size: [usize; 3],
    values: Vec<u16>,
    reading: ValueReading,
}

/// How the voxels are laid on the slices.
struct Lay {
    /// Of each slice of the series; `None` where voxels are laid by their number alone.
    maps: Option<Vec<Option<GridMap>>>,
    /// The slices that it is laid on: of several at one place the one of the chosen time.
    slices: Vec<usize>,
    /// Which of the volumes in the file.
    time: usize,
    /// The place was taken from the image, since the volume does not say its own.
    borrowed: bool,
    /// It has the times of the image.
    is_of_image: bool,
}

impl Lay {
    fn for_series(
        volume: &NiftiHeader,
        series: &Series,
        choice: &MaskChoice,
    ) -> std::result::Result<Self, Refused> {
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
                let map = |slice| GridMap::onto_volume(slice, slice_size, &affine, volume.size);
                let maps = grids.iter().map(map).collect();
                Ok(Self { maps: Some(maps), slices, time, borrowed: volume.affine.is_none(), is_of_image })
            }
            (Some(_), None) => Err(Refused {
                advice: "Save it with the place of the images that it was drawn on.",
                ..String::from("it does not say where it lies in the patient (its sform and qform codes are 0)").into()
            }),
            (None, _) => {
                let wanted = [series.columns, series.rows, series.slices.len()];
                if volume.size != wanted {
                    let [a, b] = [volume.size, wanted].map(|[x, y, z]| format!("{x} x {y} x {z}"));
                    let reason =
                        format!("it has {a} voxels, the series {b}, and the series does not say where it lies");
                    return Err(Refused { advice: DRAWN_ON, ..Refused::lies_elsewhere(reason) });
                }
                Ok(Self { maps: None, slices, time, borrowed: false, is_of_image })
            }
        }
    }

    /// The mask of a slice; `None` where no voxel lies on it.
    fn slice_mask(
        &self,
        slice: usize,
        series: &Series,
        voxels: &Labelled,
    ) -> std::result::Result<Option<Mask>, String> {
        let [width, height, _] = voxels.size;
        let value =
            |[x, y, z]: [usize; 3]| voxels.values.get((z * height + y) * width + x).copied();
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
                    .and_then(value);
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

    /// How well it lies, where that is worth a word.
    fn placement_notes(&self, series: &Series) -> Vec<String> {
        let mut notes = Vec::new();
        if self.borrowed {
            notes.push(
                "it does not say where it lies: it is laid as the voxels of the image are stored"
                    .into(),
            );
        }
        let others = series.slices.len() - self.slices.len();
        if others > 0 {
            notes.push(format!(
                "several images lie at one place: it was laid on those of one time, not on {others} others"
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
            let note = "its voxels have another size or direction than the pixels: each pixel takes the nearest voxel";
            notes.push(note.into());
        } else if most > 0.0 {
            notes.push(format!(
                "its voxels lie up to {most:.2} of a voxel beside the pixels: each pixel takes the nearest voxel"
            ));
        }
        notes
    }
}

/// Which of the volumes in the file is meant: the one of the image, where both have as many, else the chosen one.
fn time_in_file(
    volume: &NiftiHeader,
    image: Option<&NiftiHeader>,
    series: &Series,
    choice: &MaskChoice,
) -> std::result::Result<usize, Refused> {
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
            let reason = format!("it holds {times} volumes, and one is wanted for the series{but}");
            Err(Refused::wants_time(reason, times))
        }
    }
}

/// The slices that a volume is laid on: all, or, of images that lie at one place, those of one time.
fn slices_of_time(
    series: &Series,
    choice: &MaskChoice,
) -> std::result::Result<Vec<usize>, Refused> {
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
                    "{most} images lie at one place, and it does not name one of them{but}"
                );
                return Err(Refused::wants_time(reason, most));
            }
        }
    }
    slices.sort_unstable();
    Ok(slices)
}

/// The list of labels beside a volume.
fn list_beside(path: &Path, series: &Series) -> Result<Option<LabelList>> {
    let name = Names::new(series, &mut HashSet::new()).series;
    let folder = path.parent().unwrap_or(Path::new("."));
    labels_beside(folder, &name)
        .map(|list| LabelList::read_file(&list))
        .transpose()
}

/// The header of the image, where that is a NIfTI volume itself.
fn own_header(series: &Series) -> Option<NiftiHeader> {
    let first = series
        .slices
        .first()
        .filter(|_| series.kind == Kind::Picture)?;
    file::read_header(&first.source.path).ok()
}

/// Columns, rows and values of a stored slice, which have to be whole numbers: a page of labels.
pub(in crate::io) fn stored_labels(
    path: &Path,
    frame: u32,
) -> std::result::Result<(usize, usize, Vec<u16>), String> {
    let volume = file::read_header(path)?;
    if frame as usize >= volume.size[2] * volume.times {
        return Err(format!("it has no slice {}", frame.saturating_add(1)));
    }
    let bytes = file::read_slice(path, &volume, frame as usize)?;
    let pixels = volume.number.decode_pixels(&bytes, volume.big_endian);
    let image =
        Image::new(volume.size[0], volume.size[1], pixels).filter(|image| !image.is_color());
    let image = Image {
        rescale: volume.rescale,
        ..image.ok_or("it has colours, which name no labels")?
    };
    let values = (0..image.pixels.len())
        .map(|i| whole_label(image.modality_value(i)))
        .collect::<std::result::Result<_, _>>()?;
    Ok((volume.size[0], volume.size[1], values))
}

/// A label as it is stored. The error is a clause.
fn whole_label(value: f64) -> std::result::Result<u16, String> {
    let label = value.round();
    match (value - label).abs() <= WHOLE && (0.0..=65_535.0).contains(&label) {
        true => Ok(label as u16),
        false => Err(format!(
            "its value {value:.3} is no label: labels are whole numbers from 0 on, so this is an image or a probability"
        )),
    }
}

/// The values of all voxels of one time, which have to be labels: slice below slice.
fn read_labels(
    path: &Path,
    volume: &NiftiHeader,
    time: usize,
) -> std::result::Result<StoredLabels, String> {
    if volume.number.is_color() {
        return Err("it has colours, which name no labels".into());
    }
    let [columns, rows, slices] = volume.size;
    if columns * rows * slices > MOST_VOXELS {
        return Err("it has too many voxels for a volume of labels".into());
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

/// The voxels of a volume as they are stored, from masks as they are shown: the way back, for a volume beside its image.
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
            .filter(|m| (m.columns(), m.rows()) == (columns, rows))
            .map_or(blank.as_slice(), Mask::pixel_labels);
        back.orient_values(columns, rows, labels)
    });
    stored.flatten().collect()
}
