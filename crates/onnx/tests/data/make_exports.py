"""Adds the outputs of ONNX Runtime to exports.safetensors, which holds the files that export writes, and inputs.

    pip install numpy onnx onnxruntime safetensors
    FOURFOLD_WRITE_EXPORTS=1 cargo test -p fourfold-onnx exports
    python make_exports.py

For each case `NAME/model` holds the bytes of an ONNX file, `NAME/in/INDEX` its inputs and `NAME/out/INDEX` the outputs.
"""

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

PATH = "exports.safetensors"
tensors = {name: tensor for name, tensor in load_file(PATH).items() if "/out/" not in name}
for name in sorted(name.removesuffix("/model") for name in tensors if name.endswith("/model")):
    model = tensors[f"{name}/model"].tobytes()
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options)
    inputs = {info.name: tensors[f"{name}/in/{i}"] for i, info in enumerate(session.get_inputs())}
    for i, y in enumerate(session.run(None, inputs)):
        tensors[f"{name}/out/{i}"] = np.ascontiguousarray(y)
save_file(tensors, PATH)
print(len(tensors), sum(t.nbytes for t in tensors.values()))
