// ImageLibrary: see Docs/Architecture.md
