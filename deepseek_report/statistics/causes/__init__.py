"""Effects of setting a variable, gaps by path, and what data contradict, of a graph that a person
declares.

`graph` says what may be computed, `cross_fitting` predicts from what must be held alike, `effects`
and `gap_by_path` estimate, `independence` tests what the graph claims, `sensitivity` and `controls`
say how far an effect can be trusted. Who asks for an effect that cannot be answered gets a
`CausalRefusal` with the reason. Values of weighted rows are those of the rows themselves: weights
are not used.
"""
