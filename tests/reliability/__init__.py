"""The proof that arrays are safe: a table of goals, each with its measure, the peers beside.

``bash ci/reliability`` runs it; docs/design/reliability.md says how each goal is measured.
"""
