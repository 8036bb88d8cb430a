"""The rulebooks, one to a subject; ``graph.phases`` says which are applied together and when."""

from graph.rulebook import Rulebook
from graph.rules.constants import constants
from graph.rules.identities import identities
from graph.rules.products import products
from graph.rules.reductions import reductions
from graph.rules.scatter import scatter
from graph.rules.signs import signs
from graph.rules.stability import stability
from graph.rules.strength import strength
from graph.rules.views import views

canonical = Rulebook("canonical", {"subtract": 20, "concat": 10})
for _book in (identities, constants, signs, views, reductions, scatter):
    canonical.include(_book)

BOOKS = {book.name: book for book in (products, canonical, stability, strength)}

__all__ = ["BOOKS", "canonical", "products", "stability", "strength"]
