#!/usr/bin/env python3
"""Write the lesson's scene once more, with clouds of another size.

    python benches/side_by_side/clouds.py SCENES OUT --exponent 3.0 [--zoom 4]

SCENES is what make_scene.py of the baseline programs has written. OUT gets its last item: visual.tif is linked, SCL.tif has
the same land, and clouds on about as many pixels, from another field: the larger the exponent of its spectrum, the smoother
the clouds (the scene's own have 1.8), and so many times larger by --zoom. OUT/search.json lists that item with these assets.
"""
import argparse
import json
import os
import shutil
import sys

import numpy as np
import rasterio
import scipy.ndimage
from rasterio.enums import Resampling

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lesson  # noqa: E402

lesson.need_baseline()
sys.path.insert(0, lesson.BASELINE)
import make_scene  # noqa: E402

NO_DATA, CLOUD, THICK, THIN, VEGETATION = 0, 8, 9, 10, 4


def moved(scl, exponent, zoom, seed):
    """Classes with the clouds moved: as many pixels of them, thick inside and thin around them."""
    rng, side = np.random.default_rng(seed), scl.shape[0]
    field = make_scene.field(rng, -(-side // zoom), exponent)
    field = scipy.ndimage.zoom(field, zoom, order=1)[:side, :side]
    valid = scl != NO_DATA
    known = field[valid]
    out, covered = np.where(np.isin(scl, [CLOUD, THICK, THIN]), VEGETATION, scl), 0
    for label in (THICK, CLOUD, THIN):
        inside, covered = covered, covered + (scl[valid] == label).mean()
        low, high = np.quantile(known, 1 - covered), np.quantile(known, 1 - inside)
        out = np.where((field > low) & (field <= high), np.uint8(label), out)
    out[~valid] = NO_DATA
    return out


def link(path, new):
    if os.path.exists(new):
        os.remove(new)
    try:
        os.link(path, new)
    except OSError:  # on another file system
        shutil.copyfile(path, new)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("scenes")
    p.add_argument("out")
    p.add_argument("--exponent", type=float, required=True)
    p.add_argument("--zoom", type=int, default=1)
    p.add_argument("--seed", type=int, default=3)
    a = p.parse_args()
    with open(f"{a.scenes}/search.json") as f:
        search = json.load(f)
    item = search["features"][-1]
    folder = f"{os.path.abspath(a.out)}/{item['id']}"
    os.makedirs(folder, exist_ok=True)
    classes, visual = lesson.files(a.scenes)
    with rasterio.open(classes) as f:
        old = f.read(1)
    new = moved(old, a.exponent, a.zoom, a.seed)
    make_scene.write_cog(f"{folder}/SCL.tif", new[None], 20, Resampling.mode)
    link(visual, f"{folder}/visual.tif")
    item["assets"] = {key: {**item["assets"][key], "href": f"{folder}/{key}.tif"} for key in ("SCL", "visual")}
    with open(f"{a.out}/search.json", "w") as f:
        json.dump({**search, "features": [item]}, f, indent=1)
    print(f"{a.out}: {np.isin(new, [CLOUD, THICK]).mean():.1%} clouds, {np.isin(old, [CLOUD, THICK]).mean():.1%} before")


if __name__ == "__main__":
    main()
