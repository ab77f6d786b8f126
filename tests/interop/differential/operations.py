"""The operations of `swath calc`: how each is written, what it takes, and what it gives by docs/semantics.md.

A new operation is a row in a table and a function of the reference; `draw.py` knows the kinds of arguments.
"""
from dataclasses import dataclass
from typing import Callable

import numpy as np

from arithmetic import (absolute, add, atan2, bit, bits, clamp, divide, floor_divide, hypot, mathematical, maximum, minimum,
                        multiply, negative, normalized_difference, power, remainder, rounding, scale_offset, shift_left,
                        shift_right, sign, subtract)
from classes import digitize, lookup, reclassify
from edges import convolve, pad, shift
from elementwise import (cast, comparison, fill_nodata, if_else, is_finite, is_nan, isin, logic, mask, valid, when, where,
                         with_nodata, without_nodata)
from join import concat, mosaic, over_time, stack
from structure import band, clip_box, flip, rechunk, repeat, slice_, squeeze, step_by, window
from summaries import (by_band, exact, histogram, number_extreme, number_median, number_mode, number_place, number_quantile, number_std,
                       number_sum, ranked,
                       rounded, statistics)
from resample import RESAMPLINGS, downsample
from windows import KEPT, NUMBERED, ONLY_OVER, STATISTICS, coarsen, focal, over


@dataclass(frozen=True)
class Operation:
    """A name to count it by, its place in an expression, the kinds of its arguments and its reference."""
    name: str
    # A function's name, or a text with {} for each argument.
    text: str
    # Of `draw.py`, alternatives by |; a word that is no kind stands for itself.
    arguments: str
    reference: Callable
    # Whether operands may be known by approximation alone: it moves or chooses among them.
    tolerant: bool = False
    # bool, number (alone) or raster.
    gives: str = "raster"

    def write(self, texts):
        return self.text.format(*texts) if "{" in self.text else f"{self.text}({', '.join(texts)})"

    @property
    def can_give_bools(self):
        """Whether it does, or gives what its operand is."""
        words = self.arguments.replace("|", "").split()
        is_kept = words[0].isupper() and (self.tolerant or words[1:2] and words[1] in KEPT)
        return self.gives == "bool" or bool(is_kept) or "like" in words or "alike" in words

    @property
    def word(self):
        """What the help of swath calls it."""
        return self.text.replace("{}", "").strip("() ") if "{" in self.text else self.text


def functions_of_one(names, reference, **how):
    return [Operation(name, name, "x", reference(function), **how) for name, function in names.items()]


# What lies beyond edges, as kinds of arguments.
BOUNDARIES = {"of a value": "literal", "of nodata": "missing", "nearest": "nearest", "reflect": "reflect"}
# Statistics with the kinds of the numbers that stand behind them.
SPELLED = [word for word in STATISTICS if word != "quantile"] + ["quantile share", "std ddof", "var ddof"]
SPELLED_ANYWHERE = [spelled for spelled in SPELLED if spelled not in ONLY_OVER]


def windowed(name, reference, statistics):
    return [Operation(f"{name} {spelled}", name, f"{name.upper()} {spelled}", reference,
                      gives="bool" if spelled in ("any", "all") else "raster") for spelled in statistics]


def bounded(name, reference, before, **how):
    """Rows of a function that is told what lies beyond edges, by what may stand before that."""
    return [Operation(f"{name}, {said}", name, " | ".join(f"{words} {kind}" for words in before(kind)), reference, **how)
            for said, kind in BOUNDARIES.items()]


def before_boundary(kind):
    """Statistics of focal; a number behind those that may have one is theirs."""
    return [f"FOCAL {word}" for word in SPELLED_ANYWHERE if kind != "literal" or word not in NUMBERED]


def over_times(name, statistics):
    """Of rasters that are stacked as times: no file has these, and none is written."""
    numbers = [", {}" * (len(spelled.split()) - 1) for spelled in statistics]
    return Operation(name, f"over(stack({{}}, {{}}, {{}}, time), time, {{}}{numbers[0]})",
                     " | ".join(f"TIMES {spelled}" for spelled in statistics), over_time)


OPERATIONS = [
    *(Operation(name, f"({{}} {name} {{}})", "x x | x literal | literal x", reference) for name, reference in {
        "+": add, "-": subtract, "*": multiply, "/": divide, "//": floor_divide, "%": remainder}.items()),
    Operation("** of a number", "({} ** {})", "x exponent", power),
    Operation("**", "({} ** {})", "x x | literal x | x literal", power),
    Operation("negative", "(-{})", "x", negative, tolerant=True),
    Operation("abs", "abs", "x", absolute, tolerant=True),
    Operation("sign", "sign", "x", sign),
    Operation("<<", "({} << {})", "integers bit", shift_left),
    Operation(">>", "({} >> {})", "integers bit", shift_right),
    Operation("bits", "bits", "integers bit bit", bits),
    Operation("bit", "bit", "integers bit", bit, gives="bool"),
    Operation("minimum", "minimum", "x x | x literal | literal x", minimum),
    Operation("maximum", "maximum", "x x | x literal | literal x", maximum),
    Operation("clamp", "clamp", "x literal literal | x x x | x literal x", clamp),
    Operation("hypot", "hypot", "x x | x literal | literal x", hypot),
    Operation("atan2", "atan2", "x x | x literal | literal x", atan2),
    Operation("scale_offset", "scale_offset", "x number number", scale_offset),
    Operation("normalized_difference", "normalized_difference", "x x", normalized_difference),
    *functions_of_one({"floor": np.floor, "ceil": np.ceil, "round": np.rint, "trunc": np.trunc}, rounding),
    Operation("sqrt", "sqrt", "x", mathematical(np.sqrt, is_exact=True)),
    *functions_of_one({"exp": np.exp, "ln": np.log, "log2": np.log2, "log10": np.log10, "sin": np.sin, "cos": np.cos,
                       "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan}, mathematical),
    *(Operation(name, f"({{}} {name} {{}})", "x x | x literal | literal x | condition condition", comparison(function),
                gives="bool") for name, function in {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal,
                             "!=": np.not_equal}.items()),
    Operation("isin", "isin", "x values", isin, gives="bool"),
    Operation("valid", "valid", "x", valid, tolerant=True, gives="bool"),
    Operation("is_nan", "is_nan", "x", is_nan, tolerant=True, gives="bool"),
    Operation("is_finite", "is_finite", "x", is_finite, tolerant=True, gives="bool"),
    *(Operation(name, f"({{}} {name} {{}})", "plain alike", logic(function)) for name, function in {
        "&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor}.items()),
    Operation("~", "(~{})", "plain", logic(np.invert)),
    Operation("!", "(!{})", "plain", logic(np.invert)),
    *(Operation(name, f"({{}} {name} {{}})", "condition condition", logic(function, only_bools=True), gives="bool")
      for name, function in {"and": np.logical_and, "or": np.logical_or}.items()),
    Operation("not", "(not {})", "condition", logic(np.logical_not, only_bools=True), gives="bool"),
    Operation("mask", "mask", "like condition fill", mask, tolerant=True),
    Operation("where", "where", "like condition fill", where, tolerant=True),
    Operation("if_else", "if_else", "condition like fill | condition fill like | condition literal literal", if_else,
              tolerant=True),
    Operation("when", "when", "condition like condition fill fill | condition fill condition like fill | "
              "condition literal condition literal literal | condition literal literal", when, tolerant=True),
    *(Operation(f"cast, {overflow}", "cast", f"x dtype {overflow}", cast) for overflow in ("error", "saturate", "wrap")),
    Operation("cast", "cast", "x dtype", cast),
    Operation("with_nodata", "with_nodata", "like nodata", with_nodata),
    Operation("without_nodata", "without_nodata", "like", without_nodata, tolerant=True),
    Operation("fill_nodata", "fill_nodata", "like literal", fill_nodata, tolerant=True),
    Operation("slice", "slice", "SLICE", slice_, tolerant=True),
    Operation("window", "window", "WINDOW", window, tolerant=True),
    Operation("clip_box", "clip_box", "CLIP_BOX", clip_box, tolerant=True),
    Operation("band", "band", "BAND", band, tolerant=True),
    Operation("squeeze", "squeeze", "like", squeeze, tolerant=True),
    Operation("repeat", "repeat", "REPEAT", repeat, tolerant=True),
    Operation("rechunk", "rechunk", "like chunks", rechunk, tolerant=True),
    Operation("[]", "{}[{}]", "BAND", band, tolerant=True),
    Operation("flip", "flip", "FLIP", flip, tolerant=True),
    Operation("step_by", "step_by", "STEP_BY", step_by, tolerant=True),
    *bounded("pad", pad, lambda kind: ["PAD"], tolerant=True),
    *bounded("shift", shift, lambda kind: ["SHIFT"], tolerant=True),
    *bounded("convolve", convolve, lambda kind: ["CONVOLVE"]),
    Operation("stack", "stack", "STACK", stack, tolerant=True),
    *(Operation(f"concat {dim}", "concat", f"CONCAT_{dim.upper()}", concat, tolerant=True) for dim in ("band", "y", "x")),
    Operation("mosaic", "mosaic", "MOSAIC", mosaic),
    *(Operation(f"mosaic {how}", "mosaic", f"MOSAIC {how}", mosaic)
      for how in ("first", "last", "min", "max", "mean", "median", "sum", "count")),
    Operation("lookup", "lookup", "indices table", lookup),
    Operation("digitize", "digitize", "numbers edges", digitize),
    *(Operation(f"reclassify, {said}", "reclassify", kinds, reclassify) for said, kinds in {
        "a number": "RECLASSIFY literal", "nodata": "RECLASSIFY blank", "a raster": "RECLASSIFY_OR_RASTER",
        "itself": "RECLASSIFY_OR_ITSELF"}.items()),
    *windowed("coarsen", coarsen, SPELLED_ANYWHERE),
    *windowed("focal", focal, SPELLED_ANYWHERE),
    *windowed("over", over, SPELLED),
    *bounded("focal", focal, before_boundary),
    *windowed("downsample", downsample, RESAMPLINGS),
    over_times("over time", [spelled for spelled in SPELLED if " " not in spelled]),
    over_times("over time, with a number", [spelled for spelled in SPELLED if " " in spelled]),
]

NUMBERS = [
    *(Operation(f"{name} of all", name, "x", by_band(one), gives="number") for name, one in {
        "count": lambda values, _: len(values), "sum": number_sum, "mean": lambda values, _: rounded(exact(values)[1]),
        "min": number_extreme(min), "max": number_extreme(max), "std": number_std,
        "var": lambda values, _: rounded(exact(values)[2])}.items()),
    Operation("median of all", "median", "whole", by_band(ranked(number_median)), gives="number"),
    Operation("mode of all", "mode", "whole", by_band(ranked(number_mode)), gives="number"),
    Operation("quantile of all", "quantile", "whole share", number_quantile, gives="number"),
    Operation("any of all", "any", "condition", by_band(lambda values, _: any(values)), gives="number"),
    Operation("all of all", "all", "condition", by_band(lambda values, _: all(values)), gives="number"),
    Operation("argmin of all", "argmin", "x", number_place(min), gives="number"),
    Operation("argmax of all", "argmax", "x", number_place(max), gives="number"),
    Operation("statistics", "statistics", "x", statistics, gives="number"),
    Operation("histogram", "histogram", "x bins number number", histogram, gives="number"),
]
