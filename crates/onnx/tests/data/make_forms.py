"""Makes forms.safetensors: models that write the same function in many forms, inputs, and the outputs that ONNX Runtime computes from them.

    pip install numpy onnx onnxruntime safetensors
    python make_forms.py

The tensors are named as in operators.safetensors. A case is called `KINDS.WHAT`, where KINDS are the operators that the graph has, joined by
`_`; on quantized values those with a `q`.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

RANDOM = np.random.default_rng(5)
TENSORS = {}


def real(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def node(op, inputs, outputs="y", **attributes):
    inputs = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(op, inputs, outputs.split(), **attributes)


def case(name, nodes, x, constants=None, opset=18, output=TensorProto.FLOAT):
    """`nodes` read `x` and the constants by their names and make `y`. The first axis is free."""
    xs = x if isinstance(x, dict) else {"x": x}
    kind = lambda x: helper.np_dtype_to_tensor_dtype(x.dtype)
    infos = [helper.make_tensor_value_info(n, kind(x), ["n", *x.shape[1:]]) for n, x in xs.items()]
    values = [numpy_helper.from_array(np.array(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "model", infos, [helper.make_tensor_value_info("y", output, None)], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 19 else 10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    [y] = session.run(None, xs)
    assert f"{name}/model" not in TENSORS, name
    TENSORS[f"{name}/model"] = np.frombuffer(model.SerializeToString(), dtype=np.uint8)
    for i, x in enumerate(xs.values()):
        TENSORS[f"{name}/in/{i}"] = np.ascontiguousarray(x)
    TENSORS[f"{name}/out/0"] = np.ascontiguousarray(y)


def ints(*values):
    return np.array(values, np.int64)


IMAGE = real(2, 3, 5, 4)

# The mean and the largest of an image.
for opset in [13, 18]:
    for axes in [[2, 3], [-1, -2], [3, -2]]:
        for keep in [0, 1]:
            kinds = "GlobalAveragePool" if keep else "GlobalAveragePool_Flatten"
            name = f"{kinds}.mean {opset} {axes}"
            if opset < 18:
                case(name, [node("ReduceMean", "x", axes=axes, keepdims=keep)], IMAGE, opset=opset)
            else:
                case(name, [node("ReduceMean", "x a", keepdims=keep)], IMAGE, {"a": ints(*axes)})
for behind, attributes, constants in [("Flatten", {}, {}), ("Reshape", {}, {"s": ints(0, -1)}), ("Squeeze", {}, {"s": ints(2, 3)})]:
    nodes = [node("ReduceMean", "x a", "m"), node(behind, "m s" if constants else "m", **attributes)]
    case(f"GlobalAveragePool_Flatten.mean and {behind}", nodes, IMAGE, {"a": ints(2, 3), **constants})
case("GlobalAveragePool.signal", [node("ReduceMean", "x a")], real(2, 3, 7), {"a": ints(2)})
case("GlobalAveragePool_Flatten.signal", [node("ReduceMean", "x a", keepdims=0)], real(2, 3, 7), {"a": ints(-1)})
case("GlobalAveragePool.volume", [node("ReduceMean", "x a")], real(2, 3, 2, 4, 3), {"a": ints(2, 3, 4)})
case("GlobalAveragePool.window", [node("AveragePool", "x", kernel_shape=[5, 4])], IMAGE)
case("GlobalAveragePool.window in steps", [node("AveragePool", "x", kernel_shape=[5, 4], strides=[5, 4], count_include_pad=1)], IMAGE)
case("AveragePool.window with a border", [node("AveragePool", "x", kernel_shape=[5, 4], pads=[1, 0, 0, 0])], IMAGE)
case("Identity.window of one", [node("AveragePool", "x", kernel_shape=[1, 1])], IMAGE)
case("GlobalAveragePool_Identity.signal as an image", [node("Unsqueeze", "x u", "i"), node("GlobalAveragePool", "i", "m"), node("Squeeze", "m u")], real(2, 3, 7), {"u": ints(2)})
case("ReduceMean.one axis", [node("ReduceMean", "x a")], IMAGE, {"a": ints(3)})
case("ReduceMean.channels", [node("ReduceMean", "x a")], IMAGE, {"a": ints(1, 2, 3)})
case("ReduceMean.vectors", [node("ReduceMean", "x a")], real(2, 6), {"a": ints(1)})
case("ReduceMean_Sub.centred", [node("ReduceMean", "x a", "m"), node("Sub", "x m")], real(2, 3, 7), {"a": ints(-1)})
case("Mul_ReduceMean.squares", [node("Mul", "x x", "s"), node("ReduceMean", "s a")], IMAGE, {"a": ints(2, 3)})
case("MaxPool.largest", [node("ReduceMax", "x a")], IMAGE, {"a": ints(2, 3)})
case("MaxPool_Flatten.largest", [node("ReduceMax", "x", axes=[-2, -1], keepdims=0)], IMAGE, opset=13)
case("MaxPool.window", [node("MaxPool", "x", kernel_shape=[5, 4], strides=[2, 2])], IMAGE)
case("ReduceMean.integers", [node("Cast", "x", "i", to=TensorProto.INT32), node("ReduceMean", "i a", "m"), node("Cast", "m", to=TensorProto.FLOAT)], (IMAGE * 9).astype(np.float32), {"a": ints(2, 3)})

# The same on quantized values.
for keep in [0, 1]:
    constants = {"s": np.float32(0.05), "z": np.uint8(120), "t": np.float32(0.02), "w": np.uint8(100), "a": ints(2, 3)}
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d"), node("ReduceMean", "d a", "m", keepdims=keep)]
    nodes += [node("QuantizeLinear", "m t w", "r"), node("DequantizeLinear", "r t w", "y")]
    kinds = "Quantize_GlobalAveragePoolq_Dequantize" if keep else "Quantize_GlobalAveragePoolq_Flattenq_Dequantize"
    case(f"{kinds}.mean {keep}", nodes, IMAGE, constants)
    nodes[2] = node("ReduceMax", "d a", "m", keepdims=keep)
    nodes[3:] = [node("QuantizeLinear", "m s z", "r"), node("DequantizeLinear", "r s z", "y")]
    kinds = "Quantize_MaxPoolq_Dequantize" if keep else "Quantize_MaxPoolq_Flattenq_Dequantize"
    case(f"{kinds}.largest {keep}", nodes, IMAGE, {name: constants[name] for name in "sza"})

# Functions.
WIDE = 4 * real(2, 3, 8)
case("Silu.sigmoid", [node("Sigmoid", "x", "g"), node("Mul", "x g")], WIDE)
case("HardSwish.whole", [node("HardSwish", "x")], WIDE)
case("HardSwish.gate", [node("HardSigmoid", "x", "g", alpha=1 / 6, beta=0.5), node("Mul", "g x")], WIDE)
SIX = {"three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)}
case("HardSwish.clip", [node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Mul", "x c", "p"), node("Div", "p six")], WIDE, SIX)
case("HardSigmoid.clip", [node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Div", "c six")], WIDE, SIX)
case("HardSigmoid.bounds", [node("Add", "x three", "a"), node("Max", "a zero", "b"), node("Min", "b six", "c"), node("Div", "c six")], WIDE, SIX)
case("Relu.largest", [node("Max", "x zero")], WIDE, {"zero": np.float32(0)})
case("Gelu.whole", [node("Gelu", "x")], WIDE, opset=20)
GELU = {"r": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)}
case("Gelu.erf", [node("Div", "x r", "d"), node("Erf", "d", "e"), node("Add", "e one", "s"), node("Mul", "x s", "p"), node("Mul", "p half")], WIDE, GELU)
TANH = {"k": np.float32((2 / np.pi) ** 0.5), "c": np.float32(0.044715), "three": np.float32(3), "one": np.float32(1), "half": np.float32(0.5)}
nodes = [node("Pow", "x three", "p"), node("Mul", "p c", "q"), node("Add", "x q", "s"), node("Mul", "s k", "u"), node("Tanh", "u", "t")]
case("GeluTanh.tanh", nodes + [node("Add", "t one", "v"), node("Mul", "x v", "w"), node("Mul", "w half")], WIDE, TANH)
NORM = {"a": ints(-1), "two": np.float32(2), "e": np.float32(1e-5), "g": real(8), "b": real(8)}
nodes = [node("ReduceMean", "x a", "m"), node("Sub", "x m", "d"), node("Pow", "d two", "p"), node("ReduceMean", "p a", "v")]
nodes += [node("Add", "v e", "w"), node("Sqrt", "w", "s"), node("Div", "d s", "n"), node("Mul", "n g", "h"), node("Add", "h b")]
case("LayerNorm.steps", nodes, WIDE, NORM)
case("LayerNorm.whole", [node("LayerNormalization", "x g b", axis=-1)], WIDE, {"g": NORM["g"], "b": NORM["b"]})
case("Reciprocal.quotient", [node("Div", "one x")], np.abs(WIDE) + 1, {"one": np.float32(1)})
case("Conv.zeros around", [node("Pad", "x p", "q"), node("Conv", "q w", pads=[1, 0, 0, 1])], IMAGE, {"p": ints(0, 0, 0, 1, 0, 0, 1, 2), "w": real(4, 3, 3, 2)})
case("Linear.a bias of zeros", [node("Gemm", "x w b")], real(2, 6), {"w": real(6, 4), "b": np.zeros(4, np.float32)})

# Operators of new opsets.
Q, K, V = real(2, 4, 5, 6), real(2, 4, 7, 6), real(2, 4, 7, 3)
ATTENTION = "Mul_Transpose_Mul_MatMul_Softmax_MatMul"
case(f"{ATTENTION}.heads", [node("Attention", "q k v")], {"q": Q, "k": K, "v": V}, opset=23)
case(f"{ATTENTION}.scale", [node("Attention", "q k v", scale=0.7)], {"q": Q, "k": K, "v": V}, opset=23)
MASKED = "Mul_Transpose_Mul_MatMul_Add_Softmax_MatMul"
case(f"{MASKED}.causal", [node("Attention", "q k v", is_causal=1)], {"q": Q, "k": K, "v": V}, opset=23)
case(f"{MASKED}.numbers", [node("Attention", "q k v m")], {"q": Q, "k": K, "v": V}, {"m": real(5, 7)}, opset=23)
TRUTHS = np.arange(35).reshape(5, 7) % 3 != 1
case(f"{MASKED}.truths", [node("Attention", "q k v m")], {"q": Q, "k": K, "v": V}, {"m": TRUTHS}, opset=23)
SHARED = {"q": Q, "k": K[:, :2], "v": V[:, :2]}
case("Reshape_Expand_Reshape_Reshape_Expand_Reshape_Mul_Transpose_Mul_MatMul_Softmax_MatMul.shared", [node("Attention", "q k v")], SHARED, opset=23)
FLAT = {"q": real(2, 5, 12), "k": real(2, 7, 12), "v": real(2, 7, 8)}
nodes = [node("Attention", "q k v", q_num_heads=4, kv_num_heads=4)]
case("Reshape_Transpose_Reshape_Transpose_Mul_Reshape_Transpose_Mul_MatMul_Softmax_MatMul_Transpose_Reshape.flat", nodes, FLAT, opset=23)
case("Mul_ReduceMean_Add_Sqrt_Reciprocal_Mul_Mul.root mean square", [node("RMSNormalization", "x g")], WIDE, {"g": real(8)}, opset=23)
for upper in [0, 1]:
    for k in [-2, 0, 1]:
        case(f"Where.triangle {upper} {k}", [node("Trilu", "x k", upper=upper)], IMAGE, {"k": np.int64(k)})

save_file(TENSORS, "forms.safetensors")
print(len(TENSORS), sum(t.nbytes for t in TENSORS.values()))
