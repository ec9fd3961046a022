"""Full-size models with random weights for imgvec and its peers: python3 peers/export.py MODELS PICTURES.u8

Writes into MODELS, for each of vit (CLIP ViT-B/32's image tower), text (its text tower), rn18 and rn50: what imgvec reads (a
Hugging Face folder, a safetensors file), the same as ONNX, ONNX Runtime's int8 (ViT and text: dynamic, per channel; ResNets:
static QDQ, u8s8, per channel, entropy left at min-max) and OpenVINO's fp32 and int8 (post-training quantisation by nncf).
PICTURES.u8 are 224 x 224 x 3 bytes each; static quantisation is calibrated on them, with the mean and deviation imgvec uses.
Needs requirements.txt.
"""
import json
import sys
from pathlib import Path

import numpy as np

MEAN = {"vit": [0.48145466, 0.4578275, 0.40821073], "rn": [0.485, 0.456, 0.406]}
STD = {"vit": [0.26862954, 0.26130258, 0.27577711], "rn": [0.229, 0.224, 0.225]}
MODELS = ["vit", "text", "rn18", "rn50"]


def normalised(path, model, count=None):
    """Pictures as the towers take them: [count, 3, 224, 224]."""
    kind = "vit" if model == "vit" else "rn"
    pixels = np.fromfile(path, "u1").reshape(-1, 224, 224, 3)[:count]
    values = (pixels / np.float32(255) - np.array(MEAN[kind], "f4")) / np.array(STD[kind], "f4")
    return np.ascontiguousarray(values.astype("f4").transpose(0, 3, 1, 2))


def build(folder):
    """Makes the models; returns what torch.onnx exports: name -> (module, example input)."""
    import torch
    # Before transformers, which imports it too.
    torchvision = import_torchvision(torch)
    from safetensors.torch import save_file
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(20261124)
    clip = CLIPModel(CLIPConfig()).eval()
    randomize(torch, clip)
    clip.save_pretrained(folder / "clip")
    write_tokenizer(folder / "clip")

    class Pictures(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.tower, self.head = clip.vision_model, clip.visual_projection

        def forward(self, x):
            return self.head(self.tower(pixel_values=x).pooler_output)

    class Texts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.tower, self.head = clip.text_model, clip.text_projection

        def forward(self, x):
            return self.head(self.tower(input_ids=x).pooler_output)

    picture, ids = torch.randn(2, 3, 224, 224), torch.randint(1, 49000, (2, 8))
    ids[:, -1] = 49407
    modules = {"vit": (Pictures().eval(), picture), "text": (Texts().eval(), ids)}
    for name, network in [("rn18", torchvision.models.resnet18), ("rn50", torchvision.models.resnet50)]:
        network = network(weights=None).eval()
        randomize(torch, network)
        save_file(network.state_dict(), folder / f"{name}.safetensors")
        network.fc = torch.nn.Identity()
        modules[name] = network, picture
    return modules


def import_torchvision(torch):
    """PyPI's torchvision is built for CUDA: beside a torch without it, two operators it describes are missing."""
    try:
        import torchvision
    except RuntimeError:
        operators = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    return torchvision


def randomize(torch, module):
    """Weights that keep activations near 1, and no trivial biases and normalisations."""
    for name, parameter in module.named_parameters():
        if name == "logit_scale":
            parameter.data.fill_(3.5)
        elif parameter.dim() < 2:
            torch.nn.init.normal_(parameter, 0.5 if "norm" in name and name.endswith("weight") else 0, 0.3)
        elif "embedding" in name:
            torch.nn.init.normal_(parameter, 0, 0.5)
        else:
            torch.nn.init.normal_(parameter, 0, 1.2 * parameter[0].numel() ** -0.5)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)


def write_tokenizer(folder):
    """A vocabulary of CLIP's size in which every byte is a token: TEXT of towers.py becomes 8 tokens of it."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    pieces = letters + [letter + "</w>" for letter in letters]
    while len(pieces) < 49406:
        pieces.append(f"<unused{len(pieces)}>")
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({piece: token for token, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def export(folder, name, module, example):
    import torch

    axes = {0: torch.export.Dim("batch", min=1, max=256)}
    if name == "text":
        axes[1] = torch.export.Dim("length", min=2, max=77)
    torch.onnx.export(
        module, (example,), str(folder / f"{name}.onnx"), input_names=["x"], output_names=["y"], dynamo=True,
        dynamic_shapes=(axes,), external_data=False, verbose=False)


class Pictures:
    """Calibration data for onnxruntime."""

    def __init__(self, batches):
        self.batches = iter([{"x": batch} for batch in batches])

    def get_next(self):
        return next(self.batches, None)


def quantize_onnx(folder, name, batches):
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    plain, prepared, target = (str(folder / f"{name}{end}") for end in (".onnx", ".prepared.onnx", ".int8.onnx"))
    quant_pre_process(plain, prepared, skip_symbolic_shape=True)
    if name in ("vit", "text"):
        quantize_dynamic(
            prepared, target, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
    else:
        quantize_static(
            prepared, target, Pictures(batches), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


def convert_openvino(folder, name, batches):
    import nncf
    import openvino

    nncf.set_log_level(40)
    model = openvino.Core().read_model(folder / f"{name}.onnx")
    openvino.save_model(model, folder / f"{name}.ov.xml", compress_to_fp16=False)
    options = {"model_type": nncf.ModelType.TRANSFORMER} if name in ("vit", "text") else {}
    quantized = nncf.quantize(model, nncf.Dataset([{"x": b} for b in batches]), subset_size=len(batches), **options)
    openvino.save_model(quantized, folder / f"{name}.ov8.xml")


def main():
    folder, pictures = Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(parents=True, exist_ok=True)
    parts = sys.argv[3].split(",") if len(sys.argv) > 3 else ["onnx", "int8", "openvino"]
    if "onnx" in parts:
        for name, (module, example) in build(folder).items():
            export(folder, name, module, example)
            print(name, "exported", flush=True)
    for name in MODELS:
        if name == "text":
            batches = [np.random.default_rng(i).integers(1, 49000, (4, 8)).astype("i8") for i in range(8)]
        else:
            batches = np.array_split(normalised(pictures, name, 32), 8)
        if "int8" in parts and name != "text":
            quantize_onnx(folder, name, batches)
        if "openvino" in parts:
            convert_openvino(folder, name, batches)
        print(name, "converted", flush=True)


if __name__ == "__main__":
    main()
