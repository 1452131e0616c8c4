"""Benchmarks that a user can run: ``lamina bench`` or ``python -m lamina.bench``.

Every figure stands beside the limit of the machine it was measured on (floating-point
operations over the measured peak, or bytes over the measured bandwidth) and, on request, beside
other libraries, measured in the same run in turns. ``bench/README.md`` says how to read them.
"""
