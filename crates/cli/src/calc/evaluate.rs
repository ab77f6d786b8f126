//! From an expression to a lazy raster. The library checks shapes, dtypes, grids and fills; its errors get their place.

use std::collections::BTreeMap;

use swath::{ArithmeticOp, DType, Error, LazyRaster, Scalar, Term};

use super::arguments::Arguments;
use super::ast::{Compare, Element, Expr, Invert, Kind, Logic, Shift, Span};
use super::complaint::{Complaint, suggestion};
use super::functions::Numbers;

pub(super) type Evaluated<T> = Result<T, Complaint>;

/// Rasters by name.
pub(super) type Inputs = BTreeMap<String, LazyRaster>;

/// What a part of an expression stands for.
pub(super) enum Value {
    Raster(LazyRaster),
    Scalar(Scalar),
}

/// The word for a fill that is the raster's nodata; an input of this name wins.
pub(super) const NODATA: &str = "nodata";

/// Checks before any file is opened that every name is known, and returns those that are used.
pub(super) fn check_names<'a>(expression: &'a Expr, known: &[&str]) -> Evaluated<Vec<&'a str>> {
    let mut used = Vec::new();
    collect_names(expression, known, &mut used)?;
    Ok(used)
}

fn collect_names<'a>(expr: &'a Expr, known: &[&str], used: &mut Vec<&'a str>) -> Evaluated<()> {
    match &expr.kind {
        Kind::Name(name) if known.contains(&name.as_str()) => used.push(name),
        Kind::Name(name) => return Err(unknown(name, &expr.span, known)),
        Kind::Scalar(_) => {}
        Kind::List(elements) => {
            for Element { first, last } in elements {
                collect_names(first, known, used)?;
                last.iter().try_for_each(|(last, _)| collect_names(last, known, used))?;
            }
        }
        Kind::Group(inner)
        | Kind::Not(_, inner)
        | Kind::Negative(inner)
        | Kind::Shift(_, inner, _)
        | Kind::Index(inner, _) => {
            collect_names(inner, known, used)?;
        }
        Kind::Logic(_, left, right) | Kind::Compare(_, left, right) | Kind::Arithmetic(_, left, right) => {
            collect_names(left, known, used)?;
            collect_names(right, known, used)?;
        }
        Kind::Call(function, arguments) => {
            let is_word = |position: usize, name: &str| match position {
                0 => false,
                _ if function.takes_rasters() => position + 1 == arguments.len() && !known.contains(&name),
                _ => function.takes_words() || name == NODATA && !known.contains(&name),
            };
            for (position, argument) in arguments.iter().enumerate() {
                match &argument.kind {
                    Kind::Name(name) if is_word(position, name) => {}
                    _ => collect_names(argument, known, used)?,
                }
            }
        }
    }
    Ok(())
}

fn unknown(name: &str, place: &Span, known: &[&str]) -> Complaint {
    let hint = suggestion(name, known.iter().copied());
    Complaint::new(place, format!("there is no input {name}{hint}"))
}

/// What an expression as a whole is to give.
#[derive(Debug)]
pub(super) enum Whole {
    Raster(LazyRaster),
    Numbers(Numbers),
}

/// Whether an expression is a call of a function that gives numbers.
pub(super) fn gives_numbers(expression: &Expr) -> bool {
    matches!(&expression.inner().kind, Kind::Call(function, _) if function.numbers.is_some())
}

/// What an expression of `inputs` stands for: a raster, or numbers, where it is a call of a function that gives some.
pub(super) fn evaluate_whole(expression: &Expr, inputs: &Inputs) -> Evaluated<Whole> {
    if let Kind::Call(function, arguments) = &expression.inner().kind
        && let Some(numbers) = function.numbers
    {
        let mut arguments = Arguments::new(function, &expression.span, arguments, inputs);
        return numbers(&mut arguments).map(Whole::Numbers);
    }
    evaluate(expression, inputs).map(Whole::Raster)
}

/// The raster that an expression of `inputs` stands for.
pub(super) fn evaluate(expression: &Expr, inputs: &Inputs) -> Evaluated<LazyRaster> {
    match value(expression, inputs)? {
        Value::Raster(raster) => Ok(raster),
        Value::Scalar(value) => {
            Err(Complaint::new(&expression.span, format!("{value} is one value: expected a raster here")))
        }
    }
}

pub(super) fn value(expr: &Expr, inputs: &Inputs) -> Evaluated<Value> {
    let raster = match &expr.kind {
        Kind::Group(inner) => return value(inner, inputs),
        Kind::Scalar(scalar) => return Ok(Value::Scalar(*scalar)),
        Kind::Name(name) => inputs.get(name).cloned().ok_or_else(|| {
            let known: Vec<_> = inputs.keys().map(String::as_str).collect();
            unknown(name, &expr.span, &known)
        })?,
        Kind::List(_) => return Err(Complaint::new(&expr.span, "a list is only an argument, as in isin(x, [8, 9])")),
        Kind::Not(invert, input) => not(*invert, input, &expr.span, inputs)?,
        Kind::Negative(input) => match value(input, inputs)? {
            Value::Raster(raster) => operator(-raster, &expr.span)?,
            Value::Scalar(scalar) => {
                return constant(ArithmeticOp::Sub, Scalar::Int(0), scalar, &expr.span).map(Value::Scalar);
            }
        },
        Kind::Arithmetic(op, left, right) => match (value(left, inputs)?, value(right, inputs)?) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                return constant(*op, left, right, &expr.span).map(Value::Scalar);
            }
            (left, right) => {
                let combined = LazyRaster::arithmetic(*op, term(left), term(right));
                combined.map_err(|error| placed(&error, &expr.span))?
            }
        },
        Kind::Index(input, band) => evaluate(input, inputs)?.band(*band).map_err(|error| placed(&error, &expr.span))?,
        Kind::Shift(op, input, bits) => {
            let input = evaluate(input, inputs)?;
            let shifted = match op {
                Shift::Left => input.shl(*bits),
                Shift::Right => input.shr(*bits),
            };
            shifted.map_err(|error| placed(&error, &expr.span))?
        }
        Kind::Logic(op, left, right) => logic(*op, left, right, &expr.span, inputs)?,
        Kind::Compare(op, left, right) => compare(*op, left, right, &expr.span, inputs)?,
        Kind::Call(function, arguments) => {
            let mut arguments = Arguments::new(function, &expr.span, arguments, inputs);
            (function.build)(&mut arguments)?
        }
    };
    Ok(Value::Raster(raster))
}

pub(super) fn term(value: Value) -> Term {
    match value {
        Value::Raster(raster) => raster.into(),
        Value::Scalar(scalar) => scalar.into(),
    }
}

/// Arithmetic of two literals: exact of integers where that is one, else of floats.
fn constant(op: ArithmeticOp, a: Scalar, b: Scalar, place: &Span) -> Evaluated<Scalar> {
    let exact = match (op, a, b) {
        (ArithmeticOp::Add, Scalar::Int(a), Scalar::Int(b)) => a.checked_add(b),
        (ArithmeticOp::Sub, Scalar::Int(a), Scalar::Int(b)) => a.checked_sub(b),
        (ArithmeticOp::Mul, Scalar::Int(a), Scalar::Int(b)) => a.checked_mul(b),
        (ArithmeticOp::Pow, Scalar::Int(a), Scalar::Int(b)) => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        (_, Scalar::Bool(_), _) | (_, _, Scalar::Bool(_)) => {
            return Err(Complaint::new(place, "true and false are no numbers"));
        }
        _ => None,
    };
    if let Some(exact) = exact {
        return Ok(Scalar::Int(exact));
    }
    let (a, b) = (a.to_f64(), b.to_f64());
    let value = match op {
        ArithmeticOp::Add => a + b,
        ArithmeticOp::Sub => a - b,
        ArithmeticOp::Mul => a * b,
        ArithmeticOp::Div => a / b,
        ArithmeticOp::Pow => a.powf(b),
        _ => return Err(Complaint::new(place, format!("{} is for rasters: write the number", op.symbol()))),
    };
    Ok(Scalar::Float(value))
}

fn not(invert: Invert, input: &Expr, place: &Span, inputs: &Inputs) -> Evaluated<LazyRaster> {
    let operand = match invert {
        Invert::Symbol => evaluate(input, inputs)?,
        Invert::Word => condition("not", input, inputs)?,
    };
    operator(!operand, place)
}

fn logic(op: Logic, left: &Expr, right: &Expr, place: &Span, inputs: &Inputs) -> Evaluated<LazyRaster> {
    let operand = |expr: &Expr| match op.is_word() {
        true => condition(op.symbol(), expr, inputs),
        false => combined(op, expr, inputs),
    };
    let (left, right) = (operand(left)?, operand(right)?);
    let combined = match op {
        Logic::And | Logic::AndWord => left & right,
        Logic::Or | Logic::OrWord => left | right,
        Logic::Xor => left ^ right,
    };
    operator(combined, place)
}

/// An operand of `&`, `|` or `^`. A number there is mostly half of a comparison that was meant.
fn combined(op: Logic, expr: &Expr, inputs: &Inputs) -> Evaluated<LazyRaster> {
    match value(expr, inputs)? {
        Value::Raster(raster) => Ok(raster),
        Value::Scalar(_) => {
            let message = format!(
                "{0} combines rasters, not a raster and a value; it binds tighter than comparisons, as in NumPy: \
                 put those in parentheses, (a == 1) {0} (b == 2)",
                op.symbol()
            );
            Err(Complaint::new(&expr.span, message))
        }
    }
}

/// An operand of a word, which combines conditions and no bits.
pub(super) fn condition(word: &str, expr: &Expr, inputs: &Inputs) -> Evaluated<LazyRaster> {
    let raster = evaluate(expr, inputs)?;
    match raster.dtype() {
        DType::Bool => Ok(raster),
        dtype => {
            let message =
                format!("{word} takes conditions, and this is {dtype}: compare it first, for example with != 0");
            Err(Complaint::about_rasters(&expr.span, message))
        }
    }
}

fn compare(op: Compare, left: &Expr, right: &Expr, place: &Span, inputs: &Inputs) -> Evaluated<LazyRaster> {
    let (op, raster, other) = match (value(left, inputs)?, value(right, inputs)?) {
        (Value::Raster(raster), other) => (op, raster, term(other)),
        (Value::Scalar(scalar), Value::Raster(raster)) => (op.flipped(), raster, scalar.into()),
        (Value::Scalar(_), Value::Scalar(_)) => {
            return Err(Complaint::new(place, "there is no raster to compare in this"));
        }
    };
    let compared = match op {
        Compare::Lt => raster.lt(other),
        Compare::Le => raster.le(other),
        Compare::Gt => raster.gt(other),
        Compare::Ge => raster.ge(other),
        Compare::Eq => raster.eq(other),
        Compare::Ne => raster.ne(other),
    };
    compared.map_err(|error| placed(&error, place))
}

/// The result of an operator. Its error names a line of this file, and the cause below it says what matters.
fn operator(result: LazyRaster, place: &Span) -> Evaluated<LazyRaster> {
    result.check().map_err(|error| {
        let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Error>());
        placed(cause.unwrap_or(&error), place)
    })
}

pub(super) fn placed(error: &Error, place: &Span) -> Complaint {
    Complaint::about_rasters(place, error.chain())
}

/// The value of a number, or of arithmetic with numbers alone.
pub(super) fn literal(expr: &Expr) -> Option<Scalar> {
    match &expr.inner().kind {
        Kind::Scalar(value) => Some(*value),
        Kind::Negative(value) => constant(ArithmeticOp::Sub, Scalar::Int(0), literal(value)?, &expr.span).ok(),
        Kind::Arithmetic(op, left, right) => constant(*op, literal(left)?, literal(right)?, &expr.span).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::calc::parse::parse;

    fn inputs() -> Inputs {
        let scl = swath::raster([1, 8, 6], |_, y, x| (y + x) as u8).unwrap();
        let visual = swath::raster([3, 8, 6], |b, y, x| (b + y + x) as u8).unwrap().with_nodata(0).unwrap();
        let coarse = swath::raster([1, 4, 3], |_, y, _| y as i16).unwrap();
        let reflectance = swath::raster([1, 8, 6], |_, y, x| (y * x) as f32).unwrap();
        let named = [("scl", scl), ("visual", visual), ("coarse", coarse), ("refl", reflectance)];
        named.into_iter().map(|(name, raster)| (name.to_owned(), raster)).collect()
    }

    fn evaluated(source: &str) -> Evaluated<LazyRaster> {
        let inputs = inputs();
        let known: Vec<_> = inputs.keys().map(String::as_str).collect();
        let expression = parse(source)?;
        check_names(&expression, &known)?;
        evaluate(&expression, &inputs)
    }

    fn check(source: &str, expected: &str) {
        let raster = evaluated(source).unwrap_or_else(|complaint| panic!("{}", complaint.show(source)));
        assert_eq!(format!("{raster:?}"), format!("LazyRaster({expected})"), "{source}");
    }

    fn check_error(source: &str, expected: Expect) {
        expected.assert_eq(&evaluated(source).unwrap_err().show(source));
    }

    #[test]
    fn every_function_builds_its_operation() {
        check("isin(scl, [8, 9])", "isin [8, 9], [1, 8, 6] bool");
        check("isin(scl, [1, 4..7, 9..=10])", "isin [1, 4, 5, 6, 9, 10], [1, 8, 6] bool");
        check("isin(scl, [2 * 4, -(-9)])", "isin [8, 9], [1, 8, 6] bool");
        check("lookup(minimum(scl, 2), [1, 300, 0.5])", "lookup [1, 300, 0.5], [1, 8, 6] f32");
        check("lookup(scl, [0..256])", "lookup [0, 1, 2, 3, 4, 5, 6, 7, … 256 values], [1, 8, 6] u8");
        check("digitize(refl, [0, 0.5, inf])", "digitize [0, 0.5, inf], [1, 8, 6] u8");
        check(
            "reclassify(coarse, [-inf..0.5, 1..=3, 7], [1, 2, 3], nodata)",
            "lookup [1, 2, nodata, 3, nodata], [1, 4, 3] u8",
        );
        check("reclassify(refl, [0..10], [1], refl)", "if else, [1, 8, 6] f32");
        check("mask(visual, isin(scl, [8, 9]), 0)", "mask with 0, [3, 8, 6] u8");
        check("clamp(coarse, -3, 300)", "minimum 300, [1, 4, 3] i16");
        check("clamp(scl, 0, 5)", "minimum 5, [1, 8, 6] u8");
        check("hypot(refl, 3)", "hypot 3, [1, 8, 6] f32");
        check("atan2(scl, refl)", "atan2, [1, 8, 6] f32");
        check("when(scl > 4, 0, scl > 2, 1, 400)", "mask with 0, [1, 8, 6] u16");
        check("when(scl > 4, visual, 7)", "where, other 7, [3, 8, 6] u8");
        check("bits(scl, 2, 4)", "% 4, [1, 8, 6] u8");
        check("bit(coarse, 15)", "> 0, [1, 4, 3] bool");
        check("coarse << 3", "* 8, [1, 4, 3] i32");
        check("scl >> 3", "// 8, [1, 8, 6] u8");
        check("scale_offset(scl, 0.5, 1)", "+ 1, [1, 8, 6] f32");
        check("normalized_difference(scl, refl)", "/, [1, 8, 6] f32");
        check("is_nan(refl)", "!=, [1, 8, 6] bool");
        check("is_finite(refl)", "< inf, [1, 8, 6] bool");
        check("is_finite(visual)", "valid, [3, 8, 6] bool");
        check("fill_nodata(visual, 9)", "where, other 9, [3, 8, 6] u8");
        check("mask(visual, scl > 3, nodata)", "mask with 0, [3, 8, 6] u8");
        check("mask(scl, scl > 3, squeeze(scl))", "if else, [1, 8, 6] u8");
        check("where(visual, squeeze(scl) > 3, 7)", "where, other 7, [3, 8, 6] u8");
        check("if_else(scl > 3, 1, 0)", "if else, [1, 8, 6] u8");
        check("valid(visual)", "valid, [3, 8, 6] bool");
        check("cast(scl, i16)", "cast to i16, [1, 8, 6] i16");
        check("cast(refl, uint8, saturate)", "cast to u8, [1, 8, 6] u8");
        check("with_nodata(refl, nan)", "with_nodata, [1, 8, 6] f32");
        check("without_nodata(visual)", "without_nodata, [3, 8, 6] u8");
        check("squeeze(scl)", "squeeze, [8, 6] u8");
        check("band(visual, 2)", "band 2, [8, 6] u8");
        check("window(scl, 0, 4, 1, 3) >= 2", ">= 2, [1, 4, 2] bool");
        check("slice(visual, band, 0, 2) == 1", "== 1, [2, 8, 6] bool");
        check("repeat(coarse, [1, 2, 2]) == 1", "== 1, [1, 8, 6] bool");
        check("minimum(scl, 3)", "minimum 3, [1, 8, 6] u8");
        check("maximum(7, scl)", "7 maximum, [1, 8, 6] u8");
        for name in ["sqrt", "exp", "ln", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan"] {
            check(&format!("{name}(scl)"), &format!("{name}, [1, 8, 6] f32"));
        }
        for name in ["floor", "ceil", "round", "trunc"] {
            check(&format!("{name}(refl)"), &format!("{name}, [1, 8, 6] f32"));
        }
        check("sign(scl)", "sign, [1, 8, 6] u8");
        check("abs(-scl)", "abs, [1, 8, 6] u8");
        check("coarsen(visual, [3, 2, 4], mean)", "mean of coarsen 3 × 2 × 4, [1, 4, 2] f32");
        check("over(visual, band, sum)", "sum of all along band, [8, 6] u16");
        check("over(visual, band, count)", "count of all along band, [8, 6] u8");
        check("over(visual, band, std)", "standard deviation of all along band, [8, 6] f32");
        check("downsample(visual, [2, 3], average)", "downsample to 2 × 3 by average, [3, 2, 3] u8");
        check("coarsen(visual, [1, 2, 2], var)", "variance of coarsen 1 × 2 × 2, [3, 4, 3] f32");
        check("over(visual, band, median)", "median of all along band, [8, 6] f32");
        check("over(visual > 3, band, all)", "min of all along band, [8, 6] bool");
        check("focal(scl, [3, 3], mode)", "mode of focal 3 × 3, [1, 8, 6] u8");
        check("focal(visual, [3, 5], max)", "max of focal 3 × 5, [3, 8, 6] u8");
        check("rechunk(scl, [1, 4, 4])", "rechunk, [1, 8, 6] u8");
        check("stack(scl, refl)", "concat 2, [2, 8, 6] f32");
        check("stack(scl[0], refl[0])", "concat 2, [2, 8, 6] f32");
        check("stack(scl, refl, time)", "concat 2, [2, 1, 8, 6] f32");
        check("over(stack(scl, scl, scl, time), time, median)", "median of all along time, [1, 8, 6] f32");
        check("concat(scl, scl, y)", "concat 2, [1, 16, 6] u8");
        check("pad(scl, [1, 2, 3, 0], 9)", "pad, [1, 11, 9] u8");
        check("pad(visual, [0, 0, 1, 1], nodata)", "pad, [3, 8, 8] u8");
        check("pad(coarse, [0, 1, 0, 0], reflect)", "pad 2, [1, 5, 3] i16");
        check("shift(scl, -1, 2, nearest)", "shift y 1..9, x 0..6, [1, 8, 6] u8");
        check("flip(scl, y)", "flip y, [1, 8, 6] u8");
        check("step_by(scl, x, 4)", "every 4 along x, [1, 8, 2] u8");
        check("visual[1] + scl[0]", "+, [8, 6] u16");
        check("-visual[1] ** 2", "neg, [8, 6] i32");
    }

    #[test]
    fn operators_build_theirs_and_scalars_may_stand_on_either_side() {
        check("scl < 3", "< 3, [1, 8, 6] bool");
        check("3 < scl", "> 3, [1, 8, 6] bool");
        check("3 == scl", "== 3, [1, 8, 6] bool");
        check("~(scl != 3)", "not, [1, 8, 6] bool");
        check("not scl != 3", "not, [1, 8, 6] bool");
        check("(scl > 1) ^ (scl > 3)", "xor, [1, 8, 6] bool");
        check("scl > 1 and scl < 3 or scl == 5", "or, [1, 8, 6] bool");
        check("!scl", "not, [1, 8, 6] u8");
        check("scl < 2 * squeeze(scl)", "<, [1, 8, 6] bool");
        check("-scl", "neg, [1, 8, 6] i16");
        check("scl + scl", "+, [1, 8, 6] u16");
        check("1 - scl", "1 -, [1, 8, 6] i16");
        check("(1 + 2 ** 3) * scl", "9 *, [1, 8, 6] u16");
        check("scl * (1 / 4)", "* 0.25, [1, 8, 6] f32");
        check("scl // 2", "// 2, [1, 8, 6] u8");
        check("scl % -3", "% -3, [1, 8, 6] i8");
        check("scl ** 2", "** 2, [1, 8, 6] u16");
        check("(refl - scl) / (refl + scl)", "/, [1, 8, 6] f32");
    }

    #[test]
    fn what_the_library_refuses_is_marked() {
        check_error(
            "mask(visual, scl > 3, 300)",
            expect![[r#"
            column 1: cannot apply mask: fill: 300 does not fit u8, which holds 0 to 255: cast the raster to a wider dtype first
              mask(visual, scl > 3, 300)
              ^^^^^^^^^^^^^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "mask(visual, scl, 0)",
            expect![[r#"
            column 1: cannot apply mask: the condition is u8, not bool; compare it first, for example with isin or ne(0)
              mask(visual, scl, 0)
              ^^^^^^^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "mask(visual, coarse == 1, 0)",
            expect![[r#"
            column 1: cannot apply mask: the operands have 8 and 4 pixels along y, which is never broadcast; repeat([1, 2, 2]) on the second would make them meet
              mask(visual, coarse == 1, 0)
              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "(visual != 0) | (scl > 3)",
            expect![[r#"
            column 2: cannot apply !=: 0 is the raster's nodata, at which comparisons are always false; use !x.valid() to find it, or x.without_nodata() to treat it as an ordinary value
              (visual != 0) | (scl > 3)
               ^^^^^^^^^^^"#]],
        );
        check_error(
            "(scl > 3) & refl",
            expect![[r#"
            column 1: cannot apply & to f32: compare it first, for example with gt(0)
              (scl > 3) & refl
              ^^^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "scl > 3 and visual",
            expect![[r#"
            column 13: and takes conditions, and this is u8: compare it first, for example with != 0
              scl > 3 and visual
                          ^^^^^^"#]],
        );
        check_error(
            "clip_box(scl, 0, 0, 1, 1)",
            expect![[r#"
            column 1: cannot apply clip_box: the raster has no grid; set one with with_grid, or use window
              clip_box(scl, 0, 0, 1, 1)
              ^^^^^^^^^^^^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "mosaic(scl, refl)",
            expect![[r#"
                column 1: cannot apply mosaic: raster 0 has no grid; set one with with_grid
                  mosaic(scl, refl)
                  ^^^^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "scl + visual[3]",
            expect![[r#"
                column 7: cannot apply band: there is no band 3, they are counted 0 to 2
                  scl + visual[3]
                        ^^^^^^^^^"#]],
        );
        check_error(
            "band(visual, 3)",
            expect![[r#"
                column 1: cannot apply band: there is no band 3, they are counted 0 to 2
                  band(visual, 3)
                  ^^^^^^^^^^^^^^^"#]],
        );
    }

    #[test]
    fn arguments_of_the_wrong_kind_are_marked() {
        check_error(
            "isin(scl, 8)",
            expect![[r#"
            column 11: expected a list of values, as in isin(x, [values])
              isin(scl, 8)
                        ^"#]],
        );
        check_error(
            "isin(scl, [9..4])",
            expect![[r#"
            column 12: this range is empty
              isin(scl, [9..4])
                         ^^^^"#]],
        );
        check_error(
            "isin(scl, [0..1000000000])",
            expect![[r#"
            column 11: a list has at most 65536 values
              isin(scl, [0..1000000000])
                        ^^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "reclassify(scl, [0..10, 10..20], [1], 0)",
            expect![[r#"
            column 34: expected 2 values, one for each class, as in reclassify(x, [classes], [values], otherwise)
              reclassify(scl, [0..10, 10..20], [1], 0)
                                               ^^^"#]],
        );
        check_error(
            "reclassify(scl, [0..scl], [1], 0)",
            expect![[r#"
            column 21: expected a value, as in reclassify(x, [classes], [values], otherwise)
              reclassify(scl, [0..scl], [1], 0)
                                  ^^^"#]],
        );
        check_error(
            "mask(3, scl > 1, 0)",
            expect![[r#"
            column 6: 3 is one value: expected a raster here
              mask(3, scl > 1, 0)
                   ^"#]],
        );
        check_error(
            "band(visual, -1)",
            expect![[r#"
            column 14: expected an integer from 0, as in band(x, index)
              band(visual, -1)
                           ^^"#]],
        );
        check_error(
            "cast(visual, u9)",
            expect![[r#"
                column 14: expected a dtype, as in cast(x, dtype, error|saturate|wrap)
                  cast(visual, u9)
                               ^^"#]],
        );
        check_error(
            "slice(visual, error, 0, 1)",
            expect![[r#"
            column 15: expected an axis, as in slice(x, time|band|y|x, start, end)
              slice(visual, error, 0, 1)
                            ^^^^^"#]],
        );
        check_error(
            "concat(scl, scl)",
            expect![[r#"
                column 1: expected an axis at the end, as in concat(a, b, …, time|band|y|x)
                  concat(scl, scl)
                  ^^^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "stack(scl, ref1)",
            expect![[r#"
                column 12: expected band or time, as in stack(a, b, …, band|time)
                  stack(scl, ref1)
                             ^^^^"#]],
        );
        check_error(
            "stack(scl, ref1, refl)",
            expect![[r#"
                column 12: there is no input ref1; did you mean refl?
                  stack(scl, ref1, refl)
                             ^^^^"#]],
        );
        check_error(
            "pad(scl, [0, 0, 0, 0], edge)",
            expect![[r#"
                column 24: expected a value, nodata, nearest or reflect, as in pad(x, [top, bottom, left, right], value|nodata|nearest|reflect)
                  pad(scl, [0, 0, 0, 0], edge)
                                         ^^^^"#]],
        );
        check_error(
            "visual[-1]",
            expect![[r#"
                column 8: unexpected -: expected a name, a number, a function or (
                  visual[-1]
                         ^"#]],
        );
        check_error(
            "repeat(coarse, [2, 2])",
            expect![[r#"
            column 16: expected [band, y, x], as in repeat(x, [band, y, x])
              repeat(coarse, [2, 2])
                             ^^^^^^"#]],
        );
        check_error(
            "scl & 4 == 4",
            expect![[r#"
            column 7: & combines rasters, not a raster and a value; it binds tighter than comparisons, as in NumPy: put those in parentheses, (a == 1) & (b == 2)
              scl & 4 == 4
                    ^"#]],
        );
        check_error(
            "scl < coarse",
            expect![[r#"
            column 1: cannot apply <: the operands have 8 and 4 pixels along y, which is never broadcast; repeat([1, 2, 2]) on the second would make them meet
              scl < coarse
              ^^^^^^^^^^^^"#]],
        );
        check_error(
            "scl // (1 - 1)",
            expect![[r#"
            column 1: cannot apply //: the divisor is 0 everywhere
              scl // (1 - 1)
              ^^^^^^^^^^^^^^"#]],
        );
        check_error(
            "scl + true",
            expect![[r#"
            column 1: cannot apply + to a bool literal
              scl + true
              ^^^^^^^^^^"#]],
        );
        check_error(
            "7",
            expect![[r#"
            column 1: 7 is one value: expected a raster here
              7
              ^"#]],
        );
        check_error(
            "isin(scl, [8]) & vsual",
            expect![[r#"
            column 18: there is no input vsual; did you mean visual?
              isin(scl, [8]) & vsual
                               ^^^^^"#]],
        );
        check_error(
            "nodata",
            expect![[r#"
            column 1: there is no input nodata; known are coarse, refl, scl, visual
              nodata
              ^^^^^^"#]],
        );
    }
}
