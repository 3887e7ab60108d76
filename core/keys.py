"""What keys and passwords of machines look like: the shapes their makers gave them, so that they can be recognised.

`core.redaction` keeps them from models and logs, `core.agent.guard` from customers. The table is short on purpose and
meant to be read: a shape stands here because its maker documents it, or because secret scanners agree on it.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

SHAPES: Mapping[str, str] = MappingProxyType(
    {
        "OpenAI or Anthropic": r"\bsk-[A-Za-z0-9_-]{16,}",
        "AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        "Azure": r"\b(?:AccountKey|SharedAccessKey|sig)=[A-Za-z0-9%+/]{30,}={0,2}",
        "GitHub": r"\b(?:gh[oprsu]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,})",
        "GitLab": r"\bglpat-[A-Za-z0-9_-]{20,}",
        "Google": r"\bAIza[A-Za-z0-9_-]{35}",
        "Slack": r"\b(?:xox[a-z]-|xapp-\d-)[A-Za-z0-9-]{10,}",
        "Stripe": r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
        "SendGrid": r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        "Hugging Face, npm or PyPI": r"\b(?:hf_|npm_|pypi-)[A-Za-z0-9_-]{30,}",
        "a signed token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
        "a private key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]{0,9000}-----END [A-Z ]{0,30}KEY-----)?",
        "an address with a password": r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,100}:[^\s/@]{1,200}@",
        "a setting": r"\b[A-Z][A-Z0-9_]{0,60}(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)[ \t]*[=:][ \t]*[^\s]{6,}",
    }
)
"""Whose key it is, and its pattern."""

PATTERN = re.compile("|".join(SHAPES.values()))
_EACH = {name: re.compile(shape) for name, shape in SHAPES.items()}


def whose(key: str) -> str:
    """Return whose a key is that `PATTERN` has found, for operators: 'OpenAI or Anthropic'."""
    return next((name for name, shape in _EACH.items() if shape.match(key)), "unknown")
