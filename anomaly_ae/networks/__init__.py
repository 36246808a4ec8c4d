"""The networks: one file each, registered by one line in `anomaly_ae/spec/networks.py`.

A network's file holds its section of the spec, which is also its strategy: it builds the torch module, and says how the
network is fitted and rebuilt. The module brings its loss, its noise and the way it is examined.

textbook, denoising, memory, vae  read rows of elements: tables, and pictures as pixels
convolutional, feature_maps       read pictures

row_network      base class of the sections of networks that read rows
picture_network  base class of the sections of all networks that read pictures
reconstructor    base class of the modules that reconstruct rows
autoencoder      a reconstructor with the memories beside it, and how both examine rows
layers           dense layers of several networks side by side
nearest          memories of train rows, and the whitening of rows
pixels           pictures as rows of elements
position_whitening, feature_store  parts of `feature_maps`
onednn, threads  how torch computes them
"""
