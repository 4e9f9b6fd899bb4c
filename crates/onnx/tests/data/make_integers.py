"""Makes integers.safetensors: models of integers and truth values, inputs, and the outputs that ONNX Runtime computes from them.

    pip install numpy onnx onnxruntime safetensors
    python make_integers.py

Named as operators.safetensors, with the types of the model: truth values are bool. Each model has two outputs: `y` is made of inputs, `z` of the
same numbers as constants.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from safetensors.numpy import save_file

TENSORS = {}


def type_of(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def case(name, operator, inputs, axis=None, opset=17, **attributes):
    """`axis` is a last input that is constant in both nodes."""
    names = [f"x{i}" for i in range(len(inputs))]
    constants = [numpy_helper.from_array(x, f"c{i}") for i, x in enumerate(inputs)]
    known = [] if axis is None else [numpy_helper.from_array(np.array(axis), "axis")]
    last = [constant.name for constant in known]
    nodes = [helper.make_node(operator, names + last, ["y"], **attributes),
             helper.make_node(operator, [c.name for c in constants] + last, ["z"], **attributes)]
    infos = [helper.make_tensor_value_info(n, type_of(x), x.shape) for n, x in zip(names, inputs)]
    graph = helper.make_graph(nodes, name, infos, [onnx.ValueInfoProto(name=n) for n in "yz"], constants + known)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, dict(zip(names, inputs)))
    assert outputs[0].dtype == outputs[1].dtype and outputs[0].tobytes() == outputs[1].tobytes(), name
    TENSORS[f"{name}/model"] = np.frombuffer(data, dtype=np.uint8).copy()
    TENSORS.update({f"{name}/in/{i}": np.asarray(x) for i, x in enumerate(inputs)})
    TENSORS.update({f"{name}/out/{i}": np.ascontiguousarray(y) for i, y in enumerate(outputs)})


for dtype in (np.int8, np.uint8, np.int32, np.int64):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    pairs = [(low, 1), (high, 1), (7, 3), (3, high), (high, 2), (high - 1, high)]
    if low:
        pairs += [(-7, 3), (7, -3), (-7, -3), (-8, 3), (low + 1, -1)]
    a, b = (np.array(list(side), dtype) for side in zip(*pairs))
    name = np.dtype(dtype).name
    for operator in ("Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Equal", "Less", "GreaterOrEqual"):
        case(f"{name}_{operator.lower()}", operator, [a, b])
    case(f"{name}_fmod", "Mod", [a, b], fmod=1)
    case(f"{name}_broadcast", "Sub", [a[:3], b[:2].reshape(1, 2, 1)])
    case(f"{name}_abs", "Abs", [a])
    if low:
        case(f"{name}_neg", "Neg", [a])
    case(f"{name}_clip", "Clip", [a, np.array(2, dtype), np.array(5, dtype)])
    case(f"{name}_clip_crossed", "Clip", [a, np.array(5, dtype), np.array(2, dtype)])
    table = np.array([[9, 3, 9, 1], [high, low, 5, 7], [2, 2, 2, 3]], dtype)
    for operator in ("ReduceMax", "ReduceMin"):
        case(f"{name}_{operator.lower()}", operator, [table], axes=[1])
    for operator in ("ArgMax", "ArgMin"):
        case(f"{name}_{operator.lower()}", operator, [table.T.copy()])
    case(f"{name}_where", "Where", [table > 4, table, table[:1]])
for dtype in (np.int32, np.int64):
    name = np.dtype(dtype).name
    table = np.array([[9, 3, 9, 1], [-4, -3, -4, 0]], dtype)
    case(f"{name}_reducesum", "ReduceSum", [table], [1])
    case(f"{name}_reducemean", "ReduceMean", [table], axes=[1])
    case(f"{name}_cumsum", "CumSum", [np.array([np.iinfo(dtype).max, 1, 5], dtype)], 0)
    case(f"{name}_pow", "Pow", [np.array([7, -3, 2, 0, 1, 5], dtype), np.array([2, 3, 5, 0, 9, -1], dtype)])
reals = np.array([3e9, -3e9, np.nan, np.inf, -np.inf, 1e20, 300.7, -1.5, 2147483520, 255.9, 256, -129.5, 1e10, -0.5, -0.0, 1], np.float32)
sources = {
    "float": reals,
    "int64": np.array([2**40 + 5, -1, 300, -129, 2**31, 0]),
    "int32": np.array([-1, 300, -129, 2**31 - 1, 0], np.int32),
    "uint8": np.array([0, 1, 255, 128], np.uint8),
    "int8": np.array([0, -1, -128, 127], np.int8),
    "bool": np.array([True, False]),
}
for source, x in sources.items():
    for target in ("FLOAT", "INT64", "INT32", "UINT8", "INT8", "BOOL"):
        case(f"cast_{source}_{target.lower()}", "Cast", [x], to=getattr(onnx.TensorProto, target))
case("equal_bool", "Equal", [np.array([True, False]), np.array([True, True])])
case("pow_of_more_axes", "Pow", [np.array([1.5, -2, 3], np.float32), np.array([[2.0]], np.float32)])
case("pow_by_integer", "Pow", [np.array([1.5, -2, 3], np.float32), np.array(2)])
case("fmod", "Mod", [np.array([5.5, -5.5, 5.5], np.float32), np.array([2, 2, -2], np.float32)], fmod=1)

save_file(TENSORS, "integers.safetensors")
print(len(TENSORS), sum(t.nbytes for t in TENSORS.values()))
