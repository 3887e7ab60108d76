"""The tests. `tests.support` and `tests.fakes` are shared; pytest finds the rest."""
