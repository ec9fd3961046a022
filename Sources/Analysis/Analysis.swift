// Analysis: see Docs/Architecture.md
