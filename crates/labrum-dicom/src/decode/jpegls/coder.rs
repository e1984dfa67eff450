//! Modelling and prediction, T.87 annex A.

use super::{DAMAGED, Presets, bits::Bits};
use std::array;

/// J of T.87 A.2.1, the order of run lengths.
const J: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];

#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

/// The state of a scan.
pub(super) struct Coder {
    maxval: i32,
    near: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    reset: i32,
    t: [i32; 3],
    contexts: Vec<Context>,
    /// Contexts of run interruptions, in which `b` counts negative errors.
    interruptions: [Context; 2],
}

impl Coder {
    /// Initialises the variables of a scan, T.87 A.1 and C.2.4.1.1.
    pub(super) fn new(precision: u32, near: i32, presets: Presets) -> Result<Self, String> {
        let maxval = if presets.maxval > 0 {
            presets.maxval
        } else {
            (1 << precision) - 1
        };
        let reset = if presets.reset > 0 { presets.reset } else { 64 };
        let t = default_thresholds(maxval, near, presets.t);
        let in_order = near < t[0] && t[0] <= t[1] && t[1] <= t[2] && t[2] <= maxval;
        if maxval >= 1 << precision || near > 255.min(maxval / 2) || !in_order || reset < 3 {
            return Err(DAMAGED.into());
        }
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bpp = bits_for_count(maxval + 1).max(2);
        let first = Context {
            a: ((range + 32) / 64).max(2),
            b: 0,
            c: 0,
            n: 1,
        };
        Ok(Self {
            maxval,
            near,
            range,
            qbpp: bits_for_count(range),
            limit: 2 * (bpp + bpp.max(8)),
            reset,
            t,
            contexts: vec![first; 365],
            interruptions: [first; 2],
        })
    }

    /// Decodes one line of one component, or of all components if samples are interleaved.
    pub(super) fn decode_line(
        &mut self,
        bits: &mut Bits<'_>,
        above: &[Vec<i32>],
        here: &mut [Vec<i32>],
        width: usize,
        run_index: &mut usize,
    ) -> Result<(), String> {
        let mut x = 1;
        while x <= width {
            let flat = (0..here.len()).all(|c| {
                let d = local_gradients(&above[c], &here[c], x);
                d.iter().all(|d| d.abs() <= self.near)
            });
            if !flat {
                for c in 0..here.len() {
                    let d = local_gradients(&above[c], &here[c], x);
                    let neighbours = [here[c][x - 1], above[c][x], above[c][x - 1]];
                    here[c][x] = self.decode_regular(bits, d, neighbours)?;
                }
                x += 1;
                continue;
            }
            let run = self.run_length(bits, width + 1 - x, run_index)?;
            for line in here.iter_mut() {
                let value = line[x - 1];
                line[x..x + run].fill(value);
            }
            x += run;
            if x <= width {
                for c in 0..here.len() {
                    let by_sample = here.len() > 1;
                    here[c][x] = self.decode_interruption(
                        bits,
                        here[c][x - 1],
                        above[c][x],
                        *run_index,
                        by_sample,
                    )?;
                }
                *run_index = run_index.saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    /// Decodes a sample in regular mode, T.87 A.3 to A.6.
    fn decode_regular(
        &mut self,
        bits: &mut Bits<'_>,
        d: [i32; 3],
        [ra, rb, rc]: [i32; 3],
    ) -> Result<i32, String> {
        let q = d.map(|d| self.quantize_gradient(d));
        let index = (q[0] * 9 + q[1]) * 9 + q[2];
        let sign = if index < 0 { -1 } else { 1 };
        let mut context = self.contexts[index.unsigned_abs() as usize];
        let predicted = if rc >= ra.max(rb) {
            ra.min(rb)
        } else if rc <= ra.min(rb) {
            ra.max(rb)
        } else {
            ra + rb - rc
        };
        let predicted = (predicted + sign * context.c).clamp(0, self.maxval);
        let k = golomb_parameter(context.n, context.a)?;
        let mapped = bits.read_golomb(k, self.limit, self.qbpp, 2 * self.range)?;
        let error = if self.near == 0 && k == 0 && 2 * context.b <= -context.n {
            if mapped % 2 == 1 {
                (mapped - 1) / 2
            } else {
                -(mapped / 2) - 1
            }
        } else if mapped % 2 == 0 {
            mapped / 2
        } else {
            -((mapped + 1) / 2)
        };
        context.b += error * (2 * self.near + 1);
        context.a += error.abs();
        if context.n == self.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        self.contexts[index.unsigned_abs() as usize] = context;
        Ok(self.reconstruct_sample(predicted, sign * error))
    }

    /// Reads the number of samples that repeat the one on the left, T.87 A.7.1.
    fn run_length(
        &self,
        bits: &mut Bits<'_>,
        left: usize,
        run_index: &mut usize,
    ) -> Result<usize, String> {
        let mut run = 0;
        while bits.read_bits(1)? == 1 {
            let whole = 1 << J[*run_index];
            let count = whole.min(left - run);
            run += count;
            if count == whole {
                *run_index = (*run_index + 1).min(31);
            }
            if run == left {
                return Ok(run);
            }
        }
        run += bits.read_bits(J[*run_index])? as usize;
        if run > left {
            Err(DAMAGED.into())
        } else {
            Ok(run)
        }
    }

    /// Decodes the sample that ends a run, T.87 A.7.2.
    fn decode_interruption(
        &mut self,
        bits: &mut Bits<'_>,
        ra: i32,
        rb: i32,
        run_index: usize,
        by_sample: bool,
    ) -> Result<i32, String> {
        let kind = usize::from(!by_sample && (ra - rb).abs() <= self.near);
        let mut context = self.interruptions[kind];
        let temp = if kind == 1 {
            context.a + (context.n >> 1)
        } else {
            context.a
        };
        let k = golomb_parameter(context.n, temp)?;
        let coded =
            bits.read_golomb(k, self.limit - J[run_index] - 1, self.qbpp, 2 * self.range)?;
        let mapped = coded + kind as i32;
        let odd = mapped & 1;
        let size = (mapped + odd) / 2;
        let negative = (k != 0 || 2 * context.b >= context.n) == (odd == 1);
        let error = if negative { -size } else { size };
        if error < 0 {
            context.b += 1;
        }
        context.a += (coded + 1 - kind as i32) >> 1;
        if context.n == self.reset {
            context.a >>= 1;
            context.n >>= 1;
            context.b >>= 1;
        }
        context.n += 1;
        self.interruptions[kind] = context;
        let (predicted, sign) = if kind == 1 {
            (ra, 1)
        } else {
            (rb, if ra > rb { -1 } else { 1 })
        };
        Ok(self.reconstruct_sample(predicted, sign * error))
    }

    fn reconstruct_sample(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = predicted + error * step;
        if value < -self.near {
            value += self.range * step;
        } else if value > self.maxval + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.maxval)
    }

    fn quantize_gradient(&self, d: i32) -> i32 {
        let size = d.abs();
        let level = match size {
            _ if size <= self.near => 0,
            _ if size < self.t[0] => 1,
            _ if size < self.t[1] => 2,
            _ if size < self.t[2] => 3,
            _ => 4,
        };
        level * d.signum()
    }
}

/// Number of bits needed for `count` values.
fn bits_for_count(count: i32) -> u32 {
    32 - (count - 1).leading_zeros()
}

/// Differences between the neighbours of sample `x`, T.87 A.3.1.
#[inline]
fn local_gradients(above: &[i32], here: &[i32], x: usize) -> [i32; 3] {
    let ra = here[x - 1];
    let rb = above[x];
    let rc = above[x - 1];
    let rd = above[x + 1];
    [rd - rb, rb - rc, rc - ra]
}

/// Default thresholds, each replaced by its preset if there is one, T.87 C.2.4.1.1.1.
fn default_thresholds(maxval: i32, near: i32, presets: [i32; 3]) -> [i32; 3] {
    let basic = [3, 7, 21];
    let defaults: [i32; 3] = if maxval >= 128 {
        let factor = (maxval.min(4095) + 128) / 256;
        array::from_fn(|i| {
            factor * (basic[i] - 2 - i as i32) + 2 + i as i32 + (3 + 2 * i as i32) * near
        })
    } else {
        let factor = 256 / (maxval + 1);
        array::from_fn(|i| (basic[i] / factor + (3 + 2 * i as i32) * near).max(2 + i as i32))
    };
    let mut low = near + 1;
    array::from_fn(|i| {
        let value = if (low..=maxval).contains(&defaults[i]) {
            defaults[i]
        } else {
            low
        };
        low = if presets[i] > 0 { presets[i] } else { value };
        low
    })
}

/// The Golomb parameter k, T.87 A.5.1.
fn golomb_parameter(n: i32, a: i32) -> Result<u32, String> {
    (0..24).find(|k| n << k >= a).ok_or_else(|| DAMAGED.into())
}
