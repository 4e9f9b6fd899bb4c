"""Makes floats.safetensors: models of float16, bfloat16 and float64, inputs, and what their outputs must be.

    pip install numpy ml_dtypes onnx onnxruntime safetensors
    python make_floats.py

Named as operators.safetensors. Expected are the outputs of ONNX Runtime (optimizations off) for the same model widened, in which every real
number is float32, rounded once to the type of the output by NumPy or ml_dtypes. Numbers are small multiples of 1/8, so that sums of products
are exact in any order; models whose name begins with `near` compute functions that are not. Models whose name begins with `own` only
convert: expected is what ONNX Runtime makes of the model as it is.
"""

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

TENSORS = {}
F16, BF16, F64, F32, I64 = TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64
NUMPY = {F16: np.float16, BF16: ml_dtypes.bfloat16, F64: np.float64, F32: np.float32, I64: np.int64}
NAMES = {F16: "f16", BF16: "bf16", F64: "f64"}
RANDOM = np.random.default_rng(16)


def widened(model):
    """The model with float32 in the place of other real numbers."""
    model = onnx.ModelProto.FromString(model.SerializeToString())

    def widen(tensor):
        if tensor.data_type in NAMES:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))

    for tensor in model.graph.initializer:
        widen(tensor)
    for info in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        if info.type.tensor_type.elem_type in NAMES:
            info.type.tensor_type.elem_type = F32
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                widen(attribute.t)
            if attribute.name in ("to", "dtype", "output_dtype", "precision", "stash_type") and attribute.i in NAMES:
                attribute.i = F32
    return model


def run(model, inputs):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def dressed(model):
    """The model with float32 for the bfloat16 of its inputs and outputs, which NumPy does not have: conversions stand behind and before them."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    for infos, ends in ((graph.input, ("outside", "{}")), (graph.output, ("{}", "outside"))):
        for info in infos:
            if info.type.tensor_type.elem_type == BF16:
                source, target = (f"{info.name}.outside" if end == "outside" else info.name for end in ends)
                conversion = helper.make_node("Cast", [source], [target], to=BF16 if infos is graph.input else F32)
                nodes = [conversion, *graph.node] if infos is graph.input else [*graph.node, conversion]
                del graph.node[:]
                graph.node.extend(nodes)
                info.name, info.type.tensor_type.elem_type = f"{info.name}.outside", F32
    return model


def case(name, nodes, inputs, outputs, constants=(), opset=21, domains=(), infos=()):
    """`inputs` are arrays by name, `outputs` element types by name, `constants` arrays or tensors by name."""
    constants = dict(constants)
    initializers = [c if isinstance(c, TensorProto) else numpy_helper.from_array(np.asarray(c), n) for n, c in constants.items()]
    types = {n: helper.np_dtype_to_tensor_dtype(x.dtype) for n, x in inputs.items()}
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info(n, types[n], x.shape) for n, x in inputs.items()],
        [helper.make_tensor_value_info(n, ty, None) for n, ty in outputs.items()],
        initializers, value_info=[helper.make_tensor_value_info(n, ty, None) for n, ty in infos])
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=11)
    if name.startswith("own"):
        plain = {n: x for n, x in inputs.items() if types[n] != BF16}
        plain |= {f"{n}.outside": x.astype(np.float32) for n, x in inputs.items() if types[n] == BF16}
        expected = [y.astype(NUMPY.get(ty, y.dtype)) for y, ty in zip(run(dressed(model), plain), outputs.values())]
    else:
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        wide = {n: x.astype(np.float32) if types[n] in NAMES else x for n, x in inputs.items()}
        with np.errstate(over="ignore"):
            expected = [y.astype(NUMPY.get(ty, y.dtype)) for y, ty in zip(run(widened(model), wide), outputs.values())]
    TENSORS[f"{name}/model"] = np.frombuffer(model.SerializeToString(), dtype=np.uint8).copy()
    TENSORS.update({f"{name}/in/{i}": x for i, x in enumerate(inputs.values())})
    TENSORS.update({f"{name}/out/{i}": np.ascontiguousarray(y) for i, y in enumerate(expected)})


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs.split(" ") if inputs else [], outputs.split(" "), name=f"{operator}.{outputs.split(' ')[0]}", **attributes)


def eighths(*shape, most=16):
    return RANDOM.integers(-most, most + 1, shape).astype(np.float32) / 8


def cast(x, y, to):
    return node("Cast", x, y, to=to)


for ty, tag in NAMES.items():
    real = NUMPY[ty]

    def of(*shape, most=16):
        return eighths(*shape, most=most).astype(real)

    latest = 22
    case(f"conv_{tag}", [node("Conv", "x w b", "h", pads=[1, 1, 1, 1]), node("Relu", "h", "r"), node("MaxPool", "r", "y", kernel_shape=[2, 2])],
         {"x": of(2, 3, 6, 6)}, {"y": ty}, {"w": of(4, 3, 3, 3), "b": of(4)}, latest)
    case(f"gemm_{tag}", [node("Gemm", "x w b", "h", alpha=0.5, transB=1), node("Sub", "h m", "y")],
         {"x": of(3, 4)}, {"y": ty}, {"w": of(5, 4), "b": of(5), "m": of(5)}, 13)
    case(f"matmul_{tag}", [node("MatMul", "x w", "h"), node("Add", "h b", "y")], {"x": of(3, 4)}, {"y": ty}, {"w": of(4, 5), "b": of(5)}, 13)
    case(f"joined_{tag}", [node("Concat", "x c", "j", axis=1), node("Transpose", "j", "t", perm=[1, 0]), node("Slice", "t s e", "y")],
         {"x": of(3, 4)}, {"y": ty}, {"c": of(3, 2), "s": np.array([1]), "e": np.array([5])}, 13)
    case(f"bounds_{tag}", [node("Clip", "x low high", "c"), node("Where", "m c v", "w"), node("Max", "w v", "y")],
         {"x": of(3, 4), "m": np.array([[True, False, True, False]])}, {"y": ty}, {"low": real(-1), "high": real(1.5), "v": of(1, 4)}, 16)
    case(f"filled_{tag}", [node("Shape", "x", "s"), node("ConstantOfShape", "s", "f", value=numpy_helper.from_array(np.array([2.5], real))),
                           node("Add", "f x", "a"), node("Pad", "a p v", "y")],
         {"x": of(2, 3)}, {"y": ty}, {"p": np.array([0, 1, 0, 2]), "v": real(-3)}, 20)
    case(f"table_{tag}", [node("Gather", "t i", "g"), node("ReduceSum", "g a", "y", keepdims=0)],
         {"i": np.array([[1, 0], [4, 4], [2, 3]])}, {"y": ty}, {"t": of(5, 6), "a": np.array([1])}, 13)
    case(f"searched_{tag}", [node("TopK", "x k", "y i", axis=1), node("ArgMax", "x", "a", axis=1), node("Greater", "x z", "g")],
         {"x": of(3, 6, most=64)}, {"y": ty, "i": I64, "a": I64, "g": TensorProto.BOOL}, {"k": np.array([3]), "z": real(0.5)}, 24)
    case(f"constants_{tag}", [node("Constant", "", "c", value=numpy_helper.from_array(of(4))), node("Mul", "c d", "e"), node("Add", "x e", "y"),
                              node("Identity", "d", "same")],
         {"x": of(3, 4)}, {"y": ty, "same": ty, "e": ty, "c": ty}, {"d": of(4)}, 13)
    case(f"border_{tag}", [node("Relu", "x", "r"), node("Neg", "r", "z"), node("Identity", "x", "again"), node("Add", "again w", "sum")],
         {"x": of(3, 4)}, {"r": ty, "z": ty, "x": ty, "again": ty, "w": ty, "sum": ty}, {"w": of(4)}, 14)
    case(f"near_softmax_{tag}", [node("Softmax", "x", "y", axis=-1)], {"x": of(3, 8)}, {"y": ty}, (), 13)
    case(f"near_norm_{tag}", [node("LayerNormalization", "x s b", "n", axis=-1, stash_type=F32), node("Gelu", "n", "y")],
         {"x": of(3, 8)}, {"y": ty}, {"s": of(8), "b": of(8)}, 20)
    case(f"near_lstm_{tag}", [node("LSTM", "x w r b", "y h", hidden_size=2)], {"x": of(3, 1, 4)}, {"y": ty, "h": ty},
         {"w": of(1, 8, 4, most=4), "r": of(1, 8, 2, most=4), "b": of(1, 16, most=4)}, latest)
    case(f"near_norms_{tag}", [node("BatchNormalization", "x s b m v", "y")], {"x": of(2, 3, 4)}, {"y": ty},
         {"s": eighths(3), "b": eighths(3), "m": eighths(3), "v": np.abs(eighths(3)) + 1}, 15)

    # Between float32 and the type: at inputs and outputs, or inside.
    case(f"inside_{tag}", [cast("x", "h", ty), node("MatMul", "h w", "p"), cast("p", "q", F32), node("Resize", "q  s", "u", mode="nearest"),
                           cast("u", "v", ty), node("Relu", "v", "r"), cast("r", "y", F32)],
         {"x": eighths(1, 1, 3, 4)}, {"y": F32}, {"w": of(4, 4), "s": np.array([1, 1, 2, 2], np.float32)}, 19)
    case(f"stored_{tag}", [cast("w", "f", F32), node("Gemm", "x f", "h", transB=1), cast("b", "c", F32), node("Add", "h c", "y")],
         {"x": eighths(3, 4)}, {"y": F32}, {"w": of(5, 4), "b": of(5)}, 13)
    case(f"twice_{tag}", [cast("x", "f", F32), cast("f", "h", ty), cast("h", "g", F32), node("Add", "f g", "s"), cast("s", "y", ty),
                          node("Mul", "h y", "z")], {"x": of(3, 4)}, {"y": ty, "z": ty, "g": F32}, (), 13)
    case(f"declared_{tag}", [node("Relu", "x", "h"), cast("h", "f", F32), node("Exp", "f", "near")],
         {"x": np.zeros((2, 3), real)}, {"near": F32}, (), 13, infos=[("h", ty), ("f", F32)])

    # Conversions alone, of the numbers as they are.
    limit = 65504 if ty == F16 else 1e30
    numbers = np.array([0, -0.0, 1.5, -2.75, 100.25, -129.5, limit, -limit, 3.99, -0.25], real)
    for to in (TensorProto.INT64, TensorProto.INT32, TensorProto.INT8, TensorProto.UINT8, TensorProto.BOOL, F32):
        few = numbers if to in (TensorProto.BOOL, F32) else numbers[np.abs(numbers.astype(np.float64)) < 100]
        case(f"own_{tag}_to_{to}", [cast("x", "y", to)], {"x": few}, {"y": to}, (), 13)
    integers = np.array([0, 1, -1, 255, 2049, 2051, 70000, -70000, 16777217, 2**40 + 1])
    case(f"own_int64_to_{tag}", [cast("x", "y", ty)], {"x": integers}, {"y": ty}, (), 13)
    case(f"own_int32_to_{tag}", [cast("x", "y", ty)], {"x": integers[:-1].astype(np.int32)}, {"y": ty}, (), 13)
    case(f"own_uint8_to_{tag}", [cast("x", "y", ty)], {"x": np.array([0, 1, 255], np.uint8)}, {"y": ty}, (), 13)
    case(f"own_bool_to_{tag}", [cast("x", "y", ty)], {"x": np.array([True, False])}, {"y": ty}, (), 13)
    singles = np.array([65519.996, 65520, -65520, 1e10, 3.4028235e38, 2**-24, 2**-25, 2**-25 * 1.0001, 1e-40, 1 + 2**-11, 1 + 3 * 2**-11,
                        1 + 2**-8, 1 + 3 * 2**-8, np.inf, -np.inf, 0.1], np.float32)
    case(f"rounded_{tag}", [node("Identity", "x", "h"), cast("h", "y", ty)], {"x": singles}, {"y": ty}, (), 14)
    case(f"made_{tag}", [cast("x", "h", ty), node("Mul", "h c", "y"), cast("m", "t", ty), node("Add", "t c", "z"), node("Add", "y z", "w")],
         {"x": np.array([3, -4, 120]), "m": np.array([True, False, True])}, {"y": ty, "w": ty}, {"c": real(0.5)}, 13)

# Products of large numbers: infinite as float16, as bfloat16 and as float64 not.
for ty, tag in NAMES.items():
    case(f"large_{tag}", [node("Mul", "x x", "y"), node("Mul", "y c", "z")], {"x": np.array([300, -2, 5000], NUMPY[ty])}, {"y": ty, "z": ty},
         {"c": NUMPY[ty](0.25)}, 13)

# Double precision: exact where it only passes by, rounded where it computes.
exact = np.array([16777217.0, 2.0**40 + 1, -(2.0**31) - 1, 0.1, 1e300])
case("own_exact", [cast("x", "i", I64), node("Identity", "x", "y"), cast("c", "j", I64)], {"x": exact[:3]}, {"i": I64, "y": F64, "j": I64},
     {"c": exact[:3]}, 14)
case("beyond_f64", [node("Min", "x c", "y")], {"x": eighths(3).astype(np.float64)}, {"y": F64}, {"c": np.array([1e300, 0.25, -0.5])}, 13)

# Typed data in the place of raw bytes.
typed = helper.make_tensor("w", F16, [4], np.array([0.1, -1, 2, 65504], np.float16).view(np.uint16), raw=False)
typed.float_data[:], typed.int32_data[:] = [], [int(v) for v in np.array([0.1, -1, 2, 0.25], np.float16).view(np.uint16)]
double = helper.make_tensor("d", F64, [4], [0.5, -1, 2, 0.25])
case("typed", [cast("w", "a", F32), cast("d", "b", F32), node("Add", "x a", "h"), node("Mul", "h b", "y")], {"x": eighths(3, 4)}, {"y": F32},
     {"w": typed, "d": double}, 13)

# Codes with scales of 16 bits.
for ty, tag in ((F16, "f16"), (BF16, "bf16")):
    real = NUMPY[ty]
    scale, zero = real(0.125), np.uint8(128)
    weight, weights = RANDOM.integers(-127, 128, (4, 5), dtype=np.int8), np.array([0.25, 0.5, 0.125, 0.0625, 1], real)
    case(f"codes_{tag}", [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "f"), node("DequantizeLinear", "w ws wz", "r", axis=1),
                          node("MatMul", "f r", "h"), node("QuantizeLinear", "h hs hz", "c"), node("DequantizeLinear", "c hs hz", "y")],
         {"x": eighths(3, 4).astype(real)}, {"y": ty},
         {"s": scale, "z": zero, "w": weight, "ws": weights, "wz": np.zeros(5, np.int8), "hs": real(4), "hz": np.uint8(120)}, 21)
    case(f"codes_between_{tag}", [cast("x", "h", F32), node("QuantizeLinear", "h s z", "q"), node("DequantizeLinear", "q s z", "f"), cast("f", "g", ty),
                                  node("Relu", "g", "y")], {"x": eighths(3, 4).astype(real)}, {"y": ty}, {"s": np.float32(0.125), "z": zero}, 19)
case("codes_23", [node("QuantizeLinear", "x s z", "q", precision=F16), node("DequantizeLinear", "q s z", "f", output_dtype=F16), node("Relu", "f", "y")],
     {"x": eighths(3, 4).astype(np.float16)}, {"y": F16}, {"s": np.float16(0.125), "z": np.int8(3)}, 23)

save_file(TENSORS, "floats.safetensors")
print(len({name.split("/")[0] for name in TENSORS}), "cases")
