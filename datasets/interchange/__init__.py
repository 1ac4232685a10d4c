"""What other catalogues and archives read of a dataset: Croissant, schema.org, DataCite."""
