"""Random expression trees.

A tree is drawn from the root for a place (a grid and bands), and evaluated by the reference from its leaves on, so that
operations and literals are drawn for what their operands are.
"""
from dataclasses import replace

import numpy as np

from classes import ValueRange
from elementwise import NODATA
from model import DTYPES, RANGES, Raster, Rejected
from operations import NUMBERS, OPERATIONS
from places import TOGETHER, anything, made_of
from windows import KEPT
from world import EXAMPLES, Kept, Node, Unsuitable

NODES_MAX = 60


class Draw:
    """Draws trees; `counts` tells which operations were drawn seldom."""

    def __init__(self, rng, world, counts, keep):
        self.rng, self.world, self.counts, self.keep, self.nodes = rng, world, counts, keep, 0
        # Nodes by place: now and then one is used again.
        self.known = {}

    def one_of(self, choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, share):
        return self.rng.random() < share

    def tree(self):
        """A tree that is accepted, or one that is to be refused."""
        # A condition below may need one more.
        depth = self.one_of([1, 2, 3, 4, 5, 6, 7, 7, 7])
        place = self.world.place
        try:
            if self.chance(0.2):
                return self.operation(place, depth, anything, self.seldom(NUMBERS), False)
            return self.node(place, depth, anything, False)
        except Kept as kept:
            return kept.args[0]

    def seldom(self, operations):
        weights = np.array([1 / (1 + self.counts[operation.name]) ** 0.7 for operation in operations])
        return operations[self.rng.choice(len(operations), p=weights / weights.sum())]

    def node(self, place, depth, wants, is_exact, bools=False):
        self.nodes += 1
        if self.chance(0.07):
            again = [node for node in self.known.get(place, []) if node.depth <= depth and wants(node.value)
                     and not (is_exact and node.value.slack is not None)]
            if again:
                return self.one_of(again)
        node = self.new_node(place, depth, wants, is_exact, bools)
        self.known.setdefault(place, []).append(node)
        return node

    def new_node(self, place, depth, wants, is_exact, bools):
        known = [operation for operation in OPERATIONS if operation.can_give_bools] if bools else OPERATIONS
        if depth > 0 and self.nodes < NODES_MAX:
            for _ in range(8):
                try:
                    return self.operation(place, depth, wants, self.seldom(known), is_exact)
                except Unsuitable:
                    pass
        if not bools:
            return self.world.input(place, wants)
        return self.simple_condition(self.world.input(place, anything))

    def simple_condition(self, x):
        values = [value for value in (self.pixel(x.value), self.pixel(x.value)) if value == value and value != x.value.nodata]
        name = self.one_of(["isin", "<", "<=", ">", ">=", "==", "!="] if values else ["isin", "valid"])
        arguments = [x, values] if name == "isin" else [x] + values[:1]
        return Node(next(operation for operation in OPERATIONS if operation.name == name), arguments)

    def operation(self, place, depth, wants, operation, is_exact):
        """A node of the operation."""
        needs_exact = is_exact or not operation.tolerant
        kinds = self.one_of(operation.arguments.split(" | ")).split()
        # One operand may be as deep as it can; the others mostly are not.
        deepest = self.one_of([index for index, kind in enumerate(kinds) if kind in RASTERS or kind in TOGETHER])
        below = [int(below) for below in self.rng.integers(0, max(depth - 1, 1), len(kinds))]
        below[deepest] = depth - 1
        kinds = list(zip(kinds, below))
        draw = self.arguments_together if kinds[0][0].isupper() else self.arguments
        try:
            node = Node(operation, draw(operation, kinds, place, wants, needs_exact))
        except Rejected:  # what an argument is made of is
            raise Unsuitable from None
        try:
            value = node.value
        except Rejected:
            if self.chance(self.keep):
                raise Kept(node) from None
            raise Unsuitable from None
        if isinstance(value, Raster) and (not wants(value) or is_exact and value.slack is not None):
            raise Unsuitable
        return node

    def arguments_together(self, operation, kinds, place, wants, is_exact):
        """Those of what changes the grid or takes many rasters, and the words and numbers behind them."""
        (kind, below), *behind = kinds
        words = [word for word, _ in behind]
        is_same = operation.tolerant or words[:1] and words[0] in KEPT
        asked = is_bool if {"any", "all"} & set(words) else wants if is_same else anything
        # Without nodata rasters in a mosaic are not put together, but lie over each other.
        is_put_together = kind == "MOSAIC" and words and words[0] not in ("first", "last")
        needs_nodata = "missing" in words and not self.chance(0.03) or is_put_together and not self.chance(0.15)

        def x(at, also=anything, shallow=False):
            depth = int(self.rng.integers(0, below + 1)) if shallow else below
            suits = lambda value: asked(value) and also(value) and (value.nodata is not None or not needs_nodata)
            return self.node(at, depth, suits, is_exact, gives_bools_alone(asked))

        drawn = TOGETHER[kind](self, place, x)
        if "product" in words:
            drawn = [narrowed(self, one) if isinstance(one, Node) else one for one in drawn]
        return drawn + [OTHERS[word](self, drawn[0].value) if word in OTHERS else word for word in words]

    def arguments(self, operation, kinds, place, wants, is_exact):
        """Rasters first: literals are drawn for them."""
        drawn = {}
        for index, (kind, below) in enumerate(kinds):
            if kind == "fill":
                kind = self.one_of(["like", "literal", "literal", "blank"])
                kinds[index] = kind, below
            if kind in RASTERS:
                first = drawn[min(drawn)].value if drawn else None
                drawn[index] = RASTERS[kind](self, place, below, wants, is_exact, first)
        about = [node.value for index, node in drawn.items() if kinds[index][0] != "condition"]
        about = about[0] if about else None
        return [drawn[index] if index in drawn else OTHERS[kind](self, about) if kind in OTHERS else kind
                for index, (kind, _) in enumerate(kinds)]

    # Literals and other arguments, for a raster that is known or not.

    def pixel(self, x):
        return x.pixels.ravel()[self.rng.integers(x.pixels.size)].item()

    def literal(self, x):
        rng = self.rng
        if x is not None and x.dtype == "bool" and self.chance(0.8):
            return bool(rng.integers(2))
        if x is None or self.chance(0.45):
            return self.one_of([0, 1, 2, 3, 5, 7, 10, 100, 255, -1, -3, 0.5, 2.0, -1.5, 0.1, 1e3])
        if self.chance(0.08):
            return self.one_of([300, 65536, 16777217, -129, 2 ** 32, 2 ** 53 + 1, -2 ** 63, 2 ** 63, 2 ** 64 - 1, 2 ** 64,
                                1e300, 1e-300, float("nan"), float("inf"), float("-inf"), True])
        if x.nodata is not None and self.chance(0.08):
            return x.nodata
        if x.is_float:
            return float(np.float32(self.pixel(x))) if self.chance(0.3) else self.pixel(x)
        low, high = x.interval
        return self.one_of([self.pixel(x), self.pixel(x) + 1, self.pixel(x) - 1, low, high, self.pixel(x) + 0.5])

    def values(self, x):
        values = [self.literal(x) for _ in range(int(self.rng.integers(0, 5)))]
        if x.is_integer and self.chance(0.5):
            first = int(np.clip(self.pixel(x), *x.interval))
            values.append(range(first, min(first + int(self.rng.integers(1, 40)), x.interval[1] + 1)))
        return [v for v in values if not (isinstance(v, range) and len(v) == 0)]

    def table(self, x):
        """Mostly an entry for each value."""
        length = max(x.interval[1], 0) + 1 + int(self.rng.integers(0, 3)) - self.chance(0.02)
        return self.entries(min(length, 300))

    def entries(self, count):
        """Of one kind mostly, so that a dtype holds all."""
        choices = self.one_of([[0, 1, 2, 5, 255], [0, 3, 1000, 65535], [-1, 0, 7, -129], [0.5, 1, 2.5, -1], [True, False],
                               [1e300, 2, 0.1], [2 ** 40, -2 ** 40, 1], [2 ** 64 - 1, 0], [float("nan"), 1, float("-inf")],
                               [0, 1, True] if self.chance(0.1) else [7]])
        return [self.one_of(choices) for _ in range(count)]

    def edges(self, x):
        """Mostly some that increase."""
        edges = sorted({self.literal(x) for _ in range(int(self.rng.integers(0, 7)))}, key=float)
        edges = [edge for edge in edges if edge == edge and not isinstance(edge, bool)] if not self.chance(0.02) else edges
        return edges[::-1] if self.chance(0.02) else edges

    def classes(self, x):
        """Values and ranges, some of which overlap."""
        classes = []
        for _ in range(int(self.rng.integers(1, 5))):
            low, high = self.literal(x), self.literal(x)
            if low > high and not self.chance(0.02):
                low, high = high, low
            low = self.one_of([low, low, low, low, float("-inf")])
            is_range = self.chance(0.7)
            classes.append(ValueRange(low, high, self.chance(0.5)) if is_range else low)
        return classes

    def weights(self):
        height, width = self.one_of([1, 3, 3, 5]), self.one_of([1, 3, 3, 5]) + self.chance(0.01)
        odd = float("nan") if self.chance(0.1) else 3.5
        choices = self.one_of([[1, 0, -1, 2, -2], [0.1, 0.25, 1e3, -0.7], [0, 0, 1, odd]])
        return [[self.one_of(choices) for _ in range(width - self.chance(0.003))] for _ in range(height)]

    def nodata(self, x):
        """Often an end of the dtype, or one that leaves the interval."""
        ends = [float("nan"), float("nan"), -9999, 0] if x.is_float else [0, *x.interval, *RANGES[x.dtype]]
        return self.one_of([*ends, self.literal(x)])

    def exponent(self, x):
        return self.one_of([0, 1, 2, 2, 2, 3, 3, 4, 7, 20, 64])

    def number(self, x):
        return self.one_of([0.5, 2, 1, -1, 0.0001, 10, 100, 0, 3.7, -1000])

    def chunks(self, x):
        return [int(self.rng.integers(1, 80)) for _ in range(2 + x.has_bands)] + [9] * self.chance(0.03)


def is_bool(value):
    return value.dtype == "bool"


def like(draw, place, depth, wants, is_exact, first=None):
    """What is wanted of the result."""
    return draw.node(place, depth, wants, is_exact, gives_bools_alone(wants))


def gives_bools_alone(wants):
    return wants(EXAMPLES["bool"]) and not wants(EXAMPLES["u8"])


def raster(wants, bools=False):
    """Mostly what is wanted."""
    def drawn(draw, place, depth, _, is_exact, first):
        return draw.node(place, depth, lambda value: wants(value) or draw.chance(0.01), is_exact, bools)
    return drawn


def any_raster(draw, place, depth, wants, is_exact, first):
    """Now and then one that does not meet."""
    if draw.chance(0.004):
        place = replace(place, rows=place.rows + 1)
    return draw.node(place, depth, anything, is_exact)


def indices(draw, place, depth, wants, is_exact, first):
    """Integers and bools of few values, all of which a table has."""
    node = draw.node(place, depth, lambda value: not value.is_float, is_exact)
    low, high = node.value.interval
    return node if 0 <= low and high < 12 or draw.chance(0.02) else made_of("%", node, draw.one_of([1, 2, 5, 8, 11]))


def narrowed(draw, node):
    """Where it is of integers, of so few that many multiplied have 64 bits."""
    interval = node.value.interval
    is_narrow = interval is None or max(map(abs, interval)) <= 5
    return node if is_narrow or draw.chance(0.2) else made_of("%", node, draw.one_of([2, 3, 6, -2, -4]))


def alike(draw, place, depth, wants, is_exact, first):
    """A raster that `first` can be combined with bit by bit."""
    def suits(value):
        return value.dtype == first.dtype and value.nodata is None or draw.chance(0.01)
    return draw.node(place, depth, suits, is_exact, first.dtype == "bool")


# Kinds of arguments that are rasters: drawn for a place, a depth and what is wanted of the result, exact or not, beside
# a first one.
RASTERS = {
    "x": any_raster,
    "like": like,
    "condition": raster(is_bool, bools=True),
    "indices": indices,
    "numbers": raster(lambda value: value.dtype != "bool"),
    "integers": raster(lambda value: value.is_integer),
    "whole": raster(lambda value: not value.is_float),
    "plain": raster(lambda value: not value.is_float and value.nodata is None),
    "alike": alike,
}

# Other kinds: drawn for a raster among the arguments, if there is one.
OTHERS = {
    "literal": Draw.literal,
    "number": Draw.number,
    "exponent": Draw.exponent,
    "bit": lambda draw, x: int(draw.rng.integers(0, 8 * x.pixels.itemsize + draw.chance(0.1))),
    "values": Draw.values,
    "table": Draw.table,
    "edges": Draw.edges,
    "share": lambda draw, x: draw.one_of([0.5, 0.25, 0.9, 0.1, 0.3333, 0.75, 0, 1, 0.999, 1.5 if draw.chance(0.2) else 0.6]),
    "ddof": lambda draw, x: draw.one_of([1, 1, 1, 0, 2]),
    "nodata": Draw.nodata,
    "blank": lambda draw, x: NODATA,
    # Nodata beyond edges.
    "missing": lambda draw, x: NODATA,
    "dtype": lambda draw, x: draw.one_of(list(DTYPES)),
    "bins": lambda draw, x: int(draw.rng.integers(1, 40)),
    "chunks": Draw.chunks,
}
