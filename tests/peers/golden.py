"""Writes golden checkpoints of CMUNeXt with PyTorch: `python golden.py FOLDER`.

All three sizes, one and three channels, one to four classes, odd multiples of 16; weights AND batch-norm statistics are
random. `crates/labrum-nn/tests/network.rs` reads them from the folder in LABRUM_GOLDEN.
"""
import pathlib, sys
import torch
from safetensors.torch import save_file
from cmunext_torch import seeded

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
cases = (("S", 1, 1, 32, 80, 1), ("S", 3, 4, 48, 16, 2), ("base", 3, 1, 64, 32, 1), ("base", 1, 3, 16, 48, 2), ("L", 1, 2, 48, 32, 1))
for number, (config, channels, classes, rows, columns, batch) in enumerate(cases):
    model = seeded(config, channels, classes, seed=number + 1)
    x = torch.randn(batch, channels, rows, columns)
    with torch.inference_mode():
        y = model(x)
    name = f"{config}_{channels}_{classes}_{rows}x{columns}"
    state = model.state_dict()
    # Checkpoints are published in both layouts.
    state = {"state_dict": {f"module.{k}": v for k, v in state.items()}} if number % 2 else state
    torch.save(state, out / f"{name}.pth")
    save_file({"input": x.contiguous(), "logits": y.contiguous()}, out / f"{name}_io.safetensors")
    print(name)
