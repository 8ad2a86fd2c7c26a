"""How specs of several kinds stand for all options at once: a module for each kind, named as that."""
