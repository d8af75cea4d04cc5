#!/usr/bin/env python3
"""timm's Xception in PyTorch on a CUDA device, beside `cargo bench --features webgpu --bench gpu`.

    python tests/bench/gpu_torch.py        # needs torch with CUDA, and timm

Milliseconds a picture, medians: eager, with the pixels sent and the logits read, and the launches alone, recorded as a
CUDA graph. Channels last; cuDNN chooses its kernels by time.
"""

import time

import timm
import torch

RUNS = 60
WARM = 10
SIZE = 299
torch.backends.cudnn.benchmark = True


def median(run):
    for _ in range(WARM):
        run()
    times = []
    for _ in range(RUNS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)[RUNS // 2]


def recorded(network, pictures):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            network(pictures)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        network(pictures)
    return graph


def main():
    print(torch.__version__, timm.__version__, torch.cuda.get_device_name())
    network = timm.create_model("legacy_xception", pretrained=False).eval()
    network = network.cuda().to(memory_format=torch.channels_last)
    for name, dtype, tf32 in [
        ("f32", torch.float32, False),
        ("tf32", torch.float32, True),
        ("f16", torch.float16, False),
    ]:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        network = network.to(dtype)
        for batch in (1, 4, 16):
            pictures = torch.rand(batch, 3, SIZE, SIZE, dtype=dtype).pin_memory()

            def sent():
                return pictures.cuda(non_blocking=True).to(memory_format=torch.channels_last)

            eager = median(lambda: network(sent()).cpu()) / batch
            graph = median(recorded(network, sent()).replay) / batch
            print(f"{name} batch {batch}: eager {eager:.2f} ms, recorded {graph:.2f} ms a picture")


if __name__ == "__main__":
    with torch.inference_mode():
        main()
