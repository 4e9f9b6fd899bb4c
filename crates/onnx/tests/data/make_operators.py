"""Makes operators.safetensors: small models, inputs, and the outputs that ONNX Runtime computes from them.

    pip install numpy ml_dtypes onnx onnxruntime safetensors
    python make_operators.py

For each case `NAME/model` holds the bytes of an ONNX file, `NAME/in/INDEX` its inputs and `NAME/out/INDEX` the outputs.
Truth values are uint8.
"""

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

RANDOM = np.random.default_rng(7)
TYPES = {np.dtype("float32"): TensorProto.FLOAT, np.dtype("int64"): TensorProto.INT64, np.dtype("bool"): TensorProto.BOOL}
TENSORS = {}


def real(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def integers(values):
    return np.array(values, dtype=np.int64)


def case(name, nodes, inputs, constants=(), opset=17, symbols=True, outputs=("y",)):
    """`nodes` read inputs x0, x1, .. and constants c0, c1, .. and make `outputs`. The first axis is called `n` if `symbols`,
    or those axes `a0`, `a2`, .. that `symbols` lists."""
    nodes = [nodes] if not isinstance(nodes, list) else nodes
    free = {0: "n"} if symbols is True else {axis: f"a{axis}" for axis in symbols or ()}
    shape = lambda x: [free.get(axis, size) for axis, size in enumerate(x.shape)]
    infos = [helper.make_tensor_value_info(f"x{i}", TYPES[x.dtype], shape(x)) for i, x in enumerate(inputs)]
    values = [numpy_helper.from_array(c, f"c{i}") for i, c in enumerate(constants)]
    made = [onnx.ValueInfoProto(name=output) for output in outputs]
    graph = helper.make_graph(nodes, name, infos, made, values)
    ir = 8 if opset < 19 else 10
    sets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=ir)
    model = onnx.shape_inference.infer_shapes(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    results = session.run(None, {f"x{i}": x for i, x in enumerate(inputs)})
    plain = lambda x: np.ascontiguousarray(x.astype(np.uint8) if x.dtype == bool else x)
    TENSORS[f"{name}/model"] = np.frombuffer(model.SerializeToString(), dtype=np.uint8)
    for i, x in enumerate(inputs):
        TENSORS[f"{name}/in/{i}"] = plain(x)
    for i, x in enumerate(results):
        TENSORS[f"{name}/out/{i}"] = plain(np.array(x))


def node(op, inputs, outputs="y", **attributes):
    return helper.make_node(op, inputs.split(" "), outputs.split(), **attributes)


x = real(2, 3, 4)
case("concat", node("Concat", "x0 x1 x0", axis=-2), [x, real(2, 5, 4)])
case("concat_batch", node("Concat", "x0 x0", axis=0), [x])
case("concat_many", node("Concat", " ".join(["x0"] * 70), axis=1), [real(2, 1)])
case("split", node("Split", "x0 c0", "y z", axis=2), [x], [integers([1, 3])], outputs=("y", "z"))
case("split_11", node("Split", "x0", "y z", axis=1, split=[2, 1]), [x], opset=11, outputs=("z", "y"))
case("split_18", node("Split", "x0", "y z w", axis=2, num_outputs=3), [real(2, 3, 7)], opset=18, outputs=("y", "z", "w"))
case("slice", node("Slice", "x0 c0 c1 c2 c3"), [real(2, 6, 7)], [integers([1, -1]), integers([5, -8]), integers([1, 2]), integers([2, -2])])
case("slice_batch", node("Slice", "x0 c0 c1 c2"), [x], [integers([-1]), integers([2**62]), integers([0])])
case("slice_clamped", node("Slice", "x0 c0 c1"), [x], [integers([0, 1]), integers([9, 99])], symbols=False)
case("slice_reversed", node("Slice", "x0 c0 c1 c2 c3"), [x], [integers([-1]), integers([-(2**62)]), integers([0]), integers([-1])])
case("slice_9", node("Slice", "x0", starts=[0, 1], ends=[2, 3], axes=[1, 2]), [x], opset=9)
case("gather", node("Gather", "x0 c0", axis=1), [x], [integers([[0, -1], [2, 2]])])
case("gather_scalar", node("Gather", "x0 c0", axis=0), [x], [integers(1)])
case("gather_rows", node("Gather", "c0 x0", axis=0), [integers([[3, 0], [1, -2]])], [real(5, 3)])
case("gather_elements", node("GatherElements", "x0 c0", axis=1), [x], [integers(RANDOM.integers(-3, 3, (2, 5, 4)))], symbols=False)
case("expand", node("Expand", "x0 c0"), [real(2, 1, 4)], [integers([3, 1, 5, 1])], symbols=False)
case("tile", node("Tile", "x0 c0"), [x], [integers([2, 1, 3])])
case("squeeze", node("Squeeze", "x0 c0"), [real(2, 1, 3, 1)], [integers([1, -1])])
case("squeeze_all", node("Squeeze", "x0"), [real(2, 1, 3, 1)], symbols=False)
case("squeeze_11", node("Squeeze", "x0", axes=[1]), [real(2, 1, 3)], opset=11)
case("unsqueeze", node("Unsqueeze", "x0 c0"), [x], [integers([0, -1])])
case("unsqueeze_11", node("Unsqueeze", "x0", axes=[1]), [x], opset=11)
case("pad", node("Pad", "x0 c0 c1"), [x], [integers([0, 1, 2, 0, 0, 1]), np.float32(0.5)])
case("pad_negative", node("Pad", "x0 c0"), [real(2, 5, 4)], [integers([0, -1, 2, 0, -2, -1])])
case("pad_axes", node("Pad", "x0 c0 c1 c2", mode="constant"), [x], [integers([1, 2]), np.float32(-1), integers([-1])], opset=18)
for mode in ["edge", "reflect"]:
    case(f"pad_{mode}", node("Pad", "x0 c0", mode=mode), [real(2, 4, 5)], [integers([0, 3, 2, 0, 1, 4])])
case("pad_wrap", node("Pad", "x0 c0", mode="wrap"), [real(2, 4, 5)], [integers([0, 3, 2, 0, 1, 4])], opset=19)
case("pad_10", node("Pad", "x0", pads=[0, 0, 1, 0, 0, 2], value=2.0), [x], opset=10)
image = real(2, 3, 5, 4)
for name, attributes in {
    "nearest": dict(mode="nearest"),
    "nearest_floor": dict(mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"),
    "nearest_ceil": dict(mode="nearest", nearest_mode="ceil"),
    "nearest_round_ceil": dict(mode="nearest", nearest_mode="round_prefer_ceil", coordinate_transformation_mode="align_corners"),
    "linear": dict(mode="linear"),
    "linear_align": dict(mode="linear", coordinate_transformation_mode="align_corners"),
    "linear_pytorch": dict(mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
    "linear_asymmetric": dict(mode="linear", coordinate_transformation_mode="asymmetric"),
}.items():
    made = helper.make_node("Resize", ["x0", "", "c0"], ["y"], **attributes)
    case(f"resize_{name}", made, [image], [np.array([1, 1, 2, 1.5], np.float32)], symbols=False)
    made = helper.make_node("Resize", ["x0", "", "", "c0"], ["y"], **attributes)
    case(f"resize_{name}_sizes", made, [image], [integers([2, 3, 7, 2])], symbols=False)
case("resize_10", node("Resize", "x0 c0", mode="nearest"), [image], [np.array([1, 1, 2, 3], np.float32)], opset=10, symbols=False)
case("upsample_9", node("Upsample", "x0 c0", mode="nearest"), [image], [np.array([1, 1, 2, 3], np.float32)], opset=9, symbols=False)
case("where", [node("Greater", "x0 c0", "t"), node("Where", "t x0 c1")], [x], [real(4), real(3, 1)])
for op in ["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"]:
    case(op.lower(), node(op, "x0 x1"), [x.round(), real(2, 1, 4).round()])
case("equal_integers", node("Equal", "x0 c0"), [integers([[1, 2], [3, 4]])], [integers([1, 4])])
case("logic", [node("Less", "x0 c0", "a"), node("Greater", "x0 c1", "b"), node("And", "a b", "c"), node("Not", "c", "d"),
               node("Xor", "a d", "e"), node("Or", "e b")], [x], [real(4), real(3, 1)])
case("cast", [node("Cast", "x0", "i", to=TensorProto.INT64), node("Cast", "i", "t", to=TensorProto.BOOL),
              node("Cast", "t", "y", to=TensorProto.FLOAT)], [real(2, 5) * 3], outputs=("y", "i", "t"))
case("mask", [node("Cast", "x1", "m", to=TensorProto.FLOAT), node("Unsqueeze", "m c0", "u"), node("Sub", "c1 u", "v"), node("Mul", "v c2", "w"),
              node("Add", "x0 w")], [x, integers([[1, 0, 1, 1], [1, 1, 0, 0]])], [integers([1]), np.float32(1), np.float32(-10000)])
case("integers", [node("Add", "x0 c0", "a"), node("Mul", "a x0", "b"), node("Sub", "b c0")], [integers([[1, -2], [3, 4]])], [integers([5, 6])])
case("argmax", node("ArgMax", "x0", axis=1, keepdims=0), [x.round()])
case("argmax_last", node("ArgMax", "x0", axis=-1, select_last_index=1), [x.round()])
case("argmin", node("ArgMin", "x0", axis=0), [x], symbols=False)
case("topk", node("TopK", "x0 c0", "y z", axis=1), [real(2, 9, 3).round(1)], [integers([4])], outputs=("y", "z"))
case("topk_smallest", node("TopK", "x0 c0", "y z", axis=-1, largest=0), [x.round(1)], [integers([4])], outputs=("z",))
case("topk_9", node("TopK", "x0", "y z", k=2), [x], opset=9, outputs=("y", "z"))
case("cumsum", node("CumSum", "x0 c0"), [x], [np.int64(1)])
case("cumsum_reverse", node("CumSum", "x0 c0", exclusive=1, reverse=1), [x], [np.int64(-1)])
case("log_softmax", node("LogSoftmax", "x0", axis=1), [x * 3])
case("log_softmax_11", node("LogSoftmax", "x0", axis=1), [x * 3], opset=11)
case("instance_norm", node("InstanceNormalization", "x0 c0 c1", epsilon=1e-3), [image], [real(3), real(3)])
case("group_norm", node("GroupNormalization", "x0 c0 c1", num_groups=2), [real(2, 4, 5)], [real(4), real(4)], opset=21)
case("prelu", node("PRelu", "x0 c0"), [x], [real(3, 1)])
case("global_max_pool", node("GlobalMaxPool", "x0"), [image])
case("pow", node("Pow", "x0 x1"), [np.abs(x), real(2, 3, 4) * 4])
case("pow_constant", node("Pow", "x0 c0"), [np.abs(x)], [np.float32(-1.7)])
case("depth_to_space", node("DepthToSpace", "x0", blocksize=2), [real(2, 8, 2, 3)])
case("depth_to_space_crd", node("DepthToSpace", "x0", blocksize=2, mode="CRD"), [real(2, 8, 2, 3)])
case("space_to_depth", node("SpaceToDepth", "x0", blocksize=2), [real(2, 3, 4, 6)])
case("einsum_scores", node("Einsum", "x0 x1", equation="bhqd,bhkd->bhqk"), [real(2, 2, 3, 4), real(2, 2, 5, 4)])
case("einsum_context", node("Einsum", "x0 x1", equation="bhqk,bkhd->bqhd"), [real(2, 2, 3, 5), real(2, 5, 2, 4)])
case("einsum_plain", node("Einsum", "x0 c0", equation="bij,jk->bik"), [x], [real(4, 5)])
case("einsum_merge", node("Einsum", "x0 c0", equation="bthd,hde->bte"), [real(2, 3, 2, 4)], [real(2, 4, 5)])
case("gemm_transposed", node("Gemm", "x0 c0 c1", transA=1, alpha=0.5, beta=2.0), [real(3, 2)], [real(3, 5), real(1, 5)], symbols=False)
case("gemm_computed", node("Gemm", "x0 x1 x2", transB=1, alpha=0.5), [real(2, 3), real(5, 3), real(2, 5)], symbols=False)
case("matmul_vector", node("MatMul", "x0 x1"), [real(2, 3, 4), real(4)], symbols=False)
case("matmul_left_vector", node("MatMul", "x0 x1"), [real(4), real(4, 5)], symbols=False)
case("constant_of_shape", [node("Shape", "x0", "s"), helper.make_node("ConstantOfShape", ["s"], ["f"], value=numpy_helper.from_array(np.array([2], np.float32))),
                           node("Add", "f x0")], [x])
case("range_of_length", [node("Shape", "x0", "s"), node("Gather", "s c0", "n"), node("Range", "c1 n c2", "r"), node("Gather", "c3 r", "e"),
                         node("Add", "x0 e")], [real(2, 4)], [np.int64(0), np.int64(0), np.int64(1), real(9, 4)])
case("shape_arithmetic", [node("Shape", "x0", "s"), node("Gather", "s c0", "n"), node("Unsqueeze", "n c1", "u"), node("Concat", "u c2", "t", axis=0),
                          node("Reshape", "x0 t", "r"), node("Mul", "n c3", "m"), node("Unsqueeze", "m c1", "v"), node("Concat", "v c4", "w", axis=0),
                          node("Reshape", "r w")], [x], [np.int64(0), integers([0]), integers([2, 6]), np.int64(2), integers([-1])])
case("shape_slices", [node("Shape", "x0", "s"), node("Slice", "s c0 c1", "a"), node("ReduceProd", "s", "p", keepdims=1), node("Div", "p a", "q"),
                      node("Concat", "a q", "t", axis=0), node("Reshape", "x0 t")], [x], [integers([0]), integers([1])])
case("expand_like", [node("Shape", "x0", "s"), node("Equal", "s c0", "e"), node("ConstantOfShape", "c1", "z"), node("Where", "e c2 s", "t"),
                     node("Expand", "c3 t", "f"), node("Add", "f x0")], [x], [integers([-1, -1, -1]), integers([3]), integers([1, 1, 1]), real(1, 1, 4)])
case("folded", [node("Mul", "c0 c1", "w"), node("Transpose", "w", "t", perm=[1, 0]), node("Reshape", "t c2", "r"), node("MatMul", "x0 r")],
     [real(2, 3)], [real(4, 3), real(1), integers([3, -1])])

# Small weights: without VNNI ONNX Runtime may saturate in its products of uint8 and int8.
def codes(*shape, low=-63, high=64, dtype=np.int8):
    return RANDOM.integers(low, high, shape).astype(dtype)


ms = dict(domain="com.microsoft")
scale = np.float32(0.02)
case("dynamic_quantize_matmul", node("DynamicQuantizeMatMul", "x0 c0 c1 c2 c3", **ms), [real(3, 8)],
     [codes(8, 5), np.array([0.01, 0.02, 0.03, 0.01, 0.02], np.float32), np.zeros(5, np.int8), real(5)])
case("matmul_integer_to_float", [node("DynamicQuantizeLinear", "x0", "q s z"), node("MatMulIntegerToFloat", "q c0 s c1 z c2 c3", **ms)], [real(3, 8)],
     [codes(8, 5), scale, np.int8(0), real(5)])
dynamic_conv = [node("DynamicQuantizeLinear", "x0", "q s z"), node("ConvInteger", "q c0 z c1", "i", pads=[1, 1, 1, 1]),
                node("Cast", "i", "f", to=TensorProto.FLOAT), node("Mul", "s c2", "m"), node("Mul", "f m", "r"), node("Add", "r c3")]
case("dynamic_conv", dynamic_conv, [image], [codes(4, 3, 3, 3), np.int8(0), scale, real(1, 4, 1, 1)], symbols=False)
case("dynamic_conv_grouped", [node("DynamicQuantizeLinear", "x0", "q s z"), node("ConvInteger", "q c0 z", "i", group=3, strides=[2, 2]),
                              node("Cast", "i", "f", to=TensorProto.FLOAT), node("Mul", "s c1", "m"), node("Mul", "f m")], [image], [codes(6, 1, 3, 3), scale], symbols=False)
for bits in [4, 8]:
    made = node("MatMulNBits", "x0 c0 c1", K=40, N=6, bits=bits, block_size=16, **ms)
    case(f"matmul_{bits}_bits", made, [real(3, 40)], [codes(6, 3, 16 * bits // 8, low=0, high=256, dtype=np.uint8), np.abs(real(18)) / 50])
made = node("MatMulNBits", "x0 c0 c1 c2", K=32, N=6, bits=4, block_size=16, **ms)
case("matmul_4_bits_zero_points", made, [real(3, 32)], [codes(6, 2, 8, low=0, high=256, dtype=np.uint8), np.abs(real(12)) / 50,
     codes(6, low=0, high=256, dtype=np.uint8)])
four = codes(8, 6, low=-8, high=8).astype(ml_dtypes.int4)
case("dequantize_blocks", [node("DequantizeLinear", "c0 c1", "w", axis=0, block_size=4), node("MatMul", "x0 w")], [real(3, 8)],
     [four, np.abs(real(2, 6)) / 10], opset=21)

# Group normalization as PyTorch writes it before opset 18, with sizes that the input brings.
def group_norm_steps(last):
    return [node("Reshape", "x0 c0", "a"), node("InstanceNormalization", "a c1 c2", "b", epsilon=1e-4), node("Shape", "x0", "s"),
            node("Reshape", "b s", "d"), node("Mul", "d c3", "e"), node("Add", last)]


ones, zeros, grouped = np.ones(2, np.float32), np.zeros(2, np.float32), integers([0, 2, -1])
case("group_norm_steps", group_norm_steps("e c4"), [real(2, 6, 3, 4)], [grouped, ones, zeros, real(6, 1, 1), real(6, 1, 1)])
case("group_norm_steps_plain", group_norm_steps("c4 e"), [real(2, 6, 5)], [grouped, ones, zeros, np.ones(1, np.float32), np.zeros((), np.float32)])
# Steps that are something else: another scale, and a factor of the last axis.
case("group_norm_other", group_norm_steps("e c4"), [real(2, 6, 5)], [grouped, real(2), zeros, real(6, 1), real(6, 1)])
case("group_norm_other_axis", group_norm_steps("e c4"), [real(2, 6, 6)], [grouped, ones, zeros, real(6), real(6, 1)])

# Images whose sizes the input brings.
def free(name, nodes, constants, *shape):
    case(f"free_{name}", nodes, [real(*(shape or (2, 3, 9, 12)))], constants, symbols=(0, 2, 3))


kernel, point = real(4, 3, 3, 3), real(4, 3, 1, 1)
free("conv", [node("Conv", "x0 c0 c1", "h", pads=[1, 1, 1, 1]), node("Relu", "h")], [kernel, real(4)])
free("same", node("Conv", "x0 c0", auto_pad="SAME_UPPER"), [real(4, 3, 2, 3)])
residual = [node("Conv", "x0 c0", "a", pads=[1, 1, 1, 1], strides=[2, 2]), node("Conv", "x0 c1", "b", strides=[2, 2]), node("Add", "a b", "d"),
            node("MaxPool", "d", "e", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])]
free("residual", residual[:3] + [node("MaxPool", "d", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])], [kernel, point])
free("global", residual + [node("GlobalAveragePool", "e", "f"), node("GlobalMaxPool", "e", "g"), node("Add", "f g")], [kernel, point])
free("average", node("AveragePool", "x0", kernel_shape=[2, 3], strides=[3, 2], count_include_pad=1), [])
free("reshape", residual + [node("Shape", "e", "s"), node("Slice", "s c2 c3", "t"), node("Concat", "t c4", "u", axis=0), node("Reshape", "e u")],
     [kernel, point, integers([0]), integers([2]), integers([-1])])
up = [node("Conv", "x0 c0", "a", pads=[1, 1, 1, 1], strides=[2, 2]), node("ConvTranspose", "a c1", strides=[2, 2], pads=[1, 0, 0, 1], output_padding=[1, 0])]
free("transposed", up, [kernel, real(4, 2, 3, 2)], 1, 3, 8, 5)
free("resize", [node("AveragePool", "x0", "a", kernel_shape=[2, 2], strides=[2, 2]), node("Resize", "a  c0", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),],
     [np.array([1, 1, 2, 3], np.float32)])
free("half", [node("Shape", "x0", "s"), node("Gather", "s c0", "h"), node("Div", "h c1", "d"), node("Slice", "x0 c2 d c0")],
     [integers([2]), integers([2]), integers([0])])

save_file(TENSORS, "operators.safetensors")
print(len(TENSORS), sum(t.nbytes for t in TENSORS.values()))
