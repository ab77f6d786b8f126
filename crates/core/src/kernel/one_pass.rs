//! Arithmetic in one pass: operands become wider as they are read, and what is nodata in one is blank in the result.
//!
//! Done by the kernels of [`arithmetic`](super::arithmetic) and [`select`](super::select) it takes three to six loops over a
//! strip, which is longer than memory takes. There are loops for the dtypes and operations that bands are reckoned with most.

use super::arithmetic::{As, Number};
use super::dispatch::dispatched;
use crate::buffer::{Pixel, Slice, SliceMut};
use crate::dtype::{DType, Scalar};
use crate::expr::ArithmeticOp;

/// Pixels, and what is no pixel among them beside NaN; or a literal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand<'a> {
    Pixels(Slice<'a>, Option<Scalar>),
    Value(Scalar),
}

macro_rules! loops {
    ($($a:ident, $b:ident => $($to:ident),*;)*) => {
        /// Whether there is a loop for operands of `a` and `b` and a result of `to`.
        pub(crate) const fn is_one_pass(op: ArithmeticOp, a: DType, b: DType, to: DType) -> bool {
            use ArithmeticOp::{Add, Div, Maximum, Minimum, Mul, Sub};
            let is_there = match (a, b) {
                $((DType::$a, DType::$b) => matches!(to, $(DType::$to)|*),)*
                _ => false,
            };
            match op {
                Add | Sub | Mul | Minimum | Maximum => is_there && a as u8 == b as u8,
                // Of integers, a division by 0 is blank too.
                Div => is_there && to.is_float(),
                _ => false,
            }
        }

        #[inline(always)]
        fn one_pass_of(op: ArithmeticOp, a: Operand<'_>, b: Operand<'_>, blank: Option<Scalar>, out: SliceMut<'_>) {
            let pixels = match (a, b) {
                (Operand::Pixels(a, _), Operand::Pixels(b, _)) => (a, b),
                (Operand::Pixels(pixels, _), _) | (_, Operand::Pixels(pixels, _)) => (pixels, pixels),
                _ => unreachable!("what is computed of literals alone is a literal"),
            };
            match (pixels, out) {
                $($(((Slice::$a(like_a), Slice::$b(like_b)), SliceMut::$to(out)) => {
                    reckon(op, term(a, like_a), term(b, like_b), blank, out);
                })*)*
                _ => unreachable!("the plan has asked whether there is a loop"),
            }
        }
    };
}
loops! {
    U8, U8 => U8, U16, I16, F32;
    U16, U16 => U16, U32, I32, F32;
    I16, I16 => I16, I32, F32;
    U32, U32 => U32, I64, F32, F64;
    I32, I32 => I32, I64, F32, F64;
    I64, I64 => I64, F64;
    F32, F32 => F32;
    F64, F64 => F64;
    // A difference and a sum of bands, of which an index is made.
    I16, U16 => F32;
    I32, U32 => F32;
}

dispatched! {
    /// `out = a op b` in the dtype of `out`; `blank` where an operand is nodata, or NaN where it has nodata. Operands have one
    /// dtype, and [`is_one_pass`] is true.
    pub(crate) fn one_pass(op: ArithmeticOp, a: Operand<'_>, b: Operand<'_>, blank: Option<Scalar>, out: SliceMut<'_>)
        => one_pass_of;
}

/// Pixels of a dtype, and a literal of the result's.
enum Term<'a, N, W> {
    Pixels(&'a [N], Missing<N>),
    Value(W),
}

/// What is no pixel among others.
#[derive(Clone, Copy)]
struct Missing<N> {
    nodata: N,
    /// Whether there is such a value.
    is_some: bool,
}

impl<N: Pixel> Missing<N> {
    // Without a jump or a call, so that loops become vectors.
    #[expect(clippy::eq_op, reason = "NaN is the pixel that does not equal itself")]
    #[inline(always)]
    fn has(self, pixel: N) -> bool {
        self.is_some & ((pixel == self.nodata) | (pixel != pixel))
    }
}

fn term<'a, N: Pixel, W: Number>(operand: Operand<'a>, _like: &[N]) -> Term<'a, N, W> {
    match operand {
        Operand::Value(value) => Term::Value(W::from_literal(value)),
        Operand::Pixels(slice, nodata) => Term::Pixels(
            slice.as_slice().expect("they are of the dtype of the loop"),
            Missing { nodata: nodata.map_or_else(N::default, N::from_scalar), is_some: nodata.is_some() },
        ),
    }
}

#[inline(always)]
fn reckon<A, B, W>(op: ArithmeticOp, a: Term<'_, A, W>, b: Term<'_, B, W>, blank: Option<Scalar>, out: &mut [W])
where
    A: Pixel + As<W>,
    B: Pixel + As<W>,
    W: Number,
{
    let blank = blank.map(W::from_scalar);
    match op {
        ArithmeticOp::Div if W::DTYPE.is_float() => combine(a, b, blank, out, W::div),
        // No loop is compiled that is not in the table.
        _ if A::DTYPE as u8 != B::DTYPE as u8 => unreachable!("the plan has asked whether there is a loop"),
        ArithmeticOp::Add => combine(a, b, blank, out, W::add),
        ArithmeticOp::Sub => combine(a, b, blank, out, W::sub),
        ArithmeticOp::Mul => combine(a, b, blank, out, W::mul),
        ArithmeticOp::Minimum => combine(a, b, blank, out, W::least),
        ArithmeticOp::Maximum => combine(a, b, blank, out, W::greatest),
        _ => unreachable!("the plan has asked whether there is a loop"),
    }
}

#[inline(always)]
fn combine<A, B, W>(a: Term<'_, A, W>, b: Term<'_, B, W>, blank: Option<W>, out: &mut [W], op: impl Fn(W, W) -> W)
where
    A: Pixel + As<W>,
    B: Pixel + As<W>,
    W: Number,
{
    match (a, b) {
        (Term::Pixels(a, no_a), Term::Pixels(b, no_b)) => match blank {
            None => {
                for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                    *out = op(a.as_(), b.as_());
                }
            }
            // A loop of its own, which asks neither whether there is nodata.
            Some(blank) if no_a.is_some && no_b.is_some => {
                let (no_a, no_b) = (Missing { is_some: true, ..no_a }, Missing { is_some: true, ..no_b });
                for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                    let value = op(a.as_(), b.as_());
                    *out = if no_a.has(*a) | no_b.has(*b) { blank } else { value };
                }
            }
            Some(blank) => {
                for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                    let value = op(a.as_(), b.as_());
                    *out = if no_a.has(*a) | no_b.has(*b) { blank } else { value };
                }
            }
        },
        (Term::Pixels(a, missing), Term::Value(b)) => each(a, missing, blank, out, |a| op(a, b)),
        (Term::Value(a), Term::Pixels(b, missing)) => each(b, missing, blank, out, |b| op(a, b)),
        (Term::Value(a), Term::Value(b)) => out.fill(op(a, b)),
    }
}

#[inline(always)]
fn each<N, W>(pixels: &[N], missing: Missing<N>, blank: Option<W>, out: &mut [W], op: impl Fn(W) -> W)
where
    N: Pixel + As<W>,
    W: Number,
{
    match blank.filter(|_| missing.is_some) {
        None => {
            for (out, pixel) in out.iter_mut().zip(pixels) {
                *out = op(pixel.as_());
            }
        }
        Some(blank) => {
            let missing = Missing { is_some: true, ..missing };
            for (out, pixel) in out.iter_mut().zip(pixels) {
                let value = op(pixel.as_());
                *out = if missing.has(*pixel) { blank } else { value };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Buffer;
    use crate::kernel::{self, Choice};

    const DTYPES: [DType; 10] = [
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::F32,
        DType::F64,
    ];

    const OPS: [ArithmeticOp; 7] = [
        ArithmeticOp::Add,
        ArithmeticOp::Sub,
        ArithmeticOp::Mul,
        ArithmeticOp::Div,
        ArithmeticOp::Minimum,
        ArithmeticOp::Maximum,
        ArithmeticOp::Rem,
    ];

    /// Pixels of a dtype, among them its ends or NaN.
    fn pixels(dtype: DType, step: i64) -> Buffer {
        let mut values: Vec<_> = (0..70).map(|at| Scalar::from(at * step % 23)).collect();
        let ends = match dtype.integer_range() {
            Some((low, high)) => [low, high].map(Scalar::Int),
            None => [f64::NAN, f64::INFINITY].map(Scalar::Float),
        };
        values[5..7].copy_from_slice(&ends);
        kernel::literals(dtype, &values)
    }

    /// The same by one loop after the other.
    fn step_by_step(op: ArithmeticOp, a: &Operand<'_>, b: &Operand<'_>, blank: Option<Scalar>, to: DType) -> Buffer {
        let wide = |operand: &Operand<'_>| match operand {
            Operand::Value(value) => kernel::literals(to, &[*value; 70]),
            Operand::Pixels(pixels, _) => {
                let mut wide = Buffer::zeros(to, 70);
                kernel::convert(*pixels, wide.whole_mut());
                wide
            }
        };
        let (wide_a, wide_b) = (wide(a), wide(b));
        let mut out = Buffer::zeros(to, 70);
        kernel::arithmetic(
            op,
            Choice::Pixels(wide_a.slice(0, 70)),
            Choice::Pixels(wide_b.slice(0, 70)),
            out.whole_mut(),
        );
        let mut valid = vec![true; 70];
        for operand in [a, b] {
            if let Operand::Pixels(pixels, Some(nodata)) = operand {
                kernel::clear_missing(*pixels, *nodata, &mut valid);
            }
        }
        let mut blanked = Buffer::zeros(to, 70);
        let value = blank.unwrap_or(Scalar::Int(0));
        kernel::select(&valid, Choice::Pixels(out.slice(0, 70)), Choice::Value(value), blanked.whole_mut());
        blanked
    }

    #[test]
    fn one_pass_gives_what_one_loop_after_the_other_gives() {
        let mut loops = 0;
        let pairs = || DTYPES.iter().flat_map(|a| DTYPES.iter().map(move |b| (*a, *b)));
        for ((of_a, of_b), to) in pairs().flat_map(|pair| DTYPES.iter().map(move |to| (pair, *to))) {
            let (x, y) = (pixels(of_a, 7), pixels(of_b, 11));
            for op in OPS.into_iter().filter(|op| is_one_pass(*op, of_a, of_b, to)) {
                for nodata in
                    [[None; 2], [Some(Scalar::Int(3)), None], [None, Some(Scalar::Int(4))], [Some(Scalar::Int(3)); 2]]
                {
                    let (a, b) =
                        (Operand::Pixels(x.slice(0, 70), nodata[0]), Operand::Pixels(y.slice(0, 70), nodata[1]));
                    for (a, b) in [(a, b), (a, Operand::Value(Scalar::Int(5))), (Operand::Value(Scalar::Int(5)), b)] {
                        let has_nodata = |operand: &Operand<'_>| matches!(operand, Operand::Pixels(_, Some(_)));
                        let blank = (has_nodata(&a) || has_nodata(&b)).then_some(Scalar::Int(9));
                        let mut out = Buffer::zeros(to, 70);
                        one_pass(op, a, b, blank, out.whole_mut());
                        let expected = step_by_step(op, &a, &b, blank, to);
                        let bits = |buffer: &Buffer| format!("{buffer:?}");
                        assert_eq!(bits(&out), bits(&expected), "{op:?} of {of_a} and {of_b} to {to}, {a:?} {b:?}");
                        loops += 1;
                    }
                }
            }
        }
        assert!(loops > 500, "{loops} are all");
    }
}
