//! Selection: `mask`, `where_`, `if_else`. The condition decides alone.

use std::sync::Arc;

use super::LazyRaster;
use super::elementwise::{condition, meet};
use super::node::{Node, Op, Operand, Overflow, list};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, located};
use crate::interval::Interval;
use crate::meta::Meta;

/// What a selection puts where pixels are not kept: a literal, another raster, or nodata by name.
#[derive(Debug, Clone)]
pub enum Fill {
    /// One value.
    Value(Scalar),
    /// The raster's nodata.
    Nodata,
    /// The pixels of another raster.
    Raster(LazyRaster),
}

impl<T: Into<Scalar>> From<T> for Fill {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

impl From<&LazyRaster> for Fill {
    fn from(raster: &LazyRaster) -> Self {
        Self::Raster(raster.clone())
    }
}

impl From<LazyRaster> for Fill {
    fn from(raster: LazyRaster) -> Self {
        Self::Raster(raster)
    }
}

impl LazyRaster {
    /// This raster with `fill` where `cond` is true; dtype and nodata stay.
    ///
    /// A fill equal to nodata makes those pixels nodata; [`Fill::Nodata`] says so by name.
    ///
    /// ```
    /// # use swath_core::testing::raster;
    /// let visual = raster([3, 4, 4], |b, y, x| (b + y + x) as u8);
    /// let clouds = raster([1, 4, 4], |_, y, _| y as u8).squeeze()?.ge(2)?;
    /// let masked = visual.mask(&clouds, 0)?;
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` where `cond` is not bool, shapes or grids differ, the fill is not a value of the dtype, or
    /// another raster's pixels do not fit the dtype or could be taken for nodata.
    #[track_caller]
    pub fn mask(&self, cond: &Self, fill: impl Into<Fill>) -> Result<Self> {
        located(|| self.replace_where("mask", cond, fill.into(), true))
    }

    /// This raster where `cond` is true, `other` elsewhere, as xarray's `where`; dtype and nodata stay.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let (x, is_bright) = (row([1_u8, 200]), row([false, true]));
    /// assert_eq!(pixels::<u8>(&x.where_(&is_bright, 0)?)?, [0, 200]); // as xarray's where
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mask`](Self::mask).
    #[doc(alias = "where")]
    #[track_caller]
    pub fn where_(&self, cond: &Self, other: impl Into<Fill>) -> Result<Self> {
        located(|| self.replace_where("where_", cond, other.into(), false))
    }

    /// `a` where this bool raster is true, `b` elsewhere.
    ///
    /// Of two rasters the dtype is the smallest that holds the pixels of both, and the nodata that of `a`, to which that
    /// of `b` is translated. Beside one raster a literal must be a value of its dtype, and the nodata is the raster's.
    ///
    /// ```
    /// # use swath_core::testing::{pixels, row};
    /// let (day, night) = (row([10_u8, 20]), row([1_u16, 2]));
    /// assert_eq!(pixels::<u16>(&row([true, false]).if_else(&day, &night)?)?, [10, 2]);
    /// # Ok::<(), swath_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mask`](Self::mask); also where no dtype holds both.
    #[track_caller]
    pub fn if_else(&self, a: impl Into<Fill>, b: impl Into<Fill>) -> Result<Self> {
        located(|| {
            condition("if_else", self)?;
            match (a.into(), b.into()) {
                (Fill::Raster(a), Fill::Raster(b)) => {
                    let dtype = common_dtype("if_else", &[a.meta()?, b.meta()?])?;
                    let (a, b) = (a.widened(dtype)?, b.widened(dtype)?);
                    a.replace_where("if_else", self, Fill::Raster(b), false)
                }
                (Fill::Raster(a), fill) => a.replace_where("if_else", self, fill, false),
                (fill, Fill::Raster(b)) => b.replace_where("if_else", self, fill, true),
                (Fill::Value(a), Fill::Value(b)) => self.if_else_of(literals_dtype("if_else", &[a, b])?, a, b),
                _ => Err(Error::invalid("cannot apply if_else: neither branch is a raster that has a nodata value")),
            }
        })
    }

    /// `a` where this is true, else `b`, both of which are values of the dtype.
    pub(super) fn if_else_of(&self, dtype: DType, a: Scalar, b: Scalar) -> Result<Self> {
        let cond = condition("if_else", self)?;
        let (a, b) = (a.fit(dtype)?, b.fit(dtype)?);
        let interval = match dtype {
            DType::Bool => Interval::of_dtype(dtype),
            _ => Interval::of_scalar(a).union(Interval::of_scalar(b)),
        };
        let meta = Meta { dtype, interval, nodata: None, ..cond.meta.clone() };
        let op = Op::Select { yes: Operand::Constant(a), no: Operand::Constant(b) };
        Ok(Self::build(op, vec![Arc::clone(cond)], meta))
    }

    fn replace_where(&self, operation: &str, cond: &Self, fill: Fill, when: bool) -> Result<Self> {
        let (node, cond) = (self.node()?, condition(operation, cond)?);
        let mut meta = meet(operation, &node.meta, &cond.meta)?;
        let kept = Operand::Input(1);
        let (other, inputs) = match fill {
            Fill::Value(value) => {
                let value = fit_fill(operation, value, &node.meta)?;
                if node.meta.nodata != Some(value) {
                    meta.interval = meta.interval.union(match node.meta.dtype.is_float() {
                        true => Interval::Float,
                        false => Interval::of_scalar(value),
                    });
                }
                (Operand::Constant(value), vec![Arc::clone(cond), Arc::clone(node)])
            }
            Fill::Nodata => {
                let nodata = node.meta.nodata.ok_or_else(|| {
                    Error::invalid(format!(
                        "cannot apply {operation}: the raster has no nodata; set one with with_nodata"
                    ))
                })?;
                (Operand::Constant(nodata), vec![Arc::clone(cond), Arc::clone(node)])
            }
            Fill::Raster(other) => {
                meta = meet(operation, &meta, other.meta()?)?;
                let other = fit_raster(operation, &node.meta, &other)?;
                meta.interval = meta.interval.union(other.meta.interval);
                (Operand::Input(2), vec![Arc::clone(cond), Arc::clone(node), other])
            }
        };
        meta.dtype = node.meta.dtype;
        meta.nodata = node.meta.nodata;
        let op = match when {
            true => Op::Select { yes: other, no: kept },
            false => Op::Select { yes: kept, no: other },
        };
        Ok(Self::build(op, inputs, meta))
    }

    pub(super) fn widened(self, dtype: DType) -> Result<Self> {
        if self.meta()?.dtype == dtype { Ok(self) } else { self.cast(dtype, Overflow::Error) }
    }
}

fn fit_fill(operation: &str, value: Scalar, meta: &Meta) -> Result<Scalar> {
    value.fit(meta.dtype).map_err(|error| error.while_doing(format_args!("cannot apply {operation}: fill")))
}

/// The other raster with the dtype and nodata of the first.
pub(super) fn fit_raster(operation: &str, first: &Meta, other: &LazyRaster) -> Result<Arc<Node>> {
    let meta = other.meta()?;
    if meta.dtype != first.dtype && !(meta.interval.fits(first.dtype) && meta.dtype != DType::Bool) {
        return Err(Error::invalid(format!(
            "cannot apply {operation}: pixels of {} with values in {} do not fit {}; cast one of them first",
            meta.dtype, meta.interval, first.dtype
        )));
    }
    let same_nodata = first.nodata == meta.nodata;
    match (first.nodata, meta.nodata) {
        (None, Some(nodata)) => {
            return Err(Error::invalid(format!(
                "cannot apply {operation}: the other raster has nodata {nodata}, the first has none; \
                 set one with with_nodata, or drop it with without_nodata"
            )));
        }
        (Some(nodata), _) if !same_nodata && meta.interval.holds(nodata) => {
            return Err(Error::invalid(format!(
                "cannot apply {operation}: pixels of the other raster can have the value {nodata}, which is nodata here; \
                 where it is meant as an ordinary value, drop nodata here with without_nodata"
            )));
        }
        _ => {}
    }
    let translated = match (first.nodata, meta.nodata) {
        (Some(to), Some(from)) if !same_nodata => translate(other, from, to, first.dtype)?,
        _ => other.clone(),
    };
    Ok(Arc::clone(translated.widened(first.dtype)?.node()?))
}

/// `other` as `dtype`, its nodata `from` moved to `to`.
fn translate(other: &LazyRaster, from: Scalar, to: Scalar, dtype: DType) -> Result<LazyRaster> {
    let interval = other.meta()?.interval;
    let (op, inputs) = match (from.fit(dtype), interval) {
        // No pixel of the dtype can be `from`: a value that the others have stands for it while they are cast.
        (Err(_), Interval::Integer { low, .. }) => {
            let cast = other.fill_nodata(Scalar::Int(low))?.widened(dtype)?;
            let op = Op::Select { yes: Operand::Input(1), no: Operand::Constant(to) };
            (op, vec![Arc::clone(other.valid()?.node()?), Arc::clone(cast.node()?)])
        }
        (from, _) => {
            let plain = other.without_nodata()?.widened(dtype)?;
            (Op::Replace { from: from?, to }, vec![Arc::clone(plain.node()?)])
        }
    };
    let meta = Meta { dtype, nodata: Some(to), interval, ..other.meta()?.clone() };
    Ok(LazyRaster::build(op, inputs, meta))
}

/// The dtype of all, or the smallest that holds the pixels of each.
pub(super) fn common_dtype(operation: &str, metas: &[&Meta]) -> Result<DType> {
    let mut dtypes: Vec<_> = metas.iter().map(|meta| meta.dtype).collect();
    dtypes.dedup();
    if let [dtype] = dtypes[..] {
        return Ok(dtype);
    }
    let fits = |dtype: DType| metas.iter().all(|meta| meta.dtype == dtype || meta.interval.fits(dtype));
    let numbers = DType::ALL.iter().copied().filter(|dtype| *dtype != DType::Bool);
    let holding = if dtypes.contains(&DType::Bool) { None } else { numbers.into_iter().find(|dtype| fits(*dtype)) };
    holding.ok_or_else(|| {
        let names: Vec<_> = dtypes.iter().map(DType::to_string).collect();
        Error::invalid(format!(
            "cannot apply {operation}: no dtype holds the pixels of all of {}; cast some",
            names.join(", ")
        ))
    })
}

/// The smallest dtype that holds all of these, and they as its values.
pub(super) fn common_literals(operation: &str, values: &[Scalar]) -> Result<(DType, Vec<Scalar>)> {
    let dtype = literals_dtype(operation, values)?;
    Ok((dtype, values.iter().map(|value| value.fit(dtype)).collect::<Result<_>>()?))
}

/// The first dtype that holds all of them.
pub(super) fn literals_dtype(operation: &str, literals: &[Scalar]) -> Result<DType> {
    let holds_all = |dtype: &DType| literals.iter().all(|literal| literal.fit(*dtype).is_ok());
    DType::ALL.iter().copied().find(holds_all).ok_or_else(|| {
        let values = list(literals.iter().map(Scalar::to_string));
        Error::invalid(format!("cannot apply {operation}: no dtype holds all of {values}"))
    })
}
