//! Pixels computed strip by strip: each kernel runs over a strip before the next strip is begun, so that what lies
//! between two kernels stays in the cache.

use std::sync::Arc;

use super::{Blank, Instruction, Kernel, Missing, Program, Register, Source};
use crate::buffer::{Buffer, Slice, SliceMut};
use crate::chunk::Chunk;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernel::{self, Choice, Operand};
use crate::shape::Region;

/// Bytes of the widest register of a strip: a few of them, the pixels that they are computed from, and their part of the result
/// stay in a first-level cache of 32 KiB. (x + y of u16 came to 23 GB/s in strips of 8 KiB and to 40 in such of 4, on the
/// machine that `docs/benchmarks.md` tells of.)
pub(super) const STRIP_BYTES: usize = 4096;

impl Program {
    /// The strips of a plane of `pixels`: first pixel, and the one after the last.
    pub(super) fn strips(&self, pixels: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let strip = self.strip;
        (0..pixels).step_by(strip).map(move |start| (start, (start + strip).min(pixels)))
    }

    /// Bytes of the registers while it runs.
    pub fn scratch(&self) -> u64 {
        let bytes = |instruction: &Instruction| match instruction.blank {
            None => instruction.dtype.size(),
            Some(_) => 2 * instruction.dtype.size() + DType::Bool.size(),
        };
        (self.strip * self.instructions.iter().map(bytes).sum::<usize>()) as u64
    }
}

/// A run of pixels of one plane of a region.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strip {
    /// Time and Band, counted from the region's first.
    pub(super) at: [usize; 2],
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Where the pixels of a register are while strips run.
#[derive(Debug)]
pub(super) enum Cell {
    /// Nobody reads it.
    Unused,
    /// A leaf's chunk.
    Chunk(Arc<Chunk>),
    /// One value, and a strip of it.
    Constant(Scalar, Buffer),
    /// A strip that its instruction fills.
    Computed(Buffer),
    /// A leaf whose pixels lie where the result goes, which alone reads it.
    InPlace,
}

impl Cell {
    pub(super) fn constant(program: &Program, register: Register, value: Scalar) -> Self {
        Self::Constant(value, Buffer::filled(program.dtype(register), program.strip, value))
    }

    pub(super) fn computed(program: &Program, register: Register) -> Self {
        Self::Computed(Buffer::zeros(program.dtype(register), program.strip))
    }
}

/// The cells of a program's registers.
pub(super) struct Cells {
    pub(super) leaves: Vec<Cell>,
    pub(super) instructions: Vec<Cell>,
    /// Strips of the instructions that blank pixels, before they do: what is selected from one strip into another becomes
    /// vectors, what is written over where it lies does not on all machines.
    pub(super) whole: Vec<Option<Whole>>,
}

/// Pixels of which some are to be blanked, and which are not.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pixels: Buffer,
    valid: Vec<bool>,
}

impl Cells {
    pub(super) fn cell_mut(&mut self, register: Register) -> &mut Cell {
        match register {
            Register::Leaf(index) => &mut self.leaves[index],
            Register::Result(index) => &mut self.instructions[index],
        }
    }

    /// Computes one strip of instruction `last` into `out`, after those of `live` before it, which are in order.
    ///
    /// # Errors
    /// `InvalidInput` where a cast meets a pixel that does not fit.
    pub(super) fn run(
        &mut self,
        program: &Program,
        live: &[usize],
        strip: Strip,
        region: &Region,
        out: SliceMut<'_>,
    ) -> Result<()> {
        let failed = |index: usize| {
            let instruction = &program.instructions[index];
            move |misfit| misfit_error(instruction, misfit, strip, region)
        };
        let plane = region.shape[2] * region.shape[3];
        let (last, inner) = live.split_last().expect("what is computed has an instruction");
        for &index in inner {
            let instruction = &program.instructions[index];
            if !is_fresh(instruction, strip) {
                continue;
            }
            let (before, after) = self.instructions.split_at_mut(index);
            let Cell::Computed(register) = &mut after[0] else { continue };
            let reader = Reader { leaves: &self.leaves, instructions: before, strip, plane };
            let out = register.slice_mut(0, strip.end - strip.start);
            reader.run(program, index, &mut self.whole[index], out).map_err(failed(index))?;
        }
        let reader = Reader { leaves: &self.leaves, instructions: &self.instructions[..*last], strip, plane };
        reader.run(program, *last, &mut self.whole[*last], out).map_err(failed(*last))
    }

    /// Copies one strip of a register that is not computed to `out`.
    pub(super) fn copy(&self, register: Register, strip: Strip, region: &Region, out: SliceMut<'_>) {
        let plane = region.shape[2] * region.shape[3];
        let reader = Reader { leaves: &self.leaves, instructions: &self.instructions, strip, plane };
        copy(reader.read(register), out);
    }
}

/// Whether an instruction must run for this strip: what does not differ between bands was computed for the first.
fn is_fresh(instruction: &Instruction, strip: Strip) -> bool {
    let ([t, b], [by_time, by_band]) = (strip.at, instruction.varies);
    by_band || (b == 0 && (by_time || t == 0))
}

/// Reads registers at a strip.
struct Reader<'a> {
    leaves: &'a [Cell],
    instructions: &'a [Cell],
    strip: Strip,
    plane: usize,
}

impl<'a> Reader<'a> {
    fn cell(&self, register: Register) -> &'a Cell {
        match register {
            Register::Leaf(index) => &self.leaves[index],
            Register::Result(index) => &self.instructions[index],
        }
    }

    fn read(&self, register: Register) -> Slice<'a> {
        let Strip { at, start, end } = self.strip;
        match self.cell(register) {
            Cell::Chunk(chunk) => {
                let [times, bands, ..] = chunk.shape();
                let (t, b) = (at[0].min(times - 1), at[1].min(bands - 1));
                let first = (t * bands + b) * self.plane;
                chunk.data().slice(first + start, first + end)
            }
            Cell::Constant(_, strip) | Cell::Computed(strip) => strip.slice(0, end - start),
            Cell::InPlace => unreachable!("only the last selection reads what it overwrites"),
            Cell::Unused => unreachable!("whatever a live instruction reads has a cell"),
        }
    }

    fn read_bool(&self, register: Register) -> &'a [bool] {
        match self.read(register) {
            Slice::Bool(pixels) => pixels,
            _ => unreachable!("conditions are bool where they are built"),
        }
    }

    fn is_in_place(&self, source: Source) -> bool {
        source.register().is_some_and(|register| matches!(self.cell(register), Cell::InPlace))
    }

    fn choice(&self, source: Source) -> Choice<'a> {
        match source {
            Source::Value(value) => Choice::Value(value),
            Source::Register(register) => match self.cell(register) {
                Cell::Constant(value, _) => Choice::Value(*value),
                _ => Choice::Pixels(self.read(register)),
            },
        }
    }

    fn run(
        &self,
        program: &Program,
        index: usize,
        whole: &mut Option<Whole>,
        out: SliceMut<'_>,
    ) -> Result<(), kernel::Misfit> {
        let instruction = &program.instructions[index];
        let Some(Blank { missing, value }) = &instruction.blank else {
            return self.run_kernel(&instruction.kernel, out);
        };
        let whole = whole.get_or_insert_with(|| Whole {
            pixels: Buffer::zeros(instruction.dtype, program.strip),
            valid: vec![false; program.strip],
        });
        let length = self.strip.end - self.strip.start;
        self.run_kernel(&instruction.kernel, whole.pixels.slice_mut(0, length))?;
        let valid = &mut whole.valid[..length];
        self.find_valid(missing, valid);
        kernel::select(valid, Choice::Pixels(whole.pixels.slice(0, length)), Choice::Value(*value), out);
        Ok(())
    }

    fn run_kernel(&self, kernel: &Kernel, out: SliceMut<'_>) -> Result<(), kernel::Misfit> {
        match kernel {
            Kernel::Fill(value) => kernel::fill(*value, out),
            Kernel::IsIn(input, set) => kernel::is_in(self.read(*input), set, as_bool(out)),
            Kernel::Compare(input, op, value, nodata) => {
                kernel::compare(self.read(*input), *op, *value, *nodata, as_bool(out));
            }
            Kernel::Valid(input, nodata) => kernel::valid(self.read(*input), *nodata, as_bool(out)),
            Kernel::Not(input) => kernel::not(self.read(*input), out),
            Kernel::Logic(op, a, b) => kernel::logic(*op, self.read(*a), self.read(*b), out),
            Kernel::Select(condition, yes, no) => {
                let condition = self.read_bool(*condition);
                match (self.is_in_place(*yes), self.is_in_place(*no)) {
                    (true, _) => kernel::overwrite(condition, false, self.choice(*no), out),
                    (_, true) => kernel::overwrite(condition, true, self.choice(*yes), out),
                    _ => kernel::select(condition, self.choice(*yes), self.choice(*no), out),
                }
            }
            Kernel::Replace(input, from, to) => kernel::replace(self.read(*input), *from, *to, out),
            Kernel::Arithmetic(op, a, b) => kernel::arithmetic(*op, self.choice(*a), self.choice(*b), out),
            Kernel::OnePass(op, operands, nodata, blank) => {
                let operand = |index: usize| match operands[index] {
                    Source::Value(value) => Operand::Value(value),
                    Source::Register(register) => Operand::Pixels(self.read(register), nodata[index]),
                };
                kernel::one_pass(*op, operand(0), operand(1), *blank, out);
            }
            Kernel::Function(function, input) => kernel::function(*function, self.read(*input), out),
            Kernel::ComparePixels(op, [a, b], nodata, missing) => {
                let out = as_bool(out);
                kernel::compare_pixels(*op, self.read(*a), self.read(*b), *nodata, out);
                for (register, nodata) in missing {
                    kernel::clear_missing(self.read(*register), *nodata, out);
                }
            }
            Kernel::Lookup(input, table) => kernel::lookup(self.read(*input), table, out),
            Kernel::Digitize(input, edges, nan_apart) => {
                kernel::digitize(self.read(*input), edges, *nan_apart, out);
            }
            Kernel::Map(own, inputs) => {
                let inputs: Vec<_> = inputs.iter().map(|input| self.read(*input)).collect();
                own.0.run(&inputs, out);
            }
            Kernel::Convert(input) => kernel::convert(self.read(*input), out),
            Kernel::Cast(input, overflow, nodata) => return kernel::cast(self.read(*input), *overflow, *nodata, out),
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// Whether all of these registers, of which there is one at least, have pixels that are none of their nodata.
    fn find_valid(&self, missing: &[Missing], valid: &mut [bool]) {
        for (index, (register, nodata)) in missing.iter().enumerate() {
            match index {
                0 => kernel::valid(self.read(*register), Some(*nodata), valid),
                _ => kernel::clear_missing(self.read(*register), *nodata, valid),
            }
        }
    }
}

fn as_bool(out: SliceMut<'_>) -> &mut [bool] {
    match out {
        SliceMut::Bool(out) => out,
        _ => unreachable!("comparisons give bool"),
    }
}

fn copy(from: Slice<'_>, to: SliceMut<'_>) {
    macro_rules! run {
        ($(($variant:ident, $type:ty, $name:literal)),* $(,)?) => {
            match (from, to) {
                $((Slice::$variant(from), SliceMut::$variant(to)) => to.copy_from_slice(from),)*
                _ => unreachable!("the result has the program's dtype"),
            }
        };
    }
    crate::dtypes!(run);
}

fn misfit_error(instruction: &Instruction, misfit: kernel::Misfit, strip: Strip, region: &Region) -> Error {
    let columns = region.shape[3];
    let pixel = strip.start + misfit.index;
    let row = region.start[2] + pixel / columns;
    let column = region.start[3] + pixel % columns;
    let band = region.start[1] + strip.at[1];
    Error::invalid(format!(
        "cannot {}: pixel (band {band}, row {row}, column {column}) is {}, which does not fit or would become nodata, in the \
         chunk of {region}; use Overflow::Saturate or Overflow::Wrap, or another nodata, if that is meant",
        instruction.name, misfit.value
    ))
}
