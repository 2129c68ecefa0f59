"""The roles of learning: what a model, a network, an encoder, a loss, a penalty, a sampler and a weight must be."""
