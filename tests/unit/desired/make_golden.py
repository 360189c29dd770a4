"""Remake `golden_scalars.json`: what kubectl reads in each of the YAML texts below.

    KUBECONFIG=<of any API server> python tests/unit/desired/make_golden.py

kubectl wants a server to look the kind up; the document itself is read, and answered, by kubectl alone.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).with_name("golden_scalars.json")

WORDS = """
    y Y yes Yes YES yEs n N no No NO nO true True TRUE tRUE false False FALSE on On ON oN off Off OFF oFF
    ~ null Null NULL nULL none None = << - + . .. yesterday Norway office 1.2.3 10.0.0.0/24 10.0.0.1 1.10 E1/1
"""
NUMBERS = """
    0 1 -1 +1 00 01 0100 -0100 08 09 -08.5 0o17 0o8 0O17 0x1F 0X1f -0x1F +0x1F 0x 0xG 0b11 0B11 -0b11 +0b1 0b12 0b
    1_000 1__0 1_ 0_1 0_ +_1 _1 0x_1F 1_000.5 0.1e1_0 .1_0 .1__0 .1_ ._1 .5 +.5 -.5 .5e3 .5E+3 .5f .e5 .5_e1 1. 1.e3
    1.0 -0.0 1.5 1e3 1E3 1e+3 1e-3 1e 1e+ 1e21 1e-7 1e400 1e-400 +12e03 1.5e308 123456789.5 12345678901234567890.5
    9223372036854775807 -9223372036854775808 9223372036854775808 -9223372036854775809 18446744073709551615
    18446744073709551616 0x7FFFFFFFFFFFFFFF 0xFFFFFFFFFFFFFFFF 0xFFFFFFFFFFFFFFFFF 0777777777777777777777777
    .inf .Inf .INF +.inf +.Inf -.INF .iNF .nan .NaN .NAN .nAn 0x1p4 65100 3000-3899
"""
TIMES = """
    12:30:45 190:20:30 52:54:00:12:34:56 65102:10 50000:0 1:2:3.4 2001-01-01 2001-1-1 2001-12-14t21:59:43.10-05:00
    2001-12-14T21:59:43Z 20010101 1h30m 2m0s
"""
QUOTED = [
    '"NO"',
    "'0100'",
    '"52:54:00:12:34:56"',
    '""',
    "''",
    r'"\ud800"',
    r'"\x41"',
    '"a\\nb"',
    "|\n  NO\n",
    ">-\n  1\n",
]
TAGGED = [
    *("!!str 123", "!!str yes", "!!str", "!!str ~", '!!int "123"', "!!int 0x1F", "!!int abc", "!!int 1.5", '!!int ""'),
    *("!!float 3", '!!float "1.5"', "!!float .inf", "!!float abc", "!!bool yes", '!!bool "true"', "!!bool 1"),
    *('!!null ""', "!!null ~", "!!null x", "! 12", "!<tag:yaml.org,2002:int> 7", "!!map {a: 1}", "!!seq [1]"),
    *("!foo bar", "!!binary aGVsbG8=", "!!timestamp 2001-01-01", "!!set {a, b}", "!!omap [a: 1]", "!!str {a: 1}"),
]
MAPPINGS = [
    *("{y: 1}", "{NO: 1}", "{true: 1, y: 2}", "{1: a}", '{1: a, "1": b}', "{1_000: a, 0x10: b}", "{1.5: a}", "{~: a}"),
    *("{!!str 1: a}", '{!!int "1": a}', "{2001-01-01: a}", "{? [a] : b}", "{? {a: 1} : b}", "{a: 1, a: 2}", "{a}"),
    *("{<<: {a: 2}, a: 1}", "{a: 1, <<: {a: 2}}", "{<<: [{a: 2}, {a: 3, b: 4}], c: 1}", '{"<<": {a: 2}, a: 1}'),
    *(
        "{a: 1, <<: [{a: 2}, {a: 3, b: 4}], c: 1}",
        "{<<: 3}",
        "{<<: {a: 1}, <<: {b: 2}}",
        "[&x {a: 1}, *x, {<<: *x, b: 2}]",
    ),
    *("[&x y, *x, {*x : 1}]", "&x [*x]", "[*nowhere]", "[&x 1, &x 2, *x]", "{a: &x {b: 1}, <<: *x, c: *x}"),
]


def read_by_kubectl(text: str) -> dict[str, Any]:
    """What kubectl makes of the text as the value of a field: `{"json": …}` or `{"error": …}`."""
    manifest = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: golden}}\nv: {text}\n"
    done = subprocess.run(
        ["kubectl", "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"],
        input=manifest.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0:
        return {"error": done.stderr.decode().strip().removeprefix("error: error parsing STDIN: ")}
    return {"json": json.loads(done.stdout)["v"]}


def main() -> None:
    """Write the golden file anew."""
    texts = ["", *WORDS.split(), *NUMBERS.split(), *TIMES.split(), *QUOTED, *TAGGED, *MAPPINGS]
    answers = [{"yaml": text, **read_by_kubectl(text)} for text in dict.fromkeys(texts)]
    GOLDEN.write_text("[\n" + ",\n".join(json.dumps(answer) for answer in answers) + "\n]\n")


if __name__ == "__main__":
    main()
