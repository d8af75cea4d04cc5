#!/usr/bin/env python3
"""The network of `xception bench --save DIR/xception.safetensors` in the other runtimes' formats.

    python tests/bench/models.py DIR

Writes to DIR: `xception.onnx`, `xception-int8.onnx` (dynamic quantisation), `xception.tflite`, `xception-int8.tflite`
(static quantisation, f32 in and out), `tfjs/` (a graph model), `input.nchw` and `input.nhwc` (f32), and `logits` as
native onnxruntime computes them.

Every format gets what its own converter would give a user: batch norms folded into the convolutions, and,
where the format has them, fused bias and ReLU.
"""

import base64
import json
import struct
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import onnxruntime
import tflite
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

EPSILON = 1e-3  # Keras's dialect
SIZE = 299
CLASSES = 1000


# ------------------------------------------------------------------ the network, once for all formats


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], np.float32).reshape(entry["shape"])
    return tensors


class Weights:
    """Kernels with the batch norm folded in, `[out, in, h, w]`, and biases."""

    def __init__(self, path):
        self.tensors = read_safetensors(path)
        self.middle_blocks = 1 + max(int(n.split(".")[1]) for n in self.tensors if n.startswith("middle"))

    def conv(self, name):
        get = lambda key: self.tensors[f"{name}.norm.{key}"].astype(np.float64)
        scale = get("gamma") / np.sqrt(get("running_var") + EPSILON)
        kernel = self.tensors[f"{name}.conv.weight"] * scale[:, None, None, None]
        return kernel.astype(np.float32), (get("beta") - get("running_mean") * scale).astype(np.float32)

    def depthwise(self, name):
        return self.tensors[f"{name}.conv.weight"]

    def head(self):
        return self.tensors["head.weight"], self.tensors["head.bias"]


def walk(to, weights):
    """Drives a writer through the network; every writer has the methods that are called here."""

    def conv(x, name, stride, padding, relu):
        return to.conv(x, *weights.conv(name), stride, padding, relu)

    def separable(x, name, relu):
        x = to.depthwise(x, weights.depthwise(f"{name}.depthwise"))
        return conv(x, f"{name}.pointwise", 1, "VALID", relu)

    def down(x, name, leading_relu):
        bridge = conv(x, f"{name}.shortcut", 2, "SAME", False)
        x = to.relu(x) if leading_relu else x
        x = separable(x, f"{name}.units.0", True)
        return to.add(to.pool(separable(x, f"{name}.units.1", False)), bridge)

    x = conv(to.input(), "stem.0", 2, "VALID", True)
    x = conv(x, "stem.1", 1, "VALID", True)
    for block in range(3):
        x = down(x, f"entry.{block}", block > 0)
    for block in range(weights.middle_blocks):
        y = to.relu(x)
        for unit in range(3):
            y = separable(y, f"middle.{block}.units.{unit}", unit < 2)
        x = to.add(y, x)
    x = down(x, "exit", True)
    for unit in range(2):
        x = separable(x, f"tail.{unit}", True)
    to.head(to.mean(x), *weights.head())


def side(size, kernel, stride, padding):
    return (size - kernel) // stride + 1 if padding == "VALID" else -(-size // stride)


def same_pads(size, kernel, stride):
    """TensorFlow's SAME: the odd pixel goes to the end."""
    total = max((side(size, kernel, stride, "SAME") - 1) * stride + kernel - size, 0)
    return [total // 2, total // 2, total - total // 2, total - total // 2]


# ------------------------------------------------------------------ ONNX


class Onnx:
    def __init__(self):
        self.nodes, self.constants, self.sides = [], [], {"input": SIZE}

    def add_node(self, kind, inputs, size, name=None, **attributes):
        name = name or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"{kind}_{name}", **attributes))
        self.sides[name] = size
        return name

    def constant(self, values):
        name = f"w{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def input(self):
        return "input"

    def conv(self, x, kernel, bias, stride, padding, relu):
        size, k = self.sides[x], kernel.shape[-1]
        pads = same_pads(size, k, stride) if padding == "SAME" else [0] * 4
        out = side(size, k, stride, padding)
        inputs = [x, self.constant(kernel), self.constant(bias)]
        y = self.add_node("Conv", inputs, out, kernel_shape=[k, k], strides=[stride] * 2, pads=pads)
        return self.relu(y) if relu else y

    def depthwise(self, x, kernel):
        more = dict(kernel_shape=[3, 3], pads=[1] * 4, group=len(kernel))
        return self.add_node("Conv", [x, self.constant(kernel)], self.sides[x], **more)

    def relu(self, x):
        return self.add_node("Relu", [x], self.sides[x])

    def add(self, a, b):
        return self.add_node("Add", [a, b], self.sides[a])

    def pool(self, x):
        size = self.sides[x]
        more = dict(kernel_shape=[3, 3], strides=[2, 2], pads=same_pads(size, 3, 2))
        return self.add_node("MaxPool", [x], -(-size // 2), **more)

    def mean(self, x):
        return self.add_node("Flatten", [self.add_node("GlobalAveragePool", [x], 1)], 1)

    def head(self, x, kernel, bias):
        return self.add_node("Gemm", [x, self.constant(kernel), self.constant(bias)], 1, name="logits")

    def save(self, path):
        info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        ends = [info("input", [1, 3, SIZE, SIZE])], [info("logits", [1, CLASSES])]
        graph = helper.make_graph(self.nodes, "xception", *ends, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        onnx.save(model, path)


# ------------------------------------------------------------------ TensorFlow Lite


class TfLite:
    """Tensors are indices into `self.tensors`, whose entries are (shape, element type, bytes)."""

    KIND = tflite.TensorType.FLOAT32
    VERSIONS = {}

    def __init__(self):
        self.tensors, self.operators, self.kinds = [], [], []
        # (scales, zero points, dimension of the scales) of tensors in integers.
        self.steps = {}

    def tensor(self, shape, values=None, kind=tflite.TensorType.FLOAT32):
        self.tensors.append((shape, kind, b"" if values is None else np.ascontiguousarray(values).tobytes()))
        return len(self.tensors) - 1

    def kernel(self, x, kernel, bias, dimension):
        """A kernel for `x`, whose output channels are this dimension, and its bias."""
        return [self.tensor(values.shape, values) for values in (kernel, bias)]

    def operator(self, kind, inputs, shape, options=None, *, to=None, **fields):
        code = getattr(tflite.BuiltinOperator, kind)
        self.kinds += [] if code in self.kinds else [code]
        y = self.tensor(shape, kind=self.KIND if to is None else to)
        self.operators.append((self.kinds.index(code), inputs, y, options, fields))
        return y

    def shape(self, x):
        return self.tensors[x][0]

    def input(self):
        return self.tensor([1, SIZE, SIZE, 3])

    def conv(self, x, kernel, bias, stride, padding, relu):
        out = side(self.shape(x)[1], kernel.shape[-1], stride, padding)
        inputs = [x, *self.kernel(x, kernel.transpose(0, 2, 3, 1), bias, 0)]
        fields = dict(Padding=getattr(tflite.Padding, padding), FusedActivationFunction=int(relu))
        fields |= dict(StrideW=stride, StrideH=stride, DilationWFactor=1, DilationHFactor=1)
        return self.operator("CONV_2D", inputs, [1, out, out, len(kernel)], "Conv2DOptions", **fields)

    def depthwise(self, x, kernel):
        bias = np.zeros(len(kernel), np.float32)
        inputs = [x, *self.kernel(x, kernel.transpose(1, 2, 3, 0), bias, 3)]
        fields = dict(StrideW=1, StrideH=1, DepthMultiplier=1, DilationWFactor=1, DilationHFactor=1)
        options = "DepthwiseConv2DOptions"
        return self.operator("DEPTHWISE_CONV_2D", inputs, self.shape(x), options, Padding=0, **fields)

    def relu(self, x):
        return self.operator("RELU", [x], self.shape(x))

    def add(self, a, b):
        return self.operator("ADD", [a, b], self.shape(a), "AddOptions")

    def pool(self, x):
        _, size, _, channels = self.shape(x)
        fields = dict(Padding=0, StrideW=2, StrideH=2, FilterWidth=3, FilterHeight=3)
        shape = [1, -(-size // 2), -(-size // 2), channels]
        return self.operator("MAX_POOL_2D", [x], shape, "Pool2DOptions", **fields)

    def mean(self, x):
        axes = self.tensor([2], np.array([1, 2], np.int32), tflite.TensorType.INT32)
        return self.operator("MEAN", [x, axes], [1, self.shape(x)[3]], "ReducerOptions", KeepDims=False)

    def head(self, x, kernel, bias):
        inputs = [x, *self.kernel(x, kernel.T, bias, 0)]
        return self.operator("FULLY_CONNECTED", inputs, [1, CLASSES], "FullyConnectedOptions")

    def save(self, path):
        to = flatbuffers.Builder(100 << 20)

        def table(kind, **fields):
            getattr(tflite, f"{kind}Start")(to)
            for name, value in fields.items():
                getattr(tflite, f"{kind}Add{name}")(to, value)
            return getattr(tflite, f"{kind}End")(to)

        def integers(values):
            return to.CreateNumpyVector(np.array(values, np.int32))

        def quantization(tensor):
            if tensor not in self.steps:
                return {}
            scales, zeros, dimension = self.steps[tensor]
            vectors = dict(
                Scale=to.CreateNumpyVector(np.array(scales, np.float32)),
                ZeroPoint=to.CreateNumpyVector(np.array(zeros, np.int64)),
            )
            return dict(Quantization=table("QuantizationParameters", QuantizedDimension=dimension, **vectors))

        def tables(offsets):
            to.StartVector(4, len(offsets), 4)
            for offset in reversed(offsets):
                to.PrependUOffsetTRelative(offset)
            return to.EndVector()

        def buffer(data):
            # By hand: tensors must lie on 16 bytes.
            to.StartVector(1, len(data), 16)
            to.head -= len(data)
            to.Bytes[to.head : to.head + len(data)] = data
            return table("Buffer", Data=to.EndVector())

        buffers, tensors, operators = [table("Buffer")], [], []
        for at, (shape, kind, data) in enumerate(self.tensors):
            if data:
                buffers.append(buffer(data))
            place = len(buffers) - 1 if data else 0
            more = quantization(at)
            tensors.append(table("Tensor", Shape=integers(shape), Type=kind, Buffer=place, **more))
        for code, inputs, output, options, fields in self.operators:
            ends = dict(Inputs=integers(inputs), Outputs=integers([output]))
            if options:
                kind = getattr(tflite.BuiltinOptions, options)
                ends |= dict(BuiltinOptionsType=kind, BuiltinOptions=table(options, **fields))
            operators.append(table("Operator", OpcodeIndex=code, **ends))
        codes = [
            table(
                "OperatorCode",
                DeprecatedBuiltinCode=min(code, 127),
                BuiltinCode=code,
                Version=self.VERSIONS.get(code, 1),
            )
            for code in self.kinds
        ]
        graph = dict(Tensors=tables(tensors), Operators=tables(operators))
        ends = dict(Inputs=integers([0]), Outputs=integers([len(self.tensors) - 1]))
        graph = table("SubGraph", **graph, **ends)
        parts = dict(OperatorCodes=tables(codes), Subgraphs=tables([graph]), Buffers=tables(buffers))
        to.Finish(table("Model", Version=3, **parts), b"TFL3")
        path.write_bytes(to.Output())


class TfLiteInt8(TfLite):
    """In int8 as TensorFlow's converter makes it from representative pictures, f32 outside: weights by output channel
    and around zero, activations between the `ranges` of what each of `walk`'s calls gives."""

    KIND = tflite.TensorType.INT8
    # The first ones that take int8.
    VERSIONS = {
        tflite.BuiltinOperator.ADD: 2,
        tflite.BuiltinOperator.CONV_2D: 3,
        tflite.BuiltinOperator.DEPTHWISE_CONV_2D: 3,
        tflite.BuiltinOperator.DEQUANTIZE: 2,
        tflite.BuiltinOperator.FULLY_CONNECTED: 4,
        tflite.BuiltinOperator.MAX_POOL_2D: 2,
        tflite.BuiltinOperator.MEAN: 2,
        tflite.BuiltinOperator.RELU: 2,
    }

    def __init__(self, ranges):
        super().__init__()
        self.ranges = iter(ranges)

    def operator(self, kind, inputs, *more, **fields):
        y = super().operator(kind, inputs, *more, **fields)
        low, high = next(self.ranges)
        step = (max(high, 0) - min(low, 0)) / 255
        self.steps[y] = [step], [round(-128 - min(low, 0) / step)], 0
        if kind == "MAX_POOL_2D":  # It moves bytes.
            self.steps[y] = self.steps[inputs[0]]
        return y

    def input(self):
        shape = [1, SIZE, SIZE, 3]
        return self.operator("QUANTIZE", [self.tensor(shape)], shape)

    def kernel(self, x, kernel, bias, dimension):
        others = tuple(i for i in range(kernel.ndim) if i != dimension)
        steps = np.abs(kernel).max(others) / 127
        by_channel = np.expand_dims(steps, others)
        values = self.tensor(kernel.shape, np.round(kernel / by_channel).astype(np.int8), self.KIND)
        self.steps[values] = steps, [0] * len(steps), dimension
        sums = steps * self.steps[x][0][0]
        bias = self.tensor(bias.shape, np.round(bias / sums).astype(np.int32), tflite.TensorType.INT32)
        self.steps[bias] = sums, [0] * len(sums), 0
        return [values, bias]

    def head(self, x, kernel, bias):
        y = super().head(x, kernel, bias)
        TfLite.operator(self, "DEQUANTIZE", [y], [1, CLASSES], to=tflite.TensorType.FLOAT32)


class Named:
    """Passes a writer's calls on, and keeps what they answer."""

    def __init__(self, to):
        self.to, self.names = to, []

    def __getattr__(self, method):
        def call(*given):
            self.names.append(getattr(self.to, method)(*given))
            return self.names[-1]

        return call


def ranges(weights, picture):
    """The smallest and the largest number that each of `walk`'s calls gives for this picture."""
    named = Named(Onnx())
    walk(named, weights)
    to, names = named.to, [name for name in named.names if name != "input"]
    info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    ends = [info("input", picture.shape)], [info(name, None) for name in names]
    graph = helper.make_graph(to.nodes, "ranges", *ends, to.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    found = native(model.SerializeToString()).run(names, {"input": picture})
    return [(values.min(), values.max()) for values in [picture, *found]]


# ------------------------------------------------------------------ TensorFlow.js


class TfJs:
    """A graph model with the fused operations that its converter makes."""

    FLOAT = {"type": "DT_FLOAT"}

    def __init__(self):
        self.nodes, self.manifest, self.data = [], [], []

    def node(self, kind, inputs, name=None, **attributes):
        name = name or f"x{len(self.nodes)}"
        self.nodes.append(dict(name=name, op=kind, input=inputs, attr={"T": self.FLOAT} | attributes))
        return name

    def constant(self, values):
        name, kind = f"w{len(self.manifest)}", "int32" if values.dtype == np.int32 else "float32"
        self.manifest.append(dict(name=name, shape=list(values.shape), dtype=kind))
        self.data.append(np.ascontiguousarray(values).tobytes())
        self.nodes.append(dict(name=name, op="Const", attr={"dtype": {"type": f"DT_{kind[:-2].upper()}"}}))
        if kind == "int32":
            self.nodes[-1]["attr"]["dtype"] = {"type": "DT_INT32"}
        return name

    @staticmethod
    def text(value):
        return base64.b64encode(value.encode()).decode()

    def window(self, stride, padding):
        square = {"list": {"i": ["1", str(stride), str(stride), "1"]}}
        return dict(strides=square, padding={"s": self.text(padding)}, data_format={"s": self.text("NHWC")})

    def fused(self, *operations):
        return dict(fused_ops={"list": {"s": [self.text(o) for o in operations]}}, num_args={"i": "1"})

    def input(self):
        shape = {"shape": {"dim": [{"size": str(n)} for n in (1, SIZE, SIZE, 3)]}}
        return self.node("Placeholder", [], "input", dtype=self.FLOAT, shape=shape)

    def conv(self, x, kernel, bias, stride, padding, relu):
        inputs = [x, self.constant(kernel.transpose(2, 3, 1, 0)), self.constant(bias)]
        fused = self.fused("BiasAdd", *(["Relu"] if relu else []))
        dilations = {"list": {"i": ["1"] * 4}}
        return self.node("_FusedConv2D", inputs, dilations=dilations, **fused, **self.window(stride, padding))

    def depthwise(self, x, kernel):
        inputs = [x, self.constant(kernel.transpose(2, 3, 0, 1))]
        dilations = {"list": {"i": ["1"] * 4}}
        return self.node("DepthwiseConv2dNative", inputs, dilations=dilations, **self.window(1, "SAME"))

    def relu(self, x):
        return self.node("Relu", [x])

    def add(self, a, b):
        return self.node("AddV2", [a, b])

    def pool(self, x):
        square = {"list": {"i": ["1", "3", "3", "1"]}}
        return self.node("MaxPool", [x], ksize=square, **self.window(2, "SAME"))

    def mean(self, x):
        axes = self.constant(np.array([1, 2], np.int32))
        return self.node("Mean", [x, axes], keep_dims={"b": False})

    def head(self, x, kernel, bias):
        inputs = [x, self.constant(kernel), self.constant(bias)]
        self.node("_FusedMatMul", inputs, "logits", **self.fused("BiasAdd"))

    def save(self, folder):
        folder.mkdir(exist_ok=True)
        end = lambda name, shape: {
            name: dict(
                name=f"{name}:0",
                dtype="DT_FLOAT",
                tensorShape={"dim": [{"size": str(n)} for n in shape]},
            )
        }
        signature = dict(inputs=end("input", [1, SIZE, SIZE, 3]), outputs=end("logits", [1, CLASSES]))
        model = dict(
            format="graph-model",
            signature=signature,
            modelTopology=dict(node=self.nodes, library={}, versions={"producer": 1882}),
            weightsManifest=[dict(paths=["weights.bin"], weights=self.manifest)],
        )
        (folder / "model.json").write_text(json.dumps(model))
        (folder / "weights.bin").write_bytes(b"".join(self.data))


def native(model):
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def main(folder):
    weights = Weights(folder / "xception.safetensors")
    rgba = np.fromfile(folder / "xception.rgba", np.uint8).reshape(SIZE, SIZE, 4)
    picture = rgba[None, :, :, :3].astype(np.float32) / np.float32(127.5) - np.float32(1)
    picture.tofile(folder / "input.nhwc")
    picture = np.ascontiguousarray(picture.transpose(0, 3, 1, 2))
    picture.tofile(folder / "input.nchw")

    int8 = TfLiteInt8(ranges(weights, picture))
    writers = [(Onnx(), "xception.onnx"), (TfLite(), "xception.tflite"), (int8, "xception-int8.tflite")]
    for writer, name in (*writers, (TfJs(), "tfjs")):
        walk(writer, weights)
        writer.save(folder / name)
    quantised = folder / "xception-int8.onnx"
    quantize_dynamic(folder / "xception.onnx", quantised, weight_type=QuantType.QUInt8)

    (logits,) = native(folder / "xception.onnx").run(None, {"input": picture})
    assert np.isfinite(logits).all() and logits.std() > 0.3, "the weights do not make a network"
    logits.tofile(folder / "logits")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
