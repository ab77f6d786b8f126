//! Operations pixel by pixel: `isin`, comparisons, `valid`, `cast`, and how operands meet.

use std::sync::Arc;

use super::node::{CompareOp, Node, Op, Overflow};
use super::{LazyRaster, Term, Values};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
use crate::interval::Interval;
use crate::meta::Meta;
use crate::shape::Dim;

impl LazyRaster {
    /// Whether each pixel is one of `values`: bool, without nodata; false at nodata.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// let scl = raster([1, 4, 4], |_, y, x| (y * 4 + x) as u8);
    /// let clouds = scl.isin([8, 9])?;
    /// let forest = scl.isin(4..=6)?;
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where a value is not one that the dtype can hold, or is the raster's nodata.
    #[doc(alias = "in")]
    #[track_caller]
    pub fn isin(&self, values: impl Into<Values>) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let fitted: Result<Vec<_>> =
                values.into().0.into_iter().map(|value| comparable(&node.meta, value, "isin")).collect();
            Ok(Self::build(Op::IsIn(fitted?.into()), vec![Arc::clone(node)], bool_meta(&node.meta)))
        })
    }

    /// `pixel < other`, which is a literal or another raster; false at nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([1_u8, 2, 3]).lt(2)?)?, [true, false, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    #[track_caller]
    pub fn lt(&self, other: impl Into<Term>) -> Result<Self> {
        located(|| self.compare(CompareOp::Lt, other))
    }

    /// `pixel <= other`, which is a literal or another raster; false at nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([1_u8, 2, 3]).le(2)?)?, [true, true, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    #[track_caller]
    pub fn le(&self, other: impl Into<Term>) -> Result<Self> {
        located(|| self.compare(CompareOp::Le, other))
    }

    /// `pixel > other`, which is a literal or another raster; false at nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([1_u8, 2, 3]).gt(2)?)?, [false, false, true]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    #[track_caller]
    pub fn gt(&self, other: impl Into<Term>) -> Result<Self> {
        located(|| self.compare(CompareOp::Gt, other))
    }

    /// `pixel >= other`, which is a literal or another raster; false at nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([1_u8, 2, 3]).ge(2)?)?, [false, true, true]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    #[track_caller]
    pub fn ge(&self, other: impl Into<Term>) -> Result<Self> {
        located(|| self.compare(CompareOp::Ge, other))
    }

    /// `pixel == other`, which is a literal or another raster; false at nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([1_u8, 2, 3]).eq(2)?)?, [false, true, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    #[track_caller]
    pub fn eq(&self, other: impl Into<Term>) -> Result<Self> {
        located(|| self.compare(CompareOp::Eq, other))
    }

    /// `pixel != other`, which is a literal or another raster; false at nodata.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([1_u8, 2, 3]).ne(2)?)?, [true, false, true]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    #[track_caller]
    pub fn ne(&self, other: impl Into<Term>) -> Result<Self> {
        located(|| self.compare(CompareOp::Ne, other))
    }

    pub(super) fn compare_value(&self, op: CompareOp, value: Scalar) -> Result<Self> {
        let node = self.node()?;
        let meta = &node.meta;
        let value = comparable(meta, value, op.symbol())?;
        // Without this guard a nodata of 0 would count as less than any threshold.
        let nodata = meta.nodata;
        Ok(Self::build(Op::Compare { op, value, nodata }, vec![Arc::clone(node)], bool_meta(meta)))
    }

    /// Whether each pixel is valid: not nodata, and not NaN where the raster has a nodata. All true without nodata.
    ///
    /// It knows nothing of masks and alpha bands of files: those are opened as rasters of their own (in the façade,
    /// `OpenOptions::valid`).
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// assert_eq!(pixels::<bool>(&row([7_u8, 0]).with_nodata(0)?.valid()?)?, [true, false]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// That of a failed operator before.
    #[track_caller]
    pub fn valid(&self) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let op = Op::Valid { nodata: node.meta.nodata };
            Ok(Self::build(op, vec![Arc::clone(node)], bool_meta(&node.meta)))
        })
    }

    /// Pixels as another dtype; nodata is carried over. See [`Overflow`] for values that do not fit.
    ///
    /// ```
    /// # use swath_core::dtype::DType;
    /// # use swath_core::expr::Overflow;
    /// # use swath_core::testing::{pixels, row};
    /// let wide = row([100_i16, -5, 300]);
    /// assert_eq!(pixels::<u8>(&wide.cast(DType::U8, Overflow::Saturate)?)?, [100, 0, 255]);
    /// assert_eq!(pixels::<u8>(&wide.cast(DType::U8, Overflow::Wrap)?)?, [100, 251, 44]);
    /// assert!(pixels::<u8>(&wide.cast(DType::U8, Overflow::Error)?).is_err()); // while running, naming the pixel
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where the new dtype cannot hold the nodata value, or where saturating or wrapping could give it.
    #[doc(alias = "astype")]
    #[track_caller]
    pub fn cast(&self, dtype: DType, overflow: Overflow) -> Result<Self> {
        located(|| {
            let node = self.node()?;
            let meta = &node.meta;
            let nodata = meta.nodata.map(|nodata| cast_nodata(meta, nodata, dtype, overflow)).transpose()?;
            let interval =
                if meta.interval.fits(dtype) && !dtype.is_float() { meta.interval } else { Interval::of_dtype(dtype) };
            let out = Meta { dtype, nodata, interval, ..meta.clone() };
            Ok(Self::build(Op::Cast { dtype, overflow, nodata: meta.nodata }, vec![Arc::clone(node)], out))
        })
    }
}

/// `value` as a pixel of the raster, if it may be compared with.
pub(super) fn comparable(meta: &Meta, value: Scalar, operation: &str) -> Result<Scalar> {
    let value = value.fit(meta.dtype).map_err(|error| error.while_doing(format_args!("cannot apply {operation}")))?;
    if meta.nodata.is_some() && meta.nodata == value.fit_stored(meta.dtype).ok() {
        return Err(Error::invalid(format!(
            "cannot apply {operation}: {value} is the raster's nodata, at which comparisons are always false; \
             use !x.valid() to find it, or x.without_nodata() to treat it as an ordinary value"
        )));
    }
    Ok(value)
}

pub(super) fn bool_meta(meta: &Meta) -> Meta {
    Meta { dtype: DType::Bool, nodata: None, interval: Interval::of_dtype(DType::Bool), ..meta.clone() }
}

fn cast_nodata(meta: &Meta, nodata: Scalar, dtype: DType, overflow: Overflow) -> Result<Scalar> {
    let relabel = "give it another nodata first with with_nodata, or drop it with without_nodata";
    let kept = nodata
        .fit_stored(dtype)
        .map_err(|error| error.context(format!("cannot cast to {dtype}: it cannot hold nodata {nodata}; {relabel}")))?;
    let lands = match overflow {
        Overflow::Error => false,
        _ if meta.interval.fits(dtype) || dtype.is_float() => false,
        Overflow::Wrap => true,
        Overflow::Saturate => saturation_values(meta.interval, dtype).contains(&Some(kept)),
    };
    if lands {
        return Err(Error::invalid(format!(
            "cannot cast {} to {dtype}: pixels that do not fit could become {kept}, which is nodata; {relabel}",
            meta.dtype
        )));
    }
    Ok(kept)
}

/// The values at which saturation to `dtype` can end: its least and greatest, and 0 for NaN.
fn saturation_values(interval: Interval, dtype: DType) -> [Option<Scalar>; 3] {
    let Some((least, greatest)) = dtype.integer_range() else { return [None; 3] };
    match interval {
        Interval::Integer { low, high } => {
            [(low < least).then_some(Scalar::Int(least)), (high > greatest).then_some(Scalar::Int(greatest)), None]
        }
        Interval::Float => [Some(Scalar::Int(least)), Some(Scalar::Int(greatest)), Some(Scalar::Int(0))],
    }
}

/// Axes, shape, chunks and grid of a result of operands that meet pixel by pixel.
///
/// Missing Time and Band axes, and those of length 1, are broadcast; Y and X never are.
///
/// # Errors
/// `InvalidInput` where shapes or grids differ; both grids are printed.
pub(super) fn meet(operation: &str, a: &Meta, b: &Meta) -> Result<Meta> {
    let dims = a.dims.union(b.dims);
    let mut shape = a.shape;
    for dim in Dim::ALL {
        let axis = dim.axis();
        let (left, right) = (a.shape[axis], b.shape[axis]);
        let broadcasts = matches!(dim, Dim::Time | Dim::Band);
        shape[axis] = match (left, right) {
            _ if left == right => left,
            (1, other) | (other, 1) if broadcasts => other,
            _ => return Err(shapes_differ(operation, dim, a, b)),
        };
    }
    let grid = match (&a.grid, &b.grid) {
        (Some(left), Some(right)) if !left.matches(right) => return Err(grids_differ(operation, a, b)),
        (left, right) => left.clone().or_else(|| right.clone()),
    };
    // The operand with more pixels sets the pace: its chunks are the ones that cost memory.
    let chunks = if crate::shape::volume(b.shape) > crate::shape::volume(a.shape) { b.chunks } else { a.chunks };
    let chunks = std::array::from_fn(|axis| chunks[axis].min(shape[axis]).max(1));
    Ok(Meta { dims, shape, chunks, grid, ..a.clone() })
}

fn shapes_differ(operation: &str, dim: Dim, a: &Meta, b: &Meta) -> Error {
    if a.grid.is_some() && b.grid.is_some() && matches!(dim, Dim::Y | Dim::X) {
        return grids_differ(operation, a, b);
    }
    let axis = dim.axis();
    Error::invalid(format!(
        "cannot apply {operation}: the operands have {} and {} pixels along {dim}, which is never broadcast{}",
        a.shape[axis],
        b.shape[axis],
        hint(a, b)
    ))
}

fn grids_differ(operation: &str, a: &Meta, b: &Meta) -> Error {
    let show = |meta: &Meta| meta.grid.as_ref().map_or_else(|| "no grid".to_owned(), |grid| grid.to_string());
    Error::invalid(format!("cannot apply {operation}: the grids differ: {} against {}{}", show(a), show(b), hint(a, b)))
}

/// The call that would make the operands meet.
fn hint(a: &Meta, b: &Meta) -> String {
    match (repeat_factors(a, b), repeat_factors(b, a)) {
        (Some((y, x)), _) => format!("; repeat([1, {y}, {x}]) on the second would make them meet"),
        (_, Some((y, x))) => format!("; repeat([1, {y}, {x}]) on the first would make them meet"),
        _ => {
            "; open both at one overview (Overview::Matching), or relabel one with with_grid if it is wrong".to_owned()
        }
    }
}

/// The whole factors by which the pixels of `coarse` must be repeated to lie on those of `fine`, if there are any.
fn repeat_factors(fine: &Meta, coarse: &Meta) -> Option<(usize, usize)> {
    let [_, _, rows, columns] = fine.shape;
    let [_, _, y, x] = coarse.shape;
    let whole = y > 0 && x > 0 && rows % y == 0 && columns % x == 0 && (rows, columns) != (y, x);
    let factors = whole.then(|| (rows / y, columns / x))?;
    // A window of equal pixels is smaller as well; only where grids say so is it the same ground.
    match (&fine.grid, &coarse.grid) {
        (Some(fine), Some(coarse)) => coarse.divided(factors.0, factors.1).matches(fine).then_some(factors),
        _ => Some(factors),
    }
}

/// The node of a bool raster that is to be a condition.
pub(super) fn condition<'a>(operation: &str, cond: &'a LazyRaster) -> Result<&'a Arc<Node>> {
    let node = cond.node()?;
    if node.meta.dtype != DType::Bool {
        return Err(Error::invalid(format!(
            "cannot apply {operation}: the condition is {}, not bool; compare it first, for example with isin or ne(0)",
            node.meta.dtype
        )));
    }
    Ok(node)
}
