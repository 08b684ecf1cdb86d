"""The greenhouse specialist: settings under which tomatoes grow faster, measured beside the present ones."""
