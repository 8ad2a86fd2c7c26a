"""Kinds of spec: a module each, named in `common.architecture.spec.KINDS`."""
