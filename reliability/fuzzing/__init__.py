"""Parts of ``reliability.fuzz``: what files are made of, how they are changed, and what loading one may do."""
