"""Gates that a person moved, replaced or pinned: their file, and what they do."""
