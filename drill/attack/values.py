"""Values that somebody might send where another was expected: each has broken a program once."""

from __future__ import annotations

from random import Random

from drill.attack.leaks import BREAKS_OUT, MARK, RUNS, SUM

_LONG = 4_000
ODD: tuple[str, ...] = (
    # Nothing, spaces, and characters that nobody sees.
    *("", " ", "\t", "\0", "a\0b", "\x01\x1f\x7f", "\u200b", "\u00a0", "\ufeff", "\u2028", "\r\n"),
    # Scripts, directions, and more than one code point for a letter.
    *(
        "é",
        "e\u0301",
        "ß",
        "İ",
        "ı",
        "ﬁ",
        "K",
        "Ａ",
        "日本語",
        "\u202egpj.exe",
        "\u2066مرحبا\u2069",
    ),
    *(
        "🎫",
        "👨‍👩‍👧‍👦" * 9,
        "🏳️‍🌈",
        "\U0010ffff",
        "\ufffe",
        "\ud800",
        "Z\u0351\u034b\u0357" * 40,
        "ﷺ" * 300,
    ),
    # Numbers that are too high, too low, of another base or script, or none.
    *("0", "-0", "1", "-1", "1.5", "1,5", "+1", "1e3", "1e309", "NaN", "Infinity", "-Infinity"),
    *("2147483647", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808"),
    *(
        "9" * 30,
        "9" * _LONG,
        "0x10",
        "010",
        "1_000",
        " 5 ",
        "٣",
        "１２",
        "²",
        "½",
        "10,000.00",
        "1e-9",
    ),
    # Times that never were, or that no program can say in another zone.
    *("2026-02-30T10:00", "2027-03-20T19:30", "0000-00-00T00:00", "0001-01-01T00:00"),
    *("9999-12-31T23:59", "10000-01-01T00:00", "-001-01-01T00:00", "2026-06-30T23:59:60"),
    *("1970-01-01T00:00Z", "2027-03-20", "19:30", "24:00", "99:99", "1:1", "23:59:59.999999999"),
    *(
        "Africa/Lagos",
        "../../etc/localtime",
        "Etc/GMT+12",
        "Asia/Pyongyang",
        "posixrules",
        "localtime",
    ),
    # Words of other languages: SQL, LIKE, HTML, templates, formats, shells, Lua, JSON, LDAP, CSV.
    *("' OR '1'='1", "'; DROP TABLE fans; --", '" OR ""="', "1; SELECT pg_sleep(9)", "\\", "\\'"),
    *("%", "_", "%%%", "%' ESCAPE '", "$$", "$1", "?", ":id", "${jndi:ldap://127.0.0.1:1/a}"),
    *(
        RUNS,
        f'"{RUNS}',
        f"'{RUNS}",
        f"</textarea>{RUNS}",
        f"</title></script>{RUNS}",
        f"<!--{RUNS}",
    ),
    *(
        BREAKS_OUT,
        f"' on{MARK}=1 ",
        "javascript:alert(1)",
        "data:text/html,<b>",
        "&lt;b&gt;",
        "&#60;",
    ),
    *(f"{{{{{SUM}}}}}", f"${{{SUM}}}", f"#{{{SUM}}}", f"<%= {SUM} %>", f"{{% set a = {SUM} %}}"),
    *(
        "{{ config }}",
        "{{ self._TemplateReference__context }}",
        "%(number)s",
        "%s%n%d",
        "{0}",
        "{event}",
    ),
    *("`id`", "$(id)", "| id", "; id", "redis.call('FLUSHALL')", "*)(uid=*", "=1+1", "@SUM(1)"),
    *(
        "null",
        "undefined",
        "true",
        "[]",
        "{}",
        '{"a":1}',
        "[" * 500,
        "<?xml?>",
        "__proto__",
        "NULL",
    ),
    # Paths, line ends, hosts.
    *("../../etc/passwd", "..", ".", "/", "//", "//evil.example", "\\\\evil.example", "file:///a"),
    *(
        f"a\r\nX-{MARK}: 1",
        f"a\nX-{MARK}: 1",
        f"\r\n\r\n{RUNS}",
        f"%0d%0aX-{MARK}:1",
        "http://evil.example",
    ),
    # Addresses, and what is nearly one.
    *("ada@example.com", "ADA@EXAMPLE.COM", "a@b", "@", "a@@b.ng", "a@b..ng", "a" * 250 + "@b.ng"),
    *("ada@xn--e1afmkfd.ng", "ада@пример.ng", '"a b"@b.ng', "a@[127.0.0.1]", "a@b.ng\nBcc: c@d.ng"),
    *("ada@example.com,eve@example.com", "Ada <ada@example.com>", "ada@mailinator.com", "a@b.ng\0"),
    # Long ones, and those that cost a careless pattern time.
    *(
        "a" * 200,
        "a" * _LONG,
        "a" * 30 + "!",
        " " * _LONG,
        "a-" * 900,
        "(" * 900,
        "é" * 600,
        "-" * 500,
    ),
)
_CUT = 40


def odd(random: Random, right: str = "") -> str:
    """One of the above, or what is right with something done to it."""
    if not right or random.random() < 0.6:
        return random.choice(ODD)
    at = random.randrange(len(right) + 1)
    match random.randrange(7):
        case 0:
            return right[:at]
        case 1:
            return right + random.choice(ODD)[:_CUT]
        case 2:
            return right[:at] + random.choice(ODD)[:_CUT] + right[at:]
        case 3:
            return right[:at] + chr(random.randrange(1, 0x3000)) + right[at + 1 :]
        case 4:
            return right.swapcase()
        case 5:
            return right * 2
    return right[::-1]
