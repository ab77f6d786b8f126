//! Each pass, before and after: plans as the texts that `explain` prints.

use expect_test::{Expect, expect};

use super::PASSES;
use crate::dtype::{DType, Scalar};
use crate::expr::{LazyRaster, Overflow};
use crate::plan::Plan;
use crate::plan::explain::tree;
use crate::testing::{chunked, raster};

/// The plan of `raster` before and after pass `name`, all earlier ones having run.
fn check(name: &str, raster: &LazyRaster, before: Expect, after: Expect) {
    let mut plan = Plan::new([(raster, None, "result".to_owned())]).unwrap();
    for pass in PASSES {
        if pass.name == name {
            before.assert_eq(&text(&plan));
        }
        plan = (pass.run)(plan);
        plan.validate();
        if pass.name == name {
            return after.assert_eq(&text(&plan));
        }
    }
    panic!("there is no pass {name}");
}

/// The tree without the room between a step's name and what is known of it.
fn text(plan: &Plan) -> String {
    let line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        format!("{}{}\n", &line[..line.len() - line.trim_start().len()], words.join(" "))
    };
    tree(plan, &[0]).lines().map(line).collect()
}

fn image() -> LazyRaster {
    chunked([3, 8, 8], [3, 4, 4], |b, y, x| (b + y + x) as u8)
}

fn classes() -> LazyRaster {
    raster([1, 8, 8], |_, y, x| (y + x) as u8).squeeze().unwrap()
}

#[test]
fn simplify_drops_labels_and_lets_a_selection_absorb_its_negation() {
    let kept = image().rechunk(&[1, 2, 2]).unwrap().where_(&!classes().isin([8, 9]).unwrap(), 0).unwrap();
    check(
        "simplify",
        &kept,
        expect![[r#"
            result 3 × 8 × 8 u8, 48 chunks
            └─ where, other 0 3 × 8 × 8 u8, 48 chunks
               ├─ not 8 × 8 bool, 1 chunk
               │ └─ isin [8, 9] 8 × 8 bool, 1 chunk
               │ └─ squeeze 8 × 8 u8, 1 chunk
               │ └─ read memory 1 × 8 × 8 u8, 1 chunk
               └─ rechunk 3 × 8 × 8 u8, 48 chunks
                  └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
        expect![[r#"
            result 3 × 8 × 8 u8, 48 chunks
            └─ mask with 0 3 × 8 × 8 u8, 48 chunks
               ├─ isin [8, 9] 8 × 8 bool, 1 chunk
               │ └─ squeeze 8 × 8 u8, 1 chunk
               │ └─ read memory 1 × 8 × 8 u8, 1 chunk
               └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
    );
}

#[test]
fn fold_computes_what_intervals_decide() {
    let dark = image().mask(&classes().gt(255).unwrap(), 7).unwrap();
    check(
        "fold constants",
        &dark,
        expect![[r#"
            result 3 × 8 × 8 u8, 4 chunks
            └─ mask with 7 3 × 8 × 8 u8, 4 chunks
               ├─ > 255 8 × 8 bool, 1 chunk
               │ └─ squeeze 8 × 8 u8, 1 chunk
               │ └─ read memory 1 × 8 × 8 u8, 1 chunk
               └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
        expect![[r#"
        result 3 × 8 × 8 u8, 4 chunks
        └─ read memory 3 × 8 × 8 u8, 4 chunks
    "#]],
    );
    let flat = classes().le(255).unwrap().if_else(1, 2).unwrap();
    check(
        "fold constants",
        &flat,
        expect![[r#"
            result 8 × 8 u8, 1 chunk
            └─ if else 8 × 8 u8, 1 chunk
               └─ <= 255 8 × 8 bool, 1 chunk
                  └─ squeeze 8 × 8 u8, 1 chunk
                     └─ read memory 1 × 8 × 8 u8, 1 chunk
        "#]],
        expect![[r#"
        result 8 × 8 u8, 1 chunk
        └─ 1 everywhere 8 × 8 u8, 1 chunk
    "#]],
    );
}

#[test]
fn fold_leaves_nodata_to_validity() {
    let classes = classes().with_nodata(0).unwrap();
    check(
        "fold constants",
        &classes.le(255).unwrap(),
        expect![[r#"
            result 8 × 8 bool, 1 chunk
            └─ <= 255 8 × 8 bool, 1 chunk
               └─ squeeze 8 × 8 u8, 1 chunk
                  └─ read memory 1 × 8 × 8 u8, 1 chunk
        "#]],
        expect![[r#"
            result 8 × 8 bool, 1 chunk
            └─ valid 8 × 8 bool, 1 chunk
               └─ squeeze 8 × 8 u8, 1 chunk
                  └─ read memory 1 × 8 × 8 u8, 1 chunk
        "#]],
    );
}

#[test]
fn windows_and_repeats_move_to_the_sources() {
    let coarse = raster([1, 4, 4], |_, y, x| (y + x) as u8).repeat([1, 2, 2]).unwrap().squeeze().unwrap();
    let masked = image().mask(&coarse.isin([8, 9]).unwrap(), 0).unwrap();
    let part = masked.window(2..6, 1..4).unwrap().band(1).unwrap();
    check(
        "push views to the sources",
        &part,
        expect![[r#"
            result 4 × 3 u8, 1 chunk
            └─ band 1 4 × 3 u8, 1 chunk
               └─ window band 0..3, y 0..4, x 1..4 3 × 4 × 3 u8, 1 chunk
                  └─ window band 0..3, y 2..6, x 0..8 3 × 4 × 8 u8, 2 chunks
                     └─ mask with 0 3 × 8 × 8 u8, 4 chunks
                        ├─ isin [8, 9] 8 × 8 bool, 1 chunk
                        │ └─ squeeze 8 × 8 u8, 1 chunk
                        │ └─ repeat y × 2, x × 2 1 × 8 × 8 u8, 1 chunk
                        │ └─ read memory 1 × 4 × 4 u8, 1 chunk
                        └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
        expect![[r#"
            result 4 × 3 u8, 1 chunk
            └─ mask with 0 1 × 4 × 3 u8, 1 chunk
               ├─ isin [8, 9] 4 × 3 bool, 1 chunk
               │ └─ view y × 2, x × 2 1 × 4 × 3 u8, 1 chunk
               │ └─ read memory 1 × 4 × 4 u8, 1 chunk
               └─ view band 1..2, y 2..6, x 1..4 1 × 4 × 3 u8, 1 chunk
                  └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
    );
}

#[test]
fn equal_steps_become_one() {
    let (image, classes) = (image(), classes());
    let clouds = || classes.isin([8, 9]).unwrap();
    let twice = image.mask(&clouds(), 0).unwrap().mask(&clouds(), 1).unwrap();
    check(
        "merge equal steps",
        &twice,
        expect![[r#"
            result 3 × 8 × 8 u8, 4 chunks
            └─ mask with 1 3 × 8 × 8 u8, 4 chunks
               ├─ isin [8, 9] 8 × 8 bool, 1 chunk
               │ └─ read memory 1 × 8 × 8 u8, 1 chunk
               └─ mask with 0 3 × 8 × 8 u8, 4 chunks
                  ├─ isin [8, 9] 8 × 8 bool, 1 chunk
                  │ └─ read memory as above
                  └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
        expect![[r#"
            result 3 × 8 × 8 u8, 4 chunks
            └─ mask with 1 3 × 8 × 8 u8, 4 chunks
               ├─ isin [8, 9] 8 × 8 bool, 1 chunk
               │ └─ read memory 1 × 8 × 8 u8, 1 chunk
               └─ mask with 0 3 × 8 × 8 u8, 4 chunks
                  ├─ isin [8, 9] as above
                  └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
    );
}

#[test]
fn a_chain_of_pixels_becomes_one_program() {
    let masked = image().mask(&classes().isin([8, 9]).unwrap(), 0).unwrap().cast(DType::U16, Overflow::Error).unwrap();
    check(
        "fuse",
        &masked,
        expect![[r#"
            result 3 × 8 × 8 u16, 4 chunks
            └─ cast to u16 3 × 8 × 8 u16, 4 chunks
               └─ mask with 0 3 × 8 × 8 u8, 4 chunks
                  ├─ isin [8, 9] 8 × 8 bool, 1 chunk
                  │ └─ read memory 1 × 8 × 8 u8, 1 chunk
                  └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
        expect![[r#"
            result 3 × 8 × 8 u16, 4 chunks
            └─ isin [8, 9] → mask with 0 → cast to u16 3 × 8 × 8 u16, 4 chunks
               ├─ read memory 1 × 8 × 8 u8, 1 chunk
               └─ read memory 3 × 8 × 8 u8, 4 chunks
        "#]],
    );
}

#[test]
fn a_literal_is_a_program_of_its_own() {
    let flat = classes().le(255).unwrap().if_else(Scalar::from(1), Scalar::from(2)).unwrap();
    check(
        "fuse",
        &flat,
        expect![[r#"
        result 8 × 8 u8, 1 chunk
        └─ 1 everywhere 8 × 8 u8, 1 chunk
    "#]],
        expect![[r#"
        result 8 × 8 u8, 1 chunk
        └─ 1 everywhere 8 × 8 u8, 1 chunk
    "#]],
    );
}

#[test]
fn what_is_computed_from_areas_is_seen_through_views_and_reads_programs() {
    let image = image();
    let bright = image.band(0).unwrap().gt(3).unwrap().if_else(image.band(1).unwrap(), 0).unwrap();
    let smooth = bright.focal([3, 3]).unwrap().mean().unwrap().window(2..6, 2..6).unwrap();
    check(
        "push views to the sources",
        &smooth,
        expect![[r#"
            result 4 × 4 f32, 1 chunk
            └─ window y 0..4, x 2..6 4 × 4 f32, 1 chunk
               └─ window y 2..6, x 0..8 4 × 8 f32, 2 chunks
                  └─ mean of focal 3 × 3 8 × 8 f32, 4 chunks
                     └─ where, other 0 8 × 8 u8, 4 chunks
                        ├─ > 3 8 × 8 bool, 4 chunks
                        │ └─ band 0 8 × 8 u8, 4 chunks
                        │ └─ read memory 3 × 8 × 8 u8, 4 chunks
                        └─ band 1 8 × 8 u8, 4 chunks
                           └─ read memory as above
        "#]],
        expect![[r#"
            result 4 × 4 f32, 1 chunk
            └─ view y 2..6, x 2..6 4 × 4 f32, 1 chunk
               └─ mean of focal 3 × 3 8 × 8 f32, 4 chunks
                  └─ where, other 0 8 × 8 u8, 4 chunks
                     ├─ > 3 8 × 8 bool, 4 chunks
                     │ └─ view y 0..8, x 0..8 1 × 8 × 8 u8, 4 chunks
                     │ └─ read memory 3 × 8 × 8 u8, 4 chunks
                     └─ view band 1..2, y 0..8, x 0..8 1 × 8 × 8 u8, 4 chunks
                        └─ read memory as above
        "#]],
    );
    check(
        "fuse",
        &smooth.gt(1.5).unwrap(),
        expect![[r#"
            result 4 × 4 bool, 1 chunk
            └─ > 1.5 4 × 4 bool, 1 chunk
               └─ view y 2..6, x 2..6 4 × 4 f32, 1 chunk
                  └─ mean of focal 3 × 3 8 × 8 f32, 4 chunks
                     └─ where, other 0 8 × 8 u8, 4 chunks
                        ├─ > 3 8 × 8 bool, 4 chunks
                        │ └─ view y 0..8, x 0..8 1 × 8 × 8 u8, 4 chunks
                        │ └─ read memory 3 × 8 × 8 u8, 4 chunks
                        └─ view band 1..2, y 0..8, x 0..8 1 × 8 × 8 u8, 4 chunks
                           └─ read memory as above
        "#]],
        expect![[r#"
            result 4 × 4 bool, 1 chunk
            └─ > 1.5 4 × 4 bool, 1 chunk
               └─ view y 2..6, x 2..6 4 × 4 f32, 1 chunk
                  └─ mean of focal 3 × 3 8 × 8 f32, 4 chunks
                     └─ > 3 → where, other 0 8 × 8 u8, 4 chunks
                        ├─ view y 0..8, x 0..8 1 × 8 × 8 u8, 4 chunks
                        │ └─ read memory 3 × 8 × 8 u8, 4 chunks
                        └─ view band 1..2, y 0..8, x 0..8 1 × 8 × 8 u8, 4 chunks
                           └─ read memory as above
        "#]],
    );
}

#[test]
fn equal_operations_on_areas_are_one() {
    let image = image();
    let most = || image.coarsen([1, 2, 2]).unwrap().max().unwrap();
    let least = image.coarsen([1, 2, 2]).unwrap().min().unwrap();
    let chosen = most().gt(3).unwrap().if_else(most(), &least).unwrap();
    check(
        "merge equal steps",
        &chosen,
        expect![[r#"
            result 3 × 4 × 4 u8, 4 chunks
            └─ if else 3 × 4 × 4 u8, 4 chunks
               ├─ > 3 3 × 4 × 4 bool, 4 chunks
               │ └─ max of coarsen 1 × 2 × 2 3 × 4 × 4 u8, 4 chunks
               │ └─ read memory 3 × 8 × 8 u8, 4 chunks
               ├─ max of coarsen 1 × 2 × 2 3 × 4 × 4 u8, 4 chunks
               │ └─ read memory as above
               └─ min of coarsen 1 × 2 × 2 3 × 4 × 4 u8, 4 chunks
                  └─ read memory as above
        "#]],
        expect![[r#"
            result 3 × 4 × 4 u8, 4 chunks
            └─ if else 3 × 4 × 4 u8, 4 chunks
               ├─ > 3 3 × 4 × 4 bool, 4 chunks
               │ └─ max of coarsen 1 × 2 × 2 3 × 4 × 4 u8, 4 chunks
               │ └─ read memory 3 × 8 × 8 u8, 4 chunks
               ├─ max of coarsen 1 × 2 × 2 as above
               └─ min of coarsen 1 × 2 × 2 3 × 4 × 4 u8, 4 chunks
                  └─ read memory as above
        "#]],
    );
}
