"""Hygiene of a dataset before anything is measured on it: filters, and what became of an item.

`run` passes items through `filters` and writes ``kept/`` and ``dropped/``, each dropped item with
its filter and its reason; `load` knows the filters by name; `explain` tells an item's descent.
"""
