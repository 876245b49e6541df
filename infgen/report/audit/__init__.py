"""What can be told of a dataset by looking hard at it: any dataset, whoever made it.

facts         label statistics, and labels that are wrong by themselves      all labels
duplicates    (nearly) equal pictures, and what they leak between splits     all pictures
agreement     labels against a second opinion                                a sample
seams         whether painting left traces that a network could learn       a sample
findings      what all of them find: the keys of audit.json
limits        the figures by name, for --fail-on
summary       the findings in words
"""
