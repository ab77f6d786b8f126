//! What an expression means: one pixel after the other, without chunks, views or kernels.

use swath_core::dtype::Scalar;
use swath_core::expr::{CompareOp, LazyRaster, LogicOp, Node, Op, Operand};
use swath_core::shape::{ChunkGrid, Region, Shape};
use swath_core::source::{ChunkSource, Place};

/// All pixels of a raster, in order.
pub(crate) fn meaning(raster: &LazyRaster) -> Vec<Scalar> {
    let node = raster.node().unwrap();
    let shape: Shape = node.meta.shape;
    let cells = ChunkGrid::new(shape, [1; 4]);
    (0..cells.len()).map(|cell| pixel(node, cells.position(cell))).collect()
}

fn pixel(node: &Node, at: [usize; 4]) -> Scalar {
    let input = |index: usize, at: [usize; 4]| {
        let node = &node.inputs[index];
        // Time and Band axes of length 1 are broadcast.
        let at = std::array::from_fn(|axis| if axis < 2 && node.meta.shape[axis] == 1 { 0 } else { at[axis] });
        pixel(node, at)
    };
    match &node.op {
        Op::Source(source) => source_pixel(source.as_ref(), at),
        Op::View { view, .. } => input(0, std::array::from_fn(|axis| view.axes[axis].read(at[axis]))),
        Op::Constant(value) => *value,
        Op::Relabel { .. } => input(0, at),
        Op::IsIn(values) => Scalar::Bool(values.contains(&input(0, at))),
        Op::Compare { op, value, nodata } => {
            let pixel = input(0, at);
            let (a, b) = (pixel.to_f64(), value.to_f64());
            let holds = match op {
                CompareOp::Lt => a < b,
                CompareOp::Le => a <= b,
                CompareOp::Gt => a > b,
                CompareOp::Ge => a >= b,
                CompareOp::Eq => a == b,
                CompareOp::Ne => a != b,
            };
            Scalar::Bool(holds && Some(pixel) != *nodata)
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
        Op::Cast { .. } => input(0, at),
    }
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
