"""What is wrong with data, where, and what to do: facts and findings of every split."""
