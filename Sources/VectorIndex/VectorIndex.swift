// VectorIndex: see Docs/Architecture.md
