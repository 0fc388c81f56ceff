"""Simulated worlds whose truth is known: how often is what the report would conclude wrong?"""
