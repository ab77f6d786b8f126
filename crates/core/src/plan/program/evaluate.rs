//! A program evaluated over one region: first what can be told without its pixels, then the pixels.
//!
//! A condition that is true everywhere, or false everywhere, leaves one branch: the result is then that branch's leaf
//! untouched, or one value, and the pixels of the other branch are neither read nor decoded. Whether this is so depends
//! on the region alone, and the pixels are the same either way.

use std::sync::Arc;

use super::strip::{Cell, Cells, Strip};
use super::{Instruction, Kernel, Program, Register, Source};
use crate::buffer::Buffer;
use crate::chunk::Chunk;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::expr::LogicOp;
use crate::shape::{Region, volume};

/// Where an evaluation gets the pixels of its leaves.
pub(crate) trait Leaves {
    /// The value of all pixels of leaf `leaf`, where that is known without reading them.
    fn constant(&mut self, leaf: usize) -> Result<Option<Scalar>>;

    /// The pixels of leaf `leaf`: the region's rows and columns, its Times and Bands or one.
    fn pixels(&mut self, leaf: usize) -> Result<Arc<Chunk>>;

    /// Whether leaf `leaf` can be read by this evaluation.
    fn is_there(&self, leaf: usize) -> bool;
}

/// What is known of a register over a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Known {
    /// Every pixel has this value.
    Constant(Scalar),
    /// The pixels are those of this leaf.
    Leaf(usize),
    /// Nothing: the pixels must be computed.
    Pixels,
}

/// Instructions that looking at conditions may run over a region, each time it runs one: a chain of selections whose
/// conditions depend on the ones before would else cost its length squared.
const LOOKS_MAX: usize = 1024;

/// A program and a region of its result.
pub(crate) struct Evaluation<'a, L> {
    program: &'a Program,
    region: &'a Region,
    leaves: L,
    cancelled: &'a dyn Fn() -> bool,
    known_leaves: Vec<Option<Known>>,
    known: Vec<Option<Known>>,
    chunks: Vec<Option<Arc<Chunk>>>,
    looks: usize,
}

impl<'a, L: Leaves> Evaluation<'a, L> {
    pub(crate) fn new(program: &'a Program, region: &'a Region, leaves: L, cancelled: &'a dyn Fn() -> bool) -> Self {
        Self {
            program,
            region,
            leaves,
            cancelled,
            known_leaves: vec![None; program.leaves.len()],
            known: vec![None; program.instructions.len()],
            chunks: vec![None; program.leaves.len()],
            looks: 0,
        }
    }

    /// What can be told of the result by looking at conditions, as far as their leaves are there.
    ///
    /// # Errors
    /// Those of reading leaves; `Cancelled`.
    pub(crate) fn look(&mut self) -> Result<Known> {
        let mut stack = vec![self.program.result];
        while let Some(register) = stack.last().copied() {
            match self.step(register)? {
                Step::After(other) => stack.push(other),
                Step::Told(known) => {
                    self.tell(register, known);
                    stack.pop();
                }
            }
        }
        Ok(match self.of(self.program.result) {
            // A leaf of one band that is broadcast is not the result as it is.
            Some(Known::Leaf(leaf)) if !self.fills_region(leaf) => Known::Pixels,
            known => known.unwrap_or(Known::Pixels),
        })
    }

    /// The leaves whose pixels the result still needs.
    pub(crate) fn needed(&self) -> Vec<usize> {
        let leaf = |register| match register {
            Register::Leaf(index)
                if self.known_leaves[index].is_none_or(|known| !matches!(known, Known::Constant(_))) =>
            {
                Some(index)
            }
            _ => None,
        };
        self.cone(self.program.result).into_iter().filter_map(leaf).collect()
    }

    /// Whether the pixels of a leaf were read.
    pub(crate) fn has_read(&self, leaf: usize) -> bool {
        self.chunks[leaf].is_some()
    }

    /// The chunks of the leaves that were read.
    pub(crate) fn into_chunks(self) -> Vec<Option<Arc<Chunk>>> {
        self.chunks
    }

    /// The pixels of a leaf, read once.
    ///
    /// # Errors
    /// Those of reading it.
    pub(crate) fn read(&mut self, leaf: usize) -> Result<Arc<Chunk>> {
        if let Some(chunk) = &self.chunks[leaf] {
            return Ok(Arc::clone(chunk));
        }
        let chunk = self.leaves.pixels(leaf)?;
        self.chunks[leaf] = Some(Arc::clone(&chunk));
        Ok(chunk)
    }

    /// The pixels of the result; nothing is computed of which [`look`](Self::look) told a value or a leaf.
    ///
    /// # Errors
    /// Those of reading leaves; `InvalidInput` where a cast meets a pixel that does not fit, naming operation, region
    /// and pixel; `Cancelled`, asked once per strip.
    pub(crate) fn compute(&mut self) -> Result<Chunk> {
        let (program, region) = (self.program, self.region);
        let [times, bands, rows, columns] = region.shape;
        let plane = rows * columns;
        let (mut cells, live) = self.cells(program.result)?;
        let (in_place, dtype) = (self.in_place(&mut cells, &live), program.dtype(program.result));
        if times * bands == 1 && in_place.is_none() && !live.is_empty() {
            return self.compute_plane(&mut cells, &live, dtype);
        }
        let mut out = match in_place {
            Some(leaf) => leaf,
            None => Chunk::new(region.shape, Buffer::zeros(dtype, volume(region.shape))),
        };
        for (start, end) in program.strips(plane) {
            self.check_cancelled()?;
            for t in 0..times {
                for b in 0..bands {
                    let strip = Strip { at: [t, b], start, end };
                    let first = (t * bands + b) * plane + start;
                    let target = out.data_mut().slice_mut(first, first + (end - start));
                    match live.is_empty() {
                        true => cells.copy(program.result, strip, region, target),
                        false => cells.run(program, &live, strip, region, target)?,
                    }
                }
            }
        }
        Ok(out)
    }

    /// Strips of a single plane follow each other: added to the result out of the cache, they spare it the zeros that a
    /// buffer to be written into begins with, which takes as long as writing the pixels.
    fn compute_plane(&self, cells: &mut Cells, live: &[usize], dtype: DType) -> Result<Chunk> {
        let (program, region) = (self.program, self.region);
        let pixels = volume(region.shape);
        let mut out = Buffer::with_capacity(dtype, pixels);
        let mut computed = Buffer::zeros(dtype, program.strip.min(pixels));
        for (start, end) in program.strips(pixels) {
            self.check_cancelled()?;
            let strip = Strip { at: [0, 0], start, end };
            cells.run(program, live, strip, region, computed.slice_mut(0, end - start))?;
            out.extend(computed.slice(0, end - start));
        }
        Ok(Chunk::new(region.shape, out))
    }

    /// The pixels of a leaf that the result, a selection, can be written over: nobody else has them, nothing else reads
    /// them, and a new buffer would be as large.
    fn in_place(&mut self, cells: &mut Cells, live: &[usize]) -> Option<Chunk> {
        let (last, inner) = live.split_last()?;
        let Kernel::Select(condition, yes, no) = &self.program.instructions[*last].kernel else { return None };
        let readers = inner.iter().map(|index| &self.program.instructions[*index]);
        let read: Vec<_> = readers.flat_map(Instruction::inputs).chain([*condition]).collect();
        let branches = [(yes, no), (no, yes)].into_iter().filter(|(branch, other)| branch != other);
        let leaf = branches.into_iter().find_map(|(branch, _)| match branch.register()? {
            Register::Leaf(leaf) if !read.contains(&Register::Leaf(leaf)) && self.fills_region(leaf) => Some(leaf),
            _ => None,
        })?;
        // Subtle: another register may stand for the same leaf, and hold its chunk.
        let held = std::mem::replace(&mut cells.leaves[leaf], Cell::InPlace);
        self.chunks[leaf] = None;
        let Cell::Chunk(chunk) = held else {
            cells.leaves[leaf] = held;
            return None;
        };
        Arc::try_unwrap(chunk).map_err(|shared| cells.leaves[leaf] = Cell::Chunk(shared)).ok()
    }

    /// What follows for a register from what is known of its inputs, or an input to look at first.
    fn step(&mut self, register: Register) -> Result<Step> {
        if let Some(known) = self.of(register) {
            return Ok(Step::Told(known));
        }
        let index = match register {
            Register::Leaf(leaf) => {
                let value = self.leaves.constant(leaf)?;
                return Ok(Step::Told(value.map_or(Known::Leaf(leaf), Known::Constant)));
            }
            Register::Result(index) => index,
        };
        let program = self.program;
        match &program.instructions[index].kernel {
            Kernel::Select(condition, yes, no) => self.step_select(*condition, *yes, *no),
            Kernel::Logic(op, a, b) => {
                for input in [*a, *b] {
                    if self.of(input).is_none() {
                        return Ok(Step::After(input));
                    }
                }
                Ok(Step::Told(match self.decided(*op, *a, *b).or_else(|| self.decided(*op, *b, *a)) {
                    Some(known) => known,
                    None => self.fold(index)?,
                }))
            }
            _ => match program.instructions[index].inputs().into_iter().find(|input| self.of(*input).is_none()) {
                Some(input) => Ok(Step::After(input)),
                None => Ok(Step::Told(self.fold(index)?)),
            },
        }
    }

    fn step_select(&mut self, condition: Register, yes: Source, no: Source) -> Result<Step> {
        let told = match self.of(condition) {
            None => return Ok(Step::After(condition)),
            Some(Known::Constant(value)) => value == Scalar::Bool(true),
            Some(Known::Leaf(_) | Known::Pixels) => match self.uniform(condition)? {
                None => return Ok(Step::Told(Known::Pixels)),
                Some(value) => {
                    self.tell(condition, Known::Constant(Scalar::Bool(value)));
                    value
                }
            },
        };
        let (chosen, other) = if told { (yes, no) } else { (no, yes) };
        // What can fail is computed: whether a run fails must not depend on how it is cut into pieces.
        if other.register().is_some_and(|register| self.program.may_fail(register)) {
            return Ok(Step::Told(Known::Pixels));
        }
        Ok(match chosen {
            Source::Value(value) => Step::Told(Known::Constant(value)),
            Source::Register(register) => self.of(register).map_or(Step::After(register), Step::Told),
        })
    }

    /// `a op b` where `a` alone decides it.
    fn decided(&self, op: LogicOp, a: Register, b: Register) -> Option<Known> {
        let Some(Known::Constant(Scalar::Bool(a))) = self.of(a) else { return None };
        match (op, a) {
            (LogicOp::And, true) | (LogicOp::Or, false) | (LogicOp::Xor, false) => self.of(b),
            (LogicOp::And, false) | (LogicOp::Or, true) if !self.program.may_fail(b) => {
                Some(Known::Constant(Scalar::Bool(a)))
            }
            _ => None,
        }
    }

    /// The value of an instruction all of whose inputs are one value: its kernel, run on one pixel.
    fn fold(&self, index: usize) -> Result<Known> {
        let inputs = self.program.instructions[index].inputs();
        let is_constant = |input: &Register| matches!(self.of(*input), Some(Known::Constant(_)));
        if self.program.instructions[index].may_fail || !inputs.iter().all(is_constant) {
            return Ok(Known::Pixels);
        }
        let mut cells = self.empty_cells();
        for input in inputs {
            if let Some(Known::Constant(value)) = self.of(input) {
                *cells.cell_mut(input) = Cell::constant(self.program, input, value);
            }
        }
        let mut out = Buffer::zeros(self.program.instructions[index].dtype, 1);
        let strip = Strip { at: [0, 0], start: 0, end: 1 };
        cells.run(self.program, &[index], strip, self.region, out.slice_mut(0, 1))?;
        Ok(out.uniform().map_or(Known::Pixels, Known::Constant))
    }

    /// Whether a condition is the same everywhere, as far as that can be told now and at a bounded cost. Ends at the
    /// first strip that differs: of most conditions that are not, the first shows it.
    fn uniform(&mut self, condition: Register) -> Result<Option<bool>> {
        let cone = self.cone(condition);
        let missing = |register: &Register| matches!(register, Register::Leaf(leaf) if !self.leaves.is_there(*leaf));
        self.looks += cone.len();
        if self.program.may_fail(condition) || cone.iter().any(missing) || self.looks > LOOKS_MAX {
            return Ok(None);
        }
        let (program, region) = (self.program, self.region);
        let (mut cells, live) = self.cells(condition)?;
        let varies = program.varies(condition);
        let counts: [usize; 2] = std::array::from_fn(|axis| if varies[axis] { region.shape[axis] } else { 1 });
        let mut out = vec![false; program.strip];
        let mut first = None;
        for (start, end) in program.strips(region.shape[2] * region.shape[3]) {
            self.check_cancelled()?;
            for at in (0..counts[0]).flat_map(|t| (0..counts[1]).map(move |b| [t, b])) {
                let (strip, out) = (Strip { at, start, end }, &mut out[..end - start]);
                match live.is_empty() {
                    true => cells.copy(condition, strip, region, crate::buffer::SliceMut::Bool(out)),
                    false => cells.run(program, &live, strip, region, crate::buffer::SliceMut::Bool(out))?,
                }
                let expected = *first.get_or_insert(out[0]);
                // Without an early end the loop is one of vectors.
                if out.iter().fold(false, |differs, pixel| differs | (*pixel != expected)) {
                    return Ok(None);
                }
            }
        }
        Ok(first)
    }

    /// Cells for all that computes `root`, its leaves read; and the instructions to run, `root` last. None are to run
    /// where `root` is a leaf or one value.
    fn cells(&mut self, root: Register) -> Result<(Cells, Vec<usize>)> {
        let mut cells = self.empty_cells();
        let mut live = Vec::new();
        for register in self.cone(root) {
            let cell = match (self.of(register), register) {
                (Some(Known::Constant(value)), _) => Cell::constant(self.program, register, value),
                (Some(Known::Leaf(leaf)), _) | (_, Register::Leaf(leaf)) => Cell::Chunk(self.read(leaf)?),
                (_, Register::Result(index)) => {
                    live.push(index);
                    if register == root { Cell::Unused } else { Cell::computed(self.program, register) }
                }
            };
            *cells.cell_mut(register) = cell;
        }
        live.sort_unstable();
        Ok((cells, live))
    }

    /// What `root` is computed from: nothing of which a value or a leaf is known.
    fn cone(&self, root: Register) -> Vec<Register> {
        self.program.cone(root, |index| match self.known[index] {
            Some(Known::Constant(_)) => Vec::new(),
            // Subtle: a leaf that stands for an instruction is read under its own register, too.
            Some(Known::Leaf(leaf)) => vec![Register::Leaf(leaf)],
            Some(Known::Pixels) | None => self.program.instructions[index].inputs(),
        })
    }

    fn empty_cells(&self) -> Cells {
        Cells {
            leaves: self.program.leaves.iter().map(|_| Cell::Unused).collect(),
            instructions: self.program.instructions.iter().map(|_| Cell::Unused).collect(),
            whole: vec![None; self.program.instructions.len()],
        }
    }

    fn of(&self, register: Register) -> Option<Known> {
        match register {
            Register::Leaf(index) => self.known_leaves[index],
            Register::Result(index) => self.known[index],
        }
    }

    fn tell(&mut self, register: Register, known: Known) {
        match register {
            Register::Leaf(index) => self.known_leaves[index] = Some(known),
            Register::Result(index) => self.known[index] = Some(known),
        }
    }

    /// Whether a leaf has as many Times and Bands as the region.
    pub(crate) fn fills_region(&self, leaf: usize) -> bool {
        let varies = self.program.leaves[leaf].varies;
        (0..2).all(|axis| varies[axis] || self.region.shape[axis] == 1)
    }

    fn check_cancelled(&self) -> Result<()> {
        if (self.cancelled)() { Err(Error::cancelled()) } else { Ok(()) }
    }
}

enum Step {
    Told(Known),
    After(Register),
}
