"""The agent that stays: when it looks, when it delivers, what it says meanwhile, and when it begins anew."""
