"""Makes quantized.safetensors: small quantized models, inputs, and the outputs that ONNX Runtime computes from them.

    pip install numpy onnx onnxruntime safetensors
    python make_quantized.py

The tensors are named as in operators.safetensors.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

RANDOM = np.random.default_rng(11)
TENSORS = {}
MS = dict(domain="com.microsoft")


def real(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def codes(*shape, dtype=np.uint8, low=0, high=256):
    return RANDOM.integers(low, high, shape).astype(dtype)


def scales(*values):
    return np.array(values[0] if len(values) == 1 else values, np.float32)


def node(op, inputs, outputs="y", **attributes):
    inputs = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(op, inputs, outputs.split(), **attributes)


def case(name, nodes, inputs, constants, output=TensorProto.FLOAT, symbols=True):
    """`nodes` read inputs x0, x1, .. and the constants by their names and make `y`. The first axis is called `n` if `symbols`."""
    shape = lambda x: [("n" if axis == 0 and symbols else size) for axis, size in enumerate(x.shape)]
    kind = lambda x: helper.np_dtype_to_tensor_dtype(x.dtype)
    infos = [helper.make_tensor_value_info(f"x{i}", kind(x), shape(x)) for i, x in enumerate(inputs)]
    values = [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()]
    made = [helper.make_tensor_value_info("y", output, None)]
    graph = helper.make_graph(nodes, name, infos, made, values)
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    results = session.run(None, {f"x{i}": x for i, x in enumerate(inputs)})
    TENSORS[f"{name}/model"] = np.frombuffer(model.SerializeToString(), dtype=np.uint8)
    for i, x in enumerate(inputs):
        TENSORS[f"{name}/in/{i}"] = np.ascontiguousarray(x)
    for i, x in enumerate(results):
        TENSORS[f"{name}/out/{i}"] = np.ascontiguousarray(x)


def u8(scale, zero_point):
    return np.float32(scale), np.uint8(zero_point)


def named(**pairs):
    """Constants `NAME.s` and `NAME.z` of pairs (scale, zero point), and others by their names."""
    found = {}
    for name, value in pairs.items():
        if isinstance(value, tuple):
            found[f"{name}.s"], found[f"{name}.z"] = value
        else:
            found[name] = value
    return found


def quantize(x="x0", y="xq", of="x"):
    return node("QuantizeLinear", f"{x} {of}.s {of}.z", y)


def dequantize(x, y, of, **attributes):
    return node("DequantizeLinear", f"{x} {of}.s {of}.z", y, **attributes)


def between(op, axis, behind=(), bias=True, **attributes):
    """An operator between codes: x0, w, [b] to y."""
    nodes = [quantize(), dequantize("xq", "xd", "x"), dequantize("w", "wd", "w", axis=axis)]
    if bias:
        nodes.append(node("DequantizeLinear", "b b.s", "bd", axis=0))
    nodes.append(node(op, "xd wd bd" if bias else "xd wd", "h0", **attributes))
    for step, name in enumerate(behind):
        nodes.append(node(name, f"h{step}", f"h{step + 1}"))
    return nodes + [quantize(f"h{len(behind)}", "yq", "y"), dequantize("yq", "y", "y")]


# Transposed convolutions.
X, Y = u8(0.021, 117), u8(0.057, 120)
image = real(2, 4, 5, 3)
i32 = lambda count: RANDOM.integers(-3000, 3000, count).astype(np.int32)
signed = lambda *shape: codes(*shape, dtype=np.int8, low=-127, high=128)
up = dict(strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 1])
case("conv_transpose", between("ConvTranspose", 0, **up), [image],
     named(x=X, y=Y, w=signed(4, 3, 3, 2), b=i32(3)) | {"w.s": scales(0.012), "w.z": np.int8(0), "b.s": scales(0.021 * 0.012)})
each = scales(0.012, 0.007, 0.015)
case("conv_transpose_channels", between("ConvTranspose", 1, **up), [image],
     named(x=X, y=Y, w=signed(4, 3, 3, 2), b=i32(3)) | {"w.s": each, "w.z": np.zeros(3, np.int8), "b.s": np.float32(0.021) * each})
case("conv_transpose_grouped", between("ConvTranspose", 1, ["Relu"], group=2, strides=[2, 2]), [image],
     named(x=X, y=Y, w=signed(4, 3, 2, 2), b=i32(6)) | {"w.s": each, "w.z": np.zeros(3, np.int8), "b.s": np.tile(np.float32(0.021) * each, 2)})
case("conv_transpose_signed", between("ConvTranspose", 1, bias=False), [image],
     named(x=(np.float32(0.021), np.int8(-9)), y=(np.float32(0.06), np.int8(5)), w=signed(4, 3, 3, 3)) | {"w.s": each, "w.z": np.zeros(3, np.int8)})
case("conv_transpose_unsigned", between("ConvTranspose", 1, bias=False), [image],
     named(x=X, y=Y, w=codes(4, 3, 3, 3)) | {"w.s": each, "w.z": np.array([10, 200, 128], np.uint8)})

# Weights whose codes less the zero point are no int8.
AW = dict(x=X, y=u8(0.31, 120))
weight = lambda zero_point, *shape: {"w": codes(*shape), "w.s": scales(0.012), "w.z": np.uint8(zero_point)}
conv = [quantize(), node("QLinearConv", "xq x.s x.z w w.s w.z y.s y.z b", "yq", pads=[1, 1, 1, 1], strides=[2, 1]), dequantize("yq", "y", "y")]
case("unsigned_conv", conv, [image], named(**AW, b=i32(5)) | weight(10, 5, 4, 3, 3))
grouped = [quantize(), node("QLinearConv", "xq x.s x.z w w.s w.z y.s y.z", "yq", pads=[1, 1, 1, 1], group=4), dequantize("yq", "y", "y")]
case("unsigned_depthwise", grouped, [image], named(**AW) | weight(3, 4, 1, 3, 3))
case("unsigned_depthwise_channels", between("Conv", 0, bias=False, pads=[1, 1, 1, 1], group=4), [image],
     named(x=X, y=u8(0.1, 120), w=codes(4, 1, 3, 3)) | {"w.s": scales(0.01, 0.02, 0.03, 0.01), "w.z": np.array([0, 255, 7, 128], np.uint8)})
case("unsigned_conv_between", between("Conv", 0, ["Relu"], pads=[1, 1, 1, 1]), [image],
     named(**AW, b=i32(3), w=codes(3, 4, 3, 3)) | {"w.s": each, "w.z": np.array([10, 255, 0], np.uint8), "b.s": np.float32(0.021) * each})
rows = real(3, 9)
product = [quantize(), node("QLinearMatMul", "xq x.s x.z w w.s w.z y.s y.z", "yq"), dequantize("yq", "y", "y")]
case("unsigned_matmul", product, [rows], named(**AW) | weight(10, 9, 5))
five, points = scales(0.01, 0.02, 0.03, 0.01, 0.02), np.array([0, 255, 7, 128, 60], np.uint8)
case("unsigned_matmul_columns", product, [rows], named(**AW, w=codes(9, 5)) | {"w.s": five, "w.z": points})
gemm = [quantize(), node("QGemm", "xq x.s x.z w w.s w.z b y.s y.z", "yq", transB=1, **MS), dequantize("yq", "y", "y")]
case("unsigned_gemm", gemm, [rows], named(**AW, b=i32(5), w=codes(5, 9)) | {"w.s": five, "w.z": points})
case("unsigned_gemm_between", between("Gemm", 0, transB=1), [rows],
     named(**AW, b=i32(5), w=codes(5, 9)) | {"w.s": five, "w.z": points, "b.s": np.float32(0.021) * five})
case("signed_matmul", product, [rows], named(**AW) | {"w": signed(9, 5), "w.s": scales(0.012), "w.z": np.int8(100)})


def dynamic(op, **attributes):
    return [node("DynamicQuantizeLinear", "x0", "q s z"), node(op, "q w z w.z", "i", **attributes), node("Cast", "i", "f", to=TensorProto.FLOAT),
            node("Mul", "s w.s", "m"), node("Mul", "f m", "r"), node("Add", "r b")]


case("unsigned_matmul_integer", dynamic("MatMulInteger"), [rows], weight(10, 9, 5) | {"b": real(5)})
case("unsigned_matmul_integer_columns", dynamic("MatMulInteger"), [rows], {"w": codes(9, 5), "w.s": five, "w.z": points, "b": real(5)})
case("unsigned_conv_integer", dynamic("ConvInteger", pads=[1, 1, 1, 1]), [image], weight(10, 5, 4, 3, 3) | {"b": real(1, 5, 1, 1)}, symbols=False)

# Codes as inputs and outputs, and integers of 8 bits that are numbers.
pixels = codes(2, 3, 6, 5)
kernel = {"w": signed(4, 3, 3, 3), "w.s": scales(0.012), "w.z": np.int8(0)}
case("input_dequantized", [dequantize("x0", "xd", "x"), dequantize("w", "wd", "w"), node("Conv", "xd wd", "h"), quantize("h", "yq", "y"), dequantize("yq", "y", "y")],
     [pixels], named(x=X, y=u8(0.2, 120)) | kernel)
case("input_of_conv", [node("QLinearConv", "x0 x.s x.z w w.s w.z y.s y.z")], [pixels], named(x=X, y=u8(0.2, 120)) | kernel, output=TensorProto.UINT8)
case("input_moved", [node("Transpose", "x0", "t", perm=[0, 2, 1]), node("Flatten", "t", "f"), dequantize("f", "y", "x")],
     [codes(3, 4, 5, dtype=np.int8, low=-128, high=128)], named(x=(np.float32(0.03), np.int8(7))))
case("input_joined", [node("QLinearConcat", "y.s y.z x0 x.s x.z x1 w.s w.z", axis=1, **MS)], [codes(3, 4), codes(3, 2)],
     named(x=X, y=u8(0.02, 100), w=u8(0.01, 9)), output=TensorProto.UINT8)
case("input_pixels", [node("Cast", "x0", "f", to=TensorProto.FLOAT), node("Div", "f c", "d"), node("Sub", "d m")], [pixels],
     {"c": np.float32(255), "m": real(3, 1, 1)})
case("input_indices", [node("Cast", "x0", "i", to=TensorProto.INT64), node("Gather", "t i")], [codes(7, high=6)], {"t": real(6, 3)})
case("input_signed", [node("Cast", "x0", "f", to=TensorProto.FLOAT), node("Mul", "f c")], [codes(7, dtype=np.int8, low=-128, high=128)], {"c": np.float32(0.5)})

save_file(TENSORS, "quantized.safetensors")
print(len(TENSORS), sum(t.nbytes for t in TENSORS.values()))
