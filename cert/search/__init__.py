"""Finding what one may see: the query language, the documents, and the engines behind one port."""
