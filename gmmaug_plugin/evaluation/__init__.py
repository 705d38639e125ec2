"""How good a model is: copies, fidelity, likelihood, and the real photos' own figures beside them."""
