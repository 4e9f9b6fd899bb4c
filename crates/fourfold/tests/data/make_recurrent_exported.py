"""Makes recurrent_exported.safetensors and digits_lstm_*_ort_logits.npy: what ONNX Runtime computes from files that fourfold exported.

    pip install numpy onnx onnxruntime safetensors
    FOURFOLD_WRITE_ONNX=DIR cargo test -p fourfold --test recurrent_exported
    python make_recurrent_exported.py DIR

`NAME.FORM/INDEX` is a result of DIR/NAME.FORM.onnx for the operands of the case NAME in recurrent_modules.safetensors. The logits of digits_lstm are
those of the 500 test images, one at a time.

The CPU must have VNNI: without it the products of ONNX Runtime saturate at 16 bits. `session.x64quantprecision` avoids that, but with it ONNX Runtime
1.32 does not load a file in which several nodes read the codes of one weight, as a cell does at every step.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

FOLDER = pathlib.Path(sys.argv[1])
CASES = load_file("recurrent_modules.safetensors")
TENSORS = {}


def session(path):
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options)


for path in sorted(FOLDER.glob("*.*.*.onnx")):
    case, form = path.stem.rsplit(".", 1)
    made = session(path)
    operands = [CASES[f"{case}/{role}"] for role in ("x", "h_0", "c_0") if f"{case}/{role}" in CASES]
    feeds = {info.name: x for info, x in zip(made.get_inputs(), operands, strict=True)}
    for index, result in enumerate(made.run(None, feeds)):
        TENSORS[f"{path.stem}/{index}"] = np.ascontiguousarray(result)
save_file(TENSORS, "recurrent_exported.safetensors")

IMAGES = np.load("../../../cli/data/digits_test_images.npy")
for path in sorted(FOLDER.glob("digits_*.onnx")):
    made = session(path)
    name = made.get_inputs()[0].name
    logits = [made.run(None, {name: IMAGES[index : index + 1]})[0] for index in range(len(IMAGES))]
    np.save(f"{path.stem}_ort_logits.npy", np.concatenate(logits))
