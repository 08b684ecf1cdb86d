"""Would the cache of similar questions have answered wrongly: hits on other wordings, false hits on look-alikes."""
