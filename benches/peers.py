"""Labrum's speed beside PyTorch's, ONNX Runtime's and OpenVINO's, in one run: `python benches/peers.py [S base L]`.

Needs torch; uses onnx, onnxruntime and openvino if they are installed. Medians in ms at 256x256,
float32, two threads, for a forward pass and a training step. Labrum is measured before and after
the peers, since the machine may be shared; the ratio is the mean of both to the peer. Peers train
with SGD and cross-entropy, Labrum with AdamW and Boundary DoU. With `--gpu`, on a machine with
CUDA, Labrum and PyTorch run on the same GPU.

    cargo build --release && python benches/peers.py
"""
import argparse, io, json, os, pathlib, statistics, subprocess, sys, time, warnings

root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / "tests" / "peers"))
import torch
from cmunext_torch import CMUNeXt, seeded

warnings.filterwarnings("ignore")
parser = argparse.ArgumentParser()
parser.add_argument("configs", nargs="*", default=["S", "base", "L"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--size", type=int, default=256)
parser.add_argument("--gpu", action="store_true")
arguments = parser.parse_args()
labrum = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "release" / "labrum"
card = torch.device("cuda" if arguments.gpu else "cpu")
torch.set_num_threads(arguments.threads)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def median_ms(run, times):
    def once():
        start = time.perf_counter()
        run()
        if arguments.gpu:
            torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - start)

    once()
    return statistics.median(once() for _ in range(times))


def ours(what, config, batch, times):
    """Median time and peak memory of Labrum, in a separate process."""
    command = [labrum, "bench", what, "--config", config, "--batch", batch, "--size", arguments.size, "--runs", times,
               "--threads", arguments.threads, "--device", "gpu" if arguments.gpu else "cpu", "--json"]
    line = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    return json.loads(line)


def compare(what, config, batch, times, peers):
    """Prints one line: Labrum before, all peers, Labrum after."""
    before = ours(what, config, batch, times)
    found = {name: median_ms(run, times) for name, run in peers.items()}
    after = ours(what, config, batch, times)
    mean = (before["median_ms"] + after["median_ms"]) / 2
    beside = "".join(f"  {name} {ms:8.1f} ({mean / ms:4.2f})" for name, ms in found.items())
    print(f"{what:5} {config:4} batch {batch}: labrum {before['median_ms']:7.1f} {after['median_ms']:7.1f} "
          f"(peak {before['peak_mb']:.0f} MB){beside}", flush=True)
    return before["device"]


def runtimes(model, x):
    """Forward passes of the installed runtimes."""
    found = {"PyTorch": lambda: model(x)}
    if arguments.gpu:
        return found
    try:
        import onnxruntime

        graph = io.BytesIO()
        torch.onnx.export(model, x, graph, input_names=["x"], dynamo=False, opset_version=17)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = arguments.threads
        session = onnxruntime.InferenceSession(graph.getvalue(), options, providers=["CPUExecutionProvider"])
        values = x.numpy()
        found["ONNX Runtime"] = lambda: session.run(None, {"x": values})
        import openvino

        core = openvino.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": arguments.threads})
        compiled = core.compile_model(core.read_model(graph.getvalue()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        found["OpenVINO"] = lambda: request.infer({0: values})
    except ImportError as missing:
        print(f"without {missing.name}: {missing}")
    return found


device = ""
for config in arguments.configs:
    for batch in (1, 8):
        model, x = seeded(config).to(card), torch.randn(batch, 3, arguments.size, arguments.size, device=card)
        with torch.inference_mode():
            device = compare("infer", config, batch, 15 if config == "S" else 7, runtimes(model, x))
for config in arguments.configs:
    for batch in (4, 8):
        model = CMUNeXt(config).to(card)
        x = torch.randn(batch, 3, arguments.size, arguments.size, device=card)
        y = (torch.rand(batch, 1, arguments.size, arguments.size, device=card) > 0.5).float()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

        def step():
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(model(x), y).backward()
            optimiser.step()

        compare("train", config, batch, 3, {"PyTorch": step})
beside = torch.cuda.get_device_name() if arguments.gpu else f"{os.cpu_count()} cores"
print(f"Labrum on {device}; PyTorch {torch.__version__} on {beside}")
