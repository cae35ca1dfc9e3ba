"""What is written: one module a task, each a `harken.synth.writing.base.WritingTask`."""
