"""Records that nobody wrote, for each decoder: `make fuzz` runs them for as long as one likes.

Hypothesis makes the records, by changing those of `corpus/`: it knows JSON, so most of them get past the parser to the
code that judges single fields, and it shortens what fails. Atheris, which is guided by coverage, was the other choice. It has
no package for macOS, its current release has none for Python 3.11, and it would see little: most of the decoding is done by
msgspec and other libraries in C.
"""
