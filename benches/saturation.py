#!/usr/bin/env python3
"""Compares int8 products of several runtimes with the exact sums.

    cargo build --release
    pip install numpy onnx onnxruntime                         # openvino and torch too, if they are to be compared
    python benches/saturation.py target/release/fourfold

Every runtime gets one product of 64 x 512 activations (u8, zero point 0) and 512 x 64 weights (i8) as an ONNX model in
QDQ form; torch gets the same numbers in `quantized::linear`. Scales are powers of two, so the exact result

    y = clamp(round_half_even(sum_k a[i, k] * w[k, j] * 2^-s) + 128, 0, 255)

has no rounding but the last. `random` draws activations and weights over their whole range; `largest` has 255 times 127
and 255 times -127 in columns by turns, whose sums cancel.

CPUs with AVX2 and without VNNI multiply by `vpmaddubsw`, which adds two products in 16 bits and cuts the sum off at
32767: 255 * 127 * 2 is 64770. What differs from the exact result on such a CPU does so for that reason.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

M, N, K = 64, 64, 512


def operands(case):
    rng = np.random.default_rng(0)
    if case == "random":
        return rng.integers(0, 256, (M, K), dtype=np.uint8), rng.integers(-127, 128, (K, N)).astype(np.int8)
    a = np.full((M, K), 255, np.uint8)
    w = np.full((K, N), 127, np.int8)
    w[K // 2 :, ::2] = -127
    w[K // 4 :, 1::2] = -127
    w[K // 4 : K // 2 + K // 8, 1::2] = 127
    return a, w


def exact(a, w):
    """The exact result, and the `s` of its scale."""
    sums = a.astype(np.int64) @ w.astype(np.int64)
    shift = max(0, int(np.ceil(np.log2(max(1, np.abs(sums).max()) / 127))))
    return np.clip(np.rint(sums / 2.0**shift) + 128, 0, 255).astype(np.int64), shift


def model(w, shift):
    """f32 -> Quantize -> Dequantize -> MatMul (weights behind Dequantize) -> Quantize -> Dequantize -> f32."""
    constants = {
        "one": np.float32(1),
        "zero": np.uint8(0),
        "w_q": w,
        "w_zero": np.int8(0),
        "y_scale": np.float32(2.0**shift),
        "y_zero": np.uint8(128),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "zero"], ["x_q"]),
        helper.make_node("DequantizeLinear", ["x_q", "one", "zero"], ["x_dq"]),
        helper.make_node("DequantizeLinear", ["w_q", "one", "w_zero"], ["w_dq"]),
        helper.make_node("MatMul", ["x_dq", "w_dq"], ["z"]),
        helper.make_node("QuantizeLinear", ["z", "y_scale", "y_zero"], ["y_q"]),
        helper.make_node("DequantizeLinear", ["y_q", "y_scale", "y_zero"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [M, K])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [M, N])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made


def fourfold(command, folder, a, w, shift):
    np.save(folder / "x.npy", a.astype(np.float32))
    arguments = [command, "run", folder / "model.onnx", "--input", folder / "x.npy", "--output-dir", folder / "out"]
    subprocess.run([*arguments, "--force"], check=True, stdout=subprocess.DEVNULL)
    return np.load(folder / "out" / "y.npy")


def onnx_runtime(folder, a, w, shift):
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, {"x": a.astype(np.float32)})[0]


def openvino(folder, a, w, shift):
    import openvino

    compiled = openvino.Core().compile_model(folder / "model.onnx", "CPU")
    return compiled([a.astype(np.float32)])[0]


def torch_engine(engine):
    def run(folder, a, w, shift):
        import torch

        torch.backends.quantized.engine = engine
        x = torch._make_per_tensor_quantized_tensor(torch.from_numpy(a), 1.0, 0)
        weight = torch._make_per_tensor_quantized_tensor(torch.from_numpy(np.ascontiguousarray(w.T)), 1.0, 0)
        packed = torch.ops.quantized.linear_prepack(weight, None)
        return torch.ops.quantized.linear(x, packed, 2.0**shift, 128).dequantize().numpy()

    return run


def main():
    command = str(Path(sys.argv[1] if len(sys.argv) > 1 else "target/release/fourfold").resolve())
    runtimes = {
        "fourfold": lambda *case: fourfold(command, *case),
        "ONNX Runtime": onnx_runtime,
        "OpenVINO (oneDNN)": openvino,
        "PyTorch, FBGEMM": torch_engine("fbgemm"),
        "PyTorch, oneDNN": torch_engine("onednn"),
    }
    for case in ["random", "largest"]:
        a, w = operands(case)
        expected, shift = exact(a, w)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            onnx.save(model(w, shift), folder / "model.onnx")
            for name, run in runtimes.items():
                try:
                    y = run(folder, a, w, shift)
                except ImportError:
                    continue
                error = np.abs(np.rint(y / 2.0**shift).astype(np.int64) + 128 - expected)
                print(f"{case:8} {name:18} {100 * np.mean(error > 0):5.1f} % of results differ, by up to {error.max()} of 255")


if __name__ == "__main__":
    main()
