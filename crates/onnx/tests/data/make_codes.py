"""Makes codes.safetensors: models of integers and of codes of 2, 4, 8 and 16 bits, inputs, and the outputs that others compute from them.

    pip install numpy ml_dtypes onnx onnxruntime safetensors
    python make_codes.py

The tensors are named as in operators.safetensors. The outputs are those of ONNX Runtime (optimizations off, one thread) and of the reference
evaluator of onnx, which agree; codes of 4 and 16 bits are in the next wider type that fourfold has; where one of them does not know an operator or a type, or ONNX Runtime saturates (products of uint8 and int8
without VNNI), they are those of the other, as the case says.
"""

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import save_file

RANDOM = np.random.default_rng(23)
TENSORS = {}
MS = dict(domain="com.microsoft")
I8, U8, I16, U16, I32 = np.int8, np.uint8, np.int16, np.uint16, np.int32
I4, U4, I2, U2 = ml_dtypes.int4, ml_dtypes.uint4, ml_dtypes.int2, ml_dtypes.uint2


def real(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def codes(*shape, dtype=U8, low=None, high=None):
    bits = {I4: (-8, 8), U4: (0, 16), I2: (-2, 2), U2: (0, 4)}
    least, most = bits[dtype] if dtype in bits else (np.iinfo(dtype).min, np.iinfo(dtype).max + 1)
    return RANDOM.integers(least if low is None else low, most if high is None else high, shape).astype(dtype)


def f(*values):
    return np.array(values[0] if len(values) == 1 else values, np.float32)


def node(op, inputs, outputs="y", **attributes):
    inputs = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(op, inputs, outputs.split(), **attributes)


def by_runtime(model, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs)


def case(name, nodes, inputs, constants, opset=21, oracle="both", symbols=True, tolerance=0, typed=()):
    """`nodes` read inputs x0, x1, .. and the constants by their names and make `y`. The first axis is called `n` if `symbols`. Constants that
    `typed` names have their data in `int32_data`."""
    nodes = nodes if isinstance(nodes, list) else [nodes]
    shape = lambda x: [("n" if axis == 0 and symbols else size) for axis, size in enumerate(x.shape)]
    kind = lambda x: helper.np_dtype_to_tensor_dtype(x.dtype)
    infos = [helper.make_tensor_value_info(f"x{i}", kind(x), shape(x)) for i, x in enumerate(inputs)]
    values = []
    for key, value in constants.items():
        value = np.array(value)
        if key in typed:
            values.append(helper.make_tensor(key, kind(value), value.shape, value.flatten().tolist()))
        else:
            values.append(numpy_helper.from_array(value, key))
    graph = helper.make_graph(nodes, name, infos, [onnx.ValueInfoProto(name="y")], values)
    sets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=13 if opset > 24 else 10 if opset > 18 else 8)
    feed = {f"x{i}": x for i, x in enumerate(inputs)}
    results = by_runtime(model, feed) if oracle != "reference" else None
    if oracle != "runtime":
        checked = ReferenceEvaluator(model).run(None, feed)
        results = checked if results is None else results
        for a, b in zip(results, checked):
            a, b = np.asarray(a), np.asarray(b)
            assert a.dtype == b.dtype and a.shape == b.shape, (name, a.dtype, b.dtype, a.shape, b.shape)
            assert np.allclose(a, b, rtol=tolerance, atol=tolerance), (name, a, b)
    TENSORS[f"{name}/model"] = np.frombuffer(model.SerializeToString(), dtype=np.uint8)
    wider = {U16: I32, I16: I32, I4: I8, U4: U8}
    plain = lambda x: np.array(x, order="C", dtype=wider.get(x.dtype.type))
    for i, x in enumerate(inputs):
        TENSORS[f"{name}/in/{i}"] = plain(x)
    for i, x in enumerate(results):
        TENSORS[f"{name}/out/{i}"] = plain(np.asarray(x))


# Products of integers: constant weights with zero points, that fit int8 and that do not.
exact = lambda a, b: "both" if (a, b) == (U8, U8) else "reference"
for a in (U8, I8):
    for b in (U8, I8):
        name = f"product_{np.dtype(a).name}_{np.dtype(b).name}"
        x, w = codes(3, 70, dtype=a), codes(70, 5, dtype=b)
        za, zb = np.array(7, a), codes(5, dtype=b)
        case(f"{name}", node("MatMulInteger", "x0 w"), [x], {"w": w}, oracle=exact(a, b))
        case(f"{name}_points", node("MatMulInteger", "x0 w za zb"), [x], {"w": w, "za": za, "zb": zb[0]}, oracle=exact(a, b))
        case(f"{name}_columns", node("MatMulInteger", "x0 w za zb"), [x], {"w": w, "za": za, "zb": zb}, oracle=exact(a, b))
        case(f"{name}_activations", node("MatMulInteger", "x0 x1 za zb"), [x, w], {"za": za, "zb": zb[1]}, oracle=exact(a, b), symbols=False)
case("product_left_only", node("MatMulInteger", "x0 w _ zb"), [codes(2, 3, 6)], {"w": codes(6, 4), "zb": codes(4)})
case("product_constant_left", node("MatMulInteger", "w x0 za"), [codes(6, 4)], {"w": codes(3, 6), "za": U8(200)}, symbols=False)
case("product_batches", node("MatMulInteger", "x0 x1 za zb"), [codes(2, 1, 3, 6), codes(4, 6, 5)], {"za": U8(9), "zb": U8(250)}, symbols=False)
case("product_batches_columns", node("MatMulInteger", "x0 x1 za zb"), [codes(2, 1, 3, 6), codes(4, 6, 5)], {"za": U8(9), "zb": codes(5)},
     oracle="reference", symbols=False)
case("product_batch_of_weights", node("MatMulInteger", "x0 w za zb"), [codes(2, 3, 6)], {"w": codes(2, 6, 4), "za": U8(9), "zb": U8(3)}, symbols=False)
case("product_vectors", node("MatMulInteger", "x0 x1 za zb"), [codes(6), codes(6)], {"za": U8(9), "zb": U8(3)}, symbols=False)
case("product_vector_left", node("MatMulInteger", "x0 w za zb"), [codes(6)], {"w": codes(6, 4), "za": U8(9), "zb": codes(4)}, symbols=False)
case("product_vector_right", node("MatMulInteger", "x0 w za zb"), [codes(3, 6)], {"w": codes(6), "za": U8(9), "zb": U8(100)})
case("product_one_point", node("MatMulInteger", "x0 w za zb"), [codes(3, 6)], {"w": codes(6, 4), "za": np.array([9], U8), "zb": np.array([100], U8)})

# What is around them: other readers of the input, numbers that are made on the way, real numbers behind the sums.
case("product_cast", [node("MatMulInteger", "x0 w za zb", "i"), node("Cast", "i", to=TensorProto.FLOAT)], [codes(3, 6)],
     {"w": codes(6, 4), "za": U8(9), "zb": U8(100)})
case("product_dequantized", [node("MatMulInteger", "x0 w za zb", "i"), node("DequantizeLinear", "i s")], [codes(3, 6)],
     {"w": codes(6, 4), "za": U8(9), "zb": U8(100), "s": f(0.013)})
case("product_dequantized_channels", [node("MatMulInteger", "x0 w za zb", "i"), node("DequantizeLinear", "i s", axis=1)], [codes(3, 6)],
     {"w": codes(6, 4), "za": U8(9), "zb": U8(100), "s": f(0.013, 0.1, 0.02, 3)})
case("product_of_quantized", [node("QuantizeLinear", "x0 s za", "q"), node("MatMulInteger", "q w za zb", "i"), node("Cast", "i", "r", to=TensorProto.FLOAT),
     node("Mul", "r m")], [real(3, 6)], {"w": codes(6, 4), "za": U8(120), "zb": codes(4), "s": f(0.02), "m": f(0.1, 0.2, 0.3, 0.4)})
case("product_of_numbers", [node("Cast", "x0", "u", to=TensorProto.UINT8), node("MatMulInteger", "u w za zb")], [RANDOM.integers(0, 256, (3, 6)).astype(I32)],
     {"w": codes(6, 4), "za": U8(120), "zb": codes(4)})
case("product_and_number", [node("MatMulInteger", "x0 w za", "i"), node("Cast", "x0", "n", to=TensorProto.INT32), node("ReduceSum", "n a", "r", keepdims=1),
     node("Add", "i r")], [codes(3, 6)], {"w": codes(6, 4), "za": U8(120), "a": np.array([1])})
case("product_two_points", [node("MatMulInteger", "x0 w za", "i"), node("MatMulInteger", "x0 w zc", "j"), node("Sub", "i j")], [codes(3, 6)],
     {"w": codes(6, 4), "za": U8(120), "zc": U8(3)})
case("product_to_float", node("MatMulIntegerToFloat", "x0 w sa sb za zb b", **MS), [codes(3, 6)], {"w": codes(6, 4), "sa": f(0.02), "sb": f(0.1, 0.2, 0.3, 0.4),
     "za": U8(9), "zb": codes(4), "b": real(4)}, oracle="runtime")

# Convolutions of integers; padding has the value of the zero point.
image = codes(2, 4, 7, 6)
for b in (U8, I8):
    name = f"convolution_{np.dtype(b).name}"
    w, zb = codes(6, 4, 3, 2, dtype=b), codes(6, dtype=b)
    oracle = exact(U8, b)
    case(name, node("ConvInteger", "x0 w"), [image], {"w": w}, oracle=oracle)
    case(f"{name}_points", node("ConvInteger", "x0 w za zb", pads=[1, 0, 2, 1], strides=[2, 1]), [image], {"w": w, "za": U8(130), "zb": zb[0]}, oracle=oracle)
    case(f"{name}_groups", node("ConvInteger", "x0 w za zb", group=2, dilations=[2, 1], pads=[2, 0, 1, 1]), [image],
         {"w": w[:, :2], "za": U8(130), "zb": zb[0]}, oracle=oracle)
    case(f"{name}_same", node("ConvInteger", "x0 w za zb", auto_pad="SAME_UPPER", strides=[2, 1]), [image],
         {"w": w, "za": U8(130), "zb": zb[0]}, oracle="reference" if b == I8 else "runtime")
    case(f"{name}_depthwise", node("ConvInteger", "x0 w za zb", group=4, pads=[1, 1, 1, 1]), [image],
         {"w": codes(4, 1, 3, 3, dtype=b), "za": U8(130), "zb": zb[1]}, oracle=oracle)
case("convolution_line", node("ConvInteger", "x0 w za zb", pads=[1, 1]), [codes(2, 3, 9)], {"w": codes(4, 3, 3), "za": U8(5), "zb": U8(77)})
case("convolution_volume", node("ConvInteger", "x0 w za zb", pads=[1, 0, 1, 1, 0, 1]), [codes(1, 2, 4, 3, 5)], {"w": codes(3, 2, 2, 2, 3), "za": U8(5), "zb": U8(77)})
case("convolution_cast", [node("ConvInteger", "x0 w za zb", "i"), node("Cast", "i", "r", to=TensorProto.FLOAT), node("Mul", "r s", "m"), node("Add", "m b")],
     [image], {"w": codes(6, 4, 3, 2), "za": U8(130), "zb": U8(9), "s": f(0.001), "b": real(6, 1, 1)})

# Products of onnxruntime's quantize_dynamic with unsigned weights, one zero point for each column among them.
def dynamic(op, **attributes):
    return [node("DynamicQuantizeLinear", "x0", "q s z"), node(op, "q w z wz", "i", **attributes), node("Cast", "i", "f", to=TensorProto.FLOAT),
            node("Mul", "s ws", "m"), node("Mul", "f m", "r"), node("Add", "r b")]


each = np.abs(real(5)) / 50
case("dynamic_unsigned", dynamic("MatMulInteger"), [real(3, 8)], {"w": codes(8, 5), "wz": U8(131), "ws": f(0.02), "b": real(5)})
case("dynamic_columns", dynamic("MatMulInteger"), [real(3, 8)], {"w": codes(8, 5), "wz": codes(5), "ws": each, "b": real(5)})
case("dynamic_points_of_columns", dynamic("MatMulInteger"), [real(3, 8)], {"w": codes(8, 5), "wz": codes(5), "ws": f(0.02), "b": real(5)})
case("dynamic_scales_of_columns", dynamic("MatMulInteger"), [real(3, 8)], {"w": codes(8, 5), "wz": U8(0), "ws": each, "b": real(5)})
case("dynamic_conv_unsigned", dynamic("ConvInteger", pads=[1, 1, 1, 1]), [real(2, 3, 5, 4)], {"w": codes(5, 3, 3, 3), "wz": U8(131), "ws": f(0.02), "b": real(1, 5, 1, 1)})
case("dynamic_conv_channels", dynamic("ConvInteger", group=3, pads=[1, 1, 1, 1]), [real(2, 3, 5, 4)],
     {"w": codes(6, 1, 3, 3), "wz": U8(3), "ws": (np.abs(real(6)) / 50).reshape(1, 6, 1, 1), "b": real(1, 6, 1, 1)})

# The same steps with other readers.
first = node("DynamicQuantizeLinear", "x0", "q s z")
w, wz = codes(8, 5), codes(5)
for part in "qsz":
    case(f"parts_{part}", [first, node("Identity", part)], [real(3, 8)], {})
case("parts_zeros", [first, node("Identity", "s")], [np.zeros((3, 8), np.float32)], {}, oracle="runtime")
case("parts_positive", [first, node("Cast", "q", "a", to=TensorProto.FLOAT), node("Mul", "a s")], [np.abs(real(3, 8)) + f(1)], {})
case("parts_number", [first, node("DequantizeLinear", "q s2 z2")], [real(3, 8)], {"s2": f(0.1), "z2": U8(7)})
case("parts_sums", [first, node("MatMulInteger", "q w z wz")], [real(3, 8)], {"w": w, "wz": wz})
case("parts_sums_without_points", [first, node("MatMulInteger", "q w")], [real(3, 8)], {"w": w})
case("parts_product", [first, node("MatMulInteger", "q w z wz", "i"), node("Cast", "i", "f", to=TensorProto.FLOAT), node("Mul", "f s", "m"), node("Mul", "m ws")],
     [real(2, 3, 8)], {"w": w, "wz": wz, "ws": f(0.02)})
case("parts_both", dynamic("MatMulInteger") [:-1] + [node("Cast", "i", "j", to=TensorProto.INT64), node("Cast", "j", "k", to=TensorProto.FLOAT), node("Add", "r k")],
     [real(3, 8)], {"w": w, "wz": wz, "ws": f(0.02)})
for name, attributes in {"": {}, "_padded": dict(pads=[1, 0, 2, 1], strides=[2, 1]), "_groups": dict(group=3, pads=[1, 1, 1, 1])}.items():
    weight = codes(6, 1 if "group" in attributes else 3, 3, 2)
    case(f"parts_convolution{name}", [first, node("ConvInteger", "q w z wz", **attributes)], [real(2, 3, 5, 4)], {"w": weight, "wz": U8(131)})

# Two activations, both quantized while they run.
second = node("DynamicQuantizeLinear", "x1", "r t u")
real_product = [first, second, node("MatMulInteger", "q r z u", "i"), node("Cast", "i", "f", to=TensorProto.FLOAT), node("Mul", "s t", "m"), node("Mul", "f m")]
case("parts_two", [first, second, node("MatMulInteger", "q r z u")], [real(3, 8), real(8, 5)], {}, symbols=False)
case("parts_two_batches", real_product, [real(2, 3, 4, 8), real(2, 1, 8, 5)], {})

# Tables of embeddings.
ids = RANDOM.integers(-9, 9, (2, 5))
for dtype in (U8, I8):
    table, name = codes(9, 6, dtype=dtype), f"table_{np.dtype(dtype).name}"
    point = codes(1, dtype=dtype)[0]
    case(f"{name}", [node("Gather", "t x0", "g"), node("DequantizeLinear", "g s z")], [ids], {"t": table, "s": f(0.03), "z": point})
    case(f"{name}_moved", [node("Gather", "t x0", "g"), node("Transpose", "g", "h", perm=[2, 0, 1]), node("Unsqueeze", "h a", "i"), node("DequantizeLinear", "i s z")],
         [ids], {"t": table, "s": f(0.03), "z": point, "a": np.array([1])})
    case(f"{name}_before", [node("DequantizeLinear", "t s z", "d"), node("Gather", "d x0")], [ids], {"t": table, "s": f(0.03), "z": point})
    case(f"{name}_rows", [node("DequantizeLinear", "t s z", "d", axis=0), node("Gather", "d x0")], [ids],
         {"t": table, "s": np.abs(real(9)), "z": codes(9, dtype=dtype)})
    case(f"{name}_columns", [node("DequantizeLinear", "t s z", "d", axis=1), node("Gather", "d x0")], [ids],
         {"t": table, "s": np.abs(real(6)), "z": codes(6, dtype=dtype)})
    case(f"{name}_columns_behind", [node("Gather", "t x0", "g"), node("DequantizeLinear", "g s z", axis=2)], [ids],
         {"t": table, "s": np.abs(real(6)), "z": codes(6, dtype=dtype)})
    case(f"{name}_axis", [node("Gather", "t x0", "g", axis=1), node("DequantizeLinear", "g s z")], [ids % 6], {"t": table, "s": f(0.03), "z": point})
case("table_no_point", [node("Gather", "t x0", "g"), node("DequantizeLinear", "g s")], [ids], {"t": codes(9, 6), "s": f(0.03)})
case("table_32", [node("Gather", "t x0", "g"), node("DequantizeLinear", "g s z")], [ids.astype(I32)], {"t": codes(9, 6), "s": f(0.03), "z": U8(7)})
case("table_and_codes", [node("Gather", "t x0", "g"), node("DequantizeLinear", "g s z", "d"), node("Cast", "g", "n", to=TensorProto.FLOAT), node("Add", "d n")],
     [ids], {"t": codes(9, 6), "s": f(1), "z": U8(0)})
case("table_twice", [node("Gather", "t x0", "g"), node("DequantizeLinear", "g s z", "d"), node("Gather", "t x1", "h"), node("DequantizeLinear", "h s z", "e"),
     node("Add", "d e")], [ids, ids[::-1].copy()], {"t": codes(9, 6), "s": f(0.03), "z": U8(7)})
case("table_in_product", [node("Gather", "t x0", "g"), node("MatMulInteger", "g w z")], [ids], {"t": codes(9, 6), "w": codes(6, 3), "z": U8(7)})
case("table_on_codes", [node("Gather", "t x0", "g"), node("QLinearMatMul", "g s z w s z s2 z", "h"), node("DequantizeLinear", "h s2 z")], [ids],
     {"t": codes(9, 6), "w": codes(6, 3), "s": f(0.03), "s2": f(0.1), "z": U8(100)})

# Constants of few and of many bits: per tensor, per axis and in blocks, raw and typed, with and without zero points.
x = real(3, 8)
for dtype, opset, runtime in [(I2, 25, "reference"), (U2, 25, "reference"), (I4, 21, "both"), (U4, 21, "both"), (I8, 21, "both"), (U8, 21, "both"),
                              (I16, 21, "both"), (U16, 21, "both"), (I32, 21, "both")]:
    name = f"constant_{np.dtype(dtype).name}"
    w, s = codes(8, 5, dtype=dtype), np.abs(real(5)) / 1000
    low, high = (100, 200) if dtype in (I16, U16) else (0, 2)
    zero = (lambda *shape: np.zeros(shape, I32)) if dtype is I32 else lambda *shape: codes(*shape, dtype=dtype, low=low, high=high)
    behind = node("Add", "x0 d")
    one = np.array(zero(1)[0], dtype)
    case(f"{name}", [node("DequantizeLinear", "w s", "d"), behind], [x[:, :5]], {"w": w[:1], "s": f(0.3)}, opset=opset, oracle=runtime)
    case(f"{name}_typed", [node("DequantizeLinear", "w s z", "d"), behind], [x[:, :5]], {"w": w[:1], "s": f(0.3), "z": one}, opset=opset, oracle=runtime, typed=("w", "z"))
    case(f"{name}_axis", [node("DequantizeLinear", "w s z", "d", axis=1), node("Transpose", "d", "t"), node("Add", "x0 t")], [x], {"w": w[:, :3], "s": s[:3], "z": zero(3)},
         opset=opset, oracle=runtime, symbols=False)
    case(f"{name}_first", [node("DequantizeLinear", "w s z", "d", axis=-2), behind], [x[:, :5]], {"w": w[:1], "s": s[:1], "z": zero(1)}, opset=opset, oracle=runtime)
    if dtype is I32:
        continue
    # The last block may be shorter.
    case(f"{name}_blocks", [node("DequantizeLinear", "w s z", "d", axis=0, block_size=3), node("MatMul", "x0 d")], [x], {"w": w, "s": np.abs(real(3, 5)), "z": zero(3, 5)},
         opset=opset, oracle="reference" if runtime == "reference" else "runtime")
    case(f"{name}_blocks_last", [node("DequantizeLinear", "w s", "d", axis=-1, block_size=5), node("MatMul", "x0 d")], [x], {"w": w, "s": np.abs(real(8, 1))},
         opset=opset, oracle="reference" if runtime == "reference" else "runtime")
for dtype in (I4, U4, U16):
    held = {"w": codes(6, 4, dtype=dtype), "s": np.abs(real(8)) / 100, "z": codes(8, dtype=dtype), "r": np.array([3, 8])}
    case(f"moved_{np.dtype(dtype).name}", [node("Transpose", "w", "t"), node("Reshape", "t r", "u"), node("DequantizeLinear", "u s z", "d", axis=1), node("Add", "x0 d")],
         [real(3, 8)], held, oracle="reference", symbols=False)
case("moved_table_u16", [node("Transpose", "w", "t"), node("Gather", "t x0", "g"), node("DequantizeLinear", "g s z")], [np.array([3, -1, 0])],
     {"w": codes(6, 4, dtype=U16), "s": f(0.1), "z": U16(40000)})

# Products with a weight of 2 bits in blocks.
two = {"w": codes(6, 3, 4), "s": np.abs(real(18)), "z": codes(6)}
for name, inputs in {"matmul_2_bits_blocks": "x0 w s", "matmul_2_bits_points_blocks": "x0 w s z"}.items():
    constants = {key: two[key] for key in inputs.split()[1:]}
    case(name, node("MatMulNBits", inputs, K=40, N=6, bits=2, block_size=16, **MS), [real(3, 40)], constants, oracle="runtime")

# Weights of 4 bits between codes: those run in integers.
u8 = lambda scale, zero_point: {"s": f(scale), "z": U8(zero_point)}
def between(op, opset=21, **attributes):
    return [node("QuantizeLinear", "x0 s z", "q"), node("DequantizeLinear", "q s z", "d"), node("DequantizeLinear", "w ws wz", "wd", axis=attributes.pop("of")),
            node(op, "d wd", "h", **attributes), node("QuantizeLinear", "h ys z", "hq"), node("DequantizeLinear", "hq ys z")]


for dtype in (I4, U4):
    name = f"weight_{np.dtype(dtype).name}"
    more = u8(0.02, 120) | {"ys": f(0.31)}
    case(f"{name}_matmul", between("MatMul", of=1), [x], {"w": codes(8, 5, dtype=dtype), "ws": np.abs(real(5)), "wz": codes(5, dtype=dtype)} | more, tolerance=1e-5)
    case(f"{name}_gemm", between("Gemm", of=0, transB=1), [x], {"w": codes(5, 8, dtype=dtype), "ws": f(0.4), "wz": dtype(3)} | more, tolerance=1e-5)
    case(f"{name}_conv", between("Conv", of=0, pads=[1, 1, 1, 1]), [real(2, 3, 5, 4)],
         {"w": codes(4, 3, 3, 3, dtype=dtype), "ws": np.abs(real(4)), "wz": codes(4, dtype=dtype)} | more, tolerance=1e-5)

# Activations of 16, 4 and 2 bits, and with a scale for each channel.
def rounded(name, dtype, scale, zero_point, opset=21, oracle="both", domain={}, point=True, **attributes):
    inputs = "x0 s z" if point else "x0 s"
    back = "q s z" if point or zero_point is not None else "q s"
    made = [node("QuantizeLinear", inputs, "q", **domain, **attributes), node("DequantizeLinear", back, **domain)]
    constants = {"s": f(scale)} | ({} if zero_point is None else {"z": np.array(zero_point, dtype)})
    x = np.concatenate([real(3, 40) * 3, f([[0.5, -0.5, 1.5, 2.5, 1e9, -1e9, -0.0, 0.0] + [np.inf, -np.inf] * (oracle == "runtime")] * 3) * f(scale)], axis=1)
    case(name, made, [x], constants, opset=opset, oracle=oracle)


rounded("activation_u16_infinite", U16, 0.0001, 31000, oracle="runtime")
rounded("activation_u16", U16, 0.0001, 31000)
rounded("activation_i16", I16, 0.0001, -5)
rounded("activation_u16_microsoft", U16, 0.0001, 31000, opset=17, oracle="runtime", domain=MS)
rounded("activation_i16_microsoft", I16, 0.0003, 0, opset=13, oracle="runtime", domain=MS)
rounded("activation_i4", I4, 0.5, 2)
rounded("activation_u4", U4, 0.5, 7)
rounded("activation_u4_microsoft", U4, 0.5, 7, opset=17, oracle="runtime", domain=MS)
rounded("activation_i2", I2, 0.9, -1, opset=25, oracle="reference")
rounded("activation_u2", U2, 0.9, 1, opset=25, oracle="reference")
rounded("activation_u16_typed", U16, 0.0001, None, oracle="reference", point=False, output_dtype=TensorProto.UINT16)
rounded("activation_i16_typed", I16, 0.0001, None, oracle="reference", point=False, output_dtype=TensorProto.INT16)
rounded("activation_i8_typed", I8, 0.02, None, oracle="reference", point=False, output_dtype=TensorProto.INT8)
rounded("activation_no_point", U8, 0.02, None, point=False)
for dtype in (U8, U16):
    constants = {"s": np.abs(real(3)) / (20 if dtype is U8 else 5000), "z": codes(3, dtype=dtype)}
    case(f"activation_channels_{np.dtype(dtype).name}", [node("QuantizeLinear", "x0 s z", "q", axis=1), node("DequantizeLinear", "q s z", axis=1)], [real(2, 3, 5) * 3], constants)
wide = {"s": f(0.0002), "z": U16(30000)}
q, d = lambda x, y: node("QuantizeLinear", f"{x} s z", y), lambda x, y: node("DequantizeLinear", f"{x} s z", y)
case("activation_moved", [q("x0", "q"), node("Reshape", "q r", "a"), node("Transpose", "a", "b"), d("b", "e"), node("Relu", "e", "g"), q("g", "h"), d("h", "y")],
     [real(4, 6)], wide | {"r": np.array([0, 2, 3])})
case("activation_twice", [q("x0", "q"), d("q", "a"), node("Reshape", "a r", "b"), q("b", "e"), d("e", "g"), d("e", "h"), node("Add", "g h")], [real(4, 6)],
     wide | {"r": np.array([-1])})
case("constant_quantized_u16", [q("c", "q"), d("q", "e"), node("Add", "x0 e")], [real(4, 6)], wide | {"c": real(6)})
case("constant_quantized_i4", [q("c", "q"), d("q", "e"), node("Add", "x0 e")], [real(4, 6)], {"s": f(0.3), "z": I4(-2), "c": real(6)})
for dtype in (I4, U4):
    case(f"activation_channels_{np.dtype(dtype).name}", [node("QuantizeLinear", "x0 s z", "q", axis=1), node("DequantizeLinear", "q s z", axis=1)], [real(2, 3, 5) * 3],
         {"s": np.abs(real(3)), "z": codes(3, dtype=dtype)})
# Operators between codes of 4 bits.
for dtype in (I4, U4):
    name = np.dtype(dtype).name
    four = {"s": f(0.4), "z": np.array(3, dtype), "ys": f(2.5), "yz": np.array(1, dtype)}
    nodes = [q("x0", "a"), d("a", "b"), node("DequantizeLinear", "w ws", "wd", axis=1), node("MatMul", "b wd", "h"), node("Relu", "h", "r"),
             node("QuantizeLinear", "r ys yz", "i"), node("DequantizeLinear", "i ys yz")]
    case(f"four_bits_matmul_{name}", nodes, [real(3, 8)], four | {"w": codes(8, 5, dtype=I4), "ws": np.abs(real(5))})
    case(f"four_bits_sum_{name}", [q("x0", "a"), d("a", "b"), node("QuantizeLinear", "x1 ys yz", "c"), node("DequantizeLinear", "c ys yz", "e"), node("Add", "b e", "g"),
         node("QuantizeLinear", "g ys yz", "h"), node("DequantizeLinear", "h ys yz")], [real(3, 8), real(3, 8) * 8], four)
    case(f"four_bits_moved_{name}", [q("x0", "a"), d("a", "b"), node("Transpose", "b", "c"), node("Relu", "c", "e"), q("e", "g"), d("g", "y")], [real(3, 8)], four)
    case(f"four_bits_concat_{name}", [q("x0", "a"), d("a", "b"), node("QuantizeLinear", "x1 ys yz", "c"), node("DequantizeLinear", "c ys yz", "e"),
         node("Concat", "b e", "g", axis=1), node("QuantizeLinear", "g ys yz", "h"), node("DequantizeLinear", "h ys yz")], [real(3, 8), real(3, 8) * 8], four)
    case(f"four_bits_sigmoid_{name}", [q("x0", "a"), d("a", "b"), node("Sigmoid", "b", "c"), node("QuantizeLinear", "c fs fz", "e"), node("DequantizeLinear", "e fs fz")],
         [real(3, 8)], four | {"fs": f(1 / 8), "fz": np.array(-1 if dtype is I4 else 4, dtype)}, tolerance=1e-6)
# Codes as inputs and outputs.
for dtype, scale in ((U16, 0.0002), (I16, 0.0001), (U4, 0.4), (I4, 0.3)):
    name, constants = np.dtype(dtype).name, {"s": f(scale), "z": np.array(codes(1, dtype=dtype, low=0, high=7 if dtype in (I4, U4) else 30000)[0], dtype)}
    case(f"output_{name}", [node("Relu", "x0", "r"), q("r", "y")], [real(4, 6) * 2], constants, oracle="both" if dtype in (U16, I16) else "reference")
    if dtype in (U16, I16):
        case(f"input_{name}", [d("x0", "e"), node("Relu", "e")], [codes(4, 6, dtype=dtype)], constants)
        case(f"input_and_output_{name}", [node("Transpose", "x0", "t", perm=[1, 0]), d("t", "e"), node("Relu", "e", "r"), q("r", "y")], [codes(4, 6, dtype=dtype)], constants)
case("output_channels_u16", node("QuantizeLinear", "x0 s z", axis=1), [real(2, 3, 5)], {"s": np.abs(real(3)) / 5000, "z": codes(3, dtype=U16)})
case("output_channels_u8", node("QuantizeLinear", "x0 s z", axis=1), [real(2, 3, 5)], {"s": np.abs(real(3)) / 50, "z": codes(3, dtype=U8)})
case("codes_of_16_bits_as_numbers", [q("x0", "a"), node("Cast", "a", "b", to=TensorProto.FLOAT), d("a", "e"), node("Add", "b e")], [real(4, 6)], wide)
# In blocks: constants and values that are computed.
for dtype in (I4, U4, I8, U8, I16, U16):
    name, constants = np.dtype(dtype).name, {"s": np.abs(real(4, 2)) / (3000 if dtype in (I16, U16) else 3), "z": codes(4, 2, dtype=dtype)}
    blocks = dict(axis=-1, block_size=3)
    case(f"activation_blocks_{name}", [node("QuantizeLinear", "x0 s z", "a", **blocks), node("DequantizeLinear", "a s z", **blocks)], [real(4, 6)], constants, symbols=False)
    case(f"constant_quantized_blocks_{name}", [node("QuantizeLinear", "c s z", "a", **blocks), node("DequantizeLinear", "a s z", "b", **blocks), node("Add", "x0 b")], [real(4, 6)],
         constants | {"c": real(4, 6)}, symbols=False)
# Real numbers of a product of codes.
gemm = {"w": codes(5, 6), "as": f(0.02), "az": U8(9), "bs": np.abs(real(5)), "bz": codes(5), "c": codes(5, dtype=I32, low=-999, high=999)}
case("gemm_to_float", node("QGemm", "x0 as az w bs bz c", transB=1, **MS), [codes(3, 6)], gemm, oracle="runtime")
case("gemm_to_float_alpha", node("QGemm", "x0 as az w as bz", alpha=0.3, **MS), [codes(3, 5)], gemm | {"bz": U8(7)}, oracle="runtime")
# A small network of weights of 8 bits and activations of 16.
layers = [q("x0", "q"), d("q", "a"), node("DequantizeLinear", "w ws wz", "wd", axis=0), node("DequantizeLinear", "b bs", "bd", axis=0),
          node("Conv", "a wd bd", "h", pads=[1, 1, 1, 1]), node("Relu", "h", "i"), q("i", "j"), d("j", "k"), node("Flatten", "k", "l"), q("l", "m"), d("m", "n"),
          node("DequantizeLinear", "v vs", "vd"), node("Gemm", "n vd", "o"), q("o", "p"), d("p", "y")]
case("network_of_16_bits", layers, [real(2, 3, 5, 4)], wide | {"w": codes(4, 3, 3, 3, dtype=I8), "ws": np.abs(real(4)) / 100, "wz": np.zeros(4, I8), "b": codes(4, dtype=I32, low=-9999, high=9999),
     "bs": np.abs(real(4)) / 10000, "v": codes(80, 5, dtype=I8), "vs": f(0.004)}, tolerance=3e-4)

save_file(TENSORS, "codes.safetensors")
print(len({name.split("/")[0] for name in TENSORS}), sum(t.nbytes for t in TENSORS.values()))
