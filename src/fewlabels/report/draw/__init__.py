"""Drawings: charts as SVG, thumbnails and heat maps as PNG data URIs. Functions of plain numbers."""
