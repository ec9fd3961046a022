"""What decoding a JPEG at half its size changes in a vector: python3 scaled_decoding.py PHOTOS

Takes the photographs whose half is 1.6 to 2.05 times the embedded model's size, as little as Preprocessing.minimumSide allows,
decodes each in full and at half (Pillow's draft), resizes both to the model's size, and compares the vectors that the model
gives in PyTorch. Needs Sources/Training/requirements.txt.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Sources/Training"))
import tokenizer as tokenizers
from model import VISION, DualEncoder, from_exported, normalise, text_config

SIDE, LEAST, MOST = 112, 1.6, 2.05


def vectors(model, pictures):
    pixels = np.stack([np.asarray(picture.resize((SIDE, SIDE), Image.BICUBIC)) for picture in pictures])
    with torch.no_grad():
        features = model.vision_model(normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2)))
        return torch.nn.functional.normalize(torch.cat([model.meaning(features), model.instance(features)], 1), dim=1)


def main():
    data = ROOT / "Sources/CBundledModel/data"
    model = DualEncoder(VISION, text_config(tokenizers.load(str(data)))).eval()
    weights = {name: value.float() for name, value in load_file(data / "model.safetensors").items()}
    model.load_state_dict(from_exported(weights), strict=False)
    full, scaled = [], []
    for path in sorted(Path(sys.argv[1]).glob("*.jpg")):
        picture = Image.open(path)
        width, height = picture.size
        if LEAST * SIDE <= min(width, height) / 2 <= MOST * SIDE:
            picture.draft("RGB", (width // 2, height // 2))
            if picture.size[0] < width:
                scaled.append(picture.convert("RGB"))
                full.append(Image.open(path).convert("RGB"))
    if not full:
        sys.exit(f"no JPEG in {sys.argv[1]} has a half of {LEAST} to {MOST} times {SIDE} pixels")
    cosines = (vectors(model, full) * vectors(model, scaled)).sum(1)
    ratios = [min(picture.size) / SIDE for picture in scaled]
    print(f"{len(full)} photographs at {min(ratios):.2f} to {max(ratios):.2f} times the size: "
          f"cosine {cosines.mean():.4f} on average, {cosines.min():.4f} at least")


if __name__ == "__main__":
    main()
