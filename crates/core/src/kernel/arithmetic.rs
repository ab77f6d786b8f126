//! Arithmetic on pixels of one type: integers modulo their size, floats as IEEE 754 says.
//!
//! The plan sees to it that integer results fit, so that modulo is exact. It also blanks what an integer divided by 0.

use super::dispatch::dispatched;
use super::select::Choice;
use crate::buffer::{Pixel, Slice, SliceMut};
use crate::dtype::Scalar;
use crate::expr::{ArithmeticOp, Function};

/// Runs `$body` for the numeric dtype of `$out`, with `$data` bound to the typed slice.
macro_rules! for_numbers {
    ($kind:ident, $value:expr, $data:ident => $body:expr) => {
        match $value {
            $kind::Bool(_) => unreachable!("arithmetic is done on numbers, bools are converted before"),
            $kind::U8($data) => $body,
            $kind::U16($data) => $body,
            $kind::U32($data) => $body,
            $kind::U64($data) => $body,
            $kind::I8($data) => $body,
            $kind::I16($data) => $body,
            $kind::I32($data) => $body,
            $kind::I64($data) => $body,
            $kind::F32($data) => $body,
            $kind::F64($data) => $body,
        }
    };
}

/// A pixel that can be reckoned with.
pub(crate) trait Number: Pixel {
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Of integers, rounded down as all their divisions are; 0 by 0.
    fn div(self, other: Self) -> Self;
    fn floor_div(self, other: Self) -> Self;
    /// With the sign of the divisor; 0 by an integer 0.
    fn rem(self, other: Self) -> Self;
    fn pow(self, other: Self) -> Self;
    /// NaN if one is.
    fn least(self, other: Self) -> Self;
    fn greatest(self, other: Self) -> Self;
    /// Of floats alone, and the next.
    fn hypot(self, other: Self) -> Self;
    fn atan2(self, other: Self) -> Self;
    /// Which power of two it is, if it is one, of an integer.
    fn power_of_two(self) -> Option<u32>;
    /// The quotient by that power, rounded down.
    fn shift_down(self, bits: u32) -> Self;
    /// What that leaves.
    fn lowest_bits(self, bits: u32) -> Self;
    fn function(self, function: Function) -> Self;
    /// A literal, modulo the size of an integer.
    fn from_literal(value: Scalar) -> Self;
}

macro_rules! integers {
    ($($type:ty: $negative:expr),* $(,)?) => {
        $(impl Number for $type {
            #[inline]
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline]
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline]
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline]
            fn div(self, other: Self) -> Self { self.floor_div(other) }
            #[inline]
            #[allow(unused_comparisons, reason = "one body for signed and unsigned")]
            fn floor_div(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let (quotient, rest) = (self.wrapping_div(other), self.wrapping_rem(other));
                if rest != 0 && (rest < 0) != (other < 0) { quotient.wrapping_sub(1) } else { quotient }
            }
            #[inline]
            #[allow(unused_comparisons, reason = "one body for signed and unsigned")]
            fn rem(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let rest = self.wrapping_rem(other);
                if rest != 0 && (rest < 0) != (other < 0) { rest.wrapping_add(other) } else { rest }
            }
            #[inline]
            fn pow(self, other: Self) -> Self { self.wrapping_pow(u32::try_from(other).unwrap_or(0)) }
            #[inline]
            fn least(self, other: Self) -> Self { self.min(other) }
            #[inline]
            fn greatest(self, other: Self) -> Self { self.max(other) }
            #[inline]
            fn hypot(self, _: Self) -> Self { self }
            #[inline]
            fn atan2(self, _: Self) -> Self { self }
            #[inline]
            #[allow(unused_comparisons, reason = "one body for signed and unsigned")]
            fn power_of_two(self) -> Option<u32> {
                (self > 0 && self & (self - 1) == 0).then(|| self.trailing_zeros())
            }
            #[inline]
            fn shift_down(self, bits: u32) -> Self { self >> bits }
            #[inline]
            fn lowest_bits(self, bits: u32) -> Self { self & !(!0 << bits) }
            #[inline]
            #[allow(unused_comparisons, reason = "one body for signed and unsigned")]
            fn function(self, function: Function) -> Self {
                match function {
                    Function::Neg => (0 as Self).wrapping_sub(self),
                    Function::Abs => if self < 0 { (0 as Self).wrapping_sub(self) } else { self },
                    Function::Sign => match self {
                        0 => 0,
                        _ if self < 0 => $negative,
                        _ => 1,
                    },
                    // What rounds leaves integers as they are; the rest is done on floats.
                    _ => self,
                }
            }
            #[inline]
            fn from_literal(value: Scalar) -> Self { value.to_integer().unwrap_or_default() as Self }
        })*
    };
}
integers!(u8: 0, u16: 0, u32: 0, u64: 0, i8: -1, i16: -1, i32: -1, i64: -1);

macro_rules! floats {
    ($($type:ty),*) => {
        $(impl Number for $type {
            #[inline]
            fn add(self, other: Self) -> Self { self + other }
            #[inline]
            fn sub(self, other: Self) -> Self { self - other }
            #[inline]
            fn mul(self, other: Self) -> Self { self * other }
            #[inline]
            fn div(self, other: Self) -> Self { self / other }
            // As NumPy's floor_divide: the quotient of what the remainder leaves, so that both agree.
            #[inline]
            fn floor_div(self, other: Self) -> Self {
                if other == 0.0 {
                    return self / other;
                }
                let rest = self % other;
                let quotient = (self - rest) / other;
                let quotient = if rest != 0.0 && (rest < 0.0) != (other < 0.0) { quotient - 1.0 } else { quotient };
                if quotient == 0.0 {
                    return (0.0 as Self).copysign(self / other);
                }
                let floor = quotient.floor();
                if quotient - floor > 0.5 { floor + 1.0 } else { floor }
            }
            #[inline]
            fn rem(self, other: Self) -> Self {
                if other == 0.0 {
                    return Self::NAN;
                }
                let rest = self % other;
                match rest {
                    0.0 => (0.0 as Self).copysign(other),
                    _ if (rest < 0.0) != (other < 0.0) => rest + other,
                    _ => rest,
                }
            }
            #[inline]
            fn pow(self, other: Self) -> Self { self.powf(other) }
            #[inline]
            fn least(self, other: Self) -> Self {
                if self.is_nan() || self < other { self } else { other }
            }
            #[inline]
            fn greatest(self, other: Self) -> Self {
                if self.is_nan() || self > other { self } else { other }
            }
            #[inline]
            fn hypot(self, other: Self) -> Self { self.hypot(other) }
            #[inline]
            fn atan2(self, other: Self) -> Self { self.atan2(other) }
            #[inline]
            fn power_of_two(self) -> Option<u32> { None }
            #[inline]
            fn shift_down(self, _: u32) -> Self { self }
            #[inline]
            fn lowest_bits(self, _: u32) -> Self { self }
            #[inline]
            fn function(self, function: Function) -> Self {
                match function {
                    Function::Neg => -self,
                    Function::Abs => self.abs(),
                    Function::Sign => if self.is_nan() || self == 0.0 { self } else { (1.0 as Self).copysign(self) },
                    Function::Sqrt => self.sqrt(),
                    Function::Exp => self.exp(),
                    Function::Ln => self.ln(),
                    Function::Log2 => self.log2(),
                    Function::Log10 => self.log10(),
                    Function::Sin => self.sin(),
                    Function::Cos => self.cos(),
                    Function::Tan => self.tan(),
                    Function::Asin => self.asin(),
                    Function::Acos => self.acos(),
                    Function::Atan => self.atan(),
                    Function::Floor => self.floor(),
                    Function::Ceil => self.ceil(),
                    Function::Round => self.round_ties_even(),
                    Function::Trunc => self.trunc(),
                }
            }
            #[inline]
            fn from_literal(value: Scalar) -> Self { value.to_f64() as Self }
        })*
    };
}
floats!(f32, f64);

/// Pixels or a literal, of the dtype of the result.
enum Term<'a, T> {
    Pixels(&'a [T]),
    Value(T),
}

fn term<'a, T: Number>(choice: Choice<'a>) -> Term<'a, T> {
    match choice {
        Choice::Value(value) => Term::Value(T::from_literal(value)),
        Choice::Pixels(slice) => Term::Pixels(typed(slice)),
    }
}

fn typed<T: Pixel>(slice: Slice<'_>) -> &[T] {
    slice.as_slice().expect("the plan converts operands to the dtype that is reckoned in")
}

dispatched! {
    /// `out = a op b`, all of one dtype.
    pub(crate) fn arithmetic(op: ArithmeticOp, a: Choice<'_>, b: Choice<'_>, out: SliceMut<'_>) => arithmetic_of;
}

#[inline(always)]
fn arithmetic_of(op: ArithmeticOp, a: Choice<'_>, b: Choice<'_>, out: SliceMut<'_>) {
    for_numbers!(SliceMut, out, out => reckon(op, term(a), term(b), out));
}

#[inline(always)]
fn reckon<T: Number>(op: ArithmeticOp, a: Term<'_, T>, b: Term<'_, T>, out: &mut [T]) {
    // Shifts and masks become vectors, which divisions do not.
    if let (Term::Pixels(a), Some(bits)) = (&a, power_of_two(&b)) {
        let pairs = out.iter_mut().zip(*a);
        match op {
            ArithmeticOp::FloorDiv => return pairs.for_each(|(out, a)| *out = a.shift_down(bits)),
            ArithmeticOp::Rem => return pairs.for_each(|(out, a)| *out = a.lowest_bits(bits)),
            _ => {}
        }
    }
    match op {
        ArithmeticOp::Add => combine(a, b, out, T::add),
        ArithmeticOp::Sub => combine(a, b, out, T::sub),
        ArithmeticOp::Mul => combine(a, b, out, T::mul),
        ArithmeticOp::Div => combine(a, b, out, T::div),
        ArithmeticOp::FloorDiv => combine(a, b, out, T::floor_div),
        ArithmeticOp::Rem => combine(a, b, out, T::rem),
        ArithmeticOp::Pow => combine(a, b, out, T::pow),
        ArithmeticOp::Minimum => combine(a, b, out, T::least),
        ArithmeticOp::Maximum => combine(a, b, out, T::greatest),
        ArithmeticOp::Hypot => combine(a, b, out, T::hypot),
        ArithmeticOp::Atan2 => combine(a, b, out, T::atan2),
    }
}

fn power_of_two<T: Number>(term: &Term<'_, T>) -> Option<u32> {
    match term {
        Term::Value(value) => value.power_of_two(),
        Term::Pixels(_) => None,
    }
}

#[inline(always)]
fn combine<T: Number>(a: Term<'_, T>, b: Term<'_, T>, out: &mut [T], op: impl Fn(T, T) -> T) {
    match (a, b) {
        (Term::Pixels(a), Term::Pixels(b)) => {
            for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                *out = op(*a, *b);
            }
        }
        (Term::Pixels(a), Term::Value(b)) => {
            for (out, a) in out.iter_mut().zip(a) {
                *out = op(*a, b);
            }
        }
        (Term::Value(a), Term::Pixels(b)) => {
            for (out, b) in out.iter_mut().zip(b) {
                *out = op(a, *b);
            }
        }
        (Term::Value(a), Term::Value(b)) => out.fill(op(a, b)),
    }
}

dispatched! {
    /// `out = function(input)`, both of one dtype.
    pub(crate) fn function(function: Function, input: Slice<'_>, out: SliceMut<'_>) => function_of;
}

#[inline(always)]
fn function_of(function: Function, input: Slice<'_>, out: SliceMut<'_>) {
    for_numbers!(SliceMut, out, out => each(function, typed(input), out));
}

#[inline(always)]
fn each<T: Number>(function: Function, input: &[T], out: &mut [T]) {
    macro_rules! run {
        ($($name:ident),*) => {
            // A loop for each: a match inside of one would not vectorise.
            match function {
                $(Function::$name => {
                    for (out, pixel) in out.iter_mut().zip(input) {
                        *out = pixel.function(Function::$name);
                    }
                })*
            }
        };
    }
    run!(Neg, Abs, Sign, Sqrt, Exp, Ln, Log2, Log10, Sin, Cos, Tan, Asin, Acos, Atan, Floor, Ceil, Round, Trunc);
}

dispatched! {
    /// `out = input` as the dtype of `out`: integers modulo its size, floats as the nearest. Not for results that are bool,
    /// nor from floats to integers.
    pub(crate) fn convert(input: Slice<'_>, out: SliceMut<'_>) => convert_of;
}

#[inline(always)]
fn convert_of(input: Slice<'_>, out: SliceMut<'_>) {
    crate::for_dtype!(Slice, input, input => for_numbers!(SliceMut, out, out => convert_typed(input, out)));
}

#[inline(always)]
fn convert_typed<T: Copy + As<U>, U>(input: &[T], out: &mut [U]) {
    for (out, pixel) in out.iter_mut().zip(input) {
        *out = pixel.as_();
    }
}

/// Conversion by `as`.
pub(super) trait As<U> {
    fn as_(self) -> U;
}

macro_rules! conversions {
    ($from:ty => $($to:ty),*) => {
        $(impl As<$to> for $from {
            #[inline]
            fn as_(self) -> $to { self as $to }
        })*
    };
}
macro_rules! all_conversions {
    ($($from:ty),*) => {
        $(conversions!($from => u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);)*
    };
}
all_conversions!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

impl<U> As<U> for bool
where
    u8: As<U>,
{
    #[inline]
    fn as_(self) -> U {
        u8::from(self).as_()
    }
}
