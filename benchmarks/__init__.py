"""Benchmarks of caterva beside its peers, a memcpy, and the bare codec: README.md here."""
