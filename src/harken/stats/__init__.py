"""Intervals, paired tests, bootstrap, power: plain functions over arrays and scored records."""
