from twinlens.health.finding import broken, note, ok


def test_a_finding_is_a_line_with_what_to_do():
    assert str(ok("Memory", "8 GiB.")) == "ok     Memory: 8 GiB."
    assert str(note("x", "is old.", "Delete it.")) == "note   x: is old. Delete it."
    assert str(broken("x", "is damaged.")) == "BROKEN x: is damaged."
