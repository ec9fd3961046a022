"""What is done to the averaged weights after training, before they are exported. Uses training pictures only."""
import os

import numpy as np
import torch

from evaluate import image_vectors
from model import VISION, DualEncoder, text_config

SPREAD = 0.35  # chosen on dev among 0 ... 1


@torch.no_grad()
def settle_statistics(model, pictures, batches=20, batch=192):
    """Takes the batch-norm statistics anew from plain training pictures at full size. Training's own mix crops, colours and sizes;
    with statistics taken at 64x64 label queries at 112x112 scored a third of what they do with these."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    rng = np.random.default_rng(7)
    model.train()
    for _ in range(batches):
        chosen = np.sort(rng.choice(pictures.train, batch, replace=False))
        image_vectors(model, pictures.pixels[chosen], batch)
    model.eval()


@torch.no_grad()
def spread_out(model, pictures, count=4000):
    """Partly evens out the directions of the image vectors, which crowd into some 40 of the 256.

    With C the second moment of image vectors, pictures are projected by C^(-s/2) more and texts by C^(s/2) more: every
    dot product of picture and text stays as it was (only lengths change), while two pictures differ more clearly.
    """
    chosen = np.sort(np.random.default_rng(8).choice(pictures.train, count, replace=False))
    vectors = torch.from_numpy(image_vectors(model, pictures.pixels[chosen])).double()
    values, axes = torch.linalg.eigh(vectors.T @ vectors / count)
    power = lambda exponent: (axes @ torch.diag((values.clamp(min=0) + 2e-4) ** exponent) @ axes.T)
    stretch, shrink = power(-SPREAD / 2), power(SPREAD / 2)
    # Both projections keep the size they had, so that float16 holds them equally well.
    for projection, change in ((model.visual_projection, stretch), (model.text_projection, shrink)):
        weight = projection.weight.double()
        changed = change @ weight
        projection.weight.copy_(changed * weight.norm() / changed.norm())


def finished_model(run, tokenizer, pictures):
    """The model of a checkpoint as it is exported, before rounding, and the checkpoint's step and seconds."""
    state = torch.load(os.path.join(run, "checkpoint.pt"), weights_only=False)
    model = DualEncoder(VISION, text_config(tokenizer)).to(memory_format=torch.channels_last)
    model.load_state_dict(state["average"])
    settle_statistics(model, pictures)
    spread_out(model, pictures)
    return model, state["step"], state["spent"]
