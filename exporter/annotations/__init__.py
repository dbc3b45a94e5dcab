"""Annotations (VIA, COCO, GeoJSON, LabelMe, ImageJ ROIs) from and to labels."""
