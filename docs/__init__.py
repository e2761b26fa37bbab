"""The pictures of the documents, and the program that draws them."""
