"""What is wrong in documents: the problems of a tree, as the settings judge them.

Takes Settings and which tree (disk, index, revision); gives findings. It writes to no cache: it judges a draft.
"""
