"""How is a faulty access policy repaired, and how is the repair proved?"""
