"""How a sheet is shown: in a page, as one HTML file and as one picture."""
