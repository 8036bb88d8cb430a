"""Pictures of graphs: scenes made from tapes, graphs and plans (data), and the one renderer that draws them."""
