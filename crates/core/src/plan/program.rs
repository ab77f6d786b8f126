//! A fused chain of kernels over strips: data that can be printed and compared, and the loop that runs it.

use crate::buffer::{Buffer, Slice, SliceMut};
use crate::chunk::Chunk;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::expr::{CompareOp, LogicOp, Op, Operand, Overflow};
use crate::kernel::{self, Choice, ValueSet};
use crate::meta::Meta;
use crate::shape::{Region, volume};

/// Pixels of a strip: small enough that a few registers of it stay in the first-level cache. Of 2 Ki to 64 Ki pixels,
/// 2 Ki was fastest on the lesson's mask (0.85 ms against 1.6 ms at 64 Ki over 2048² × 3 pixels); 4 Ki halves the
/// dispatch for u8 at no cost.
const STRIP: usize = 4096;

/// Where a value of a program is held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Register {
    /// Pixels of a leaf.
    Leaf(usize),
    /// The result of an instruction.
    Result(usize),
}

/// A leaf: pixels of a source's view.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Their dtype.
    pub dtype: DType,
    /// Whether they differ along Time and along Band.
    varies: [bool; 2],
}

#[derive(Debug, Clone, PartialEq)]
struct Instruction {
    kernel: Kernel,
    dtype: DType,
    varies: [bool; 2],
    name: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Kernel {
    IsIn(Register, ValueSet),
    Compare(Register, CompareOp, Scalar, Option<Scalar>),
    Valid(Register, Option<Scalar>),
    Not(Register),
    Logic(LogicOp, Register, Register),
    Select(Register, Source, Source),
    Replace(Register, Scalar, Scalar),
    Cast(Register, Overflow, Option<Scalar>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Register(Register),
    Value(Scalar),
}

/// A chain of kernels from leaves to one result.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    leaves: Vec<Leaf>,
    instructions: Vec<Instruction>,
    result: Register,
}

/// Builds a [`Program`], operand before user.
#[derive(Debug)]
pub(crate) struct ProgramBuilder {
    leaves: Vec<Leaf>,
    instructions: Vec<Instruction>,
}

impl ProgramBuilder {
    pub(crate) const fn new() -> Self {
        Self { leaves: Vec::new(), instructions: Vec::new() }
    }

    pub(crate) fn leaf(&mut self, meta: &Meta) -> Register {
        let varies = std::array::from_fn(|axis| meta.shape[axis] > 1);
        self.leaves.push(Leaf { dtype: meta.dtype, varies });
        Register::Leaf(self.leaves.len() - 1)
    }

    pub(crate) fn push(&mut self, op: &Op, inputs: &[Register], meta: &Meta) -> Register {
        let kernel = self.kernel(op, inputs);
        let varies = inputs.iter().fold([false; 2], |varies, input| {
            let other = self.varies(*input);
            std::array::from_fn(|axis| varies[axis] || other[axis])
        });
        self.instructions.push(Instruction { kernel, dtype: meta.dtype, varies, name: op.to_string() });
        Register::Result(self.instructions.len() - 1)
    }

    pub(crate) fn finish(self, result: Register) -> Program {
        Program { leaves: self.leaves, instructions: self.instructions, result }
    }

    fn varies(&self, register: Register) -> [bool; 2] {
        match register {
            Register::Leaf(index) => self.leaves[index].varies,
            Register::Result(index) => self.instructions[index].varies,
        }
    }

    fn kernel(&self, op: &Op, inputs: &[Register]) -> Kernel {
        let operand = |operand: &Operand| match operand {
            Operand::Input(index) => Source::Register(inputs[*index]),
            Operand::Constant(value) => Source::Value(*value),
        };
        match op {
            Op::IsIn(values) => Kernel::IsIn(inputs[0], ValueSet::new(values)),
            Op::Compare { op, value, nodata } => Kernel::Compare(inputs[0], *op, *value, *nodata),
            Op::Valid { nodata } => Kernel::Valid(inputs[0], *nodata),
            Op::Not => Kernel::Not(inputs[0]),
            Op::Logic(op) => Kernel::Logic(*op, inputs[0], inputs[1]),
            Op::Select { yes, no } => Kernel::Select(inputs[0], operand(yes), operand(no)),
            Op::Replace { from, to } => Kernel::Replace(inputs[0], *from, *to),
            Op::Cast { overflow, nodata, .. } => Kernel::Cast(inputs[0], *overflow, *nodata),
            Op::Source(_) | Op::View { .. } | Op::Relabel { .. } => {
                unreachable!("the passes leave only elementwise steps to fuse")
            }
        }
    }
}

impl Program {
    /// The leaves, in the order of the inputs that [`run`](Self::run) takes.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The leaf that is the whole result, if the program computes nothing.
    pub fn passes_through(&self) -> Option<usize> {
        match self.result {
            Register::Leaf(index) => Some(index),
            Register::Result(_) => None,
        }
    }

    /// Bytes of the registers while it runs.
    pub fn scratch(&self) -> u64 {
        self.instructions.iter().map(|instruction| (instruction.dtype.size() * STRIP) as u64).sum()
    }

    /// Computes the pixels of `region` from those of the leaves, whose chunks have the region's rows and columns, and
    /// its Times and Bands or one.
    ///
    /// # Errors
    /// `InvalidInput` where a cast meets a pixel that does not fit, naming operation, region and pixel; `Cancelled`
    /// when `cancelled` says so, asked once per strip.
    pub fn run(&self, leaves: &[&Chunk], region: &Region, cancelled: &dyn Fn() -> bool) -> Result<Chunk> {
        let [times, bands, rows, columns] = region.shape;
        let plane = rows * columns;
        let dtype = self.dtype();
        let mut out = Chunk::new(region.shape, Buffer::zeros(dtype, volume(region.shape)));
        // The last instruction writes to the result itself.
        let inner = &self.instructions[..self.instructions.len().saturating_sub(1)];
        let mut registers: Vec<Buffer> = inner.iter().map(|i| Buffer::zeros(i.dtype, STRIP.min(plane))).collect();
        for start in (0..plane).step_by(STRIP) {
            if cancelled() {
                return Err(Error::cancelled());
            }
            let end = (start + STRIP).min(plane);
            for t in 0..times {
                for b in 0..bands {
                    let strip = Strip { leaves, start, end, at: [t, b], plane };
                    let first = (t * bands + b) * plane + start;
                    let target = out.data_mut().slice_mut(first, first + (end - start));
                    match self.result {
                        Register::Leaf(_) => copy(strip.read(self.result, &registers), target),
                        Register::Result(_) => self.run_strip(&strip, &mut registers, target, region)?,
                    }
                }
            }
        }
        Ok(out)
    }

    fn dtype(&self) -> DType {
        match self.result {
            Register::Leaf(index) => self.leaves[index].dtype,
            Register::Result(index) => self.instructions[index].dtype,
        }
    }

    fn run_strip(
        &self,
        strip: &Strip<'_>,
        registers: &mut [Buffer],
        target: SliceMut<'_>,
        region: &Region,
    ) -> Result<()> {
        let [t, b] = strip.at;
        let (last, inner) = self.instructions.split_last().expect("a program that computes has an instruction");
        for (index, instruction) in inner.iter().enumerate() {
            let [by_time, by_band] = instruction.varies;
            // What does not differ between bands was computed for the first of them.
            let fresh = by_band || (b == 0 && (by_time || t == 0));
            if fresh {
                let (before, after) = registers.split_at_mut(index);
                let out = after[0].slice_mut(0, strip.end - strip.start);
                run_kernel(&instruction.kernel, strip, before, out)
                    .map_err(|misfit| misfit_error(instruction, misfit, strip, region))?;
            }
        }
        run_kernel(&last.kernel, strip, registers, target).map_err(|misfit| misfit_error(last, misfit, strip, region))
    }
}

/// A run of pixels of one plane, and where it is.
struct Strip<'a> {
    leaves: &'a [&'a Chunk],
    start: usize,
    end: usize,
    at: [usize; 2],
    plane: usize,
}

impl<'a> Strip<'a> {
    fn read<'r>(&self, register: Register, registers: &'r [Buffer]) -> Slice<'r>
    where
        'a: 'r,
    {
        match register {
            Register::Leaf(index) => {
                let chunk: &'a Chunk = self.leaves[index];
                let [times, bands, ..] = chunk.shape();
                let (t, b) = (self.at[0].min(times - 1), self.at[1].min(bands - 1));
                let first = (t * bands + b) * self.plane;
                chunk.data().slice(first + self.start, first + self.end)
            }
            Register::Result(index) => registers[index].slice(0, self.end - self.start),
        }
    }

    fn read_bool<'r>(&self, register: Register, registers: &'r [Buffer]) -> &'r [bool]
    where
        'a: 'r,
    {
        match self.read(register, registers) {
            Slice::Bool(pixels) => pixels,
            _ => unreachable!("conditions are bool where they are built"),
        }
    }
}

fn run_kernel(
    kernel: &Kernel,
    strip: &Strip<'_>,
    registers: &[Buffer],
    out: SliceMut<'_>,
) -> Result<(), kernel::Misfit> {
    let read = |register: Register| strip.read(register, registers);
    let choice = |source: Source| match source {
        Source::Register(register) => Choice::Pixels(read(register)),
        Source::Value(value) => Choice::Value(value),
    };
    match kernel {
        Kernel::IsIn(input, set) => kernel::is_in(read(*input), set, as_bool(out)),
        Kernel::Compare(input, op, value, nodata) => kernel::compare(read(*input), *op, *value, *nodata, as_bool(out)),
        Kernel::Valid(input, nodata) => kernel::valid(read(*input), *nodata, as_bool(out)),
        Kernel::Not(input) => kernel::not(read(*input), out),
        Kernel::Logic(op, a, b) => kernel::logic(*op, read(*a), read(*b), out),
        Kernel::Select(condition, yes, no) => {
            kernel::select(strip.read_bool(*condition, registers), choice(*yes), choice(*no), out);
        }
        Kernel::Replace(input, from, to) => kernel::replace(read(*input), *from, *to, out),
        Kernel::Cast(input, overflow, nodata) => return kernel::cast(read(*input), *overflow, *nodata, out),
    }
    Ok(())
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

fn misfit_error(instruction: &Instruction, misfit: kernel::Misfit, strip: &Strip<'_>, region: &Region) -> Error {
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
