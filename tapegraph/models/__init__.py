"""Reference models: well-known networks in plain ``tapegraph.nn``, to learn from, to train, and to test both modes with."""

from tapegraph.models.gpt import GPT
from tapegraph.models.gru_classifier import GRUClassifier
from tapegraph.models.lenet import LeNet
from tapegraph.models.lstm_language_model import LSTMLanguageModel
from tapegraph.models.mlp import MLP
from tapegraph.models.neural_ode import NeuralODE
from tapegraph.models.ode import odeint
from tapegraph.models.pinn import PINN, burgers_residual, burgers_solution, poisson_residual
from tapegraph.models.reference import REFERENCE, Reference, Training
from tapegraph.models.regression import LogisticRegression
from tapegraph.models.resnet import ResNet
from tapegraph.models.transformer_classifier import TransformerClassifier
from tapegraph.models.tree_lstm import TreeLSTM, levels
from tapegraph.models.vae import VAE, negative_elbo

__all__ = [
    "GPT",
    "MLP",
    "PINN",
    "REFERENCE",
    "VAE",
    "GRUClassifier",
    "LSTMLanguageModel",
    "LeNet",
    "LogisticRegression",
    "NeuralODE",
    "Reference",
    "ResNet",
    "Training",
    "TransformerClassifier",
    "TreeLSTM",
    "burgers_residual",
    "burgers_solution",
    "levels",
    "negative_elbo",
    "odeint",
    "poisson_residual",
]
