"""Parts of ``reliability.fuzz``: what files are made of, how they change, what loading one may do."""
