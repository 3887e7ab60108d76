"""Signs that turn the writing around: with them a text reads otherwise than it is.

Whatever is shown beside other words, a name, a subject, a line on a terminal, is shown without them.
"""

REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""The directional formatting characters of Unicode Standard Annex 9, section 2."""
