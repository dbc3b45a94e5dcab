from .imagej_rois import write_rois as write_rois
