// Imaging: see Docs/Architecture.md
