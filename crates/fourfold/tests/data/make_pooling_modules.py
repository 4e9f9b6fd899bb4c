"""Makes pooling_modules.safetensors: poolings of PyTorch with `ceil_mode=True`.

    pip install numpy safetensors torch
    python make_pooling_modules.py

For each case `NAME/x` is the operand and `NAME/y` the result.
"""

import numpy as np
import torch
from safetensors.numpy import save_file

TENSORS = {}


def case(name, module, *sizes):
    x = np.random.default_rng([0, *name.encode()]).standard_normal((2, 3, *sizes)).astype(np.float32)
    TENSORS[f"{name}/x"] = x
    TENSORS[f"{name}/y"] = np.ascontiguousarray(module(torch.from_numpy(x)).numpy())


nn = torch.nn
case("max1", nn.MaxPool1d(3, stride=2, ceil_mode=True), 8)
case("max1.dilated", nn.MaxPool1d(3, stride=4, padding=1, dilation=2, ceil_mode=True), 11)
case("max1.longer", nn.MaxPool1d(3, stride=2, ceil_mode=True), 2)
case("max1.behind", nn.MaxPool1d(2, stride=3, padding=1, ceil_mode=True), 5)
case("max2", nn.MaxPool2d((3, 2), stride=2, padding=(1, 0), ceil_mode=True), 6, 7)
case("max3", nn.MaxPool3d(2, ceil_mode=True), 3, 4, 5)
case("avg1", nn.AvgPool1d(3, stride=2, ceil_mode=True), 8)
case("avg1.behind", nn.AvgPool1d(2, stride=3, padding=1, ceil_mode=True), 5)
case("avg2", nn.AvgPool2d((3, 2), stride=2, padding=(1, 0), ceil_mode=True), 6, 7)
case("avg2.padded", nn.AvgPool2d(4, stride=3, padding=2, ceil_mode=True), 7, 6)
case("avg2.without", nn.AvgPool2d(4, stride=3, padding=2, ceil_mode=True, count_include_pad=False), 7, 6)
case("avg2.even", nn.AvgPool2d(2, padding=1, ceil_mode=True), 6, 4)
case("avg3", nn.AvgPool3d((2, 3, 2), padding=1, ceil_mode=True), 4, 5, 3)
save_file(TENSORS, "pooling_modules.safetensors")
