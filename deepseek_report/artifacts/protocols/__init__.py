"""The interfaces between the plug-in folders, which never import one another.

One module for each folder of plug-ins, with what its parts get and promise: `datasets`, `models`
with what trains them, `explainers`, `metrics`, `sections`. `traits` holds the bases of explainers,
metrics and pictures, and gives a stranger's part its base. `modules` is what a torch module lets
others see of its inside, `classifier` the trained model that all ask, and `progress` how a long
stage tells how far it is. The plug-ins are frozen dataclasses whose fields are the schema of their
YAML.
"""
