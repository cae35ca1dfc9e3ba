"""Hygiene filters, one file each, in the shape of `harken.clean.base.HygieneFilter`."""
