"""Records that nobody wrote, for each decoder: `make fuzz` runs them for as long as one likes.

Hypothesis makes the records, by changing those of `corpus/`. It knows JSON, so most of them get past the parser to the code
that judges single fields. It shortens what fails. Atheris, which is guided by coverage, was the other choice. It has no
package for macOS, and its current release has none for Python 3.11. It would see little: msgspec and other libraries in C do
most of the decoding.
"""
