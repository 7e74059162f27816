"""Recipes: small matrices of data sets, models, methods and trials, and the cells they make."""
