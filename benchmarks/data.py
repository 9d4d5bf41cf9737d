"""The arrays that are stored: three kinds that are computed, and one from measurements."""

import functools
import math

import numpy as np
from matplotlib.cbook import get_sample_data

MIB = 2**20
FACE = (128, 128)  # of the computed kinds; the first axis grows with the size
SQUARE = 250  # of the terrain: no multiple of a block
SEED = 20261122


def smooth(shape: tuple[int, ...]) -> np.ndarray:
    """Waves of a few periods, to 16 binary digits, as an instrument gives them: float64."""
    axes = [np.linspace(0, 2 * math.pi * (k + 2), extent) for k, extent in enumerate(shape)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    waves = np.sin(x + 0.5 * np.cos(y)) * np.cos(z) + 0.1 * np.sin(3 * y + z)
    return np.round(waves * 2**16) / 2**16


def counts(shape: tuple[int, ...]) -> np.ndarray:
    """Events in a detector: small int32, more of them in the middle."""
    axes = [np.linspace(-1, 1, extent) for extent in shape]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    rate = 6 * np.exp(-3 * (x * x + y * y + z * z))
    return np.random.default_rng(SEED).poisson(rate).astype(np.int32)


def noise(shape: tuple[int, ...]) -> np.ndarray:
    """Normal float64: nothing to compress but the exponents."""
    return np.random.default_rng(SEED).standard_normal(shape)


def relief(count: int) -> np.ndarray:
    """Shaded relief of real terrain, for `count` positions of the sun over a day: float32.

    The terrain is matplotlib's sample of the USGS elevation model (Jacksboro fault, Tennessee: int16 metres,
    344 x 403, of which a square; data of the U.S. government, public domain). Light as in Horn (1981): slope
    against the sun.
    """
    with get_sample_data("jacksboro_fault_dem.npz") as file:
        metres = file["elevation"][:SQUARE, :SQUARE].astype(np.float32)
    south, east = np.gradient(metres, 90.0)  # a cell is about 90 m wide
    normal = np.stack([-east, south, np.ones_like(east)])
    normal /= np.sqrt((normal**2).sum(axis=0))
    day = np.linspace(0.05, math.pi - 0.05, count)
    sun = np.stack([np.cos(day), -0.4 * np.sin(day), np.sin(day)])
    sun /= np.sqrt((sun**2).sum(axis=0))
    light = np.tensordot(sun.T.astype(np.float32), normal, axes=1)
    return np.maximum(light, 0).astype(np.float32)


@functools.lru_cache(maxsize=2)
def make(kind: str, mib: int) -> np.ndarray:
    """Return an array of about `mib` MiB, C-ordered, the same on each call."""
    if kind == "real":
        return relief(max(mib * MIB // (SQUARE * SQUARE * 4), 1))
    itemsize = 4 if kind == "counts" else 8
    shape = (max(mib * MIB // (math.prod(FACE) * itemsize), 1), *FACE)
    return np.ascontiguousarray({"smooth": smooth, "counts": counts, "noise": noise}[kind](shape))
