"""The competitors: one class for each library, all with the interface of `base.Peer`."""

from benchmarks.peers.base import Peer
from benchmarks.peers.caterva import Caterva
from benchmarks.peers.hdf5 import HDF5, HDF5Blosc2
from benchmarks.peers.memcpy import Memcpy
from benchmarks.peers.pyblosc2 import PyBlosc2
from benchmarks.peers.tensorstore import TensorStore, TensorStoreShards
from benchmarks.peers.zarr import Zarr, Zarrs, ZarrShards

OURS = Caterva.name
NOT_PEERS = ("floor", Memcpy.name)  # what is no library to choose instead
PEERS: list[type[Peer]] = [
    Caterva,
    Memcpy,
    PyBlosc2,
    Zarr,
    ZarrShards,
    Zarrs,
    TensorStore,
    TensorStoreShards,
    HDF5,
    HDF5Blosc2,
]

__all__ = ["NOT_PEERS", "OURS", "PEERS", "Peer"]
