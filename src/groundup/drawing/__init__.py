"""Drawings of structure: networks, graphs, products, shapes, strides, kernels, blocks and descents.

Each is 358 units wide, a unit being a pixel on a phone and a point in the SVG, and y grows downwards. Blue is forward,
orange is backward and nothing else; values stand above, gradients below; what is not really there (padding, copies)
is dashed. Every function gives back a `Drawing`, which says in words what it shows: `.alt`.
"""

from __future__ import annotations

from groundup.drawing.blocks import residual
from groundup.drawing.descents import descent
from groundup.drawing.graphs import graph
from groundup.drawing.images import convolution, receptive_field
from groundup.drawing.legible import smallest_text
from groundup.drawing.matrices import broadcast, product, shapes
from groundup.drawing.memory import strides
from groundup.drawing.networks import big_network, network
from groundup.drawing.sheet import Drawing

__all__ = [
    "Drawing",
    "big_network",
    "broadcast",
    "convolution",
    "descent",
    "graph",
    "network",
    "product",
    "receptive_field",
    "residual",
    "shapes",
    "smallest_text",
    "strides",
]
