"""Pictures before and after something was painted into them, from the user's disk into Pairs.

A folder as the Infinite Data Generator leaves it, one set or several:

    bg_<i>.png    <set>_bg_<i>.png    the scene
    <i>_x.png     <set>_x_<i>.png     the same scene with objects
    <i>_y.npy     <set>_y_<i>.npy     bool (H, W, classes): the boxes that were asked for, if known

or a table of any pictures: `before,after[,class,x0,y0,x1,y1]`, a row for each object, paths
relative to the table.
"""

from infgen.sources.pairs.reading import read_pairs

__all__ = ["read_pairs"]
