"""What calls the kernels of each kind of layer."""

from clew.runtime.layers import convolutions, elements, linears, poolings

EMIT = {
    "conv": convolutions.emit,
    "max_pool": poolings.emit,
    "avg_pool": poolings.emit,
    "elementwise": elements.emit,
    "concat": elements.concat,
    "constant": elements.constant,
    "flatten": elements.flatten,
    "linear": linears.emit,
    "mean": linears.mean,
}
