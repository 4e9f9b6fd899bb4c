"""Makes tools.safetensors: models that PyTorch exported and onnxruntime.quantization quantized, inputs, and the outputs that are computed from them.

    pip install torch numpy onnx onnxscript onnxruntime safetensors
    python make_tools.py

The tensors are named as in operators.safetensors. The outputs are those of ONNX Runtime (optimizations off, one thread); where its products of
uint8 and int8 may saturate, those of the reference evaluator of onnx. `old` models are of PyTorch's exporter before 2.9, `new` ones of that since.
"""

import os
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from safetensors.numpy import save_file
from torch import nn

torch.manual_seed(5)
TENSORS = {}
FOLDER = tempfile.mkdtemp()
path = lambda name: os.path.join(FOLDER, name)


class Text(nn.Module):
    """Two tables of embeddings, a linear layer and a convolution."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(30, 8), nn.Embedding(6, 8)
        self.linear, self.conv, self.out = nn.Linear(8, 12), nn.Conv1d(12, 10, 3, padding=1), nn.Linear(10, 3)

    def forward(self, ids):
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        x = torch.relu(self.linear(x)).transpose(1, 2)
        return self.out(torch.relu(self.conv(x)).transpose(1, 2))


class Recurrent(nn.Module):
    """A table of embeddings, whose rows an LSTM takes in another order."""

    def __init__(self):
        super().__init__()
        self.words, self.lstm, self.out = nn.Embedding(20, 8), nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, ids):
        return self.out(self.lstm(self.words(ids))[0])


class Attention(nn.Module):
    """A layer of a transformer; its products of two activations can be quantized while they run, too."""

    def __init__(self):
        super().__init__()
        self.words, self.layer = nn.Embedding(20, 8), nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)

    def forward(self, ids):
        return self.layer(self.words(ids))


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1, groups=6, stride=2)
        self.third, self.out = nn.Conv2d(6, 8, 1, bias=False), nn.Linear(8, 4)

    def forward(self, x):
        x = torch.relu(self.third(torch.relu(self.second(torch.relu(self.first(x))))))
        return self.out(x.mean((2, 3)))


def samples(x):
    """Numbers like the input, for calibration."""
    random = np.random.default_rng(3)
    like = lambda: random.normal(size=x.shape).astype(np.float32) if x.dtype == np.float32 else random.integers(0, x.max() + 1, x.shape)

    class Samples(CalibrationDataReader):
        def __init__(self):
            self.left = iter([{"x": x}] + [{"x": like()} for _ in range(3)])

        def get_next(self):
            return next(self.left, None)

    return Samples()


def add(name, file, x, saturates):
    model = onnx.load(file)
    del model.metadata_props[:]
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    if saturates:
        y = ReferenceEvaluator(model).run(None, {"x": x})[0]
    else:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        y = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})[0]
    TENSORS[f"{name}/model"] = np.frombuffer(model.SerializeToString(), dtype=np.uint8)
    TENSORS[f"{name}/in/0"] = x
    TENSORS[f"{name}/out/0"] = y


DYNAMIC = [(QuantType.QInt8, False, False), (QuantType.QInt8, True, True), (QuantType.QUInt8, False, False), (QuantType.QUInt8, True, False)]
STATIC = [(QuantType.QUInt16, QuantType.QInt8, True, False), (QuantType.QInt16, QuantType.QInt8, False, True), (QuantType.QUInt16, QuantType.QInt16, False, False),
          (QuantType.QUInt8, QuantType.QInt4, True, False), (QuantType.QUInt8, QuantType.QUInt4, False, True)]
for name, module, x in [("text", Text(), torch.randint(0, 30, (2, 6))), ("recurrent", Recurrent(), torch.randint(0, 20, (2, 5))), ("image", Image(), torch.randn(2, 3, 8, 7))]:
    module.eval()
    for exporter in ("old", "new"):
        file = path(f"{name}_{exporter}.onnx")
        if exporter == "old":
            torch.onnx.export(module, (x,), file, dynamo=False, input_names=["x"])
        else:
            torch.onnx.export(module, (x,), file, dynamo=True, external_data=False, input_names=["x"])
        for weight, per_channel, reduce_range in DYNAMIC:
            # An LSTM has weights of int8 whatever is asked for, and no form that the reference evaluator knows.
            reduce_range |= name == "recurrent"
            found = f"{name}_{exporter}_dynamic_{weight.name.lower()}" + "_channels" * per_channel + "_reduced" * reduce_range
            quantize_dynamic(file, path("q.onnx"), weight_type=weight, per_channel=per_channel, reduce_range=reduce_range)
            add(found, path("q.onnx"), x.numpy(), weight == QuantType.QInt8 and not reduce_range)
        if exporter == "old":
            continue
        for activation, weight, per_channel, contrib in STATIC:
            found = f"{name}_static_{activation.name.lower()}_{weight.name.lower()}" + "_channels" * per_channel + "_microsoft" * contrib
            quantize_static(file, path("q.onnx"), samples(x.numpy()), quant_format=QuantFormat.QDQ, activation_type=activation, weight_type=weight,
                            per_channel=per_channel, extra_options={"UseQDQContribOps": contrib})
            add(found, path("q.onnx"), x.numpy(), False)

module, ids = Attention().eval(), torch.randint(0, 20, (2, 5))
torch.onnx.export(module, (ids,), path("attention.onnx"), dynamo=True, external_data=False, input_names=["x"])
for both in (False, True):
    quantize_dynamic(path("attention.onnx"), path("q.onnx"), weight_type=QuantType.QUInt8, extra_options={"MatMulConstBOnly": not both})
    add("attention_dynamic_quint8" + "_both" * both, path("q.onnx"), ids.numpy(), False)

save_file(TENSORS, "tools.safetensors")
print(len({name.split("/")[0] for name in TENSORS}), sum(t.nbytes for t in TENSORS.values()))
