"""Torch modules -> the ONNX graphs of a bundle, each checked against torch."""
