//! The nodes of an expression, as data: they can be printed, compared and planned.

use std::fmt;
use std::sync::Arc;

use crate::area::AreaKernel;
use crate::dtype::{DType, Scalar};
use crate::meta::Meta;
use crate::pixelwise::PixelKernel;
use crate::shape::{Dim, Region};
use crate::source::ChunkSource;
use crate::view::View;

/// One step of an expression, with its inputs and what is known of its result.
#[derive(Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// What it does it to, in the operation's order.
    pub inputs: Vec<Arc<Node>>,
    /// What is known of the result.
    pub meta: Meta,
}

/// Without recursion: a loop can build an expression deeper than a stack.
impl Drop for Node {
    fn drop(&mut self) {
        let mut unused: Vec<_> = self.inputs.drain(..).filter_map(Arc::into_inner).collect();
        while let Some(mut node) = unused.pop() {
            unused.extend(node.inputs.drain(..).filter_map(Arc::into_inner));
        }
    }
}

/// What a node does.
#[derive(Debug, Clone)]
pub enum Op {
    /// Pixels of a source; no input.
    Source(Arc<dyn ChunkSource>),
    /// One value everywhere; no input. Users do not write it: passes find it.
    Constant(Scalar),
    /// A part of its input, or its input with axes dropped or pixels repeated. The name is the user's word for it.
    View {
        /// `window`, `band`, `repeat` …
        name: &'static str,
        /// Which input pixel each output pixel reads.
        view: View,
    },
    /// The same pixels in other chunks, or with another nodata or grid.
    Relabel {
        /// `rechunk`, `with_nodata` …
        name: &'static str,
    },
    /// Whether each pixel is one of these values.
    IsIn(Arc<[Scalar]>),
    /// Whether each pixel compares so with a value; false where the pixel equals `nodata`.
    Compare {
        /// The comparison.
        op: CompareOp,
        /// What pixels are compared with.
        value: Scalar,
        /// The input's nodata.
        nodata: Option<Scalar>,
    },
    /// Whether each pixel is one: not nodata, and not NaN where there is a nodata.
    Valid {
        /// The input's nodata.
        nodata: Option<Scalar>,
    },
    /// Logical not of a bool, bitwise not of an integer.
    Not,
    /// Logical (bool) or bitwise (integer) combination of two rasters of one dtype.
    Logic(LogicOp),
    /// By a condition (the first input): `yes` where true, `no` where false.
    Select {
        /// Where the condition is true.
        yes: Operand,
        /// Where it is false.
        no: Operand,
    },
    /// Every pixel that equals `from` becomes `to`: translates one nodata to another.
    Replace {
        /// The old value.
        from: Scalar,
        /// The new value.
        to: Scalar,
    },
    /// Two rasters, or a raster and a literal, put together pixel by pixel; nodata where one is nodata.
    Arithmetic {
        /// What is done.
        op: ArithmeticOp,
        /// The left operand.
        a: Operand,
        /// The right operand.
        b: Operand,
        /// What operands are converted to before: integers modulo its size, where results fit.
        working: DType,
        /// Nodata of the operands.
        nodata: [Option<Scalar>; 2],
        /// Whether an integer is divided by what can be 0, which gives nodata.
        by_zero: bool,
    },
    /// A function of each pixel; nodata stays nodata.
    Function {
        /// Which.
        function: Function,
        /// What the input is converted to before.
        working: DType,
        /// Nodata of the input.
        nodata: Option<Scalar>,
    },
    /// Whether pixels of two rasters compare so, by value; false where one is nodata.
    ComparePixels {
        /// The comparison.
        op: CompareOp,
        /// What both are converted to before, without loss.
        working: DType,
        /// Nodata of the inputs.
        nodata: [Option<Scalar>; 2],
    },
    /// The inputs side by side in a larger array; no two overlap.
    Join {
        /// `stack`, `concat`, `pad` …
        name: &'static str,
        /// The pixels of the result that each input is.
        parts: Arc<[Region]>,
        /// The value of the others.
        fill: Scalar,
    },
    /// The entry of a table for each integer; nodata stays nodata, and is false of bools.
    Lookup {
        /// From that of 0 on; none where the result is nodata.
        table: Arc<[Option<Scalar>]>,
        /// Nodata of the input.
        nodata: Option<Scalar>,
    },
    /// How many edges are at most each pixel, all of them at NaN; nodata stays nodata.
    Digitize {
        /// Values of the input's dtype that increase.
        edges: Arc<[Scalar]>,
        /// Whether NaN counts for one more than all edges.
        nan_apart: bool,
        /// Nodata of the input.
        nodata: Option<Scalar>,
    },
    /// What a user's kernel makes of the pixels of all inputs; nodata where one is nodata, and false of bools.
    Map {
        /// The kernel.
        kernel: Arc<dyn PixelKernel>,
        /// Nodata of the inputs.
        nodata: Arc<[Option<Scalar>]>,
    },
    /// Each pixel from an area of the input.
    Area(Arc<dyn AreaKernel>),
    /// Another dtype; nodata pixels stay nodata.
    Cast {
        /// The dtype of the result.
        dtype: DType,
        /// What happens to values that it cannot hold.
        overflow: Overflow,
        /// Nodata of the input.
        nodata: Option<Scalar>,
    },
}

/// An operand of a selection: an input of the node, or one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand {
    /// The node's input of this number.
    Input(usize),
    /// This value everywhere.
    Constant(Scalar),
}

/// Arithmetic with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`, of floats.
    Div,
    /// The quotient rounded down.
    FloorDiv,
    /// What is left of that, with the sign of the divisor.
    Rem,
    /// The left operand to the power of the right.
    Pow,
    /// The lesser.
    Minimum,
    /// The greater.
    Maximum,
    /// The root of the sum of both squares.
    Hypot,
    /// The angle in radians of the point whose ordinate is the left operand and whose abscissa is the right.
    Atan2,
}

impl ArithmeticOp {
    /// As written between two operands, or as a function of them.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Rem => "%",
            Self::Pow => "**",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Hypot => "hypot",
            Self::Atan2 => "atan2",
        }
    }
}

/// A function of one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// The negative.
    Neg,
    /// The absolute value.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// The square root.
    Sqrt,
    /// e to the power of the pixel.
    Exp,
    /// The natural logarithm.
    Ln,
    /// The logarithm to base 2.
    Log2,
    /// The logarithm to base 10.
    Log10,
    /// The sine of radians.
    Sin,
    /// The cosine of radians.
    Cos,
    /// The tangent of radians.
    Tan,
    /// The inverse sine, in radians.
    Asin,
    /// The inverse cosine, in radians.
    Acos,
    /// The inverse tangent, in radians.
    Atan,
    /// The next integer below.
    Floor,
    /// The next integer above.
    Ceil,
    /// The nearest integer, the even one of two.
    Round,
    /// The next integer towards 0.
    Trunc,
}

impl Function {
    /// Its name, as the method has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neg => "neg",
            Self::Abs => "abs",
            Self::Sign => "sign",
            Self::Sqrt => "sqrt",
            Self::Exp => "exp",
            Self::Ln => "ln",
            Self::Log2 => "log2",
            Self::Log10 => "log10",
            Self::Sin => "sin",
            Self::Cos => "cos",
            Self::Tan => "tan",
            Self::Asin => "asin",
            Self::Acos => "acos",
            Self::Atan => "atan",
            Self::Floor => "floor",
            Self::Ceil => "ceil",
            Self::Round => "round",
            Self::Trunc => "trunc",
        }
    }
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `==`
    Eq,
    /// `!=`
    Ne,
}

impl CompareOp {
    /// As written between two operands.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Eq => "==",
            Self::Ne => "!=",
        }
    }
}

/// A logical or bitwise combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogicOp {
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    Xor,
}

impl LogicOp {
    /// As written between two operands.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::And => "&",
            Self::Or => "|",
            Self::Xor => "^",
        }
    }
}

/// What a cast does with a value that the new dtype cannot hold. Fractions are cut towards zero by all three, and a
/// float is rounded to the nearest that the new dtype has; a valid pixel that would become nodata fails the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// The run fails, naming the chunk and the first such pixel; NaN cannot become an integer.
    #[default]
    Error,
    /// The nearest value that it can hold; NaN becomes 0.
    Saturate,
    /// The low bits, as Rust's `as` between integers; a float is first cut to an `i128`.
    Wrap,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => write!(f, "read {}", source.name()),
            Self::Constant(value) => write!(f, "{value} everywhere"),
            Self::View { name: "squeeze", .. } => f.write_str("squeeze"),
            Self::View { name: "band", view } => write!(f, "band {}", view.axes[Dim::Band.axis()].start),
            Self::View { name, view } => write!(f, "{name} {view}"),
            Self::Relabel { name } => f.write_str(name),
            Self::IsIn(values) => write!(f, "isin {}", list(values.iter().map(Scalar::to_string))),
            Self::Compare { op, value, .. } => write!(f, "{} {value}", op.symbol()),
            Self::Valid { .. } => f.write_str("valid"),
            Self::Not => f.write_str("not"),
            Self::Logic(op) => f.write_str(match op {
                LogicOp::And => "and",
                LogicOp::Or => "or",
                LogicOp::Xor => "xor",
            }),
            Self::Select { yes: Operand::Constant(fill), no: Operand::Input(_) } => write!(f, "mask with {fill}"),
            Self::Select { yes: Operand::Input(_), no: Operand::Constant(other) } => write!(f, "where, other {other}"),
            Self::Select { .. } => f.write_str("if else"),
            Self::Replace { from, to } => write!(f, "replace {from} by {to}"),
            Self::Arithmetic { op, a: Operand::Constant(value), .. } => write!(f, "{value} {}", op.symbol()),
            Self::Arithmetic { op, b: Operand::Constant(value), .. } => write!(f, "{} {value}", op.symbol()),
            Self::Arithmetic { op, .. } => f.write_str(op.symbol()),
            Self::Function { function, .. } => f.write_str(function.name()),
            Self::ComparePixels { op, .. } => f.write_str(op.symbol()),
            Self::Join { name, parts, .. } if parts.len() > 1 => write!(f, "{name} {}", parts.len()),
            Self::Join { name, .. } => f.write_str(name),
            Self::Lookup { table, .. } => write!(f, "lookup {}", list(table.iter().map(shown_entry))),
            Self::Digitize { edges, .. } => write!(f, "digitize {}", list(edges.iter().map(Scalar::to_string))),
            Self::Map { kernel, .. } => f.write_str(&kernel.name()),
            Self::Area(kernel) => f.write_str(&kernel.name()),
            Self::Cast { dtype, .. } => write!(f, "cast to {dtype}"),
        }
    }
}

fn shown_entry(entry: &Option<Scalar>) -> String {
    entry.map_or_else(|| "nodata".to_owned(), |value| value.to_string())
}

/// Up to eight values, as a person would list them.
pub(super) fn list(values: impl ExactSizeIterator<Item = String>) -> String {
    let count = values.len();
    let mut shown: Vec<_> = values.take(8).collect();
    if count > shown.len() {
        shown.push(format!("… {count} values"));
    }
    format!("[{}]", shown.join(", "))
}
