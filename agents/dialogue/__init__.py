"""How a model looks things up by tools before it answers, in a conversation with an end."""
