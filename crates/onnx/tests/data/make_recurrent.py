"""Makes recurrent.safetensors: models of one recurrent layer, inputs, and the outputs that ONNX Runtime computes from them.

    pip install numpy onnx onnxruntime safetensors
    python make_recurrent.py

For each case `NAME/model` holds the bytes of an ONNX file, `NAME/in/INDEX` its inputs and `NAME/out/INDEX` the outputs.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

TENSORS = {}
GATES = {"LSTM": 4, "DynamicQuantizeLSTM": 4, "GRU": 3, "RNN": 1}


def quantized(weight, per_channel):
    """The codes `[d, in, gates * hidden]`, scales and zero points of a weight.

    Codes are no larger than 63, because the products of ONNX Runtime saturate on a CPU without VNNI, two at a time.
    """
    turned = np.ascontiguousarray(weight.transpose(0, 2, 1))
    scale = (np.abs(turned).max(axis=1 if per_channel else (1, 2), keepdims=True) / 63).astype(np.float32)
    codes = np.rint(turned / scale).clip(-63, 63).astype(np.int8)
    scale = scale[:, 0] if per_channel else scale[:, 0, 0]
    return codes, scale, np.zeros(scale.shape, np.int8)


def case(name, op, direction, sizes, states=False, bias=True, results=("Y", "Y_h", "Y_c"), weights="float", opset=17, **attributes):
    steps, batch, features, hidden = sizes
    random = np.random.default_rng([0, *name.encode()])
    ways, rows = 1 + (direction == "bidirectional"), GATES[op] * hidden
    uniform = lambda *shape: (random.uniform(-1.5, 1.5, shape) / np.sqrt(hidden)).astype(np.float32)
    w, r, b = uniform(ways, rows, features), uniform(ways, rows, hidden), uniform(ways, 2 * rows)
    names = ["h0", "c0"] if GATES[op] == 4 else ["h0"]
    feeds = {"x": random.standard_normal((steps, batch, features)).astype(np.float32)}
    feeds |= {state: random.uniform(-0.7, 0.7, (ways, batch, hidden)).astype(np.float32) for state in names if states}
    inputs = ["x", "w", "r", "b" if bias else "", "", *(names if states else [])]
    constants = {"b": b} if bias else {}
    domain = ""
    if weights == "float":
        constants |= {"w": w, "r": r}
    else:
        domain = "com.microsoft"
        inputs += [""] * (8 - len(inputs))
        for key, weight in (("w", w), ("r", r)):
            parts = [key, key + "_scale", key + "_zero_point"]
            constants |= dict(zip(parts, quantized(weight, weights == "channel")))
            inputs += parts[1:]
    while not inputs[-1]:
        inputs.pop()
    results = [result for result in results if result != "Y_c" or GATES[op] == 4]
    outputs = [result if result in results else "" for result in ("Y", "Y_h", "Y_c")]
    while not outputs[-1]:
        outputs.pop()
    node = helper.make_node(op, inputs, outputs, "layer", domain=domain, direction=direction, hidden_size=hidden, **attributes)
    info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    made = [info(result, [steps, ways, batch, hidden] if result == "Y" else [ways, batch, hidden]) for result in results]
    values = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph([node], name, [info(key, x.shape) for key, x in feeds.items()], made, values)
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8 if opset < 19 else 10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    TENSORS[f"{name}/model"] = np.frombuffer(model.SerializeToString(), dtype=np.uint8)
    for i, x in enumerate(feeds.values()):
        TENSORS[f"{name}/in/{i}"] = x
    for i, x in enumerate(session.run(None, feeds)):
        TENSORS[f"{name}/out/{i}"] = x


SIZES = (5, 2, 4, 6)
for direction in ("forward", "reverse", "bidirectional"):
    case(f"lstm.{direction}", "LSTM", direction, SIZES, states=True)
    case(f"lstm.{direction}.last", "LSTM", direction, (4, 3, 3, 5), results=("Y_h",), bias=False)
    case(f"gru.{direction}", "GRU", direction, SIZES, states=True, linear_before_reset=1)
    case(f"gru_reset_before.{direction}", "GRU", direction, SIZES, states=True)
    case(f"gru_reset_before.{direction}.first", "GRU", direction, (3, 1, 5, 7), results=("Y",))
    case(f"rnn.{direction}", "RNN", direction, SIZES, states=True)
    relu = ["Relu"] * (1 + (direction == "bidirectional"))
    case(f"rnn_relu.{direction}", "RNN", direction, SIZES, states=True, bias=False, activations=relu)
    case(f"lstm_dynamic.{direction}.tensor", "DynamicQuantizeLSTM", direction, SIZES, states=True, weights="tensor")
    case(f"lstm_dynamic.{direction}.channel", "DynamicQuantizeLSTM", direction, (6, 3, 8, 10), weights="channel")
case("lstm.opset7", "LSTM", "forward", (3, 2, 3, 4), opset=7)
defaults = ["Sigmoid", "Tanh", "Tanh"] * 2
case("lstm.opset21", "LSTM", "bidirectional", (3, 2, 3, 4), results=("Y", "Y_c"), opset=21, activations=defaults)
case("gru.opset14", "GRU", "forward", (3, 2, 3, 4), opset=14, layout=0)

save_file(TENSORS, "recurrent.safetensors")
