use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::error::Error;
use crate::exec::{RangePolicy, Target};
use crate::testing::{chunked, raster};

fn lesson(side: usize, target: Target) -> Plans {
    let scl = raster([1, side, side], |_, y, x| (y + x) as u8).squeeze().unwrap();
    let visual = chunked([3, side, side], [3, 4, 4], |b, y, x| (b + y + x) as u8);
    let masked = visual.mask(&scl.isin([8, 9]).unwrap(), 0).unwrap();
    Plans::new(&[(&masked, target)]).unwrap()
}

fn check(options: impl Into<DotOptions>, expected: &Expect) {
    check_plans(&lesson(8, Target::Pieces), options, expected);
}

fn check_plans(plans: &Plans, options: impl Into<DotOptions>, expected: &Expect) {
    let text = draw(plans, &options.into(), || plans.tasks(&RangePolicy::default(), true)).unwrap();
    // The three lines of style are the same everywhere.
    let body: Vec<_> = text.lines().skip(4).collect();
    expected.assert_eq(&format!("{}\n", body.join("\n")));
}

#[test]
fn operations_as_written_are_what_the_user_wrote() {
    check(
        DotOptions::as_written(Detail::Operations),
        &expect![[r##"
          s1 [label="memory\n1 × 8 × 8 u8, 1 chunk", shape=cylinder, fillcolor="#cfe2f3"];
          s2 [label="squeeze\n8 × 8 u8, 1 chunk", fillcolor="#eeeeee"];
          s3 [label="isin [8, 9]\n8 × 8 bool, 1 chunk", fillcolor="#d9ead3"];
          s0 [label="memory\n3 × 8 × 8 u8, 4 chunks", shape=cylinder, fillcolor="#cfe2f3"];
          s4 [label="mask with 0\n3 × 8 × 8 u8, 4 chunks", fillcolor="#d9ead3"];
          s5 [label="result\n3 × 8 × 8 u8, 4 chunks", shape=folder, fillcolor="#fce5cd"];
          s1 -> s2;
          s2 -> s3;
          s3 -> s4;
          s0 -> s4;
          s4 -> s5;
        }
    "##]],
    );
}

#[test]
fn operations_after_the_optimiser_are_boxed_by_task() {
    check(
        Detail::Operations,
        &expect![[r##"
          s2 [label="memory\n3 × 8 × 8 u8, 4 chunks", shape=cylinder, fillcolor="#cfe2f3"];
          s0 [label="memory\n1 × 8 × 8 u8, 1 chunk", shape=cylinder, fillcolor="#cfe2f3"];
          s4 [label="result\n3 × 8 × 8 u8, 4 chunks", shape=folder, fillcolor="#fce5cd"];
          subgraph cluster_fused {
            label="one task per run of output blocks"; style="rounded,dashed"; color="#999999";
            s1 [label="isin [8, 9]\n8 × 8 bool, 1 chunk", fillcolor="#d9ead3"];
            s3 [label="mask with 0\n3 × 8 × 8 u8, 4 chunks", fillcolor="#d9ead3"];
          }
          s0 -> s1;
          s1 -> s3;
          s2 -> s3;
          s3 -> s4;
        }
    "##]],
    );
}

#[test]
fn layers_count_tasks() {
    check(
        Detail::Layers,
        &expect![[r##"
              subgraph cluster_source0 {
                label="memory"; style="rounded,dashed"; color="#999999";
                fetch0 [label="in memory\n1 block", shape=cylinder, fillcolor="#cfe2f3"];
              }
              subgraph cluster_source1 {
                label="memory"; style="rounded,dashed"; color="#999999";
                fetch1 [label="in memory\n4 blocks", shape=cylinder, fillcolor="#cfe2f3"];
              }
              subgraph cluster_stage0 {
                label="stage 0"; style="rounded,dashed"; color="#999999";
                compute0 [label="isin [8, 9]\nmask with 0\n1 task, 1 block", fillcolor="#d9ead3"];
              }
              out0 [label="result\n3 × 8 × 8 u8, 4 chunks", shape=folder, fillcolor="#fce5cd"];
              compute0 -> out0;
              fetch0 -> compute0;
              fetch1 -> compute0;
            }
        "##]],
    );
}

#[test]
fn chunks_show_what_each_reads_pinned_blocks_too() {
    check(
        Detail::Chunks,
        &expect![[r##"
          subgraph cluster_source0 {
            label="memory"; style="rounded,dashed"; color="#999999";
            b0_0 [label="(0, 0)", shape=cylinder, fillcolor="#cfe2f3"];
          }
          subgraph cluster_source1 {
            label="memory"; style="rounded,dashed"; color="#999999";
            b1_0 [label="(0, 0)", shape=cylinder, fillcolor="#cfe2f3"];
            b1_1 [label="(0, 1)", shape=cylinder, fillcolor="#cfe2f3"];
            b1_2 [label="(1, 0)", shape=cylinder, fillcolor="#cfe2f3"];
            b1_3 [label="(1, 1)", shape=cylinder, fillcolor="#cfe2f3"];
          }
          subgraph cluster_stage0 {
            label="result"; style="rounded,dashed"; color="#999999";
            t0 [label="compute\n(0, 0)", fillcolor="#d9ead3"];
          }
          b0_0 -> t0;
          b1_0 -> t0;
          b1_1 -> t0;
          b1_2 -> t0;
          b1_3 -> t0;
        }
    "##]],
    );
}

/// Four tasks of chunks of 8 × 8: two done, one failed, one not reached.
fn times() -> Times {
    let milliseconds = Duration::from_millis;
    let done = |decode, compute| TaskTimes {
        state: TaskState::Done,
        decode: milliseconds(decode),
        compute: milliseconds(compute),
        commit: Duration::from_micros(50),
        ..TaskTimes::default()
    };
    let failed = TaskTimes { state: TaskState::Failed, compute: milliseconds(1), ..TaskTimes::default() };
    Times { tasks: vec![done(40, 2), done(0, 12), failed, TaskTimes::default()] }
}

#[test]
fn layers_after_a_run_carry_times_and_states() {
    let options = DotOptions::from(Detail::Layers).with_times(times());
    check_plans(
        &lesson(8, Target::Chunks),
        options,
        &expect![[r##"
          subgraph cluster_source0 {
            label="memory"; style="rounded,dashed"; color="#999999";
            fetch0 [label="in memory\n1 block", shape=cylinder, fillcolor="#cfe2f3"];
          }
          subgraph cluster_source1 {
            label="memory"; style="rounded,dashed"; color="#999999";
            fetch1 [label="in memory\n4 blocks", shape=cylinder, fillcolor="#cfe2f3"];
          }
          subgraph cluster_stage0 {
            label="stage 0"; style="rounded,dashed"; color="#999999";
            compute0 [label="isin [8, 9]\nmask with 0\n4 tasks, 4 blocks\ndecode 40.0 ms\ncompute 15.0 ms\n100 % of the work\n1 not reached, 2 done, 1 failed", fillcolor="#ea9999"];
          }
          out0 [label="result\n3 × 8 × 8 u8, 4 chunks\ncommit 100 µs", shape=folder, fillcolor="#fce5cd"];
          compute0 -> out0;
          fetch0 -> compute0;
          fetch1 -> compute0;
        }
    "##]],
    );
}

#[test]
fn chunks_after_a_run_carry_times_and_states() {
    let options = DotOptions::from(Detail::Chunks).with_times(times());
    check_plans(
        &lesson(8, Target::Chunks),
        options,
        &expect![[r##"
          subgraph cluster_source0 {
            label="memory"; style="rounded,dashed"; color="#999999";
            b0_0 [label="(0, 0)", shape=cylinder, fillcolor="#cfe2f3"];
          }
          subgraph cluster_source1 {
            label="memory"; style="rounded,dashed"; color="#999999";
            b1_0 [label="(0, 0)", shape=cylinder, fillcolor="#cfe2f3"];
            b1_1 [label="(0, 1)", shape=cylinder, fillcolor="#cfe2f3"];
            b1_2 [label="(1, 0)", shape=cylinder, fillcolor="#cfe2f3"];
            b1_3 [label="(1, 1)", shape=cylinder, fillcolor="#cfe2f3"];
          }
          subgraph cluster_stage0 {
            label="result"; style="rounded,dashed"; color="#999999";
            t0 [label="compute\n(0, 0)\ndecode 40.0 ms\ncompute 2.0 ms", fillcolor="#f6a04d"];
            t1 [label="compute\n(0, 1)\ncompute 12.0 ms", fillcolor="#fce4cc"];
            t2 [label="compute\n(1, 0)\ncompute 1.0 ms\nfailed", fillcolor="#ea9999"];
            t3 [label="compute\n(1, 1)\nnot reached", fillcolor="#d9d9d9"];
          }
          b0_0 -> t0;
          b1_0 -> t0;
          b0_0 -> t1;
          b1_1 -> t1;
          b0_0 -> t2;
          b1_2 -> t2;
          b0_0 -> t3;
          b1_3 -> t3;
        }
    "##]],
    );
}

#[test]
fn times_of_another_run_are_refused() {
    let tasks = lesson(8, Target::Pieces).tasks(&RangePolicy::default(), true).unwrap();
    let error = times().check(&tasks).unwrap_err();
    assert_eq!(error.to_string(), "cannot draw times: they are of a run of 4 tasks, and what is drawn has 1");
}

#[test]
fn a_drawing_of_a_million_chunks_is_as_small_as_one_of_four() {
    let scl = raster([1, 1, 1], |_, _, _| 1u8).repeat([1, 8000, 8000]).unwrap().squeeze().unwrap();
    let visual = raster([3, 1, 1], |_, _, _| 1u8).repeat([1, 8000, 8000]).unwrap().rechunk(&[3, 8, 8]).unwrap();
    let masked = visual.mask(&scl.isin([8, 9]).unwrap(), 0).unwrap();
    assert_eq!(masked.chunk_count(), 1_000_000);
    let plans = Plans::new(&[(&masked, Target::Chunks)]).unwrap();
    for options in [DotOptions::from(Detail::Operations), DotOptions::as_written(Detail::Operations)] {
        let text = draw(&plans, &options, || -> Result<Tasks, Error> { panic!("operations need no tasks") }).unwrap();
        assert!(text.matches("[label=").count() <= 50, "{text}");
        assert!(text.contains("1 000 000 chunks"), "{text}");
    }
}

#[test]
fn many_chunks_are_capped() {
    let plans = lesson(100, Target::Chunks);
    for options in [DotOptions::from(Detail::Chunks), DotOptions::as_written(Detail::Chunks)] {
        let text = draw(&plans, &options, || plans.tasks(&RangePolicy::default(), true)).unwrap();
        assert!(text.matches("[label=").count() <= CHUNK_NODES_MAX + 1);
        assert!(text.contains("more tasks"), "{}", &text[text.len() - 300..]);
    }
}

#[test]
fn names_cannot_break_out_of_a_label() {
    assert_eq!(quoted("a\"b\\c\nd\u{7}"), r#""a\"b\\c\nd""#);
}

/// The mean around each pixel of a masked image, in a window that only some of its chunks are needed for.
fn smoothed() -> Plans {
    let image = chunked([1, 1024, 1024], [1, 256, 256], |_, y, x| (y + x) as u8);
    let masked = image.mask(&image.gt(200).unwrap(), 0).unwrap();
    let smooth = masked.focal([3, 3]).unwrap().mean().unwrap().gt(100.0).unwrap();
    Plans::new(&[(&smooth.window(0..512, 0..300).unwrap(), Target::Pieces)]).unwrap()
}

#[test]
fn a_stage_that_another_reads_is_a_layer_of_its_own() {
    check_plans(
        &smoothed(),
        Detail::Layers,
        &expect![[r##"
          subgraph cluster_source0 {
            label="memory"; style="rounded,dashed"; color="#999999";
            fetch0 [label="in memory\n6 blocks", shape=cylinder, fillcolor="#cfe2f3"];
          }
          subgraph cluster_stage0 {
            label="stage 0"; style="rounded,dashed"; color="#999999";
            compute0 [label="mean of focal 3 × 3\n> 100\n1 task, 1 block", fillcolor="#d9ead3"];
          }
          out0 [label="result\n1 × 512 × 300 bool, 4 chunks", shape=folder, fillcolor="#fce5cd"];
          compute0 -> out0;
          compute1 -> compute0;
          subgraph cluster_stage1 {
            label="stage 1"; style="rounded,dashed"; color="#999999";
            compute1 [label="> 200\nmask with 0\n6 tasks, 6 blocks", fillcolor="#d9ead3"];
          }
          fetch0 -> compute1;
        }
    "##]],
    );
}

#[test]
fn each_program_has_a_box_of_its_own() {
    check_plans(
        &smoothed(),
        Detail::Operations,
        &expect![[r##"
          s0 [label="memory\n1 × 1024 × 1024 u8, 16 chunks", shape=cylinder, fillcolor="#cfe2f3"];
          s3 [label="mean of focal 3 × 3\n1 × 1024 × 1024 f32, 16 chunks", fillcolor="#d9ead3"];
          s4 [label="view y 0..512, x 0..300\n1 × 512 × 300 f32, 4 chunks", fillcolor="#eeeeee"];
          s6 [label="result\n1 × 512 × 300 bool, 4 chunks", shape=folder, fillcolor="#fce5cd"];
          subgraph cluster_fused {
            label="one task per run of output blocks"; style="rounded,dashed"; color="#999999";
            s1 [label="> 200\n1 × 1024 × 1024 bool, 16 chunks", fillcolor="#d9ead3"];
            s2 [label="mask with 0\n1 × 1024 × 1024 u8, 16 chunks", fillcolor="#d9ead3"];
          }
          subgraph cluster_fused1 {
            label="one task per run of output blocks"; style="rounded,dashed"; color="#999999";
            s5 [label="> 100\n1 × 512 × 300 bool, 4 chunks", fillcolor="#d9ead3"];
          }
          s0 -> s1;
          s1 -> s2;
          s0 -> s2;
          s2 -> s3;
          s3 -> s4;
          s4 -> s5;
          s5 -> s6;
        }
    "##]],
    );
}
