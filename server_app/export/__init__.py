"""A trained model in the formats of others: one module a format; none of them needs this project to be used."""
