"""The interfaces between the plug-in folders, which never import one another.

One module for each folder of plug-ins, with what its parts get and promise: `datasets`, `models`,
`explainers`, `metrics`, `visualizations`, `sections`. `traits` holds what a part may declare in
its class, and the defaults. `modules` is what a torch module lets others see of its inside,
`classifier` the trained model that all ask, `training` what trains it, and `progress` how a long
stage tells how far it is. The plug-ins are frozen dataclasses whose fields are the schema of their
YAML.
"""
