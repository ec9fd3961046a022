// Encoders: see Docs/Architecture.md
