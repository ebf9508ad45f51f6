"""Writes kernel_values.txt: values of the elementary functions, computed by mpmath with 160 bits.

    python3 tests/kernel_values.py > tests/kernel_values.txt        (mpmath 1.3)

A line is: function, bits of x, bits of the double nearest to f(x), bits of the double nearest to the rest.
For box_muller_a and box_muller_b, x is the first word, and the second is 0x9E3779B97F4A7C15 times the first.
"""

import random
import struct

from mpmath import cos, cospi, erfc, exp, expm1, inf, isinf, log, log1p, mp, mpf, pi, sin, sinpi, sqrt

mp.prec = 160
random.seed(20260917)


def bits(x):
    return "%016x" % struct.unpack(">Q", struct.pack(">d", x))[0]


def value(b):
    return struct.unpack(">d", struct.pack(">Q", b))[0]


def cdf(x):
    return erfc(-x / sqrt(2)) / 2


def quantile(p):
    q = p if p <= 0.5 else 1 - p
    x = mpf(0)
    if q < 0.02:
        x = -sqrt(-2 * log(q))
        for _ in range(3):
            x = -sqrt(-2 * (log(q) + log(-x) + log(2 * pi) / 2))
    for _ in range(60):  # Halley's iteration
        g = (cdf(x) - q) * sqrt(2 * pi) * exp(x * x / 2)
        step = g / (1 + x * g / 2)
        x -= step
        if abs(step) <= mpf(2) ** -130 * abs(x):
            break
    return x if p <= 0.5 else -x


def spread(low, high, count=120):
    return [low + (high - low) * random.random() for _ in range(count)]


def powers(low, high, count=120):
    """Log-uniform between 2^low and 2^high."""
    return [random.uniform(1, 2) * 2.0**random.randint(low, high - 1) for _ in range(count)]


def both(values):
    return values + [-v for v in values]


TINY = [value(1), value(12345), value(0x000FFFFFFFFFFFFF), value(0x0010000000000000)]
CASES = {
    "exp": (exp, spread(-745.13, 709.78, 240) + spread(-1, 1) + both(powers(-60, 0)) + both(TINY)
            + [709.782712893384, 709.0895, -708.3964185322641, -708.4, -745.1332191019411, -745.0, 0.34657359, -0.34657359, 1.0, -1.0]),
    "exp_m1": (expm1, spread(-40, 40) + spread(-1, 1) + both(powers(-60, 3)) + both(TINY) + [709.78, 709.0895, -700.0, 0.34657359, -0.34657359]),
    "ln": (log, powers(-1022, 1024) + spread(0.5, 2) + spread(0.99, 1.01) + TINY + [value(random.getrandbits(51)) for _ in range(40)]
           + [1 + 2.0**-k for k in range(1, 53)] + [1 - 2.0**-k for k in range(1, 54)] + [value(0x7FEFFFFFFFFFFFFF)]),
    "ln_1p": (log1p, spread(-0.9999, 3) + both(powers(-60, 0)) + powers(0, 1023) + both(TINY) + [2.0**-53 - 1, 2.0**53, 2.0**54]),
    "sin_2pi": (lambda u: sinpi(2 * u), spread(-2, 2) + both(powers(-40, 0)) + powers(0, 51) + [0.125, 0.375, 0.1249999999999999]),
    "cos_2pi": (lambda u: cospi(2 * u), spread(-2, 2) + both(powers(-40, 0)) + powers(0, 51) + [0.125, 0.375, 0.1249999999999999]),
    "quantile": (quantile, spread(0, 1, 240) + powers(-1022, 0, 240) + spread(0.074, 0.076, 40) + [1 - p for p in powers(-52, -1)]
                 + TINY + [1e-300, 0.075, 0.925, 1.3887943864964e-11, 0.4999999, 0.5000001, 1 - 2.0**-53]),
    "cdf": (cdf, spread(-37.5, 0, 240) + spread(-3, 8.3, 160) + both(powers(-60, 0, 40)) + [-37.5, -10.0, 8.2]),
}

for name, (function, points) in CASES.items():
    for x in points:
        exact = function(mpf(x))
        high = float(exact)
        if isinf(mpf(high)):
            continue
        low = float(exact - mpf(high))
        print(name, bits(x), bits(high), bits(low))

for _ in range(400):
    first = random.getrandbits(64) >> random.choice([0, 0, 0, 1]) if random.random() < 0.7 else random.getrandbits(64) | (0xFFFFFFFFFFFFF << random.randint(12, 60)) & 0xFFFFFFFFFFFFFFFF
    second = first * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    radius = sqrt(-log(1 - mpf(first >> 12) / 2**52))
    angle = (mpf(second >> 12) / 2**52 - mpf(1) / 2) * pi / 2
    for name, sign, size in (("a", second & 1, cos(angle) + sin(angle)), ("b", second >> 1 & 1, cos(angle) - sin(angle))):
        exact = (-1) ** sign * radius * size
        high = float(exact)
        print("box_muller_" + name, "%016x" % first, bits(high), bits(float(exact - mpf(high))))
