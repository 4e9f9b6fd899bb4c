"""Makes recurrent_modules.safetensors: recurrent layers and cells of PyTorch with random weights, float and dynamically quantized (fbgemm).

    pip install numpy safetensors torch
    python make_recurrent_modules.py

For each case: `NAME/state.KEY` is the state dict, `NAME/x`, `NAME/h_0` and `NAME/c_0` the operands, `NAME/float.RESULT` and `NAME/dynamic.RESULT`
the results `y`, `h_n` and `c_n` of layers and `h` and `c` of cells, and `NAME/q.KEY` and `NAME/scale.KEY` codes and scales of the weights. A cell is
applied to each step of `x`. PyTorch quantizes RNNCell, but not RNN, and nothing without biases.
"""

import numpy as np
import torch
from safetensors.numpy import save_file

TENSORS = {}
STEPS, BATCH, FEATURES, HIDDEN = 4, 3, 5, 6
GATES = {"lstm": 4, "gru": 3, "rnn": 1, "rnn_relu": 1}
torch.backends.quantized.engine = "fbgemm"


def module(kind, suffix, **arguments):
    arguments |= {"nonlinearity": "relu"} if kind == "rnn_relu" else {}
    return getattr(torch.nn, kind.split("_")[0].upper() + suffix)(FEATURES, HIDDEN, **arguments)


def filled(name, net):
    """A module with weights that its name determines, in a container, for quantize_dynamic."""
    random = np.random.default_rng([0, *name.encode()])
    for key, value in net.named_parameters():
        array = (random.uniform(-1.5, 1.5, value.shape) / np.sqrt(HIDDEN)).astype(np.float32)
        value.data = torch.from_numpy(array)
        TENSORS[f"{name}/state.{key}"] = array
    return torch.nn.ModuleDict({"net": net}).eval(), random


def operand(name, role, array):
    TENSORS[f"{name}/{role}"] = array.astype(np.float32)
    return torch.from_numpy(TENSORS[f"{name}/{role}"])


def results(name, form, outputs):
    for role, value in outputs.items():
        TENSORS[f"{name}/{form}.{role}"] = np.ascontiguousarray(value.numpy())


def forms(name, net):
    """The module, and what quantize_dynamic makes of it, whose codes and scales are kept."""
    if type(net["net"]) is torch.nn.RNN or not net["net"].bias:
        return {"float": net["net"]}
    made = torch.ao.quantization.quantize_dynamic(net, {type(net["net"])}, dtype=torch.qint8)["net"]
    for key, weight in made.get_weight().items():
        TENSORS[f"{name}/q.{key}"] = weight.int_repr().numpy()
        TENSORS[f"{name}/scale.{key}"] = np.float32([weight.q_scale()])
    return {"float": net["net"], "dynamic": made}


def layers(kind, form, states, **arguments):
    name = f"{kind}.{form}"
    net, random = filled(name, module(kind, "", **arguments))
    first, second = (BATCH, STEPS) if arguments.get("batch_first") else (STEPS, BATCH)
    x = operand(name, "x", random.standard_normal((first, second, FEATURES)))
    count = arguments.get("num_layers", 1) * (1 + arguments.get("bidirectional", False))
    roles = ["h_0", "c_0"] if kind == "lstm" else ["h_0"]
    given = [operand(name, role, random.uniform(-0.8, 0.8, (count, BATCH, HIDDEN))) for role in roles if states]
    given = (tuple(given) if kind == "lstm" else given[0]) if states else None
    for form, made in forms(name, net).items():
        y, last = made(x, given)
        last = last if kind == "lstm" else (last,)
        results(name, form, {"y": y} | dict(zip(("h_n", "c_n"), last)))


def cell(kind, form, states, **arguments):
    name = f"{kind}_cell.{form}"
    net, random = filled(name, module(kind, "Cell", **arguments))
    x = operand(name, "x", random.standard_normal((STEPS, BATCH, FEATURES)))
    roles = ["h_0", "c_0"] if kind == "lstm" else ["h_0"]
    given = [operand(name, role, random.uniform(-0.8, 0.8, (BATCH, HIDDEN))) for role in roles if states]
    for form, made in forms(name, net).items():
        state = (tuple(given) if kind == "lstm" else given[0]) if states else None
        for step in x:
            state = made(step, state)
        results(name, form, dict(zip("hc", state if kind == "lstm" else (state,))))


with torch.no_grad():
    for kind in GATES:
        layers(kind, "one", True)
        layers(kind, "reversed_too", True, num_layers=2, bidirectional=True, batch_first=True)
        layers(kind, "plain", False, num_layers=2, bias=False)
        cell(kind, "one", True)
        cell(kind, "plain", False, bias=False)
save_file(TENSORS, "recurrent_modules.safetensors")
