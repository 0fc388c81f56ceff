"""The DeepSeek architecture written here: latent attention, routed experts."""
