//! The arguments of a call, one after the other, each as what its function wants.

use std::slice::Iter;

use swath::{ArithmeticOp, Fill, LazyRaster, LazyStatistics, Scalar, Summary, Term, ValueRange};

use super::ast::{Element, Expr, Kind, Span};
use super::complaint::Complaint;
use super::evaluate::{Evaluated, Inputs, NODATA, Value, condition, evaluate, literal, placed, term, value};
use super::functions::{Function, Numbers, Told};

/// The most values that a list may have when its ranges are written out.
const VALUES_MAX: usize = 65_536;

/// The arguments of a call, taken one by one in their order; the parser has counted them.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    function: &'static Function,
    call: &'a Span,
    rest: Iter<'a, Expr>,
    inputs: &'a Inputs,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(function: &'static Function, call: &'a Span, arguments: &'a [Expr], inputs: &'a Inputs) -> Self {
        Self { function, call, rest: arguments.iter(), inputs }
    }

    fn next(&mut self) -> Evaluated<&'a Expr> {
        self.rest.next().ok_or_else(|| self.expected(self.call, "more arguments"))
    }

    fn expected(&self, place: &Span, wanted: &str) -> Complaint {
        Complaint::new(place, format!("expected {wanted}, as in {}", self.function.usage))
    }

    pub(super) fn raster(&mut self) -> Evaluated<LazyRaster> {
        evaluate(self.next()?, self.inputs)
    }

    pub(super) fn scalar(&mut self) -> Evaluated<Scalar> {
        let expr = self.next()?;
        literal(expr).ok_or_else(|| self.expected(&expr.span, "a value"))
    }

    /// A raster, a value, or `nodata` where no input has this name.
    pub(super) fn fill(&mut self) -> Evaluated<Fill> {
        let expr = self.next()?;
        if let Kind::Name(name) = &expr.kind
            && name == NODATA
            && !self.inputs.contains_key(name)
        {
            return Ok(Fill::Nodata);
        }
        Ok(match value(expr, self.inputs)? {
            Value::Raster(raster) => Fill::Raster(raster),
            Value::Scalar(scalar) => Fill::Value(scalar),
        })
    }

    /// Rasters, and behind them one of the words that `read` knows, if there is one; a raster of such a name is a raster.
    pub(super) fn rasters_and_word<T>(
        &mut self,
        what: &str,
        read: fn(&str) -> Option<T>,
    ) -> Evaluated<(Vec<LazyRaster>, Option<T>)> {
        let mut rasters = Vec::new();
        while let [expr, rest @ ..] = self.rest.as_slice() {
            match &expr.kind {
                Kind::Name(name) if rest.is_empty() && !rasters.is_empty() && !self.inputs.contains_key(name) => {
                    return Ok((rasters, Some(self.word(what, read)?)));
                }
                _ => rasters.push(self.raster()?),
            }
        }
        Ok((rasters, None))
    }

    /// One of the words that `read` knows, or a value.
    pub(super) fn word_or_scalar<T>(
        &mut self,
        what: &str,
        read: fn(&str) -> Option<T>,
    ) -> Evaluated<Result<T, Scalar>> {
        let expr = self.next()?;
        let told = match &expr.kind {
            Kind::Name(name) => read(name).map(Ok),
            _ => literal(expr).map(Err),
        };
        told.ok_or_else(|| self.expected(&expr.span, what))
    }

    /// An integer of either sign.
    pub(super) fn offset(&mut self) -> Evaluated<isize> {
        let expr = self.next()?;
        let integer = literal(expr).and_then(Scalar::to_integer).and_then(|value| isize::try_from(value).ok());
        integer.ok_or_else(|| self.expected(&expr.span, "an integer"))
    }

    /// Something is missing behind the arguments.
    pub(super) fn lacks(&self, wanted: &str) -> Complaint {
        self.expected(self.call, wanted)
    }

    /// Two operands, each a raster or a value, put together.
    pub(super) fn arithmetic(&mut self, op: ArithmeticOp) -> Evaluated<LazyRaster> {
        let (a, b) = (value(self.next()?, self.inputs)?, value(self.next()?, self.inputs)?);
        self.finish(LazyRaster::arithmetic(op, term(a), term(b)))
    }

    /// A function of one raster.
    pub(super) fn function(&mut self, function: fn(&LazyRaster) -> swath::Result<LazyRaster>) -> Evaluated<LazyRaster> {
        let raster = self.raster()?;
        self.finish(function(&raster))
    }

    /// A raster or a number.
    pub(super) fn term(&mut self) -> Evaluated<Term> {
        Ok(term(value(self.next()?, self.inputs)?))
    }

    /// The place of a bit.
    pub(super) fn bit(&mut self) -> Evaluated<u32> {
        self.index().map(|index| u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// How many arguments were not taken yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// One number of each band.
    pub(super) fn one(&mut self, one: fn(&Summary) -> Option<Scalar>) -> Evaluated<Numbers> {
        let raster = self.raster()?;
        Ok(Numbers { statistics: self.finish(raster.statistics())?, told: Told::One(one) })
    }

    /// One number of each band, for which values must be counted.
    pub(super) fn counted(&mut self, one: fn(&Summary) -> Option<Scalar>) -> Evaluated<Numbers> {
        Ok(Numbers { statistics: self.counted_statistics()?, told: Told::One(one) })
    }

    pub(super) fn counted_statistics(&mut self) -> Evaluated<LazyStatistics> {
        let raster = self.raster()?;
        self.finish(raster.statistics().and_then(LazyStatistics::value_counts))
    }

    /// A bool of each band of bools.
    pub(super) fn of_bools(&mut self, one: fn(&Summary) -> Option<Scalar>) -> Evaluated<Numbers> {
        let expr = self.next()?;
        let raster = condition(self.function.name, expr, self.inputs)?;
        Ok(Numbers { statistics: self.finish(raster.statistics())?, told: Told::One(one) })
    }

    /// A place in each band.
    pub(super) fn place(&mut self, place: fn(&Summary) -> Option<[usize; 2]>) -> Evaluated<Numbers> {
        let raster = self.raster()?;
        let statistics = raster.statistics().and_then(LazyStatistics::places);
        Ok(Numbers { statistics: self.finish(statistics)?, told: Told::Place(place) })
    }

    /// Numbers are wanted where only a raster can be.
    pub(super) fn alone(&self) -> Complaint {
        let name = self.function.name;
        Complaint::new(
            self.call,
            format!(
                "{name} gives numbers, not a raster: it can only be all of an expression; of windows there are coarsen, focal and over"
            ),
        )
    }

    pub(super) fn index(&mut self) -> Evaluated<usize> {
        let expr = self.next()?;
        self.count(expr)
    }

    fn count(&self, expr: &Expr) -> Evaluated<usize> {
        let integer = literal(expr).and_then(Scalar::to_integer).and_then(|value| usize::try_from(value).ok());
        integer.ok_or_else(|| self.expected(&expr.span, "an integer from 0"))
    }

    pub(super) fn number(&mut self) -> Evaluated<f64> {
        let expr = self.next()?;
        match literal(expr) {
            Some(value @ (Scalar::Int(_) | Scalar::Float(_))) => Ok(value.to_f64()),
            _ => Err(self.expected(&expr.span, "a number")),
        }
    }

    /// Whether a value comes next.
    pub(super) fn is_literal_next(&self) -> bool {
        self.rest.as_slice().first().is_some_and(|expr| literal(expr).is_some())
    }

    /// A list of lists of numbers.
    pub(super) fn rows(&mut self) -> Evaluated<Vec<Vec<f64>>> {
        let (_, rows) = self.list("a list of rows")?;
        let numbers = |row: &Element| match (&row.first.inner().kind, &row.last) {
            (Kind::List(numbers), None) => numbers.iter().map(|number| self.weight(number)).collect(),
            _ => Err(self.expected(&row.first.span, "a row, [1, 2, 1]")),
        };
        rows.iter().map(numbers).collect()
    }

    fn weight(&self, number: &Element) -> Evaluated<f64> {
        match (literal(&number.first), &number.last) {
            (Some(value @ (Scalar::Int(_) | Scalar::Float(_))), None) => Ok(value.to_f64()),
            _ => Err(self.expected(&number.first.span, "a number")),
        }
    }

    /// A list of values, its ranges written out.
    pub(super) fn values(&mut self) -> Evaluated<Vec<Scalar>> {
        let (place, elements) = self.list("a list of values")?;
        let mut values = Vec::new();
        for Element { first, last } in elements {
            match last {
                None => values.push(literal(first).ok_or_else(|| self.expected(&first.span, "a value"))?),
                Some((last, inclusive)) => values.extend(range(first, last, *inclusive)?),
            }
            if values.len() > VALUES_MAX {
                return Err(Complaint::new(place, format!("a list has at most {VALUES_MAX} values")));
            }
        }
        Ok(values)
    }

    /// A list of values and ranges, and one with a new value for each.
    pub(super) fn classes(&mut self) -> Evaluated<Vec<(ValueRange, Scalar)>> {
        let (_, elements) = self.list("a list of values and ranges")?;
        let end = |expr: &Expr| literal(expr).ok_or_else(|| self.expected(&expr.span, "a value"));
        let class = |Element { first, last }: &Element| {
            Ok(match last {
                None => ValueRange::from(end(first)?),
                Some((last, false)) => ValueRange::from(end(first)?..end(last)?),
                Some((last, true)) => ValueRange::from(end(first)?..=end(last)?),
            })
        };
        let ranges: Vec<_> = elements.iter().map(class).collect::<Evaluated<_>>()?;
        let place = self.rest.as_slice().first().map_or(self.call, |expr| &expr.span);
        let values = self.values()?;
        match ranges.len() == values.len() {
            true => Ok(ranges.into_iter().zip(values).collect()),
            false => Err(self.expected(place, &format!("{} values, one for each class", ranges.len()))),
        }
    }

    /// A list of integers from 0.
    pub(super) fn lengths(&mut self) -> Evaluated<Vec<usize>> {
        let (_, elements) = self.list("a list of integers")?;
        let one = |element: &Element| match element {
            Element { first, last: None } => self.count(first),
            Element { first, .. } => Err(self.expected(&first.span, "an integer, no range")),
        };
        elements.iter().map(one).collect()
    }

    /// A list of as many integers as `N`.
    pub(super) fn lengths_of<const N: usize>(&mut self, wanted: &str) -> Evaluated<[usize; N]> {
        let place = self.rest.as_slice().first().map_or(self.call, |expr| &expr.span);
        self.lengths()?.try_into().map_err(|_| self.expected(place, wanted))
    }

    fn list(&mut self, wanted: &str) -> Evaluated<(&'a Span, &'a [Element])> {
        let expr = self.next()?;
        match &expr.inner().kind {
            Kind::List(elements) => Ok((&expr.span, elements)),
            _ => Err(self.expected(&expr.span, wanted)),
        }
    }

    /// One of the words that `read` knows.
    pub(super) fn word<T>(&mut self, what: &str, read: fn(&str) -> Option<T>) -> Evaluated<T> {
        let expr = self.next()?;
        let word = match &expr.kind {
            Kind::Name(name) => read(name),
            _ => None,
        };
        word.ok_or_else(|| self.expected(&expr.span, what))
    }

    pub(super) fn optional_word<T>(&mut self, what: &str, read: fn(&str) -> Option<T>) -> Evaluated<Option<T>> {
        if self.rest.len() == 0 { Ok(None) } else { self.word(what, read).map(Some) }
    }

    /// What the library made of the arguments.
    pub(super) fn finish<T>(&self, result: swath::Result<T>) -> Evaluated<T> {
        result.map_err(|error| placed(&error, self.call))
    }
}

/// The integers of a range; of a long one only so many that the list is refused.
fn range(first: &Expr, last: &Expr, inclusive: bool) -> Evaluated<impl Iterator<Item = Scalar> + use<>> {
    let end = |expr: &Expr| {
        let integer = literal(expr).and_then(Scalar::to_integer);
        integer.ok_or_else(|| Complaint::new(&expr.span, "ranges are of integers"))
    };
    let range = end(first)?..end(last)?.saturating_add(i128::from(inclusive));
    if range.is_empty() {
        return Err(Complaint::new(&(first.span.start..last.span.end), "this range is empty"));
    }
    Ok(range.take(VALUES_MAX + 1).map(Scalar::Int))
}
