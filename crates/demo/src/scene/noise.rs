//! Value noise: hashed lattices of rising fineness, smoothly interpolated, evaluated a row at a time.
//!
//! Arithmetic is limited to operations that IEEE 754 rounds exactly, so every machine sees the same landscape.

/// A sum of octaves, of mean 0 and variance about 1, over the whole plane of integers.
#[derive(Debug)]
pub(super) struct Field {
    octaves: Vec<Octave>,
}

#[derive(Debug)]
struct Octave {
    seed: u32,
    amplitude: f32,
    /// Share of the right lattice point, for each pixel of a cell; its length is the period of the lattice.
    weights: Vec<f32>,
}

impl Field {
    /// Octaves of periods 2, 4, … up to `period_max` pixels, each `gain` times as strong as the next finer one.
    ///
    /// In terms of spectra, amplitude falls with frequency f as 1/f^b for a gain of 2^(b - 1).
    pub(super) fn new(seed: u64, period_max: u32, gain: f32) -> Self {
        let periods = (1..=period_max.max(2).ilog2()).map(|power| 1 << power);
        let mut amplitude = 1.0;
        let mut octaves = Vec::new();
        for (index, period) in periods.enumerate() {
            octaves.push(Octave::new(
                hash(seed as u32 ^ hash((seed >> 32) as u32) ^ hash(index as u32)),
                period,
                amplitude,
            ));
            amplitude *= gain;
        }
        // Variance of a lattice of uniform values in -1..1 is 1/3; interpolation in two directions keeps 0.55 of it.
        let variance: f32 = octaves.iter().map(|octave| octave.amplitude * octave.amplitude * 0.55 / 3.0).sum();
        octaves.iter_mut().for_each(|octave| octave.amplitude /= variance.sqrt());
        Self { octaves }
    }

    /// Values of row `y` from column `x` on, for as many columns as `out` has.
    pub(super) fn row(&self, y: i32, x: i32, out: &mut [f32]) {
        out.fill(0.0);
        self.octaves.iter().for_each(|octave| octave.add_row(y, x, out));
    }
}

impl Octave {
    fn new(seed: u32, period: u32, amplitude: f32) -> Self {
        let smooth = |step: u32| {
            let t = step as f32 / period as f32;
            t * t * (3.0 - 2.0 * t)
        };
        Self { seed, amplitude, weights: (0..period).map(smooth).collect() }
    }

    fn add_row(&self, y: i32, x: i32, out: &mut [f32]) {
        let period = self.weights.len() as i32;
        // Lattices are shifted against each other, lest their lines add up to visible ones.
        let (y, x) = (y + self.shift(0), x + self.shift(1));
        let (cell_y, below) = (y.div_euclid(period), self.weights[y.rem_euclid(period) as usize]);
        let (upper_seed, lower_seed) = (self.row_seed(cell_y), self.row_seed(cell_y + 1));
        let lattice = |cell: i32| {
            let (upper, lower) = (signed_unit(cell as u32, upper_seed), signed_unit(cell as u32, lower_seed));
            self.amplitude * (upper + (lower - upper) * below)
        };
        let mut cell = x.div_euclid(period);
        let mut weights = &self.weights[x.rem_euclid(period) as usize..];
        let mut left = lattice(cell);
        let mut rest = out;
        while !rest.is_empty() {
            cell += 1;
            let right = lattice(cell);
            let (values, behind) = rest.split_at_mut(weights.len().min(rest.len()));
            for (value, weight) in values.iter_mut().zip(weights) {
                *value += left + (right - left) * weight;
            }
            (left, weights, rest) = (right, &self.weights, behind);
        }
    }

    fn shift(&self, axis: u32) -> i32 {
        (hash(self.seed.wrapping_add(axis)) % self.weights.len() as u32) as i32
    }

    fn row_seed(&self, cell_y: i32) -> u32 {
        hash(self.seed ^ hash(cell_y as u32))
    }
}

/// About normally distributed white noise of mean 0 and variance 1, for a row that `seed` names: the sum of four bytes.
pub(super) fn white(seed: u32, x: u32) -> f32 {
    /// Of a sum of four uniform bytes: four times (256² - 1) / 12, and the root of it.
    const DEVIATION: f32 = 147.8;
    let sum: u32 = hash(x ^ seed).to_le_bytes().into_iter().map(u32::from).sum();
    (sum as f32 - 510.0) * (1.0 / DEVIATION)
}

fn signed_unit(x: u32, seed: u32) -> f32 {
    (hash(x ^ seed) >> 8) as f32 * (2.0 / (1 << 24) as f32) - 1.0
}

/// A bijective mixer of low bias (C. Wellons, "Prospecting for hash functions", lowbias32).
pub(super) fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(field: &Field, y: i32, x: i32, length: usize) -> Vec<f32> {
        let mut out = vec![0.0; length];
        field.row(y, x, &mut out);
        out
    }

    #[test]
    fn a_row_may_start_anywhere() {
        let field = Field::new(7, 64, 1.5);
        let whole = row(&field, -5, -100, 300);
        assert_eq!(row(&field, -5, -37, 111), whole[63..174]);
    }

    #[test]
    fn mean_and_variance_are_near_0_and_1() {
        let field = Field::new(7, 8, 1.5);
        let values: Vec<f32> = (0..400).flat_map(|y| row(&field, y, 0, 400)).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.15 && (0.7..1.4).contains(&variance), "mean {mean}, variance {variance}");
    }
}
