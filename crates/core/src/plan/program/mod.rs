//! A fused chain of kernels: data that can be printed and compared. How it is evaluated for a piece of the output is
//! in `evaluate.rs`, how pixels are computed strip by strip in `strip.rs`.

mod evaluate;
mod strip;

pub(crate) use evaluate::{Evaluation, Known, Leaves};

use crate::dtype::{DType, Scalar};
use crate::expr::{CompareOp, LogicOp, Op, Operand, Overflow};
use crate::interval::Interval;
use crate::kernel::ValueSet;
use crate::meta::Meta;
use strip::STRIP;

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
    /// Whether some pixel of it, or of what it is computed from, can make a run fail.
    may_fail: bool,
    name: String,
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

    pub(crate) fn push(&mut self, op: &Op, inputs: &[Register], meta: &Meta) -> Register {
        let kernel = self.kernel(op, inputs);
        let varies = inputs.iter().fold([false; 2], |varies, input| {
            let other = self.varies(*input);
            std::array::from_fn(|axis| varies[axis] || other[axis])
        });
        let exact = |dtype: &DType, input: &Register| {
            dtype.holds_all_of(self.dtype(*input)) || dtype.is_integer() && self.interval(*input).fits(*dtype)
        };
        let may_fail = inputs.iter().any(|input| self.may_fail(*input))
            || matches!(op, Op::Cast { dtype, .. } if !inputs.iter().all(|input| exact(dtype, input)));
        self.instructions.push(Instruction { kernel, dtype: meta.dtype, varies, may_fail, name: op.to_string() });
        self.intervals.1.push(meta.interval);
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
            Op::IsIn(values) => Kernel::IsIn(inputs[0], ValueSet::new(values)),
            Op::Compare { op, value, nodata } => Kernel::Compare(inputs[0], *op, *value, *nodata),
            Op::Valid { nodata } => Kernel::Valid(inputs[0], *nodata),
            Op::Not => Kernel::Not(inputs[0]),
            Op::Logic(op) => Kernel::Logic(*op, inputs[0], inputs[1]),
            Op::Select { yes, no } => Kernel::Select(inputs[0], operand(yes), operand(no)),
            Op::Replace { from, to } => Kernel::Replace(inputs[0], *from, *to),
            Op::Cast { overflow, nodata, .. } => Kernel::Cast(inputs[0], *overflow, *nodata),
            Op::Source(_) | Op::View { .. } | Op::Area(_) | Op::Relabel { .. } => {
                unreachable!("the passes leave only elementwise steps to fuse")
            }
        }
    }
}

impl Source {
    const fn register(&self) -> Option<Register> {
        match self {
            Self::Register(register) => Some(*register),
            Self::Value(_) => None,
        }
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
            kernel => kernel.inputs(),
        });
        let leaf = |index| unconditional.contains(&Register::Leaf(index));
        (0..self.leaves.len()).map(|index| !leaf(index)).collect()
    }

    /// Bytes of the registers while it runs.
    pub fn scratch(&self) -> u64 {
        self.instructions.iter().map(|instruction| (instruction.dtype.size() * STRIP) as u64).sum()
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
