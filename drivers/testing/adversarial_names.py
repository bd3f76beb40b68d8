"""Names of sessions, systems and keys that have broken a cache somewhere."""

NAMES = [
    *("s1", "s10", "s", "S1", "\u017f1", " s1", "s1 ", "s1\0", "s1\n", "s2"),
    *("", " ", "\0", "\0\0", "\t", "\r\n", "\x1b[31m", "\x7f", "\x85", "\ufeff"),
    *("*", "?", "[a]", "[s]1", "s?", "s*", "%", "_", "s_", "s%", "\\", "\\*", "^s", "s1|s2"),
    *("a", "b", "a:b", "a::b", ":", "a,b", "a/b", "../s1", "a.b", "{s1}", "{s1}s2", "a b", "a_b", "a\tb", "a-b"),
    *("é", "e\u0301", "ß", "ss", "😀", "\ud83d", "\ude00", "\ud800", "\udfff", "\u202es1"),
    *("'", '"', "'; DROP TABLE entries; --", "${s1}", "%s", "%73%31", "s1\r\nflush_all\r\n", "0", "1", "None", "null"),
    *("k" * 250, "k" * 251, "k" * 10_240, "k" * 10_241, "é" * 10_240),
    *("session", "system", "session:s1", "system:s1"),
]
