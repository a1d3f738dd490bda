"""Kernels: functions in LLVM's language, made for a shape and a processor; the weights are their data."""
