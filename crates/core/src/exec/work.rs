//! What tasks do: fetch, decode, look, compute.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::leaf::Supply;
use super::output::Target;
use super::stage::Blocks;
use super::tasks::{Looks, Origin, TaskKind, Tasks, Value};
use super::watch::{Step, Watch};
use crate::chunk::Chunk;
use crate::error::{Error, ErrorKind, Result};
use crate::reduce::Gathered;
use crate::sink::{ChunkSink, Encoded};
use crate::source::{ChunkSource, Fetched, Fetching, Place};
use crate::value::ChunkValue;

impl Tasks {
    /// Starts a task of the I/O lane; `inputs` are the values of its [`dependencies`](Self::dependencies), `reply` gets
    /// its value, unless the fetch is aborted before.
    pub fn begin(&self, task: usize, inputs: &[Arc<Value>], reply: Box<dyn FnOnce(Result<Value>) + Send>) -> Fetching {
        let TaskKind::Fetch { source, range } = self.kind(task) else {
            reply(Err(Error::new(ErrorKind::Internal, "only fetches run in the I/O lane")));
            return Fetching::none();
        };
        match self.needed_bytes(source, range, inputs) {
            None => {
                reply(Ok(Value::Skipped));
                Fetching::none()
            }
            Some(bytes) => self.sources[source as usize]
                .source
                .begin_fetch(bytes, Box::new(move |fetched| reply(fetched.map(Value::Bytes)))),
        }
    }

    /// What of a range must be fetched: all of it, or from the first to the last block that a look found to be needed.
    fn needed_bytes(&self, source: u32, range: u32, inputs: &[Arc<Value>]) -> Option<Range<u64>> {
        let uses = &self.uses[source as usize];
        let bytes = &uses.ranges[range as usize];
        if inputs.is_empty() {
            return Some(bytes.clone());
        }
        let needed = needed(inputs).filter(|(of, block)| *of == source && uses.range_of[*block as usize] == range);
        let places = needed.map(|(_, block)| match self.sources[source as usize].source.place(block as usize) {
            Ok(Place::Remote(bytes)) => bytes,
            // It was one when ranges were planned.
            _ => bytes.clone(),
        });
        places.reduce(|all, block| all.start.min(block.start)..all.end.max(block.end))
    }

    /// Runs a task of the processor lane; `inputs` are the values of its [`dependencies`](Self::dependencies).
    ///
    /// # Errors
    /// Those of decoding, computing and encoding; `Cancelled` when `watch` says so.
    pub fn execute(&self, task: usize, inputs: &[Arc<Value>], watch: &dyn Watch) -> Result<Value> {
        match self.kind(task) {
            TaskKind::Fetch { .. } => Err(Error::new(ErrorKind::Internal, "fetches run in the I/O lane")),
            TaskKind::Decode { source, block } => self.decode_shared(source, block, inputs, watch),
            TaskKind::Look { stage, index } => self.look(task, stage as usize, index as usize, inputs, watch),
            TaskKind::Compute { stage, index } => self.compute(task, stage as usize, index as usize, inputs, watch),
        }
    }

    fn decode_shared(&self, source: u32, block: u32, inputs: &[Arc<Value>], watch: &dyn Watch) -> Result<Value> {
        let given = inputs.first().map(AsRef::as_ref);
        let is_hidden = match given {
            Some(Value::Skipped) => true,
            // A neighbour in the same range was needed.
            Some(Value::Bytes(fetched)) => !self.covers(fetched, source as usize, block as usize),
            Some(Value::Looks(_)) => !needed(inputs).any(|of| of == (source, block)),
            _ => false,
        };
        if is_hidden {
            return Ok(Value::Skipped);
        }
        Ok(Value::Block(match self.uses[source as usize].copied {
            true => self.decode_and_keep(source as usize, block as usize, given, watch)?,
            false => ChunkValue::Dense(self.decode(source as usize, block as usize, given, watch)?),
        }))
    }

    fn covers(&self, fetched: &Fetched, source: usize, block: usize) -> bool {
        match self.sources[source].source.place(block) {
            Ok(Place::Remote(range)) => self.uses[source].guarded.is_empty() || part(fetched, &range).is_some(),
            _ => true,
        }
    }

    fn look(&self, task: usize, stage: usize, index: usize, inputs: &[Arc<Value>], watch: &dyn Watch) -> Result<Value> {
        let stage = &self.stages[stage];
        let mut blocks = TaskBlocks { tasks: self, task, inputs, watch, read: Vec::new() };
        let mut looks = Looks { pieces: Vec::new(), needed: Vec::new() };
        for piece in stage.task_pieces(index) {
            check(watch)?;
            let (looked, leaves) = stage.look(&self.supplies(), piece, &mut blocks, watch)?;
            for leaf in leaves.into_iter().map(|leaf| &stage.leaves[leaf]) {
                looks.needed.extend(leaf.blocks(stage.pieces.position(piece)).filter_map(
                    |(supply, block)| match supply {
                        Supply::Source(source) => Some((source as u32, block as u32)),
                        Supply::Stage(_) => None,
                    },
                ));
            }
            looks.pieces.push(looked);
        }
        Ok(Value::Looks(looks))
    }

    fn compute(
        &self,
        task: usize,
        stage: usize,
        index: usize,
        inputs: &[Arc<Value>],
        watch: &dyn Watch,
    ) -> Result<Value> {
        let stage = &self.stages[stage];
        let looks = inputs.iter().find_map(|input| match input.as_ref() {
            Value::Looks(looks) => Some(looks),
            _ => None,
        });
        let mut blocks = TaskBlocks { tasks: self, task, inputs, watch, read: Vec::new() };
        let mut computed = Vec::new();
        let mut encoded = Vec::new();
        let mut gathered = Gathered::default();
        for (position, piece) in stage.task_pieces(index).enumerate() {
            check(watch)?;
            let looked = looks.map(|looks| &looks.pieces[position]);
            let value = stage.compute(&self.supplies(), piece, looked, &mut blocks, watch)?;
            match &stage.target {
                Target::Sink(sink) => encoded.push(encode(sink.as_ref(), piece, value, stage.passthrough, watch)?),
                // What is kept is kept as small as it can be.
                Target::Pinned if stage.passthrough => computed.push((piece, smallest(value))),
                Target::Pinned | Target::Pieces | Target::Chunks | Target::Stages(_) => computed.push((piece, value)),
                Target::Reduce { reduction, zones } => {
                    let what = (reduction.as_ref(), zones.as_ref());
                    gathered.merge(stage.reduce(&self.supplies(), what, piece, &value, &mut blocks, watch)?)?;
                }
            }
        }
        Ok(match &stage.target {
            Target::Sink(_) => Value::Encoded(encoded),
            Target::Reduce { .. } => Value::Gathered(gathered),
            Target::Pinned | Target::Pieces | Target::Chunks | Target::Stages(_) => Value::Pieces(computed),
        })
    }

    /// The pixels of a block, from `given` if that has them or the bytes to decode.
    fn decode(&self, source: usize, block: usize, given: Option<&Value>, watch: &dyn Watch) -> Result<Arc<Chunk>> {
        let (bytes, local_bytes) = self.bytes(source, block, given)?;
        watch.begin(Step::Decode { source, block, local_bytes });
        self.sources[source].source.decode(block, &bytes)
    }

    /// The pixels of a block and, if it can be copied later, its stored bytes.
    fn decode_and_keep(
        &self,
        source: usize,
        block: usize,
        given: Option<&Value>,
        watch: &dyn Watch,
    ) -> Result<ChunkValue> {
        let (bytes, local_bytes) = self.bytes(source, block, given)?;
        watch.begin(Step::Decode { source, block, local_bytes });
        let source = &self.sources[source].source;
        Ok(match source.encoded(block, &bytes)? {
            Some(bytes) => ChunkValue::Encoded { pixels: Some(source.decode(block, &bytes)?), bytes },
            None => ChunkValue::Dense(source.decode(block, &bytes)?),
        })
    }

    /// The stored bytes of a block, if it can be copied.
    fn copy(&self, source: usize, block: usize, given: Option<&Value>, watch: &dyn Watch) -> Result<Option<Bytes>> {
        let (bytes, local_bytes) = self.bytes(source, block, given)?;
        let stored = self.sources[source].source.encoded(block, &bytes)?;
        if stored.is_some() {
            watch.begin(Step::Copy { source, block, local_bytes });
        }
        Ok(stored)
    }

    /// The fetched bytes of a block, none for one that its source reads by itself; and how many it then reads.
    fn bytes(&self, source: usize, block: usize, given: Option<&Value>) -> Result<(Bytes, u64)> {
        let used = &self.sources[source];
        match (used.source.place(block)?, given) {
            (Place::Direct { bytes }, _) => Ok((Bytes::new(), bytes)),
            (Place::Constant(_), _) => Ok((Bytes::new(), 0)),
            (Place::Remote(range), Some(Value::Bytes(fetched))) => match part(fetched, &range) {
                Some(bytes) => Ok((bytes, 0)),
                None => Err(missing(&range, used.source.as_ref())),
            },
            (Place::Remote(_), _) => Err(Error::new(ErrorKind::Internal, "a block was decoded before it was fetched")),
        }
    }
}

/// The blocks that looks found to be needed.
fn needed(inputs: &[Arc<Value>]) -> impl Iterator<Item = (u32, u32)> {
    inputs
        .iter()
        .flat_map(|input| match input.as_ref() {
            Value::Looks(looks) => looks.needed.as_slice(),
            _ => &[],
        })
        .copied()
}

fn check(watch: &dyn Watch) -> Result<()> {
    if watch.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
}

/// A piece as a block of a sink. Which way it goes is told by its pixels alone, and all ways give a block of the same
/// pixels.
fn encode(
    sink: &dyn ChunkSink,
    piece: usize,
    value: ChunkValue,
    passthrough: bool,
    watch: &dyn Watch,
) -> Result<(Encoded, Origin)> {
    watch.begin(Step::Encode);
    let chunk = match value {
        ChunkValue::Constant(value) => return Ok((sink.encode_constant(piece, value)?, Origin::Constant)),
        ChunkValue::Encoded { bytes, .. } => return Ok((Encoded { block: piece, bytes }, Origin::Copied)),
        ChunkValue::Dense(chunk) => chunk,
    };
    match chunk.data().uniform() {
        Some(value) if passthrough => Ok((sink.encode_constant(piece, value)?, Origin::Constant)),
        _ => Ok((sink.encode(piece, &chunk)?, Origin::Computed)),
    }
}

/// A piece that is to be kept: as one value, if it is one.
fn smallest(value: ChunkValue) -> ChunkValue {
    match value {
        ChunkValue::Dense(chunk) => ChunkValue::of(chunk),
        ChunkValue::Encoded { bytes, pixels: Some(chunk) } => match ChunkValue::of(chunk) {
            ChunkValue::Dense(chunk) => ChunkValue::Encoded { bytes, pixels: Some(chunk) },
            constant => constant,
        },
        other => other,
    }
}

/// The blocks of one look or computation: constants, other tasks' values, or decoded here, once.
struct TaskBlocks<'a> {
    tasks: &'a Tasks,
    task: usize,
    inputs: &'a [Arc<Value>],
    watch: &'a dyn Watch,
    read: Vec<((usize, usize), ChunkValue)>,
}

impl<'a> TaskBlocks<'a> {
    /// The value of the task that provides a block of a source, if one does.
    fn given(&self, source: usize, block: usize) -> Option<&'a Value> {
        self.input(self.tasks.uses[source].tasks[block])
    }

    /// The value of a task that this one depends on.
    fn input(&self, provider: u32) -> Option<&'a Value> {
        let position = self.tasks.dependencies(self.task).binary_search(&provider).ok()?;
        self.inputs.get(position).map(AsRef::as_ref)
    }
}

impl Blocks for TaskBlocks<'_> {
    fn pixels(&mut self, supply: Supply, block: usize, once: bool) -> Result<ChunkValue> {
        let source = match supply {
            Supply::Source(source) => source,
            Supply::Stage(stage) => {
                let pieces = match self.input(self.tasks.provider(stage, block)) {
                    Some(Value::Pieces(pieces)) => pieces.as_slice(),
                    _ => &[],
                };
                let piece = pieces.iter().find(|(piece, _)| *piece == block);
                return piece
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| Error::new(ErrorKind::Internal, "a piece was read before it was computed"));
            }
        };
        if let Some((_, known)) = self.read.iter().find(|(of, _)| *of == (source, block)) {
            return Ok(known.clone());
        }
        if let Place::Constant(value) = self.tasks.sources[source].source.place(block)? {
            return Ok(ChunkValue::Constant(value));
        }
        match self.given(source, block) {
            Some(Value::Block(ChunkValue::Encoded { pixels: Some(pixels), .. })) => {
                Ok(ChunkValue::Dense(Arc::clone(pixels)))
            }
            Some(Value::Block(value)) => Ok(value.clone()),
            given => {
                let value = ChunkValue::Dense(self.tasks.decode(source, block, given, self.watch)?);
                self.watch.begin(Step::Compute);
                if !once {
                    self.read.push(((source, block), value.clone()));
                }
                Ok(value)
            }
        }
    }

    fn stored(&mut self, source: usize, block: usize) -> Result<Option<Bytes>> {
        if let Place::Constant(_) = self.tasks.sources[source].source.place(block)? {
            return Ok(None);
        }
        match self.given(source, block) {
            Some(Value::Block(ChunkValue::Encoded { bytes, .. })) => Ok(Some(bytes.clone())),
            Some(Value::Block(_)) => Ok(None),
            given => self.tasks.copy(source, block, given, self.watch),
        }
    }

    fn pixels_and_stored(&mut self, source: usize, block: usize) -> Result<ChunkValue> {
        if let Place::Constant(value) = self.tasks.sources[source].source.place(block)? {
            return Ok(ChunkValue::Constant(value));
        }
        match self.given(source, block) {
            Some(Value::Block(value)) => Ok(value.clone()),
            given => self.tasks.decode_and_keep(source, block, given, self.watch),
        }
    }
}

fn part(fetched: &Fetched, range: &Range<u64>) -> Option<Bytes> {
    let start = usize::try_from(range.start.checked_sub(fetched.offset)?).ok()?;
    let end = start.checked_add(usize::try_from(range.end - range.start).ok()?)?;
    (end <= fetched.bytes.len()).then(|| fetched.bytes.slice(start..end))
}

fn missing(range: &Range<u64>, source: &dyn ChunkSource) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("cannot read {}: bytes {}..{} are missing from the reply", source.name(), range.start, range.end),
    )
}
