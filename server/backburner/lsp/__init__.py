"""The only package that knows LSP: transport, documents, sessions and thin handlers. It never decides; the engine does."""
