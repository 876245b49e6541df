"""Which weights exist, how they load and how they run: arrays in, arrays out.

    settings -> resolve -> (fetch) -> assembly -> painter
    presets     choice      hub       placing     families, words, pixels
                verdict     files

`loader` is the door. `assembly` and what is right of it import torch, the rest doesn't.

    settings   -> eye_choice -> (fetch) -> eye_assembly -> detectors, segmenters, scorers
    known_eyes    verdict       hub        placing         detections, frames, turns

`eyes` is the door to the models that look at what was painted, and says what they can be asked.
`eye_assembly` and what is right of it import torch, but for `detections`.
"""
