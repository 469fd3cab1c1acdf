"""Generators that are a pure function of a seed and of what they are for."""

import hashlib

import numpy as np


def generator(seed: int, purpose: str, *keys: int) -> np.random.Generator:
    """Give the generator of a purpose, independent of that of any other purpose, seed or keys.

    It is an SFC64 (a quarter faster than PCG64 at normal deviates), keyed through a
    `numpy.random.SeedSequence`, so that neighboring seeds and keys are as unrelated as any.

    Parameters
    ----------
    seed : int
        The seed of a run, at least 0.
    purpose : str
        What the numbers are for, such as "rows"; its SHA-256 is part of the key.
    *keys : int
        Which of them: a candidate, a round, a block; each at least 0, as many for every use of a
        purpose.
    """
    name = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], dtype="<u4")
    key = (*(int(word) for word in name), *keys)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
