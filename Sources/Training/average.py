"""Averages fits of one image tower: python average.py --run RUN fitted-a.pt=0.4 fitted-b.pt=0.4 fit-features.pt=0.2

Fits that differ in their weights of the objectives, and the model as it was before them (fit-features.pt), lie in one basin: the mean of
their weights is better at each end than most of them (Wortsman et al., "Model soups" and "Robust fine-tuning of zero-shot models", 2022).
Only what a fit trains on words is averaged; the image tower and the projection that tells copies are the first file's. Leaves RUN/fitted.pt.
"""
import argparse
import os

import torch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", default="training-run")
    parser.add_argument("parts", nargs="+", metavar="FILE=SHARE")
    options = parser.parse_args()
    names, shares = zip(*(part.rsplit("=", 1) for part in options.parts))
    shares = [float(share) for share in shares]
    assert abs(sum(shares) - 1) < 1e-6, "the shares sum to 1"
    states = [torch.load(os.path.join(options.run, name), weights_only=False) for name in names]
    model = dict(states[0]["model"])
    for name in model:
        if name.startswith(("visual_projection", "text_", "logit_scale")):
            model[name] = sum(share * state["model"][name] for share, state in zip(shares, states))
    fits = [part for state in states if "history" in state for part in state["history"][-1:]]
    history = states[0]["history"][:-1] + fits
    torch.save({"model": model, "history": history}, os.path.join(options.run, "fitted.pt"))


if __name__ == "__main__":
    main()
