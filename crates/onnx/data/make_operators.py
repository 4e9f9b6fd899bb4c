"""Makes operators.txt: what nodes of the operators that fourfold imports must look like, as the package onnx says.

    pip install onnx
    python make_operators.py

A line is one version of one operator; a version that says the same as the one before it is left out.

    NAME SINCE | INPUTS | OUTPUTS | ATTRIBUTES | TYPES

Inputs and outputs are type variables, which are in TYPES, or types; `?` marks those that may be left out, `*` one that may stand for any
number. A lower-case variable is one that every input may fill differently. Attributes are `name:kind`, with `!` where the operator needs
them. Element types have one letter each; others are not read. A version that only says `-` ends the operator.
"""

import re

import onnx
from onnx import defs

LETTERS = {"float": "f", "float16": "h", "bfloat16": "B", "double": "d", "bool": "b", "int8": "a", "uint8": "u", "int32": "i", "int64": "l",
           "int16": "s", "uint16": "t", "int4": "n", "uint4": "m", "int2": "p", "uint2": "q"}
KINDS = {"INT": "int", "FLOAT": "float", "STRING": "string", "TENSOR": "tensor", "INTS": "ints", "FLOATS": "floats", "STRINGS": "strings"}
FIRST, LAST = 7, 28

# Operators of ONNX Runtime, by its documentation (docs/ContribOperators.md).
MICROSOFT = """
DequantizeLinear 1 | T1 T2 T1? | T2 | axis:int | T1=auistnm T2=fh
DynamicQuantizeLSTM 1 | T T2 T2 T? T1? T? T? T? T T2 T T2 | T? T? T? | activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string hidden_size:int input_forget:int | T=f T1=i T2=au
DynamicQuantizeMatMul 1 | T1 T2 T1 T2? T1? | T1 | | T1=f T2=au
MatMulIntegerToFloat 1 | T1 T2 T3 T3 T1? T2? T3? | T3 | | T1=au T2=au T3=fh
MatMulNBits 1 | T1 T2 T1 T3? T4? T1? | T1 | K:int! N:int! accuracy_level:int bits:int block_size:int! weight_prepacked:int | T1=fhB T2=ui T3=fhBui T4=i
QGemm 1 | TA T TA TB T TB TC? T? TY? | TR | alpha:float transA:int transB:int | TA=au TB=au TC=i T=f TY=au TR=fau
QLinearAdd 1 | T f T? T f T? f T? | T | | T=au
QLinearAveragePool 1 | T f T? f T? | T | auto_pad:string ceil_mode:int channels_last:int count_include_pad:int kernel_shape:ints! pads:ints strides:ints | T=au
QLinearConcat 1 | f T t* | T | axis:int! | T=au t=fau
QLinearGlobalAveragePool 1 | T f T f T | T | channels_last:int | T=au
QLinearLeakyRelu 1 | T f T? f T? | T | alpha:float | T=au
QLinearMul 1 | T f T? T f T? f T? | T | | T=au
QLinearSigmoid 1 | T f T? f T? | T | | T=au
QLinearSoftmax 1 | T f T? f T | T | axis:int opset:int! | T=au
QuantizeLinear 1 | T1 T1 T2? | T2 | axis:int | T1=fh T2=austnm
"""


def letters(types):
    return "".join(letter for name, letter in LETTERS.items() if f"tensor({name})" in types) or "-"


def formal(parameter, variables):
    option = parameter.option.name
    name = parameter.type_str if parameter.type_str in variables else letters([parameter.type_str])
    if option == "Variadic" and not parameter.is_homogeneous:
        name = name.lower()
    return name + {"Single": "", "Optional": "?", "Variadic": "*"}[option]


def row(schema):
    if schema.deprecated and schema.name != "GroupNormalization":
        return "-"
    variables = {c.type_param_str: letters(c.allowed_type_strs) for c in schema.type_constraints}
    inputs = [formal(parameter, variables) for parameter in schema.inputs]
    outputs = [formal(parameter, variables) for parameter in schema.outputs]
    attributes = sorted(f"{a.name}:{KINDS.get(a.type.name, 'other')}{'!' if a.required else ''}" for a in schema.attributes.values())
    used = {token.rstrip("?*") for token in inputs + outputs}
    types = [f"{v if v in used else v.lower()}={t}" for v, t in variables.items()]
    return " | ".join(" ".join(part) for part in (inputs, outputs, attributes, types))


def main():
    source = open("../src/import/operators.rs").read()
    names = re.findall(r'"([\w.]+)"', source.split("OPERATORS: &[&str] = &[")[1].split("];")[0])
    lines = []
    for name in (name for name in names if "." not in name):
        versions = [s for s in defs.get_all_schemas_with_history() if s.name == name and s.domain == "" and s.since_version <= LAST]
        old = max((s.since_version for s in versions if s.since_version <= FIRST), default=0)
        before = None
        for schema in sorted((s for s in versions if s.since_version >= old), key=lambda schema: schema.since_version):
            if (now := row(schema)) != before:
                lines.append(f"{name} {schema.since_version} | {now}")
            before = now
    lines += [f"com.microsoft.{line}" for line in MICROSOFT.split("\n") if line]
    with open("operators.txt", "w") as file:
        file.write(f"# Made by make_operators.py with onnx {onnx.__version__}.\n" + "\n".join(re.sub(" +$", "", line) for line in lines) + "\n")


main()
