"""Is the report true to the rows, and is it one page that needs nothing else?"""
