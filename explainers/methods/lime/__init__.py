"""lime: a weighted linear model of the network around one input."""

from explainers.methods.lime.method import METHOD as METHOD
