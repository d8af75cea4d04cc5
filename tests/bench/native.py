#!/usr/bin/env python3
"""Native onnxruntime on the benchmark's network: native.py DIR THREADS RUNS prints one JSON object."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime


def main(folder, threads, runs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(folder / "xception.onnx", options, ["CPUExecutionProvider"])
    picture = np.fromfile(folder / "input.nchw", np.float32).reshape(session.get_inputs()[0].shape)
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        (logits,) = session.run(None, {"input": picture})
        times.append(1e3 * (time.perf_counter() - start))
    first, *times = times
    print(json.dumps(dict(first_ms=first, times_ms=times, logits=logits[0].tolist())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
