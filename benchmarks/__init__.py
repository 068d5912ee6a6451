"""eventfold beside what people would use instead: `python -m benchmarks`. README.md says what is measured, and how."""
