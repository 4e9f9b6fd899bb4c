"""Writes exports/NAME_new.onnx and exports/NAME_old.onnx: models of torchvision by PyTorch's new and by its legacy exporter, without weights.

    pip install torch torchvision onnx onnxscript
    python make_exports.py            # the committed files
    python make_exports.py --whole    # with weights, of images of 224 x 224, beside this script: 900 MB, for the example compare_exports

A constant of more than 4 real numbers lies in the external file `noise/SEED/MEAN/DEVIATION`, which does not exist: whoever reads the model makes
numbers of that mean and deviation from the seed. Constants that are the same in both files, within rounding, have the same seed.
"""

import logging
import pathlib
import sys
import tempfile
import warnings

import numpy as np
import onnx
import torch
import torchvision
from onnx import numpy_helper

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

IS_WHOLE = "--whole" in sys.argv
SIZE = 224 if IS_WHOLE else 64
HERE = pathlib.Path(__file__).parent


def vit():
    if IS_WHOLE:
        return torchvision.models.vit_b_16(weights=None)
    return torchvision.models.VisionTransformer(
        image_size=SIZE, patch_size=16, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=10
    )


MODELS = {
    "resnet18": lambda: torchvision.models.resnet18(weights=None),
    "efficientnet_b0": lambda: torchvision.models.efficientnet_b0(weights=None),
    "mobilenet_v3_small": lambda: torchvision.models.mobilenet_v3_small(weights=None),
    "squeezenet1_1": lambda: torchvision.models.squeezenet1_1(weights=None),
    "shufflenet_v2_x0_5": lambda: torchvision.models.shufflenet_v2_x0_5(weights=None),
    "vit": vit,
}


def trained_looking(model):
    """No parameter is 0 or 1, as none of a trained model is: exporters leave such out."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or name.endswith("class_token"):
            parameter.data.normal_(0, 0.02)
    return model.eval()


def without_weights(model, known):
    """Replaces large constants by places of files that do not exist, and strips what is there for people."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for info in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        del info.metadata_props[:]
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.size <= 4 or array.dtype != np.float32:
            continue
        same = lambda other: other.shape == array.shape and np.allclose(other, array, rtol=1e-4, atol=1e-6)
        seed = next((seed for seed, other in enumerate(known) if same(other)), len(known))
        if seed == len(known):
            known.append(array)
        location = f"noise/{seed}/{known[seed].mean():.5f}/{known[seed].std():.5f}"
        for field in ["raw_data", "data_location", "float_data"]:
            tensor.ClearField(field)
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in [("location", location), ("length", str(array.nbytes))]:
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    return model


def export(model, path, dynamo):
    x = torch.randn(2, 3, SIZE, SIZE)
    if dynamo:
        torch.onnx.export(model, (x,), path, dynamic_shapes={"x": {0: "batch"}}, verbose=False)
    else:
        axes = {"x": {0: "batch"}}
        torch.onnx.export(model, (x,), path, dynamo=False, input_names=["x"], dynamic_axes=axes)


for name, make in MODELS.items():
    torch.manual_seed(0)
    model, known = trained_looking(make()), []
    for way, dynamo in [("new", True), ("old", False)]:
        if IS_WHOLE:
            export(model, HERE / f"{name}_{way}.onnx", dynamo)
            continue
        with tempfile.TemporaryDirectory() as folder:
            export(model, f"{folder}/model.onnx", dynamo)
            small = without_weights(onnx.load(f"{folder}/model.onnx"), known)
        (HERE / "exports").mkdir(exist_ok=True)
        path = HERE / "exports" / f"{name}_{way}.onnx"
        path.write_bytes(small.SerializeToString())
        print(path.name, path.stat().st_size, len(known), "constants")
