"""Engines: where the units of a job are worked on, in processes of this computer or by Ray.

A job is a list of units that do not depend on each other. A unit may be worked on more than once
and commits its output once, whole, so that the output is the same on any engine and with any number
of workers.
"""
