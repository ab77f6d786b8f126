//! A fused chain of kernels: data that can be printed and compared. How it is evaluated for a piece of the output is
//! in `evaluate.rs`, how pixels are computed strip by strip in `strip.rs`.

mod evaluate;
mod strip;

pub(crate) use evaluate::{Evaluation, Known, Leaves};

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::dtype::{DType, Scalar};
use crate::expr::{ArithmeticOp, CompareOp, Function, LogicOp, Op, Operand, Overflow};
use crate::interval::Interval;
use crate::kernel::{BYTES, ValueSet, is_one_pass, literals};
use crate::meta::Meta;
use crate::pixelwise::PixelKernel;
use strip::STRIP_BYTES;

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
    /// What its pixels become where others are nodata, once the kernel has run.
    blank: Option<Blank>,
    dtype: DType,
    varies: [bool; 2],
    /// Whether some pixel of it, or of what it is computed from, can make a run fail.
    may_fail: bool,
    name: String,
}

/// A value in the place of pixels whose operands are nodata.
#[derive(Debug, Clone, PartialEq)]
struct Blank {
    missing: Vec<Missing>,
    value: Scalar,
}

#[derive(Debug, Clone, PartialEq)]
enum Kernel {
    Fill(Scalar),
    IsIn(Register, ValueSet),
    Compare(Register, CompareOp, Scalar, Option<Scalar>),
    Valid(Register, Option<Scalar>),
    Not(Register),
    Logic(LogicOp, Register, Register),
    Select(Register, Source, Source),
    Replace(Register, Scalar, Scalar),
    Cast(Register, Overflow, Option<Scalar>),
    Arithmetic(ArithmeticOp, Source, Source),
    /// The same of operands that are narrower, or have nodata; with the value that stands for nodata in the result.
    OnePass(ArithmeticOp, [Source; 2], [Option<Scalar>; 2], Option<Scalar>),
    Function(Function, Register),
    /// False where one of the two is its nodata, or one of those that they were converted from.
    ComparePixels(CompareOp, [Register; 2], [Option<Scalar>; 2], Vec<Missing>),
    /// The entries of a table, of which the last is for all integers beyond the others.
    Lookup(Register, Buffer),
    /// Counts the edges at or below each pixel, and NaN apart from those above all edges.
    Digitize(Register, Buffer, bool),
    /// What a user's kernel makes of the others.
    Map(Own, Vec<Register>),
    /// The same value as another dtype; integers modulo its size.
    Convert(Register),
}

/// A user's kernel, which is equal to itself alone.
#[derive(Debug, Clone)]
struct Own(Arc<dyn PixelKernel>);

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A register, and the value that is no pixel in it.
type Missing = (Register, Scalar);

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
    /// Pixels of a strip.
    strip: usize,
}

/// Builds a [`Program`], operand before user.
#[derive(Debug)]
pub(crate) struct ProgramBuilder {
    leaves: Vec<Leaf>,
    instructions: Vec<Instruction>,
    /// The values that pixels of each leaf, and of each instruction, can have.
    intervals: (Vec<Interval>, Vec<Interval>),
}

impl ProgramBuilder {
    pub(crate) const fn new() -> Self {
        Self { leaves: Vec::new(), instructions: Vec::new(), intervals: (Vec::new(), Vec::new()) }
    }

    pub(crate) fn leaf(&mut self, meta: &Meta) -> Register {
        let varies = std::array::from_fn(|axis| meta.shape[axis] > 1);
        self.leaves.push(Leaf { dtype: meta.dtype, varies });
        self.intervals.0.push(meta.interval);
        Register::Leaf(self.leaves.len() - 1)
    }

    /// Adds an operation; of arithmetic with the conversions that it needs.
    pub(crate) fn push(&mut self, op: &Op, inputs: &[Register], meta: &Meta) -> Register {
        let operand = |operand: &Operand| match operand {
            Operand::Input(index) => Source::Register(inputs[*index]),
            Operand::Constant(value) => Source::Value(*value),
        };
        match op {
            Op::Arithmetic { op: how, a, b, working, nodata, by_zero } => {
                let operands = [operand(a), operand(b)];
                if !by_zero && self.is_one_pass(*how, operands, *working, meta) {
                    let kernel = Kernel::OnePass(*how, operands, *nodata, meta.nodata);
                    let result = self.instruct(kernel, meta.dtype, op);
                    let last = self.instructions.len() - 1;
                    self.intervals.1[last] = meta.interval;
                    return result;
                }
                let [a, b] = operands.map(|operand| self.converted_source(operand, *working, op));
                let result = self.instruct(Kernel::Arithmetic(*how, a, b), *working, op);
                let missing =
                    operands.iter().zip(nodata).filter_map(|(operand, nodata)| Some((operand.register()?, (*nodata)?)));
                let zero = operands[1].register().filter(|_| *by_zero).map(|divisor| (divisor, Scalar::Int(0)));
                let missing = missing.chain(zero).collect();
                self.finished(result, missing, op, meta)
            }
            Op::Function { function, working, nodata } => {
                let input = self.converted(inputs[0], *working, op);
                let result = self.instruct(Kernel::Function(*function, input), *working, op);
                let missing = nodata.iter().map(|nodata| (inputs[0], *nodata)).collect();
                self.finished(result, missing, op, meta)
            }
            Op::ComparePixels { op: how, working, nodata } => {
                let [a, b] = [inputs[0], inputs[1]].map(|input| self.converted(input, *working, op));
                // Of operands that are compared as they are; of those that are converted it is looked for before.
                let nodata_of = |operand: usize| nodata[operand].filter(|_| inputs[operand] == [a, b][operand]);
                let own = [nodata_of(0), nodata_of(1)];
                let missing = (0..2).filter(|operand| own[*operand].is_none());
                let missing = missing.filter_map(|operand| Some((inputs[operand], nodata[operand]?))).collect();
                let kernel = Kernel::ComparePixels(*how, [a, b], own, missing);
                self.instruct(kernel, DType::Bool, op)
            }
            Op::Lookup { table, nodata } => self.lookup(inputs[0], table, *nodata, op, meta),
            Op::Digitize { edges, nodata, .. } if self.dtype(inputs[0]) == DType::U8 => {
                let count = |pixel| edges.partition_point(|edge| edge.to_integer() <= Some(pixel));
                let table: Vec<_> = (0..=255).map(|pixel| Some(Scalar::from(count(pixel)))).collect();
                self.lookup(inputs[0], &table, *nodata, op, meta)
            }
            Op::Digitize { edges, nan_apart, nodata } => {
                let edges = literals(self.dtype(inputs[0]), edges);
                let result = self.instruct(Kernel::Digitize(inputs[0], edges, *nan_apart), meta.dtype, op);
                let missing = nodata.iter().map(|nodata| (inputs[0], *nodata)).collect();
                self.finished(result, missing, op, meta)
            }
            Op::Map { kernel, nodata } => {
                let result = self.instruct(Kernel::Map(Own(Arc::clone(kernel)), inputs.to_vec()), meta.dtype, op);
                let missing = inputs.iter().zip(nodata.iter()).filter_map(|(input, nodata)| Some((*input, (*nodata)?)));
                self.finished(result, missing.collect(), op, meta)
            }
            _ => self.push_kernel(op, inputs, meta),
        }
    }

    /// Whether an operation that would take several loops over a strip can be done in one.
    fn is_one_pass(&self, op: ArithmeticOp, operands: [Source; 2], working: DType, meta: &Meta) -> bool {
        let dtype = |operand: &Source| operand.register().map(|register| self.dtype(register));
        let [a, b] = match operands.each_ref().map(dtype) {
            [Some(a), Some(b)] => [a, b],
            [Some(dtype), None] | [None, Some(dtype)] => [dtype; 2],
            [None, None] => return false,
        };
        let takes_several = a != working || b != working || meta.nodata.is_some();
        // A dtype that has room for nodata, too, gives the same numbers as the one that just holds the results.
        let is_wider = working.is_integer() && meta.dtype.is_integer() && meta.dtype.holds_all_of(working);
        takes_several && (working == meta.dtype || is_wider) && is_one_pass(op, a, b, meta.dtype)
    }

    fn lookup(
        &mut self,
        input: Register,
        table: &[Option<Scalar>],
        nodata: Option<Scalar>,
        op: &Op,
        meta: &Meta,
    ) -> Register {
        let entries = lookup_entries(table, self.dtype(input), nodata, meta);
        let result = self.instruct(Kernel::Lookup(input, entries), meta.dtype, op);
        self.finished(result, Vec::new(), op, meta)
    }

    /// The result of the instruction that was added last, in the dtype of `meta`, blank where an operand is nodata.
    fn finished(&mut self, result: Register, missing: Vec<Missing>, op: &Op, meta: &Meta) -> Register {
        let result = self.converted(result, meta.dtype, op);
        let last = self.instructions.len() - 1;
        debug_assert_eq!(result, Register::Result(last), "nobody else has it yet");
        // Bools have no nodata: they are false there.
        let blank = meta.nodata.or((meta.dtype == DType::Bool).then_some(Scalar::Bool(false)));
        if let Some(value) = blank.filter(|_| !missing.is_empty()) {
            self.instructions[last].blank = Some(Blank { missing, value });
            let inputs = self.instructions[last].inputs();
            self.instructions[last].varies = self.varies_with(&inputs);
            self.instructions[last].may_fail = inputs.iter().any(|input| self.may_fail(*input));
        }
        self.intervals.1[last] = meta.interval;
        result
    }

    fn converted_source(&mut self, source: Source, dtype: DType, op: &Op) -> Source {
        match source {
            Source::Register(register) => Source::Register(self.converted(register, dtype, op)),
            Source::Value(_) => source,
        }
    }

    /// A register with the same values as `dtype`; the one that is there, if it was needed before.
    fn converted(&mut self, register: Register, dtype: DType, op: &Op) -> Register {
        if self.dtype(register) == dtype {
            return register;
        }
        let kernel = Kernel::Convert(register);
        let is_it = |known: &Instruction| known.kernel == kernel && known.dtype == dtype && known.blank.is_none();
        let known = self.instructions.iter().position(is_it);
        known.map_or_else(|| self.instruct(kernel, dtype, op), Register::Result)
    }

    /// Adds an instruction that cannot fail by itself, whose values may be any of its dtype.
    fn instruct(&mut self, kernel: Kernel, dtype: DType, op: &Op) -> Register {
        let inputs = kernel.inputs();
        let varies = self.varies_with(&inputs);
        let may_fail = inputs.iter().any(|input| self.may_fail(*input));
        self.instructions.push(Instruction { kernel, blank: None, dtype, varies, may_fail, name: op.to_string() });
        self.intervals.1.push(Interval::of_dtype(dtype));
        Register::Result(self.instructions.len() - 1)
    }

    /// Whether what is computed from these differs along Time and along Band.
    fn varies_with(&self, inputs: &[Register]) -> [bool; 2] {
        inputs.iter().fold([false; 2], |varies, input| {
            let other = self.varies(*input);
            std::array::from_fn(|axis| varies[axis] || other[axis])
        })
    }

    fn push_kernel(&mut self, op: &Op, inputs: &[Register], meta: &Meta) -> Register {
        let kernel = self.kernel(op, inputs);
        let varies = self.varies_with(inputs);
        let exact = |dtype: &DType, input: &Register| {
            dtype.holds_all_of(self.dtype(*input)) || dtype.is_integer() && self.interval(*input).fits(*dtype)
        };
        let may_fail = inputs.iter().any(|input| self.may_fail(*input))
            || matches!(op, Op::Cast { dtype, .. } if !inputs.iter().all(|input| exact(dtype, input)));
        let (dtype, name) = (meta.dtype, op.to_string());
        self.instructions.push(Instruction { kernel, blank: None, dtype, varies, may_fail, name });
        self.intervals.1.push(meta.interval);
        Register::Result(self.instructions.len() - 1)
    }

    pub(crate) fn finish(self, result: Register) -> Program {
        let leaves = self.leaves.iter().map(|leaf| leaf.dtype);
        let dtypes = self.instructions.iter().map(|instruction| instruction.dtype).chain(leaves);
        let strip = STRIP_BYTES / dtypes.map(DType::size).max().unwrap_or(1);
        Program { leaves: self.leaves, instructions: self.instructions, result, strip }
    }

    fn varies(&self, register: Register) -> [bool; 2] {
        match register {
            Register::Leaf(index) => self.leaves[index].varies,
            Register::Result(index) => self.instructions[index].varies,
        }
    }

    fn dtype(&self, register: Register) -> DType {
        match register {
            Register::Leaf(index) => self.leaves[index].dtype,
            Register::Result(index) => self.instructions[index].dtype,
        }
    }

    fn interval(&self, register: Register) -> Interval {
        match register {
            Register::Leaf(index) => self.intervals.0[index],
            Register::Result(index) => self.intervals.1[index],
        }
    }

    fn may_fail(&self, register: Register) -> bool {
        matches!(register, Register::Result(index) if self.instructions[index].may_fail)
    }

    fn kernel(&self, op: &Op, inputs: &[Register]) -> Kernel {
        let operand = |operand: &Operand| match operand {
            Operand::Input(index) => Source::Register(inputs[*index]),
            Operand::Constant(value) => Source::Value(*value),
        };
        match op {
            Op::Constant(value) => Kernel::Fill(*value),
            Op::IsIn(values) => Kernel::IsIn(inputs[0], ValueSet::new(values, self.dtype(inputs[0]))),
            Op::Compare { op, value, nodata } => Kernel::Compare(inputs[0], *op, *value, *nodata),
            Op::Valid { nodata } => Kernel::Valid(inputs[0], *nodata),
            Op::Not => Kernel::Not(inputs[0]),
            Op::Logic(op) => Kernel::Logic(*op, inputs[0], inputs[1]),
            Op::Select { yes, no } => Kernel::Select(inputs[0], operand(yes), operand(no)),
            Op::Replace { from, to } => Kernel::Replace(inputs[0], *from, *to),
            Op::Cast { overflow, nodata, .. } => Kernel::Cast(inputs[0], *overflow, *nodata),
            Op::Arithmetic { .. }
            | Op::Function { .. }
            | Op::ComparePixels { .. }
            | Op::Lookup { .. }
            | Op::Map { .. }
            | Op::Digitize { .. } => unreachable!("these can be more than one instruction"),
            Op::Source(_) | Op::View { .. } | Op::Area(_) | Op::Join { .. } | Op::Relabel { .. } => {
                unreachable!("the passes leave only elementwise steps to fuse")
            }
        }
    }
}

/// The entries for pixels of a dtype, nodata among them, and one at least for nodata that lies beyond.
fn lookup_entries(table: &[Option<Scalar>], pixels: DType, nodata: Option<Scalar>, meta: &Meta) -> Buffer {
    let blank = meta.nodata.unwrap_or(meta.dtype.zero());
    let count = if pixels == DType::U8 { BYTES.max(table.len() + 1) } else { table.len() + 1 };
    let mut entries = vec![blank; count];
    entries.iter_mut().zip(table).for_each(|(to, entry)| *to = entry.unwrap_or(blank));
    let nodata = nodata.and_then(Scalar::to_integer).and_then(|value| usize::try_from(value).ok());
    if let Some(entry) = nodata.and_then(|nodata| entries.get_mut(nodata)) {
        *entry = blank;
    }
    literals(meta.dtype, &entries)
}

impl Source {
    const fn register(&self) -> Option<Register> {
        match self {
            Self::Register(register) => Some(*register),
            Self::Value(_) => None,
        }
    }
}

impl Instruction {
    /// The registers that it reads.
    fn inputs(&self) -> Vec<Register> {
        let mut inputs = self.kernel.inputs();
        inputs.extend(self.blank.iter().flat_map(|blank| &blank.missing).map(|(register, _)| *register));
        inputs
    }
}

impl Kernel {
    /// The registers that it reads.
    fn inputs(&self) -> Vec<Register> {
        match self {
            Self::Fill(_) => Vec::new(),
            Self::IsIn(input, _)
            | Self::Compare(input, ..)
            | Self::Valid(input, _)
            | Self::Not(input)
            | Self::Replace(input, ..)
            | Self::Cast(input, ..) => vec![*input],
            Self::Logic(_, a, b) => vec![*a, *b],
            Self::Arithmetic(_, a, b) | Self::OnePass(_, [a, b], ..) => {
                [a, b].into_iter().filter_map(Source::register).collect()
            }
            Self::Function(_, input) | Self::Lookup(input, _) | Self::Digitize(input, ..) | Self::Convert(input) => {
                vec![*input]
            }
            Self::Map(_, inputs) => inputs.clone(),
            Self::ComparePixels(_, operands, _, missing) => {
                operands.iter().copied().chain(missing.iter().map(|(register, _)| *register)).collect()
            }
            Self::Select(condition, yes, no) => {
                std::iter::once(*condition).chain([yes, no].into_iter().filter_map(Source::register)).collect()
            }
        }
    }
}

impl Program {
    /// The leaves, in the order of the inputs that it takes.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The leaf that is the whole result, if the program computes nothing.
    pub const fn leaf(&self) -> Option<usize> {
        match self.result {
            Register::Leaf(index) => Some(index),
            Register::Result(_) => None,
        }
    }

    /// For each leaf, whether every use of it is under a condition that is computed without it: pixels that nothing
    /// may need.
    pub fn guarded_leaves(&self) -> Vec<bool> {
        let unconditional = self.cone(self.result, |index| match &self.instructions[index].kernel {
            // A branch that can fail is computed whatever the condition says.
            Kernel::Select(condition, yes, no) => {
                let branches = [yes, no].into_iter().filter_map(Source::register);
                std::iter::once(*condition).chain(branches.filter(|branch| self.may_fail(*branch))).collect()
            }
            _ => self.instructions[index].inputs(),
        });
        let leaf = |index| unconditional.contains(&Register::Leaf(index));
        (0..self.leaves.len()).map(|index| !leaf(index)).collect()
    }

    /// `root` and all that it is computed from, each once, as far as `inputs` of an instruction lead.
    fn cone(&self, root: Register, inputs: impl Fn(usize) -> Vec<Register>) -> Vec<Register> {
        let mut seen = vec![false; self.leaves.len() + self.instructions.len()];
        let mut stack = vec![root];
        let mut out = Vec::new();
        while let Some(register) = stack.pop() {
            let position = match register {
                Register::Leaf(index) => index,
                Register::Result(index) => self.leaves.len() + index,
            };
            if std::mem::replace(&mut seen[position], true) {
                continue;
            }
            out.push(register);
            if let Register::Result(index) = register {
                stack.extend(inputs(index));
            }
        }
        out
    }

    fn dtype(&self, register: Register) -> DType {
        match register {
            Register::Leaf(index) => self.leaves[index].dtype,
            Register::Result(index) => self.instructions[index].dtype,
        }
    }

    fn varies(&self, register: Register) -> [bool; 2] {
        match register {
            Register::Leaf(index) => self.leaves[index].varies,
            Register::Result(index) => self.instructions[index].varies,
        }
    }

    fn may_fail(&self, register: Register) -> bool {
        matches!(register, Register::Result(index) if self.instructions[index].may_fail)
    }
}
