"""Which weights exist, how they load and how they run: arrays in, arrays out.

    settings -> resolve -> (fetch) -> assembly -> painter
    presets     choice      hub       placing     families, words, pixels
                verdict     files

`loader` is the door. `assembly` and what is right of it import torch, the rest doesn't.
"""
