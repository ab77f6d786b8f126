//! Runs on threads that the caller brings, and inside pools and runtimes: the same pixels and bytes, and an end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Served;
use rayon::{ThreadPool, ThreadPoolBuilder};
use swath::{Cancel, Chunks, ErrorKind, LazyRaster, OpenOptions, Overview, Run, Trace, prelude::*};

type Worker<'a> = &'a (dyn Fn() + Sync);

fn masked(served: &Served) -> LazyRaster {
    let scl = swath::open(served.server.url(&served.asset("SCL"))).unwrap();
    let options = OpenOptions::new().overview(Overview::Level(0)).chunks(Chunks::Shape([3, 256, 256]));
    let visual = options.open(served.server.url(&served.asset("visual"))).unwrap();
    visual.mask(&scl.squeeze().unwrap().isin([8, 9]).unwrap(), 0).unwrap()
}

/// The bytes of the file that a run writes.
fn written(served: &Served, name: &str, run: &Run) -> Vec<u8> {
    let path = served.path(name);
    masked(served).to_geotiff(&path).unwrap().run(run).unwrap();
    std::fs::read(path).unwrap()
}

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
}

/// A run on a pool whose caller works, too.
fn on_pool(pool: &Arc<ThreadPool>, count: usize) -> Run {
    let pool = Arc::clone(pool);
    let threads = move |count: usize, worker: Worker<'_>| {
        pool.in_place_scope(|scope| {
            (1..count).for_each(|_| scope.spawn(|_| worker()));
            worker();
        });
    };
    Run::on(threads, count)
}

#[test]
fn threads_of_any_kind_write_the_same_file() {
    let served = Served::new(1200);
    let expected = written(&served, "serial.tif", &Run::serial());
    let scoped = |count: usize, worker: Worker<'_>| {
        std::thread::scope(|scope| (0..count).for_each(|_| drop(scope.spawn(worker))));
    };
    let pool = pool(3);
    let broadcast = {
        let pool = Arc::clone(&pool);
        move |_: usize, worker: Worker<'_>| drop(pool.broadcast(|_| worker()))
    };
    for (name, run) in [
        ("none", Run::on(|_: usize, _: Worker<'_>| (), 4)),
        ("caller", Run::on(|_: usize, worker: Worker<'_>| worker(), 1)),
        ("one after the other", Run::on(|count: usize, worker: Worker<'_>| (0..count).for_each(|_| worker()), 3)),
        ("scoped", Run::on(scoped, 3)),
        ("more than asked", Run::on(move |count: usize, worker: Worker<'_>| scoped(count + 5, worker), 2)),
        ("broadcast", Run::on(broadcast, 2)),
        ("scope of a pool", on_pool(&pool, 3)),
    ] {
        assert!(written(&served, "out.tif", &run.memory_limit(64 << 20)) == expected, "{name}");
    }
}

#[test]
fn no_more_threads_work_than_were_asked_for() {
    let served = Served::new(1200);
    let trace = Trace::new();
    let crowd = |_: usize, worker: Worker<'_>| {
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(worker))));
    };
    Run::on(crowd, 2).traced_by(&trace).compute(&masked(&served)).unwrap();
    let mut json = Vec::new();
    trace.write_to(&mut json).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(file["otherData"]["runs"][0]["workers"], 2);
}

#[test]
fn runs_inside_a_pool_share_it_and_end() {
    let served = Served::new(1200);
    let expected = masked(&served).compute().unwrap();
    for size in [1, 2, 4] {
        let pool = pool(size);
        let run = on_pool(&pool, size);
        let done = AtomicUsize::new(0);
        pool.scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|_| {
                    assert_eq!(run.compute(&masked(&served)).unwrap(), expected);
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(done.into_inner(), 5, "a pool of {size}");
    }
}

#[test]
fn several_threads_run_on_one_pool_at_once() {
    let served = Served::new(1200);
    let expected = masked(&served).compute().unwrap();
    let run = on_pool(&pool(2), 2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(run.compute(&masked(&served)).unwrap(), expected));
        }
    });
}

#[test]
fn chunks_may_be_taken_on_the_pools_only_thread() {
    let served = Served::new(1200);
    let pool = pool(1);
    let run = on_pool(&pool, 1);
    let masked = masked(&served);
    assert_eq!(pool.install(|| run.chunks(&masked).unwrap().map(Result::unwrap).count()), masked.chunk_count());
}

#[test]
fn a_panic_of_an_observer_reaches_the_caller_through_the_pool() {
    let run = on_pool(&pool(2), 2).on_progress(|_| panic!("enough"));
    let raster = swath::raster([1, 64, 64], |_, y, x| (y + x) as u8).unwrap();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.compute(&raster))).unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "enough");
}

#[test]
fn a_cancelled_run_gives_its_threads_back() {
    let served = Served::new(1200);
    served.server.set_latency(std::time::Duration::from_millis(200));
    let (pool, cancel) = (pool(2), Cancel::new());
    let run = on_pool(&pool, 2).cancelled_by(&cancel);
    let masked = masked(&served);
    let error = std::thread::scope(|scope| {
        let running = scope.spawn(|| run.compute(&masked).unwrap_err());
        cancel.cancel();
        running.join().unwrap()
    });
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(pool.broadcast(|context| context.index()), [0, 1]);
}

/// What a program with a runtime does: blocking verbs on its blocking threads, asynchronous ones anywhere.
async fn in_a_runtime(served: Arc<Served>, runs: [Run; 3]) {
    let raster = tokio::task::spawn_blocking({
        let served = Arc::clone(&served);
        move || masked(&served)
    });
    let raster = raster.await.unwrap();
    let expected = raster.compute_async().await.unwrap();
    for run in runs {
        let blocking = (0..3).map(|_| {
            let (run, raster) = (run.clone(), raster.clone());
            tokio::task::spawn_blocking(move || run.compute(&raster).unwrap())
        });
        let blocking: Vec<_> = blocking.collect();
        let (one, two) = (run.compute_async(&raster), run.compute_async(&raster));
        assert_eq!(one.await.unwrap(), expected);
        assert_eq!(two.await.unwrap(), expected);
        for pixels in blocking {
            assert_eq!(pixels.await.unwrap(), expected);
        }
    }
}

fn runs() -> [Run; 3] {
    let caller = |_: usize, worker: Worker<'_>| worker();
    [Run::threads(2), Run::on(caller, 1), on_pool(&pool(2), 2)]
}

#[test]
fn runs_inside_a_runtime_of_one_thread() {
    let served = Arc::new(Served::new(1200));
    common::runtime().block_on(in_a_runtime(served, runs()));
}

#[test]
fn runs_inside_a_runtime_of_several_threads() {
    let served = Arc::new(Served::new(1200));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(in_a_runtime(Arc::clone(&served), runs()));
    // On a worker of the runtime itself.
    runtime.block_on(async move {
        let on_a_worker = tokio::spawn(async move {
            let run = Run::on(|_: usize, worker: Worker<'_>| worker(), 1);
            tokio::task::block_in_place(|| run.compute(&masked(&served)).unwrap() == masked(&served).compute().unwrap())
        });
        assert!(on_a_worker.await.unwrap());
    });
}
