"""From messages to sentences: the catalogs of languages, and numbers as each language writes them.

`words.wording(language)` gives the texts of a language; `numbers.NumberFormat` writes counts,
shares, intervals, lists and plurals by the rules of its locale.
"""
