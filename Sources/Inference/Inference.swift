// Inference: see Docs/Architecture.md
