"""Base classes of the kinds of learning: model, network, encoder, loss, penalty, sampler and weight."""
