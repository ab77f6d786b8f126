//! What operations give, row by row of docs/semantics.md: dtype, nodata, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use swath::{Affine, Compute, DType, Dim, Fill, Grid, LazyRaster, Overflow, Resampling, Run, Scalar, ValueRange};

fn row<T: swath::Pixel>(pixels: &[T]) -> LazyRaster {
    swath::raster([1, 1, pixels.len()], |_, _, x| pixels[x]).unwrap()
}

#[track_caller]
fn gives<T: swath::Pixel>(raster: &LazyRaster, expected: &[T]) {
    let computed = raster.compute().unwrap();
    let pixels = computed.data().as_slice::<T>().unwrap();
    let is_same = |(a, b): (&T, &T)| a == b || a.is_nan() && b.is_nan();
    assert!(pixels.len() == expected.len() && pixels.iter().zip(expected).all(is_same), "{pixels:?}, not {expected:?}");
}

#[track_caller]
fn refused<T>(result: swath::Result<T>, words: &[&str]) {
    let Err(error) = result else { panic!("this should be refused, naming {words:?}") };
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is missing from: {error}");
    }
}

#[test]
fn mask_replaces_where_true_and_where_keeps() {
    let raster = row(&[1u8, 2, 3]);
    let cond = raster.ge(2).unwrap();
    gives(&raster.mask(&cond, 9).unwrap(), &[1u8, 9, 9]);
    gives(&raster.where_(&cond, 9).unwrap(), &[9u8, 2, 3]);
    gives(&cond.if_else(1, 0).unwrap(), &[0u8, 1, 1]);
    gives(&cond.if_else(-1, 300).unwrap(), &[300i16, -1, -1]);
}

#[test]
fn a_selection_keeps_dtype_and_nodata() {
    let raster = row(&[1i16, 2, -9999]).with_nodata(-9999).unwrap();
    let masked = raster.mask(&raster.gt(1).unwrap(), Fill::Nodata).unwrap();
    assert_eq!((masked.dtype(), masked.nodata()), (DType::I16, Some(Scalar::Int(-9999))));
    gives(&masked, &[1i16, -9999, -9999]);
}

#[test]
fn another_rasters_nodata_is_translated() {
    let a = row(&[1i16, 2, 3]).with_nodata(-1).unwrap();
    let b = row(&[7u8, 0, 9]).with_nodata(0).unwrap();
    let cond = row(&[true, true, false]);
    gives(&a.mask(&cond, &b).unwrap(), &[7i16, -1, 3]);
    let either = cond.if_else(&b, &a);
    refused(either, &["nodata here", "without_nodata"]);
}

#[test]
fn a_raster_whose_pixels_could_be_taken_for_nodata_is_refused() {
    let a = row(&[1u8, 2]).with_nodata(0).unwrap();
    let cond = row(&[true, false]);
    refused(a.mask(&cond, row(&[5u8, 6])), &["value 0", "nodata here"]);
    refused(row(&[1u8, 2]).mask(&cond, &a), &["nodata 0", "the first has none"]);
}

#[test]
fn comparisons_are_false_at_nodata_and_naming_it_is_refused() {
    let raster = row(&[0u8, 1, 2]).with_nodata(0).unwrap();
    gives(&raster.lt(2).unwrap(), &[false, true, false]);
    gives(&raster.ne(2).unwrap(), &[false, true, false]);
    gives(&raster.valid().unwrap(), &[false, true, true]);
    refused(raster.isin([0, 1]), &["isin", "nodata", "valid()"]);
    refused(raster.eq(0), &["==", "without_nodata"]);
}

#[test]
fn nan_is_nodata_where_there_is_a_nodata() {
    let raster = row(&[f32::NAN, 1.0, -1.0]);
    gives(&raster.valid().unwrap(), &[true, true, true]);
    let raster = raster.with_nodata(-1).unwrap();
    gives(&raster.valid().unwrap(), &[false, true, false]);
}

#[test]
fn values_of_an_isin_come_from_arrays_and_ranges() {
    let raster = row(&[3u16, 4, 5, 6]);
    gives(&raster.isin(4..=5).unwrap(), &[false, true, true, false]);
    gives(&raster.isin(vec![3, 6]).unwrap(), &[true, false, false, true]);
    gives(&raster.isin([0u8; 0]).unwrap(), &[false; 4]);
    refused(raster.isin([70_000]), &["70000", "u16"]);
}

#[test]
fn casts_keep_nodata_or_are_refused() {
    let raster = row(&[1i16, 300, -1]).with_nodata(-1).unwrap();
    refused(raster.cast(DType::U8, Overflow::Saturate), &["cannot hold nodata -1", "with_nodata"]);
    let zero = row(&[1i16, 300, 0]).with_nodata(0).unwrap();
    refused(zero.cast(DType::U8, Overflow::Saturate), &["could become 0", "nodata"]);
    refused(zero.cast(DType::U8, Overflow::Wrap), &["could become 0"]);
    refused(zero.cast(DType::U8, Overflow::Error).unwrap().compute(), &["300", "column 1"]);
    let fits = row(&[1u8, 0]).with_nodata(0).unwrap().cast(DType::F32, Overflow::Error).unwrap();
    assert_eq!(fits.nodata(), Some(Scalar::Int(0)));
    gives(&fits, &[1f32, 0.0]);
}

#[test]
fn a_valid_pixel_that_would_become_nodata_fails_the_run() {
    let raster = row(&[0f32, 0.4]).with_nodata(0).unwrap();
    let cast = raster.cast(DType::U8, Overflow::Error).unwrap();
    refused(cast.compute(), &["column 1", "0.4", "would become nodata"]);
}

#[test]
fn bits_are_combined_of_integers_and_logic_of_bools() {
    let (a, b) = (row(&[0b1100u8]), row(&[0b1010u8]));
    gives(&(&a & &b), &[0b1000u8]);
    gives(&(&a | &b), &[0b1110u8]);
    gives(&(&a ^ &b), &[0b0110u8]);
    gives(&!&a, &[0b1111_0011u8]);
    gives(&!row(&[true]), &[false]);
    refused((row(&[1f32]) & row(&[1f32])).check(), &["f32", "semantics.rs:"]);
    refused((!a.with_nodata(0).unwrap()).check(), &["bits of a raster with nodata 0"]);
}

#[test]
fn operands_broadcast_along_bands_but_never_along_rows() {
    let three = swath::raster([3, 2, 2], |b, _, _| b as u8).unwrap();
    let one = swath::raster([1, 2, 2], |_, y, _| y == 0).unwrap();
    gives(&three.mask(&one, 9).unwrap(), &[9u8, 9, 0, 0, 9, 9, 1, 1, 9, 9, 2, 2]);
    gives(&three.mask(&one.squeeze().unwrap(), 9).unwrap().band(2).unwrap(), &[9u8, 9, 2, 2]);
    refused(three.mask(&swath::raster([2, 2, 2], |_, _, _| true).unwrap(), 0), &["band", "3 and 2"]);
    refused(three.mask(&swath::raster([1, 1, 2], |_, _, _| true).unwrap(), 0), &["along y"]);
}

#[test]
fn parts_are_checked_and_the_grid_follows() {
    let raster = swath::raster([2, 4, 5], |b, y, x| (b * 100 + y * 10 + x) as u8).unwrap();
    let grid = Grid { crs: None, affine: Affine::north_up(100.0, 50.0, 2.0, 2.0), width: 5, height: 4 };
    let raster = raster.with_grid(grid).unwrap();
    let window = raster.window(1..3, 2..4).unwrap();
    gives(&window.band(1).unwrap(), &[112u8, 113, 122, 123]);
    let affine = window.grid().unwrap().affine;
    assert_eq!((affine.c, affine.f), (104.0, 48.0));
    gives(&raster.clip_box(104.5, 44.0, 107.9, 47.9).unwrap().band(1).unwrap(), &[112u8, 113, 122, 123]);
    refused(raster.window(1..9, 0..2), &["window", "y 1..9", "0..4"]);
    refused(raster.band(2), &["no band 2", "0 to 1"]);
    refused(raster.slice(Dim::Time, 0..1), &["no time axis"]);
    refused(raster.clip_box(0.0, 0.0, 1.0, 1.0), &["does not meet"]);
    refused(raster.rechunk(&[1, 0, 5]), &["rechunk"]);
    refused(raster.repeat([1, 0, 1]), &["factor is 0"]);
    let other = Grid { crs: None, affine: Affine::north_up(0.0, 0.0, 1.0, 1.0), width: 9, height: 9 };
    refused(raster.with_grid(other), &["9 × 9", "5 × 4"]);
}

#[test]
fn integers_have_the_smallest_dtype_that_holds_every_result() {
    let bytes = row(&[0u8, 7, 255]);
    let words = row(&[65_535u16, 0, 9]);
    gives(&(&bytes + &bytes), &[0u16, 14, 510]);
    gives(&(&words - &words), &[0i32, 0, 0]);
    gives(&(&bytes - &words), &[-65_535i32, 7, 246]);
    gives(&(&words * &bytes), &[0u32, 0, 2295]);
    gives(&(&bytes % 10), &[0u8, 7, 5]);
    gives(&bytes.floor_div(-2).unwrap(), &[0i8, -4, -128]);
    gives(&(-&bytes), &[0i16, -7, -255]);
    gives(&bytes.pow(2).unwrap(), &[0u16, 49, 65_025]);
    gives(&bytes.minimum(&words).unwrap(), &[0u8, 0, 9]);
    gives(&bytes.maximum(-1).unwrap(), &[0u8, 7, 255]);
    gives(&(300 - &bytes), &[300u16, 293, 45]);
    // A condition counts.
    gives(&(bytes.gt(0).unwrap() + words.gt(0).unwrap()), &[1u8, 1, 2]);
    let large = row(&[u64::MAX]);
    refused(large.add(&large), &["cannot apply +", "64 bits", "cast an operand to F64"]);
    refused(large.neg(), &["cannot apply neg", "64 bits"]);
    refused(bytes.floor_div(0), &["divisor is 0"]);
    refused(bytes.add(true), &["bool literal"]);
    refused(LazyRaster::arithmetic(swath::ArithmeticOp::Add, 1, 2), &["two literals"]);
    let failed = &large * &large;
    assert!(failed.check().unwrap_err().to_string().contains("tests/semantics.rs"), "an operator names its line");
}

#[test]
fn quotients_and_functions_are_floats_as_wide_as_their_values() {
    let bytes = row(&[1u8, 4, 0]);
    gives(&(&bytes / 2), &[0.5f32, 2.0, 0.0]);
    gives(&(1 / &bytes), &[1.0f32, 0.25, f32::INFINITY]);
    gives(&(&bytes * 0.5), &[0.5f32, 2.0, 0.0]);
    gives(&bytes.sqrt().unwrap(), &[1.0f32, 2.0, 0.0]);
    let wide = row(&[1u32 << 31, 3]);
    gives(&(&wide / 2), &[f64::from(1u32 << 30), 1.5]);
    gives(&(&wide * 0.5), &[f64::from(1u32 << 30), 1.5]);
    let floats = row(&[-1.5f32, 2.5, -0.0, f32::INFINITY]);
    gives(&floats.round().unwrap(), &[-2.0f32, 2.0, -0.0, f32::INFINITY]);
    gives(&floats.floor_div(2).unwrap(), &[-1.0f32, 1.0, -0.0, f32::NAN]);
    gives(&(&floats % 2), &[0.5f32, 0.5, 0.0, f32::NAN]);
    gives(&floats.sign().unwrap(), &[-1.0f32, 1.0, -0.0, 1.0]);
    // The index that wraps around in u16: -0.5 here, and no cast is needed.
    let band = |value: u16| row(&[value]);
    gives(&((band(100) - band(300)) / (band(100) + band(300))), &[-0.5f32]);
}

#[test]
fn arithmetic_keeps_nodata_or_finds_a_value_for_it() {
    let of = |pixels: [u8; 4], nodata: u8| row(&pixels).with_nodata(nodata).unwrap();
    let (a, b) = (of([0, 1, 5, 255], 0), of([9, 255, 3, 255], 255));
    // Sums lie within 1 to 509: the left operand's 0 is free.
    let sum = &a + &b;
    assert_eq!(sum.nodata(), Some(Scalar::from(0)));
    gives(&sum, &[0u16, 0, 8, 0]);
    // Differences can be 0: the least value of the dtype is taken.
    let difference = &a - &b;
    assert_eq!(difference.nodata(), Some(Scalar::from(i16::MIN)));
    gives(&difference, &[i16::MIN, i16::MIN, 2, i16::MIN]);
    // All values of u8 are results: the dtype is widened.
    let greater = a.maximum(of([9, 7, 3, 0], 100)).unwrap();
    assert_eq!((greater.dtype(), greater.nodata()), (DType::U8, Some(Scalar::from(0))));
    let same = of([1, 2, 3, 4], 100).minimum(300).unwrap();
    assert_eq!((same.dtype(), same.nodata()), (DType::U16, Some(Scalar::from(u16::MAX))));
    // Floats have NaN, which counts as nodata.
    let ratio = &a / &b;
    assert!(ratio.nodata().unwrap().is_nan());
    gives(&ratio, &[f32::NAN, f32::NAN, 5.0 / 3.0, f32::NAN]);
    gives(&ratio.valid().unwrap(), &[false, false, true, false]);
    // An integer by 0 is nodata, though no operand has any.
    let (six, divisors) = (of([6; 4], 100).without_nodata().unwrap(), of([0, 4, 0, 5], 0).without_nodata().unwrap());
    let quotient = six.floor_div(&divisors).unwrap();
    assert_eq!((quotient.dtype(), quotient.nodata()), (DType::U16, Some(Scalar::from(u16::MAX))));
    gives(&quotient, &[u16::MAX, 1, u16::MAX, 1]);
    gives(&six.rem(&divisors).unwrap(), &[255u8, 2, 255, 1]);
    gives(&a.neg().unwrap(), &[0i16, -1, -5, -255]);
    assert_eq!(a.neg().unwrap().nodata(), Some(Scalar::from(0)));
}

#[test]
fn integers_at_the_ends_of_their_dtypes_stay_exact() {
    gives(&row(&[i64::MIN, -1, 5]).abs().unwrap(), &[1 << 63, 1u64, 5]);
    gives(&row(&[i8::MIN, 127]).abs().unwrap(), &[128u8, 127]);
    // What rounds leaves integers alone, their nodata too.
    let raster = row(&[1u8, 7]).with_nodata(7).unwrap();
    let rounded = raster.round().unwrap();
    assert_eq!((rounded.dtype(), rounded.nodata()), (DType::U8, Some(Scalar::Int(7))));
    gives(&rounded, &[1u8, 7]);
    refused(row(&[1u64]).maximum(-1), &["maximum", "no dtype of 64 bits holds the values of both operands"]);
    refused(
        row(&[1u8]).floor_div(i128::MIN),
        &["//", "no dtype of 64 bits holds -170141183460469231731687303715884105728"],
    );
}

#[test]
fn shifts_lose_no_bit_and_fields_of_bits_are_unsigned() {
    let quality = row(&[0b1011_0110u8, 0xff, 0]);
    assert_eq!((&quality << 4).dtype(), DType::U16);
    gives(&(&quality << 4), &[0b1011_0110_0000u16, 0xff0, 0]);
    gives(&(&quality >> 3), &[0b10110u8, 0b11111, 0]);
    gives(&quality.bits(1..4).unwrap(), &[0b011u8, 0b111, 0]);
    gives(&quality.bits(0..8).unwrap(), &[0b1011_0110u8, 0xff, 0]);
    gives(&quality.bit(7).unwrap(), &[true, true, false]);
    // Two's complement, and rounded down.
    gives(&row(&[-1i16, -300, 5]).bits(12..16).unwrap(), &[15u8, 15, 0]);
    gives(&row(&[-1i16, -300, 5]).shr(2).unwrap(), &[-1i16, -75, 1]);
    gives(&row(&[u64::MAX, 1]).bits(60..64).unwrap(), &[15u8, 0]);
    gives(&row(&[i64::MIN, -1]).bits(1..64).unwrap(), &[1u64 << 62, (1 << 63) - 1]);
    let valid = quality.with_nodata(0xff).unwrap();
    gives(&valid.bit(1).unwrap(), &[true, false, false]);
    assert!(valid.bits(0..2).unwrap().nodata().is_some());
    refused(quality.bits(4..9), &["4..9", "u8", "0..8"]);
    refused(row(&[1f32]).bits(0..1), &["f32", "integers"]);
    refused((&quality << 64).check(), &["64 bits", "at most"]);
    refused(row(&[u64::MAX]).shl(1), &["64 bits holds"]);
}

#[test]
fn powers_of_two_divide_as_other_numbers_do() {
    let numbers: Vec<i32> = (-70..70).chain([i32::MIN, i32::MAX]).collect();
    for power in [1, 2, 8, 1 << 30] {
        // Divisors in pixels are not known to be powers of two.
        let (a, b) = (row(&numbers), row(&vec![power; numbers.len()]));
        let quotient = |divisor: swath::Term| {
            let (quotient, rest) = (a.floor_div(divisor.clone()).unwrap(), a.rem(divisor).unwrap());
            let both = quotient.cast(DType::I64, Overflow::Error).unwrap() * 1000
                + rest.cast(DType::I64, Overflow::Error).unwrap();
            let both = both.check().unwrap().cast(DType::I64, Overflow::Error).unwrap();
            both.compute().unwrap().data().as_slice::<i64>().unwrap().to_vec()
        };
        let pixels = b.without_nodata().unwrap();
        assert_eq!(quotient(power.into()), quotient((&pixels).into()), "by {power}");
    }
}

#[test]
fn a_choice_takes_the_first_condition_that_holds() {
    let x = row(&[1u8, 5, 9]);
    let low = x.lt(3).unwrap();
    let mid = x.lt(6).unwrap();
    gives(&swath::when(&low).then(0).when(&mid).then(1).otherwise(300).unwrap(), &[0u16, 1, 300]);
    gives(&swath::when(&low).then(-1).otherwise(-2).unwrap(), &[-1i8, -2, -2]);
    gives(&swath::when(&mid).then(7).when(&low).then(8).otherwise(&x).unwrap(), &[7u8, 7, 9]);
    refused(swath::when(&low).then(300).otherwise(&x), &["300", "u8"]);
    refused(swath::when(&x).then(1).otherwise(2), &["bool"]);
}

#[test]
fn what_is_put_together_keeps_the_rules_of_its_parts() {
    let holes = row(&[f32::NAN, 2.0, -9.0, f32::INFINITY]).with_nodata(-9).unwrap();
    gives(&holes.is_nan().unwrap(), &[false, false, false, false]);
    gives(&row(&[f32::NAN, 2.0]).is_nan().unwrap(), &[true, false]);
    gives(&row(&[1u8]).is_nan().unwrap(), &[false]);
    gives(&holes.is_finite().unwrap(), &[false, true, false, false]);
    gives(&holes.fill_nodata(0.5).unwrap(), &[0.5f32, 2.0, 0.5, f32::INFINITY]);
    assert_eq!(holes.fill_nodata(0.5).unwrap().nodata(), None);
    gives(&row(&[3u8]).fill_nodata(7).unwrap(), &[3u8]);
    gives(&row(&[-5i16, 50, 500]).clamp(0, 100).unwrap(), &[0u8, 50, 100]);
    gives(&row(&[f32::NAN, 7.0]).clamp(0, 1.5).unwrap(), &[f32::NAN, 1.5]);
    refused(row(&[1u8]).clamp(5, 4), &["5", "greater than 4"]);
    gives(&row(&[3.0f64, 0.0]).hypot(4).unwrap(), &[5.0, 4.0]);
    gives(&row(&[1.0f32, -1.0]).atan2(0.0).unwrap(), &[std::f32::consts::FRAC_PI_2, -std::f32::consts::FRAC_PI_2]);
    gives(&row(&[1000u16, 0]).scale_offset(0.25, -0.5).unwrap(), &[249.5f32, -0.5]);
    gives(&row(&[900u16, 1, 0]).normalized_difference(&row(&[300u16, 2, 0])).unwrap(), &[0.5f32, -1.0 / 3.0, f32::NAN]);
}

#[test]
fn a_rest_is_no_larger_than_what_is_divided() {
    for (x, divisor, dtype) in [
        (row(&[0u8, 200]), 1000, DType::U8),
        (row(&[0u8, 200]), 7, DType::U8),
        (row(&[-1i8, 100]), 1000, DType::U16),
        (row(&[-1i8, 100]), -1000, DType::I16),
        (row(&[0u8, 200]).neg().unwrap(), -1000, DType::I16),
        (row(&[1u8, 2]).neg().unwrap().maximum(-100).unwrap(), -1000, DType::I8),
    ] {
        assert_eq!(x.rem(divisor).unwrap().dtype(), dtype, "{x:?} % {divisor}");
    }
    gives(&row(&[0u8, 200]).rem(1000).unwrap(), &[0u8, 200]);
    gives(&row(&[0u8, 200]).rem(-1000).unwrap(), &[0i16, -800]);
    refused(row(&[1u8]).rem(0), &["0 everywhere"]);
    refused(row(&[1u8]).floor_div(0), &["0 everywhere"]);
}

#[test]
fn all_bits_of_a_signed_integer_are_unsigned() {
    gives(&row(&[-1i8, 5, i8::MIN]).bits(0..8).unwrap(), &[255u8, 5, 128]);
    gives(&row(&[-1i32, 5]).bits(0..32).unwrap(), &[u32::MAX, 5]);
    gives(&row(&[200u8]).bits(0..8).unwrap(), &[200u8]);
    refused(row(&[1u64]).bits(0..64), &["0..64"]);
}

#[test]
fn the_highest_bit_of_64_tells_the_sign() {
    let x = row(&[i64::MIN, -1, 0, i64::MAX]);
    gives(&x.shr(63).unwrap(), &[-1i8, -1, 0, 0]);
    gives(&x.bit(63).unwrap(), &[true, true, false, false]);
    gives(&x.bits(63..64).unwrap(), &[1u8, 1, 0, 0]);
    gives(&row(&[u64::MAX, 1]).shr(63).unwrap(), &[1u8, 0]);
}

#[test]
fn a_nodata_of_f32_is_the_pixel_that_it_is_stored_as() {
    let stored = row(&[0.1f32, 1.0]).with_nodata(f64::from(0.1f32)).unwrap();
    let written = row(&[0.1f32, 1.0]).with_nodata(0.1).unwrap();
    assert_eq!(written.nodata(), stored.nodata());
    refused(stored.eq(0.1), &["nodata"]);
    refused(stored.isin([0.1]), &["nodata"]);
    gives(&row(&[true, false]).if_else(&stored, &written).unwrap(), &[0.1f32, 1.0]);
    let narrowed = row(&[0.1f64, 1.0]).with_nodata(0.1).unwrap().cast(DType::F32, Overflow::Error).unwrap();
    assert_eq!(narrowed.nodata(), stored.nodata());
}

#[test]
fn a_choice_among_numbers_alone_has_the_dtype_that_holds_all() {
    let x = row(&[1u8, 5, 9]);
    let (low, mid) = (x.lt(3).unwrap(), x.lt(6).unwrap());
    // 0.1 is rounded once, and not to f32 before.
    gives(&swath::when(&low).then(16_777_217).when(&mid).then(0.1).otherwise(0.2).unwrap(), &[16_777_217.0, 0.1, 0.2]);
    gives(&swath::when(&low).then(-1).when(&mid).then(1u64 << 63).otherwise(1).unwrap(), &[-1f32, 2f32.powi(63), 1.0]);
    gives(&swath::when(&low).then(true).when(&mid).then(false).otherwise(true).unwrap(), &[true, false, true]);
    refused(swath::when(&low).then(true).when(&mid).then(1).otherwise(0), &["when", "true, 1, 0"]);
}

#[test]
fn a_nodata_beyond_the_dtype_is_translated_too() {
    let first = row(&[255u8, 1, 2, 3]).with_nodata(255).unwrap();
    let other = row(&[7u16, 500, 65_535, 0]).minimum(100).unwrap().cast(DType::U16, Overflow::Error).unwrap();
    let other = other.with_nodata(65_535).unwrap();
    let other = row(&[true, true, false, true]).if_else(&other, Fill::Nodata).unwrap();
    let masked = first.mask(&row(&[false, true, true, true]), &other).unwrap();
    assert_eq!((masked.dtype(), masked.nodata()), (DType::U8, Some(Scalar::Int(255))));
    gives(&masked, &[255u8, 100, 255, 0]);
    let float = row(&[f32::NAN, 1.0, 2.0, 3.0]).with_nodata(f64::NAN).unwrap();
    gives(&float.mask(&row(&[false, true, true, true]), &other).unwrap(), &[f32::NAN, 100.0, f32::NAN, 0.0]);
    let either = row(&[true; 4]).if_else(&other, row(&[1u8, 2, 3, 4]));
    refused(either, &["nodata 65535"]);
}

#[test]
fn a_cast_to_its_own_dtype_makes_nodata_of_nan() {
    let raster = row(&[f32::NAN, 1.0, -9.0]).with_nodata(-9).unwrap();
    gives(&raster.cast(DType::F32, Overflow::Error).unwrap(), &[-9f32, 1.0, -9.0]);
    gives(&raster.without_nodata().unwrap().cast(DType::F32, Overflow::Error).unwrap(), &[f32::NAN, 1.0, -9.0]);
}

#[test]
fn what_follows_from_intervals_knows_what_stands_beyond_edges_and_what_no_pixel_becomes() {
    // A constant beyond the edge is a value of the windows there.
    let thirds = row(&[7u8, 8, 9]).rem(3).unwrap();
    let beyond = thirds.focal([1, 3]).unwrap().with_boundary(swath::Boundary::Constant(200.into())).unwrap();
    gives(&beyond.max().unwrap().mul(2).unwrap(), &[400u16, 4, 400]);
    // The negative of what is at most 2⁶³ is an i64.
    let least = row(&[i64::MIN, 5]).abs().unwrap();
    gives(&least.neg().unwrap(), &[i64::MIN, -5]);
    // The raster's own nodata is kept where no class becomes it.
    let signed = row(&[-6i8, 0, 2]).with_nodata(0).unwrap();
    let classes = signed.reclassify([(1..3, 7)], 1).unwrap();
    assert_eq!(classes.nodata(), Some(0.into()));
    gives(&classes, &[1u8, 0, 7]);
    gives(&signed.reclassify([(1..3, 7)], &signed).unwrap(), &[-6i8, 0, 7]);
    // What no pixel can be classed as is as if it were not there.
    let words = row(&[1u16, 2]).reclassify([(0..=65_535, 1)], 200).unwrap();
    assert_eq!(words.mul(2).unwrap().dtype(), DType::U8);
    assert_eq!(row(&[1u8, 2]).reclassify([(1000.., 1)], row(&[5u8, 6])).unwrap().nodata(), None);
}

#[test]
fn what_fills_nodata_fits_the_dtype_with_nodata_or_without() {
    refused(row(&[3u8]).fill_nodata(300), &["fill_nodata", "300", "u8"]);
    refused(row(&[3u8]).with_nodata(0).unwrap().fill_nodata(0.5), &["fill_nodata", "0.5", "u8"]);
}

#[test]
fn what_intervals_decide_is_not_computed_and_cannot_fail() {
    let failing = row(&[300u16]).cast(DType::U8, Overflow::Error).unwrap();
    refused(failing.isin([3]).unwrap().compute(), &["300"]);
    gives(&failing.isin([0; 0]).unwrap(), &[false]);
    gives(&failing.valid().unwrap(), &[true]);
    let part = row(&[300u16, 3]).cast(DType::U8, Overflow::Error).unwrap().window(0..1, 1..2).unwrap();
    gives(&part, &[3u8]);
}

#[test]
fn chunks_are_those_of_the_operand_with_more_pixels() {
    let three = swath::raster([3, 8, 8], |b, _, _| b as u8).unwrap().rechunk(&[1, 4, 8]).unwrap();
    let one = swath::raster([1, 8, 8], |_, y, _| y as u8).unwrap().rechunk(&[1, 2, 2]).unwrap();
    let first = |raster: &LazyRaster| {
        let chunk = Run::serial().chunks(raster).unwrap().next().unwrap().unwrap();
        chunk.region.shape
    };
    assert_eq!(first(&one.add(&three).unwrap()), [1, 1, 4, 8]);
    assert_eq!(first(&one.add(one.rechunk(&[1, 8, 8]).unwrap()).unwrap()), [1, 1, 2, 2]);
}

#[test]
fn literals_beyond_the_result_are_refused() {
    refused(row(&[1u8]).mul(1e300), &["*", "beyond f32", "F64"]);
    gives(&row(&[2.0f64]).mul(1e300).unwrap(), &[2e300]);
    gives(&row(&[2.0f32]).minimum(f64::INFINITY).unwrap(), &[2f32]);
}

#[test]
fn quotients_rounded_down_are_numpys_at_infinity_too() {
    let inf = f64::INFINITY;
    gives(&row(&[-5.0, 5.0, 0.0, inf]).floor_div(inf).unwrap(), &[-1.0, 0.0, 0.0, f64::NAN]);
    gives(&row(&[-637_965f32, 7.5]).floor_div(0.1).unwrap(), &[-6_379_651f32, 74.0]);
}

#[test]
fn what_was_nodata_is_a_value_like_others_once_it_is_relabelled() {
    // 255 stands for what was divided by 0; no valid quotient is larger than 4.
    let quotients = (row(&[0u8, 1, 2]).minimum(4).unwrap() / row(&[1u8, 1, 1])).check().unwrap();
    assert!(quotients.nodata().is_none(), "floats need none");
    let quotients = row(&[0u8, 1, 2]).minimum(4).unwrap().floor_div(row(&[1u8, 0, 1])).unwrap();
    assert_eq!(quotients.nodata(), Some(Scalar::Int(255)));
    let all = quotients.without_nodata().unwrap();
    gives(&all.gt(6).unwrap(), &[false, true, false]);
    gives(&all.isin([255]).unwrap(), &[false, true, false]);
    gives(&all.le(4).unwrap(), &[true, false, true]);
    gives(&quotients.with_nodata(0).unwrap().gt(6).unwrap(), &[false, true, false]);
    gives(&quotients.gt(6).unwrap(), &[false, false, false]);
}

#[test]
fn an_expression_deeper_than_a_stack_is_dropped() {
    let deep = (0..200_000).fold(row(&[1u8]), |raster, _| raster.without_nodata().unwrap());
    drop(deep);
}

#[test]
fn sums_of_floats_have_nan_for_nodata() {
    let raster = row(&[1f32, -1.0, 0.0, 0.0]).with_nodata(0).unwrap();
    let sums = raster.coarsen([1, 1, 2]).unwrap().sum().unwrap();
    assert!(sums.nodata().is_some_and(|nodata| nodata.is_nan()));
    gives(&sums, &[0f32, f32::NAN]);
}

#[test]
fn equal_windows_of_two_dtypes_are_two_steps() {
    // The condition that never holds is folded away; the sums of what is left have the dtypes they were given.
    let raster = row(&[1u8, 9, 3, 8]);
    let classes = raster.gt(5).unwrap().if_else(1, 0).unwrap();
    let wide = classes.mask(&classes.eq(5).unwrap(), 200).unwrap();
    let sum = |raster: &LazyRaster| raster.coarsen([1, 1, 2]).unwrap().sum().unwrap();
    gives(&sum(&wide).mask(&sum(&classes).gt(3).unwrap(), 300).unwrap(), &[1u16, 1]);
}

#[test]
fn rasters_are_compared_by_value_and_false_at_nodata() {
    let small = row(&[-1i8, 0, 7, 9]);
    let large = row(&[255u8, 0, 8, 9]);
    gives(&small.lt(&large).unwrap(), &[true, false, true, false]);
    gives(&small.eq(&large).unwrap(), &[false, true, false, true]);
    let holes = large.with_nodata(0).unwrap();
    gives(&small.ge(&holes).unwrap(), &[false, false, false, true]);
    gives(&small.ne(&holes).unwrap(), &[true, false, true, false]);
    let halves = row(&[-1.0f32, f32::NAN, 6.5, 9.0]);
    gives(&small.gt(&halves).unwrap(), &[false, false, true, false]);
    gives(&small.ne(&halves).unwrap(), &[false, true, true, false]);
    refused(row(&[-1i64]).lt(row(&[1u64])), &["no dtype holds", "cast one"]);
    refused(small.lt(small.gt(0).unwrap()), &["i8 and bool"]);
}

#[test]
fn a_lower_resolution_shows_the_same_extent() {
    let grid = Grid { crs: None, affine: Affine::north_up(500.0, 900.0, 10.0, 20.0), width: 5, height: 4 };
    let raster = swath::raster([2, 4, 5], |b, y, x| (b * 100 + y * 10 + x) as u8).unwrap().with_grid(grid).unwrap();
    let coarse = raster.downsample([1, 2], Resampling::Nearest).unwrap();
    let grid = coarse.grid().unwrap();
    assert_eq!((grid.width, grid.height, grid.affine), (2, 1, Affine::north_up(500.0, 900.0, 25.0, 80.0)));
    assert_eq!(grid.bounds(), raster.grid().unwrap().bounds());
    gives(&coarse, &[0u8, 3, 100, 103]);
    gives(&raster.downsample([4, 5], Resampling::Average).unwrap().window(3..4, 4..5).unwrap(), &[34u8, 134]);
    let words = &["downsample", "4 × 5"];
    for size in [[0, 5], [4, 0], [5, 5], [4, 6]] {
        refused(raster.downsample(size, Resampling::Average), words);
    }
}

#[test]
fn windows_that_cannot_be_are_errors() {
    let raster = swath::raster([2, 4, 5], |b, y, x| (b * 100 + y * 10 + x) as u8).unwrap();
    refused_windows(raster.coarsen([1, 0, 2]), &["coarsen", "factor is 0"]);
    refused_windows(raster.band(0).unwrap().coarsen([2, 1, 1]), &["coarsen", "no band axis"]);
    refused_windows(raster.focal([3, 4]), &["3 × 4", "odd"]);
    refused_windows(raster.focal([0, 1]), &["0 × 1", "odd"]);
    refused_windows(raster.over(Dim::Time), &["over", "no time axis"]);
    refused_windows(raster.over(Dim::X), &["cannot lose x", "coarsen"]);
    refused(raster.over(Dim::Band).unwrap().any(), &["any", "u8, not bool"]);
    refused(raster.over(Dim::Band).unwrap().quantile(1.5), &["1.5", "0 to 1"]);
    let wide = row(&[u64::MAX, 1]);
    refused(wide.coarsen([1, 1, 2]).unwrap().sum(), &["sum", "64 bits"]);
    gives(&row(&[200u8, 100]).coarsen([1, 1, 2]).unwrap().sum().unwrap(), &[300u16]);
    gives(
        &raster.gt(103).unwrap().over(Dim::Band).unwrap().any().unwrap().window(0..1, 0..5).unwrap(),
        &[false, false, false, false, true],
    );
    // Larger than the raster is all of it.
    gives(&raster.coarsen([9, 9, 9]).unwrap().max().unwrap(), &[134u8]);
    gives(&raster.band(0).unwrap().focal([99, 99]).unwrap().min().unwrap().window(3..4, 0..2).unwrap(), &[0u8, 0]);
    gives(&raster.coarsen([1, usize::MAX, usize::MAX]).unwrap().mean().unwrap(), &[17.0f32, 117.0]);
}

fn refused_windows(windows: swath::Result<swath::Windows>, words: &[&str]) {
    refused(windows.and_then(|windows| windows.mean()), words);
}

#[test]
fn one_pixel_is_a_raster() {
    let raster = swath::raster([1, 1, 1], |_, _, _| 65_535u16).unwrap();
    gives(&raster.mask(&raster.eq(65_535).unwrap(), 0).unwrap().repeat([1, 2, 2]).unwrap(), &[0u16; 4]);
    refused(swath::raster([1, 0, 4], |_, _, _| 0u8), &["no pixel"]);
}

#[test]
fn a_prediction_is_what_then_happens() {
    let raster = swath::raster([3, 300, 300], |b, y, x| (b + y + x) as u8).unwrap();
    let masked = raster.mask(&raster.gt(90).unwrap(), 0).unwrap();
    let run = Run::threads(2);
    let (_, report) = run.compute_with_report(&masked).unwrap();
    let explained = run.explain(&masked).unwrap();
    assert!(explained.contains(&format!("{} compute", report.tasks)), "{report}\n{explained}");
    let memory = explained.lines().find(|line| line.starts_with("memory")).unwrap();
    let least = memory.split_whitespace().nth(1).unwrap();
    assert!(swath::text::bytes(report.peak_memory).starts_with(least), "{report}\n{memory}");
}

#[test]
fn a_table_has_an_entry_for_each_value() {
    let classes = row(&[2u8, 0, 1, 2]).minimum(2).unwrap();
    gives(&classes.lookup([7, 300, 9]).unwrap(), &[9u16, 7, 300, 9]);
    gives(&classes.lookup([-1, 0, 1]).unwrap(), &[1i8, -1, 0, 1]);
    gives(&classes.lookup([0.1, 0.2, 4.0]).unwrap(), &[4.0f32, 0.1, 0.2, 4.0]);
    gives(&classes.lookup([1e300, 0.0, 1.0]).unwrap(), &[1.0f64, 1e300, 0.0, 1.0]);
    gives(&classes.lookup([true, false, true]).unwrap(), &[true, true, false, true]);
    gives(&row(&[true, false]).lookup([5, 6]).unwrap(), &[6u8, 5]);
    let wide = row(&[0i64, 3, 1]).clamp(0, 3).unwrap();
    gives(&wide.lookup([0, 10, 20, 30]).unwrap(), &[0u8, 30, 10]);
    // The interval of the result is that of the entries.
    assert_eq!(classes.lookup([3, 4, 5]).unwrap().add(250).unwrap().dtype(), DType::U8);
}

#[test]
fn edges_are_counted_as_numpys_digitize_does() {
    gives(&row(&[-1.0f32, 0.0, 0.5, 1.0, 9.0]).digitize([0.0, 0.5, 1.0]).unwrap(), &[0u8, 1, 2, 3, 3]);
    let infinite = [f64::NEG_INFINITY, 0.0, f64::INFINITY];
    gives(&row(&[f64::NEG_INFINITY, -1.0, f64::INFINITY]).digitize(infinite).unwrap(), &[1u8, 1, 3]);
    // Beyond the dtype there are edges, too.
    gives(&row(&[0u8, 1, 2, 255]).digitize([-1.0, 0.5, 2.0, 1e9]).unwrap(), &[1u8, 2, 3, 3]);
    gives(&row(&[-128i8, 0, 127]).digitize(infinite).unwrap(), &[1u8, 2, 2]);
    gives(&row(&[1u8, 2]).digitize([0u8; 0]).unwrap(), &[0u8, 0]);
    let many = row(&[0u16, 299, 300, 65535]).digitize(1..=300u16).unwrap();
    gives(&many, &[0u16, 299, 300, 300]);
}

#[test]
fn ranges_are_of_numbers_whatever_the_dtype() {
    let bytes = row(&[0u8, 1, 2, 3, 9, 255]);
    gives(&bytes.reclassify([(0..2, 7), (1..10, 8)], 0).unwrap(), &[7u8, 7, 8, 8, 8, 0]);
    gives(&bytes.reclassify([(0.5..2.5, -1)], 300).unwrap(), &[300i16, -1, -1, 300, 300, 300]);
    gives(&bytes.reclassify([(9, 0.5)], 1).unwrap(), &[1f32, 1.0, 1.0, 1.0, 0.5, 1.0]);
    let ranges = [(ValueRange::from(..=1), 1), (3.into(), 2), ((200..).into(), 3), ((..).into(), 4)];
    gives(&bytes.reclassify(ranges, 0).unwrap(), &[1u8, 1, 4, 2, 4, 3]);
    let wide = bytes.mul(1000).unwrap().sub(1500).unwrap();
    gives(&wide.reclassify([(-1500..500, 1), (500..1501, 2)], 0).unwrap(), &[1u8, 1, 2, 2, 0, 0]);
    let floats = row(&[-0.0f32, 0.1, 0.2, f32::INFINITY, f32::NEG_INFINITY, 2.5]);
    gives(&floats.reclassify([(0.0..0.1, 1), (0.1..0.2, 2)], 0).unwrap(), &[1u8, 2, 0, 0, 0, 0]);
    gives(&floats.reclassify([(0.1..=0.2, 1)], 0).unwrap(), &[0u8, 1, 1, 0, 0, 0]);
    gives(&floats.reclassify([(2.0..f64::INFINITY, 1)], 0).unwrap(), &[0u8, 0, 0, 0, 0, 1]);
    gives(&floats.reclassify([(2.0.., 1)], 0).unwrap(), &[0u8, 0, 0, 1, 0, 1]);
    // Other pixels stay as they are.
    gives(&bytes.reclassify([(2..10, 700)], &bytes).unwrap(), &[0u16, 1, 700, 700, 700, 255]);
    gives(&floats.reclassify([(0..1, 5)], &floats).unwrap(), &[5f32, 5.0, 5.0, f32::INFINITY, f32::NEG_INFINITY, 2.5]);
}

#[test]
fn classes_keep_nodata_or_find_a_value_for_it() {
    let bytes = row(&[0u8, 1, 2]).with_nodata(0).unwrap();
    let looked = bytes.lookup(vec![9; 256]).unwrap();
    assert_eq!(looked.nodata(), Some(Scalar::Int(0)));
    gives(&looked, &[0u8, 9, 9]);
    let looked = bytes.lookup((0..256).map(|entry| entry % 2).collect::<Vec<_>>()).unwrap();
    assert_eq!(looked.nodata(), Some(Scalar::Int(255)), "0 is an entry");
    gives(&looked, &[255u8, 1, 0]);
    let looked = bytes.lookup((0..256).collect::<Vec<_>>()).unwrap();
    assert_eq!((looked.dtype(), looked.nodata()), (DType::U16, Some(Scalar::Int(65535))), "all of u8 is taken");
    let looked = bytes.lookup(vec![true; 256]).unwrap();
    assert_eq!(looked.nodata(), None);
    gives(&looked, &[false, true, true]);
    gives(&bytes.lookup(vec![0.5; 256]).unwrap(), &[f32::NAN, 0.5, 0.5]);
    let signed = row(&[-9999i16, 0, 1]).with_nodata(-9999).unwrap().clamp(0, 1).unwrap();
    gives(&signed.lookup([10, 20]).unwrap(), &[255u8, 10, 20]);

    let counted = bytes.digitize([1, 2]).unwrap();
    assert_eq!(counted.nodata(), Some(Scalar::Int(0)), "valid pixels are 1 or 2");
    gives(&counted, &[0u8, 1, 2]);
    gives(&bytes.digitize([2, 3]).unwrap(), &[255u8, 0, 1]);
    let floats = row(&[f32::NAN, -1.0, 5.0]).with_nodata(-1).unwrap();
    gives(&floats.digitize([0, 4]).unwrap(), &[255u8, 255, 2]);

    gives(&bytes.reclassify([(2.., 5)], 0).unwrap(), &[255u8, 0, 5]);
    gives(&bytes.reclassify([(2.., 5)], Fill::Nodata).unwrap(), &[0u8, 0, 5]);
    gives(&bytes.reclassify([(2.., 5)], &bytes).unwrap(), &[0u8, 1, 5]);
    gives(&floats.reclassify([(.., 5)], Fill::Nodata).unwrap(), &[255u8, 255, 5]);
    let made = row(&[1u8, 2, 3]).reclassify([(2, 0)], Fill::Nodata).unwrap();
    assert_eq!(made.nodata(), Some(Scalar::Int(255)));
    gives(&made, &[255u8, 0, 255]);
}

#[test]
fn nan_is_in_no_class_and_above_all_edges() {
    let floats = row(&[f64::NAN, 1.0, f64::INFINITY]);
    gives(&floats.digitize([0, 2]).unwrap(), &[2u8, 1, 2]);
    gives(&floats.reclassify([(.., 1)], 0).unwrap(), &[0u8, 1, 1]);
    gives(&floats.reclassify([(2.., 1)], Fill::Nodata).unwrap(), &[255u8, 255, 1]);
    gives(&floats.reclassify([(2.., 1)], &floats).unwrap(), &[f64::NAN, 1.0, 1.0]);
}
