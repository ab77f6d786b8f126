//! What an expression means: one pixel after the other, without chunks, views or kernels. An operation on areas is asked
//! for one pixel at a time.

use std::collections::HashMap;
use std::sync::Arc;

use swath_core::area::AreaKernel;
use swath_core::buffer::Buffer;
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Element, Scalar};
use swath_core::expr::{ArithmeticOp, CompareOp, Function, LazyRaster, LogicOp, Node, Op, Operand, Overflow};
use swath_core::for_dtype;
use swath_core::shape::{ChunkGrid, Region};
use swath_core::source::{ChunkSource, Place};

/// All pixels of a raster, in order.
pub(crate) fn meaning(raster: &LazyRaster) -> Vec<Scalar> {
    Meaning::default().all(raster.node().unwrap())
}

/// Pixels that are known: operations on areas read each pixel of their input many times.
#[derive(Default)]
struct Meaning(HashMap<*const Node, Vec<Scalar>>);

impl Meaning {
    fn all(&mut self, node: &Node) -> Vec<Scalar> {
        let cells = ChunkGrid::new(node.meta.shape, [1; 4]);
        (0..cells.len()).map(|cell| self.pixel(node, cells.position(cell))).collect()
    }

    /// A pixel of an operation on areas of `input`.
    fn area_pixel(&mut self, kernel: &dyn AreaKernel, dtype: DType, input: &Node, at: [usize; 4]) -> Scalar {
        if !self.0.contains_key(&std::ptr::from_ref(input)) {
            let pixels = self.all(input);
            self.0.insert(input, pixels);
        }
        let shape = input.meta.shape;
        let pixel = Region { start: at, shape: [1; 4] };
        // One that has chunks of its own is asked for all of one.
        let chunk = kernel.chunks().map(|chunks| chunks.region(chunks.touching(&pixel).next().unwrap()));
        let region = chunk.unwrap_or(pixel);
        let place = kernel.footprint().read(&region, shape);
        let mut read = Buffer::zeros(input.meta.dtype, 0);
        let all = ChunkGrid::new(shape, [1; 4]);
        let cells = ChunkGrid::new(place.shape, [1; 4]);
        for cell in 0..cells.len() {
            let within = cells.position(cell);
            let at = std::array::from_fn(|axis| place.start[axis] + within[axis]);
            push(&mut read, self.0[&std::ptr::from_ref(input)][all.index(at)]);
        }
        let mut out = Chunk::filled(region.shape, dtype, dtype.zero());
        kernel.run(&Chunk::new(place.shape, read), &place, &mut out, &region, &|| false).unwrap();
        let mut target = Chunk::filled([1; 4], dtype, dtype.zero());
        let within = std::array::from_fn(|axis| at[axis] - region.start[axis]);
        out.copy_region(&Region { start: within, shape: [1; 4] }, &mut target, [0; 4]);
        target.data().get(0)
    }

    fn pixel(&mut self, node: &Node, at: [usize; 4]) -> Scalar {
        let mut input = |index: usize, at: [usize; 4]| {
            let node = &node.inputs[index];
            // Time and Band axes of length 1 are broadcast.
            let at = std::array::from_fn(|axis| if axis < 2 && node.meta.shape[axis] == 1 { 0 } else { at[axis] });
            self.pixel(node, at)
        };
        match &node.op {
            Op::Source(source) => source_pixel(source.as_ref(), at),
            Op::View { view, .. } => input(0, std::array::from_fn(|axis| view.axes[axis].read(at[axis]))),
            Op::Constant(value) => *value,
            Op::Relabel { .. } => input(0, at),
            Op::IsIn(values) => Scalar::Bool(values.contains(&input(0, at))),
            Op::Compare { op, value, nodata } => {
                let pixel = input(0, at);
                Scalar::Bool(compare(*op, pixel.to_f64(), value.to_f64()) && Some(pixel) != *nodata)
            }
            Op::Valid { nodata } => Scalar::Bool(Some(input(0, at)) != *nodata),
            Op::Not => match input(0, at) {
                Scalar::Bool(value) => Scalar::Bool(!value),
                value => Scalar::Int(255 - value.to_integer().unwrap()),
            },
            Op::Logic(op) => match (input(0, at), input(1, at)) {
                (Scalar::Bool(a), Scalar::Bool(b)) => Scalar::Bool(match op {
                    LogicOp::And => a & b,
                    LogicOp::Or => a | b,
                    LogicOp::Xor => a ^ b,
                }),
                (a, b) => {
                    let (a, b) = (a.to_integer().unwrap(), b.to_integer().unwrap());
                    Scalar::Int(match op {
                        LogicOp::And => a & b,
                        LogicOp::Or => a | b,
                        LogicOp::Xor => a ^ b,
                    })
                }
            },
            Op::Select { yes, no } => {
                let branch = if input(0, at) == Scalar::Bool(true) { yes } else { no };
                match branch {
                    Operand::Input(index) => input(*index, at),
                    Operand::Constant(value) => *value,
                }
            }
            Op::Replace { from, to } => {
                let pixel = input(0, at);
                if pixel == *from { *to } else { pixel }
            }
            Op::Cast { dtype, overflow, .. } => cast(input(0, at), *dtype, *overflow),
            Op::Arithmetic { op, a, b, nodata, by_zero, .. } => {
                let mut operand = |operand: &Operand| match operand {
                    Operand::Input(index) => input(*index, at),
                    Operand::Constant(value) => *value,
                };
                let (a, b) = (operand(a), operand(b));
                if is_missing(a, nodata[0]) || is_missing(b, nodata[1]) || *by_zero && number(b) == 0.0 {
                    return node.meta.nodata.unwrap();
                }
                match node.meta.dtype {
                    DType::F32 | DType::F64 => float(float_arithmetic(*op, number(a), number(b)), node.meta.dtype),
                    _ => Scalar::Int(integer_arithmetic(*op, integer(a), integer(b))),
                }
            }
            Op::Function { function, nodata, .. } => {
                let pixel = input(0, at);
                if is_missing(pixel, *nodata) {
                    return node.meta.nodata.unwrap();
                }
                match function {
                    Function::Neg => Scalar::Int(-integer(pixel)),
                    Function::Abs => Scalar::Int(integer(pixel).abs()),
                    Function::Sign => Scalar::Int(integer(pixel).signum()),
                    Function::Sqrt => float(number(pixel).sqrt(), node.meta.dtype),
                    other => unreachable!("no test draws {other:?}"),
                }
            }
            Op::ComparePixels { op, nodata, .. } => {
                let (a, b) = (input(0, at), input(1, at));
                let holds = compare(*op, number(a), number(b));
                Scalar::Bool(holds && !is_missing(a, nodata[0]) && !is_missing(b, nodata[1]))
            }
            Op::Join { parts, fill, .. } => {
                let has = |part: &Region| part.intersect(&Region { start: at, shape: [1; 4] }).is_some();
                match parts.iter().position(has) {
                    Some(index) => input(index, std::array::from_fn(|axis| at[axis] - parts[index].start[axis])),
                    None => *fill,
                }
            }
            Op::Map { kernel, nodata } => {
                let pixels: Vec<_> = (0..node.inputs.len()).map(|index| input(index, at)).collect();
                if pixels.iter().zip(nodata.iter()).any(|(pixel, nodata)| is_missing(*pixel, *nodata)) {
                    return node.meta.nodata.unwrap_or(Scalar::Bool(false));
                }
                let one = |(pixel, input): (&Scalar, &Arc<Node>)| Buffer::filled(input.meta.dtype, 1, *pixel);
                let pixels: Vec<_> = pixels.iter().zip(&node.inputs).map(one).collect();
                let mut result = Buffer::zeros(node.meta.dtype, 1);
                let pixels: Vec<_> = pixels.iter().map(|pixel| pixel.slice(0, 1)).collect();
                kernel.run(&pixels, result.whole_mut());
                result.get(0)
            }
            Op::Lookup { table, nodata } => {
                let pixel = input(0, at);
                let entry = if is_missing(pixel, *nodata) { None } else { table[integer(pixel) as usize] };
                match (entry, node.meta.dtype) {
                    (None, DType::Bool) => Scalar::Bool(false),
                    (None, _) => node.meta.nodata.unwrap(),
                    (Some(entry), dtype) if dtype.is_float() => float(number(entry), dtype),
                    (Some(entry), _) => entry,
                }
            }
            Op::Digitize { edges, nan_apart, nodata } => {
                let pixel = input(0, at);
                if is_missing(pixel, *nodata) {
                    return node.meta.nodata.unwrap();
                }
                let count = match pixel.is_nan() {
                    true => edges.len() + usize::from(*nan_apart),
                    false => edges.iter().filter(|edge| number(**edge) <= number(pixel)).count(),
                };
                Scalar::from(count)
            }
            Op::Area(kernel) => self.area_pixel(kernel.as_ref(), node.meta.dtype, &node.inputs[0], at),
        }
    }
}

fn compare(op: CompareOp, a: f64, b: f64) -> bool {
    match op {
        CompareOp::Lt => a < b,
        CompareOp::Le => a <= b,
        CompareOp::Gt => a > b,
        CompareOp::Ge => a >= b,
        CompareOp::Eq => a == b,
        CompareOp::Ne => a != b,
    }
}

fn is_missing(pixel: Scalar, nodata: Option<Scalar>) -> bool {
    nodata.is_some_and(|nodata| pixel == nodata || pixel.is_nan())
}

fn number(pixel: Scalar) -> f64 {
    pixel.to_f64()
}

fn integer(pixel: Scalar) -> i128 {
    match pixel {
        Scalar::Bool(value) => value.into(),
        value => value.to_integer().unwrap(),
    }
}

/// Twice the digits of `f32` and more: rounding once more gives what rounding at once does.
fn float(value: f64, dtype: DType) -> Scalar {
    Scalar::Float(if dtype == DType::F32 { f64::from(value as f32) } else { value })
}

fn float_arithmetic(op: ArithmeticOp, a: f64, b: f64) -> f64 {
    match op {
        ArithmeticOp::Add => a + b,
        ArithmeticOp::Sub => a - b,
        ArithmeticOp::Mul => a * b,
        ArithmeticOp::Div => a / b,
        other => unreachable!("no test draws {other:?} of floats"),
    }
}

fn integer_arithmetic(op: ArithmeticOp, a: i128, b: i128) -> i128 {
    let floor = || a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0);
    match op {
        ArithmeticOp::Add => a + b,
        ArithmeticOp::Sub => a - b,
        ArithmeticOp::Mul => a * b,
        ArithmeticOp::FloorDiv => floor(),
        ArithmeticOp::Rem => a - floor() * b,
        ArithmeticOp::Pow => a.pow(b as u32),
        ArithmeticOp::Minimum => a.min(b),
        ArithmeticOp::Maximum => a.max(b),
        ArithmeticOp::Div | ArithmeticOp::Hypot | ArithmeticOp::Atan2 => unreachable!("these are floats"),
    }
}

fn cast(pixel: Scalar, dtype: DType, overflow: Overflow) -> Scalar {
    let Some((low, high)) = dtype.integer_range() else { return float(number(pixel), dtype) };
    let whole = match pixel {
        Scalar::Float(value) => value as i128,
        pixel => integer(pixel),
    };
    Scalar::Int(match overflow {
        Overflow::Error => whole,
        Overflow::Saturate => whole.clamp(low, high),
        Overflow::Wrap => low + (whole - low).rem_euclid(high - low + 1),
    })
}

fn push(buffer: &mut Buffer, value: Scalar) {
    for_dtype!(Buffer, buffer, pixels => pixels.push(Element::from_scalar(value)));
}

fn source_pixel(source: &dyn ChunkSource, at: [usize; 4]) -> Scalar {
    let blocks = source.blocks();
    let region = Region { start: at, shape: [1; 4] };
    let block = blocks.touching(&region).next().unwrap();
    let bytes = match source.place(block).unwrap() {
        Place::Constant(value) => return value,
        Place::Direct { .. } => Default::default(),
        Place::Remote(range) => swath_core::exec::fetch_blocking(source, range).unwrap().bytes,
    };
    let (place, chunk) = (blocks.region(block), source.decode(block, &bytes).unwrap());
    let [_, bands, rows, columns] = place.shape;
    let local: [usize; 4] = std::array::from_fn(|axis| at[axis] - place.start[axis]);
    chunk.data().get(((local[0] * bands + local[1]) * rows + local[2]) * columns + local[3])
}
